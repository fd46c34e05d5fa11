"""Turns panels into what their forecasts are made from, however one of them may fail."""

import logging
from collections.abc import Mapping
from datetime import datetime

from store.connections import Database
from store.forecast_inputs import ForecastInputs, forecast_inputs
from store.outages import is_outage

_log = logging.getLogger(__name__)


async def inputs_of(connection: Database, codes: Mapping[int, str], *, now: datetime) -> dict[int, ForecastInputs]:
    """Of all panels (their codes by id) in a few statements; one by one where that fails, without those that fail."""
    if not codes:
        return {}
    try:
        return await forecast_inputs(connection, viewer=None, panel_ids=list(codes), now=now)
    except Exception as error:
        if is_outage(error):
            raise
        if len(codes) == 1:
            _log.exception("no forecast for panel %s", *codes.values())
            return {}
    found: dict[int, ForecastInputs] = {}
    for panel_id, code in codes.items():
        found |= await inputs_of(connection, {panel_id: code}, now=now)
    return found
