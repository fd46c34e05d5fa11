"""Turns balances and forecasts into alerts, and alerts into messages in the outbox."""

import logging
from datetime import datetime
from decimal import Decimal

from metering.low_units import Decision, Unit, days_until, decide
from notifications.wording import low_units_message
from store import alerts, low_units, outbox
from store.connections import Database, Pool
from store.low_units import DueRule, RuleLevel
from store.outages import is_outage

_log = logging.getLogger(__name__)

PART = 500
"""How many rules are read by one statement, so that none runs into the statement time-out."""


async def evaluate(pool: Pool, *, now: datetime) -> int:
    """Looks at every rule that may have news, and returns how many alerts it raised.

    Most rules have nothing to say: they are read together and only marked. One that turns is locked, read again and
    settled in a transaction of its own, so any number of workers raise one alert a crossing. A rule that fails is
    logged and looked at again at the next news.
    """
    async with pool.connection() as connection:
        due = await low_units.due(connection, now=now)
        parts = [due[start : start + PART] for start in range(0, len(due), PART)]
        return sum([await _evaluate(connection, part, now=now) for part in parts])


async def _evaluate(connection: Database, due: list[DueRule], *, now: datetime) -> int:
    """Looks at some rules; where reading them fails, at each half of them, so that one rule fails alone."""
    try:
        levels = await low_units.levels(connection, [rule.id for rule in due], now=now)
    except Exception as error:
        if is_outage(error):
            raise
        return await _evaluate_halves(connection, due, now=now)
    turning = [level.rule_id for level in levels if _decision(level, now=now) is not Decision.NOTHING]
    raised = sum([await _settle(connection, rule_id, now=now) for rule_id in turning])
    await low_units.mark_checked(connection, due)
    return raised


async def _evaluate_halves(connection: Database, due: list[DueRule], *, now: datetime) -> int:
    if len(due) == 1:
        _log.exception("low-units rule %d was not evaluated", due[0].id)
        await low_units.mark_checked(connection, due)
        return 0
    middle = len(due) // 2
    return sum([await _evaluate(connection, half, now=now) for half in (due[:middle], due[middle:])])


async def _settle(connection: Database, rule_id: int, *, now: datetime) -> int:
    try:
        async with connection.transaction():
            return await _act(connection, rule_id, now=now)
    except Exception as error:
        if is_outage(error):
            raise
        _log.exception("low-units rule %d was not evaluated", rule_id)
        return 0


async def _act(connection: Database, rule_id: int, *, now: datetime) -> int:
    """Decides again under the rule's lock, writes what follows, and returns how many alerts were raised."""
    if not await low_units.lock(connection, rule_id):
        return 0
    for level in await low_units.levels(connection, [rule_id], now=now):
        decision = _decision(level, now=now)
        if decision is Decision.ALERT:
            return await _warn(connection, level, now=now)
        if decision is Decision.REARM:
            await _rearm(connection, level, now=now)
    return 0


def _decision(level: RuleLevel, *, now: datetime) -> Decision:
    """What the rule does; nothing while a rule on days waits for a forecast that knows the newest credit."""
    if level.threshold.unit is Unit.DAYS and not level.has_forecast:
        return Decision.NOTHING
    return decide(
        is_armed=level.is_armed,
        level=level.left_kwh if level.threshold.unit is Unit.KWH else _days_left(level, now=now),
        threshold=level.threshold.value,
        has_topped_up=level.has_topped_up,
    )


def _days_left(level: RuleLevel, *, now: datetime) -> Decimal | None:
    """Expected days until the units run out; None when it cannot be foreseen."""
    if level.balance_kwh <= 0:
        return Decimal(0)
    return days_until(level.depletes_at, now=now) if level.has_forecast else None


async def _warn(connection: Database, level: RuleLevel, *, now: datetime) -> int:
    days_left = _days_left(level, now=now)
    alert_id = await alerts.raise_low_units(
        connection,
        account_id=level.account_id,
        panel_id=level.panel_id,
        balance_kwh=level.left_kwh,
        days_left=None if days_left is None else float(days_left),
        message=low_units_message(
            level.panel_name, left_kwh=level.left_kwh, days_left=days_left, is_likely=bool(level.likely_use_kwh)
        ),
        now=now,
    )
    await low_units.disarm(connection, level.rule_id, ledger_id=level.ledger_id)
    if alert_id is None:
        return 0
    await outbox.add(connection, alert_id=alert_id, account_id=level.account_id, now=now)
    return 1


async def _rearm(connection: Database, level: RuleLevel, *, now: datetime) -> None:
    await low_units.rearm(connection, level.rule_id)
    cleared = await alerts.clear(connection, account_id=level.account_id, panel_id=level.panel_id, now=now)
    await outbox.cancel(connection, cleared)
