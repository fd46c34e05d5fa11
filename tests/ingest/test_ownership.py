"""A registered device speaks of its own panels on its own topics, nobody else does, and strangers can be kept out."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from ingest.decoding import Contents, PanelDecoder
from ingest.filter_tree import FilterTree
from ingest.mapped import mapped_decoders
from ingest.mqtt import Delivery
from ingest.ownership import Ownership
from ingest.routing import Router
from metering.device_rights import DeviceRights
from metering.mappings import FieldMapping, Quantity
from metering.mappings import Mapping as DeviceMapping
from store.connections import connect
from store.merge import BatchWriter
from tests.ingest.messages import panel_payload

AT = datetime(2026, 1, 16, 11, 0, tzinfo=UTC)
SHELLY = b'{"id":0,"voltage":230,"current":1,"act_power":5,"aenergy":{"total":1500}}'
ANNOUNCED = (
    b'{"device_class":"energy","state_class":"total","unit_of_measurement":"kWh","state_topic":"%s","dev":{"ids":"%s"}}'
)


def device(
    name: str, *topics: str, codes: Sequence[str] = (), prefixes: Sequence[str] = (), is_revoked: bool = False
) -> DeviceRights:
    return DeviceRights(f"dev_{name}", name, topics, (), tuple(codes), tuple(prefixes), is_revoked)


METER = device("A", "DATA/PM/A", codes=["A"])
HUB = device("hub", "hub/#", codes=["hub"], prefixes=["hub:"])
REVOKED = device("old", "DATA/PM/OLD", is_revoked=True)


@pytest.fixture
def writer(database_url: str) -> Iterator[BatchWriter]:
    with connect(database_url) as connection:
        yield BatchWriter(connection)


def decoded(
    writer: BatchWriter, ownership: Ownership, *messages: tuple[str, bytes], mappings: Sequence[DeviceMapping] = ()
) -> Contents:
    decoder = PanelDecoder(default_time_zone="Asia/Jakarta")
    decoder.router = Router(ownership=ownership, mapped=mapped_decoders(mappings))
    return decoder.decode([Delivery(topic, payload, AT, None, None) for topic, payload in messages], writer=writer)


def codes_of(contents: Contents) -> list[tuple[int, str]]:
    return [(place, why.code) for place, why in contents.rejected]


def panels(writer: BatchWriter, *codes: str) -> list[str]:
    return sorted(panel.code for panel in writer.known_panels(codes))


def mapping(topic: str, code: str) -> DeviceMapping:
    return DeviceMapping(topic, code, (FieldMapping(("p",), Quantity.ACTIVE_POWER, "kW"),), None)


def test_a_device_sends_readings_of_its_own_panels(writer: BatchWriter) -> None:
    contents = decoded(writer, Ownership([METER, HUB]), ("DATA/PM/A", panel_payload()), ("hub/status/em1:0", SHELLY))
    assert codes_of(contents) == []
    assert len(contents.readings) == 2
    assert panels(writer, "A", "hub") == ["A", "hub"]


def test_a_registered_devices_topic_carries_no_other_panel(writer: BatchWriter) -> None:
    contents = decoded(writer, Ownership([HUB]), ("hub/x", b'{"p":1}'), mappings=[mapping("hub/x", "B")])
    assert codes_of(contents) == [(0, "NOT_OWNED")]
    assert contents.rejected[0][1].reason == "B: not of device dev_hub (hub); accepted: hub, hub:…"
    assert panels(writer, "B") == []


def test_a_registered_devices_panel_takes_nothing_from_other_topics(writer: BatchWriter) -> None:
    ownership, theirs = Ownership([METER, HUB]), [mapping("any/where", "A"), mapping("hub/x", "A")]
    contents = decoded(writer, ownership, ("any/where", b'{"p":1}'), ("hub/x", b'{"p":1}'), mappings=theirs)
    assert codes_of(contents) == [(0, "NOT_OWNED"), (1, "NOT_OWNED")]
    assert "A: of device dev_A (A); accepted: messages on that device's own topics" in contents.rejected[0][1].reason
    assert contents.readings == []


def test_of_a_message_with_several_panels_the_own_ones_are_kept(writer: BatchWriter) -> None:
    both = [mapping("hub/x", "hub:1"), mapping("hub/x", "B")]
    contents = decoded(writer, Ownership([HUB]), ("hub/x", b'{"p":1}'), mappings=both)
    assert codes_of(contents) == [(0, "NOT_OWNED")]
    assert len(contents.readings) == 1
    assert panels(writer, "hub:1", "B") == ["hub:1"]


def test_a_revoked_device_is_heard_no_more(writer: BatchWriter) -> None:
    contents = decoded(writer, Ownership([METER, REVOKED]), ("DATA/PM/OLD", panel_payload()))
    assert codes_of(contents) == [(0, "DEVICE_REVOKED")]
    assert "dev_old (old)" in contents.rejected[0][1].reason
    assert panels(writer, "OLD") == []


def test_nobody_says_of_a_registered_device_that_it_is_gone(writer: BatchWriter) -> None:
    plug = device("plug", "tele/plug/#", codes=["plug"])
    said = decoded(writer, Ownership([plug]), ("tele/plug/LWT", b"Online"), ("plug/tele/LWT", b"Offline"))
    assert codes_of(said) == [(1, "NOT_OWNED")]
    assert [report.is_online for report in said.reports] == [True]


def test_nobody_announces_what_a_registered_device_has(writer: BatchWriter) -> None:
    announcing = [
        ("homeassistant/sensor/x/config", ANNOUNCED % (b"x/state", b"A")),  # another's panel
        ("homeassistant/sensor/y/config", ANNOUNCED % (b"hub/state", b"Y")),  # another's topic
        ("homeassistant/sensor/z/config", ANNOUNCED % (b"z/state", b"Z")),
    ]
    contents = decoded(writer, Ownership([METER, HUB]), *announcing)
    assert codes_of(contents) == [(0, "NOT_OWNED"), (1, "NOT_OWNED")]
    assert [sensor.panel_code for sensor in contents.discovered if sensor.field] == ["Z"]


def test_while_discovery_is_closed_strangers_make_nothing(writer: BatchWriter) -> None:
    writer.add_panels(["KNOWN"], time_zone="UTC")
    messages = [
        ("DATA/PM/STRANGE", panel_payload()),
        ("DATA/PM/KNOWN", panel_payload()),
        ("tele/strange/LWT", b"Online"),
        ("homeassistant/sensor/z/config", ANNOUNCED % (b"z/state", b"Z")),
        ("DATA/PM/A", panel_payload()),
        ("mine/x", b'{"p":1}'),
    ]
    contents = decoded(writer, Ownership([METER], is_closed=True), *messages, mappings=[mapping("mine/x", "MAPPED")])
    assert codes_of(contents) == [(0, "UNKNOWN_DEVICE"), (2, "UNKNOWN_DEVICE"), (3, "UNKNOWN_DEVICE")]
    assert len(contents.readings) == 3
    assert contents.reports == []
    assert panels(writer, "STRANGE", "A", "MAPPED", "Z") == ["A", "MAPPED"]


def test_without_registered_devices_and_with_open_discovery_nothing_is_looked_at() -> None:
    def decode() -> None:
        raise AssertionError

    assert Ownership().checked("DATA/PM/A", decode) is decode  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("topic", "owner"),
    [
        ("a/b", "exact"),
        ("a/c", "plus"),
        ("a", "hash"),
        ("a/b/c", "hash"),
        ("a/x/deep", "deep"),
        ("b", None),
        ("$SYS/x", None),
        ("$own/x", "dollar"),
        ("", None),
    ],
)
def test_the_nearest_filter_has_the_topic(topic: str, owner: str | None) -> None:
    tree = FilterTree(
        [
            ("a/#", "hash"),
            ("a/+", "plus"),
            ("a/b", "exact"),
            ("a/b", "later"),
            ("a/+/deep", "deep"),
            ("$own/#", "dollar"),
        ]
    )
    assert tree.owner(topic) == owner
    assert FilterTree([("+/x", "any"), ("#", "all")]).owner("$SYS/x") is None
