"""Describes how owners say what their devices' messages mean, and the dry run that shows what would be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from metering.json_paths import path_text
from metering.mappings import FieldMapping, Quantity
from metering.trials import MessageTrial as TrialRow
from metering.trials import TimeSource
from resolvers import mappings, pages
from resolvers.context import Info
from resolvers.mappings import GivenField, GivenMapping
from resolvers.pages import Cursor
from schema.pages import Connection
from schema.refusals import Refusal, RefusedAsData
from store.mappings import KeptMapping

_PATH = (
    "Where the value stands: keys from the payload's root with dots, such as SML.Total_in or ENERGY.Power.0 (the first"
    " of a list); a JSON pointer such as /1.8.0/value where a key itself has a dot; empty where the whole payload is"
    " the number."
)
_UNIT = (
    "The unit that the device uses. Energy and balance: kWh, Wh, MWh, GWh, mWh, Wmin, Ws, J, kJ, MJ, GJ; active power:"
    " kW, W, MW, mW; apparent power: kVA, VA, MVA, mVA; voltage: V, mV, kV; current: A, mA, kA; power factor: none,"
    " or %."
)
_TIME = (
    "Where the message's time stands: local time as YYYY-MM-DDTHH:MM:SS (or with a space), the same with an offset, or"
    " seconds or milliseconds since 1970; null: the arrival counts."
)

strawberry.enum(
    Quantity,
    description="What a value measures; R, S, T are the phases, N the neutral. BALANCE is the credit that a prepaid"
    " meter itself shows.",
)
strawberry.enum(
    TimeSource,
    description="Where a reading's time comes from: the DEVICE's clock; REPLACED by the arrival, because that clock"
    " cannot be right; or the ARRIVAL, because the message has no time.",
)


def _path(parent: strawberry.Parent[FieldMapping]) -> str:
    return path_text(parent.path)


def _topic(parent: strawberry.Parent[KeptMapping]) -> str:
    return parent.mapping.topic


def _panel_code(parent: strawberry.Parent[KeptMapping]) -> str:
    return parent.mapping.panel_code


def _fields(parent: strawberry.Parent[KeptMapping]) -> Sequence[FieldMapping]:
    return parent.mapping.fields


def _time_path(parent: strawberry.Parent[KeptMapping]) -> str | None:
    return None if parent.mapping.time_path is None else path_text(parent.mapping.time_path)


@strawberry.type(description="One value of a message and what it measures.")
class MappedField:
    """See `metering.mappings.FieldMapping`."""

    path: str = strawberry.field(resolver=_path, description=_PATH)
    quantity: Quantity = strawberry.field(description="What it measures.")
    unit: str = strawberry.field(description="The unit that the device uses; empty for a plain power factor.")
    is_reversed: bool = strawberry.field(description="Whether its sign is turned round.")


@strawberry.type(description="How the messages of one MQTT topic are read into one panel.")
class DeviceMapping:
    """See `store.mappings.KeptMapping`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    topic: str = strawberry.field(resolver=_topic, description="The exact MQTT topic.")
    panel_code: str = strawberry.field(resolver=_panel_code, description="The code of the panel that it feeds.")
    fields: Sequence[FieldMapping] = strawberry.field(
        resolver=_fields, graphql_type=list[MappedField], description="What is read; all else is passed over."
    )
    time_path: str | None = strawberry.field(resolver=_time_path, description=_TIME)
    created_at: datetime = strawberry.field(description="When it was made (UTC).")
    created_by: str | None = strawberry.field(description="The name of who made it; null when they are gone.")
    updated_at: datetime = strawberry.field(description="When it was last changed (UTC).")
    updated_by: str | None = strawberry.field(description="The name of who last changed it; null when they are gone.")


@strawberry.input(description="One value of a message and what it measures.")
class MappedFieldInput:
    """A value as its owner describes it."""

    path: str = strawberry.field(description=f"{_PATH} Up to 200 characters.")
    quantity: Quantity = strawberry.field(description="What it measures; each quantity once.")
    unit: str | None = strawberry.field(
        default=None, description=f"{_UNIT} Left out: kWh, kW, kVA, V, A, or a plain power factor."
    )
    is_reversed: bool = strawberry.field(
        default=False, description="Turns the sign round, as for a meter that shows export as positive power."
    )


