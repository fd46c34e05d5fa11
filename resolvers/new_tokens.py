"""Turns units, or money, into the next OpenPAYGO token of a meter."""

import asyncio
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from metering.access import Viewer
from metering.ledger import Credit, Terms, credit_of_money
from metering.money import Money
from metering.openpaygo import MAX_AHEAD, PaygoKind, PaygoToken, counts_after, digits_of, kwh_of, next_count
from metering.refusals import Refused
from store import ledger_terms, openpaygo
from store.connections import Database
from store.openpaygo import KnownMeter, KnownToken
from store.panels import Panel


async def credit_of_token(connection: Database, *, viewer: Viewer, panel: Panel, paid: Money, now: datetime) -> Credit:
    """What money buys as a token: energy alone, before it is rounded down to the meter's steps.

    Raises:
        Refused: BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF.
    """
    terms = await ledger_terms.terms(connection, viewer=viewer, panel_id=panel.id, zone=panel.zone, at=now)
    return credit_of_money(paid, terms=_plain(terms))


def _plain(terms: Terms) -> Terms:
    """The terms of energy alone: debts and monthly charges are settled by payments that are credited at once."""
    return replace(terms, debt=Decimal(0), is_standing_paid=True)


async def next_token(
    connection: Database, meter: KnownMeter, *, value: int, paid: Money | None, now: datetime
) -> KnownToken:
    """A token of so many steps, of the next count that is free; in the panel's turn. It is not kept yet.

    Raises:
        Refused: TOKENS_NOT_ENTERED when the meter would not look that far ahead.
    """
    known = await openpaygo.tokens_of(connection, meter)
    counts = counts_after(meter.meter, [each.token for each in known if each.entered_at])
    newest_count = max((counts.last, *(each.token.count for each in known)))
    token = PaygoToken(PaygoKind.ADD_TIME, value, next_count(newest_count))
    if token.count > counts.last + MAX_AHEAD:
        message = "So many tokens were made and not entered that the meter would not take one more: enter those first."
        raise Refused("TOKENS_NOT_ENTERED", message, "panelCode")
    digits = await asyncio.to_thread(digits_of, token, meter=meter.meter)
    return KnownToken(token, digits[-4:], digits, kwh_of(token, meter=meter.meter), paid, now, None)
