"""A database in trouble is told with what there is to do about it; nothing is lost, and ingest goes on by itself.

One ingest lives through all of it, as a process of its own, with an account that is no superuser.
"""

import itertools
import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest
from psycopg import sql

from bench.publisher import prepared, publish
from kilowatch.embedded.broker import EmbeddedBroker
from kilowatch.embedded.postgres import EmbeddedPostgres
from store.migrations import migrate
from tests.faults.ingest_runs import Ingest, ingesting
from tests.faults.waiting import STORED, eventually, holds, one
from tests.fixtures.database import on_database

_BATCH = 40
_PASSWORD = "meters' own"


@dataclass(slots=True)
class Site:
    """A database of an ordinary account, its ingest and its broker."""

    admin_url: str
    account: str
    ingest: Ingest
    port: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def publish(self) -> None:
        """A batch of readings that nobody has sent before."""
        number = next(self._numbers)
        data = f'{{"kWh":{number},"time":"2026-02-01 00:{number // 60:02}:{number % 60:02}"}}'
        publish(
            self.port, prepared((f"DATA/PM/P{n}", f'{{"status":"OK","data":{data}}}'.encode()) for n in range(_BATCH))
        )

    def do(self, statement: LiteralString) -> None:
        """Runs SQL as the administrator; {database} and {account} are names."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            database = sql.Identifier(connection.info.dbname)
            connection.execute(sql.SQL(statement).format(database=database, account=sql.Identifier(self.account)))

    def hang_up(self) -> None:
        """Ends all connections of the account."""
        self.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                "AND datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip

    @property
    def stored(self) -> object:
        return one(self.admin_url, STORED)


Trouble = Callable[[Site], AbstractContextManager[None]]


@contextmanager
def site_on(postgres: EmbeddedPostgres, *, log: Path, tablespace: str = "pg_default") -> Iterator[Site]:
    account = f"meters_{secrets.token_hex(4)}"
    names = {
        "account": sql.Identifier(account),
        "password": sql.Literal(_PASSWORD),
        "tablespace": sql.Identifier(tablespace),
    }
    with psycopg.connect(postgres.url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE ROLE {account} LOGIN PASSWORD {password}").format(**names))
        server.execute(sql.SQL("GRANT pg_read_all_settings TO {account}").format(**names))  # migration 3 asks for it
        server.execute(sql.SQL("CREATE DATABASE {account} OWNER {account} TABLESPACE {tablespace}").format(**names))
    admin_url = on_database(postgres.url, account)
    address = urlsplit(admin_url).netloc.rpartition("@")[2]
    url = f"postgresql://{account}:{_PASSWORD.replace(' ', '%20')}@{address}/{account}"
    migrate(url)
    try:
        with EmbeddedBroker() as broker, ingesting(url, broker.url, log=log) as ingest:
            yield Site(admin_url, account, ingest, urlsplit(broker.url_v311).port or 0)
    finally:
        with psycopg.connect(postgres.url, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {account} WITH (FORCE)").format(**names))
            server.execute(sql.SQL("DROP ROLE {account}").format(**names))


@pytest.fixture(scope="module")
def site(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_on(postgres, log=tmp_path_factory.mktemp("troubles") / "ingest.log") as found:
        found.publish()
        holds(found.admin_url, STORED, _BATCH)
        yield found


@contextmanager
def out_of_connections(site: Site) -> Iterator[None]:
    site.do("ALTER ROLE {account} CONNECTION LIMIT 0")
    site.hang_up()
    yield
    site.do("ALTER ROLE {account} CONNECTION LIMIT -1")


@contextmanager
def read_only(site: Site) -> Iterator[None]:
    with setting(site, "default_transaction_read_only = on"):
        yield


@contextmanager
def locked(site: Site) -> Iterator[None]:
    with setting(site, "lock_timeout = '100ms'"), psycopg.connect(site.admin_url) as locker:
        locker.execute("LOCK TABLE reading IN SHARE MODE")
        yield


@contextmanager
def cancelled(site: Site) -> Iterator[None]:
    with setting(site, "statement_timeout = '100ms'"), psycopg.connect(site.admin_url) as locker:
        locker.execute("LOCK TABLE reading IN SHARE MODE")
        yield


@contextmanager
def setting(site: Site, what: LiteralString) -> Iterator[None]:
    """For new connections of the account; those that stand are ended."""
    site.do("ALTER ROLE {account} SET " + what)
    site.hang_up()
    yield
    site.do("ALTER ROLE {account} RESET ALL")


def raising(sqlstate: LiteralString) -> Trouble:
    """A trigger raises what cannot be brought about at will."""

    @contextmanager
    def trouble(site: Site) -> Iterator[None]:
        site.do(
            "CREATE FUNCTION raise_trouble() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{sqlstate}'; END$$"
        )
        site.do("CREATE TRIGGER trouble BEFORE INSERT ON reading FOR EACH STATEMENT EXECUTE FUNCTION raise_trouble()")
        yield
        site.do("DROP FUNCTION raise_trouble CASCADE")

    return trouble


TROUBLES: Mapping[str, tuple[Trouble, str]] = {
    "no connection left": (out_of_connections, "raise max_connections"),
    "read-only": (read_only, "name the primary in DATABASE_URL"),
    "a lock is held": (locked, "see pg_locks"),
    "statements are cancelled": (cancelled, "its statement_timeout"),
    "disk full, by a trigger": (raising("53100"), "its disk is full: free space"),
    "serialization failure": (raising("40001"), "another transaction was in the way"),
    "deadlock": (raising("40P01"), "another transaction was in the way"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_is_told_and_survived(site: Site, trouble: str) -> None:
    befall, advice = TROUBLES[trouble]
    before, said_before = site.stored, len(site.ingest.logged)
    assert isinstance(before, int)
    with befall(site):
        site.publish()
        eventually(lambda: advice in site.ingest.logged[said_before:])
        assert site.stored == before
    holds(site.admin_url, STORED, before + _BATCH)
    assert site.ingest.is_running
    assert one(site.admin_url, "SELECT count(*) FROM rejected_message") == 0


def test_a_reading_that_a_trigger_refuses_is_rejected_alone(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with site_on(postgres, log=tmp_path / "ingest.log") as site:
        site.do(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.panel_id = "
            "(SELECT id FROM panel WHERE code = 'P7') THEN RAISE EXCEPTION 'not this one'; END IF; RETURN new; END$$"
        )
        site.do("CREATE TRIGGER refuse BEFORE INSERT ON reading FOR EACH ROW EXECUTE FUNCTION refuse()")
        site.publish()
        holds(site.admin_url, STORED, _BATCH - 1)
        holds(site.admin_url, "SELECT string_agg(topic || ' ' || code, '') FROM rejected_message",
              "DATA/PM/P7 STORE_ERROR")  # fmt: skip
        assert "not this one" in str(one(site.admin_url, "SELECT reason FROM rejected_message"))


@contextmanager
def small_disk(*, owner: int) -> Iterator[Path]:
    """A file system of 48 MB in memory; skips where we may not mount one."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("a real full disk takes the right to mount one: run as root")
        try:
            os.chown(folder, owner, -1)
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full_is_told_and_survived(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    assert postgres.pid is not None
    with small_disk(owner=psutil.Process(postgres.pid).uids().real) as disk:
        with psycopg.connect(postgres.url, autocommit=True) as server:
            server.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(disk))))
        try:
            with site_on(postgres, log=tmp_path / "ingest.log", tablespace="small") as site:
                site.publish()
                holds(site.admin_url, STORED, _BATCH)
                filled = fill(disk)
                batches = 1
                while "its disk is full: free space" not in site.ingest.logged:
                    site.publish()
                    batches += 1
                    assert batches < 60, "there is still room"
                filled.unlink()
                holds(site.admin_url, STORED, batches * _BATCH)
                assert site.ingest.is_running
                assert one(site.admin_url, "SELECT count(*) FROM rejected_message") == 0
        finally:
            with psycopg.connect(postgres.url, autocommit=True) as server:
                server.execute("DROP TABLESPACE small")


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast
