"""Says of a setting's text whether it can be used, and what it takes where it cannot."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Check = tuple[Callable[[str], bool], str]
"""Whether a text can be used, and what is taken."""


def listed(value: str) -> list[str]:
    """The parts of a setting that takes several, separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()]


def anything(_value: str) -> bool:
    """Whether a text can be used where only its type matters."""
    return True


def _is_none_or_from(least: int) -> Callable[[str], bool]:
    return lambda value: int(value) == 0 or int(value) >= least


def _is_url(*schemes: str) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parts = urlsplit(value)
            return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False

    return check


def _is_time_zone(value: str) -> bool:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_long_word(value: str) -> bool:
    return _is_word(value) and len(value) >= _LEAST_SECRET


def _is_word(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _is_printable(value: str) -> bool:
    return value.isprintable()


def _is_file(value: str) -> bool:
    return Path(value).is_file()


def _are_networks(value: str) -> bool:
    return bool(listed(value)) and all(map(_is_network, listed(value)))


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _is_host(value: str) -> bool:
    """An IP address or a name; a name that ends in digits is an address that somebody mistyped."""
    try:
        ip_address(value)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(value)) and not value.rpartition(".")[2].isdigit()
    return True


def _are_topic_filters(value: str) -> bool:
    return bool(listed(value)) and all(map(_is_topic_filter, listed(value)))


def _is_topic_filter(text: str) -> bool:
    """`+` and `#` stand for whole levels, `#` for the last one alone."""
    *before, last = text.split("/")
    return not any("#" in level or "+" in level for level in [*before, last] if level not in {"+", "#"}) and (
        "#" not in before
    )


def _are_origins(value: str) -> bool:
    return bool(listed(value)) and all(map(_is_origin, listed(value)))


def _is_origin(text: str) -> bool:
    """What browsers send as a page's origin: nothing after the host and port, not even a slash."""
    return _is_url("http", "https")(text) and bool(_ORIGIN.fullmatch(text))


def _has_place(value: str) -> bool:
    return "://" in value and "{to}" in value


_LEAST_SECRET: Final = 16
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_ORIGIN: Final = re.compile(r"https?://[^/?#@\s]+")

CHECKS: Final[Mapping[str, Check]] = {
    "database_url": (_is_url("postgresql", "postgres"), "an address like postgresql://user:password@host:5432/name"),
    "mqtt_url": (_is_url("mqtt", "mqtts"), "an address like mqtt://host:1883 or mqtts://user:password@host"),
    "time_zone": (_is_time_zone, "an IANA name such as Asia/Jakarta"),
    "host": (_is_host, "an address of this machine like 127.0.0.1, 0.0.0.0 or ::, or a host's name"),
    "allowed_origins": (
        _are_origins,
        "origins like https://app.example.org, separated by commas, with no / at the end",
    ),
    "mqtt_topics": (
        _are_topic_filters,
        "MQTT topic filters like DATA/PM/+,tele/#, where + stands for a whole level and # for all that follow",
    ),
    "home_assistant_prefix": (anything, "letters, digits, _ and -, in levels divided by /"),
    "log_level": (anything, "DEBUG, INFO, WARNING or ERROR"),
    "keep_readings_days": (_is_none_or_from(32), "0, or a whole number of days from 32 to 36500"),
    "keep_five_minutes_days": (_is_none_or_from(35), "0, or a whole number of days from 35 to 36500"),
    "keep_hours_days": (_is_none_or_from(200), "0, or a whole number of days from 200 to 36500"),
    "compress_after_days": (_is_none_or_from(2), "0, or a whole number of days from 2 to 36500"),
    "fcm_credentials": (_is_file, "the path of a service-account file that exists"),
    "trusted_documents": (_is_file, "the path of a JSON file that exists"),
    "firebase_certificates_url": (_is_url("http", "https"), "an address like http://127.0.0.1:9099"),
    "fcm_url": (_is_url("http", "https"), "an address like http://127.0.0.1:9099"),
    "vendor_url": (_is_url("http", "https"), "an address like https://vtpass.com/api/"),
    "vendor_currency": (anything, "a currency like NGN"),
    "mqtt_password": (_is_printable, "printable characters"),
    "broker_secret": (_is_long_word, "16 or more printable letters, digits and signs, without spaces"),
    "mqtt_ca_file": (_is_file, "the path of a file of certificates (PEM) that exists"),
    "mqtt_cert_file": (_is_file, "the path of a file with a certificate (PEM) that exists"),
    "mqtt_key_file": (_is_file, "the path of a file with a private key (PEM) that exists"),
    "tls_cert_file": (_is_file, "the path of a file with a certificate and its chain (PEM) that exists"),
    "tls_key_file": (_is_file, "the path of a file with a private key (PEM) that exists"),
    "trusted_proxies": (_are_networks, "addresses and networks like 127.0.0.1,10.0.0.0/8, separated by commas"),
    "discovery": (anything, "open or closed"),
    "mail_url": (_has_place, "an address of Apprise with {to} in the recipient's place"),
    "sms_url": (_has_place, "an address of Apprise with {to} in the recipient's place"),
    "sign_up": (anything, "open, invited or closed"),
    **dict.fromkeys(
        ("paystack_secret", "flutterwave_secret_hash", "vendor_key", "vendor_secret"),
        (_is_word, "printable letters, digits and signs, without spaces"),
    ),
}
"""What is to be asked of a setting beyond its type, by the setting's name."""
