"""Turns files of tariffs into what energy costs, and back, for the command line."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import msgspec

from metering.refusals import Refused
from metering.tariffs.documents import document_of, tariff_of
from metering.tariffs.rules import Tariff
from store import audit, registry, tariffs
from store.audit import COMMAND_LINE, Act
from store.connections import Database, connect_async
from store.registry import PanelDescription
from store.tariffs import ListedTariff

_JSON = msgspec.json.Decoder(float_hook=Decimal)
"""Reads numbers as they are written: no digit is lost."""


def read_tariffs(files: Sequence[Path], *, valid_from: date | None = None) -> list[Tariff]:
    """The tariffs of files, each of which holds one or a list; `valid_from` replaces the day of the only one.

    Raises:
        Refused: BAD_FILE, or BAD_TARIFF for the first that is none; both say where.
    """
    found = [tariff for file in files for tariff in _read(file)]
    if valid_from is not None:
        if len(found) != 1:
            raise Refused("BAD_TARIFF", f"--valid-from is for one tariff, and these are {len(found)}.", "valid_from")
        found = [replace(found[0], valid_from=valid_from)]
    day, times = Counter(tariff.valid_from for tariff in found).most_common(1)[0]
    if times > 1:
        raise Refused("BAD_TARIFF", f"{times} tariffs begin on {day}: give one for a day.", "valid_from")
    return found


def _read(file: Path) -> list[Tariff]:
    try:
        said = _JSON.decode(file.read_bytes())
    except OSError as error:
        raise Refused("BAD_FILE", f"{file}: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("BAD_FILE", f"{file} is no JSON: {error}.") from None
    documents = cast("list[object]", said if isinstance(said, list) else [said])
    if not documents:
        raise Refused("BAD_FILE", f"{file} holds no tariff.")
    return [
        _tariff(document, where=f"{file}, tariff {number}" if isinstance(said, list) else str(file))
        for number, document in enumerate(documents, 1)
    ]


def _tariff(document: object, *, where: str) -> Tariff:
    if not isinstance(document, dict):
        raise Refused("BAD_TARIFF", f"{where}: a tariff is an object of JSON; see `kilowatch tariff examples`.")
    try:
        return tariff_of(cast("dict[str, Any]", document))
    except Refused as refused:
        raise Refused(refused.code, f"{where}: {refused.message}", refused.field) from None


def import_tariffs(database_url: str, found: Sequence[Tariff], *, panel_code: str | None) -> None:
    """Sets all of them, of a panel or as the default of all; or none.

    Raises:
        Refused: PANEL_NOT_FOUND.
    """
    asyncio.run(_import(database_url, found, panel_code=panel_code))


async def _import(database_url: str, found: Sequence[Tariff], *, panel_code: str | None) -> None:
    async with await connect_async(database_url) as connection, connection.transaction():
        panel_id = None if panel_code is None else await _panel_id(connection, panel_code)
        for tariff in found:
            await set_audited(connection, tariff, panel_id=panel_id, panel_code=panel_code)


async def _panel_id(connection: Database, code: str) -> int:
    return await registry.describe_panel(connection, await _required(connection, code))


async def _required(connection: Database, code: str) -> PanelDescription:
    known = await registry.described(connection, code=code)
    if not known:
        raise Refused("PANEL_NOT_FOUND", f"There is no panel {code}: `kilowatch panel list` shows all.", "panel")
    return known[0]


async def set_audited(connection: Database, tariff: Tariff, *, panel_id: int | None, panel_code: str | None) -> None:
    """Sets a tariff, with a row of the audit that says it was done on the command line."""
    await tariffs.set_tariff(connection, panel_id=panel_id, tariff=tariff)
    details = {"validFrom": str(tariff.valid_from), "name": tariff.name, "currency": tariff.currency}
    await audit.record_done(connection, Act(COMMAND_LINE, "SET_TARIFF", panel_code, details), panel_id=panel_id)


def all_tariffs(database_url: str, *, panel_code: str | None = None) -> list[ListedTariff]:
    """Every tariff, the default ones first, or those of a panel's own.

    Raises:
        Refused: PANEL_NOT_FOUND.
    """

    async def fetched() -> list[ListedTariff]:
        async with await connect_async(database_url) as connection:
            if panel_code is not None:
                await _required(connection, panel_code)
            return await tariffs.listed(connection, code=panel_code)

    return asyncio.run(fetched())


def text_of(found: Sequence[Tariff]) -> str:
    """The tariffs as a file that `read_tariffs` reads."""
    return pretty([document_of(tariff) for tariff in found])


def pretty(document: object) -> str:
    """JSON for people to edit."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
