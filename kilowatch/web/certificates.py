"""Turns the files of a certificate and its key into TLS that follows them when they change."""

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path

_log = logging.getLogger(__name__)


class CertificateError(Exception):
    """The files cannot be used; the message says why."""


@dataclass(slots=True, eq=False)
class ServerCertificate:
    """What the server shows of itself, TLS 1.2 or later; `key_file` is None where the key is in `cert_file`."""

    cert_file: Path
    key_file: Path | None
    context: ssl.SSLContext = field(init=False)
    _read_at: list[float] = field(init=False)

    def __post_init__(self) -> None:
        """Reads the files.

        Raises:
            CertificateError: they cannot be used.
        """
        self._read_at = self._changed_at()
        self.context = _loaded(self.cert_file, self.key_file, into=_server_context())

    def renew(self) -> None:
        """Shows the files' new content to whoever connects from now on, where they have changed and fit each other.

        Until they fit, the old certificate is shown: their key comes a moment after the certificate, or before.
        """
        changed_at = self._changed_at()
        if changed_at == self._read_at:
            return
        self._read_at = changed_at
        try:
            _loaded(self.cert_file, self.key_file, into=_server_context())  # a failure would leave half of it behind
            _loaded(self.cert_file, self.key_file, into=self.context)
        except CertificateError as error:
            _log.warning("The new certificate in %s is not shown: %s", self.cert_file, error)
        else:
            _log.info("The certificate in %s has changed and is shown from now on", self.cert_file)

    def _changed_at(self) -> list[float]:
        return [_changed_at(path) for path in (self.cert_file, self.key_file) if path is not None]


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _loaded(cert_file: Path, key_file: Path | None, *, into: ssl.SSLContext) -> ssl.SSLContext:
    try:
        into.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except ssl.SSLError as error:
        raise CertificateError(f"it is no PEM, or certificate and key do not fit ({error.reason or error})") from error
    except (OSError, ValueError) as error:
        raise CertificateError(str(error)) from error
    return into


def _no_passphrase() -> str:
    """What OpenSSL is told instead of asking at the terminal."""
    return ""


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
