"""Turns the audit into pages of what somebody may read of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from store.audit import Via
from store.connections import Row
from store.scope import scope


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, and what came of it: DONE, or the code of the refusal. `at` is in UTC.

    `address` and `via` are None where they are not the viewer's to know. `times` is above 1 where it stands for further
    refused attempts of an hour.
    """

    id: int
    at: datetime
    account_id: int | None
    actor: str
    panel_code: str | None
    property_id: int | None
    subject_account_id: int | None
    action: str
    outcome: str
    details: dict[str, Any]
    times: int
    address: str | None
    via: Via | None
    key_name: str | None


@dataclass(frozen=True, slots=True)
class Which:
    """Which entries are asked for; None leaves them all in. The span is [since, until)."""

    action: str | None = None
    actor: str | None = None
    panel_code: str | None = None
    property_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    is_own: bool = False
    """Only those of the viewer's own account: its acts, and what was done to it."""


# What there is to read: of one's own account and one's service accounts all, of the panels and properties that one lets
# what was done to them.
_SOURCES: LiteralString = """
     managed AS MATERIALIZED (SELECT id, code FROM managed_panel(%(viewer_id)s, %(sees_all)s)),
     mine AS MATERIALIZED (SELECT id FROM account WHERE %(viewer_id)s IN (id, owner_id)),
     owned AS MATERIALIZED (SELECT id FROM property
                            WHERE landlord_id = (SELECT coalesce(owner_id, id) FROM account
                                                 WHERE id = %(viewer_id)s))"""

_OWN: LiteralString = """
(entry.account_id = ANY (ARRAY(SELECT id FROM mine)) OR entry.subject_account_id = ANY (ARRAY(SELECT id FROM mine)))"""

# From where and by what it came is for who did it, and for whose account somebody tried to come in to.
_PLACED: LiteralString = """
(%(sees_all)s OR entry.account_id = ANY (ARRAY(SELECT id FROM mine))
 OR entry.account_id IS NULL AND entry.subject_account_id = ANY (ARRAY(SELECT id FROM mine)))"""

_WHERE: LiteralString = f"""
WHERE (CASE WHEN %(is_own)s THEN entry.account_id = %(viewer_id)s OR entry.subject_account_id = %(viewer_id)s
            ELSE %(sees_all)s OR {_OWN}
                 OR entry.panel_id = ANY (ARRAY(SELECT id FROM managed WHERE NOT %(sees_all)s))
                 OR entry.property_id = ANY (ARRAY(SELECT id FROM owned)) END)
  AND (%(action)s::text IS NULL OR entry.action = %(action)s)
  AND (%(actor)s::text IS NULL OR entry.actor = %(actor)s)
  AND (%(since)s::timestamptz IS NULL OR entry.at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR entry.at < %(until)s)
  AND (%(property_id)s::bigint IS NULL OR entry.property_id = %(property_id)s)
  AND (%(panel_code)s::text IS NULL
       OR entry.panel_id = (SELECT id FROM managed WHERE code = %(panel_code)s)
       OR entry.panel_code = %(panel_code)s AND (entry.panel_id IS NULL OR {_OWN}))"""

_PAGE: LiteralString = f"""
WITH {_SOURCES}
SELECT entry.id, entry.at, entry.account_id, entry.actor, coalesce(managed.code, entry.panel_code) AS panel_code,
       entry.property_id, entry.subject_account_id, entry.action, entry.outcome, entry.details, entry.times,
       CASE WHEN {_PLACED} THEN entry.address END AS address,
       CASE WHEN {_PLACED} THEN entry.via END AS via,
       CASE WHEN {_PLACED} THEN entry.key_name END AS key_name
FROM audit_entry AS entry LEFT JOIN managed ON managed.id = entry.panel_id
{_WHERE}
  AND (%(before_id)s::bigint IS NULL OR entry.id < %(before_id)s)
ORDER BY entry.id DESC LIMIT %(limit)s"""

_COUNT: LiteralString = f"""
WITH {_SOURCES}
SELECT count(*)::integer FROM audit_entry AS entry
{_WHERE}"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer | None, which: Which, before_id: int | None, limit: int
) -> list[AuditEntry]:
    """Up to `limit` entries that the viewer may read, newest first, those before `before_id` where it is given.

    None reads all: the command line.
    """
    parameters = {**_parameters(viewer, which), "before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, parameters, binary=True)).fetchall()
    return [AuditEntry(*row[:-2], via=row[-2] and Via(row[-2]), key_name=row[-1]) for row in rows]


async def count(connection: AsyncConnection[Row], *, viewer: Viewer | None, which: Which) -> int:
    """How many entries there are for the viewer."""
    ((total,),) = await (await connection.execute(_COUNT, _parameters(viewer, which))).fetchall()
    return total


def _parameters(viewer: Viewer | None, which: Which) -> dict[str, Any]:
    return {
        **scope(viewer),
        "is_own": which.is_own,
        "action": which.action,
        "actor": which.actor,
        "panel_code": which.panel_code,
        "property_id": which.property_id,
        "since": which.since,
        "until": which.until,
    }
