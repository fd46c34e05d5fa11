"""Reads what forecasts are made from: what is left, the meters' registers, and what their displays showed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any, LiteralString

from metering.access import Viewer
from store.connections import Database
from store.households import HOUSEHOLD
from store.scope import scope

HISTORY_DAYS = 180
SILENT_FOR = timedelta(days=1)
"""How long a register must have been silent before displays that were read meanwhile say what was used."""

_SILENT_S = SILENT_FOR.total_seconds()


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
    """What is left, after everything metered so far; when the ledger began, and when the display was read last.

    `metered_since` is the panel's first reading of a register; None where there is none.
    """

    balance_kwh: Decimal
    first_at: datetime
    shown_at: datetime | None
    metered_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ForecastInputs:
    """What a panel's forecast is made from.

    `credit` is None before the first ledger row. `rows` are those of the ledger, in order, that say what was used where
    the register may not: before its first point, in gaps of a day or more, and after its last point, when a display was
    read a day or more later; all of them where there is no register. `left_kwh` is what was left at the register's
    last point, where rows after it need it.
    """

    credit: Credit | None
    register: RegisterPoints
    rows: list[CreditRow]
    left_kwh: float | None

    @property
    def balance_at(self) -> datetime | None:
        """Up to when usage is known to be taken off the balance; None without credit.

        What was used between a look at the display and the register's first reading is not: as if the newest reading
        were older by that much.
        """
        if self.credit is None:
            return None
        shown_at, metered_since = self.credit.shown_at, self.credit.metered_since
        if self.register.at_s and shown_at and metered_since and shown_at < metered_since:
            return datetime.fromtimestamp(self.register.at_s[-1], UTC) - (metered_since - shown_at)
        ends_at = [datetime.fromtimestamp(at_s, UTC) for at_s in self.register.at_s[-1:]]
        return max([self.credit.first_at, *([shown_at] if shown_at else []), *ends_at])


async def forecast_inputs(
    connection: Database, *, viewer: Viewer | None, panel_ids: Sequence[int], now: datetime
) -> dict[int, ForecastInputs]:
    """The inputs of each panel that the viewer sees, by id; None is the jobs, who act for nobody.

    Of a panel that is rented, since those live there who live there now.
    """
    asked: dict[str, Any] = {**scope(viewer), "panel_ids": list(panel_ids), "now": now}
    registers = await histories(connection, viewer=viewer, panel_ids=panel_ids, now=now, is_whole=False)
    credit_of = await _credits(connection, asked)
    silences = [
        silence
        for panel_id, credit in credit_of.items()
        if credit.shown_at
        for silence in _silences(panel_id, registers.get(panel_id), since=credit.first_at, shown_at=credit.shown_at)
    ]
    rows = await _rows(connection, silences, asked=asked)
    left = await _left(connection, silences, asked=asked)
    return {
        panel_id: ForecastInputs(
            credit_of.get(panel_id),
            registers.get(panel_id, RegisterPoints([], [])),
            rows.get(panel_id, []),
            left.get(panel_id),
        )
        for panel_id in registers.keys() | credit_of.keys()
    }


@dataclass(frozen=True, slots=True)
class _Silence:
    """A span in which a panel's register says nothing, both ends excluded; None is without end."""

    panel_id: int
    since_at: datetime | None
    until_at: datetime | None


def _silences(
    panel_id: int, register: RegisterPoints | None, *, since: datetime, shown_at: datetime
) -> Iterator[_Silence]:
    """The spans of a day or more, ascending, in which a display may have been read: from `since` to `shown_at`."""
    if register is None:
        yield _Silence(panel_id, None, None)
        return
    edges_s = [since.timestamp(), *register.at_s]
    for place, (start_s, end_s) in enumerate(pairwise(edges_s)):
        if end_s - start_s >= _SILENT_S and end_s > edges_s[0]:
            yield _Silence(panel_id, _instant(start_s) if place else None, _instant(end_s))
    if shown_at.timestamp() - edges_s[-1] >= _SILENT_S:
        yield _Silence(panel_id, _instant(edges_s[-1]), None)


