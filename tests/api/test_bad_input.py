"""Input that cannot be met: a stable code, a sentence that says what is accepted, and never a fault of ours."""

import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from metering.refusals import Refused
from resolvers.context import Context
from resolvers.pages import Cursor, cursor_of
from tests.api.conftest import Site, open_site
from tests.fixtures.database import cloned

PM = 'panel(code: "PM")'
BAD_FIELDS = [
    ('readings(range: LAST_1H, from: "2026-03-01T00:00:00Z") { count }', "BAD_RANGE"),
    ('readings(from: "2026-03-02T00:00:00Z", to: "2026-03-02T00:00:00Z") { count }', "BAD_RANGE"),
    ('readings(from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z") { count }', "BAD_RANGE"),
    ('readings(from: "2027-01-01T00:00:00Z") { count }', "BAD_RANGE"),
    ('readings(from: "1999-01-01T00:00:00Z") { count }', "BAD_RANGE"),
    ("readings(maxPoints: 1) { count }", "BAD_MAX_POINTS"),
    ("readings(maxPoints: 20001) { count }", "BAD_MAX_POINTS"),
    ("readings(maxPoints: -1) { count }", "BAD_MAX_POINTS"),
    ("readings(maxPoints: 2147483647) { count }", "BAD_MAX_POINTS"),
    ("readings(maxPoints: 2147483648) { count }", "GRAPHQL_VALIDATION_FAILED"),
    ('readings(after: "!!") { count }', "BAD_CURSOR"),
    ('readings(after: "AAAA") { count }', "BAD_CURSOR"),
    (f'readings(after: "{cursor_of("panel", "PM")}") {{ count }}', "BAD_CURSOR"),
    (f'readings(after: "{cursor_of("series", "-1")}") {{ count }}', "BAD_CURSOR"),
    (f'readings(after: "{cursor_of("series", "5.")}") {{ count }}', "BAD_CURSOR"),
    (f'readings(after: "{cursor_of("series", "5.99999999999999999")}") {{ count }}', "BAD_CURSOR"),
    (f'readings(after: "{cursor_of("series", "9" * 19)}") {{ count }}', "BAD_CURSOR"),
    (f'readings(after: "{cursor_of("series", "5.9.")}") {{ count }}', "BAD_CURSOR"),
    (f'readings(after: "{cursor_of("reading", "1.5")}") {{ count }}', "BAD_CURSOR"),
    ("readings(downsampling: MIN_MAX_LTTB, maxPoints: 1) { count }", "BAD_MAX_POINTS"),
    ("readings(downsampling: LTTB) { count }", "GRAPHQL_VALIDATION_FAILED"),
    ("readingHistory(first: 501) { totalCount }", "BAD_INPUT"),
    ("readingHistory(last: 0) { totalCount }", "BAD_INPUT"),
    ('readingHistory(before: "AAAA") { totalCount }', "BAD_CURSOR"),
    ('readingHistory(from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z") { totalCount }', "BAD_RANGE"),
    ('readings(from: "2026-03-01T00:00:00") { count }', "BAD_DATETIME"),
    ("readings(from: 5) { count }", "BAD_DATETIME"),
    ("readings(range: LAST_2H) { count }", "GRAPHQL_VALIDATION_FAILED"),
    ("usage(step: MINUTE, range: LAST_7D) { step }", "TOO_MANY_BUCKETS"),
    ('usage(step: HOUR, from: "2020-01-01T00:00:00Z") { step }', "TOO_MANY_BUCKETS"),
    ('usage(step: HOUR, from: "2010-01-01T00:00:00Z") { step }', "BAD_RANGE"),
    ("usage(step: SECOND) { step }", "GRAPHQL_VALIDATION_FAILED"),
    ("usage { step }", "GRAPHQL_VALIDATION_FAILED"),
    ('statistics(from: "2026-03-02T00:00:00Z", to: "2026-03-01T00:00:00Z") { count }', "BAD_RANGE"),
    ("dailyUsage(days: 0) { date }", "BAD_INPUT"),
    ("dailyUsage(days: 1831) { date }", "BAD_INPUT"),
    ("monthlySummary(year: 2026, month: 13) { month }", "BAD_MONTH"),
    ('tariff(at: "1960-01-01T00:00:00Z") { name }', "NO_TARIFF"),
]
BAD_QUERIES = [
    *((f"{{ {PM} {{ {field} }} }}", code) for field, code in BAD_FIELDS),
    ("{ monthlySummary(year: 1999, month: 1) { month } }", "BAD_MONTH"),
    ("{ monthlySummary(year: 2026, month: 0) { month } }", "BAD_MONTH"),
    ("{ yearSummary(year: 2101) { month } }", "BAD_MONTH"),
    ("{ yearSummary(year: -2147483648) { month } }", "BAD_MONTH"),
    ("{ panels(first: 0) { totalCount } }", "BAD_INPUT"),
    ("{ panels(first: 501) { totalCount } }", "BAD_INPUT"),
    (f'{{ panels(after: "{cursor_of("series", 1)}") {{ totalCount }} }}', "BAD_CURSOR"),
    (f'{{ panels(after: "{cursor_of("panel", chr(0))}") {{ totalCount }} }}', "BAD_CURSOR"),
    ('{ panels(filter: { search: "a\\u0000b" }) { totalCount } }', "BAD_INPUT"),
    (f'{{ panels(filter: {{ search: "{"x" * 101}" }}) {{ totalCount }} }}', "BAD_INPUT"),
    ("{ panels(filter: { status: AWAY }) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ rejectedMessages(first: 9999) { totalCount } }", "BAD_INPUT"),
    (f'{{ rejectedMessages(after: "{cursor_of("panel", "PM")}") {{ totalCount }} }}', "BAD_CURSOR"),
    ("{ panels { nodez { code } } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ panels { nodes { code }", "GRAPHQL_PARSE_FAILED"),
]


