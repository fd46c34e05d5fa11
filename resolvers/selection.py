"""Turns a field's selection into the names of the fields below it, so that only what is asked for is fetched."""

from collections.abc import Iterable, Iterator

from strawberry.types.nodes import SelectedField, Selection

from resolvers.context import Info


def selected(info: Info) -> frozenset[str]:
    """The names, as the schema has them, of the fields asked for directly below this one; fragments are looked into."""
    return frozenset(_names(selection for field in info.selected_fields for selection in field.selections))


def _names(selections: Iterable[Selection]) -> Iterator[str]:
    for selection in selections:
        if isinstance(selection, SelectedField):
            yield selection.name
        else:
            yield from _names(selection.selections)


def selected_paths(info: Info) -> frozenset[str]:
    """The same for every depth below this field, with dots: `points`, `points.voltage`, `points.voltage.r`."""
    return frozenset(_paths((selection for field in info.selected_fields for selection in field.selections), above=""))


def _paths(selections: Iterable[Selection], *, above: str) -> Iterator[str]:
    for selection in selections:
        if isinstance(selection, SelectedField):
            yield above + selection.name
            yield from _paths(selection.selections, above=f"{above}{selection.name}.")
        else:
            yield from _paths(selection.selections, above=above)
