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
