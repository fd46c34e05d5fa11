"""What a device may publish and read follows from its kind and name, and no two devices share any of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.device_rights import (
    Action,
    DeviceRights,
    OwnPanels,
    covers,
    is_filter,
    matches,
    overlap,
    panels_of,
    rules_of,
    shared_panel,
    shared_topic,
    topics_of,
)
from metering.devices import DeviceKind

DEVICE_ID = "dev_aaaaaaaaaaaaaaaa"
LEVELS = st.sampled_from(["a", "b", "tele", ""])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.tuples(st.lists(st.one_of(LEVELS, st.just("+")), max_size=4), st.booleans()).map(
    lambda parts: "/".join([*parts[0], *(["#"] if parts[1] or not parts[0] else [])])
)


def rights(*, is_revoked: bool = False) -> DeviceRights:
    topics = topics_of(DeviceKind.TASMOTA, name="cellar", device_id=DEVICE_ID)
    return DeviceRights(
        DEVICE_ID, "cellar", topics.publish, topics.commands, ("cellar",), ("cellar:",), is_revoked=is_revoked
    )


@pytest.mark.parametrize(
    ("wanted", "topic", "takes_it_in"),
    [
        ("tele/cellar/#", "tele/cellar/SENSOR", True),
        ("tele/cellar/#", "tele/cellar", True),
        ("tele/cellar/#", "tele/cellar2/SENSOR", False),
        ("tele/+/SENSOR", "tele/cellar/SENSOR", True),
        ("tele/+/SENSOR", "tele/a/b/SENSOR", False),
        ("DATA/PM/PM1", "DATA/PM/PM1", True),
        ("DATA/PM/PM1", "DATA/PM/PM10", False),
        ("DATA/PM/PM1", "DATA/PM/PM1/x", False),
        ("#", "$SYS/broker", False),
        ("tele/#", "tele/+/SENSOR", False),
    ],
)
def test_a_filter_takes_in_the_topics_of_mqtt(wanted: str, topic: str, *, takes_it_in: bool) -> None:
    assert matches(wanted, topic) is takes_it_in


@given(FILTERS, FILTERS, TOPICS)
def test_filters_that_share_a_topic_overlap_and_a_wide_one_takes_in_what_a_narrow_one_does(
    one: str, other: str, topic: str
) -> None:
    assert overlap(one, other) == overlap(other, one)
    assert overlap(one, one)
    if matches(one, topic) and matches(other, topic):
        assert overlap(one, other)
    if covers(one, other):
        assert overlap(one, other)
        if matches(other, topic):
            assert covers(one, topic)


def test_filters_that_share_nothing_do_not_overlap() -> None:
    assert shared_topic(["tele/a/#", "a/tele/#"], ["tele/b/#", "tele/tasmota/a/#"]) is None
    assert shared_topic(["tele/a/#", "a/tele/#"], ["+/tele/SENSOR"]) == "a/tele/#"


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("meters/cellar/#", True),
        ("meters/+/state", True),
        ("#", False),
        ("+/state", False),
        ("meters/#/state", False),
        ("meters/cell+", False),
        ("$SYS/x", False),
        ("meters/%u", False),
        ("meters/${clientid}", False),
        ("meters/\n", False),
        (" meters", False),
        ("eq meters/#", False),
        ("meters/", False),
        ("", False),
        ("m" * 513, False),
    ],
)
def test_what_a_device_may_be_given_says_exactly_what_it_says(text: str, *, is_right: bool) -> None:
    assert is_filter(text) is is_right


@pytest.mark.parametrize(
    ("kind", "name", "topic", "code"),
    [
        (DeviceKind.PANEL_METER, "PM1", "DATA/PM/PM1", "PM1"),
        (DeviceKind.TASMOTA, "cellar", "tele/cellar/SENSOR", "cellar:SML"),
        (DeviceKind.TASMOTA, "cellar", "tele/tasmota/cellar/LWT", "cellar"),
        (DeviceKind.TASMOTA, "cellar", "cellar/tele/SENSOR", "cellar"),
        (DeviceKind.TASMOTA, "cellar", "stat/cellar/STATUS8", "cellar"),
        (DeviceKind.ENERGY_HUB, "hub-01", "home/energy-monitor/sensors/hub-01", "hub-01:LOAD"),
        (DeviceKind.ENERGY_HUB, "energy-monitor", "home/energy-monitor/sensors", "energy-monitor:SOLAR"),
        (DeviceKind.SHELLY, "shelly-1", "shelly-1/status/em:0", "shelly-1"),
        (DeviceKind.SHELLY, "shelly-1", "shelly-1/events/rpc", "shelly-1:1"),
        (DeviceKind.SHELLY, "em-1", "shellies/em-1/emeter/0/power", "em-1"),
        (DeviceKind.HOME_ASSISTANT, "esp-1", "homeassistant/sensor/esp-1/power/config", "esp-1:SOLAR"),
    ],
)
def test_a_device_may_publish_what_its_family_publishes_and_feeds_the_panel_that_it_becomes(
    kind: DeviceKind, name: str, topic: str, code: str
) -> None:
    topics = topics_of(kind, name=name, device_id=DEVICE_ID)
    assert any(matches(one, topic) for one in topics.publish)
    assert panels_of(kind, name=name).has(code)
    assert all(is_filter(one) for one in [*topics.publish, *topics.commands])


def test_a_meter_has_exactly_its_panel_and_a_hub_all_of_its_parts() -> None:
    meter, hub = panels_of(DeviceKind.PANEL_METER, name="PM1"), panels_of(DeviceKind.ENERGY_HUB, name="hub-01")
    assert meter.has("PM1")
    assert not meter.has("PM10")
    assert not meter.has("PM1:X")
    assert hub.has("hub-01:LOAD")
    assert not hub.has("hub-011:LOAD")
    assert panels_of(DeviceKind.MAPPED, name="anything", given=["cellar"]) == OwnPanels(("cellar",), ())


def test_two_devices_share_a_panel_by_its_code_or_by_the_beginning_of_codes() -> None:
    hub = OwnPanels(("hub",), ("hub:",))
    assert shared_panel(hub, OwnPanels(("hub:LOAD",), ())) == "hub:LOAD"
    assert shared_panel(OwnPanels(("hub:LOAD",), ()), hub) == "hub:LOAD"
    assert shared_panel(hub, OwnPanels((), ("hub:A:",))) == "hub:A:"
    assert shared_panel(hub, OwnPanels(("hub2",), ("hub2:",))) is None


def test_a_device_may_subscribe_to_nothing_wider_than_its_commands() -> None:
    own = rights()
    assert own.may_subscribe("cmnd/cellar/#")
    assert own.may_subscribe("cmnd/cellar/POWER")
    assert own.may_subscribe(f"kilowatch/devices/{DEVICE_ID}/commands/relay")
    assert not own.may_subscribe("cmnd/#")
    assert not own.may_subscribe("cmnd/+/POWER")
    assert not own.may_subscribe("#")
    assert not own.may_subscribe("tele/cellar/SENSOR")


def test_a_revoked_device_may_nothing_and_is_still_known_by_its_topics() -> None:
    revoked = rights(is_revoked=True)
    assert revoked.has_topic("tele/cellar/SENSOR")
    assert not revoked.may_publish("tele/cellar/SENSOR")
    assert not revoked.may_subscribe("cmnd/cellar/POWER")
    assert rules_of(revoked) == []
    assert {rule.action for rule in rules_of(rights())} == {Action.PUBLISH, Action.SUBSCRIBE}
