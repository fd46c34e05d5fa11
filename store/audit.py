"""Keeps who did what to a panel's money, units and tariff, refused attempts too, and turns that into pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, Connection
from psycopg.types.json import Jsonb

from metering.access import Viewer
from store.connections import Row

DONE: Final = "DONE"
MAX_REFUSED_AN_HOUR: Final = 100
"""How many refused attempts of an account or a machine are kept each hour (UTC); the rest are counted in one row."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an account, or a machine that has a name only."""

    account_id: int | None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What is done or tried, and to which panel; `panel_code` as it was given. `details` hold no secrets."""

    actor: Actor
    action: str
    panel_code: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, and what came of it: DONE, or the code of the refusal. `at` is in UTC.

    `times` is above 1 where it stands for further refused attempts of an hour.
    """

    id: int
    at: datetime
    account_id: int | None
    actor: str
    panel_code: str | None
    action: str
    outcome: str
    details: dict[str, Any]
    times: int


_DONE: LiteralString = """
INSERT INTO audit_entry (account_id, actor, panel_id, panel_code, action, outcome, details)
SELECT account.id, coalesce(account.name, %(name)s, ''), %(panel_id)s, %(panel_code)s, %(action)s, 'DONE', %(details)s
FROM (VALUES (true)) AS one (act) LEFT JOIN account ON account.id = %(account_id)s"""


async def record_done(connection: AsyncConnection[Row], act: Act, *, panel_id: int | None) -> None:
    """Keeps that something was done, in the transaction that does it."""
    await connection.execute(_DONE, {**_parameters(act), "panel_id": panel_id})


def record_done_in_batch(connection: Connection[Row], act: Act, *, panel_id: int | None) -> None:
    """The same, of what a batch of readings does."""
    connection.execute(_DONE, {**_parameters(act), "panel_id": panel_id})


# A panel that the actor does not see is not named: its owner would learn of strangers, and strangers of it.
_REFUSED: LiteralString = """
WITH actor AS MATERIALIZED (
    SELECT account.id, coalesce(account.name, %(name)s, '') AS name,
           %(account_id)s::bigint IS NULL OR account.role = 'ADMIN' AS sees_all
    FROM (VALUES (true)) AS one (act) LEFT JOIN account ON account.id = %(account_id)s
), seen AS MATERIALIZED (
    SELECT actor.id, actor.name,
           (SELECT panel.id FROM visible_panel(actor.id, actor.sees_all) AS panel
            WHERE panel.code = %(panel_code)s) AS panel_id,
           (SELECT count(*) FROM audit_entry AS known
            WHERE known.actor = actor.name AND known.account_id IS NOT DISTINCT FROM actor.id
              AND outcome <> 'DONE' AND NOT is_rest
              AND at >= date_bin('1 hour', clock_timestamp(), timestamptz '1970-01-01 00:00Z')) >= %(most)s AS is_rest
    FROM actor
)
INSERT INTO audit_entry AS entry (account_id, actor, panel_id, panel_code, action, outcome, details, is_rest)
SELECT id, name, CASE WHEN NOT is_rest THEN panel_id END, CASE WHEN NOT is_rest THEN %(panel_code)s END,
       CASE WHEN is_rest THEN 'VARIOUS' ELSE %(action)s END, CASE WHEN is_rest THEN 'REFUSED' ELSE %(code)s END,
       CASE WHEN is_rest THEN '{}' ELSE %(details)s::jsonb END, is_rest
FROM seen
ON CONFLICT (account_id, actor, date_bin('1 hour', at, timestamptz '1970-01-01 00:00Z')) WHERE is_rest
DO UPDATE SET times = entry.times + 1"""


async def record_refused(connection: AsyncConnection[Row], act: Act, *, code: str) -> None:
    """Keeps that something was refused, in a transaction of its own; counts it only where that was too often lately."""
    await connection.execute(_REFUSED, {**_parameters(act), "code": code, "most": MAX_REFUSED_AN_HOUR})


def _parameters(act: Act) -> dict[str, Any]:
    return {
        "account_id": act.actor.account_id,
        "name": act.actor.name,
        "panel_code": act.panel_code and act.panel_code.replace("\0", "")[:64],
        "action": act.action,
        "details": Jsonb(dict(act.details)),
    }


VISIBLE: LiteralString = (
    "WITH visible AS MATERIALIZED (SELECT id, code FROM visible_panel(%(viewer_id)s, %(sees_all)s))"
)
"""How a statement about the panels that the viewer sees begins."""

_WHERE: LiteralString = """
WHERE (%(sees_all)s OR entry.account_id = %(viewer_id)s
       OR entry.panel_id = ANY (ARRAY(SELECT id FROM visible WHERE NOT %(sees_all)s)))
  AND (%(panel_code)s::text IS NULL
       OR entry.panel_id = (SELECT id FROM visible WHERE code = %(panel_code)s)
       OR entry.panel_code = %(panel_code)s AND entry.panel_id IS NULL)"""

_PAGE: LiteralString = f"""
{VISIBLE}
SELECT entry.id, entry.at, entry.account_id, entry.actor, coalesce(visible.code, entry.panel_code), entry.action,
       entry.outcome, entry.details, entry.times
FROM audit_entry AS entry LEFT JOIN visible ON visible.id = entry.panel_id
{_WHERE}
  AND (%(before_id)s::bigint IS NULL OR entry.id < %(before_id)s)
ORDER BY entry.id DESC LIMIT %(limit)s"""

_COUNT: LiteralString = f"""
{VISIBLE}
SELECT count(*)::integer FROM audit_entry AS entry
{_WHERE}"""


async def page(
    connection: AsyncConnection[Row], *, viewer: Viewer, panel_code: str | None, before_id: int | None, limit: int
) -> tuple[list[AuditEntry], int]:
    """Up to `limit` entries, newest first, those before `before_id` where it is given; and how many there are.

    Those of visible panels and those of the viewer's own; all of them for who sees everything.
    """
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_code": panel_code}
    place = {"before_id": before_id, "limit": limit}
    rows = await (await connection.execute(_PAGE, {**parameters, **place}, binary=True)).fetchall()
    ((total,),) = await (await connection.execute(_COUNT, parameters)).fetchall()
    return [AuditEntry(*row) for row in rows], total
