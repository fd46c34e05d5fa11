"""Keeps the phones and browsers that receive pushes; a token belongs to whoever registered it last."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import AsyncConnection
from psycopg.rows import kwargs_row

from metering.access import Viewer
from metering.alerts import PushPlatform
from store.connections import Row

# Another account's row goes first, and with it whatever was still to be sent to that person on this phone.
_TAKE_OVER = "DELETE FROM push_device WHERE token = %(token)s AND account_id <> %(viewer_id)s"

_REGISTER = """
INSERT INTO push_device (account_id, token, platform, name)
VALUES (%(viewer_id)s, %(token)s, %(platform)s, %(name)s)
ON CONFLICT (token) DO UPDATE SET
    account_id = excluded.account_id, platform = excluded.platform, name = excluded.name
RETURNING id, platform, name, created_at"""

# The app hands in a new token every so often without saying which it replaces: the oldest are dropped.
_TRIM = """
DELETE FROM push_device WHERE id IN (
    SELECT id FROM push_device WHERE account_id = %(viewer_id)s ORDER BY id DESC OFFSET %(keep)s)"""

_REMOVE = "DELETE FROM push_device WHERE id = %(device_id)s"

_REMOVE_OWN = "DELETE FROM push_device WHERE token = %(token)s AND account_id = %(viewer_id)s RETURNING id"

MAX_DEVICES = 20
"""How many devices an account keeps; registering more drops the oldest."""


@dataclass(frozen=True, slots=True)
class PushDevice:
    """A registered device; its token stays inside."""

    id: int
    platform: PushPlatform
    name: str | None
    created_at: datetime


def _device(*, id: int, platform: str, name: str | None, created_at: datetime) -> PushDevice:  # noqa: A002 - a column
    return PushDevice(id, PushPlatform(platform), name, created_at)


async def register(
    connection: AsyncConnection[Row], viewer: Viewer, *, token: str, platform: PushPlatform, name: str | None
) -> PushDevice:
    """Registers the token for the viewer, taking it from whoever had it; the same again changes nothing."""
    parameters = {
        "viewer_id": viewer.account_id,
        "token": token,
        "platform": platform.value,
        "name": name,
        "keep": MAX_DEVICES,
    }
    async with connection.transaction(), connection.cursor(row_factory=kwargs_row(_device)) as cursor:
        await cursor.execute(_TAKE_OVER, parameters)
        device = await (await cursor.execute(_REGISTER, parameters)).fetchone()
        if device is None:
            raise AssertionError("an upsert always returns its row")
        await cursor.execute(_TRIM, parameters)
    return device


async def remove(connection: AsyncConnection[Row], device_id: int) -> None:
    """Forgets a device, and with it the messages that still wait for it."""
    await connection.execute(_REMOVE, {"device_id": device_id})


async def remove_token(connection: AsyncConnection[Row], viewer: Viewer, *, token: str) -> bool:
    """Forgets the viewer's device of that token; False when the viewer has none."""
    parameters = {"viewer_id": viewer.account_id, "token": token}
    return await (await connection.execute(_REMOVE_OWN, parameters)).fetchone() is not None
