"""Two landlords with everything that people have: each thing says whose it is, and can be made differently.

A thing belongs to a seed, such as `former`: what the former tenant used and bought. A world with `former` among its
twists holds other values there, and other numbers of rows. Whoever may not see the former tenant's things has to get
the same answers in both.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from metering.access import Role, Scope, Viewer
from metering.readings import PhaseValues, Reading
from store.connections import Row, connect
from store.merge import BatchWriter
from tests.fixtures.passwords import CHEAP

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TODAY = NOW.replace(hour=0)
FORMER_FROM, FORMER_TO = TODAY - 8 * DAY, TODAY - 5 * DAY
CURRENT_FROM, NEXT_FROM = TODAY - 4 * DAY, TODAY + 2 * DAY
ARRIVED_FROM = TODAY - 3 * DAY

ACCOUNTS: Mapping[str, tuple[int, Role, str]] = {
    "admin": (1, Role.ADMIN, "admin's own"),
    "landlord A": (10, Role.LANDLORD, "A"),
    "former": (11, Role.TENANT, "former"),
    "current": (12, Role.TENANT, "current"),
    "flatmate": (13, Role.TENANT, "current"),
    "next": (14, Role.TENANT, "next"),
    "arrived": (15, Role.TENANT, "arrived"),
    "landlord B": (20, Role.LANDLORD, "B"),
    "renter": (30, Role.LANDLORD, "renting"),
    "outsider": (40, Role.TENANT, "outsider's own"),
    "service": (60, Role.LANDLORD, "A"),
    "service of B": (61, Role.LANDLORD, "B"),
}
"""Number, role and the seed that an account's name belongs to."""

_HOUSE = frozenset({"A", "house", "vacant", "former", "current", "next", "arrived", "renting", "shared"})
MAY_SEE: Mapping[str, frozenset[str]] = {
    "landlord A": _HOUSE | {"landlord A's own"},
    "former": frozenset({"house", "former", "former's own"}),
    "current": frozenset({"house", "current", "current's own"}),
    "flatmate": frozenset({"house", "current", "flatmate's own"}),
    "next": frozenset({"house", "next", "next's own"}),
    "arrived": frozenset({"house", "arrived", "arrived's own"}),
    "landlord B": frozenset({"B", "shared", "landlord B's own"}),
    "renter": frozenset({"house", "renting", "C", "renter's own"}),
    "outsider": frozenset({"outsider's own"}),
    "service": _HOUSE | {"landlord A's own", "service's own"},
    "stranger": frozenset(),
}
"""Which seeds a person's answers may hold, and depend on. An admin's may on all."""

SEEDS = frozenset[str]().union(*MAY_SEE.values(), {"nobody", "admin's own"})

PANELS: Mapping[str, tuple[int, str, int | None]] = {
    "A1": (1, "house", 1), "A2": (2, "renting", 1), "B1": (3, "B", 2), "C1": (4, "C", 3), "N1": (5, "nobody", None),
    "A3": (6, "arrived", 1), "X:1": (7, "A", 1), "X:2": (8, "B", 2),
}  # fmt: skip
"""Number, the seed of its name, and its property: of landlord A, B, the renter, nobody. The device X has panels of two
landlords, and the meter of A3 is silent since before its tenancy."""

PASSWORD = "correct horse battery"
PASSWORD_HASH = CHEAP.hash(PASSWORD)
"""Each person's."""

SHARED_DEVICE = 100
"""The number of the device X."""

_CANARY = re.compile(r"([a-z]+)-secret-", re.IGNORECASE)


