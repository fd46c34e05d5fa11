"""Turns an ID token of Firebase Authentication into whom it stands for, by firebase-admin's own check."""

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import firebase_admin as untyped_firebase  # pyright: ignore[reportMissingTypeStubs]
from firebase_admin import auth as untyped_auth  # pyright: ignore[reportMissingTypeStubs]
from firebase_admin import credentials as untyped_credentials  # pyright: ignore[reportMissingTypeStubs]
from google.auth.credentials import AnonymousCredentials

from metering.identities import Identity, IdentityUnavailableError, InvalidIdentityError

# firebase-admin carries no type hints: each part is Any from here on, in this module alone.
_firebase: Any = untyped_firebase
_auth: Any = untyped_auth
_credentials: Any = untyped_credentials

TIMEOUT_S: Final = 5
MAX_LENGTH: Final = 8192
_MAX_WAITING: Final = 40
_EMULATOR: Final = "FIREBASE_AUTH_EMULATOR_HOST"


class _NoCredential(_credentials.Base):
    """Nothing: tokens are checked by certificates that everybody may read."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()


class FirebaseLogIn:
    """Checks ID tokens of one Firebase project, two at a time, each in a thread; certificates are kept as Google says.

    `certificates_url` replaces Google's, for a stand-in of the far end. Whether an account was disabled in Firebase
    after a token was issued (for an hour) is not asked: that would need a service account.

    Raises:
        ValueError: FIREBASE_AUTH_EMULATOR_HOST is set, by which firebase-admin takes tokens that nobody has signed.
    """

    def __init__(self, project: str, *, certificates_url: str | None = None) -> None:
        if os.environ.get(_EMULATOR):
            raise ValueError(f"{_EMULATOR} is set: firebase-admin would take tokens that nobody has signed")
        options = {"projectId": project, "httpTimeout": TIMEOUT_S}
        self._app = _firebase.initialize_app(_NoCredential(), options=options, name=f"kilowatch-log-in-{id(self)}")
        if certificates_url:
            _replace_certificates(self._app, certificates_url)
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="firebase")
        self._waiting = 0

    async def verified(self, id_token: str) -> Identity:
        """Whom the token stands for.

        Raises:
            InvalidIdentityError: it is not of this project, was changed, or has expired.
            IdentityUnavailableError: the certificates cannot be had, or too many tokens wait.
        """
        if not 1 <= len(id_token) <= MAX_LENGTH or not id_token.isascii():
            raise InvalidIdentityError
        if self._waiting >= _MAX_WAITING:
            raise IdentityUnavailableError("too many tokens wait")
        self._waiting += 1
        try:
            claims = await asyncio.get_running_loop().run_in_executor(self._threads, self._claims, id_token)
        finally:
            self._waiting -= 1
        return identity_of(claims)

    def _claims(self, id_token: str) -> Mapping[str, Any]:
        try:
            return _auth.verify_id_token(id_token, app=self._app, clock_skew_seconds=10)
        except _auth.CertificateFetchError as error:
            raise IdentityUnavailableError(str(error)) from error
        except (_auth.InvalidIdTokenError, ValueError) as error:
            raise InvalidIdentityError from error

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        _firebase.delete_app(self._app)


def _replace_certificates(app: Any, url: str) -> None:
    """Sets what firebase-admin 7.7 offers no option for."""
    client = _auth._get_client(app)  # noqa: SLF001
    client._token_verifier.id_token_verifier.cert_url = url  # noqa: SLF001


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """Whom verified claims stand for: an e-mail address counts where Firebase has verified it, a number always."""
    email = _text(claims, "email") if claims.get("email_verified") is True else None
    return Identity(_text(claims, "name"), email, _text(claims, "phone_number"))


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value.strip() or None if isinstance(value, str) else None
