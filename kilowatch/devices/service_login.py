"""Turns the settings into the login by which Kilowatch itself is known at the broker, and what it may do there."""

import re
from dataclasses import dataclass, field
from typing import Final

from ingest.announcements import STATUS_TOPIC
from ingest.broker_address import BrokerAddress
from kilowatch.broker import broker_credentials
from kilowatch.settings import Settings
from kilowatch.starting import CommandError
from metering.device_rights import AccessRule, Action

_USERNAME: Final = re.compile(r"(?!dev_)[A-Za-z0-9_.@-]+")
"""Colons and line breaks would begin something else in mosquitto's files."""


@dataclass(frozen=True, slots=True)
class ServiceLogin:
    """Who ingest, the announcer and the jobs are at the broker; `publishes` are the filters that they publish on.

    Without a password it is known by a certificate alone.
    """

    username: str
    password: str | None = field(repr=False)
    publishes: tuple[str, ...]

    @property
    def rules(self) -> list[AccessRule]:
        """It reads everything, and publishes what it announces and what devices are told."""
        publish = [AccessRule(Action.PUBLISH, topic) for topic in self.publishes]
        return [AccessRule(Action.SUBSCRIBE, "#"), *publish]


def service_login(settings: Settings) -> ServiceLogin:
    """The login that ingest uses.

    Raises:
        CommandError: the settings name no user, or one that the brokers' files cannot hold.
        SettingError: they contradict each other.
    """
    address = BrokerAddress.from_url(settings.mqtt_url, credentials=broker_credentials(settings))
    if not address.username:
        raise CommandError("ingest logs in by KILOWATCH_MQTT_USERNAME and KILOWATCH_MQTT_PASSWORD, and one is not set")
    if not _USERNAME.fullmatch(address.username):
        accepted = "letters, digits and _ . @ -, not beginning with dev_, as devices' do"
        raise CommandError(f"the user name at the broker, {address.username!r}, cannot be used: it takes {accepted}")
    own = STATUS_TOPIC.partition("/")[0]
    publishes = (f"{own}/#", f"{settings.home_assistant_prefix}/#", "cmnd/#", "+/rpc")
    return ServiceLogin(address.username, address.password, publishes)
