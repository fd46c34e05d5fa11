"""Reads what forecasts are made from: what is left, the meters' registers, and what their displays showed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Any, LiteralString

from metering.access import Viewer
from store.connections import Database

HISTORY_DAYS = 180
SILENT_FOR = timedelta(days=1)
"""How long a register must have been silent before displays that were read since say what was used."""


@dataclass(frozen=True, slots=True)
class RegisterPoints:
    """A register that only rises, from 0 at the first point: seconds since 1970 (UTC) and kWh, equally long."""

    at_s: list[float]
    register_kwh: list[float]


@dataclass(frozen=True, slots=True)
class CreditRow:
    """A row of a panel's ledger: what the display showed, else None and the units added; seconds since 1970."""

    at_s: float
    shown_kwh: float | None
    units_kwh: float


@dataclass(frozen=True, slots=True)
class Credit:
    """What is left, after everything metered so far; when the ledger began, and when the display was read last."""

    balance_kwh: Decimal
    first_at: datetime
    shown_at: datetime | None


@dataclass(frozen=True, slots=True)
class ForecastInputs:
    """What a panel's forecast is made from.

    `credit` is None before the first ledger row. `rows` are those of the ledger that say what was used where the
    register does not: after its last point, when a display was read a day or more later; all of them where there is no
    register; else none. `left_kwh` is what was left at the register's last point, where `rows` need it.
    """

    credit: Credit | None
    register: RegisterPoints
    rows: list[CreditRow]
    left_kwh: float | None

    @property
    def balance_at(self) -> datetime | None:
        """Up to when usage is known to be taken off the balance; None without credit."""
        if self.credit is None:
            return None
        ends_at = [datetime.fromtimestamp(at_s, UTC) for at_s in self.register.at_s[-1:]]
        shown_at = [] if self.credit.shown_at is None else [self.credit.shown_at]
        return max([self.credit.first_at, *shown_at, *ends_at])


async def forecast_inputs(
    connection: Database, *, viewer: Viewer | None, panel_ids: Sequence[int], now: datetime
) -> dict[int, ForecastInputs]:
    """The inputs of each panel that the viewer sees, by id; None is the jobs, who act for nobody."""
    asked: dict[str, Any] = {**_scope(viewer), "panel_ids": list(panel_ids), "now": now}
    registers = await histories(connection, viewer=viewer, panel_ids=panel_ids, now=now)
    credit_of = await _credits(connection, asked)
    silent = {
        panel_id: registers[panel_id].at_s[-1] if panel_id in registers else None
        for panel_id, credit in credit_of.items()
        if _is_silent(registers.get(panel_id), shown_at=credit.shown_at)
    }
    rows, left = await _ledgers(connection, silent, asked=asked)
    return {
        panel_id: ForecastInputs(
            credit_of.get(panel_id),
            registers.get(panel_id, RegisterPoints([], [])),
            rows.get(panel_id, []),
            left.get(panel_id),
        )
        for panel_id in registers.keys() | credit_of.keys()
    }


def _is_silent(register: RegisterPoints | None, *, shown_at: datetime | None) -> bool:
    if shown_at is None:
        return False
    return register is None or shown_at.timestamp() - register.at_s[-1] >= SILENT_FOR.total_seconds()


_CREDITS: LiteralString = """
SELECT panel.id, balance_now_kwh(panel.id, %(now)s), ledger.first_at, ledger.shown_at
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
CROSS JOIN LATERAL (
    SELECT min(at) AS first_at, max(at) FILTER (WHERE kind = 'BALANCE_READING') AS shown_at
    FROM ledger_entry AS entry
    WHERE panel_id = panel.id AND kind NOT IN ('REVERSAL', 'DEBT')
      AND NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id)
) AS ledger
WHERE panel.id = ANY(%(panel_ids)s) AND ledger.first_at IS NOT NULL"""


async def _credits(connection: Database, asked: dict[str, Any]) -> dict[int, Credit]:
    cursor = await connection.execute(_CREDITS, asked, binary=True)
    return {panel_id: Credit(*row) for panel_id, *row in await cursor.fetchall() if row[0] is not None}


