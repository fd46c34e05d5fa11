"""Keeps how the tokens of OpenPAYGO meters are read, which were made and entered, and which wrong ones were tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation

from metering.access import Viewer
from metering.money import Money
from metering.openpaygo import WRONG_WITHIN, PaygoKind, PaygoMeter, PaygoToken
from metering.refusals import Refused
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class KnownMeter:
    """The OpenPAYGO meter of a panel."""

    id: int
    meter: PaygoMeter
    set_at: datetime


_METER: LiteralString = """
SELECT meter.id, encode(meter.secret_key, 'hex'), meter.starting_code, meter.kwh_per_value, meter.starting_count,
       meter.has_restricted_digits, meter.makes_long_tokens, meter.set_at
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN openpaygo_meter AS meter ON meter.panel_id = panel.id
WHERE panel.id = %(panel_id)s"""


async def meter_of(connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int) -> KnownMeter | None:
    """The panel's meter, with its key: never show it. None where its tokens are not OpenPAYGO's."""
    row = await (await connection.execute(_METER, {**scope(viewer), "panel_id": panel_id})).fetchone()
    return KnownMeter(row[0], PaygoMeter(*row[1:7]), row[7]) if row else None


_TAKE_OFF = """
UPDATE openpaygo_meter SET panel_id = NULL
WHERE panel_id = %(panel_id)s AND (secret_key, starting_code) IS DISTINCT FROM (%(secret_key)s, %(starting_code)s)"""

# A meter that was here before goes on with its counts: its tokens stay used.
_PUT: LiteralString = """
INSERT INTO openpaygo_meter AS known (panel_id, secret_key, starting_code, kwh_per_value, starting_count,
                                      has_restricted_digits, makes_long_tokens, account_id)
VALUES (%(panel_id)s, %(secret_key)s, %(starting_code)s, %(kwh_per_value)s, %(starting_count)s,
        %(has_restricted_digits)s, %(makes_long_tokens)s, %(account_id)s)
ON CONFLICT (secret_key, starting_code) DO UPDATE SET
    panel_id = excluded.panel_id, kwh_per_value = excluded.kwh_per_value,
    starting_count = greatest(known.starting_count, excluded.starting_count),
    has_restricted_digits = excluded.has_restricted_digits, makes_long_tokens = excluded.makes_long_tokens,
    account_id = excluded.account_id, set_at = clock_timestamp()
WHERE known.panel_id IS NULL OR known.panel_id = excluded.panel_id
RETURNING id"""


async def put_meter(connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, meter: PaygoMeter) -> bool:
    """Makes it the panel's meter, in the panel's turn; False, and nothing changed, while another panel has it."""
    parameters = {
        "panel_id": panel_id,
        "secret_key": bytes.fromhex(meter.secret_key_hex),
        "starting_code": meter.starting_code,
        "kwh_per_value": meter.kwh_per_value,
        "starting_count": meter.starting_count,
        "has_restricted_digits": meter.has_restricted_digits,
        "makes_long_tokens": meter.makes_long_tokens,
        "account_id": viewer.account_id,
    }
    await connection.execute(_TAKE_OFF, parameters)
    return await (await connection.execute(_PUT, parameters)).fetchone() is not None


_REMOVE = "UPDATE openpaygo_meter SET panel_id = NULL WHERE panel_id = %(panel_id)s"


async def take_off(connection: AsyncConnection[Row], *, panel_id: int) -> bool:
    """Takes the panel's meter off it, in the panel's turn; False where there was none. What it took stays used."""
    return (await connection.execute(_REMOVE, {"panel_id": panel_id})).rowcount == 1


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token that was made here or entered; `entered_at` None: not yet. `paid` None: not made here for money.

    `digits` are known of what was made here.
    """

    token: PaygoToken
    ending: str
    digits: str | None
    units_kwh: Decimal | None
    paid: Money | None
    made_at: datetime | None
    entered_at: datetime | None


_COLUMNS: LiteralString = """
       token.kind, token.value, token.count, token.token_ending, token.digits, token.units_kwh, token.amount,
       token.currency, token.made_at, token.entered_at"""

_TOKENS: LiteralString = f"""
SELECT {_COLUMNS} FROM openpaygo_token AS token WHERE meter_id = %(meter_id)s
ORDER BY token.entered_at, token.count"""


async def tokens_of(connection: AsyncConnection[Row], meter: KnownMeter) -> list[KnownToken]:
    """Every token of the meter that is known, in the order in which they were entered, then those that were not."""
    cursor = await connection.execute(_TOKENS, {"meter_id": meter.id}, binary=True)
    return [_token(row) for row in await cursor.fetchall()]


