"""Turns words of the command line into counts and instants, or says what is accepted."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

_MOST: Final = 10_000
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_ACCEPTED: Final = "a day like 2026-03-01 or an instant like 2026-03-01T06:30:00+07:00, in UTC when it has no offset"


def _limit(text: str | int) -> int:
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if not 1 <= limit <= _MOST:
        raise typer.BadParameter(f"{text} is not accepted: give a whole number from 1 to {_MOST}.")
    return limit


def _instant(text: str | datetime) -> datetime:
    from metering.transfer import parse_instant  # noqa: PLC0415 - `--help` should not wait for it

    given = f"{text}T00:00:00" if _DAY.fullmatch(str(text)) else str(text)
    at = parse_instant(given)
    if at is None:
        raise typer.BadParameter(f"{text} is not accepted: give {_ACCEPTED}.")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Limit = Annotated[int, typer.Option("--limit", parser=_limit, metavar="N", help="How many, newest first: 1 to 10,000.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", parser=_instant, metavar="INSTANT", help="At this instant or after, UTC or with an offset."
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=_instant, metavar="INSTANT", help="Before this instant, UTC or with an offset."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, with everything.")]
