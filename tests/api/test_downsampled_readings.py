"""More readings than points: averages with the true extremes of each bin, or picks that keep the peaks."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from metering import buckets
from metering.readings import PhaseValues, Reading
from resolvers import readings as resolved
from resolvers.pages import cursor_of
from tests.api.conftest import NOW, Site, reading

START = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)
DAY = 'from: "2026-03-09T00:00:00Z", to: "2026-03-10T00:00:00Z"'
PICKED = "downsampling: MIN_MAX_LTTB"


def noisy(*, every_s: int, count: int, seed: int = 7) -> list[Reading]:
    """Readings of a home whose power and voltage wander, some of them without power."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    return [
        reading(
            START + timedelta(seconds=every_s * place),
            100 + place / 1000,
            None if place % 50 == 49 else round(chance.expovariate(1.0) - 0.5, 3),
            voltage_v=PhaseValues(round(220 + chance.random() * 10, 1), None, None, None),
            apparent_power_kva=2.0,
            power_factor=0.5,
        )
        for place in range(count)
    ]


def at_ms(one: Reading) -> float:
    return one.at.timestamp() * 1000


async def series(site: Site, arguments: str, selection: str) -> dict:
    return (await site.panel(f"readings({arguments}) {{ level pointSpanS count {selection} }}"))["readings"]


async def test_each_bin_of_readings_has_its_true_extremes_and_averages(site: Site) -> None:
    site.add_panel("PM")
    stored = noisy(every_s=30, count=300)
    site.load("PM", stored)
    found = await series(
        site,
        'from: "2026-03-09T00:00:00Z", to: "2026-03-09T02:30:00Z", maxPoints: 150',
        "atMs activePowerKw minActivePowerKw maxActivePowerKw powerFactor apparentPowerKva voltage { r s }",
    )
    assert (found["level"], found["pointSpanS"], found["count"]) == ("READINGS", 60, 150)
    for place in range(150):
        bin_ = stored[2 * place : 2 * place + 2]
        powers = [one.active_power_kw for one in bin_ if one.active_power_kw is not None]
        assert found["atMs"][place] == at_ms(bin_[-1])
        assert (found["minActivePowerKw"][place], found["maxActivePowerKw"][place]) == (min(powers), max(powers))
        assert found["activePowerKw"][place] == pytest.approx(sum(powers) / len(powers), abs=1e-6)
        volts = [one.voltage_v.r for one in bin_ if one.voltage_v and one.voltage_v.r]
        assert found["voltage"]["r"][place] == pytest.approx(sum(volts) / 2, abs=1e-4)
    assert (set(found["powerFactor"]), set(found["apparentPowerKva"])) == ({0.5}, {2.0})
    assert found["voltage"]["s"] == [None] * 150


async def test_bins_of_sums_have_their_true_extremes_and_no_voltages(site: Site) -> None:
    site.add_panel("PM")
    stored = noisy(every_s=60, count=600)
    site.load("PM", stored)
    found = await series(
        site,
        f"{DAY}, maxPoints: 24",
        "minActivePowerKw maxActivePowerKw powerFactor apparentPowerKva voltage { r } current { r } voltageUnbalance"
        " currentUnbalance flagBits",
    )
    hours = [[one.active_power_kw for one in stored[first : first + 60]] for first in range(0, 600, 60)]
    powers = [[power for power in hour if power is not None] for hour in hours]
    assert (found["level"], found["pointSpanS"], found["count"]) == ("HOUR", 3600, 10)
    assert found["minActivePowerKw"] == [min(hour) for hour in powers]
    assert found["maxActivePowerKw"] == [max(hour) for hour in powers]
    assert (found["powerFactor"], found["flagBits"]) == ([0.5] * 10, [0] * 10)
    unknown = ("apparentPowerKva", "voltage", "current", "voltageUnbalance", "currentUnbalance")
    assert [found[name] for name in unknown] == [None] * 5


