"""Turns the codes of a site's panels into those that a total counts, so that no energy is counted twice."""

from collections.abc import Collection

_LOADS = ("LOAD", "LOAD_METER")
_GRID_IMPORT = "GRID_IMPORT"
_OTHER_PARTS = frozenset({"SOLAR", "SOLAR_INPUT", "BATTERY", _GRID_IMPORT, "GRID_EXPORT"})


def counted(codes: Collection[str]) -> set[str]:
    """The codes of the panels whose usage adds up to what the site used.

    All but a solar or battery hub's parts that are no load: its generation, its battery, and what it took from the grid
    and gave back are there in its loads already. Of a hub without a load among `codes`, what it took from the grid.
    """
    known = set(codes)
    return {code for code in known if _is_counted(code, known=known)}


def deciding(code: str) -> list[str]:
    """The codes of which any keeps this one out of totals: the loads of the hub that it is what the grid gave to."""
    hub, _, part = code.rpartition(":")
    return [f"{hub}:{load}" for load in _LOADS] if hub and part == _GRID_IMPORT else []


def _is_counted(code: str, *, known: set[str]) -> bool:
    hub, _, part = code.rpartition(":")
    if not hub or part not in _OTHER_PARTS:
        return True
    return part == _GRID_IMPORT and known.isdisjoint(deciding(code))
