"""Turns lists of numbers, texts and instants into answers without graphql-core's work for each item.

graphql-core completes a list item by item, at about 4 us each: 40 ms for a day's readings as columns. Most lists
need none of that: when every item is of exactly the type that stands on the wire, the list is its own result.
Exact decimals are text there, which one loop writes.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from graphql import GraphQLNonNull

from schema.scalars import answered_decimal

_INT_LIMIT = 2**31


def _all_finite(values: Iterable[float]) -> bool:
    total = sum(values)  # NaN and infinity poison the sum
    return total - total == 0.0


def _all_int32(values: list[int]) -> bool:
    return min(values) >= -_INT_LIMIT and max(values) < _INT_LIMIT


def _all_aware(values: list[datetime]) -> bool:
    return None not in map(attrgetter("tzinfo"), values)


def _all_exact(values: list[Decimal]) -> bool:
    return all(map(Decimal.is_finite, values))


WIRE: dict[str, tuple[type, Callable[[Any], bool] | None]] = {
    "Float": (float, _all_finite),
    "Int": (int, _all_int32),
    "String": (str, None),
    "ID": (str, None),
    "Cursor": (str, None),
    "Boolean": (bool, None),
    "DateTime": (datetime, _all_aware),
    "Date": (date, None),
    "Decimal": (Decimal, _all_exact),
}
"""Scalars whose values are quickly on the wire: the exact type of each item, and what else must hold."""


def on_the_wire(item_type: Any, values: list[Any]) -> list[Any] | None:
    """A list of a GraphQL item type as it is answered; None where graphql-core has to look at each item.

    What is unusual about a list (another type, NaN, a null where none may be) is graphql-core's to find, so that
    errors, their paths and nulls are always its own.
    """
    is_nullable = item_type.__class__ is not GraphQLNonNull
    name: str = getattr(item_type if is_nullable else item_type.of_type, "name", "")
    if name not in WIRE or not _is_plain(values, *WIRE[name], is_nullable=is_nullable):
        return None
    if name == "Decimal":
        return [None if value is None else answered_decimal(value) for value in values]
    return values


def _is_plain(values: list[Any], kind: type, holds: Callable[[Any], bool] | None, *, is_nullable: bool) -> bool:
    kinds = set(map(type, values))
    if is_nullable and type(None) in kinds:
        kinds.discard(type(None))
        values = [value for value in values if value is not None]
    return not kinds or (kinds == {kind} and (holds is None or holds(values)))
