"""Makes the messages that the faults are to lose or double."""

from datetime import UTC, datetime, timedelta

from bench.publisher import Prepared, prepared

_PANELS = 20
_START = datetime(2026, 1, 31, 23, 50, tzinfo=UTC)  # five minutes, hour, day and partition end in the stream
LAST = prepared([("DATA/PM/LAST", b'{"status":"OK","data":{"kWh":1,"time":"2026-02-01 00:00:00"}}')])


def stream(count: int, *, panels: int = _PANELS, padding: int = 0) -> Prepared:
    """Readings with a key of their own each; the register of a panel rises by 1 Wh a second."""
    return prepared(_panel_message(*divmod(number, panels), padding=padding) for number in range(count))


def _panel_message(second: int, panel: int, *, padding: int = 0) -> tuple[str, bytes]:
    at = _START + timedelta(seconds=second)
    data = f'{{"kw":"1.5","kWh":{100 + second / 1000},"time":"{at:%Y-%m-%d %H:%M:%S}"}}'
    return f"DATA/PM/P{panel}", f'{{"status":"OK","data":{data},"note":"{" " * padding}"}}'.encode()
