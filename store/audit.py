"""Keeps who did what to money, units, properties, devices and accounts, refused attempts too."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, Connection
from psycopg.types.json import Jsonb

from store.connections import Row

DONE: Final = "DONE"
MAX_REFUSED_AN_HOUR: Final = 100
"""How many refused attempts of an account or a machine, or of signing in to an account, are kept each hour (UTC); the
rest are counted in one row."""
MAX_STRANGE_AN_HOUR: Final = 1000
"""The same of signing in to accounts that there are not."""


class Via(Enum):
    """By what somebody acts."""

    SESSION = "SESSION"
    KEY = "KEY"
    SIGN_IN = "SIGN_IN"
    COMMAND_LINE = "COMMAND_LINE"
    DEVICE = "DEVICE"
    MACHINE = "MACHINE"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: an account, or a machine that has a name only. `address` is their network."""

    account_id: int | None
    name: str | None = None
    via: Via = Via.MACHINE
    key_name: str | None = None
    address: str | None = None


COMMAND_LINE: Final = Actor(None, "command line", Via.COMMAND_LINE)
"""Whoever has the machine's shell."""
STRANGER: Final = "not signed in"
"""The name of who tries to sign in."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is done or tried, and to which panel, property or account; `panel_code` as it was given. No secrets."""

    actor: Actor
    action: str
    panel_code: str | None
    details: Mapping[str, Any]
    property_id: int | None = None
    subject_account_id: int | None = None


_DONE: LiteralString = """
INSERT INTO audit_entry (account_id, actor, panel_id, panel_code, action, outcome, details, property_id,
                         subject_account_id, address, via, key_name)
SELECT account.id, coalesce(account.name, %(name)s, ''), %(panel_id)s, %(panel_code)s, %(action)s, 'DONE', %(details)s,
       (SELECT id FROM property WHERE id = %(property_id)s),
       (SELECT id FROM account WHERE id = %(subject_account_id)s), %(address)s, %(via)s, %(key_name)s
FROM (VALUES (true)) AS one (act) LEFT JOIN account ON account.id = %(account_id)s"""


async def record_done(connection: AsyncConnection[Row], act: Act, *, panel_id: int | None = None) -> None:
    """Keeps that something was done, in the transaction that does it."""
    await connection.execute(_DONE, {**_parameters(act), "panel_id": panel_id})


def record_done_in_batch(connection: Connection[Row], act: Act, *, panel_id: int | None = None) -> None:
    """The same, of what a batch of readings does."""
    connection.execute(_DONE, {**_parameters(act), "panel_id": panel_id})


# A panel that the actor does not see is not named: its owner would learn of strangers, and strangers of it. So it is
# with properties that are not the actor's, and with accounts that are neither the actor nor its service account.
_REFUSED: LiteralString = """
WITH actor AS MATERIALIZED (
    SELECT account.id, coalesce(account.name, %(name)s, '') AS name,
           %(account_id)s::bigint IS NULL OR account.role = 'ADMIN' AS sees_all,
           coalesce(account.owner_id, account.id) AS owner_id
    FROM (VALUES (true)) AS one (act) LEFT JOIN account ON account.id = %(account_id)s
), seen AS MATERIALIZED (
    SELECT actor.id, actor.name,
           (SELECT panel.id FROM visible_panel(actor.id, actor.sees_all) AS panel
            WHERE panel.code = %(panel_code)s) AS panel_id,
           (SELECT property.id FROM property
            WHERE property.id = %(property_id)s AND (sees_all OR landlord_id = actor.owner_id)) AS property_id,
           (SELECT subject.id FROM account AS subject
            WHERE subject.id = %(subject_account_id)s
              AND (sees_all OR actor.id IN (subject.id, subject.owner_id))) AS subject_account_id,
           (SELECT count(*) FROM audit_entry AS known
            WHERE known.actor = actor.name AND known.account_id IS NOT DISTINCT FROM actor.id
              AND outcome <> 'DONE' AND NOT is_rest
              AND at >= date_bin('1 hour', clock_timestamp(), timestamptz '1970-01-01 00:00Z')) >= %(most)s AS is_rest
    FROM actor
)
INSERT INTO audit_entry AS entry (account_id, actor, panel_id, panel_code, action, outcome, details, property_id,
                                  subject_account_id, address, via, key_name, is_rest)
SELECT id, name, CASE WHEN NOT is_rest THEN panel_id END, CASE WHEN NOT is_rest THEN %(panel_code)s END,
       CASE WHEN is_rest THEN 'VARIOUS' ELSE %(action)s END, CASE WHEN is_rest THEN 'REFUSED' ELSE %(code)s END,
       CASE WHEN is_rest THEN '{}' ELSE %(details)s::jsonb END, CASE WHEN NOT is_rest THEN property_id END,
       CASE WHEN NOT is_rest THEN subject_account_id END, CASE WHEN NOT is_rest THEN %(address)s END, %(via)s,
       CASE WHEN NOT is_rest THEN %(key_name)s END, is_rest
FROM seen
ON CONFLICT (account_id, actor, subject_account_id, date_bin('1 hour', at, timestamptz '1970-01-01 00:00Z'))
    WHERE is_rest
DO UPDATE SET times = entry.times + 1"""


