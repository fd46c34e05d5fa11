"""Describes the simulated site: three floors of an office in Jakarta and two prepaid flats in Lagos."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Use = Literal["OFFICE", "HOME"]

PASSWORD = "kilowatch"  # noqa: S105 - of the demo on loopback, printed at its start


@dataclass(frozen=True, slots=True)
class SimulatedPanel:
    """A panel and how much it draws: a base load and what its use adds at the busiest hour, in kW."""

    code: str
    name: str
    location: str
    floor: int
    time_zone: str
    use: Use
    base_kw: float
    busy_kw: float
    register_kwh: float
    meter_number: str | None = None

    @property
    def is_prepaid(self) -> bool:
        """Flats with a prepaid meter have a meter number."""
        return self.meter_number is not None


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """Someone who can sign in with PASSWORD, and the panels given to them."""

    email: str
    name: str
    role: Literal["ADMIN", "TENANT"]
    panels: tuple[str, ...] = ()
    phone_token: str | None = None
    threshold_kwh: Decimal | None = None


_OFFICE = ("Menara Kilowatch, Jakarta", "Asia/Jakarta", "OFFICE")
_HOME = ("12 Marina Road, Lagos", "Africa/Lagos", "HOME")

PANELS = (
    SimulatedPanel("PANEL_LANTAI_1", "Lobby and shops", _OFFICE[0], 1, _OFFICE[1], "OFFICE", 2.1, 14.0, 150_070.0),
    SimulatedPanel("PANEL_LANTAI_2", "Offices", _OFFICE[0], 2, _OFFICE[1], "OFFICE", 1.4, 19.0, 98_412.0),
    SimulatedPanel(
        "PANEL_LANTAI_3", "Server room and meeting rooms", _OFFICE[0], 3, _OFFICE[1], "OFFICE", 4.2, 7.5, 203_118.0
    ),
    SimulatedPanel("FLAT_2A", "Flat 2A", _HOME[0], 2, _HOME[1], "HOME", 0.12, 0.75, 4_210.0, "45041234567"),
    SimulatedPanel("FLAT_2B", "Flat 2B", _HOME[0], 2, _HOME[1], "HOME", 0.21, 1.3, 6_903.0, "45041234575"),
)

PEOPLE = (
    SimulatedPerson("admin@demo.kilowatch", "Ayu, building manager", "ADMIN"),
    SimulatedPerson(
        "ada@demo.kilowatch", "Ada, tenant of flat 2A", "TENANT", ("FLAT_2A",), "demo-phone-ada", Decimal(5)
    ),
    SimulatedPerson(
        "bayo@demo.kilowatch", "Bayo, tenant of flat 2B", "TENANT", ("FLAT_2B",), "demo-phone-bayo", Decimal(10)
    ),
)

NAIRA_PER_KWH = Decimal("209.50")
NAIRA_VAT_PERCENT = Decimal("7.5")

LOW_FLAT = "FLAT_2B"
"""The flat that is about to run low whenever the demo starts, so that a push can be seen going out."""
LOW_FLAT_STARTS_AT_KWH = Decimal("10.004")
