"""Turns an operation and its variables into what it will cost, before anything of it is run."""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    OperationType,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    Undefined,
    VariableNode,
    get_named_type,
    is_leaf_type,
    value_from_ast_untyped,
)

from kilowatch.web.engine import weights
from kilowatch.web.engine.documents import Prepared
from resolvers.limits import CostPart, OperationCost

_KEPT_PLANS: Final = 512
_META_FIELDS: Final[Mapping[str, GraphQLField]] = {
    "__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef, "__typename": TypeNameMetaFieldDef,
}  # fmt: skip
_CONDITIONS: Final = frozenset({"skip", "include"})
_ROOTS: Final = frozenset({"Query", "Mutation", "Subscription"})


class _Line(NamedTuple):
    """A cost that is a straight line of the length that the arguments above ask for: `fixed + each * length`."""

    fixed: float
    each: float

    def at(self, length: float) -> float:
        return self.fixed + self.each * length


@dataclass(frozen=True, slots=True)
class _Variable:
    """A place of the request that a variable fills."""

    name: str
    default: Any

    def of(self, variables: Mapping[str, Any]) -> Any:
        return variables.get(self.name, self.default)


@dataclass(frozen=True, slots=True)
class _Condition:
    """An `@include(if: $variable)` (`wanted` is True) or `@skip(if: $variable)`."""

    variable: _Variable
    wanted: bool

    def holds(self, variables: Mapping[str, Any]) -> bool:
        return bool(self.variable.of(variables)) is self.wanted


@dataclass(frozen=True, slots=True, eq=False)
class _Sizing:
    """The arguments of a field that say how much is asked for: values, or variables that fill them.

    `cut` is how the period of a series is cut up: the name of an argument, its value, and the period's three.
    """

    counts: tuple[tuple[Any, int], ...]
    chosen: tuple[Any, ...]
    cut: tuple[str, Any, Any, Any, Any] | None
    each: float

    @property
    def is_dynamic(self) -> bool:
        """Whether it changes from request to request; a period with a start and no end does as time goes by."""
        since, until = self.cut[3:] if self.cut else (None, None)
        values = [*(value for value, _ in self.counts), *self.chosen, *(self.cut or ())]
        return any(isinstance(value, _Variable) for value in values) or (since is not None and until is None)

    def size(self, variables: Mapping[str, Any], now: Callable[[], datetime]) -> tuple[float, float]:
        """How many entries a list has, and how long columns and pages below are."""
        length = self._length(variables, now)
        if not self.chosen:
            return length, length
        entries = weights.chosen(_filled(self.chosen[0], variables))
        return (entries, entries) if length == math.inf else (entries if self.cut else min(entries, length), length)

    def _length(self, variables: Mapping[str, Any], now: Callable[[], datetime]) -> float:
        length = self._series_length(variables, now) if self.cut else math.inf
        for value, most in self.counts:
            count = weights.counted(_filled(value, variables), most=most)
            if count is not None and count < length:
                length = count
        return weights.USUAL_LENGTH if length == math.inf and not self.chosen else length

    def _series_length(self, variables: Mapping[str, Any], now: Callable[[], datetime]) -> float:
        name, *values = self.cut or ("", None, None, None, None)
        cut, range_, since, until = [_filled(value, variables) for value in values]
        span_s = weights.span_s(range_, since, until, now=now)
        return weights.buckets(cut, span_s=span_s) if name == "step" else weights.points(cut, span_s=span_s)


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    return value.of(variables) if value.__class__ is _Variable else value


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """A field as it stands in a document; `item` is what each entry of a list weighs, or the value of one."""

    key: str
    base: float
    item: float
    is_list: bool
    usual_length: float | None
    sizing: _Sizing | None
    conditions: tuple[_Condition, ...]
    selection: "_Selection | None"

    @property
    def is_dynamic(self) -> bool:
        """Whether variables change what it costs."""
        is_sized = self.sizing is not None and self.sizing.is_dynamic
        return bool(self.conditions) or is_sized or bool(self.selection and self.selection.dynamic)


@dataclass(frozen=True, slots=True, eq=False)
class _Selection:
    """The fields of a selection set: those that variables change, and the line of all others."""

    fields: tuple[_Field, ...]
    constant: _Line
    dynamic: tuple[_Field, ...]


