"""Turns what people read from meters into readings, and a panel into what was typed in for it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import strawberry

from metering.access import Role
from metering.ledger import checked_key
from metering.reading_changes import checked_reason
from metering.refusals import Refused
from metering.typed_readings import checked_register_kwh, reading_time
from resolvers import panels
from resolvers.audit import Details, audited
from resolvers.context import Context, Info
from resolvers.managing import is_managed
from resolvers.pages import Cursor, Page, checked_first, cursor_of, number_of, page_of
from resolvers.places import number_in
from resolvers.windows import check_own_time, looking_back
from store import reading_changes, typed_readings
from store.panels import Panel
from store.reading_changes import Author
from store.typed_readings import KEY_USED, Typed, TypedKeyUse, TypedReading

CURSOR: Final = "typedReading"


@dataclass(frozen=True, slots=True)
class ReadingKeyUsed:
    """Why nothing was changed: the key did its work before."""

    code: str = "IDEMPOTENCY_KEY_USED"
    message: str = "This key was used before: `typedReading` is what it did then. Nothing was changed."
    field: str = "idempotencyKey"


@dataclass(frozen=True, slots=True)
class ReadingTyped:
    """What became of a typed-in reading. A repeated key shows what it typed in the first time."""

    typed_reading: TypedReading | None = None
    panel: Panel | None = None
    refusal: ReadingKeyUsed | None = None


@dataclass(frozen=True, slots=True)
class TypedWithdrawn:
    """What became of taking a typed-in reading away: its panel as it is now."""

    panel: Panel | None = None
    refusal: Refused | None = None


async def record(
    context: Context, *, panel_code: str, energy_import_kwh: float, at: datetime | None, idempotency_key: str
) -> ReadingTyped:
    """Stores what the panel's import register showed, as a reading like any other.

    Raises:
        Refused: UNAUTHENTICATED, PANEL_NOT_FOUND, FORBIDDEN, BAD_INPUT, BAD_TIME, TOO_OLD, READING_WITHDRAWN.
    """
    details: Details = {"energyImportKwh": energy_import_kwh, "at": at}
    async with audited(context, action="RECORD_READING", panel_code=panel_code, **details) as act:
        viewer, key = context.signed_in, checked_key(idempotency_key)
        energy_kwh, now = checked_register_kwh(energy_import_kwh), context.now()
        panel = await panels.required(context, panel_code)
        await check_own_time(context, panel, at)
        read_at = reading_time(at, now=now).astimezone(panel.zone)
        use = await _use_of_key(context, key)
        if use is None:
            await _check_may_type(context, panel)
            typed = Typed(panel.id, read_at, energy_kwh, now, key)
            number = await reading_changes.changed(
                context.pool, lambda batch: typed_readings.record(batch, typed, viewer=viewer, act=act.kept)
            )
            act.is_done = number != KEY_USED
            use = await _use_of_key(context, key)
            if act.is_done:
                return await _made(context, panel, use)
        act.code = ReadingKeyUsed().code
        return replace(await _made(context, panel, use), refusal=ReadingKeyUsed())


async def withdraw(context: Context, *, typed_reading_id: str, reason: str) -> TypedWithdrawn:
    """Takes a reading that was typed in away; what a device measured stays the admins' affair.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, READING_NOT_FOUND, TOO_OLD, BAD_INPUT (reason).
    """
    asked: Details = {"typedReadingId": typed_reading_id, "reason": reason}
    async with audited(context, action="WITHDRAW_TYPED_READING", **asked) as act:
        viewer = context.landlord
        author, number = Author(checked_reason(reason), viewer.account_id), number_in(typed_reading_id) or 0
        code = await reading_changes.changed(
            context.pool,
            lambda batch: typed_readings.withdraw(batch, typed_id=number, viewer=viewer, author=author, act=act.kept),
        )
        act.is_done = True
        return TypedWithdrawn(await panels.visible(context, code))


async def _use_of_key(context: Context, key: str) -> TypedKeyUse | None:
    async with context.pool.connection() as connection:
        return await typed_readings.use_of_key(connection, viewer=context.signed_in, idempotency_key=key)


async def _made(context: Context, panel: Panel, use: TypedKeyUse | None) -> ReadingTyped:
    typed = use and use.typed
    return ReadingTyped(typed and _local(typed, panel=panel), await panels.visible(context, panel.code))


async def _check_may_type(context: Context, panel: Panel) -> None:
    """Whether the viewer may: what a device measures, tenants do not change.

    Raises:
        Refused: FORBIDDEN for a tenant, also a landlord who rents it, where its newest reading came from a device.
    """
    viewer = context.signed_in
    if viewer.role is not Role.TENANT and await is_managed(context, panel):
        return
    async with context.pool.connection() as connection:
        if not await typed_readings.is_read_by_people(connection, viewer=viewer, panel_id=panel.id):
            message = "This meter reports by itself: only admins and the panel's landlord may type in readings."
            raise Refused("FORBIDDEN", message)


def _local(typed: TypedReading, *, panel: Panel) -> TypedReading:
    return replace(typed, at=typed.at.astimezone(panel.zone), typed_at=typed.typed_at.astimezone(panel.zone))


async def page(
    parent: strawberry.Parent[Panel], info: Info, first: int = 50, after: Cursor | None = None
) -> Page[TypedReading]:
    """What was typed in for the panel, the last first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    before_id = None if after is None else number_of(after, kind=CURSOR)
    async with looking_back(info.context, parent.id) as connection:
        rows, total = await typed_readings.page(
            connection,
            viewer=info.context.signed_in,
            panel_id=parent.id,
            before_id=before_id,
            limit=checked_first(first) + 1,
        )
    local = [_local(row, panel=parent) for row in rows]
    return page_of(local, first=first, after=after, total_count=total, cursor=lambda row: cursor_of(CURSOR, row.id))
