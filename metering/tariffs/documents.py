"""Turns a tariff as data, like a JSON file that somebody wrote, into a tariff, and back."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec

from metering.refusals import Refused
from metering.tariffs import rules
from metering.tariffs.checks import checked
from metering.tariffs.document_problems import as_written, unreadable
from metering.tariffs.document_shapes import (
    BandDocument,
    BlockDocument,
    FeeDocument,
    StampDutyDocument,
    StandingChargeDocument,
    TariffDocument,
    TaxDocument,
    VendingDocument,
    WindowDocument,
)
from metering.tariffs.times import WEEKDAYS, Weekday, clock_time, minute_of

_ZERO = Decimal(0)


def tariff_of(document: Mapping[str, Any]) -> rules.Tariff:
    """The tariff that a document says, checked.

    Raises:
        Refused: BAD_TARIFF with the first thing that is wrong; `field` is its path, like `bands[1].windows[0].to`.
    """
    try:
        found = msgspec.convert(document, TariffDocument)
    except msgspec.ValidationError as error:
        raise unreadable(str(error)) from None
    try:
        return checked(_tariff(found))
    except Refused as refused:
        raise as_written(refused, document) from None


def document_of(tariff: rules.Tariff) -> dict[str, Any]:
    """The plain data that `tariff_of` reads back: decimals as texts, days as 2024-05-06, what is usual left out."""
    only = tariff.bands[0]
    is_short = tariff.bands == (rules.Band(tariff.name, (rules.Block(Decimal(0), only.blocks[0].unit_price),)),)
    document = TariffDocument(
        name=tariff.name,
        valid_from=tariff.valid_from,
        currency=tariff.currency,
        unit_price=_plain(tariff.unit_price) if is_short else None,
        bands=None if is_short else [_band_document(band) for band in tariff.bands],
        standing_charges=[
            StandingChargeDocument(name=charge.name, amount=_plain(charge.amount), per=charge.per.value)
            for charge in tariff.standing_charges
        ],
        minimum_charge=None if tariff.minimum_charge is None else _plain(tariff.minimum_charge),
        taxes=[TaxDocument(name=tax.name, percent=_plain(tax.percent), on=tax.on.value) for tax in tariff.taxes],
        vending=None if tariff.vending == rules.Vending() else _vending_document(tariff.vending),
        time_zone=tariff.time_zone,
        note=tariff.note,
        source=tariff.source,
    )
    return cast("dict[str, Any]", msgspec.to_builtins(document))


def _plain(number: Decimal) -> Decimal:
    """The number as people write it: 1000, not 1E+3."""
    return Decimal(format(number, "f"))


def _given(number: Decimal) -> Decimal | None:
    """The same; None for 0, which is left out."""
    return _plain(number) if number else None


def _bad(path: str, accepted: str) -> Refused:
    return Refused("BAD_TARIFF", f"`{path}` {accepted}", path)


def _tariff(document: TariffDocument) -> rules.Tariff:
    vending = document.vending or VendingDocument()
    return rules.Tariff(
        name=document.name,
        valid_from=document.valid_from,
        currency=document.currency,
        bands=_bands(document),
        standing_charges=tuple(
            rules.StandingCharge(charge.name, charge.amount, rules.Recurrence(charge.per))
            for charge in document.standing_charges
        ),
        minimum_charge=document.minimum_charge,
        taxes=tuple(rules.Tax(tax.name, tax.percent, rules.TaxBase(tax.on)) for tax in document.taxes),
        vending=rules.Vending(
            fees=tuple(rules.Fee(fee.name, fee.amount or _ZERO, fee.percent or _ZERO) for fee in vending.fees),
            stamp_duty=vending.stamp_duty and rules.StampDuty(vending.stamp_duty.amount, vending.stamp_duty.above),
            debt_percent=vending.debt_percent or _ZERO,
            minimum=vending.minimum,
            taxes=rules.TaxMethod(vending.taxes),
        ),
        time_zone=document.time_zone,
        note=document.note,
        source=document.source,
    )


def _bands(document: TariffDocument) -> tuple[rules.Band, ...]:
    if (document.unit_price is None) == (document.bands is None):
        raise _bad("unit_price", "must be given where there are no `bands`, and only there.")
    if document.bands is None:
        return (rules.Band(document.name, _blocks(document.unit_price, None, path="")),)
    return tuple(_band(band, path=f"bands[{index}].") for index, band in enumerate(document.bands))


def _band(band: BandDocument, *, path: str) -> rules.Band:
    windows = tuple(_window(window, path=f"{path}windows[{index}].") for index, window in enumerate(band.windows))
    return rules.Band(band.name, _blocks(band.unit_price, band.blocks, path=path), windows)


def _blocks(
    unit_price: Decimal | None, blocks: Sequence[BlockDocument] | None, *, path: str
) -> tuple[rules.Block, ...]:
    if blocks is not None and unit_price is None:
        return tuple(rules.Block(block.from_kwh, block.unit_price) for block in blocks)
    if unit_price is None or blocks is not None:
        raise _bad(f"{path}unit_price", "must be given where there are no `blocks`, and only there.")
    if not unit_price.is_finite():
        raise _bad(f"{path}unit_price", "must be a number.")
    return (rules.Block(Decimal(0), unit_price),)


def _window(window: WindowDocument, *, path: str) -> rules.Window:
    weekdays = rules.EVERY_DAY if window.weekdays is None else frozenset(map(WEEKDAYS.index, window.weekdays))
    return rules.Window(
        from_minute=_minute(window.from_, path=f"{path}from"),
        to_minute=_minute(window.to, path=f"{path}to"),
        weekdays=weekdays,
        months=rules.EVERY_MONTH if window.months is None else frozenset(window.months),
    )


def _minute(text: str, *, path: str) -> int:
    minute = minute_of(text)
    if minute is None:
        raise _bad(path, "must be a local time like 07:00, up to 24:00.")
    return minute


def _band_document(band: rules.Band) -> BandDocument:
    is_one_price = len(band.blocks) == 1
    blocks = [BlockDocument(from_kwh=_plain(one.from_kwh), unit_price=_plain(one.unit_price)) for one in band.blocks]
    return BandDocument(
        name=band.name,
        unit_price=blocks[0].unit_price if is_one_price else None,
        blocks=None if is_one_price else blocks,
        windows=[_window_document(window) for window in band.windows],
    )


def _window_document(window: rules.Window) -> WindowDocument:
    weekdays: list[Weekday] = [WEEKDAYS[day] for day in sorted(window.weekdays)]
    return WindowDocument(
        from_=clock_time(window.from_minute),
        to=clock_time(window.to_minute),
        weekdays=None if window.weekdays == rules.EVERY_DAY else weekdays,
        months=None if window.months == rules.EVERY_MONTH else sorted(window.months),
    )


def _vending_document(vending: rules.Vending) -> VendingDocument:
    duty = vending.stamp_duty
    return VendingDocument(
        fees=[
            FeeDocument(name=fee.name, amount=_given(fee.amount), percent=_given(fee.percent)) for fee in vending.fees
        ],
        stamp_duty=duty and StampDutyDocument(amount=_plain(duty.amount), above=_plain(duty.above)),
        debt_percent=_given(vending.debt_percent),
        minimum=None if vending.minimum is None else _plain(vending.minimum),
        taxes=vending.taxes.value,
    )
