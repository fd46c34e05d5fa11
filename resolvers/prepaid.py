"""Turns a prepaid panel into what is left and how long it lasts, and what was paid or shown into its ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import strawberry

from metering.ledger import MAX_AHEAD, Credit, Terms, checked_key, checked_units, correction_kwh, credit
from metering.likely_left import likely_left_kwh
from metering.money import Money
from metering.openpaygo import check_alone
from metering.refusals import Refused
from resolvers import entered_tokens, low_units, openpaygo
from resolvers.audit import Details, audited, ending_of
from resolvers.context import Context, Info
from resolvers.ledger_turns import (
    LedgerChange,
    PrepaidAccount,
    account_of,
    changed,
    credited,
    local_entry,
    moment_of,
    placed,
    prepaid_panel,
)
from resolvers.loading import loaded
from resolvers.low_units import LowUnitsRule
from resolvers.pages import Cursor, Page, bad_cursor, checked_first, cursor_of, page_of, place_of
from resolvers.places import instant_in, micros_of, number_in
from resolvers.windows import check_own_time, looked_back, looking_back
from store import ledger, ledger_rows, likely_use
from store.connections import Database
from store.ledger import LedgerEntry
from store.panels import Panel

CURSOR: Final = "ledger"


async def account(parent: strawberry.Parent[Panel], info: Info) -> PrepaidAccount | None:
    """The panel's credit; None for a post-paid panel."""
    return await account_of(info.context, parent) if parent.is_prepaid else None


async def balance_kwh_at(parent: strawberry.Parent[PrepaidAccount], info: Info, at: datetime) -> Decimal | None:
    """What was left at an instant, as it is known now; None before the first row.

    Raises:
        Refused: BAD_TIME in the future.
    """
    if at > info.context.now() + MAX_AHEAD:
        raise Refused("BAD_TIME", "`at` must not be in the future.", "at")
    return await loaded(info.context, _balances_at, (parent.panel.id, at))


async def estimated_balance_kwh(parent: strawberry.Parent[PrepaidAccount], info: Info) -> Decimal | None:
    """What is likely left now; the balance itself where it was told within the hour; None where nothing is known."""
    if parent.balance_kwh is None:
        return None
    use = await loaded(info.context, _likely_uses, parent.panel.id)
    return use and use.left_kwh(parent.balance_kwh)


@dataclass(frozen=True, slots=True)
class _Use:
    """What was likely used since the balance was told, in kWh; None where nobody can say."""

    kwh: Decimal | None

    def left_kwh(self, balance_kwh: Decimal) -> Decimal | None:
        return None if self.kwh is None else likely_left_kwh(balance_kwh, use_kwh=self.kwh)


async def _likely_uses(context: Context, panel_ids: list[int]) -> dict[int, _Use]:
    async with context.pool.connection() as connection:
        uses = await likely_use.likely_uses(
            connection, viewer=context.signed_in, panel_ids=panel_ids, now=context.now()
        )
    return {panel_id: _Use(uses.get(panel_id, Decimal(0))) for panel_id in panel_ids}


async def _balances_at(context: Context, asked: list[tuple[int, datetime]]) -> dict[tuple[int, datetime], Decimal]:
    async def read(connection: Database, panel_ids: list[int]) -> Iterable[tuple[tuple[int, datetime], Decimal]]:
        instants = [one for one in asked if one[0] in panel_ids]
        return (await ledger.balances_at(connection, viewer=context.signed_in, asked=instants)).items()

    return dict(await looked_back(context, {panel_id for panel_id, _ in asked}, read))


async def entries(
    parent: strawberry.Parent[PrepaidAccount], info: Info, first: int = 50, after: Cursor | None = None
) -> Page[LedgerEntry]:
    """The changes of the panel's credit, newest first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    return await ledger_page(parent.panel, info, first=first, after=after)


async def ledger_page(panel: Panel, info: Info, *, first: int, after: Cursor | None) -> Page[LedgerEntry]:
    """The same of a panel.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    async with looking_back(info.context, panel.id) as connection:
        rows, total = await ledger.page(
            connection,
            viewer=info.context.signed_in,
            panel_id=panel.id,
            before=None if after is None else _place(after),
            limit=checked_first(first) + 1,
        )
    local = [local_entry(row, panel=panel) for row in rows]
    return page_of(local, first=first, after=after, total_count=total, cursor=_cursor)