@dataclass(slots=True, eq=False)
class _Evaluation:
    """One request's variables over a plan: each selection is added up once, however often fragments repeat it."""

    variables: Mapping[str, Any]
    now: Callable[[], datetime]
    _lines: dict[int, _Line] = field(default_factory=dict[int, _Line])

    def line_of(self, selection: _Selection) -> _Line:
        if not selection.dynamic:
            return selection.constant
        line = self._lines.get(id(selection))
        if line is None:
            lines = [selection.constant, *map(self.line, selection.dynamic)]
            line = self._lines[id(selection)] = _sum(lines)
        return line

    def line(self, asked: _Field) -> _Line:
        """What a field costs by the length that is asked for above it."""
        if not all(condition.holds(self.variables) for condition in asked.conditions):
            return _NOTHING
        below = self.line_of(asked.selection) if asked.selection else _NOTHING
        if asked.sizing is None:
            return self._unsized(asked, below)
        entries, length = asked.sizing.size(self.variables, self.now)
        series = asked.sizing.each * length
        if not asked.is_list:
            return _Line(asked.base + series + asked.item + below.at(length), 0.0)
        inner = weights.USUAL_LENGTH if entries == length else length
        entries = entries if asked.usual_length is None else asked.usual_length
        return _Line(asked.base + series + entries * (asked.item + below.at(inner)), 0.0)

    def _unsized(self, asked: _Field, below: _Line) -> _Line:
        if not asked.is_list:
            share = 1.0 if asked.usual_length is None else asked.usual_length
            return _Line(asked.base + share * (asked.item + below.fixed), share * below.each)
        entry = asked.item + below.at(weights.USUAL_LENGTH)
        if asked.usual_length is not None:
            return _Line(asked.base + asked.usual_length * entry, 0.0)
        return _Line(asked.base, entry)


_NOTHING: Final = _Line(0.0, 0.0)


def _sum(lines: list[_Line]) -> _Line:
    return _Line(sum(line.fixed for line in lines), sum(line.each for line in lines))


