"""Turns a message's words into mail or a text message by the address template of its channel: the door to Apprise."""

import asyncio
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import apprise as untyped_apprise

from metering.contacts import Channel, Contact
from notifications.message_wording import Words

# Apprise's hints leave most of it unknown: each part is Any from here on, in this module alone.
_apprise: Any = untyped_apprise

PLACE: Final = "{to}"
TIMEOUT_S: Final = 30.0
"""How long one message may take: Apprise's own time-outs for connecting and reading are 4 s each."""

_SAMPLES: Final = {
    Channel.MAIL: Contact(Channel.MAIL, "ann@example.org"),
    Channel.SMS: Contact(Channel.SMS, "+2348012345678"),
}


class BadTemplateError(Exception):
    """Apprise does not take an address of this template. The message never holds the template: it has passwords."""


@dataclass(frozen=True, slots=True)
class AppriseSender:
    """Sends by one Apprise address a channel, in which `{to}` stands for the recipient."""

    templates: Mapping[Channel, str] = field(repr=False)

    def __post_init__(self) -> None:
        """Raises: BadTemplateError."""
        silence()
        for channel, template in self.templates.items():
            check_template(template, channel=channel)

    @property
    def channels(self) -> frozenset[Channel]:
        """What it can send by."""
        return frozenset(self.templates)

    async def send(self, contact: Contact, words: Words) -> bool:
        """Makes one attempt, in a thread: whether the far end took the message.

        Raises:
            TimeoutError: it took more than 30 s; it may have been taken all the same.
        """
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.to_thread(_sent, self.templates[contact.channel], contact, words)


def check_template(template: str, *, channel: Channel) -> None:
    """Before anything is sent.

    Raises:
        BadTemplateError: `{to}` is not in it, or Apprise takes no such address.
    """
    silence()
    if PLACE not in template:
        raise BadTemplateError("it has no {to}, in whose place the recipient is put")
    with warnings.catch_warnings():  # Apprise 2.2 loads every plugin it has, and one of them imports imghdr
        warnings.simplefilter("ignore", DeprecationWarning)
        service = _apprise.Apprise.instantiate(_address(template, _SAMPLES[channel]), suppress_exceptions=True)
    if service is None:
        raise BadTemplateError("Apprise takes no such address: see its list of services")


def silence() -> None:
    """Apprise logs addresses, with the passwords in them, and what is sent; urllib3 below it, requests' paths."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.INFO)


def _address(template: str, contact: Contact) -> str:
    return template.replace(PLACE, quote(contact.address, safe=""))


def _sent(template: str, contact: Contact, words: Words) -> bool:
    service = _apprise.Apprise.instantiate(_address(template, contact), suppress_exceptions=True)
    if service is None or not _reaches(service, contact):
        return False
    sending = _apprise.Apprise()
    sending.add(service)
    kind = _apprise.NotifyFormat.TEXT
    return bool(sending.notify(title=words.subject, body=words.body, body_format=kind))


def _reaches(service: Any, contact: Contact) -> bool:
    """Whether a mail goes to the contact and nobody else; a service that does not say to whom it goes is believed.

    Apprise 2.2 takes what stands before a `'` for a name: `o'neil@example.org` is sent to `neil@example.org`.
    """
    targets: Any = getattr(service, "targets", None)
    if contact.channel is not Channel.MAIL or targets is None:
        return True
    if getattr(service, "protocol", None) == "mailto":
        service.targets = targets = [(False, contact.address)]
    return [_mailbox(target) for target in targets] == [contact.address]


def _mailbox(target: Any) -> str:
    """The address of a recipient; some services keep a name before it."""
    return str(target if isinstance(target, str) else target[-1]).lower()
