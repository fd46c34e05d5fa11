"""Turns the released contract and the current one into what would break clients, and deprecations into dates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

RELEASED: Final = Path(__file__).with_name("released.graphql")
"""Where the contract of the last release stands: clients rely on it."""

_REMOVAL: Final = re.compile(r"\. Removed on (\d{4}-\d{2}-\d{2})\.$")
_HIDDEN: Final = "__"


@dataclass(frozen=True, slots=True)
class Changes:
    """What the current contract does to clients of the released one, a sentence each."""

    breaking: tuple[str, ...]
    dangerous: tuple[str, ...]


def changes(released: str, current: str, *, today: date) -> Changes:
    """What changed between two printed contracts.

    What the released one announced to be removed by today may be gone. Breaking: a document that was right is not any
    more. Dangerous: it still is, and its answers may surprise, as by a new value of an enum.
    """
    found = build_schema(current)
    expected = _without_removed(build_schema(released), found, today=today)
    return Changes(
        tuple(change.description for change in find_breaking_changes(expected, found)),
        tuple(change.description for change in find_dangerous_changes(expected, found)),
    )


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Something that clients should use no more; `removed_on` is None where the reason names no day."""

    place: str
    reason: str
    removed_on: date | None


def deprecations(contract: str) -> list[Deprecation]:
    """Everything of a printed contract that is deprecated: fields, arguments, input fields and values of enums."""
    return [
        Deprecation(place, reason, removal_date(reason))
        for place, thing in _places(build_schema(contract))
        if (reason := thing.deprecation_reason) is not None
    ]


def removal_date(reason: str) -> date | None:
    """The day of a reason like "Use `from`. Removed on 2027-06-01."; None of any other."""
    match = _REMOVAL.search(reason)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _places(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    for type_ in schema.type_map.values():
        if type_.name.startswith(_HIDDEN):
            continue
        for name, member in _members(type_).items():
            yield f"{type_.name}.{name}", member
            for argument_name, argument in getattr(member, "args", {}).items():
                yield f"{type_.name}.{name}({argument_name}:)", argument


def _members(type_: Any) -> dict[str, Any]:
    if isinstance(type_, GraphQLEnumType):
        return type_.values
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return type_.fields
    return {}


def _without_removed(schema: GraphQLSchema, found: GraphQLSchema, *, today: date) -> GraphQLSchema:
    """The schema without what was to be removed by today and is gone, and without types that nothing else led to."""
    for type_ in schema.type_map.values():
        kept, members = _members(found.get_type(type_.name)), _members(type_)
        for name in _gone(members, kept, today=today):
            del members[name]
        for name, member in members.items():
            arguments = getattr(member, "args", {})
            for argument in _gone(arguments, getattr(kept.get(name), "args", {}), today=today):
                del arguments[argument]
    return GraphQLSchema(schema.query_type, schema.mutation_type, schema.subscription_type)


def _gone(members: dict[str, Any], kept: dict[str, Any], *, today: date) -> list[str]:
    due = [name for name, member in members.items() if _is_due(member, today=today)]
    return [name for name in due if name not in kept]


def _is_due(member: Any, *, today: date) -> bool:
    removed_on = removal_date(member.deprecation_reason or "")
    return removed_on is not None and removed_on <= today
