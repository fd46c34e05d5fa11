"""Landlords and admins set and remove tariffs: whole, checked, audited, and refused without a trace in prices."""

from datetime import datetime
from typing import Any

import pytest

from metering.access import Role, Viewer
from tests.api.conftest import Site

SET = """mutation ($input: SetTariffInput!) { setTariff(input: $input) {
  tariff { name validFrom validUntil timeZone currency isFlat unitPrice priceWithTaxes minimumCharge note source
    bands { name blocks { fromKwh toKwh unitPrice } windows { fromTime toTime weekdays months } }
    standingCharges { name amount per } taxes { name percent on }
    vending { fees { name amount percent } stampDuty { amount above } debtPercent minimum taxes } }
  panel { code } refusal { code field message } } }"""
REMOVE = """mutation ($input: RemoveTariffInput!) { removeTariff(input: $input) {
  tariff { name unitPrice } panel { code } refusal { code field } } }"""

PEAK: dict[str, Any] = {
    "name": "Two rates",
    "currency": "EUR",
    "timeZone": "Europe/Berlin",
    "bands": [
        {"name": "Peak", "unitPrice": "0.30", "windows": [
            {"fromTime": "06:00", "toTime": "22:00", "weekdays": ["MONDAY", "TUESDAY"], "months": [1, 2]}]},
        {"name": "Rest", "blocks": [{"fromKwh": "0", "unitPrice": "0.20"}, {"fromKwh": "100", "unitPrice": "0.25"}]},
    ],
    "standingCharges": [{"name": "Basic", "amount": "12.50", "per": "MONTH"}],
    "minimumCharge": "5",
    "taxes": [{"name": "VAT", "percent": "19"}],
    "vending": {"fees": [{"name": "Fee", "amount": "1"}], "stampDuty": {"amount": "2", "above": "500"},
                "debtPercent": "30", "minimum": "5", "taxes": "DEDUCTED"},
    "note": "A made-up one.",
    "source": "This test.",
}  # fmt: skip
FLAT: dict[str, Any] = {"name": "Flat", "currency": "NGN", "unitPrice": "206.80"}


async def set_(site: Site, tariff: dict[str, Any], *, viewer: Viewer | None = None, **others: Any) -> Any:
    given = {"tariff": tariff, "validFrom": "2026-03-01"} | others
    return (await site.ask(SET, viewer=viewer, input=given))["setTariff"]


def stored(site: Site) -> list[Any]:
    query = "SELECT panel.code, tariff.name FROM tariff LEFT JOIN panel ON panel.id = panel_id ORDER BY tariff.id"
    return site.database.execute(query).fetchall()


def audit(site: Site) -> list[Any]:
    query = "SELECT action, outcome, panel_code, account_id FROM audit_entry ORDER BY id"
    return site.database.execute(query).fetchall()


async def test_a_tariff_is_answered_as_it_was_given(site: Site) -> None:
    site.add_panel("PM")
    answer = await set_(site, PEAK, panelCode="PM")
    assert answer["refusal"] is None
    tariff = answer["tariff"]
    assert (tariff["name"], tariff["validFrom"], tariff["validUntil"]) == ("Two rates", "2026-03-01", None)
    assert (tariff["timeZone"], tariff["isFlat"], tariff["unitPrice"]) == ("Europe/Berlin", False, "0.30")
    assert tariff["priceWithTaxes"] == "0.357"
    assert tariff["bands"][0]["windows"] == PEAK["bands"][0]["windows"]
    assert (tariff["bands"][1]["name"], tariff["bands"][1]["windows"]) == ("Rest", [])
    assert tariff["bands"][1]["blocks"] == [
        {"fromKwh": "0", "toKwh": "100", "unitPrice": "0.20"},
        {"fromKwh": "100", "toKwh": None, "unitPrice": "0.25"},
    ]
    assert tariff["standingCharges"] == [{"name": "Basic", "amount": "12.50", "per": "MONTH"}]
    assert tariff["taxes"] == [{"name": "VAT", "percent": "19", "on": "NET"}]
    assert tariff["vending"] == {"fees": [{"name": "Fee", "amount": "1", "percent": "0"}], "minimum": "5",
                                 "stampDuty": {"amount": "2", "above": "500"}, "debtPercent": "30",
                                 "taxes": "DEDUCTED"}  # fmt: skip
    assert (tariff["minimumCharge"], tariff["note"], tariff["source"]) == ("5", "A made-up one.", "This test.")
    again = (await site.panel("tariff { name bands { name } standingCharges { amount } }"))["tariff"]
    assert again["bands"] == [{"name": "Peak"}, {"name": "Rest"}]
    assert audit(site) == [("SET_TARIFF", "DONE", "PM", site.admin.account_id)]


