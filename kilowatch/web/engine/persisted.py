"""Turns the names of documents into their texts: those that clients left here, or a list of trusted ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import msgspec
from graphql import GraphQLError

from kilowatch.web.engine.documents import DocumentError, Documents, Prepared
from kilowatch.web.engine.operation import Operation
from kilowatch.web.newest import Newest

MAX_KEPT = 1000
MAX_KEPT_CHARACTERS = 4_000_000
_VERSION = 1
_PREFIX = "sha256:"
_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_SHOWN = 80


class TrustedDocumentsError(Exception):
    """A file of trusted documents cannot be used; the message says which entry, and what is wrong with it."""


@dataclass(slots=True, eq=False)
class Persisted:
    """What documents can be named instead of sent.

    Without `trusted`, whoever sends a valid document with its hash leaves it here for everybody: the newest 1,000, and
    4 million characters. With `trusted` (texts by their names) nothing else is run, by name or by its text.
    """

    documents: Documents
    trusted: Mapping[str, str] | None = None
    _trusted_texts: frozenset[str] = frozenset()
    _kept: Newest[str, str] = field(default_factory=lambda: Newest[str, str](MAX_KEPT))
    _characters: int = 0

    def __post_init__(self) -> None:
        if self.trusted is not None:
            self._trusted_texts = frozenset(self.trusted.values())

    def prepared(self, operation: Operation) -> Prepared:
        """The operation that is sent or named, read and checked against the schema.

        Raises:
            DocumentError: it cannot be run, is not known here (PERSISTED_QUERY_NOT_FOUND), or is not in the list of
                trusted ones (DOCUMENT_NOT_TRUSTED).
        """
        name = _name(operation)
        if self.trusted is not None:
            text = self._trusted_text(operation.query, name)
            return self.documents.prepared(text, operation_name=operation.operation_name)
        if name is None:
            return self.documents.prepared(operation.query, operation_name=operation.operation_name)
        return self._named(operation, name)

    def _trusted_text(self, text: str, name: str | None) -> str:
        if text in self._trusted_texts:
            return text
        listed = (self.trusted or {}).get(name or "")
        if listed is None or text.strip():
            _refuse("DOCUMENT_NOT_TRUSTED", "This server runs the documents of its list alone, and this is none.")
        return listed

    def _named(self, operation: Operation, name: str) -> Prepared:
        text = operation.query
        if not text.strip():
            text = self._found(name)
        elif sha256(text.encode()).hexdigest() != name:
            message = "The document is named otherwise than by its SHA-256: 64 small hexadecimal digits, of its UTF-8."
            _refuse("PERSISTED_QUERY_MISMATCH", message)
        prepared = self.documents.prepared(text, operation_name=operation.operation_name)
        self._keep(name, text)
        return prepared

    def _found(self, name: str) -> str:
        text = self._kept.get(name)
        if text is None:
            _refuse("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")  # the message that Apollo's clients look for
        return text

    def _keep(self, name: str, text: str) -> None:
        if self._kept.get(name) is not None:
            return
        gone = self._kept.keep(name, text)
        self._characters += len(text) - len(gone or "")
        while self._characters > MAX_KEPT_CHARACTERS:
            self._characters -= len(self._kept.drop_oldest())


def _name(operation: Operation) -> str | None:
    """What an operation calls its document: Apollo's hash, or the `documentId`; None for neither.

    Raises:
        DocumentError: it is not of a form that is known.
    """
    if operation.document_id is not None:
        return operation.document_id.removeprefix(_PREFIX)
    given: Any = (operation.extensions or {}).get("persistedQuery")
    if given is None:
        return None
    if not isinstance(given, dict) or given.get("version") != _VERSION:  # pyright: ignore[reportUnknownMemberType]
        _refuse("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
    name: Any = given.get("sha256Hash")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(name, str):
        _refuse("BAD_REQUEST", "`extensions.persistedQuery` has a `version` of 1 and a `sha256Hash`.")
    return name


def _refuse(code: str, message: str) -> NoReturn:
    raise DocumentError([GraphQLError(message, extensions={"code": code})])


def trusted_documents(path: Path, documents: Documents) -> dict[str, str]:
    """The trusted documents of a JSON file, an object of texts by their hashes as graphql-codegen writes it.

    Raises:
        TrustedDocumentsError: the file cannot be read, is not of this form, or a document does not fit the schema.
    """
    found = {name.removeprefix(_PREFIX): text for name, text in _read(path).items()}
    for name, text in found.items():
        if _HASH.fullmatch(name) and sha256(text.encode()).hexdigest() != name:
            raise TrustedDocumentsError(f"{path}: document {name} has another SHA-256 than its name says")
        _check(path, documents, name=name, text=text)
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except OSError as error:
        raise TrustedDocumentsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustedDocumentsError(f"{path} is no JSON object of documents by their hashes: {error}") from error
    if not found:
        raise TrustedDocumentsError(f"{path} holds no document")
    return found


def _check(path: Path, documents: Documents, *, name: str, text: str) -> None:
    try:
        documents.prepared(text, operation_name=None)
    except DocumentError as error:
        if (error.errors[0].extensions or {}).get("code") == "OPERATION_NOT_FOUND":
            return  # a document of several operations: which one is said by each request
        raise TrustedDocumentsError(f"{path}: document {name[:_MAX_SHOWN]} cannot be run: {error}") from error
