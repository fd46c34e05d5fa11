"""Turns a request into what every resolver is given: the database, who is asking, and the time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry

from metering.access import Role, Viewer
from metering.refusals import Refused
from store.connections import Pool

ONLINE_WITHIN = timedelta(minutes=5)
"""How old a panel's last message may be while the panel counts as online."""


def system_now() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Context:
    """One request, or one websocket connection.

    `viewer` is None for somebody who has not signed in. `live` and `sign_in` belong to subscriptions and
    sign-in. `loaders` holds what is fetched once a request for many panels; each topic keeps its own there.
    """

    pool: Pool
    viewer: Viewer | None
    now: Callable[[], datetime] = system_now
    online_within: timedelta = ONLINE_WITHIN
    live: Any = None
    sign_in: Any = None
    loaders: dict[str, Any] = field(default_factory=dict[str, Any])

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
    def admin(self) -> Viewer:
        """Who is asking, an admin.

        Raises:
            Refused: UNAUTHENTICATED when nobody has signed in, FORBIDDEN when it is not an admin.
        """
        viewer = self.signed_in
        if viewer.role is not Role.ADMIN:
            raise Refused("FORBIDDEN", "Only admins may do this.")
        return viewer


Info = strawberry.Info[Context, None]
"""What a resolver takes to reach its Context: `info.context`."""
