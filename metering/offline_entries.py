"""Says what an app may submit of what was done while it was offline, and which values each kind of entry has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Final

from metering.ledger import checked_key
from metering.money import Money
from metering.refusals import Refused

MAX_ENTRIES: Final = 100


class OfflineKind(Enum):
    """What was done while the app was offline."""

    TOP_UP = "TOP_UP"
    BALANCE_READING = "BALANCE_READING"
    METER_READING = "METER_READING"


@dataclass(frozen=True, slots=True)
class OfflineEntry:
    """What somebody did at `at`, known to their app by `client_id`; the values of its kind are given, the rest None."""

    client_id: str
    kind: OfflineKind
    panel_code: str
    at: datetime
    amount: Money | None = None
    units_kwh: Decimal | None = None
    token: str | None = None
    shown_kwh: Decimal | None = None
    energy_import_kwh: float | None = None

    @property
    def values(self) -> Mapping[str, object]:
        """What is given besides what every entry has, by the names of the API."""
        given = {
            "amount": self.amount,
            "unitsKwh": self.units_kwh,
            "token": self.token,
            "shownKwh": self.shown_kwh,
            "energyImportKwh": self.energy_import_kwh,
        }
        return {name: value for name, value in given.items() if value is not None}


_VALUES: Final[Mapping[OfflineKind, frozenset[str]]] = {
    OfflineKind.TOP_UP: frozenset({"amount", "unitsKwh", "token"}),
    OfflineKind.BALANCE_READING: frozenset({"shownKwh"}),
    OfflineKind.METER_READING: frozenset({"energyImportKwh"}),
}

_NEEDS: Final[Mapping[OfflineKind, str]] = {
    OfflineKind.TOP_UP: (
        "`amount`, or `token` with the `unitsKwh` of its slip, or the `token` of an OpenPAYGO meter alone"
    ),
    OfflineKind.BALANCE_READING: "`shownKwh`",
    OfflineKind.METER_READING: "`energyImportKwh`",
}


def check_count(entries: Sequence[OfflineEntry]) -> None:
    """Whether so many may be submitted at once.

    Raises:
        Refused: BAD_INPUT unless there are 1 to 100.
    """
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise Refused("BAD_INPUT", f"`entries` must be 1 to {MAX_ENTRIES}: submit more in several requests.", "entries")


def checked_entry(entry: OfflineEntry) -> OfflineEntry:
    """The entry as it is.

    Raises:
        Refused: BAD_INPUT for a bad `clientId`, for a value of another kind, and without any of its own kind.
    """
    checked_client_id(entry.client_id)
    own, given = _VALUES[entry.kind], entry.values
    foreign = sorted(given.keys() - own)
    if foreign:
        raise Refused("BAD_INPUT", f"A {entry.kind.value} has no `{foreign[0]}`.", foreign[0])
    if not given:
        raise Refused("BAD_INPUT", f"A {entry.kind.value} needs {_NEEDS[entry.kind]}.", min(own))
    return entry


def checked_client_id(client_id: str) -> str:
    """The id as it is; what it may be is what an idempotency key may be.

    Raises:
        Refused: BAD_INPUT.
    """
    try:
        return checked_key(client_id)
    except Refused as refused:
        raise Refused(refused.code, refused.message.replace("idempotencyKey", "clientId"), "clientId") from None


def in_time_order(entries: Sequence[OfflineEntry]) -> list[int]:
    """The places of the entries, the earliest first; of the same instant as they stand."""
    return sorted(range(len(entries)), key=lambda place: entries[place].at)