@dataclass(slots=True, eq=False)
class _Compiler:
    """One operation's document: each selection set of it is read once, so that fragments cost what they say once."""

    schema: GraphQLSchema
    prepared: Prepared
    now: Callable[[], datetime]
    _selections: dict[tuple[int, str], _Selection] = field(default_factory=dict[tuple[int, str], _Selection])

    def plan(self) -> _Selection:
        root: Any = self.schema.get_root_type(self.prepared.kind)  # validated documents name roots that are there
        return self._selection(self.prepared.node.selection_set, root)

    def _selection(self, node: SelectionSetNode, parent: GraphQLNamedType) -> _Selection:
        key = (id(node), parent.name)
        if key not in self._selections:
            found: dict[tuple[Any, ...], _Field] = {}
            self._collect(node, parent, (), found, set())
            self._selections[key] = self._added_up(tuple(found.values()))
        return self._selections[key]

    def _added_up(self, fields: tuple[_Field, ...]) -> _Selection:
        still = _Evaluation({}, self.now)
        constant = _sum([still.line(one) for one in fields if not one.is_dynamic])
        return _Selection(fields, constant, tuple(one for one in fields if one.is_dynamic))

    def _collect(
        self,
        node: SelectionSetNode,
        parent: GraphQLNamedType,
        conditions: tuple[_Condition, ...],
        found: dict[tuple[Any, ...], _Field],
        spread: set[str],
    ) -> None:
        """Gathers the fields of a selection set, those of its fragments among them, each response key once."""
        for selection in node.selections:
            holding = self._conditions(selection, conditions)
            if holding is None:
                continue
            match selection:
                case FieldNode():
                    self._add(selection, parent, holding, found)
                case InlineFragmentNode():
                    condition = selection.type_condition
                    inner = self._type(condition.name.value) if condition else parent
                    self._collect(selection.selection_set, inner, holding, found, spread)
                case FragmentSpreadNode() if selection.name.value not in spread:
                    spread.add(selection.name.value)
                    fragment = self._fragment(selection.name.value)
                    inner = self._type(fragment.type_condition.name.value)
                    self._collect(fragment.selection_set, inner, holding, found, spread)
                case _:
                    pass

    def _add(
        self,
        node: FieldNode,
        parent: GraphQLNamedType,
        conditions: tuple[_Condition, ...],
        found: dict[tuple[Any, ...], _Field],
    ) -> None:
        """Adds a field; one that stands there already is worked out once, with what is selected of both."""
        key = node.alias.value if node.alias else node.name.value
        place = (parent.name, key, conditions)
        first = found.get(place)
        if first is None:
            found[place] = self._field(node, parent, key, conditions)
        elif node.selection_set is not None:
            repeated = self._field(node, parent, key, conditions, is_repeat=True)
            found[(*place, len(found))] = repeated

    def _field(
        self,
        node: FieldNode,
        parent: GraphQLNamedType,
        key: str,
        conditions: tuple[_Condition, ...],
        *,
        is_repeat: bool = False,
    ) -> _Field:
        name = node.name.value
        definition = _definition(parent, name)
        named, is_list = _type_of(definition)
        selection = self._selection(node.selection_set, named) if node.selection_set else None
        return _Field(
            key=key,
            base=0.0 if is_repeat else _base(definition, parent=parent.name, name=name),
            item=0.0 if is_repeat else _item(named, is_list=is_list, parent=parent.name, name=name),
            is_list=is_list,
            usual_length=weights.LENGTHS.get((parent.name, name)),
            sizing=self._sizing(node, definition),
            conditions=conditions,
            selection=selection,
        )

    def _sizing(self, node: FieldNode, definition: GraphQLField) -> _Sizing | None:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}

        def asked(name: str) -> Any:
            if name in given:
                return self._asked(given[name])
            return _default(definition.args[name]) if name in definition.args else None

        cut = next((name for name in weights.SPREADS if name in definition.args), None)
        sizing = _Sizing(
            counts=tuple((asked(name), most) for name, most in weights.COUNTS.items() if name in definition.args),
            chosen=tuple(asked(name) for name in weights.SELECTIONS if name in definition.args),
            each=max((weights.EACH.get(name, 0.0) for name in definition.args), default=0.0),
            cut=(cut, asked(cut), asked("range"), asked("from"), asked("to")) if cut else None,
        )
        return sizing if sizing.counts or sizing.chosen or sizing.cut else None

    def _asked(self, value: Any) -> Any:
        if isinstance(value, VariableNode):
            return self._variable(value.name.value)
        return value_from_ast_untyped(value)

    def _variable(self, name: str) -> _Variable:
        for definition in self.prepared.node.variable_definitions or ():
            if definition.variable.name.value == name and definition.default_value is not None:
                return _Variable(name, value_from_ast_untyped(definition.default_value))
        return _Variable(name, None)

    def _conditions(self, node: Any, above: tuple[_Condition, ...]) -> tuple[_Condition, ...] | None:
        """What must hold for a selection to be answered; None where it never is."""
        directives: tuple[DirectiveNode, ...] = node.directives or ()
        for directive in directives:
            name = directive.name.value
            if name not in _CONDITIONS or not directive.arguments:
                continue
            wanted, asked = name == "include", self._asked(directive.arguments[0].value)
            if isinstance(asked, _Variable):
                above = (*above, _Condition(asked, wanted))
            elif bool(asked) is not wanted:
                return None
        return above

    def _fragment(self, name: str) -> FragmentDefinitionNode:
        for definition in self.prepared.document.tree.definitions:
            if isinstance(definition, FragmentDefinitionNode) and definition.name.value == name:
                return definition
        raise KeyError(name)

    def _type(self, name: str) -> GraphQLNamedType:
        return self.schema.type_map[name]


def _definition(parent: Any, name: str) -> GraphQLField:
    return _META_FIELDS.get(name) or parent.fields[name]


def _type_of(definition: Any) -> tuple[Any, bool]:
    """The type of a field without its wrappers, and whether it is a list of these."""
    type_: Any = definition.type
    nullable: Any = type_.of_type if type_.__class__ is GraphQLNonNull else type_
    return get_named_type(nullable), nullable.__class__ is GraphQLList  # pyright: ignore[reportUnknownVariableType]


