"""A prepaid flat with a meter number, and a vendor for its units."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from market.crediting import credit_delivered
from market.http_vendor import HttpVendor
from market.vending import vend_due
from metering.money import Money
from store import vends
from store.connections import Pool, connect
from tests.fixtures.database import cloned
from tests.fixtures.flat import NOW, Flat
from tests.market.vendor_stand_in import METER, VendorStandIn, vendor_stand_in


@pytest.fixture(scope="package")
def shared_url(server_url: str, server: psycopg.Connection, template: sql.Identifier) -> Iterator[str]:
    with cloned(server_url, server, template) as url:
        yield url


@pytest.fixture
def database_url(shared_url: str) -> str:
    """A database without purchases, credit and people: emptying one takes less time than a fresh one."""
    with connect(shared_url) as connection:
        connection.execute("SELECT remove_audit_before('infinity', 1000000)")
        for table in ("vend", "payment", "ledger_entry", "panel", "account"):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    return shared_url


@pytest.fixture
async def vendor() -> AsyncIterator[VendorStandIn]:
    async with vendor_stand_in() as running:
        yield running


@dataclass(slots=True)
class Shop:
    """Purchases for the flat, a clock that is moved on by hand, and the worker's two steps."""

    pool: Pool
    flat: Flat
    vendor: VendorStandIn
    now: datetime = NOW
    answer_within_s: float = 5.0
    references: list[str] = field(default_factory=list[str])

    async def ask(self, *, amount: str = "5000") -> str:
        """Asks for units; the purchase waits for a worker."""
        reference = f"202503041300{len(self.references):08d}"
        async with self.pool.connection() as connection:
            await vends.add(
                connection,
                reference=reference,
                panel_id=self.flat.panel_id,
                account_id=self.flat.tenant.account_id,
                meter_number=METER,
                price=Money(Decimal(amount), "NGN"),
                now=self.now,
            )
        self.references.append(reference)
        return reference

    async def work(self, *, later: timedelta = timedelta(0)) -> None:
        """One turn of a worker."""
        self.now += later
        async with HttpVendor(self.vendor.settings(answer_within_s=self.answer_within_s)) as vendor:
            await vend_due(self.pool, vendor=vendor, now=lambda: self.now)
        await credit_delivered(self.pool, now=lambda: self.now)

    def one(self, columns: str = "state, reason") -> Any:
        """Columns of the newest purchase."""
        statement: Any = f"SELECT {columns} FROM vend ORDER BY id DESC LIMIT 1"  # noqa: S608 - the test's own columns
        return self.flat.execute(statement)[0]

    def entries(self) -> list[tuple[Any, ...]]:
        """Units, money, the token and the source of each row of the ledger."""
        return self.flat.execute("SELECT units_kwh, amount, token, source FROM ledger_entry ORDER BY id")


@pytest.fixture
def shop(pool: Pool, flat: Flat, vendor: VendorStandIn) -> Shop:
    flat.execute("UPDATE panel SET meter_number = '45012345678', is_prepaid = true WHERE id = %(panel_id)s")
    return Shop(pool, flat, vendor)
