"""Changes what is known about panels and what their energy costs, for the command line."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kilowatch.tariff_files import set_audited
from metering.currencies import CURRENCIES
from metering.periods import local_day
from metering.readings import PANEL_CODE
from metering.refusals import Refused
from metering.tariffs.rules import Tariff, flat
from store import registry
from store.connections import connect_async
from store.registry import PanelDescription


@dataclass(frozen=True, slots=True)
class PanelChange:
    """What is to be known about a panel from now on; None leaves it as it is."""

    name: str | None = None
    location: str | None = None
    floor: int | None = None
    time_zone: str | None = None
    is_prepaid: bool | None = None
    meter_number: str | None = None
    meter_since: date | None = None


def set_panel(database_url: str, code: str, change: PanelChange, *, default_time_zone: str) -> PanelDescription:
    """Makes or changes a panel. A new time zone counts for days to come; those before keep the old one.

    Raises:
        Refused: BAD_CODE, BAD_NAME, BAD_TIME_ZONE.
    """
    given: dict[str, Any] = {
        name: value for name in PanelChange.__slots__ if (value := getattr(change, name)) is not None
    }
    _check(code, change)
    return asyncio.run(_set_panel(database_url, code, given, default_time_zone=default_time_zone))


async def _set_panel(
    database_url: str, code: str, given: dict[str, Any], *, default_time_zone: str
) -> PanelDescription:
    async with await connect_async(database_url) as connection, connection.transaction():
        known = await registry.described(connection, code=code)
        before = known[0] if known else _unknown(code, time_zone=default_time_zone)
        panel = replace(before, **given)
        await registry.describe_panel(connection, panel)
    return panel


def _unknown(code: str, *, time_zone: str) -> PanelDescription:
    return PanelDescription(code, code, "", 0, time_zone, is_prepaid=False, meter_number=None)


def _check(code: str, change: PanelChange) -> None:
    if not PANEL_CODE.fullmatch(code):
        raise Refused("BAD_CODE", "A panel's code has 1 to 64 letters, digits, `_ . : -`.", "code")
    if change.name is not None and not 1 <= len(change.name.strip()) <= 200:
        raise Refused("BAD_NAME", "A name has 1 to 200 characters.", "name")
    if change.time_zone is not None:
        try:
            ZoneInfo(change.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise Refused("BAD_TIME_ZONE", "A time zone is an IANA name such as Africa/Lagos.", "time_zone") from None


def set_tariff(
    database_url: str,
    code: str,
    *,
    name: str,
    unit_price: str,
    currency: str,
    vat_percent: str,
    valid_from: date | None,
) -> None:
    """Sets what a kWh of a panel costs from a local day on, today when it is left out.

    Raises:
        Refused: PANEL_NOT_FOUND, BAD_AMOUNT, BAD_CURRENCY.
    """
    price, vat = _number(unit_price), _number(vat_percent)
    if not 0 < price < 10**8:
        raise Refused("BAD_AMOUNT", "A price is above 0 and below 100,000,000 a kWh.", "price")
    if not 0 <= vat <= 100:
        raise Refused("BAD_AMOUNT", "VAT is 0 to 100 %.", "vat")
    if currency not in CURRENCIES:
        raise Refused("BAD_CURRENCY", "A currency is an active code of ISO 4217, like NGN.", "currency")
    tariff = flat(name, valid_from=date.min, unit_price=price, currency=currency, vat_percent=vat)
    asyncio.run(_set_tariff(database_url, code, tariff, valid_from=valid_from))


async def _set_tariff(database_url: str, code: str, tariff: Tariff, *, valid_from: date | None) -> None:
    async with await connect_async(database_url) as connection, connection.transaction():
        known = await registry.described(connection, code=code)
        if not known:
            raise Refused("PANEL_NOT_FOUND", f"There is no panel {code}.", "code")
        day = valid_from or local_day(datetime.now(UTC), ZoneInfo(known[0].time_zone))
        panel_id = await registry.describe_panel(connection, known[0])
        await set_audited(connection, replace(tariff, valid_from=day), panel_id=panel_id, panel_code=code)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Refused("BAD_AMOUNT", f"{text} is not a number.", "amount")
    return number


def all_panels(database_url: str) -> list[PanelDescription]:
    """What is known about every panel, by code."""

    async def fetched() -> list[PanelDescription]:
        async with await connect_async(database_url) as connection:
            return await registry.described(connection)

    return asyncio.run(fetched())
