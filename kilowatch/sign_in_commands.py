"""Turns command lines about people's sessions into what is shown and done."""

import os
import sys
from typing import Annotated

import typer

from kilowatch.starting import CommandError, started
from kilowatch.tables import printable, show_table, shown_at

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address, or phone number with +.")]


def asked_password() -> str:
    """A password for somebody: of KILOWATCH_PASSWORD, or typed in twice.

    Raises:
        CommandError: there is neither that nor a terminal.
    """
    if given := os.environ.get("KILOWATCH_PASSWORD"):
        return given
    if not sys.stdin.isatty():
        raise CommandError("set KILOWATCH_PASSWORD, because there is no terminal to ask for a password")
    return typer.prompt("Password", hide_input=True, confirmation_prompt=True)


def add_to(people: typer.Typer) -> None:
    """Adds the verbs about signing in to those about people."""
    people.command("sessions")(list_sessions)
    people.command("log-out")(log_out)
    people.command("disable")(disable)
    people.command("enable")(enable)
    people.command("set-password")(set_password)


def _database_url() -> str:
    return started(needs=("database_url",)).database_url


def list_sessions(who: Who) -> None:
    """List where a person is signed in."""
    from kilowatch.sign_ins import sessions_of  # noqa: PLC0415 - `--help` should not wait for it

    rows = [
        (one.kind.value, "yes" if one.has_second_factor else "", printable(one.address), printable(one.user_agent),
         shown_at(one.created_at), shown_at(one.last_used_at), shown_at(one.expires_at))
        for one in sessions_of(_database_url(), who)
    ]  # fmt: skip
    show_table(["kind", "second factor", "address", "client", "since", "last used", "ends"], rows)


def log_out(who: Who) -> None:
    """End all sessions of a person; streams end."""
    from kilowatch.sign_ins import end_sessions  # noqa: PLC0415 - as above

    typer.echo(f"ended {end_sessions(_database_url(), who)} sessions of {who}")


def disable(who: Who) -> None:
    """Let a person in no more; sessions and streams end, everything that is theirs stays."""
    from kilowatch.sign_ins import set_disabled  # noqa: PLC0415 - as above

    set_disabled(_database_url(), who, is_disabled=True)
    typer.echo(f"{who} cannot sign in any more")


def enable(who: Who) -> None:
    """Let a person in again who was disabled."""
    from kilowatch.sign_ins import set_disabled  # noqa: PLC0415 - as above

    set_disabled(_database_url(), who, is_disabled=False)
    typer.echo(f"{who} can sign in again")


def set_password(who: Who) -> None:
    """Give a person another password, asked for or read from KILOWATCH_PASSWORD; sessions end."""
    from kilowatch.channels import channels  # noqa: PLC0415
    from kilowatch.sign_ins import give_password  # noqa: PLC0415 - as above

    settings = started(needs=("database_url",))
    give_password(settings.database_url, who, password=asked_password(), channels=channels(settings))
    typer.echo(f"{who} has a new password")
