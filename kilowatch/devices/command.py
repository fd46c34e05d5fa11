"""Turns the verbs of `kilowatch device` into registered devices and brokers' files; each imports only what it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from kilowatch.options import AsJson
from kilowatch.starting import CommandError, started
from kilowatch.tables import show_json, show_table, shown_at

if TYPE_CHECKING:
    from kilowatch.devices.registering import ShownLogin
    from store.registered_devices import RegisteredDevice

device_app = typer.Typer(
    help="Devices with a login of their own at the broker, and the files that mosquitto reads.", no_args_is_help=True
)
_KINDS = "PANEL_METER, TASMOTA, ENERGY_HUB, SHELLY, ZIGBEE2MQTT, HOME_ASSISTANT or MAPPED"
_DeviceId = Annotated[str, typer.Argument(help="The device's id, like dev_k3v7….")]


def _database_url() -> str:
    return started(needs=("database_url",)).database_url


def _say(words: str) -> None:
    Console(stderr=True).print(words, highlight=False, markup=False, soft_wrap=True)


def _show(login: "ShownLogin") -> None:
    """The secret is printed alone on standard output, so that it can be piped."""
    _say(f"user name: {login.username}; its password follows and is shown this once")
    typer.echo(login.secret)
    if login.claim_code:
        _say(f"claim code for the box: {login.claim_code}")


@device_app.command("add")
def add(
    kind: Annotated[str, typer.Argument(help=f"What it is: {_KINDS}.")],
    name: Annotated[str, typer.Argument(help="What its topics call it, like PM7 of DATA/PM/PM7.")],
    *,
    panel: Annotated[
        list[str] | None, typer.Option(help="Code of a panel besides those of its name; may be repeated.")
    ] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="MQTT filter besides those of its kind; may be repeated.")
    ] = None,
    property_id: Annotated[int | None, typer.Option("--property", help="Number of the property it belongs to.")] = None,
    claim_code: Annotated[
        bool, typer.Option("--claim-code", help="Make its panels too, and a code by which a landlord claims them.")
    ] = False,
) -> None:
    """Register a device: from now on its topics and panels are its alone."""
    from kilowatch.devices.registering import add_device  # noqa: PLC0415 - `--help` should not wait for it
    from metering.devices import DeviceKind  # noqa: PLC0415
    from resolvers.device_words import GivenDevice  # noqa: PLC0415

    settings = started(needs=("database_url",))
    if kind not in DeviceKind.__members__:
        raise CommandError(f"{kind} is no kind of device; accepted: {', '.join(DeviceKind.__members__)}")
    given = GivenDevice(DeviceKind[kind], name, property_id, panel or (), topic or ())
    _show(add_device(settings.database_url, given, claim_in_zone=settings.time_zone if claim_code else None))


@device_app.command("list")
def list_devices(
    *,
    with_revoked: Annotated[bool, typer.Option("--with-revoked", help="Those too that were revoked.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the registered devices."""
    from kilowatch.devices.registering import all_devices  # noqa: PLC0415

    devices = all_devices(_database_url(), with_revoked=with_revoked)
    if as_json:
        show_json(devices)
        return
    columns = ["id", "kind", "name", "panels", "user name", "last seen", "revoked"]
    show_table(columns, [_row(device) for device in devices])


def _row(device: "RegisteredDevice") -> tuple[str, ...]:
    panels = [*device.panel_codes, *(f"{prefix}*" for prefix in device.panel_prefixes)]
    seen, revoked = device.last_seen_at, device.revoked_at
    return (
        device.id,
        device.kind.value,
        device.name,
        ", ".join(panels),
        device.username or "",
        shown_at(seen) if seen else "",
        shown_at(revoked) if revoked else "",
    )


