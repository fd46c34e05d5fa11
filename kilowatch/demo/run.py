"""Starts the whole demonstration, keeps it running until Ctrl-C, and stops all of it."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from ingest.broker_address import BrokerCredentials
from kilowatch.broker import broker_credentials
from kilowatch.demo.card import Addresses, print_card
from kilowatch.demo.earlier_forecasts import tell_earlier
from kilowatch.demo.processes import kept_command, stop_all
from kilowatch.demo.push_protocol import Arrived
from kilowatch.demo.push_stand_in import PushStandIn
from kilowatch.demo.seed import seed
from kilowatch.demo.simulator import simulate
from kilowatch.demo.site import PANELS
from kilowatch.embedded.broker import EmbeddedBroker
from kilowatch.embedded.keeper import Keeper
from kilowatch.embedded.postgres import EmbeddedPostgres
from kilowatch.lifetime import run_until_stopped
from kilowatch.settings import Settings
from store.migrations import migrate

_COMMANDS: Final = ("serve", "ingest", "work")
_OTHER_BROKERS: Final = ("USERNAME", "PASSWORD", "PASSWORD_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE")


class DemoPortTakenError(Exception):
    """Something else listens on the port that the server should have."""


def run_demo(settings: Settings, *, console: Console, every_s: float, days: int) -> None:
    """Runs the demonstration until SIGINT or SIGTERM; what it keeps is in the settings' data folder.

    The server answers as soon as the schema is there, while the history is still being loaded; the jobs begin once it
    is told what they would have told before.

    Raises:
        DemoPortTakenError, ForeignDatabaseError, and what the embedded services raise when they cannot start.
    """
    folder = settings.data_folder
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port(settings.host, settings.port)
    with ExitStack() as running:
        push = running.enter_context(PushStandIn(folder, on_message=lambda message: _show(message, console=console)))
        database_url = settings.database_url or running.enter_context(EmbeddedPostgres(folder / "postgres")).url
        mqtt_url, *mqtt = [settings.mqtt_url] * 2 if settings.mqtt_url else _broker(running)
        migrate(database_url)
        environment = {
            "DATABASE_URL": database_url,
            "DATABASE_URL_FILE": "",
            "MQTT_URL": mqtt_url,
            "MQTT_URL_FILE": "",
            **({} if settings.mqtt_url else {f"KILOWATCH_MQTT_{name}": "" for name in _OTHER_BROKERS}),
            "KILOWATCH_DATA_DIR": str(folder),
            "KILOWATCH_PORT": str(port),
            "KILOWATCH_FCM_CREDENTIALS": str(push.credentials),
            "KILOWATCH_FCM_URL": push.url,
            "KILOWATCH_MAIL_URL": push.written_to("mail"),
            "KILOWATCH_MAIL_URL_FILE": "",
            "KILOWATCH_SMS_URL": push.written_to("text message"),
            "KILOWATCH_SMS_URL_FILE": "",
            "KILOWATCH_FORECAST_EVERY_S": "10",
        }
        _write_addresses(folder / "demo.env", database_url=database_url, mqtt_url=mqtt_url)
        keepers = _keepers(environment, folder=folder)
        running.callback(stop_all, list(keepers.values()))
        keepers["serve"].start()
        registers = seed(database_url, console=console, days=days)
        keepers["ingest"].start()
        addresses = Addresses(f"http://{settings.host}:{port}", push.url, tuple(mqtt))
        print_card(addresses, console=console, folder=folder)
        known = broker_credentials(settings) if settings.mqtt_url else BrokerCredentials()
        meters = simulate(mqtt_url, credentials=known, panels=PANELS, registers=registers, every_s=every_s)
        run_until_stopped(_with_jobs(meters, database_url=database_url, start_jobs=keepers["work"].start))
        console.print("Stopping …")


async def _with_jobs(meters: Coroutine[None, None, None], *, database_url: str, start_jobs: Callable[[], None]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(meters)
        await tell_earlier(database_url, until=datetime.now(UTC).replace(microsecond=0))
        await asyncio.to_thread(start_jobs)


def _broker(running: ExitStack) -> list[str]:
    """The URL that we use of a broker of our own, and what to say of its addresses: each speaks one version."""
    broker = running.enter_context(EmbeddedBroker(buffer_mib=128))
    return [broker.url, f"{broker.url_v311}   MQTT 3.1.1 (most clients)", f"{broker.url}   MQTT 5"]


def _write_addresses(path: Path, *, database_url: str, mqtt_url: str) -> None:
    """For a shell that wants to use the commands on the demo; the database's password is in it."""
    path.touch(mode=0o600)
    path.write_text(f"export DATABASE_URL='{database_url}' MQTT_URL='{mqtt_url}'\n", "utf-8")


def _keepers(environment: Mapping[str, str], *, folder: Path) -> dict[str, Keeper]:
    return {verb: kept_command(verb, environment=environment, log_file=folder / f"{verb}.log") for verb in _COMMANDS}


def _show(message: Arrived, *, console: Console) -> None:
    kind = message.data.get("channel", "push")
    console.print(
        f"[bold yellow]{kind}[/] to {message.target}: [bold]{message.title}[/] {message.body}", highlight=False
    )


def _free_port(host: str, port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DemoPortTakenError(
                f"port {port} on {host} is taken ({error.strerror}): stop what listens there, or set KILOWATCH_PORT"
            ) from error
        return probe.getsockname()[1]
