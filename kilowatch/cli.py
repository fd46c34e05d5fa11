"""Turns command lines into running processes: one verb a process."""

import os
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from kilowatch.audit_log import show_audit
from kilowatch.devices.command import device_app
from kilowatch.key_commands import key_app
from kilowatch.options import AsJson
from kilowatch.property_commands import make_claim_code, property_app, set_role, tenancy_app
from kilowatch.readings import reading_app
from kilowatch.rejected import rejected_app
from kilowatch.setting_checks import listed
from kilowatch.settings import SettingError, Settings, read
from kilowatch.sign_in_commands import add_to, asked_password
from kilowatch.signing_key_commands import keys_app
from kilowatch.starting import CommandError, errors, redaction_of_environment, started
from kilowatch.tables import show_json, show_table
from kilowatch.tariffs import tariff_app
from kilowatch.train import train
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
app.add_typer(user_app, name="user")
app.add_typer(keys_app, name="keys")
app.add_typer(key_app, name="key")
app.command("audit")(show_audit)
app.add_typer(panel_app, name="panel")
app.add_typer(device_app, name="device")
panel_app.command("claim-code")(make_claim_code)
user_app.command("set-role")(set_role)
app.add_typer(property_app, name="property")
app.add_typer(tenancy_app, name="tenancy")
app.add_typer(tariff_app, name="tariff")
app.add_typer(rejected_app, name="rejected")
app.command("import")(import_readings)
app.command("export")(export_readings)
app.command("train")(train)
app.add_typer(reading_app, name="reading")
console = Console()


def main() -> None:
    """Runs the command line; a failure that a person can mend ends with one line and exit code 1."""
    from metering.refusals import Refused
    from store.migrations import SchemaMismatchError

    try:
        app()
    except (CommandError, SettingError, SchemaMismatchError, Refused) as error:
        _say_error(str(error))
        sys.exit(1)
    except Exception as error:
        words = _words_of(error)
        if words is None:
            raise
        _say_error(words)
        sys.exit(1)


def _words_of(error: Exception) -> str | None:
    """What to say of a database that is away or of another version; None of a fault of our own."""
    from store.migrations import mismatch_behind
    from store.outages import is_outage

    if is_outage(error):
        return f"the database does not answer: {' '.join(str(error).split())}"
    mismatch = mismatch_behind(error, url=read(os.environ).database_url)
    return mismatch and str(mismatch)


def _say_error(words: str) -> None:
    shown = redaction_of_environment()(words)
    errors.print(f"[bold red]kilowatch:[/] {escape(shown)}", highlight=False, soft_wrap=True)


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

    settings = started()
    cannot_start = (AccountError, ChildFailedError, FolderInUseError, PortTakenError, PostgresNotFoundError, OSError)
    try:
        run_demo(settings, console=console, every_s=every_s, days=days)
    except (DemoPortTakenError, ForeignDatabaseError, *cannot_start) as error:
        raise CommandError(str(error)) from error


@app.command()
def serve() -> None:
    """Serve GraphQL, its subscriptions and GraphiQL."""
    from kilowatch.serve import serve_api

    settings = started(needs=("database_url",))
    try:
        serve_api(settings)
    except OSError as error:
        raise CommandError(str(error)) from error


