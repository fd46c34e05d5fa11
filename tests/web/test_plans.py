"""Whatever is asked of whatever objects, plans answer what graphql-core answers, errors and paths included."""

import asyncio
import math
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
import strawberry
from graphql import DocumentNode, GraphQLError, Undefined, parse, validate
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_graphql import queries
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.utils.str_converters import to_camel_case

from kilowatch.web.engine import plan_code
from kilowatch.web.engine.columns import WIRE
from kilowatch.web.engine.execution import MAX_OUTLINES, Outlines, PlannedExecutor, outlines_of
from kilowatch.web.engine.plan_code import SurpriseError
from kilowatch.web.engine.plans import Plan, plan_of
from resolvers.pages import Cursor
from resolvers.rows import Rows
from schema.scalars import scalar_map


@strawberry.enum
class Status(Enum):
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"


@dataclass(frozen=True, slots=True)
class Later:
    """Something to await, as often as anybody likes."""

    value: Any

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@strawberry.type
class Phases:
    r: float | None
    s: float

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return getattr(value, "r", None) != 13.0


@strawberry.type
class Item:
    at: datetime
    day: date | None
    power_kw: float | None
    energy_kwh: float
    count: int
    name: str
    status: Status
    some_status: Status | None
    is_on: bool
    cost: Decimal | None
    cursor: Cursor
    key: strawberry.ID
    phases: Phases
    some_phases: Phases | None
    values: list[float]
    some_values: list[float | None] | None
    grid: list[list[int]]
    children: list["Item"]
    some_children: list["Item | None"] | None

    @strawberry.field
    @staticmethod
    def twice(parent: strawberry.Parent[Any]) -> float:
        return parent.energy_kwh * 2

    @strawberry.field
    @staticmethod
    async def later(parent: strawberry.Parent[Any]) -> str | None:
        await asyncio.sleep(0)
        return parent.name

    @strawberry.field
    @staticmethod
    def scaled(parent: strawberry.Parent[Any], by: float = 2) -> float | None:
        return parent.power_kw and parent.power_kw * by


@strawberry.type
class Query:
    items: list[Item] = strawberry.field(resolver=lambda root: root)
    some_items: list[Item | None] | None = strawberry.field(resolver=lambda root: root)
    first: Item | None = strawberry.field(resolver=lambda root: next(iter(root), None))

    @strawberry.field
    @staticmethod
    async def late_items(root: Any) -> list[Item]:
        return root


SCHEMA = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=scalar_map()))
CORE = SCHEMA._schema
USUAL: dict[str, Any] = {
    "at": datetime(2026, 3, 1, 6, 30, tzinfo=ZoneInfo("Asia/Jakarta")),
    "day": date(2026, 3, 1),
    "power_kw": 1.5,
    "energy_kwh": 120.25,
    "count": 3,
    "name": "Lantai 1",
    "status": Status.ONLINE,
    "some_status": None,
    "is_on": True,
    "cost": Decimal("1.50E+3"),
    "cursor": "MTpw",
    "key": "7",
    "phases": SimpleNamespace(r=None, s=224.7),
    "some_phases": SimpleNamespace(r=1.0, s=2.0),
    "values": [1.0, 2.0],
    "some_values": [1.0, None],
    "grid": [[1], [2, 3]],
    "children": [],
    "some_children": None,
}
ODD = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(2**33), 2**33),
    st.sampled_from(["", "x", "☃"]),
    st.booleans(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=7)), None])),
    st.dates(),
    st.decimals(),
    st.sampled_from(
        [*Status, "ONLINE", Later(1.5), Later(None), Later(ValueError("late")), ValueError("found"), [], {}]
    ),
    st.lists(st.sampled_from([1.0, None, float("nan"), 2, "x", Later(2.0)]), max_size=3),
    st.builds(SimpleNamespace, r=st.sampled_from([1.0, 13.0, None, "x"]), s=st.sampled_from([1.0, None, Later(3.0)])),
)
UNUSUAL = st.dictionaries(st.sampled_from(list(USUAL)), ODD, max_size=2)


