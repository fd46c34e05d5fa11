"""Turns a payment, in cents, into what goes off it and what is left for energy, and energy into its price and back."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from math import ceil, floor, lcm
from zoneinfo import ZoneInfo

from metering.currencies import cent_of
from metering.tariffs.hours import Hours
from metering.tariffs.rules import Band, Block, StandingCharge, Tariff, Tax, TaxMethod

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Part:
    """What goes off an amount of cents, exactly: `(fixed + share * amount) / of`.

    Whole numbers, because the search for the least payment (`receipts.quote`) asks for thousands of them.
    """

    fixed: int
    share: int
    of: int

    def rounded(self, amount: int) -> int:
        """Half up to the cent; never below 0."""
        return max((2 * (self.fixed + self.share * amount) + self.of) // (2 * self.of), 0)


@dataclass(frozen=True, slots=True)
class Sale:
    """What decides on a receipt beside the amount; all amounts are in cents, `cent` is the currency's least amount.

    The duty is for payments above `free_up_to`. `bought_kwh` were bought before in the local month. `standing` falls
    due with this payment, `debt` is what is owed. Taxes are parts of the payment where they are deducted from it,
    otherwise of what all else leaves of it.
    """

    band: Band
    bought_kwh: Decimal
    cent: Decimal
    duty: int
    free_up_to: int
    fees: tuple[Part, ...]
    standing: tuple[int, ...]
    debt: int
    debt_share: Part
    taxes: tuple[Part, ...]
    are_taxes_deducted: bool


@dataclass(frozen=True, slots=True)
class Split:
    """A payment's parts in cents, in the order of the sale's; `energy` is what is left, and may be negative."""

    duty: int
    fees: tuple[int, ...]
    debt: int
    taxes: tuple[int, ...]
    energy: int


def sale_of(
    tariff: Tariff, *, at: datetime, bought_kwh: Decimal, debt: Decimal, standing_due: tuple[StandingCharge, ...]
) -> Sale:
    """The sale at a local instant (aware, in the panel's zone): in the band that the tariff's clock says."""
    local = at.astimezone(ZoneInfo(tariff.time_zone)) if tariff.time_zone else at
    vending, cent = tariff.vending, cent_of(tariff.currency)
    duty, are_taxes_deducted = vending.stamp_duty, vending.taxes is TaxMethod.DEDUCTED
    standing = tuple(_rounded(cents_of(charge.amount, cent)) for charge in standing_due)
    return Sale(
        band=Hours(tariff.bands).band_at(local),
        bought_kwh=bought_kwh,
        cent=cent,
        duty=_rounded(cents_of(duty.amount, cent)) if duty else 0,
        free_up_to=floor(cents_of(duty.above, cent)) if duty else 0,
        fees=tuple(_part(cents_of(fee.amount, cent), fee.percent) for fee in vending.fees),
        standing=standing,
        debt=_rounded(cents_of(debt, cent)),
        debt_share=_part(_ZERO, vending.debt_percent),
        taxes=tuple(
            _deducted(tariff.taxes) if are_taxes_deducted else _added(tariff.tax_shares, standing=sum(standing))
        ),
        are_taxes_deducted=are_taxes_deducted,
    )


def cents_of(amount: Decimal, cent: Decimal) -> Fraction:
    """How many of the currency's least amount it is, exactly."""
    return Fraction(amount) / Fraction(cent)


def _rounded(cents: Fraction) -> int:
    return floor(cents + Fraction(1, 2))


def _part(fixed: Fraction, percent: Decimal | Fraction) -> Part:
    share = Fraction(percent) / 100
    of = lcm(fixed.denominator, share.denominator)
    return Part(int(fixed * of), int(share * of), of)


def _deducted(taxes: tuple[Tax, ...]) -> Iterator[Part]:
    """Each tax as a part of the payment."""
    return (_part(_ZERO, tax.percent) for tax in taxes)


def _added(shares: list[tuple[Decimal, Decimal]], *, standing: int) -> Iterator[Part]:
    """Each tax as a part of what is left for energy and all taxes, those on the standing charges that are due too."""
    factor = 1 + sum((Fraction(on_energy) for on_energy, _ in shares), _ZERO)
    of_standing = standing * sum((Fraction(on_charges) for _, on_charges in shares), _ZERO)
    for on_energy, on_charges in shares:
        share = Fraction(on_energy) / factor
        yield _part(standing * Fraction(on_charges) - share * of_standing, share * 100)


def split_of(paid: int, sale: Sale) -> Split:
    """What a payment in cents is made of."""
    duty = sale.duty if paid > sale.free_up_to else 0
    fees = tuple([fee.rounded(paid) for fee in sale.fees])
    debt = min(sale.debt, sale.debt_share.rounded(paid))
    left = paid - duty - sum(fees) - sum(sale.standing) - debt
    taxed = paid if sale.are_taxes_deducted else left
    taxes = tuple([tax.rounded(taxed) for tax in sale.taxes])
    return Split(duty, fees, debt, taxes, left - sum(taxes))


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


def least_payment(price: Fraction, sale: Sale, *, least: int, most: int) -> int | None:
    """The least payment in cents that leaves this much for energy; None when there is none from `least` to `most`.

    What is left grows with the payment, but for its fall where the stamp duty begins, and for the roundings.
    """
    needed = max(ceil(price / Fraction(sale.cent)), 1)
    duty_from = sale.free_up_to + 1
    for low, high in ((least, min(duty_from - 1, most)), (max(least, duty_from), most)):
        if (found := _least_from(low, needed=needed, most=high, sale=sale)) is not None:
            return found
    return None


def _least_from(low: int, *, needed: int, most: int, sale: Sale) -> int | None:
    """The least payment from `low` to `most`, between which no duty begins, that leaves the cents needed for energy.

    Roundings move what is left by half a cent a line from what grows steadily. So where it is a cent a line short, all
    smaller payments are short as well; and where it is further short than there are taxes, so are as many greater ones.
    """
    lines = len(sale.fees) + len(sale.taxes) + 1
    found = bisect_left(range(low, most + 1), needed - lines, key=lambda paid: split_of(paid, sale).energy)
    paid = low + found
    while paid <= most:
        short = needed - split_of(paid, sale).energy
        if short <= 0:
            return paid
        paid += short if short > len(sale.taxes) else 1
    return None
