"""Turns the panels' newest readings into what Home Assistant is told of them, and keeps what it was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from psycopg import AsyncConnection

from metering.readings import PhaseValues
from store.connections import Row
from store.turns import keep_turn


@dataclass(frozen=True, slots=True)
class AnnouncedPanel:
    """A panel and its state: values that a device spreads over several messages are those of the last 10 minutes.

    `batch_id` is the batch of its newest reading; `balance_kwh` is the credit left, None without a ledger.
    """

    code: str
    name: str
    location: str
    meter_number: str | None
    batch_id: int
    at: datetime
    energy_import_kwh: float | None
    energy_export_kwh: float | None
    active_power_kw: float | None
    apparent_power_kva: float | None
    power_factor: float | None
    voltage_v: PhaseValues
    current_a: PhaseValues
    balance_kwh: Decimal | None


# What Home Assistant has announced to us it knows itself: announced back, it would be there twice. A register that is
# a GLITCH (flags 1 and 2) is left out: Home Assistant would count the way back from it as usage.
_CHANGED: LiteralString = """
SELECT panel.code, panel.name, panel.location, panel.meter_number, latest.batch_id, latest.at,
       CASE WHEN latest.flags & 1 = 0 THEN latest.energy_import_kwh END,
       CASE WHEN latest.flags & 2 = 0 THEN latest.energy_export_kwh END,
       latest.active_power_kw, latest.apparent_power_kva, latest.power_factor::text::float8,
       latest.voltage_r_v::text::float8, latest.voltage_s_v::text::float8, latest.voltage_t_v::text::float8,
       latest.current_r_a::text::float8, latest.current_s_a::text::float8, latest.current_t_a::text::float8,
       CASE WHEN %(with_balances)s OR panel.id = ANY (%(panel_ids)s) THEN balance_now_kwh(panel.id, %(now)s) END
FROM panel
JOIN latest_state AS latest ON latest.panel_id = panel.id
WHERE (latest.batch_id > %(after)s OR panel.id = ANY (%(panel_ids)s))
  AND panel.code NOT IN (SELECT name FROM known_to_home_assistant)
  AND split_part(panel.code, ':', 1) NOT IN (SELECT name FROM known_to_home_assistant)
ORDER BY panel.code COLLATE "C"
"""


async def changed_panels(
    connection: AsyncConnection[Row], *, after: int, panel_ids: Sequence[int], with_balances: bool, now: datetime
) -> list[AnnouncedPanel]:
    """The panels with readings of batches after `after`, and those with these ids, by code; for Home Assistant.

    A balance takes ten times as long as all other values: without `with_balances` those of `panel_ids` alone are there.
    """
    values = {"after": after, "panel_ids": list(panel_ids), "with_balances": with_balances, "now": now}
    rows = await (await connection.execute(_CHANGED, values)).fetchall()
    return [_panel(row) for row in rows]


def _panel(row: Row) -> AnnouncedPanel:
    voltages, currents, balance_kwh = PhaseValues(*row[11:14]), PhaseValues(*row[14:17]), row[17]
    return AnnouncedPanel(*row[:11], voltage_v=voltages, current_a=currents, balance_kwh=balance_kwh)


_NOTE: LiteralString = """
INSERT INTO panel_announcement (panel_code, config_topic) VALUES (%(panel_code)s, %(config_topic)s)
ON CONFLICT DO NOTHING"""


async def note_announcement(connection: AsyncConnection[Row], *, panel_code: str, config_topic: str) -> None:
    """Keeps that a panel is announced, before it is: whatever happens then, it can be taken back."""
    await connection.execute(_NOTE, {"panel_code": panel_code, "config_topic": config_topic})


_TO_TAKE_BACK: LiteralString = """
SELECT panel_code, config_topic FROM panel_announcement AS told
WHERE NOT starts_with(config_topic, %(prefix)s || '/')
   OR NOT EXISTS (SELECT FROM panel WHERE code = told.panel_code)
   OR panel_code IN (SELECT name FROM known_to_home_assistant)
   OR split_part(panel_code, ':', 1) IN (SELECT name FROM known_to_home_assistant)
"""


async def to_take_back(connection: AsyncConnection[Row], *, prefix: str) -> list[tuple[str, str]]:
    """Panel code and topic of each announcement that is out of date: removed, elsewhere, or Home Assistant's own."""
    return [
        (code, topic) for code, topic in await (await connection.execute(_TO_TAKE_BACK, {"prefix": prefix})).fetchall()
    ]


_FORGET: LiteralString = """
DELETE FROM panel_announcement WHERE panel_code = %(panel_code)s AND config_topic = %(config_topic)s"""


async def forget_announcement(connection: AsyncConnection[Row], *, panel_code: str, config_topic: str) -> None:
    """Forgets an announcement that was taken back."""
    await connection.execute(_FORGET, {"panel_code": panel_code, "config_topic": config_topic})


async def may_announce(connection: AsyncConnection[Row]) -> bool:
    """Whether this connection is the one that announces, from now until it is closed."""
    return await keep_turn(connection, "home assistant")
