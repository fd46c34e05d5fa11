"""Turns the schema into operations that ask for all that can be asked, about a thing of somebody's choice."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_leaf_type,
)

from tests.access.world import CURRENT_FROM, FORMER_FROM, HOUR, NEXT_FROM, NOW, PANELS, PASSWORD, World

UNKNOWN: Final = 987654
"""A number that nothing has."""
DEPTH: Final = 9


@dataclass(frozen=True, slots=True)
class Target:
    """What an operation is about: a panel, and the id of a thing of each kind of somebody's, by its table."""

    panel: str
    ids: Mapping[str, int | str] = field(default_factory=dict[str, int | str])
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    at: datetime = NOW - HOUR

    def id(self, table: str) -> str:
        """The id of the thing in a table; one that nothing has where there is none."""
        return str(self.ids.get(table, UNKNOWN))

    @property
    def unknown(self) -> "Target":
        """The same of things that are not there."""
        ids = {table: _unknown(number) for table, number in self.ids.items()}
        return Target("ZZ", ids, {kind: f"{'n' * len(text)}" for kind, text in self.texts.items()})

    @property
    def words(self) -> list[str]:
        """All that an answer may repeat of the question; the longest first."""
        long = [str(one) for one in (*self.texts.values(), *self.ids.values()) if len(str(one)) > 3]
        return sorted({*long, self.panel}, key=len, reverse=True)

    def elsewhere(self) -> "Target":
        """The same things without the panel that they are at."""
        return replace(self, panel="ZZ", ids={**self.ids, "panel": UNKNOWN, "device": UNKNOWN, "property": UNKNOWN})


def target_of(world: World, seed: str, panel: str) -> Target:
    """The things of a seed, at a panel."""
    ids = {table: number for (table, of), number in world.ids.items() if of == seed}
    ids |= {"panel": PANELS[panel][0], "device": PANELS[panel][0], "property": PANELS[panel][2] or UNKNOWN}
    texts = {"vend": world.canary(seed, "vend"), "payment": world.canary(seed, "payment")}
    return Target(panel, ids, texts | {"name": world.canary(PANELS[panel][1], "panel")})


def _unknown(known: int | str) -> int | str:
    """A number like that one, which nothing has."""
    if isinstance(known, int):
        return UNKNOWN
    return f"dev_{'z' * 16}" if known.startswith("dev_") else "00000000-0000-4000-8000-000000987654"


GARBAGE: Final = Target("'; DROP TABLE panel; --", {}, {"vend": "\u202e", "payment": "%", "name": "%_\\"})

WHOLE: Final[Mapping[str, frozenset[str]]] = {
    "Panel": frozenset({"PanelConnection"}),
    "PrepaidAccount": frozenset({"PanelConnection", "Panel"}),
    "PanelHistory": frozenset({"Viewer", "TenancyConnection", "Tenancy"}),
    "Property": frozenset({"PropertyConnection"}),
    "Tenancy": frozenset({"Viewer", "TenancyConnection", "Property"}),
    "Viewer": frozenset(),
}
"""Where each of the large types is asked for everything: below no other types than these. Elsewhere it is the same
object, which is asked for what is plain of it."""

Fill = Callable[[Target], Any]


def _text(kind: str) -> Fill:
    return lambda target: target.texts.get(kind, "nothing")


IDS: Final[Mapping[str, str]] = {
    "entryId": "ledger_entry",
    "alertId": "alert",
    "changeId": "reading_change",
    "typedReadingId": "typed_reading",
    "subscriptionId": "open_subscription",
    "challengeId": "one_time_code",
    "landlordId": "account",
    "personId": "account",
    "keyId": "api_key",
    "exceptId": "session",
    "ids": "rejected_message",
    "RotateDeviceSecretInput.id": "registered_device",
    "IssueDeviceTokenInput.id": "registered_device",
    "RevokeDeviceInput.id": "registered_device",
    "UpdateDeviceInput.id": "registered_device",
}
"""The table that ids of a name number, where it is not the name's own: `propertyId` is that of a property."""

