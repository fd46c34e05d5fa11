"""Turns a payment into what goes off it, and energy into its price and back, before anything is rounded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from zoneinfo import ZoneInfo

from metering.currencies import cent_of
from metering.tariffs.hours import Hours
from metering.tariffs.rules import Band, Block, Fee, StandingCharge, Tariff, TaxBase, TaxMethod


@dataclass(frozen=True, slots=True)
class Sale:
    """What decides on a receipt beside the amount; `cent` is the currency's least amount.

    `bought_kwh` were bought before in the local month; `standing_due` falls due with this payment.
    """

    tariff: Tariff
    band: Band
    bought_kwh: Decimal
    debt: Decimal
    standing_due: tuple[StandingCharge, ...]
    cent: Decimal

    def rounded(self, amount: Fraction) -> Decimal:
        """Half up to the cent."""
        return int(amount / Fraction(self.cent) + Fraction(1, 2)) * self.cent

    @property
    def standing(self) -> Fraction:
        """The standing charges that are due."""
        return sum((Fraction(self.rounded(Fraction(charge.amount))) for charge in self.standing_due), Fraction(0))


def sale_of(
    tariff: Tariff, *, at: datetime, bought_kwh: Decimal, debt: Decimal, standing_due: tuple[StandingCharge, ...]
) -> Sale:
    """The sale at a local instant (aware, in the panel's zone): in the band that the tariff's clock says."""
    local = at.astimezone(ZoneInfo(tariff.time_zone)) if tariff.time_zone else at
    band = Hours(tariff.bands).band_at(local)
    return Sale(tariff, band, bought_kwh, debt, standing_due, cent_of(tariff.currency))


def fee_amount(fee: Fee, gross: Fraction) -> Fraction:
    """What a fee takes of a payment."""
    return Fraction(fee.amount) + gross * Fraction(fee.percent) / 100


def debt_amount(gross: Fraction, sale: Sale) -> Fraction:
    """What goes to the panel's debt: the tariff's part of a payment, until there is none."""
    return min(Fraction(sale.debt), gross * Fraction(sale.tariff.vending.debt_percent) / 100)


def tax_amounts(gross: Fraction, *, left: Fraction, sale: Sale) -> list[Fraction]:
    """Each tax exactly, where `left` remains for energy and all taxes."""
    if sale.tariff.vending.taxes is TaxMethod.DEDUCTED:
        return [gross * Fraction(tax.percent) / 100 for tax in sale.tariff.taxes]
    of_standing = sum(_taxes_on(Fraction(0), sale=sale), Fraction(0))
    factor = 1 + sum(_taxes_on(Fraction(1), sale=sale), Fraction(0)) - of_standing
    return _taxes_on((left - of_standing) / factor, sale=sale)


def _taxes_on(energy: Fraction, *, sale: Sale) -> list[Fraction]:
    """Each tax on the price of energy and the standing charges that are due, exactly."""
    net = before = energy + sale.standing
    found: list[Fraction] = []
    for tax in sale.tariff.taxes:
        base = {TaxBase.ENERGY: energy, TaxBase.NET: net, TaxBase.COMPOUND: before}[tax.on]
        found.append(base * Fraction(tax.percent) / 100)
        before += found[-1]
    return found


def units_for(left: Fraction, sale: Sale) -> Fraction | None:
    """The units for this much money, exactly; None without end, where the last block costs nothing."""
    units_kwh = Fraction(0)
    for block, room_kwh in _blocks_ahead(sale):
        price = Fraction(block.unit_price)
        if room_kwh is None or price * room_kwh > left:
            return units_kwh + left / price if price else None
        units_kwh += room_kwh
        left -= price * room_kwh
    return units_kwh


def _blocks_ahead(sale: Sale) -> Iterator[tuple[Block, Fraction | None]]:
    """The blocks of the band that are not used up, and how many kWh each still has; None: without end."""
    blocks = sale.band.blocks
    for block, following in zip_longest(blocks, blocks[1:]):
        if following is None:
            yield block, None
        elif following.from_kwh > sale.bought_kwh:
            yield block, Fraction(following.from_kwh - max(block.from_kwh, sale.bought_kwh))


def first_price(sale: Sale) -> Decimal:
    """The price of the first kWh, without taxes."""
    return next(block.unit_price for block, _ in _blocks_ahead(sale))


def energy_price(units_kwh: Decimal, sale: Sale) -> Fraction:
    """What units cost without taxes, exactly."""
    left_kwh, price = Fraction(units_kwh), Fraction(0)
    for block, room_kwh in _blocks_ahead(sale):
        taken_kwh = left_kwh if room_kwh is None else min(room_kwh, left_kwh)
        price += taken_kwh * Fraction(block.unit_price)
        left_kwh -= taken_kwh
    return price


def exact_energy(paid: int, sale: Sale) -> Fraction:
    """What a payment leaves for energy, both in cents, before anything is rounded; may be negative."""
    gross = paid * Fraction(sale.cent)
    duty = sale.tariff.vending.stamp_duty
    left = gross - sale.standing - debt_amount(gross, sale)
    left -= Fraction(duty.amount) if duty and gross > duty.above else 0
    left -= sum((fee_amount(fee, gross) for fee in sale.tariff.vending.fees), Fraction(0))
    taxes = sum(tax_amounts(gross, left=left, sale=sale), Fraction(0))
    return (left - taxes) / Fraction(sale.cent)
