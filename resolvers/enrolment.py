"""Turns a server's settings into how people get in besides by password: who may sign up, how they are written to."""

from dataclasses import dataclass

from metering.code_limits import CODES_PER_HOUR
from metering.contacts import Channel, Contact, SignUpPolicy
from metering.refusals import Refused
from resolvers.context import Context
from store.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What signing up, one-time codes and second factors need of the server.

    One network is sent `codes_per_hour` codes an hour: phones behind one address of a mobile carrier are one network.
    """

    sealing: Sealing
    channels: frozenset[Channel] = frozenset()
    sign_up: SignUpPolicy = SignUpPolicy.OPEN
    codes_per_hour: int = CODES_PER_HOUR

    def check_channel(self, contact: Contact) -> None:
        """Before something is written to a contact.

        Raises:
            Refused: CHANNEL_UNAVAILABLE when this server cannot write to such a contact.
        """
        if contact.channel not in self.channels:
            field = "email" if contact.channel is Channel.MAIL else "phone"
            raise Refused("CHANNEL_UNAVAILABLE", _accepted(self.channels), field)


def _accepted(channels: frozenset[Channel]) -> str:
    if not channels:
        return "This server sends neither mail nor text messages: ask whoever runs it."
    only = "e-mail addresses" if Channel.MAIL in channels else "phone numbers"
    return f"This server writes to {only} alone: give one of those."


def enrolment_of(context: Context) -> Enrolment:
    """How people get in on the server that has the request."""
    return context.enrolment
