"""Turns what a message is about into the words that somebody reads, the code first, so that phones can take it over."""

from dataclasses import dataclass, field
from typing import Final

from metering.contacts import Channel
from store.account_messages import Message, MessageKind


@dataclass(frozen=True, slots=True)
class Words:
    """A message as it is read; text messages have no subject."""

    subject: str
    body: str = field(repr=False)


_NOT_YOU: Final = "If it was not you, do nothing: without the code nothing happens. Never tell it to anybody."
_SECURE: Final = "If it was not you, reset your password at once and end the other sessions."

_CODE_FOR: Final = {
    MessageKind.SIGN_UP_CODE: "to make your Kilowatch account",
    MessageKind.LOG_IN_CODE: "to sign in to Kilowatch",
    MessageKind.RESET_CODE: "to set a new Kilowatch password",
    MessageKind.CONTACT_CODE: "to use this contact for your Kilowatch account",
    MessageKind.CONFIRM_CODE: "to confirm a change of your Kilowatch account",
}

_NEWS: Final = {
    MessageKind.ALREADY_SIGNED_UP: "You have an account already",
    MessageKind.PASSWORD_CHANGED: "Your password was changed",
    MessageKind.CONTACT_CHANGED: "Your contact was changed",
    MessageKind.RECOVERY_CODE_USED: "New sign-in by a recovery code",
    MessageKind.SECOND_FACTOR_ON: "Your second factor is on",
    MessageKind.SECOND_FACTOR_OFF: "Your second factor is off",
    MessageKind.NEW_API_KEY: "A new API key",
    MessageKind.INVITATION: "An invitation to rent",
}
_BODIES: Final = {
    MessageKind.ALREADY_SIGNED_UP: "Somebody, maybe you, tried to use this contact for a Kilowatch account. You have"
    " one already: sign in, or reset your password. If it was not you, do nothing: nothing was changed.",
    MessageKind.PASSWORD_CHANGED: "The password of your Kilowatch account was changed, and other sessions have ended."
    f" {_SECURE}",
    MessageKind.CONTACT_CHANGED: "Your Kilowatch account now has the contact {masked}. If it was not you, reset your"
    " password at once, or ask whoever runs your Kilowatch.",
    MessageKind.RECOVERY_CODE_USED: "Somebody signed in to your Kilowatch account by a recovery code in place of the"
    f" authenticator app; {{left}} are left. {_SECURE}",
    MessageKind.SECOND_FACTOR_ON: "Your Kilowatch account now asks for a code of an authenticator app at each sign-in."
    f" {_SECURE}",
    MessageKind.SECOND_FACTOR_OFF: "Your Kilowatch account does not ask for a code of an authenticator app any more."
    f" {_SECURE}",
    MessageKind.NEW_API_KEY: "A service account of yours on Kilowatch has a new API key, kwk_{prefix}…. Whoever has it"
    " acts within its rights, also after a new password. If it was not you, revoke it and reset your password at once.",
    MessageKind.INVITATION: "{code} is your invitation to see the electricity of {place}, from {inviter}. Sign up or"
    " sign in to Kilowatch and give the code, by {expires_on}. If you do not know what this is about, do nothing.",
}


def worded(message: Message) -> Words:
    """The words of a message, in English; how long a code holds is counted from when it was asked for.

    Raises:
        KeyError: the message lacks a detail that its kind has.
    """
    words = _of_code(message) if message.kind in _CODE_FOR else _of_news(message)
    return words if message.contact.channel is Channel.MAIL else Words("", words.body)


def _of_code(message: Message) -> Words:
    minutes = round((message.expires_at - message.created_at).total_seconds() / 60)
    code, purpose = message.details["code"], _CODE_FOR[message.kind]
    return Words(f"{code} is your code", f"{code} is your code {purpose}. It holds for {minutes} minutes. {_NOT_YOU}")


def _of_news(message: Message) -> Words:
    return Words(_NEWS[message.kind], _BODIES[message.kind].format_map(message.details))
