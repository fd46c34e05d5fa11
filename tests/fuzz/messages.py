"""Messages as devices send them, and as something breaks them: by a choice a step, whoever chooses."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

Thing = TypeVar("Thing")
Choose = Callable[[Sequence[Any]], Any]
"""One of some things: drawn by hypothesis, or by a generator of random numbers."""

_DATA = Path(__file__).parents[1] / "ingest" / "data"
_MAPPED: Final = {"meter": {"total": 812.5, "out": "3.5"}, "power": [0.0004, 12], "credit": 37.6, "time": 1768537807}


_OTHERS: Final[tuple[tuple[str, Any], ...]] = (
    ("tele/plug001/LWT", "Online"),
    ("stat/plug/STATUS8", {"StatusSNS": {"Time": "2026-01-16T05:30:05", "ENERGY": {"Total": [6.2, 1], "Power": [1]}}}),
    (
        "zigbee2mqtt/flat 2/meter",
        {"energy": 12.5, "voltage_phase_b": 230.1, "produced_energy": 1, "last_seen": 1768537807250},
    ),
    ("zigbee2mqtt/flat-2-meter/availability", {"state": "online"}),
    ("shellies/em3/emeter/0/total", "12345.6"),
    ("shellies/plug-s/relay/0/energy", "8012"),
    ("shellypro3em-abc/online", "true"),
    (
        "shellyplus1pm-1/events/rpc",
        {
            "src": "shellyplus1pm-1",
            "method": "NotifyStatus",
            "params": {"ts": 1768537807.25, "switch:0": {"id": 0, "apower": 12.5, "aenergy": {"total": 812.5}}},
        },
    ),
    (
        "enerlink/meters/data",
        {
            "meterId": "METER001",
            "datetime": "2026-01-16 11:30:05",
            "units": {"voltage": "V", "current": "mA", "power": "mW", "energy": "Wh"},
            "data": {
                "load_smart_mtr": {"power": 1500, "current": 6.5, "voltage": 230, "total_energy": 12.5},
                "battery": {"soc": 80, "power": -3.5, "valid": True},
                "net_grid": {"power": 1, "status": "idle"},
            },
        },
    ),
    ("enerlink/meters/status", {"meterId": "METER001", "data": {"system": {"status": "alive", "free_heap": 225968}}}),
)  # fmt: skip


def _examples() -> Iterator[tuple[str, Any]]:
    for path in sorted(_DATA.glob("*.json")):
        message = json.loads(path.read_text("utf-8"))
        yield message["topic"], message["payload"]
    for line in (_DATA / "malformed.jsonl").read_text("utf-8").splitlines():
        message = json.loads(line)
        yield message["topic"], message["payload_text"]
    yield from (("own/meter", _MAPPED), ("own/announced", _MAPPED), ("own/number", "12.5"))
    yield from _OTHERS


EXAMPLES: Final = tuple(_examples())
"""Topic, and payload as a document; one that is sent as it is stands as text."""

LEVELS: Final = (
    "tele", "stat", "tasmota", "SENSOR", "STATE", "LWT", "STATUS8", "STATUS10", "RESULT", "home", "energy-monitor",
    "sensors", "heartbeat", "status", "enerlink", "meters", "data", "command", "shellies", "emeter", "relay", "0", "1",
    "power", "energy", "total", "voltage", "online", "events", "rpc", "em:0", "em1:1", "emdata:0", "em1data:2",
    "switch:0", "pm1:0", "zigbee2mqtt", "bridge", "devices", "availability", "set", "get", "homeassistant", "sensor",
    "device", "config", "DATA", "PM", "PANEL_1", "shellyem-1", "", " ", "ä", "a b", "\ufffd", "x" * 300, "$SYS", "::",
)  # fmt: skip

_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 0.001, -0.0, 5e-324, 1e308, -1e308, 10**9, 10**9 + 1, 2**31, 2**63, -(2**63), 2**64,
    10**40, float("nan"), float("inf"), "", " ", "nan", "inf", "-Infinity", "1e400", "12,5", "12.5", " 7 ", "0x10",
    "1_0", "٣", "½", "unknown", "null", "\0", "\ufffd", "x" * 5000, "9" * 400, "Online", "online", "ON",
    "2026-01-16T04:30:05", "2026-01-16T04:30:05Z", "2018.02.04 23:17:01", "1970-01-01T00:00:00", "0001-01-01T00:00:00",
    "9999-12-31T23:59:59+23:59", "2026-03-29T02:30:00", "2026-10-25 02:30:00", "2026-02-30 00:00:00", 1768537807,
    1768537807250, 1e18, -1e18, [], {}, [1.5, 2, 3], [None, "a", [1]], {"a": 1}, [[[]]], {"": {"": {}}},
    "{{ value_json.a }}", "{{ value }}", "{{ value * 0.001 }}", "kWh", "Wh", "energy", "total_increasing", "sensor",
    "OK",
)  # fmt: skip


def payload_of(document: Any) -> bytes:
    """A document as JSON; text as it stands."""
    if isinstance(document, str):
        return document.encode("utf-8", "surrogatepass")
    return json.dumps(document).encode()


def changed(document: Any, choose: Choose) -> Any:
    """A copy of a document in which one value is another one, is gone, or stands elsewhere as well."""
    if isinstance(document, dict) and document and choose((True, True, True, False)):
        return _changed_object(document, choose)
    if isinstance(document, list) and document and choose((True, True, False)):
        place = choose(range(len(document)))
        return [*document[:place], changed(document[place], choose), *document[place + 1 :]]
    return choose(_VALUES)


def _changed_object(document: dict[str, Any], choose: Choose) -> dict[str, Any]:
    key = choose(sorted(document))
    match choose(("inside", "inside", "inside", "gone", "renamed", "twice", "in a list")):
        case "inside":
            return {**document, key: changed(document[key], choose)}
        case "gone":
            return {name: value for name, value in document.items() if name != key}
        case "renamed":
            others = {name: value for name, value in document.items() if name != key}
            return {**others, choose((key.upper(), key.lower(), key[:-1], f"{key}1", "", "\0", "é")): document[key]}
        case "twice":
            return {**document, choose(sorted(document)): document[key]}
        case _:
            return {**document, key: [document[key], *([document[key]] if choose((True, False)) else [])]}


def changed_topic(topic: str, choose: Choose) -> str:
    """A topic with one level that is another one, is gone, or is added."""
    levels = topic.split("/")
    place = choose(range(len(levels)))
    kept = choose((levels[place + 1 :], levels[place:], []))
    return "/".join([*levels[:place], choose(LEVELS), *kept])
