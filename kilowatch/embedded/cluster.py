"""Turns an empty place into a Postgres cluster, complete or not there at all."""

import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kilowatch.embedded.accounts import Account, run_as
from kilowatch.embedded.keeper import ChildFailedError
from kilowatch.embedded.placement import Placement

SUPERUSER: Final = "kilowatch"
_BUILTIN_LOCALE_SINCE: Final = 17
_SYNCFS_SINCE: Final = 17
_SECURE: Final[Sequence[str]] = (
    "--data-checksums",
    "--encoding=UTF8",
    "--auth-host=scram-sha-256",
    "--auth-local=scram-sha-256",
    f"--username={SUPERUSER}",
)


def create_cluster(placement: Placement, *, password: str) -> None:
    """Makes the cluster in a draft folder beside its place and renames it when initdb has synced it to disk.

    So a folder that carries the cluster's name is always a whole cluster, whatever was killed when.

    Raises:
        ChildFailedError: initdb's own words.
    """
    home = placement.cluster.parent
    for leftover in home.glob("draft.*"):
        shutil.rmtree(leftover)
    draft = home / f"draft.{secrets.token_hex(4)}"
    _make_private(draft, account=placement.account)
    try:
        _write_secret(draft / "password", password, account=placement.account)
        _run_initdb(placement, draft=draft)
        (draft / "data").rename(placement.cluster)
        _sync(home)
    finally:
        shutil.rmtree(draft)


def _run_initdb(placement: Placement, *, draft: Path) -> None:
    complaints: list[str] = []
    for locale in _locales(placement.binaries.major):
        command = [placement.binaries.initdb, "-D", draft / "data", f"--pwfile={draft / 'password'}"]
        answer = run_as(placement.account, [*command, *_SECURE, *locale, *_sync_method(placement.binaries.major)])
        if answer.returncode == 0:
            return
        complaints.append(answer.stderr.strip())
        if "locale" not in answer.stderr:
            break
    raise ChildFailedError("initdb failed: " + "\n".join(complaints))


def _locales(major: int) -> list[list[str]]:
    """Ways to sort by code point with Unicode case rules, best first; not every libc knows C.UTF-8."""
    if major >= _BUILTIN_LOCALE_SINCE:
        return [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
    return [["--locale=C.UTF-8"], ["--locale=C"]]


def _sync_method(major: int) -> list[str]:
    """One syncfs for the whole cluster: 0.8 s instead of 4.4 s for initdb on a disk with 4 ms for each fsync."""
    return ["--sync-method=syncfs"] if major >= _SYNCFS_SINCE and sys.platform == "linux" else []


def _make_private(folder: Path, *, account: Account | None) -> None:
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


def _write_secret(path: Path, text: str, *, account: Account | None) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        if account is not None:
            os.fchown(file.fileno(), account.uid, account.gid)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
