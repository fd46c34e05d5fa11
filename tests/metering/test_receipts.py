"""What a payment buys, line by line, and what has to be paid for units: held to a search over every amount."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from metering.currencies import cent_of
from metering.money import MAX_AMOUNT, Money
from metering.refusals import Refused
from metering.tariffs.checks import checked
from metering.tariffs.documents import document_of, tariff_of
from metering.tariffs.receipts import Receipt, ReceiptKind, quote, vend
from metering.tariffs.rules import (
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

AT = datetime(2026, 3, 3, 12, tzinfo=ZoneInfo("Asia/Jakarta"))
PPJ = Tax("PPJ", Decimal(3))
MATERAI = StampDuty(Decimal(10_000), Decimal(5_000_000))


def one_price(
    price: str = "1444.70", *, currency: str = "IDR", taxes: tuple[Tax, ...] = (), vending: Vending | None = None
) -> Tariff:
    band = Band("R1", (Block(Decimal(0), Decimal(price)),))
    return checked(Tariff("R1", date(2026, 1, 1), currency, (band,), taxes=taxes, vending=vending or Vending()))


def pay(amount: str, tariff: Tariff, **rest: object) -> Receipt:
    paid = Money(Decimal(amount), tariff.currency)
    return vend(paid, tariff, at=AT, **rest)  # pyright: ignore[reportArgumentType]


def lines(receipt: Receipt) -> dict[str, Decimal]:
    return {line.name: line.amount for line in receipt.lines}


def test_plns_worked_example_takes_the_tax_off_the_payment() -> None:
    receipt = pay("50000", one_price(taxes=(PPJ,), vending=Vending(taxes=TaxMethod.DEDUCTED)))
    assert lines(receipt) == {"PPJ": 1500, "R1": 48500}
    assert (receipt.units_kwh, receipt.energy, receipt.unit_price) == (Decimal("33.570"), 48500, Decimal("1444.70"))
    assert [line.percent for line in receipt.lines] == [3, None]


def test_a_tax_that_is_added_is_a_percentage_of_what_the_energy_costs() -> None:
    receipt = pay("5000", one_price("206.80", currency="NGN", taxes=(Tax("VAT", Decimal("7.5")),)))
    assert lines(receipt) == {"VAT": Decimal("348.84"), "R1": Decimal("4651.16")}
    assert receipt.units_kwh == Decimal("22.491")


@pytest.mark.parametrize(
    ("amount", "price", "vat", "units"),
    [
        ("1500", "1500", "0", "1.000"),
        ("1499.99", "1500", "0", "0.999"),
        ("50000", "1444.70", "3", "33.601"),
        ("222.31", "206.80", "7.5", "1.000"),
        ("222.30", "206.80", "7.5", "0.999"),
        ("0.02", "0.01", "100", "1.000"),
        ("100000", "1", "0", "100000.000"),
        ("1000000000", "10000", "0", "100000.000"),
    ],
)
def test_money_buys_units_rounded_down_to_a_watt_hour(amount: str, price: str, vat: str, units: str) -> None:
    assert pay(amount, one_price(price, taxes=(Tax("VAT", Decimal(vat)),))).units_kwh == Decimal(units)


@pytest.mark.parametrize(("paid", "duty"), [("5000000", 0), ("5000000.01", 10_000)])
def test_the_stamp_duty_is_due_above_its_amount(paid: str, duty: int) -> None:
    receipt = pay(paid, one_price(vending=Vending(stamp_duty=MATERAI)))
    assert lines(receipt).get("Stamp duty", 0) == duty
    assert receipt.energy == Decimal(paid) - duty


def test_fees_standing_charges_and_debt_go_off_before_the_energy_in_the_order_of_a_receipt() -> None:
    vending = Vending(
        fees=(Fee("Service", amount=Decimal(100)), Fee("Card", percent=Decimal("1.5"))),
        stamp_duty=StampDuty(Decimal(50), Decimal(1000)),
        debt_percent=Decimal(30),
    )
    tariff = one_price("10", currency="NGN", taxes=(Tax("VAT", Decimal(10)),), vending=vending)
    standing = (StandingCharge("Meter", Decimal(200), Recurrence.MONTH),)
    receipt = pay("10000", tariff, debt=Decimal("5000.50"), standing_due=standing)
    assert lines(receipt) == {
        "Stamp duty": 50,
        "Service": 100,
        "Card": 150,
        "Meter": 200,
        "Debt": 3000,
        "VAT": Decimal("609.09"),  # on 5,890.91 of energy and the 200
        "R1": Decimal("5890.91"),
    }
    assert [line.kind for line in receipt.lines] == sorted(
        (line.kind for line in receipt.lines), key=list(ReceiptKind).index
    )
    assert lines(pay("10000", tariff, debt=Decimal("12.34")))["Debt"] == Decimal("12.34")
    assert "Debt" not in lines(pay("10000", tariff))


def test_blocks_go_on_from_the_units_bought_before_in_the_month() -> None:
    band = Band("All", (Block(Decimal(0), Decimal(1)), Block(Decimal(50), Decimal(2)), Block(Decimal(100), Decimal(5))))
    tariff = checked(Tariff("Stepped", date(2026, 1, 1), "NGN", (band,)))
    assert pay("160", tariff).units_kwh == 102
    assert pay("160", tariff, bought_kwh=Decimal(40)).units_kwh == 70
    receipt = pay("160", tariff, bought_kwh=Decimal(100))
    assert (receipt.units_kwh, receipt.unit_price) == (32, 5)
    assert quote(Decimal(102), tariff, at=AT).gross.amount == 160


def test_a_tariff_with_bands_sells_at_the_band_of_the_moment_by_its_own_clock() -> None:
    night = Band("Night", (Block(Decimal(0), Decimal(1)),), (Window(0, 360),))
    day = Band("Day", (Block(Decimal(0), Decimal(2)),))
    tariff = checked(Tariff("Rates", date(2026, 1, 1), "NGN", (night, day), time_zone="Asia/Jakarta"))
    paid = Money(Decimal(10), "NGN")
    assert vend(paid, tariff, at=datetime(2026, 3, 3, 22, tzinfo=UTC)).units_kwh == 10
    assert vend(paid, tariff, at=datetime(2026, 3, 3, 3, tzinfo=UTC)).units_kwh == 5


@pytest.mark.parametrize(
    ("currency", "amount", "is_accepted"),
    [("JPY", "100", True), ("JPY", "100.5", False), ("KWD", "1.005", True), ("KWD", "1.0005", False)],
)
def test_an_amount_has_no_more_decimals_than_its_currency(currency: str, amount: str, *, is_accepted: bool) -> None:
    tariff = one_price("3", currency=currency, taxes=(Tax("VAT", Decimal(10)),))
    if is_accepted:
        assert all(not line.amount % cent_of(currency) for line in pay(amount, tariff).lines)
        return
    with pytest.raises(Refused, match=r"BAD_AMOUNT: .* decimals at the most"):
        pay(amount, tariff)


@pytest.mark.parametrize("amount", ["0", "-1", "1000000000.01", "10.005", "NaN", "Infinity", "1E+30"])
def test_an_absurd_amount_is_refused(amount: str) -> None:
    with pytest.raises(Refused, match="BAD_AMOUNT"):
        pay(amount, one_price())


def test_an_amount_that_buys_no_energy_or_too_much_of_it_is_refused() -> None:
    fees = one_price(vending=Vending(fees=(Fee("Service", Decimal(100)),)))
    with pytest.raises(Refused, match=r"100\.00 IDR go off it before energy"):
        pay("100", fees)
    with pytest.raises(Refused, match=r"`amount` must be more: it buys less than 0\.001 kWh"):
        pay("101.44", fees)
    with pytest.raises(Refused, match=r"`amount` must be less: it may buy at most 100,000 kWh"):
        pay("1000000", one_price("9.99"))
    with pytest.raises(Refused, match="must be at least 20000 IDR"):
        pay("19999", one_price(vending=Vending(minimum=Decimal(20_000))))


def test_another_currency_is_refused_with_the_one_that_is_accepted() -> None:
    with pytest.raises(Refused, match=r"BAD_CURRENCY: .* IDR"):
        vend(Money(Decimal(5), "NGN"), one_price(), at=AT)


def test_a_quote_over_the_stamp_duty_pays_it_too() -> None:
    tariff = one_price("1000", vending=Vending(stamp_duty=MATERAI))
    assert quote(Decimal(5000), tariff, at=AT).gross.amount == 5_000_000
    assert quote(Decimal("5000.001"), tariff, at=AT).gross.amount == 5_010_001


def test_a_quote_is_not_below_the_least_payment_and_may_buy_more() -> None:
    tariff = one_price("1000", vending=Vending(minimum=Decimal(20_000)))
    receipt = quote(Decimal(1), tariff, at=AT)
    assert (receipt.gross.amount, receipt.units_kwh) == (20_000, 20)


@pytest.mark.parametrize("units", ["0", "-1", "0.0001", "100000.001", "NaN"])
def test_an_absurd_quote_is_refused(units: str) -> None:
    with pytest.raises(Refused, match="BAD_AMOUNT: `unitsKwh`"):
        quote(Decimal(units), one_price(), at=AT)


percents = st.sampled_from([Decimal(text) for text in ("0", "1", "2.5", "7.5", "19", "33.3333")])
cents = st.decimals(0, 2, places=2)


@st.composite
def vended(draw: st.DrawFn) -> tuple[Tariff, dict[str, object]]:
    """A tariff with all that a top-up may bear, in amounts of a few cents, and a panel's debt and charges due."""
    steps = sorted(draw(st.sets(st.integers(1, 40), max_size=2)))
    price = st.decimals("0.01", 3, places=3)
    blocks = tuple(Block(Decimal(step) / 10, draw(price)) for step in (0, *steps))
    duty = st.builds(StampDuty, st.decimals(0, 2, places=4), st.decimals(0, 8, places=3))
    vending = Vending(
        fees=tuple(Fee(f"Fee {index}", draw(cents), draw(percents)) for index in range(draw(st.integers(0, 2)))),
        stamp_duty=draw(st.none() | duty),
        debt_percent=draw(percents),
        minimum=draw(st.none() | cents),
        taxes=draw(st.sampled_from(TaxMethod)),
    )
    taxes = tuple(
        Tax(f"Tax {base.value}", draw(percents), base) for base in draw(st.lists(st.sampled_from(TaxBase), unique=True))
    )
    try:
        tariff = checked(Tariff("T", date(2026, 1, 1), "EUR", (Band("All", blocks),), taxes=taxes, vending=vending))
    except Refused:
        assume(False)  # noqa: FBT003
        raise
    charge = StandingCharge("Base", draw(cents), Recurrence.MONTH)
    bought_kwh, debt = draw(st.decimals(0, 5, places=3)), draw(cents)
    return tariff, {"bought_kwh": bought_kwh, "debt": debt, "standing_due": (charge,) * draw(st.integers(0, 1))}


