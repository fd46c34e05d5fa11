"""Turns units, or a payment, into an OpenPAYGO token for a panel's meter."""

from dataclasses import dataclass
from decimal import Decimal

from metering.ledger import checked_key
from metering.money import Money
from metering.openpaygo import PaygoMeter, value_of
from metering.refusals import Refused
from resolvers.audit import Details, audited, ending_of
from resolvers.context import Context
from resolvers.managing import managed_prepaid
from resolvers.new_tokens import credit_of_token, next_token
from resolvers.openpaygo import local_token
from store import ledger, openpaygo
from store.connections import Database
from store.openpaygo import KnownMeter, KnownToken
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class MadeKeyUsed:
    """Why nothing was changed: the key did its work before."""

    code: str = "IDEMPOTENCY_KEY_USED"
    message: str = "This key was used before: `token` is what it made then. Nothing was changed."
    field: str = "idempotencyKey"


@dataclass(frozen=True, slots=True)
class TokenMade:
    """A token for a panel's meter. A repeated key shows the one that it made the first time."""

    token: KnownToken | None = None
    refusal: MadeKeyUsed | None = None


async def make(
    context: Context, *, panel_code: str, units_kwh: Decimal | None, paid: Money | None, idempotency_key: str
) -> TokenMade:
    """A token that adds units to the panel's meter. It is credited when it is entered: see docs/decisions/0018.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID, NO_OPEN_PAYGO, BAD_AMOUNT, BAD_CURRENCY,
            NO_TARIFF, TOKENS_NOT_ENTERED, IDEMPOTENCY_KEY_USED, BAD_INPUT.
    """
    asked: Details = {"unitsKwh": units_kwh, "amount": paid and paid.amount, "currency": paid and paid.currency}
    async with audited(context, action="GENERATE_TOKEN", panel_code=panel_code, **asked) as audit:
        viewer, key = context.landlord, checked_key(idempotency_key)
        panel = await managed_prepaid(context, panel_code)
        async with context.pool.connection() as connection, connection.transaction():
            await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
            before = await openpaygo.made_with(connection, viewer=viewer, key=key)
            if before is not None:
                audit.code = MadeKeyUsed().code
                return TokenMade(before.token and local_token(before.token, panel=panel), MadeKeyUsed())
            meter = await _meter(context, connection, panel)
            value = await _value(context, connection, panel, meter.meter, units_kwh=units_kwh, paid=paid)
            made = await next_token(connection, meter, value=value, paid=paid, now=context.now())
            if not await openpaygo.keep_made(connection, meter, made, viewer=viewer, key=key):
                raise Refused(MadeKeyUsed().code, "This key was used before. Nothing was changed.", MadeKeyUsed().field)
            await audit.done(connection, panel_id=panel.id, tokenEnding=ending_of(made.digits), addsKwh=made.units_kwh)
        return TokenMade(local_token(made, panel=panel))


async def _meter(context: Context, connection: Database, panel: Panel) -> KnownMeter:
    meter = await openpaygo.meter_of(connection, viewer=context.signed_in, panel_id=panel.id)
    if meter is None:
        raise Refused("NO_OPEN_PAYGO", "The panel has no OpenPAYGO meter: see setOpenPaygo.", "panelCode")
    return meter


async def _value(
    context: Context,
    connection: Database,
    panel: Panel,
    meter: PaygoMeter,
    *,
    units_kwh: Decimal | None,
    paid: Money | None,
) -> int:
    """How many steps the token adds: of units, whole ones; of money, as many as it buys."""
    if paid is not None and units_kwh is None:
        viewer, now = context.signed_in, context.now()
        bought = await credit_of_token(connection, viewer=viewer, panel=panel, paid=paid, now=now)
        return value_of(bought.units_kwh, meter=meter, rounds_down=True)
    if paid is None and units_kwh is not None:
        return value_of(units_kwh, meter=meter)
    raise Refused("BAD_INPUT", "Give either `amount` or `unitsKwh`.", "unitsKwh")