_ENTER: LiteralString = """
INSERT INTO openpaygo_token AS known (meter_id, count, kind, value, token_ending, entered_at, entered_by,
                                      entered_with_key, told_at, entry_id)
VALUES (%(meter_id)s, %(count)s, %(kind)s, %(value)s, %(ending)s, %(at)s, %(account_id)s, %(key)s,
        clock_timestamp(), %(entry_id)s)
ON CONFLICT (meter_id, count) DO UPDATE SET
    kind = excluded.kind, value = excluded.value, token_ending = excluded.token_ending,
    entered_at = excluded.entered_at, entered_by = excluded.entered_by, entered_with_key = excluded.entered_with_key,
    told_at = excluded.told_at, entry_id = excluded.entry_id
WHERE known.entered_at IS NULL
RETURNING id"""


async def enter(
    connection: AsyncConnection[Row],
    meter: KnownMeter,
    token: PaygoToken,
    *,
    ending: str,
    at: datetime,
    viewer: Viewer,
    key: str,
    entry_id: int | None,
) -> bool:
    """Notes that the token was entered, in the panel's turn; False, and nothing changed, where its count was used.

    Raises:
        Refused: IDEMPOTENCY_KEY_USED when the key was used a moment before, on another panel; ends the transaction.
    """
    parameters = {
        "meter_id": meter.id,
        **_said(token),
        "ending": ending,
        "at": at,
        "account_id": viewer.account_id,
        "key": key,
        "entry_id": entry_id,
    }
    try:
        return await (await connection.execute(_ENTER, parameters)).fetchone() is not None
    except UniqueViolation:
        message = "This key was used before. Nothing was changed."
        raise Refused("IDEMPOTENCY_KEY_USED", message, "idempotencyKey") from None


_MAKE: LiteralString = """
INSERT INTO openpaygo_token (meter_id, count, kind, value, token_ending, digits, units_kwh, amount, currency, made_at,
                             made_by, made_with_key)
VALUES (%(meter_id)s, %(count)s, %(kind)s, %(value)s, %(ending)s, %(digits)s, %(units_kwh)s, %(amount)s, %(currency)s,
        %(at)s, (SELECT id FROM account WHERE id = %(account_id)s), %(key)s)
ON CONFLICT DO NOTHING"""


async def keep_made(
    connection: AsyncConnection[Row], meter: KnownMeter, made: KnownToken, *, viewer: Viewer, key: str
) -> bool:
    """Keeps a token that was made, in the panel's turn: its count is taken from now on. False: the key was used.

    Of THE_SERVICE, which is no account, no key is known: it must not come twice by itself.
    """
    parameters = {
        "meter_id": meter.id,
        **_said(made.token),
        "ending": made.ending,
        "digits": made.digits,
        "units_kwh": made.units_kwh,
        "amount": made.paid and made.paid.amount,
        "currency": made.paid and made.paid.currency,
        "at": made.made_at,
        "account_id": viewer.account_id,
        "key": key,
    }
    return (await connection.execute(_MAKE, parameters)).rowcount == 1


@dataclass(frozen=True, slots=True)
class ShownMeter:
    """What may be shown of a panel's meter, and the tokens made for it that were not entered yet, oldest first.

    `wrong_at` are the instants of wrong tokens of the last day. All in UTC.
    """

    panel_id: int
    kwh_per_value: Decimal
    has_restricted_digits: bool
    makes_long_tokens: bool
    set_at: datetime
    is_disabled: bool
    not_entered: list[KnownToken]
    wrong_at: list[datetime]


# A meter that was told to stop metering does so until a later token that adds or sets units.
_SHOWN: LiteralString = """
SELECT panel.id, meter.kwh_per_value, meter.has_restricted_digits, meter.makes_long_tokens, meter.set_at,
       coalesce((SELECT kind = 'DISABLE_PAYG' FROM openpaygo_token
                 WHERE meter_id = meter.id AND entered_at IS NOT NULL AND kind <> 'COUNTER_SYNC'
                 ORDER BY entered_at DESC, count DESC LIMIT 1), false),
       ARRAY(SELECT at FROM openpaygo_attempt WHERE panel_id = panel.id AND at > %(since)s)
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN openpaygo_meter AS meter ON meter.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s)"""

_NOT_ENTERED: LiteralString = f"""
SELECT panel.id, {_COLUMNS}
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN openpaygo_meter AS meter ON meter.panel_id = panel.id
JOIN openpaygo_token AS token ON token.meter_id = meter.id AND token.entered_at IS NULL
WHERE panel.id = ANY(%(panel_ids)s)
ORDER BY token.count"""