async def test_picks_are_stored_readings_with_both_ends_and_the_extremes(site: Site) -> None:
    site.add_panel("PM")
    stored = noisy(every_s=60, count=1000)
    site.load("PM", stored)
    found = await series(
        site,
        f"{DAY}, maxPoints: 60, {PICKED}",
        "downsampledFrom atMs activePowerKw minActivePowerKw energyImportKwh voltage { r }",
    )
    assert (found["level"], found["pointSpanS"], found["downsampledFrom"]) == ("READINGS", None, 1000)
    assert 50 <= found["count"] <= 60
    known = {at_ms(one): one for one in stored if one.active_power_kw is not None}
    picked = [known[at] for at in found["atMs"]]
    assert found["atMs"] == sorted(found["atMs"])
    assert found["activePowerKw"] == found["minActivePowerKw"] == [one.active_power_kw for one in picked]
    assert found["energyImportKwh"] == [one.energy_import_kwh for one in picked]
    assert found["voltage"]["r"] == [one.voltage_v and one.voltage_v.r for one in picked]
    assert (found["atMs"][0], found["atMs"][-1]) == (min(known), max(known))
    powers = [one.active_power_kw or 0.0 for one in known.values()]
    assert (min(found["activePowerKw"]), max(found["activePowerKw"])) == (min(powers), max(powers))


async def test_more_readings_than_can_be_picked_from_are_picked_from_sums(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "MAX_PICKED_READINGS", 500)
    site.add_panel("PM")
    stored = noisy(every_s=60, count=1000)
    site.load("PM", stored)
    for max_points, level, span_s, rows in ((60, "FIVE_MINUTES", 300, 200), (20, "HOUR", 3600, 17)):
        found = await series(
            site,
            f"{DAY}, maxPoints: {max_points}, {PICKED}",
            "atMs activePowerKw minActivePowerKw maxActivePowerKw voltage { r }",
        )
        assert (found["level"], found["pointSpanS"], found["voltage"]) == (level, span_s, None)
        assert found["count"] <= min(max_points, rows)
        assert all(before < after for before, after in pairwise(found["atMs"]))
        powers = [one.active_power_kw for one in stored if one.active_power_kw is not None]
        assert (min(found["minActivePowerKw"]), max(found["maxActivePowerKw"])) == (min(powers), max(powers))
        extremes = zip(found["minActivePowerKw"], found["maxActivePowerKw"], strict=True)
        assert all(power in both for power, both in zip(found["activePowerKw"], extremes, strict=True))


