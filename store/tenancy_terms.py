"""Keeps who rents which panels and until when, and turns a viewer into the tenancies of the own and the let ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.refusals import Refused
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Who rents what and when; instants in the panels' time zone. From `ends_at` on it is over; None: open.

    The e-mail address and the phone number are those that the tenant has verified, None once the tenancy is over.
    `is_shared` says that somebody else rents, or rented, one of its panels at the same time. The property is None where
    that was removed.
    """

    id: int
    account_id: int
    tenant_name: str
    tenant_email: str | None
    tenant_phone: str | None
    property_id: int | None
    property_name: str | None
    property_address: str | None
    panel_codes: list[str]
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    is_current: bool
    is_shared: bool


_TENANCIES: LiteralString = """
SELECT tenancy.id, tenancy.account_id, tenant.name,
       CASE WHEN tenant.email_verified_at IS NOT NULL AND known.is_not_over THEN tenant.email END,
       CASE WHEN tenant.phone_verified_at IS NOT NULL AND known.is_not_over THEN tenant.phone END,
       property.id, property.name, property.address, let.codes, coalesce(let.time_zone, 'UTC'),
       tenancy.starts_at, tenancy.ends_at,
       tenancy.starts_at <= %(now)s AND known.is_not_over,
       EXISTS (SELECT FROM tenancy AS other
               WHERE other.account_id <> tenancy.account_id
                 AND tstzrange(other.starts_at, other.ends_at) && tstzrange(tenancy.starts_at, tenancy.ends_at)
                 AND other.id IN (SELECT tenancy_id FROM tenancy_panel WHERE panel_id = ANY(let.ids)))
FROM tenancy
JOIN account AS tenant ON tenant.id = tenancy.account_id
LEFT JOIN property ON property.id = tenancy.property_id
CROSS JOIN LATERAL (SELECT tenancy.ends_at IS NULL OR tenancy.ends_at > %(now)s AS is_not_over) AS known
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(panel.code ORDER BY panel.code), '{}') AS codes, min(panel.time_zone) AS time_zone,
           coalesce(array_agg(panel.id), '{}') AS ids
    FROM tenancy_panel JOIN panel ON panel.id = panel_id WHERE tenancy_id = tenancy.id
) AS let"""


def _tenancy(row: Row) -> Tenancy:
    found = Tenancy(*row)
    zone = ZoneInfo(found.time_zone)
    ends_at = found.ends_at and found.ends_at.astimezone(zone)
    return replace(found, starts_at=found.starts_at.astimezone(zone), ends_at=ends_at)


_OWN: LiteralString = "tenancy.account_id = (SELECT acting_account(%(viewer_id)s))"

_OWN_PAGE: LiteralString = f"""{_TENANCIES}
WHERE {_OWN} AND (%(before_id)s::bigint IS NULL OR tenancy.id < %(before_id)s)
ORDER BY tenancy.id DESC LIMIT %(limit)s"""
_OWN_COUNT: LiteralString = f"SELECT count(*)::integer FROM tenancy WHERE {_OWN}"


