"""Turns panels into what their energy costs: today's tariff, and all of them with their bands."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

import strawberry

from metering.periods import local_day
from metering.refusals import Refused
from metering.tariffs.book import NO_TARIFFS, TariffBook
from metering.tariffs.rules import Tariff
from resolvers.context import Context, Info
from resolvers.loading import loaded
from store import tariffs
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


@dataclass(frozen=True, slots=True)
class TariffBand:
    """What a kWh costs at some hours of some days, for some kWh of a month; times are local, up to 24:00."""

    name: str
    unit_price: Decimal
    price_with_vat: Decimal
    from_time: str
    to_time: str
    weekdays: list[Weekday]
    months: list[int]
    step_from_kwh: Decimal
    step_to_kwh: Decimal | None


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """A tariff of a panel, from a local day up to, not including, the one on which another begins."""

    name: str
    valid_from: date
    valid_until: date | None
    time_zone: str
    currency: str
    unit_price: Decimal
    vat_percent: Decimal
    price_with_vat: Decimal
    bands: list[TariffBand]


async def _books(context: Context, panel_ids: list[int]) -> dict[int, TariffBook]:
    async with context.pool.connection() as connection:
        return await tariffs.books(connection, viewer=context.signed_in, panel_ids=panel_ids)


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
    return _version(*begun[-1], panel=parent)


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
        _version(tariff, ends_on, panel=parent)
        for tariff, ends_on in (await book(info.context, parent)).versions()
        if (until is None or tariff.valid_from < until) and (since is None or ends_on is None or ends_on > since)
    ]


def _version(tariff: Tariff, until: date | None, *, panel: Panel) -> TariffVersion:
    return TariffVersion(
        name=tariff.name,
        valid_from=tariff.valid_from,
        valid_until=until,
        time_zone=panel.time_zone,
        currency=tariff.currency,
        unit_price=tariff.unit_price,
        vat_percent=tariff.tax_percent,
        price_with_vat=tariff.price_with_taxes,
        bands=[_all_hours(tariff)],
    )


def _all_hours(tariff: Tariff) -> TariffBand:
    """The one band of a flat tariff: every hour of every day, every kWh."""
    return TariffBand(
        name=tariff.name,
        unit_price=tariff.unit_price,
        price_with_vat=tariff.price_with_taxes,
        from_time="00:00",
        to_time="24:00",
        weekdays=list(Weekday),
        months=list(range(1, 13)),
        step_from_kwh=Decimal(0),
        step_to_kwh=None,
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
