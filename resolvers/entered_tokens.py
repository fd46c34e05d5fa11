"""Turns an OpenPAYGO token that was entered into a meter into the change of the panel's credit."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from metering.access import Viewer
from metering.ledger import correction_kwh, credit_of_units
from metering.openpaygo import (
    PaygoFault,
    PaygoKind,
    PaygoToken,
    check_wrong,
    checked_digits,
    counts_after,
    kwh_of,
    token_of,
)
from metering.refusals import Refused
from resolvers.audit import Audit
from resolvers.context import Context
from resolvers.ledger_turns import KeyUsed, LedgerChange, Moment, account_of, credited, local_entry, placed, repeated
from store import ledger, ledger_rows, openpaygo
from store.connections import Database
from store.ledger import KeyUse, LedgerEntry
from store.openpaygo import KnownMeter, KnownToken
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class _Turn:
    """A panel's turn in which a token is entered: what is known of its meter cannot change meanwhile."""

    connection: Database
    viewer: Viewer
    panel: Panel
    meter: KnownMeter
    known: list[KnownToken]
    moment: Moment
    at: datetime
    key: str


async def enter(
    context: Context, panel: Panel, audit: Audit, *, meter: KnownMeter, token: str, moment: Moment, key: str
) -> LedgerChange:
    """What the token does to the panel's credit: adds units or sets them, or only moves the meter's count.

    A few wrong tokens are looked at an hour and a day; each counts as one until it is found to be the meter's. One of a
    count that was used, which nobody entered here, is wrong too: whoever guesses would meet it.

    Raises:
        Refused: BAD_TOKEN, TOKEN_USED, TOO_MANY_ATTEMPTS, PANEL_NOT_FOUND, BEFORE_METER.
    """
    digits = checked_digits(token, meter=meter.meter)
    async with context.pool.connection() as connection:
        use = await _use_of_key(connection, context.signed_in, key)
    if use:
        return await _repeated(context, panel, audit, use)
    attempt_id = await _begun_attempt(context, panel)
    try:
        return await _entered(context, panel, audit, digits=digits, moment=moment, key=key, attempt_id=attempt_id)
    except Refused as refused:
        if refused.code != "BAD_TOKEN" and not isinstance(refused, _NeverEnteredError):
            async with context.pool.connection() as connection:
                await openpaygo.forgive(connection, attempt_id)
        raise


async def _use_of_key(connection: Database, viewer: Viewer, key: str) -> KeyUse | None:
    """What the viewer did with the key before; a token without a row in the ledger shows none."""
    use = await ledger.use_of_key(connection, viewer=viewer, idempotency_key=key)
    if use is None and await openpaygo.is_entered_with(connection, viewer=viewer, key=key):
        return KeyUse(None)
    return use


async def _repeated(context: Context, panel: Panel, audit: Audit, use: KeyUse) -> LedgerChange:
    audit.code = KeyUsed().code
    return await repeated(context, panel, use)


async def _begun_attempt(context: Context, panel: Panel) -> int:
    viewer, now = context.signed_in, context.now()
    async with context.pool.connection() as connection, connection.transaction():
        await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
        wrong = await openpaygo.wrong_tokens(connection, viewer=viewer, panel_id=panel.id, now=now)
        check_wrong(wrong, now=now.astimezone(panel.zone))
        return await openpaygo.begin_attempt(connection, panel_id=panel.id, now=now)


async def _entered(
    context: Context, panel: Panel, audit: Audit, *, digits: str, moment: Moment, key: str, attempt_id: int
) -> LedgerChange:
    """Reads the token and writes what it does, in one turn of the panel."""
    viewer = context.signed_in
    async with context.pool.connection() as connection, connection.transaction():
        await ledger.take_turn(connection, viewer=viewer, panel_id=panel.id)
        await openpaygo.forgive(connection, attempt_id)
        use = await _use_of_key(connection, viewer, key)
        entry = None
        if use is None:
            turn = await _turn(connection, viewer, panel, moment=moment, key=key)
            token = await _read(digits, turn=turn)
            entry = await _written(token, turn=turn)
            await _note(token, turn=turn, ending=digits[-4:], entry_id=entry and entry.id)
            await audit.done(connection, panel_id=panel.id, kind=token.kind.value, entryId=entry and entry.id)
    if use:
        return await _repeated(context, panel, audit, use)
    shown = entry and replace(local_entry(entry, panel=panel), token_ending=digits[-4:])
    return LedgerChange(entry=shown, prepaid=await account_of(context, panel))


