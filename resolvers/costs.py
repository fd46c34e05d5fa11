"""Turns panels, their tariffs and spans of time into what each span costs, where a price varies or charges fall due."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from metering.charging import ChargingPlan, Piece
from metering.periods import local_day, local_midnight
from metering.refusals import Refused
from metering.tariffs.book import TariffBook
from metering.tariffs.cost import Charges
from metering.tariffs.slices import needs_slices
from resolvers.context import Context
from resolvers.loading import loaded
from resolvers.windows import looked_back_by, seen_until, tenures_by
from store import energy_parts
from store.connections import Database
from store.energy_parts import EnergyParts, EnergyPiece

MAX_PIECES: Final = 300_000
"""How many sums of energy an answer may ask the database for: the year of 500 panels with two rates."""

_MOST_AT_ONCE: Final = 200
"""How many sums are charged without letting others run in between: 10 ms at most."""

_DAY: Final = timedelta(days=1)
_ALMOST_A_DAY: Final = timedelta(hours=22)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of a panel that follow each other, from `edges[i]` up to `edges[i + 1]` (UTC), and its tariffs.

    `energies_kwh` is the import of each, where that is known already.
    """

    panel_id: int
    zone: ZoneInfo
    book: TariffBook
    edges: tuple[datetime, ...]
    energies_kwh: tuple[Decimal, ...] | None = None


def has_slices(book: TariffBook, *, start: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """Whether what is used between two instants may cost more than a price a kWh that is the same all day."""
    last = local_day(end - timedelta(microseconds=1), zone)
    return needs_slices(book, first=local_day(start, zone), end=last + _DAY)


async def charged(context: Context, asked: Sequence[Spans]) -> list[list[list[Charges]]]:
    """What each span of each panel costs by its tariffs: one sum a currency; none where no tariff is known.

    One statement for all. Standing charges count from the panel's first reading up to now.

    Raises:
        Refused: TOO_MANY_POINTS when too many sums of energy would be needed.
    """
    async with context.pool.connection() as connection:
        return await charged_by(connection, context, asked)


async def charged_by(connection: Database, context: Context, asked: Sequence[Spans]) -> list[list[list[Charges]]]:
    """The same by a connection that is there already."""
    if not asked:
        return []
    plans = await asyncio.to_thread(_plans, asked)
    of_panels = [plans[_key(spans)] for spans in asked]
    _check_size(asked, of_panels)
    numbers = {id(plan): number for number, plan in enumerate(plans.values())}
    found = await parts_by(
        connection,
        context,
        panels=[(spans.panel_id, numbers[id(plan)]) for spans, plan in zip(asked, of_panels, strict=True)],
        pieces=[piece for key, plan in plans.items() for piece in _asked_for(key, plan, numbers[id(plan)])],
    )
    known = {(parts.panel_id, parts.plan): parts for parts in found}
    costs: list[list[list[Charges]]] = []
    bounds = await tenures_by(connection, context)
    for spans, plan in zip(asked, of_panels, strict=True):
        until = seen_until(bounds.get(spans.panel_id), now=context.now())
        parts = known.get((spans.panel_id, numbers[id(plan)]))
        energies = _energies(spans, plan, parts.energies_kwh if parts else {})
        charge = partial(plan.charged, energies, accrues_from=parts and parts.first_at, accrues_until=until)
        costs.append(await asyncio.to_thread(charge) if plan.part_count > _MOST_AT_ONCE else charge())
        await asyncio.sleep(0)  # others run in between
    return costs


async def parts_by(
    connection: Database, context: Context, *, panels: Sequence[tuple[int, int]], pieces: Sequence[EnergyPiece]
) -> list[EnergyParts]:
    """The sums of energy of each panel's plan, of what the viewer may look back on."""

    async def read(own: Database, panel_ids: list[int]) -> list[EnergyParts]:
        asked = set(panel_ids)
        of_these = [one for one in panels if one[0] in asked]
        return await energy_parts.by_part(own, viewer=context.signed_in, panels=of_these, pieces=pieces)

    return await looked_back_by(connection, context, {panel_id for panel_id, _ in panels}, read)


_Key = tuple[int, str, tuple[datetime, ...], bool]
"""Which book, which time zone, which edges, and whether the energy of each span is known."""


def _key(spans: Spans) -> _Key:
    return id(spans.book), spans.zone.key, spans.edges, spans.energies_kwh is not None


def _plans(asked: Sequence[Spans]) -> dict[_Key, ChargingPlan]:
    """A plan for all panels of the same tariffs, time zone and spans."""
    plans: dict[_Key, ChargingPlan] = {}
    for spans in asked:
        key = _key(spans)
        if key not in plans:
            plans[key] = ChargingPlan(spans.book, edges=spans.edges, time_zone=spans.zone)
    return plans


def _check_size(asked: Sequence[Spans], plans: Sequence[ChargingPlan]) -> None:
    if sum(len(plan.pieces) for plan in plans) > MAX_PIECES:
        message = f"The prices of {len(asked)} panels change over {MAX_PIECES} times: ask for fewer, or a shorter span."
        raise Refused("TOO_MANY_POINTS", message)


def _asked_for(key: _Key, plan: ChargingPlan, number: int) -> list[EnergyPiece]:
    """The pieces whose energy the database has to say: those before the spans alone, where theirs is known."""
    _, zone_key, _, is_known = key
    zone = ZoneInfo(zone_key)
    pieces = plan.pieces if plan.is_cut or not is_known else [piece for piece in plan.pieces if piece.span < 0]
    return [EnergyPiece(number, piece.part, piece.start, piece.end, _whole_days(piece, zone)) for piece in pieces]


def _whole_days(piece: Piece, zone: ZoneInfo) -> tuple[date, date] | None:
    if piece.end - piece.start < _ALMOST_A_DAY:
        return None
    first, end = local_day(piece.start, zone), local_day(piece.end, zone)
    is_whole = local_midnight(first, zone) == piece.start and local_midnight(end, zone) == piece.end
    return (first, end) if is_whole else None


def _energies(spans: Spans, plan: ChargingPlan, found: Mapping[int, Decimal]) -> list[Decimal]:
    """The energy of each part: from the database, or of the spans as it was given."""
    energies = [found.get(part, _ZERO) for part in range(plan.part_count)]
    if spans.energies_kwh is not None and not plan.is_cut:
        for piece in plan.pieces:
            if piece.span >= 0:
                energies[piece.part] = spans.energies_kwh[piece.span]
    return energies


def of_currency(charges: Sequence[Charges], currency: str) -> Charges | None:
    """The charges of a currency; None where there are none."""
    return next((one for one in charges if one.currency == currency), None)


async def cost_of(context: Context, spans: Spans) -> list[list[Charges]]:
    """What each span costs, found together with those of all panels that are asked for at the same time."""
    return await loaded(context, _charged, spans) or [[] for _ in spans.edges[1:]]


async def _charged(context: Context, keys: list[Spans]) -> dict[Spans, list[list[Charges]]]:
    return dict(zip(keys, await charged(context, keys), strict=True))


def amount_in(currency: str, charges: Sequence[Charges]) -> Decimal | None:
    """What it costs in a currency; None where none of it is in that."""
    found = of_currency(charges, currency)
    return found and found.amount
