"""Keeps the authenticator apps of accounts, sealed, and hashes of the codes for when the phone is lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import AsyncConnection

from store.connections import Row


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """An account's authenticator; it counts once it is confirmed. Codes of steps up to `last_step` were taken."""

    sealed_secret: bytes = field(repr=False)
    is_confirmed: bool
    last_step: int


_START = """
INSERT INTO second_factor (account_id, sealed_secret, started_at) VALUES (%(account_id)s, %(sealed_secret)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, started_at = excluded.started_at,
                                       last_step = 0
WHERE second_factor.confirmed_at IS NULL
RETURNING true"""


async def start(connection: AsyncConnection[Row], *, account_id: int, sealed_secret: bytes, now: datetime) -> bool:
    """Keeps a secret that is still to be confirmed, in place of one that never was; False where one is confirmed."""
    values = {"account_id": account_id, "sealed_secret": sealed_secret, "now": now}
    return await (await connection.execute(_START, values)).fetchone() is not None


_LOCKED = """
SELECT sealed_secret, confirmed_at IS NOT NULL, last_step FROM second_factor WHERE account_id = %(account_id)s
FOR UPDATE"""


async def locked(connection: AsyncConnection[Row], account_id: int) -> SecondFactor | None:
    """The authenticator, locked until the transaction's end: nobody else checks a code of it meanwhile."""
    row = await (await connection.execute(_LOCKED, {"account_id": account_id})).fetchone()
    return SecondFactor(*row) if row else None


_USE_STEP = "UPDATE second_factor SET last_step = %(step)s WHERE account_id = %(account_id)s AND last_step < %(step)s"


async def use_step(connection: AsyncConnection[Row], *, account_id: int, step: int) -> None:
    """Keeps that the code of a step was taken: neither it nor an older one is taken again."""
    await connection.execute(_USE_STEP, {"account_id": account_id, "step": step})


_CONFIRM = """
WITH confirmed AS (
    UPDATE second_factor SET confirmed_at = %(now)s WHERE account_id = %(account_id)s AND confirmed_at IS NULL
    RETURNING account_id
)
INSERT INTO recovery_code (account_id, code_hash)
SELECT account_id, code_hash FROM confirmed, unnest(%(code_hashes)s::bytea[]) AS made (code_hash)"""


async def confirm(
    connection: AsyncConnection[Row], *, account_id: int, code_hashes: Sequence[bytes], now: datetime
) -> None:
    """From now on the authenticator is asked for; the hashes are of the codes for when it is lost."""
    await connection.execute(_CONFIRM, {"account_id": account_id, "code_hashes": list(code_hashes), "now": now})


_IS_ON = "SELECT EXISTS (SELECT FROM second_factor WHERE account_id = %(account_id)s AND confirmed_at IS NOT NULL)"


async def is_on(connection: AsyncConnection[Row], account_id: int) -> bool:
    """Whether a second factor is asked for."""
    return await (await connection.execute(_IS_ON, {"account_id": account_id})).fetchone() == (True,)


_USE_RECOVERY_CODE = """
UPDATE recovery_code SET used_at = %(now)s
WHERE account_id = %(account_id)s AND code_hash = %(code_hash)s AND used_at IS NULL
RETURNING true"""


async def use_recovery_code(
    connection: AsyncConnection[Row], *, account_id: int, code_hash: bytes, now: datetime
) -> bool:
    """Takes one of the codes, once: whether it was one."""
    values = {"account_id": account_id, "code_hash": code_hash, "now": now}
    return await (await connection.execute(_USE_RECOVERY_CODE, values)).fetchone() is not None


_RECOVERY_CODES_LEFT = """
SELECT count(*)::integer FROM recovery_code WHERE account_id = %(account_id)s AND used_at IS NULL"""


async def recovery_codes_left(connection: AsyncConnection[Row], account_id: int) -> int:
    """How many of the codes for a lost phone were not used yet."""
    row = await (await connection.execute(_RECOVERY_CODES_LEFT, {"account_id": account_id})).fetchone()
    return row[0] if row else 0


_REMOVE = "DELETE FROM second_factor WHERE account_id = %(account_id)s RETURNING confirmed_at IS NOT NULL"


async def remove(connection: AsyncConnection[Row], account_id: int) -> bool:
    """Takes the authenticator away, and its codes: whether one was asked for."""
    return await (await connection.execute(_REMOVE, {"account_id": account_id})).fetchone() == (True,)
