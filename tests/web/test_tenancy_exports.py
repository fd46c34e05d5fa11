"""Downloads of tenants hold the time that they rented: while they rent, and by the tenancy after that."""

import csv
import io
from datetime import datetime, timedelta

import pytest

from store.connections import connect_async
from tests.fixtures.server import GraphQLClient, Server, add_account
from tests.web.test_export import INVALID, START_AT, ann, get, granted, link_of

__all__ = ["ann"]
OWN = """{ viewer { tenancies { nodes { panels {
  exportLink(from: "2026-02-01T00:00:00Z", to: "2026-03-09T00:00:00Z") { url }
} } } } }"""


async def let(url: str, account: int, *, until: datetime | None = None) -> None:
    async with await connect_async(url) as connection:
        await connection.execute(
            "WITH made AS (INSERT INTO tenancy (account_id, starts_at, ends_at) VALUES (%s, %s, %s) RETURNING id)"
            " INSERT INTO tenancy_panel SELECT made.id, panel.id FROM made, panel WHERE code = 'A'",
            (account, START_AT + timedelta(hours=20), until),
        )


@pytest.fixture
async def tenant(database_url: str, ann: int) -> int:
    """Somebody who rents nothing yet; ann sees the panel by a grant."""
    del ann
    return await add_account(database_url, email="tenant@example.org")


async def kilowatt_hours(url: str) -> list[float]:
    return [float(row["energy_import_kwh"]) for row in csv.DictReader(io.StringIO((await get(url)).text))]


async def test_a_tenant_downloads_nothing_of_before(api: Server, database_url: str, tenant: int, ann: int) -> None:
    await let(database_url, tenant)
    assert await kilowatt_hours(await link_of(api, tenant)) == [float(n) for n in range(120, 144)]
    assert len(await kilowatt_hours(await link_of(api, ann))) == 144


async def test_a_former_tenant_downloads_the_own_time_by_the_tenancy(
    api: Server, database_url: str, tenant: int
) -> None:
    await let(database_url, tenant, until=START_AT + timedelta(hours=26))
    assert (await get(api.root + granted(tenant))).json() == INVALID
    async with GraphQLClient(api, account_id=tenant) as client:
        (tenancy,) = (await client.ask(OWN))["data"]["viewer"]["tenancies"]["nodes"]
    link = api.root + tenancy["panels"][0]["exportLink"]["url"]
    assert await kilowatt_hours(link) == [float(n) for n in range(120, 156)]
    async with await connect_async(database_url) as connection:
        await connection.execute("UPDATE tenancy SET ends_at = ends_at - interval '1 hour'")
    assert (await get(link)).json() == INVALID
