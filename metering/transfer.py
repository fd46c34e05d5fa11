"""Defines the one shape in which readings leave and come back: columns, their bounds, and what names they go by."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import PurePath
from typing import Final, Literal

from metering.readings import (
    EARLIEST_AT,
    MAX_AHEAD,
    MAX_CURRENT_A,
    MAX_ENERGY_KWH,
    MAX_POWER_KW,
    MAX_UNBALANCE,
    MAX_VOLTAGE_V,
    PANEL_CODE,
    ReadingFlag,
    Rejected,
)
from metering.refusals import Refused


class TransferFormat(StrEnum):
    """How a file holds readings."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_FORMATS: Final = {
    ".csv": TransferFormat.CSV,
    ".tsv": TransferFormat.CSV,
    ".txt": TransferFormat.CSV,
    ".jsonl": TransferFormat.JSONL,
    ".ndjson": TransferFormat.JSONL,
    ".parquet": TransferFormat.PARQUET,
}


def format_of(name: str) -> TransferFormat:
    """The format that a file's name tells, `.gz` apart.

    Raises:
        Refused: BAD_FORMAT when it tells none.
    """
    ending = PurePath(name.lower().removesuffix(".gz")).suffix
    if ending not in _FORMATS:
        message = f"{name} does not tell its format: say --format csv, jsonl or parquet"
        raise Refused("BAD_FORMAT", message, "format")
    return _FORMATS[ending]


class ExportLevel(StrEnum):
    """What is exported: the readings themselves, or their rollups."""

    READINGS = "readings"
    FIVE_MINUTES = "five-minutes"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A measured value: its name with its unit, how many bits are stored, and the bounds within which it is taken."""

    name: str
    bits: Literal[32, 64]
    least: float
    most: float


def _phases(kind: str, unit: str, *, least: float, most: float) -> tuple[ValueColumn, ...]:
    return tuple(ValueColumn(f"{kind}_{phase}_{unit}", 32, least, most) for phase in "rstn")


VALUE_COLUMNS: Final = (
    ValueColumn("energy_import_kwh", 64, 0, MAX_ENERGY_KWH),
    ValueColumn("energy_export_kwh", 64, 0, MAX_ENERGY_KWH),
    ValueColumn("active_power_kw", 64, -MAX_POWER_KW, MAX_POWER_KW),
    ValueColumn("apparent_power_kva", 64, 0, MAX_POWER_KW),
    ValueColumn("power_factor", 32, -1, 1),
    *_phases("voltage", "v", least=0, most=MAX_VOLTAGE_V),
    *_phases("current", "a", least=-MAX_CURRENT_A, most=MAX_CURRENT_A),
    ValueColumn("voltage_unbalance", 32, 0, MAX_UNBALANCE),
    ValueColumn("current_unbalance", 32, 0, MAX_UNBALANCE),
)
"""The measured values, in a file's order."""

PANEL, AT, RECEIVED_AT, FLAGS = "panel_code", "at", "received_at", "flags"
COLUMNS: Final = (PANEL, AT, *(column.name for column in VALUE_COLUMNS), RECEIVED_AT, FLAGS)
"""Every column, in a file's order. Instants are RFC 3339 with an offset; flags are names with spaces between them."""

_VALUE_NAMES: Final = frozenset(column.name for column in VALUE_COLUMNS)
_SHOWN_NAMES: Final = 12
_SHOWN_LENGTH: Final = 40


def matched_columns(
    header: Sequence[str], *, renamed: Mapping[str, str] | None = None, panel: str | None = None
) -> tuple[str | None, ...]:
    """Which of our columns each column of a file is; None for one that is left out.

    Names are compared without case and outer spaces. `renamed` says what other names stand for, as theirs: ours;
    `panel` is the panel of every row, so that the file needs no column that names it.

    Raises:
        Refused: BAD_HEADER; the message says what was found and what is accepted.
    """
    ours = {theirs.strip().lower(): _known(name) for theirs, name in (renamed or {}).items()}
    names = [name.strip().lower() for name in header]
    if missing := ours.keys() - set(names):
        raise _bad_header(f"--column names {_listed(missing)}, which the file does not have", header)
    taken = set(ours.values())
    found = tuple(ours.get(name, name if name in COLUMNS and name not in taken else None) for name in names)
    _check_columns(found, header=header, panel=panel)
    return found


def left_out_columns(header: Sequence[str], matched: Sequence[str | None]) -> tuple[str, ...]:
    """The names of those of a file's columns that are none of ours, as they stand there."""
    return tuple(name.strip() for name, ours in zip(header, matched, strict=True) if ours is None)


def listed_columns(header: Sequence[str]) -> str:
    """Names as they stand in a file, in quotation marks; of long ones and of many, the first."""
    shown = ", ".join(repr(name[:_SHOWN_LENGTH]) for name in header[:_SHOWN_NAMES]) or "nothing"
    return shown + (f" and {len(header) - _SHOWN_NAMES} more" if len(header) > _SHOWN_NAMES else "")


def _known(name: str) -> str:
    if name not in COLUMNS:
        raise Refused("BAD_HEADER", f"--column gives {name!r}; accepted: {', '.join(COLUMNS)}", "column")
    return name


