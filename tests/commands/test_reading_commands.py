"""`kilowatch reading`, as a person types it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from metering.readings import Reading
from tests.commands.test_commands import refused, succeeded
from tests.fixtures.flat import Flat

START = datetime(2025, 3, 4, 10, tzinfo=UTC)
AT = "2025-03-04T11:01:00+01:00"


@pytest.fixture
def filled(flat: Flat) -> Flat:
    """Five readings, a minute apart."""
    instants = [START + timedelta(minutes=minute) for minute in range(5)]
    flat.writer.write([(flat.panel_id, Reading(at, at, energy_import_kwh=1.0, active_power_kw=2.0)) for at in instants])
    return flat


def test_readings_are_corrected_withdrawn_and_restored_and_all_of_it_is_listed(filled: Flat, database_url: str) -> None:
    url = {"DATABASE_URL": database_url}
    why = ("--reason", "misread [by hand]")
    new = ("--set", "energy_import_kwh=1.5", "--set", "active_power_kw=")
    assert "CORRECTION 1: 1 reading of FLAT_3A" in succeeded("reading", "correct", "FLAT_3A", AT, *new, *why, **url)
    span = ("--from", "2025-03-04T10:03:00Z", "--to", "2025-03-04T10:30:00Z")
    assert "WITHDRAWAL 2: 2 readings of FLAT_3A" in succeeded("reading", "withdraw", "FLAT_3A", *span, *why, **url)
    assert "RESTORATION 3: 2 readings" in succeeded("reading", "restore", "2", *why, **url)
    listed = succeeded("reading", "changes", "FLAT_3A", **{**url, "COLUMNS": "40"})
    for words in ("energy_import_kwh: 1.0 -> 1.5", "active_power_kw: 2.0 -> None", "RESTORATION of 2", "undone",
                  "misread [by hand]", "on the command line"):  # fmt: skip
        assert words in listed, listed
    newest, *_ = map(json.loads, succeeded("reading", "changes", "FLAT_3A", "--json", **url).splitlines())
    assert (newest["id"], newest["kind"], newest["restores_id"], newest["panel_code"]) == (
        3,
        "RESTORATION",
        2,
        "FLAT_3A",
    )
    rows = filled.execute("SELECT energy_import_kwh, active_power_kw FROM reading ORDER BY at")
    assert rows == [(1.0, 2.0), (1.5, None), (1.0, 2.0), (1.0, 2.0), (1.0, 2.0)]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("correct", "NONE", AT, "--set", "power_factor=1"), "PANEL_NOT_FOUND"),
        (("correct", "FLAT_3A", "2025-03-04 10:01", "--set", "power_factor=1"), "BAD_DATETIME"),
        (("correct", "FLAT_3A", AT, "--set", "power=1"), "BAD_INPUT"),
        (("correct", "FLAT_3A", AT, "--set", "power_factor=nan"), "BAD_INPUT"),
        (("correct", "FLAT_3A", AT, "--set", "power_factor"), "BAD_INPUT"),
        (("withdraw", "FLAT_3A", "--from", AT, "--to", AT), "BAD_RANGE"),
        (("restore", "7"), "CHANGE_NOT_FOUND"),
    ],
)
def test_what_cannot_be_changed_is_said(filled: Flat, database_url: str, words: tuple[str, ...], code: str) -> None:
    assert code in refused("reading", *words, "--reason", "a test", DATABASE_URL=database_url)
    assert filled.execute("SELECT count(*) FROM reading_change") == [(0,)]
