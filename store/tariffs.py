"""Turns panels into their books of tariffs, and tariffs into rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from metering.access import Viewer
from metering.tariffs.book import TariffBook
from metering.tariffs.documents import document_of, tariff_of
from metering.tariffs.rules import Tariff, flat
from store.connections import Row

_VAT_DIGITS = 2
_NAME = 1

# The default tariffs come once, without a panel, and not once for each.
_BOOKS: LiteralString = """
WITH visible AS MATERIALIZED (
    SELECT id FROM visible_panel(%(viewer_id)s, %(sees_all)s) WHERE id = ANY(%(panel_ids)s)
)
SELECT id, rules::text, name, valid_from, trim_scale(unit_price), currency, trim_scale(vat_percent)
FROM (SELECT visible.id, tariff.rules, tariff.name, tariff.valid_from, tariff.unit_price, tariff.currency,
             tariff.vat_percent
      FROM visible LEFT JOIN tariff ON tariff.panel_id = visible.id
      UNION ALL
      SELECT NULL, rules, name, valid_from, unit_price, currency, vat_percent
      FROM tariff WHERE panel_id IS NULL AND EXISTS (SELECT FROM visible)) AS known
"""


async def books(connection: AsyncConnection[Row], *, viewer: Viewer, panel_ids: Sequence[int]) -> dict[int, TariffBook]:
    """The tariffs of each visible panel, by panel id; panels without their own share one book."""
    parameters = {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all, "panel_ids": list(panel_ids)}
    own: dict[int, list[Tariff]] = {}
    default: list[Tariff] = []
    for panel_id, *row in await (await connection.execute(_BOOKS, parameters, binary=True)).fetchall():
        known = default if panel_id is None else own.setdefault(panel_id, [])
        if row[_NAME] is not None:
            known.append(_tariff(row))
    shared = TariffBook(own=(), default=default)
    return {panel_id: TariffBook(own=of, default=default) if of else shared for panel_id, of in own.items()}


def _tariff(row: Sequence[Any]) -> Tariff:
    """Of the columns from `rules` to `vat_percent`."""
    rules, name, valid_from, unit_price, currency, vat_percent = row
    if rules is not None:
        return _ruled(rules)
    return flat(name, valid_from=valid_from, unit_price=unit_price, currency=currency, vat_percent=vat_percent)


@lru_cache(maxsize=2048)
def _ruled(document: str) -> Tariff:
    """The tariff of a document, which stays what it is: checking one again takes 1 ms."""
    return tariff_of(msgspec.json.decode(document))


_SET: LiteralString = """
INSERT INTO tariff AS known (panel_id, name, valid_from, unit_price, currency, vat_percent, rules, is_flat,
                             price_with_taxes, account_id, set_by)
VALUES (%(panel_id)s, %(name)s, %(valid_from)s, %(unit_price)s, %(currency)s, %(vat_percent)s, %(rules)s, %(is_flat)s,
        %(price_with_taxes)s, %(account_id)s, (SELECT name FROM account WHERE id = %(account_id)s))
ON CONFLICT (panel_id, valid_from) DO UPDATE SET name = excluded.name, unit_price = excluded.unit_price,
    currency = excluded.currency, vat_percent = excluded.vat_percent, rules = excluded.rules,
    is_flat = excluded.is_flat, price_with_taxes = excluded.price_with_taxes, account_id = excluded.account_id,
    set_by = excluded.set_by, created_at = now()"""


async def set_tariff(
    connection: AsyncConnection[Row], *, panel_id: int | None, tariff: Tariff, account_id: int | None = None
) -> None:
    """Sets what energy costs from the tariff's day on, of a panel or, without one, of all that have none of their own.

    Replaces the one of the same day. Receipts written before stay as they are.
    """
    await connection.execute(_SET, {"panel_id": panel_id, "account_id": account_id, **_columns(tariff)})


def _columns(tariff: Tariff) -> dict[str, Any]:
    vat_percent = tariff.tax_percent
    plain = flat(
        tariff.name,
        valid_from=tariff.valid_from,
        unit_price=tariff.unit_price,
        currency=tariff.currency,
        vat_percent=vat_percent,
    )
    is_plain = tariff == plain and vat_percent == round(vat_percent, _VAT_DIGITS)
    return {
        "name": tariff.name,
        "valid_from": tariff.valid_from,
        "unit_price": tariff.unit_price,
        "currency": tariff.currency,
        "vat_percent": vat_percent if is_plain else 0,
        "rules": None if is_plain else _rules(tariff),
        "is_flat": tariff.is_flat,
        "price_with_taxes": None if is_plain else tariff.price_with_taxes,
    }


def _rules(tariff: Tariff) -> Jsonb:
    return Jsonb(document_of(tariff))


_REMOVE: LiteralString = """
DELETE FROM tariff WHERE panel_id IS NOT DISTINCT FROM %(panel_id)s AND valid_from = %(valid_from)s
RETURNING rules::text, name, valid_from, trim_scale(unit_price), currency, trim_scale(vat_percent)"""


async def remove_tariff(connection: AsyncConnection[Row], *, panel_id: int | None, valid_from: date) -> Tariff | None:
    """Removes the tariff that begins on a day, of a panel or of the default ones, and returns it; None without one."""
    cursor = await connection.execute(_REMOVE, {"panel_id": panel_id, "valid_from": valid_from}, binary=True)
    row = await cursor.fetchone()
    return _tariff(row) if row else None


@dataclass(frozen=True, slots=True)
class ListedTariff:
    """A tariff and whose it is: a panel's code, or None for the default of all panels without their own."""

    panel_code: str | None
    tariff: Tariff
    set_by: str | None


_LISTED: LiteralString = """
SELECT panel.code, set_by, rules::text, tariff.name, valid_from, trim_scale(unit_price), currency,
       trim_scale(vat_percent)
FROM tariff LEFT JOIN panel ON panel.id = panel_id
WHERE %(code)s::text IS NULL OR panel.code = %(code)s
ORDER BY panel.code NULLS FIRST, valid_from"""


async def listed(connection: AsyncConnection[Row], *, code: str | None = None) -> list[ListedTariff]:
    """All tariffs, the default ones first, or those of a panel's own; for the command line."""
    rows = await (await connection.execute(_LISTED, {"code": code}, binary=True)).fetchall()
    return [ListedTariff(code, _tariff(columns), set_by) for code, set_by, *columns in rows]
