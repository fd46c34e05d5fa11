"""Turns subscriptions into entries of the list in which their owners see and close them."""

from collections.abc import Callable

from kilowatch.web.engine.engine import Answer, Engine
from kilowatch.web.fanout.asking import Asked, title_of
from resolvers.open_subscriptions import OpenSubscriptions, ended_by_owner
from store.open_subscriptions import Transport


def listed(
    asked: Asked,
    subscriptions: OpenSubscriptions,
    *,
    transport: Transport,
    address: str,
    engine: Engine,
    end: Callable[[Answer], None],
) -> str | None:
    """The id of a new entry, to be closed with the subscription; None for somebody who has not signed in.

    `end` is called when the owner closes it.
    """
    if asked.account_id is None:
        return None
    return subscriptions.opened(
        account_id=asked.account_id,
        operation=title_of(asked.prepared),
        transport=transport,
        address=address,
        close=lambda: end(engine.ended(ended_by_owner())),
    )
