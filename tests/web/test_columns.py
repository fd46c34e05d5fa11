"""Columns pass through whole only where graphql-core would answer the same, errors and paths included."""

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import strawberry
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from kilowatch.web.engine.columns import on_the_wire
from kilowatch.web.engine.execution import PlannedExecutor
from schema.scalars import scalar_map


@strawberry.type
class Query:
    floats: list[float] = strawberry.field(resolver=lambda root: root)
    some_floats: list[float | None] = strawberry.field(resolver=lambda root: root)
    ints: list[int] = strawberry.field(resolver=lambda root: root)
    some_ints: list[int | None] = strawberry.field(resolver=lambda root: root)
    texts: list[str] = strawberry.field(resolver=lambda root: root)
    some_texts: list[str | None] = strawberry.field(resolver=lambda root: root)
    flags: list[bool] = strawberry.field(resolver=lambda root: root)
    times: list[datetime] = strawberry.field(resolver=lambda root: root)
    some_times: list[datetime | None] = strawberry.field(resolver=lambda root: root)
    amounts: list[Decimal] = strawberry.field(resolver=lambda root: root)
    some_amounts: list[Decimal | None] = strawberry.field(resolver=lambda root: root)
    ids: list[strawberry.ID] = strawberry.field(resolver=lambda root: root)
    nested: list[list[float]] = strawberry.field(resolver=lambda root: [root, root])


CONFIG = StrawberryConfig(scalar_map=scalar_map())
PLAIN = strawberry.Schema(Query, config=CONFIG)
QUICK = strawberry.Schema(Query, config=CONFIG, execution_context_class=PlannedExecutor)
FIELDS = list(PLAIN._schema.query_type.fields)  # type: ignore[union-attr]

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=7)), None])
VALUES = st.one_of(
    st.floats(),
    st.integers(-(2**33), 2**33),
    st.text(max_size=3),
    st.booleans(),
    st.none(),
    st.datetimes(timezones=ZONES),
    st.just(10**400),
    st.decimals(),
)


def answered(schema: strawberry.Schema, field: str, values: list[Any]) -> Any:
    result = schema.execute_sync(f"{{ {field} }}", root_value=values)
    errors = [(error.message, error.path) for error in result.errors or []]
    return orjson.dumps(result.data), errors


@given(field=st.sampled_from(FIELDS), values=st.lists(VALUES, max_size=6))
def test_any_list_is_answered_as_graphql_core_answers_it(field: str, values: list[Any]) -> None:
    assert answered(QUICK, field, values) == answered(PLAIN, field, values)


@given(
    field=st.sampled_from(FIELDS),
    values=st.one_of(
        *(
            st.lists(kind, max_size=20)
            for kind in (
                st.floats(allow_nan=False, allow_infinity=False),
                st.integers(-(2**31), 2**31 - 1),
                st.text(),
                st.booleans(),
                st.datetimes(timezones=st.just(UTC)),
                st.one_of(st.none(), st.floats()),
                st.decimals(allow_nan=False, allow_infinity=False),
                st.one_of(st.none(), st.decimals()),
            )
        )
    ),
)
def test_lists_of_one_kind_are_answered_as_graphql_core_answers_them(field: str, values: list[Any]) -> None:
    assert answered(QUICK, field, values) == answered(PLAIN, field, values)


def test_clean_columns_pass_through_whole() -> None:
    fields = PLAIN._schema.query_type.fields  # type: ignore[union-attr]
    item = {name: field.type.of_type.of_type for name, field in fields.items()}
    instants = [datetime.now(UTC)]
    assert on_the_wire(item["floats"], [1.0, 2.5]) == [1.0, 2.5]
    assert on_the_wire(item["someFloats"], [1.0, None]) == [1.0, None]
    assert on_the_wire(item["times"], instants) is instants
    assert on_the_wire(item["texts"], []) == []
    assert on_the_wire(item["someAmounts"], [Decimal("1E+2"), None, Decimal("0.10")]) == ["100", None, "0.10"]
    for field, values in (
        ("floats", [1.0, None]),
        ("floats", [1.0, math.nan]),
        ("someFloats", [None, math.inf]),
        ("floats", [1.0, 2]),
        ("ints", [True]),
        ("ints", [2**31]),
        ("amounts", [Decimal(1), None]),
        ("amounts", [Decimal("NaN")]),
        ("amounts", [1.0]),
    ):
        assert on_the_wire(item[field], values) is None