async def _turn(connection: Database, viewer: Viewer, panel: Panel, *, moment: Moment, key: str) -> _Turn:
    meter = await openpaygo.meter_of(connection, viewer=viewer, panel_id=panel.id)
    if meter is None:
        raise Refused("BAD_TOKEN", "The panel's tokens are not OpenPAYGO's any more.", "token")
    at, _ = await placed(connection, viewer, panel, moment=moment)
    known = await openpaygo.tokens_of(connection, meter)
    return _Turn(connection, viewer, panel, meter, known, moment, at, key)


async def _read(digits: str, *, turn: _Turn) -> PaygoToken:
    """The token as the meter takes it at that instant, after what was entered before.

    In a thread: looking through a hundred counts takes 1 ms, through the most that there may be 0.2 s.
    """
    before = [each.token for each in turn.known if each.entered_at and each.entered_at <= turn.at]
    found = await asyncio.to_thread(
        token_of,
        digits,
        meter=turn.meter.meter,
        counts=counts_after(turn.meter.meter, before),
        newest_count=max((each.token.count for each in turn.known), default=0),
    )
    if found is PaygoFault.USED:
        is_known = any(each.entered_at and each.ending == digits[-4:] for each in turn.known)
        raise _used() if is_known else _NeverEnteredError(_used().code, _used().message, _used().field)
    if isinstance(found, PaygoFault):
        raise Refused("BAD_TOKEN", "This is no token of the panel's meter. Check its digits.", "token")
    return found


class _NeverEnteredError(Refused):
    """TOKEN_USED, of a token that nobody entered here."""


def _used() -> Refused:
    return Refused("TOKEN_USED", "This token was used before. Nothing was changed.", "token")


async def _written(token: PaygoToken, *, turn: _Turn) -> LedgerEntry | None:
    """The ledger's row of the token; None of one that neither adds nor sets units."""
    if token.kind is PaygoKind.ADD_TIME:
        return _required(await _added(token, turn=turn))
    if token.kind is PaygoKind.SET_TIME:
        return _required(await _set(token, turn=turn))
    return None


def _required(entry: LedgerEntry | None) -> LedgerEntry:
    """The row; without one the key was used a moment before, on another panel."""
    if entry is None:
        raise Refused(KeyUsed().code, "This key was used before. Nothing was changed.", KeyUsed().field)
    return entry


async def _added(token: PaygoToken, *, turn: _Turn) -> LedgerEntry | None:
    units_kwh = kwh_of(token, meter=turn.meter.meter)
    made = next((each for each in turn.known if each.token == token and each.digits), None)
    return await credited(
        turn.connection,
        turn.viewer,
        turn.panel,
        moment=turn.moment,
        credit_of=lambda terms: credit_of_units(units_kwh, terms=terms),
        key=turn.key,
        paid=made and made.paid,
    )


async def _set(token: PaygoToken, *, turn: _Turn) -> LedgerEntry | None:
    shown_kwh = kwh_of(token, meter=turn.meter.meter)
    at, balance_kwh = await placed(turn.connection, turn.viewer, turn.panel, moment=turn.moment)
    return await ledger_rows.record_balance(
        turn.connection,
        viewer=turn.viewer,
        panel_id=turn.panel.id,
        at=at,
        units_kwh=correction_kwh(shown_kwh=shown_kwh, balance_kwh=balance_kwh),
        shown_kwh=shown_kwh,
        idempotency_key=turn.key,
        is_now=turn.moment.is_now,
    )


async def _note(token: PaygoToken, *, turn: _Turn, ending: str, entry_id: int | None) -> None:
    is_new = await openpaygo.enter(
        turn.connection,
        turn.meter,
        token,
        ending=ending,
        at=turn.at,
        viewer=turn.viewer,
        key=turn.key,
        entry_id=entry_id,
    )
    if not is_new:
        raise _used()
