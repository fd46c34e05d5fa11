"""Describes devices that have a login of their own at the broker, and how landlords and admins give them one."""

from datetime import datetime
from typing import Annotated

import strawberry

from metering.devices import DeviceKind
from resolvers import pages, registered_devices
from resolvers.context import Info
from resolvers.pages import Cursor
from resolvers.registered_devices import USUAL_HOURS, DeviceChange, DeviceChanged, DeviceLogin, DeviceToken
from schema.pages import Connection
from schema.panels import Panel
from schema.refusals import Refusal, RefusedAsData
from store.registered_devices import RegisteredDevice as DeviceRow

_ID = "The `id` of a device of yours, like dev_k3v7…"
_NAME = (
    "What its topics call it, like PM7 of DATA/PM/PM7 or cellar of tele/cellar/SENSOR; of a Zigbee2MQTT bridge its base"
    " topic; of a mapped device whatever you like. 1 to 64 letters, digits or _ . : -."
)
_CODES = (
    "Panels besides those that its name says: those of a bridge's plugs, those that its topics are mapped to. 100 at"
    " the most; a mapped device or a bridge needs one."
)
_TOPICS = (
    "MQTT filters on which it publishes besides those of its kind, 20 at the most: with + for a whole level and # for"
    " all that follow. For admins."
)


@strawberry.type(
    description="A device with a login of its own at the broker: it alone may publish on its topics and send readings"
    " of its panels, and it may do nothing else."
)
class RegisteredDevice:
    """See `store.registered_devices.RegisteredDevice`."""

    id: strawberry.ID = strawberry.field(
        description="Made by the server, like dev_k3v7…: its MQTT user name, until it is rotated, and how a certificate"
        " calls it (common name)."
    )
    kind: DeviceKind = strawberry.field(description="Its family, which says what its topics are.")
    name: str = strawberry.field(description="What its topics call it.")
    property_id: strawberry.ID | None = strawberry.field(
        description="The property that it belongs to; null: whoever has its panels acts for it."
    )
    panel_codes: list[str] = strawberry.field(description="The panels of which it alone may send readings.")
    panel_prefixes: list[str] = strawberry.field(
        description="Panels whose codes begin so, like hub-01:, are its own too."
    )
    publish_topics: list[str] = strawberry.field(
        resolver=registered_devices.publish_topics, description="The MQTT filters on which it may publish."
    )
    command_topics: list[str] = strawberry.field(
        resolver=registered_devices.command_topics, description="The MQTT filters that it may read."
    )
    username: str | None = strawberry.field(
        description="The MQTT user name of its newest secret; null of one that was revoked."
    )
    rotates_until: datetime | None = strawberry.field(
        description="Until when the secret before the newest holds too; UTC. Null while there is one alone."
    )
    created_at: datetime = strawberry.field(description="When it was registered; UTC.")
    updated_at: datetime = strawberry.field(description="When its name, property, panels or topics last changed; UTC.")
    revoked_at: datetime | None = strawberry.field(description="Since when it may do nothing; UTC. Null: it may.")
    last_seen_at: datetime | None = strawberry.field(
        description="When it last logged in, where the broker asks Kilowatch, or a reading of its panels last arrived;"
        " UTC. Null before that."
    )
    last_address: str | None = strawberry.field(
        description="The address from which it last logged in, where the broker asks Kilowatch; null elsewhere."
    )
    panels: list[Panel] = strawberry.field(  # pyright: ignore[reportAssignmentType]
        resolver=registered_devices.panels_of, description="Those of its panels that are there, by code."
    )


@strawberry.input(description="A device that is to have a login.")
class RegisterDeviceInput:
    """See `resolvers.registered_devices.register`."""

    kind: DeviceKind = strawberry.field(description="Its family, which says what its topics are.")
    name: str = strawberry.field(description=_NAME)
    property_id: strawberry.ID | None = strawberry.field(
        default=None, description="The `id` of the property that it belongs to; whoever has its panels when left out."
    )
    panel_codes: list[str] = strawberry.field(default_factory=list[str], description=_CODES)
    topics: list[str] = strawberry.field(default_factory=list[str], description=_TOPICS)


