"""Turns the catalogue of codes into the tables of docs/errors.md."""

import re
from pathlib import Path

from resolvers.codes import CodePlace, ErrorCode, error_codes

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
"""Where the tables stand, in a checkout; an installation has no documents."""

_TABLE = re.compile(r"(<!-- codes: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = "| code | when | what helps |\n| --- | --- | --- |\n"


def with_tables(page: str) -> str:
    """The page with each table between its marks as the catalogue has it."""
    return _TABLE.sub(lambda match: f"{match[1]}{table(CodePlace[match[2]])}{match[3]}", page)


def table(place: CodePlace) -> str:
    """The codes of a place in Markdown; an asterisk marks those that may succeed later."""
    return _HEAD + "".join(map(_row, error_codes(where=place)))


def _row(code: ErrorCode) -> str:
    mark = " *" if code.is_retryable else ""
    return f"| `{code.code}`{mark} | {code.meaning} | {code.help} |\n"
