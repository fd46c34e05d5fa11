"""Turns errors of validation into errors that each come once and name the argument that was refused."""

from collections.abc import Sequence
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    GraphQLError,
    Node,
    ObjectFieldNode,
    VariableDefinitionNode,
    Visitor,
    visit,
)


def placed(errors: Sequence[GraphQLError], tree: DocumentNode) -> list[GraphQLError]:
    """The errors, none of them twice; those of a scalar's literal with the argument's path as `extensions.field`."""
    once = {(error.message, *(error.positions or ())): error for error in errors}
    named = _Named()
    if any(error.extensions for error in once.values()):
        visit(tree, named)
    return [_with_field(error, named) for error in once.values()]


def _with_field(error: GraphQLError, named: "_Named") -> GraphQLError:
    extensions = error.extensions or {}
    field = named.path(error.nodes[0]) if "code" in extensions and error.nodes else ""
    return GraphQLError(error.message, error.nodes, extensions={**extensions, "field": field}) if field else error


class _Named(Visitor):
    """Collects what a document gives values to: arguments, fields of their objects, defaults of variables."""

    def __init__(self) -> None:
        super().__init__()
        self._spans = list[tuple[int, int, str]]()

    def enter(self, node: Node, *_: Any) -> None:
        """Keeps a name and where its value stands."""
        if isinstance(node, VariableDefinitionNode):
            self._keep(node, node.variable.name.value)
        elif isinstance(node, ArgumentNode | ObjectFieldNode):
            self._keep(node, node.name.value)

    def _keep(self, node: Node, name: str) -> None:
        if node.loc:
            self._spans.append((node.loc.start, node.loc.end, name))

    def path(self, literal: Node) -> str:
        """The names that a literal stands in, outermost first, joined by dots; empty for one in none."""
        at = literal.loc.start if literal.loc else -1
        return ".".join(name for start, end, name in self._spans if start <= at < end)
