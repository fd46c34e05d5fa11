"""Changes what is known about panels and what their energy costs, for the command line."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from kilowatch.operator_acts import in_transaction
from kilowatch.tariff_files import set_audited
from metering.currencies import CURRENCIES
from metering.periods import local_day
from metering.readings import PANEL_CODE
from metering.refusals import Refused
from metering.tariffs.rules import Tariff, flat
from resolvers.panel_words import checked_change
from store import audit, registry
from store.audit import COMMAND_LINE, Act
from store.connections import Database, connect_async
from store.registry import PanelChange, PanelDescription


def set_panel(database_url: str, code: str, change: PanelChange, *, default_time_zone: str) -> PanelDescription:
    """Makes or changes a panel. A new time zone counts for days to come; those before keep the old one.

    Raises:
        Refused: BAD_CODE, BAD_NAME, BAD_INPUT.
    """
    if not PANEL_CODE.fullmatch(code):
        raise Refused("BAD_CODE", "A panel's code has 1 to 64 letters, digits, `_ . : -`.", "code")
    checked = checked_change(change)

    async def changed(connection: Database) -> PanelDescription:
        known = await registry.described(connection, code=code)
        before = known[0] if known else _unknown(code, time_zone=checked.time_zone or default_time_zone)
        panel_id = await registry.describe_panel(connection, before)
        await registry.change_panel(connection, code, checked)
        act = Act(COMMAND_LINE, "DESCRIBE_PANEL", code, checked.given)
        await audit.record_done(connection, act, panel_id=panel_id)
        return (await registry.described(connection, code=code))[0]

    return in_transaction(database_url, changed)


def _unknown(code: str, *, time_zone: str) -> PanelDescription:
    return PanelDescription(code, code, "", 0, time_zone, is_prepaid=False, meter_number=None)


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
