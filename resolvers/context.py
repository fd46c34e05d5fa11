"""Turns a request into what every resolver is given: the database, who is asking, and the time."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry

from metering.access import Role, Viewer
from metering.payments import Selling
from metering.refusals import Refused
from metering.tenures import Tenure
from store.connections import Pool

ONLINE_WITHIN = timedelta(minutes=5)
"""How old a panel's last message may be while the panel counts as online."""


MAX_POINTS = 500_000
"""How many points and buckets one answer may hold, all series together: about 60 MB on the wire."""


AT_ONCE = 4
"""How many series one operation works on side by side: 500 at once waited for connections longer than these wait, and
computed for 70 ms without letting anybody else run."""


def system_now() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Context:
    """One operation: a request, or a subscription for as long as it lives.

    `viewer` is None for somebody who has not signed in, `client_address` is where the request comes from. `live`,
    `subscriptions`, `sign_in`, `message_reader` and `export_links` belong to subscriptions, the list of open ones,
    sign-in, dry runs of messages and downloads. `selling` says by whom payments are taken and units are sold.
    `forecaster` computes forecasts at once; None has only those that are stored. `enrolment` is how people sign up and
    prove who they are by codes, and has the server's key; None has neither. `device_tokens` signs what devices may do,
    for brokers that check tokens.
    `loaders` holds what is fetched once a request for many panels; each topic keeps its own there. `points` counts
    what the series of one answer hold, the answer of the root value `points_of`. `pricing` knows what operations cost,
    `charged` is what this one was. Series take `turns`, because each has statements and much computing of its own.
    `tenures` are the spans of a tenancy that may be over, of whose panels alone something is asked, in a branch of the
    operation `origin`; `branches` are such contexts by the places of the answer below which they hold.
    """

    pool: Pool
    viewer: Viewer | None
    client_address: str = ""
    now: Callable[[], datetime] = system_now
    online_within: timedelta = ONLINE_WITHIN
    live: Any = None
    subscriptions: Any = None
    sign_in: Any = None
    message_reader: Any = None
    export_links: Any = None
    forecaster: Any = None
    enrolment: Any = None
    device_tokens: Any = None
    selling: Selling = field(default_factory=Selling)
    loaders: dict[str, Any] = field(default_factory=dict[str, Any])
    points: int = 0
    points_of: Any = None
    pricing: Any = None
    charged: Any = None
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    tenures: Mapping[int, Tenure] | None = None
    origin: "Context | None" = None
    branches: dict[tuple[str | int, ...], "Context"] = field(
        default_factory=dict[tuple[str | int, ...], "Context"]  # pyright: ignore[reportInvalidTypeArguments]
    )

    @property
    def signed_in(self) -> Viewer:
        """Who is asking.

        Raises:
            Refused: UNAUTHENTICATED when nobody has signed in.
        """
        if self.viewer is None:
            raise Refused("UNAUTHENTICATED", "Sign in first: send the token of `logIn` as a bearer token.")
        return self.viewer

    @property
    def person(self) -> Viewer:
        """Who is asking, a person.

        Raises:
            Refused: UNAUTHENTICATED when nobody has signed in, FORBIDDEN when it is a service account.
        """
        viewer = self.signed_in
        if not viewer.is_person:
            raise Refused("FORBIDDEN", "Only people may do this: no key of a service account is for it.")
        return viewer

    @property
    def admin(self) -> Viewer:
        """Who is asking, an admin.

        Raises:
            Refused: UNAUTHENTICATED when nobody has signed in, FORBIDDEN when it is not an admin.
        """
        viewer = self.signed_in
        if viewer.role is not Role.ADMIN:
            raise Refused("FORBIDDEN", "Only admins may do this.")
        return viewer

    @property
    def landlord(self) -> Viewer:
        """Who is asking, a landlord or an admin; which panels they see is asked where one is named.

        Raises:
            Refused: UNAUTHENTICATED when nobody has signed in, FORBIDDEN when it is a tenant.
        """
        viewer = self.signed_in
        if viewer.role is Role.TENANT:
            raise Refused("FORBIDDEN", "Only landlords and admins may do this.")
        return viewer

    def spend(self, points: int, *, root: object) -> None:
        """Counts the points of a series; each event of a subscription has a root value, and an allowance, of its own.

        Raises:
            Refused: TOO_MANY_POINTS when the series of one answer hold more than 500,000.
        """
        if self.origin is not None:
            self.origin.spend(points, root=root)
            return
        if root is not self.points_of:
            self.points, self.points_of = 0, root
        self.points += points
        if self.points > MAX_POINTS:
            message = f"All series of an answer may hold {MAX_POINTS} points: ask for fewer panels, points or buckets."
            raise Refused("TOO_MANY_POINTS", message)

    def check_points(self, *, root: object) -> None:
        """Before a series is read that tells only then how many points it has.

        Raises:
            Refused: TOO_MANY_POINTS when the series before it hold more than 500,000 already.
        """
        self.spend(0, root=root)


Info = strawberry.Info[Context, None]
"""What a resolver takes to reach its Context: `info.context`."""
