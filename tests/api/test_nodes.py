"""Global ids: what has one is fetched again by it, by those who may see it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from tests.api.conftest import Site

NODE = "query ($id: ID!) { node(id: $id) { __typename id ... on Panel { code } ... on Device { name } } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


def numbered(kind: str, number: object) -> str:
    return urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


@pytest.fixture
async def ids(site: Site) -> dict[str, str]:
    """The ids of two panels, of which a tenant sees one, and of the device of each; by their codes and names."""
    mine = site.add_person("mine@x.org")
    site.add_panel("MINE", seen_by=[mine])
    site.add_panel("THEIRS")
    site.database.execute(
        "INSERT INTO device (kind, name, panel_code, first_heard_at) VALUES ('TASMOTA', 'my plug', 'MINE', now()),"
        " ('TASMOTA', 'their plug', 'THEIRS', now())"
    )
    found = await site.ask("{ panels { nodes { id code device { id name } } } }")
    panels = found["panels"]["nodes"]
    return {panel["code"]: panel["id"] for panel in panels} | {
        panel["device"]["name"]: panel["device"]["id"] for panel in panels
    }


async def test_a_panel_and_a_device_are_fetched_again_by_their_ids(site: Site, ids: dict[str, str]) -> None:
    assert len(set(ids.values())) == 4
    assert (await site.ask(NODE, id=ids["MINE"]))["node"] == {"__typename": "Panel", "id": ids["MINE"], "code": "MINE"}
    assert (await site.ask(NODE, id=ids["their plug"]))["node"] == {
        "__typename": "Device",
        "id": ids["their plug"],
        "name": "their plug",
    }


async def test_an_id_outlives_a_change_of_code(site: Site, ids: dict[str, str]) -> None:
    site.database.execute("UPDATE panel SET code = 'RENAMED', name = 'x' WHERE code = 'MINE'")
    assert (await site.ask(NODE, id=ids["MINE"]))["node"]["code"] == "RENAMED"


async def test_what_is_not_ones_own_looks_like_what_is_not_there(site: Site, ids: dict[str, str]) -> None:
    row = site.database.execute("SELECT id FROM account WHERE email = 'mine@x.org'").fetchone()
    assert row
    mine = type(site.admin)(row[0], type(site.admin.role).TENANT)
    asked = [ids["THEIRS"], ids["MINE"], numbered("Panel", 999), ids["their plug"], ids["my plug"], ids["MINE"]]
    found = (await site.ask(NODES, viewer=mine, ids=asked))["nodes"]
    assert [node and node["__typename"] for node in found] == [None, "Panel", None, None, "Device", "Panel"]
    assert (await site.ask(NODE, viewer=mine, id=ids["THEIRS"])) == {"node": None}
    assert await site.code(NODE, anonymous=True, id=ids["MINE"]) == "UNAUTHENTICATED"
    assert await site.code(NODES, anonymous=True, ids=[]) == "UNAUTHENTICATED"


async def test_what_is_no_id_is_not_there(site: Site, ids: dict[str, str]) -> None:
    panel = urlsafe_b64decode(ids["MINE"] + "==").decode()
    strange = ["", "x", "17", "ünïcode", "\0", "=" * 5, numbered("Account", 1), numbered("Panel", "٣"), "Panel:1"]
    strange += [numbered("Panel", 10**10), numbered("Panel", 2**31), numbered("Panel", -1), numbered(panel, 1)]
    assert (await site.ask(NODES, ids=strange))["nodes"] == [None] * len(strange)


async def test_a_hundred_nodes_are_fetched_at_once_and_no_more(site: Site, ids: dict[str, str]) -> None:
    assert len((await site.ask(NODES, ids=[ids["MINE"]] * 100))["nodes"]) == 100
    assert await site.code(NODES, ids=[ids["MINE"]] * 101) == "BAD_INPUT"
