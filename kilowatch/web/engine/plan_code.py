"""Turns plain fields into the source of a function that answers them, and that into the function."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from types import GeneratorType, NoneType
from typing import Any

from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull, GraphQLObjectType, Undefined
from graphql.pyutils.undefined import UndefinedType
from strawberry.execution import optimized_is_awaitable

from kilowatch.web.engine.columns import on_the_wire
from resolvers.rows import Rows


class SurpriseError(Exception):
    """A value is not what a plain field usually answers: graphql-core has to look at it."""


@dataclass(frozen=True, slots=True)
class PlainField:
    """A field that is an attribute of its object, or a constant where `attribute` is None.

    `kind` is its GraphQL type, `below` what is asked for of it where that is an object or a list of objects.
    """

    key: str
    attribute: str | None
    kind: Any
    constant: str | None = None
    below: tuple["PlainField", ...] = ()


def nullable(kind: Any) -> Any:
    """A type without its `!`."""
    return kind.of_type if is_a(kind, GraphQLNonNull) else kind


def is_a(kind: Any, of: type) -> bool:
    """As isinstance; of graphql-core's generic types that tells the type checker less than nothing."""
    return isinstance(kind, of)


@dataclass(slots=True)
class _Code:
    """Python source that is being written, and the values it knows by name."""

    lines: list[str] = field(default_factory=list[str])
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    names: int = 0

    def write(self, depth: int, line: str) -> None:
        """Adds a line."""
        self.lines.append(" " * depth + line)

    def fresh(self, value: Any = None) -> str:
        """A name that is not in use, for the value where one is given."""
        self.names += 1
        name = f"_{self.names}"
        if value is not None:
            self.values[name] = value
        return name

    def function(self, name: str) -> Any:
        """The function of that name that the source defines."""
        known = {**_KNOWN, **self.values}
        exec("\n".join(self.lines), known)  # noqa: S102 - our own words: names of the schema, keys as literals
        return known[name]


def function_of_one(fields: tuple[PlainField, ...]) -> Callable[[Any], dict[str, Any]]:
    """What answers an object; null for a field that is not plain."""
    code = _Code()
    code.write(0, "def one(item):")
    code.write(1, f"return {_object(code, fields, source='item', depth=1)}")
    return code.function("one")


def function_of_many(
    kind: GraphQLObjectType, fields: tuple[PlainField, ...], *, is_item_nullable: bool
) -> Callable[[Iterable[Any]], list[Any]]:
    """What answers a list of objects of a type."""
    code = _Code()
    code.write(0, "def many(items):")
    answer = _objects(code, kind, fields, source="items", is_item_nullable=is_item_nullable, depth=1)
    code.write(1, f"return {answer}")
    return code.function("many")


def function_of_columns(fields: tuple[PlainField, ...]) -> Callable[[Mapping[str, Any]], list[Any]] | None:
    """Answers columns by attribute name as a list of objects; None where a field is a list, or all are constants."""
    code = _Code()
    completed = {one.key: _of_column(one) for one in fields if one.attribute}
    if not completed or None in completed.values():
        return None
    names = {key: code.fresh() for key in completed}
    columns = [f"{code.fresh(completed[one.key])}(columns[{one.attribute!r}])" for one in fields if one.attribute]
    pairs = ", ".join(f"{one.key!r}: {names.get(one.key, repr(one.constant))}" for one in fields)
    listed = "".join(f"{name}, " for name in names.values())
    code.write(0, "def of_columns(columns):")
    code.write(1, f"return [{{{pairs}}} for {listed}in zip({', '.join(columns)}, strict=True)]")
    return code.function("of_columns")


def _of_column(plain: PlainField) -> Callable[[Any], list[Any]] | None:
    """What completes a column of a field's values; None where they have to be looked at one by one."""
    kind, is_nullable = nullable(plain.kind), not is_a(plain.kind, GraphQLNonNull)
    if is_a(kind, GraphQLList):
        return None
    if plain.below:
        of_columns = function_of_columns(plain.below)
        return _Objects(of_columns, is_nullable) if of_columns else None
    return _Members(_member_names(kind)) if is_a(kind, GraphQLEnumType) else partial(_column, plain.kind)


@dataclass(frozen=True, slots=True)
class _Objects:
    """Completes Rows by their columns."""

    of_columns: Callable[[Mapping[str, Any]], list[Any]]
    is_nullable: bool

    def __call__(self, rows: Any) -> list[Any]:
        if rows.__class__ is not Rows or not (rows.is_there is None or self.is_nullable):
            raise SurpriseError
        return list(rows.placed(self.of_columns(rows.columns)))


@dataclass(frozen=True, slots=True)
class _Members:
    """Completes a column of an enum's members."""

    names: Mapping[int, str]

    def __call__(self, values: Iterable[Any]) -> list[Any]:
        answers = [self.names.get(id(value)) for value in values]
        if None in answers:
            raise SurpriseError
        return answers


def _object(code: _Code, fields: tuple[PlainField, ...], *, source: str, depth: int) -> str:
    """Writes what reads and checks an object's fields; the expression of its answer."""
    return "{" + ", ".join(f"{one.key!r}: {_value(code, one, source=source, depth=depth)}" for one in fields) + "}"