def _instant(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


_CREDITS: LiteralString = """
SELECT panel.id, balance_now_kwh(panel.id, %(now)s), ledger.first_at, ledger.shown_at, metered.first_at
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
CROSS JOIN LATERAL (
    SELECT min(at) AS first_at, max(at) FILTER (WHERE kind = 'BALANCE_READING') AS shown_at
    FROM ledger_entry AS entry
    WHERE panel_id = panel.id AND kind NOT IN ('REVERSAL', 'DEBT')
      AND NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id)
) AS ledger
LEFT JOIN LATERAL (
    SELECT first_at FROM rollup_day
    WHERE panel_id = panel.id AND (energy_import_kwh IS NOT NULL OR energy_kwh <> 0)
    ORDER BY day LIMIT 1
) AS metered ON true
WHERE panel.id = ANY(%(panel_ids)s) AND ledger.first_at IS NOT NULL"""


async def _credits(connection: Database, asked: dict[str, Any]) -> dict[int, Credit]:
    cursor = await connection.execute(_CREDITS, asked, binary=True)
    return {panel_id: Credit(*row) for panel_id, *row in await cursor.fetchall() if row[0] is not None}


# Usage is summed instead of the register being read, so that a meter's reset is not seen here. A device's clock may
# run ahead of ours: what it says about the future is taken as now. An hour of readings without a register says nothing.
_HISTORIES: LiteralString = f"""
SELECT panel.id, array_agg(date_part('epoch', least(last_at, %(now)s)) ORDER BY hour.starts_at),
       array_agg(energy_kwh::float8 ORDER BY hour.starts_at),
       date_part('epoch', least(min(first_at), %(now)s))
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
{HOUSEHOLD}
JOIN rollup_hour AS hour ON hour.panel_id = panel.id
WHERE panel.id = ANY(%(panel_ids)s) AND hour.starts_at >= %(since)s AND hour.starts_at <= %(now)s
  AND (%(is_whole)s OR hour.starts_at >= household.since) AND (energy_import_kwh IS NOT NULL OR energy_kwh <> 0)
GROUP BY panel.id"""


async def histories(
    connection: Database,
    *,
    viewer: Viewer | None,
    panel_ids: Sequence[int],
    now: datetime,
    days: int = HISTORY_DAYS,
    is_whole: bool = True,
) -> dict[int, RegisterPoints]:
    """The register of each panel at the last reading of each hour (UTC) of the last `days`, ascending.

    The last point is the newest reading. The oldest hour starts a line from its first reading, so that a panel gives
    something to forecast from within its first hour. Panels without a register are absent. Unless `is_whole`, it begins
    with those who live there now.
    """
    parameters = {
        **scope(viewer),
        "panel_ids": list(panel_ids),
        "since": now - timedelta(days=days),
        "now": now,
        "is_whole": is_whole,
    }
    found = await (await connection.execute(_HISTORIES, parameters, binary=True)).fetchall()
    return {panel_id: _points(*columns) for panel_id, *columns in found}


def _points(last_at_s: list[float], energy_kwh: list[float], first_at_s: float) -> RegisterPoints:
    if first_at_s == last_at_s[0]:
        return RegisterPoints(last_at_s, list(accumulate([0.0, *energy_kwh[1:]])))
    return RegisterPoints([first_at_s, *last_at_s], list(accumulate(energy_kwh, initial=0.0)))


# A reversed display is none: what it had corrected, its opposite row takes back.
_ROWS: LiteralString = f"""
SELECT panel.id, date_part('epoch', at),
       CASE WHEN NOT EXISTS (SELECT FROM ledger_entry AS opposite WHERE opposite.reverses = entry.id)
            THEN shown_kwh::float8 END, units_kwh::float8
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
{HOUSEHOLD}
JOIN unnest(%(silent_ids)s::integer[], %(since)s::timestamptz[], %(until)s::timestamptz[])
     AS silent (id, since_at, until_at) ON silent.id = panel.id
JOIN ledger_entry AS entry ON entry.panel_id = panel.id
 AND entry.at > coalesce(silent.since_at, %(now)s::timestamptz - interval '180 days')
 AND entry.at < coalesce(silent.until_at, 'infinity') AND entry.at >= household.since
ORDER BY panel.id, at, coalesce(reverses, entry.id), entry.id"""


async def _rows(
    connection: Database, silences: Sequence[_Silence], *, asked: dict[str, Any]
) -> dict[int, list[CreditRow]]:
    """The ledger's rows of those spans by panel, in the order in which they took effect."""
    if not silences:
        return {}
    spans = {
        "silent_ids": [silence.panel_id for silence in silences],
        "since": [silence.since_at for silence in silences],
        "until": [silence.until_at for silence in silences],
    }
    rows: dict[int, list[CreditRow]] = defaultdict(list)
    for panel_id, *row in await (await connection.execute(_ROWS, {**asked, **spans}, binary=True)).fetchall():
        rows[panel_id].append(CreditRow(*row))
    return rows


_LEFT: LiteralString = """
SELECT panel.id, balance_kwh(panel.id, silent.ends_at)::float8
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN unnest(%(silent_ids)s::integer[], %(ends_at)s::timestamptz[]) AS silent (id, ends_at) ON silent.id = panel.id"""


async def _left(
    connection: Database, silences: Sequence[_Silence], *, asked: dict[str, Any]
) -> dict[int, float | None]:
    """What was left at the last point of each register that fell silent."""
    ends_at = {one.panel_id: one.since_at for one in silences if one.since_at and one.until_at is None}
    if not ends_at:
        return {}
    parameters = {**asked, "silent_ids": list(ends_at), "ends_at": list(ends_at.values())}
    return dict(await (await connection.execute(_LEFT, parameters, binary=True)).fetchall())