@pytest.fixture(scope="module")
async def shared(server_url: str, server: psycopg.Connection, template: sql.Identifier) -> AsyncIterator[Site]:
    """One site for all requests that change nothing."""
    with cloned(server_url, server, template) as url:
        async with open_site(url) as site:
            site.add_panel("PM")
            site.add_panel("FLAT", is_prepaid=True)
            yield site


@pytest.mark.parametrize(("query", "code"), BAD_QUERIES)
async def test_a_query_that_cannot_be_met_says_why_with_a_code(shared: Site, query: str, code: str) -> None:
    body = await shared.answer(query)
    (error,) = body["errors"]
    assert error["extensions"]["code"] == code
    assert error["message"]
    assert "Traceback" not in error["message"]


BAD_VARIABLES: list[tuple[str, str, Any, str]] = [
    ("DateTime!", f"{PM} {{ tariff(at: $value) {{ name }} }}", value, "BAD_DATETIME")
    for value in (
        "2026-03-01", "2026-03-01 00:00:00Z", "2026-03-01T00:00:00", "2026-02-30T00:00:00Z", "2026-03-01T25:00:00Z",
        "2026-03-01T00:00:60Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-W10-1T00:00:00Z", "now",
        "", "\u0662\u0660\u0662\u0666-03-01T00:00:00Z",
        1772323200, True, ["2026-03-01T00:00:00Z"], {"at": 1}, "2026-03-01T00:00:00+24:00",
    )
]  # fmt: skip
BAD_VARIABLES += [("Cursor", f"{PM} {{ readings(after: $value) {{ count }} }}", value, "BAD_CURSOR")
                  for value in ("", "a b", "x" * 201, 5, 1.5, False, [], {}, "é")]  # fmt: skip
BAD_VARIABLES += [
    ("Int!", f"{PM} {{ dailyUsage(days: $value) {{ date }} }}", value, "BAD_INPUT")
    for value in ("7", 1.5, 2**31, None, True, [1, 2], {})
]
BAD_VARIABLES += [
    ("Step!", f"{PM} {{ usage(step: $value) {{ step }} }}", value, "BAD_INPUT")
    for value in ("hour", "", None, 5, "HOURS")
]
BAD_VARIABLES += [
    ("PanelFilter", "panels(filter: $value) { totalCount }", value, "BAD_INPUT")
    for value in ({"floor": "one"}, {"unknown": 1}, "x", {"status": "AWAY"}, {"isPrepaid": "yes"}, {"search": 5})
]


@pytest.mark.parametrize(("type_", "field", "value", "code"), BAD_VARIABLES)
async def test_a_variable_of_the_wrong_kind_says_why_with_a_code(
    shared: Site, type_: str, field: str, value: Any, code: str
) -> None:
    assert await shared.code(f"query ($value: {type_}) {{ {field} }}", value=value) == code


BAD_DECIMALS = [
    "NaN", "Infinity", "-inf", "1e3", "1e999999", "1_000", "0x10", " 5", "5 ", "", "+5", ".5", "5.", "1,5", "\u0665",
    "1234567890123456789", "0." + "1" * 19, 1.5, True, None, [], {}, 10**18, "9" * 1_000_000,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_DECIMALS)
