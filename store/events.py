"""Turns positions in the stream of stored readings into what was stored after them.

Batches are numbered in the order of their commits, so (batch, device time, panel) orders all readings for ever.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering.access import Role, Scope, Viewer
from metering.readings import Reading
from metering.tenures import Tenure
from store.connections import Row
from store.panels import PANEL_COLUMNS, Panel, panel_of, reading_of

_END_AT = datetime(9999, 12, 31, tzinfo=UTC)
_END_PANEL = 2**31 - 1


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the stream of all readings: just after one reading."""

    batch_id: int
    at: datetime
    panel_id: int

    @classmethod
    def after_batch(cls, batch_id: int) -> "Position":
        """The place after the last reading of a batch."""
        return cls(batch_id, _END_AT, _END_PANEL)

    @classmethod
    def after_instant(cls, batch_id: int, at: datetime) -> "Position":
        """The place after a batch's last reading of an instant, whichever panel's that is."""
        return cls(batch_id, at, _END_PANEL)

    @property
    def is_after_batch(self) -> bool:
        """Whether nothing of its batch comes after it."""
        return self.at == _END_AT


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A reading as it was stored; its instants carry the panel's offset."""

    batch_id: int
    panel_id: int
    panel_code: str
    reading: Reading

    @property
    def position(self) -> Position:
        """Its place in the stream."""
        return Position(self.batch_id, self.reading.at, self.panel_id)


@dataclass(frozen=True, slots=True)
class News:
    """What notifications said: the newest batch (0: none), alerts and forecasts that changed, whether access did."""

    newest_batch: int = 0
    alert_ids: tuple[int, ...] = ()
    forecast_panel_ids: tuple[int, ...] = ()
    has_access_changed: bool = False
    is_silence: bool = False


CHANNELS = ("reading", "alert", "forecast", "access")


async def news(connection: AsyncConnection[Row], *, within_s: float) -> News:
    """What a connection that listens to CHANNELS hears next, all that has come together; or silence after a while.

    Raises:
        psycopg.OperationalError: the connection is gone; in silence, it is asked whether it is still there.
    """
    notes = [note async for note in connection.notifies(timeout=within_s, stop_after=1)]
    if not notes:
        await connection.execute("SELECT")
        return News(is_silence=True)
    return News(
        max((int(note.payload) for note in notes if note.channel == "reading"), default=0),
        tuple(int(note.payload) for note in notes if note.channel == "alert"),
        tuple(int(note.payload) for note in notes if note.channel == "forecast"),
        any(note.channel == "access" for note in notes),
    )


# The newest batch may have brought nothing new; then no reading carries its number, but its cursor is known.
_BOUNDS: LiteralString = """
SELECT coalesce((SELECT min(batch_id) FROM reading), 0),
       greatest((SELECT max(batch_id) FROM reading), (SELECT last_batch_id FROM ingest_status))
"""


async def batch_bounds(connection: AsyncConnection[Row]) -> tuple[int, int]:
    """The oldest batch whose readings are kept, and the newest that was committed; 0 before the first."""
    ((oldest, newest),) = await (await connection.execute(_BOUNDS)).fetchall()
    return oldest, newest


_STORED: LiteralString = """
SELECT reading.batch_id, reading.panel_id, panel.code, panel.time_zone, reading.at, reading.received_at,
       reading.voltage_r_v::text::float8, reading.voltage_s_v::text::float8,
       reading.voltage_t_v::text::float8, reading.voltage_n_v::text::float8,
       reading.current_r_a::text::float8, reading.current_s_a::text::float8,
       reading.current_t_a::text::float8, reading.current_n_a::text::float8,
       reading.active_power_kw, reading.apparent_power_kva, reading.power_factor::text::float8,
       reading.energy_import_kwh, reading.energy_export_kwh,
       reading.voltage_unbalance::text::float8, reading.current_unbalance::text::float8, reading.flags
FROM reading JOIN panel ON panel.id = reading.panel_id
WHERE reading.batch_id BETWEEN %(batch_id)s AND %(until)s
  AND (reading.batch_id, reading.at, reading.panel_id) > (%(batch_id)s, %(at)s, %(panel_id)s)
  AND (%(panel_ids)s::integer[] IS NULL OR reading.panel_id = ANY (%(panel_ids)s))
ORDER BY reading.batch_id, reading.at, reading.panel_id
LIMIT %(limit)s
"""


async def stored_after(
    connection: AsyncConnection[Row],
    position: Position,
    *,
    until: int,
    panel_ids: Sequence[int] | None,
    limit: int,
) -> list[StoredReading]:
    """Up to `limit` readings after a position, up to and with a batch, in order; of every panel, or of some.

    It reads for many viewers at once: whoever passes a reading on checks who may see its panel.
    """
    values = {**_place(position), "until": until, "panel_ids": panel_ids, "limit": limit}
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_STORED, values)
        return [_stored(row) for row in await cursor.fetchall()]