async def own_page(
    connection: AsyncConnection[Row], *, viewer: Viewer, now: datetime, before_id: int | None, limit: int
) -> tuple[list[Tenancy], int]:
    """Up to `limit` of the viewer's own tenancies, those made last first; and how many there are."""
    parameters: dict[str, Any] = {**scope(viewer), "now": now, "before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_OWN_PAGE, parameters)).fetchall()
    ((total,),) = await (await connection.execute(_OWN_COUNT, parameters)).fetchall()
    return [_tenancy(row) for row in rows], total


_LET: LiteralString = """tenancy.property_id = %(property_id)s
  AND tenancy.property_id IN (SELECT id FROM managed_property(%(viewer_id)s, %(sees_all)s))
  AND (%(is_current)s::boolean IS NULL
       OR %(is_current)s = (starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s)))"""

_LET_PAGE: LiteralString = f"""{_TENANCIES}
WHERE {_LET} AND (%(before_id)s::bigint IS NULL OR tenancy.id < %(before_id)s)
ORDER BY tenancy.id DESC LIMIT %(limit)s"""
_LET_COUNT: LiteralString = f"SELECT count(*)::integer FROM tenancy WHERE {_LET}"


async def let_page(
    connection: AsyncConnection[Row],
    *,
    viewer: Viewer,
    property_id: int,
    is_current: bool | None,
    now: datetime,
    before_id: int | None,
    limit: int,
) -> tuple[list[Tenancy], int]:
    """Up to `limit` tenancies of a property that the viewer acts for, those made last first; and how many there are.

    `is_current` leaves those that are over or yet to come out, or the others; None has all.
    """
    asked: dict[str, Any] = {**scope(viewer), "property_id": property_id, "is_current": is_current, "now": now}
    place = {"before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_LET_PAGE, {**asked, **place})).fetchall()
    ((total,),) = await (await connection.execute(_LET_COUNT, asked)).fetchall()
    return [_tenancy(row) for row in rows], total


_OF_IDS: LiteralString = f"{_TENANCIES} WHERE tenancy.id = ANY(%(tenancy_ids)s)"


async def of_ids(connection: AsyncConnection[Row], tenancy_ids: Sequence[int], *, now: datetime) -> list[Tenancy]:
    """The tenancies of these ids, of which it is known that they are shown to whom they may be."""
    rows = await (await connection.execute(_OF_IDS, {"tenancy_ids": list(tenancy_ids), "now": now})).fetchall()
    return [_tenancy(row) for row in rows]


_HOLD_OWN: LiteralString = f"SELECT id FROM tenancy WHERE id = %(tenancy_id)s AND {_OWN} FOR UPDATE"
_HOLD_LET: LiteralString = """
SELECT id FROM tenancy
WHERE id = %(tenancy_id)s
  AND (%(sees_all)s OR property_id IN (SELECT id FROM managed_property(%(viewer_id)s, %(sees_all)s)))
FOR UPDATE"""


async def hold_own(connection: AsyncConnection[Row], tenancy_id: int, *, viewer: Viewer, now: datetime) -> Tenancy:
    """The viewer's own tenancy of an id, held until the transaction ends.

    Raises:
        Refused: TENANCY_NOT_FOUND.
    """
    return await _held(connection, _HOLD_OWN, tenancy_id, viewer=viewer, now=now)


async def hold_let(connection: AsyncConnection[Row], tenancy_id: int, *, viewer: Viewer, now: datetime) -> Tenancy:
    """The tenancy of an id, of a property that the viewer acts for, held until the transaction ends.

    Raises:
        Refused: TENANCY_NOT_FOUND.
    """
    return await _held(connection, _HOLD_LET, tenancy_id, viewer=viewer, now=now)


async def _held(
    connection: AsyncConnection[Row], statement: LiteralString, tenancy_id: int, *, viewer: Viewer, now: datetime
) -> Tenancy:
    parameters = {**scope(viewer), "tenancy_id": tenancy_id}
    if not await (await connection.execute(statement, parameters)).fetchall():
        raise Refused("TENANCY_NOT_FOUND", "You have no tenancy of this id.", "id")
    (found,) = await of_ids(connection, [tenancy_id], now=now)
    return found


def check_not_over(tenancy: Tenancy, *, now: datetime) -> None:
    """Whether there is still an end to be decided about.

    Raises:
        Refused: TENANCY_ENDED.
    """
    if tenancy.ends_at is not None and tenancy.ends_at <= now:
        raise Refused("TENANCY_ENDED", "The tenancy is over: invite the tenant again.", "id")


_END: LiteralString = """
UPDATE tenancy SET ends_at = CASE WHEN %(is_now)s THEN least(%(ends_at)s, clock_timestamp()) ELSE %(ends_at)s END
WHERE id = %(tenancy_id)s"""
_DROP: LiteralString = "DELETE FROM tenancy WHERE id = %(tenancy_id)s"


async def end(connection: AsyncConnection[Row], tenancy: Tenancy, *, ends_at: datetime, is_now: bool) -> bool:
    """Ends a tenancy, which the transaction holds; one that would not have begun then is removed, and the answer False.

    `is_now` is an end at once, also where the database's clock is behind ours.
    """
    parameters = {"tenancy_id": tenancy.id, "ends_at": ends_at, "is_now": is_now}
    has_begun = tenancy.starts_at < ends_at
    await connection.execute(_END if has_begun else _DROP, parameters)
    return has_begun


_SET_LAST_DAY: LiteralString = """
UPDATE tenancy SET ends_at = local_midnight(%(last_day)s::date + 1, %(time_zone)s) WHERE id = %(tenancy_id)s
RETURNING ends_at IS NULL OR ends_at > greatest(starts_at, %(now)s)"""


async def set_last_day(
    connection: AsyncConnection[Row], tenancy: Tenancy, *, last_day: date | None, now: datetime
) -> None:
    """Gives a tenancy, which the transaction holds, another last local day; None leaves it open.

    Raises:
        Refused: BAD_TIME when it would be over by then.
    """
    parameters = {"tenancy_id": tenancy.id, "last_day": last_day, "time_zone": tenancy.time_zone, "now": now}
    ((is_ahead,),) = await (await connection.execute(_SET_LAST_DAY, parameters)).fetchall()
    if not is_ahead:
        raise Refused("BAD_TIME", "`endsOn` must be today or later: `endTenancy` ends one at once.", "endsOn")


_ADD: LiteralString = """
INSERT INTO tenancy (account_id, property_id, starts_at, ends_at)
SELECT %(account_id)s, %(property_id)s, span.starts_at, span.ends_at
FROM (SELECT greatest(local_midnight(%(starts_on)s::date, %(time_zone)s),
                      (SELECT max(ends_at) FROM tenancy AS former JOIN tenancy_panel ON tenancy_id = former.id
                       WHERE panel_id = ANY(%(panel_ids)s) AND former.account_id <> %(account_id)s
                         AND former.ends_at <= %(now)s),
                      (SELECT max(%(now)s::timestamptz)
                       FROM tenancy AS other JOIN tenancy_panel ON tenancy_id = other.id
                       WHERE panel_id = ANY(%(panel_ids)s) AND other.account_id <> %(account_id)s
                         AND other.starts_at <= %(now)s AND (other.ends_at IS NULL OR other.ends_at > %(now)s)),
                      (SELECT max(left_at) FROM panel WHERE id = ANY(%(panel_ids)s))) AS starts_at,
             local_midnight(%(ends_on)s::date + 1, %(time_zone)s) AS ends_at) AS span
WHERE span.ends_at IS NULL OR span.ends_at > span.starts_at
RETURNING id"""
_ADD_PANELS: LiteralString = """
INSERT INTO tenancy_panel (tenancy_id, panel_id) SELECT %(tenancy_id)s, unnest(%(panel_ids)s::integer[])"""


async def add(
    connection: AsyncConnection[Row],
    *,
    account_id: int,
    property_id: int,
    panel_ids: Sequence[int],
    time_zone: str,
    starts_on: date,
    ends_on: date | None,
    now: datetime,
) -> int | None:
    """Lets somebody rent panels from the midnight at which a local day begins up to the one at which another ends.

    It begins no earlier than an ended tenancy of somebody else has ended, and where somebody else rents now, no earlier
    than now: what they used and paid until then stays theirs. Returns its id; None, and nothing changed, where nothing
    is left of it then.
    """
    parameters: dict[str, Any] = {
        "account_id": account_id,
        "property_id": property_id,
        "panel_ids": list(panel_ids),
        "time_zone": time_zone,
        "starts_on": starts_on,
        "ends_on": ends_on,
        "now": now,
    }
    row = await (await connection.execute(_ADD, parameters)).fetchone()
    if row is None:
        return None
    await connection.execute(_ADD_PANELS, {"tenancy_id": row[0], "panel_ids": list(panel_ids)})
    return row[0]
