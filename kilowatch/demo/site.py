"""Describes the simulated sites: an office in Jakarta, prepaid flats in Lagos, homes with sun in Berlin and Bali."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Use = Literal["OFFICE", "HOME", "SOLAR_HOME", "LOAD", "SOLAR", "BATTERY", "GRID_IMPORT", "GRID_EXPORT"]
"""What a panel measures: a use of electricity, a home with sun on its roof, or one part of a hub's home."""

PASSWORD = "kilowatch"  # noqa: S105 - of the demo on loopback, printed at its start


@dataclass(frozen=True, slots=True)
class SimulatedPanel:
    """A panel and how much it draws: a base load and what its use adds at the busiest hour, in kW.

    `solar_kw` is what the roof yields at most. `device` names the device that speaks for it, where that is not a power
    meter of its own; the panels of one device share their weather and their home. Nothing speaks for a panel that
    `is_typed_in`: people type in what its display shows.
    """

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
    solar_kw: float = 0.0
    device: str | None = None
    is_typed_in: bool = False

    @property
    def is_prepaid(self) -> bool:
        """Flats with a prepaid meter have a meter number."""
        return self.meter_number is not None

    @property
    def counts_import(self) -> bool:
        """Whether its meter has a register of what comes in."""
        return self.use != "GRID_EXPORT"

    @property
    def counts_export(self) -> bool:
        """Whether its meter has a register of what goes out."""
        return self.use in {"SOLAR_HOME", "GRID_EXPORT"}


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """Someone who can sign in with PASSWORD, and the flat that they rent, or have rented.

    They moved in when `in_at` of the history had passed, and out at `out_at`; 0 is its beginning, 1 its end.
    """

    email: str
    name: str
    role: Literal["ADMIN", "LANDLORD", "TENANT"]
    flat: str | None = None
    in_at: float = 0.0
    out_at: float | None = None
    phone_token: str | None = None
    threshold_kwh: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SimulatedProperty:
    """What somebody lets, and its panels."""

    name: str
    address: str
    landlord: str
    panels: tuple[str, ...]


_OFFICE = ("Menara Kilowatch, Jakarta", "Asia/Jakarta", "OFFICE")
_HOME = ("12 Marina Road, Lagos", "Africa/Lagos", "HOME")

SMART_METER = "tasmota_6F0690"
HUB = "hub-01"
_PARTS: tuple[tuple[Use, str, float], ...] = (
    ("LOAD", "its use", 3_312.0),
    ("SOLAR", "its roof", 5_840.0),
    ("BATTERY", "its battery", 612.0),
    ("GRID_IMPORT", "from the grid", 1_204.0),
    ("GRID_EXPORT", "to the grid", 2_965.0),
)

PANELS = (
    SimulatedPanel("PANEL_LANTAI_1", "Lobby and shops", _OFFICE[0], 1, _OFFICE[1], "OFFICE", 2.1, 14.0, 150_070.0),
    SimulatedPanel("PANEL_LANTAI_2", "Offices", _OFFICE[0], 2, _OFFICE[1], "OFFICE", 1.4, 19.0, 98_412.0),
    SimulatedPanel(
        "PANEL_LANTAI_3", "Server room and meeting rooms", _OFFICE[0], 3, _OFFICE[1], "OFFICE", 4.2, 7.5, 203_118.0
    ),
    SimulatedPanel(
        "FLAT_1A", "Flat 1A, typed in", _HOME[0], 1, _HOME[1], "HOME", 0.15, 0.62, 0.0, "45041234518", is_typed_in=True
    ),
    SimulatedPanel("FLAT_2A", "Flat 2A", _HOME[0], 2, _HOME[1], "HOME", 0.12, 0.75, 4_210.0, "45041234567"),
    SimulatedPanel("FLAT_2B", "Flat 2B", _HOME[0], 2, _HOME[1], "HOME", 0.21, 1.3, 6_903.0, "45041234575"),
    SimulatedPanel(
        f"{SMART_METER}:SML",
        "Home with an IR head",
        "Berlin-Pankow",
        0,
        "Europe/Berlin",
        "SOLAR_HOME",
        0.18,
        1.4,
        15_119.0,
        solar_kw=4.2,
        device=SMART_METER,
    ),
    SimulatedPanel("FLAT_3A", "Flat 3A, OpenPAYGO", _HOME[0], 3, _HOME[1], "HOME", 0.1, 0.5, 1_877.0, "45041234591"),
    *(
        SimulatedPanel(
            f"{HUB}:{part}",
            f"Solar home, {words}",
            "Ubud, Bali",
            0,
            "Asia/Makassar",
            part,
            0.25,
            1.6,
            register_kwh,
            solar_kw=3.6,
            device=HUB,
        )
        for part, words, register_kwh in _PARTS
    ),
)

PEOPLE = (
    SimulatedPerson("admin@demo.kilowatch", "Ayu, building manager", "ADMIN"),
    SimulatedPerson(
        "ada@demo.kilowatch",
        "Ada, tenant of flat 2A",
        "TENANT",
        "FLAT_2A",
        in_at=0.25,
        phone_token="demo-phone-ada",  # noqa: S106 - of the demo alone
        threshold_kwh=Decimal(5),
    ),
    SimulatedPerson(
        "bayo@demo.kilowatch",
        "Bayo, tenant of flat 2B",
        "TENANT",
        "FLAT_2B",
        in_at=0.5,
        phone_token="demo-phone-bayo",  # noqa: S106 - as above
        threshold_kwh=Decimal(10),
    ),
    SimulatedPerson("chika@demo.kilowatch", "Chika, tenant of flat 1A (typed in)", "TENANT", "FLAT_1A", in_at=0.1),
    SimulatedPerson("dele@demo.kilowatch", "Dele, who has moved out of flat 2B", "TENANT", "FLAT_2B", out_at=0.5),
    SimulatedPerson("funmi@demo.kilowatch", "Funmi, landlord of the flats", "LANDLORD"),
    SimulatedPerson("wayan@demo.kilowatch", "Wayan, landlord of the solar home", "LANDLORD"),
)

PROPERTIES = (
    SimulatedProperty(
        "Menara Kilowatch", "Jakarta", "admin@demo.kilowatch", tuple(f"PANEL_LANTAI_{n}" for n in (1, 2, 3))
    ),
    SimulatedProperty("Marina Court", _HOME[0], "funmi@demo.kilowatch", ("FLAT_1A", "FLAT_2A", "FLAT_2B", "FLAT_3A")),
    SimulatedProperty(
        "Rumah Surya", "Ubud, Bali", "wayan@demo.kilowatch", tuple(f"{HUB}:{part}" for part, _, _ in _PARTS)
    ),
)
"""What is let. The home in Berlin belongs to nobody, until somebody claims it."""

DEBTOR = "FLAT_2A"
"""The flat whose ledger has a display, a reversal and a debt beside its top-ups."""

OPENPAYGO_FLAT = "FLAT_3A"
OPENPAYGO_KEY_HEX = "a29ab82edc5fbbc41ec9530f6dac86b1"  # of the demo alone
OPENPAYGO_STARTING_CODE = 123_456_789
OPENPAYGO_KWH_PER_VALUE = Decimal("0.1")

LOW_FLAT = "FLAT_2B"
"""The flat that is about to run low whenever the demo starts, so that a push can be seen going out."""
LOW_FLAT_STARTS_AT_KWH = Decimal("10.004")