@dataclass(slots=True)
class World:
    """A database with everything in it; `ids` are those of some thing of each kind of each seed."""

    url: str
    database: psycopg.Connection[Row]
    twists: frozenset[str] = frozenset()
    ids: dict[tuple[str, str], int | str] = field(default_factory=dict[tuple[str, str], int | str])
    _next: dict[str, Iterator[int]] = field(default_factory=dict[str, Iterator[int]])

    def twisted(self, seed: str) -> int:
        """1 where the things of a seed are different in this world, else 0."""
        return int(seed in self.twists)

    def canary(self, seed: str, what: str) -> str:
        """A text that says whose it is."""
        return f"{mark(seed)}{what}{self.twisted(seed)}"

    def put(self, table: str, seed: str, **values: Any) -> int:
        """A row of a seed; it has the same number in all worlds. Returns the number."""
        number: int = values.setdefault("id", self._number(table, seed))
        self.ids.setdefault((table, seed), number)
        self.write(table, **values)
        return number

    def write(self, table: str, **values: Any) -> None:
        """A row as it is given."""
        statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(_value, values)),
        )
        self.database.execute(statement, {name: _adapted(value) for name, value in values.items()})

    def _number(self, table: str, seed: str) -> int:
        first = 1000 * (1 + sorted(SEEDS).index(seed))
        numbers = self._next.setdefault(f"{table} {seed}", iter(range(first, first + 1000)))
        return next(numbers)


def mark(seed: str) -> str:
    """How the texts of a seed begin."""
    return f"{_letters(seed)}-secret-"


def seeds_in(text: str) -> set[str]:
    """The seeds that a text holds something of."""
    return {_SEED_OF[letters] for letters in map(str.lower, _CANARY.findall(text)) if letters in _SEED_OF}


def _letters(seed: str) -> str:
    return re.sub("[^A-Za-z]", "", seed)


_SEED_OF: Mapping[str, str] = {_letters(seed).lower(): seed for seed in SEEDS}


def viewer(name: str, *, scopes: Iterable[Scope] | None = None) -> Viewer | None:
    """A person as the server knows them; None for a stranger."""
    if name == "stranger":
        return None
    number, role, _ = ACCOUNTS[name]
    given = frozenset(Scope) if scopes is None and name == "service" else scopes
    return Viewer(number, role, None if given is None else frozenset(given))


def _value(name: str) -> sql.Composable:
    return sql.Placeholder(name)


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict | list) and not _is_text_list(value) else value


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value) and bool(value)


def furnish(url: str, *, twists: Iterable[str] = ()) -> World:
    """The world, in an empty migrated database."""
    database = psycopg.connect(url, autocommit=True)
    world = World(url, database, frozenset(twists))
    _people(world)
    _places(world)
    _meter(world)
    for panel, seed, since, until, account in _stays():
        _credit(world, panel=panel, seed=seed, since=since, account=account)
        _acts(world, panel=panel, seed=seed, since=since, until=until, account=account)
    for name in ACCOUNTS:
        _private(world, name)
    _belongings(world)
    _beyond(world)
    _more(world)
    _restart_numbers(world)
    return world


def _stays() -> list[tuple[str, str, datetime, datetime, str]]:
    """Whose is what happened at a panel, from when to when."""
    return [
        ("A1", "former", FORMER_FROM, FORMER_TO, "former"),
        ("A1", "A", FORMER_TO + HOUR, CURRENT_FROM - 2 * HOUR, "landlord A"),
        ("A1", "current", CURRENT_FROM + HOUR, NOW, "current"),
        ("A2", "renting", FORMER_FROM, NOW, "renter"),
        ("B1", "B", FORMER_FROM, NOW, "landlord B"),
        ("C1", "C", FORMER_FROM, NOW, "renter"),
        ("N1", "nobody", FORMER_FROM, NOW, "admin"),
        ("A3", "vacant", FORMER_FROM + 2 * HOUR, ARRIVED_FROM - 2 * HOUR, "landlord A"),
    ]


