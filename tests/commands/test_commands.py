"""The command line, as a person types it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from kilowatch.serve import signing_key
from metering.devices import DeviceKind


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("KILOWATCH_", "DATABASE", "MQTT"))
    }
    return subprocess.run(
        [sys.executable, "-m", "kilowatch", *words],
        env={**clean, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def succeeded(*words: str, **environment: str) -> str:
    done = run(*words, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*words: str, **environment: str) -> str:
    done = run(*words, **environment)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_people_are_added_given_panels_and_removed(database_url: str) -> None:
    url = {"DATABASE_URL": database_url, "KILOWATCH_PASSWORD": "correct horse battery"}
    succeeded("panel", "set", "FLAT_7", "--name", "Flat 7", "--time-zone", "Africa/Lagos", "--prepaid", **url)
    succeeded("user", "add", "ada@example.org", "--name", "Ada", "--panel", "FLAT_7", **url)
    assert "FLAT_7" in succeeded("user", "list", **url)
    assert "EMAIL_TAKEN" in refused("user", "add", "Ada@Example.org", "--name", "Ada", **url)
    assert "BAD_ROLE" in refused("user", "add", "bo@example.org", "--name", "Bo", "--role", "KING", **url)
    assert "PANEL_NOT_FOUND" in refused("user", "grant", "ada@example.org", "NONE", **url)
    succeeded("user", "add", "--phone", "+234 801 234 5678", "--name", "Bo", "--no-password", **url)
    assert "+2348012345678" in succeeded("user", "list", **url)
    assert "BAD_INPUT" in refused("user", "add", "--name", "Nobody", "--no-password", **url)
    assert "as before" in succeeded("user", "reset-second-factor", "+2348012345678", **url)
    succeeded("user", "revoke", "ada@example.org", "FLAT_7", **url)
    assert "FLAT_7" not in succeeded("user", "list", **url)
    succeeded("user", "remove", "ada@example.org", **url)
    assert "ada@example.org" not in succeeded("user", "list", **url)
    assert "ACCOUNT_NOT_FOUND" in refused("user", "remove", "ada@example.org", **url)
    with psycopg.connect(database_url) as connection:
        kept = connection.execute(
            "SELECT action, panel_code, panel_id IS NOT NULL FROM audit_entry WHERE actor = 'command line' ORDER BY id"
        ).fetchall()
    assert kept == [
        ("DESCRIBE_PANEL", "FLAT_7", True),
        ("ADD_PERSON", None, False),
        ("GRANT_PANEL", "FLAT_7", True),
        ("ADD_PERSON", None, False),
        ("DISABLE_SECOND_FACTOR", None, False),
        ("REVOKE_PANEL", "FLAT_7", True),
        ("REMOVE_PERSON", None, False),
    ]


def test_without_a_terminal_a_password_is_asked_of_the_environment(database_url: str) -> None:
    said = refused("user", "add", "ada@example.org", "--name", "Ada", DATABASE_URL=database_url)
    assert "set KILOWATCH_PASSWORD" in said
    assert "GetPassWarning" not in said


@pytest.mark.parametrize("words", [("user", "list"), ("panel", "list"), ("device", "list")])
def test_a_database_without_the_schema_is_told_in_one_line(database_url: str, words: tuple[str, ...]) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    said = refused(*words, DATABASE_URL=database_url)
    assert "run `kilowatch migrate`" in said
    assert len(said.splitlines()) == 1


def test_a_short_password_is_refused_in_whole_words(database_url: str) -> None:
    url = {"DATABASE_URL": database_url, "KILOWATCH_PASSWORD": "short"}
    assert "A password has 8 to 256 characters." in refused("user", "add", "a@example.org", "--name", "A", **url)


def test_the_help_names_every_kind_of_device() -> None:
    shown = succeeded("device", "add", "--help")
    assert all(kind in shown for kind in DeviceKind.__members__)


def test_a_panel_keeps_what_is_not_changed(database_url: str) -> None:
    url = {"DATABASE_URL": database_url}
    succeeded("panel", "set", "FLAT_7", "--name", "Flat 7", "--prepaid", "--meter-number", "4504", **url)
    succeeded("panel", "set", "FLAT_7", "--meter-since", "2024-05-06", **url)
    succeeded("panel", "set", "FLAT_7", "--location", "Lagos", **url)
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT name, location, is_prepaid, meter_number, meter_since::text, time_zone FROM panel"
        ).fetchone()
    assert row == ("Flat 7", "Lagos", True, "4504", "2024-05-06", "Asia/Jakarta")
    assert "BAD_INPUT: `timeZone` is the IANA name" in refused("panel", "set", "FLAT_7", "--time-zone", "Mars", **url)
    assert "BAD_CODE" in refused("panel", "set", "FLAT 7", **url)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--price", "0", "--currency", "NGN"), "BAD_AMOUNT"),
        (("--price", "cheap", "--currency", "NGN"), "BAD_AMOUNT"),
        (("--price", "NaN", "--currency", "NGN"), "BAD_AMOUNT"),
        (("--price", "1", "--currency", "naira"), "BAD_CURRENCY"),
        (("--price", "1", "--currency", "NGN", "--vat", "101"), "BAD_AMOUNT"),
    ],
)
def test_a_tariff_that_is_none_changes_nothing(database_url: str, words: tuple[str, ...], code: str) -> None:
    url = {"DATABASE_URL": database_url}
    succeeded("panel", "set", "FLAT_7", **url)
    assert code in refused("panel", "tariff", "FLAT_7", *words, **url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM tariff WHERE panel_id IS NOT NULL").fetchone() == (0,)


def test_a_tariff_is_set_from_a_day_on(database_url: str) -> None:
    url = {"DATABASE_URL": database_url}
    succeeded("panel", "set", "FLAT_7", **url)
    succeeded(
        "panel",
        "tariff",
        "FLAT_7",
        "--price",
        "209.50",
        "--currency",
        "NGN",
        "--vat",
        "7.5",
        "--from",
        "2026-01-01",
        **url,
    )
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT unit_price::text, currency, vat_percent::text, valid_from::text"
            " FROM tariff WHERE panel_id IS NOT NULL"
        ).fetchone()
    assert row == ("209.500000", "NGN", "7.50", "2026-01-01")
    assert "PANEL_NOT_FOUND" in refused("panel", "tariff", "NONE", "--price", "1", "--currency", "NGN", **url)


def test_rejected_messages_are_listed_as_a_table_and_as_json(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO rejected_message (topic, payload, code, reason, received_at)"
            " VALUES ('DATA/PM/A', '[bold]{', 'BAD_JSON', 'it is not JSON', '2026-01-16 11:30:05Z')"
        )
    url = {"DATABASE_URL": database_url}
    assert "[bold]{" in succeeded("rejected", "list", **url)
    (line,) = succeeded("rejected", "list", "--json", **url).splitlines()
    assert json.loads(line)["payload_text"] == "[bold]{"
    assert "0 stored, 1 still rejected" in succeeded("rejected", "replay", **url)


def test_settings_that_do_not_fit_are_named_with_what_they_take_in_one_line() -> None:
    said = refused("serve", KILOWATCH_PORT="http", KILOWATCH_MQTT_TOPICS="a/#/b")
    assert "KILOWATCH_PORT='http' cannot be used: it takes a whole number from 0 to 65535; KILOWATCH_MQTT" in said
    assert said.count("\n") == 1


def test_a_variable_that_is_no_setting_is_warned_of_once_and_changes_nothing(database_url: str) -> None:
    mistaken = {"KILOWATCH_KEEP_REDINGS_DAYS": "40", "KILOWATCH_ZZZ": "1", "KILOWATCH_EMPTY": ""}
    meant = {"KILOWATCH_PASSWORD": "x", "KILOWATCH_TEST_DATABASE_URL": "x", "KILOWATCH_FAULT_SEEDS": "1"}
    done = run("panel", "list", DATABASE_URL=database_url, **mistaken, **meant)
    assert done.returncode == 0
    first, second = done.stderr.splitlines()
    assert "WARNING kilowatch: KILOWATCH_KEEP_REDINGS_DAYS is no setting" in first
    assert "did you mean KILOWATCH_KEEP_READINGS_DAYS?" in first
    assert "KILOWATCH_ZZZ is no setting and changes nothing: docs/settings.md lists" in second


def test_an_address_that_cannot_be_had_is_told_with_the_settings_in_one_line(database_url: str, tmp_path: Path) -> None:
    url = {"DATABASE_URL": database_url, "KILOWATCH_DATA_DIR": str(tmp_path)}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("serve", KILOWATCH_PORT=str(port), **url)
        assert f"cannot listen on 127.0.0.1:{port}" in said
        assert ("KILOWATCH_PORT" in said, "serving on" in said, said.count("\n")) == (True, False, 1)
        said = refused("ingest", KILOWATCH_INGEST_METRICS_PORT=str(port), MQTT_URL="mqtt://127.0.0.1:1", **url)
        assert ("KILOWATCH_INGEST_METRICS_PORT" in said, said.count("\n")) == (True, 1)
    assert "KILOWATCH_HOST" in refused("serve", KILOWATCH_HOST="no-such-host.invalid", **url)


def test_panels_are_listed_whole_however_long_and_as_json(database_url: str) -> None:
    code, name = "C" * 64, "a long name " * 16
    url = {"DATABASE_URL": database_url, "COLUMNS": "40"}
    succeeded("panel", "set", code, "--name", name.strip(), "--location", "[bold]x", **url)
    listed = succeeded("panel", "list", **url)
    assert all(words in listed for words in (code, name.strip(), "[bold]x", "Asia/Jakarta"))
    (line,) = succeeded("panel", "list", "--json", **url).splitlines()
    assert (json.loads(line)["code"], json.loads(line)["name"]) == (code, name.strip())


def test_a_password_in_an_address_is_not_repeated() -> None:
    assert "hunter2" not in refused("serve", DATABASE_URL="postgresq://me:hunter2@db")


def test_a_missing_address_and_a_silent_database_are_said() -> None:
    assert "set DATABASE_URL" in refused("serve")
    said = refused("user", "list", DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert ("does not answer" in said, said.count("\n")) == (True, 1)


def test_a_database_of_another_version_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM schema_version WHERE number > 3")
    assert "kilowatch migrate" in refused("serve", DATABASE_URL=database_url)


def test_the_demo_stays_out_of_a_database_with_people_of_its_own(database_url: str, tmp_path: Path) -> None:
    url = {"DATABASE_URL": database_url, "KILOWATCH_DATA_DIR": str(tmp_path), "KILOWATCH_PORT": "0"}
    succeeded("user", "add", "ada@example.org", "--name", "Ada", KILOWATCH_PASSWORD="correct horse battery", **url)
    assert "well-known password" in refused("demo", **url)
    assert "demo.kilowatch" not in succeeded("user", "list", **url)


def test_the_signing_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.key"
    made = signing_key(path)
    assert len(made) == 32
    assert signing_key(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"short")
    with pytest.raises(OSError, match="holds no signing key"):
        signing_key(path)
