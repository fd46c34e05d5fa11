"""Who reads what of the audit, what is kept of sign-ins, and that nothing of it can be altered."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from kilowatch.housekeeping import Keeping, keep_house
from metering.access import Role, Viewer
from metering.refusals import Refused
from resolvers.audit import audited, own_act_done, own_act_refused
from resolvers.context import Context
from resolvers.enrolment import Enrolment
from store import accounts, audit
from store.audit import COMMAND_LINE, MAX_REFUSED_AN_HOUR, MAX_STRANGE_AN_HOUR, Act
from store.sealing import Sealing
from tests.api.conftest import NOW, Site

SEALING = Sealing(bytes(range(32)))
ENTRY = "action outcome actor panelCode propertyId subjectAccountId address via keyName times details { name value }"
LOG = f"""query ($filter: AuditFilter) {{ auditLog(filter: $filter) {{ totalCount nodes {{ {ENTRY} }} }} }}"""
OWN = f"""query ($first: Int! = 50, $after: Cursor) {{ viewer {{ auditLog(first: $first, after: $after) {{
  totalCount nodes {{ {ENTRY} }} pageInfo {{ endCursor }} }} }} }}"""


def context(site: Site, viewer: Viewer | None, *, address: str = "203.0.113.7") -> Context:
    return Context(site.pool, viewer, client_address=address, enrolment=Enrolment(SEALING))


async def log(site: Site, viewer: Viewer | None = None, **wanted: Any) -> list[dict[str, Any]]:
    return (await site.ask(LOG, viewer=viewer, filter=wanted))["auditLog"]["nodes"]


async def own(site: Site, viewer: Viewer) -> list[dict[str, Any]]:
    return (await site.ask(OWN, viewer=viewer))["viewer"]["auditLog"]["nodes"]


async def do(site: Site, viewer: Viewer, *, action: str, panel_id: int | None = None, **about: Any) -> None:
    async with (
        audited(context(site, viewer), action=action, **about) as act,
        site.pool.connection() as connection,
    ):
        await act.done(connection, panel_id=panel_id)


def add_property(site: Site, landlord: Viewer) -> int:
    row = site.database.execute(
        "INSERT INTO property (landlord_id, name) VALUES (%s, 'Court') RETURNING id", (landlord.account_id,)
    ).fetchone()
    assert row
    return row[0]


async def test_a_landlord_reads_what_was_done_to_a_property_and_not_from_where(site: Site) -> None:
    landlord, other = (site.add_person(email, role=Role.LANDLORD) for email in ("l@x.org", "o@x.org"))
    property_id = add_property(site, landlord)
    await do(site, site.admin, action="HAND_OVER", property_id=property_id)
    await do(site, landlord, action="DESCRIBE", property_id=property_id)
    own_act, admins_act = await log(site, landlord)
    assert (own_act["action"], own_act["via"], own_act["address"]) == ("DESCRIBE", "SESSION", "203.0.113.7")
    assert (admins_act["actor"], admins_act["propertyId"]) == ("Admin", str(property_id))
    assert (admins_act["via"], admins_act["address"], admins_act["keyName"]) == (None, None, None)
    assert await log(site, other) == []
    assert [entry["address"] for entry in await log(site)] == ["203.0.113.7"] * 2


async def test_a_landlord_who_rents_elsewhere_reads_nothing_of_that_panel(site: Site) -> None:
    landlord, tenant = site.add_person("l@x.org", role=Role.LANDLORD), site.add_person("t@x.org", role=Role.LANDLORD)
    panel_id = site.add_panel("FLAT")
    property_id = add_property(site, landlord)
    site.database.execute("UPDATE panel SET property_id = %s", (property_id,))
    site.database.execute(
        "WITH made AS (INSERT INTO tenancy (account_id, starts_at) VALUES (%s, '2020-01-01') RETURNING id)"
        " INSERT INTO tenancy_panel SELECT id, %s FROM made",
        (tenant.account_id, panel_id),
    )
    await do(site, site.admin, action="SET_TARIFF", panel_code="FLAT", panel_id=panel_id)
    await do(site, tenant, action="TOP_UP", panel_code="FLAT", panel_id=panel_id)
    assert [entry["action"] for entry in await log(site, landlord)] == ["TOP_UP", "SET_TARIFF"]
    assert [entry["action"] for entry in await log(site, tenant)] == ["TOP_UP"]
    assert [entry["action"] for entry in await log(site, tenant, panelCode="FLAT")] == ["TOP_UP"]


async def test_what_a_tenant_does_to_the_own_account_is_not_the_landlords_to_read(site: Site) -> None:
    landlord, tenant = site.add_person("l@x.org", role=Role.LANDLORD), site.add_person("t@x.org")
    site.add_panel("FLAT", seen_by=[landlord, tenant])
    await do(site, tenant, action="CHANGE_PASSWORD", subject_account_id=tenant.account_id)
    assert await log(site, landlord) == []
    assert [entry["action"] for entry in await own(site, tenant)] == ["CHANGE_PASSWORD"]


async def test_an_account_reads_what_was_done_to_it_and_not_from_where(site: Site) -> None:
    tenant, other = site.add_person("t@x.org"), site.add_person("o@x.org")
    await do(site, site.admin, action="SET_ROLE", subject_account_id=tenant.account_id)
    (entry,) = await own(site, tenant)
    assert (entry["actor"], entry["subjectAccountId"]) == ("Admin", str(tenant.account_id))
    assert (entry["address"], entry["via"]) == (None, None)
    assert await own(site, other) == []


async def test_sign_ins_are_kept_for_the_account_with_the_network(site: Site) -> None:
    tenant = site.add_person("t@x.org")
    stranger = context(site, None, address="2001:db8:1:2:3::4")
    async with site.pool.connection() as connection:
        await own_act_done(stranger, connection, account_id=tenant.account_id, action="LOG_IN", how="PASSWORD")
    await own_act_refused(
        stranger, account_id=tenant.account_id, action="LOG_IN", code="BAD_CREDENTIALS", contact="t@x.org"
    )
    refused, done = await own(site, tenant)
    assert (done["actor"], done["outcome"], done["via"], done["address"]) == (
        "t@x.org", "DONE", "SIGN_IN", "2001:db8:1:2::/64",
    )  # fmt: skip
    assert (refused["actor"], refused["outcome"], refused["address"], refused["details"]) == (
        "not signed in", "BAD_CREDENTIALS", "2001:db8:1:2::/64", [],
    )  # fmt: skip


async def test_what_was_typed_for_an_unknown_account_is_not_kept(site: Site) -> None:
    typed = "hunter2-my-password"
    shouted = f" {typed.upper()}"
    await own_act_refused(
        context(site, None), account_id=None, action="LOG_IN", code="BAD_CREDENTIALS", contact=shouted
    )
    digest = SEALING.digest(typed, purpose="contact in the audit")
    (entry,) = await log(site)
    assert entry["details"] == [{"name": "contactHash", "value": digest.hex()[:32]}]
    assert typed not in str(site.database.execute("SELECT audit_entry::text FROM audit_entry").fetchall()).lower()


async def test_a_flood_of_sign_ins_is_counted_for_each_account(site: Site) -> None:
    tenant = site.add_person("t@x.org")
    for subject, count in ((tenant.account_id, MAX_REFUSED_AN_HOUR), (None, MAX_STRANGE_AN_HOUR)):
        site.database.execute(
            "INSERT INTO audit_entry (actor, subject_account_id, action, outcome, via)"
            " SELECT 'not signed in', %s, 'LOG_IN', 'BAD_CREDENTIALS', 'SIGN_IN' FROM generate_series(2, %s)",
            (subject, count),
        )
        for _ in range(4):
            await own_act_refused(context(site, None), account_id=subject, action="LOG_IN", code="BAD_CREDENTIALS")
    kept = site.database.execute(
        "SELECT subject_account_id IS NULL, sum(times)::integer, count(*) FROM audit_entry"
        " GROUP BY 1, date_bin('1 hour', at, 'epoch') ORDER BY 1"
    ).fetchall()
    for is_strange, most in ((False, MAX_REFUSED_AN_HOUR), (True, MAX_STRANGE_AN_HOUR)):
        found = [(times, count) for strange, times, count in kept if strange == is_strange]
        assert sum(times for times, _ in found) == most + 3
        assert max(count for _, count in found) <= most + 1


async def test_the_log_is_searched_by_what_who_when_and_where(site: Site) -> None:
    landlord = site.add_person("l@x.org", role=Role.LANDLORD)
    property_id, panel_id = add_property(site, landlord), site.add_panel("FLAT")
    await do(site, landlord, action="ONE", property_id=property_id)
    await do(site, site.admin, action="TWO", panel_code="FLAT", panel_id=panel_id)
    site.database.execute(
        "INSERT INTO audit_entry (at, actor, action, outcome) VALUES (%s, 'm', 'OLD', 'DONE')", (NOW,)
    )
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"action": "ONE"}, ["ONE"]),
        ({"actor": "Admin"}, ["TWO"]),
        ({"panelCode": "FLAT"}, ["TWO"]),
        ({"propertyId": str(property_id)}, ["ONE"]),
        ({"propertyId": "x"}, []),
        ({"since": NOW.isoformat(), "until": (NOW + timedelta(seconds=1)).isoformat()}, ["OLD"]),
        ({"since": (NOW + timedelta(seconds=1)).isoformat()}, ["TWO", "ONE"]),
    ]
    for wanted, found in cases:
        assert [entry["action"] for entry in await log(site, **wanted)] == found, wanted
    assert await site.code(LOG, filter={"since": NOW.isoformat(), "until": NOW.isoformat()}) == "BAD_RANGE"


async def test_the_own_log_comes_page_by_page(site: Site) -> None:
    tenant = site.add_person("t@x.org")
    for number in range(3):
        await do(site, tenant, action=f"A{number}")
    page = (await site.ask(OWN, viewer=tenant, first=2))["viewer"]["auditLog"]
    assert ([node["action"] for node in page["nodes"]], page["totalCount"]) == (["A2", "A1"], 3)
    rest = (await site.ask(OWN, viewer=tenant, first=2, after=page["pageInfo"]["endCursor"]))["viewer"]["auditLog"]
    assert [node["action"] for node in rest["nodes"]] == ["A0"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'somebody else'",
        "UPDATE audit_entry SET account_id = NULL",
        "UPDATE audit_entry SET times = times + 1",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ],
)
async def test_the_database_itself_lets_nobody_alter_an_entry(site: Site, statement: str) -> None:
    await do(site, site.admin, action="ONE")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
        site.database.execute(statement.encode())
    assert len(await log(site)) == 1


async def test_old_entries_go_by_the_one_way_there_is(site: Site) -> None:
    await do(site, site.admin, action="ONE")
    site.database.execute(
        "INSERT INTO audit_entry (at, actor, action, outcome) VALUES (%s, 'm', 'OLD', 'DONE')", (NOW,)
    )
    async with site.pool.connection() as connection:
        assert await audit.remove_before(connection, until=NOW + timedelta(seconds=1)) == 1
        assert await audit.remove_before(connection, until=NOW + timedelta(seconds=1)) == 0
    assert [entry["action"] for entry in await log(site)] == ["ONE"]


async def test_housekeeping_removes_what_is_older_than_the_setting_says(site: Site) -> None:
    for days in (29, 31):
        site.database.execute(
            "INSERT INTO audit_entry (at, actor, action, outcome) VALUES (%s, 'm', 'OLD', 'DONE')",
            (NOW - timedelta(days=days),),
        )
    await keep_house(site.pool, keeping=Keeping(), now=NOW)
    assert len(await log(site)) == 2
    await keep_house(site.pool, keeping=Keeping(audit_days=30), now=NOW)
    assert site.database.execute("SELECT at FROM audit_entry").fetchall() == [(NOW - timedelta(days=29),)]


async def test_a_removed_account_takes_its_name_and_networks_along(site: Site) -> None:
    tenant = site.add_person("t@x.org")
    await do(site, tenant, action="TOP_UP")
    await do(site, site.admin, action="SET_ROLE", subject_account_id=tenant.account_id)
    await own_act_refused(context(site, None), account_id=tenant.account_id, action="LOG_IN", code="BAD_CREDENTIALS")
    async with site.pool.connection() as connection:
        await accounts.remove(connection, tenant.account_id)
    kept = site.database.execute("SELECT account_id, subject_account_id, actor, address FROM audit_entry ORDER BY id")
    assert kept.fetchall() == [
        (None, None, "removed account", None),
        (site.admin.account_id, None, "Admin", "203.0.113.7"),
        (None, None, "not signed in", None),
    ]


async def test_a_refused_act_names_only_what_its_actor_may_know(site: Site) -> None:
    landlord, other = (site.add_person(email, role=Role.LANDLORD) for email in ("l@x.org", "o@x.org"))
    property_id = add_property(site, landlord)
    for viewer in (other, landlord):
        with pytest.raises(Refused):
            async with audited(
                context(site, viewer), action="X", property_id=property_id, subject_account_id=landlord.account_id
            ):
                raise Refused("FORBIDDEN", "No.")
    mine, others = await log(site)
    assert (mine["propertyId"], mine["subjectAccountId"]) == (str(property_id), str(landlord.account_id))
    assert (others["propertyId"], others["subjectAccountId"]) == (None, None)
    assert [entry["actor"] for entry in await log(site, landlord)] == ["l@x.org"]


async def test_what_is_done_on_the_command_line_says_so(site: Site) -> None:
    async with site.pool.connection() as connection:
        await audit.record_done(connection, Act(COMMAND_LINE, "SET_ROLE", None, {}, subject_account_id=99_999))
    (entry,) = await log(site)
    assert (entry["actor"], entry["via"], entry["subjectAccountId"]) == ("command line", "COMMAND_LINE", None)