def _check_columns(found: Sequence[str | None], *, header: Sequence[str], panel: str | None) -> None:
    present = [name for name in found if name is not None]
    if twice := {name for name in present if present.count(name) > 1}:
        raise _bad_header(f"{_listed(twice)} stands there more than once", header)
    if AT not in present:
        raise _bad_header(f"there is no column {AT!r}", header)
    if PANEL not in present and panel is None:
        raise _bad_header(f"there is no column {PANEL!r}: add it, or name the panel of every row by --panel", header)
    if not _VALUE_NAMES & set(present):
        raise _bad_header("there is no column with a measured value", header)


def _bad_header(what: str, header: Sequence[str]) -> Refused:
    message = (
        f"{what}. The first line has {listed_columns(header)}; accepted: {', '.join(COLUMNS)}, of which "
        f"{AT}, {PANEL} and one value are needed. Other names can be mapped: --column theirs=ours"
    )
    return Refused("BAD_HEADER", message, "header")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(map(repr, names)))


def checked_panel(code: str) -> str:
    """The code of a panel, as it was given for every row.

    Raises:
        Refused: BAD_CODE.
    """
    if PANEL_CODE.fullmatch(code) is None:
        raise Refused("BAD_CODE", "A panel's code has 1 to 64 letters, digits, `_ . : -`.", "panel")
    return code


JUDGED: Final = ReadingFlag.IMPORT_GLITCH | ReadingFlag.EXPORT_GLITCH
"""Flags that follow from a panel's other readings: they are judged anew where readings come in."""


def flags_text(flags: ReadingFlag) -> str:
    """The names of flags with spaces between them; empty for none."""
    return " ".join(flag.name for flag in ReadingFlag if flag in flags and flag.name)


def parse_flags(text: str) -> ReadingFlag | None:
    """The flags of names with spaces between them, or of their sum in digits; None for any other text."""
    if text.isascii() and text.isdigit():
        number = int(text[:6])
        return ReadingFlag(number) if number < 2 * max(ReadingFlag) else None
    flags = ReadingFlag(0)
    for name in text.split():
        if name not in ReadingFlag.__members__:
            return None
        flags |= ReadingFlag[name]
    return flags


_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d{1,9})?"
    r" ?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


def parse_instant(text: str) -> datetime | None:
    """The instant of RFC 3339 text; without an offset it is naive, and None for any other text.

    A space may stand for the T, seconds may be missing, digits after the sixth of a second are cut.
    """
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(f"{found['date']}T{found['time']}{(found['fraction'] or '')[:7]}")
        offset = found["offset"]
        return at if offset is None else (at - _offset(offset)).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> timedelta:
    """The offset of `Z`, `+07`, `+0700` or `+07:00`.

    Raises:
        ValueError: it is 24 hours or more.
    """
    if text in "Zz":
        return timedelta()
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if text[0] == "-" else offset


def accepted_span(now: datetime) -> tuple[datetime, datetime]:
    """The first and the last instant that a row may have: from 2010 up to 15 minutes after now."""
    return EARLIEST_AT, now + MAX_AHEAD


def bad_value(column: ValueColumn, shown: str) -> Rejected:
    """Why a value is none."""
    bounds = f"a number from {column.least:,.0f} to {column.most:,.0f}, with a point for decimals, or nothing"
    return Rejected("BAD_VALUE", f"{column.name} is {_shortened(shown)}; accepted: {bounds}")


def bad_time(name: str, shown: str) -> Rejected:
    """Why a text is no instant, where it has an offset."""
    return Rejected("BAD_TIME", f'{name} is {_shortened(shown)}; accepted: like "2026-03-01T06:30:00+07:00"')


def no_offset(name: str, shown: str) -> Rejected:
    """Why a local time is no instant."""
    return Rejected("BAD_TIME", f"{name} is {_shortened(shown)}, without an offset: say --time-zone for such times")


def out_of_span(name: str, shown: str) -> Rejected:
    """Why an instant is not believed."""
    return Rejected("BAD_TIME", f"{name} is {shown}; accepted: from 2010 to now")


def too_old(shown: str, *, since: datetime) -> Rejected:
    """Why a reading from before what is kept is not taken: it would change sums whose other parts are gone."""
    return Rejected("TOO_OLD", f"{AT} is {shown}; accepted: from {since.isoformat()}, since when readings are kept")


def bad_code(shown: str) -> Rejected:
    """Why a text does not name a panel."""
    words = "1 to 64 letters, digits or _ . : -, beginning with a letter or digit"
    return Rejected("BAD_CODE", f"{PANEL} is {_shortened(shown)}; accepted: {words}")


def unknown_panel(code: str) -> Rejected:
    """Why a row of a panel that is not there is not taken."""
    return Rejected("PANEL_NOT_FOUND", f"there is no panel {code}, and --no-create-panels was given")


def bad_flags(shown: str) -> Rejected:
    """Why a text is no flags."""
    return Rejected("BAD_FLAGS", f"{FLAGS} is {_shortened(shown)}; accepted: {' '.join(ReadingFlag.__members__)}")


def no_value() -> Rejected:
    """Why a row without any value is none."""
    return Rejected("NO_VALUE", "no column has a measured value")


def bad_row(what: str) -> Rejected:
    """Why a line is no row."""
    return Rejected("BAD_ROW", what)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