def bought(paid_cents: int, tariff: Tariff, **rest: object) -> Decimal:
    try:
        return pay(str(Decimal(paid_cents) / 100), tariff, **rest).units_kwh
    except Refused:
        return Decimal(0)


@settings(max_examples=50)
@given(asked=vended(), units_kwh=st.decimals("0.001", 6, places=3))
def test_a_quote_is_the_least_amount_that_buys_the_units(
    asked: tuple[Tariff, dict[str, object]], units_kwh: Decimal
) -> None:
    tariff, rest = asked
    receipt = quote(units_kwh, tariff, at=AT, **rest)  # pyright: ignore[reportArgumentType]
    assert receipt.units_kwh >= units_kwh
    paid_cents = int(receipt.gross.amount * 100)
    tried = {*range(max(1, paid_cents - 60), paid_cents), *range(1, paid_cents, 13)}
    assert all(bought(cheaper, tariff, **rest) < units_kwh for cheaper in tried)


def test_a_quote_is_the_least_amount_where_as_much_as_may_be_goes_off_it() -> None:
    fees = tuple(Fee(f"Fee {index}", Decimal("0.123"), Decimal("9.3")) for index in range(10))
    taxes = tuple(Tax(f"Tax {index}", Decimal("17.3"), TaxBase.COMPOUND) for index in range(10))
    vending = Vending(fees, StampDuty(Decimal(10), Decimal(100)), debt_percent=Decimal(2))
    tariff = one_price("0.3", currency="EUR", taxes=taxes, vending=vending)
    for units_kwh in (Decimal("0.001"), Decimal("1.5"), Decimal(40)):
        paid_cents = int(quote(units_kwh, tariff, at=AT, debt=Decimal(10)).gross.amount * 100)
        assert bought(paid_cents, tariff, debt=Decimal(10)) >= units_kwh
        cheaper = range(paid_cents - 100, paid_cents)
        assert all(bought(paid, tariff, debt=Decimal(10)) < units_kwh for paid in cheaper)