@strawberry.input(description="How the messages of one MQTT topic are to be read into one panel.")
class DeviceMappingInput:
    """A mapping as its owner describes it."""

    topic: str = strawberry.field(description="The exact MQTT topic, 1 to 512 characters, without + and #.")
    panel_code: str = strawberry.field(
        description="The panel that it feeds. Admins may name one that is not there yet: its first reading adds it."
    )
    fields: list[MappedFieldInput] = strawberry.field(description="1 to 32 values; a message may hold some of them.")
    time_path: str | None = strawberry.field(default=None, description=_TIME)


@strawberry.input(description="The mapping that is to be forgotten.")
class RemoveDeviceMappingInput:
    """A topic and a panel."""

    topic: str = strawberry.field(description="Its topic.")
    panel_code: str = strawberry.field(description="The code of its panel.")


@strawberry.type(description="What a value was taken for.")
class TrialUse:
    """See `metering.trials.TrialUse`."""

    panel_code: str = strawberry.field(description="The panel whose reading it goes into.")
    quantity: Quantity = strawberry.field(description="What it was taken for.")
    unit: str | None = strawberry.field(
        description="The unit that it was taken to be in, empty for a plain power factor; null where none shows."
    )
    is_reversed: bool = strawberry.field(description="Whether its sign was turned round.")


@strawberry.type(description="One value of the payload.")
class TrialValue:
    """See `metering.trials.TrialValue`."""

    path: str = strawberry.field(description="Where it stands, as a mapping would name it.")
    text: str = strawberry.field(description="The value, shortened.")
    uses: list[TrialUse] = strawberry.field(description="What it was taken for; empty where it goes into no reading.")
    note: str | None = strawberry.field(
        description="For people: what else it was taken for, such as the time, or that it was not used."
    )


@strawberry.type(description="One quantity of a reading.")
class TrialQuantity:
    """See `metering.trials.TrialQuantity`."""

    quantity: Quantity = strawberry.field(description="What it is.")
    value: float = strawberry.field(description="The value in `unit`.")
    unit: str = strawberry.field(description="kWh, kW, kVA, V or A; empty for a power factor.")


@strawberry.type(description="A reading, or a balance, that would be stored.")
class TrialReading:
    """See `metering.trials.TrialReading`."""

    panel_code: str = strawberry.field(description="The panel that it would be stored for; added where there is none.")
    at: datetime = strawberry.field(description="The time that it would get, with the panel's offset if you see it.")
    time_source: TimeSource = strawberry.field(description="Where that time comes from.")
    is_late: bool = strawberry.field(description="Whether it would be flagged as over 15 minutes late.")
    is_partial: bool = strawberry.field(description="Whether other messages may add values to it.")
    values: list[TrialQuantity] = strawberry.field(description="Its values, in Kilowatch's units.")


@strawberry.type(description="Why a message, or a part of it, would be kept as unreadable.")
class TrialRejection:
    """See `metering.readings.Rejected`."""

    code: str = strawberry.field(description="Stable, for programs: docs/errors.md lists every code.")
    reason: str = strawberry.field(description="For people: what was wrong and what is accepted.")


@strawberry.type(description="What would become of a message. Nothing was stored.")
class MessageTrial:
    """See `metering.trials.MessageTrial`."""

    reader: str | None = strawberry.field(
        description="What reads it: mapping, announcement, or the name of a family of devices; null where nothing does."
    )
    values: list[TrialValue] = strawberry.field(
        description="The payload's first values in its order: up to 200, fewer of a payload above 10 KiB."
    )
    value_count: int = strawberry.field(description="How many values the payload has.")
    readings: list[TrialReading] = strawberry.field(description="What would be stored, by panel.")
    notes: list[str] = strawberry.field(description="For people: what the message says of its device.")
    rejected: TrialRejection | None = strawberry.field(
        description="Why it, or a part of it, would be kept as unreadable; null where all of it is understood."
    )