def _people(world: World) -> None:
    for name, (number, role, seed) in ACCOUNTS.items():
        is_service = name.startswith("service")
        owner = {"service": 10, "service of B": 20}.get(name)
        email = None if is_service else f"{mark(seed)}{number}.{world.twisted(seed)}@x.org".lower()
        world.put(
            "account", seed, id=number, name=world.canary(seed, "name"), role=role.value, email=email,
            password_hash=None if is_service else PASSWORD_HASH, kind="SERVICE" if is_service else "PERSON",
            owner_id=owner, created_at=FORMER_FROM - 30 * DAY,
        )  # fmt: skip


def _places(world: World) -> None:
    for number, seed, owner in ((1, "house", 10), (2, "B", 20), (3, "C", 30)):
        world.put("property", seed, id=number, landlord_id=owner, name=world.canary(seed, "property"),
                  address=world.canary(seed, "address"), created_at=FORMER_FROM - 20 * DAY)  # fmt: skip
    for code, (number, seed, place) in PANELS.items():
        world.put("panel", seed, id=number, code=code, name=world.canary(seed, "panel"), time_zone="UTC",
                  location=world.canary(seed, "location"), floor=3 + 20 * world.twisted(seed), is_prepaid=True,
                  meter_number=world.canary(seed, "meter"), property_id=place,
                  created_at=FORMER_FROM - 20 * DAY)  # fmt: skip
    _tenancies(world)


def _tenancies(world: World) -> None:
    rented = (
        ("former", 11, "A1", FORMER_FROM, FORMER_TO), ("current", 12, "A1", CURRENT_FROM, NEXT_FROM),
        ("current", 13, "A1", CURRENT_FROM, None), ("next", 14, "A1", NEXT_FROM, None),
        ("renting", 30, "A2", FORMER_FROM - DAY, None), ("arrived", 15, "A3", ARRIVED_FROM, None),
    )  # fmt: skip
    for seed, account, code, since, until in rented:
        number = world.put("tenancy", seed, account_id=account, property_id=1, starts_at=since, ends_at=until,
                           created_at=since - 10 * DAY)  # fmt: skip
        world.write("tenancy_panel", tenancy_id=number, panel_id=PANELS[code][0])


# What meters said


def _meter(world: World) -> None:
    with connect(world.url) as connection:
        writer = BatchWriter(connection)
        for place, code in enumerate(PANELS):
            world.database.execute("SELECT setval('reading_batch', %s)", (1000 * (place + 1),))
            writer.write([(PANELS[code][0], reading) for reading in _readings(world, code, 100_000.0 * (place + 1))])
    world.database.execute("SELECT setval('reading_batch', 100000)")


def _readings(world: World, code: str, register_kwh: float) -> Iterator[Reading]:
    """One an hour. In a twisted stay the hours use less and more in turns, as much in all, and one is missing."""
    stays = [(seed, since, until) for panel, seed, since, until, _ in _stays() if panel == code]
    at, turn = FORMER_FROM - HOUR, 0
    while at <= (ARRIVED_FROM - 3 * HOUR if code == "A3" else NOW):
        seed, until = next(((seed, until) for seed, since, until in stays if since < at < until), (None, at))
        is_twisted, turn = seed is not None and world.twisted(seed), turn + 1
        is_odd_one = turn % 2 == 1 and at + HOUR >= until
        register_kwh += 0.5 if not is_twisted or is_odd_one else 0.25 if turn % 2 else 0.75
        if not (is_twisted and at.hour == 6 and turn % 2 == 0):
            yield reading(at, register_kwh, power_kw=1.75 if is_twisted else 0.5)
        at += HOUR
        if seed is None:
            turn = 0


def reading(at: datetime, register_kwh: float, *, power_kw: float) -> Reading:
    """A reading that arrived a second later."""
    return Reading(at, at + timedelta(seconds=1), energy_import_kwh=register_kwh, active_power_kw=power_kw,
                   power_factor=0.9 - power_kw / 10, voltage_v=PhaseValues(r=220 + power_kw))  # fmt: skip


# What happened in a stay