@asynccontextmanager
async def stored_pages(
    connection: AsyncConnection[Row], position: Position, *, until: int, panel_ids: Sequence[int] | None, limit: int
) -> AsyncGenerator[AsyncGenerator[list[StoredReading]]]:
    """All readings after a position, up to and with a batch, as pages of up to `limit`, the last one of fewer.

    One statement puts them in order for all pages: an index does not, and page by page each would sort what is left of
    a large batch. It reads for many viewers at once, as `stored_after`.
    """

    async def pages() -> AsyncGenerator[list[StoredReading]]:
        page = await cursor.fetchmany(limit)
        while len(page) == limit:
            yield [_stored(row) for row in page]
            page = await cursor.fetchmany(limit)
        yield [_stored(row) for row in page]

    values = {**_place(position), "until": until, "panel_ids": panel_ids, "limit": None}
    async with connection.transaction(), connection.cursor("stored", binary=True) as cursor:
        await cursor.execute(_STORED, values, binary=True)
        yield pages()


_MISSED: LiteralString = """
SELECT reading.batch_id, reading.panel_id, panel.code, panel.time_zone, reading.at, reading.received_at,
       reading.voltage_r_v::text::float8, reading.voltage_s_v::text::float8,
       reading.voltage_t_v::text::float8, reading.voltage_n_v::text::float8,
       reading.current_r_a::text::float8, reading.current_s_a::text::float8,
       reading.current_t_a::text::float8, reading.current_n_a::text::float8,
       reading.active_power_kw, reading.apparent_power_kva, reading.power_factor::text::float8,
       reading.energy_import_kwh, reading.energy_export_kwh,
       reading.voltage_unbalance::text::float8, reading.current_unbalance::text::float8, reading.flags
FROM reading JOIN panel_in_time(%(viewer_id)s, %(sees_all)s) AS panel
  ON panel.id = reading.panel_id AND reading.at >= panel.since AND reading.at < panel.until
WHERE reading.batch_id BETWEEN %(batch_id)s AND %(until_batch_id)s
  AND (reading.batch_id, reading.at, reading.panel_id) > (%(batch_id)s, %(at)s, %(panel_id)s)
  AND (reading.batch_id, reading.at, reading.panel_id)
      <= (%(until_batch_id)s, %(until_at)s, %(until_panel_id)s)
  AND (%(codes)s::text[] IS NULL OR panel.code = ANY (%(codes)s))
ORDER BY reading.batch_id, reading.at, reading.panel_id
LIMIT %(limit)s
"""


async def missed(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    codes: Sequence[str] | None,
    after: Position,
    until: Position,
    limit: int,
) -> list[StoredReading]:
    """Up to `limit` readings after one position, up to and with another, that the viewer may see; in order."""
    values = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "codes": codes,
        **_place(after),
        "until_batch_id": until.batch_id,
        "until_at": until.at,
        "until_panel_id": until.panel_id,
        "limit": limit,
    }
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_MISSED, values)
        return [_stored(row) for row in await cursor.fetchall()]


_COUNT_ALL: LiteralString = """
SELECT count(*)
FROM (SELECT FROM reading WHERE batch_id > %(after)s AND batch_id <= %(until)s LIMIT %(limit)s) AS found
"""
_COUNT_VISIBLE: LiteralString = """
SELECT count(*) FROM (
    SELECT FROM reading JOIN panel_in_time(%(viewer_id)s, %(sees_all)s) AS panel
      ON panel.id = reading.panel_id AND reading.at >= panel.since AND reading.at < panel.until
    WHERE reading.batch_id > %(after)s AND reading.batch_id <= %(until)s
      AND (%(codes)s::text[] IS NULL OR panel.code = ANY (%(codes)s))
    LIMIT %(limit)s
) AS found
"""


async def count_all(connection: AsyncConnection[Row], *, after: int, until: int, limit: int) -> int:
    """How many readings of anybody the batches in (after, until] hold; counting stops at `limit`."""
    values = {"after": after, "until": until, "limit": limit}
    rows = await (await connection.execute(_COUNT_ALL, values)).fetchall()
    return rows[0][0]


async def count_visible(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    codes: Sequence[str] | None,
    after: int,
    until: int,
    limit: int,
) -> int:
    """How many readings that the viewer may see the batches in (after, until] hold; counting stops at `limit`."""
    values = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "codes": codes,
        "after": after,
        "until": until,
        "limit": limit,
    }
    rows = await (await connection.execute(_COUNT_VISIBLE, values)).fetchall()
    return rows[0][0]


