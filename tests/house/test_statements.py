"""Every SQL statement in store is valid against the migrated database, and each read of tenants' data is scoped."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

import psycopg
import pytest
from psycopg import sql

import store
from tests.fixtures.database import cloned

_PREPARABLE = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES)\b", re.IGNORECASE)
_TENANTS_TABLES = re.compile(
    r"\b(panel|reading|latest_reading|rollup_\w+|ledger_entry|depletion_forecast|balance_now_kwh|balance_kwh"
    r"|metered_usage_kwh|usage_of_buckets_kwh|alert|low_units_rule|push_device|outbox|tariff|device_mapping|device_report|visible_device|vend|payment)\b"
)
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE)\b")


def is_sql(value: object) -> bool:
    return isinstance(value, str) and bool(_PREPARABLE.match(value))


def statements() -> Iterator[tuple[str, str]]:
    """The private constants of store: text, and SQL in dicts that is no constant of its own."""
    for module in pkgutil.iter_modules(store.__path__):
        constants = vars(importlib.import_module(f"store.{module.name}"))
        named = {name: value for name, value in constants.items() if re.fullmatch(r"_[A-Z][A-Z0-9_]*", name)}
        texts = {name: value for name, value in named.items() if isinstance(value, str)}
        yield from ((f"{module.name}.{name}", text) for name, text in texts.items())
        for name, value in named.items():
            for key, text in value.items() if isinstance(value, dict) else ():
                if is_sql(text) and text not in texts.values():
                    yield f"{module.name}.{name}[{key}]", text


STATEMENTS = dict(statements())


def numbered(statement: str) -> str:
    """psycopg's placeholders as Postgres's: `%(name)s` and `%s` become `$1`, `$2`, …"""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        key = match[1] or f"#{len(names)}"
        if key not in names:
            names.append(key)
        return f"${names.index(key) + 1}"

    return re.sub(r"%(?:\((\w+)\))?[sbt]", number, statement).replace("%%", "%")


@pytest.fixture(scope="module")
def connection(server_url: str, server: psycopg.Connection, template: sql.Identifier) -> Iterator[psycopg.Connection]:
    with cloned(server_url, server, template) as url, psycopg.connect(url) as opened:
        for name, statement in STATEMENTS.items():
            if re.match(r"\s*CREATE TEMP", statement):
                assert name
                opened.execute(statement.encode())
        yield opened
        opened.rollback()


@pytest.mark.parametrize("name", [name for name, text in STATEMENTS.items() if _PREPARABLE.match(text)])
def test_a_statement_is_valid_against_the_migrated_schema(connection: psycopg.Connection, name: str) -> None:
    with connection.transaction():
        connection.execute(f"PREPARE checked AS {numbered(STATEMENTS[name])}".encode())
        connection.execute("DEALLOCATE checked")


def test_store_has_statements_to_check() -> None:
    assert len(STATEMENTS) > 20


UNSCOPED = {
    "merge": "the writer",
    "batch_turns": "the writers' turns",
    "recompute": "the writer",
    "staging": "the writer",
    "migrations": "the schema itself",
    "accounts": "sign-in, before there is a viewer",
}
FOR_JOBS = {
    "announced_panels.changed_panels": "the announcer, for the Home Assistant of the owner's broker",
    "announced_panels.to_take_back": "the announcer, as above",
    "alerts.clear": "the job that evaluates rules, of what it cleared",
    "alerts.raise_low_units": "the job that evaluates rules, of what it raised",
    "events.access_of": "says what an account may see: it is the filter",
    "events.alert_changes": "the live hub, which hands an alert to its own account alone",
    "events.alert_changes_since": "the live hub, as above",
    "events.batch_bounds": "numbers of batches, nobody's data",
    "events.count_all": "how much there is to replay, for anybody: a number that no client sees",
    "events.stored_after": "the live hub, which asks for the panels that its viewers may see",
    "events.stored_pages": "the live hub, as above",
    "forecasts.ages": "how fresh forecasts are, nobody's data",
    "forecasts.stale": "the forecasting job",
    "known_panels.known_panels": "ingest",
    "low_units.due": "the job that evaluates rules",
    "low_units.levels": "the job that evaluates rules",
    "mappings.current_mappings": "ingest",
    "month_forecasts.due": "the forecasting job",
    "outbox.next_due_at": "the job that sends pushes",
    "payments.by_state": "how many payments there are, nobody's data",
    "property_panels.move": "whether panels that the transaction holds are let with others",
    "partitions.make_months": "which tables there are, nobody's data",
    "reading_changes.withdraw": "counts what an admin withdraws",
    "registry.described": "the command line, whose user owns the database",
    "registry.registers": "the simulator",
    "settlements.is_told": "what a payment provider posts, which acts for nobody",
    "tenancy_terms.of_ids": "of tenancies that were held for the viewer",
    "invitations.accept": "whoever has an invitation's code",
    "invitations.is_open": "as above",
    "training.panels": "the command line, which trains with the owner's consent",
    "vends.by_state": "how many purchases there are, nobody's data",
    "vend_work.entry_of_token": "the job that credits tokens",
    "vend_work.next_due_at": "the job that buys units",
    "vend_work.uncredited": "the job that credits tokens",
    "tariffs.listed": "the command line, as above",
}
"""Reads that act for nobody, each with its reason."""


def reads_without_viewer() -> Iterator[str]:
    for module in pkgutil.iter_modules(store.__path__):
        if module.name in UNSCOPED:
            continue
        for name, function in functions(importlib.import_module(f"store.{module.name}")):
            reads = [text for text in run_by(function) if _TENANTS_TABLES.search(text) and not _WRITES.search(text)]
            if reads and "viewer" not in inspect.signature(function).parameters:
                yield f"{module.name}.{name}"


def functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """The public functions of a module, and the public methods of its classes, without their decorators."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        for key, member in [("", value), *(vars(value).items() if inspect.isclass(value) else ())]:
            function = inspect.unwrap(member) if callable(member) else None
            if inspect.isfunction(function) and not key.startswith("_"):
                yield f"{name}.{key}".rstrip("."), function


def run_by(function: FunctionType) -> set[str]:
    """The statements that a function names, alone or in a dict, itself or by private functions of its module."""
    found: set[str] = set()
    seen, looked_at = set[object](), [function]
    while looked_at:
        one = looked_at.pop()
        if one in seen:
            continue
        seen.add(one)
        for name in names_in(one.__code__):
            if name.startswith("_"):
                value = one.__globals__.get(name)
                found |= {text for text in (value.values() if isinstance(value, dict) else [value]) if is_sql(text)}
                looked_at += [inspect.unwrap(value)] if inspect.isfunction(value) else []
    return found


def names_in(code: CodeType) -> Iterator[str]:
    """The names of a function's body, and of the functions and comprehensions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names_in(constant)


@pytest.mark.parametrize("name", [name for name, text in STATEMENTS.items() if "viewer_id" in text])
def test_a_statement_that_is_told_the_viewer_filters_by_it(name: str) -> None:
    filters = r"visible_panel\(%\(viewer_id\)s|account_id (=|<>) %\(viewer_id\)s|(SELECT |\()%\(viewer_id\)s"
    assert re.search(filters, STATEMENTS[name])


def test_each_read_of_tenants_data_takes_the_viewer() -> None:
    assert set(reads_without_viewer()) == set(FOR_JOBS)
