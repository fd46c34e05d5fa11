"""Which panels are forecast, from what, and what is kept."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg import AsyncConnection

import forecasting.refresh
from forecasting.model import load_model
from forecasting.months import refresh_months
from forecasting.refresh import refresh_stale
from metering.access import Role, Viewer
from store import forecasts
from store.connections import Pool, Row
from store.forecast_inputs import RegisterPoints, histories
from store.forecasts import StoredForecast
from tests.fixtures.flat import NOW, Flat

NEVER = timedelta(0)


@pytest.fixture
def lived_in(flat: Flat) -> Flat:
    """30 days at 0.5 kW, 60 kWh left."""
    flat.meter_steadily(days=30)
    flat.top_up("60")
    return flat


async def test_a_forecast_is_made_of_history_and_balance(pool: Pool, lived_in: Flat) -> None:
    assert await refresh_stale(pool, now=NOW) == 1
    forecast = await current(pool, lived_in)
    assert (forecast.method, forecast.balance_kwh) == ("PROFILE", Decimal("60.000"))
    assert (forecast.made_at, forecast.data_up_to) == (NOW, NOW)
    assert forecast.history_days == pytest.approx(30, abs=0.1)
    assert forecast.days_left == pytest.approx(5, abs=0.5)
    assert forecast.p10_at
    assert forecast.p50_at
    assert forecast.p90_at
    assert NOW < forecast.p10_at <= forecast.p50_at <= forecast.p90_at
    assert sum(forecast.daily.p50_kwh[:5]) == pytest.approx(12 * 5, rel=0.15)
    assert len(forecast.hourly.starts_at) == len(forecast.hourly.p50_kwh)
    assert all(at.tzinfo is UTC for at in forecast.daily.starts_at)


async def test_with_a_model_the_model_forecasts(pool: Pool, lived_in: Flat) -> None:
    await refresh_stale(pool, now=NOW, model=load_model())
    forecast = await current(pool, lived_in)
    assert forecast.method == "MODEL"
    assert forecast.days_left == pytest.approx(5, abs=0.5)
    assert forecast.p10_at
    assert forecast.p90_at
    assert NOW + timedelta(days=3.5) < forecast.p10_at < forecast.p90_at < NOW + timedelta(days=6.5)


async def test_what_a_silent_meter_has_used_since_is_counted(pool: Pool, lived_in: Flat) -> None:
    await refresh_stale(pool, now=NOW + timedelta(days=2))
    assert await days_left(pool, lived_in) == pytest.approx(3, abs=0.3)


async def test_a_look_at_the_display_of_a_silent_meter_is_the_balance_of_that_moment(
    pool: Pool, lived_in: Flat
) -> None:
    lived_in.show("36", at=NOW + timedelta(days=2))
    await refresh_stale(pool, now=NOW + timedelta(days=2))
    assert await days_left(pool, lived_in) == pytest.approx(3, abs=0.3)


async def current(pool: Pool, flat: Flat) -> StoredForecast:
    async with pool.connection() as connection:
        return (await forecasts.current(connection, flat.tenant, [flat.panel_id]))[flat.panel_id].forecast


async def days_left(pool: Pool, flat: Flat) -> float | None:
    return (await current(pool, flat)).days_left


async def points_of(connection: AsyncConnection[Row], flat: Flat, *, now: datetime) -> RegisterPoints:
    return (await histories(connection, viewer=None, panel_ids=[flat.panel_id], now=now))[flat.panel_id]


async def test_nothing_is_done_within_the_hour_without_news(pool: Pool, lived_in: Flat) -> None:
    await refresh_stale(pool, now=NOW)
    assert await refresh_stale(pool, now=NOW + timedelta(minutes=59)) == 0


async def test_a_silent_panels_forecast_is_made_anew_each_hour_and_is_told_as_wide_as_before(
    pool: Pool, lived_in: Flat
) -> None:
    spreads: list[float] = []
    for hours in (0, 24, 72):
        assert await refresh_stale(pool, now=NOW + timedelta(hours=hours)) == 1
        made = await current(pool, lived_in)
        assert (made.made_at, made.data_up_to) == (NOW + timedelta(hours=hours), NOW)
        assert made.p10_at
        assert made.p90_at
        assert made.days_left
        spreads.append((made.p90_at - made.p10_at) / timedelta(days=made.days_left))
    assert spreads == sorted(spreads)
    assert spreads[2] > 1.5 * spreads[0]


async def test_readings_wait_for_the_interval_and_credit_does_not(pool: Pool, lived_in: Flat) -> None:
    await refresh_stale(pool, now=NOW)
    lived_in.meter(361.0, at=NOW + timedelta(seconds=10))
    assert await refresh_stale(pool, now=NOW + timedelta(seconds=10)) == 0
    assert await refresh_stale(pool, now=NOW + timedelta(seconds=30)) == 1
    lived_in.meter(362.0, at=NOW + timedelta(seconds=31))
    lived_in.top_up("1", at=NOW + timedelta(seconds=31))
    assert await refresh_stale(pool, now=NOW + timedelta(seconds=31)) == 1


async def test_late_readings_are_news(pool: Pool, lived_in: Flat) -> None:
    await refresh_stale(pool, now=NOW)
    at = NOW - timedelta(minutes=90)
    lived_in.meter(359.4, at=at, received_at=NOW + timedelta(seconds=1))
    assert await refresh_stale(pool, now=NOW, min_interval=NEVER) == 1


async def test_without_credit_or_when_postpaid_there_is_no_forecast(pool: Pool, flat: Flat) -> None:
    flat.meter_steadily(days=3)
    assert await refresh_stale(pool, now=NOW) == 0
    flat.top_up("10")
    flat.execute("UPDATE panel SET is_prepaid = false")
    assert await refresh_stale(pool, now=NOW) == 0


async def test_before_the_first_reading_a_panel_is_looked_at_once(pool: Pool, flat: Flat) -> None:
    flat.top_up("10")
    assert await refresh_stale(pool, now=NOW, min_interval=NEVER) == 1
    assert await refresh_stale(pool, now=NOW, min_interval=NEVER) == 0
    assert flat.execute("SELECT count(*) FROM depletion_forecast") == [(0,)]


async def test_the_newest_forecast_of_an_hour_stays(pool: Pool, lived_in: Flat) -> None:
    for minutes in (0, 10, 70):
        lived_in.meter(360.0 + minutes / 120, at=NOW + timedelta(minutes=minutes, seconds=1))
        await refresh_stale(pool, now=NOW + timedelta(minutes=minutes, seconds=2), min_interval=NEVER)
    rows = lived_in.execute("SELECT hour_at, made_at FROM depletion_forecast ORDER BY hour_at")
    assert [made_at - hour_at for hour_at, made_at in rows] == [
        timedelta(minutes=10, seconds=2),
        timedelta(minutes=10, seconds=2),
    ]


async def test_the_usage_that_was_expected_is_kept_of_the_newest_forecast_alone(pool: Pool, lived_in: Flat) -> None:
    for hours in range(4):
        lived_in.meter(360.5 + hours, at=NOW + timedelta(hours=hours, seconds=1))
        await refresh_stale(pool, now=NOW + timedelta(hours=hours, seconds=2), min_interval=NEVER)
    rows = lived_in.execute(
        "SELECT daily IS NOT NULL, hourly IS NOT NULL, p50_at IS NOT NULL FROM depletion_forecast ORDER BY hour_at"
    )
    assert rows == [(False, False, True)] * 3 + [(True, True, True)]
    forecast = await current(pool, lived_in)
    assert forecast.daily.p50_kwh
    assert forecast.hourly.p50_kwh


async def test_forecasts_are_forgotten_after_four_hundred_days(pool: Pool, lived_in: Flat) -> None:
    for days in (401, 399, 1):
        lived_in.forecast(p50_at=None, at=NOW - timedelta(days=days))
    await refresh_stale(pool, now=NOW)
    rows = lived_in.execute("SELECT hour_at FROM depletion_forecast ORDER BY hour_at")
    assert [(NOW - hour_at).days for (hour_at,) in rows] == [399, 1, 0]


async def test_credit_of_the_moment_after_the_clock_was_read_is_in_the_forecast(pool: Pool, lived_in: Flat) -> None:
    await refresh_stale(pool, now=NOW)
    lived_in.top_up("7", at=NOW + timedelta(milliseconds=10))
    assert await refresh_stale(pool, now=NOW) == 1
    forecast = await current(pool, lived_in)
    assert forecast.balance_kwh == Decimal("67.000")


async def test_a_panel_that_fails_is_logged_and_does_not_hold_up_the_others(
    pool: Pool, lived_in: Flat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lived_in.execute("ALTER TABLE panel DROP CONSTRAINT panel_time_zone_check")
    lived_in.execute(
        "WITH bad AS (INSERT INTO panel (code, name, time_zone, is_prepaid) VALUES ('BAD', 'Bad', 'No/Where', true)"
        " RETURNING id), credited AS (INSERT INTO ledger_entry (panel_id, at, kind, units_kwh)"
        " SELECT id, '2025-01-01', 'TOP_UP', 5 FROM bad)"
        " INSERT INTO latest_reading (panel_id, at, received_at, batch_id, last_seen_at)"
        " SELECT id, '2025-02-01', '2025-02-01', 1, '2025-02-01' FROM bad"
    )

    def failing(questions: list[Any], **_others: Any) -> None:
        raise RuntimeError(f"no forecast for {len(questions)}")

    assert await refresh_stale(pool, now=NOW) == 2
    assert await refresh_months(pool, now=NOW) == 2
    assert lived_in.execute("SELECT count(*) FROM depletion_forecast") == [(1,)]
    assert lived_in.execute("SELECT count(*) FROM month_forecast") == [(1,)]
    assert "no forecast for panel BAD" in caplog.text
    lived_in.top_up("1", at=NOW)
    monkeypatch.setattr(forecasting.refresh, "forecast_depletions", failing)
    assert await refresh_stale(pool, now=NOW) == 1
    assert lived_in.execute("SELECT count(*) FROM depletion_forecast") == [(1,)]
    assert await refresh_stale(pool, now=NOW, min_interval=NEVER) == 0


async def test_a_reset_of_the_register_is_no_usage(connection: AsyncConnection[Row], flat: Flat) -> None:
    for minutes, register in ((0, 100.0), (50, 101.0), (70, 0.5), (130, 1.5)):
        flat.meter(register, at=NOW + timedelta(minutes=minutes))
    points = await points_of(connection, flat, now=NOW + timedelta(hours=3))
    assert [round(at_s - NOW.timestamp()) for at_s in points.at_s] == [0, 3000, 4200, 7800]
    assert points.register_kwh == [0.0, 1.0, 1.0, 2.0]


async def test_the_first_hour_gives_two_points_and_one_reading_one(
    connection: AsyncConnection[Row], flat: Flat
) -> None:
    flat.meter(100.0)
    one = await points_of(connection, flat, now=NOW)
    flat.meter(100.5, at=NOW + timedelta(minutes=20))
    two = await points_of(connection, flat, now=NOW + timedelta(minutes=20))
    assert one.register_kwh == [0.0]
    assert two.register_kwh == [0.0, 0.5]


async def test_a_clock_that_runs_ahead_is_taken_as_now(connection: AsyncConnection[Row], flat: Flat) -> None:
    flat.meter(100.0)
    flat.meter(100.5, at=NOW + timedelta(minutes=14), received_at=NOW + timedelta(minutes=1))
    points = await points_of(connection, flat, now=NOW + timedelta(minutes=1))
    assert points.at_s == [NOW.timestamp(), NOW.timestamp() + 60]


async def test_a_forecast_is_for_those_who_see_the_panel(pool: Pool, lived_in: Flat) -> None:
    await refresh_stale(pool, now=NOW)
    stranger = lived_in.another("stranger@example.org")
    admin = lived_in.another("admin@example.org", role=Role.ADMIN)
    async with pool.connection() as connection:

        async def seen_by(viewer: Viewer) -> int:
            return len(await forecasts.current(connection, viewer, [lived_in.panel_id]))

        assert [await seen_by(viewer) for viewer in (lived_in.tenant, stranger, admin)] == [1, 0, 1]


async def test_a_forecast_is_learned_from_those_who_live_there_now(
    pool: Pool, connection: AsyncConnection[Row], lived_in: Flat
) -> None:
    await refresh_stale(pool, now=NOW)
    moved_in = NOW - timedelta(days=3)
    await connection.execute(
        "WITH let AS (INSERT INTO tenancy (account_id, starts_at) VALUES (%s, %s) RETURNING id)"
        " INSERT INTO tenancy_panel (tenancy_id, panel_id) SELECT id, %s FROM let",
        (lived_in.tenant.account_id, moved_in, lived_in.panel_id),
    )
    assert await refresh_stale(pool, now=NOW + timedelta(minutes=1)) == 0, "it began before the panel was looked at"
    assert await refresh_stale(pool, now=NOW + timedelta(hours=1)) == 1
    assert (await current(pool, lived_in)).history_days == pytest.approx(3, abs=0.1)
    await connection.execute("UPDATE tenancy SET starts_at = %s", (NOW + timedelta(hours=1, minutes=5),))
    assert await refresh_stale(pool, now=NOW + timedelta(hours=1, minutes=6)) == 1, "somebody has moved in"