async def test_a_tariff_of_the_same_day_is_replaced_and_the_one_before_it_comes_back(site: Site) -> None:
    site.add_panel("PM")
    await set_(site, FLAT | {"name": "Later"}, panelCode="PM", validFrom="2026-04-01")
    for tariff in (FLAT, PEAK, FLAT | {"name": "Third"}):
        answer = await set_(site, tariff, panelCode="PM")
        assert answer["tariff"]["validUntil"] == "2026-04-01"
    assert [name for code, name in stored(site) if code] == ["Later", "Third"]
    answer = (await site.ask(REMOVE, input={"panelCode": "PM", "validFrom": "2026-03-01"}))["removeTariff"]
    assert answer == {"tariff": {"name": "Third", "unitPrice": "206.8"}, "panel": {"code": "PM"}, "refusal": None}
    assert (await site.panel("tariff { name }"))["tariff"]["name"] == "Flat"
    answer = (await site.ask(REMOVE, input={"panelCode": "PM", "validFrom": "2026-03-01"}))["removeTariff"]
    assert answer["refusal"] == {"code": "TARIFF_NOT_FOUND", "field": "validFrom"}


async def test_the_default_is_for_all_panels_without_their_own_and_set_by_admins(site: Site) -> None:
    landlord = site.add_person("lord@x.org", role=Role.LANDLORD)
    site.add_panel("PM", seen_by=[landlord])
    assert (await set_(site, FLAT, viewer=landlord))["refusal"]["code"] == "FORBIDDEN"
    answer = await set_(site, PEAK | {"timeZone": None})
    assert (answer["panel"], answer["tariff"]["timeZone"]) == (None, None)
    assert (await site.panel("tariff { name timeZone }"))["tariff"] == {"name": "Two rates", "timeZone": "Asia/Jakarta"}
    answer = (await site.ask(REMOVE, viewer=landlord, input={"validFrom": "2026-03-01"}))["removeTariff"]
    assert answer["refusal"]["code"] == "FORBIDDEN"
    assert [row[:3] for row in audit(site)] == [
        ("SET_TARIFF", "FORBIDDEN", None), ("SET_TARIFF", "DONE", None), ("REMOVE_TARIFF", "FORBIDDEN", None),
    ]  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
