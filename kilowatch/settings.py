"""Turns the environment into typed settings; docs/settings.md lists them all."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, get_args, get_type_hints

import msgspec
from msgspec import Meta
from msgspec.inspect import BoolType, FloatType, IntType, Metadata

from kilowatch.setting_checks import CHECKS, anything
from kilowatch.web.engine.budgets import COST_PER_MINUTE, MAX_COST
from kilowatch.web.sockets.closing import MAX_CONNECTIONS
from metering.code_limits import CODES_PER_HOUR

UNPREFIXED = ("database_url", "mqtt_url")
"""Settings that carry the names that every tool in the field uses: DATABASE_URL, MQTT_URL."""

NO_SETTINGS: Final = frozenset(
    {"KILOWATCH_PASSWORD", "KILOWATCH_END_WITH_STDIN", "KILOWATCH_TEST_DATABASE_URL", "KILOWATCH_FAULT_SEEDS"}
)
"""Variables of single commands and of the tests."""


SECRETS: Final = frozenset(
    {
        "database_url",
        "mqtt_url",
        "mqtt_password",
        "broker_secret",
        "mail_url",
        "sms_url",
        "paystack_secret",
        "flutterwave_secret_hash",
        "vendor_key",
        "vendor_secret",
    }
)
"""Settings whose values are never repeated. Each can be read from the file that its variable with `_FILE` names."""


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
    tls_cert_file: Annotated[
        str,
        Meta(
            description="Certificate and its chain (PEM), for HTTPS without a proxy; both files are read again when "
            "they change. Empty: HTTP."
        ),
    ] = ""
    tls_key_file: Annotated[
        str, Meta(description="Private key (PEM) of that certificate. Empty: it is in the certificate's file.")
    ] = ""
    trusted_proxies: Annotated[
        str,
        Meta(
            description="Addresses and networks of proxies, separated by commas, whose `X-Forwarded-For` and "
            "`X-Forwarded-Proto` are believed. Empty: nobody's."
        ),
    ] = ""
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
            description="File with the key that signs links; made when missing. Servers on several machines need "
            "the same one. Empty: `signing.key` in the data folder."
        ),
    ] = ""
    signing_keys_file: Annotated[
        str,
        Meta(
            description="File with the keys that sign access tokens; made when missing, and written again when a key "
            "is added. Servers on several machines need the same one. Empty: `signing-keys.json` in the data folder."
        ),
    ] = ""
    signing_key_days: Annotated[
        int,
        Meta(ge=1, le=3650, description="After so many days a server adds a key that signs from then on."),
    ] = 90
    access_minutes: Annotated[
        int, Meta(ge=1, le=1440, description="How long an access token lasts, in minutes; clients renew it.")
    ] = 15
    session_days: Annotated[
        int,
        Meta(
            ge=1, le=365, description="After so many days without being renewed a sign-in ends; after 365 in any case."
        ),
    ] = 30
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
    mqtt_username: Annotated[
        str, Meta(description="User name at the broker, in place of one in `MQTT_URL`. Empty: that one, or none.")
    ] = ""
    mqtt_password: Annotated[
        str, Meta(description="Password at the broker, in place of one in `MQTT_URL`. Empty: that one, or none.")
    ] = ""
    mqtt_ca_file: Annotated[
        str,
        Meta(
            description="Certificates (PEM) of the authorities that may vouch for a broker at `mqtts://`. Empty: those "
            "that this machine trusts."
        ),
    ] = ""
    mqtt_cert_file: Annotated[
        str,
        Meta(description="Certificate (PEM) by which the broker knows us, at `mqtts://`. Empty: none is shown."),
    ] = ""
    mqtt_key_file: Annotated[
        str, Meta(description="Private key (PEM) of that certificate. Empty: it is in the certificate's file.")
    ] = ""
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
    broker_secret: Annotated[
        str,
        Meta(
            description="What a broker such as EMQX shows as a bearer token when it asks `/mqtt/auth` and `/mqtt/acl` "
            "about its clients, 16 characters or more. Empty: nobody may ask."
        ),
    ] = ""
    mosquitto_dir: Annotated[
        str,
        Meta(
            description="Folder in which `kilowatch work` keeps mosquitto's password and access files as registered "
            "devices want them. Empty: it writes none."
        ),
    ] = ""
    mosquitto_pid_file: Annotated[
        str,
        Meta(description="File with mosquitto's process id, to which a SIGHUP is sent when its files have changed."),
    ] = ""
    mosquitto_reload: Annotated[
        str,
        Meta(
            description="Command that makes mosquitto read its files again, run without a shell, like `systemctl "
            "reload mosquitto`. Empty: none."
        ),
    ] = ""
    mqtt_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=16,
            description="Connections that share the subscription by `$share`. One is right for nearly everybody; "
            "more only for brokers that keep shared sessions well (EMQX, mosquitto), never for the embedded one.",
        ),
    ] = 1
    discovery: Annotated[
        str,
        Meta(
            pattern="^(open|closed)$",
            description="Whether panels appear by themselves: `open`, from any topic that is read; `closed`, from "
            "registered devices and mapped topics alone, all else is kept as rejected.",
        ),
    ] = "open"
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
    keep_audit_days: Annotated[
        int, Meta(ge=0, le=36500, description="Days that entries of the audit are kept. 0: for ever.")
    ] = 0
    compress_after_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36500,
            description="Days after which TimescaleDB compresses readings, 2 or more; without it nothing happens. "
            "0: never.",
        ),
    ] = 0
    firebase_project: Annotated[
        str,
        Meta(
            description="Firebase project whose ID tokens people may sign in with. Empty: sign-ins by Firebase are off."
        ),
    ] = ""
    firebase_certificates_url: Annotated[
        str,
        Meta(description="Where the certificates of Firebase's ID tokens are, for tests. Empty: Google's address."),
    ] = ""
    fcm_credentials: Annotated[
        str,
        Meta(description="Service-account file of Firebase Cloud Messaging. Empty: alerts are kept, no push is sent."),
    ] = ""
    fcm_url: Annotated[
        str,
        Meta(description="Address to use in place of Firebase Cloud Messaging's own, for tests and the demo."),
    ] = ""
    mail_url: Annotated[
        str,
        Meta(
            description="Address of Apprise by which mail about accounts is sent, with `{to}` in the recipient's place,"
            " like `mailtos://user:password@smtp.example.org?from=power@example.org&to={to}`. Empty: no mail."
        ),
    ] = ""
    sms_url: Annotated[
        str,
        Meta(
            description="Address of Apprise by which text messages about accounts are sent, like "
            "`twilio://SID:TOKEN@FROM/{to}`. Empty: none."
        ),
    ] = ""
    sign_up: Annotated[
        str,
        Meta(
            pattern="^(open|invited|closed)$",
            description="Who may make an account: `open`, whoever has an address that codes are sent to; `invited`,"
            " with a landlord's invitation; `closed`, nobody: `kilowatch user add` makes them.",
        ),
    ] = "open"
    codes_per_hour: Annotated[
        int,
        Meta(
            ge=5,
            le=10_000,
            description="Codes that are sent in an hour to who asks from one network; all phones behind one address of "
            "a mobile carrier are one. An address or number gets 5 in any case.",
        ),
    ] = CODES_PER_HOUR
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

    def __repr__(self) -> str:
        """The settings that differ from their defaults, without the values of secrets."""
        given = {
            field.name: value
            for field in msgspec.structs.fields(type(self))
            if (value := getattr(self, field.name)) != field.default
        }
        shown = (f"{name}={'***' if name in SECRETS else repr(value)}" for name, value in given.items())
        return f"Settings({', '.join(shown)})"

    @property
    def data_folder(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data_dir).expanduser().absolute()

    @property
    def signing_keys_path(self) -> Path:
        """Where the keys that sign access tokens are, absolute."""
        given = Path(self.signing_keys_file).absolute() if self.signing_keys_file else None
        return given or self.data_folder / "signing-keys.json"

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
    given = {field.name: _given(field.name, environment) for field in msgspec.structs.fields(Settings)}
    present = {name: value for name, value in given.items() if value}
    faults = [fault for name, value in present.items() if (fault := _fault(name, value))]
    if faults:
        raise SettingError("; ".join(faults))
    return msgspec.convert(present, Settings, strict=False)


def file_variable(name: str) -> str:
    """The variable that names the file of a secret setting."""
    return f"{variable(name)}_FILE"


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The values that are never repeated, as far as they are set and can be read."""
    found: list[str] = []
    for name in sorted(SECRETS):
        with suppress(SettingError):
            found.append(_given(name, environment))
    return [value for value in found if value]


