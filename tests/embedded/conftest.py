"""Fixtures: data folders with and without a cluster, and processes that nobody supervises."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from kilowatch.embedded.accounts import choose_account
from kilowatch.embedded.binaries import find_postgres
from kilowatch.embedded.ports import pick_port
from kilowatch.embedded.postgres import EmbeddedPostgres
from tests.embedded.waiting import eventually


@pytest.fixture(autouse=True)
def _settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KILOWATCH_POSTGRES_BIN", "KILOWATCH_POSTGRES_USER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="kilowatch-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A data folder with a finished cluster: initdb takes longer than anything else here."""
    root = Path(tempfile.mkdtemp(prefix="kilowatch-"))
    root.chmod(0o755)
    with EmbeddedPostgres(root / "data"):
        pass
    yield root / "data"
    shutil.rmtree(root)


@pytest.fixture
def folder(made_once: Path) -> Path:
    """A data folder whose cluster nobody runs; its log is empty and the table `reading` is free to make."""
    with EmbeddedPostgres(made_once) as postgres, psycopg.connect(postgres.url) as connection:
        connection.execute("DROP TABLE IF EXISTS reading")
    for path in made_once.glob("postgres.log*"):
        path.unlink()
    return made_once


@pytest.fixture
def copy(folder: Path, open_folder: Path) -> Path:
    """A data folder with a cluster that a test may spoil."""
    subprocess.run(["cp", "-a", folder, open_folder / "data"], check=True)
    return open_folder / "data"


@pytest.fixture
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(folder) as server:
        yield server


@pytest.fixture
def left_behind() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Runs a command under Postgres's account, as something that no supervisor looks after."""
    started: list[subprocess.Popen[bytes]] = []
    account = choose_account(owner_uid=None)

    def run(*command: object) -> subprocess.Popen[bytes]:
        user, group = (account.uid, account.gid) if account else (None, None)
        process = subprocess.Popen(
            [str(part) for part in command],
            user=user,
            group=group,
            extra_groups=[] if account else None,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def server_left_running(folder: Path, left_behind: Callable[..., subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """A postmaster on `folder`'s cluster whose supervisor is gone."""
    settings = ("-c", "unix_socket_directories=", "-p", pick_port())
    process = left_behind(find_postgres().postgres, "-D", folder / "cluster", *settings)
    eventually(lambda: "ready" in _text(folder / "cluster" / "postmaster.pid"))
    return process


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
