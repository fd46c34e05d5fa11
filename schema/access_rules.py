"""Turns the tables of who may ask for what into checks before root fields run, and into words for their readers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from graphql import GraphQLObjectType, GraphQLSchema

from metering.access import Role, Scope, Viewer
from metering.refusals import Refused
from resolvers.audit import audited
from resolvers.context import Context


class Who(Enum):
    """Who may use a root field; the value is what its description says of them."""

    ANYBODY = "Nobody needs to sign in for it."
    SIGNED_IN = ""
    PERSON = "For people, not for keys."
    LANDLORD = "For landlords and admins."
    ADMIN = "For admins."
    LANDLORD_PERSON = "For landlords and admins, not for keys."
    ADMIN_PERSON = "For admins, not for keys."


class Sees(Enum):
    """Who sees a field of an object that they reached; the value says it for docs/access.md."""

    PARENT = "whoever sees the object that it is part of"
    PANEL = "whoever has the panel in sight now"
    WINDOW = "the same, each for the time that is theirs: a tenant for that of the tenancy"
    MANAGER = "who acts for the panel or property as its landlord, and admins"
    OWN = "the account that asks: each has its own, and nobody sees another's"
    PERSON = "the account that asks, signed in as a person: keys are refused"
    ADMIN = "admins; null for others"
    PUBLIC = "everybody who may use the root field: it belongs to nobody"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use a root field, and what the key of a service account must be for; None: any key may."""

    who: Who
    scope: Scope | None = None

    def check(self, viewer: Viewer | None) -> None:
        """Lets the viewer pass.

        Raises:
            Refused: UNAUTHENTICATED for a stranger, FORBIDDEN for whom the field is not for; it names a missing scope.
        """
        if self.who is Who.ANYBODY:
            return
        if viewer is None:
            raise Refused("UNAUTHENTICATED", "Sign in first: send the token of `logIn` as a bearer token.")
        if viewer.scopes is not None:
            self._check_key(viewer.scopes)
        if viewer.role not in _ROLES[self.who]:
            raise Refused("FORBIDDEN", _REFUSED[self.who])

    def _check_key(self, scopes: frozenset[Scope]) -> None:
        if self.who in _PEOPLE:
            raise Refused("FORBIDDEN", "Only people may do this, no service account.")
        if self.scope is not None and self.scope not in scopes:
            raise Refused("FORBIDDEN", f"The key has not the scope {self.scope.value}, which this needs.")

    @property
    def sentence(self) -> str:
        """What a description says of it; empty where there is nothing to say."""
        key = f"Keys need {self.scope.value}." if self.scope else ""
        return " ".join(part for part in (self.who.value, key) if part)


_PEOPLE: Final = frozenset({Who.PERSON, Who.LANDLORD_PERSON, Who.ADMIN_PERSON})
_ROLES: Final[Mapping[Who, frozenset[Role]]] = {
    Who.SIGNED_IN: frozenset(Role),
    Who.PERSON: frozenset(Role),
    Who.LANDLORD: frozenset({Role.LANDLORD, Role.ADMIN}),
    Who.ADMIN: frozenset({Role.ADMIN}),
    Who.LANDLORD_PERSON: frozenset({Role.LANDLORD, Role.ADMIN}),
    Who.ADMIN_PERSON: frozenset({Role.ADMIN}),
}
_REFUSED: Final[Mapping[Who, str]] = {
    Who.LANDLORD: "Only landlords and admins may do this.",
    Who.ADMIN: "Only admins may do this.",
    Who.LANDLORD_PERSON: "Only landlords and admins may do this.",
    Who.ADMIN_PERSON: "Only admins may do this.",
}

Roots = Mapping[str, Mapping[str, Rule]]
"""The rules of the fields of Query, Mutation and Subscription."""

Fields = Mapping[str, Mapping[Sees, str]]
"""By type, who sees which of its fields; `*` is all of them."""

SHAPES: Final = ("Connection", "Edge", "Payload", "PageInfo")
"""How the names of types end that only hold others: each of their fields is PARENT."""

_ROOTS: Final = ("Query", "Mutation", "Subscription")
PERSON: Final = Rule(Who.PERSON)
READING: Final = Rule(Who.SIGNED_IN, Scope.READ)

_PANELS: Final = frozenset({"Panel", "PanelConnection", "PanelHistory"})
_LEADING_TO_PANELS: Final = frozenset({"RegisteredDevice", "Property", "Tenancy"})
"""What keys reach that are for something else than reading, as they do payloads: from there they get no readings."""


def hold_rules(schema: GraphQLSchema, *, roots: Roots, fields: Fields) -> None:
    """Puts the check of each root field before its resolver, and its sentence at the end of its description.

    Raises:
        TypeError: a field has no rule, or two, or a rule has no field.
    """
    if wrong := [*_wrong_roots(schema, roots), *_wrong_fields(schema, fields)]:
        listing = "; ".join(wrong)
        raise TypeError(f"State one rule a field in schema/access_roots.py and schema/access_fields.py: {listing}")
    for name in _ROOTS:
        for field_name, field in _fields_of(schema, name).items():
            rule = roots[name][field_name]
            field.description = " ".join(part for part in (field.description, rule.sentence) if part)
            _guard(field, rule, action=_capitals(field_name) if name == "Mutation" else None)
    for name, field_name, sees in listed(schema, fields):
        if sees is Sees.PERSON:
            _guard(_fields_of(schema, name)[field_name], PERSON, action=None)
    for field in _ways_to_panels(schema):
        field.description = " ".join(part for part in (field.description, READING.sentence) if part)
        _guard(field, READING, action=None)


