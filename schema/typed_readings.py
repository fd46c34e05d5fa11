"""Describes readings that people type in: what a meter's register showed, and who read it."""

from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import typed_readings
from resolvers.context import Info
from resolvers.typed_readings import ReadingTyped, TypedWithdrawn
from schema.refusals import Refusal, RefusedAsData

Panel = Annotated["Panel", strawberry.lazy("schema.panels")]


@strawberry.type(description="What somebody read from a meter's register and typed in. It is never altered later.")
class TypedReading:
    """See `store.typed_readings.TypedReading`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    at: datetime = strawberry.field(description="When the register was read; panel's offset.")
    energy_import_kwh: float = strawberry.field(description="What the import register showed, in kWh.")
    typed_by: str = strawberry.field(description="Who typed it in: the account's name at the time.")
    typed_at: datetime = strawberry.field(description="When it was typed in; panel's offset.")


@strawberry.input(description="What a meter's register shows.")
class RecordReadingInput:
    """See `resolvers.typed_readings.record`."""

    panel_code: str = strawberry.field(description="The panel's code; of any panel, with a device or without one.")
    energy_import_kwh: float = strawberry.field(
        description="What the cumulative import register shows, in kWh, 0 to 1000000000: not what was used since last"
        " time."
    )
    at: datetime | None = strawberry.field(
        default=None, description="When it was read, from 2010 on and not in the future; now when left out."
    )
    idempotency_key: str = strawberry.field(
        description="A key of your own for this reading, like a UUID: 8 to 100 letters, digits or signs. Sent again"
        " after a lost answer, it changes nothing a second time."
    )


@strawberry.type(description="The reading that was typed in, or why it was refused.")
class RecordReadingPayload:
    """See `resolvers.typed_readings.ReadingTyped`."""

    typed_reading: TypedReading | None = strawberry.field(
        description="The reading; with IDEMPOTENCY_KEY_USED the one that the key made the first time."
    )
    panel: Panel | None = strawberry.field(description="The panel as it is now; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, PANEL_NOT_FOUND, FORBIDDEN, BAD_TIME, TOO_OLD, READING_WITHDRAWN,"
        " IDEMPOTENCY_KEY_USED or BAD_INPUT; null when it was stored."
    )


@strawberry.input(description="A reading that was typed in, and why it is withdrawn.")
class WithdrawTypedReadingInput:
    """See `resolvers.typed_readings.withdraw`."""

    typed_reading_id: strawberry.ID = strawberry.field(description="The `id` of the TypedReading.")
    reason: str = strawberry.field(description="Why, for the audit: 1 to 500 characters.")


@strawberry.type(description="The panel without the reading, or why it was refused.")
class WithdrawTypedReadingPayload:
    """See `resolvers.typed_readings.TypedWithdrawn`."""

    panel: Panel | None = strawberry.field(description="The panel as it is now; null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, READING_NOT_FOUND, TOO_OLD or BAD_INPUT; null when it was withdrawn."
    )


@strawberry.type
class TypedReadingMutations:
    """The typing in of readings."""

    @strawberry.mutation(
        description="Stores what a person read from a meter's import register: a reading like any other, with the flag"
        " TYPED_IN. Usage, balance and forecast follow, streams tell it, and a register that fell is an event, not"
        " usage. Tenants may where the newest reading was typed in too, or there is none. What was wrong is"
        " taken back by withdrawTypedReading.",
        graphql_type=RecordReadingPayload,
        extensions=[RefusedAsData(ReadingTyped)],
    )
    async def record_reading(
        self,
        info: Info,
        given: Annotated[RecordReadingInput, strawberry.argument(name="input", description="What the register shows.")],
    ) -> ReadingTyped:
        """The reading and the panel."""
        return await typed_readings.record(
            info.context,
            panel_code=given.panel_code,
            energy_import_kwh=given.energy_import_kwh,
            at=given.at,
            idempotency_key=given.idempotency_key,
        )

    @strawberry.mutation(
        description="Takes a reading that was typed in away, as if it had never been: usage, balance and forecast"
        " follow. For landlords of the panel and admins, who can restore it by restoreReadings. READING_NOT_FOUND also"
        " where a device said something of the same second.",
        graphql_type=WithdrawTypedReadingPayload,
        extensions=[RefusedAsData(TypedWithdrawn)],
    )
    async def withdraw_typed_reading(
        self,
        info: Info,
        given: Annotated[WithdrawTypedReadingInput, strawberry.argument(name="input", description="Which, and why.")],
    ) -> TypedWithdrawn:
        """The panel without it."""
        return await typed_readings.withdraw(
            info.context, typed_reading_id=str(given.typed_reading_id), reason=given.reason
        )
