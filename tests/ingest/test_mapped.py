"""Messages are read as their owners mapped them, or as their devices announced them; never an exception."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.mapped import discovered_decoder, discovered_decoders, mapped_decoders
from ingest.mqtt import Delivery
from ingest.outcomes import NOTHING, Decoded, Decoder
from ingest.replay import replay_rejected
from ingest.routes import load_router
from ingest.wall_clock import WallClock
from ingest.writer import MessageWriter
from metering.devices import BalanceShown
from metering.json_paths import MAX_PATH_LENGTH, MISSING, parse_path, path_text, value_at
from metering.mappings import DiscoveredSensor, FieldMapping, Mapping, Quantity
from metering.readings import NO_FLAGS, PhaseValues, Reading, ReadingFlag, Rejected
from metering.units import UNITS
from store.connections import connect

RECEIVED_AT = datetime(2026, 1, 16, 4, 30, 7, 250_000, tzinfo=UTC)
ARRIVAL = RECEIVED_AT.replace(microsecond=0)
TOPIC = "cellar/meter"


def field(path: str, quantity: Quantity, unit: str, **options: Any) -> FieldMapping:
    parsed = parse_path(path)
    assert parsed is not None
    return FieldMapping(parsed, quantity, unit, **options)


def mapping(*fields: FieldMapping, time: str | None = None, panel_code: str = "CELLAR") -> Mapping:
    return Mapping(TOPIC, panel_code, fields, None if time is None else parse_path(time))


def mapped_decoder(chosen: Mapping) -> Decoder:
    return mapped_decoders([chosen])[chosen.topic]


def read(decoder: Decoder, payload: object, *, is_retained: bool = False) -> Decoded | Rejected:
    clock = WallClock("Asia/Jakarta")
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decoder(TOPIC, body, received_at=RECEIVED_AT, is_retained=is_retained, clock_of=lambda _code: clock)


def a_reading(**values: Any) -> Reading:
    return Reading(
        **({"at": ARRIVAL, "received_at": RECEIVED_AT, "flags": ReadingFlag.ARRIVAL_TIME, "is_partial": True} | values)
    )


ENERGY = field("SML.Zaehler", Quantity.ENERGY_IMPORT, "Wh")
POWER = field("SML.Wirk", Quantity.ACTIVE_POWER, "kW", is_reversed=True)


def test_labels_and_units_of_ones_own_are_read() -> None:
    fields = (ENERGY, POWER, field("SML.U.1", Quantity.VOLTAGE_S, "mV"), field("PF", Quantity.POWER_FACTOR, "%"))
    payload = {"SML": {"Zaehler": "12345678", "Wirk": 0.5, "U": [1, 230_500]}, "PF": 97, "more": [{}]}
    assert read(mapped_decoder(mapping(*fields)), payload) == Decoded(
        [
            (
                "CELLAR",
                a_reading(
                    energy_import_kwh=12345.678,
                    active_power_kw=-0.5,
                    voltage_v=PhaseValues(s=230.5),
                    power_factor=0.97,
                ),
            )
        ],
        [],
    )


def test_a_message_with_some_of_the_values_is_a_part() -> None:
    outcome = read(mapped_decoder(mapping(ENERGY, POWER)), {"SML": {"Wirk": None, "Zaehler": 5000}})
    assert outcome == Decoded([("CELLAR", a_reading(energy_import_kwh=5))], [])


def test_a_message_with_none_of_the_values_is_rejected_with_where_they_are_looked_for() -> None:
    outcome = read(mapped_decoder(mapping(ENERGY, POWER)), {"SML": [1]})
    assert outcome == Rejected(
        "BAD_PAYLOAD",
        "none of the mapped values of panel CELLAR is in the payload; accepted: SML.Zaehler, SML.Wirk",
    )


def test_a_value_that_cannot_be_used_does_not_lose_the_others() -> None:
    outcome = read(mapped_decoder(mapping(ENERGY, POWER)), {"SML": {"Zaehler": "lots", "Wirk": 1}})
    assert isinstance(outcome, Decoded)
    assert [reading.active_power_kw for _, reading in outcome.readings] == [-1]
    assert outcome.rejected == Rejected("BAD_PAYLOAD", "SML.Zaehler is 'lots', not a number")


@pytest.mark.parametrize("payload", [b"230.5", b'"230.5"', b" 230.5\n", b"+230.5", b"0230.5"])
def test_the_whole_payload_may_be_the_number(payload: bytes) -> None:
    outcome = read(mapped_decoder(mapping(field("", Quantity.VOLTAGE_R, "V"))), payload)
    assert outcome == Decoded([("CELLAR", a_reading(voltage_v=PhaseValues(230.5)))], [])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"ON", "the payload is 'ON', not a number"),
        (b"[1]", "the payload is a list, not a number"),
        (b"-1", "the payload is -1 V; accepted: 0 to 1,000,000 V"),
        (b"1e400", "the payload is '1e400', not a number"),
        (b"nan", "none of the mapped values of panel CELLAR is in the payload; accepted: the payload"),
        (b"\xff" * 300, "not a number"),
        (b"9" * 400, "the payload is a huge number, not a number"),
    ],
)
def test_a_payload_that_is_no_number_is_rejected_with_what_it_is(payload: bytes, reason: str) -> None:
    outcome = read(mapped_decoder(mapping(field("", Quantity.VOLTAGE_R, "V"))), payload)
    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason


def test_credit_is_exact() -> None:
    credit = field("left", Quantity.BALANCE, "Wh")
    outcome = read(mapped_decoder(mapping(credit, time="t")), {"left": 12345.6, "t": "2026-01-16 11:30:05"})
    at = datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC)
    assert outcome == Decoded([], [BalanceShown("CELLAR", at, Decimal("12.3456"))])


@pytest.mark.parametrize(
    ("stated", "at", "flags"),
    [
        ("2026-01-16 11:30:05", datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC), NO_FLAGS),
        (1768537805, datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC), NO_FLAGS),
        ("1768537805123", datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC), NO_FLAGS),
        ("2026-01-16T04:30:05.1+00:00", datetime(2026, 1, 16, 4, 30, 5, tzinfo=UTC), NO_FLAGS),
        (33857692, ARRIVAL, ReadingFlag.CLOCK_REPLACED),
        (None, ARRIVAL, ReadingFlag.ARRIVAL_TIME),
    ],
)
def test_the_mapped_time_counts_where_it_can_be_believed(stated: object, at: datetime, flags: ReadingFlag) -> None:
    decoder = mapped_decoder(mapping(ENERGY, time="t"))
    payload = {"SML": {"Zaehler": 5000}, "t": stated}
    assert read(decoder, payload) == Decoded([("CELLAR", a_reading(at=at, flags=flags, energy_import_kwh=5))], [])
    assert (read(decoder, payload, is_retained=True) == NOTHING) == (at == ARRIVAL)


@pytest.mark.parametrize("stated", ["now", True, [1], -5, "2026-02-30 00:00:00", "9999-12-31T23:59:59-23:00", 1e300])
def test_a_mapped_time_that_is_none_is_refused(stated: object) -> None:
    outcome = read(mapped_decoder(mapping(ENERGY, time="t")), {"SML": {"Zaehler": 5000}, "t": stated})
    assert isinstance(outcome, Rejected)
    assert (outcome.code, "accepted: local time" in outcome.reason) == ("BAD_TIME", True)


def test_one_topic_may_feed_several_panels() -> None:
    decoders = mapped_decoders(
        [
            mapping(field("a", Quantity.ENERGY_IMPORT, "kWh"), panel_code="A"),
            mapping(field("b", Quantity.ENERGY_IMPORT, "kWh"), panel_code="B"),
        ]
    )
    outcome = read(decoders[TOPIC], {"a": 1, "b": "x"})
    assert isinstance(outcome, Decoded)
    assert outcome.readings == [("A", a_reading(energy_import_kwh=1))]
    assert outcome.rejected is not None


def sensor(path: str, quantity: Quantity, unit: str, *, panel_code: str = "plug") -> DiscoveredSensor:
    return DiscoveredSensor(f"ha/{path}", "plug", panel_code, TOPIC, field(path, quantity, unit))


def test_announced_sensors_are_read_together_and_all_else_is_nothing() -> None:
    taken_back = DiscoveredSensor("ha/gone", "plug", "plug", TOPIC, None)
    sensors = [
        sensor("e", Quantity.ENERGY_IMPORT, "Wh"),
        sensor("other", Quantity.ENERGY_IMPORT, "kWh"),
        sensor("p", Quantity.ACTIVE_POWER, "W"),
        sensor("p", Quantity.ACTIVE_POWER, "W", panel_code="plug:2"),
        taken_back,
    ]
    decoder = discovered_decoders(sensors)[TOPIC]
    assert read(decoder, {"e": 1500, "other": 7, "p": "unavailable"}) == Decoded(
        [("plug", a_reading(energy_import_kwh=1.5))], []
    )
    assert read(decoder, {"p": 5}) == Decoded(
        [("plug", a_reading(active_power_kw=0.005)), ("plug:2", a_reading(active_power_kw=0.005))], []
    )
    assert read(decoder, {"state": "ON"}) == NOTHING
    assert read(decoder, b"ON") == NOTHING
    assert read(decoder, {"e": 1500}, is_retained=True) == NOTHING
    assert isinstance(read(decoder, {"e": -5}), Rejected)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("SML.Total_in", ("SML", "Total_in")),
        ("ENERGY.Power.0", ("ENERGY", "Power", 0)),
        ("/1.8.0/value", ("1.8.0", "value")),
        ("/a~1b/~0/", ("a/b", "~", "")),
        ("/", ("",)),
        ("007", ("007",)),
    ],
)
def test_paths_are_read_and_shown_alike(text: str, path: tuple[str | int, ...]) -> None:
    assert parse_path(text) == path
    assert path_text(path) == text


@pytest.mark.parametrize("text", [".", "a..b", "a.", "/~2", "x" * (MAX_PATH_LENGTH + 1), "a\0", ".".join("a" * 17)])
def test_paths_that_are_none_are_refused(text: str) -> None:
    assert parse_path(text) is None


def test_a_number_is_a_place_in_a_list_and_a_key_in_an_object() -> None:
    assert value_at({"a": [1, {"0": None}]}, ("a", 1, 0)) is None
    assert value_at({"a": [1]}, ("a", 1)) is MISSING
    assert value_at({"a": [1]}, ("a", "x")) is MISSING
    assert value_at(5, ("a",)) is MISSING


KEYS = st.sampled_from(["a", "b", "0", "1"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(KEYS | st.integers(0, 2), max_size=3).map(tuple)
FIELDS = st.sampled_from(Quantity).flatmap(
    lambda quantity: st.builds(FieldMapping, PATHS, st.just(quantity), st.sampled_from(sorted(UNITS[quantity])))
)


@settings(max_examples=100, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=4), st.none() | PATHS, JSON | st.binary())
def test_any_mapping_and_payload_end_in_sound_values_or_a_reason(
    fields: list[FieldMapping], time_path: tuple[str | int, ...] | None, payload: object
) -> None:
    announced = [DiscoveredSensor(str(number), "d", "P", TOPIC, field) for number, field in enumerate(fields)]
    for decoder in (mapped_decoder(Mapping(TOPIC, "P", tuple(fields), time_path)), discovered_decoder(announced)):
        outcome = read(decoder, payload)
        if isinstance(outcome, Rejected):
            assert outcome.reason
            continue
        for _, reading in outcome.readings:
            for value in (reading.active_power_kw, reading.energy_import_kwh, reading.power_factor):
                assert value is None or -1e6 <= value <= 1e9
        assert all(abs(shown.balance_kwh) <= 10**9 for shown in outcome.balances)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P"])), max_size=5))
def test_any_path_comes_back_from_its_text(names: list[str]) -> None:
    text = path_text(names)
    parsed = parse_path(text)
    assert parsed is None or [str(step) for step in parsed] == names


def test_a_message_that_nobody_knew_is_read_by_its_mapping_when_it_is_replayed(database_url: str) -> None:
    payload = b'{"SML": {"Zaehler": 5000}}'
    writer = MessageWriter(database_url, default_time_zone="Asia/Jakarta")
    writer.use(load_router(database_url))
    writer.write([Delivery("tele/cellar/SENSOR", payload, RECEIVED_AT, None, None)])
    writer.close()
    with connect(database_url) as connection:
        assert connection.execute("SELECT code FROM rejected_message").fetchall() == [("UNKNOWN_LABELS",)]
        connection.execute(
            "INSERT INTO device_mapping (topic, panel_code, fields) VALUES ('tele/cellar/SENSOR', 'CELLAR',"
            """ '[{"path": ["SML", "Zaehler"], "quantity": "ENERGY_IMPORT", "unit": "Wh", "is_reversed": false}]')"""
        )
    assert replay_rejected(database_url, default_time_zone="Asia/Jakarta") == (1, 0)
    with connect(database_url) as connection:
        stored = connection.execute(
            "SELECT code, at, energy_import_kwh FROM latest_reading JOIN panel ON id = panel_id"
        )
        assert stored.fetchall() == [("CELLAR", ARRIVAL, 5.0)]
