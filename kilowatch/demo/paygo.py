"""Gives one flat an OpenPAYGO meter, and makes a token for it that nobody has entered yet."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from kilowatch.demo.site import (
    OPENPAYGO_FLAT,
    OPENPAYGO_KEY_HEX,
    OPENPAYGO_KWH_PER_VALUE,
    OPENPAYGO_STARTING_CODE,
    PROPERTIES,
)
from kilowatch.demo.viewers import viewer_of
from metering.access import Viewer
from metering.openpaygo import PaygoKind, PaygoToken, checked_meter, digits_of, kwh_of, next_count, value_of
from store import ledger, openpaygo
from store.connections import Database, connect_async
from store.openpaygo import KnownMeter, KnownToken

_TOKEN_KWH: Final = Decimal(15)
_KEY: Final = "demo-openpaygo-token"


async def set_paygo(database_url: str, *, panel_ids: dict[str, int], at: datetime) -> None:
    """Makes the flat's tokens OpenPAYGO's, and a token of 15 kWh, once."""
    panel_id = panel_ids[OPENPAYGO_FLAT]
    meter = checked_meter(
        secret_key_hex=OPENPAYGO_KEY_HEX,
        starting_code=OPENPAYGO_STARTING_CODE,
        kwh_per_value=OPENPAYGO_KWH_PER_VALUE,
        starting_count=1,
        has_restricted_digits=False,
        makes_long_tokens=False,
    )
    async with await connect_async(database_url) as connection, connection.transaction():
        viewer = await viewer_of(connection, _landlord())
        await ledger.take_turn(connection, viewer=viewer, panel_id=panel_id)
        await openpaygo.put_meter(connection, viewer=viewer, panel_id=panel_id, meter=meter)
        known = await openpaygo.meter_of(connection, viewer=viewer, panel_id=panel_id)
        if known and not await openpaygo.tokens_of(connection, known):
            await _make(connection, known, viewer=viewer, at=at)


def _landlord() -> str:
    return next(each.landlord for each in PROPERTIES if OPENPAYGO_FLAT in each.panels)


async def _make(connection: Database, known: KnownMeter, *, viewer: Viewer, at: datetime) -> None:
    value = value_of(_TOKEN_KWH, meter=known.meter)
    token = PaygoToken(PaygoKind.ADD_TIME, value, next_count(known.meter.starting_count))
    digits = digits_of(token, meter=known.meter)
    made = KnownToken(
        token,
        ending=digits[-4:],
        digits=digits,
        units_kwh=kwh_of(token, meter=known.meter),
        paid=None,
        made_at=at,
        entered_at=None,
    )
    await openpaygo.keep_made(connection, known, made, viewer=viewer, key=_KEY)
