"""Turns what a sensor is called into what it counts: which direction, phase, part and channel, over which time."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

_TURN = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"(?<![^\W_])[^\W\d_][0-9]+(?![^\W_])|[^\W\d_]+|[0-9]+")
_CHANNEL = re.compile(r"(?:.*[^0-9])?([1-9][0-9]?)")
_EXPORT_OBIS = re.compile(r"(?<![0-9])2[._-]8[._-][0-9]")

_OUTWARD: Final = frozenset({
    "export", "exported", "exports", "ekspor", "einspeisung", "eingespeist", "erzeugung", "return", "returned",
    "returns", "produce", "produced", "production", "producing", "out", "output", "outgoing", "feed", "feedin", "fed",
    "inject", "injected", "injection", "reverse", "reversed", "generate", "generated", "generation", "yield", "surplus",
    "discharge", "discharged", "discharging",
})  # fmt: skip
_PERIODS: Final = frozenset({
    "today", "yesterday", "day", "daily", "hour", "hourly", "h", "minute", "week", "weekly", "month", "monthly",
    "quarter", "quarterly", "year", "yearly", "annual", "last", "previous", "prev", "since", "session", "trip", "cycle",
    "period", "interval", "heute", "gestern", "tag", "monat", "jahr", "hari", "kemarin", "bulan", "tahun",
})  # fmt: skip
_TARIFFS: Final = frozenset({"tariff", "tarif", "t1", "t2", "t3", "t4", "peak", "offpeak", "low", "high"})
_PHASES: Final = {"a": "R", "b": "S", "c": "T", "r": "R", "s": "S", "t": "T", "l1": "R", "l2": "S", "l3": "T"}
_PHASE_NUMBERS: Final = {"1": "R", "2": "S", "3": "T"}
_PARTS: Final = {
    "battery": "BATTERY", "batt": "BATTERY", "akku": "BATTERY", "baterai": "BATTERY",
    "pv": "SOLAR", "solar": "SOLAR", "load": "LOAD", "backup": "LOAD",
}  # fmt: skip
_NEUTRAL: Final = frozenset({"n", "neutral"})


def words(*texts: str) -> list[str]:
    """The words of names, in small letters: `ENERGY_TotalOut` is energy, total, out; `L1` is one."""
    return [word.lower() for text in texts for word in _WORD.findall(_TURN.sub(" ", text))]


def is_outward(spoken: Collection[str], *, names: Sequence[str] = ()) -> bool:
    """Whether it counts what leaves the panel; register 2.8.x of OBIS does."""
    return not _OUTWARD.isdisjoint(spoken) or any(_EXPORT_OBIS.search(name) for name in names)


def is_of_a_period(spoken: Collection[str]) -> bool:
    """Whether it begins again with a day, a month or the like, so that it is no register."""
    return not _PERIODS.isdisjoint(spoken)


def is_of_a_tariff(spoken: Collection[str]) -> bool:
    """Whether it counts in some hours only, so that it is a part of the register."""
    return not _TARIFFS.isdisjoint(spoken)


def phases(spoken: Sequence[str]) -> set[str]:
    """The phases R, S, T and the neutral N that are named, as a letter, as L1 to L3 or as `phase 1`."""
    found = {_PHASES[word] for word in spoken if word in _PHASES}
    numbered = {
        _PHASE_NUMBERS[after] for word, after in pairwise(spoken) if word == "phase" and after in _PHASE_NUMBERS
    }
    return found | numbered | ({"N"} if not _NEUTRAL.isdisjoint(spoken) else set())


def part(spoken: Sequence[str]) -> str:
    """Which part of a solar system it is about, BATTERY, SOLAR or LOAD; empty where it is none of them."""
    return next((_PARTS[word] for word in spoken if word in _PARTS), "")


def channel(name: str) -> str:
    """The number, 1 to 99, that a name ends in; empty where it ends in none."""
    found = _CHANNEL.fullmatch(name)
    return found[1] if found else ""
