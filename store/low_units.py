"""Keeps low-units rules, one an account and panel, and finds those whose units may have moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row, kwargs_row

from metering.access import Viewer
from metering.likely_left import likely_left_kwh
from metering.low_units import Threshold, Unit
from store.connections import Row
from store.likely_use import LIKELY_USE

_TARGET = """
SELECT id AS panel_id, is_prepaid
FROM visible_panel(%(viewer_id)s, %(sees_all)s) WHERE code = %(panel_code)s"""

_FOR_PANELS = """
SELECT rule.panel_id, threshold_kwh, threshold_days, is_armed, updated_at
FROM low_units_rule AS rule
JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel ON panel.id = rule.panel_id
WHERE rule.account_id = %(viewer_id)s AND rule.panel_id = ANY(%(panel_ids)s)"""

_SET = """
INSERT INTO low_units_rule AS rule (account_id, panel_id, threshold_kwh, threshold_days)
SELECT %(viewer_id)s, panel.id, %(threshold_kwh)s, %(threshold_days)s
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel WHERE panel.id = %(panel_id)s
ON CONFLICT (account_id, panel_id) DO UPDATE SET
    threshold_kwh = excluded.threshold_kwh, threshold_days = excluded.threshold_days, is_armed = true,
    disarmed_ledger_id = NULL, checked_seen_at = NULL, checked_ledger_id = NULL, updated_at = clock_timestamp()
WHERE (rule.threshold_kwh, rule.threshold_days) IS DISTINCT FROM (excluded.threshold_kwh, excluded.threshold_days)
RETURNING id"""

_REMOVE = "DELETE FROM low_units_rule WHERE account_id = %(viewer_id)s AND panel_id = %(panel_id)s RETURNING id"

_ANNOUNCE = "SELECT pg_notify('low_units_rule', %(panel_id)s::text)"

# A rule on kWh moves with readings and credit, and with what is likely used where nobody reads the meter. One on days
# moves with the clock: of these only such are due whose forecast lies on the other side of the threshold. People who
# lost sight of a panel are not warned about it.
_DUE: LiteralString = f"""
SELECT rule.id, rule.updated_at, latest.last_seen_at AS seen_at, ledger.id AS ledger_id
FROM low_units_rule AS rule
JOIN account ON account.id = rule.account_id
JOIN visible_panel(account.id, account.role = 'ADMIN') AS panel ON panel.id = rule.panel_id AND panel.is_prepaid
CROSS JOIN LATERAL (SELECT id FROM ledger_entry WHERE panel_id = rule.panel_id ORDER BY id DESC LIMIT 1) AS ledger
LEFT JOIN latest_reading AS latest ON latest.panel_id = rule.panel_id
LEFT JOIN LATERAL (SELECT coalesce(p50_at, 'infinity') AS depletes_at FROM depletion_forecast
                   WHERE panel_id = rule.panel_id AND rule.threshold_days IS NOT NULL
                   ORDER BY hour_at DESC LIMIT 1) AS forecast ON true
WHERE (rule.threshold_kwh IS NOT NULL
       AND (rule.checked_seen_at, rule.checked_ledger_id) IS DISTINCT FROM (latest.last_seen_at, ledger.id))
   OR (rule.is_armed AND rule.threshold_kwh IS NOT NULL
       AND (latest.at IS NULL OR latest.at <= %(now)s::timestamptz - interval '1 hour')
       AND EXISTS (SELECT FROM {LIKELY_USE} AS likely WHERE balance_kwh - use_kwh <= rule.threshold_kwh))
   OR rule.is_armed = (forecast.depletes_at <= %(now)s::timestamptz + rule.threshold_days * interval '1 day')
ORDER BY rule.id"""

_LEVELS: LiteralString = f"""
SELECT rule.id AS rule_id, rule.account_id, rule.panel_id, panel.name AS panel_name, rule.is_armed,
       rule.threshold_kwh, rule.threshold_days, known.balance_kwh, likely.use_kwh AS likely_use_kwh,
       ledger.id AS ledger_id, forecast.p50_at AS depletes_at,
       coalesce(forecast.ledger_id = ledger.id, false) AS has_forecast,
       EXISTS (SELECT FROM ledger_entry
               WHERE panel_id = rule.panel_id AND kind = 'TOP_UP' AND id > rule.disarmed_ledger_id) AS has_topped_up