_WITH_NEWS: LiteralString = """
SELECT DISTINCT reading.panel_id
FROM reading JOIN panel_in_time(%(viewer_id)s, %(sees_all)s) AS panel
  ON panel.id = reading.panel_id AND reading.at >= panel.since AND reading.at < panel.until
WHERE reading.batch_id > %(after)s AND reading.batch_id <= %(until)s AND reading.panel_id = ANY (%(panel_ids)s)
"""


async def panels_with_news(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int], after: int, until: int
) -> set[int]:
    """Those of the viewer's panels of which the batches in (after, until] hold a reading."""
    values = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "panel_ids": panel_ids,
        "after": after,
        "until": until,
    }
    return {panel_id for (panel_id,) in await (await connection.execute(_WITH_NEWS, values)).fetchall()}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The panels as they were when exactly the batches up to `position` had been stored."""

    position: Position
    panels: list[Panel]


_SNAPSHOT: LiteralString = f"""
SELECT newest.batch_id,
       {PANEL_COLUMNS}
FROM (SELECT greatest((SELECT max(batch_id) FROM reading), last_batch_id) AS batch_id FROM ingest_status) AS newest
LEFT JOIN visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
       ON %(codes)s::text[] IS NULL OR panel.code = ANY (%(codes)s)
LEFT JOIN latest_state AS latest ON latest.panel_id = panel.id
ORDER BY panel.code COLLATE "C"
"""


async def snapshot(
    connection: AsyncConnection[Row], *, viewer: Viewer, codes: Sequence[str] | None, online_since: datetime
) -> Snapshot:
    """The panels that the viewer may see, by code, with their newest readings, and the position they stand at."""
    values = {
        "viewer_id": viewer.account_id,
        "sees_all": viewer.sees_all,
        "codes": codes,
        "online_since": online_since,
    }
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_SNAPSHOT, values)
        rows = await cursor.fetchall()
    panels = [panel_of(row[1:]) for row in rows if row[1] is not None]
    return Snapshot(Position.after_batch(rows[0][0]), panels)


@dataclass(frozen=True, slots=True)
class Access:
    """What one account may see: its role, and the codes of its panels by their ids.

    `tenures` says of the panels that it rents, and sees by nothing else, for how long; `may_rent` whether it ever had a
    tenancy, or will have. A service account's streams only ever read.
    """

    role: Role
    panel_codes: dict[int, str]
    tenures: dict[int, Tenure] = field(default_factory=dict[int, Tenure])
    may_rent: bool = False
    is_service: bool = False
    _every_id: frozenset[int] = field(init=False, repr=False, compare=False)
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_every_id", frozenset(self.panel_codes))
        object.__setattr__(self, "_ids", {code: panel_id for panel_id, code in self.panel_codes.items()})

    def viewer(self, account_id: int) -> Viewer:
        """The account as a viewer, with the role that it has now."""
        scopes = frozenset({Scope.READ}) if self.is_service else None
        return Viewer(account_id, self.role, scopes, may_rent=self.may_rent)

    def panel_ids(self, codes: frozenset[str] | None) -> frozenset[int]:
        """The panels of these codes (None: all) that it may see; as quick as there are few codes."""
        return self._every_id if codes is None else frozenset(self._ids[code] for code in codes if code in self._ids)

    def tenures_of(self, panel_ids: frozenset[int]) -> dict[int, Tenure]:
        """Of these panels those that it rents, and for how long."""
        if not self.tenures:
            return {}
        return {panel_id: self.tenures[panel_id] for panel_id in panel_ids & self.tenures.keys()}


# A service account has the role of whom it belongs to.
_ROLES: LiteralString = """
SELECT account.id, coalesce(owner.role, account.role),
       EXISTS (SELECT FROM tenancy WHERE account_id = coalesce(owner.id, account.id)), owner.id IS NOT NULL
