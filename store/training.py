"""Lists the panels whose usage a forecast may be trained on."""

from store.connections import Database

_PANELS = "SELECT id, time_zone FROM panel ORDER BY id"


async def panels(connection: Database) -> list[tuple[int, str]]:
    """Id and time zone of every panel."""
    return [(panel_id, zone) for panel_id, zone in await (await connection.execute(_PANELS)).fetchall()]
