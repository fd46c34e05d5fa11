"""A panel's tariffs as they follow each other, each with its bands."""

from typing import Any

from tests.api.conftest import Site

FLAT = """name validFrom validUntil timeZone currency unitPrice vatPercent priceWithVat
  bands { name unitPrice priceWithVat fromTime toTime weekdays months stepFromKwh stepToKwh }"""


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
    weekdays = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
    assert (await site.panel(f"tariff {{ {FLAT} }}"))["tariff"] == {
        "name": "Band A",
        "validFrom": "2026-01-01",
        "validUntil": None,
        "timeZone": "Africa/Lagos",
        "currency": "NGN",
        "unitPrice": "206.8",
        "vatPercent": "7.5",
        "priceWithVat": "222.31",
        "bands": [
            {"name": "Band A", "unitPrice": "206.8", "priceWithVat": "222.31", "fromTime": "00:00", "toTime": "24:00",
             "weekdays": weekdays, "months": list(range(1, 13)), "stepFromKwh": "0", "stepToKwh": None},
        ],
    }  # fmt: skip
