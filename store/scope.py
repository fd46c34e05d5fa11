"""Turns who is asking into what statements that read tenants' data are given of them."""

from typing import Any

from metering.access import Viewer


def scope(viewer: Viewer | None) -> dict[str, Any]:
    """The parameters of `visible_panel` in SQL; None is the jobs, which see every panel."""
    if viewer is None:
        return {"viewer_id": None, "sees_all": True}
    return {"viewer_id": viewer.account_id, "sees_all": viewer.sees_all}
