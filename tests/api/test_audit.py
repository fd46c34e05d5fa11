"""The audit: who did what and when, refused attempts too; who sees it, and how little a flood of refusals leaves."""

import pytest

from metering.access import Role, Viewer
from metering.refusals import Refused
from resolvers.audit import audited, ending_of
from resolvers.context import Context
from store import accounts
from store.audit import MAX_REFUSED_AN_HOUR
from tests.api.conftest import NOW, Site

LOG = """query ($filter: AuditFilter, $first: Int! = 50, $after: Cursor) {
  auditLog(filter: $filter, first: $first, after: $after) {
    totalCount nodes { actor panelCode action outcome details { name value } times }
    pageInfo { hasNextPage endCursor } } }"""


def context(site: Site, viewer: Viewer | None = None) -> Context:
    return Context(site.pool, viewer or site.admin)


async def log(site: Site, *, viewer: Viewer | None = None, **variables: object) -> list[dict]:
    return (await site.ask(LOG, viewer=viewer, **variables))["auditLog"]["nodes"]


async def refuse(site: Site, viewer: Viewer | None, *, code: str = "FLAT", action: str = "TOP_UP") -> None:
    with pytest.raises(Refused):
        async with audited(context(site, viewer), action=action, panel_code=code):
            raise Refused("BAD_AMOUNT", "No.")


async def act(site: Site, panel_id: int, *, then: Exception | None = None, **details: object) -> None:
    """Does something to the flat in a transaction, which fails when there is an exception."""
    async with (
        audited(context(site), action="TOP_UP", panel_code="FLAT", amount="5") as audit,
        site.pool.connection() as connection,
        connection.transaction(),
    ):
        await audit.done(connection, panel_id=panel_id, **details)
        if then:
            raise then


async def test_what_is_done_is_kept_in_the_same_transaction_and_only_there(site: Site) -> None:
    panel_id = site.add_panel("FLAT")
    await act(site, panel_id, unitsKwh="2", tariff={"name": "A"})
    with pytest.raises(ZeroDivisionError):
        await act(site, panel_id, then=ZeroDivisionError())
    details = [{"name": "amount", "value": "5"}, {"name": "tariff", "value": '{"name":"A"}'},
               {"name": "unitsKwh", "value": "2"}]  # fmt: skip
    (entry,) = await log(site)
    assert sorted(entry.pop("details"), key=str) == details
    assert entry == {"actor": "Admin", "panelCode": "FLAT", "action": "TOP_UP", "outcome": "DONE", "times": 1}
    assert site.database.execute("SELECT now() - at < '1 min' FROM audit_entry").fetchall() == [(True,)]


async def test_what_is_refused_is_kept_with_its_code_though_its_transaction_is_undone(site: Site) -> None:
    panel_id = site.add_panel("FLAT")
    with pytest.raises(Refused):
        await act(site, panel_id, then=Refused("TOKEN_USED", "Used."))
    async with audited(context(site), action="TOP_UP", panel_code="FLAT") as audit:
        audit.code = "IDEMPOTENCY_KEY_USED"
    assert [entry["outcome"] for entry in await log(site)] == ["IDEMPOTENCY_KEY_USED", "TOKEN_USED"]


async def test_of_those_who_have_not_signed_in_nothing_is_kept(site: Site) -> None:
    with pytest.raises(Refused):
        async with audited(Context(site.pool, None), action="TOP_UP"):
            raise Refused("UNAUTHENTICATED", "Sign in.")
    assert await log(site) == []


