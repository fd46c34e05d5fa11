"""Who sees what: each query, field and mutation shows a tenant their own panels and nothing of anybody else's."""

from datetime import timedelta
from typing import Any

import pytest

from metering.access import Role, Viewer
from tests.api.conftest import NOW, Site, reading

EVERYTHING = """code name latestReading { energyImportKwh } readings { energyImportKwh cursor missing { from } }
  gaps { from } readingChanges { totalCount nodes { reason } } registerEvents { totalCount nodes { kind } }
  usage(step: HOUR) { totalEnergyKwh } today { energyKwh registerNowKwh } tariff { name }
  statistics(from: "2026-03-09T00:00:00Z", to: "2026-03-10T05:00:00Z") { energyKwh count }
  dailyUsage(days: 3) { energyKwh } monthlySummary(year: 2026, month: 3) { energyKwh panel { code } }
  weeklySummary(date: "2026-03-10") { energyKwh } yearlySummary(year: 2026) { energyKwh previous { energyKwh } }
  usageProfile { allDays { busiestHour } } tariffs { name bands { blocks { unitPrice } } }
  prepaid { balanceKwh ledger { totalCount nodes { unitsKwh } } forecast { method } lowUnits { isArmed } }"""


@pytest.fixture
def people(site: Site) -> dict[str, Viewer]:
    """Two tenants with a flat each, a landlord of both, and a stranger; all flats have used and bought something."""
    mine, theirs = site.add_person("mine@x.org"), site.add_person("theirs@x.org")
    landlord = site.add_person("landlord@x.org", role=Role.LANDLORD)
    for place, (code, tenant) in enumerate((("MINE", mine), ("THEIRS", theirs)), start=1):
        site.add_panel(code, is_prepaid=True, seen_by=[tenant, landlord])
        site.load(code, [reading(NOW - timedelta(hours=2), 100.0), reading(NOW - timedelta(hours=1), 100.0 + place)])
        site.database.execute(
            "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh)"
            " SELECT id, %s, 'TOP_UP', %s FROM panel WHERE code = %s",
            (NOW - timedelta(hours=3), 10 * place, code),
        )
    return {"mine": mine, "theirs": theirs, "landlord": landlord, "stranger": site.add_person("stranger@x.org")}


async def visible(site: Site, viewer: Viewer) -> list[str]:
    data = await site.ask("{ panels { totalCount nodes { code } edges { node { code } } } }", viewer=viewer)
    codes = [panel["code"] for panel in data["panels"]["nodes"]]
    assert data["panels"]["totalCount"] == len(codes)
    assert [edge["node"]["code"] for edge in data["panels"]["edges"]] == codes
    return codes


async def test_each_person_lists_their_own_panels_and_an_admin_all(site: Site, people: dict[str, Viewer]) -> None:
    assert await visible(site, people["mine"]) == ["MINE"]
    assert await visible(site, people["theirs"]) == ["THEIRS"]
    assert await visible(site, people["landlord"]) == ["MINE", "THEIRS"]
    assert await visible(site, people["stranger"]) == []
    assert await visible(site, site.admin) == ["MINE", "THEIRS"]


async def test_a_panel_that_is_not_ones_own_looks_like_one_that_is_not_there(
    site: Site, people: dict[str, Viewer]
) -> None:
    answers = [
        await site.answer(
            "query ($code: String!) { panel(code: $code) { " + EVERYTHING + " } }", viewer=people["mine"], code=code
        )
        for code in ("THEIRS", "GHOST")
    ]
    assert answers == [{"data": {"panel": None}, "errors": []}] * 2
    assert (await site.panel("code", code="MINE", viewer=people["mine"])) == {"code": "MINE"}


async def test_every_field_of_ones_own_panel_answers(site: Site, people: dict[str, Viewer]) -> None:
    found = await site.panel(EVERYTHING, code="THEIRS", viewer=people["theirs"])
    assert found["latestReading"]["energyImportKwh"] == 102.0
    assert found["readings"]["energyImportKwh"] == [100.0, 102.0]
    assert found["usage"]["totalEnergyKwh"] == found["today"]["energyKwh"] == found["statistics"]["energyKwh"] == 2.0
    assert found["prepaid"]["balanceKwh"] == "18.000"
    assert found["prepaid"]["ledger"] == {"totalCount": 1, "nodes": [{"unitsKwh": "20.000"}]}


