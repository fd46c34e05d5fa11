"""Turns questions about the schema itself into answers, beside the event loop and once for each question."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from kilowatch.web.engine.documents import Prepared
from kilowatch.web.engine.json_text import encoded

A = TypeVar("A")

_KEPT_ANSWERS: Final = 16


@dataclass(slots=True, eq=False)
class Introspections(Generic[A]):
    """The answers that were asked for lately. They depend on the document and its variables alone.

    What tools ask of a whole schema is 60 ms of computing: in a thread of its own it lets the loop run every few
    milliseconds, one such question at a time.
    """

    _kept: OrderedDict[tuple[int, bytes], tuple[Prepared, A]] = field(
        default_factory=OrderedDict[tuple[int, bytes], tuple[Prepared, A]]
    )
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, prepared: Prepared, variables: Mapping[str, Any] | None, run: Callable[[], A]) -> A:
        """What `run` answers for the operation with these variables; it is called in a thread, or not at all.

        Answers are kept by the operation's own object, which the entry keeps from others.
        """
        key = (id(prepared.node), encoded(variables))
        async with self._turn:
            if key not in self._kept:
                self._kept[key] = (prepared, await asyncio.to_thread(run))
                if len(self._kept) > _KEPT_ANSWERS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key][1]
