"""Buys units for the simulated flats as their tenants would have, and leaves one flat about to run low."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_UP, Decimal
from itertools import cycle
from typing import Final

from kilowatch.demo.site import LOW_FLAT, LOW_FLAT_STARTS_AT_KWH, NAIRA_PER_KWH, NAIRA_VAT_PERCENT, PANELS, PEOPLE
from metering.access import Viewer
from metering.ledger import Terms, correction_kwh, credit_of_money
from metering.money import Money
from metering.tariffs.rules import flat
from store import accounts, ledger, ledger_rows
from store.connections import Database, connect_async
from store.forecast_inputs import histories

_ALWAYS: Final = date(1970, 1, 1)
TARIFF: Final = flat(
    "Band A, non-MD (example)",
    valid_from=_ALWAYS,
    unit_price=NAIRA_PER_KWH,
    currency="NGN",
    vat_percent=NAIRA_VAT_PERCENT,
)
EURO_TARIFF: Final = flat(
    "Basic supply (example)",
    valid_from=_ALWAYS,
    unit_price=Decimal("0.27"),
    currency="EUR",
    vat_percent=Decimal(19),
)

_OPENING_KWH: Final = Decimal(40)
_BUYS_BELOW_KWH: Final = Decimal(6)
_AMOUNTS: Final = (Decimal(10_000), Decimal(5000), Decimal(15_000))
_MARGIN_KWH: Final = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who buys units for which panel."""

    viewer: Viewer
    panel_id: int
    panel_code: str


async def settle_credit(database_url: str, *, panel_ids: dict[str, int], since: datetime, until: datetime) -> None:
    """Writes the flats' top-ups up to `until` where there are none, and sets the low flat just above its warning."""
    async with await connect_async(database_url) as connection:
        for tenant in await _tenants(connection, panel_ids=panel_ids):
            async with connection.transaction():
                balance_kwh = await _balance(connection, tenant, at=until)
                if balance_kwh is None:
                    await _buy_from_the_start(connection, tenant, since=since, until=until)
                if tenant.panel_code == LOW_FLAT:
                    await _leave_low(connection, tenant, at=until)
                elif balance_kwh is not None and balance_kwh < _BUYS_BELOW_KWH:
                    await _buy(connection, tenant, at=until, amount=_AMOUNTS[0])


async def _tenants(connection: Database, *, panel_ids: dict[str, int]) -> list[Tenant]:
    prepaid = {panel.code for panel in PANELS if panel.is_prepaid}
    found = [
        (await accounts.by_email(connection, person.email), code)
        for person in PEOPLE
        for code in person.panels
        if code in prepaid
    ]
    return [Tenant(Viewer(known[0].id, known[0].role), panel_ids[code], code) for known, code in found if known]


async def _buy_from_the_start(connection: Database, tenant: Tenant, *, since: datetime, until: datetime) -> None:
    """An opening balance, then a top-up whenever little was left at the end of an hour."""
    days = (until - since) // timedelta(days=1) + 1
    found = await histories(connection, viewer=tenant.viewer, panel_ids=[tenant.panel_id], now=until, days=days)
    points = found[tenant.panel_id]
    await _show(connection, tenant, at=datetime.fromtimestamp(points.at_s[0], UTC), shown_kwh=_OPENING_KWH)
    credit_kwh, amounts = float(_OPENING_KWH) + points.register_kwh[0], cycle(_AMOUNTS)
    for at_s, register_kwh in zip(points.at_s, points.register_kwh, strict=True):
        if credit_kwh - register_kwh < _BUYS_BELOW_KWH:
            at = datetime.fromtimestamp(at_s, UTC)
            credit_kwh += float(await _buy(connection, tenant, at=at, amount=next(amounts)))


async def _leave_low(connection: Database, tenant: Tenant, *, at: datetime) -> None:
    balance_kwh = await _balance(connection, tenant, at=at)
    lacking_kwh = LOW_FLAT_STARTS_AT_KWH - (balance_kwh or Decimal(0))
    if lacking_kwh > 0:
        amount = (lacking_kwh * TARIFF.price_with_taxes).quantize(Decimal("0.01"), ROUND_UP)
        await _buy(connection, tenant, at=at, amount=amount)
    elif -lacking_kwh > _MARGIN_KWH:
        await _show(connection, tenant, at=at, shown_kwh=LOW_FLAT_STARTS_AT_KWH)


async def _balance(connection: Database, tenant: Tenant, *, at: datetime) -> Decimal | None:
    state = await ledger.state(connection, viewer=tenant.viewer, panel_id=tenant.panel_id, at=at)
    return state.balance_kwh


async def _buy(connection: Database, tenant: Tenant, *, at: datetime, amount: Decimal) -> Decimal:
    """The units that the amount bought; none when this very purchase is there already."""
    bought = credit_of_money(Money(amount, TARIFF.currency), terms=Terms(at, TARIFF))
    entry = await ledger_rows.top_up(
        connection,
        viewer=tenant.viewer,
        panel_id=tenant.panel_id,
        at=at,
        credit=bought,
        idempotency_key=f"demo-{tenant.panel_code}-{at.timestamp():.0f}",
    )
    return entry.units_kwh if entry else Decimal(0)


async def _show(connection: Database, tenant: Tenant, *, at: datetime, shown_kwh: Decimal) -> None:
    balance_kwh = await _balance(connection, tenant, at=at)
    await ledger_rows.record_balance(
        connection,
        viewer=tenant.viewer,
        panel_id=tenant.panel_id,
        at=at,
        units_kwh=correction_kwh(shown_kwh=shown_kwh, balance_kwh=balance_kwh),
        shown_kwh=shown_kwh,
        idempotency_key=None,
    )
