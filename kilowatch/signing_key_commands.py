"""Shows and changes the keys that sign access tokens, for the command line."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from kilowatch.starting import CommandError, started
from kilowatch.tables import show_table, shown_at

keys_app = typer.Typer(help="The keys that sign access tokens and devices' tokens.", no_args_is_help=True)


@keys_app.command("list")
def list_keys() -> None:
    """List the keys that count, oldest first; the file is made where it is missing."""
    from kilowatch.web.signing_keys import SigningKeysError, current, key_ring  # noqa: PLC0415 - `--help` should not wait

    now = datetime.now(UTC)
    try:
        keys = key_ring(started().signing_keys_path, now=now).keys
    except SigningKeysError as error:
        raise CommandError(str(error)) from error
    signs = current(keys, now=now)
    show_table(
        ["name", "since", "signs"], [(key.kid, shown_at(key.created_at), "yes" if key is signs else "") for key in keys]
    )


@keys_app.command("rotate")
def rotate_keys(
    *,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Forget the old keys at once, after a theft: their tokens end.")
    ] = False,
) -> None:
    """Add a key, which signs ten minutes later; the old ones count until their tokens have run out."""
    from kilowatch.web.signing_keys import SigningKeysError, key_ring  # noqa: PLC0415

    now = datetime.now(UTC)
    try:
        added = key_ring(started().signing_keys_path, now=now).rotate(now=now, drops_old=drop_old)
    except (SigningKeysError, OSError) as error:
        raise CommandError(str(error)) from error
    typer.echo(f"added {added.kid}")
