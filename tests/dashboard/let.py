"""Turns a furnished product into a landlord's: a property with the flat in it, and people by their names."""

import asyncio
from typing import Any

from kilowatch.people import NewPerson, add_person
from tests.dashboard.furnished import FLAT
from tests.fixtures.stack import PASSWORD, Stack

LANDLORD = "landlord@example.org"
NEWCOMER = "newcomer@example.org"
ACCOUNT = """query($text: String) { people(filter: { text: $text }) { nodes { id } } }"""
PROPERTY = """mutation($i: CreatePropertyInput!) { createProperty(input: $i) { property { id } refusal { code } } }"""
ASSIGN = """mutation($i: AssignPanelsInput!) { assignPanels(input: $i) { refusal { code } } }"""


async def add_people(stack: Stack, *people: tuple[str, str, str]) -> None:
    """People by e-mail, name and role, who sign in with PASSWORD and see nothing yet."""
    for email, name, role in people:
        person = NewPerson(email, None, name, role, PASSWORD)
        await asyncio.to_thread(add_person, stack.database_url, person)


async def let_flat(stack: Stack) -> str:
    """Makes the flat the LANDLORD's, in a property called Marina Court; answers its id."""
    await add_people(stack, (LANDLORD, "Funmi", "LANDLORD"), (NEWCOMER, "Ada", "TENANT"))
    token = stack.sign_in()
    [landlord] = stack.ask(ACCOUNT, token=token, text=LANDLORD)["people"]["nodes"]
    made = {"name": "Marina Court", "address": "Lagos", "landlordId": landlord["id"]}
    property_id: str = stack.ask(PROPERTY, token=token, i=made)["createProperty"]["property"]["id"]
    assigned = done(stack, ASSIGN, token=token, i={"panelCodes": [FLAT.code], "propertyId": property_id})
    assert assigned["refusal"] is None
    return property_id


def done(stack: Stack, mutation: str, *, token: str, i: dict[str, Any]) -> dict[str, Any]:
    """The payload of a mutation's only field."""
    [payload] = stack.ask(mutation, token=token, i=i).values()
    return payload


def newest_code(stack: Stack, *, after: int) -> str:
    """The six digits of the newest of the messages that are more than `after`."""
    body = stack.push.wait_for(after + 1, within_s=30)[-1].body
    return next(word for word in body.split() if word.isdigit() and len(word) == 6)