async def test_where_nothing_has_a_power_there_is_nothing_to_pick_and_bins_come(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", [reading(START + timedelta(minutes=place), 100.0 + place) for place in range(100)])
    found = await series(site, f"{DAY}, maxPoints: 24, {PICKED}", "activePowerKw energyImportKwh")
    assert (found["level"], found["energyImportKwh"], found["activePowerKw"]) == ("HOUR", [159.0, 199.0], [None, None])


async def test_few_readings_come_as_they_are_with_every_quantity_whatever_the_downsampling(site: Site) -> None:
    site.add_panel("PM")
    said = reading(
        START, 1.0, 1.5, current_a=PhaseValues(None, 0.99, 5.1, 0.1), voltage_unbalance=0.01, current_unbalance=0.047
    )
    site.load("PM", [said, reading(START + timedelta(seconds=1), 2.0)])
    columns = (
        "level pointSpanS activePowerKw minActivePowerKw maxActivePowerKw apparentPowerKva powerFactor"
        " voltage { r } current { r s t n } voltageUnbalance currentUnbalance"
    )
    for arguments in (DAY, f"{DAY}, {PICKED}"):
        assert await series(site, arguments, columns) == {
            "level": "READINGS",
            "pointSpanS": None,
            "count": 2,
            "activePowerKw": [1.5, None],
            "minActivePowerKw": [1.5, None],
            "maxActivePowerKw": [1.5, None],
            "apparentPowerKva": [None, None],
            "powerFactor": [None, None],
            "voltage": {"r": [None, None]},
            "current": {"r": [None, None], "s": [0.99, None], "t": [5.1, None], "n": [0.1, None]},
            "voltageUnbalance": [0.01, None],
            "currentUnbalance": [0.047, None],
        }


PLAIN = "at atMs activePowerKw minActivePowerKw maxActivePowerKw energyImportKwh energyExportKwh powerFactor flagBits"


@pytest.mark.parametrize("phases", ["", "voltage { r t } current { n }"])
async def test_points_are_the_same_as_columns(site: Site, phases: str) -> None:
    site.add_panel("PM")
    site.load("PM", [*noisy(every_s=30, count=120), reading(START + timedelta(hours=3), 200.0)])
    for arguments in (DAY, f"{DAY}, maxPoints: 100, {PICKED}", f"{DAY}, maxPoints: 24", "range: LAST_1H"):
        found = await series(site, arguments, f"{PLAIN} {phases} points {{ {PLAIN} {phases} }}")
        assert len(found["points"]) == found["count"]
        for name in PLAIN.split():
            assert [point[name] for point in found["points"]] == found[name]
        for name in ("voltage", "current") if phases else ():
            for place, point in enumerate(found["points"]):
                for phase, value in (point[name] or {}).items():
                    assert value == found[name][phase][place]


async def test_a_list_of_points_may_hold_so_many_values_and_columns_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolved, "MAX_POINT_VALUES", 1000)
    site.add_panel("PM")
    site.load("PM", noisy(every_s=60, count=250))
    query = f'{{ panel(code: "PM") {{ readings({DAY}) {{ count %s }} }} }}'
    plain = "atMs activePowerKw voltage { r } flagBits"
    assert (await site.ask(query % f"points {{ {plain} }}"))["panel"]["readings"]["count"] == 250
    assert (await site.ask(query % f"{plain} energyImportKwh"))["panel"]["readings"]["count"] == 250
    body = await site.answer(query % f"points {{ {plain} energyImportKwh }}")
    assert body["errors"][0]["extensions"] == {"code": "TOO_MANY_POINTS", "field": "maxPoints"}
    assert "of 5 fields may be 200 at the most" in body["errors"][0]["message"]


async def test_a_period_of_which_readings_were_removed_is_drawn_from_what_is_kept(site: Site) -> None:
    site.add_panel("PM")
    site.load("PM", noisy(every_s=60, count=120))
    site.database.execute("DELETE FROM reading")
    keep = (
        "INSERT INTO retention (level, kept_since, announced_at, removed_before)"
        " VALUES (%(level)s, %(at)s, %(at)s, %(at)s)"
    )
    for level, drawn, count in (("READINGS", "FIVE_MINUTES", 24), ("FIVE_MINUTES", "HOUR", 2), ("HOURS", "DAY", 1)):
        site.database.execute(keep, {"level": level, "at": NOW})
        for arguments in (DAY, f"{DAY}, maxPoints: 100, {PICKED}"):
            found = await series(site, arguments, "downsampledFrom")
            assert (found["level"], found["count"], found["downsampledFrom"]) == (drawn, count, 120)


async def test_a_cursor_within_a_batch_is_refused_for_another_panel(site: Site) -> None:
    ids = [site.add_panel(code) for code in ("PM", "OTHER")]
    batch_id = site.load("PM", noisy(every_s=60, count=10))
    at_us = round(START.timestamp() * 1e6)
    query = '{ panel(code: "%s") { readings(from: "2026-03-09T00:00:00Z", after: "%s") { count } } }'
    own, others = (cursor_of("series", f"{batch_id}.{at_us}.{panel_id}") for panel_id in ids)
    assert (await site.ask(query % ("PM", own)))["panel"]["readings"]["count"] == 9
    assert await site.code(query % ("PM", others)) == "BAD_CURSOR"
    assert await site.code(query % ("PM", cursor_of("series", f"{batch_id}.{at_us}"))) == "BAD_CURSOR"
    assert (await site.ask(query % ("OTHER", cursor_of("series", batch_id))))["panel"]["readings"]["count"] == 0