async def test_an_amount_that_is_no_exact_number_is_refused_before_anything_is_done(shared: Site, value: Any) -> None:
    query = "mutation ($input: RecordBalanceInput!) { recordBalance(input: $input) { entry { id } refusal { code } } }"
    code = await shared.code(query, input={"panelCode": "FLAT", "shownKwh": value})
    assert code == ("BAD_INPUT" if value is None else "BAD_DECIMAL")
    assert shared.database.execute("SELECT count(*) FROM ledger_entry").fetchone() == (0,)


async def test_exact_numbers_are_taken_as_text_or_as_integers(site: Site) -> None:
    site.add_panel("FLAT", is_prepaid=True)
    query = "mutation ($input: RecordBalanceInput!) { recordBalance(input: $input) { entry { shownKwh } } }"
    for value, kept in [
        ("5", "5"),
        ("0.001", "0.001"),
        (7, "7"),
        ("-0", "0"),
        ("000012.50", "12.5"),
        ("99999.999", "99999.999"),
    ]:
        done = (await site.ask(query, input={"panelCode": "FLAT", "shownKwh": value}))["recordBalance"]
        assert Decimal(done["entry"]["shownKwh"]) == Decimal(kept)


async def test_times_are_taken_with_any_offset_and_fraction(site: Site) -> None:
    site.add_panel("PM")
    site.add_tariff(None, "2026-03-02", "1", name="Later")
    for at, name in [
        ("2026-03-01T16:59:59.999999999Z", "Flat"),
        ("2026-03-01T17:00:00z", "Later"),
        ("2026-03-02T00:00+07:00", "Later"),
        ("2026-03-01t12:00:00.5-05:00", "Later"),
    ]:
        assert (await site.panel(f'tariff(at: "{at}") {{ name }}'))["tariff"] == {"name": name}


async def test_what_fits_is_said_when_there_are_too_many_buckets(shared: Site) -> None:
    body = await shared.answer('{ panel(code: "PM") { usage(step: MINUTE, range: LAST_1Y) { step } } }')
    assert "use HOUR or longer" in body["errors"][0]["message"]


async def test_all_series_of_an_answer_together_are_bounded(site: Site) -> None:
    for number in range(60):
        site.add_panel(f"PM{number}")
    query = "{ panels(first: 60) { nodes { usage(step: FIVE_MINUTES, range: LAST_30D) { step } } } }"
    body = await site.answer(query)
    assert {error["extensions"]["code"] for error in body["errors"]} == {"TOO_MANY_POINTS"}
    assert (await site.answer(query.replace("60", "50", 1)))["errors"] == []


def test_each_event_of_a_subscription_has_an_allowance_of_its_own(shared: Site) -> None:
    context = Context(shared.pool, shared.admin)
    for event in (object(), object()):
        context.spend(500_000, root=event)
    with pytest.raises(Refused, match="TOO_MANY_POINTS"):
        context.spend(1, root=event)


def test_a_cursor_is_read_back_only_as_what_it_is() -> None:
    assert Cursor(cursor_of("panel", "PM:1")) == cursor_of("panel", "PM:1")
    assert "PM" not in cursor_of("panel", "PM")


async def test_a_fault_of_ours_is_masked_and_logged_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.add_panel("PM")
    site.database.execute("ALTER TABLE rollup_day RENAME TO gone")
    body = await site.answer('{ panel(code: "PM") { code today { energyKwh } } }')
    (error,) = body["errors"]
    assert (error["message"], error["extensions"]) == ("Internal error", {"code": "INTERNAL"})
    faults = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(faults) == 1
    assert faults[0].exc_info


async def test_a_nul_that_reaches_the_database_is_the_senders_fault(
    shared: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resolvers.panels.PANEL_CODE", re.compile(".*", re.DOTALL))
    assert await shared.code("query ($code: String!) { panel(code: $code) { code } }", code="P\0M") == "BAD_INPUT"
    assert caplog.records == []


async def test_a_database_that_is_away_is_a_clear_error(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    await site.pool.close()
    body = await site.answer("{ panels { totalCount } }")
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "DATABASE_UNAVAILABLE"}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_statement_that_takes_too_long_says_to_ask_for_less(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.connections._POOL_OPTIONS", "-c statement_timeout=300")
    with psycopg.connect(database_url) as busy:
        async with open_site(database_url) as site:
            busy.execute("LOCK TABLE panel")
            body = await site.answer("{ panels { totalCount } }")
        busy.rollback()
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "QUERY_TIMEOUT"}
    assert "Ask for less" in error["message"]
