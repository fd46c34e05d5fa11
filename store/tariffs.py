"""Turns panels into their books of tariffs."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.access import Viewer
from metering.tariffs.book import TariffBook
from metering.tariffs.rules import Tariff, flat
from store.connections import Row

_BOOKS: LiteralString = """
SELECT panel.id, tariff.panel_id IS NOT NULL,
       tariff.name, tariff.valid_from, trim_scale(tariff.unit_price), tariff.currency, trim_scale(tariff.vat_percent)
FROM visible_panel(%(viewer_id)s, %(sees_all)s) AS panel
JOIN tariff ON tariff.panel_id = panel.id OR tariff.panel_id IS NULL
WHERE panel.id = ANY(%(panel_ids)s)
"""


async def books(connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int]) -> dict[int, TariffBook]:
    """The tariffs of each visible panel, by panel id."""
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_ids": list(panel_ids)}
    own: dict[int, list[Tariff]] = {}
    default: dict[int, list[Tariff]] = {}
    for panel_id, is_own, *tariff in await (await connection.execute(_BOOKS, parameters, binary=True)).fetchall():
        (own if is_own else default).setdefault(panel_id, []).append(_flat(*tariff))
    return {
        panel_id: TariffBook(own=own.get(panel_id, []), default=default.get(panel_id, []))
        for panel_id in own.keys() | default.keys()
    }


def _flat(name: str, valid_from: date, unit_price: Decimal, currency: str, vat_percent: Decimal) -> Tariff:
    return flat(name, valid_from=valid_from, unit_price=unit_price, currency=currency, vat_percent=vat_percent)
