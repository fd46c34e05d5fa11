"""Turns the course of a register into what of it is no usage: resets, rollovers, other meters and glitches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

MOST_KW = 2000.0
"""More than any low-voltage connection carries: a rise that would take more is a fault, or another meter."""
TIGHT_KW = 100.0
"""More than a meter of a home or a small firm carries: what a restart or a rollover is told by."""
SLACK_KWH = 1.0
LONGEST_GLITCH = 5
LONGEST_GLITCH_TOOK = timedelta(hours=1)
CALM_STEPS = LONGEST_GLITCH + 1
"""After so many regular steps in a row no glitch reaches over them: what comes is judged without what was before."""
CALM_WITHIN = 64
"""Where none of so many readings before a full hour (UTC) ends a calm, judging starts anew with that hour."""
LOOK_BACK = 2 * CALM_WITHIN
"""So many readings before a place tell whether judging may start there."""

_NEARLY_FULL = 0.99
_LIMITS_KWH = (*(10.0**digits for digits in range(4, 10)), 2**31 / 1e3, 2**32 / 1e3, 2**32 / 1e2)


class Register(StrEnum):
    """Which of a meter's registers."""

    IMPORT = "IMPORT"
    EXPORT = "EXPORT"


class EventKind(StrEnum):
    """What a register did that was no usage."""

    RESET = "RESET"
    ROLLOVER = "ROLLOVER"
    METER_SWAP = "METER_SWAP"
    GLITCH = "GLITCH"


@dataclass(frozen=True, slots=True)
class RegisterReading:
    """Where a register stood at an instant."""

    at: datetime
    kwh: float


