"""Makes the messages that the faults are to lose or double."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.publisher import Prepared, prepared

_PANELS = 20
_START = datetime(2026, 1, 31, 23, 50, tzinfo=UTC)  # five minutes, hour, day and partition end in the stream
LAST = prepared([("DATA/PM/LAST", b'{"status":"OK","data":{"kWh":1,"time":"2026-02-01 00:00:00"}}')])


def stream(count: int, *, padding: int = 0) -> Prepared:
    """Readings with a key of their own each; the register of a panel rises by 1 Wh a second."""
    return prepared(_panel_message(*divmod(number, _PANELS), padding=padding) for number in range(count))


def mixed_stream(count: int) -> Prepared:
    """The same from devices of all kinds that state a time: each message is one reading of one panel."""
    kinds = (_panel_message, _panel_message, _tasmota_message, _shelly_message, _hub_message)
    return prepared(kinds[number % len(kinds)](*divmod(number, _PANELS)) for number in range(count))


def _panel_message(second: int, panel: int, *, padding: int = 0) -> tuple[str, bytes]:
    data = {"kw": "1.5", "kWh": _kwh(second), "time": f"{_at(second):%Y-%m-%d %H:%M:%S}"}
    return f"DATA/PM/P{panel}", _encoded({"status": "OK", "data": data, "note": " " * padding})


def _tasmota_message(second: int, panel: int) -> tuple[str, bytes]:
    values = {"Total": _kwh(second), "Power": 1500}
    return f"tele/plug{panel}/SENSOR", _encoded({"Time": f"{_at(second):%Y-%m-%dT%H:%M:%S}", "ENERGY": values})


def _shelly_message(second: int, panel: int) -> tuple[str, bytes]:
    device = f"shellypro3em-{panel}"
    changed = {"ts": _at(second).timestamp(), "emdata:0": {"id": 0, "total_act": 100_000 + second}}
    return f"{device}/events/rpc", _encoded({"src": device, "method": "NotifyStatus", "params": changed})


def _hub_message(second: int, panel: int) -> tuple[str, bytes]:
    load = {"power": 1500, "total_energy_wh": 100_000 + second}
    timestamp_ms = round(_at(second).timestamp() * 1000)
    return f"home/energy-monitor/sensors/hub{panel}", _encoded({"timestamp": timestamp_ms, "load": load})


def _at(second: int) -> datetime:
    return _START + timedelta(seconds=second)


def _kwh(second: int) -> float:
    return (100_000 + second) / 1000


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
