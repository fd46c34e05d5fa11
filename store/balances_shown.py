"""Turns the credit that prepaid meters show into rows of the ledger, where it says something new."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, LiteralString

from psycopg import Connection

from metering.devices import BalanceShown
from store.connections import Row

_THOUSANDTH: Final = Decimal("0.001")

_SHOWN: LiteralString = """
SELECT * FROM unnest(%(panel_ids)s::integer[], %(shown_at)s::timestamptz[], %(shown_kwh)s::numeric[])
    AS shown (panel_id, at, shown_kwh)"""

_NEWS: LiteralString = f"""
SELECT panel_id FROM ({_SHOWN}) AS shown
WHERE shown_correction_kwh(panel_id, at, shown_kwh) IS NOT NULL"""

# Nobody else writes the ledger meanwhile: what a row is computed from cannot change under it.
_TAKE_TURNS: LiteralString = """
SELECT id FROM panel WHERE id = ANY (%(news)s::integer[]) ORDER BY id FOR NO KEY UPDATE"""

# A meter that shows credit makes its panel a prepaid one; an admin who says otherwise later is not overruled.
_BECOME_PREPAID: LiteralString = """
UPDATE panel SET is_prepaid = true
WHERE id = ANY (%(news)s::integer[]) AND NOT is_prepaid
  AND NOT EXISTS (SELECT FROM ledger_entry WHERE panel_id = panel.id)"""

# The clock of a meter may run ahead: what it metered up to its own instant is then in what it shows.
_KEEP: LiteralString = f"""
INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, shown_kwh, usage_from_at, source)
SELECT panel_id, least(at, now()), 'BALANCE_READING', correction_kwh, shown_kwh, CASE WHEN at > now() THEN at END,
       'METER'
FROM ({_SHOWN}) AS shown
CROSS JOIN LATERAL shown_correction_kwh(panel_id, at, shown_kwh) AS correction_kwh
WHERE panel_id = ANY (%(news)s::integer[]) AND correction_kwh IS NOT NULL
RETURNING pg_notify('ledger', panel_id::text)"""


def keep_balances(connection: Connection[Row], shown: Sequence[tuple[int, BalanceShown]]) -> int:
    """Records what meters show inside the batch's transaction, after its readings; returns how many rows that took.

    `shown` are panel ids and credits in any order; of each panel the newest is looked at. It is written when it is the
    panel's first, or is 0.05 kWh or more off the balance that the ledger makes of the display before, what was bought
    and what was metered; migration 0013 says how often. Whatever is not newer than the newest known display changes
    nothing, so a message that comes again does not either. Forecasts and alerts are told as of a recorded balance.
    """
    if not shown:
        return 0
    parameters = _parameters(_newest(shown))
    news = [panel_id for (panel_id,) in connection.execute(_NEWS, parameters)]
    if not news:
        return 0
    parameters["news"] = news
    connection.execute(_TAKE_TURNS, parameters)
    connection.execute(_BECOME_PREPAID, parameters)
    return connection.execute(_KEEP, parameters).rowcount


def _newest(shown: Sequence[tuple[int, BalanceShown]]) -> list[tuple[int, BalanceShown]]:
    """What each panel's meter showed last; of two at one instant, what came later."""
    return list(dict(sorted(shown, key=lambda panel_and_shown: panel_and_shown[1].at)).items())


def _parameters(shown: Sequence[tuple[int, BalanceShown]]) -> dict[str, Any]:
    return {
        "panel_ids": [panel_id for panel_id, _ in shown],
        "shown_at": [balance.at for _, balance in shown],
        "shown_kwh": [balance.balance_kwh.quantize(_THOUSANDTH) for _, balance in shown],
    }
