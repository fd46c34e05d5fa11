"""Turns the verbs of `kilowatch reading` into changes of stored readings; each imports only what it runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from kilowatch.options import AsJson, Limit
from kilowatch.starting import started
from kilowatch.tables import printable, show_json, show_table, shown_at

if TYPE_CHECKING:
    from store.reading_audit import ReadingChange

reading_app = typer.Typer(
    help="Stored readings: correct one, withdraw a span, undo either, see what was done.", no_args_is_help=True
)

_Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit: 1 to 500 characters.")]
_INSTANT = "with an offset, like 2026-03-01T06:30:00+07:00"


def _database_url() -> str:
    return started(needs=("database_url",)).database_url


def _say(change: "ReadingChange") -> None:
    noun = "reading" if change.reading_count == 1 else "readings"
    words = f"{change.kind.value} {change.id}: {change.reading_count} {noun} of {change.panel_code}"
    Console().print(words, highlight=False, markup=False, soft_wrap=True)


@reading_app.command("correct")
def correct(
    code: Annotated[str, typer.Argument(help="The panel's code.")],
    at: Annotated[str, typer.Argument(help=f"The reading's instant, {_INSTANT}.")],
    values: Annotated[
        list[str],
        typer.Option("--set", help="A new value like active_power_kw=1.5; nothing after = removes it. Repeatable."),
    ],
    reason: _Reason,
) -> None:
    """Give one reading other values; what the meter said is kept."""
    from kilowatch import reading_changes  # noqa: PLC0415

    _say(reading_changes.correct(_database_url(), code, at=at, values=values, reason=reason))


@reading_app.command("withdraw")
def withdraw(
    code: Annotated[str, typer.Argument(help="The panel's code.")],
    since: Annotated[str, typer.Option("--from", help=f"The start, inclusive, {_INSTANT}.")],
    until: Annotated[str, typer.Option("--to", help="The end, exclusive.")],
    reason: _Reason,
) -> None:
    """Take the readings of a span away, 200,000 at the most; sent or imported again they do not come back."""
    from kilowatch import reading_changes  # noqa: PLC0415

    _say(reading_changes.withdraw(_database_url(), code, since=since, until=until, reason=reason))


@reading_app.command("restore")
def restore(
    change_id: Annotated[int, typer.Argument(help="The id of a correction or a withdrawal.")], reason: _Reason
) -> None:
    """Undo a correction or a withdrawal."""
    from kilowatch import reading_changes  # noqa: PLC0415

    _say(reading_changes.restore(_database_url(), change_id, reason=reason))


@reading_app.command("changes")
def changes(
    code: Annotated[str, typer.Argument(help="The panel's code.")], *, limit: Limit = 20, as_json: AsJson = False
) -> None:
    """List what was done to a panel's readings, and why."""
    from kilowatch import reading_changes  # noqa: PLC0415

    found = reading_changes.changes(_database_url(), code, limit=limit)
    if as_json:
        show_json(found)
    else:
        columns = ["id", "made", "what", "from", "to", "readings", "by", "why", "changed"]
        show_table(columns, [_cells(change, reading_changes.differences(change)) for change in found])


def _cells(change: "ReadingChange", differences: Sequence[str]) -> tuple[str, ...]:
    kind = f"{change.kind.value}{f' of {change.restores_id}' if change.restores_id else ''}"
    state = "undone" if change.is_restored else "\n".join(differences)
    instants = map(shown_at, (change.start, change.end))
    said = map(printable, (change.made_by, change.reason))
    return (str(change.id), shown_at(change.made_at), kind, *instants, str(change.reading_count), *said, state)
