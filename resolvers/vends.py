"""Turns wishes for units into purchases from the vendor, and purchases into pages; credits what was delivered."""

import secrets
from dataclasses import dataclass
from datetime import datetime

import strawberry

from metering.ledger import checked_key
from metering.money import Money
from metering.refusals import Refused
from metering.vending import checked_price, new_reference
from resolvers.audit import Details, audited
from resolvers.context import Context, Info
from resolvers.ledger_turns import KeyUsed, PrepaidAccount
from resolvers.managing import managed_prepaid
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.windows import looking_back
from store import vends
from store.panels import Panel
from store.vends import Vend

CURSOR = "vend"
MAX_REFERENCE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class VendChange:
    """What became of a wish for units. A repeated key shows the purchase that it made the first time."""

    vend: Vend | None = None
    refusal: KeyUsed | None = None


def new_number(now: datetime) -> str:
    """A reference that no other purchase or payment has."""
    return new_reference(now, random=secrets.token_hex(10))


def meter_number_of(panel: Panel) -> str:
    """The meter for which the vendor is asked.

    Raises:
        Refused: NO_METER_NUMBER.
    """
    if not panel.meter_number:
        message = "The panel's meter number is not known: `kilowatch panel set` gives it one."
        raise Refused("NO_METER_NUMBER", message, "panelCode")
    return panel.meter_number


def vendor_currency(context: Context) -> str:
    """What units are sold in.

    Raises:
        Refused: VENDING_NOT_SET_UP when there is no vendor.
    """
    if context.selling.vendor_currency is None:
        raise Refused("VENDING_NOT_SET_UP", "This server sells no units: it has no vendor.")
    return context.selling.vendor_currency


async def buy_units(context: Context, *, panel_code: str, price: Money, idempotency_key: str) -> VendChange:
    """Asks the vendor for units, on the deployment's own account there; the purchase goes out within moments.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN (tenants, who pay by `startPayment`), VENDING_NOT_SET_UP, PANEL_NOT_FOUND,
            NOT_PREPAID, NO_METER_NUMBER, BAD_CURRENCY, BAD_AMOUNT, BAD_INPUT.
    """
    details: Details = {"amount": price.amount, "currency": price.currency}
    async with audited(context, action="BUY_UNITS", panel_code=panel_code, **details) as act:
        viewer, currency, key = context.landlord, vendor_currency(context), checked_key(idempotency_key)
        panel = await managed_prepaid(context, panel_code)
        checked, meter_number = checked_price(price, currency=currency), meter_number_of(panel)
        reference = new_number(context.now())
        async with context.pool.connection() as connection, connection.transaction():
            vend_id = await vends.add(
                connection,
                reference=reference,
                panel_id=panel.id,
                account_id=viewer.account_id,
                meter_number=meter_number,
                price=checked,
                now=context.now(),
                idempotency_key=key,
            )
            if vend_id is None:
                use = await vends.use_of_key(connection, viewer=viewer, idempotency_key=key)
                act.code = KeyUsed().code
                return VendChange(use and use.vend, KeyUsed())
            await act.done(connection, panel_id=panel.id, reference=reference)
            found = await vends.by_reference(connection, viewer=viewer, reference=reference)
    return VendChange(found)


async def of_account(
    parent: strawberry.Parent[PrepaidAccount], info: Info, first: int = 50, after: Cursor | None = None
) -> Page[Vend]:
    """The purchases for a panel, newest first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    async with looking_back(info.context, parent.panel.id) as connection:
        rows, total = await vends.page(
            connection,
            viewer=info.context.signed_in,
            panel_id=parent.panel.id,
            before_id=None if after is None else number_of(after, kind=CURSOR),
            limit=checked_first(first) + 1,
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))


async def one(info: Info, reference: str) -> Vend | None:
    """The purchase of a reference; None when there is none for the viewer.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    viewer = info.context.signed_in
    if not is_reference(reference):
        return None
    async with info.context.pool.connection() as connection:
        return await vends.by_reference(connection, viewer=viewer, reference=reference)


def is_reference(text: str) -> bool:
    """Whether a text can be any purchase's or payment's reference."""
    return 0 < len(text) <= MAX_REFERENCE_LENGTH and text.isprintable()
