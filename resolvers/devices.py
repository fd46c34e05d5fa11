"""Turns devices into pages, each with its panels and what it last said of itself."""

from datetime import datetime

import strawberry

from metering.devices import ReportKind
from resolvers.context import Context, Info
from resolvers.loading import loaded
from resolvers.pages import Cursor, Page, bad_cursor, checked_first, cursor_of, number_of, page_of, place_of
from resolvers.places import instant_in, micros_of
from resolvers.windows import seeing_now
from store import device_reports, devices
from store.device_reports import KeptReport
from store.devices import Device, DeviceFilter
from store.panels import Panel

CURSOR = "device"
REPORT_CURSOR = "device-report"

_LAST_ID = 2**31 - 1


async def page(info: Info, *, first: int, after: Cursor | None, where: DeviceFilter) -> Page[Device]:
    """The devices behind the viewer's panels that the filter lets through, by name; for an admin all devices.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (first), BAD_CURSOR.
    """
    context, viewer = info.context, info.context.signed_in
    limit, after_id = checked_first(first) + 1, None if after is None else _id_of(after)
    async with context.pool.connection() as connection:
        rows, total = await devices.page(
            connection,
            viewer=viewer,
            where=where,
            after_id=after_id,
            limit=limit,
            online_since=_online_since(context),
        )
    return page_of(
        rows, first=first, after=after, total_count=total, cursor=lambda device: cursor_of(CURSOR, device.id)
    )


def _id_of(cursor: Cursor) -> int:
    device_id = number_of(cursor, kind=CURSOR)
    if device_id > _LAST_ID:
        raise bad_cursor()
    return device_id


def _online_since(context: Context) -> datetime:
    return context.now() - context.online_within


async def of_panel(parent: strawberry.Parent[Panel], info: Info) -> Device | None:
    """The device that the panel's readings come from; None where it has not told of itself."""
    return await loaded(info.context, _of_panels, parent.id)


async def _of_panels(context: Context, panel_ids: list[int]) -> dict[int, Device]:
    since = _online_since(context)
    async with context.pool.connection() as connection:
        return await devices.of_panels(connection, viewer=context.signed_in, panel_ids=panel_ids, online_since=since)


async def panels(parent: strawberry.Parent[Device], info: Info) -> list[Panel]:
    """The device's panels that the viewer may see, by code."""
    return await loaded(info.context, _panels_of, parent.id) or []


async def _panels_of(context: Context, device_ids: list[int]) -> dict[int, list[Panel]]:
    since = _online_since(context)
    async with seeing_now(context) as connection:
        return await devices.panels_of(connection, viewer=context.signed_in, device_ids=device_ids, online_since=since)


async def latest_heartbeat(parent: strawberry.Parent[Device], info: Info) -> KeptReport | None:
    """The device's newest heartbeat; None when it never sent one."""
    return await loaded(info.context, _newest_reports, (parent.id, ReportKind.HEARTBEAT))


async def latest_status(parent: strawberry.Parent[Device], info: Info) -> KeptReport | None:
    """What the device last said of how it is; None when it never did."""
    return await loaded(info.context, _newest_reports, (parent.id, ReportKind.STATUS))


async def _newest_reports(
    context: Context, keys: list[tuple[int, ReportKind]]
) -> dict[tuple[int, ReportKind], KeptReport]:
    device_ids = sorted({device_id for device_id, _ in keys})
    async with seeing_now(context) as connection:
        return await device_reports.newest(connection, viewer=context.signed_in, device_ids=device_ids)


async def reports(
    parent: Device, info: Info, *, kind: ReportKind, first: int, after: Cursor | None
) -> Page[KeptReport]:
    """The documents of one kind that the device has sent, newest first.

    Raises:
        Refused: BAD_INPUT (first), BAD_CURSOR.
    """
    limit, before_at = checked_first(first) + 1, None if after is None else _instant_of(after)
    async with seeing_now(info.context) as connection:
        rows, total = await device_reports.page(
            connection,
            viewer=info.context.signed_in,
            device_id=parent.id,
            kind=kind,
            before_at=before_at,
            limit=limit,
        )
    return page_of(rows, first=first, after=after, total_count=total, cursor=_report_cursor)


def _report_cursor(report: KeptReport) -> Cursor:
    return cursor_of(REPORT_CURSOR, micros_of(report.received_at))


def _instant_of(cursor: Cursor) -> datetime:
    at = instant_in(place_of(cursor, kind=REPORT_CURSOR))
    if at is None:
        raise bad_cursor()
    return at
