from pathlib import Path

import pytest

from kilowatch.embedded import accounts
from kilowatch.embedded.accounts import AccountError, choose_account
from kilowatch.embedded.binaries import (
    DEFAULT_ORDER,
    PostgresBinaries,
    PostgresNotFoundError,
    Source,
    find_postgres,
    wheel_folders,
)
from kilowatch.embedded.placement import place


def pretend(folder: Path, *, version: str) -> Path:
    """Programs that only know their version."""
    folder.mkdir()
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_wheel_comes_first() -> None:
    assert find_postgres().folder == wheel_folders()[0]
    assert find_postgres().major == 18


def test_a_setting_comes_before_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KILOWATCH_POSTGRES_BIN", str(pretend(tmp_path / "bin", version="17.2")))
    assert find_postgres() == PostgresBinaries(tmp_path / "bin", "17.2")


def test_a_setting_that_does_not_work_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KILOWATCH_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(PostgresNotFoundError, match=r"KILOWATCH_POSTGRES_BIN: .* has no initdb and no postgres"):
        find_postgres()


def test_an_argument_comes_before_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KILOWATCH_POSTGRES_BIN", "/nowhere")
    assert find_postgres(pretend(tmp_path / "bin", version="16.1")).version == "16.1"


def test_postgres_on_the_path_is_found_behind_its_links(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real, links = pretend(tmp_path / "real", version="15.9"), tmp_path / "links"
    links.mkdir()
    (links / "postgres").symlink_to(real / "postgres")
    monkeypatch.setenv("PATH", f"{links}:/bin:/usr/bin")
    by_path = [source for source in DEFAULT_ORDER if source.name == "PATH"]
    assert find_postgres(order=by_path).folder == real


def test_the_version_that_a_cluster_needs_is_looked_for(tmp_path: Path) -> None:
    new, old = pretend(tmp_path / "new", version="18.1"), pretend(tmp_path / "old", version="16.4")
    order = [Source("here", lambda: [new, old])]
    assert find_postgres(order=order).folder == new
    assert find_postgres(order=order, major=16).folder == old


def test_failure_names_each_place_and_what_was_wrong(tmp_path: Path) -> None:
    ancient = pretend(tmp_path / "ancient", version="9.6.24")
    broken = pretend(tmp_path / "broken", version="18.6")
    (broken / "postgres").write_text("#!/bin/sh\necho 'version GLIBC_2.99 not found' >&2\nexit 1\n")
    order = [Source("attic", lambda: [ancient]), Source("cellar", lambda: [broken]), Source("shed", list)]
    with pytest.raises(PostgresNotFoundError) as refusal:
        find_postgres(order=order)
    lines = str(refusal.value).splitlines()
    assert lines[0] == "No Postgres 15 or newer server programs found. Tried:"
    assert lines[1] == f"  attic: {ancient} is Postgres 9.6.24, too old"
    assert lines[2] == f"  cellar: {broken} does not work here: version GLIBC_2.99 not found"
    assert lines[3] == "  shed: nothing there"
    assert "KILOWATCH_POSTGRES_BIN" in lines[4]


def test_programs_of_another_version_than_the_clusters_are_refused(folder: Path, tmp_path: Path) -> None:
    programs = find_postgres(pretend(tmp_path / "bin", version="16.4"))
    with pytest.raises(PostgresNotFoundError, match=r"was made by Postgres 18; .* is 16\.4"):
        place(folder, binaries=programs, spare_root=tmp_path)


def test_root_is_no_account_for_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 0)
    monkeypatch.setenv("KILOWATCH_POSTGRES_USER", "root")
    with pytest.raises(AccountError, match="refuses to run as"):
        choose_account(owner_uid=None)


def test_an_unknown_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 0)
    monkeypatch.setenv("KILOWATCH_POSTGRES_USER", "no-such-user")
    with pytest.raises(AccountError, match="no-such-user, an unknown user"):
        choose_account(owner_uid=None)


def test_another_users_cluster_is_refused_to_an_ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 1000)
    assert choose_account(owner_uid=None) is None
    assert choose_account(owner_uid=1000) is None
    with pytest.raises(AccountError, match="belongs to uid 101"):
        choose_account(owner_uid=101)
