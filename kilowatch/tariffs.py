"""Turns the verbs of `kilowatch tariff` into tariffs that are set, checked and shown; each imports what it runs."""
# ruff: noqa: PLC0415 - a command imports only what it runs

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from kilowatch.options import AsJson
from kilowatch.starting import CommandError, started
from kilowatch.tables import show_json, show_table

if TYPE_CHECKING:
    from metering.tariffs.rules import Tariff

_SHOWN_OF_NOTE = 60

tariff_app = typer.Typer(
    help="What energy costs: bands, blocks, charges, taxes, as files of JSON (docs/tariffs.md).", no_args_is_help=True
)

_Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSON: a tariff, or a list of tariffs.")]
_Panel = Annotated[str | None, typer.Option("--panel", metavar="CODE", help="Those of this panel.")]
_Default = Annotated[
    bool, typer.Option("--default", help="The default ones: of all panels without tariffs of their own.")
]


@tariff_app.command("import")
def import_tariffs(
    files: _Files,
    *,
    panel: _Panel = None,
    default: _Default = False,
    valid_from: Annotated[
        datetime | None,
        typer.Option("--valid-from", formats=["%Y-%m-%d"], help="Instead of the day that the one tariff says."),
    ] = None,
) -> None:
    """Set the tariffs of files, all of them or none; one that begins on the same day is replaced."""
    from kilowatch import tariff_files

    _check_owner(panel, is_default=default)
    found = tariff_files.read_tariffs(files, valid_from=valid_from.date() if valid_from else None)
    tariff_files.import_tariffs(_database_url(), found, panel_code=panel)
    for tariff in sorted(found, key=lambda tariff: tariff.valid_from):
        _say(f"{panel or 'default of all panels'}: {described(tariff)}")


@tariff_app.command("check")
def check_tariffs(files: _Files) -> None:
    """Say whether files hold tariffs, and what is wrong where they do not; nothing is set."""
    from kilowatch import tariff_files

    for tariff in tariff_files.read_tariffs(files):
        _say(f"ok: {described(tariff)}")


@tariff_app.command("list")
def list_tariffs(*, panel: _Panel = None, as_json: AsJson = False) -> None:
    """List all tariffs, the default ones first, or those of a panel's own."""
    from kilowatch import tariff_files
    from metering.tariffs.documents import document_of

    found = tariff_files.all_tariffs(_database_url(), panel_code=panel)
    if as_json:
        show_json({"panel": one.panel_code, "set_by": one.set_by, "tariff": document_of(one.tariff)} for one in found)
        return
    show_table(["panel", "from", "name", "price", "taxes", "rules", "set by"], [
        (one.panel_code or "(default)", str(one.tariff.valid_from), one.tariff.name,
         f"{one.tariff.unit_price} {one.tariff.currency}", f"{one.tariff.tax_percent} %", _rules(one.tariff),
         one.set_by or "")
        for one in found
    ])  # fmt: skip


@tariff_app.command("export")
def export_tariffs(*, panel: _Panel = None, default: _Default = False) -> None:
    """Print a panel's own tariffs, or the default ones, as a file that `import` reads."""
    from kilowatch import tariff_files

    _check_owner(panel, is_default=default)
    found = tariff_files.all_tariffs(_database_url(), panel_code=panel)
    sys.stdout.write(tariff_files.text_of([one.tariff for one in found if one.panel_code == panel]) + "\n")


@tariff_app.command("examples")
def show_examples(
    example: Annotated[str | None, typer.Argument(metavar="[ID]", help="Print this one, to edit and import.")] = None,
) -> None:
    """List examples of tariffs, or print one to start from; check it with your utility."""
    from kilowatch.tariff_files import pretty
    from metering.tariffs.examples import examples

    known = {one.id: one for one in examples()}
    if example is None:
        rows = [(one.id, described(one.tariff), (one.tariff.note or "")[:_SHOWN_OF_NOTE]) for one in known.values()]
        show_table(["id", "tariff", "note"], rows)
        return
    if example not in known:
        raise CommandError(f"there is no example {example}; there are {', '.join(known)}")
    sys.stdout.write(pretty(known[example].document) + "\n")


def described(tariff: "Tariff") -> str:
    """A tariff in a line."""
    price = f"{tariff.unit_price} {tariff.currency} a kWh, {tariff.tax_percent} % taxes, {_rules(tariff)}"
    return f"{tariff.name}, from {tariff.valid_from}: {price}"


def _rules(tariff: "Tariff") -> str:
    """What it has besides a price, and what goes off a top-up before energy."""
    blocks, charges = max(len(band.blocks) for band in tariff.bands), len(tariff.standing_charges)
    vending = tariff.vending
    parts = (
        "flat" if tariff.is_flat else "",
        f"{len(tariff.bands)} bands" if len(tariff.bands) > 1 else "",
        f"{blocks} blocks" if blocks > 1 else "",
        f"{charges} standing charge{'s' * (charges > 1)}" if charges else "",
        "minimum charge" if tariff.minimum_charge is not None else "",
        f"{len(vending.fees)} fee{'s' * (len(vending.fees) > 1)}" if vending.fees else "",
        "stamp duty" if vending.stamp_duty else "",
        f"{vending.debt_percent} % for debts" if vending.debt_percent else "",
    )
    return ", ".join(part for part in parts if part)


def _check_owner(panel: str | None, *, is_default: bool) -> None:
    if (panel is None) != is_default:
        raise CommandError("say whose they are: --panel CODE, or --default for all panels without their own")


def _database_url() -> str:
    return started(needs=("database_url",)).database_url


def _say(words: str) -> None:
    Console().print(words, highlight=False, markup=False, soft_wrap=True)