def _given(name: str, environment: Mapping[str, str]) -> str:
    """The text of a setting; a secret's may stand in a file, whose last line break does not count."""
    text = environment.get(variable(name), "")
    path = environment.get(file_variable(name), "") if name in SECRETS else ""
    if not path:
        return text
    if text:
        raise SettingError(f"{variable(name)} and {file_variable(name)} are both set: one of them is enough")
    try:
        return Path(path).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise SettingError(f"{file_variable(name)} names {path}, which cannot be read: {why}") from None


def unknown(environment: Mapping[str, str]) -> list[str]:
    """A warning for each variable that looks like a setting and is none; empty ones count as not set."""
    known = {variable(field.name) for field in msgspec.structs.fields(Settings)}.union(map(file_variable, SECRETS))
    found = sorted(name for name, value in environment.items() if value and name.startswith("KILOWATCH_"))
    return [_ignored(name, known=sorted(known)) for name in found if name not in known | NO_SETTINGS]


def _ignored(name: str, *, known: Sequence[str]) -> str:
    similar = get_close_matches(name, known, n=1, cutoff=0.8)
    meant = f"did you mean {similar[0]}?" if similar else "docs/settings.md lists what there is"
    return f"{name} is no setting and changes nothing: {meant}"


def _fault(name: str, value: str) -> str | None:
    """What is wrong with a value; URLs may hold passwords, so they are not repeated."""
    is_right, words = CHECKS.get(name, (anything, ""))
    if _has_type(name, value) and is_right(value):
        return None
    shown = variable(name) if name.endswith("_url") or name in SECRETS else f"{variable(name)}={value!r}"
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


def described() -> list[tuple[str, str, str]]:
    """Every setting as (variable, default as text, description), in the order of the class."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        (variable(field.name), _shown(field.default), get_args(hints[field.name])[1].description)
        for field in msgspec.structs.fields(Settings)
    ]


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)
