"""What settings take, and what is said of the others."""

import re
from pathlib import Path

import msgspec
import pytest

from kilowatch.settings import SECRETS, SettingError, Settings, file_variable, read, unknown, variable


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MQTT_URL", "foo", "mqtt://host:1883"),
        ("DATABASE_URL", "nonsense", "postgresql://user:password@host"),
        ("KILOWATCH_TIME_ZONE", "Mars", "Asia/Jakarta"),
        ("KILOWATCH_FCM_CREDENTIALS", "nowhere.json", "service-account file that exists"),
        ("KILOWATCH_PORT", "http", "a whole number from 0 to 65535"),
        ("KILOWATCH_POOL_SIZE", "0", "a whole number from 2 to 500"),
        ("KILOWATCH_GRAPHIQL", "yes", "true or false"),
        ("KILOWATCH_HEARTBEAT_S", "0", "a number above 0, up to 3600"),
        ("KILOWATCH_FORECAST_EVERY_S", "nan", "a number from 0 to 3600"),
        ("KILOWATCH_KEEP_READINGS_DAYS", "31", "0, or a whole number of days from 32 to 36500"),
        ("KILOWATCH_KEEP_HOURS_DAYS", "-1", "0, or a whole number of days from 200 to 36500"),
        ("KILOWATCH_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
        ("KILOWATCH_HOME_ASSISTANT_PREFIX", "a//b", "in levels divided by /"),
        ("KILOWATCH_HOST", "999.1.1.1", "127.0.0.1, 0.0.0.0 or ::"),
        ("KILOWATCH_HOST", "http://localhost", "or a host's name"),
        *(("KILOWATCH_MQTT_TOPICS", topics, "DATA/PM/+,tele/#") for topics in ("a/#/b", "a/b+", "DATA/#,a#", ",")),
        ("KILOWATCH_DISCOVERY", "shut", "open or closed"),
        ("KILOWATCH_TRUSTED_PROXIES", "proxy.example.org", "127.0.0.1,10.0.0.0/8"),
        ("KILOWATCH_TRUSTED_PROXIES", "*", "127.0.0.1,10.0.0.0/8"),
        ("KILOWATCH_MQTT_CA_FILE", "nowhere.pem", "certificates (PEM) that exists"),
        *(
            ("KILOWATCH_ALLOWED_ORIGINS", origins, "https://app.example.org")
            for origins in ("foo", "*", "https://app.example.org/", "https://a.example,ftp://b.example")
        ),
    ],
)
def test_a_setting_that_does_not_fit_is_named_with_what_it_takes(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingError) as refusal:
        read({variable: value})
    assert str(refusal.value).startswith(variable)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(
            ("KILOWATCH_HOST", host)
            for host in ("localhost", "192.168.1.7", "::", "fe80::1", "meters.example.org", "db-1")
        ),
        *(("KILOWATCH_MQTT_TOPICS", topics) for topics in ("#", "+/+", "DATA/PM/+, tele/#", "/a", "$SYS/#")),
        *(
            ("KILOWATCH_ALLOWED_ORIGINS", some)
            for some in ("https://a.example, http://localhost:5173", "http://[::1]:80")
        ),
        ("KILOWATCH_GRAPHIQL", "FALSE"),
        ("KILOWATCH_KEEP_READINGS_DAYS", "0"),
    ],
)
def test_a_setting_that_fits_is_taken(variable: str, value: str) -> None:
    read({variable: value})


def test_what_is_empty_counts_as_not_set() -> None:
    assert read({"KILOWATCH_PORT": "", "DATABASE_URL": ""}) == Settings()


def test_every_setting_says_what_it_takes_when_a_word_cannot_be_it() -> None:
    for field in msgspec.structs.fields(Settings):
        if not isinstance(field.default, str):
            with pytest.raises(SettingError, match=r"true or false|number"):
                read({f"KILOWATCH_{field.name.upper()}": "word"})


def test_what_looks_like_a_setting_and_is_none_is_told_with_what_may_be_meant() -> None:
    (words,) = unknown(
        {"KILOWATCH_PROT": "1", "KILOWATCH_PORT": "1", "KILOWATCH_PASSWORD": "x", "KILOWATCH_X": "", "HOME": "/"}
    )
    assert words == "KILOWATCH_PROT is no setting and changes nothing: did you mean KILOWATCH_PORT?"


def test_a_secret_can_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://ann:pearl@db/kw\n")
    assert read({"DATABASE_URL_FILE": str(file)}).database_url == "postgresql://ann:pearl@db/kw"
    assert unknown({"KILOWATCH_VENDOR_KEY_FILE": str(file)}) == []


def test_a_secret_that_is_set_twice_or_in_no_file_is_refused_without_its_value(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("pearl-in-the-file")
    for environment, words in (
        ({"KILOWATCH_VENDOR_KEY": "pearl", "KILOWATCH_VENDOR_KEY_FILE": str(file)}, "are both set"),
        ({"KILOWATCH_VENDOR_KEY_FILE": str(tmp_path / "none")}, "cannot be read"),
    ):
        with pytest.raises(SettingError, match=words) as refusal:
            read(environment)
        assert "pearl" not in str(refusal.value)


def test_settings_do_not_show_their_secrets() -> None:
    settings = read({"DATABASE_URL": "postgresql://ann:pearl@db/kw", "KILOWATCH_PORT": "1"})
    assert repr(settings) == "Settings(database_url=***, port=1)"


def test_every_setting_that_sounds_like_a_secret_is_treated_as_one() -> None:
    names = [field.name for field in msgspec.structs.fields(Settings)]
    secret = {name for name in names if re.search(r"(^|_)(secret|password|key|token|hash|pepper)(_|$)", name)}
    assert {name for name in secret if not name.endswith(("_file", "_days"))} <= SECRETS


def test_the_file_of_a_secret_is_named_like_no_other_setting() -> None:
    assert {file_variable(name) for name in SECRETS}.isdisjoint(
        variable(field.name) for field in msgspec.structs.fields(Settings)
    )
