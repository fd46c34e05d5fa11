"""Keeps codes by which panels that belong to nobody can be claimed, and turns the hash of one into these panels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.refusals import Refused
from store.connections import Row


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim code that a transaction holds, and the panels to which it leads."""

    id: int
    panel_ids: list[int]
    panel_codes: list[str]


_TAKEN: LiteralString = """
SELECT code FROM panel WHERE id = ANY(%(panel_ids)s) AND property_id IS NOT NULL ORDER BY code LIMIT 1"""

# Whoever found an older code of a panel would otherwise claim it beside whom the new one is for.
_REPLACE: LiteralString = """
DELETE FROM claim_code
WHERE claimed_at IS NULL
  AND id IN (SELECT claim_code_id FROM claim_code_panel WHERE panel_id = ANY(%(panel_ids)s))"""

_CREATE: LiteralString = """
INSERT INTO claim_code (account_id, code_sha256, created_at, expires_at)
SELECT account.id, %(code_sha256)s, %(now)s, %(expires_at)s
FROM (VALUES (true)) AS one (act) LEFT JOIN account ON account.id = %(maker_id)s
RETURNING id"""
_CREATE_PANELS: LiteralString = """
INSERT INTO claim_code_panel (claim_code_id, panel_id) SELECT %(claim_code_id)s, unnest(%(panel_ids)s::integer[])"""


async def create(
    connection: AsyncConnection[Row],
    panel_ids: Sequence[int],
    *,
    viewer: Viewer | None,
    code_sha256: bytes,
    now: datetime,
    expires_at: datetime | None,
) -> int:
    """Keeps a claim code for panels that belong to nobody, in place of older ones for any of them; returns its id.

    `viewer` is who makes it, None the command line. Without `expires_at` it is good until it is used, like one that is
    printed on a box.

    Raises:
        Refused: PANEL_TAKEN.
    """
    parameters: dict[str, Any] = {
        "panel_ids": list(panel_ids),
        "maker_id": viewer and viewer.account_id,
        "code_sha256": code_sha256,
        "now": now,
        "expires_at": expires_at,
    }
    taken = await (await connection.execute(_TAKEN, parameters)).fetchone()
    if taken is not None:
        raise Refused("PANEL_TAKEN", f"{taken[0]} belongs to a property already.", "panelCodes")
    await connection.execute(_REPLACE, parameters)
    ((claim_code_id,),) = await (await connection.execute(_CREATE, parameters)).fetchall()
    await connection.execute(_CREATE_PANELS, {**parameters, "claim_code_id": claim_code_id})
    return claim_code_id


_HOLD: LiteralString = """
SELECT id FROM claim_code
WHERE code_sha256 = %(code_sha256)s AND claimed_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s)
FOR UPDATE"""
_HOLD_PANELS: LiteralString = """
SELECT panel.id, panel.code, panel.property_id IS NULL
FROM panel JOIN claim_code_panel ON panel_id = panel.id
WHERE claim_code_id = %(claim_code_id)s
ORDER BY panel.id
FOR UPDATE OF panel"""


async def hold(connection: AsyncConnection[Row], *, code_sha256: bytes | None, now: datetime) -> Claim:
    """The claim of a code, held until the transaction ends, with its panels.

    Raises:
        Refused: CLAIM_NOT_VALID where the code is unknown, used or has expired, a panel belongs to somebody by now,
            or none is left.
    """
    parameters = {"code_sha256": code_sha256, "now": now}
    row = await (await connection.execute(_HOLD, parameters)).fetchone()
    if row is None:
        raise _not_valid()
    panels = await (await connection.execute(_HOLD_PANELS, {"claim_code_id": row[0]})).fetchall()
    if not panels or not all(is_free for _, _, is_free in panels):
        raise _not_valid()
    return Claim(row[0], [panel_id for panel_id, _, _ in panels], [code for _, code, _ in panels])


def _not_valid() -> Refused:
    message = "This code leads to nothing that can be claimed: ask whoever gave it to you for another one."
    return Refused("CLAIM_NOT_VALID", message, "code")


_USE: LiteralString = """
UPDATE claim_code SET claimed_at = %(now)s, claimed_by = acting_account(%(viewer_id)s) WHERE id = %(claim_code_id)s"""
_TAKE: LiteralString = "UPDATE panel SET property_id = %(property_id)s WHERE id = ANY(%(panel_ids)s)"

# What was given to a tenant stays theirs to look at alone: a claim makes nobody the landlord of what they rent.
_KEEP_SIGHT: LiteralString = """
UPDATE panel_access SET is_sight_only = true
WHERE account_id = (SELECT id FROM account WHERE id = acting_account(%(viewer_id)s) AND role = 'TENANT')"""
_BECOME_LANDLORD: LiteralString = """
UPDATE account SET role = 'LANDLORD' WHERE id = acting_account(%(viewer_id)s) AND role = 'TENANT'"""


async def use(
    connection: AsyncConnection[Row], claim: Claim, *, viewer: Viewer, property_id: int, now: datetime
) -> None:
    """Lets the panels of a claim, which the transaction holds, belong to a property of the viewer's.

    A tenant becomes a landlord by it; what they were given before they may still look at, and decide nothing about.
    """
    parameters: dict[str, Any] = {
        "viewer_id": viewer.account_id,
        "claim_code_id": claim.id,
        "panel_ids": claim.panel_ids,
        "property_id": property_id,
        "now": now,
    }
    for statement in (_USE, _TAKE, _KEEP_SIGHT, _BECOME_LANDLORD):
        await connection.execute(statement, parameters)
