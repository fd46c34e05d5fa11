"""Turns MQTT filters into a tree that finds whose topic it is in as many steps as the topic has levels."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Level(Generic[T]):
    below: "dict[str, _Level[T]]" = field(default_factory=dict[str, "_Level[T]"])
    ends_here: T | None = None
    takes_all_below: T | None = None


class FilterTree(Generic[T]):
    """Owners by their filters; where filters share a topic, the one that came first has it."""

    def __init__(self, owned: Iterable[tuple[str, T]]) -> None:
        self._root: _Level[T] = _Level()
        for wanted, owner in owned:
            self._add(wanted.split("/"), owner)

    def owner(self, topic: str) -> T | None:
        """Whose topic it is; None for nobody's. A wildcard at the beginning takes in none that begins with `$`."""
        levels = topic.split("/")
        if topic.startswith("$"):
            first = self._root.below.get(levels[0])
            return None if first is None else _found(first, levels[1:])
        return _found(self._root, levels)

    def _add(self, levels: list[str], owner: T) -> None:
        place, is_wide = self._root, levels[-1] == "#"
        for level in levels[:-1] if is_wide else levels:
            place = place.below.setdefault(level, _Level())
        if is_wide and place.takes_all_below is None:
            place.takes_all_below = owner
        elif not is_wide and place.ends_here is None:
            place.ends_here = owner


def _found(place: _Level[T], levels: list[str]) -> T | None:
    """The nearest owner: of the exact words before wildcards, of longer filters before shorter ones."""
    if not levels:
        return place.takes_all_below if place.ends_here is None else place.ends_here
    for word in (levels[0], "+"):
        below = place.below.get(word)
        owner = None if below is None else _found(below, levels[1:])
        if owner is not None:
            return owner
    return place.takes_all_below