async def test_a_landlord_sees_what_concerns_their_panels_and_what_they_did_and_a_tenant_nothing(site: Site) -> None:
    landlord, tenant = site.add_person("l@x.org", role=Role.LANDLORD), site.add_person("t@x.org")
    site.add_panel("FLAT", seen_by=[landlord, tenant])
    site.add_panel("OTHER")
    await refuse(site, tenant, code="FLAT", action="ONE")
    await refuse(site, site.admin, code="OTHER", action="TWO")
    await refuse(site, landlord, code="OTHER", action="THREE")  # not theirs to see: a code as they gave it
    await refuse(site, tenant, code="GHOST", action="FOUR")
    assert [entry["action"] for entry in await log(site, viewer=landlord)] == ["THREE", "ONE"]
    assert [entry["action"] for entry in await log(site, viewer=landlord, filter={"panelCode": "FLAT"})] == ["ONE"]
    assert [entry["action"] for entry in await log(site)] == ["FOUR", "THREE", "TWO", "ONE"]
    assert site.database.execute("SELECT count(panel_id) FROM audit_entry").fetchone() == (2,)
    assert await site.code(LOG, viewer=tenant) == "FORBIDDEN"
    assert await site.code(LOG, anonymous=True) == "UNAUTHENTICATED"


async def test_a_flood_of_refusals_is_counted_and_not_kept(site: Site) -> None:
    tenant = site.add_person("t@x.org")
    site.add_panel("FLAT", seen_by=[tenant])
    for _ in range(MAX_REFUSED_AN_HOUR + 3):
        await refuse(site, tenant)
    await refuse(site, site.admin)
    kept = site.database.execute(
        "SELECT actor, sum(times)::integer, count(*) FROM audit_entry GROUP BY 1, date_bin('1 hour', at, 'epoch')"
    ).fetchall()
    assert sum(times for actor, times, _ in kept if actor != "Admin") == MAX_REFUSED_AN_HOUR + 3
    assert max(count for _, _, count in kept) <= MAX_REFUSED_AN_HOUR + 1
    assert ("Admin", 1, 1) in kept


async def test_accounts_of_one_name_whose_refusals_were_counted_can_be_removed(site: Site) -> None:
    people = [site.add_person(email) for email in ("a@x.org", "b@x.org")]
    site.database.execute("UPDATE account SET name = 'Ann'")
    site.database.execute(
        "INSERT INTO audit_entry (account_id, actor, action, outcome, is_rest, times)"
        " SELECT id, name, 'VARIOUS', 'REFUSED', true, 7 FROM account WHERE id = ANY (%s)",
        ([viewer.account_id for viewer in people],),
    )
    async with site.pool.connection() as connection:
        for viewer in people:
            await accounts.remove(connection, viewer.account_id)
    kept = site.database.execute("SELECT account_id, actor, times FROM audit_entry").fetchall()
    assert kept == [(None, "removed account", 7), (None, "removed account", 7)]


async def test_the_log_comes_page_by_page(site: Site) -> None:
    for number in range(3):
        await refuse(site, None, action=f"A{number}")
    page = (await site.ask(LOG, first=2))["auditLog"]
    assert ([node["action"] for node in page["nodes"]], page["totalCount"]) == (["A2", "A1"], 3)
    rest = await log(site, first=2, after=page["pageInfo"]["endCursor"])
    assert [node["action"] for node in rest] == ["A0"]


async def test_details_are_bounded_and_free_of_what_the_database_refuses(site: Site) -> None:
    with pytest.raises(Refused):
        async with audited(context(site), action="X", panel_code="nul\0" * 50, text="a\0" * 1000, none=None):
            raise Refused("BAD_CODE", "No.")
    (entry,) = await log(site)
    assert (entry["panelCode"], entry["details"]) == (("nul" * 50)[:64], [{"name": "text", "value": "a" * 200}])


async def test_instants_in_details_are_rfc_3339(site: Site) -> None:
    panel_id = site.add_panel("FLAT")
    await act(site, panel_id, at=NOW)
    (entry,) = await log(site)
    assert {"name": "at", "value": "2026-03-10T05:00:00+00:00"} in entry["details"]


def test_of_a_token_the_last_four_digits_are_kept() -> None:
    assert [ending_of(token) for token in ("12345678901234567890", "1234", "", None)] == ["7890", None, None, None]
