"""Turns the operations that we show or use ourselves into one document, each with a name of its own."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from graphql import (
    DefinitionNode,
    DocumentNode,
    FragmentDefinitionNode,
    NameNode,
    OperationDefinitionNode,
    parse,
    print_ast,
)

ROOT = Path(__file__).parents[2]


def shown() -> Iterator[str]:
    """The GraphQL of README and docs/, a block at a time."""
    for path in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]):
        yield from re.findall(r"```graphql\n(.*?)```", path.read_text("utf-8"), re.DOTALL)


def together(documents: Iterable[str]) -> str:
    """One document of all definitions: operations get numbers, as names come back, fragments stand once."""
    kept: dict[str, DefinitionNode] = {}
    for definition in (node for text in documents for node in parse(text).definitions):
        if isinstance(definition, FragmentDefinitionNode):
            kept.setdefault(definition.name.value, definition)
        elif isinstance(definition, OperationDefinitionNode):
            name = f"{definition.name.value if definition.name else 'Unnamed'}{len(kept)}"
            kept[name] = replace(definition, name=NameNode(value=name))
    return print_ast(DocumentNode(definitions=tuple(kept.values())))