_VERBS: Final = re.compile("^(?:[A-Z][a-z]+(?=[A-Z]))(?=[A-Z])")
TABLES: Final = frozenset({
    *IDS.values(), "account", "claim_code", "device", "invitation", "panel", "payment", "property", "session",
    "service_account", "api_key", "tenancy", "rejected_replay",
})  # fmt: skip


def table_of(place: str, name: str) -> str:
    """The table that an id numbers.

    Raises:
        KeyError: nobody has said so; put it in `IDS`.
    """
    holder = place.split(".")[-2]
    noun = _VERBS.sub("", holder.removesuffix("Input")) if name == "id" else name.removesuffix("Id")
    found = IDS.get(place) or IDS.get(name) or re.sub(r"(?<!^)(?=[A-Z])", "_", noun).lower()
    if found not in TABLES:
        raise KeyError(f"{place}: say in IDS of which table this is the number.")
    return found


SPAN: Final = {"from": FORMER_FROM - 3 * HOUR, "to": NOW}
FILLS: Final[Mapping[str, Fill]] = {
    "panelCode": lambda target: target.panel,
    "codes": lambda target: [target.panel],
    "panelCodes": lambda target: [target.panel],
    "search": _text("name"),
    "text": _text("name"),
    "topic": lambda target: f"mapped/{target.panel}",
    "topicStartsWith": lambda target: f"mapped/{target.panel}",
    "payload": lambda _: '{"kwh": 1}',
    "fields": lambda _: [{"path": "$.kwh", "quantity": "ENERGY_IMPORT", "unit": "kWh"}],
    "from": lambda _: SPAN["from"].isoformat(),
    "to": lambda _: SPAN["to"].isoformat(),
    "at": lambda target: target.at.isoformat(),
    "since": lambda _: SPAN["from"].isoformat(),
    "until": lambda _: SPAN["to"].isoformat(),
    "year": lambda _: NOW.year,
    "month": lambda _: NOW.month,
    "date": lambda _: NOW.date().isoformat(),
    "days": lambda _: 12,
    "validFrom": lambda _: NEXT_FROM.date().isoformat(),
    "startsOn": lambda _: NEXT_FROM.date().isoformat(),
    "endsOn": lambda _: (NEXT_FROM + timedelta(days=9)).date().isoformat(),
    "endsAt": lambda _: NEXT_FROM.isoformat(),
    "query": lambda _: "{ panels { totalCount } }",
    "amount": lambda _: {"amount": "1000", "currency": "IDR"},
    "unitPrice": lambda _: "1000",
    "currency": lambda _: "IDR",
    "unitsKwh": lambda _: "3",
    "shownKwh": lambda _: "33",
    "limitKwh": lambda _: "3",
    "thresholdKwh": lambda _: "3",
    "kwhPerValue": lambda _: "0.1",
    "energyImportKwh": lambda _: 700_000.0,
    "topUpKwh": lambda _: "5",
    "idempotencyKey": lambda _: "key-of-nobody-0001",
    "clientId": lambda _: "client-of-nobody-0001",
    "secretKeyHex": lambda _: "a29ab82edc5fbbc41ec9530f6dac86b1",
    "token": lambda _: "12345678901234567890",
    "ids": lambda target: [target.id("rejected_message")],
    "challengeId": lambda target: target.id("one_time_code"),
    "email": lambda _: "nobody@example.org",
    "phone": lambda _: "+12025550123",
    "password": lambda _: "wrong horse battery",
    "reason": lambda _: "Because.",
    "step": lambda _: "DAY",
    "kind": lambda _: "HEARTBEAT",
}  # fmt: skip
"""What an argument or input field of a name is given; others get a value of their type."""

VARIANTS: Final[Mapping[str, Sequence[Any]]] = {"step": ("HOUR", "DAY", "MONTH"), "kind": ("HEARTBEAT", "STATUS")}
"""Several values of arguments, in turns."""