def made(unusual: dict[str, Any], *, children: Any = ()) -> SimpleNamespace:
    return SimpleNamespace(**{**USUAL, "children": list(children), **unusual})


LEAVES = st.builds(made, UNUSUAL)
PARENTS = st.builds(lambda own, below: made(own, children=below), UNUSUAL, st.lists(LEAVES, max_size=2))
NO_ITEM = st.sampled_from([None, Later(made({})), ValueError("no item"), SimpleNamespace(), 3, Later(None)])
LISTS = st.one_of(
    st.lists(st.one_of(PARENTS, PARENTS, PARENTS, NO_ITEM), max_size=3),
    st.lists(PARENTS, max_size=2).map(tuple),
    st.lists(st.builds(made, st.just({})), min_size=1, max_size=4),
)

PLAIN = ["at", "day", "powerKw", "energyKwh", "count", "name", "status", "someStatus", "isOn", "cost", "cursor", "key"]
LISTED = ["values", "someValues", "grid"]
RESOLVED = ["twice", "later", "scaled"]
CONDITIONS = st.sampled_from(
    [
        "",
        "",
        "",
        "",
        "@include(if: $yes)",
        "@skip(if: $no)",
        "@skip(if: $yes)",
        "@include(if: true)",
        "@include(if: $no)",
    ]
)


PHASES = st.sampled_from(["r s", "s __typename", "r x: r", "s"])


@st.composite
def fields(draw: Any) -> str:
    """A field of an Item that is no object, under its name or an alias."""
    name = draw(st.sampled_from([*PLAIN, *LISTED, *RESOLVED, "__typename"]))
    arguments = "(by: 3.0)" if name == "scaled" and draw(st.booleans()) else ""
    alias = f"other{len(arguments)}{name}: " if arguments or draw(st.booleans()) else ""
    return f"{alias}{name}{arguments} {draw(CONDITIONS)}"


@st.composite
def objects(draw: Any, below: Any) -> str:
    """A field of an Item that is an object or a list of objects."""
    name = draw(st.sampled_from(["phases", "somePhases", "children", "someChildren"]))
    return f"{name} {draw(CONDITIONS)} {{ {draw(PHASES if name.endswith('hases') else below)} }}"


def selections(below: Any) -> Any:
    """Selections of an Item."""
    fragments = st.sampled_from(["... { name energyKwh }", "... @include(if: $yes) { name isOn }", "...also"])
    parts = st.lists(st.one_of(fields(), fields(), objects(below), fragments), min_size=1, max_size=6)
    return parts.map(lambda chosen: " ".join(["key", *chosen]))


