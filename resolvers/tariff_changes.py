"""Turns what landlords and admins say of prices into tariffs, of a panel or of all that have none of their own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from metering.refusals import Refused
from metering.tariffs.documents import tariff_of
from metering.tariffs.rules import Tariff
from resolvers.audit import Details, audited
from resolvers.context import Context
from resolvers.managing import managed
from resolvers.tariffs import TariffVersion, version
from store import tariffs
from store.connections import Database
from store.panels import Panel

_WORD: Final = re.compile(r"_([a-z])")
_QUOTED: Final = re.compile(r"`([a-z_.\[\]0-9]+)`")
_TIMES: Final = re.compile(r"(windows\[\d+\]\.)(from|to)\b")


@dataclass(frozen=True, slots=True)
class TariffChange:
    """What became of a tariff that was set or removed; `panel` is None for the default of all."""

    tariff: TariffVersion | None = None
    panel: Panel | None = None
    refusal: Refused | None = None


async def set_tariff(
    context: Context, *, panel_code: str | None, valid_from: date, document: Mapping[str, Any]
) -> TariffChange:
    """Sets what energy costs from a local day on, in place of a tariff of the same day.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, BAD_TARIFF.
    """
    asked: Details = {"validFrom": valid_from, "name": document.get("name"), "currency": document.get("currency")}
    async with audited(context, action="SET_TARIFF", panel_code=panel_code, **asked) as act:
        panel = await _required(context, panel_code)
        tariff = _checked({**document, "valid_from": valid_from})
        async with context.pool.connection() as connection, connection.transaction():
            account_id, panel_id = context.signed_in.account_id, panel and panel.id
            await tariffs.set_tariff(connection, panel_id=panel_id, tariff=tariff, account_id=account_id)
            await act.done(connection, panel_id=panel_id, unitPrice=tariff.unit_price)
            return TariffChange(await _set(connection, context, tariff, panel=panel), panel)


async def remove_tariff(context: Context, *, panel_code: str | None, valid_from: date) -> TariffChange:
    """Removes the tariff that begins on a day; the one before it goes on.

    Raises:
        Refused: UNAUTHENTICATED, FORBIDDEN, PANEL_NOT_FOUND, TARIFF_NOT_FOUND.
    """
    async with audited(context, action="REMOVE_TARIFF", panel_code=panel_code, validFrom=valid_from) as act:
        panel = await _required(context, panel_code)
        async with context.pool.connection() as connection, connection.transaction():
            panel_id = panel and panel.id
            tariff = await tariffs.remove_tariff(connection, panel_id=panel_id, valid_from=valid_from)
            if tariff is None:
                message = f"No tariff {'of the panel' if panel else 'for all panels'} begins on {valid_from}."
                raise Refused("TARIFF_NOT_FOUND", message, "validFrom")
            await act.done(connection, panel_id=panel_id, name=tariff.name, unitPrice=tariff.unit_price)
        return TariffChange(version(tariff, None, time_zone=panel and panel.time_zone), panel)


async def _required(context: Context, panel_code: str | None) -> Panel | None:
    """The panel, one that the viewer acts for; None for all panels, which is the admins' affair."""
    if panel_code is None:
        _ = context.admin
        return None
    _ = context.landlord
    return await managed(context, panel_code)


def _checked(document: Mapping[str, Any]) -> Tariff:
    """The tariff.

    Raises:
        Refused: BAD_TARIFF; `field` is the path of what is wrong in the input, like `tariff.bands[1].unitPrice`.
    """
    try:
        return tariff_of(document)
    except Refused as refused:
        message = _QUOTED.sub(lambda quoted: f"`{_as_given(quoted[1])}`", refused.message)
        raise Refused(refused.code, message, _field(refused.field)) from None


def _field(path: str | None) -> str:
    given = _as_given(path or "")
    return given if given == "validFrom" else f"tariff.{given}".rstrip(".")


def _as_given(path: str) -> str:
    """A path in a document as it is in the input of GraphQL: `windows[0].from` is `windows[0].fromTime`."""
    return _WORD.sub(lambda word: word[1].upper(), _TIMES.sub(r"\1\2_time", path))


async def _set(connection: Database, context: Context, tariff: Tariff, *, panel: Panel | None) -> TariffVersion:
    """The tariff with the day on which the next begins."""
    if panel is None:
        later = [each.tariff.valid_from for each in await tariffs.listed(connection) if each.panel_code is None]
    else:
        books = await tariffs.books(connection, viewer=context.signed_in, panel_ids=[panel.id])
        later = [known.valid_from for known, _ in books[panel.id].versions()]
    until = min((day for day in later if day > tariff.valid_from), default=None)
    return version(tariff, until, time_zone=panel and panel.time_zone)
