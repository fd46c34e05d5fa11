"""Defines what is read of a file at a time: columns as they stand there, and the lines that are no rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metering.readings import Rejected

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read: decompressed bytes and lines before the place; of Parquet, rows both."""

    offset: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line of a file that is no reading, as it stands there, and why."""

    line: int
    text: str
    why: Rejected


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a file: columns of equal length (n,) by our names, and the lines (n,) that they stand in.

    A column is of text, numbers, or instants with or without an offset. `text_of` gives the line of a row by its
    index; `refused` are lines of which nothing could be read.
    """

    columns: Mapping[str, pa.Array]
    lines: Ints
    text_of: Callable[[int], str]
    refused: list[RejectedLine]
    end: Place