def _credit(world: World, *, panel: str, seed: str, since: datetime, account: str) -> None:
    number, by = PANELS[panel][0], ACCOUNTS[account][0]
    top_ups = (12, 15, 23) if world.twisted(seed) else (20, 30)
    for place, units_kwh in enumerate(top_ups):
        world.put("ledger_entry", seed, panel_id=number, at=since + (2 + place) * HOUR, kind="TOP_UP",
                  units_kwh=units_kwh, amount=1000 * units_kwh, currency="IDR", unit_price=1000, vat_percent=0,
                  tariff_name=world.canary(seed, "tariff"), token=_token(world, seed, place), account_id=by,
                  idempotency_key=f"key of {panel} {account} {place}",
                  created_at=since + (2 + place) * HOUR)  # fmt: skip
    world.put("ledger_entry", seed, panel_id=number, at=since + 6 * HOUR, kind="BALANCE_READING", units_kwh=0,
              shown_kwh=70 + (7 if world.twisted(seed) and seed not in {"A", "vacant"} else 0), account_id=by,
              created_at=since + 6 * HOUR)  # fmt: skip
    world.put("vend", seed, reference=world.canary(seed, "vend"), panel_id=number, account_id=by,
              meter_number=world.canary(seed, "meter"), amount=5000 + world.twisted(seed), currency="IDR",
              state="FAILED", reason=world.canary(seed, "reason"), next_attempt_at=since, sent_at=since + 4 * HOUR,
              idempotency_key=f"key of vend {panel} {account}", created_at=since + 4 * HOUR)  # fmt: skip
    world.put("payment", seed, provider="PAYSTACK", reference=world.canary(seed, "payment"), state="PAID",
              panel_id=number, account_id=by, asked_amount=7000, asked_currency="IDR",
              paid_amount=7000 + world.twisted(seed), paid_currency="IDR",
              idempotency_key=f"key of pay {panel} {account}",
              created_at=since + 5 * HOUR, paid_at=since + 5 * HOUR, settled_at=since + 5 * HOUR)  # fmt: skip


def _token(world: World, seed: str, place: int) -> str:
    return f"77{sorted(SEEDS).index(seed):02}{world.twisted(seed)}{place}{'0' * 10}{world.twisted(seed)}{place}99"


def _acts(world: World, *, panel: str, seed: str, since: datetime, until: datetime, account: str) -> None:
    number, by = PANELS[panel][0], ACCOUNTS[account][0]
    for place in range(1 + world.twisted(seed)):
        at = since + (7 + place) * HOUR
        world.put("typed_reading", seed, panel_id=number, at=at, energy_import_kwh=5 + world.twisted(seed),
                  account_id=by, typed_by=world.canary(seed, "typist"), typed_at=at,
                  idempotency_key=f"typed {panel} {account} {place}")  # fmt: skip
        world.put("reading_change", seed, panel_id=number, kind="WITHDRAWAL", since=at, until=at + HOUR,
                  reading_count=1 + world.twisted(seed), reason=world.canary(seed, "change"), account_id=1,
                  made_by=world.canary(seed, "changer"), made_at=at)  # fmt: skip
        world.write("register_event", panel_id=number, register="EXPORT", at=at, kind="RESET", before_at=at - HOUR,
                    before_kwh=9 + world.twisted(seed), after_kwh=1, usage_kwh=0, ends_at=at,
                    reading_count=1)  # fmt: skip
        world.put("audit_entry", seed, at=at, account_id=by, actor=world.canary(seed, "actor"), panel_id=number,
                  panel_code=panel, action="TOP_UP", outcome="DONE", details={"text": world.canary(seed, "details")},
                  via="SESSION")  # fmt: skip
    _device(world, panel=panel, seed=seed, at=until - 2 * HOUR)


