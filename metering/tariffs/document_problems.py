"""Turns what is wrong with a tariff's document into its path as it is written there, and what is accepted there."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from metering.refusals import Refused
from metering.tariffs.document_shapes import (
    BandDocument,
    BlockDocument,
    FeeDocument,
    StampDutyDocument,
    StandingChargeDocument,
    TariffDocument,
    TaxDocument,
    VendingDocument,
    WindowDocument,
)
from metering.tariffs.times import WEEKDAYS

_KEY: Final = re.compile(r"field `(.*)`", re.DOTALL)
_INDEX: Final = re.compile(r"\[\d+\]")
_ONE_PRICE: Final = re.compile(r"bands\[(\d+)\]\.blocks\[0\]\.unit_price")

_NUMBER: Final = "must be a number as text, like 209.50."
_VALUES: Final[Mapping[str, str]] = {
    "valid_from": "must be a day like 2026-03-01.",
    "bands.windows.weekdays": f"must be {', '.join(WEEKDAYS[:-1])} or {WEEKDAYS[-1]}.",
    "bands.windows.months": "must be months, 1 to 12.",
    "standing_charges.per": "must be DAY or MONTH.",
    "taxes.on": "must be ENERGY, NET or COMPOUND.",
    "vending.taxes": "must be ADDED or DEDUCTED.",
}
"""What is accepted where a key says more than its type does."""
_TYPES: Final[Mapping[str, str]] = {
    "decimal": _NUMBER,
    "str": "must be text.",
    "array": "must be a list.",
    "object": "must be an object with keys.",
}
_PARTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "": TariffDocument,
    "bands": BandDocument,
    "bands.windows": WindowDocument,
    "bands.blocks": BlockDocument,
    "standing_charges": StandingChargeDocument,
    "taxes": TaxDocument,
    "vending": VendingDocument,
    "vending.fees": FeeDocument,
    "vending.stamp_duty": StampDutyDocument,
}


def unreadable(message: str) -> Refused:
    """BAD_TARIFF of what msgspec (0.22) says of a document: `Expected ..., got ... - at $.bands[0].name`."""
    problem, _, at = message.partition(" - at ")
    parent = at.strip("`").removeprefix("$").removeprefix(".")
    found = _KEY.search(problem)
    path = ".".join(part for part in (parent, found[1] if found else "") if part)
    return Refused("BAD_TARIFF", f"`{path or 'tariff'}` {_accepted(problem, path=path, parent=parent)}", path or None)


def _accepted(problem: str, *, path: str, parent: str) -> str:
    if problem.startswith("Object contains unknown field"):
        keys = ", ".join(f"`{field.encode_name}`" for field in msgspec.structs.fields(_PARTS[_INDEX.sub("", parent)]))
        return f"is no key there: there are {keys}."
    accepted = _VALUES.get(_INDEX.sub("", path))
    if problem.startswith("Object missing required field"):
        return f"is missing: it {accepted}" if accepted else "is missing."
    expected = re.match(r"Expected `(\w+)", problem)
    return accepted or (_TYPES.get(expected[1], f"must be {expected[1]}.") if expected else _NUMBER)


def as_written(refused: Refused, document: Mapping[str, Any]) -> Refused:
    """The refusal with a path that the document has: a price without bands or blocks stands in `unit_price`."""
    path = _written(refused.field or "", document)
    if path == refused.field:
        return refused
    return Refused(refused.code, refused.message.replace(f"`{refused.field}`", f"`{path}`", 1), path)


def _written(path: str, document: Mapping[str, Any]) -> str:
    bands = document.get("bands")
    if bands is None:
        short = {"bands": "unit_price", "bands[0].blocks[0].unit_price": "unit_price", "bands[0].name": "name"}
        return short.get(path, path)
    found = _ONE_PRICE.fullmatch(path)
    is_one_price = found and bands[int(found[1])].get("blocks") is None
    return f"bands[{found[1]}].unit_price" if found and is_one_price else path
