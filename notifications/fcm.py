"""Turns a push into one real FCM HTTP v1 request, and the answer into what became of it: the door to firebase-admin."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import firebase_admin as untyped_firebase  # pyright: ignore[reportMissingTypeStubs]
from firebase_admin import credentials as untyped_credentials  # pyright: ignore[reportMissingTypeStubs]
from firebase_admin import exceptions as untyped_exceptions  # pyright: ignore[reportMissingTypeStubs]
from firebase_admin import messaging as untyped_messaging  # pyright: ignore[reportMissingTypeStubs]
from google.auth.exceptions import GoogleAuthError
from requests.adapters import HTTPAdapter

from notifications.outcomes import Failed, Gone, Outcome, Retry, Sent
from store.outbox import Push

# firebase-admin carries no type hints: each part is Any from here on, in this module alone.
_firebase: Any = untyped_firebase
_credentials: Any = untyped_credentials
_exceptions: Any = untyped_exceptions
_messaging: Any = untyped_messaging

TIMEOUT_S = 10
TIME_TO_LIVE = timedelta(days=1)
"""How long the push service keeps a message for a phone that is off."""

_TITLE = "Low units"
_INSTALLATION_ID = re.compile(r"[cdef][A-Za-z0-9_-]{21}")
_RETRYABLE_STATUS = frozenset({401, 408, 429, 500, 502, 503, 504})
_TOKEN_FIELDS = frozenset({"message.token", "message.fid"})


class FcmSender:
    """Sends pushes for one Firebase project, with a service account's key file, until it is closed.

    `fcm_url` replaces https://fcm.googleapis.com, for a stand-in of the far end.

    Raises:
        ValueError: the file is not a service account's key.
        OSError: the file cannot be read.
    """

    def __init__(self, credentials_file: Path, *, fcm_url: str | None = None) -> None:
        self._app = _firebase.initialize_app(
            _credentials.Certificate(str(credentials_file)),
            options={"httpTimeout": TIMEOUT_S},
            name=f"kilowatch-{id(self)}",
        )
        _adjust_service(self._app, fcm_url=fcm_url)

    async def send(self, push: Push) -> Outcome:
        """Makes one attempt, in a thread; there is no retry inside."""
        return await asyncio.to_thread(self._send, message_of(push))

    def _send(self, message: Any) -> Outcome:
        try:
            return Sent(_messaging.send(message, app=self._app))
        except _exceptions.FirebaseError as error:
            return outcome_of(error)
        except GoogleAuthError as error:
            return Retry(f"no access token: {error}")

    async def close(self) -> None:
        """Lets go of the connections. In a thread, because firebase-admin 7.7 starts an event loop to do so."""
        await asyncio.to_thread(_firebase.delete_app, self._app)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _adjust_service(app: Any, *, fcm_url: str | None) -> None:
    """Sets what firebase-admin 7.7 offers no option for: no retries of its own, and another address for everything.

    Its session would sleep through a Retry-After inside the thread; our outbox keeps time better.

    Raises:
        AssertionError: this version keeps its address elsewhere, so it would send to the real one.
    """
    service = _messaging._get_messaging_service(app)  # noqa: SLF001
    session = service._client.session  # noqa: SLF001
    for prefix in list(session.adapters):
        session.mount(prefix, HTTPAdapter(pool_maxsize=16, max_retries=0))
    path = f"/v1/projects/{app.project_id}/messages:send"
    if service._fcm_url != f"https://fcm.googleapis.com{path}":  # noqa: SLF001
        raise AssertionError("this version of firebase-admin keeps the address of FCM elsewhere")
    if fcm_url:
        service._fcm_url = fcm_url.rstrip("/") + path  # noqa: SLF001
        # google-auth 2.62 asks Google where an account may be used, even for an account that Google does not know.
        app.credential.get_credential()._is_regional_access_boundary_lookup_required = lambda: False  # noqa: SLF001


def message_of(push: Push) -> Any:
    """The firebase-admin Message of a push: what a person reads, and data for the app.

    A repeated message replaces the one before it on the phone: the collapse key and the tag are the panel's, and
    `alertId` tells the app that it has seen this one.
    """
    key = f"low-units-{push.panel_code}"
    message = _messaging.Message(
        notification=_messaging.Notification(title=_TITLE, body=push.message),
        data=_data(push),
        android=_messaging.AndroidConfig(
            priority="high",
            collapse_key=key,
            ttl=TIME_TO_LIVE,
            notification=_messaging.AndroidNotification(tag=key),
        ),
        apns=_messaging.APNSConfig(
            headers=_apns_headers(push),
            payload=_messaging.APNSPayload(aps=_messaging.Aps(sound="default", thread_id=key)),
        ),
        webpush=_messaging.WebpushConfig(
            headers={"Urgency": "high", "TTL": str(int(TIME_TO_LIVE.total_seconds()))},
            notification=_messaging.WebpushNotification(tag=key),
        ),
    )
    # Not constructor arguments: `token` there warns that Firebase prefers installation ids. Apps have either.
    setattr(message, "fid" if _INSTALLATION_ID.fullmatch(push.token) else "token", push.token)
    return message


def _data(push: Push) -> dict[str, str]:
    depletes_at = _depletes_at(push)
    return {
        "alertId": str(push.alert_id),
        "panelCode": push.panel_code,
        "balanceKwh": str(push.balance_kwh),
        "raisedAt": push.raised_at.astimezone(UTC).isoformat(),
        "depletesAt": "" if depletes_at is None else depletes_at.isoformat(timespec="seconds"),
    }


def _depletes_at(push: Push) -> datetime | None:
    if push.days_left is None:
        return None
    return push.raised_at.astimezone(UTC) + timedelta(days=push.days_left)


def _apns_headers(push: Push) -> dict[str, str]:
    """Apple allows 64 bytes for the collapse id: the panel's code alone fits."""
    expires_at = push.raised_at + TIME_TO_LIVE
    return {
        "apns-priority": "10",
        "apns-push-type": "alert",
        "apns-collapse-id": push.panel_code,
        "apns-expiration": str(int(expires_at.timestamp())),
    }


def outcome_of(error: Any) -> Outcome:
    """What a FirebaseError means: dead token, later, or never.

    Without an answer (network, time-out) it is later, and so is 401: the account's key may be on its way.
    """
    response = error.http_response
    reason = f"{error.code}: {error}"
    if isinstance(error, _messaging.UnregisteredError) or (response is not None and _refuses_token(response)):
        return Gone(reason)
    if response is None:
        return Retry(reason)
    if response.status_code in _RETRYABLE_STATUS:
        return Retry(reason, _retry_after_s(response.headers.get("Retry-After")))
    return Failed(reason)


def _refuses_token(response: Any) -> bool:
    """Whether a 400 names the token as the field that is wrong (google.rpc.BadRequest)."""
    if response.status_code != 400:
        return False
    try:
        details: Any = response.json()["error"].get("details", [])
        fields = {violation.get("field") for part in details for violation in part.get("fieldViolations", [])}
    except (ValueError, KeyError, AttributeError, TypeError):
        return False
    return not _TOKEN_FIELDS.isdisjoint(fields)


def _retry_after_s(value: str | None) -> float | None:
    """Seconds of a Retry-After header; None for its other form, a date, which FCM does not use."""
    return float(value) if value and value.isascii() and value.isdigit() else None
