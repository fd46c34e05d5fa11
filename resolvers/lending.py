"""Turns debts, emergency credit and reversals into rows of a panel's ledger, and a panel into what it owes."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import strawberry

from metering.access import Viewer
from metering.ledger import checked_key
from metering.lending import (
    check_reversal,
    checked_debt,
    checked_loan,
    checked_rule,
    checked_settlement,
    most_debt,
    why_not_lent,
)
from metering.money import MAX_AMOUNT, Money
from metering.reading_changes import checked_reason
from metering.refusals import Refused
from resolvers.audit import Audit, Details, audited
from resolvers.context import Context, Info
from resolvers.ledger_turns import (
    LedgerChange,
    Moment,
    PrepaidAccount,
    account_of,
    changed,
    moment_of,
    placed,
    prepaid_panel,
)
from resolvers.loading import loaded
from resolvers.managing import managed, managed_prepaid
from resolvers.places import number_in
from store import ledger, ledger_rows, ledger_terms
from store.connections import Database
from store.ledger import LedgerEntry, Standing
from store.panels import Panel

_ZERO: Final = Decimal(0)
_NOTHING: Final = Standing(0, None, _ZERO, None)


@dataclass(frozen=True, slots=True)
class EmergencyCredit:
    """How much a panel may be lent when little is left, what was lent and not repaid, and whether it can be now."""

    limit_kwh: Decimal | None
    available_below_kwh: Decimal | None
    taken_kwh: Decimal
    is_available: bool


@dataclass(frozen=True, slots=True)
class EmergencyCreditSet:
    """What became of a rule of emergency credit."""

    prepaid: PrepaidAccount | None = None
    refusal: Refused | None = None


async def debt(parent: strawberry.Parent[PrepaidAccount], info: Info) -> Money | None:
    """What the panel owes; None when that is nothing."""
    return (await _standing(info.context, parent.panel)).debt


async def emergency_credit(parent: strawberry.Parent[PrepaidAccount], info: Info) -> EmergencyCredit | None:
    """The panel's emergency credit; None where there is no rule and nothing to repay."""
    known = await _standing(info.context, parent.panel)
    rule = known.rule
    if rule is None and not known.lent_kwh:
        return None
    refusal = why_not_lent(rule, lent_kwh=known.lent_kwh, balance_kwh=parent.balance_kwh)
    return EmergencyCredit(
        limit_kwh=rule and rule.limit_kwh,
        available_below_kwh=rule and rule.available_below_kwh,
        taken_kwh=known.lent_kwh,
        is_available=refusal is None,
    )


async def _standing(context: Context, panel: Panel) -> Standing:
    return await loaded(context, _standings, panel.id) or _NOTHING


async def _standings(context: Context, panel_ids: list[int]) -> dict[int, Standing]:
    async with context.pool.connection() as connection:
        return await ledger.standings(connection, viewer=context.signed_in, panel_ids=panel_ids)


async def record_debt(
    context: Context, *, panel_code: str, amount: Money, reason: str, idempotency_key: str
) -> LedgerChange:
    """Makes a panel owe money; top-ups pay it off by the share that its tariff says.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_CURRENCY, NO_TARIFF,
            BAD_INPUT.
    """
    asked: Details = {"amount": amount.amount, "currency": amount.currency, "reason": reason}
    async with audited(context, action="RECORD_DEBT", panel_code=panel_code, **asked) as audit:
        viewer, key, why = context.landlord, checked_key(idempotency_key), checked_reason(reason)
        panel, moment = await managed_prepaid(context, panel_code), moment_of(context, None)

        async def write(connection: Database) -> LedgerEntry | None:
            accepted, most = await _bounds(connection, context, panel, moment=moment)
            owed = checked_debt(amount, accepted=accepted, most=most)
            at, _ = await placed(connection, viewer, panel, moment=moment)
            return await ledger_rows.owe(
                connection, viewer=viewer, panel_id=panel.id, at=at, debt=owed, reason=why, idempotency_key=key
            )

        return await changed(context, panel, audit, write=write, key=key)


async def settle_debt(
    context: Context, *, panel_code: str, amount: Money, reason: str, idempotency_key: str
) -> LedgerChange:
    """Lets a panel owe less: what was paid in another way, or is let off.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_CURRENCY, NO_DEBT, BAD_INPUT.
    """
    asked: Details = {"amount": amount.amount, "currency": amount.currency, "reason": reason}
    async with audited(context, action="SETTLE_DEBT", panel_code=panel_code, **asked) as audit:
        viewer, key, why = context.landlord, checked_key(idempotency_key), checked_reason(reason)
        panel, moment = await managed_prepaid(context, panel_code), moment_of(context, None)

        async def write(connection: Database) -> LedgerEntry | None:
            known = (await ledger.standings(connection, viewer=viewer, panel_ids=[panel.id]))[panel.id]
            settled = checked_settlement(amount, debt=known.debt)
            at, _ = await placed(connection, viewer, panel, moment=moment)
            return await ledger_rows.owe(
                connection,
                viewer=viewer,
                panel_id=panel.id,
                at=at,
                debt=Money(-settled.amount, settled.currency),
                reason=why,
                idempotency_key=key,
            )

        return await changed(context, panel, audit, write=write, key=key)


