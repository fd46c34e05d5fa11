"""Turns a threshold that a person asks for into their low-units rule of a panel."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from metering.access import Viewer
from metering.low_units import MAX_THRESHOLD_DAYS, MAX_THRESHOLD_KWH, Threshold, Unit
from metering.refusals import Refused
from resolvers import panels
from resolvers.context import Context
from resolvers.loading import loaded
from store import alerts, low_units, outbox
from store.connections import Database
from store.panels import Panel

_KWH_STEP = Decimal("0.001")
_DAYS_STEP = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class LowUnitsRule:
    """When a person is warned about a panel; exactly one threshold is set."""

    threshold_kwh: Decimal | None
    threshold_days: float | None
    is_armed: bool
    updated_at: datetime


async def rule_of(context: Context, panel: Panel) -> LowUnitsRule | None:
    """The viewer's own rule of a panel; None without one. Asked for many panels at once, it is read once."""
    found = await loaded(context, _rules, panel.id)
    return None if found is None else _answered(found, panel=panel)


async def _rules(context: Context, panel_ids: list[int]) -> dict[int, low_units.LowUnitsRule]:
    async with context.pool.connection() as connection:
        return await low_units.for_panels(connection, context.signed_in, panel_ids)


def _answered(rule: low_units.LowUnitsRule, *, panel: Panel) -> LowUnitsRule:
    is_kwh = rule.threshold.unit is Unit.KWH
    return LowUnitsRule(
        threshold_kwh=rule.threshold.value if is_kwh else None,
        threshold_days=None if is_kwh else float(rule.threshold.value),
        is_armed=rule.is_armed,
        updated_at=rule.updated_at.astimezone(panel.zone),
    )


async def set_rule(
    context: Context, *, panel_code: str, threshold_kwh: Decimal | None, threshold_days: float | None
) -> LowUnitsRule | None:
    """The viewer's rule of the panel as it is now; None once it is removed, which is what no threshold asks for.

    A new threshold clears an open alert and may raise another at once; the same again changes nothing.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, NOT_PREPAID, BAD_INPUT (thresholdKwh, thresholdDays).
    """
    viewer = context.signed_in
    threshold = asked_threshold(threshold_kwh=threshold_kwh, threshold_days=threshold_days)
    panel = await panels.required(context, panel_code)
    if not panel.is_prepaid:
        raise Refused("NOT_PREPAID", "Only prepaid panels have units that can run low.", "panelCode")
    async with context.pool.connection() as connection, connection.transaction():
        if await _changed(connection, viewer, panel_id=panel.id, threshold=threshold):
            cleared = await alerts.clear(connection, account_id=viewer.account_id, panel_id=panel.id, now=context.now())
            await outbox.cancel(connection, cleared)
        rules = await low_units.for_panels(connection, viewer, [panel.id])
    return _answered(rules[panel.id], panel=panel) if panel.id in rules else None


async def _changed(connection: Database, viewer: Viewer, *, panel_id: int, threshold: Threshold | None) -> bool:
    if threshold is None:
        return await low_units.remove_rule(connection, viewer, panel_id=panel_id)
    return await low_units.set_rule(connection, viewer, panel_id=panel_id, threshold=threshold)


def asked_threshold(*, threshold_kwh: Decimal | None, threshold_days: float | None) -> Threshold | None:
    """The one threshold that was given; None without any.

    Raises:
        Refused: BAD_INPUT for both at once, and outside of 0.001 to 1,000,000 kWh and 0.01 to 365 days.
    """
    if threshold_kwh is not None and threshold_days is not None:
        raise Refused("BAD_INPUT", "Give either `thresholdKwh` or `thresholdDays`, not both.", "thresholdDays")
    if threshold_kwh is not None:
        return _kwh_threshold(threshold_kwh)
    return None if threshold_days is None else _days_threshold(threshold_days)


def _kwh_threshold(value: Decimal) -> Threshold:
    if not 0 < value <= MAX_THRESHOLD_KWH or value != value.quantize(_KWH_STEP):
        accepted = f"more than 0, up to {MAX_THRESHOLD_KWH}, with three decimals at the most"
        raise Refused("BAD_INPUT", f"`thresholdKwh` must be {accepted}.", "thresholdKwh")
    return Threshold(Unit.KWH, value)


def _days_threshold(value: float) -> Threshold:
    rounded = Decimal(repr(value)).quantize(_DAYS_STEP) if 0 < value <= MAX_THRESHOLD_DAYS else Decimal(0)
    if rounded <= 0:
        raise Refused("BAD_INPUT", f"`thresholdDays` must be 0.01 to {MAX_THRESHOLD_DAYS} days.", "thresholdDays")
    return Threshold(Unit.DAYS, rounded)
