"""Turns what people say of a device that they register into what it is and may do, or says what is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from metering.device_rights import (
    ACCEPTED_FILTER,
    MAX_CODES,
    MAX_FILTERS,
    RESERVED_NAMES,
    is_filter,
    panels_of,
    topics_of,
)
from metering.devices import DeviceKind
from metering.readings import PANEL_CODE
from metering.refusals import Refused
from store.registered_devices import Shape

_NEEDS_CODES: Final = {DeviceKind.MAPPED, DeviceKind.ZIGBEE2MQTT}
"""Devices whose name says nothing of their panels."""


@dataclass(frozen=True, slots=True)
class GivenDevice:
    """A device as somebody described it."""

    kind: DeviceKind
    name: str
    property_id: int | None = None
    panel_codes: Sequence[str] = ()
    topics: Sequence[str] = ()


def shape_of(given: GivenDevice, *, device_id: str) -> Shape:
    """What the device is and may do.

    Raises:
        Refused: BAD_NAME, BAD_CODE, BAD_TOPIC, BAD_INPUT.
    """
    name = _checked_name(given.name)
    codes = _checked_codes(given.panel_codes, kind=given.kind)
    topics = _checked_topics(given.topics)
    own = topics_of(given.kind, name=name, device_id=device_id, given=topics)
    panels = panels_of(given.kind, name=name, given=codes)
    return Shape(given.kind, name, given.property_id, codes, topics, panels, own.publish, own.commands)


def _checked_name(name: str) -> str:
    """The name, which becomes a level of topics and the code of panels.

    Raises:
        Refused: BAD_NAME.
    """
    if not PANEL_CODE.fullmatch(name):
        accepted = "1 to 64 letters, digits or _ . : -, beginning with a letter or digit, as its topics have it"
        raise Refused("BAD_NAME", f"{name[:60]!r} is no device's name; accepted: {accepted}.", "name")
    if name in RESERVED_NAMES:
        listed = ", ".join(sorted(RESERVED_NAMES))
        raise Refused("BAD_NAME", f"{name} begins everybody's topics; accepted is any name but {listed}.", "name")
    return name


def _checked_codes(codes: Sequence[str], *, kind: DeviceKind) -> tuple[str, ...]:
    if len(codes) > MAX_CODES or (not codes and kind in _NEEDS_CODES):
        least = "1" if kind in _NEEDS_CODES else "0"
        raise Refused("BAD_INPUT", f"A device of the kind {kind} is given {least} to {MAX_CODES} panels.", "panelCodes")
    wrong = next((code for code in codes if not PANEL_CODE.fullmatch(code)), None)
    if wrong is not None:
        accepted = "1 to 64 letters, digits or _ . : -, beginning with a letter or digit"
        raise Refused("BAD_CODE", f"{wrong[:60]!r} is no panel code; accepted: {accepted}.", "panelCodes")
    return tuple(dict.fromkeys(codes))


def _checked_topics(topics: Sequence[str]) -> tuple[str, ...]:
    if len(topics) > MAX_FILTERS:
        raise Refused("BAD_INPUT", f"A device is given {MAX_FILTERS} topics at the most.", "topics")
    wrong = next((topic for topic in topics if not is_filter(topic)), None)
    if wrong is not None:
        raise Refused("BAD_TOPIC", f"{wrong[:60]!r} cannot be a device's; accepted: {ACCEPTED_FILTER}.", "topics")
    return tuple(dict.fromkeys(topics))
