"""Every SQL statement in store is valid against the migrated database, and each read of tenants' data is scoped."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

import store
from tests.fixtures.database import cloned

_PREPARABLE = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES)\b", re.IGNORECASE)
_TENANTS_TABLES = re.compile(
    r"\b(panel|reading|latest_reading|rollup_\w+|ledger_entry|depletion_forecast|balance_now_kwh|balance_kwh"
    r"|metered_usage_kwh|alert|low_units_rule|push_device|outbox|tariff|device_mapping|device_report|visible_device)\b"
)
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|MERGE)\b")


def statements() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(store.__path__):
        for name, value in vars(importlib.import_module(f"store.{module.name}")).items():
            if isinstance(value, str) and re.fullmatch(r"_[A-Z][A-Z0-9_]*", name):
                yield f"{module.name}.{name}", value


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
    "events.access_of": "says what an account may see: it is the filter",
    "events.alert_changes": "the live hub, which hands an alert to its own account alone",
    "events.alert_changes_since": "the live hub, as above",
    "events.batch_bounds": "numbers of batches, nobody's data",
    "events.count_all": "how much there is to replay, for anybody: a number that no client sees",
    "events.stored_after": "the live hub, which asks for the panels that its viewers may see",
    "forecasts.ages": "how fresh forecasts are, nobody's data",
    "forecasts.balance": "the forecasting job",
    "forecasts.history": "the forecasting job",
    "forecasts.stale": "the forecasting job",
    "known_panels.known_panels": "ingest",
    "low_units.due": "the job that evaluates rules",
    "low_units.levels": "the job that evaluates rules",
    "mappings.current_mappings": "ingest",
    "outbox.next_due_at": "the job that sends pushes",
    "partitions.make_months": "which tables there are, nobody's data",
    "reading_changes.withdraw": "counts what an admin withdraws",
    "registry.described": "the command line, whose user owns the database",
    "registry.registers": "the simulator",
}
"""Reads that act for nobody, each with its reason."""


def reads_without_viewer() -> Iterator[str]:
    for module in pkgutil.iter_modules(store.__path__):
        if module.name in UNSCOPED:
            continue
        loaded = importlib.import_module(f"store.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            if function.__module__ != loaded.__name__ or name.startswith("_"):
                continue
            used = [n for n in function.__code__.co_names if f"{module.name}.{n}" in STATEMENTS]
            texts = [STATEMENTS[f"{module.name}.{n}"] for n in used]
            reads = [t for t in texts if _TENANTS_TABLES.search(t) and not _WRITES.search(t)]
            if reads and "viewer" not in inspect.signature(function).parameters:
                yield f"{module.name}.{name}"


@pytest.mark.parametrize("name", [name for name, text in STATEMENTS.items() if "viewer_id" in text])
def test_a_statement_that_is_told_the_viewer_filters_by_it(name: str) -> None:
    filters = r"visible_panel\(%\(viewer_id\)s|account_id (=|<>) %\(viewer_id\)s|(SELECT |\()%\(viewer_id\)s"
    assert re.search(filters, STATEMENTS[name])


def test_each_read_of_tenants_data_takes_the_viewer() -> None:
    assert set(reads_without_viewer()) == set(FOR_JOBS)
