"""Turns the text of a path into the keys and list places that lead to a value of a JSON document, and back."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

JsonPath = tuple[str | int, ...]
"""Keys and list places from the document's root; empty for the document itself."""

MAX_PATH_LENGTH: Final = 200
MAX_STEPS: Final = 16

ACCEPTED_PATHS: Final = (
    "keys from the payload's root with dots, such as SML.Total_in or ENERGY.Power.0, a JSON pointer such as "
    f"/SML/Total_in where a key itself has a dot, or nothing where the whole payload is the number; up to "
    f"{MAX_PATH_LENGTH} characters and {MAX_STEPS} steps"
)

_PLACE = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_LONE_TILDE = re.compile(r"~(?![01])")

_Missing = type("_Missing", (), {})
MISSING: Final = _Missing()
"""What `value_at` answers where a path leads nowhere: null is a value."""


def parse_path(text: str) -> JsonPath | None:
    """The path that a text says, None when it says none; see ACCEPTED_PATHS."""
    if len(text) > MAX_PATH_LENGTH or not text.isprintable():
        return None
    if text.startswith("/"):
        if _LONE_TILDE.search(text):
            return None
        names = [name.replace("~1", "/").replace("~0", "~") for name in text[1:].split("/")]
    else:
        names = text.split(".") if text else []
        if "" in names:
            return None
    return tuple(map(_step, names)) if len(names) <= MAX_STEPS else None


def path_text(path: Sequence[str | int]) -> str:
    """The text that `parse_path` reads back: with dots where no key has one, else a JSON pointer."""
    names = [str(step) for step in path]
    if all(name and "." not in name for name in names) and not (names and names[0].startswith("/")):
        return ".".join(names)
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def value_at(document: object, path: Sequence[str | int]) -> object:
    """The value that a path leads to, or MISSING; a number is a place in a list and a key in an object."""
    found = document
    for step in path:
        if isinstance(found, dict):
            found = cast("Mapping[str, object]", found).get(str(step), MISSING)
        elif isinstance(found, list) and isinstance(step, int):
            places = cast("list[object]", found)
            found = places[step] if step < len(places) else MISSING
        else:
            return MISSING
    return found


def _step(name: str) -> str | int:
    return int(name) if _PLACE.fullmatch(name) else name