@given(asked=vended(), paid=st.decimals("0.01", 100, places=2))
def test_lines_add_up_to_what_was_paid_and_units_to_no_more_than_their_money(
    asked: tuple[Tariff, dict[str, object]], paid: Decimal
) -> None:
    tariff, rest = asked
    try:
        receipt = pay(str(paid), tariff, **rest)
    except Refused as refused:
        assert refused.code == "BAD_AMOUNT"  # noqa: PT017 - nothing is left for energy, or less than a watt-hour
        return
    assert sum(line.amount for line in receipt.lines) == paid == receipt.gross.amount
    assert all(line.amount > 0 and not line.amount % Decimal("0.01") for line in receipt.lines)
    prices = [block.unit_price for block in tariff.bands[0].blocks]
    assert receipt.units_kwh * min(prices) <= receipt.energy < (receipt.units_kwh + Decimal("0.001")) * max(prices)


@given(asked=vended(), paid=st.decimals(1, 100, places=2))
def test_an_old_receipt_comes_out_the_same_from_its_tariffs_snapshot(
    asked: tuple[Tariff, dict[str, object]], paid: Decimal
) -> None:
    tariff, rest = asked
    snapshot = tariff_of(document_of(tariff))
    assert bought(int(paid * 100), snapshot, **rest) == bought(int(paid * 100), tariff, **rest)


prices = st.decimals("0.000001", "99999999.999999", places=6)


@given(amount=st.decimals("0.01", MAX_AMOUNT, places=2), price=prices)
def test_a_watt_hour_more_would_cost_more_than_was_paid(amount: Decimal, price: Decimal) -> None:
    tariff = flat("Flat", valid_from=date(2026, 1, 1), unit_price=price, currency="IDR")
    try:
        units_kwh = vend(Money(amount, "IDR"), tariff, at=AT).units_kwh
    except Refused as refused:
        assert refused.code == "BAD_AMOUNT"  # noqa: PT017 - buys less than a watt-hour, or more than may be bought at once
        return
    assert units_kwh * price <= amount < (units_kwh + Decimal("0.001")) * price


def test_more_money_never_buys_fewer_units_but_where_the_duty_begins() -> None:
    tariff = one_price("1000", taxes=(PPJ,), vending=Vending(stamp_duty=MATERAI, taxes=TaxMethod.DEDUCTED))
    amounts = [str(4_990_000 + 500 * index) for index in range(60)]
    falls = [
        after for (_, low), (after, high) in pairwise((a, pay(a, tariff).units_kwh) for a in amounts) if high < low
    ]
    assert falls == ["5000500"]