@app.command()
def ingest() -> None:
    """Take meter messages from the broker into the database."""
    from ingest.metrics import MetricsPortError
    from ingest.service import run
    from kilowatch.broker import broker_credentials
    from kilowatch.lifetime import run_until_stopped
    from store.migrations import check_version

    settings = started(needs=("database_url", "mqtt_url"))
    check_version(settings.database_url)
    taking_in = run(
        database_url=settings.database_url,
        mqtt_url=settings.mqtt_url,
        credentials=broker_credentials(settings),
        topics=tuple(listed(settings.mqtt_topics)),
        client_id=settings.mqtt_client_id,
        connections=settings.mqtt_connections,
        default_time_zone=settings.time_zone,
        is_closed=settings.discovery == "closed",
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
    from kilowatch.broker import broker_credentials

    return run_announcer(
        database_url=settings.database_url,
        mqtt_url=settings.mqtt_url,
        credentials=broker_credentials(settings),
        client_id=f"{settings.mqtt_client_id}-announcer",
        prefix=settings.home_assistant_prefix,
    )


@app.command()
def work() -> None:
    """Run the jobs: forecasts, alerts, pushes, mail, purchases of units, and the removal of what is too old."""
    from kilowatch.devices.following import following
    from kilowatch.housekeeping import Keeping
    from kilowatch.lifetime import run_until_stopped
    from kilowatch.vendor import vendor_of
    from kilowatch.work import run
    from kilowatch.writing_to_people import message_sender
    from store.migrations import check_version

    settings = started(needs=("database_url",))
    check_version(settings.database_url)
    run_until_stopped(
        run(
            database_url=settings.database_url,
            forecast_every_s=settings.forecast_every_s,
            forecast_model=Path(settings.forecast_model) if settings.forecast_model else None,
            fcm_credentials=Path(settings.fcm_credentials) if settings.fcm_credentials else None,
            fcm_url=settings.fcm_url or None,
            vendor=vendor_of(settings),
            message_sender=message_sender(settings),
            brokers_files=following(settings, Path(settings.mosquitto_dir)) if settings.mosquitto_dir else None,
            keeping=Keeping.of(settings),
        )
    )


@app.command()
def migrate() -> None:
    """Bring the database to the schema that this version needs."""
    from store import migrations

    applied = migrations.migrate(started(needs=("database_url",)).database_url)
    for migration in applied:
        console.print(f"applied {migration.number:04d} {migration.name}")
    if not applied:
        console.print("the schema is up to date")


@app.command()
def simulate(
    every_s: Annotated[float, typer.Option("--every", help="Seconds between two messages of a meter.", min=0.1)] = 2.0,
) -> None:
    """Publish simulated meters' messages to the broker, until stopped."""
    from ingest.mqtt import BrokerAwayError
    from kilowatch.broker import broker_credentials
    from kilowatch.demo.registers import latest_registers
    from kilowatch.demo.simulator import simulate as publish
    from kilowatch.demo.site import PANELS
    from kilowatch.lifetime import run_until_stopped

    settings = started(needs=("mqtt_url",))
    registers = latest_registers(settings.database_url) if settings.database_url else {}
    known = broker_credentials(settings)
    meters = publish(settings.mqtt_url, credentials=known, panels=PANELS, registers=registers, every_s=every_s)
    try:
        run_until_stopped(meters)
    except BrokerAwayError as error:
        raise CommandError(f"no connection to the broker: {error}") from error


@app.command()
def schema(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Fail when the committed file is out of date, or clients of the last release break."
        ),
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Write schema/schema.graphql, and tables in docs/errors.md and access.md.")
    ] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Write schema/released.graphql: from now on clients rely on this schema.")
    ] = False,
) -> None:
    """Print the GraphQL schema."""
    from kilowatch import printed_schema

    if write:
        printed_schema.write()
    if release:
        printed_schema.release()
    if check:
        say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
        printed_schema.check(today=datetime.now(UTC).date(), warn=say)
    elif not (write or release):
        sys.stdout.write(printed_schema.text())


@user_app.command("add")
def add_user(
    email: Annotated[str | None, typer.Argument(help="The e-mail address to sign in with; or give --phone.")] = None,
    *,
    name: Annotated[str, typer.Option(help="What the person is called.")],
    phone: Annotated[str | None, typer.Option(help="A phone number to sign in with, like +2348012345678.")] = None,
    role: Annotated[str, typer.Option(help="ADMIN, LANDLORD or TENANT.")] = "TENANT",
    panel: Annotated[list[str] | None, typer.Option(help="Code of a panel to give; may be repeated.")] = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="They sign in by codes alone.")] = False,
) -> None:
    """Add a person; the password is asked for, or read from KILOWATCH_PASSWORD."""
    from kilowatch.people import NewPerson, add_person

    settings = started(needs=("database_url",))
    password = None if no_password else asked_password()
    account = add_person(settings.database_url, NewPerson(email, phone, name, role, password, panel or ()))
    console.print(f"added {account.shown_contact}", highlight=False)


