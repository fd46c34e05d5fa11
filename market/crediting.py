"""Turns tokens that the vendor has delivered into rows of the ledger, each once."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from metering.refusals import Refused
from metering.vending import VendState, moved
from store import audit, vend_work
from store.audit import Act, Actor
from store.connections import Database, Pool
from store.machine_credits import credit_token
from store.vend_work import Delivered

_log = logging.getLogger(__name__)

BATCH: Final = 50
ACTOR: Final = "vendor"


async def credit_delivered(pool: Pool, *, now: Callable[[], datetime]) -> int:
    """Credits up to 50 delivered tokens to their panels, and returns how many it looked at.

    A token that somebody typed in for its panel meanwhile is credited by that. One that is used elsewhere is not
    credited, and stays DELIVERED, with the reason, for a person to look.
    """
    async with pool.connection() as connection:
        waiting = await vend_work.uncredited(connection, now=now(), limit=BATCH)
    for vend_id in waiting:
        async with pool.connection() as connection, connection.transaction():
            vend = await vend_work.lock_delivered(connection, vend_id)
            if vend is not None:
                await _credit(connection, vend, now=now())
    return len(waiting)


async def _credit(connection: Database, vend: Delivered, *, now: datetime) -> None:
    """Credits one token, which the transaction holds."""
    try:
        async with connection.transaction():
            entry_id = await credit_token(
                connection,
                panel_id=vend.panel_id,
                zone=vend.zone,
                token=vend.token,
                units_kwh=vend.units_kwh,
                price=vend.price,
                reference=vend.reference,
                now=now,
            )
    except Refused as refused:
        await _not_credited(connection, vend, reason=refused.code, detail=refused.message)
        return
    if entry_id is None:
        entry_id = await vend_work.entry_of_token(connection, vend.id)
    if entry_id is None:
        await _not_credited(connection, vend, reason="TOKEN_USED", detail="The token was credited before, elsewhere.")
        return
    moved(VendState.DELIVERED, VendState.ACCEPTED)
    await vend_work.record_accepted(connection, vend.id, ledger_entry_id=entry_id)
    await _audit(connection, vend, result=VendState.ACCEPTED.value)


async def _not_credited(connection: Database, vend: Delivered, *, reason: str, detail: str) -> None:
    _log.warning("the token of vend %s could not be credited: %s", vend.reference, reason)
    await vend_work.record_not_credited(connection, vend.id, reason=reason, detail=detail)
    await _audit(connection, vend, result=reason)


async def _audit(connection: Database, vend: Delivered, *, result: str) -> None:
    details = {
        "reference": vend.reference,
        "result": result,
        "unitsKwh": str(vend.units_kwh),
        "token": vend.token[-4:],
        "amount": str(vend.price.amount),
        "currency": vend.price.currency,
    }
    act = Act(Actor(None, ACTOR), "VEND", vend.panel_code, details)
    await audit.record_done(connection, act, panel_id=vend.panel_id)
