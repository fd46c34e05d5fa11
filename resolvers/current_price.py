"""Turns a panel into what a kWh costs it right now, and when that changes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import strawberry

from metering.periods import local_day, local_midnight
from metering.price_changes import PriceNow, next_change_at, price_of
from resolvers import tariffs
from resolvers.context import Context, Info
from resolvers.costs import parts_by
from resolvers.loading import loaded
from store.energy_parts import EnergyPiece
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class CurrentPrice:
    """What the next kWh costs, until (panel's time zone) another band or tariff begins, or up to a kWh of the month.

    None where neither is to come.
    """

    currency: str
    unit_price: Decimal
    price_with_taxes: Decimal
    band_name: str
    changes_at: datetime | None
    changes_at_kwh: Decimal | None


async def of_panel(parent: strawberry.Parent[Panel], info: Info) -> CurrentPrice:
    """What a kWh costs the panel now.

    Raises:
        Refused: NO_TARIFF.
    """
    context, panel, at = info.context, parent, info.context.now()
    book = await tariffs.book(context, panel)
    tariff = tariffs.required(book, local_day(at, panel.zone))
    now = price_of(tariff, at=at, time_zone=panel.zone)
    used_kwh = await _used_kwh(context, panel, now)
    block = now.block(used_kwh)
    changes_at = next_change_at(book, at=at, time_zone=panel.zone)
    if block.from_kwh:
        month_end = _month_end(now)
        changes_at = month_end if changes_at is None else min(changes_at, month_end)
    return CurrentPrice(
        currency=now.tariff.currency,
        unit_price=block.unit_price,
        price_with_taxes=tariffs.with_taxes(block.unit_price, tariff=now.tariff),
        band_name=now.band.name,
        changes_at=changes_at and changes_at.astimezone(panel.zone),
        changes_at_kwh=min((each.from_kwh for each in now.band.blocks if each.from_kwh > used_kwh), default=None),
    )


async def _used_kwh(context: Context, panel: Panel, now: PriceNow) -> Decimal:
    """What the panel used in the local month so far; not asked where it does not matter."""
    if len(now.band.blocks) == 1:
        return Decimal(0)
    end = local_midnight(local_day(context.now(), now.zone) + timedelta(days=1), now.zone)
    return await loaded(context, _used, (panel.id, now.month_start, end)) or Decimal(0)


_Key = tuple[int, datetime, datetime]
"""A panel's id, and from when until when."""


async def _used(context: Context, keys: list[_Key]) -> dict[_Key, Decimal]:
    spans = sorted({key[1:] for key in keys})
    pieces = [EnergyPiece(number, 0, start, end, None) for number, (start, end) in enumerate(spans)]
    async with context.pool.connection() as connection:
        found = await parts_by(
            connection,
            context,
            panels=[(key[0], spans.index(key[1:])) for key in keys],
            pieces=pieces,
        )
    return {(parts.panel_id, *spans[parts.plan]): parts.energies_kwh.get(0, Decimal(0)) for parts in found}


def _month_end(now: PriceNow) -> datetime:
    first = local_day(now.month_start, now.zone)
    return local_midnight((first + timedelta(days=32)).replace(day=1), now.zone)