def _device(world: World, *, panel: str, seed: str, at: datetime) -> None:
    number, named = PANELS[panel][0], PANELS[panel][1]
    if not world.database.execute("SELECT id FROM device WHERE id = %s", (number,)).fetchone():
        world.put("device", named, id=number, kind="SHELLY", name=world.canary(named, "device"), panel_code=panel,
                  first_heard_at=FORMER_FROM - 10 * DAY, last_heard_at=NOW - HOUR,
                  meter_number=world.canary(named, "meter"))  # fmt: skip
    for kind in ("HEARTBEAT", "STATUS"):
        world.write("device_report", device_id=number, kind=kind, received_at=at,
                    document={"said": world.canary(seed, "report")})  # fmt: skip


# What is a person's own


def _private(world: World, name: str) -> None:
    number, own = ACCOUNTS[name][0], f"{name}'s own"
    if name.startswith("service of") or own not in SEEDS:
        return
    panel = {"landlord B": 3, "renter": 2, "outsider": 5, "former": 1, "next": 1, "admin": 3, "arrived": 6}.get(name, 1)
    for place in range(1 + world.twisted(own)):
        world.put("alert", own, account_id=number, panel_id=panel, kind="LOW_UNITS", state="CLEARED",
                  balance_kwh=4 + world.twisted(own), message=world.canary(own, "alert"),
                  raised_at=CURRENT_FROM + 8 * HOUR, cleared_at=CURRENT_FROM + 9 * HOUR)  # fmt: skip
        world.put("push_device", own, account_id=number, token=world.canary(own, f"push{place}"), platform="IOS",
                  name=world.canary(own, "phone"), created_at=CURRENT_FROM)  # fmt: skip
        acts = "A" if name == "service" else own  # what a service account does, its owner may read
        if place and acts != own:
            continue
        world.put("audit_entry", acts, at=CURRENT_FROM + HOUR, account_id=number, actor=world.canary(acts, "actor"),
                  subject_account_id=number, action="SIGN_IN", outcome="DONE",
                  details={"text": world.canary(acts, "sign-in")}, via="SIGN_IN")  # fmt: skip
        if not name.startswith("service"):
            _session(world, own, account=number, place=place)
    world.put("low_units_rule", own, account_id=number, panel_id=panel, threshold_kwh=3 + world.twisted(own),
              updated_at=CURRENT_FROM)  # fmt: skip


def _session(world: World, own: str, *, account: int, place: int) -> None:
    hashed = hashlib.sha256(f"{own} {place} {world.twisted(own)}".encode()).digest()
    number = str(UUID(int=account * 1000 + place))
    world.ids.setdefault(("session", own), number)
    world.write("session", id=number, account_id=account, kind="PASSWORD",
                created_at=CURRENT_FROM, last_used_at=CURRENT_FROM, address="192.0.2.0",
                user_agent=world.canary(own, "agent"), family_hash=hashed, refresh_hash=hashed,
                expires_at=NOW + 30 * DAY, last_until=NOW + 300 * DAY)  # fmt: skip


# What landlords have, and what nobody has


def _belongings(world: World) -> None:
    for code, (number, seed, _) in PANELS.items():
        world.put("tariff", seed, panel_id=number, name=world.canary(seed, "tariff"), currency="IDR",
                  unit_price=1000 + 77 * world.twisted(seed), valid_from=(FORMER_FROM - 30 * DAY).date(), vat_percent=0,
                  set_by=world.canary(seed, "setter"), created_at=FORMER_FROM)  # fmt: skip
        world.write("emergency_rule", panel_id=number, limit_kwh=5 + world.twisted(seed), available_below_kwh=2,
                    updated_at=FORMER_FROM)  # fmt: skip
        world.put("device_mapping", seed, topic=f"mapped/{code}", panel_code=code, fields=_FIELDS,
                  created_at=FORMER_FROM, updated_at=FORMER_FROM)  # fmt: skip
        newest = {"A1": "current", "A2": "renting"}.get(code, seed)
        if not code.startswith("X"):
            _forecast(world, panel_id=number, seed=newest)
    world.put("tariff", "house", panel_id=None, name="For all", currency="IDR", unit_price=900, vat_percent=0,
              valid_from=(FORMER_FROM - 90 * DAY).date(), set_by="Admin", created_at=FORMER_FROM)  # fmt: skip
    for seed, place, account in (("house", 1, 10), ("B", 2, 20), ("C", 3, 30)):
        _invitation(world, seed, place=place, account=account)


