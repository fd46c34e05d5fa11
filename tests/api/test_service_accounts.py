"""Service accounts and their keys: whose they are, what is shown of them, and when they end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from kilowatch.housekeeping import KEYS_KEPT_FOR, Keeping, keep_house
from metering.access import Role, Scope, Viewer
from resolvers.sessions import AccessToken, Doorkeeper, SignIn
from store.api_keys import MAX_OF_AN_ACCOUNT
from store.service_accounts import MAX_OF_AN_OWNER
from tests.api.conftest import NOW, Site
from tests.api.test_statement_counts import statements
from tests.fixtures.passwords import CHEAP

__all__ = ["statements"]

REFUSAL = "refusal { code field message }"
CREATE = f"""mutation ($input: CreateServiceAccountInput!) {{
  createServiceAccount(input: $input) {{ serviceAccount {{ id name scopes ownerName keys {{ id }} }} {REFUSAL} }} }}"""
REMOVE = f"""mutation ($input: RemoveServiceAccountInput!) {{
  removeServiceAccount(input: $input) {{ removedId {REFUSAL} }} }}"""
KEY = "id name prefix scopes expiresAt revokedAt lastUsedAt lastUsedAddress"
MAKE = f"""mutation ($input: CreateApiKeyInput!) {{
  createApiKey(input: $input) {{ key {{ {KEY} }} secret {REFUSAL} }} }}"""
ROTATE = f"""mutation ($input: RotateApiKeyInput!) {{
  rotateApiKey(input: $input) {{ key {{ {KEY} }} secret previous {{ {KEY} }} {REFUSAL} }} }}"""
REVOKE = f"""mutation ($input: RevokeApiKeyInput!) {{ revokeApiKey(input: $input) {{ key {{ {KEY} }} {REFUSAL} }} }}"""
OWN = f"""{{ viewer {{ serviceAccounts {{ totalCount nodes {{ id name scopes keys {{ {KEY} }} }} }} }} }}"""
EVERYBODYS = "{ serviceAccounts { totalCount nodes { name ownerName } } }"
PASSWORD = "correct horse battery"
QUICK_HASH = CHEAP.hash(PASSWORD)
PROOF = {"password": PASSWORD}
AUDIT = """{ auditLog { nodes { action outcome actor subjectAccountId via keyName details { name value } } } }"""


async def wish(site: Site, mutation: str, viewer: Viewer | None = None, **given: Any) -> Any:
    (answer,) = (await site.ask(mutation, viewer=viewer, input=given)).values()
    return answer


@pytest.fixture(autouse=True)
def sign_in(site: Site) -> Iterator[None]:
    doorkeeper = Doorkeeper()
    site.sign_in = SignIn(doorkeeper, _issue, timedelta(days=1), "192.0.2.1")
    yield
    doorkeeper.close()


def _issue(_account_id: int, _session_id: UUID) -> AccessToken:
    return AccessToken("none", NOW)


def person(site: Site, email: str, *, role: Role = Role.LANDLORD) -> Viewer:
    """Somebody whose password is quickly checked."""
    added = site.add_person(email, role=role)
    site.database.execute("UPDATE account SET password_hash = %s WHERE id = %s", (QUICK_HASH, added.account_id))
    return added


@pytest.fixture
def landlord(site: Site) -> Viewer:
    return person(site, "l@x.org")


async def service(site: Site, owner: Viewer, *scopes: str) -> str:
    made = await wish(site, CREATE, owner, name=" Till ", scopes=list(scopes) or ["READ", "CREDIT"])
    return made["serviceAccount"]["id"]


async def key_of(site: Site, owner: Viewer, account_id: str, **given: Any) -> Any:
    wanted = {"serviceAccountId": account_id, "name": "shop 1", "proof": PROOF}
    return await wish(site, MAKE, owner, **wanted | given)


def told(site: Site) -> list[Any]:
    """To whom what was written, oldest first."""
    return site.database.execute("SELECT sent_to, kind, details FROM account_message ORDER BY id").fetchall()


async def test_a_service_account_has_a_name_scopes_and_an_owner(site: Site, landlord: Viewer) -> None:
    made = await wish(site, CREATE, landlord, name=" Till ", scopes=["CREDIT", "READ", "READ"])
    assert made["refusal"] is None
    del made["serviceAccount"]["id"]
    assert made["serviceAccount"] == {
        "name": "Till", "scopes": ["READ", "CREDIT"], "ownerName": "l@x.org", "keys": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": " ", "scopes": ["READ"]}, "BAD_NAME", "name"),
        ({"name": "Till", "scopes": []}, "BAD_INPUT", "scopes"),
        ({"name": "Till", "scopes": ["READ", "SERVICE"]}, "BAD_INPUT", "scopes"),
    ],
)
async def test_a_name_and_a_scope_are_needed(
    site: Site, landlord: Viewer, given: dict[str, Any], code: str, field: str
) -> None:
    refusal = (await wish(site, CREATE, landlord, **given))["refusal"]
    assert (refusal["code"], refusal["field"]) == (code, field)


async def test_tenants_and_service_accounts_have_none(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    key = (await key_of(site, landlord, account_id))["key"]
    machine = Viewer(int(account_id), Role.LANDLORD, frozenset(Scope), key_name="shop 1")
    for viewer in (site.add_person("t@x.org"), machine):
        for mutation, given in (
            (CREATE, {"name": "A", "scopes": ["READ"]}),
            (REMOVE, {"id": account_id}),
            (MAKE, {"serviceAccountId": account_id, "name": "A", "proof": PROOF}),
            (ROTATE, {"id": key["id"], "proof": PROOF}),
        ):
            assert (await wish(site, mutation, viewer, **given))["refusal"]["code"] == "FORBIDDEN"
        assert (await wish(site, REVOKE, viewer, id=key["id"]))["refusal"]["code"] == (
            "KEY_NOT_FOUND" if viewer.is_person else "FORBIDDEN"
        )
        assert await site.code(EVERYBODYS, viewer=viewer) == "FORBIDDEN"
    assert await site.code(OWN, viewer=machine) == "FORBIDDEN"
    assert (await site.ask(OWN, viewer=site.add_person("u@x.org")))["viewer"]["serviceAccounts"]["totalCount"] == 0


async def test_a_key_is_shown_once_and_kept_as_a_hash(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    made = await key_of(site, landlord, account_id, scopes=["READ"], expiresOn="2026-03-31")
    assert (made["secret"][:4], made["secret"][4:12]) == ("kwk_", made["key"]["prefix"])
    assert (made["key"]["scopes"], made["key"]["expiresAt"]) == (["READ"], "2026-04-01T00:00:00+00:00")
    listed = await site.ask(OWN, viewer=landlord)
    assert [key["id"] for key in listed["viewer"]["serviceAccounts"]["nodes"][0]["keys"]] == [made["key"]["id"]]
    kept = site.database.execute("SELECT api_key::text FROM api_key").fetchall()
    audit = await site.ask(AUDIT)
    assert made["secret"][13:] not in json.dumps([listed, audit]) + str(kept)


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"scopes": ["TARIFFS"]}, "BAD_INPUT", "scopes"),
        ({"scopes": []}, "BAD_INPUT", "scopes"),
        ({"expiresOn": "2026-03-09"}, "BAD_INPUT", "expiresOn"),
        ({"expiresOn": "2037-01-01"}, "BAD_INPUT", "expiresOn"),
        ({"name": "\u200b"}, "BAD_NAME", "name"),
    ],
)
async def test_a_key_is_for_no_more_than_its_account_and_ends_in_time(
    site: Site, landlord: Viewer, given: dict[str, Any], code: str, field: str
) -> None:
    account_id = await service(site, landlord)
    refusal = (await key_of(site, landlord, account_id, **given))["refusal"]
    assert (refusal["code"], refusal["field"]) == (code, field)
    assert site.database.execute("SELECT count(*) FROM api_key").fetchone() == (0,)


async def test_anothers_accounts_and_keys_are_like_ones_that_are_not_there(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    key = (await key_of(site, landlord, account_id))["key"]
    other = person(site, "o@x.org")
    for mutation, name, known, others in (
        (REMOVE, "id", account_id, {}),
        (MAKE, "serviceAccountId", account_id, {"name": "A", "proof": PROOF}),
        (ROTATE, "id", key["id"], {"proof": PROOF}),
        (REVOKE, "id", key["id"], {}),
    ):
        answers = [await wish(site, mutation, other, **{name: id_} | others) for id_ in (known, "99999", "x", "-1")]
        assert answers[0]["refusal"] is not None
        assert all(answer == answers[0] for answer in answers)
    assert (await site.ask(OWN, viewer=other))["viewer"]["serviceAccounts"] == {"totalCount": 0, "nodes": []}
    assert (await wish(site, REVOKE, id=key["id"]))["refusal"] is None  # an admin's is everybody's


async def test_a_rotated_key_goes_on_for_a_while(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    old = await key_of(site, landlord, account_id, scopes=["READ"], expiresOn="2026-03-10")
    turned = await wish(site, ROTATE, landlord, id=old["key"]["id"], proof=PROOF)
    assert turned["secret"] != old["secret"]
    assert (turned["key"]["name"], turned["key"]["scopes"]) == ("shop 1", ["READ"])
    assert turned["key"]["expiresAt"] == "2026-03-11T00:00:00+00:00"  # 19 hours, as the old one was made for
    assert turned["previous"]["expiresAt"] == "2026-03-11T00:00:00+00:00"  # sooner than in 24 hours
    at_once = await wish(site, ROTATE, landlord, id=turned["key"]["id"], overlapHours=0, proof=PROOF)
    assert at_once["previous"]["revokedAt"] == "2026-03-10T05:00:00+00:00"
    over = await wish(site, ROTATE, landlord, id=turned["key"]["id"], proof=PROOF)
    assert over["refusal"]["code"] == "KEY_NOT_FOUND"
    too_long = await wish(site, ROTATE, landlord, id=at_once["key"]["id"], overlapHours=721, proof=PROOF)
    assert too_long["refusal"]["field"] == "overlapHours"


@pytest.mark.parametrize(
    ("proof", "code"),
    [
        ({"password": "wrong horse battery"}, "BAD_CREDENTIALS"),
        ({}, "BAD_INPUT"),
        ({"challengeId": "none", "code": "048151"}, "CODE_NOT_VALID"),
    ],
)
async def test_a_session_alone_makes_no_key(site: Site, landlord: Viewer, proof: dict[str, str], code: str) -> None:
    account_id = await service(site, landlord)
    key = (await key_of(site, landlord, account_id))["key"]
    before = site.database.execute("SELECT api_key::text FROM api_key").fetchall(), told(site)
    for refused in (
        await key_of(site, landlord, account_id, proof=proof),
        await wish(site, ROTATE, landlord, id=key["id"], proof=proof),
    ):
        assert (refused["key"], refused["secret"], refused["refusal"]["code"]) == (None, None, code)
    assert (site.database.execute("SELECT api_key::text FROM api_key").fetchall(), told(site)) == before
    audit = (await site.ask(AUDIT, viewer=landlord))["auditLog"]["nodes"]
    assert [entry["outcome"] for entry in audit if entry["action"].endswith("_API_KEY")] == [code, code, "DONE"]


async def test_a_code_that_was_sent_makes_one_key(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    confirmation = "mutation { requestConfirmation { challenge { id } } }"
    challenge = (await site.ask(confirmation, viewer=landlord))["requestConfirmation"]["challenge"]
    proof = {"challengeId": challenge["id"], "code": told(site)[-1][2]["code"]}
    not_used = await key_of(site, landlord, account_id, proof=proof, expiresOn="2026-03-09")
    assert not_used["refusal"]["field"] == "expiresOn"  # the code is as good as before
    assert (await key_of(site, landlord, account_id, proof=proof))["refusal"] is None
    assert (await key_of(site, landlord, account_id, proof=proof))["refusal"]["code"] == "CODE_NOT_VALID"


async def test_the_owner_is_told_of_each_new_key(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    made = (await key_of(site, landlord, account_id))["key"]
    turned = (await wish(site, ROTATE, landlord, id=made["id"], proof=PROOF))["key"]
    by_admin = (await key_of(site, person(site, "a@x.org", role=Role.ADMIN), account_id))["key"]
    assert told(site) == [("l@x.org", "NEW_API_KEY", {"prefix": key["prefix"]}) for key in (made, turned, by_admin)]


async def test_who_was_a_landlord_sees_and_revokes_own_keys_and_makes_none(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    key = (await key_of(site, landlord, account_id))["key"]
    site.database.execute("UPDATE account SET role = 'TENANT' WHERE id = %s", (landlord.account_id,))
    tenant = Viewer(landlord.account_id, Role.TENANT)
    (listed,) = (await site.ask(OWN, viewer=tenant))["viewer"]["serviceAccounts"]["nodes"]
    assert (listed["id"], listed["keys"]) == (account_id, [key])
    assert (await key_of(site, tenant, account_id))["refusal"]["code"] == "FORBIDDEN"
    assert (await wish(site, ROTATE, tenant, id=key["id"], proof=PROOF))["refusal"]["code"] == "FORBIDDEN"
    revoked = await wish(site, REVOKE, tenant, id=key["id"])
    assert (revoked["refusal"], revoked["key"]["revokedAt"]) == (None, "2026-03-10T05:00:00+00:00")


async def test_there_is_a_limit_to_accounts_and_to_keys(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    site.database.execute(
        "INSERT INTO api_key (account_id, name, prefix, key_hash, scopes)"
        " SELECT %s, 'k', lpad(n::text, 8, '0'), sha256(n::text::bytea), '{READ}' FROM generate_series(1, %s) AS n",
        (account_id, MAX_OF_AN_ACCOUNT),
    )
    assert (await key_of(site, landlord, account_id))["refusal"]["code"] == "TOO_MANY_KEYS"
    site.database.execute("UPDATE api_key SET revoked_at = now() WHERE prefix = '00000001'")
    assert (await key_of(site, landlord, account_id))["refusal"] is None
    site.database.execute(
        "INSERT INTO account (name, role, kind, owner_id)"
        " SELECT 'S', 'LANDLORD', 'SERVICE', %s FROM generate_series(2, %s)",
        (landlord.account_id, MAX_OF_AN_OWNER),
    )
    refused = await wish(site, CREATE, landlord, name="One more", scopes=["READ"])
    assert refused["refusal"]["code"] == "TOO_MANY_SERVICE_ACCOUNTS"


async def test_admins_see_everybodys_and_landlords_their_own(site: Site, landlord: Viewer) -> None:
    await service(site, landlord)
    await service(site, site.admin, "SERVICE")
    assert await site.ask(EVERYBODYS) == {
        "serviceAccounts": {
            "totalCount": 2,
            "nodes": [{"name": "Till", "ownerName": "l@x.org"}, {"name": "Till", "ownerName": "Admin"}],
        }
    }
    assert await site.code(EVERYBODYS, viewer=landlord) == "FORBIDDEN"
    assert (await site.ask(OWN))["viewer"]["serviceAccounts"]["totalCount"] == 1


async def test_the_keys_of_many_accounts_take_one_statement(
    site: Site, statements: list[str], landlord: Viewer
) -> None:
    for _ in range(3):
        await key_of(site, landlord, await service(site, landlord))
    statements.clear()
    found = (await site.ask(OWN, viewer=landlord))["viewer"]["serviceAccounts"]["nodes"]
    assert [len(account["keys"]) for account in found] == [1, 1, 1]
    assert len(statements) == 4  # who is asking, the page, how many, the keys


async def test_keys_that_are_over_are_forgotten_in_time(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    for _ in range(3):
        await key_of(site, landlord, account_id)
    over = NOW - KEYS_KEPT_FOR
    site.database.execute("UPDATE api_key SET revoked_at = %s WHERE id = 1", (over - timedelta(seconds=1),))
    site.database.execute("UPDATE api_key SET expires_at = %s WHERE id = 2", (over,))
    await keep_house(site.pool, keeping=Keeping(), now=NOW)
    assert site.database.execute("SELECT id FROM api_key ORDER BY id").fetchall() == [(2,), (3,)]


async def test_a_removed_account_takes_its_keys_along(site: Site, landlord: Viewer) -> None:
    account_id = await service(site, landlord)
    await key_of(site, landlord, account_id)
    assert await wish(site, REMOVE, landlord, id=account_id) == {"removedId": account_id, "refusal": None}
    assert site.database.execute("SELECT count(*) FROM api_key").fetchone() == (0,)
    assert site.database.execute("SELECT count(*) FROM account WHERE kind = 'SERVICE'").fetchone() == (0,)


async def test_its_role_and_whether_it_comes_in_are_its_owners(site: Site, landlord: Viewer) -> None:
    await service(site, landlord)
    found = "SELECT role, disabled_at IS NOT NULL FROM account WHERE kind = 'SERVICE'"
    assert site.database.execute(found).fetchall() == [("LANDLORD", False)]
    site.database.execute(
        "UPDATE account SET role = 'TENANT', disabled_at = now() WHERE id = %s", (landlord.account_id,)
    )
    assert site.database.execute(found).fetchall() == [("TENANT", True)]
    site.database.execute("UPDATE account SET disabled_at = NULL WHERE id = %s", (landlord.account_id,))
    assert site.database.execute(found).fetchall() == [("TENANT", False)]


async def test_the_owner_reads_what_was_done_with_keys_and_by_keys(site: Site, landlord: Viewer) -> None:
    site.add_panel("FLAT", is_prepaid=True, seen_by=[landlord])
    site.add_tariff("FLAT", "2020-01-01", "200")
    account_id = await service(site, landlord)
    await key_of(site, landlord, account_id)
    machine = Viewer(int(account_id), Role.LANDLORD, frozenset({Scope.CREDIT}), key_name="shop 1")
    top_up = """mutation { topUp(input: {
      panelCode: "FLAT", amount: {amount: "400", currency: "IDR"}, idempotencyKey: "abcdefgh"
    }) { refusal { code message } } }"""
    assert await site.ask(top_up, viewer=machine) == {"topUp": {"refusal": None}}
    found = (await site.ask(AUDIT, viewer=landlord))["auditLog"]["nodes"]
    assert [(entry["action"], entry["via"], entry["keyName"], entry["subjectAccountId"]) for entry in found] == [
        ("TOP_UP", "KEY", "shop 1", None),
        ("CREATE_API_KEY", "SESSION", None, account_id),
        ("CREATE_SERVICE_ACCOUNT", "SESSION", None, account_id),
    ]
    assert (await site.ask(AUDIT, viewer=site.add_person("o@x.org", role=Role.LANDLORD)))["auditLog"]["nodes"] == []


async def test_what_is_the_owners_own_is_not_the_service_accounts(site: Site, landlord: Viewer) -> None:
    site.add_panel("FLAT", seen_by=[landlord])
    account_id = await service(site, landlord, "READ", "ALERTS")
    machine = Viewer(int(account_id), Role.LANDLORD, frozenset({Scope.READ, Scope.ALERTS}), key_name="k")
    own = "{ viewer { name auditLog { totalCount } panelCount } alerts { totalCount } panels { nodes { code } } }"
    found = await site.ask(own, viewer=machine)
    assert found["viewer"] == {"name": "Till", "auditLog": {"totalCount": 1}, "panelCount": 1}  # that it was made
    assert (found["alerts"]["totalCount"], found["panels"]["nodes"]) == (0, [{"code": "FLAT"}])
