"""Turns what a client asks to subscribe to into what decides with whom it shares."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import FieldNode, OperationDefinitionNode, VariableNode

from kilowatch.web.engine.documents import Document, Prepared
from kilowatch.web.engine.engine import Answer, Engine
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.engine.operation import Operation
from kilowatch.web.fanout.turns import Turns
from kilowatch.web.slots import Slots
from metering.access import Viewer
from metering.refusals import Refused
from resolvers.context import Context
from resolvers.live import LiveHub
from resolvers.streams import LiveStream, Scope

MAX_VARIABLES_BYTES = 16_384
"""What is kept of a subscription's variables as long as it lasts."""


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


SubscriberContext = Callable[[Viewer | None], Context]
"""What makes a context for one subscriber's address from its viewer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A subscription as one client asks for it."""

    prepared: Prepared
    operation: Operation
    viewer: Viewer | None
    make_context: SubscriberContext

    @property
    def account_id(self) -> int | None:
        """Whose it is; None for somebody who has not signed in."""
        return self.viewer and self.viewer.account_id


def kept(operation: Operation, prepared: Prepared) -> Operation:
    """What of a request is kept while its subscription lasts: the document's one text, and the variables it declares.

    Raises:
        Refused: BAD_INPUT when these have over 16 KB.
    """
    given = operation.variables or {}
    variables = {name: given[name] for name in _declared(prepared.node) if name in given}
    if len(encoded(variables)) > MAX_VARIABLES_BYTES:
        message = f"The variables of a subscription may have {MAX_VARIABLES_BYTES} bytes."
        raise Refused("BAD_INPUT", message, "variables")
    return Operation(prepared.document.text, variables, operation.operation_name)


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What members of a group have in common: what they ask for, and what they may see or who they are."""

    document: Document
    operation_name: str | None
    variables: bytes
    who: Scope | int | None


class Company(Protocol):
    """A group as its members see it: those who ask alike and are told alike."""

    is_ready: asyncio.Event
    """Set once nothing that happens is missed."""

    @property
    def key(self) -> GroupKey:
        """What its members have in common."""
        ...

    def add(self, member: Any) -> None:
        """Notes a member: it is handed every frame from now on."""
        ...

    def remove(self, member: Any) -> None:
        """Forgets a member."""
        ...

    async def gap_tail(self, place: Any, *, missed: int) -> bytes:
        """The answer which says that so many events are missing after a place."""
        ...


class Companies(Protocol):
    """All subscriptions of a process as each of them sees them."""

    engine: Engine
    live: LiveHub
    slots: Slots
    turns: Turns
    waiting_when_slow: int
    dropped_before: int

    async def source(self, asked: Asked, context: Context) -> tuple[Any, LiveStream] | Answer:
        """What executes a subscription's events, and where these come from; an answer where it is refused."""
        ...

    def group(self, asked: Asked, who: Scope | int | None) -> Company:
        """The group of all who ask alike and are alike.

        Raises:
            Refused: TOO_MANY_SUBSCRIPTIONS.
        """
        ...


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
    private = {
        name for name in _variables_of_after(node) if _uses(asked.prepared.document.text, name) <= _DECLARED_AND_USED
    }
    shared = {name: value for name, value in given.items() if name in _declared(node) and name not in private}
    return json.dumps(shared, sort_keys=True).encode()


def _declared(node: OperationDefinitionNode) -> set[str]:
    return {definition.variable.name.value for definition in node.variable_definitions or ()}


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
