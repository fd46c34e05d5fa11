"""Turns a panel's tariffs and those for all panels into the one of a day."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from typing import Final

from metering.tariffs.rules import Tariff


class TariffBook:
    """A panel's tariffs: its own from the first on, before that the default ones."""

    def __init__(self, *, own: Iterable[Tariff], default: Iterable[Tariff]) -> None:
        self._own = sorted(own, key=_start)
        self._default = sorted(default, key=_start)

    def on(self, day: date) -> Tariff | None:
        """The tariff of a local day; None before the first."""
        return _newest(self._own, day) or _newest(self._default, day)

    def versions(self) -> list[tuple[Tariff, date | None]]:
        """The tariffs in the order of their days, each with the day on which the next begins; None for the last."""
        first_own = self._own[0].valid_from if self._own else date.max
        begun = [*(tariff for tariff in self._default if tariff.valid_from < first_own), *self._own]
        ends = [*(tariff.valid_from for tariff in begun[1:]), None]
        return list(zip(begun, ends, strict=False))

    def changes(self, first: date, end: date) -> list[date]:
        """The days after `first` and before `end` on which another tariff may begin."""
        return sorted({t.valid_from for t in (*self._own, *self._default) if first < t.valid_from < end})


def _start(tariff: Tariff) -> date:
    return tariff.valid_from


def _newest(tariffs: list[Tariff], day: date) -> Tariff | None:
    place = bisect_right(tariffs, day, key=_start)
    return tariffs[place - 1] if place else None


NO_TARIFFS: Final = TariffBook(own=(), default=())
"""The book of a panel without any."""
