"""Turns messages into readings of panels and rejected messages; panels are looked up, and added when they are new."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from ingest.routing import Route, read, route
from ingest.wall_clock import WallClock
from metering.readings import Reading, Rejected
from store.known_panels import KnownPanel
from store.merge import BatchWriter, PanelReading

_REMEMBERED_S: Final = 30.0
"""Someone may correct a panel's time zone meanwhile, or remove the panel."""
_REMEMBERED_TOPICS: Final = 100_000


class Message(Protocol):
    """A message as the broker handed it over, or as it was kept when it could not be read."""

    @property
    def topic(self) -> str:
        """The topic, complete."""
        ...

    @property
    def payload(self) -> bytes:
        """The bytes, as sent."""
        ...

    @property
    def received_at(self) -> datetime:
        """When the broker handed it over; aware."""
        ...


class PanelDecoder:
    """Reads messages by the clocks of the panels that they come from; for one thread."""

    def __init__(self, *, default_time_zone: str) -> None:
        """Panels that appear by themselves get `default_time_zone`.

        Raises:
            ValueError: that is no IANA name.
        """
        self._default_time_zone = default_time_zone
        self._default_clock = WallClock(default_time_zone)
        self._clocks: dict[str, WallClock | Rejected] = {default_time_zone: self._default_clock}
        self._panels: dict[str, KnownPanel] = {}
        self._routes: dict[str, Route | Rejected] = {}
        self._forget_at_s = 0.0

    def decode(self, messages: Sequence[Message], *, writer: BatchWriter) -> list[PanelReading | Rejected]:
        """What each message is, in order: a panel's id and its reading, or the reason why not.

        Raises:
            DatabaseAwayError: panels could not be looked up or added.
        """
        routes = [self._route(message.topic) for message in messages]
        self._look_up(routes, writer=writer)
        outcomes = list(map(self._read, routes, messages))
        strangers = {
            found.panel_code
            for found, outcome in zip(routes, outcomes, strict=True)
            if isinstance(found, Route) and isinstance(outcome, Reading) and found.panel_code not in self._panels
        }
        if strangers:
            self._remember(writer.add_panels(sorted(strangers), time_zone=self._default_time_zone))
            outcomes = list(map(self._read, routes, messages))  # somebody may have added one, with another time zone
        return list(map(self._placed, routes, outcomes))

    def forget_panels(self) -> None:
        """Looks every panel up again the next time: one may have been removed."""
        self._panels.clear()
        self._forget_at_s = time.monotonic() + _REMEMBERED_S

    def _route(self, topic: str) -> Route | Rejected:
        if topic in self._routes:
            return self._routes[topic]
        if len(self._routes) >= _REMEMBERED_TOPICS:
            self._routes.clear()
        return self._routes.setdefault(topic, route(topic))

    def _look_up(self, routes: Sequence[Route | Rejected], *, writer: BatchWriter) -> None:
        if time.monotonic() > self._forget_at_s:
            self.forget_panels()
        codes = {found.panel_code for found in routes if isinstance(found, Route)}
        unknown = codes - self._panels.keys()
        if unknown:
            self._remember(writer.known_panels(sorted(unknown)))

    def _remember(self, panels: Sequence[KnownPanel]) -> None:
        for panel in panels:
            self._panels[panel.code] = panel
            if panel.time_zone not in self._clocks:
                self._clocks[panel.time_zone] = _clock(panel.time_zone)

    def _read(self, found: Route | Rejected, message: Message) -> Reading | Rejected:
        if isinstance(found, Rejected):
            return found
        panel = self._panels.get(found.panel_code)
        clock = self._clocks[panel.time_zone] if panel else self._default_clock
        if isinstance(clock, Rejected):
            return clock
        return read(found, message.payload, received_at=message.received_at, clock=clock)

    def _placed(self, found: Route | Rejected, outcome: Reading | Rejected) -> PanelReading | Rejected:
        if isinstance(found, Rejected):
            return found
        return outcome if isinstance(outcome, Rejected) else (self._panels[found.panel_code].id, outcome)


def _clock(time_zone: str) -> WallClock | Rejected:
    try:
        return WallClock(time_zone)
    except ValueError as error:
        return Rejected("BAD_TIME_ZONE", f"the panel's {error}; correct it and replay the message")
