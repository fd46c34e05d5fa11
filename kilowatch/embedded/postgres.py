"""Turns a data folder into a private, durable Postgres that runs as long as we do."""

import atexit
import fcntl
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import psycopg

from kilowatch.embedded.accounts import bare_environment
from kilowatch.embedded.binaries import PostgresBinaries
from kilowatch.embedded.cluster import SUPERUSER, create_cluster
from kilowatch.embedded.keeper import Child, ChildFailedError, Keeper
from kilowatch.embedded.orphans import clear_orphans
from kilowatch.embedded.placement import SPARE_ROOT, Placement, existing_cluster, make_reachable_folder, place
from kilowatch.embedded.ports import pick_port, port_is_free

DATABASE: Final = "kilowatch"

SETTINGS: Final[Mapping[str, str]] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # recovery syncs every file of the cluster before it begins: one call instead of a thousand
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}
"""For a machine with a gigabyte or more; `settings` of EmbeddedPostgres come after these and win."""

_OURS: Final = ("port", "listen_addresses", "unix_socket_directories")
_PORT_RACES: Final = 3
_RECOVERY_S: Final = 900.0
_FAST_STOP_S: Final = 60.0
_IMMEDIATE_STOP_S: Final = 10.0
_LOG_LIMIT_BYTES: Final = 10_000_000
_LAUNCHER: Final = Path(__file__).with_name("launch.py")

_log = logging.getLogger(__name__)


class FolderInUseError(RuntimeError):
    """Another process runs the Postgres of this folder; the message names it."""


class EmbeddedPostgres:
    """A private Postgres cluster in `folder`, run as a foreground child.

    It listens on 127.0.0.1 only, asks for a password (scram-sha-256) always, keeps its port over restarts, dies
    with us and is started again when it dies alone. Beside `cluster`, the folder holds `password` (readable by
    the user who started us), `port`, `lock` and `postgres.log`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        binaries: PostgresBinaries | None = None,
        settings: Mapping[str, str] = {},
        spare_root: Path = SPARE_ROOT,
    ) -> None:
        """`settings` are Postgres's own, such as {"work_mem": "16MB"}; the port and addresses are not among them."""
        refused = [name for name in settings if name.lower() in _OURS]
        if refused:
            raise ValueError(f"The supervisor sets {', '.join(refused)} itself")
        self._folder = folder.absolute()
        self._binaries = binaries
        self._settings = {**SETTINGS, **settings}
        self._spare_root = spare_root
        self._lock: IO[str] | None = None
        self._url = ""
        self._keeper: Keeper | None = None

    @property
    def url(self) -> str:
        """postgresql://kilowatch:<password>@127.0.0.1:<port>/kilowatch; valid after `start`."""
        if not self._url:
            raise RuntimeError("The embedded Postgres has not been started")
        return self._url

    @property
    def pid(self) -> int | None:
        """The postmaster's pid; None while it is not running."""
        return self._keeper.pid if self._keeper else None

    def start(self) -> str:
        """The `url`, once the database answers queries; makes cluster and database when they are new.

        Whatever an earlier run left behind is cleared away first; crash recovery may take up to 15 minutes.

        Raises:
            FolderInUseError: another supervisor has the folder.
            PostgresNotFoundError: no usable programs.
            AccountError: we are root and no unprivileged account can run it.
            ChildFailedError: initdb or the server failed; the message ends with the log's last lines.
        """
        if self._keeper is not None:
            return self.url
        make_reachable_folder(self._folder)
        self._lock = _locked(self._folder)
        try:
            self._start_locked()
        except BaseException:
            self.stop()
            raise
        atexit.register(self.stop)
        return self.url

    def stop(self) -> None:
        """Shuts the server down (SIGINT; SIGQUIT after a minute) and frees the folder; idempotent."""
        atexit.unregister(self.stop)
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def erase(self) -> None:
        """Stops and removes the cluster, wherever it lies, for good; `folder` itself stays."""
        self.stop()
        make_reachable_folder(self._folder)
        with _locked(self._folder):
            cluster = existing_cluster(self._folder, spare_root=self._spare_root)
            if cluster is not None:
                clear_orphans(cluster)
                shutil.rmtree(cluster)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_locked(self) -> None:
        began = time.monotonic()
        placement = place(self._folder, binaries=self._binaries, spare_root=self._spare_root)
        password = _password(self._folder, cluster=placement.cluster)
        if not placement.cluster.is_dir():
            create_cluster(placement, password=password)
        clear_orphans(placement.cluster)
        server = self._started_server(placement, password=password)
        _create_database(server.url("postgres"))
        self._url = server.url(DATABASE)
        took_s = time.monotonic() - began
        _log.info("Postgres %s answers after %.2f s", placement.binaries.version, took_s)

    def _started_server(self, placement: Placement, *, password: str) -> "_Server":
        """Tries again with another port when a program took ours between our look and Postgres's bind."""
        for attempt in range(_PORT_RACES):
            server = _Server(placement, folder=self._folder, password=password, settings=self._settings)
            self._keeper = Keeper("Postgres", launch=server.launch, fault=server.fault, end=server.end)
            try:
                self._keeper.start()
            except ChildFailedError as error:
                if "could not bind" not in str(error) or attempt == _PORT_RACES - 1:
                    raise
            else:
                return server
        raise AssertionError