@device_app.command("show")
def show(device_id: _DeviceId, *, as_json: AsJson = False) -> None:
    """Show a device and what it may do at the broker."""
    from kilowatch.devices.registering import one_device  # noqa: PLC0415
    from metering.device_rights import rules_of  # noqa: PLC0415

    device = one_device(_database_url(), device_id)
    if as_json:
        show_json([device])
        return
    show_table(["id", "kind", "name", "panels", "user name", "last seen", "revoked"], [_row(device)])
    show_table(["may", "topic"], [(rule.action.value, rule.topic) for rule in rules_of(device.rights)])


@device_app.command("rotate")
def rotate(
    device_id: _DeviceId,
    *,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", min=0, max=720, help="How long the secret before holds too.")
    ] = 24,
) -> None:
    """Give a device another user name and secret."""
    from kilowatch.devices.registering import rotate_device  # noqa: PLC0415

    _show(rotate_device(_database_url(), device_id, overlap_hours=overlap_hours))


@device_app.command("revoke")
def revoke(device_id: _DeviceId) -> None:
    """End all that a device may do, at once and for good."""
    from kilowatch.devices.registering import revoke_device  # noqa: PLC0415

    device = revoke_device(_database_url(), device_id)
    _say(f"revoked {device.name} ({device.id})")


@device_app.command("token")
def token(
    device_id: _DeviceId,
    *,
    hours: Annotated[int, typer.Option("--hours", min=1, max=720, help="How long it counts.")] = 24,
) -> None:
    """Print a token with what a device may do, for brokers that check the server's signature."""
    from kilowatch.devices.tokens import device_token  # noqa: PLC0415

    settings = started(needs=("database_url",))
    typer.echo(device_token(settings.database_url, device_id, keys_file=settings.signing_keys_path, hours=hours))


@device_app.command("export")
def export(
    *,
    mosquitto: Annotated[
        Path | None, typer.Option("--mosquitto", help="Folder for mosquitto's password and access files.")
    ] = None,
    dynamic_security: Annotated[
        Path | None,
        typer.Option("--dynamic-security", help="File for mosquitto's dynamic security plugin to start with."),
    ] = None,
) -> None:
    """Write what a broker is to know of the registered devices, and of ingest's own login."""
    from kilowatch.devices.dynamic_security import dynamic_security as document  # noqa: PLC0415
    from kilowatch.devices.mosquitto_files import MosquittoFiles, put_file  # noqa: PLC0415
    from kilowatch.devices.registering import all_logins  # noqa: PLC0415
    from kilowatch.devices.service_login import service_login  # noqa: PLC0415

    settings = started(needs=("database_url", "mqtt_url"))
    if mosquitto is None and dynamic_security is None:
        raise CommandError("say what to write: --mosquitto FOLDER, --dynamic-security FILE, or both")
    service, logins = service_login(settings), all_logins(settings.database_url)
    if mosquitto is not None:
        MosquittoFiles(mosquitto).write(logins, service=service)
        _say(f"wrote {mosquitto}: take its kilowatch.conf into mosquitto.conf")
    if dynamic_security is not None:
        put_file(dynamic_security, document(logins, service=service))
        _say(f"wrote {dynamic_security}")


@device_app.command("watch")
def watch() -> None:
    """Keep mosquitto's files as registered devices want them, until stopped."""
    from kilowatch.devices.following import CHANNELS, following  # noqa: PLC0415
    from kilowatch.lifetime import run_until_stopped  # noqa: PLC0415
    from kilowatch.work import Step, keep_running  # noqa: PLC0415
    from store.connections import open_pool  # noqa: PLC0415

    settings = started(needs=("database_url", "mqtt_url", "mosquitto_dir"))
    folder = Path(settings.mosquitto_dir).absolute()
    follow = following(settings, folder)

    async def watched() -> None:
        async with open_pool(settings.database_url, size=2, application="kilowatch device") as pool:
            step = Step(f"mosquitto {folder}", CHANNELS, follow.step(pool))
            await keep_running([step], database_url=settings.database_url, pool=pool)

    run_until_stopped(watched())