def _value(code: _Code, plain: PlainField, *, source: str, depth: int) -> str:
    if plain.attribute is None:
        return repr(plain.constant)
    name = code.fresh()
    code.write(depth, f"{name} = {source}.{plain.attribute}")
    if not is_a(plain.kind, GraphQLNonNull):
        code.write(depth, f"if {name} is not None:")
        depth += 1
    _complete(code, nullable(plain.kind), plain.below, name=name, depth=depth)
    return name


def _complete(code: _Code, kind: Any, below: tuple[PlainField, ...], *, name: str, depth: int) -> None:
    """Writes what puts the answer in the place of a value that is not None."""
    if not is_a(kind, GraphQLList):
        if below:
            _check_object(code, kind, name=name, depth=depth)
            code.write(depth, f"{name} = {_object(code, below, source=name, depth=depth)}")
        else:
            _complete_leaf(code, kind, name=name, depth=depth)
        return
    if not below:
        code.write(depth, f"{name} = column({code.fresh(kind.of_type)}, {name})")
        return
    if of_columns := function_of_columns(below):
        of_rows = code.fresh(_Objects(of_columns, not is_a(kind.of_type, GraphQLNonNull)))
        code.write(depth, f"if {name}.__class__ is Rows: {name} = {of_rows}({name})")
        code.write(depth, "else:")
        depth += 1
    code.write(depth, f"if {name}.__class__ is not list: raise SurpriseError")
    is_item_nullable = not is_a(kind.of_type, GraphQLNonNull)
    item = nullable(kind.of_type)
    answer = _objects(code, item, below, source=name, is_item_nullable=is_item_nullable, depth=depth)
    code.write(depth, f"{name} = {answer}")


def _objects(
    code: _Code, kind: Any, fields: tuple[PlainField, ...], *, source: str, is_item_nullable: bool, depth: int
) -> str:
    """Writes the loop over a list of objects; the name of the list of their answers."""
    answers, item = code.fresh(), code.fresh()
    code.write(depth, f"{answers} = []")
    code.write(depth, f"for {item} in {source}:")
    if is_item_nullable:
        code.write(depth + 1, f"if {item} is None: {answers}.append(None); continue")
    _check_object(code, kind, name=item, depth=depth + 1)
    code.write(depth + 1, f"{answers}.append({_object(code, fields, source=item, depth=depth + 1)})")
    return answers


def _check_object(code: _Code, kind: GraphQLObjectType, *, name: str, depth: int) -> None:
    """Writes the check that a value is an object, made once for each class."""
    seen = code.fresh(set[type]())
    code.write(depth, f"if {name}.__class__ not in {seen}: {seen}.add(object_class({name}.__class__))")
    if kind.is_type_of:
        code.write(depth, f"if {code.fresh(kind.is_type_of)}({name}, None) is not True: raise SurpriseError")


def _complete_leaf(code: _Code, kind: Any, *, name: str, depth: int) -> None:
    coerced = f"{name} = {code.fresh(_Leaf(kind))}({name})"
    if isinstance(kind, GraphQLEnumType):
        answers = code.fresh(_member_names(kind))
        answer = code.fresh()
        code.write(depth, f"{answer} = {answers}.get(id({name}))")
        code.write(depth, f"if {answer} is None: {coerced}")
        code.write(depth, f"else: {name} = {answer}")
    elif kind.name in UNUSUAL:
        code.write(depth, f"if {UNUSUAL[kind.name].format(name)}: {coerced}")
    else:
        code.write(depth, coerced)


UNUSUAL = {
    "Float": "{0}.__class__ is not float or not -inf < {0} < inf",
    "Int": "{0}.__class__ is not int or not -2147483648 <= {0} <= 2147483647",
    "String": "{0}.__class__ is not str",
    "ID": "{0}.__class__ is not str",
    "Cursor": "{0}.__class__ is not str",
    "Boolean": "{0}.__class__ is not bool",
    "DateTime": "{0}.__class__ is not datetime or {0}.tzinfo is None",
    "Date": "{0}.__class__ is not date",
}
"""When a value of a scalar is not what stands on the wire, and has to be coerced."""


def _member_names(kind: GraphQLEnumType) -> dict[int, str]:
    """The name on the wire by the identity of each member: hashing a member takes longer than all the rest."""
    members: Iterable[Any] = getattr(kind, "wrapped_cls", ())
    return {id(member): kind.coerce_output_value(member) for member in members}


@dataclass(frozen=True, slots=True)
class _Leaf:
    """Completes a value of a scalar or enum that is not as usual."""

    kind: Any

    def __call__(self, value: Any) -> Any:
        is_unusual = value is None or value is Undefined or isinstance(value, Exception)
        answer = None if is_unusual or optimized_is_awaitable(value) else self.kind.coerce_output_value(value)
        if answer is None or answer is Undefined:
            raise SurpriseError
        return answer


def _object_class(kind: type[object]) -> type[object]:
    if kind in _NO_OBJECTS or issubclass(kind, Exception) or hasattr(kind, "__await__"):
        raise SurpriseError
    return kind


_NO_OBJECTS = frozenset[type[object]]({NoneType, UndefinedType, GeneratorType})


def _column(item_type: Any, values: Any) -> list[Any]:
    answer = on_the_wire(item_type, values) if values.__class__ is list else None
    if answer is None:
        raise SurpriseError
    return answer


_KNOWN = {
    "Rows": Rows,
    "SurpriseError": SurpriseError,
    "column": _column,
    "date": date,
    "datetime": datetime,
    "inf": math.inf,
    "object_class": _object_class,
}
"""What generated code may name beside what it is given."""