class _Server:
    """What the keeper needs to know about one cluster's postmaster."""

    def __init__(self, placement: Placement, *, folder: Path, password: str, settings: Mapping[str, str]) -> None:
        self._placement = placement
        self._port = _port(folder)
        self._password = password
        self._log_path = folder / "postgres.log"
        self._settings = {
            **settings,
            "port": str(self._port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def launch(self, stopping: threading.Event) -> Child:
        clear_orphans(self._placement.cluster)
        log_from = _trimmed_size(self._log_path)
        child = self._spawn()
        try:
            self._wait_until_it_answers(child, stopping=stopping, log_from=log_from)
        except BaseException:
            self.end(child)
            raise
        return child

    def fault(self, _child: Child) -> str | None:
        _trimmed_size(self._log_path)
        return None

    def end(self, child: Child) -> None:
        """SIGINT rolls back, checkpoints and exits; SIGQUIT leaves that to the next start's recovery."""
        for number, patience_s in ((signal.SIGINT, _FAST_STOP_S), (signal.SIGQUIT, _IMMEDIATE_STOP_S)):
            if child.poll() is None:
                child.send_signal(number)
                _wait(child, within_s=patience_s)
        if child.poll() is None:
            child.kill()
        child.wait()

    def _spawn(self) -> Child:
        account = self._placement.account
        uid, gid = (account.uid, account.gid) if account else (-1, -1)
        launcher = [sys.executable, "-I", "-S", _LAUNCHER, os.getpid(), uid, gid, int(signal.SIGINT)]
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        server = [self._placement.binaries.postgres, "-D", self._placement.cluster, *settings]
        with os.fdopen(os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            return subprocess.Popen(  # noqa: S603 - a program that we looked for, with words of ours
                [str(part) for part in (*launcher, *server)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=bare_environment(),
                start_new_session=True,  # the terminal's Ctrl-C is for us to pass on
            )

    def _wait_until_it_answers(self, child: Child, *, stopping: threading.Event, log_from: int) -> None:
        deadline = time.monotonic() + _RECOVERY_S
        while (complaint := _complaint(self.url("postgres"))) is not None:
            if child.poll() is not None:
                said = _last_lines(self._log_path, start=log_from)
                raise ChildFailedError(f"Postgres died at start (exit code {child.returncode}):\n{said}")
            if "password authentication failed" in complaint:
                raise ChildFailedError(f"The password file beside {self._log_path} is not this cluster's")
            if time.monotonic() > deadline:
                raise ChildFailedError(f"Postgres does not answer after {_RECOVERY_S:.0f} s: {complaint}")
            if stopping.wait(0.02):
                raise ChildFailedError("Stopped while starting")


def _complaint(url: str) -> str | None:
    """Why the server does not answer yet, or None; a server that asks for no password is not ours."""
    try:
        psycopg.connect(url, connect_timeout=10, sslmode="disable", require_auth="scram-sha-256").close()
    except psycopg.OperationalError as error:
        return str(error)
    return None


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = 'kilowatch'")
        if found.fetchone() is None:
            connection.execute("CREATE DATABASE kilowatch")


def _locked(folder: Path) -> IO[str]:
    """The folder's lock, held until the file is closed or we die."""
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise FolderInUseError(f"{folder} is in use by process {holder or 'unknown'}: stop that first") from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _password(folder: Path, *, cluster: Path) -> str:
    """The superuser's password, kept in a file that only its owner reads; a new one for a new cluster."""
    path = folder / "password"
    if path.exists():
        return path.read_text().strip()
    if cluster.is_dir():
        raise ChildFailedError(f"{path} is missing: put it back, or erase the cluster {cluster}")
    password = secrets.token_urlsafe(24)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(file.fileno())
    return password


def _port(folder: Path) -> int:
    """The port of the last start when it is still free, else another one, which is written down."""
    path = folder / "port"
    written = path.read_text().strip() if path.exists() else ""
    kept = int(written) if written.isdecimal() else None
    if kept is not None and port_is_free(kept):
        return kept
    port = pick_port()
    path.write_text(f"{port}\n")
    if kept is not None:
        _log.warning("Port %d is taken: the database moves to %d", kept, port)
    return port


def _wait(child: Child, *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def _trimmed_size(path: Path) -> int:
    """The log's size in bytes after a large one was moved to `.1`; Postgres appends, so it writes on at zero."""
    if not path.exists():
        return 0
    if path.stat().st_size > _LOG_LIMIT_BYTES:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)
    return path.stat().st_size


def _last_lines(path: Path, *, start: int) -> str:
    with path.open("rb") as log:
        log.seek(start)
        return "\n".join(log.read().decode(errors="replace").splitlines()[-15:])
