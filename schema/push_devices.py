"""Describes the phones and browsers that receive a person's alerts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry

from metering.alerts import PushPlatform
from resolvers import push_devices
from resolvers.context import Info
from schema.refusals import Refusal, RefusedAsData
from store.push_devices import PushDevice as DeviceRow

strawberry.enum(PushPlatform, description="What receives a push.")


@strawberry.type(description="A phone or browser that receives your alerts. Its token is not shown.")
class PushDevice:
    """See `store.push_devices.PushDevice`."""

    id: strawberry.ID = strawberry.field(description="Its number.")
    platform: PushPlatform = strawberry.field(description="What it is.")
    name: str | None = strawberry.field(description="What you call it; null without a name.")
    created_at: datetime = strawberry.field(description="When it was registered first (UTC).")


@strawberry.input(description="A device that is to receive your alerts, and nobody else's from now on.")
class RegisterPushDeviceInput:
    """A token and what it belongs to."""

    token: str = strawberry.field(
        description="Firebase Cloud Messaging's registration token of the app on this device, or its installation id."
    )
    platform: PushPlatform = strawberry.field(description="What the device is.")
    name: str | None = strawberry.field(default=None, description="What you call it, 100 characters at the most.")


@strawberry.input(description="A device that is to receive nothing more, as when its owner signs out.")
class RemovePushDeviceInput:
    """A token."""

    token: str = strawberry.field(description="The token that it was registered with.")


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration."""

    device: DeviceRow | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a removal."""

    was_registered: bool | None = None
    refusal: Refusal | None = None


@strawberry.type(description="The registered device, or why there is none.")
class RegisterPushDevicePayload:
    """Exactly one of the two is set."""

    device: PushDevice | None = strawberry.field(description="Null when it was refused.")
    refusal: Refusal | None = strawberry.field(description="UNAUTHENTICATED or BAD_INPUT; null when it was registered.")


@strawberry.type(description="Whether there was something to remove, or why nothing was done.")
class RemovePushDevicePayload:
    """Exactly one of the two is set."""

    was_registered: bool | None = strawberry.field(
        description="False when the token was not one of yours; null when it was refused."
    )
    refusal: Refusal | None = strawberry.field(description="UNAUTHENTICATED or BAD_INPUT; null when it was done.")


@strawberry.type
class PushDeviceMutations:
    """Registering and removing a device."""

    @strawberry.mutation(
        description="Registers a device for pushes; again with every new token. You keep the newest 20.",
        graphql_type=RegisterPushDevicePayload,
        extensions=[RefusedAsData(Registered)],
    )
    async def register_push_device(
        self,
        info: Info,
        given: Annotated[RegisterPushDeviceInput, strawberry.argument(name="input", description="The device.")],
    ) -> Registered:
        """The device, or why there is none."""
        device = await push_devices.register(info.context, token=given.token, platform=given.platform, name=given.name)
        return Registered(device)

    @strawberry.mutation(
        description="Stops pushes to a device of yours.",
        graphql_type=RemovePushDevicePayload,
        extensions=[RefusedAsData(Removed)],
    )
    async def remove_push_device(
        self,
        info: Info,
        given: Annotated[RemovePushDeviceInput, strawberry.argument(name="input", description="The device.")],
    ) -> Removed:
        """Whether there was one, or why nothing was done."""
        return Removed(await push_devices.remove(info.context, token=given.token))