_SPECIAL: Final[Mapping[str, Fill]] = {
    "Query.vend.reference": _text("vend"),
    "Query.payment.reference": _text("payment"),
    "Query.rejectedReplay.id": lambda target: target.id("rejected_replay"),
    "Query.panel.code": lambda target: target.panel,
    "ProofInput.password": lambda _: PASSWORD,
    "PrepaidAccount.quote.amount": lambda _: {"amount": "1000", "currency": "IDR"},
}
_LEFT_OUT: Final = frozenset({
    "range", "after", "before", "last", "week", "downsampling", "operationName", "variables", "mapping", "atLeastS",
    "topUpAmount", "useLessPercent", "heartbeatEveryS",
})  # fmt: skip
_ALWAYS: Final[Mapping[str, Sequence[str]]] = {"weeklySummary": ("date",), "quote": ("amount",)}
_EITHER: Final[Mapping[str, frozenset[str]]] = {
    "quote": frozenset({"unitsKwh"}), "TopUpInput": frozenset({"amount", "token", "at"}),
    "ProofInput": frozenset({"challengeId"}),
    "OfflineEntryInput": frozenset({"amount", "energyImportKwh", "shownKwh"}),
    "weeklySummary": frozenset({"year", "week"}), "GenerateTokenInput": frozenset({"amount"}),
    "RejectedMessagesInput": frozenset({"filter"}), "LogInInput": frozenset({"phone"}),
    "SetLowUnitsRuleInput": frozenset({"thresholdDays"}),
}  # fmt: skip
"""What is left out of an input, of things of which one is given."""


@dataclass(frozen=True, slots=True)
class Question:
    """An operation, by the root field that it asks for."""

    name: str
    text: str


