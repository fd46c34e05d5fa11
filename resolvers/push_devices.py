"""Turns a phone's or browser's push token into a device that receives the viewer's alerts."""

import re

from metering.alerts import PushPlatform
from metering.refusals import Refused
from resolvers.context import Context
from store import push_devices
from store.push_devices import PushDevice

MAX_NAME_LENGTH = 100
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


async def register(context: Context, *, token: str, platform: PushPlatform, name: str | None) -> PushDevice:
    """The viewer's device of this token; from now on nobody else's.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (token, name).
    """
    viewer, checked, called = context.signed_in, _checked(token), _checked_name(name)
    async with context.pool.connection() as connection:
        return await push_devices.register(connection, viewer, token=checked, platform=platform, name=called)


async def remove(context: Context, *, token: str) -> bool:
    """Whether the viewer had a device of this token; from now on it receives nothing.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (token).
    """
    viewer, checked = context.signed_in, _checked(token)
    async with context.pool.connection() as connection:
        return await push_devices.remove_token(connection, viewer, token=checked)


def _checked(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise Refused("BAD_INPUT", "`token` must be 1 to 4096 printable ASCII characters without spaces.", "token")
    return token


def _checked_name(name: str | None) -> str | None:
    called = (name or "").strip()
    if len(called) > MAX_NAME_LENGTH or not called.isprintable():
        raise Refused("BAD_INPUT", f"`name` may have {MAX_NAME_LENGTH} printable characters at the most.", "name")
    return called or None
