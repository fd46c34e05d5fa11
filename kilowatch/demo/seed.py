"""Furnishes the demo's database: people, panels, tariffs, the history up to now, and the flats' top-ups."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

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
    PROPERTIES,
    SimulatedPanel,
    SimulatedPerson,
)
from metering.access import THE_SERVICE, Role, Viewer
from metering.alerts import PushPlatform
from metering.low_units import Threshold, Unit
from metering.periods import Period, local_day
from store import accounts, low_units, properties, property_panels, push_devices, registry, tariffs, tenancy_terms
from store.accounts import NewAccount
from store.connections import Database, connect, connect_async
from store.merge import BatchWriter, PanelReading
from store.passwords import hashed
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
    since = now - timedelta(days=days)
    panel_ids = asyncio.run(furnish(database_url, since=since, until=now))
    histories = asyncio.run(_missing_history(database_url, since=since, until=now))
    _load(database_url, histories, panel_ids=panel_ids, console=console)
    asyncio.run(set_paygo(database_url, panel_ids=panel_ids, at=now))
    asyncio.run(settle_credit(database_url, panel_ids=panel_ids, since=since, until=now))
    return latest_registers(database_url)


async def _check_people(database_url: str) -> None:
    async with await connect_async(database_url) as connection:
        known = {person.account.email for person in await accounts.people(connection)}
    if known and PEOPLE[0].email not in known:
        raise ForeignDatabaseError(
            f"the demo's logins have a well-known password, and {len(known)} other people sign in to this "
            "database: unset DATABASE_URL, or name an empty database"
        )


async def furnish(database_url: str, *, since: datetime, until: datetime) -> dict[str, int]:
    """Describes the panels, sets their tariffs and lets them to the people; answers the panels' ids by code.

    Tenancies lie in the history, from `since` to `until`. What is there already stays as it is.
    """
    async with await connect_async(database_url) as connection, connection.transaction():
        panel_ids = {panel.code: await registry.describe_panel(connection, _described(panel)) for panel in PANELS}
        for code, tariff in tariffs_of(PANELS).items():
            await tariffs.set_tariff(connection, panel_id=panel_ids[code], tariff=tariff)
    await _invite(database_url, panel_ids=panel_ids, history=Period(since, until))
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


async def _invite(database_url: str, *, panel_ids: dict[str, int], history: Period) -> None:
    """Adds the people, what they let and rent, their phones and rules; who is there already stays as they are.

    Landlords come before those they let to. Who has moved out comes before who lives there now, because a tenancy of a
    panel that somebody else rents begins now at the earliest.
    """
    async with await connect_async(database_url) as connection:
        known = {person.account.email for person in await accounts.people(connection)}
        for person in sorted(PEOPLE, key=lambda each: (each.role == "TENANT", each.out_at is None)):
            if person.email not in known:
                async with connection.transaction():
                    await _add(connection, person, panel_ids=panel_ids, history=history)


async def _add(connection: Database, person: SimulatedPerson, *, panel_ids: dict[str, int], history: Period) -> None:
    password_hash = await asyncio.to_thread(hashed, PASSWORD)  # nobody may choose such a password
    new = NewAccount(person.name, Role[person.role], person.email, password_hash=password_hash)
    account = await accounts.add(connection, new)
    viewer = Viewer(account.id, account.role)
    for one in PROPERTIES:
        if one.landlord == person.email:
            number = await properties.create(connection, viewer=viewer, name=one.name, address=one.address)
            ids = [panel_ids[code] for code in one.panels]
            await property_panels.move(connection, ids, property_id=number, now=history.end)
    if person.flat:
        await _let(connection, person, viewer, panel_id=panel_ids[person.flat], history=history)
    if person.phone_token:
        await push_devices.register(
            connection, viewer, token=person.phone_token, platform=PushPlatform.ANDROID, name="Demo phone"
        )


async def _let(
    connection: Database, person: SimulatedPerson, viewer: Viewer, *, panel_id: int, history: Period
) -> None:
    """Lets a flat to somebody from one local day of the history to another, if it is so long, and sets their rule."""
    zone = ZoneInfo(next(panel.time_zone for panel in PANELS if panel.code == person.flat))
    addresses = await properties.of_panels(connection, viewer=THE_SERVICE, panel_ids=[panel_id])
    await tenancy_terms.add(
        connection,
        account_id=viewer.account_id,
        property_id=addresses[panel_id].id,
        panel_ids=[panel_id],
        time_zone=zone.key,
        starts_on=_day(person.in_at, history, zone=zone),
        ends_on=None if person.out_at is None else _day(person.out_at, history, zone=zone) - timedelta(days=1),
        now=history.end,
    )
    if person.threshold_kwh is not None:
        threshold = Threshold(Unit.KWH, person.threshold_kwh)
        await low_units.set_rule(connection, viewer, panel_id=panel_id, threshold=threshold)


def _day(share: float, history: Period, *, zone: ZoneInfo) -> date:
    """The local day on which so much of the history had passed."""
    return local_day(history.start + share * (history.end - history.start), zone)
