"""Says in SQL since when those live at a panel who live there now: what others used before tells nothing of them."""

from typing import LiteralString

_CURRENT: LiteralString = """
    FROM tenancy_panel AS let JOIN tenancy ON tenancy.id = let.tenancy_id
    WHERE let.panel_id = panel.id AND starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s)"""

HOUSEHOLD: LiteralString = f"""CROSS JOIN LATERAL (
    SELECT coalesce(min(starts_at), '-infinity') AS since{_CURRENT}
) AS household"""
"""After a `panel`, at the instant `now`: when the first of those began who rent it; for ever where nobody rents it."""

HAS_MOVED_IN: LiteralString = f"EXISTS (SELECT{_CURRENT} AND starts_at > attempt.tried_at)"
"""Of a `panel`: somebody has begun to rent it since it was tried last, the `attempt`."""
