"""Says what somebody who rents may look back on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tenure:
    """The span of a tenancy: the instants (UTC) from `since` up to, not including, `until`; None: it has no end yet."""

    since: datetime
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies within it."""
        return self.since <= at and (self.until is None or at < self.until)
