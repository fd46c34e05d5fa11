"""No command takes a secret as an argument: everybody on the machine can read those."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import typer

from kilowatch.cli import app

SECRET = re.compile(r"(?<!no_)(password|secret|token|credential)|(^|_)key$", re.IGNORECASE)


def commands(group: typer.Typer) -> Iterator[Callable[..., Any]]:
    yield from (command.callback for command in group.registered_commands if command.callback)
    for below in group.registered_groups:
        if below.typer_instance:
            yield from commands(below.typer_instance)


def test_no_command_takes_a_secret_as_an_argument() -> None:
    found = list(commands(app))
    assert len(found) > 20
    named = [f"{command.__name__} {name}" for command in found for name in inspect.signature(command).parameters]
    assert [one for one in named if SECRET.search(one.partition(" ")[2])] == []
