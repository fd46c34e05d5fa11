"""A site with people, panels and readings on a real database, and a way to ask it through the schema."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest

from ingest.trial import MessageTrials
from metering.access import Role, Viewer
from metering.contacts import Channel
from metering.payments import Selling
from metering.readings import Reading
from metering.tariffs.documents import tariff_of
from resolvers.context import Context
from resolvers.enrolment import Enrolment
from resolvers.sessions import SignIn
from schema.contract import build_schema
from store import tariffs
from store.connections import Pool, Row, connect, open_pool
from store.merge import BatchWriter
from store.retention import Level
from store.sealing import Sealing

NOW = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
"""12:00 in Jakarta on 10 March 2026."""

SCHEMA = build_schema()
TRIALS = MessageTrials(default_time_zone="UTC")
ENROLMENT = Enrolment(Sealing(b"a key of thirty-two bytes or more"), frozenset(Channel))


def reading(at: datetime, energy_kwh: float | None = None, power_kw: float | None = None, **others: Any) -> Reading:
    """A reading that arrived half a second after its own clock."""
    return Reading(at, at + timedelta(seconds=0.5), energy_import_kwh=energy_kwh, active_power_kw=power_kw, **others)


@dataclass
class Site:
    """A database with an admin, and what a test puts in."""

    url: str
    database: psycopg.Connection[Row]
    pool: Pool
    admin: Viewer
    now: datetime = NOW
    selling: Selling = field(default_factory=Selling)
    sign_in: SignIn | None = None

    def add_person(self, email: str, *, role: Role = Role.TENANT) -> Viewer:
        row = self.database.execute(
            "INSERT INTO account (email, name, role, password_hash) VALUES (%s, %s, %s, 'none') RETURNING id",
            (email, email, role.value),
        ).fetchone()
        assert row
        return Viewer(row[0], role)

    def add_panel(
        self,
        code: str,
        *,
        zone: str = "Asia/Jakarta",
        is_prepaid: bool = False,
        seen_by: Iterable[Viewer] = (),
        **others: Any,
    ) -> int:
        values = {"name": f"Panel {code}", "location": "", "floor": 0, "meter_number": None} | others
        row = self.database.execute(
            "INSERT INTO panel (code, name, location, floor, meter_number, time_zone, is_prepaid)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (code, values["name"], values["location"], values["floor"], values["meter_number"], zone, is_prepaid),
        ).fetchone()
        assert row
        for viewer in seen_by:
            self.database.execute("INSERT INTO panel_access VALUES (%s, %s)", (viewer.account_id, row[0]))
        return row[0]

    def add_property(self, name: str, *, landlord: Viewer | None, panels: Iterable[str] = ()) -> str:
        """A property with these panels; answers its id."""
        row = self.database.execute(
            "INSERT INTO property (landlord_id, name, address) VALUES (%s, %s, %s) RETURNING id::text",
            (landlord and landlord.account_id, name, f"{name}, 1"),
        ).fetchone()
        assert row
        self.database.execute("UPDATE panel SET property_id = %s WHERE code = ANY(%s)", (row[0], list(panels)))
        return row[0]

    def add_tenancy(
        self,
        tenant: Viewer,
        *codes: str,
        since: datetime,
        until: datetime | None = None,
        property_id: str | None = None,
    ) -> str:
        """Lets somebody rent panels; answers the tenancy's id."""
        row = self.database.execute(
            "INSERT INTO tenancy (account_id, property_id, starts_at, ends_at) VALUES (%s, %s, %s, %s)"
            " RETURNING id::text",
            (tenant.account_id, property_id, since, until),
        ).fetchone()
        assert row
        self.database.execute(
            "INSERT INTO tenancy_panel SELECT %s, id FROM panel WHERE code = ANY(%s)", (row[0], list(codes))
        )
        return row[0]

    def add_tariff(
        self,
        code: str | None,
        valid_from: str,
        unit_price: str,
        *,
        currency: str = "IDR",
        vat_percent: str = "0",
        name: str = "Tariff",
    ) -> None:
        self.database.execute(
            "INSERT INTO tariff (panel_id, name, valid_from, unit_price, currency, vat_percent)"
            " VALUES ((SELECT id FROM panel WHERE code = %s), %s, %s, %s, %s, %s)",
            (code, name, valid_from, unit_price, currency, vat_percent),
        )

    async def set_tariff(self, code: str, document: dict[str, Any]) -> None:
        """Gives a panel the tariff of a document, in place of the one of that day."""
        row = self.database.execute("SELECT id FROM panel WHERE code = %s", (code,)).fetchone()
        assert row
        async with self.pool.connection() as connection:
            await tariffs.set_tariff(connection, panel_id=row[0], tariff=tariff_of(document))

    def load(self, code: str, readings: Iterable[Reading]) -> int:
        """Stores readings as ingest does, in one batch, and returns its id."""
        row = self.database.execute("SELECT id FROM panel WHERE code = %s", (code,)).fetchone()
        assert row
        with connect(self.url) as connection:
            result = BatchWriter(connection).write([(row[0], reading) for reading in readings])
        return result.batch_id

    def remove(self, level: Level, *, before: datetime) -> None:
        """Forgets the five minutes or hours before an instant, as housekeeping does."""
        statements = {
            Level.FIVE_MINUTES: "DELETE FROM rollup_five_minutes WHERE starts_at < %s",
            Level.HOURS: "DELETE FROM rollup_hour WHERE starts_at < %s",
        }
        self.database.execute(statements[level].encode(), (before,))
        self.database.execute("INSERT INTO retention VALUES (%s, %s, %s, %s)", (level.value, before, self.now, before))

    async def answer(
        self, query: str, *, viewer: Viewer | None = None, anonymous: bool = False, **variables: Any
    ) -> Any:
        """The whole answer as it stands on the wire."""
        result = await SCHEMA.execute(
            query,
            variable_values=variables,
            context_value=Context(
                self.pool,
                None if anonymous else viewer or self.admin,
                now=lambda: self.now,
                message_reader=TRIALS,
                selling=self.selling,
                enrolment=ENROLMENT,
                sign_in=self.sign_in,
            ),
        )
        body = {"data": result.data, "errors": [error.formatted for error in result.errors or []]}
        return orjson.loads(orjson.dumps(body))

    async def ask(self, query: str, *, viewer: Viewer | None = None, **variables: Any) -> Any:
        """The data of an answer without errors."""
        body = await self.answer(query, viewer=viewer, **variables)
        assert body["errors"] == []
        return body["data"]

    async def panel(self, selection: str, *, code: str = "PM", viewer: Viewer | None = None, **variables: Any) -> Any:
        """What is asked of one panel."""
        data = await self.ask(f'{{ panel(code: "{code}") {{ {selection} }} }}', viewer=viewer, **variables)
        return data["panel"]

    async def code(self, query: str, *, viewer: Viewer | None = None, anonymous: bool = False, **variables: Any) -> str:
        """The code of the one error of an answer."""
        body = await self.answer(query, viewer=viewer, anonymous=anonymous, **variables)
        (error,) = body["errors"]
        return error["extensions"]["code"]


@asynccontextmanager
async def open_site(url: str) -> AsyncIterator[Site]:
    """A site on a migrated database, with an admin."""
    with psycopg.connect(url, autocommit=True) as database:
        row = database.execute(
            "INSERT INTO account (email, name, role, password_hash) VALUES ('admin@x.org', 'Admin', 'ADMIN', 'none')"
            " RETURNING id"
        ).fetchone()
        assert row
        async with open_pool(url) as pool:
            yield Site(url, database, pool, Viewer(row[0], Role.ADMIN))


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    async with open_site(database_url) as opened:
        yield opened
