"""Turns questions about the schema itself into answers, beside the event loop and once for each question."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from graphql import FieldNode, OperationType, SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef

from kilowatch.web.engine.documents import Prepared
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.newest import Newest

A = TypeVar("A")

META_FIELDS: Final = {
    "__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef, "__typename": TypeNameMetaFieldDef,
}  # fmt: skip
"""The fields that every schema has: of the schema itself."""
_KEPT_ANSWERS: Final = 16

_Key = tuple[int, bytes]


def is_introspection(prepared: Prepared) -> bool:
    """Whether an operation asks for nothing but the schema itself: no database, no viewer, and much work at once."""
    names = [node.name.value for node in prepared.node.selection_set.selections if isinstance(node, FieldNode)]
    are_fields = len(names) == len(prepared.node.selection_set.selections)
    return prepared.kind is OperationType.QUERY and are_fields and all(name in META_FIELDS for name in names)


@dataclass(slots=True, eq=False)
class Introspections(Generic[A]):
    """The answers that were asked for lately. They depend on the document and its variables alone.

    What tools ask of a whole schema is 60 ms of computing: in a thread of its own it lets the loop run every few
    milliseconds, one such question at a time.
    """

    _kept: Newest[_Key, tuple[Prepared, A]] = field(
        default_factory=lambda: Newest[_Key, tuple[Prepared, A]](_KEPT_ANSWERS)
    )
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, prepared: Prepared, variables: Mapping[str, Any] | None, run: Callable[[], A]) -> A:
        """What `run` answers for the operation with these variables; it is called in a thread, or not at all.

        Answers are kept by the operation's own object, which the entry keeps from others. What is kept waits for
        nobody's turn.
        """
        key = (id(prepared.node), encoded(variables))
        kept = self._kept.get(key)
        if kept is not None:
            return kept[1]
        async with self._turn:
            kept = self._kept.get(key)  # by somebody whose turn was before
            if kept is None:
                kept = (prepared, await asyncio.to_thread(run))
                self._kept.keep(key, kept)
            return kept[1]