FROM account LEFT JOIN account AS owner ON owner.id = account.owner_id
WHERE account.id = ANY (%s) AND account.disabled_at IS NULL AND owner.disabled_at IS NULL"""
_GIVEN: LiteralString = "SELECT account_id, panel_id, code FROM panels_seen_by(%s)"
_RENTED: LiteralString = """
SELECT viewer.id, rented.panel_id, rented.since, CASE WHEN rented.until < 'infinity' THEN rented.until END
FROM unnest(%s::bigint[]) AS viewer (id) CROSS JOIN rented_span(viewer.id) AS rented"""
_EVERY_PANEL: LiteralString = "SELECT panel.id, panel.code FROM visible_panel(0, true) AS panel"


async def access_of(connection: AsyncConnection[Row], account_ids: Sequence[int]) -> dict[int, Access]:
    """What each of the accounts may see now; those that were removed or disabled are missing."""
    rows = await (await connection.execute(_ROLES, (account_ids,))).fetchall()
    roles = {account_id: Role(role) for account_id, role, *_ in rows}
    renters = {account_id for account_id, _, may_rent, _ in rows if may_rent}
    services = {account_id for account_id, *_, is_service in rows if is_service}
    admins = [account_id for account_id, role in roles.items() if role is Role.ADMIN]
    others = [account_id for account_id, role in roles.items() if role is not Role.ADMIN]
    given, rented = await _given(connection, others), await _rented(connection, renters.difference(admins))
    found = {
        account_id: Access(
            roles[account_id], codes, rented.get(account_id, {}), account_id in renters, account_id in services
        )
        for account_id, codes in given.items()
    }
    return found | await _of_admins(connection, admins, services=services)


async def _of_admins(
    connection: AsyncConnection[Row], account_ids: Sequence[int], *, services: Collection[int]
) -> dict[int, Access]:
    if not account_ids:
        return {}
    panel_codes = dict(await (await connection.execute(_EVERY_PANEL)).fetchall())
    kinds = {kind: Access(Role.ADMIN, panel_codes, is_service=kind) for kind in (False, True)}
    return {account_id: kinds[account_id in services] for account_id in account_ids}


async def _given(connection: AsyncConnection[Row], account_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    given: dict[int, dict[int, str]] = {account_id: {} for account_id in account_ids}
    if account_ids:
        for account_id, panel_id, code in await (await connection.execute(_GIVEN, (account_ids,))).fetchall():
            given[account_id][panel_id] = code
    return given


async def _rented(connection: AsyncConnection[Row], account_ids: Collection[int]) -> dict[int, dict[int, Tenure]]:
    rented: dict[int, dict[int, Tenure]] = {}
    if account_ids:
        for account_id, panel_id, *span in await (await connection.execute(_RENTED, (list(account_ids),))).fetchall():
            rented.setdefault(account_id, {})[panel_id] = Tenure(*span)
    return rented


_NEXT_CHANGE: LiteralString = """
SELECT extract(epoch FROM min(edge.at) - clock_timestamp())::float8
FROM tenancy CROSS JOIN LATERAL (VALUES (starts_at), (ends_at)) AS edge (at)
WHERE edge.at > now() AND tenancy.account_id = ANY (
    SELECT coalesce(owner_id, id) FROM account WHERE id = ANY (%s))"""


async def next_change_s(connection: AsyncConnection[Row], account_ids: Sequence[int]) -> float | None:
    """In how many seconds the next tenancy of these accounts begins or ends; None where none is known to."""
    ((seconds,),) = await (await connection.execute(_NEXT_CHANGE, (account_ids,))).fetchall()
    return seconds


_LAST_SEEN: LiteralString = """
SELECT panel.id, latest.last_seen_at
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN latest_reading AS latest ON latest.panel_id = panel.id
WHERE panel.id = ANY (%(panel_ids)s)
"""


async def last_seen_at(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int]
) -> dict[int, datetime]:
    """When each of the viewer's panels was last heard of (UTC); those that never were are missing."""
    values = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_ids": panel_ids}
    return dict(await (await connection.execute(_LAST_SEEN, values)).fetchall())


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert that was raised, acknowledged or cleared, and when (UTC)."""

    alert_id: int
    account_id: int
    changed_at: datetime


_ALERTS = """
SELECT id, account_id, greatest(raised_at, acknowledged_at, cleared_at) FROM alert WHERE id = ANY (%s) ORDER BY id"""
_ALERTS_SINCE = """
SELECT id, account_id, greatest(raised_at, acknowledged_at, cleared_at) FROM alert
WHERE account_id = ANY (%(account_ids)s) AND greatest(raised_at, acknowledged_at, cleared_at) >= %(since)s
ORDER BY id"""


async def alert_changes(connection: AsyncConnection[Row], alert_ids: Sequence[int]) -> list[AlertChange]:
    """Whose the alerts are, and when each changed last; for the streams of their owners."""
    rows = await (await connection.execute(_ALERTS, (list(alert_ids),))).fetchall()
    return [AlertChange(*row) for row in rows]


async def alert_changes_since(
    connection: AsyncConnection[Row], *, account_ids: Sequence[int], since: datetime
) -> list[AlertChange]:
    """The accounts' alerts that changed at or after an instant; for the streams of their owners."""
    values = {"account_ids": list(account_ids), "since": since}
    rows = await (await connection.execute(_ALERTS_SINCE, values)).fetchall()
    return [AlertChange(*row) for row in rows]


def _place(position: Position) -> dict[str, object]:
    return {"batch_id": position.batch_id, "at": position.at, "panel_id": position.panel_id}


def _stored(row: Row) -> StoredReading:
    batch_id, panel_id, code, time_zone, *values = row
    return StoredReading(batch_id, panel_id, code, reading_of(tuple(values), zone=ZoneInfo(time_zone)))