FROM low_units_rule AS rule
JOIN panel ON panel.id = rule.panel_id
CROSS JOIN LATERAL (SELECT balance_now_kwh(rule.panel_id, %(now)s) AS balance_kwh) AS known
CROSS JOIN LATERAL (SELECT id FROM ledger_entry WHERE panel_id = rule.panel_id ORDER BY id DESC LIMIT 1) AS ledger
LEFT JOIN LATERAL (SELECT p50_at, ledger_id FROM depletion_forecast
                   WHERE panel_id = rule.panel_id ORDER BY hour_at DESC LIMIT 1) AS forecast ON true
LEFT JOIN {LIKELY_USE} AS likely ON true
WHERE rule.id = ANY(%(rule_ids)s) AND known.balance_kwh IS NOT NULL
ORDER BY rule.id"""

_LOCK = "SELECT id FROM low_units_rule WHERE id = %(rule_id)s FOR UPDATE"

_DISARM = """
UPDATE low_units_rule SET is_armed = false, disarmed_ledger_id = %(ledger_id)s WHERE id = %(rule_id)s"""

_REARM = "UPDATE low_units_rule SET is_armed = true, disarmed_ledger_id = NULL WHERE id = %(rule_id)s"

# A rule that was set anew in the meantime keeps its own marks, so that it is looked at again.
_MARK_CHECKED = """
UPDATE low_units_rule AS rule SET checked_seen_at = done.seen_at, checked_ledger_id = done.ledger_id
FROM unnest(%(ids)s::bigint[], %(updated_at)s::timestamptz[], %(seen_at)s::timestamptz[], %(ledger_ids)s::bigint[])
     AS done (id, updated_at, seen_at, ledger_id)
WHERE rule.id = done.id AND rule.updated_at = done.updated_at AND rule.threshold_kwh IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class Target:
    """A visible panel that a rule is asked for."""

    panel_id: int
    is_prepaid: bool


@dataclass(frozen=True, slots=True)
class LowUnitsRule:
    """When a person is warned about a panel; armed unless it has warned and units have not risen since."""

    panel_id: int
    threshold: Threshold
    is_armed: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DueRule:
    """A rule to look at, and the newest reading and ledger row when it was found."""

    id: int
    updated_at: datetime
    seen_at: datetime | None
    ledger_id: int


@dataclass(frozen=True, slots=True)
class RuleLevel:
    """A rule and what is left of its panel's units at one instant.

    `likely_use_kwh` is what was used since the balance was told, where that is more than an hour ago and can be said.
    `has_forecast` is false where no forecast knows the newest ledger row yet: then `depletes_at` says nothing.
    With a forecast, None means beyond the horizon.
    """

    rule_id: int
    account_id: int
    panel_id: int
    panel_name: str
    is_armed: bool
    threshold: Threshold
    balance_kwh: Decimal
    likely_use_kwh: Decimal | None
    ledger_id: int
    depletes_at: datetime | None
    has_forecast: bool
    has_topped_up: bool

    @property
    def left_kwh(self) -> Decimal:
        """What is left, as far as is known: likely, where `likely_use_kwh` is."""
        return likely_left_kwh(self.balance_kwh, use_kwh=self.likely_use_kwh or Decimal(0))


def _threshold(threshold_kwh: Decimal | None, threshold_days: Decimal | None) -> Threshold:
    if threshold_kwh is not None:
        return Threshold(Unit.KWH, threshold_kwh)
    return Threshold(Unit.DAYS, threshold_days or Decimal(0))


def _rule(
    *,
    panel_id: int,
    threshold_kwh: Decimal | None,
    threshold_days: Decimal | None,
    is_armed: bool,
    updated_at: datetime,
) -> LowUnitsRule:
    return LowUnitsRule(panel_id, _threshold(threshold_kwh, threshold_days), is_armed, updated_at)


