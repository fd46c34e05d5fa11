"""Turns documents that nest too deeply, or have too many aliases, into errors, however their fragments are spread."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_DEPTH: Final = 12
MAX_SCHEMA_DEPTH: Final = 40
"""How deep questions about the schema itself may go: what tools ask of it has a dozen levels of `ofType`."""
MAX_ALIASES: Final = 30
MAX_REPEATS: Final = 30
"""How many fields may stand beside others of the same name: rules that compare each with each take the square."""


_Depth = tuple[int, int]


def over_limits(tree: DocumentNode) -> list[GraphQLError]:
    """Why a parsed document is too much to be checked against a schema; nothing for one that is not.

    Looked at before the rules of the specification run: some of these compare all fields of one name with each other.
    """
    return [*_aliases(tree), *_repeats(tree), *_Depths(tree).errors()]


def _aliases(tree: DocumentNode) -> list[GraphQLError]:
    count = sum(1 for node in _fields(tree) if node.alias)
    return [_too_much(f"{count} aliases found. Allowed: {MAX_ALIASES}.")] if count > MAX_ALIASES else []


def _repeats(tree: DocumentNode) -> list[GraphQLError]:
    count = 0
    for selections in _selection_sets(tree):
        names = [_key(node) for node in _flat(selections)]
        count += len(names) - len(set(names))
    if count <= MAX_REPEATS:
        return []
    return [_too_much(f"{count} fields are asked for again beside themselves. Allowed: {MAX_REPEATS}.")]


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


def _flat(selections: SelectionSetNode) -> Iterator[FieldNode]:
    """The fields of a selection set with those of its inline fragments."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _flat(node.selection_set)


def _fields(tree: DocumentNode) -> Iterator[FieldNode]:
    for selections in _selection_sets(tree):
        yield from _flat(selections)


def _selection_sets(tree: DocumentNode) -> Iterator[SelectionSetNode]:
    """Those of operations, fragments and fields; inline fragments belong to what they stand in."""
    waiting = [node.selection_set for node in tree.definitions if isinstance(node, ExecutableDefinitionNode)]
    while waiting:
        selections = waiting.pop()
        yield selections
        waiting += [node.selection_set for node in _flat(selections) if node.selection_set]


@dataclass(slots=True)
class _Depths:
    """How deep the fields of a document lie: each fragment is measured once, however often it is spread."""

    tree: DocumentNode
    _of_fragments: dict[str, _Depth] = field(default_factory=dict[str, _Depth])

    def errors(self) -> list[GraphQLError]:
        """What is too deep, for each operation."""
        found = list[GraphQLError]()
        for node in self.tree.definitions:
            if isinstance(node, OperationDefinitionNode):
                name = f"'{node.name.value}'" if node.name else "The operation"
                data, schema = self._of(node.selection_set)
                found += [_too_much(f"{name} exceeds the depth of {MAX_DEPTH}.")] if data > MAX_DEPTH else []
                words = f"{name} exceeds the depth of {MAX_SCHEMA_DEPTH} in the schema."
                found += [_too_much(words)] if schema > MAX_SCHEMA_DEPTH else []
        return found

    def _of(self, selections: SelectionSetNode) -> _Depth:
        """How many fields lie in each other in a selection set: any, and below `__schema` and `__type`."""
        data = schema = 0
        for node in selections.selections:
            below = self._below(node)
            data, schema = max(data, below[0]), max(schema, below[1])
        return data, schema

    def _below(self, node: Any) -> _Depth:
        if isinstance(node, FragmentSpreadNode):
            return self._of_fragment(node.name.value)
        if isinstance(node, InlineFragmentNode):
            return self._of(node.selection_set)
        if node.selection_set is None:
            return 0, 0
        data, schema = self._of(node.selection_set)
        return (0, max(data, schema) + 1) if node.name.value.startswith("__") else (data + 1, schema)

    def _of_fragment(self, name: str) -> _Depth:
        if name not in self._of_fragments:
            self._of_fragments[name] = (0, 0)  # one that spreads itself is refused by a rule of the specification
            for node in self.tree.definitions:
                if isinstance(node, FragmentDefinitionNode) and node.name.value == name:
                    self._of_fragments[name] = self._of(node.selection_set)
        return self._of_fragments[name]


def _too_much(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "GRAPHQL_VALIDATION_FAILED"})
