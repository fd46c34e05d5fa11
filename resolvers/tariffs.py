"""Turns panels into what their energy costs: today's tariff, and all of them with their bands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from itertools import zip_longest

import strawberry

from metering.money import EXACT, trimmed
from metering.periods import local_day
from metering.refusals import Refused
from metering.tariffs.book import NO_TARIFFS, TariffBook
from metering.tariffs.rules import Band, StandingCharge, Tariff, Tax, Vending, Window
from metering.tariffs.times import clock_time
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.windows import looked_back
from store import tariffs
from store.connections import Database
from store.panels import Panel


class Weekday(Enum):
    """A day of the week."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


_WEEKDAYS = tuple(Weekday)


@dataclass(frozen=True, slots=True)
class TariffWindow:
    """Hours of some days, by the tariff's zone; up to 24:00."""

    from_time: str
    to_time: str
    weekdays: list[Weekday]
    months: list[int]


@dataclass(frozen=True, slots=True)
class TariffBlock:
    """The price of a kWh from one kWh of the local month on up to another; None: without end."""

    from_kwh: Decimal
    to_kwh: Decimal | None
    unit_price: Decimal
    price_with_taxes: Decimal


@dataclass(frozen=True, slots=True)
class TariffBand:
    """What a kWh costs within its windows; without any, at all hours that no other band has."""

    name: str
    blocks: list[TariffBlock]
    windows: list[TariffWindow]


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """A tariff, from a local day up to, not including, the one on which another begins.

    `time_zone` is None where it is every panel's own. The prices are those of the month's first kWh in the first band.
    """

    name: str
    valid_from: date
    valid_until: date | None
    time_zone: str | None
    currency: str
    is_flat: bool
    unit_price: Decimal
    tax_percent: Decimal
    price_with_taxes: Decimal
    bands: list[TariffBand]
    standing_charges: list[StandingCharge]
    minimum_charge: Decimal | None
    taxes: list[Tax]
    vending: Vending
    note: str | None
    source: str | None


async def _books(context: Context, panel_ids: list[int]) -> dict[int, TariffBook]:
    async def read(connection: Database, own_ids: list[int]) -> Iterable[tuple[int, TariffBook]]:
        return (await tariffs.books(connection, viewer=context.signed_in, panel_ids=own_ids)).items()

    if context.tenures is None:  # prices are no secret: only of a tenancy that is over they have to be looked back on
        async with context.pool.connection() as connection:
            return dict(await read(connection, panel_ids))
    return dict(await looked_back(context, panel_ids, read))


async def book(context: Context, panel: Panel) -> TariffBook:
    """All tariffs of a panel; empty for a panel that the viewer lost sight of."""
    return await loaded(context, _books, panel.id) or NO_TARIFFS


async def tariff(parent: strawberry.Parent[Panel], info: Info, at: datetime | None = None) -> TariffVersion:
    """The panel's tariff on the local day of an instant; now when it is left out.

    Raises:
        Refused: NO_TARIFF when none was valid then.
    """
    day, known = local_day(at or info.context.now(), parent.zone), await book(info.context, parent)
    required(known, day)
    begun = [(tariff, until) for tariff, until in known.versions() if tariff.valid_from <= day]
    return version(*begun[-1], time_zone=parent.time_zone)


async def of_panel(
    parent: strawberry.Parent[Panel], info: Info, since: date | None = None, until: date | None = None
) -> list[TariffVersion]:
    """The panel's tariffs that are valid on one of the local days from `since` up to before `until`, ascending.

    Raises:
        Refused: BAD_RANGE when `since` is not before `until`.
    """
    if since is not None and until is not None and since >= until:
        raise Refused("BAD_RANGE", "`from` must be before `to`.", "from")
    return [
        version(tariff, ends_on, time_zone=parent.time_zone)
        for tariff, ends_on in (await book(info.context, parent)).versions()
        if (until is None or tariff.valid_from < until) and (since is None or ends_on is None or ends_on > since)
    ]


def version(tariff: Tariff, until: date | None, *, time_zone: str | None) -> TariffVersion:
    """The tariff up to, not including, a day; `time_zone` is the panel's."""
    return TariffVersion(
        name=tariff.name,
        valid_from=tariff.valid_from,
        valid_until=until,
        time_zone=tariff.time_zone or time_zone,
        currency=tariff.currency,
        is_flat=tariff.is_flat,
        unit_price=tariff.unit_price,
        tax_percent=tariff.tax_percent,
        price_with_taxes=tariff.price_with_taxes,
        bands=[_band(band, tariff=tariff) for band in tariff.bands],
        standing_charges=list(tariff.standing_charges),
        minimum_charge=tariff.minimum_charge,
        taxes=list(tariff.taxes),
        vending=tariff.vending,
        note=tariff.note,
        source=tariff.source,
    )


def _band(band: Band, *, tariff: Tariff) -> TariffBand:
    ends = zip_longest(band.blocks, band.blocks[1:])
    return TariffBand(
        name=band.name,
        blocks=[
            TariffBlock(
                from_kwh=block.from_kwh,
                to_kwh=following and following.from_kwh,
                unit_price=block.unit_price,
                price_with_taxes=with_taxes(block.unit_price, tariff=tariff),
            )
            for block, following in ends
        ],
        windows=[_window(window) for window in band.windows],
    )


def with_taxes(price: Decimal, *, tariff: Tariff) -> Decimal:
    """A price of energy with all taxes, exactly."""
    return trimmed(EXACT.multiply(price, tariff.tax_factor))


def _window(window: Window) -> TariffWindow:
    return TariffWindow(
        from_time=clock_time(window.from_minute),
        to_time=clock_time(window.to_minute),
        weekdays=[_WEEKDAYS[day] for day in sorted(window.weekdays)],
        months=sorted(window.months),
    )


def required(book: TariffBook, day: date) -> Tariff:
    """The tariff of a local day.

    Raises:
        Refused: NO_TARIFF when none was valid then.
    """
    found = book.on(day)
    if found is None:
        raise Refused("NO_TARIFF", f"No tariff is known for {day}.")
    return found
