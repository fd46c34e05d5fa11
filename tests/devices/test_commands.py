"""`kilowatch device` registers devices, and keeps a real mosquitto's files as they want them."""

import asyncio
import json
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import AsyncConnection
from typer.testing import CliRunner, Result

from kilowatch.cli import app
from kilowatch.devices.following import CHANNELS, Following
from kilowatch.devices.mosquitto_files import MosquittoFiles, Reload, put_file
from kilowatch.starting import CommandError
from kilowatch.web.signing_keys import Signing, key_ring
from kilowatch.work import Step, keep_running
from metering.devices import DeviceKind
from metering.refusals import Refused
from store.connections import Pool, Row
from store.device_secrets import is_right
from tests.devices.clients import is_refused, logged_in
from tests.devices.conftest import SERVICE, Broker

MQTT = {"MQTT_URL": "mqtt://kilowatch:pass@127.0.0.1:1"}


def run(database_url: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["device", *words], env={"DATABASE_URL": database_url, **MQTT, "COLUMNS": "300"})


def done(database_url: str, *words: str) -> Result:
    result = run(database_url, *words)
    assert result.exit_code == 0, result.output
    return result


def devices(database_url: str, *words: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in done(database_url, "list", "--json", *words).stdout.splitlines()]


def test_a_device_is_added_rotated_and_revoked_and_its_secret_is_printed_alone(database_url: str) -> None:
    secret = done(database_url, "add", "TASMOTA", "cellar").stdout.strip()
    (device,) = devices(database_url)
    device_id = str(device["id"])
    assert secret.startswith("kwd_")
    assert "tele/cellar/#" in done(database_url, "show", device_id).stdout
    second = done(database_url, "rotate", device_id, "--overlap-hours", "1").stdout.strip()
    with psycopg.connect(database_url) as database:
        kept = dict(database.execute("SELECT username, hash FROM registered_device_login").fetchall())
        assert is_right(secret, kept=kept[device_id])
        assert is_right(second, kept=kept[f"{device_id}-2"])
        done(database_url, "revoke", device_id)
        assert database.execute("SELECT count(*) FROM registered_device_login").fetchone() == (0,)
        acts = database.execute("SELECT action, actor, details::text FROM audit_entry ORDER BY id").fetchall()
    assert [action for action, *_ in acts] == ["REGISTER_DEVICE", "ROTATE_DEVICE_SECRET", "REVOKE_DEVICE"]
    assert {actor for _, actor, _ in acts} == {"command line"}
    assert not any(one in str(acts) for one in (secret, second))
    assert devices(database_url) == []
    assert len(devices(database_url, "--with-revoked")) == 1


def test_a_token_is_printed_that_the_servers_keys_have_signed(database_url: str, tmp_path: Path) -> None:
    done(database_url, "add", "PANEL_METER", "PM1")
    device_id, keys = str(devices(database_url)[0]["id"]), tmp_path / "keys.json"
    env = {"DATABASE_URL": database_url, "KILOWATCH_SIGNING_KEYS_FILE": str(keys)}
    token = CliRunner().invoke(app, ["device", "token", device_id, "--hours", "1"], env=env).stdout.strip()
    signing = Signing(key_ring(keys, now=datetime.now(UTC)), lambda: datetime.now(UTC))
    claims = signing.read(token, audience="mqtt")
    assert claims["sub"] == device_id
    assert claims["acl"][0] == {"permission": "allow", "action": "publish", "topic": "DATA/PM/PM1"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "TASMOTA", "tele"), "BAD_NAME"),
        (("add", "MAPPED", "box"), "BAD_INPUT"),
        (("add", "TASMOTA", "cellar", "--topic", "#"), "BAD_TOPIC"),
        (("add", "TASMOTA", "cellar", "--property", "99"), "PROPERTY_NOT_FOUND"),
        (("add", "TASMOTA", "cellar", "--claim-code"), "BAD_INPUT"),
        (("rotate", "dev_x"), "DEVICE_NOT_FOUND"),
        (("revoke", "dev_x"), "DEVICE_NOT_FOUND"),
        (("token", "dev_x"), "DEVICE_NOT_FOUND"),
    ],
)
def test_what_cannot_be_done_says_why(database_url: str, words: tuple[str, ...], code: str) -> None:
    result = run(database_url, *words)
    assert isinstance(result.exception, Refused)
    assert result.exception.code == code


def test_a_box_gets_a_code_by_which_its_buyer_claims_the_panel(database_url: str) -> None:
    result = done(database_url, "add", "PANEL_METER", "PM7", "--claim-code")
    assert "claim code for the box: KW-" in result.stderr
    with psycopg.connect(database_url) as database:
        query = "SELECT code, property_id, expires_at FROM panel JOIN claim_code_panel ON panel_id = panel.id"
        rows = database.execute(f"{query} JOIN claim_code ON claim_code.id = claim_code_id".encode()).fetchall()
    assert rows == [("PM7", None, None)]


