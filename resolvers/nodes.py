"""Turns global ids into the panels and devices that the viewer may see, and these into their ids."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import strawberry

from metering.refusals import Refused
from resolvers.context import Context, Info
from resolvers.windows import seeing_now
from store import devices, panels
from store.devices import Device
from store.panels import Panel

MAX_IDS = 100
_LAST_NUMBER = 2**31 - 1

Node = Panel | Device
"""What has a global id."""


def id_of(kind: type[Node], number: int) -> strawberry.ID:
    """The global id of a row: base64url of its kind and number."""
    return strawberry.ID(urlsafe_b64encode(f"{kind.__name__}:{number}".encode()).decode().rstrip("="))


async def panel_id(parent: strawberry.Parent[Panel]) -> strawberry.ID:
    """The panel's global id."""
    return id_of(Panel, parent.id)


async def device_id(parent: strawberry.Parent[Device]) -> strawberry.ID:
    """The device's global id."""
    return id_of(Device, parent.id)


async def node(info: Info, id_: strawberry.ID) -> Node | None:
    """What has this id; None for "not there" and "not yours" alike.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    (found,) = await nodes(info, [id_])
    return found


async def nodes(info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
    """What has each of these ids, in their order; None for "not there" and "not yours" alike.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT for over 100 ids.
    """
    context, _ = info.context, info.context.signed_in
    if len(ids) > MAX_IDS:
        raise Refused("BAD_INPUT", f"`ids` may name {MAX_IDS} nodes at the most.", "ids")
    keys = [_key(id_) for id_ in ids]
    found = await _found(context, [key for key in keys if key is not None])
    return [None if key is None else found.get(key) for key in keys]


def _key(id_: str) -> tuple[str, int] | None:
    """The kind and number of an id; None for what is no id of ours."""
    try:
        kind, number = urlsafe_b64decode(id_ + "=" * (-len(id_) % 4)).decode("ascii").split(":")
    except (binascii.Error, ValueError):
        return None
    if not (number.isdigit() and len(number) <= 10 and int(number) <= _LAST_NUMBER):
        return None
    return kind, int(number)


async def _found(context: Context, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Node]:
    """The visible nodes; one statement for each kind that is asked for."""
    found: dict[tuple[str, int], Node] = {}
    for kind, read in (("Panel", panels.by_ids), ("Device", devices.by_ids)):
        numbers = [number for other, number in keys if other == kind]
        if not numbers:
            continue
        since = context.now() - context.online_within
        async with seeing_now(context) as connection:
            rows = await read(connection, numbers, viewer=context.signed_in, online_since=since)
        found |= {(kind, number): row for number, row in rows.items()}
    return found
