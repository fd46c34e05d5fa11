"""Keeps the ids of changed alerts for each of their owner's streams until they are taken."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from metering.refusals import Refused
from store.events import AlertChange

_CAPACITY = 1000
_REMEMBERED = 10_000

Box = asyncio.Queue[int | None]
"""Ids of alerts; None when the account was removed."""


@dataclass(slots=True, eq=False)
class AlertBoxes:
    """One box a stream. A full one loses its oldest id: nobody is warned of a thousand alerts at once."""

    _boxes: dict[int, list[Box]] = field(default_factory=dict[int, list[Box]])
    _sent: OrderedDict[int, datetime] = field(default_factory=OrderedDict[int, datetime])

    @property
    def account_ids(self) -> list[int]:
        """The accounts that have a stream."""
        return list(self._boxes)

    @property
    def count(self) -> int:
        """How many streams there are."""
        return sum(map(len, self._boxes.values()))

    async def ids_of(self, account_id: int) -> AsyncGenerator[int]:
        """The ids of the account's alerts from the first `anext` on, without an end.

        Raises:
            Refused: UNAUTHENTICATED once the account was removed.
        """
        box = Box(maxsize=_CAPACITY)
        boxes = self._boxes.setdefault(account_id, [])
        boxes.append(box)
        try:
            while (alert_id := await box.get()) is not None:
                yield alert_id
            raise Refused("UNAUTHENTICATED", "This account no longer exists.")
        finally:
            boxes.remove(box)
            if not boxes:
                self._boxes.pop(account_id, None)

    def send(self, changes: Iterable[AlertChange]) -> None:
        """Puts each alert's id into its owner's boxes."""
        for change in changes:
            self._sent[change.alert_id] = change.changed_at
            self._sent.move_to_end(change.alert_id)
            for box in self._boxes.get(change.account_id, ()):
                _put(box, change.alert_id)
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    def end(self, account_ids: Iterable[int]) -> None:
        """Ends the streams of removed accounts."""
        for account_id in account_ids:
            for box in self._boxes.get(account_id, ()):
                _put(box, None)

    def unsent(self, changes: Iterable[AlertChange]) -> list[AlertChange]:
        """Those of the changes that were not sent yet: an outage is looked back on with some overlap."""
        return [change for change in changes if change.changed_at != self._sent.get(change.alert_id)]


def _put(box: Box, alert_id: int | None) -> None:
    if box.full():
        box.get_nowait()
    box.put_nowait(alert_id)
