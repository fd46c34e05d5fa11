"""Turns an e-mail address or a phone number as it was typed into the one form in which it is kept and written to."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import phonenumbers as untyped_phonenumbers
from email_validator import EmailNotValidError, validate_email

from metering.refusals import Refused

_phonenumbers: Any = untyped_phonenumbers
MAX_EMAIL_LENGTH: Final = 254
_MAX_TYPED_LENGTH: Final = 320
_DOT: Final = "•"


class Channel(Enum):
    """How somebody is written to."""

    MAIL = "MAIL"
    SMS = "SMS"


class SignUpPolicy(Enum):
    """Who may make an account for themselves."""

    OPEN = "OPEN"
    INVITED = "INVITED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class Contact:
    """Where somebody is reached: an e-mail address in lower case, or a phone number in E.164."""

    channel: Channel
    address: str

    @property
    def email(self) -> str | None:
        """The address, where it is one of e-mail."""
        return self.address if self.channel is Channel.MAIL else None

    @property
    def phone(self) -> str | None:
        """The number, where it is one of a phone."""
        return self.address if self.channel is Channel.SMS else None

    @property
    def masked(self) -> str:
        """Enough to recognise one's own, too little to learn another's: `a•••@example.org`, `+234•••••67`."""
        if self.channel is Channel.SMS:
            return f"{self.address[:4]}{_DOT * 5}{self.address[-2:]}"
        local, _, domain = self.address.rpartition("@")
        return f"{local[:1]}{_DOT * 3}@{domain}"


def contact_of(*, email: str | None, phone: str | None) -> Contact:
    """The one contact that was given.

    Raises:
        Refused: BAD_INPUT (both, or neither), BAD_EMAIL, BAD_PHONE.
    """
    if email is not None and phone is None:
        return Contact(Channel.MAIL, normalised_email(email))
    if phone is not None and email is None:
        return Contact(Channel.SMS, normalised_phone(phone))
    raise Refused("BAD_INPUT", "Give either `email` or `phone`.", "email")


def contact_in(typed: str) -> Contact:
    """The contact in one text: a phone number where it begins with +, else an e-mail address.

    Raises:
        Refused: BAD_EMAIL, BAD_PHONE.
    """
    if typed.startswith("+"):
        return Contact(Channel.SMS, normalised_phone(typed))
    return Contact(Channel.MAIL, normalised_email(typed))


def normalised_email(email: str) -> str:
    """The address as it is kept: without blanks around it, in lower case; whether it exists is not looked up.

    Raises:
        Refused: BAD_EMAIL.
    """
    try:
        found = validate_email(email.strip()[:_MAX_TYPED_LENGTH], check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise _bad_email() from error
    if len(found) > MAX_EMAIL_LENGTH:
        raise _bad_email()
    return found


def _bad_email() -> Refused:
    return Refused("BAD_EMAIL", "An e-mail address looks like name@example.org.", "email")


def normalised_phone(phone: str) -> str:
    """The number in E.164, like +2348012345678.

    Raises:
        Refused: BAD_PHONE where no country has such a number, or its country is not said.
    """
    refused = Refused("BAD_PHONE", "A phone number begins with + and its country, like +234 801 234 5678.", "phone")
    try:
        parsed = _phonenumbers.parse(phone.strip()[:40], None)
    except _phonenumbers.NumberParseException as error:
        raise refused from error
    if not _phonenumbers.is_valid_number(parsed):
        raise refused
    return _phonenumbers.format_number(parsed, _phonenumbers.PhoneNumberFormat.E164)
