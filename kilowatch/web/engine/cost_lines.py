"""Turns what the fields of an operation weigh, and one request's variables, into points."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from kilowatch.web.engine import weights


class Line(NamedTuple):
    """A cost that is a straight line of the length that the arguments above ask for: `fixed + each * length`."""

    fixed: float
    each: float

    def at(self, length: float) -> float:
        """The points at a length."""
        return self.fixed + self.each * length


@dataclass(frozen=True, slots=True)
class Variable:
    """A place of the request that a variable fills."""

    name: str
    default: Any
    part: str | None = None

    def of(self, variables: Mapping[str, Any]) -> Any:
        """What the variables fill it with, or its default; of an input object its `part` alone where that is named."""
        value = variables.get(self.name, self.default)
        return value if self.part is None else part_of(value, self.part)


def part_of(value: Any, name: str) -> Any:
    """A field of an input object; None of what is none: it is refused."""
    return value.get(name) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


@dataclass(frozen=True, slots=True)
class Condition:
    """An `@include(if: $variable)` (`wanted` is True) or `@skip(if: $variable)`."""

    variable: Variable
    wanted: bool

    def holds(self, variables: Mapping[str, Any]) -> bool:
        """Whether what stands below is answered."""
        return bool(self.variable.of(variables)) is self.wanted


class Cut(NamedTuple):
    """How the period of a series is cut up: the name and the value of an argument, and the period's own three."""

    argument: str
    by: Any
    range_: Any
    since: Any
    until: Any

    @property
    def ends_now(self) -> bool:
        """Whether the period has a start and no end: it grows as time goes by."""
        return self.since is not None and self.until is None

    def length(self, variables: Mapping[str, Any], now: Callable[[], datetime]) -> float:
        """How many buckets or points the series has."""
        by, range_, since, until = [_filled(value, variables) for value in self[1:]]
        span_s = weights.span_s(range_, since, until, now=now)
        return weights.buckets(by, span_s=span_s) if self.argument == "step" else weights.points(by, span_s=span_s)


@dataclass(frozen=True, slots=True, eq=False)
class Sizing:
    """The arguments of a field that say how much is asked for: values, or variables that fill them.

    `counts` and `chosen` are of arguments that count and list something, with the most that fields take of each.
    """

    counts: tuple[tuple[Any, int], ...]
    chosen: tuple[tuple[Any, int], ...]
    cut: Cut | None
    each: float

    @property
    def is_dynamic(self) -> bool:
        """Whether it changes from request to request; a period with a start and no end does as time goes by."""
        values = [*(value for value, _ in (*self.counts, *self.chosen)), *(self.cut or ())]
        return any(isinstance(value, Variable) for value in values) or bool(self.cut and self.cut.ends_now)

    def size(self, variables: Mapping[str, Any], now: Callable[[], datetime]) -> tuple[float, float]:
        """How many entries a list has, and how long columns and pages below are."""
        length = self._length(variables, now)
        if not self.chosen:
            return length, length
        value, most = self.chosen[0]
        entries = weights.chosen(_filled(value, variables), most=most)
        return (entries, entries) if length == math.inf else (entries if self.cut else min(entries, length), length)

    def _length(self, variables: Mapping[str, Any], now: Callable[[], datetime]) -> float:
        length = self.cut.length(variables, now) if self.cut else math.inf
        for value, most in self.counts:
            count = weights.counted(_filled(value, variables), most=most)
            if count is not None and count < length:
                length = count
        return weights.USUAL_LENGTH if length == math.inf and not self.chosen else length


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    return value.of(variables) if value.__class__ is Variable else value


@dataclass(frozen=True, slots=True, eq=False)
class PricedField:
    """A field as it stands in a document; `item` is what each entry of a list weighs, or the value of one."""

    parent: str
    key: str
    base: float
    item: float
    is_list: bool
    usual_length: float | None
    sizing: Sizing | None
    conditions: tuple[Condition, ...]
    selection: "PricedSelection | None"

    @property
    def is_dynamic(self) -> bool:
        """Whether variables change what it costs."""
        is_sized = self.sizing is not None and self.sizing.is_dynamic
        return bool(self.conditions) or is_sized or bool(self.selection and self.selection.dynamic)


@dataclass(frozen=True, slots=True, eq=False)
class PricedSelection:
    """The fields of a selection set: those that variables change, and the line of all others."""

    fields: tuple[PricedField, ...]
    constant: Line
    dynamic: tuple[PricedField, ...]


@dataclass(slots=True, eq=False)
class Evaluation:
    """One request's variables over a plan: each selection is added up once, however often fragments repeat it."""

    variables: Mapping[str, Any]
    now: Callable[[], datetime]
    _lines: dict[int, Line] = field(default_factory=dict[int, Line])

    def line_of(self, selection: PricedSelection) -> Line:
        """What a selection set costs by the length that is asked for above it."""
        if not selection.dynamic:
            return selection.constant
        line = self._lines.get(id(selection))
        if line is None:
            lines = [selection.constant, *map(self.line, selection.dynamic)]
            line = self._lines[id(selection)] = total(lines)
        return line

    def line(self, asked: PricedField) -> Line:
        """What a field costs by the length that is asked for above it."""
        if not all(condition.holds(self.variables) for condition in asked.conditions):
            return _NOTHING
        below = self.line_of(asked.selection) if asked.selection else _NOTHING
        if asked.sizing is None:
            return self._unsized(asked, below)
        entries, length = asked.sizing.size(self.variables, self.now)
        series = asked.sizing.each * length
        if not asked.is_list:
            return Line(asked.base + series + asked.item + below.at(length), 0.0)
        inner = weights.USUAL_LENGTH if entries == length else length
        entries = entries if asked.usual_length is None else asked.usual_length
        return Line(asked.base + series + entries * (asked.item + below.at(inner)), 0.0)

    def _unsized(self, asked: PricedField, below: Line) -> Line:
        if not asked.is_list:
            share = 1.0 if asked.usual_length is None else asked.usual_length
            return Line(asked.base + share * (asked.item + below.fixed), share * below.each)
        entry = asked.item + below.at(weights.USUAL_LENGTH)
        if asked.usual_length is not None:
            return Line(asked.base + asked.usual_length * entry, 0.0)
        return Line(asked.base, entry)


_NOTHING: Final = Line(0.0, 0.0)


def total(lines: list[Line]) -> Line:
    """The line of several together."""
    return Line(sum(line.fixed for line in lines), sum(line.each for line in lines))
