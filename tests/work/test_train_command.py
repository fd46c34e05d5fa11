"""What a model learns from the site's own meters, and who has to agree."""

import pytest
from typer.testing import CliRunner

from kilowatch.cli import app
from kilowatch.own_homes import homes_of
from kilowatch.starting import CommandError
from store.connections import Pool
from tests.fixtures.flat import NOW, Flat


@pytest.mark.parametrize(("days", "names"), [(30, 0), (60, 1)])
async def test_panels_with_weeks_of_usage_can_be_learnt_from(pool: Pool, flat: Flat, days: int, names: int) -> None:
    flat.meter_steadily(days=days)
    async with pool.connection() as connection:
        found = await homes_of(connection, now=NOW)
    assert [home.name for home in found] == [f"own_{flat.panel_id}"] * names
    for home in found:
        assert home.energy_kwh == pytest.approx(0.5, abs=0.01)


def test_nothing_is_read_from_own_meters_before_the_owner_agrees() -> None:
    environment = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "KILOWATCH_TRAIN_ON_OWN_METERS": "false"}
    refused = CliRunner().invoke(app, ["train", "--with-own-meters"], env=environment)
    assert isinstance(refused.exception, CommandError)
    assert "owner" in str(refused.exception)


def test_a_folder_that_is_not_there_is_told_before_training() -> None:
    refused = CliRunner().invoke(app, ["train", "--out", "/nowhere/at/all/model.safetensors"])
    assert isinstance(refused.exception, CommandError)