@dataclass(slots=True)
class Writer:
    """Writes operations about a target."""

    schema: GraphQLSchema
    target: Target

    def questions(self, root: GraphQLObjectType, *, only: str | None = None) -> Iterator[Question]:
        """One or more for each field of a root, with all that its answer has."""
        keyword = {self.schema.mutation_type: "mutation ", self.schema.subscription_type: "subscription "}.get(root, "")
        for name, described in root.fields.items():
            if only in {None, name}:
                for place, given in enumerate(self._givens(root.name, name, described)):
                    below = self.selection(described.type, seen=())
                    yield Question(f"{name} {place}" if place else name, f"{keyword}{{ {name}{given}{below} }}")

    def _givens(self, parent: str, name: str, described: GraphQLField) -> list[str]:
        """The arguments to try: for a node an id of each kind."""
        if name in {"node", "nodes"}:
            texts = [_global_id(f"{_type_name(table)}:{number}") for table, number in sorted(self.target.ids.items())]
            likely = [_global_id(f"{kind}:{self.target.id(kind.lower())}") for kind in ("Panel", "Device")]
            return [f'(id: "{one}")' for one in likely] if name == "node" else [f"(ids: {_written(texts)})"]
        return [self._arguments(parent, name, described.args, all_of_them=False)] + (
            [self._arguments(parent, name, described.args, all_of_them=True)]
            if any(_is_optional(one) for one in described.args.values())
            else []
        )

    def _arguments(self, parent: str, name: str, arguments: Mapping[str, Any], *, all_of_them: bool) -> str:
        given = {
            key: self.value(f"{parent}.{name}.{key}", key, argument.type)
            for key, argument in arguments.items()
            if not _is_optional(argument)
            or key in _ALWAYS.get(name, ())
            or (all_of_them and key not in _LEFT_OUT | _EITHER.get(name, frozenset()))
        }
        return "" if not given else f"({', '.join(f'{key}: {value}' for key, value in given.items())})"

    # What is given

    def value(self, place: str, name: str, kind: Any) -> str:
        """A value of an argument or input field, as GraphQL writes it."""
        named = get_named_type(kind)
        fill = _SPECIAL.get(place) or FILLS.get(name)
        if fill is None and named.name == "ID":
            return _listed(kind, _written(self.target.id(table_of(place, name))))
        if fill is None and isinstance(named, GraphQLInputObjectType):
            return _listed(kind, self._input(named))
        if fill is None or (isinstance(named, GraphQLEnumType) and fill(self.target) not in named.values):
            return _listed(kind, _some(named))
        given = fill(self.target)
        return _written(given[:10] if named.name == "Date" else given, is_enum=isinstance(named, GraphQLEnumType))

    def _input(self, kind: GraphQLInputObjectType) -> str:
        left_out = _LEFT_OUT | _EITHER.get(kind.name, frozenset())
        parts = [
            f"{name}: {self.value(f'{kind.name}.{name}', name, one.type)}"
            for name, one in kind.fields.items()
            if not _is_optional(one) or (name not in left_out and (name in FILLS or name.endswith("Id")))
        ]
        return f"{{{', '.join(parts)}}}"

    # What is asked for

    def selection(self, kind: Any, *, seen: tuple[str, ...]) -> str:
        """Everything of a type, but for objects that stand above already."""
        named = get_named_type(kind)
        if is_leaf_type(named):
            return ""
        if isinstance(named, GraphQLUnionType | GraphQLInterfaceType):
            parts = [f"... on {one.name} {self._object(one, seen, prefix=f'{one.name}_')}"
                     for one in self.schema.get_possible_types(named)]  # fmt: skip
            return f" {{ __typename {' '.join(parts)} }}"
        return f" {self._object(named, seen, prefix='')}"

    def _object(self, kind: Any, seen: tuple[str, ...], *, prefix: str) -> str:
        if kind.name in seen or len(seen) > DEPTH:
            return "{ __typename }"
        inside = (*seen, kind.name)
        if kind.name.endswith("Edge") or not WHOLE.get(kind.name, frozenset(seen)).issuperset(seen):
            return self._plain(kind)
        parts = [
            one for name, described in kind.fields.items() for one in self._field(kind, name, described, inside, prefix)
        ]
        return f"{{ {' '.join(parts)} }}"

    def _plain(self, kind: Any) -> str:
        """What of an object is a plain value; of an edge, of its node too."""
        names = [name for name, one in kind.fields.items() if is_leaf_type(get_named_type(one.type)) and not one.args]
        node: Any = get_named_type(kind.fields["node"].type) if kind.name.endswith("Edge") else None
        return f"{{ {' '.join(names)} {f'node {self._plain(node)}' if node else ''} }}"

    def _field(
        self, kind: Any, name: str, described: GraphQLField, inside: tuple[str, ...], prefix: str
    ) -> Iterator[str]:
        named: Any = get_named_type(described.type)
        if isinstance(named, GraphQLObjectType) and named.name in inside:
            return
        below = self.selection(described.type, seen=inside)
        for place, given in enumerate(self._variants(kind.name, name, described)):
            alias = f"{prefix}{name}{place or ''}"
            yield f"{'' if alias == name else f'{alias}: '}{name}{given}{below}"

    def _variants(self, parent: str, name: str, described: GraphQLField) -> list[str]:
        varied = next((key for key in described.args if key in VARIANTS), None)
        least = self._arguments(parent, name, described.args, all_of_them=False)
        most = self._arguments(parent, name, described.args, all_of_them=True)
        given = list(dict.fromkeys([least, most]))
        if varied is None:
            return given
        usual = f"{varied}: {FILLS[varied](self.target)}"
        allowed = getattr(get_named_type(described.args[varied].type), "values", {})
        return list(dict.fromkeys(
            one.replace(usual, f"{varied}: {value}") for one in given for value in VARIANTS[varied] if value in allowed
        ))  # fmt: skip


def _is_optional(argument: Any) -> bool:
    return not isinstance(argument.type, GraphQLNonNull) or argument.default_value is not Undefined


def _type_name(table: str) -> str:
    return "".join(part.capitalize() for part in table.split("_"))


def _global_id(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _listed(kind: Any, value: str) -> str:
    inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    return f"[{value}]" if isinstance(inner, GraphQLList) else value


def _written(value: Any, *, is_enum: bool = False) -> str:
    """A value as GraphQL writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(one, is_enum=key == 'quantity')}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(one, is_enum=is_enum) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not is_enum:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def _some(kind: Any) -> str:
    """A value of a type that is as good as any."""
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    assert isinstance(kind, GraphQLScalarType)
    usual = {"Int": "10", "Float": "1.5", "Boolean": "false", "Decimal": '"1"', "String": '"text"'}
    return usual.get(kind.name, f'"{CURRENT_FROM.isoformat()}"')