@strawberry.input(description="What is to be different of a device; what is left out or null stays as it is.")
class UpdateDeviceInput:
    """See `resolvers.registered_devices.update`."""

    id: strawberry.ID = strawberry.field(description=_ID)
    name: str | None = strawberry.field(default=None, description=_NAME)
    property_id: strawberry.ID | None = strawberry.field(
        default=None, description="The `id` of the property that it belongs to from now on."
    )
    panel_codes: list[str] | None = strawberry.field(default=None, description=_CODES)
    topics: list[str] | None = strawberry.field(default=None, description=_TOPICS)


@strawberry.input(description="Which device gets another secret.")
class RotateDeviceSecretInput:
    """See `resolvers.registered_devices.rotate`."""

    id: strawberry.ID = strawberry.field(description=_ID)
    overlap_hours: int = strawberry.field(
        default=USUAL_HOURS, description="For how many hours the secret before holds too, 0 to 720."
    )


@strawberry.input(description="Which device is to have no rights any more.")
class RevokeDeviceInput:
    """See `resolvers.registered_devices.revoke`."""

    id: strawberry.ID = strawberry.field(description=_ID)


@strawberry.input(description="Which device gets a token.")
class IssueDeviceTokenInput:
    """See `resolvers.registered_devices.issue_token`."""

    id: strawberry.ID = strawberry.field(description=_ID)
    hours: int = strawberry.field(default=USUAL_HOURS, description="How many hours it counts, 1 to 720.")


_SECRET = "The MQTT password: shown this once. Null when refused."  # noqa: S105 - a description
_DEVICE = "The device; null when refused."
_OWN = (
    "BAD_NAME, BAD_CODE, BAD_TOPIC, BAD_INPUT, PROPERTY_NOT_FOUND, PANEL_NOT_FOUND, TOPIC_TAKEN or PANEL_HAS_DEVICE;"
    " null when done."
)


@strawberry.type(description="A device and its login, or why there is none.")
class RegisterDevicePayload:
    """See `resolvers.registered_devices.DeviceLogin`."""

    device: RegisteredDevice | None = strawberry.field(description=_DEVICE)
    username: str | None = strawberry.field(description="The MQTT user name; null when refused.")
    secret: str | None = strawberry.field(description=_SECRET)
    refusal: Refusal | None = strawberry.field(description=f"UNAUTHENTICATED, FORBIDDEN, {_OWN}")


@strawberry.type(description="A device and its new login, or why there is none.")
class RotateDeviceSecretPayload:
    """See `resolvers.registered_devices.DeviceLogin`."""

    device: RegisteredDevice | None = strawberry.field(description=_DEVICE)
    username: str | None = strawberry.field(
        description="The new MQTT user name, which goes with the new secret; null when refused."
    )
    secret: str | None = strawberry.field(description=_SECRET)
    ends_at: datetime | None = strawberry.field(
        description="Until when the user names and secrets before hold; UTC. Null when refused."
    )
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, DEVICE_NOT_FOUND or BAD_INPUT; null when done."
    )


@strawberry.type(description="A device without rights, or why nothing was done.")
class RevokeDevicePayload:
    """See `resolvers.registered_devices.DeviceChanged`."""

    device: RegisteredDevice | None = strawberry.field(description=_DEVICE)
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN or DEVICE_NOT_FOUND; null when done."
    )


@strawberry.type(description="A device as it is now, or why nothing was done.")
class UpdateDevicePayload:
    """See `resolvers.registered_devices.DeviceChanged`."""

    device: RegisteredDevice | None = strawberry.field(description=_DEVICE)
    refusal: Refusal | None = strawberry.field(description=f"UNAUTHENTICATED, FORBIDDEN, DEVICE_NOT_FOUND, {_OWN}")


@strawberry.type(description="A token for a device, or why there is none.")
class IssueDeviceTokenPayload:
    """See `resolvers.registered_devices.DeviceToken`."""

    token: str | None = strawberry.field(
        description="A JWT for brokers that check the server's signature: shown this once, and not to be taken back."
        " Null when refused."
    )
    expires_at: datetime | None = strawberry.field(description="Until when it counts; UTC. Null when refused.")
    refusal: Refusal | None = strawberry.field(
        description="UNAUTHENTICATED, FORBIDDEN, DEVICE_NOT_FOUND or BAD_INPUT; null when done."
    )