def test_files_are_for_their_owners_eyes_and_written_again_only_when_something_changed(
    database_url: str, tmp_path: Path
) -> None:
    secret = done(database_url, "add", "PANEL_METER", "PM1").stdout.strip()
    folder, document = tmp_path / "mosquitto", tmp_path / "dynamic.json"
    for _ in range(2):
        done(database_url, "export", "--mosquitto", str(folder), "--dynamic-security", str(document))
        files = sorted(folder.iterdir())
        assert [file.name for file in files] == ["access", "kilowatch.conf", "passwords"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in [*files, document]} == {0o600}
        assert not any(secret in file.read_text() for file in [*files, document])
    (device,) = devices(database_url)
    lines = (folder / "passwords").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["kilowatch", device["id"]]
    assert is_right("pass", kept=lines[0].partition(":")[2])
    before = [file.stat().st_ino for file in files]
    done(database_url, "export", "--mosquitto", str(folder))
    assert [file.stat().st_ino for file in sorted(folder.iterdir())] == before
    done(database_url, "revoke", str(device["id"]))
    done(database_url, "export", "--mosquitto", str(folder))
    assert str(device["id"]) not in "".join(file.read_text() for file in folder.iterdir())


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(CommandError, match="cannot write"):
        put_file(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_an_export_needs_somewhere_to_write_and_a_login_of_ingests(database_url: str, tmp_path: Path) -> None:
    nowhere = run(database_url, "export")
    assert "--mosquitto" in str(nowhere.exception)
    env = {"DATABASE_URL": database_url, "MQTT_URL": "mqtt://127.0.0.1:1"}
    nobody = CliRunner().invoke(app, ["device", "export", "--mosquitto", str(tmp_path)], env=env)
    assert "KILOWATCH_MQTT_USERNAME" in str(nobody.exception)


async def test_a_running_broker_follows_what_is_registered_rotated_and_revoked(broker: Broker, pool: Pool) -> None:
    await broker.write()
    with broker.mosquitto:
        process = broker.mosquitto._process
        assert process
        pid_file = broker.files.folder / "pid"
        pid_file.write_text(f"{process.pid}\n")
        follow = Following(broker.files, SERVICE, Reload(pid_file))
        step = Step("mosquitto", CHANNELS, follow.step(pool))
        following = asyncio.create_task(keep_running([step], database_url=pool.conninfo, pool=pool))
        try:
            device = await broker.register(DeviceKind.PANEL_METER, "PM1")
            await eventually_in(broker, *device.login)
            old = device.login
            async with logged_in(broker.port, *old) as meter:
                await broker.rotate(device, others_end_at=datetime.now(UTC) + timedelta(seconds=1))
                await meter.ended()  # nobody changes anything then: the login ends by itself
            assert await is_refused(broker.port, *old)
            async with logged_in(broker.port, *device.login) as meter:
                await broker.connection.execute("DELETE FROM registered_device")
                await meter.ended()
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


async def eventually_in(broker: Broker, username: str, secret: str) -> None:
    async with asyncio.timeout(15):
        is_out = True
        while is_out:
            is_out = await is_refused(broker.port, username, secret)


async def test_a_broker_that_was_not_told_is_told_again(
    connection: AsyncConnection[Row], pool: Pool, tmp_path: Path
) -> None:
    assert connection
    told, files = tmp_path / "told", MosquittoFiles(tmp_path / "logins")
    failing = Following(files, SERVICE, Reload(command="false"))
    with pytest.raises(CommandError, match="KILOWATCH_MOSQUITTO_RELOAD failed"):
        await failing.write(pool, now=datetime.now(UTC))
    working = Following(files, SERVICE, Reload(command=f"touch '{told}'"))
    await working.write(pool, now=datetime.now(UTC))
    assert told.exists()
    told.unlink()
    await working.write(pool, now=datetime.now(UTC))
    assert not told.exists()


@pytest.mark.parametrize("text", ["", "0", "-1", "1", "none", "999999999"])
def test_a_pid_file_that_names_no_broker_signals_nobody(tmp_path: Path, text: str) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(text)
    with pytest.raises(CommandError, match="names no process"):
        Reload(pid_file).tell()


@pytest.mark.parametrize(
    "name", ["kilo:watch", "kilowatch\ntopic readwrite #", " kilowatch", "dev_aaaaaaaaaaaaaaaa", "#"]
)
def test_a_user_name_that_the_brokers_files_cannot_hold_is_refused(
    database_url: str, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "logins"
    environment = {
        "DATABASE_URL": database_url,
        "MQTT_URL": f"mqtt://{quote(name, safe='')}:pass@127.0.0.1:1",
    }
    exported = CliRunner().invoke(app, ["device", "export", "--mosquitto", str(folder)], env=environment)
    assert isinstance(exported.exception, CommandError)
    assert "user name" in str(exported.exception)
    assert not folder.exists()
