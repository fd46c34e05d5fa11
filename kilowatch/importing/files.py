"""Turns a file, or a pipe, into a fingerprint and blocks of whole lines."""

import gzip
import hashlib
import io
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kilowatch.importing.parts import Place

STDIN: Final = "-"
MAX_LINE_BYTES: Final = 64 * 1024
_ROWS_A_BLOCK: Final = 30_000
_FIRST_BLOCK_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = (1 << 18, 8 << 20)
_GZIP: Final = b"\x1f\x8b"


def fingerprint(path: Path, *, read_as: str) -> str:
    """A digest of all bytes of a file and of how it is read: a changed file is another one."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "blake2b")
    digest.update(read_as.encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """A file being read: its decompressed bytes, and how far its stored ones were read, of how many."""

    content: io.BufferedIOBase
    stored: io.BufferedReader
    stored_bytes: int | None

    @property
    def read_bytes(self) -> int:
        """How many stored bytes were read; 0 for a pipe."""
        return self.stored.tell() if self.stored_bytes is not None else 0


@contextmanager
def opened(name: str) -> Generator[Opened]:
    """The file of this name, or standard input; gzip is known by its first bytes.

    Raises:
        OSError: it cannot be read.
    """
    if name == STDIN:
        with open(sys.stdin.fileno(), "rb", closefd=False) as stored:
            yield Opened(_decompressed(stored), stored, None)
        return
    path = Path(name)
    with path.open("rb") as stored:
        yield Opened(_decompressed(stored), stored, path.stat().st_size)


def _decompressed(stored: io.BufferedReader) -> io.BufferedIOBase:
    is_gzip = stored.peek(2)[:2] == _GZIP
    return gzip.GzipFile(fileobj=stored) if is_gzip else stored


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file, up to the place `end`; `line` is the number of the first, from 1."""

    content: bytes
    line: int
    end: Place


class Lines:
    """Reads a file's lines in blocks of about 30,000; of a line that is longer than a block, 64 KiB are kept."""

    def __init__(self, content: io.BufferedIOBase) -> None:
        """`content` stands at its beginning."""
        self._content = content
        self._place = Place()
        self._rest = b""
        self._wanted_bytes = _FIRST_BLOCK_BYTES

    def first_line(self) -> bytes:
        """The first line without its end, which is read; empty in an empty file."""
        line = self._content.readline(MAX_LINE_BYTES)
        self._place = Place(len(line), int(bool(line)))
        return line.rstrip(b"\r\n")

    def peek_line(self) -> bytes:
        """The first line, which is still to be read."""
        self._rest = self._content.readline(MAX_LINE_BYTES)
        return self._rest

    def skip_to(self, place: Place) -> None:
        """Reads on up to a place of an earlier run."""
        left = place.offset - self._place.offset - len(self._rest)
        self._rest = b""
        while left > 0 and (skipped := self._content.read(min(left, _FIRST_BLOCK_BYTES))):
            left -= len(skipped)
        self._place = place

    def blocks(self) -> Iterator[Block]:
        """What is left of the file."""
        while True:
            content, taken_bytes = self._next()
            if not content:
                return
            lines = content.count(b"\n") + (not content.endswith(b"\n"))
            first = self._place.line + 1
            self._place = Place(self._place.offset + taken_bytes, self._place.line + lines)
            yield Block(content, first, self._place)
            least, most = _BLOCK_BYTES
            self._wanted_bytes = min(max(_ROWS_A_BLOCK * len(content) // lines, least), most)

    def _next(self) -> tuple[bytes, int]:
        """Whole lines, or the last one without an end, and how many bytes of the file they are."""
        read = self._rest + self._content.read(self._wanted_bytes)
        cut = read.rfind(b"\n") + 1
        if cut or len(read) < self._wanted_bytes:
            taken = read[: cut or len(read)]
            self._rest = read[len(taken) :]
            return taken, len(taken)
        return self._long_line(read)

    def _long_line(self, read: bytes) -> tuple[bytes, int]:
        """The beginning of a line that is longer than a block, which is read to its end and dropped."""
        taken_bytes, self._rest = len(read), b""
        while more := self._content.readline(MAX_LINE_BYTES):
            taken_bytes += len(more)
            if more.endswith(b"\n"):
                break
        return read[:MAX_LINE_BYTES] + b"\n", taken_bytes
