"""Turns the examples of tariffs into what a kWh costs each panel of the demo."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from kilowatch.demo.site import HUB, SMART_METER, SimulatedPanel
from metering.tariffs.examples import examples
from metering.tariffs.rules import Tariff, Vending

_FLATS: Final = "ng-band-a"
_OFFICE: Final = "id-flat-1500"
_OF_DEVICE: Final = {SMART_METER: "de-two-rate", HUB: "id-r1-1300-2200"}
_DEBT_PERCENT: Final = Decimal(20)
"""How much of each top-up of a flat goes to its debt, as utilities do it; the examples say nothing of debts."""


def tariffs_of(panels: tuple[SimulatedPanel, ...]) -> dict[str, Tariff]:
    """The tariff of each panel, by code."""
    known = {example.id: example.tariff for example in examples()}
    return {panel.code: _vended(known[_example(panel)], panel) for panel in panels}


def _example(panel: SimulatedPanel) -> str:
    if panel.is_prepaid:
        return _FLATS
    return _OF_DEVICE.get(panel.device or "", _OFFICE)


def _vended(tariff: Tariff, panel: SimulatedPanel) -> Tariff:
    return replace(tariff, vending=Vending(debt_percent=_DEBT_PERCENT)) if panel.is_prepaid else tariff
