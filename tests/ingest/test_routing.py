"""A topic finds the decoder that reads it: the owner's mapping, a known device's, an announced one's."""

from datetime import datetime

import pytest

from ingest.outcomes import NOTHING, ClockOf, Decoded
from ingest.routing import Router, covers, known_filters
from ingest.wall_clock import WallClock
from metering.readings import Rejected
from tests.ingest.messages import RECEIVED_AT, panel_payload

PANEL_TOPIC = "DATA/PM/A"
OTHER_TOPIC = "cellar/meter"


def _read_as(code: str) -> object:
    def decode(
        topic: str, payload: bytes, *, received_at: datetime, is_retained: bool, clock_of: ClockOf
    ) -> Decoded | Rejected:
        del topic, payload, received_at, is_retained, clock_of
        return Rejected(code, "")

    return decode


def outcome(router: Router, topic: str) -> Decoded | Rejected:
    decode = router.decoder(topic)
    if isinstance(decode, Rejected):
        return decode
    clock = WallClock("UTC")
    payload = panel_payload()
    return decode(topic, payload, received_at=RECEIVED_AT, is_retained=False, clock_of=lambda _code: clock)


def test_an_owners_mapping_comes_before_the_known_devices() -> None:
    router = Router(mapped={PANEL_TOPIC: _read_as("MAPPED")})  # type: ignore[dict-item]
    assert outcome(router, PANEL_TOPIC).code == "MAPPED"  # type: ignore[union-attr]
    assert isinstance(outcome(router, "DATA/PM/B"), Decoded)


def test_the_known_devices_come_before_what_was_announced() -> None:
    router = Router(announced={PANEL_TOPIC: _read_as("ANNOUNCED"), OTHER_TOPIC: _read_as("ANNOUNCED")})  # type: ignore[dict-item]
    assert isinstance(outcome(router, PANEL_TOPIC), Decoded)
    assert outcome(router, OTHER_TOPIC).code == "ANNOUNCED"  # type: ignore[union-attr]


def test_a_status_topic_is_its_announcers_where_no_shelly_measures_there() -> None:
    topics = ["plug1/status/energy", "m/status/switch:0", "zigbee2mqtt/status/energy"]
    router = Router(announced=dict.fromkeys(topics, _read_as("ANNOUNCED")))  # type: ignore[arg-type]
    assert outcome(router, "plug1/status/energy").code == "ANNOUNCED"  # type: ignore[union-attr]
    assert isinstance(outcome(router, "m/status/switch:0"), Decoded)
    assert isinstance(outcome(router, "zigbee2mqtt/status/energy"), Decoded)


@pytest.mark.parametrize("topic", ["m/status/sys", "m/status/input:0", "thing/status/Sys"])
def test_what_only_a_filter_for_any_device_brings_is_let_go(topic: str) -> None:
    for wanted in (known_filters(), ["#"], ["+/#"]):
        assert outcome(Router(wanted=wanted), topic) == NOTHING
    own = Router(wanted=[topic.rpartition("/")[0] + "/#"])
    assert outcome(own, topic).code == "UNKNOWN_TOPIC"  # type: ignore[union-attr]


def test_only_topics_that_no_filter_covers_are_subscribed_to_by_themselves() -> None:
    router = Router(
        wanted=["DATA/PM/#", "house/+/power"],
        mapped={PANEL_TOPIC: _read_as("MAPPED"), OTHER_TOPIC: _read_as("MAPPED")},  # type: ignore[dict-item]
        announced={"house/cellar/power": _read_as("ANNOUNCED"), "attic/meter": _read_as("ANNOUNCED")},  # type: ignore[dict-item]
    )
    assert router.filters == ("DATA/PM/#", "house/+/power", "attic/meter", OTHER_TOPIC)


def test_what_is_wanted_and_read_by_nobody_is_rejected_and_what_is_not_wanted_any_more_is_let_go() -> None:
    router = Router(wanted=["cellar/#"])
    assert outcome(router, OTHER_TOPIC).code == "UNKNOWN_TOPIC"  # type: ignore[union-attr]
    assert outcome(router, "attic/meter") == NOTHING


def test_a_topic_that_is_too_long_is_rejected() -> None:
    assert outcome(Router(), "x" * 513).code == "BAD_TOPIC"  # type: ignore[union-attr]
    assert outcome(Router(), "x" * 512).code == "UNKNOWN_TOPIC"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wanted", "topic", "is_covered"),
    [
        ("#", "a/b", True),
        ("#", "$SYS/broker", False),
        ("+/broker", "$SYS/broker", False),
        ("$SYS/#", "$SYS/broker", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+/c", "a/b/c", True),
        ("a/b", "a/b", True),
        ("a/b/c", "a/b", False),
        ("", "a", False),
    ],
)
def test_filters_cover_topics_as_mqtt_says(wanted: str, topic: str, *, is_covered: bool) -> None:
    assert covers(wanted, topic) is is_covered
