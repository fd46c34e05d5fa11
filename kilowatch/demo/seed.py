"""Furnishes the demo's database: people, panels, tariffs, the history up to now, and the flats' top-ups."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.console import Console

from kilowatch.demo.credit import settle_credit
from kilowatch.demo.history import PanelHistory
from kilowatch.demo.paygo import set_paygo
from kilowatch.demo.prices import tariffs_of
from kilowatch.demo.progress import told_progress
from kilowatch.demo.registers import latest_registers
from kilowatch.demo.site import (
    PANELS,
    PASSWORD,
    PEOPLE,
    SimulatedPanel,
    SimulatedPerson,
)
from metering.access import Role, Viewer
from metering.alerts import PushPlatform
from metering.low_units import Threshold, Unit
from store import accounts, low_units, push_devices, registry, tariffs
from store.connections import Database, connect, connect_async
from store.merge import BatchWriter, PanelReading
from store.registry import Registers

_BATCH: Final = 5000


class ForeignDatabaseError(Exception):
    """The database has people and is not a demo's; the demo would let strangers in with its well-known password."""


def seed(database_url: str, *, console: Console, days: int) -> dict[str, Registers]:
    """Brings the demo's data up to now, from `days` ago when there is none; returns where each panel's registers stand.

    What a stop of the demo left out is filled in, as by meters that kept their readings meanwhile.

    Raises:
        ForeignDatabaseError: people sign in, and the demo's admin is not among them; nothing was changed.
    """
    asyncio.run(_check_people(database_url))
    now = datetime.now(UTC).replace(microsecond=0)
    panel_ids = asyncio.run(furnish(database_url))
    histories = asyncio.run(_missing_history(database_url, since=now - timedelta(days=days), until=now))
    _load(database_url, histories, panel_ids=panel_ids, console=console)
    asyncio.run(set_paygo(database_url, panel_ids=panel_ids, at=now))
    asyncio.run(settle_credit(database_url, panel_ids=panel_ids, since=now - timedelta(days=days), until=now))
    return latest_registers(database_url)


async def _check_people(database_url: str) -> None:
    async with await connect_async(database_url) as connection:
        known = {person.account.email for person in await accounts.people(connection)}
    if known and PEOPLE[0].email not in known:
        raise ForeignDatabaseError(
            f"the demo's logins have a well-known password, and {len(known)} other people sign in to this "
            "database: unset DATABASE_URL, or name an empty database"
        )


async def furnish(database_url: str) -> dict[str, int]:
    """Describes the panels, sets their tariffs and invites the people; answers the panels' ids by code."""
    async with await connect_async(database_url) as connection, connection.transaction():
        panel_ids = {panel.code: await registry.describe_panel(connection, _described(panel)) for panel in PANELS}
        for code, tariff in tariffs_of(PANELS).items():
            await tariffs.set_tariff(connection, panel_id=panel_ids[code], tariff=tariff)
    await _invite(database_url, panel_ids=panel_ids)
    return panel_ids


def _described(panel: SimulatedPanel) -> registry.PanelDescription:
    return registry.PanelDescription(
        code=panel.code,
        name=panel.name,
        location=panel.location,
        floor=panel.floor,
        time_zone=panel.time_zone,
        is_prepaid=panel.is_prepaid,
        meter_number=panel.meter_number,
    )


async def _missing_history(database_url: str, *, since: datetime, until: datetime) -> list[PanelHistory]:
    async with await connect_async(database_url) as connection:
        known = await registry.registers(connection)
    return [
        PanelHistory(panel, known[panel.code].at, until, known[panel.code].import_kwh, known[panel.code].export_kwh)
        if panel.code in known
        else PanelHistory(panel, since, until, panel.register_kwh, panel.register_kwh)
        for panel in PANELS
        if not panel.is_typed_in
    ]


def _load(database_url: str, histories: list[PanelHistory], *, panel_ids: dict[str, int], console: Console) -> None:
    total = sum(history.count for history in histories)
    with told_progress("Loading history", total=total, console=console) as advance, connect(database_url) as connection:
        writer = BatchWriter(connection)
        for batch in _batches(histories, panel_ids=panel_ids):
            writer.write(batch)
            advance(len(batch))


def _batches(histories: list[PanelHistory], *, panel_ids: dict[str, int]) -> Iterator[list[PanelReading]]:
    rows = ((panel_ids[history.panel.code], reading) for history in histories for reading in history.readings())
    while batch := list(itertools.islice(rows, _BATCH)):
        yield batch


async def _invite(database_url: str, *, panel_ids: dict[str, int]) -> None:
    """Adds the people with their panels, phones and rules; those who are there already stay as they are."""
    async with await connect_async(database_url) as connection:
        known = {person.account.email for person in await accounts.people(connection)}
        for person in PEOPLE:
            if person.email not in known:
                async with connection.transaction():
                    await _add(connection, person, panel_ids=panel_ids)


async def _add(connection: Database, person: SimulatedPerson, *, panel_ids: dict[str, int]) -> None:
    account = await accounts.create(
        connection, email=person.email, name=person.name, role=Role[person.role], password=PASSWORD
    )
    viewer = Viewer(account.id, account.role)
    for code in person.panels:
        await accounts.grant(connection, account_id=account.id, panel_code=code)
        if person.threshold_kwh is not None:
            threshold = Threshold(Unit.KWH, person.threshold_kwh)
            await low_units.set_rule(connection, viewer, panel_id=panel_ids[code], threshold=threshold)
    if person.phone_token:
        await push_devices.register(
            connection, viewer, token=person.phone_token, platform=PushPlatform.ANDROID, name="Demo phone"
        )
