"""Turns settings into a running API server."""

import logging
import os
import secrets
import socket
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from starlette.applications import Starlette

from kilowatch.channels import channels
from kilowatch.lifetime import end_with_parent
from kilowatch.setting_checks import listed
from kilowatch.settings import SettingError, Settings
from kilowatch.web.app import Options, create_app
from kilowatch.web.certificates import CertificateError, ServerCertificate
from kilowatch.web.engine.admission import Bounds
from kilowatch.web.engine.persisted import TrustedDocumentsError
from kilowatch.web.payments import Secrets
from kilowatch.web.serve import Surroundings, bound, run_on
from kilowatch.web.signing_keys import KeyRing, SigningKeysError, key_ring
from metering.contacts import SignUpPolicy
from metering.identities import IdentityCheck
from metering.payments import PaymentProvider
from resolvers.context import system_now
from store.migrations import check_version

_KEY_BYTES = 32

log = logging.getLogger(__name__)


def serve_api(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM.

    Raises:
        SchemaMismatchError: the database needs `kilowatch migrate`.
        SettingError: the certificate, the file of trusted documents or of signing keys cannot be used.
        OSError: the signing key cannot be had, or the address cannot be listened on; the message names the settings.
    """
    check_version(settings.database_url)
    end_with_parent()
    try:
        keys = key_ring(settings.signing_keys_path, now=system_now())
        app = application(settings, key=signing_key(settings.signing_key_path), keys=keys)
    except TrustedDocumentsError as error:
        raise SettingError(f"KILOWATCH_TRUSTED_DOCUMENTS cannot be used: {error}") from error
    except SigningKeysError as error:
        raise SettingError(f"KILOWATCH_SIGNING_KEYS_FILE cannot be used: {error}") from error
    around = surroundings(settings)
    listener = _listener(settings.host, settings.port)
    scheme = "https" if around.certificate else "http"
    log.info("serving on %s://%s:%d", scheme, settings.host, listener.getsockname()[1])
    run_on(listener, app, surroundings=around)


def surroundings(settings: Settings) -> Surroundings:
    """What stands between clients and the server.

    Raises:
        SettingError: the certificate cannot be used, or there is a key and no certificate.
    """
    proxies = tuple(listed(settings.trusted_proxies))
    if not settings.tls_cert_file:
        if settings.tls_key_file:
            raise SettingError("KILOWATCH_TLS_KEY_FILE needs KILOWATCH_TLS_CERT_FILE too")
        return Surroundings(trusted_proxies=proxies)
    key_file = Path(settings.tls_key_file) if settings.tls_key_file else None
    try:
        return Surroundings(
            certificate=ServerCertificate(Path(settings.tls_cert_file), key_file), trusted_proxies=proxies
        )
    except CertificateError as error:
        raise SettingError(f"KILOWATCH_TLS_CERT_FILE cannot be used: {error}") from error


def _listener(host: str, port: int) -> socket.socket:
    try:
        return bound(host, port)
    except OSError as error:
        remedy = "set KILOWATCH_PORT to a free port, KILOWATCH_HOST to an address of this machine"
        raise OSError(f"cannot listen on {host}:{port} ({error.strerror or error}): {remedy}") from error


def application(settings: Settings, *, key: bytes, keys: KeyRing) -> Starlette:
    """The server's application with these settings; `keys` sign sessions, `key` links: 32 bytes or more."""
    options = Options(
        database_url=settings.database_url,
        signing_key=key,
        keys=keys,
        key_lifetime=timedelta(days=settings.signing_key_days),
        token_lifetime=timedelta(minutes=settings.access_minutes),
        session_idle=timedelta(days=settings.session_days),
        identities=identities_of(settings),
        graphiql=settings.graphiql,
        introspection=settings.introspection,
        allowed_origins=listed(settings.allowed_origins),
        online_within=timedelta(seconds=settings.online_within_s),
        heartbeat=timedelta(seconds=settings.heartbeat_s),
        pool_size=settings.pool_size,
        bounds=Bounds(settings.max_cost, settings.cost_per_minute),
        trusted_documents=Path(settings.trusted_documents) if settings.trusted_documents else None,
        max_connections=settings.max_connections,
        default_time_zone=settings.time_zone,
        forecast_model=Path(settings.forecast_model) if settings.forecast_model else None,
        payment_secrets=payment_secrets(settings),
        vendor_currency=settings.vendor_currency if settings.vendor_url else None,
        broker_secret=settings.broker_secret,
        channels=channels(settings),
        sign_up=SignUpPolicy(settings.sign_up.upper()),
        codes_per_hour=settings.codes_per_hour,
    )
    return create_app(options)


def identities_of(settings: Settings) -> IdentityCheck | None:
    """The provider of sign-ins besides our own, where one is set up.

    Raises:
        SettingError: it would take tokens that nobody has signed.
    """
    if not settings.firebase_project:
        return None
    from notifications.firebase_log_in import FirebaseLogIn  # noqa: PLC0415 - 0.3 s, for those who use it

    try:
        return FirebaseLogIn(settings.firebase_project, certificates_url=settings.firebase_certificates_url or None)
    except ValueError as error:
        raise SettingError(f"KILOWATCH_FIREBASE_PROJECT cannot be used: {error}") from error


def payment_secrets(settings: Settings) -> Secrets:
    """The secrets of the providers that payments are taken from."""
    given = {
        PaymentProvider.PAYSTACK: settings.paystack_secret,
        PaymentProvider.FLUTTERWAVE: settings.flutterwave_secret_hash,
    }
    return Secrets({provider: secret for provider, secret in given.items() if secret})


def signing_key(path: Path) -> bytes:
    """The key that signs links, 32 random bytes; made at the first start, for its owner's eyes only.

    Raises:
        OSError: the file cannot be read or made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_key(path)
    key = path.read_bytes()
    if len(key) < _KEY_BYTES:
        raise OSError(f"{path} holds no signing key: it has {len(key)} bytes, {_KEY_BYTES} are needed; remove it")
    return key


def _make_key(path: Path) -> None:
    """Puts a whole key in place, or leaves the one that another process made in the meantime."""
    with NamedTemporaryFile(dir=path.parent, prefix=".signing") as file:  # made with mode 0600
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)
