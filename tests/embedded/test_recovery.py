import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest

from kilowatch.embedded import orphans
from kilowatch.embedded.postgres import EmbeddedPostgres
from tests.embedded.waiting import eventually

SUPERVISOR = """
import sys
from pathlib import Path
from kilowatch.embedded.postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
print(postgres.start(), postgres.pid, flush=True)
sys.stdin.read()
"""
LeftBehind = Callable[..., "subprocess.Popen[bytes]"]


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def fill(url: str, *, rows: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE reading (id int)")
        connection.execute("INSERT INTO reading SELECT generate_series(1, %s)", [rows])


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM reading").fetchone()[0]


def test_a_killed_server_comes_back_on_the_same_url_with_every_row(postgres: EmbeddedPostgres) -> None:
    fill(postgres.url, rows=1000)
    killed = postgres.pid
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: postgres.pid not in (None, killed) and answers(postgres.url))
    assert count(postgres.url) == 1000


def test_it_comes_back_as_often_as_it_is_killed(postgres: EmbeddedPostgres) -> None:
    fill(postgres.url, rows=10)
    for _ in range(2):
        killed = postgres.pid
        os.kill(killed, signal.SIGKILL)
        eventually(lambda gone=killed: postgres.pid not in (None, gone) and answers(postgres.url))
    assert count(postgres.url) == 10


def test_a_backend_that_outlives_its_postmaster_is_ended(
    postgres: EmbeddedPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_WAIT_S", 0.5)
    with closing(psycopg.connect(postgres.url)) as busy:
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 2000000000)")
        busy.pgconn.flush()
        killed = postgres.pid
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: postgres.pid not in (None, killed) and answers(postgres.url))
        at_work = [process.pid for process in orphans.processes_in(folder / "cluster")]
        assert busy.info.backend_pid not in at_work


def test_after_a_kill_of_the_supervisor_the_next_start_has_every_row(folder: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with supervisor:
        url, orphan = supervisor.stdout.readline().split()
        fill(url, rows=1000)
        supervisor.kill()
    with EmbeddedPostgres(folder) as postgres:
        assert postgres.url == url
        assert postgres.pid != int(orphan)
        assert count(url) == 1000
    if sys.platform == "linux":
        assert "received fast shutdown request" in (folder / "postgres.log").read_text()


def test_a_server_left_running_is_shut_down_in_order_first(
    server_left_running: "subprocess.Popen[bytes]", folder: Path
) -> None:
    with EmbeddedPostgres(folder) as postgres:
        assert server_left_running.wait(timeout=60) == 0
        assert postgres.pid != server_left_running.pid
        assert answers(postgres.url)


def test_a_frozen_server_left_running_is_killed(
    server_left_running: "subprocess.Popen[bytes]", folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_SHUTDOWN_S", 0.3)
    monkeypatch.setattr(orphans, "_WAIT_S", 0.3)
    server_left_running.send_signal(signal.SIGSTOP)
    with EmbeddedPostgres(folder) as postgres:
        assert answers(postgres.url)
    assert server_left_running.wait(timeout=60) == -signal.SIGKILL


def test_a_pid_file_that_names_a_living_stranger_is_survived(folder: Path, left_behind: LeftBehind) -> None:
    stranger = left_behind("/bin/sleep", "60")
    write_pid_file(folder, stranger.pid)
    with EmbeddedPostgres(folder) as postgres:
        assert answers(postgres.url)
    assert stranger.poll() is None


def test_a_pid_file_that_names_a_zombie_is_survived(folder: Path, left_behind: LeftBehind) -> None:
    zombie = left_behind("/bin/true")
    eventually(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
    write_pid_file(folder, zombie.pid)
    with EmbeddedPostgres(folder) as postgres:
        assert answers(postgres.url)


@pytest.mark.parametrize("content", ["", "garbage\n"])
def test_a_garbled_pid_file_is_survived(content: str, folder: Path) -> None:
    (folder / "cluster" / "postmaster.pid").write_text(content)
    with EmbeddedPostgres(folder) as postgres:
        assert answers(postgres.url)


def test_another_postgres_of_the_same_account_is_left_alone(
    server_left_running: "subprocess.Popen[bytes]", copy: Path
) -> None:
    """The copy was made from a running server: its pid file names that one."""
    with EmbeddedPostgres(copy) as postgres:
        assert answers(postgres.url)
    assert server_left_running.poll() is None


def write_pid_file(folder: Path, pid: int) -> None:
    """As a postmaster of this folder writes it, so that Postgres alone would refuse to start."""
    cluster = folder / "cluster"
    lines = (pid, cluster, 1, 5432, "", "", "", "ready")
    (cluster / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))
    owner = cluster.stat()
    os.chown(cluster / "postmaster.pid", owner.st_uid, owner.st_gid)