ITEMS = selections(selections(st.just("name powerKw phases { s }")))
DOCUMENTS = st.builds(
    """
    query ($yes: Boolean!, $no: Boolean = false) {{
        {} {{ {} }}
        first {{ ...also isOn @skip(if: $yes) name @include(if: $no) }}
    }}
    fragment also on Item {{ count phases {{ s }} isOn @skip(if: $no) }}
    """.format,
    st.sampled_from(["items", "someItems", "lateItems", "first"]),
    ITEMS,
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


EXPECTED = {"SurpriseError", "GraphQLError", "AttributeError", "KeyError", "TypeError", "ValueError"}
"""What odd objects surprise plans by; a NameError, say, would be the plan's own."""


@dataclass(slots=True)
class Asked:
    """One document, answered by graphql-core and by plans that are kept from answer to answer."""

    tree: DocumentNode
    runner: asyncio.Runner
    warm_after: int = 0
    outlines: Outlines = field(init=False)
    surprises: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        assert validate(CORE, self.tree) == []
        self.outlines = outlines_of(self.tree, warm_after=self.warm_after)

    def by_graphql_core(self, root: Any, **variables: Any) -> Any:
        return self._answered(StrawberryGraphQLCoreExecutionContext, root, variables)

    def by_plans(self, root: Any, **variables: Any) -> Any:
        answer = self._answered(PlannedExecutor, root, variables, outlines=self.outlines, surprises=self.surprises)
        assert self.surprises.keys() <= EXPECTED, "generated code has a fault of its own"
        return answer

    def _answered(self, executor: Any, root: Any, variables: dict[str, Any], **more: Any) -> Any:
        built = executor.build(
            CORE, self.tree, root, raw_variable_values=variables, is_awaitable=optimized_is_awaitable, **more
        )
        result = built if isinstance(built, list) else self.runner.run(_executed(built))
        if isinstance(result, list):
            return [error.formatted for error in result]
        errors = [(error.message, error.path, error.locations) for error in result.errors or []]
        return orjson.dumps(result.data, default=repr), errors


async def _executed(executor: Any) -> Any:
    found = executor.execute_operation()
    return await found if optimized_is_awaitable(found) else found


@given(document=DOCUMENTS, roots=st.lists(LISTS, min_size=1, max_size=2), yes=st.booleans())
def test_any_selection_of_any_objects_is_answered_as_graphql_core_answers_it(
    document: str, roots: list[Any], *, yes: bool, runner: asyncio.Runner
) -> None:
    asked = Asked(parse(document), runner)
    for root in roots:
        for variables in ({"yes": yes}, {"yes": not yes, "no": True}, {"yes": True}):
            assert asked.by_plans(root, **variables) == asked.by_graphql_core(root, **variables)


@given(document=queries(SCHEMA.as_str()), root=LISTS)
def test_random_documents_are_answered_as_graphql_core_answers_them(
    document: str, root: Any, runner: asyncio.Runner
) -> None:
    asked = Asked(parse(document), runner)
    for _ in range(2):
        assert asked.by_plans(root) == asked.by_graphql_core(root)


class LaterPhases(SimpleNamespace):
    """Phases that could be read at once, and are to be awaited nonetheless."""

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(0).__await__()
        return SimpleNamespace(r=7.0, s=7.0)


EACH_ODD: list[Any] = [
    *(None, Undefined, "", "x", "ONLINE", "7", b"x", {}, object),
    *(math.nan, math.inf, -math.inf, -0.0, 1.5, True, False, 3, 2**31, 2**31 - 1, -(2**31), -(2**31) - 1, 10**400),
    *(Decimal("1E+2"), Decimal("NaN"), Decimal("-0.00"), *Status, USUAL["at"], date(2026, 3, 1)),
    *(datetime(2026, 3, 1), Later(1.5), Later(None), Later("x"), Later(ValueError("late")), ValueError("found")),  # noqa: DTZ001
    *([], (), [1.0], (1.0,), [1.0, None], [math.nan], [1], ["x"], [Later(1.0)], [[1], [None]], [[1], [2**31]]),
    *(SimpleNamespace(r=1.0, s=2.0), SimpleNamespace(r=13.0, s=2.0), SimpleNamespace(r=None, s=None)),
    *(SimpleNamespace(r=math.nan, s=2.0), SimpleNamespace(r=1.0, s=Later(2.0)), SimpleNamespace(s=1.0)),
    *(LaterPhases(r=1.0, s=2.0), Later(SimpleNamespace(r=1.0, s=2.0))),
    *([made({})], [None], [made({}), None], (made({}),), [Later(made({}))], [ValueError("child")], [Undefined]),
    *([made({"name": None})], [made({"energy_kwh": math.nan})]),
]
BELOW = {"phases": "{ r s }", "some_phases": "{ s r }", "children": "{ name energyKwh }"}


@pytest.mark.parametrize("attribute", USUAL)
def test_each_odd_value_of_each_attribute_is_answered_as_graphql_core_answers_it(
    attribute: str, runner: asyncio.Runner
) -> None:
    below = BELOW.get(attribute, BELOW["children"] if attribute == "some_children" else "")
    chosen = f"{{ key {to_camel_case(attribute)} {below} __typename }}"
    for listed in ("items", "someItems", "first"):
        asked = Asked(parse(f"{{ {listed} {chosen} }}"), runner)
        for odd in EACH_ODD:
            root = [made({attribute: odd}), made({})]
            assert asked.by_plans(root) == asked.by_graphql_core(root), odd


def test_each_odd_item_is_answered_as_graphql_core_answers_it(runner: asyncio.Runner) -> None:
    for chosen in ("items { name }", "someItems { name }", "items { __typename }", "someItems { __typename }"):
        asked = Asked(parse(f"{{ {chosen} }}"), runner)
        for odd in [*EACH_ODD, Later(made({}))]:
            root = [made({}), odd]
            assert asked.by_plans(root) == asked.by_graphql_core(root), odd


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime = USUAL["at"]
    power_kw: float | None = None
    energy_kwh: float = 0.0
    status: Status = Status.ONLINE
    cost: Decimal | None = None


COLUMNS = st.integers(0, 3).flatmap(
    lambda length: st.fixed_dictionaries(
        {"power_kw": st.lists(st.one_of(st.none(), st.floats(), st.floats(0, 1)), min_size=length, max_size=length)},
        optional={
            "at": st.lists(st.datetimes(timezones=st.just(UTC)), min_size=length, max_size=length),
            "energy_kwh": st.lists(st.floats(0, 1), min_size=length, max_size=length),
            "cost": st.lists(st.decimals(), min_size=length, max_size=length),
        },
    )
)


@given(columns=COLUMNS, chosen=st.lists(st.sampled_from([*PLAIN, "__typename", "twice"]), min_size=1, unique=True))
def test_columns_are_answered_as_the_objects_that_they_stand_for(
    columns: dict[str, list[Any]], chosen: list[str], runner: asyncio.Runner
) -> None:
    asked = Asked(parse(f"{{ items {{ {' '.join(chosen)} other: powerKw }} }}"), runner)
    rows = Rows(Point, columns)
    assert asked.by_plans(rows) == asked.by_graphql_core(rows) == asked.by_graphql_core(list(rows))
    assert len(rows) == len(list(rows))


@dataclass(frozen=True, slots=True)
class Branch:
    status: Status | None
    some_phases: SimpleNamespace | None
    phases: SimpleNamespace | None


BRANCHES = st.lists(
    st.tuples(
        st.sampled_from([*Status, *Status, None]),
        st.one_of(st.none(), st.tuples(st.one_of(st.none(), st.floats(0, 1)), st.floats(0, 1))),
    ),
    max_size=4,
)


def branches(found: list[tuple[Status | None, tuple[float | None, float] | None]]) -> Rows[Branch]:
    there = [phases for _, phases in found if phases is not None]
    is_there = None if len(there) == len(found) else [phases is not None for _, phases in found]
    columns = {"r": [r for r, _ in there], "s": [s for _, s in there]}
    phases = Rows(SimpleNamespace, columns, is_there)
    return Rows(Branch, {"status": [status for status, _ in found], "some_phases": phases, "phases": phases})


@pytest.mark.parametrize("phases", ["somePhases", "phases"])
@given(found=BRANCHES)
def test_columns_of_objects_are_answered_as_the_objects_that_they_stand_for(
    found: list[tuple[Status | None, tuple[float | None, float] | None]], phases: str, runner: asyncio.Runner
) -> None:
    rows = branches(found)
    chosen = f"{{ someStatus: status {phases} {{ r other: s __typename }} }}"
    for query, root in (
        (f"{{ items {chosen} }}", rows),
        (f"{{ someItems {chosen} }}", rows),
        (f"{{ first {{ children {chosen} }} }}", [made({"children": rows})]),
    ):
        asked = Asked(parse(query), runner)
        assert asked.by_plans(root) == asked.by_graphql_core(root)


def test_columns_are_planned_but_for_lists() -> None:
    for query, is_planned in (
        ("{ items { status somePhases { s } __typename } }", True),
        ("{ items { name children { name } } }", False),
        ("{ items { name somePhases { __typename } } }", False),
    ):
        plan = planned(query)
        assert plan is not None
        assert (plan.columns is not None) is is_planned


def planned(query: str) -> Plan | None:
    """The plan of the items of a query."""
    tree = parse(query)
    executor: Any = PlannedExecutor.build(CORE, tree)
    item: Any = CORE.type_map["Item"]
    node: Any = tree.definitions[0]
    details = SimpleNamespace(node=node.selection_set.selections[0], defer_usage=None, fragment_variable_values=None)
    return plan_of(executor, item, executor.collect_subfields(item, [details]).grouped_field_set)


def test_plain_fields_are_planned_and_the_rest_is_left() -> None:
    plan = planned("{ items { name at phases { s } children { name children { status } } values __typename } }")
    assert plan is not None
    assert plan.rest == {}
    assert plan.many is not None
    assert plan.columns is None
    assert plan.many([made({})])[0]["phases"] == {"s": 224.7}
    mixed = planned("{ items { name twice status children { later } grid } }")
    assert mixed is not None
    assert list(mixed.rest) == ["twice", "children", "grid"]
    assert mixed.many is None
    assert mixed.one(made({})) == {
        "name": "Lantai 1",
        "twice": None,
        "status": "ONLINE",
        "children": None,
        "grid": None,
    }
    assert planned("{ items { twice later scaled } }") is None


@pytest.mark.parametrize(
    ("unusual", "surprise"),
    [
        ({"energy_kwh": None}, SurpriseError),
        ({"energy_kwh": float("nan")}, GraphQLError),
        ({"power_kw": Later(1.0)}, SurpriseError),
        ({"at": datetime(2026, 3, 1)}, TypeError),  # noqa: DTZ001
        ({"status": "GONE"}, GraphQLError),
        ({"phases": None}, SurpriseError),
        ({"phases": Later(None)}, SurpriseError),
        ({"phases": SimpleNamespace(r=13.0, s=1.0)}, SurpriseError),
        ({"children": None}, SurpriseError),
        ({"values": [1.0, None]}, SurpriseError),
    ],
)
def test_a_plan_is_surprised_by_what_is_unusual(unusual: dict[str, Any], surprise: type[Exception]) -> None:
    plan = planned("{ items { energyKwh powerKw at status phases { r s } children { name } values } }")
    assert plan is not None
    assert plan.many is not None
    assert plan.many([made({}), made({})])
    with pytest.raises(surprise):
        plan.many([made({}), made(unusual)])


def test_plans_are_made_for_what_is_asked_often_and_kept_with_the_document(runner: asyncio.Runner) -> None:
    asked = Asked(parse("{ first { name } items { count } }"), runner, warm_after=3)
    made_after = list[int]()
    for _ in range(3):
        asked.by_plans([made({}), made({})])
        (outline,) = asked.outlines._kept.values()
        made_after.append(sum(kept.plan is not None for kept in outline.kept.values()))
    assert made_after == [0, 1, 1]
    asked.by_plans([made({}), made({})])
    assert sum(kept.plan is not None for kept in outline.kept.values()) == 2
    assert len(outline.below) == 2


def test_conditions_have_outlines_of_their_own_and_few_are_kept(runner: asyncio.Runner) -> None:
    conditions = " ".join(f"a{number}: name @include(if: $v{number})" for number in range(4))
    declared = " ".join(f"$v{number}: Boolean!" for number in range(4))
    asked = Asked(parse(f"query ({declared}) {{ items {{ key {conditions} }} }}"), runner)
    for number in range(16):
        values = {f"v{bit}": bool(number >> bit & 1) for bit in range(4)}
        assert asked.by_plans([made({})], **values) == asked.by_graphql_core([made({})], **values)
        assert len(asked.outlines._kept) <= MAX_OUTLINES


def test_a_fault_of_generated_code_is_counted_by_its_name(runner: asyncio.Runner) -> None:
    asked = Asked(parse("{ items { name } }"), runner)
    asked.by_plans([made({}), made({})])
    (outline,) = asked.outlines._kept.values()
    (kept,) = [kept for kept in outline.kept.values() if kept.plan and kept.plan.many]
    kept.plan = replace(kept.plan, many=lambda _items: _unwritten)  # noqa: F821
    with pytest.raises(AssertionError, match="a fault of its own"):
        asked.by_plans([made({})])
    assert asked.surprises == {"NameError": 1}


def test_plans_and_columns_know_the_same_scalars() -> None:
    assert {*plan_code.UNUSUAL, "Decimal"} == {*WIRE}  # an exact number is text on the wire: no value of one is usual