def _default(argument: GraphQLArgument) -> Any:
    return None if argument.default_value is Undefined else argument.default_value


def _base(definition: GraphQLField, *, parent: str, name: str) -> float:
    if (parent, name) in weights.BASES:
        return weights.BASES[parent, name]
    if parent in _ROOTS and not name.startswith("__"):
        return weights.MUTATION if parent == "Mutation" else weights.ROOT_FIELD
    if definition.args and not parent.startswith("__"):
        return weights.WITH_ARGUMENTS
    return weights.RESOLVED if _is_resolved(definition) else 0.0


def _is_resolved(definition: GraphQLField) -> bool:
    """Whether a function of ours answers the field; others are values of the object that they are asked of."""
    ours = definition.extensions.get("strawberry-definition")
    return getattr(ours, "base_resolver", None) is not None


def _item(named: GraphQLNamedType, *, is_list: bool, parent: str, name: str) -> float:
    if (parent, name) in weights.ITEMS:
        return weights.ITEMS[parent, name]
    if is_leaf_type(named) and is_list:
        return weights.COLUMN_ITEM.get(named.name, weights.OTHER_COLUMN_ITEM)
    item = weights.LEAF if is_leaf_type(named) else weights.OBJECT
    return item * weights.OF_THE_SCHEMA if parent.startswith("__") else item


@dataclass(slots=True, eq=False)
class Costs:
    """What the operations of one schema cost; how each adds up is worked out once for a document, then looked up."""

    schema: GraphQLSchema
    now: Callable[[], datetime]
    _plans: OrderedDict[int, tuple[Prepared, _Selection]] = field(
        default_factory=OrderedDict[int, tuple[Prepared, _Selection]]
    )

    def cost(self, prepared: Prepared, variables: Mapping[str, Any] | None) -> int:
        """The points of an operation with these variables, which may be of any type."""
        evaluation = _Evaluation(variables or {}, self.now)
        return round(weights.REQUEST + evaluation.line_of(self._plan(prepared)).at(weights.USUAL_LENGTH))

    def described(self, prepared: Prepared, variables: Mapping[str, Any] | None, *, max_cost: int) -> OperationCost:
        """The points of an operation, of each of its root fields, and the path to what most of them are for."""
        evaluation, plan = _Evaluation(variables or {}, self.now), self._plan(prepared)
        priced = [(evaluation.line(one).at(weights.USUAL_LENGTH), one) for one in plan.fields]
        priced.sort(key=lambda pair: pair[0], reverse=True)
        return OperationCost(
            cost=self.cost(prepared, variables),
            max_cost=max_cost,
            dearest=".".join(_dearest(evaluation, plan)),
            parts=tuple(CostPart(one.key, round(cost)) for cost, one in priced),
        )

    def _plan(self, prepared: Prepared) -> _Selection:
        """By the operation's own object: documents that are kept keep it, and the entry keeps its id from others."""
        kept = self._plans.get(id(prepared.node))
        if kept is not None:
            return kept[1]
        plan = _Compiler(self.schema, prepared, self.now).plan()
        self._plans[id(prepared.node)] = (prepared, plan)
        if len(self._plans) > _KEPT_PLANS:
            self._plans.popitem(last=False)
        return plan


def _dearest(evaluation: _Evaluation, selection: _Selection) -> list[str]:
    """The path from the root to the last list or series on the way to the field that most of the cost is for."""
    path: list[str] = []
    ends_at, found = 1, selection
    while found is not None and found.fields:
        dearest = max(found.fields, key=lambda one: evaluation.line(one).at(weights.USUAL_LENGTH))
        path.append(dearest.key)
        if dearest.selection and (dearest.is_list or dearest.sizing):
            ends_at = len(path)
        found = dearest.selection
    return path[:ends_at]


def is_introspection(prepared: Prepared) -> bool:
    """Whether an operation asks for nothing but the schema itself: no database, no viewer, and much work at once."""
    names = [node.name.value for node in prepared.node.selection_set.selections if isinstance(node, FieldNode)]
    are_fields = len(names) == len(prepared.node.selection_set.selections)
    return prepared.kind is OperationType.QUERY and are_fields and all(name in _META_FIELDS for name in names)
