"""Turns a payment's money into units for a panel: a token of its own meter or a vendor's, or a top-up by its tariff."""

from dataclasses import dataclass
from datetime import datetime

from metering.access import THE_SERVICE
from metering.ledger import Credit
from metering.money import Money
from metering.openpaygo import value_of
from metering.refusals import Refused
from metering.vending import checked_price
from resolvers.new_tokens import credit_of_token, next_token
from resolvers.vends import meter_number_of, new_number
from store import ledger, machine_credits, openpaygo, panels, settlements, vends
from store.connections import Database
from store.openpaygo import KnownMeter
from store.panels import Panel
from store.payments import Payment


@dataclass(frozen=True, slots=True)
class Sale:
    """A panel that is sold to now, in the vendor's currency; None: by the panel's own tariff."""

    panel: Panel
    vendor_currency: str | None
    now: datetime


async def sale_to(connection: Database, *, panel_code: str, vendor_currency: str | None, now: datetime) -> Sale:
    """What has to be known of a panel, whoever sees it, to sell to it.

    Raises:
        Refused: PANEL_NOT_FOUND, NOT_PREPAID.
    """
    panel = await panels.by_code(connection, viewer=THE_SERVICE, code=panel_code, online_since=now)
    if panel is None:
        raise Refused("PANEL_NOT_FOUND", "There is no panel of this code.", "panelCode")
    if not panel.is_prepaid:
        raise Refused("NOT_PREPAID", "Only prepaid panels have credit.", "panelCode")
    return Sale(panel, vendor_currency, now)


async def expected(connection: Database, sale: Sale, *, money: Money) -> Credit | None:
    """What money would buy; None where the vendor alone can tell. A token's units are then rounded down to steps.

    Raises:
        Refused: BAD_CURRENCY, BAD_AMOUNT, NO_METER_NUMBER (with a vendor), NO_TARIFF (without one).
    """
    meter = await _meter(connection, sale)
    if meter is not None:
        bought = await credit_of_token(connection, viewer=THE_SERVICE, panel=sale.panel, paid=money, now=sale.now)
        value_of(bought.units_kwh, meter=meter.meter, rounds_down=True)
        return bought
    if sale.vendor_currency is not None:
        meter_number_of(sale.panel)
        checked_price(money, currency=sale.vendor_currency)
        return None
    return await machine_credits.expected_credit(
        connection, panel_id=sale.panel.id, zone=sale.panel.zone, paid=money, now=sale.now
    )


async def settle(connection: Database, sale: Sale, *, payment: Payment, paid: Money, account_id: int | None) -> None:
    """Lets an unmatched payment, which the transaction holds, buy units; in that transaction, so once.

    `account_id` is who assigned it, where nobody had started it.

    Raises:
        Refused: BAD_CURRENCY, BAD_AMOUNT, NO_METER_NUMBER (with a vendor), NO_TARIFF (without one),
            TOKENS_NOT_ENTERED (of an OpenPAYGO meter).
    """
    buy = _topped_up if sale.vendor_currency is None else _asked_vendor
    if await _meter(connection, sale) is not None:
        buy = _made_token
    entry_id = await buy(connection, sale, payment=payment, paid=paid)
    await settlements.record_settled(
        connection, payment.id, panel_id=sale.panel.id, account_id=account_id, ledger_entry_id=entry_id, now=sale.now
    )


async def _meter(connection: Database, sale: Sale) -> KnownMeter | None:
    return await openpaygo.meter_of(connection, viewer=THE_SERVICE, panel_id=sale.panel.id)


async def _made_token(connection: Database, sale: Sale, *, payment: Payment, paid: Money) -> None:
    """Makes a token for the panel's own meter: it is credited when it is entered, see docs/decisions/0018."""
    await ledger.take_turn(connection, viewer=THE_SERVICE, panel_id=sale.panel.id)
    meter = await _meter(connection, sale)
    if meter is None:
        raise Refused("PANEL_NOT_FOUND", "The panel's meter was taken off a moment ago.", "panelCode")
    bought = await credit_of_token(connection, viewer=THE_SERVICE, panel=sale.panel, paid=paid, now=sale.now)
    value = value_of(bought.units_kwh, meter=meter.meter, rounds_down=True)
    token = await next_token(connection, meter, value=value, paid=paid, now=sale.now)
    await openpaygo.keep_made(connection, meter, token, viewer=THE_SERVICE, key=f"payment-{payment.id}")


async def _topped_up(connection: Database, sale: Sale, *, payment: Payment, paid: Money) -> int:
    entry_id = await machine_credits.credit_payment(
        connection,
        panel_id=sale.panel.id,
        zone=sale.panel.zone,
        paid=paid,
        reference=f"payment-{payment.id}",
        now=sale.now,
    )
    if entry_id is None:
        raise _settled_before()
    return entry_id


async def _asked_vendor(connection: Database, sale: Sale, *, payment: Payment, paid: Money) -> None:
    vend_id = await vends.add(
        connection,
        reference=new_number(sale.now),
        panel_id=sale.panel.id,
        account_id=payment.account_id,
        payment_id=payment.id,
        meter_number=meter_number_of(sale.panel),
        price=checked_price(paid, currency=sale.vendor_currency or paid.currency),
        now=sale.now,
    )
    if vend_id is None:
        raise _settled_before()


def _settled_before() -> Refused:
    return Refused("PAYMENT_SETTLED", "The payment has bought units already.", "paymentId")
