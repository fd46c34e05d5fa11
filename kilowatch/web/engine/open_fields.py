"""Turns an operation into whether anybody may run it, signed in or not."""

from typing import Any, Final

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, OperationType, SelectionNode

from kilowatch.web.engine.documents import Prepared
from schema.access_roots import is_open as is_open_field

_ROOTS: Final = {
    OperationType.QUERY: "Query", OperationType.MUTATION: "Mutation", OperationType.SUBSCRIPTION: "Subscription",
}  # fmt: skip


def is_open(prepared: Prepared) -> bool:
    """Whether each field of the root is open to strangers.

    Then a token that has run out does not matter: a client that sends it along can still sign in.
    """
    return all(_are_open(prepared, selection) for selection in prepared.node.selection_set.selections)


def _are_open(prepared: Prepared, selection: SelectionNode) -> bool:
    if isinstance(selection, FieldNode):
        return is_open_field(selection.name.value, root=_ROOTS[prepared.kind])
    is_named = isinstance(selection, FragmentSpreadNode)
    fragment: Any = _fragment(prepared, selection.name.value) if is_named else selection
    return all(_are_open(prepared, inner) for inner in fragment.selection_set.selections)


def _fragment(prepared: Prepared, name: str) -> FragmentDefinitionNode:
    """A fragment of the document, which was checked: it is there, and no fragment holds itself."""
    definitions = prepared.document.tree.definitions
    return next(one for one in definitions if isinstance(one, FragmentDefinitionNode) and one.name.value == name)