@dataclass(frozen=True, slots=True)
class MappingSet:
    """What became of a mapping."""

    mapping: KeptMapping | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class MappingRemoved:
    """What became of a removal."""

    was_there: bool | None = None
    refusal: Refusal | None = None


@strawberry.type(description="The mapping as it is kept, or why there is none.")
class SetDeviceMappingPayload:
    """Exactly one of the two is set."""

    mapping: DeviceMapping | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, BAD_TOPIC, BAD_CODE, BAD_PATH, BAD_UNIT, BAD_INPUT, PANEL_NOT_FOUND or"
        " FORBIDDEN; null when kept."
    )


@strawberry.type(description="Whether there was something to remove, or why nothing was done.")
class RemoveDeviceMappingPayload:
    """Exactly one of the two is set."""

    was_there: bool | None = strawberry.field(
        description="False when there is no such mapping into a panel of yours; null when it was refused."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, BAD_TOPIC or BAD_CODE; null when it was done."
    )


def _given(mapping: DeviceMappingInput) -> GivenMapping:
    fields = [GivenField(field.path, field.quantity, field.unit, field.is_reversed) for field in mapping.fields]
    return GivenMapping(mapping.topic, mapping.panel_code, fields, mapping.time_path)


@strawberry.type
class MappingQueries:
    """Mappings, and dry runs."""

    @strawberry.field(
        description="How messages are read into panels of yours, the oldest mapping first.",
        graphql_type=Connection[DeviceMapping],
    )
    async def device_mappings(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")] = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only mappings after this cursor.")] = None,
    ) -> pages.Page[KeptMapping]:
        """A page of mappings."""
        return await mappings.page(info.context, first=first, after=after)

    @strawberry.field(
        description="Shows how a message would be read if it arrived now, without storing anything: with the mapping"
        " given, else with those kept for its topic into panels of yours, else as its device's messages are read.",
        graphql_type=MessageTrial,
    )
    async def try_message(
        self,
        info: Info,
        topic: Annotated[str, strawberry.argument(description="The exact MQTT topic.")],
        payload: Annotated[str, strawberry.argument(description="The message's body as text, up to 64 KiB.")],
        mapping: Annotated[
            DeviceMappingInput | None, strawberry.argument(description="A mapping of this topic to be tried.")
        ] = None,
        is_retained: Annotated[  # noqa: FBT002 - an argument of the field
            bool, strawberry.argument(description="As if the broker had kept the message for whoever subscribes.")
        ] = False,
    ) -> TrialRow:
        """What would become of the message."""
        given = None if mapping is None else _given(mapping)
        return await mappings.try_message(
            info.context, topic=topic, payload=payload, is_retained=is_retained, given=given
        )


@strawberry.type
class MappingMutations:
    """Keeping and forgetting a mapping."""

    @strawberry.mutation(
        description="Keeps how a topic's messages are read into a panel, in place of what was kept for both before."
        " Ingest follows within a second. A mapped topic is read by its mappings alone. Landlords, and those"
        " to whom a panel of nobody's was given, may map topics that name its device and feed nobody else's; admins"
        " any.",
        graphql_type=SetDeviceMappingPayload,
        extensions=[RefusedAsData(MappingSet)],
    )
    async def set_device_mapping(
        self,
        info: Info,
        given: Annotated[DeviceMappingInput, strawberry.argument(name="input", description="The mapping.")],
    ) -> MappingSet:
        """The mapping, or why it was refused."""
        return MappingSet(await mappings.set_mapping(info.context, _given(given)))

    @strawberry.mutation(
        description="Forgets a mapping: its topic is read as its device's messages are, or not at all.",
        graphql_type=RemoveDeviceMappingPayload,
        extensions=[RefusedAsData(MappingRemoved)],
    )
    async def remove_device_mapping(
        self,
        info: Info,
        given: Annotated[RemoveDeviceMappingInput, strawberry.argument(name="input", description="The mapping.")],
    ) -> MappingRemoved:
        """Whether there was one, or why nothing was done."""
        was_there = await mappings.remove_mapping(info.context, topic=given.topic, panel_code=given.panel_code)
        return MappingRemoved(was_there)