_FIELDS = [{"path": ["kwh"], "quantity": "ENERGY_IMPORT", "unit": "kWh", "is_reversed": False}]


def _forecast(world: World, *, panel_id: int, seed: str) -> None:
    v = world.twisted(seed)
    newest = world.database.execute("SELECT max(id) FROM ledger_entry WHERE panel_id = %s", (panel_id,)).fetchone()
    assert newest
    world.write("depletion_forecast", panel_id=panel_id, hour_at=NOW, made_at=NOW, data_up_to=NOW, ledger_id=newest[0],
                method="PROFILE", history_days=7 + v, balance_kwh=40 + v, p50_at=NOW + (5 + v) * DAY, days_left=5 + v,
                daily=_band(v), hourly=_band(v))  # fmt: skip


def _band(v: int) -> dict[str, Any]:
    return {"starts_at": [NOW.isoformat()], "p10_kwh": [1 + v], "p50_kwh": [2 + v], "p90_kwh": [3 + v]}


def _invitation(world: World, seed: str, *, place: int, account: int, code: str = "") -> None:
    own = "A" if seed == "house" else seed
    panel = {1: 1, 2: 3, 3: 4}[place]
    hashed = hashlib.sha256(f"invitation {place} {code}".encode()).digest()
    number = world.put("invitation", own, property_id=place, account_id=account, code_sha256=hashed,
                       starts_on=NEXT_FROM.date(), name=world.canary(own, "invited"), email="somebody@x.org",
                       created_at=FORMER_FROM, expires_at=NOW + 5 * DAY)  # fmt: skip
    world.write("invitation_panel", invitation_id=number, panel_id=panel)


def _beyond(world: World) -> None:
    """What admins alone see, and numbers for whatever comes after."""
    for place in range(1 + world.twisted("nobody")):
        world.put("rejected_message", "nobody", topic=world.canary("nobody", f"topic{place}"), payload=b"?",
                  code="BAD_JSON", reason=world.canary("nobody", "reason"), received_at=FORMER_FROM)  # fmt: skip
    for owner, service, seed in ((10, 60, "A"), (20, 61, "landlord B's own")):
        world.write("service_account", account_id=service, scopes=["READ"])
        world.ids["service_account", seed] = service
        world.put("api_key", seed, account_id=service, name=world.canary(seed, "key"), prefix=f"abcdef{owner}",
                  key_hash=hashlib.sha256(seed.encode()).digest(), scopes=["READ"], created_at=FORMER_FROM)  # fmt: skip


# What only shows where one right is taken for another


def _more(world: World) -> None:
    _tokens(world)
    _devices(world)
    for name, place, owner in (("A", 1, 10), ("B", 2, 20), ("C", 3, 30)):
        _acts_of_landlord(world, name, place=place, owner=owner)
        if world.twisted(name):
            _let_more(world, name, place=place, owner=owner)
    for place in range(1 + world.twisted("nobody")):
        number = world.put("claim_code", "nobody", account_id=1, created_at=FORMER_FROM,
                           code_sha256=hashlib.sha256(f"claim {place}".encode()).digest())  # fmt: skip
        world.write("claim_code_panel", claim_code_id=number, panel_id=PANELS["N1"][0])