@strawberry.type
class RegisteredDeviceQueries:
    """The list of registered devices."""

    @strawberry.field(
        description="The devices with a login that you act for: those of your properties, and those of which you have"
        " every panel; all of them for admins. In the order of their registration.",
        graphql_type=Connection[RegisteredDevice],
    )
    async def registered_devices(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many at the most, 1 to 500.")] = 50,
        after: Annotated[Cursor | None, strawberry.argument(description="Only devices after this cursor.")] = None,
        with_revoked: Annotated[  # noqa: FBT002 - an argument of the field
            bool, strawberry.argument(description="Those too that were revoked.")
        ] = False,
    ) -> pages.Page[DeviceRow]:
        """A page of devices."""
        return await registered_devices.page(info.context, first=first, after=after, with_revoked=with_revoked)


@strawberry.type
class RegisteredDeviceMutations:
    """Giving, changing and ending logins."""

    @strawberry.mutation(
        description="Gives a device a login of its own at the broker. From then on its topics and panels are its alone:"
        " what others send for them is refused. Landlords may do this for devices whose panels are all theirs.",
        graphql_type=RegisterDevicePayload,
        extensions=[RefusedAsData(DeviceLogin)],
    )
    async def register_device(
        self,
        info: Info,
        given: Annotated[RegisterDeviceInput, strawberry.argument(name="input", description="The device.")],
    ) -> DeviceLogin:
        """The device with its secret."""
        return await registered_devices.register(
            info.context,
            kind=given.kind,
            name=given.name,
            property_id=given.property_id,
            panel_codes=given.panel_codes,
            topics=given.topics,
        )

    @strawberry.mutation(
        description="Gives a device another MQTT user name and secret; those before it hold for a while, so that it can"
        " change over.",
        graphql_type=RotateDeviceSecretPayload,
        extensions=[RefusedAsData(DeviceLogin)],
    )
    async def rotate_device_secret(
        self,
        info: Info,
        given: Annotated[RotateDeviceSecretInput, strawberry.argument(name="input", description="Which one.")],
    ) -> DeviceLogin:
        """The device with its new secret."""
        return await registered_devices.rotate(info.context, device_id=given.id, overlap_hours=given.overlap_hours)

    @strawberry.mutation(
        description="Ends all that a device may do, at once and for good: what it still sends is refused. Its panels"
        " and their readings stay.",
        graphql_type=RevokeDevicePayload,
        extensions=[RefusedAsData(DeviceChanged)],
    )
    async def revoke_device(
        self,
        info: Info,
        given: Annotated[RevokeDeviceInput, strawberry.argument(name="input", description="Which one.")],
    ) -> DeviceChanged:
        """The device, without rights."""
        return await registered_devices.revoke(info.context, device_id=given.id)

    @strawberry.mutation(
        description="Gives a device another name, property, or other panels or topics; its login stays.",
        graphql_type=UpdateDevicePayload,
        extensions=[RefusedAsData(DeviceChanged)],
    )
    async def update_device(
        self,
        info: Info,
        given: Annotated[UpdateDeviceInput, strawberry.argument(name="input", description="What is different.")],
    ) -> DeviceChanged:
        """The device as it is now."""
        change = DeviceChange(given.name, given.property_id, given.panel_codes, given.topics)
        return await registered_devices.update(info.context, device_id=given.id, change=change)

    @strawberry.mutation(
        description="Issues a token with what a device may do, for brokers such as EMQX that check the server's"
        " signature by `/.well-known/jwks.json`. Whoever has it is the device until it expires, revoked or not.",
        graphql_type=IssueDeviceTokenPayload,
        extensions=[RefusedAsData(DeviceToken)],
    )
    async def issue_device_token(
        self,
        info: Info,
        given: Annotated[IssueDeviceTokenInput, strawberry.argument(name="input", description="Which device.")],
    ) -> DeviceToken:
        """The token."""
        return await registered_devices.issue_token(info.context, device_id=given.id, hours=given.hours)
