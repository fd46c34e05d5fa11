"""Turns what a client asks to subscribe to into what decides with whom it shares."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from graphql import FieldNode, OperationDefinitionNode, VariableNode

from kilowatch.web.engine.documents import Document, Prepared
from kilowatch.web.engine.engine import Answer
from kilowatch.web.engine.operation import Operation
from metering.access import Viewer
from resolvers.context import Context
from resolvers.streams import Scope


class Sink(Protocol):
    """Where one subscription's answers go: one operation of a socket, or one stream over HTTP."""

    @property
    def is_writable(self) -> bool:
        """Whether the client reads what it is sent; False while a bounded amount of bytes waits for it."""
        ...

    async def drained(self) -> None:
        """Returns once it is writable, or nobody is there any more."""
        ...

    def write(self, tail: bytes) -> None:
        """Sends an answer, as JSON in UTF-8; never waits."""
        ...

    def end(self, answer: Answer | None) -> None:
        """Says that the subscription is over: complete with None, otherwise by the errors of an answer."""
        ...


MakeContext = Callable[[Viewer | None], Context]
"""What makes a context for one subscriber's address from its viewer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A subscription as one client asks for it."""

    prepared: Prepared
    operation: Operation
    viewer: Viewer | None
    make_context: MakeContext

    @property
    def account_id(self) -> int | None:
        """Whose it is; None for somebody who has not signed in."""
        return self.viewer and self.viewer.account_id


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What members of a group have in common: what they ask for, and what they may see or who they are."""

    document: Document
    operation_name: str | None
    variables: bytes
    who: Scope | int | None


def key_of(asked: Asked, who: Scope | int | None) -> GroupKey:
    """What somebody has in common with all who ask alike and are alike."""
    return GroupKey(asked.prepared.document, asked.prepared.name, _shared_variables(asked), who)


def title_of(prepared: Prepared) -> str:
    """What a subscription is called: the operation's name, or its field's."""
    fields = (node.name.value for node in prepared.node.selection_set.selections if isinstance(node, FieldNode))
    return prepared.name or next(fields, "subscription")


def _shared_variables(asked: Asked) -> bytes:
    """The variables that the operation declares, in one spelling; without `after`, which concerns the opening alone."""
    node, given = asked.prepared.node, asked.operation.variables or {}
    declared = {definition.variable.name.value for definition in node.variable_definitions or ()}
    private = {
        name for name in _variables_of_after(node) if _uses(asked.prepared.document.text, name) <= _DECLARED_AND_USED
    }
    kept = {name: value for name, value in given.items() if name in declared and name not in private}
    return json.dumps(kept, sort_keys=True).encode()


_DECLARED_AND_USED = 2


def _uses(text: str, variable: str) -> int:
    return len(re.findall(rf"\${variable}\b", text))


def _variables_of_after(node: OperationDefinitionNode) -> set[str]:
    return {
        argument.value.name.value
        for field_node in node.selection_set.selections
        if isinstance(field_node, FieldNode)
        for argument in field_node.arguments or ()
        if argument.name.value == "after" and isinstance(argument.value, VariableNode)
    }