async def _bounds(connection: Database, context: Context, panel: Panel, *, moment: Moment) -> tuple[str, Decimal]:
    """The currency of the panel's debts, that of the one that is left or of its tariff, and the most of a new one.

    Raises:
        Refused: NO_TARIFF.
    """
    known = await ledger.standings(connection, viewer=context.signed_in, panel_ids=[panel.id])
    terms = await ledger_terms.terms(
        connection, viewer=context.signed_in, panel_id=panel.id, zone=panel.zone, at=moment.at
    )
    left = known[panel.id].debt if panel.id in known else None
    if left and (terms.tariff is None or left.currency != terms.tariff.currency):
        return left.currency, MAX_AMOUNT
    return terms.required_tariff.currency, most_debt(terms.required_tariff)


async def set_emergency_credit(
    context: Context, *, panel_code: str, limit_kwh: Decimal | None, available_below_kwh: Decimal
) -> EmergencyCreditSet:
    """Sets how much a panel may be lent when less than so much is left; without a limit nothing any more.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT.
    """
    asked: Details = {"limitKwh": limit_kwh, "availableBelowKwh": available_below_kwh}
    async with audited(context, action="SET_EMERGENCY_CREDIT", panel_code=panel_code, **asked) as audit:
        viewer = context.landlord
        rule = None
        if limit_kwh is not None:
            rule = checked_rule(limit_kwh=limit_kwh, available_below_kwh=available_below_kwh)
        panel = await managed_prepaid(context, panel_code)
        async with context.pool.connection() as connection, connection.transaction():
            await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
            await ledger_rows.set_emergency_rule(connection, panel_id=panel.id, rule=rule)
            await audit.done(connection, panel_id=panel.id)
        return EmergencyCreditSet(await account_of(context, panel))


async def take_emergency_credit(context: Context, *, panel_code: str, idempotency_key: str) -> LedgerChange:
    """Lends the panel its limit, once until it is repaid.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, NO_EMERGENCY_CREDIT, EMERGENCY_CREDIT_TAKEN,
            EMERGENCY_CREDIT_NOT_YET, BAD_INPUT.
    """
    async with audited(context, action="TAKE_EMERGENCY_CREDIT", panel_code=panel_code) as audit:
        viewer, key = context.signed_in, checked_key(idempotency_key)
        panel, moment = await prepaid_panel(context, panel_code), moment_of(context, None)

        async def write(connection: Database) -> LedgerEntry | None:
            at, balance_kwh = await placed(connection, viewer, panel, moment=moment)
            known = (await ledger.standings(connection, viewer=viewer, panel_ids=[panel.id]))[panel.id]
            lent = checked_loan(known.rule, lent_kwh=known.lent_kwh, balance_kwh=balance_kwh)
            return await ledger_rows.lend(
                connection,
                viewer=viewer,
                panel_id=panel.id,
                at=at,
                units_kwh=lent,
                idempotency_key=key,
            )

        return await changed(context, panel, audit, write=write, key=key)


async def reverse_entry(context: Context, *, entry_id: str, reason: str, idempotency_key: str) -> LedgerChange:
    """Takes an entry back by an opposite one, which takes effect where the entry did; each entry once.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, ENTRY_NOT_FOUND, ALREADY_REVERSED, NOT_REVERSIBLE, ALREADY_REPAID,
            BAD_INPUT.
    """
    async with audited(context, action="REVERSE_ENTRY", entryId=entry_id, reason=reason) as audit:
        viewer, key, why = context.landlord, checked_key(idempotency_key), checked_reason(reason)
        panel, number = await _panel_of(context, entry_id, audit), number_in(entry_id) or 0

        async def write(connection: Database) -> LedgerEntry | None:
            await _check_reversal(connection, viewer, panel, entry_id=number)
            return await ledger_rows.reverse(
                connection, viewer=viewer, entry_id=number, reason=why, idempotency_key=key
            )

        return await changed(context, panel, audit, write=write, key=key)


async def _panel_of(context: Context, entry_id: str, audit: Audit) -> Panel:
    """The managed panel whose ledger has the entry.

    Raises:
        Refused: ENTRY_NOT_FOUND; FORBIDDEN where the viewer sees it as a tenant alone.
    """
    async with context.pool.connection() as connection:
        found = await ledger.one(connection, viewer=context.signed_in, entry_id=number_in(entry_id) or 0)
    if found is None:
        raise _no_entry()
    audit.about(found.panel_code)
    return await managed(context, found.panel_code)


async def _check_reversal(connection: Database, viewer: Viewer, panel: Panel, *, entry_id: int) -> None:
    entry = await ledger.one(connection, viewer=viewer, entry_id=entry_id)
    known = (await ledger.standings(connection, viewer=viewer, panel_ids=[panel.id])).get(panel.id)
    if entry is None or known is None:
        raise _no_entry()
    owed = known.debt.amount if known.debt and known.debt.currency == entry.currency else _ZERO
    check_reversal(
        entry.kind,
        is_reversed=entry.reversed_by is not None,
        lent_kwh=known.lent_kwh,
        debt=owed,
        emergency_kwh=entry.emergency_kwh,
        debt_change=entry.debt_change,
    )


def _no_entry() -> Refused:
    return Refused("ENTRY_NOT_FOUND", "You see no entry of this id.", "entryId")