async def shown_meters(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int], now: datetime
) -> dict[int, ShownMeter]:
    """What may be shown of the visible panels' meters, by panel id; absent where tokens are not OpenPAYGO's."""
    parameters = {**scope(viewer), "panel_ids": list(panel_ids), "since": now - WRONG_WITHIN}
    rows = await (await connection.execute(_SHOWN, parameters)).fetchall()
    waiting: dict[int, list[KnownToken]] = {row[0]: [] for row in rows}
    for panel_id, *row in await (await connection.execute(_NOT_ENTERED, parameters, binary=True)).fetchall():
        waiting[panel_id].append(_token(tuple(row)))
    return {row[0]: ShownMeter(*row[:6], not_entered=waiting[row[0]], wrong_at=row[6]) for row in rows}


@dataclass(frozen=True, slots=True)
class MadeBefore:
    """What the viewer made with a key before; None once they have lost sight of the meter's panel."""

    token: KnownToken | None
    meter_id: int
    panel_id: int | None


_MADE_WITH: LiteralString = f"""
SELECT meter.id, panel.id, {_COLUMNS}
FROM openpaygo_token AS token
JOIN openpaygo_meter AS meter ON meter.id = token.meter_id
LEFT JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = meter.panel_id
WHERE token.made_by = %(viewer_id)s AND token.made_with_key = %(key)s"""


async def made_with(connection: AsyncConnection[Row], *, viewer: Viewer, key: str) -> MadeBefore | None:
    """What the viewer made with that key; None for a new one."""
    row = await (await connection.execute(_MADE_WITH, {**scope(viewer), "key": key}, binary=True)).fetchone()
    return MadeBefore(_token(row[2:]) if row[1] else None, row[0], row[1]) if row else None


_ENTERED_WITH: LiteralString = """
SELECT EXISTS (SELECT FROM openpaygo_token WHERE entered_by = %(account_id)s AND entered_with_key = %(key)s)"""


async def is_entered_with(connection: AsyncConnection[Row], *, viewer: Viewer, key: str) -> bool:
    """Whether the viewer entered a token with that key before."""
    parameters = {"account_id": viewer.account_id, "key": key}
    return await (await connection.execute(_ENTERED_WITH, parameters)).fetchone() == (True,)


_WRONG: LiteralString = """
SELECT attempt.at FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN openpaygo_attempt AS attempt ON attempt.panel_id = panel.id
WHERE panel.id = %(panel_id)s AND attempt.at > %(since)s"""


async def wrong_tokens(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_id: int, now: datetime
) -> Sequence[datetime]:
    """When wrong tokens were tried on the panel within a day, those that are being tried included."""
    parameters = {**scope(viewer), "panel_id": panel_id, "since": now - WRONG_WITHIN}
    return [at for (at,) in await (await connection.execute(_WRONG, parameters)).fetchall()]


_FORGET_OLD = "DELETE FROM openpaygo_attempt WHERE panel_id = %(panel_id)s AND at <= %(since)s"
_TRY = "INSERT INTO openpaygo_attempt (panel_id, at) VALUES (%(panel_id)s, %(now)s) RETURNING id"


async def begin_attempt(connection: AsyncConnection[Row], *, panel_id: int, now: datetime) -> int:
    """Counts a token that is about to be tried, in the panel's turn, and answers the attempt's number."""
    parameters = {"panel_id": panel_id, "now": now, "since": now - WRONG_WITHIN}
    await connection.execute(_FORGET_OLD, parameters)
    ((attempt_id,),) = await (await connection.execute(_TRY, parameters)).fetchall()
    return attempt_id


_FORGIVE = "DELETE FROM openpaygo_attempt WHERE id = %(attempt_id)s"


async def forgive(connection: AsyncConnection[Row], attempt_id: int) -> None:
    """Forgets an attempt: its token was the meter's."""
    await connection.execute(_FORGIVE, {"attempt_id": attempt_id})


def _token(row: Row) -> KnownToken:
    kind, value, count, ending, digits, units_kwh, amount, currency, made_at, entered_at = row
    paid = None if amount is None else Money(amount, currency)
    return KnownToken(PaygoToken(PaygoKind(kind), value, count), ending, digits, units_kwh, paid, made_at, entered_at)


def _said(token: PaygoToken) -> dict[str, Any]:
    return {"count": token.count, "kind": token.kind.value, "value": token.value}