async def test_landlords_set_prices_of_what_they_see_and_tenants_of_nothing(site: Site, role: Role) -> None:
    person = site.add_person("who@x.org", role=role)
    site.add_panel("OWN", seen_by=[person])
    site.add_panel("OTHER")
    expected = {
        Role.TENANT: ["FORBIDDEN", "FORBIDDEN", "FORBIDDEN"],
        Role.LANDLORD: [None, "PANEL_NOT_FOUND", "PANEL_NOT_FOUND"],
        Role.ADMIN: [None, None, "PANEL_NOT_FOUND"],
    }[role]
    answers = [await set_(site, FLAT, viewer=person, panelCode=code) for code in ("OWN", "OTHER", "NONE")]
    assert [answer["refusal"] and answer["refusal"]["code"] for answer in answers] == expected
    assert len(stored(site)) == 1 + expected.count(None)
    assert [row[1:] for row in audit(site)] == [
        (code or "DONE", panel, person.account_id)
        for code, panel in zip(expected, ("OWN", "OTHER", "NONE"), strict=True)
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "XYZ"}, "tariff.currency"),
        ({"timeZone": "Mars/Base"}, "tariff.timeZone"),
        ({"unitPrice": "-1"}, "tariff.unitPrice"),
        ({"bands": None, "unitPrice": None}, "tariff.unitPrice"),
        ({"unitPrice": None, "bands": [{"name": "A", "unitPrice": "1", "windows": [{"toTime": "25:00"}]}]},
         "tariff.bands[0].windows[0].toTime"),
        ({"unitPrice": None, "bands": [{"name": "A", "unitPrice": "1", "windows": [{"fromTime": "6"}]}]},
         "tariff.bands[0].windows[0].fromTime"),
        ({"unitPrice": None, "bands": [{"name": "A", "blocks": [{"fromKwh": "5", "unitPrice": "1"}]}]},
         "tariff.bands[0].blocks[0].fromKwh"),
        ({"note": "a NUL: \0"}, "tariff.note"),
        ({"source": "half a character: \ud800"}, "tariff.source"),
        ({"standingCharges": [{"name": "S", "amount": "-3", "per": "DAY"}]}, "tariff.standingCharges[0].amount"),
        ({"taxes": [{"name": "VAT", "percent": "101"}]}, "tariff.taxes[0].percent"),
        ({"vending": {"debtPercent": "100"}}, "tariff.vending.debtPercent"),
        ({"vending": {"stampDuty": {"amount": "-1", "above": "5"}}}, "tariff.vending.stampDuty.amount"),
    ],
)  # fmt: skip
async def test_what_is_no_tariff_is_refused_with_its_place_and_changes_nothing(
    site: Site, change: dict[str, Any], field: str
) -> None:
    site.add_panel("PM")
    before = stored(site)
    answer = await set_(site, FLAT | change, panelCode="PM")
    assert (answer["refusal"]["code"], answer["refusal"]["field"]) == ("BAD_TARIFF", field)
    assert f"`{field.removeprefix('tariff.')}`" in answer["refusal"]["message"]
    assert (answer["tariff"], answer["panel"], stored(site)) == (None, None, before)
    assert audit(site) == [("SET_TARIFF", "BAD_TARIFF", "PM", site.admin.account_id)]


async def test_hours_of_two_bands_and_of_none_are_refused(site: Site) -> None:
    day, night = {"fromTime": "06:00", "toTime": "22:00"}, {"fromTime": "22:00", "toTime": "06:00"}
    for windows, is_accepted in (([day, night], True), ([day, day], False), ([day, day | {"toTime": "21:00"}], False)):
        bands = [
            {"name": name, "unitPrice": "1", "windows": [window]} for name, window in zip("AB", windows, strict=True)
        ]
        refusal = (await set_(site, {"name": "Hours", "currency": "EUR", "bands": bands}))["refusal"]
        assert (refusal is None) == is_accepted
        assert is_accepted or refusal["code"] == "BAD_TARIFF"


async def test_the_examples_are_shown_and_can_be_set(site: Site) -> None:
    site.add_panel("PM")
    query = "{ tariffExamples { id tariff { name currency note source unitPrice } } }"
    found = (await site.ask(query))["tariffExamples"]
    assert {"ng-band-a", "id-r1-1300-2200", "de-two-rate"} <= {example["id"] for example in found}
    assert all(example["tariff"]["note"] and example["tariff"]["source"] for example in found)
    assert await site.code(query, anonymous=True) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-05T05:59:00+01:00", ("Rest", "0.20", "2026-01-05T06:00:00+01:00", "100")),
        ("2026-01-05T06:00:00+01:00", ("Peak", "0.30", "2026-01-05T22:00:00+01:00", None)),
        ("2026-01-06T23:00:00+01:00", ("Rest", "0.20", "2026-01-12T06:00:00+01:00", "100")),
        ("2026-02-27T12:00:00+01:00", ("Rest", "0.20", "2027-01-04T06:00:00+01:00", "100")),
        ("2026-12-31T12:00:00+01:00", ("Rest", "0.20", "2027-01-04T06:00:00+01:00", "100")),
    ],
)
async def test_the_current_price_says_when_another_begins(
    site: Site, at: str, expected: tuple[str, str, str, str | None]
) -> None:
    site.add_panel("PM", zone="Europe/Berlin")
    await set_(site, PEAK, panelCode="PM", validFrom="2025-01-01")
    await set_(site, FLAT, panelCode="PM", validFrom="2027-02-01")
    site.now = datetime.fromisoformat(at)
    found = (await site.panel("currentPrice { bandName unitPrice changesAt changesAtKwh currency }"))["currentPrice"]
    assert (found["bandName"], found["unitPrice"], found["changesAt"], found["changesAtKwh"]) == expected
