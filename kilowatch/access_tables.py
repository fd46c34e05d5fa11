"""Turns the rules of access into the tables of docs/access.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schema.access_fields import FIELDS
from schema.access_roots import ROOTS
from schema.access_rules import Sees, Who

PAGE: Final = Path(__file__).parents[1] / "docs" / "access.md"
"""Where the page stands."""
BEGIN: Final = "<!-- made by `kilowatch schema --write` -->"

_WHO: Final = {
    Who.ANYBODY: "anybody",
    Who.SIGNED_IN: "whoever has signed in",
    Who.PERSON: "people",
    Who.LANDLORD: "landlords, admins",
    Who.ADMIN: "admins",
    Who.LANDLORD_PERSON: "landlords and admins, people",
    Who.ADMIN_PERSON: "admins, people",
}


def with_tables(text: str) -> str:
    """The page with what comes after its mark written anew."""
    return "\n".join([text.partition(BEGIN)[0] + BEGIN, "", *_roots(), *_seen(), *_fields()])


def _roots() -> Iterator[str]:
    for name, rules in ROOTS.items():
        yield from (f"## {name}", "", "| field | who | scope of a key |", "| --- | --- | --- |")
        for field, rule in sorted(rules.items()):
            scope = f"`{rule.scope.value}`" if rule.scope else ""
            yield f"| `{field}` | {_WHO[rule.who]} | {scope} |"
        yield ""


def _seen() -> Iterator[str]:
    yield from ("## Below", "", "| word | who sees it |", "| --- | --- |")
    yield from (f"| {sees.name} | {sees.value} |" for sees in Sees)
    yield ""


def _fields() -> Iterator[str]:
    yield from ("| type | fields | word |", "| --- | --- | --- |")
    for name, lines in sorted(FIELDS.items()):
        for sees, fields in lines.items():
            named = "all" if fields == "*" else ", ".join(f"`{field}`" for field in sorted(fields.split()))
            yield f"| {name} | {named} | {sees.name} |"
    yield ""