def _cursor(entry: LedgerEntry) -> Cursor:
    return cursor_of(CURSOR, f"{micros_of(entry.at)}.{entry.id}")


def _place(cursor: Cursor) -> tuple[datetime, int]:
    at_us, _, entry_id = place_of(cursor, kind=CURSOR).partition(".")
    at, number = instant_in(at_us), number_in(entry_id)
    if at is None or number is None:
        raise bad_cursor()
    return at, number


async def low_units_rule(parent: strawberry.Parent[PrepaidAccount], info: Info) -> LowUnitsRule | None:
    """The viewer's own low-units rule of the panel; None without one."""
    return await low_units.rule_of(info.context, parent.panel)


async def top_up(
    context: Context,
    *,
    panel_code: str,
    paid: Money | None,
    units_kwh: Decimal | None,
    token: str | None,
    at: datetime | None,
    idempotency_key: str,
) -> LedgerChange:
    """Credits what was paid, by the tariff of its day, or the units of a token's slip.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_CURRENCY, BAD_TOKEN, BAD_TIME,
            BEFORE_METER, BAD_INPUT, NO_TARIFF, TOKEN_USED, TOO_MANY_ATTEMPTS.
    """
    asked: Details = {
        "amount": paid and paid.amount,
        "currency": paid and paid.currency,
        "unitsKwh": units_kwh,
        "at": at,
    }
    async with audited(context, action="TOP_UP", panel_code=panel_code, tokenEnding=ending_of(token), **asked) as audit:
        viewer, key = context.signed_in, checked_key(idempotency_key)
        panel = await prepaid_panel(context, panel_code)
        await check_own_time(context, panel, at)
        moment = moment_of(context, at)
        meter = await openpaygo.meter_of(context, panel)
        if meter is not None and token is not None:
            check_alone(paid=paid, units_kwh=units_kwh)
            return await entered_tokens.enter(context, panel, audit, meter=meter, token=token, moment=moment, key=key)
        if meter is not None and moment.at >= meter.set_at:
            raise Refused("BAD_INPUT", "This panel's meter takes tokens alone: give `token`, without money.", "token")

        def credit_of(terms: Terms) -> Credit:
            return credit(paid=paid, units_kwh=units_kwh, token=token, terms=terms)

        async def write(connection: Database) -> LedgerEntry | None:
            return await credited(connection, viewer, panel, moment=moment, credit_of=credit_of, key=key)

        return await changed(context, panel, audit, write=write, key=key)


async def record_balance(
    context: Context, *, panel_code: str, shown_kwh: Decimal, at: datetime | None, idempotency_key: str | None
) -> LedgerChange:
    """Makes the panel's balance what its display shows.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_AMOUNT, BAD_TIME, BEFORE_METER, BAD_INPUT.
    """
    async with audited(context, action="RECORD_BALANCE", panel_code=panel_code, shownKwh=shown_kwh, at=at) as audit:
        viewer, key = context.signed_in, None if idempotency_key is None else checked_key(idempotency_key)
        shown = checked_units(shown_kwh, field="shownKwh", above_zero=False)
        panel = await prepaid_panel(context, panel_code)
        await check_own_time(context, panel, at)
        moment = moment_of(context, at)

        async def write(connection: Database) -> LedgerEntry | None:
            row_at, balance_kwh = await placed(connection, viewer, panel, moment=moment)
            return await ledger_rows.record_balance(
                connection,
                viewer=viewer,
                panel_id=panel.id,
                at=row_at,
                units_kwh=correction_kwh(shown_kwh=shown, balance_kwh=balance_kwh),
                shown_kwh=shown,
                idempotency_key=key,
                is_now=moment.is_now,
            )

        return await changed(context, panel, audit, write=write, key=key)
