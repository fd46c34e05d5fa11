"""Turns the right to be root into the unprivileged account that Postgres insists on."""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PREFERRED = ("postgres", "nobody")
_ENTER_AND_WRITE = 'cd "$0" && test -w .'


class AccountError(RuntimeError):
    """Postgres cannot run as the account that was asked for; the message says which one would do."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, other than root."""

    name: str
    uid: int
    gid: int


def choose_account(*, owner_uid: int | None) -> Account | None:
    """The account that Postgres runs as, or None when this process may run it itself.

    `owner_uid` owns an existing cluster and decides, because Postgres refuses anybody else's files. Without
    one, root takes KILOWATCH_POSTGRES_USER, else `postgres`, else `nobody`.

    Raises:
        AccountError: an unknown account, root, or another one than the cluster's owner.
    """
    if os.geteuid() != 0:
        _refuse_foreign(owner_uid)
        return None
    wanted = os.environ.get("KILOWATCH_POSTGRES_USER")
    account = _named(wanted) if wanted else _first_known()
    if owner_uid is None:
        return account
    if wanted and account.uid != owner_uid:
        raise AccountError(f"KILOWATCH_POSTGRES_USER is {wanted}, but the cluster belongs to uid {owner_uid}")
    return _by_uid(owner_uid)


def run_as(account: Account | None, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """The finished command, run as `account` in `/` with a bare environment; no output when it cannot start."""
    try:
        return subprocess.run(  # noqa: S603 - a program that we looked for, with words of ours
            command,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            cwd="/",
            env=bare_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess([str(part) for part in command], 126, "", str(error))


def can_use(account: Account | None, folder: Path) -> bool:
    """Whether `account` gets into `folder` and may write there, found out by going there."""
    return run_as(account, ["/bin/sh", "-c", _ENTER_AND_WRITE, folder]).returncode == 0


def can_run(account: Account | None, *programs: Path) -> bool:
    """Whether `account` can start each program (libraries included), found out by asking its version."""
    return all(run_as(account, [program, "--version"]).returncode == 0 for program in programs)


def bare_environment() -> Mapping[str, str]:
    """What a Postgres program needs: no PG* variable changes its mind, none of our secrets reach its account."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _refuse_foreign(owner_uid: int | None) -> None:
    if owner_uid not in (None, os.geteuid()):
        raise AccountError(f"The cluster belongs to uid {owner_uid}: start as that user, or as root")


def _named(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise AccountError(f"KILOWATCH_POSTGRES_USER names {name}, an unknown user") from None
    if entry.pw_uid == 0:
        raise AccountError("KILOWATCH_POSTGRES_USER is root, which Postgres refuses to run as")
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def _first_known() -> Account:
    for name in _PREFERRED:
        try:
            return _named(name)
        except AccountError:
            continue
    raise AccountError(f"None of the users {', '.join(_PREFERRED)} exists: set KILOWATCH_POSTGRES_USER")


def _by_uid(uid: int) -> Account:
    if uid == 0:
        raise AccountError("The cluster belongs to root, which Postgres refuses to run as")
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(name=str(uid), uid=uid, gid=uid)
    return Account(name=entry.pw_name, uid=uid, gid=entry.pw_gid)
