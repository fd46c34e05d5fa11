"""Turns the verbs of `kilowatch key` into keys of service accounts and their ends; each imports what it runs."""
# ruff: noqa: PLC0415 - a command imports only what it runs

from datetime import datetime
from typing import Annotated

import typer

from kilowatch.options import AsJson
from kilowatch.starting import CommandError, started
from kilowatch.tables import printable, show_json, show_table, shown_at

key_app = typer.Typer(help="API keys of service accounts, by which integrations come in.", no_args_is_help=True)

_Prefix = Annotated[str, typer.Argument(metavar="PREFIX", help="The 8 signs after `kwk_`.")]


@key_app.command("create")
def create(
    owner: Annotated[str, typer.Argument(metavar="EMAIL", help="Whose: a landlord's or admin's address, or phone.")],
    *,
    account: Annotated[str, typer.Option(help="The service account's name; it is made where it is missing.")],
    scope: Annotated[list[str], typer.Option(help="What the key is for, such as READ; may be repeated.")],
    name: Annotated[str, typer.Option(help="What the key is called.")] = "key",
    expires_on: Annotated[
        datetime | None,
        typer.Option("--expires-on", formats=["%Y-%m-%d"], help="The last day (UTC) on which it counts."),
    ] = None,
) -> None:
    """Make a key, and print it: it is never shown again."""
    from kilowatch.service_keys import Wish, create_key
    from metering.access import Scope

    unknown = [one for one in scope if one not in Scope.__members__]
    if unknown:
        raise CommandError(f"--scope {unknown[0]} is not accepted: give one of {', '.join(Scope.__members__)}")
    wish = Wish(owner, account, name, [Scope[one] for one in scope], expires_on and expires_on.date())
    typer.echo(create_key(_database_url(), wish).text)


@key_app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List everybody's keys, those that count no more too."""
    from kilowatch.service_keys import all_keys

    found = all_keys(_database_url())
    if as_json:
        show_json(found)
        return
    columns = ["prefix", "name", "account", "owner", "scopes", "counts", "expires", "last used", "from"]
    show_table(columns, [
        (key.prefix, printable(key.name), printable(key.account), printable(key.owner),
         " ".join(one.value for one in key.scopes), "yes" if key.counts else "no", _at(key.expires_at),
         _at(key.last_used_at), key.last_used_address or "")
        for key in found
    ])  # fmt: skip


def _at(at: datetime | None) -> str:
    return shown_at(at) if at else ""


@key_app.command("rotate")
def rotate(
    prefix: _Prefix,
    *,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", min=0, max=720, help="How long the old key goes on.")
    ] = 24,
) -> None:
    """Make a key that takes the place of another, and print it: it is never shown again."""
    from kilowatch.service_keys import rotate_key

    typer.echo(rotate_key(_database_url(), prefix, overlap_hours=overlap_hours).text)


@key_app.command("revoke")
def revoke(prefix: _Prefix) -> None:
    """End a key at once; streams that it has opened end."""
    from kilowatch.service_keys import revoke_key

    revoke_key(_database_url(), prefix)
    typer.echo(f"{prefix} counts no more")


def _database_url() -> str:
    return started(needs=("database_url",)).database_url