def _named(type_: Any) -> str:
    """The name of what a field answers, below lists and what may not be null."""
    return str(type_).strip("[]!")


def _ways_to_panels(schema: GraphQLSchema) -> list[Any]:
    return [
        field
        for name in schema.type_map
        if name in _LEADING_TO_PANELS or name.endswith("Payload")
        for field in _fields_of(schema, name).values()
        if _named(field.type) in _PANELS
    ]


def listed(schema: GraphQLSchema, fields: Fields) -> list[tuple[str, str, Sees]]:
    """Type, field and who sees it, for every field below the roots."""
    return [
        (name, field_name, _sees(name, field_name, fields))
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__") and name not in _ROOTS
        for field_name in type_.fields
    ]


def _sees(name: str, field_name: str, fields: Fields) -> Sees:
    """Who sees a field.

    Raises:
        KeyError: nothing says it.
    """
    lines = fields.get(name, {Sees.PARENT: "*"} if name.endswith(SHAPES) else {})
    found = [sees for sees, names in lines.items() if names == "*" or field_name in names.split()]
    if not found:
        raise KeyError(f"{name}.{field_name}")
    return found[0]


def _wrong_roots(schema: GraphQLSchema, roots: Roots) -> list[str]:
    there = {f"{name}.{field}" for name in _ROOTS for field in _fields_of(schema, name)}
    ruled = {f"{name}.{field}" for name, rules in roots.items() for field in rules}
    return [f"no rule: {one}" for one in sorted(there - ruled)] + [f"no field: {one}" for one in sorted(ruled - there)]


def _wrong_fields(schema: GraphQLSchema, fields: Fields) -> list[str]:
    types = {
        name: set(type_.fields)
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__") and name not in _ROOTS
    }
    ruled = {name: " ".join(lines.values()).split() for name, lines in fields.items()}
    wrong = [f"no type: {name}" for name in ruled.keys() - types.keys()]
    for name, there in types.items():
        given = ruled.get(name, ["*"] if name.endswith(SHAPES) else [])
        if given != ["*"]:
            wrong += [f"no rule: {name}.{field}" for field in sorted(there - set(given))]
            wrong += [f"no field: {name}.{field}" for field in sorted(set(given) - there)]
            wrong += [f"two rules: {name}.{field}" for field in sorted({one for one in given if given.count(one) > 1})]
    return wrong


def _fields_of(schema: GraphQLSchema, name: str) -> dict[str, Any]:
    return getattr(schema.type_map.get(name), "fields", {})


def _capitals(name: str) -> str:
    """The audit's name of a mutation: `topUp` is TOP_UP."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()


# The checks


def _guard(field: Any, rule: Rule, *, action: str | None) -> None:
    """Puts the check before what answers the field, or begins its stream; a mutation's is written to the audit."""
    if rule.who is Who.ANYBODY:
        return
    if field.subscribe is not None:
        field.subscribe = _checked(field.subscribe, rule)
    elif action is None:
        field.resolve = _checked(field.resolve, rule)
    else:
        field.resolve = _checked_change(field.resolve, rule, action=action, payload=_payload(field))


def _checked(answer: Callable[..., Any], rule: Rule) -> Callable[..., Any]:
    def answer_if_allowed(source: Any, info: Any, **arguments: Any) -> Any:
        rule.check(info.context.viewer)
        return answer(source, info, **arguments)

    return answer_if_allowed


def _checked_change(
    answer: Callable[..., Any], rule: Rule, *, action: str, payload: Callable[[Refused], object] | None
) -> Callable[..., Any]:
    async def refuse(context: Context, refused: Refused, panel_code: str | None) -> object:
        try:
            async with audited(context, action=action, panel_code=panel_code):
                raise refused
        except Refused:
            if payload is None:
                raise
            return payload(refused)

    def answer_if_allowed(source: Any, info: Any, **arguments: Any) -> Any:
        try:
            rule.check(info.context.viewer)
        except Refused as refused:
            return refuse(info.context, refused, _panel_code(arguments))
        return answer(source, info, **arguments)

    return answer_if_allowed


def _panel_code(arguments: Mapping[str, Any]) -> str | None:
    """The panel that a mutation's input names; None where it names none."""
    given: Any = arguments.get("input")
    code: Any = given.get("panelCode") if isinstance(given, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return code if isinstance(code, str) else None


def _payload(field: Any) -> Callable[[Refused], object] | None:
    """What makes a mutation's payload of a refusal; None where its answer has none."""
    extensions = field.extensions["strawberry-definition"].extensions
    return next((one.payload_of for one in extensions if hasattr(one, "payload_of")), None)
