"""The balance at any instant against a plain model, whatever is entered, taken back and metered, in whatever order."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection, sql

from metering.devices import BalanceShown
from store.balances_shown import keep_balances
from store.connections import connect
from tests.api.conftest import NOW, Site, open_site, reading
from tests.fixtures.database import cloned

ENTERED = "entry { id } refusal { code }"
TOP_UP = f"mutation ($input: TopUpInput!) {{ done: topUp(input: $input) {{ {ENTERED} }} }}"
RECORD = f"mutation ($input: RecordBalanceInput!) {{ done: recordBalance(input: $input) {{ {ENTERED} }} }}"
REVERSE = f"mutation ($input: ReverseEntryInput!) {{ done: reverseEntry(input: $input) {{ {ENTERED} }} }}"
LEND = f"mutation ($input: TakeEmergencyCreditInput!) {{ done: takeEmergencyCredit(input: $input) {{ {ENTERED} }} }}"

HOURS = 40
FIRST = NOW - timedelta(hours=HOURS)
LENT_KWH = Decimal(5)
REGISTERS = list(accumulate(Decimal(hour * hour % 7) / 4 for hour in range(HOURS + 1)))
"""The register at each hour since FIRST, in kWh."""

instants = st.integers(0, HOURS - 1).map(lambda hours: FIRST + timedelta(hours=hours, minutes=20))
units = st.integers(1, 50_000).map(lambda thousandths: Decimal(thousandths) / 1000)
entries = st.one_of(
    st.tuples(st.just("TOP_UP"), instants, units),
    st.tuples(st.just("TOP_UP"), instants, units),
    st.tuples(st.just("DISPLAY"), instants, units),
    st.tuples(st.just("METER"), instants, units),
    st.tuples(st.just("LEND"), st.just(NOW), units),
    st.tuples(st.just("REVERSE"), st.integers(0, 30), units),
)


@dataclass
class Entered:
    """A row as the model knows it."""

    kind: str
    at: datetime
    number: int
    added_kwh: Decimal
    lent_kwh: Decimal = Decimal(0)
    is_reversed: bool = False


@dataclass
class Model:
    """The ledger as plain lists: no row is older than what it is told after."""

    rows: list[Entered] = field(default_factory=list)

    @property
    def lent_kwh(self) -> Decimal:
        return sum((row.lent_kwh for row in self.rows if not row.is_reversed), Decimal(0))

    def balance(self, at: datetime) -> Decimal | None:
        known = sorted(
            (row for row in self.rows if row.at <= at and not row.is_reversed), key=lambda row: (row.at, row.number)
        )
        if not known:
            return None
        displays = [place for place, row in enumerate(known) if row.kind == "DISPLAY"]
        start = displays[-1] if displays else 0
        return sum((row.added_kwh for row in known[start:]), Decimal(0)) - used(known[start].at, at)


def used(since: datetime, until: datetime) -> Decimal:
    """The rises of the register between two instants, each at the reading that tells of it."""
    rises = ((FIRST + timedelta(hours=hour), now - before) for hour, (before, now) in enumerate(pairwise(REGISTERS), 1))
    return sum((kwh for at, kwh in rises if since < at <= until), Decimal(0))


@dataclass
class House:
    """A site whose one flat is emptied for each example."""

    runner: asyncio.Runner
    site: Site
    panel_id: int

    def ask(self, query: str, **given: Any) -> dict:
        return self.runner.run(self.site.ask(query, input=given))["done"]

    def balances(self, asked: list[datetime]) -> list[Decimal | None]:
        fields = " ".join(f'b{place}: balanceKwhAt(at: "{at.isoformat()}")' for place, at in enumerate(asked))
        found = self.runner.run(self.site.panel(f"prepaid {{ {fields} }}", code="FLAT"))["prepaid"]
        return [value and Decimal(value) for value in found.values()]

    def empty(self) -> None:
        self.site.database.execute("DELETE FROM ledger_entry")

    def meter_shows(self, at: datetime, kwh: Decimal) -> int | None:
        """The row that became of what the meter showed; None where that was no news."""
        with connect(self.site.url) as connection:
            kept = keep_balances(connection, [(self.panel_id, BalanceShown("FLAT", at, kwh))])
        newest = self.site.database.execute("SELECT max(id) FROM ledger_entry").fetchone()
        return newest[0] if kept and newest else None


@pytest.fixture(scope="module")
def house(server_url: str, server: Connection, template: sql.Identifier) -> Iterator[House]:
    with cloned(server_url, server, template) as url, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        site = runner.run(stack.enter_async_context(open_site(url)))
        panel_id = site.add_panel("FLAT", is_prepaid=True)
        site.load("FLAT", [reading(FIRST + timedelta(hours=hour), float(kwh)) for hour, kwh in enumerate(REGISTERS)])
        site.database.execute("INSERT INTO emergency_rule VALUES (%s, %s, 90000)", (panel_id, LENT_KWH))
        yield House(runner, site, panel_id)
        runner.run(stack.aclose())


def enter(house: House, model: Model, place: int, entry: tuple[str, Any, Decimal]) -> None:
    """Enters one thing into both, and holds what is refused to what the model says."""
    kind, at, kwh = entry
    key = f"key-number-{place}"
    if kind == "TOP_UP":
        done = house.ask(TOP_UP, panelCode="FLAT", token=f"{place:020}", unitsKwh=str(kwh), at=at.isoformat(),
                         idempotencyKey=key)  # fmt: skip
        repaid = min(model.lent_kwh, kwh)
        model.rows.append(Entered(kind, at, int(done["entry"]["id"]), kwh - repaid, -repaid))
    elif kind == "DISPLAY":
        done = house.ask(RECORD, panelCode="FLAT", shownKwh=str(kwh), at=at.isoformat())
        model.rows.append(Entered(kind, at, int(done["entry"]["id"]), kwh))
    elif kind == "METER":
        number = house.meter_shows(at, kwh)
        model.rows += [Entered("DISPLAY", at, number, kwh)] if number else []
    elif kind == "LEND":
        done = house.ask(LEND, panelCode="FLAT", idempotencyKey=key)
        may = model.balance(at) is not None and model.lent_kwh == 0
        assert (done["entry"] is not None) == may
        model.rows += [Entered(kind, at, int(done["entry"]["id"]), LENT_KWH, LENT_KWH)] if may else []
    elif model.rows:
        reverse(house, model, model.rows[at % len(model.rows)], key=key)


def reverse(house: House, model: Model, row: Entered, *, key: str) -> None:
    done = house.ask(REVERSE, entryId=str(row.number), reason="A typo", idempotencyKey=key)
    code = done["refusal"] and done["refusal"]["code"]
    if row.is_reversed:
        assert code == "ALREADY_REVERSED"
    elif row.lent_kwh > model.lent_kwh:
        assert code == "ALREADY_REPAID"
    else:
        assert code is None
        row.is_reversed = True


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=30, deadline=None, suppress_health_check=SLOW)
@given(st.lists(entries, max_size=14), st.lists(instants, max_size=6, unique=True))
def test_the_balance_at_any_instant_is_that_of_a_plain_model(
    house: House, entered: list[tuple[str, Any, Decimal]], asked: list[datetime]
) -> None:
    house.empty()
    model = Model()
    for place, entry in enumerate(entered):
        enter(house, model, place, entry)
    asked = [*asked, *(row.at for row in model.rows), NOW]
    assert house.balances(asked) == [model.balance(at) for at in asked]


@settings(max_examples=10, deadline=None, suppress_health_check=SLOW)
@given(
    st.lists(st.tuples(st.sampled_from(["TOP_UP", "DISPLAY"]), instants, units), max_size=7, unique_by=lambda e: e[1]),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_things_are_entered_changes_no_balance(
    house: House, entered: list[tuple[str, datetime, Decimal]], random: Any
) -> None:
    answers: list[list[Decimal | None]] = []
    asked = [FIRST + timedelta(hours=hours) for hours in range(0, HOURS + 1, 4)] + [at for _, at, _ in entered]
    shuffled = random.sample(entered, len(entered))
    for order in (sorted(entered, key=lambda entry: entry[1]), shuffled):
        house.empty()
        for place, entry in enumerate(order):
            enter(house, Model(), place, entry)
        answers.append(house.balances(asked))
    assert answers[0] == answers[1]