def _tokens(world: World) -> None:
    """At A1, of each stay, tokens that were made and never entered."""
    meter = world.put("openpaygo_meter", "house", panel_id=1, secret_key=bytes(range(16)), kwh_per_value="0.1",
                      starting_count=1, has_restricted_digits=False, makes_long_tokens=False,
                      set_at=FORMER_FROM)  # fmt: skip
    stays = [(seed, since) for panel, seed, since, _, _ in _stays() if panel == "A1"]
    for turn, (seed, since) in enumerate(stays):
        for place in range(1 + world.twisted(seed)):
            world.put("openpaygo_token", seed, meter_id=meter, count=10 + 10 * turn + 2 * place, kind="ADD_TIME",
                      value=30, token_ending=f"12{turn}{place}", digits=world.canary(seed, f"token{place}"),
                      units_kwh=3, made_at=since + 3 * HOUR, made_by=10,
                      made_with_key=f"key of token {turn} {place}")  # fmt: skip


def _devices(world: World) -> None:
    """Those that are registered, and one with panels of two landlords, which was heard and is registered."""
    world.put("device", "shared", id=SHARED_DEVICE, kind="SHELLY", name=world.canary("shared", "device"),
              panel_code="X", first_heard_at=FORMER_FROM, last_heard_at=NOW - HOUR)  # fmt: skip
    for kind in ("HEARTBEAT", "STATUS"):
        world.write("device_report", device_id=SHARED_DEVICE, kind=kind, received_at=NOW - HOUR,
                    document={"said": world.canary("nobody", "report")})  # fmt: skip
    for number, seed, place, codes in ((1, "A", 1, ["A1"]), (2, "B", 2, ["B1"]), (3, "nobody", 1, ["X:1", "X:2"])):
        device_id = f"dev_{'bcd'[number - 1] * 16}"
        world.ids["registered_device", seed] = device_id
        world.write("registered_device", number=number, id=device_id, kind="SHELLY", property_id=place,
                    name=world.canary(seed, "registered"), given_codes=codes, panel_codes=codes, panel_prefixes="{}",
                    publish_filters=[f"{world.canary(seed, 'topic')}/#"], command_filters="{}",
                    created_at=FORMER_FROM, updated_at=FORMER_FROM)  # fmt: skip


def _acts_of_landlord(world: World, seed: str, *, place: int, owner: int) -> None:
    """What landlords did to panels that others rent, and to their properties."""
    rented = {1: [1, 2, 6]}.get(place, [])
    for panel_id, property_id in [(panel_id, None) for panel_id in rented] + [(None, place)]:
        world.put("audit_entry", seed, at=NOW - 5 * HOUR, account_id=owner, actor=world.canary(seed, "actor"),
                  panel_id=panel_id, property_id=property_id, action="SET_TARIFF", outcome="DONE",
                  details={"text": world.canary(seed, "act")}, via="SESSION")  # fmt: skip


def _let_more(world: World, seed: str, *, place: int, owner: int) -> None:
    """A further panel of a property, rented by somebody, and a further invitation."""
    number = 200 + place
    world.write("account", id=number, name=world.canary(seed, "tenant"), role="TENANT", password_hash="!",
                email=f"{mark(seed)}{number}@x.org".lower())  # fmt: skip
    world.write("panel", id=number, code=f"more{place}", name=world.canary(seed, "panel"), time_zone="UTC",
                property_id=place, is_prepaid=True, created_at=FORMER_FROM)  # fmt: skip
    world.write("tenancy", id=number, account_id=number, property_id=place, starts_at=FORMER_FROM,
                created_at=FORMER_FROM)  # fmt: skip
    world.write("tenancy_panel", tenancy_id=number, panel_id=number)
    _invitation(world, "house" if seed == "A" else seed, place=place, account=owner, code="more")


def _restart_numbers(world: World) -> None:
    sequences = world.database.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S'").fetchall()
    for (name,) in sequences:
        world.database.execute("SELECT setval(%s::regclass, 1000000)", (name,))
