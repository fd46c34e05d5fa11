"""Turns the verbs of `kilowatch rejected` into looks at rejected messages and their ends; each imports what it runs."""
# ruff: noqa: PLC0415 - a command imports only what it runs

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from kilowatch.options import AsJson, Limit, Since, Until
from kilowatch.starting import CommandError, started
from kilowatch.tables import printable, show_json, show_table, shown_at

if TYPE_CHECKING:
    from store.rejections import KeptRejection

_SHOWN_OF_PAYLOAD = 60

rejected_app = typer.Typer(
    help="Messages that could not be read: look at them, replay them, discard them.", no_args_is_help=True
)

_Ids = Annotated[list[int] | None, typer.Option("--id", help="Only this one; may be repeated.")]
_Codes = Annotated[list[str] | None, typer.Option("--code", help="Only this code; may be repeated.")]
_TopicStart = Annotated[str | None, typer.Option("--topic", help="Only topics that begin so.")]
_IsReplayed = Annotated[
    bool | None, typer.Option("--replayed/--not-replayed", help="Only those that could, or could not, be stored since.")
]


@rejected_app.command("list")
def list_rejected(
    *,
    code: _Codes = None,
    topic: _TopicStart = None,
    since: Since = None,
    until: Until = None,
    replayed: _IsReplayed = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest rejected messages with the payload's beginning; `--json` shows all that is kept of it."""
    from kilowatch.rejections import chosen, newest_rejected

    which = chosen(codes=code, topic=topic, since=since, until=until, is_replayed=replayed)
    found = newest_rejected(_database_url(), which=which, limit=limit)
    if as_json:
        show_json(found)
    else:
        show_table(["id", "received", "times", "replay", "code", "topic", "reason", "payload"], map(_cells, found))


def _cells(message: "KeptRejection") -> tuple[str, ...]:
    said = (message.code, message.topic, message.reason, message.payload_text[:_SHOWN_OF_PAYLOAD])
    return (
        str(message.id), shown_at(message.received_at), str(message.times), _replay(message), *map(printable, said),
    )  # fmt: skip


def _replay(message: "KeptRejection") -> str:
    if message.replayed_at:
        return f"stored {shown_at(message.replayed_at)}"
    if message.is_waiting:
        return "asked for"
    return f"in vain {shown_at(message.tried_at)}" if message.tried_at else ""


@rejected_app.command("groups")
def list_groups(
    *,
    code: _Codes = None,
    topic: _TopicStart = None,
    since: Since = None,
    until: Until = None,
    replayed: _IsReplayed = False,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Count the rejected messages by code and topic, those of the newest first; without options, not replayed ones."""
    from kilowatch.rejections import chosen, newest_groups

    which = chosen(codes=code, topic=topic, since=since, until=until, is_replayed=replayed)
    found = newest_groups(_database_url(), which=which, limit=limit)
    if as_json:
        show_json(found)
        return
    columns = ["code", "topic", "messages", "times", "oldest", "newest", "newest id", "newest reason"]
    show_table(columns, [
        (group.code, printable(group.topic), str(group.message_count), str(group.times), shown_at(group.oldest_at),
         shown_at(group.newest_at), str(group.newest_id), printable(group.newest_reason))
        for group in found
    ])  # fmt: skip


@rejected_app.command("replay")
def replay_rejected(
    *,
    number: _Ids = None,
    code: _Codes = None,
    topic: _TopicStart = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Read the rejected messages again, with today's decoders and settings, and store those that are now readable."""
    from ingest.replay import replay_rejected as replay
    from kilowatch.rejections import check_ids, chosen, matching_count

    which = chosen(ids=number, codes=code, topic=topic, since=since, until=until, is_replayed=False)
    settings = started(needs=("database_url",))
    check_ids(settings.database_url, number or [])
    if not matching_count(settings.database_url, which=which):
        _say("nothing to replay: no rejected message that is not stored yet fits")
        return
    replayed, left = replay(
        settings.database_url,
        default_time_zone=settings.time_zone,
        is_closed=settings.discovery == "closed",
        which=which,
    )
    _say(f"{replayed} stored, {left} still rejected")


@rejected_app.command("discard")
def discard_rejected(
    *,
    number: _Ids = None,
    code: _Codes = None,
    topic: _TopicStart = None,
    since: Since = None,
    until: Until = None,
    replayed: _IsReplayed = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All of them; needed when no other option is given.")
    ] = False,
) -> None:
    """Throw rejected messages away for good; those that come meanwhile stay."""
    from kilowatch.rejections import check_ids, chosen, discarded
    from store.rejected import EVERYTHING

    which = chosen(ids=number, codes=code, topic=topic, since=since, until=until, is_replayed=replayed)
    if everything == (which != EVERYTHING):
        raise CommandError(
            "give --all, or options that choose some: --id, --code, --topic, --since, --until, --replayed"
        )
    url = _database_url()
    check_ids(url, number or [])
    _say(f"{discarded(url, which=which)} discarded")


def _database_url() -> str:
    return started(needs=("database_url",)).database_url


def _say(words: str) -> None:
    Console().print(words, highlight=False, markup=False, soft_wrap=True)
