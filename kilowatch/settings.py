"""Turns the environment into typed settings; docs/settings.md lists them all."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, get_args, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta
from msgspec.inspect import BoolType, FloatType, IntType, Metadata

from kilowatch.web.engine.budgets import COST_PER_MINUTE, MAX_COST
from kilowatch.web.sockets.closing import MAX_CONNECTIONS

UNPREFIXED = ("database_url", "mqtt_url")
"""Settings that carry the names that every tool in the field uses: DATABASE_URL, MQTT_URL."""

NO_SETTINGS: Final = frozenset(
    {"KILOWATCH_PASSWORD", "KILOWATCH_END_WITH_STDIN", "KILOWATCH_TEST_DATABASE_URL", "KILOWATCH_FAULT_SEEDS"}
)
"""Variables of single commands and of the tests."""


_SECRET: Final = frozenset({"paystack_secret", "flutterwave_secret_hash", "vendor_key", "vendor_secret"})
"""Settings whose values are never repeated."""


class SettingError(Exception):
    """A setting has a value that cannot be used; the message names the variable and what it takes."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set from outside, with its default; each field's text is its documentation."""

    database_url: Annotated[
        str, Meta(description="Postgres to use, `postgresql://…`. Empty: `kilowatch demo` runs its own.")
    ] = ""
    mqtt_url: Annotated[
        str,
        Meta(
            description="Broker to use, `mqtt://` or `mqtts://[user:password@]host[:port]`. Empty: `kilowatch demo` "
            "runs its own."
        ),
    ] = ""
    data_dir: Annotated[
        str, Meta(description="Folder of the embedded database, the signing key and the demo's state.")
    ] = ".kilowatch"
    host: Annotated[str, Meta(description="Address that the server listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port that the server listens on; 0 takes a free one.")] = (
        8420
    )
    allowed_origins: Annotated[
        str,
        Meta(description="Web origins, separated by commas, whose pages may call the API (CORS). Empty: none."),
    ] = ""
    graphiql: Annotated[bool, Meta(description="Whether `/graphiql` is served.")] = True
    introspection: Annotated[bool, Meta(description="Whether clients may ask for the schema.")] = True
    trusted_documents: Annotated[
        str,
        Meta(
            description="JSON file of documents by their hashes, as graphql-codegen writes it; only these are run. The "
            "dashboard and GraphiQL work as far as their documents are among them. Empty: all are run."
        ),
    ] = ""
    signing_key_file: Annotated[
        str,
        Meta(
            description="File with the key that signs sessions; made when missing. Servers on several machines need "
            "the same one. Empty: `signing.key` in the data folder."
        ),
    ] = ""
    session_minutes: Annotated[int, Meta(ge=1, le=43200, description="How long a sign-in lasts, in minutes.")] = 720
    pool_size: Annotated[int, Meta(ge=2, le=500, description="Database connections of one server process.")] = 8
    cost_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000,
            description="Points that an account may spend in a minute on one server process; a point is about 10 µs of "
            "CPU, 3000000 half a core. Clients that have not signed in have a tenth, by address. 0: no limit.",
        ),
    ] = COST_PER_MINUTE
    max_cost: Annotated[
        int,
        Meta(ge=1000, le=1_000_000_000, description="Points that one operation may cost; 100000 are about a second."),
    ] = MAX_COST
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Websockets of 50 operations each, and as many event streams, that an account may have open on "
            "one server process; five subscriptions for each in all.",
        ),
    ] = MAX_CONNECTIONS
    online_within_s: Annotated[
        int,
        Meta(
            ge=1,
            le=86400,
            description="A panel is ONLINE while its last new reading arrived no longer ago, in seconds.",
        ),
    ] = 300
    heartbeat_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds of silence after which a subscription sends a heartbeat."),
    ] = 15.0
    time_zone: Annotated[str, Meta(description="Time zone (IANA name) of panels that appear by themselves.")] = (
        "Asia/Jakarta"
    )
    mqtt_topics: Annotated[
        str,
        Meta(
            description="MQTT topic filters to subscribe to, separated by commas. Empty: those of all known devices. "
            "Topics with a mapping and announced ones are added to them."
        ),
    ] = ""
    mqtt_client_id: Annotated[
        str, Meta(min_length=1, description="Client id of ingest; its session at the broker hangs on it.")
    ] = "kilowatch-ingest"
    mqtt_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=16,
            description="Connections that share the subscription by `$share`. One is right for nearly everybody; "
            "more only for brokers that keep shared sessions well (EMQX, mosquitto), never for the embedded one.",
        ),
    ] = 1
    ingest_linger_ms: Annotated[
        float,
        Meta(ge=0, le=1000, description="How long a message may wait for others of its batch, in milliseconds."),
    ] = 5.0
    ingest_batch: Annotated[int, Meta(ge=1, le=50_000, description="Messages of one transaction, at the most.")] = 5000
    ingest_metrics_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Port of ingest's own `/metrics`, which answers while the database is away, on "
            "`KILOWATCH_HOST`. 0: none.",
        ),
    ] = 0
    home_assistant: Annotated[
        bool, Meta(description="Whether `kilowatch ingest` announces the panels to Home Assistant, by its broker.")
    ] = False
    home_assistant_prefix: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
            description="The discovery prefix under which Home Assistant looks for announcements.",
        ),
    ] = "homeassistant"
    forecast_every_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="A panel's forecast is renewed by new readings at most this often, in seconds.",
        ),
    ] = 30.0
    forecast_model: Annotated[
        str,
        Meta(
            description="Model file to forecast by, as `kilowatch train --out` writes it. Empty: the one that comes "
            "with Kilowatch. With a file that cannot be used, forecasts are made without a model."
        ),
    ] = ""
    train_on_own_meters: Annotated[
        bool,
        Meta(
            description="Whether `kilowatch train --with-own-meters` may learn from this site's readings: the owner's "
            "consent."
        ),
    ] = False
    keep_readings_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36500,
            description="Days that readings are kept, 32 or more, in whole months (TimescaleDB: weeks); older ones are "
            "refused as TOO_OLD. 0: for ever.",
        ),
    ] = 0
    keep_five_minutes_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36500,
            description="Days that sums of five minutes are kept, 35 or more; readings older than these are refused "
            "too. 0: for ever.",
        ),
    ] = 0
    keep_hours_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36500,
            description="Days that sums of hours are kept, 200 or more: forecasts look 180 days back. Days are kept "
            "for ever. 0: for ever.",
        ),
    ] = 0
    keep_rejected_days: Annotated[
        int, Meta(ge=0, le=36500, description="Days that messages which could not be read are kept. 0: for ever.")
    ] = 90
    compress_after_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36500,
            description="Days after which TimescaleDB compresses readings, 2 or more; without it nothing happens. "
            "0: never.",
        ),
    ] = 0
    fcm_credentials: Annotated[
        str,
        Meta(description="Service-account file of Firebase Cloud Messaging. Empty: alerts are kept, no push is sent."),
    ] = ""
    fcm_url: Annotated[
        str,
        Meta(description="Address to use in place of Firebase Cloud Messaging's own, for tests and the demo."),
    ] = ""
    paystack_secret: Annotated[
        str,
        Meta(
            description="Paystack's secret key, with which it signs what it posts to `/payments/paystack`. Empty: none."
        ),
    ] = ""
    flutterwave_secret_hash: Annotated[
        str,
        Meta(
            description="The secret hash of Flutterwave's webhooks, for what it posts to `/payments/flutterwave`. "
            "Empty: none."
        ),
    ] = ""
    vendor_url: Annotated[
        str,
        Meta(
            description="Address of a token vendor's API of VTpass's kind, like `https://vtpass.com/api/`. Empty: "
            "payments are credited by tariff."
        ),
    ] = ""
    vendor_key: Annotated[str, Meta(description="Our API key at the token vendor.")] = ""
    vendor_secret: Annotated[str, Meta(description="Our secret key at the token vendor.")] = ""
    vendor_service: Annotated[
        str, Meta(description="The utility whose units are sold, in the token vendor's words, like `ikeja-electric`.")
    ] = ""
    vendor_phone: Annotated[str, Meta(description="The telephone number that purchases at the vendor carry.")] = ""
    vendor_currency: Annotated[
        str, Meta(pattern="^[A-Z]{3}$", description="What the token vendor sells in (ISO 4217).")
    ] = "NGN"
    postgres_bin: Annotated[
        str,
        Meta(description="Folder with `initdb` and `postgres` for the embedded database. Empty: found by itself."),
    ] = ""
    postgres_user: Annotated[
        str,
        Meta(
            description="Account that runs the embedded database when started as root. Empty: `postgres` or `nobody`."
        ),
    ] = ""
    log_level: Annotated[
        str, Meta(pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR.")
    ] = "INFO"

    @property
    def data_folder(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data_dir).expanduser().absolute()

    @property
    def signing_key_path(self) -> Path:
        """Where the key that signs sessions is kept."""
        return Path(self.signing_key_file) if self.signing_key_file else self.data_folder / "signing.key"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return name.upper() if name in UNPREFIXED else f"KILOWATCH_{name.upper()}"


def read(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment; what is not set, or empty, keeps its default.

    Raises:
        SettingError: a value does not fit; every such variable is named.
    """
    given = {field.name: environment.get(variable(field.name), "") for field in msgspec.structs.fields(Settings)}
    present = {name: value for name, value in given.items() if value}
    faults = [fault for name, value in present.items() if (fault := _fault(name, value))]
    if faults:
        raise SettingError("; ".join(faults))
    return msgspec.convert(present, Settings, strict=False)


def listed(value: str) -> list[str]:
    """The parts of a setting that takes several, separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()]


def unknown(environment: Mapping[str, str]) -> list[str]:
    """A warning for each variable that looks like a setting and is none; empty ones count as not set."""
    known = {variable(field.name) for field in msgspec.structs.fields(Settings)}
    found = sorted(name for name, value in environment.items() if value and name.startswith("KILOWATCH_"))
    return [_ignored(name, known=sorted(known)) for name in found if name not in known | NO_SETTINGS]


def _ignored(name: str, *, known: Sequence[str]) -> str:
    similar = get_close_matches(name, known, n=1, cutoff=0.8)
    meant = f"did you mean {similar[0]}?" if similar else "docs/settings.md lists what there is"
    return f"{name} is no setting and changes nothing: {meant}"


def _fault(name: str, value: str) -> str | None:
    """What is wrong with a value; URLs may hold passwords, so they are not repeated."""
    is_right, words = _CHECKS.get(name, (_anything, ""))
    if _has_type(name, value) and is_right(value):
        return None
    shown = variable(name) if name.endswith("_url") or name in _SECRET else f"{variable(name)}={value!r}"
    return f"{shown} cannot be used: it takes {words or _words_of_type(name)}"


def _has_type(name: str, value: str) -> bool:
    try:
        msgspec.convert({name: value}, Settings, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _words_of_type(name: str) -> str:
    """What a setting takes that has no check of its own, told by its type and bounds."""
    kind = msgspec.inspect.type_info(get_type_hints(Settings, include_extras=True)[name])
    match kind.type if isinstance(kind, Metadata) else kind:
        case BoolType():
            return "true or false"
        case IntType(ge=least, le=most):
            return f"a whole number from {least} to {most}"
        case FloatType(gt=above, le=most) if above is not None:
            return f"a number above {above:g}, up to {most:g}"
        case FloatType(ge=least, le=most):
            return f"a number from {least:g} to {most:g}"
        case _:
            return "text"


def _anything(_value: str) -> bool:
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


def _is_word(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


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


_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_ORIGIN: Final = re.compile(r"https?://[^/?#@\s]+")

_CHECKS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
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
    "home_assistant_prefix": (_anything, "letters, digits, _ and -, in levels divided by /"),
    "log_level": (_anything, "DEBUG, INFO, WARNING or ERROR"),
    "keep_readings_days": (_is_none_or_from(32), "0, or a whole number of days from 32 to 36500"),
    "keep_five_minutes_days": (_is_none_or_from(35), "0, or a whole number of days from 35 to 36500"),
    "keep_hours_days": (_is_none_or_from(200), "0, or a whole number of days from 200 to 36500"),
    "compress_after_days": (_is_none_or_from(2), "0, or a whole number of days from 2 to 36500"),
    "fcm_credentials": (lambda value: Path(value).is_file(), "the path of a service-account file that exists"),
    "trusted_documents": (lambda value: Path(value).is_file(), "the path of a JSON file that exists"),
    "fcm_url": (_is_url("http", "https"), "an address like http://127.0.0.1:9099"),
    "vendor_url": (_is_url("http", "https"), "an address like https://vtpass.com/api/"),
    "vendor_currency": (_anything, "a currency like NGN"),
    **dict.fromkeys(_SECRET, (_is_word, "printable letters, digits and signs, without spaces")),
}


def described() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default as text, description), in the order of the class."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        (variable(field.name), _shown(field.default), get_args(hints[field.name])[1].description)
        for field in msgspec.structs.fields(Settings)
    ]


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