async def record_refused(connection: AsyncConnection[Row], act: Act, *, code: str) -> None:
    """Keeps that something was refused, in a transaction of its own; counts it only where that was too often lately."""
    await connection.execute(_REFUSED, {**_parameters(act), "code": code, "most": MAX_REFUSED_AN_HOUR})


# A flood leaves one row that counts: once it is there, nothing is looked for. The statement is the same for accounts
# that there are and are not.
_SIGN_IN_REFUSED: LiteralString = """
WITH hour AS MATERIALIZED (
    SELECT date_bin('1 hour', clock_timestamp(), timestamptz '1970-01-01 00:00Z') AS starts_at
), known AS MATERIALIZED (
    SELECT (SELECT id FROM account WHERE id = %(subject_account_id)s) AS subject_id
), counted AS MATERIALIZED (
    SELECT subject_id,
           EXISTS (SELECT FROM audit_entry AS rest
                   WHERE rest.is_rest AND rest.account_id IS NULL AND rest.actor = %(name)s
                     AND rest.subject_account_id IS NOT DISTINCT FROM subject_id
                     AND date_bin('1 hour', rest.at, timestamptz '1970-01-01 00:00Z') = hour.starts_at)
           OR (SELECT count(*) FROM audit_entry AS one
               WHERE one.actor = %(name)s AND one.at >= hour.starts_at AND outcome <> 'DONE'
                 AND one.subject_account_id IS NOT DISTINCT FROM subject_id)
              >= CASE WHEN subject_id IS NULL THEN %(most_strange)s::integer ELSE %(most)s::integer END AS is_rest
    FROM known, hour
)
INSERT INTO audit_entry AS entry (actor, action, outcome, details, subject_account_id, address, via, is_rest)
SELECT %(name)s, CASE WHEN is_rest THEN 'VARIOUS' ELSE %(action)s END,
       CASE WHEN is_rest THEN 'REFUSED' ELSE %(code)s END, CASE WHEN is_rest THEN '{}' ELSE %(details)s::jsonb END,
       subject_id, CASE WHEN NOT is_rest THEN %(address)s END, 'SIGN_IN', is_rest
FROM counted
ON CONFLICT (account_id, actor, subject_account_id, date_bin('1 hour', at, timestamptz '1970-01-01 00:00Z'))
    WHERE is_rest
DO UPDATE SET times = entry.times + 1"""


async def record_sign_in_refused(connection: AsyncConnection[Row], act: Act, *, code: str) -> None:
    """Keeps that somebody did not get in to `subject_account_id`, or to an account that there is not (None)."""
    limits = {"most": MAX_REFUSED_AN_HOUR, "most_strange": MAX_STRANGE_AN_HOUR}
    await connection.execute(_SIGN_IN_REFUSED, {**_parameters(act), "code": code, **limits})


def _parameters(act: Act) -> dict[str, Any]:
    actor = act.actor
    return {
        "account_id": actor.account_id,
        "name": actor.name,
        "panel_code": act.panel_code and act.panel_code.replace("\0", "")[:64],
        "action": act.action,
        "details": Jsonb(dict(act.details)),
        "property_id": act.property_id,
        "subject_account_id": act.subject_account_id,
        "address": actor.address,
        "via": actor.via.value,
        "key_name": actor.key_name,
    }


_REMOVE: LiteralString = "SELECT remove_audit_before(%(until)s, %(most)s)"


async def remove_before(connection: AsyncConnection[Row], *, until: datetime) -> int:
    """Removes the entries from before an instant, some thousand a transaction, and returns how many."""
    removed, most = 0, 5_000
    while True:
        cursor = await connection.execute(_REMOVE, {"until": until, "most": most})
        ((gone,),) = await cursor.fetchall()
        removed += gone
        if gone < most:
            return removed
