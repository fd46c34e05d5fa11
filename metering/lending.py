"""Says what may be lent to a panel, owed by it and taken back from its ledger."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from metering.currencies import cent_of, minor_digits
from metering.ledger import LedgerKind, checked_units
from metering.money import EXACT, MAX_AMOUNT, Money
from metering.refusals import Refused
from metering.tariffs.receipts import MAX_UNITS_KWH
from metering.tariffs.rules import Tariff

_DECIMALS: Final = {0: "no", 2: "two", 3: "three"}


@dataclass(frozen=True, slots=True)
class EmergencyRule:
    """How many units a panel may be lent at once, when fewer than `available_below_kwh` are left."""

    limit_kwh: Decimal
    available_below_kwh: Decimal


def checked_rule(*, limit_kwh: Decimal, available_below_kwh: Decimal) -> EmergencyRule:
    """The rule as it is.

    Raises:
        Refused: BAD_AMOUNT unless both are at most 100,000 kWh with three decimals at the most, and the limit above 0.
    """
    checked_units(limit_kwh, field="limitKwh", above_zero=True)
    checked_units(available_below_kwh, field="availableBelowKwh", above_zero=False)
    return EmergencyRule(limit_kwh, available_below_kwh)


def why_not_lent(rule: EmergencyRule | None, *, lent_kwh: Decimal, balance_kwh: Decimal | None) -> Refused | None:
    """Why nothing is lent now; None when the limit is. A panel without a balance has nothing that could be low."""
    if rule is None:
        return _no_rule()
    if lent_kwh > 0:
        message = f"Emergency credit was taken: {lent_kwh} kWh are to be repaid by the next top-ups first."
        return Refused("EMERGENCY_CREDIT_TAKEN", message, "panelCode")
    if balance_kwh is None or balance_kwh >= rule.available_below_kwh:
        message = f"Emergency credit can be taken when less than {rule.available_below_kwh} kWh is left."
        return Refused("EMERGENCY_CREDIT_NOT_YET", message, "panelCode")
    return None


def checked_loan(rule: EmergencyRule | None, *, lent_kwh: Decimal, balance_kwh: Decimal | None) -> Decimal:
    """The units that are lent now.

    Raises:
        Refused: see `why_not_lent`.
    """
    refusal = why_not_lent(rule, lent_kwh=lent_kwh, balance_kwh=balance_kwh)
    if refusal or rule is None:
        raise refusal or _no_rule()
    return rule.limit_kwh


def _no_rule() -> Refused:
    return Refused("NO_EMERGENCY_CREDIT", "This panel has no emergency credit.", "panelCode")


def most_debt(tariff: Tariff) -> Decimal:
    """The most that a panel of the tariff is made to owe at once: what as many kWh cost as one top-up may buy.

    By the tariff's dearest kWh with taxes; so it is as much of a meter's life in rupiah as in naira or euros.
    """
    dearest = max(block.unit_price for band in tariff.bands for block in band.blocks)
    whole = EXACT.multiply(EXACT.multiply(dearest, tariff.tax_factor), MAX_UNITS_KWH).quantize(Decimal(1))
    return min(whole, MAX_AMOUNT) or MAX_AMOUNT


def checked_debt(amount: Money, *, accepted: str, most: Decimal = MAX_AMOUNT) -> Money:
    """The debt as it is.

    Raises:
        Refused: BAD_CURRENCY unless it is in the accepted one; BAD_AMOUNT unless it is above 0, at most `most` and of
            no more decimals than the currency has.
    """
    if amount.currency != accepted:
        raise Refused("BAD_CURRENCY", f"Debts of this panel are in {accepted}.", "amount")
    is_in_range = amount.amount.is_finite() and 0 < amount.amount <= most
    if not is_in_range or amount.amount % cent_of(accepted):
        decimals = _DECIMALS[minor_digits(accepted)]
        message = f"`amount` must be above 0 and at most {most:,} {accepted}, with {decimals} decimals at the most."
        raise Refused("BAD_AMOUNT", message, "amount")
    return amount


def checked_settlement(amount: Money, *, debt: Money | None) -> Money:
    """What goes off the debt, as it is.

    Raises:
        Refused: NO_DEBT when nothing is owed; BAD_CURRENCY; BAD_AMOUNT also above what is owed.
    """
    if debt is None:
        raise Refused("NO_DEBT", "This panel owes nothing.", "panelCode")
    settled = checked_debt(amount, accepted=debt.currency)
    if settled.amount > debt.amount:
        raise Refused("BAD_AMOUNT", f"`amount` must be at most the {debt.amount} {debt.currency} owed.", "amount")
    return settled


def check_reversal(
    kind: LedgerKind,
    *,
    is_reversed: bool,
    lent_kwh: Decimal,
    debt: Decimal,
    emergency_kwh: Decimal,
    debt_change: Decimal,
) -> None:
    """Whether an entry may be taken back, where so much is lent and owed, and the entry changed both by so much.

    Raises:
        Refused: ALREADY_REVERSED; NOT_REVERSIBLE for a reversal; ALREADY_REPAID for emergency credit or a debt of which
            top-ups have repaid something.
    """
    if kind is LedgerKind.REVERSAL:
        raise Refused("NOT_REVERSIBLE", "A reversal cannot be reversed: enter anew what was right.", "entryId")
    if is_reversed:
        raise Refused("ALREADY_REVERSED", "This entry was reversed before.", "entryId")
    if emergency_kwh > lent_kwh or debt_change > debt:
        raise Refused("ALREADY_REPAID", "Top-ups have repaid of it: reverse those first.", "entryId")
