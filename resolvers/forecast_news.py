"""Keeps which panels have a new forecast for each stream that tells of forecasts, until it is taken."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class ForecastBox:
    """The panels of which a stream has yet to look at the forecast; `is_behind` when news of any may be missing."""

    ring: Callable[[], None]
    panel_ids: set[int] = field(default_factory=set[int])
    is_behind: bool = False

    def take(self) -> tuple[set[int], bool]:
        """Empties the box: whose forecast is new, and whether that of any panel may be."""
        taken, self.panel_ids = self.panel_ids, set()
        is_behind, self.is_behind = self.is_behind, False
        return taken, is_behind


@dataclass(slots=True, eq=False)
class ForecastNews:
    """One box a stream. It says nothing of anybody's data: whoever takes an id checks who may see its panel."""

    _boxes: dict[ForecastBox, None] = field(default_factory=dict[ForecastBox, None])

    @contextmanager
    def box(self, ring: Callable[[], None]) -> Generator[ForecastBox]:
        """A box for everything from now on; `ring` is called whenever something is put into it."""
        box = ForecastBox(ring)
        self._boxes[box] = None
        try:
            yield box
        finally:
            del self._boxes[box]

    def send(self, panel_ids: tuple[int, ...]) -> None:
        """Tells every stream that these panels have a new forecast."""
        for box in self._boxes if panel_ids else ():
            box.panel_ids.update(panel_ids)
            box.ring()

    def miss(self) -> None:
        """Tells every stream that there may have been news which nobody heard."""
        for box in self._boxes:
            box.is_behind = True
            box.ring()
