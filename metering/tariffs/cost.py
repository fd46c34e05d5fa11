"""Turns energy and a flat price into what it costs."""

from decimal import Decimal

from metering.money import trimmed
from metering.tariffs.rules import Tariff


def flat_cost(energy_kwh: Decimal, *, tariff: Tariff) -> Decimal:
    """What that energy costs with taxes by a flat tariff, exactly, without trailing zeros."""
    return cost_of(energy_kwh, price=tariff.price_with_taxes)


def cost_of(energy_kwh: Decimal, *, price: Decimal) -> Decimal:
    """What that energy costs at a price a kWh, exactly, without trailing zeros."""
    return trimmed(energy_kwh * price)
