"""Turns who is asking into what they may see."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Role(Enum):
    """What a person may do. Tenants and landlords see the panels given to them, admins every panel."""

    TENANT = "TENANT"
    LANDLORD = "LANDLORD"
    ADMIN = "ADMIN"


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person. Every read of tenants' data takes one; it is the whole access scope."""

    account_id: int
    role: Role

    @property
    def sees_all(self) -> bool:
        """Whether every panel is visible, not only those given to this account."""
        return self.role is Role.ADMIN


THE_SERVICE: Final = Viewer(0, Role.ADMIN)
"""Who acts where a machine does, such as a payment that arrives: it sees every panel, and is no account."""
