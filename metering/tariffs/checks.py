"""Turns a tariff that somebody wrote into one that may be used, or says what is wrong with it, and where."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Final
from unicodedata import category
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from metering.currencies import CURRENCIES
from metering.refusals import Refused
from metering.tariffs.rules import (
    EVERY_DAY,
    EVERY_MONTH,
    MINUTES_A_DAY,
    Band,
    Block,
    Tariff,
    TaxMethod,
    Vending,
    Window,
)
from metering.tariffs.week_checks import week_problem

MAX_NAME_LENGTH: Final = 100
MAX_TEXT_LENGTH: Final = 2000
MAX_BANDS: Final = 24
MAX_WINDOWS: Final = 50
MAX_BLOCKS: Final = 20
MAX_ITEMS: Final = 10
MAX_DEDUCTED_PERCENT: Final = 95
MAX_TAX_PERCENT: Final = 400
MAX_EXPONENT: Final = 20
MAX_NUMBER: Final = Decimal(100_000_000)
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2100, 12, 31)

Problem = tuple[str, str]
"""The path of what is wrong, with the keys of a tariff's document, and what is accepted there."""


def checked(tariff: Tariff) -> Tariff:
    """The tariff as it is.

    Raises:
        Refused: BAD_TARIFF with the first thing that is wrong; `field` is its path, like `bands[1].windows[0].to`.
    """
    for path, accepted in _problems(tariff):
        raise Refused("BAD_TARIFF", f"`{path}` {accepted}", path)
    return tariff


def _problems(tariff: Tariff) -> Iterator[Problem]:
    yield from _term_problems(tariff)
    yield from _listed("bands", tariff.bands, most=MAX_BANDS, names=[band.name for band in tariff.bands], least=1)
    for index, band in enumerate(tariff.bands):
        yield from _band_problems(band, path=f"bands[{index}]")
    if not any(block.unit_price for band in tariff.bands for block in band.blocks):
        yield "bands", "must have a price above 0."
    yield from _charge_problems(tariff)
    yield from _vending_problems(tariff.vending, tariff=tariff)
    if found := week_problem(tariff.bands):
        yield found


def _term_problems(tariff: Tariff) -> Iterator[Problem]:
    yield from _name("name", tariff.name, most=200)
    if not FIRST_DAY <= tariff.valid_from <= LAST_DAY:
        yield "valid_from", f"must be from {FIRST_DAY} to {LAST_DAY}."
    if tariff.currency not in CURRENCIES:
        yield "currency", "must be an active code of ISO 4217, like IDR, NGN or EUR."
    if tariff.time_zone is not None and not _is_time_zone(tariff.time_zone):
        yield "time_zone", "must be the IANA name of a time zone, like Asia/Jakarta, or left out for the panel's."
    for path, text in (("note", tariff.note), ("source", tariff.source)):
        if text is not None and not (1 <= len(text) <= MAX_TEXT_LENGTH and _is_readable(text)):
            yield path, f"must have 1 to {MAX_TEXT_LENGTH} characters, and no control characters but line breaks."


def _is_readable(text: str) -> bool:
    """Whether it has no NUL, which Postgres keeps nowhere, and nothing else that is no text."""
    return not any(category(character) in {"Cc", "Cs"} for character in text.replace("\n", ""))


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _name(path: str, name: str, *, most: int = MAX_NAME_LENGTH) -> Iterator[Problem]:
    if not (1 <= len(name) <= most and name.isprintable() and name == name.strip()):
        yield path, f"must have 1 to {most} characters, without line breaks, and no blanks around them."


def _listed(
    path: str, items: Sequence[object], *, most: int, names: Sequence[str], least: int = 0
) -> Iterator[Problem]:
    """A list that is too short or too long, and what has no name of its own."""
    if not least <= len(items) <= most:
        yield path, f"must have {least} to {most} entries."
    for index, name in enumerate(names):
        yield from _name(f"{path}[{index}].name", name)
        if name in names[:index]:
            yield f"{path}[{index}].name", "must differ from the names before it."


def _number(path: str, number: Decimal | None, *, most: Decimal = MAX_NUMBER, decimals: int = 6) -> Iterator[Problem]:
    """A number that is not from 0 up to the most, of so many decimals."""
    if number is None:
        return
    is_in_range = _is_short(number) and not number.is_signed() and number <= most
    if not is_in_range or number % Decimal(1).scaleb(-decimals):
        yield path, f"must be at least 0 and at most {most}, with {decimals} decimals at the most."


