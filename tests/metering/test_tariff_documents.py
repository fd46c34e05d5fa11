"""Tariffs as data: read, written back the same, and refused with the path of what is wrong."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.money import Money
from metering.refusals import Refused
from metering.tariffs.checks import FIRST_DAY, LAST_DAY
from metering.tariffs.document_shapes import TariffDocument
from metering.tariffs.documents import document_of, tariff_of
from metering.tariffs.examples import examples
from metering.tariffs.receipts import vend
from metering.tariffs.rules import (
    EVERY_DAY,
    EVERY_MONTH,
    Band,
    Block,
    Fee,
    Recurrence,
    StampDuty,
    StandingCharge,
    Tariff,
    Tax,
    TaxBase,
    TaxMethod,
    Vending,
    Window,
    flat,
)

TWO_RATES: dict[str, Any] = {
    "name": "Two rates",
    "valid_from": "2026-01-01",
    "currency": "EUR",
    "bands": [
        {
            "name": "Day",
            "blocks": [{"from_kwh": "0", "unit_price": "0.30"}, {"from_kwh": "100", "unit_price": "0.35"}],
            "windows": [{"from": "06:00", "to": "22:00"}],
        },
        {"name": "Night", "unit_price": "0.20", "windows": [{"from": "22:00", "to": "06:00"}]},
    ],
    "standing_charges": [{"name": "Base", "amount": "9.50", "per": "MONTH"}],
    "taxes": [{"name": "VAT", "percent": "19"}],
    "vending": {"fees": [{"name": "Card", "percent": "1.5"}], "debt_percent": "20"},
    "time_zone": "Europe/Berlin",
}


def test_a_document_says_a_tariff() -> None:
    assert tariff_of(TWO_RATES) == Tariff(
        "Two rates",
        date(2026, 1, 1),
        "EUR",
        (
            Band(
                "Day",
                (Block(Decimal(0), Decimal("0.30")), Block(Decimal(100), Decimal("0.35"))),
                (Window(360, 1320),),
            ),
            Band("Night", (Block(Decimal(0), Decimal("0.20")),), (Window(1320, 360),)),
        ),
        standing_charges=(StandingCharge("Base", Decimal("9.50"), Recurrence.MONTH),),
        taxes=(Tax("VAT", Decimal(19)),),
        vending=Vending(fees=(Fee("Card", percent=Decimal("1.5")),), debt_percent=Decimal(20)),
        time_zone="Europe/Berlin",
    )


def test_a_document_is_plain_data_that_comes_back_as_it_was() -> None:
    assert document_of(tariff_of(TWO_RATES)) == TWO_RATES
    assert json.loads(json.dumps(document_of(tariff_of(TWO_RATES)))) == TWO_RATES


def test_one_price_has_a_short_form() -> None:
    short = {"name": "Flat", "valid_from": "2024-05-06", "currency": "NGN", "unit_price": "206.80"}
    one = flat("Flat", valid_from=date(2024, 5, 6), unit_price=Decimal("206.80"), currency="NGN")
    assert tariff_of(short) == one
    assert document_of(one) == short
    assert tariff_of({**short, "unit_price": 206.8}) == one


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    document = deepcopy(TWO_RATES)
    change(document)
    return document


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("colour", lambda d: d.update(colour="red")),
        ("name", lambda d: d.pop("name")),
        ("name", lambda d: d.update(name=" ")),
        ("valid_from", lambda d: d.update(valid_from="01.02.2026")),
        ("valid_from", lambda d: d.update(valid_from="1969-12-31")),
        ("currency", lambda d: d.update(currency="XXX")),
        ("currency", lambda d: d.update(currency="eur")),
        ("time_zone", lambda d: d.update(time_zone="Mars/Olympus")),
        ("time_zone", lambda d: d.update(time_zone="../etc/passwd")),
        ("note", lambda d: d.update(note="")),
        ("unit_price", lambda d: d.update(unit_price="1")),
        ("unit_price", lambda d: d.pop("bands")),
        ("bands", lambda d: d.update(bands=[])),
        ("bands", lambda d: d.update(bands=[{"name": "Free", "unit_price": "0"}])),
        ("bands[1].name", lambda d: d["bands"][1].update(name="Day")),
        ("bands[1].price", lambda d: d["bands"][1].update(price="1")),
        ("bands[1].unit_price", lambda d: d["bands"][1].update(blocks=[])),
        ("bands[1].unit_price", lambda d: d["bands"][1].update(unit_price="NaN")),
        ("bands[1].unit_price", lambda d: d["bands"][1].update(unit_price="-0.01")),
        ("bands[1].unit_price", lambda d: d["bands"][1].update(unit_price="100000000.01")),
        ("bands[1].unit_price", lambda d: d["bands"][1].update(unit_price="0.0000001")),
        ("bands[1].unit_price", lambda d: d["bands"][1].update(unit_price="1e999999")),
        ("bands[0].blocks", lambda d: d["bands"][0].update(blocks=[])),
        ("bands[0].blocks[0].from_kwh", lambda d: d["bands"][0]["blocks"][0].update(from_kwh="1")),
        ("bands[0].blocks[1].from_kwh", lambda d: d["bands"][0]["blocks"][1].update(from_kwh="0")),
        ("bands[0].windows[0].to", lambda d: d["bands"][0]["windows"][0].update(to="24:01")),
        ("bands[0].windows[0].from", lambda d: d["bands"][0]["windows"][0].update({"from": "6:00"})),
        ("bands[0].windows[0].from", lambda d: d["bands"][0]["windows"][0].update({"from": "24:00"})),
        ("bands[0].windows[0].weekdays", lambda d: d["bands"][0]["windows"][0].update(weekdays=[])),
        ("bands[0].windows[0].weekdays[0]", lambda d: d["bands"][0]["windows"][0].update(weekdays=["MON"])),
        ("bands[0].windows[0].months", lambda d: d["bands"][0]["windows"][0].update(months=[13])),
        ("standing_charges[0].per", lambda d: d["standing_charges"][0].update(per="YEAR")),
        ("standing_charges[0].amount", lambda d: d["standing_charges"][0].update(amount="-1")),
        ("minimum_charge", lambda d: d.update(minimum_charge="Infinity")),
        ("minimum_charge", lambda d: d.update(minimum_charge="0e-99999999")),
        ("minimum_charge", lambda d: d.update(minimum_charge="-0")),
        ("taxes[0].percent", lambda d: d["taxes"][0].update(percent="100.01")),
        ("taxes[0].percent", lambda d: d["taxes"][0].update(percent="0e99999999")),
        ("taxes[0].on", lambda d: d["taxes"][0].update(on="ALL")),
        ("taxes", lambda d: d.update(taxes=[{"name": str(n), "percent": "100", "on": "COMPOUND"} for n in range(3)])),
        ("taxes[1].name", lambda d: d["taxes"].append({"name": "VAT", "percent": "1"})),
        ("vending.fees[0].percent", lambda d: d["vending"]["fees"][0].update(percent="-1")),
        ("vending.debt_percent", lambda d: d["vending"].update(debt_percent="94")),
        ("vending.debt_percent", lambda d: d["vending"].update(debt_percent="79", taxes="DEDUCTED")),
        ("vending.stamp_duty.above", lambda d: d["vending"].update(stamp_duty={"amount": "1", "above": "-1"})),
    ],
)
def test_what_is_wrong_is_refused_with_its_path(path: str, change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(Refused) as refusal:
        tariff_of(changed(change))
    assert (refusal.value.code, refusal.value.field) == ("BAD_TARIFF", path)
    assert f"`{path}`" in refusal.value.message


FLAT = {"name": "A", "valid_from": "2026-01-01", "currency": "NGN", "unit_price": "1"}
ONE_WINDOW = {"name": "A", "valid_from": "2026-01-01", "currency": "NGN"}


def windowed(**window: Any) -> dict[str, Any]:
    return ONE_WINDOW | {"bands": [{"name": "Peak", "unit_price": "1", "windows": [window]}]}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (FLAT | {"unit_price": "-5"}, "`unit_price` must be at least 0 and at most 100000000, with 6 decimals"),
        (FLAT | {"unit_price": "0"}, "`unit_price` must have a price above 0."),
        (FLAT | {"unit_price": "five"}, "`unit_price` must be a number as text, like 209.50."),
        (FLAT | {"valid_from": "2026-13-01"}, "`valid_from` must be a day like 2026-03-01."),
        (ONE_WINDOW | {"valid_from": 5}, "`valid_from` must be a day like 2026-03-01."),
        ({"name": "A", "currency": "NGN"}, "`valid_from` is missing: it must be a day like 2026-03-01."),
        (FLAT | {"price": "5"}, "`price` is no key there: there are `name`, `valid_from`, `currency`, `unit_price`,"),
        (windowed(til="22:00"), "`bands[0].windows[0].til` is no key there: there are `from`, `to`, `weekdays`, `mont"),
        (windowed(weekdays=["MON"]), "`bands[0].windows[0].weekdays[0]` must be MONDAY, TUESDAY, WEDNESDAY, THURSDAY,"),
        (FLAT | {"taxes": [{"name": "VAT", "percent": "1", "on": "ALL"}]}, "`taxes[0].on` must be ENERGY, NET or COMP"),
        (FLAT | {"name": 7}, "`name` must be text."),
        (FLAT | {"taxes": {}}, "`taxes` must be a list."),
    ],
)
def test_what_is_accepted_is_said_in_words(document: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as refusal:
        tariff_of(document)
    assert refusal.value.message.startswith(message)


@pytest.mark.parametrize("document", [[], "x", None, {"bands": {}}])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(Refused, match="BAD_TARIFF"):
        tariff_of(document)


def banded(*bands: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    found = [{"name": name, "unit_price": "1", "windows": windows} for name, windows in bands]
    return {"name": "Rates", "valid_from": "2026-01-01", "currency": "EUR", "bands": found}


WORKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]


@pytest.mark.parametrize(
    ("path", "words", "document"),
    [
        (
            "bands[1].windows[0]",
            "Peak and Night both have Monday 21:30 in January",
            banded(("Peak", [{"from": "06:00", "to": "22:00"}]), ("Night", [{"from": "21:30", "to": "06:00"}])),
        ),
        (
            "bands[0].windows[0]",
            "Night and Peak both have Saturday 05:00 in January",
            banded(
                ("Peak", [{"from": "05:00", "to": "22:00", "weekdays": ["SATURDAY"]}]),
                ("Night", [{"from": "22:00", "to": "06:00", "weekdays": ["FRIDAY"]}]),
                ("Rest", []),
            ),
        ),
        (
            "bands",
            "Monday 22:00 in January, between Day and midnight",
            banded(("Night", [{"from": "00:00", "to": "06:00"}]), ("Day", [{"from": "06:00", "to": "22:00"}])),
        ),
        (
            "bands",
            "Saturday 06:00 in January, between Night and Night",
            banded(
                ("Day", [{"from": "06:00", "to": "22:00", "weekdays": WORKDAYS}]),
                ("Night", [{"from": "22:00", "to": "06:00"}]),
            ),
        ),
        (
            "bands",
            "Monday 00:00 in February",
            banded(("All", [{"months": [month for month in range(1, 13) if month != 2]}])),
        ),
        (
            "bands[2].windows[0]",
            "Summer night and Winter morning both have Monday 05:00 when it is 1 January",
            banded(
                ("Day", [{"from": "06:00", "to": "22:00"}]),
                ("Winter night", [{"from": "22:00", "to": "05:00", "months": [1, 2, 3]}]),
                ("Winter morning", [{"from": "05:00", "to": "06:00", "months": [1, 2, 3]}]),
                ("Summer night", [{"from": "22:00", "to": "06:00", "months": list(range(4, 13))}]),
            ),
        ),
        ("bands[2].windows", "One has all hours", banded(("Day", [{"to": "06:00"}]), ("One", []), ("Other", []))),
    ],
)
def test_hours_of_two_bands_or_of_none_are_refused_with_the_first_of_them(
    path: str, words: str, document: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refusal:
        tariff_of(document)
    assert (refusal.value.code, refusal.value.field) == ("BAD_TARIFF", path)
    assert words in refusal.value.message


def test_bands_may_meet_at_midnight_last_over_it_and_change_with_the_season() -> None:
    tariff_of(
        banded(
            ("Night", [{"from": "22:00", "to": "06:00"}]),
            ("Summer", [{"from": "06:00", "to": "22:00", "months": [4, 5, 6, 7, 8, 9]}]),
            ("Winter", [{"from": "06:00", "to": "22:00", "months": [1, 2, 3, 10, 11, 12], "weekdays": WORKDAYS}]),
            ("Rest", []),
        )
    )
    tariff_of(banded(("One", [{"from": "07:00", "to": "07:00"}])))


names = st.text(st.characters(codec="utf-8", categories=["L", "N", "S"]), min_size=1, max_size=9)
numbers = st.decimals(0, 99_999_999, places=6)
percents = st.decimals(0, 20, places=4)
unique = {"max_size": 3, "unique_by": lambda part: part.name}


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    steps = st.lists(st.integers(1, 1000), unique=True, max_size=3).map(lambda found: (0, *sorted(found)))
    prices = st.decimals("0.000001", 99_999_999, places=6)
    blocks = steps.map(lambda found: [Decimal(step) for step in found])
    hour = draw(st.integers(0, 23))
    windows = draw(st.sampled_from([(), (Window(hour * 60, 1440), Window(0, hour * 60))])) if hour else ()
    months = draw(st.frozensets(st.sampled_from(sorted(EVERY_MONTH)), min_size=1))
    weekdays = draw(st.frozensets(st.sampled_from(sorted(EVERY_DAY)), min_size=1))
    parts = tuple(Window(window.from_minute, window.to_minute, weekdays, months) for window in windows)
    rest = Band(draw(names), tuple(Block(from_kwh, draw(prices)) for from_kwh in draw(blocks)))
    other = Band(rest.name + "2", (Block(Decimal(0), draw(prices)),), parts)
    vending = Vending(
        fees=tuple(draw(st.lists(st.builds(Fee, names, numbers, percents), **unique))),
        stamp_duty=draw(st.none() | st.builds(StampDuty, numbers, numbers)),
        debt_percent=draw(percents),
        minimum=draw(st.none() | numbers),
        taxes=draw(st.sampled_from([TaxMethod.ADDED])),
    )
    texts = st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
    return Tariff(
        name=draw(names),
        valid_from=draw(st.dates(FIRST_DAY, LAST_DAY)),
        currency=draw(st.sampled_from(["NGN", "JPY", "KWD"])),
        bands=(other, rest) if parts else (rest,),
        standing_charges=tuple(
            draw(st.lists(st.builds(StandingCharge, names, numbers, st.sampled_from(Recurrence)), **unique))
        ),
        minimum_charge=draw(st.none() | numbers),
        taxes=tuple(draw(st.lists(st.builds(Tax, names, percents, st.sampled_from(TaxBase)), **unique))),
        vending=vending,
        time_zone=draw(st.sampled_from([None, "Africa/Lagos"])),
        note=draw(texts),
        source=draw(texts),
    )


@settings(max_examples=40)
@given(tariffs())
def test_every_tariff_comes_back_from_its_document(tariff: Tariff) -> None:
    document = document_of(tariff)
    assert tariff_of(json.loads(json.dumps(document))) == tariff
    assert document_of(tariff_of(document)) == document
    assert msgspec.convert(document, TariffDocument)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(key=st.sampled_from(sorted(TWO_RATES)), value=json_values)
def test_anything_else_is_a_tariff_or_refused(key: str, value: object) -> None:
    try:
        tariff_of({**TWO_RATES, key: value})
    except Refused as refused:
        assert refused.code == "BAD_TARIFF"  # noqa: PT017 - the rest is a tariff, such as one without taxes


EXAMPLES = {example.id: example for example in examples()}


def test_examples_are_marked_and_say_where_they_are_from() -> None:
    assert len(EXAMPLES) >= 14
    for example in EXAMPLES.values():
        assert example.tariff.note
        assert example.tariff.note.startswith("Example, check with your utility.")
        assert example.tariff.source
        assert document_of(example.tariff) == example.document


@pytest.mark.parametrize(
    ("example", "paid", "units"),
    [
        ("id-r1-900-rtm", "50000", "36.094"),
        ("id-r1-1300-2200", "200000", "135.114"),
        ("id-r2-3500-5500", "200000", "114.149"),
        ("ng-band-a", "5000", "22.491"),
    ],
)
def test_examples_buy_what_their_sources_reckon(example: str, paid: str, units: str) -> None:
    tariff = EXAMPLES[example].tariff
    receipt = vend(Money(Decimal(paid), tariff.currency), tariff, at=datetime(2026, 3, 3, tzinfo=ZoneInfo("UTC")))
    assert receipt.units_kwh == Decimal(units)