def _level(*, threshold_kwh: Decimal | None, threshold_days: Decimal | None, **others: object) -> RuleLevel:
    return RuleLevel(threshold=_threshold(threshold_kwh, threshold_days), **others)  # pyright: ignore[reportArgumentType]


async def target(connection: AsyncConnection[Row], viewer: Viewer, *, panel_code: str) -> Target | None:
    """The visible panel of that code; None when there is none or it is not the viewer's to see."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_code": panel_code,
    }
    async with connection.cursor(row_factory=class_row(Target)) as cursor:
        return await (await cursor.execute(_TARGET, parameters)).fetchone()


async def for_panels(
    connection: AsyncConnection[Row], viewer: Viewer, panel_ids: Sequence[int]
) -> dict[int, LowUnitsRule]:
    """The viewer's own rules by panel id; nobody sees another's, not even an admin."""
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": list(panel_ids),
    }
    async with connection.cursor(row_factory=kwargs_row(_rule)) as cursor:
        rules = await (await cursor.execute(_FOR_PANELS, parameters)).fetchall()
    return {rule.panel_id: rule for rule in rules}


async def set_rule(connection: AsyncConnection[Row], viewer: Viewer, *, panel_id: int, threshold: Threshold) -> bool:
    """Sets the viewer's rule, armed, and wakes the job; False when it is that already or the panel is not visible.

    The same threshold again changes nothing, so that a person who was warned is not warned once more.
    """
    is_kwh = threshold.unit is Unit.KWH
    parameters = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_id": panel_id,
        "threshold_kwh": threshold.value if is_kwh else None,
        "threshold_days": None if is_kwh else threshold.value,
    }
    is_changed = await (await connection.execute(_SET, parameters)).fetchone() is not None
    if is_changed:
        await connection.execute(_ANNOUNCE, {"panel_id": panel_id})
    return is_changed


async def remove_rule(connection: AsyncConnection[Row], viewer: Viewer, *, panel_id: int) -> bool:
    """Removes the viewer's rule; False when there was none."""
    parameters = {"viewer_id": viewer.account_id, "panel_id": panel_id}
    return await (await connection.execute(_REMOVE, parameters)).fetchone() is not None


async def due(connection: AsyncConnection[Row], *, now: datetime) -> list[DueRule]:
    """Rules on kWh whose panel has news since they were last looked at, and rules that the clock may turn."""
    async with connection.cursor(row_factory=class_row(DueRule)) as cursor:
        return await (await cursor.execute(_DUE, {"now": now})).fetchall()


async def levels(connection: AsyncConnection[Row], rule_ids: Sequence[int], *, now: datetime) -> list[RuleLevel]:
    """What is left at `now` for each of the rules; those of panels without a balance are absent."""
    async with connection.cursor(row_factory=kwargs_row(_level)) as cursor:
        parameters = {"rule_ids": list(rule_ids), "now": now}
        return await (await cursor.execute(_LEVELS, parameters)).fetchall()


async def lock(connection: AsyncConnection[Row], rule_id: int) -> bool:
    """Holds the rule until the transaction ends; False when it is gone. Whoever waits sees what the other wrote."""
    return await (await connection.execute(_LOCK, {"rule_id": rule_id})).fetchone() is not None


async def disarm(connection: AsyncConnection[Row], rule_id: int, *, ledger_id: int) -> None:
    """Notes that the rule has warned, knowing the ledger up to that row."""
    await connection.execute(_DISARM, {"rule_id": rule_id, "ledger_id": ledger_id})


async def rearm(connection: AsyncConnection[Row], rule_id: int) -> None:
    """Lets the rule warn again."""
    await connection.execute(_REARM, {"rule_id": rule_id})


async def mark_checked(connection: AsyncConnection[Row], rules: Sequence[DueRule]) -> None:
    """Notes what was known of each rule's panel, so that it is due again only when there is news."""
    parameters = {
        "ids": [rule.id for rule in rules],
        "updated_at": [rule.updated_at for rule in rules],
        "seen_at": [rule.seen_at for rule in rules],
        "ledger_ids": [rule.ledger_id for rule in rules],
    }
    await connection.execute(_MARK_CHECKED, parameters)
