"""Turns errors that nobody expected into what clients may see of them; the log has the rest."""

import logging
from dataclasses import dataclass
from typing import Any

from store.outages import is_outage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """What clients are told of an error that nobody expected."""

    status: int
    code: str
    message: str

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors of an answer that says so."""
        return [{"message": self.message, "extensions": {"code": self.code}}]


def fault_of(error: Exception) -> Fault:
    """What clients may see of an error, which is logged."""
    if is_outage(error):
        log.warning("the database does not answer: %s", error)
        return Fault(503, "DATABASE_UNAVAILABLE", "The database does not answer. Try again in a moment.")
    log.error("an operation failed", exc_info=error)
    return Fault(500, "INTERNAL", "Internal error")