async def test_monthly_and_yearly_sums_hold_visible_panels_only(site: Site, people: dict[str, Viewer]) -> None:
    query = """{ monthlySummary(year: 2026, month: 3) { total { energyKwh } panels { panel { code } } }
                 yearSummary(year: 2026) { total { energyKwh } panels { panel { code } } }
                 yearlySummary(year: 2026) { total { energyKwh } panels { panel { code } } }
                 weeklySummary(date: "2026-03-10") { total { energyKwh } panels { panel { code } } } }"""
    expected = {
        "mine": (1.0, ["MINE"]),
        "theirs": (2.0, ["THEIRS"]),
        "landlord": (3.0, ["MINE", "THEIRS"]),
        "stranger": (0.0, []),
    }
    for name, (energy_kwh, codes) in expected.items():
        data = await site.ask(query, viewer=people[name])
        others = (data["yearlySummary"], data["weeklySummary"])
        for month in (data["monthlySummary"], data["yearSummary"][2], *others):
            assert month["total"]["energyKwh"] == energy_kwh
            assert [line["panel"]["code"] for line in month["panels"]] == codes


async def test_nobody_changes_the_credit_of_a_panel_that_they_do_not_see(site: Site, people: dict[str, Viewer]) -> None:
    before = site.database.execute("SELECT * FROM ledger_entry").fetchall()
    top_up: dict[str, Any] = {"unitsKwh": "5", "token": "1" * 20, "idempotencyKey": "some-key-1"}
    for viewer, code in ((people["mine"], "THEIRS"), (people["mine"], "GHOST"), (people["stranger"], "MINE")):
        data = await site.ask(
            """mutation ($top: TopUpInput!, $shown: RecordBalanceInput!) {
                 topUp(input: $top) { entry { id } prepaid { balanceKwh } refusal { code } }
                 recordBalance(input: $shown) { entry { id } prepaid { balanceKwh } refusal { code } } }""",
            viewer=viewer,
            top=top_up | {"panelCode": code},
            shown={"panelCode": code, "shownKwh": "1"},
        )
        refused = {"entry": None, "prepaid": None, "refusal": {"code": "PANEL_NOT_FOUND"}}
        assert data == {"topUp": refused, "recordBalance": refused}
    assert site.database.execute("SELECT * FROM ledger_entry").fetchall() == before


async def test_a_tenant_tops_up_their_own_panel(site: Site, people: dict[str, Viewer]) -> None:
    data = await site.ask(
        'mutation { topUp(input: { panelCode: "MINE", unitsKwh: "5", token: "11111111111111111111",'
        ' idempotencyKey: "some-key" })'
        " { prepaid { balanceKwh } refusal { code } } }",
        viewer=people["mine"],
    )
    assert data == {"topUp": {"prepaid": {"balanceKwh": "14.000"}, "refusal": None}}


async def test_access_that_ends_ends_at_once(site: Site, people: dict[str, Viewer]) -> None:
    site.database.execute("DELETE FROM panel_access WHERE account_id = %s", (people["mine"].account_id,))
    assert await visible(site, people["mine"]) == []
    assert await site.ask('{ panel(code: "MINE") { code } }', viewer=people["mine"]) == {"panel": None}


@pytest.mark.parametrize(
    "query",
    [
        "{ panels { totalCount } }",
        '{ panel(code: "MINE") { code } }',
        "{ monthlySummary(year: 2026, month: 3) { year } }",
        "{ yearSummary(year: 2026) { year } }",
        "{ yearlySummary(year: 2026) { year } }",
        '{ weeklySummary(date: "2026-03-10") { year } }',
        "{ serviceStatus { at } }",
        "{ rejectedMessages { totalCount } }",
        "mutation { startIngest { at } }",
        "mutation { stopIngest { at } }",
    ],
)
async def test_a_stranger_is_told_to_sign_in(site: Site, people: dict[str, Viewer], query: str) -> None:
    assert await site.code(query, anonymous=True) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "mutation",
    [
        'topUp(input: { panelCode: "MINE", unitsKwh: "5", token: "11111111111111111111", idempotencyKey: "some-key" })',
        'recordBalance(input: { panelCode: "MINE", shownKwh: "5" })',
    ],
)
async def test_a_strangers_change_is_refused_as_data(site: Site, people: dict[str, Viewer], mutation: str) -> None:
    body = await site.answer(f"mutation {{ done: {mutation} {{ entry {{ id }} refusal {{ code }} }} }}", anonymous=True)
    assert body == {"data": {"done": {"entry": None, "refusal": {"code": "UNAUTHENTICATED"}}}, "errors": []}


@pytest.mark.parametrize(
    "query",
    ["{ rejectedMessages { totalCount } }", "mutation { startIngest { at } }", "mutation { stopIngest { at } }"],
)
async def test_the_service_is_run_by_admins_only(site: Site, people: dict[str, Viewer], query: str) -> None:
    for name in ("mine", "landlord"):
        assert await site.code(query, viewer=people[name]) == "FORBIDDEN"
    assert site.database.execute("SELECT is_wanted FROM ingest_status").fetchone() == (True,)
