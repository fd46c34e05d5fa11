"""What the demo prints of its history while it loads, where no terminal moves a bar."""

import io

from rich.console import Console

from kilowatch.demo.progress import lines


def test_a_file_gets_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    printed = io.StringIO()
    clock = iter([100.0, 104.0, 110.0, 119.9, 121.0])
    console = Console(file=printed, width=80)
    advance = lines("Loading history", total=1_250, console=console, clock=lambda: next(clock))
    for _ in range(5):
        advance(250)
    assert printed.getvalue().splitlines() == [
        "Loading history: 250 of 1,250",
        "Loading history: 750 of 1,250",
        "Loading history: 1,250 of 1,250",
    ]
