"""What every decoder promises, whatever the message: checked here, for hypothesis and atheris alike."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import orjson

from ingest.mapped import discovered_decoder, discovered_decoders, mapped_decoders
from ingest.outcomes import Decoded
from ingest.routing import Router
from ingest.wall_clock import WallClock
from metering.devices import BalanceShown, DeviceReport
from metering.mappings import DiscoveredSensor, FieldMapping, Mapping, Quantity
from metering.readings import (
    EARLIEST_AT,
    MAX_AHEAD,
    MAX_CURRENT_A,
    MAX_ENERGY_KWH,
    MAX_POWER_KW,
    MAX_UNBALANCE,
    MAX_VOLTAGE_V,
    PANEL_CODE,
    PhaseValues,
    Reading,
    Rejected,
)

RECEIVED_AT: Final = datetime(2026, 1, 16, 4, 30, 7, 250_000, tzinfo=UTC)
_CLOCK: Final = WallClock("Europe/Berlin")
_LONGEST_REASON: Final = 10_000
_LONGEST_DOCUMENT: Final = 2**21

_FIELDS: Final = (
    FieldMapping(("meter", "total"), Quantity.ENERGY_IMPORT, "Wh"),
    FieldMapping(("meter", "out"), Quantity.ENERGY_EXPORT, "MJ"),
    FieldMapping(("power", 0), Quantity.ACTIVE_POWER, "MW", is_reversed=True),
    FieldMapping(("power", 1), Quantity.CURRENT_R, "mA"),
    FieldMapping(("credit",), Quantity.BALANCE, "kWh"),
)
_MAPPINGS: Final = (
    Mapping("own/meter", "OWN", _FIELDS, ("time",)),
    Mapping("own/number", "OWN", (FieldMapping((), Quantity.ENERGY_IMPORT, "kWh"),)),
)
_ANNOUNCED: Final = [DiscoveredSensor("t", "d", "D", "own/announced", field) for field in _FIELDS]
OWN_TOPICS: Final = ("own/meter", "own/number", "own/announced")
"""What is read as owners and devices have said."""

_ROUTER: Final = Router(mapped=mapped_decoders(_MAPPINGS), announced=discovered_decoders(_ANNOUNCED))


def keeps_its_promises(topic: str, payload: bytes, *, is_retained: bool) -> None:
    """Fails when reading a message raises, or says what nobody could store or believe."""
    decode = _ROUTER.decoder(topic)
    if isinstance(decode, Rejected):
        _check_rejected(decode)
        return
    _check(decode(topic, payload, received_at=RECEIVED_AT, is_retained=is_retained, clock_of=lambda _code: _CLOCK))


def _check(outcome: Decoded | Rejected) -> None:
    if isinstance(outcome, Rejected):
        _check_rejected(outcome)
        return
    if outcome.rejected is not None:
        _check_rejected(outcome.rejected)
    for code, reading in outcome.readings:
        assert PANEL_CODE.fullmatch(code), code
        _check_reading(reading)
    for shown in outcome.balances:
        _check_balance(shown)
    for report in outcome.reports:
        _check_report(report)
    for sensor in outcome.discovered:
        _check_sensor(sensor)


def _check_rejected(rejected: Rejected) -> None:
    assert rejected.code.replace("_", "").isupper(), rejected
    assert 0 < len(rejected.reason) < _LONGEST_REASON, len(rejected.reason)


def _check_reading(reading: Reading) -> None:
    _check_time(reading.at)
    assert reading.received_at == RECEIVED_AT
    values = list(_bounded(reading))
    for value, lowest, highest in values:
        assert math.isfinite(value), reading
        assert lowest <= value <= highest, reading
    assert values, "a reading without a value"


def _check_time(at: datetime) -> None:
    assert at.utcoffset() is not None
    assert EARLIEST_AT <= at <= RECEIVED_AT + MAX_AHEAD, at


def _bounded(reading: Reading) -> Iterator[tuple[float, float, float]]:
    """Each value that is there, with what it lies between."""
    bounds = [
        (reading.active_power_kw, -MAX_POWER_KW, MAX_POWER_KW),
        (reading.apparent_power_kva, 0.0, MAX_POWER_KW),
        (reading.power_factor, -1.0, 1.0),
        (reading.energy_import_kwh, 0.0, MAX_ENERGY_KWH),
        (reading.energy_export_kwh, 0.0, MAX_ENERGY_KWH),
        (reading.voltage_unbalance, 0.0, MAX_UNBALANCE),
        (reading.current_unbalance, 0.0, MAX_UNBALANCE),
        *((value, 0.0, MAX_VOLTAGE_V) for value in _each(reading.voltage_v)),
        *((value, -MAX_CURRENT_A, MAX_CURRENT_A) for value in _each(reading.current_a)),
    ]
    for value, lowest, highest in bounds:
        if value is not None:
            assert isinstance(value, float), type(value)
            yield value, lowest, highest


def _each(phases: PhaseValues | None) -> tuple[float | None, ...]:
    return () if phases is None else (phases.r, phases.s, phases.t, phases.n)


def _check_balance(shown: BalanceShown) -> None:
    assert PANEL_CODE.fullmatch(shown.panel_code)
    assert isinstance(shown.balance_kwh, Decimal)
    assert abs(shown.balance_kwh) <= Decimal(MAX_ENERGY_KWH)
    _check_time(shown.at)


def _check_report(report: DeviceReport) -> None:
    assert report.heard_at == RECEIVED_AT
    assert "\0" not in report.device
    assert (report.report is None) == (report.document is None)
    if report.document is not None:
        assert len(report.document) <= _LONGEST_DOCUMENT
        orjson.loads(report.document)


def _check_sensor(sensor: DiscoveredSensor) -> None:
    _check_text(sensor.announced_on)
    if sensor.field is not None:
        assert PANEL_CODE.fullmatch(sensor.panel_code)
        assert not {"#", "+"} & {*sensor.topic}
        for text in (sensor.topic, sensor.device, *map(str, sensor.field.path)):
            _check_text(text)
        discovered_decoder([sensor])


def _check_text(text: str) -> None:
    """Postgres takes it, and an index does."""
    assert 0 < len(text) <= 2000, len(text)
    assert "\0" not in text
    text.encode()
