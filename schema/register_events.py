"""Describes what registers do that is no usage: resets, rollovers, other meters and glitches."""

from datetime import datetime
from decimal import Decimal

import strawberry

from metering.registers import EventKind, Register

strawberry.enum(Register, name="MeterRegister", description="Which of a meter's energy registers.")
strawberry.enum(
    EventKind,
    name="RegisterEventKind",
    description="RESET: the register began again at about zero. ROLLOVER: it ran past its last digit, which is usage."
    " METER_SWAP: it went on somewhere else, as another meter's does. GLITCH: some readings were a fault of the meter"
    " or the line, and it went on where it was. Only a ROLLOVER counts as usage.",
)


@strawberry.type(
    description="What a register did that was no usage. Judged again when late readings come, so that the newest event"
    " may yet become another."
)
class RegisterEvent:
    """See `store.register_history.PastEvent`."""

    kind: EventKind = strawberry.field(description="What it was.")
    register: Register = strawberry.field(description="Of which register.")
    at: datetime = strawberry.field(description="The first reading that shows it; panel's offset.")
    ends_at: datetime = strawberry.field(
        description="Of a GLITCH: its last reading; the same as `at` otherwise. Panel's offset."
    )
    reading_count: int = strawberry.field(description="Of a GLITCH: how many readings it was; 1 otherwise.")
    before_at: datetime = strawberry.field(description="The reading that it is judged by; panel's offset.")
    before_kwh: float = strawberry.field(description="The register in kWh at `beforeAt`.")
    after_kwh: float = strawberry.field(description="The register in kWh at `at`.")
    usage_kwh: Decimal = strawberry.field(description="The usage that it counts as, in kWh; 0 unless a ROLLOVER.")
