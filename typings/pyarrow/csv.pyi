from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from pyarrow import DataType, Table

class InvalidRow:
    number: int
    text: str
    expected_columns: int
    actual_columns: int

class ReadOptions:
    def __init__(self, *, use_threads: bool, column_names: Sequence[str] = (), block_size: int) -> None: ...

class ParseOptions:
    def __init__(
        self,
        *,
        delimiter: str = ",",
        ignore_empty_lines: bool = True,
        invalid_row_handler: Callable[[InvalidRow], str] | None = None,
    ) -> None: ...

class ConvertOptions:
    def __init__(
        self,
        *,
        column_types: Mapping[str, DataType],
        include_columns: Sequence[str] = (),
        null_values: Sequence[str] = (),
        strings_can_be_null: bool = False,
    ) -> None: ...

def read_csv(
    input_file: BinaryIO,
    *,
    read_options: ReadOptions,
    parse_options: ParseOptions | None = None,
    convert_options: ConvertOptions,
) -> Table: ...