@dataclass(frozen=True, slots=True)
class RegisterEvent:
    """What a register did at `at`, judged by the reading `before` it.

    A GLITCH is of `reading_count` readings up to `ends_at`, and `before` is the reading that usage goes on from; of
    the others these are 1 and `at`. `usage_kwh` is what a ROLLOVER counts, 0 of the others.
    """

    kind: EventKind
    at: datetime
    before: RegisterReading
    after_kwh: float
    usage_kwh: Decimal
    ends_at: datetime
    reading_count: int = 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of the readings of a span: the places of those that are glitches, and the events, ascending."""

    glitches: frozenset[int]
    events: tuple[RegisterEvent, ...]


def is_regular(before: RegisterReading, after: RegisterReading) -> bool:
    """Whether a step is usage: a rise, of at most 2,000 kW for as long as it took and 1 kWh."""
    risen_kwh = after.kwh - before.kwh
    return 0 <= risen_kwh <= MOST_KW * (after.at - before.at).total_seconds() / 3600 + SLACK_KWH


class Course:
    """The readings of one register in the order of time, some or all, and what may be judged of them.

    A reading's judgement depends on a bounded neighbourhood: it can be told from a place at which the state of the scan
    is certain (`start_before`) to one from which on nothing changes (`end_after`), and is the same whichever of the
    readings outside are known.
    """

    def __init__(self, readings: Sequence[RegisterReading], *, is_beginning: bool) -> None:
        """`is_beginning`: there is no reading before the first of these."""
        self._readings = readings
        self._is_beginning = is_beginning
        self._streaks = list(_streaks(readings))
        self._restarts = frozenset(_restarts(readings, self._streaks))

    @property
    def is_settled(self) -> bool:
        """Whether what comes after the last reading can no longer change how it and those before are judged.

        That is as long as it comes in regular steps.
        """
        if not self._readings:
            return True
        is_all_regular = self._is_beginning and self._streaks[-1] == len(self._readings) - 1
        return is_all_regular or self._streaks[-1] >= CALM_STEPS

    def start_before(self, place: int) -> int | None:
        """Where to start so that `place` and what it may change is judged; None when more readings before are needed.

        LOOK_BACK readings before the full hour of the reading before `place` always suffice.
        """
        first = 0 if self._is_beginning else CALM_WITHIN
        for start in range(place - 1, first - 1, -1):
            if self._streaks[start] >= CALM_STEPS or start in self._restarts:
                return start
        return 0 if self._is_beginning else None

    def end_after(self, place: int) -> int | None:
        """The first place after `place` whose judgement does not change with it; None when there is none yet."""
        for end in range(place + 1, len(self._readings)):
            if self._streaks[end] >= CALM_STEPS and end - CALM_STEPS > place:
                return end
            if end in self._restarts and end - CALM_WITHIN > place:
                return end
        return None

    def judged(self, start: int, end: int) -> Judgement:
        """The judgement of the readings from `start`, a place as `start_before` gives it, up to and not with `end`.

        At the end of all readings it is provisional: a fall is a reset until the register comes back.
        """
        glitches: list[range] = []
        events: list[RegisterEvent] = []
        chain = [start - 1] if start and start not in self._restarts else []
        place = start
        while place < end:
            run, event = self._step(chain, place)
            if event is not None:
                events.append(event)
            glitches += [run] if run else []
            place = max(chain[-1] + 1, place + 1)
        in_order = sorted(events, key=lambda event: event.at)
        return Judgement(frozenset(number for run in glitches for number in run), tuple(in_order))

    def _step(self, chain: list[int], place: int) -> tuple[range | None, RegisterEvent | None]:
        """Takes the reading at `place` into the chain of those that count, or a run of glitches out of it."""
        if not chain or place in self._restarts:
            return self._begun(chain, place)
        readings, base = self._readings, chain[-1]
        if is_regular(readings[base], readings[place]):
            chain[:] = base, place
            return None, None
        if len(chain) > 1 and self._is_peak(chain[0], base, place):
            chain[1] = place
            return range(base, place), self._glitch(range(base, place), before=chain[0])
        run = self._run(base, place)
        if run:
            chain[:] = base, run.stop - (run.stop in self._restarts)
            return run, self._glitch(run, before=base)
        chain[:] = base, place
        return None, _irregular(readings[base], readings[place])

    def _begun(self, chain: list[int], place: int) -> tuple[range | None, RegisterEvent | None]:
        """A chain begins; in the midst of chaos, with the second reading where the first is far below it."""
        readings, following = self._readings, place + 1
        chain[:] = [place]
        if place not in self._restarts or following >= len(readings) or following in self._restarts:
            return None, None
        if readings[following].kwh <= readings[place].kwh or is_regular(readings[place], readings[following]):
            return None, None
        chain[:] = [following]
        return range(place, following), self._glitch(range(place, following), before=following)

    def _is_peak(self, before: int, peak: int, after: int) -> bool:
        low, high, back = (self._readings[place] for place in (before, peak, after))
        return low.kwh <= back.kwh < high.kwh and is_regular(low, back)

    def _run(self, base: int, first: int) -> range | None:
        """The shortest run of readings from `first` after which the register goes on from `base`.

        That may be where judging starts anew: a zero just before a full hour must not be what usage rises from.
        """
        readings = self._readings
        for after in range(first + 1, min(first + LONGEST_GLITCH, len(readings) - 1) + 1):
            took = readings[after - 1].at - readings[first].at
            if after - 1 in self._restarts or took > LONGEST_GLITCH_TOOK:
                return None
            if is_regular(readings[base], readings[after]):
                return range(first, after)
        return None

    def _glitch(self, run: range, *, before: int) -> RegisterEvent:
        first, last = self._readings[run.start], self._readings[run.stop - 1]
        return RegisterEvent(
            EventKind.GLITCH, first.at, self._readings[before], first.kwh, Decimal(0), last.at, len(run)
        )


def _streaks(readings: Sequence[RegisterReading]) -> Iterator[int]:
    """How many regular steps in a row lead to each reading."""
    streak = -1
    for place, reading in enumerate(readings):
        streak = streak + 1 if place == 0 or is_regular(readings[place - 1], reading) else 0
        yield streak


def _restarts(readings: Sequence[RegisterReading], streaks: Sequence[int]) -> Iterator[int]:
    """Where judging starts anew: at full hours with no calm in the CALM_WITHIN readings before.

    Without them, judging a reading of a meter that only sends noise would need all its readings.
    """
    calm = 0
    for place in range(1, len(readings)):
        is_in_chaos = place >= CALM_WITHIN and calm < place - CALM_WITHIN + CALM_STEPS
        if is_in_chaos and full_hour(readings[place].at) != full_hour(readings[place - 1].at):
            yield place
        calm = place if streaks[place] >= CALM_STEPS else calm


def full_hour(at: datetime) -> datetime:
    """The start of the hour (of UTC, for instants in UTC) that an instant is in."""
    return at.replace(minute=0, second=0, microsecond=0)


def _irregular(before: RegisterReading, after: RegisterReading) -> RegisterEvent:
    kind, usage_kwh = _kind(before, after)
    return RegisterEvent(kind, after.at, before, after.kwh, usage_kwh, after.at)


def _kind(before: RegisterReading, after: RegisterReading) -> tuple[EventKind, Decimal]:
    if after.kwh > before.kwh:
        return EventKind.METER_SWAP, Decimal(0)
    tight_kwh = TIGHT_KW * (after.at - before.at).total_seconds() / 3600 + SLACK_KWH
    for limit_kwh in _LIMITS_KWH:
        wrapped_kwh = limit_kwh - before.kwh + after.kwh
        if _NEARLY_FULL * limit_kwh <= before.kwh < limit_kwh and wrapped_kwh <= tight_kwh:
            return EventKind.ROLLOVER, Decimal(round(wrapped_kwh * 1e6)) / 1_000_000
    return (EventKind.RESET if after.kwh <= tight_kwh else EventKind.METER_SWAP), Decimal(0)
