"""Turns the events of a subscription into charges on the budget of whoever follows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kilowatch.web.engine.engine import Answer, Engine
from kilowatch.web.engine.weights import EVENT
from kilowatch.web.fanout.asking import Asked
from resolvers.context import Context

_LEAST = round(EVENT)


@dataclass(frozen=True, slots=True)
class Fare:
    """What one subscriber pays for each event."""

    engine: Engine
    costs: Mapping[str, int]
    context: Context

    def refused(self, event: Any) -> Answer | None:
        """Charges for an event; an answer, where the budget is spent."""
        return self.engine.paid(self.costs.get(type(event).__name__, _LEAST), self.context)


def fare_of(asked: Asked, engine: Engine) -> Fare:
    """What the events of a subscription cost whoever asks for it."""
    return Fare(engine, engine.event_costs(asked.prepared, asked.operation), asked.make_context(asked.viewer))
