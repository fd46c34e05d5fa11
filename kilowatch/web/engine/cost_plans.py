"""Turns an operation's document into what its fields weigh, with whatever its variables change left open."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

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
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    is_leaf_type,
    value_from_ast_untyped,
)

from kilowatch.web.engine import weights
from kilowatch.web.engine.cost_lines import (
    Condition,
    Cut,
    Evaluation,
    PricedField,
    PricedSelection,
    Sizing,
    Variable,
    part_of,
    total,
)
from kilowatch.web.engine.documents import Prepared
from kilowatch.web.engine.introspection import META_FIELDS
from kilowatch.web.engine.plans import CONDITIONS

_ROOTS: Final = frozenset({"Query", "Mutation", "Subscription"})


def cost_plan(prepared: Prepared, *, schema: GraphQLSchema, now: Callable[[], datetime]) -> PricedSelection:
    """What an operation asks for, with what each field of it weighs; variables are left open."""
    return _Compiler(schema, prepared, now).plan()


@dataclass(slots=True, eq=False)
class _Compiler:
    """One operation's document: each selection set of it is read once, so that fragments cost what they say once."""

    schema: GraphQLSchema
    prepared: Prepared
    now: Callable[[], datetime]
    _selections: dict[tuple[int, str], PricedSelection] = field(default_factory=dict[tuple[int, str], PricedSelection])

    def plan(self) -> PricedSelection:
        root: Any = self.schema.get_root_type(self.prepared.kind)  # validated documents name roots that are there
        return self._selection(self.prepared.node.selection_set, root)

    def _selection(self, node: SelectionSetNode, parent: GraphQLNamedType) -> PricedSelection:
        key = (id(node), parent.name)
        if key not in self._selections:
            found: dict[tuple[Any, ...], PricedField] = {}
            self._collect(node, parent, (), found, set())
            self._selections[key] = self._added_up(tuple(found.values()))
        return self._selections[key]

    def _added_up(self, fields: tuple[PricedField, ...]) -> PricedSelection:
        still = Evaluation({}, self.now)
        constant = total([still.line(one) for one in fields if not one.is_dynamic])
        return PricedSelection(fields, constant, tuple(one for one in fields if one.is_dynamic))

    def _collect(
        self,
        node: SelectionSetNode,
        parent: GraphQLNamedType,
        conditions: tuple[Condition, ...],
        found: dict[tuple[Any, ...], PricedField],
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
        conditions: tuple[Condition, ...],
        found: dict[tuple[Any, ...], PricedField],
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
        conditions: tuple[Condition, ...],
        *,
        is_repeat: bool = False,
    ) -> PricedField:
        name = node.name.value
        definition = _definition(parent, name)
        named, is_list = _type_of(definition)
        selection = self._selection(node.selection_set, named) if node.selection_set else None
        return PricedField(
            parent=parent.name,
            key=key,
            base=0.0 if is_repeat else _base(definition, parent=parent.name, name=name),
            item=0.0 if is_repeat else _item(named, is_list=is_list, parent=parent.name, name=name),
            is_list=is_list,
            usual_length=weights.LENGTHS.get((parent.name, name)),
            sizing=self._sizing(node, definition, listed=weights.INPUT_LISTS.get((parent.name, name))),
            conditions=conditions,
            selection=selection,
        )

    def _sizing(
        self, node: FieldNode, definition: GraphQLField, *, listed: tuple[str, int, float] | None
    ) -> Sizing | None:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}

        def asked(name: str) -> Any:
            if name in given:
                return self._asked(given[name])
            return _default(definition.args[name]) if name in definition.args else None

        if listed is not None:
            part, most, each = listed
            return Sizing(counts=(), chosen=((_part(asked("input"), part), most),), cut=None, each=each)
        cut = next((name for name in weights.SPREADS if name in definition.args), None)
        sizing = Sizing(
            counts=tuple((asked(name), most) for name, most in weights.COUNTS.items() if name in definition.args),
            chosen=tuple((asked(name), most) for name, most in weights.SELECTIONS.items() if name in definition.args),
            each=max((weights.EACH.get(name, 0.0) for name in definition.args), default=0.0),
            cut=Cut(cut, asked(cut), asked("range"), asked("from"), asked("to")) if cut else None,
        )
        return sizing if sizing.counts or sizing.chosen or sizing.cut else None

    def _asked(self, value: Any) -> Any:
        if isinstance(value, VariableNode):
            return self._variable(value.name.value)
        return value_from_ast_untyped(value)

    def _variable(self, name: str) -> Variable:
        for definition in self.prepared.node.variable_definitions or ():
            if definition.variable.name.value == name and definition.default_value is not None:
                return Variable(name, value_from_ast_untyped(definition.default_value))
        return Variable(name, None)

    def _conditions(self, node: Any, above: tuple[Condition, ...]) -> tuple[Condition, ...] | None:
        """What must hold for a selection to be answered; None where it never is."""
        directives: tuple[DirectiveNode, ...] = node.directives or ()
        for directive in directives:
            name = directive.name.value
            if name not in CONDITIONS or not directive.arguments:
                continue
            wanted, asked = name == "include", self._asked(directive.arguments[0].value)
            if isinstance(asked, Variable):
                above = (*above, Condition(asked, wanted))
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


def _part(asked: Any, name: str) -> Any:
    return replace(asked, part=name) if isinstance(asked, Variable) else part_of(asked, name)


def _definition(parent: Any, name: str) -> GraphQLField:
    return META_FIELDS.get(name) or parent.fields[name]


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
