"""Turns who is asking into what they may see and do."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Role(Enum):
    """What a person may do. Tenants see what they rent, landlords what they let, admins every panel."""

    TENANT = "TENANT"
    LANDLORD = "LANDLORD"
    ADMIN = "ADMIN"


class Scope(Enum):
    """What a key of a service account may be for; people need none."""

    READ = "READ"
    CREDIT = "CREDIT"
    TARIFFS = "TARIFFS"
    PROPERTIES = "PROPERTIES"
    DEVICES = "DEVICES"
    ALERTS = "ALERTS"
    SERVICE = "SERVICE"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who has signed in. Every read of tenants' data takes one; it is the whole access scope.

    `scopes` is None for a person; a service account may do no more than its key is for, and `key_name` is what that
    key is called. `may_rent` is False where it is known that no tenancy bounds what the account may look back on.
    """

    account_id: int
    role: Role
    scopes: frozenset[Scope] | None = None
    may_rent: bool = True
    key_name: str | None = None

    @property
    def is_person(self) -> bool:
        """Whether it is somebody who has signed in, not a service account with a key."""
        return self.scopes is None

    @property
    def sees_all(self) -> bool:
        """Whether every panel is visible, not only those given to this account."""
        return self.role is Role.ADMIN


THE_SERVICE: Final = Viewer(0, Role.ADMIN, may_rent=False)
"""Who acts where a machine does, such as a payment that arrives: it sees every panel, and is no account."""