def _is_short(number: Decimal) -> bool:
    """Whether it is a number of which few zeros are not written: 0e-99999999, in full, would take seconds."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) <= MAX_EXPONENT


def _percent(path: str, percent: Decimal) -> Iterator[Problem]:
    yield from _number(path, percent, most=Decimal(100), decimals=4)


def _band_problems(band: Band, *, path: str) -> Iterator[Problem]:
    if not 1 <= len(band.blocks) <= MAX_BLOCKS:
        yield f"{path}.blocks", f"must have 1 to {MAX_BLOCKS} entries."
    for index, block in enumerate(band.blocks):
        yield from _number(f"{path}.blocks[{index}].unit_price", block.unit_price)
        yield from _number(f"{path}.blocks[{index}].from_kwh", block.from_kwh)
    yield from _order_problems(band.blocks, path=path)
    if len(band.windows) > MAX_WINDOWS:
        yield f"{path}.windows", f"must have {MAX_WINDOWS} entries at most."
    for index, window in enumerate(band.windows):
        yield from _window_problems(window, path=f"{path}.windows[{index}]")


def _order_problems(blocks: Sequence[Block], *, path: str) -> Iterator[Problem]:
    if blocks[0].from_kwh != 0:
        yield f"{path}.blocks[0].from_kwh", "must be 0: the first block begins with the month."
    for index, (before, after) in enumerate(pairwise(blocks), 1):
        if after.from_kwh <= before.from_kwh:
            yield f"{path}.blocks[{index}].from_kwh", f"must be above {before.from_kwh}, where the block before begins."


def _window_problems(window: Window, *, path: str) -> Iterator[Problem]:
    if not 0 <= window.from_minute < MINUTES_A_DAY:
        yield f"{path}.from", "must be a local time from 00:00 to 23:59."
    if not 0 <= window.to_minute <= MINUTES_A_DAY:
        yield f"{path}.to", "must be a local time from 00:00 to 24:00."
    if not window.weekdays or not window.weekdays <= EVERY_DAY:
        yield f"{path}.weekdays", "must name one day of the week at least, or be left out for all of them."
    if not window.months or not window.months <= EVERY_MONTH:
        yield f"{path}.months", "must have one month from 1 to 12 at least, or be left out for all of them."


def _charge_problems(tariff: Tariff) -> Iterator[Problem]:
    charges, taxes = tariff.standing_charges, tariff.taxes
    yield from _listed("standing_charges", charges, most=MAX_ITEMS, names=[charge.name for charge in charges])
    for index, charge in enumerate(charges):
        yield from _number(f"standing_charges[{index}].amount", charge.amount)
    yield from _number("minimum_charge", tariff.minimum_charge)
    yield from _listed("taxes", taxes, most=MAX_ITEMS, names=[tax.name for tax in taxes])
    for index, tax in enumerate(taxes):
        yield from _percent(f"taxes[{index}].percent", tax.percent)
    if tariff.tax_percent > MAX_TAX_PERCENT:
        yield "taxes", f"must be at most {MAX_TAX_PERCENT} % of the price of energy together."


def _vending_problems(vending: Vending, *, tariff: Tariff) -> Iterator[Problem]:
    fees = vending.fees
    yield from _listed("vending.fees", fees, most=MAX_ITEMS, names=[fee.name for fee in fees])
    for index, fee in enumerate(fees):
        yield from _number(f"vending.fees[{index}].amount", fee.amount)
        yield from _percent(f"vending.fees[{index}].percent", fee.percent)
    if duty := vending.stamp_duty:
        yield from _number("vending.stamp_duty.amount", duty.amount)
        yield from _number("vending.stamp_duty.above", duty.above)
    yield from _number("vending.minimum", vending.minimum)
    yield from _percent("vending.debt_percent", vending.debt_percent)
    deducted = [tax.percent for tax in tariff.taxes] if vending.taxes is TaxMethod.DEDUCTED else []
    if sum([vending.debt_percent, *(fee.percent for fee in fees), *deducted]) > MAX_DEDUCTED_PERCENT:
        whole = "with the fees' percent and the taxes that are deducted"
        yield "vending.debt_percent", f"must be at most {MAX_DEDUCTED_PERCENT} together {whole}: the rest buys energy."