@user_app.command("list")
def list_users() -> None:
    """List the people, how they sign in, and the panels given to each."""
    from kilowatch.people import all_people
    from metering.access import Role

    rows: list[tuple[str, ...]] = []
    for person in all_people(started(needs=("database_url",)).database_url):
        account = person.account
        panels = "all" if account.role is Role.ADMIN else ", ".join(person.panel_codes)
        contacts = (account.email or "", account.phone or "", "yes" if person.is_verified else "")
        ways = ("yes" if person.has_second_factor else "", "yes" if account.is_disabled else "")
        rows.append((*contacts, account.name, account.role.value, *ways, panels))
    show_table(["e-mail", "phone", "verified", "name", "role", "second factor", "disabled", "panels"], rows)


@user_app.command("reset-second-factor")
def reset_second_factor(email: Annotated[str, typer.Argument(help="E-mail address or phone number.")]) -> None:
    """Take a person's second factor away, when the phone and the recovery codes are lost."""
    from kilowatch import people
    from kilowatch.channels import channels

    settings = started(needs=("database_url",))
    was_on = people.reset_second_factor(settings.database_url, email=email, channels=channels(settings))
    console.print(f"{email} signs in without a second factor{'' if was_on else ', as before'}", highlight=False)


@user_app.command("grant")
def grant_panel(email: str, panel: str) -> None:
    """Give a panel to a person."""
    from kilowatch import people

    people.grant_panel(started(needs=("database_url",)).database_url, email=email, panel=panel)
    console.print(f"{email} now sees {panel}", highlight=False)


@user_app.command("revoke")
def revoke_panel(email: str, panel: str) -> None:
    """Take a panel from a person; open streams end."""
    from kilowatch import people

    people.revoke_panel(started(needs=("database_url",)).database_url, email=email, panel=panel)
    console.print(f"{email} no longer sees {panel}", highlight=False)


@user_app.command("remove")
def remove_user(email: str) -> None:
    """Remove a person with everything that is their own; sessions and streams end."""
    from kilowatch.people import remove_person

    remove_person(started(needs=("database_url",)).database_url, email=email)
    console.print(f"removed {email}", highlight=False)


add_to(user_app)


@panel_app.command("list")
def list_panels(*, as_json: AsJson = False) -> None:
    """List the panels and what is known about them."""
    from kilowatch.panels import all_panels

    panels = all_panels(started(needs=("database_url",)).database_url)
    if as_json:
        show_json(panels)
        return
    columns = ["code", "name", "location", "floor", "time zone", "prepaid", "meter"]
    show_table(columns, [
        (panel.code, panel.name, panel.location, str(panel.floor), panel.time_zone, "yes" if panel.is_prepaid else "",
         panel.meter_number or "")
        for panel in panels
    ])  # fmt: skip


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
    meter_since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First local day of the meter: no credit is taken from before."),
    ] = None,
) -> None:
    """Make or change a panel; what is left out stays as it is."""
    from kilowatch import panels
    from store.registry import PanelChange

    settings = started(needs=("database_url",))
    since = meter_since and meter_since.date()
    change = PanelChange(name, location, floor, time_zone, prepaid, meter_number, since)
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
        started(needs=("database_url",)).database_url,
        code,
        name=name,
        unit_price=price,
        currency=currency,
        vat_percent=vat,
        valid_from=since.date() if since else None,
    )
    console.print(f"{code}: {price} {currency} a kWh, {vat} % VAT", highlight=False, markup=False)
