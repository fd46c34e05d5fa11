"""A panel's tariffs as they follow each other, each with its bands."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from metering.calendar_spans import DaysUpTo
from metering.tariffs.book import NO_TARIFFS
from metering.tariffs.cost import flat_cost
from store import summaries, tariffs
from tests.api.conftest import Site, reading

FLAT = """name validFrom validUntil timeZone currency isFlat unitPrice taxPercent priceWithTaxes minimumCharge
  note source
  bands { name blocks { fromKwh toKwh unitPrice priceWithTaxes } windows { fromTime } } standingCharges { name }
  taxes { name percent on } vending { fees { name } stampDuty { amount } debtPercent minimum taxes }"""


async def validity(site: Site, arguments: str = "") -> list[tuple[Any, ...]]:
    found = (await site.panel(f"tariffs{arguments} {{ name validFrom validUntil }}"))["tariffs"]
    return [(tariff["name"], tariff["validFrom"], tariff["validUntil"]) for tariff in found]


async def test_a_panels_own_tariffs_follow_the_default_ones_up_to_its_first(site: Site) -> None:
    site.add_panel("PM")
    for code, day, name in (
        (None, "2025-01-01", "Default 2025"),
        (None, "2026-02-01", "Default 2026"),
        ("PM", "2025-06-01", "Own"),
        ("PM", "2026-06-01", "Own, later"),
    ):
        site.add_tariff(code, day, "1500", name=name)
    expected = [
        ("Flat", "1970-01-01", "2025-01-01"),
        ("Default 2025", "2025-01-01", "2025-06-01"),
        ("Own", "2025-06-01", "2026-06-01"),
        ("Own, later", "2026-06-01", None),
    ]
    assert await validity(site) == expected
    assert await validity(site, '(from: "2025-05-31", to: "2025-06-01")') == expected[1:2]
    assert await validity(site, '(from: "2025-06-01", to: "2025-06-02")') == expected[2:3]
    assert await validity(site, '(from: "2026-05-31")') == expected[2:]
    assert await validity(site, '(to: "1970-01-01")') == []
    today = (await site.panel("tariff { name validUntil }"))["tariff"]
    assert today == {"name": "Own", "validUntil": "2026-06-01"}
    for at, name in (("2025-05-31T16:59:59Z", "Default 2025"), ("2025-05-31T17:00:00Z", "Own")):
        assert (await site.panel(f'tariff(at: "{at}") {{ name }}'))["tariff"]["name"] == name
    query = '{ panel(code: "PM") { tariffs(from: "2026-01-02", to: "2026-01-02") { name } } }'
    assert await site.code(query) == "BAD_RANGE"


async def test_a_flat_tariff_has_one_band_for_everything(site: Site) -> None:
    site.add_panel("PM", zone="Africa/Lagos")
    site.add_tariff("PM", "2026-01-01", "206.80", currency="NGN", vat_percent="7.5", name="Band A")
    assert (await site.panel(f"tariff {{ {FLAT} }}"))["tariff"] == {
        "name": "Band A",
        "validFrom": "2026-01-01",
        "validUntil": None,
        "timeZone": "Africa/Lagos",
        "currency": "NGN",
        "isFlat": True,
        "unitPrice": "206.8",
        "taxPercent": "7.5",
        "priceWithTaxes": "222.31",
        "minimumCharge": None,
        "note": None,
        "source": None,
        "bands": [
            {"name": "Band A", "windows": [],
             "blocks": [{"fromKwh": "0", "toKwh": None, "unitPrice": "206.8", "priceWithTaxes": "222.31"}]},
        ],
        "standingCharges": [],
        "taxes": [{"name": "VAT", "percent": "7.5", "on": "NET"}],
        "vending": {"fees": [], "stampDuty": None, "debtPercent": "0", "minimum": None, "taxes": "ADDED"},
    }  # fmt: skip


async def test_summaries_and_the_book_of_tariffs_agree_which_tariff_a_day_has(site: Site) -> None:
    first, dice = date(2026, 1, 1), random.Random(8)  # noqa: S311 - no secrets
    panel_id, total = site.add_panel("PM", zone="UTC"), 0.0
    used_kwh = {first + timedelta(days=number): dice.randrange(1, 40) / 10 for number in range(40)}
    readings = [reading(datetime(2025, 12, 31, tzinfo=UTC), 0.0)]
    for day, energy_kwh in used_kwh.items():
        total = round(total + energy_kwh, 1)
        readings.append(reading(datetime(day.year, day.month, day.day, 12, tzinfo=UTC), total))
    site.load("PM", readings)
    for _ in range(12):
        site.database.execute("DELETE FROM tariff")
        begun = [(owner, day) for owner in ("PM", None) for day in dice.sample(list(used_kwh), dice.randrange(5))]
        for owner, day in begun:
            price, currency = f"{dice.randrange(1, 2000)}.{dice.randrange(100):02}", dice.choice(["IDR", "EUR"])
            site.add_tariff(owner, day.isoformat(), price, currency=currency, vat_percent="7.5")
        starts = [first + timedelta(days=dice.randrange(40)) for _ in range(10)]
        spans = [(None, DaysUpTo(start, start + timedelta(days=dice.randrange(1, 20)))) for start in starts]
        async with site.pool.connection() as connection:
            found = await summaries.by_span(connection, viewer=site.admin, panel_ids=[panel_id], spans=spans)
            books = await tariffs.books(connection, viewer=site.admin, panel_ids=[panel_id])
        costs: dict[tuple[int, str | None], Decimal] = defaultdict(Decimal)
        for place, (_, days) in enumerate(spans):
            for day in (day for day in used_kwh if days.first_day <= day < days.end_day):
                tariff = books.get(panel_id, NO_TARIFFS).on(day)
                energy_kwh = Decimal(str(used_kwh[day]))
                costs[place, tariff and tariff.currency] += flat_cost(energy_kwh, tariff=tariff) if tariff else 0
        assert {(part.place, part.currency): part.cost for part in found} == costs
