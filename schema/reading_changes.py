"""Describes how an admin corrects, withdraws and restores stored readings, and the audit of it."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from metering.reading_changes import VALUES, ChangeKind
from resolvers import reading_changes
from resolvers.context import Info
from resolvers.reading_changes import ChangeMade
from schema.readings import Reading
from schema.refusals import Refusal, RefusedAsData

strawberry.enum(
    ChangeKind,
    name="ReadingChangeKind",
    description="CORRECTION: one reading was given other values. WITHDRAWAL: the readings of a span were taken away."
    " RESTORATION: one of these was undone.",
)

Panel = Annotated["Panel", strawberry.lazy("schema.panels")]


@strawberry.type(description="What an admin did to stored readings. Nothing is lost: each change can be undone.")
class ReadingChange:
    """See `store.reading_audit.ReadingChange`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    kind: ChangeKind = strawberry.field(description="What was done.")
    start: datetime = strawberry.field(
        name="from",
        description="The first instant that it is about, panel's offset; a correction's reading is at this one.",
    )
    end: datetime = strawberry.field(name="to", description="The end of what it is about, exclusive; panel's offset.")
    reading_count: int = strawberry.field(description="How many readings were changed, taken away or put back.")
    reason: str = strawberry.field(description="Why, in the admin's words.")
    made_by: str = strawberry.field(description="Who did it: the account's name at the time.")
    made_at: datetime = strawberry.field(description="When it was done; panel's offset.")
    restores_id: strawberry.ID | None = strawberry.field(
        description="Of a RESTORATION: the change that it undid; null otherwise."
    )
    is_restored: bool = strawberry.field(description="Whether this change was undone since.")
    before: Reading | None = strawberry.field(
        description="The reading as it was before a correction, or before one was undone; null for withdrawals."
    )
    after: Reading | None = strawberry.field(description="The reading as it was afterwards; null for withdrawals.")


_LEFT_OUT: Any = strawberry.UNSET


@strawberry.input(description="One quantity on the phases. What is left out stays; null removes a value.")
class PhaseValuesInput:
    """See `metering.readings.PhaseValues`."""

    r: float | None = strawberry.field(default=_LEFT_OUT, description="Phase R (L1).")
    s: float | None = strawberry.field(default=_LEFT_OUT, description="Phase S (L2).")
    t: float | None = strawberry.field(default=_LEFT_OUT, description="Phase T (L3).")
    n: float | None = strawberry.field(default=_LEFT_OUT, description="Neutral.")


@strawberry.input(
    description="What one reading should have said, and why. Values that are left out stay; null removes a value."
)
class CorrectReadingInput:
    """See `resolvers.reading_changes.correct`."""

    panel_code: str = strawberry.field(description="The panel's code.")
    at: datetime = strawberry.field(description="The instant of the reading, exactly as `at` of the reading says it.")
    reason: str = strawberry.field(description="Why, for the audit: 1 to 500 characters.")
    voltage: PhaseValuesInput | None = strawberry.field(
        default=_LEFT_OUT, description="Voltage to neutral in V, 0 to 1000000; null removes it on all phases."
    )
    current: PhaseValuesInput | None = strawberry.field(
        default=_LEFT_OUT, description="Current in A, -1000000 to 1000000; null removes it on all phases."
    )
    active_power_kw: float | None = strawberry.field(
        default=_LEFT_OUT, description="Active power in kW, -1000000 to 1000000; negative while the panel exports."
    )
    apparent_power_kva: float | None = strawberry.field(
        default=_LEFT_OUT, description="Apparent power in kVA, 0 to 1000000."
    )
    power_factor: float | None = strawberry.field(default=_LEFT_OUT, description="Power factor, -1 to 1.")
    energy_import_kwh: float | None = strawberry.field(
        default=_LEFT_OUT, description="Cumulative import register in kWh, 0 to 1000000000."
    )
    energy_export_kwh: float | None = strawberry.field(
        default=_LEFT_OUT, description="Cumulative export register in kWh, 0 to 1000000000."
    )
    voltage_unbalance: float | None = strawberry.field(
        default=_LEFT_OUT, description="Voltage unbalance as the meter gives it, 0 to 1000."
    )
    current_unbalance: float | None = strawberry.field(
        default=_LEFT_OUT, description="Current unbalance as the meter gives it, 0 to 1000."
    )

    def values(self) -> dict[str, float | None]:
        """The values that are given, by their names in `metering.reading_changes.VALUES`."""
        phases = {
            f"{quantity}_{phase}_{unit}": value
            for quantity, unit in (("voltage", "v"), ("current", "a"))
            for phase, value in _phases(getattr(self, quantity)).items()
        }
        others = {name: getattr(self, name) for name in VALUES if hasattr(self, name)}
        return phases | {name: value for name, value in others.items() if value is not _LEFT_OUT}


