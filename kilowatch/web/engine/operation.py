"""Holds one request to execute a document, and the reason why another is none."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

# Postgres keeps no NUL in text, so that no resolver needs to look for one: a document has several ways to write it.
_NUL_IN_DOCUMENT = re.compile(r"\\u(?:0000|\{0+\})|\x00")


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """One request to execute a document, as GraphQL over HTTP and graphql-transport-ws send it.

    The document's text may be left out where `document_id` or `extensions.persistedQuery` names a known one.
    """

    query: str = ""
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None

    def __post_init__(self) -> None:
        """Refuses a document with a NUL, however it is written; `msgspec.convert` makes it a ValidationError."""
        if _NUL_IN_DOCUMENT.search(self.query):
            raise ValueError("text may not contain NUL")

    @property
    def is_empty(self) -> bool:
        """Whether it says of no document that it is to be run."""
        if self.query and not self.query.isspace():
            return False
        return self.document_id is None and "persistedQuery" not in (self.extensions or {})


@dataclass(frozen=True, slots=True)
class BadRequestError(Exception):
    """A request that is no GraphQL operation, with the HTTP status that says so."""

    status: int
    code: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()
