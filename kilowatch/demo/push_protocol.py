"""Turns requests of FCM's HTTP v1 shape into the answers that the real service gives, for the push stand-in."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

_ERROR_TYPE = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST_TYPE = "type.googleapis.com/google.rpc.BadRequest"
RETRY_AFTER_S = 1
MAX_PAYLOAD_BYTES = 4096

_Duration = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]{1,9})?s$")]
_Priority = Annotated[str, Meta(pattern="^(?i:normal|high)$")]


class Notification(Struct, forbid_unknown_fields=True):
    """What a person reads."""

    title: str | None = None
    body: str | None = None
    image: str | None = None


class AndroidConfig(Struct, forbid_unknown_fields=True):
    """What only Android phones are told."""

    collapse_key: str | None = None
    priority: _Priority | None = None
    ttl: _Duration | None = None
    restricted_package_name: str | None = None
    data: dict[str, str] | None = None
    notification: dict[str, Any] | None = None


class ApnsConfig(Struct, forbid_unknown_fields=True):
    """What only Apple's phones are told."""

    headers: dict[str, str] | None = None
    payload: dict[str, Any] | None = None


class WebpushConfig(Struct, forbid_unknown_fields=True):
    """What only browsers are told."""

    headers: dict[str, str] | None = None
    data: dict[str, str] | None = None
    notification: dict[str, Any] | None = None


class Message(Struct, forbid_unknown_fields=True):
    """A message for exactly one of its targets."""

    notification: Notification | None = None
    data: dict[str, str] | None = None
    android: AndroidConfig | None = None
    apns: ApnsConfig | None = None
    webpush: WebpushConfig | None = None
    token: Annotated[str, Meta(min_length=1)] | None = None
    fid: Annotated[str, Meta(min_length=1)] | None = None
    topic: Annotated[str, Meta(min_length=1)] | None = None
    condition: Annotated[str, Meta(min_length=1)] | None = None

    @property
    def targets(self) -> list[str]:
        """Where it is to go; a valid message has one."""
        return [target for target in (self.token, self.fid, self.topic, self.condition) if target]


class SendRequest(Struct, forbid_unknown_fields=True):
    """The body of `messages:send`."""

    message: Message
    validate_only: bool = False


class Written(Struct):
    """What Apprise's `json://` posts of a mail or a text message, with the two that the address adds."""

    message: str
    to: str
    channel: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A notification as a phone would get it, a mail or a text message; `received_at` in UTC."""

    name: str
    received_at: datetime
    target: str
    title: str
    body: str
    data: dict[str, str]
    collapse_key: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status, its body in the shape of Google's APIs, and seconds to wait where the service says so."""

    status: int
    body: dict[str, Any]
    retry_after_s: int | None = None


def parsed(body: bytes) -> SendRequest | Refusal:
    """The request, or what is wrong with it."""
    try:
        request = msgspec.json.decode(body, type=SendRequest)
    except msgspec.DecodeError as error:
        return _invalid(str(error), field=_field_of(str(error)))
    if len(request.message.targets) != 1:
        return _invalid("a message has exactly one of token, fid, topic and condition", field="message")
    if len(body) > MAX_PAYLOAD_BYTES * 2:
        return _invalid("the message is too big", field="message")
    return request


def _field_of(fault: str) -> str:
    """The field that msgspec's "… - at `$.message.data`" names."""
    found = re.search(r"`\$\.?([^`]*)`", fault)
    return found[1] if found else ""


def fault_of(target: str, *, is_first_time: bool) -> Refusal | None:
    """What a target plays: `gone-…`, `bad-…`, `denied-…`, `quota-…` always, `flaky-…` the first time only."""
    mode = target.partition("-")[0]
    if mode == "gone":
        return refusal(404, "NOT_FOUND", "No app has this token any more.", code="UNREGISTERED")
    if mode == "bad":
        return _invalid("this is no registration token", field="message.token")
    if mode == "denied":
        return refusal(403, "PERMISSION_DENIED", "The token is another sender's.", code="SENDER_ID_MISMATCH")
    if mode == "quota":
        return refusal(429, "RESOURCE_EXHAUSTED", "Too many messages.", code="QUOTA_EXCEEDED", retry_after_s=60)
    if mode == "flaky" and is_first_time:
        return refusal(503, "UNAVAILABLE", "Try again later.", code="UNAVAILABLE", retry_after_s=RETRY_AFTER_S)
    return None


def refusal(
    status: int, name: str, message: str, *, code: str | None = None, retry_after_s: int | None = None
) -> Refusal:
    """A refusal in the shape of Google's APIs; `code` is FCM's own."""
    details = [{"@type": _ERROR_TYPE, "errorCode": code}] if code else []
    return Refusal(status, _error(status, name, message, details), retry_after_s)


def _invalid(message: str, *, field: str) -> Refusal:
    details: list[dict[str, Any]] = [
        {"@type": _ERROR_TYPE, "errorCode": "INVALID_ARGUMENT"},
        {"@type": _BAD_REQUEST_TYPE, "fieldViolations": [{"field": field, "description": message}]},
    ]
    return Refusal(400, _error(400, "INVALID_ARGUMENT", message, details))


def _error(status: int, name: str, message: str, details: list[dict[str, Any]]) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": name, "details": details}}


def arrived(message: Message, *, name: str, now: datetime) -> Arrived:
    """The notification that a valid message shows."""
    notification = message.notification or Notification()
    return Arrived(
        name=name,
        received_at=now,
        target=message.targets[0],
        title=notification.title or "",
        body=notification.body or "",
        data=message.data or {},
        collapse_key=message.android.collapse_key if message.android else None,
    )


def parsed_written(body: bytes) -> Written | Refusal:
    """What was written to somebody, or what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=Written)
    except msgspec.DecodeError as error:
        return _invalid(str(error), field=_field_of(str(error)))


def arrived_written(written: Written, *, name: str, now: datetime) -> Arrived:
    """The mail or text message as it is shown."""
    title = written.title or written.channel.capitalize()
    return Arrived(name, now, written.to, title, written.message, {"channel": written.channel}, None)
