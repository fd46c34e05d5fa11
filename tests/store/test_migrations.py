"""The schema's versions: applied once, in order, by any number of processes at a time."""

import threading

import psycopg
import pytest

from store.migrations import SchemaMismatchError, available, check_version, migrate
from tests.fixtures.database import on_database


def test_migrations_are_numbered_without_gaps() -> None:
    assert [m.number for m in available()] == list(range(1, len(available()) + 1))


def test_a_migrated_database_needs_nothing_more(database_url: str) -> None:
    assert migrate(database_url) == []
    check_version(database_url)


def test_processes_that_migrate_at_once_take_turns(server_url: str, server: psycopg.Connection) -> None:
    server.execute("CREATE DATABASE kilowatch_turns")
    url = on_database(server_url, "kilowatch_turns")
    applied: list[int] = []
    threads = [threading.Thread(target=lambda: applied.append(len(migrate(url)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.execute("DROP DATABASE kilowatch_turns WITH (FORCE)")
    assert sorted(applied) == [0, 0, len(available())]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM schema_version WHERE number > 3", "run `kilowatch migrate`"),
        ("INSERT INTO schema_version VALUES (9999, 'future')", "upgrade it"),
        ("DROP TABLE schema_version", "run `kilowatch migrate`"),
    ],
)
def test_a_process_refuses_a_database_of_another_version(database_url: str, change: str, words: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(change.encode())
    with pytest.raises(SchemaMismatchError, match=words):
        check_version(database_url)
