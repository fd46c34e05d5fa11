"""Turns panels into what their energy costs."""

from datetime import date, datetime

import strawberry

from metering.periods import local_day
from metering.refusals import Refused
from metering.tariffs import Tariff, TariffBook
from resolvers.context import Context, Info
from resolvers.loading import loaded
from store import tariffs
from store.panels import Panel


async def _books(context: Context, panel_ids: list[int]) -> dict[int, TariffBook]:
    async with context.pool.connection() as connection:
        return await tariffs.books(connection, viewer=context.signed_in, panel_ids=panel_ids)


async def book(context: Context, panel: Panel) -> TariffBook:
    """All tariffs of a panel; empty for a panel that the viewer lost sight of."""
    return await loaded(context, _books, panel.id) or TariffBook(own=(), default=())


async def tariff(parent: strawberry.Parent[Panel], info: Info, at: datetime | None = None) -> Tariff:
    """The panel's tariff on the local day of an instant; now when it is left out.

    Raises:
        Refused: NO_TARIFF when none was valid then.
    """
    day = local_day(at or info.context.now(), parent.zone)
    return required(await book(info.context, parent), day)


def required(book: TariffBook, day: date) -> Tariff:
    """The tariff of a local day.

    Raises:
        Refused: NO_TARIFF when none was valid then.
    """
    found = book.on(day)
    if found is None:
        raise Refused("NO_TARIFF", f"No tariff is known for {day}.")
    return found