# Usage is summed instead of the register being read, so that a meter's reset is not seen here. A device's clock may
# run ahead of ours: what it says about the future is taken as now. An hour of readings without a register says nothing.
_HISTORIES: LiteralString = """
SELECT panel.id, array_agg(date_part('epoch', least(last_at, %(now)s)) ORDER BY starts_at),
       array_agg(energy_kwh::float8 ORDER BY starts_at),
       date_part('epoch', least(min(first_at), %(now)s))
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN rollup_hour AS hour ON hour.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s) AND starts_at >= %(since)s AND starts_at <= %(now)s
  AND (energy_import_kwh IS NOT NULL OR energy_kwh <> 0)
GROUP BY panel.id"""


async def histories(
    connection: Database,
    *,
    viewer: Viewer | None,
    panel_ids: Sequence[int],
    now: datetime,
    days: int = HISTORY_DAYS,
) -> dict[int, RegisterPoints]:
    """The register of each panel at the last reading of each hour (UTC) of the last `days`, ascending.

    The last point is the newest reading. The oldest hour starts a line from its first reading, so that a panel gives
    something to forecast from within its first hour. Panels without a register are absent.
    """
    parameters = {
        **_scope(viewer), "panel_ids": list(panel_ids), "since": now - timedelta(days=days), "now": now,
    }  # fmt: skip
    found = await (await connection.execute(_HISTORIES, parameters, binary=True)).fetchall()
    return {panel_id: _points(*columns) for panel_id, *columns in found}


def _points(last_at_s: list[float], energy_kwh: list[float], first_at_s: float) -> RegisterPoints:
    if first_at_s == last_at_s[0]:
        return RegisterPoints(last_at_s, list(accumulate([0.0, *energy_kwh[1:]])))
    return RegisterPoints([first_at_s, *last_at_s], list(accumulate(energy_kwh, initial=0.0)))


# A reversed display is none: what it had corrected, its opposite row takes back.
_ROWS: LiteralString = """
SELECT panel.id, date_part('epoch', at),
       CASE WHEN NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id)
            THEN shown_kwh::float8 END, units_kwh::float8
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN unnest(%(silent_ids)s::integer[], %(ends_at)s::timestamptz[]) AS silent (id, ends_at) ON silent.id = panel.id
JOIN ledger_entry AS entry ON entry.panel_id = panel.id
WHERE entry.at > coalesce(silent.ends_at, %(now)s::timestamptz - interval '180 days')
ORDER BY panel.id, at, coalesce(reverses, entry.id), entry.id"""

_LEFT: LiteralString = """
SELECT panel.id, balance_kwh(panel.id, silent.ends_at)::float8
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN unnest(%(silent_ids)s::integer[], %(ends_at)s::timestamptz[]) AS silent (id, ends_at) ON silent.id = panel.id
WHERE silent.ends_at IS NOT NULL"""


async def _ledgers(
    connection: Database, silent: dict[int, float | None], *, asked: dict[str, Any]
) -> tuple[dict[int, list[CreditRow]], dict[int, float | None]]:
    """The ledger's rows since each register fell silent, and what was left then."""
    if not silent:
        return {}, {}
    ends_at = [None if at_s is None else datetime.fromtimestamp(at_s, UTC) for at_s in silent.values()]
    parameters = {**asked, "silent_ids": list(silent), "ends_at": ends_at}
    rows: dict[int, list[CreditRow]] = defaultdict(list)
    for panel_id, *row in await (await connection.execute(_ROWS, parameters, binary=True)).fetchall():
        rows[panel_id].append(CreditRow(*row))
    left = await (await connection.execute(_LEFT, parameters, binary=True)).fetchall()
    return rows, dict(left)


def _scope(viewer: Viewer | None) -> dict[str, Any]:
    return {
        "viewer_id": None if viewer is None else viewer.account_id,
        "sees_all": viewer is None or viewer.sees_all,
    }
