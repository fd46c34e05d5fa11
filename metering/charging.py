"""Turns tariffs and spans that follow each other into the energy that must be known, and that into what each costs."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from metering.money import EXACT
from metering.periods import local_day, local_midnight
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import ChargeLine, Charges, Span, by_currency, charges_of
from metering.tariffs.hours import Hours
from metering.tariffs.slices import counts_months, slice_edges, stretches

_BEFORE = -1
_ONE_KWH = Decimal(1)


@dataclass(frozen=True, slots=True)
class Piece:
    """Instants (UTC) from `start` up to `end` at which a kWh has one price; its energy counts to the sum `part`.

    `span` is the place of the span that it lies in, -1 before the first.
    """

    start: datetime
    end: datetime
    part: int
    span: int


class ChargingPlan:
    """How spans are charged by a book of tariffs, for any panel of a time zone; span i is from `edges[i]` on."""

    def __init__(self, book: TariffBook, *, edges: Sequence[datetime], time_zone: ZoneInfo) -> None:
        self._book, self._time_zone, self._edges = book, time_zone, edges
        cuts = slice_edges(book, start=edges[0], end=edges[-1], time_zone=time_zone)
        times = list(pairwise(sorted({*cuts, *edges})))
        self._stretches = stretches(book, start=times[0][0], end=edges[-1], time_zone=time_zone)
        self._counts_months = any(counts_months(stretch.tariff) for stretch in self._stretches)
        self.pieces = self._alike(times)
        self._of_parts = _first_of_each(self.pieces)
        self._per_kwh = [] if self._counts_months else self._charges([_ONE_KWH] * len(self._of_parts))
        self._standing: dict[tuple[datetime, datetime], list[list[Charges]]] = {}

    @property
    def part_count(self) -> int:
        """How many sums of energy there are."""
        return len(self._of_parts)

    @property
    def is_cut(self) -> bool:
        """Whether a span has several prices, so that its energy alone does not say what it costs."""
        return sum(piece.span >= 0 for piece in self.pieces) > len(self._edges) - 1

    def charged(
        self, energies_kwh: Sequence[Decimal], *, accrues_from: datetime | None, accrues_until: datetime
    ) -> list[list[Charges]]:
        """What each span costs by the energy of each part: one sum a currency, by its code; none without a tariff.

        Standing and minimum charges fall due as `charges_of` says.
        """
        spans: list[list[Charges | None]] = [[] for _ in self._edges[1:]]
        if self._counts_months:
            costs = self._charges(energies_kwh, accrues_from=accrues_from, accrues_until=accrues_until)
        else:
            costs = [_times(per_kwh, energy) for per_kwh, energy in zip(self._per_kwh, energies_kwh, strict=True)]
        for piece, cost in zip(self._of_parts, costs, strict=True):
            if piece.span >= 0:
                spans[piece.span].append(cost)
        standing = None if self._counts_months else self._standing_charges(accrues_from, accrues_until)
        return [by_currency([*span, *(standing[place] if standing else ())]) for place, span in enumerate(spans)]

    def _charges(
        self,
        energies_kwh: Sequence[Decimal],
        *,
        accrues_from: datetime | None = None,
        accrues_until: datetime | None = None,
    ) -> list[Charges | None]:
        spans = [
            Span(piece.start, piece.end, energy_kwh)
            for piece, energy_kwh in zip(self._of_parts, energies_kwh, strict=True)
        ]
        return charges_of(
            spans,
            book=self._book,
            time_zone=self._time_zone,
            accrues_from=accrues_from,
            accrues_until=accrues_until or self._edges[-1],
        )

    def _alike(self, times: Sequence[tuple[datetime, datetime]]) -> list[Piece]:
        """The pieces; those of a span and a band are of one part, unless the order of a month's kWh decides."""
        hours = [(stretch, Hours(stretch.tariff.bands)) for stretch in self._stretches]
        starts = [stretch.start for stretch in self._stretches]
        parts: dict[object, int] = {}
        pieces: list[Piece] = []
        for start, end in times:
            span = bisect_right(self._edges, start) - 1
            place = bisect_right(starts, start) - 1
            band = None if place < 0 else hours[place][1].band_at(start.astimezone(hours[place][0].zone))
            key = start if self._counts_months else (span, place, id(band))
            pieces.append(Piece(start, end, parts.setdefault(key, len(parts)), span))
        return pieces

    def _standing_charges(self, accrues_from: datetime | None, accrues_until: datetime) -> list[list[Charges]] | None:
        """The standing charges of each span: the same for every panel with readings from before the first."""
        if accrues_from is None or not any(stretch.tariff.standing_charges for stretch in self._stretches):
            return None
        key = (max(accrues_from, self.pieces[0].start), accrues_until)
        if key not in self._standing:
            self._standing[key] = self._standing_since(*key)
        return self._standing[key]

    def _standing_since(self, accrues_from: datetime, accrues_until: datetime) -> list[list[Charges]]:
        begin_days = [piece for piece in self.pieces if self._begins_a_day(piece)]
        charges = charges_of(
            [Span(piece.start, piece.end, Decimal(0)) for piece in begin_days],
            book=self._book,
            time_zone=self._time_zone,
            accrues_from=accrues_from,
            accrues_until=accrues_until,
        )
        spans: list[list[Charges]] = [[] for _ in self._edges[1:]]
        for piece, charge in zip(begin_days, charges, strict=True):
            if charge is not None and charge.lines and piece.span >= 0:
                spans[piece.span].append(charge)
        return spans

    def _begins_a_day(self, piece: Piece) -> bool:
        zones = {stretch.zone for stretch in self._stretches if stretch.start <= piece.start < stretch.end}
        return any(local_midnight(local_day(piece.start, zone), zone) == piece.start for zone in zones)


def _first_of_each(pieces: Sequence[Piece]) -> list[Piece]:
    """The first piece of each part, in the order of the parts, which is that of their starts."""
    found: list[Piece] = []
    for piece in pieces:
        if piece.part == len(found):
            found.append(piece)
    return found


def _times(per_kwh: Charges | None, energy_kwh: Decimal) -> Charges | None:
    if per_kwh is None:
        return None
    lines = (ChargeLine(line.kind, line.name, EXACT.multiply(line.amount, energy_kwh)) for line in per_kwh.lines)
    return Charges(per_kwh.currency, tuple(lines) if energy_kwh else ())
