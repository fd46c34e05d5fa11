"""Turns what is known of a broker into its address, who we are to it, and what its certificate has to be."""

import ssl
from dataclasses import dataclass, field
from typing import Final, Literal, Self
from urllib.parse import unquote, urlsplit

_PORT: Final = 1883
_TLS_PORT: Final = 8883
_EXPIRED: Final = 10
_UNKNOWN_ISSUER: Final = frozenset({18, 19, 20, 21})
_OTHER_NAME: Final = frozenset({62, 64})
"""What OpenSSL's numbers of failed checks mean."""


class TlsFilesError(OSError):
    """A file that TLS needs cannot be used; the message names its setting and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerCredentials:
    """Who we are to a broker, beside its URL, and who may vouch for it; empty texts say nothing.

    User name and password take the place of those in the URL. The files are PEM; without `key_file` the certificate's
    file has the key.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @property
    def needs_tls(self) -> bool:
        """Whether something is said that has no meaning without TLS."""
        return bool(self.ca_file or self.cert_file or self.key_file)


_NOTHING_KNOWN: Final = BrokerCredentials()


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is and who we are to it."""

    host: str
    port: int
    is_secure: bool
    username: str | None
    password: str | None = field(repr=False)
    credentials: BrokerCredentials = _NOTHING_KNOWN

    @classmethod
    def from_url(cls, url: str, *, credentials: BrokerCredentials = _NOTHING_KNOWN) -> Self:
        """The address in mqtt:// or mqtts://[user:password@]host[:port].

        Raises:
            ValueError: it is no such URL, or TLS is asked for and it is mqtt://; the message does not repeat it,
                because it may hold a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError("MQTT_URL must be mqtt:// or mqtts://[user:password@]host[:port]")
        is_secure = parts.scheme == "mqtts"
        if credentials.needs_tls and not is_secure:
            raise ValueError("MQTT_URL must be mqtts:// where KILOWATCH_MQTT_CA_FILE, _CERT_FILE or _KEY_FILE is set")
        return cls(
            host=parts.hostname,
            port=port or (_TLS_PORT if is_secure else _PORT),
            is_secure=is_secure,
            username=credentials.username or (unquote(parts.username) if parts.username else None),
            password=credentials.password or (unquote(parts.password) if parts.password else None),
            credentials=credentials,
        )

    def tls(self) -> ssl.SSLContext | Literal[False]:
        """TLS 1.2 or later, which believes a certificate of this host alone; False for a broker without TLS.

        The files are read each time: certificates are renewed.

        Raises:
            TlsFilesError: a file cannot be used.
        """
        if not self.is_secure:
            return False
        context = _trusting(self.credentials.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.credentials.cert_file:
            _show_certificate(context, self.credentials)
        return context


def connection_fault(error: Exception, address: BrokerAddress) -> str:
    """Why there is no connection, and what can be done where that is known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not believed: {_of_certificate(error, address)}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with port {address.port} ({error.reason or error}): mqtts:// needs a port that speaks it"
    if isinstance(error, ConnectionResetError | BrokenPipeError) and address.is_secure:
        return f"the broker hung up while TLS began at port {address.port}: {silence_hint(address)}"
    return str(error) or type(error).__name__


def silence_hint(address: BrokerAddress) -> str:
    """What may be the matter with a broker that ends the connection without a word."""
    if not address.is_secure:
        return "a port with TLS needs mqtts://"
    if address.credentials.cert_file:
        return "it may not believe the certificate of KILOWATCH_MQTT_CERT_FILE"
    return "it may want a certificate of ours (KILOWATCH_MQTT_CERT_FILE), or speak no TLS there"


def _of_certificate(error: ssl.SSLCertVerificationError, address: BrokerAddress) -> str:
    if error.verify_code == _EXPIRED:
        return "it has expired"
    if error.verify_code in _OTHER_NAME:
        return f"it is not one of {address.host}, the host in MQTT_URL"
    if error.verify_code in _UNKNOWN_ISSUER:
        trusted = (
            "KILOWATCH_MQTT_CA_FILE" if address.credentials.ca_file else "this machine (see KILOWATCH_MQTT_CA_FILE)"
        )
        return f"nobody vouches for it whom {trusted} trusts"
    return error.verify_message


def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise TlsFilesError(f"KILOWATCH_MQTT_CA_FILE cannot be used: {_why(error)}") from error


def _show_certificate(context: ssl.SSLContext, credentials: BrokerCredentials) -> None:
    try:
        context.load_cert_chain(credentials.cert_file, credentials.key_file or None, password=_no_passphrase)
    except (OSError, ValueError) as error:
        message = f"KILOWATCH_MQTT_CERT_FILE and _KEY_FILE cannot be used: {_why(error)}"
        raise TlsFilesError(message) from error


def _no_passphrase() -> str:
    """What OpenSSL is told instead of asking at the terminal."""
    return ""


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it is no PEM file, or the key is another certificate's ({error.reason or error})"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
