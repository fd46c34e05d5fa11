"""Turns command lines into running processes: one verb a process."""

import logging
import os
import sys
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table

from kilowatch.readings import reading_app
from kilowatch.settings import SettingError, Settings, read
from kilowatch.transfer import export_readings, import_readings

app = typer.Typer(
    name="kilowatch",
    help="A GraphQL server for electricity: live metering, prepaid balance, depletion forecast and push alerts.",
    epilog="Settings come from the environment: see docs/settings.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
user_app = typer.Typer(help="People who can sign in, and the panels given to them.", no_args_is_help=True)
panel_app = typer.Typer(
    help="What is known about panels: name, place, time zone, prepaid, price.", no_args_is_help=True
)
rejected_app = typer.Typer(help="Messages that could not be read: look at them, replay them.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(panel_app, name="panel")
app.add_typer(rejected_app, name="rejected")
app.command("import")(import_readings)
app.command("export")(export_readings)
app.add_typer(reading_app, name="reading")
console = Console()
errors = Console(stderr=True)


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""


def main() -> None:
    """Runs the command line; a failure that a person can mend ends with one line and exit code 1."""
    from metering.refusals import Refused
    from store.migrations import SchemaMismatchError
    from store.outages import is_outage

    try:
        app()
    except (CommandError, SettingError, SchemaMismatchError, Refused) as error:
        errors.print(f"[bold red]kilowatch:[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
    except Exception as error:
        if not is_outage(error):
            raise
        errors.print(f"[bold red]kilowatch:[/] the database does not answer: {error}", highlight=False)
        sys.exit(1)


def _settings(*, needs: tuple[str, ...] = ()) -> Settings:
    """The settings, with logging set up; the URLs that the command cannot do without are checked."""
    settings = read(os.environ)
    _set_up_logging(settings.log_level)
    missing = [name.upper() for name in needs if not getattr(settings, name)]
    if missing:
        raise CommandError(f"set {' and '.join(missing)}, or run `kilowatch demo`, which brings its own services")
    return settings


def _set_up_logging(level: str) -> None:
    if sys.stderr.isatty():
        handlers: list[logging.Handler] = [RichHandler(console=errors, show_path=False)]
        logging.basicConfig(level=level, format="%(name)s: %(message)s", datefmt="[%X]", handlers=handlers)
    else:
        logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if level != "DEBUG":
        for talkative in ("gmqtt", "uvicorn"):
            logging.getLogger(talkative).setLevel(logging.WARNING)


@app.command()
def demo(
    every_s: Annotated[float, typer.Option("--every", help="Seconds between two messages of a meter.", min=0.1)] = 2.0,
    days: Annotated[int, typer.Option(help="Days of history generated at the first start.", min=2, max=1500)] = 396,
) -> None:
    """Run everything on this machine: database, broker, simulated meters, ingest, jobs and the server."""
    from kilowatch.demo.run import DemoPortTakenError, run_demo
    from kilowatch.demo.seed import ForeignDatabaseError
    from kilowatch.embedded.accounts import AccountError
    from kilowatch.embedded.binaries import PostgresNotFoundError
    from kilowatch.embedded.broker import PortTakenError
    from kilowatch.embedded.keeper import ChildFailedError
    from kilowatch.embedded.postgres import FolderInUseError

    settings = _settings()
    cannot_start = (AccountError, ChildFailedError, FolderInUseError, PortTakenError, PostgresNotFoundError, OSError)
    try:
        run_demo(settings, console=console, every_s=every_s, days=days)
    except (DemoPortTakenError, ForeignDatabaseError, *cannot_start) as error:
        raise CommandError(str(error)) from error


@app.command()
def serve() -> None:
    """Serve GraphQL, its subscriptions and GraphiQL."""
    from kilowatch.serve import serve_api

    settings = _settings(needs=("database_url",))
    try:
        serve_api(settings)
    except OSError as error:
        raise CommandError(str(error)) from error


@app.command()
def ingest() -> None:
    """Take meter messages from the broker into the database."""
    from ingest.metrics import MetricsPortError
    from ingest.service import run
    from kilowatch.lifetime import run_until_stopped
    from store.migrations import check_version

    settings = _settings(needs=("database_url", "mqtt_url"))
    check_version(settings.database_url)
    taking_in = run(
        database_url=settings.database_url,
        mqtt_url=settings.mqtt_url,
        topics=tuple(topic.strip() for topic in settings.mqtt_topics.split(",") if topic.strip()),
        client_id=settings.mqtt_client_id,
        connections=settings.mqtt_connections,
        default_time_zone=settings.time_zone,
        linger_s=settings.ingest_linger_ms / 1000,
        max_batch=settings.ingest_batch,
        metrics_host=settings.host,
        metrics_port=settings.ingest_metrics_port,
    )
    try:
        run_until_stopped(taking_in, *([_announcer(settings)] if settings.home_assistant else []))
    except MetricsPortError as error:
        raise CommandError(str(error)) from error


def _announcer(settings: Settings) -> Coroutine[None, None, None]:
    from ingest.announcer import run_announcer

    return run_announcer(
        database_url=settings.database_url,
        mqtt_url=settings.mqtt_url,
        client_id=f"{settings.mqtt_client_id}-announcer",
        prefix=settings.home_assistant_prefix,
    )


@app.command()
def work() -> None:
    """Run the jobs: forecasts, low-units alerts, pushes, and the removal of what is too old."""
    from kilowatch.housekeeping import Keeping
    from kilowatch.lifetime import run_until_stopped
    from kilowatch.work import run
    from store.migrations import check_version

    settings = _settings(needs=("database_url",))
    check_version(settings.database_url)
    run_until_stopped(
        run(
            database_url=settings.database_url,
            forecast_every_s=settings.forecast_every_s,
            fcm_credentials=Path(settings.fcm_credentials) if settings.fcm_credentials else None,
            fcm_url=settings.fcm_url or None,
            keeping=Keeping.of(settings),
        )
    )


@app.command()
def migrate() -> None:
    """Bring the database to the schema that this version needs."""
    from store import migrations

    applied = migrations.migrate(_settings(needs=("database_url",)).database_url)
    for migration in applied:
        console.print(f"applied {migration.number:04d} {migration.name}")
    if not applied:
        console.print("the schema is up to date")


@app.command()
def simulate(
    every_s: Annotated[float, typer.Option("--every", help="Seconds between two messages of a meter.", min=0.1)] = 2.0,
) -> None:
    """Publish simulated meters' messages to the broker, until stopped."""
    from kilowatch.demo.registers import latest_registers
    from kilowatch.demo.simulator import simulate as publish
    from kilowatch.demo.site import PANELS
    from kilowatch.lifetime import run_until_stopped

    settings = _settings(needs=("mqtt_url",))
    registers = latest_registers(settings.database_url) if settings.database_url else {}
    run_until_stopped(publish(settings.mqtt_url, panels=PANELS, registers=registers, every_s=every_s))


@app.command()
def schema(
    *,
    check: Annotated[bool, typer.Option("--check", help="Fail when the committed file is out of date.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write schema/schema.graphql.")] = False,
) -> None:
    """Print the GraphQL schema."""
    from schema.contract import PRINTED, printed

    text, path = printed(), PRINTED
    if write:
        path.write_text(text, "utf-8")
    elif not check:
        sys.stdout.write(text)
    elif not path.exists() or path.read_text("utf-8") != text:
        raise CommandError("schema/schema.graphql is out of date: run `kilowatch schema --write`")


@user_app.command("add")
def add_user(
    email: str,
    name: Annotated[str, typer.Option(help="What the person is called.")],
    role: Annotated[str, typer.Option(help="ADMIN, LANDLORD or TENANT.")] = "TENANT",
    panel: Annotated[list[str] | None, typer.Option(help="Code of a panel to give; may be repeated.")] = None,
) -> None:
    """Add a person; the password is asked for, or read from KILOWATCH_PASSWORD."""
    from kilowatch.people import add_person

    settings = _settings(needs=("database_url",))
    password = os.environ.get("KILOWATCH_PASSWORD") or typer.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    add_person(settings.database_url, email=email, name=name, role=role, password=password, panels=panel or [])
    console.print(f"added {email}", highlight=False)


@user_app.command("list")
def list_users() -> None:
    """List the people and how many panels each was given."""
    from kilowatch.people import all_people
    from metering.access import Role

    table = Table("e-mail", "name", "role", "panels")
    for person in all_people(_settings(needs=("database_url",)).database_url):
        account = person.account
        panels = "all" if account.role is Role.ADMIN else ", ".join(person.panel_codes)
        table.add_row(account.email, account.name, account.role.value, panels)
    console.print(table)


@user_app.command("grant")
def grant_panel(email: str, panel: str) -> None:
    """Give a panel to a person."""
    from kilowatch.people import grant_panels

    grant_panels(_settings(needs=("database_url",)).database_url, email=email, panels=[panel])
    console.print(f"{email} now sees {panel}", highlight=False)


@user_app.command("revoke")
def revoke_panel(email: str, panel: str) -> None:
    """Take a panel from a person; open streams end."""
    from kilowatch.people import revoke_panels

    revoke_panels(_settings(needs=("database_url",)).database_url, email=email, panels=[panel])
    console.print(f"{email} no longer sees {panel}", highlight=False)


@user_app.command("remove")
def remove_user(email: str) -> None:
    """Remove a person with everything that is their own; sessions and streams end."""
    from kilowatch.people import remove_person

    remove_person(_settings(needs=("database_url",)).database_url, email=email)
    console.print(f"removed {email}", highlight=False)


@panel_app.command("list")
def list_panels() -> None:
    """List the panels and what is known about them."""
    from kilowatch.panels import all_panels

    table = Table("code", "name", "location", "floor", "time zone", "prepaid", "meter")
    for panel in all_panels(_settings(needs=("database_url",)).database_url):
        is_prepaid = "yes" if panel.is_prepaid else ""
        described = (
            panel.name,
            panel.location,
            str(panel.floor),
            panel.time_zone,
            is_prepaid,
            panel.meter_number or "",
        )
        table.add_row(panel.code, *map(escape, described))
    console.print(table)


@panel_app.command("set")
def set_panel(
    code: str,
    *,
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    location: Annotated[str | None, typer.Option(help="Where it is.")] = None,
    floor: Annotated[int | None, typer.Option(help="The storey; 0 is the ground floor.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA name, such as Africa/Lagos.")] = None,
    prepaid: Annotated[
        bool | None, typer.Option("--prepaid/--postpaid", help="Whether credit is bought first.")
    ] = None,
    meter_number: Annotated[str | None, typer.Option(help="The prepaid meter's number.")] = None,
) -> None:
    """Make or change a panel; what is left out stays as it is."""
    from kilowatch import panels

    settings = _settings(needs=("database_url",))
    change = panels.PanelChange(name, location, floor, time_zone, prepaid, meter_number)
    panel = panels.set_panel(settings.database_url, code, change, default_time_zone=settings.time_zone)
    kind = "prepaid" if panel.is_prepaid else "post-paid"
    console.print(f"{panel.code}: {panel.name}, {kind}, {panel.time_zone}", highlight=False, markup=False)


@panel_app.command("tariff")
def set_tariff(
    code: str,
    *,
    price: Annotated[str, typer.Option(help="What a kWh costs before VAT, like 209.50.")],
    currency: Annotated[str, typer.Option(help="ISO 4217, like NGN.")],
    vat: Annotated[str, typer.Option(help="VAT on top, in percent.")] = "0",
    name: Annotated[str, typer.Option(help="What the tariff is called on receipts.")] = "Flat",
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day; today when left out.")
    ] = None,
) -> None:
    """Set what a panel's kWh costs from a day on; receipts written before stay as they are."""
    from kilowatch import panels

    panels.set_tariff(
        _settings(needs=("database_url",)).database_url,
        code,
        name=name,
        unit_price=price,
        currency=currency,
        vat_percent=vat,
        valid_from=since.date() if since else None,
    )
    console.print(f"{code}: {price} {currency} a kWh, {vat} % VAT", highlight=False, markup=False)


_INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only this code; may be repeated.")]
TopicStart = Annotated[str | None, typer.Option("--topic", help="Only topics that begin so.")]
Since = Annotated[datetime | None, typer.Option(formats=_INSTANTS, help="First arrived at or after, UTC.")]
Until = Annotated[datetime | None, typer.Option(formats=_INSTANTS, help="First arrived before, UTC.")]


@rejected_app.command("list")
def list_rejected(
    *,
    code: Codes = None,
    topic: TopicStart = None,
    since: Since = None,
    until: Until = None,
    replayed: Annotated[
        bool | None, typer.Option("--replayed/--not-replayed", help="Whether they could be stored since.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=10_000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, the payload as text.")] = False,
) -> None:
    """List the newest rejected messages."""
    from kilowatch.rejections import chosen, newest_rejected

    which = chosen(codes=code, topic=topic, since=since, until=until, is_replayed=replayed)
    found = newest_rejected(_settings(needs=("database_url",)).database_url, which=which, limit=limit)
    if as_json:
        for message in found:
            sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
        return
    table = Table("id", "received", "code", "topic", "reason", "payload")
    for message in found:
        received = f"{message.received_at:%Y-%m-%d %H:%M:%S}"
        words = (message.code, message.topic[:40], message.reason, message.payload_text[:60])
        table.add_row(str(message.id), received, *(escape(_printable(text)) for text in words))
    console.print(table)


def _printable(text: str) -> str:
    """What a terminal shows as it is: a meter's message may hold control sequences."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


@rejected_app.command("replay")
def replay_rejected(
    *,
    number: Annotated[list[int] | None, typer.Option("--id", help="Only this one; may be repeated.")] = None,
    code: Codes = None,
    topic: TopicStart = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Read the rejected messages again, with today's decoders and settings, and store those that are now readable."""
    from ingest.replay import replay_rejected as replay
    from kilowatch.rejections import chosen

    settings = _settings(needs=("database_url",))
    which = chosen(ids=number, codes=code, topic=topic, since=since, until=until)
    replayed, left = replay(settings.database_url, default_time_zone=settings.time_zone, which=which)
    console.print(f"{replayed} stored, {left} still rejected")
