"""The table of rules: complete, held at the doors, and read by people in docs/access.md."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema

from kilowatch.access_tables import with_tables
from metering.access import Role, Scope, Viewer
from metering.refusals import Refused
from schema.access_fields import FIELDS
from schema.access_roots import ROOTS, is_open
from schema.access_rules import Rule, Sees, Who, hold_rules
from tests.access.asking import CORE, Asker, asking, mutations, queries
from tests.access.matrix import HOME, clear_attempts
from tests.access.questions import Question, target_of
from tests.access.world import MAY_SEE, World, viewer

OWN = {"renter": ("C", "C1"), "landlord B": ("B", "B1")}


# The table


def test_a_field_without_a_rule_or_a_rule_without_a_field_keeps_the_schema_from_being_built() -> None:
    small = build_schema("type Query { panel: Panel } type Panel { code: String! name: String }")
    for roots, fields, wrong in (
        ({}, {"Panel": {Sees.PANEL: "code name"}}, "no rule: Query.panel"),
        ({"Query": ROOTS["Query"]}, {"Panel": {Sees.PANEL: "code name"}}, "no field: Query.alerts"),
        ({"Query": {"panel": Rule(Who.ADMIN)}}, {}, "no rule: Panel.code"),
        ({"Query": {"panel": Rule(Who.ADMIN)}}, {"Panel": {Sees.PANEL: "code"}}, "no rule: Panel.name"),
        ({"Query": {"panel": Rule(Who.ADMIN)}}, {"Panel": {Sees.PANEL: "code name gone"}}, "no field: Panel.gone"),
        ({"Query": {"panel": Rule(Who.ADMIN)}}, {"Panel": {Sees.PANEL: "code name name"}}, "two rules: Panel.name"),
        ({"Query": {"panel": Rule(Who.ADMIN)}}, {"Panel": {Sees.PANEL: "*"}, "Gone": {}}, "no type: Gone"),
    ):
        with pytest.raises(TypeError, match=wrong):
            hold_rules(small, roots=roots, fields=fields)


def test_every_description_of_a_root_field_says_who_it_is_for_and_what_its_keys_need() -> None:
    for root, rules in ROOTS.items():
        for name, rule in rules.items():
            assert rule.sentence in described(root)[name].description


def described(root: str) -> dict[str, Any]:
    type_ = CORE.type_map[root]
    assert isinstance(type_, GraphQLObjectType)
    return type_.fields


def test_a_field_is_open_where_nobody_needs_to_sign_in_and_nowhere_else() -> None:
    assert is_open("logIn", root="Mutation")
    assert is_open("__typename", root="Query")
    assert not is_open("alerts", root="Subscription")
    assert not is_open("no such field", root="Query")


@pytest.mark.parametrize("scope", Scope)
def test_a_key_opens_what_its_scopes_say_and_no_more(scope: Scope) -> None:
    key = Viewer(1, Role.ADMIN, frozenset({scope}))
    for rules in ROOTS.values():
        for name, rule in rules.items():
            is_let_in = passes(rule, key)
            assert is_let_in == (rule.scope in {None, scope} and not is_for_people(rule)), name
            assert not passes(rule, replace(key, scopes=frozenset())) or rule.scope is None


def is_for_people(rule: Rule) -> bool:
    return rule.who in {Who.PERSON, Who.LANDLORD_PERSON, Who.ADMIN_PERSON}


def passes(rule: Rule, who: Viewer | None) -> bool:
    return words_at(rule, who) is None


def words_at(rule: Rule, who: Viewer | None) -> str | None:
    """What the door says to somebody; None to whom it lets in."""
    try:
        rule.check(who)
    except Refused as refused:
        return refused.message
    return None


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(Refused, match=r"FORBIDDEN: .*CREDIT"):
        ROOTS["Mutation"]["topUp"].check(Viewer(1, Role.ADMIN, frozenset({Scope.READ})))


def test_plans_leave_every_root_field_to_its_check() -> None:
    for root in ROOTS:
        type_ = CORE.type_map[root]
        assert isinstance(type_, GraphQLObjectType)
        for name, field in type_.fields.items():
            assert not getattr(field.resolve, "_is_default", False), name


# The doors


def asked(person: str, world: World) -> Iterator[tuple[str, Question]]:
    target = target_of(world, *OWN.get(person, HOME.get(person, ("current", "A1"))))
    yield from (("Query", question) for question in queries(target))
    in_order = sorted(mutations(target), key=lambda question: question.name == "deleteAccount")  # after it nobody asks
    yield from (("Mutation", question) for question in in_order)


def refusal_of(answer: dict[str, Any], name: str) -> str | None:
    """Why the root field was refused: in its payload, or as an error at it."""
    payload = (answer["data"] or {}).get(name)
    if isinstance(payload, dict) and payload.get("refusal"):
        return payload["refusal"]["message"]
    return next((error["message"] for error in answer["errors"] if error.get("path") == [name]), None)


DOORS = {
    words_at(rule, Viewer(1, role, scopes))
    for rules in ROOTS.values()
    for rule in rules.values()
    for role in Role
    for scopes in (None, frozenset[Scope]())
} - {None}
"""All that doors say to those who have signed in."""


async def wrong_doors(asker: Asker, person: str) -> list[str]:
    """Root fields that let in whom their rule refuses, or refuse whom it lets in."""
    found: list[str] = []
    for root, question in asked(person, asker.world):
        name = question.name.split()[0]
        clear_attempts(asker.world)
        said = refusal_of(await asker.ask(question.text, person=person), name)
        expected = words_at(ROOTS[root][name], viewer(person))
        if said != expected and (expected is not None or said in DOORS):
            found.append(f"{root}.{name}: {said}, and not {expected}")
    return found


@pytest.mark.parametrize("person", [*MAY_SEE, "admin"])
async def test_each_door_opens_for_whom_its_rule_says(scratch: World, person: str) -> None:
    async with asking(scratch) as asker:
        assert await wrong_doors(asker, person) == []


async def test_a_change_that_a_door_refuses_is_in_the_audit(scratch: World) -> None:
    async with asking(scratch) as asker:
        answer = await asker.ask(
            'mutation { setTariff(input: { panelCode: "A1", validFrom: "2030-01-01",'
            ' tariff: { name: "Mine", currency: "IDR", unitPrice: "1" } }) { refusal { code } } }',
            person="current",
        )
    assert answer["data"] == {"setTariff": {"refusal": {"code": "FORBIDDEN"}}}
    kept = scratch.database.execute(
        "SELECT account_id, panel_code, action, outcome FROM audit_entry ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert kept == (12, "A1", "SET_TARIFF", "FORBIDDEN")


def test_every_type_that_the_table_names_is_told_apart_from_those_that_only_hold_others() -> None:
    assert [name for name in FIELDS if name.endswith(("Connection", "Edge"))] == []


def test_the_page_of_rules_is_up_to_date() -> None:
    page = (Path(__file__).parents[2] / "docs/access.md").read_text("utf-8")
    assert page == with_tables(page)