def _phases(given: PhaseValuesInput | None) -> dict[str, float | None]:
    """The phases that are given, one of them or all: null stands for each of them."""
    if given is _LEFT_OUT:
        return {}
    phases = {phase: getattr(given, phase, None) for phase in "rstn"}
    return {phase: value for phase, value in phases.items() if value is not _LEFT_OUT}


@strawberry.input(description="The readings of a span, and why they are withdrawn.")
class WithdrawReadingsInput:
    """See `resolvers.reading_changes.withdraw`."""

    panel_code: str = strawberry.field(description="The panel's code.")
    since: datetime = strawberry.field(name="from", description="The start, inclusive.")
    until: datetime = strawberry.field(name="to", description="The end, exclusive. Up to 200000 readings at once.")
    reason: str = strawberry.field(description="Why, for the audit: 1 to 500 characters.")


@strawberry.input(description="The change to undo, and why.")
class RestoreReadingsInput:
    """See `resolvers.reading_changes.restore`."""

    change_id: strawberry.ID = strawberry.field(description="The id of a CORRECTION or a WITHDRAWAL.")
    reason: str = strawberry.field(description="Why, for the audit: 1 to 500 characters.")


_CHANGE = "The change as the audit keeps it; null when refused."
_PANEL = "The panel as it is now; null when refused."


@strawberry.type(description="The corrected reading, or why it was refused.")
class CorrectReadingPayload:
    """See `resolvers.reading_changes.ChangeMade`."""

    change: ReadingChange | None = strawberry.field(description=_CHANGE)
    panel: Panel | None = strawberry.field(description=_PANEL)
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, READING_NOT_FOUND, TOO_OLD or BAD_INPUT; null when"
        " done."
    )


@strawberry.type(description="What was withdrawn, or why it was refused.")
class WithdrawReadingsPayload:
    """See `resolvers.reading_changes.ChangeMade`."""

    change: ReadingChange | None = strawberry.field(description=_CHANGE)
    panel: Panel | None = strawberry.field(description=_PANEL)
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, READING_NOT_FOUND, TOO_MANY_READINGS, TOO_OLD,"
        " BAD_RANGE or BAD_INPUT; null when done."
    )


@strawberry.type(description="What was put back, or why it was refused.")
class RestoreReadingsPayload:
    """See `resolvers.reading_changes.ChangeMade`."""

    change: ReadingChange | None = strawberry.field(description=_CHANGE)
    panel: Panel | None = strawberry.field(description=_PANEL)
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, CHANGE_NOT_FOUND, ALREADY_RESTORED, CHANGED_SINCE, TOO_OLD"
        " or BAD_INPUT; null when done."
    )


@strawberry.type
class ReadingChangeMutations:
    """The changes of stored readings."""

    @strawberry.mutation(
        description="Gives one stored reading other values. Usage, charts and balance follow, streams tell it, and what"
        " the meter said is kept. The meter's own message does not undo it when it comes again.",
        graphql_type=CorrectReadingPayload,
        extensions=[RefusedAsData(ChangeMade)],
    )
    async def correct_reading(
        self,
        info: Info,
        given: Annotated[
            CorrectReadingInput, strawberry.argument(name="input", description="The reading and its new values.")
        ],
    ) -> ChangeMade:
        """The change and the panel."""
        return await reading_changes.correct(
            info.context, panel_code=given.panel_code, at=given.at, values=given.values(), reason=given.reason
        )

    @strawberry.mutation(
        description="Takes the readings of a span away. Usage, charts and balance follow; the same readings do not come"
        " back when they are sent or imported again.",
        graphql_type=WithdrawReadingsPayload,
        extensions=[RefusedAsData(ChangeMade)],
    )
    async def withdraw_readings(
        self,
        info: Info,
        given: Annotated[
            WithdrawReadingsInput, strawberry.argument(name="input", description="The panel and the span.")
        ],
    ) -> ChangeMade:
        """The change and the panel."""
        return await reading_changes.withdraw(
            info.context, panel_code=given.panel_code, since=given.since, until=given.until, reason=given.reason
        )

    @strawberry.mutation(
        description="Undoes a correction or a withdrawal: the readings are again as the meter said.",
        graphql_type=RestoreReadingsPayload,
        extensions=[RefusedAsData(ChangeMade)],
    )
    async def restore_readings(
        self,
        info: Info,
        given: Annotated[RestoreReadingsInput, strawberry.argument(name="input", description="The change to undo.")],
    ) -> ChangeMade:
        """The change that undid it, and the panel."""
        return await reading_changes.restore(info.context, change_id=given.change_id, reason=given.reason)
