"""Balances and forecasts become alerts: one a crossing, whoever and however many look."""

import asyncio
from datetime import timedelta

import pytest

from metering.access import Role
from notifications.rules import evaluate
from store.connections import Pool, open_pool
from tests.fixtures.flat import NOW, Flat

SOON = NOW + timedelta(minutes=5)


@pytest.fixture
def used(flat: Flat) -> Flat:
    """10 kWh bought, 4 used, a rule at 5 kWh and a phone."""
    flat.meter(1000.0, at=NOW - timedelta(days=2))
    flat.top_up("10", at=NOW - timedelta(days=1))
    flat.meter(1004.0)
    flat.warn_at(kwh="5")
    flat.phone("phone:1")
    return flat


async def test_nothing_is_said_above_the_threshold(pool: Pool, used: Flat) -> None:
    assert await evaluate(pool, now=NOW) == 0
    assert used.alerts() == []


async def test_crossing_the_threshold_alerts_once_and_puts_one_message_a_phone_in_the_outbox(
    pool: Pool, used: Flat
) -> None:
    used.phone("phone:2")
    used.meter(1005.2, at=SOON)
    assert await evaluate(pool, now=SOON) == 1
    used.meter(1005.9, at=SOON + timedelta(minutes=1))
    assert await evaluate(pool, now=SOON + timedelta(minutes=1)) == 0
    assert used.alerts() == [("OPEN", "Flat 3A has 4.8 kWh left.")]
    assert used.messages() == [("PENDING", 0, None), ("PENDING", 0, None)]


async def test_the_alert_says_how_long_units_will_last(pool: Pool, used: Flat) -> None:
    used.meter(1005.2, at=SOON)
    used.forecast(p50_at=SOON + timedelta(days=2, hours=12))
    await evaluate(pool, now=SOON)
    assert used.alerts() == [("OPEN", "Flat 3A has 4.8 kWh left, enough for about 2.5 days.")]


async def test_workers_at_the_same_time_alert_once(database_url: str, used: Flat) -> None:
    used.meter(1005.2, at=SOON)
    async with open_pool(database_url, size=12) as pool:
        raised = await asyncio.gather(*(evaluate(pool, now=SOON) for _ in range(12)))
    assert sum(raised) == 1
    assert len(used.alerts()) == 1
    assert len(used.messages()) == 1


async def test_a_top_up_clears_the_alert_and_the_next_crossing_alerts_again(pool: Pool, used: Flat) -> None:
    used.meter(1005.2, at=SOON)
    await evaluate(pool, now=SOON)
    used.top_up("0.5", at=SOON)
    await evaluate(pool, now=SOON)
    assert [state for state, _ in used.alerts()] == ["CLEARED"]
    used.meter(1005.8, at=SOON + timedelta(minutes=1))
    assert await evaluate(pool, now=SOON + timedelta(minutes=1)) == 1
    assert [state for state, _ in used.alerts()] == ["CLEARED", "OPEN"]


async def test_a_top_up_that_stays_below_the_threshold_says_nothing(pool: Pool, used: Flat) -> None:
    used.meter(1007.0, at=SOON)
    await evaluate(pool, now=SOON)
    used.top_up("1", at=SOON)
    assert await evaluate(pool, now=SOON) == 0
    assert [state for state, _ in used.alerts()] == ["OPEN"]


async def test_a_corrected_balance_needs_the_margin_to_re_arm(pool: Pool, used: Flat) -> None:
    used.meter(1005.2, at=SOON)
    await evaluate(pool, now=SOON)
    used.show("5.3", at=SOON)
    await evaluate(pool, now=SOON)
    assert [state for state, _ in used.alerts()] == ["OPEN"]
    used.show("5.5", at=SOON)
    await evaluate(pool, now=SOON)
    assert [state for state, _ in used.alerts()] == ["CLEARED"]


async def test_what_was_not_sent_before_the_top_up_is_not_sent(pool: Pool, used: Flat) -> None:
    used.meter(1005.2, at=SOON)
    await evaluate(pool, now=SOON)
    used.top_up("20", at=SOON)
    await evaluate(pool, now=SOON)
    assert used.messages() == [("FAILED", 0, "the alert was cleared first")]


async def test_a_rule_set_while_already_below_alerts_at_once(pool: Pool, used: Flat) -> None:
    used.execute("DELETE FROM low_units_rule")
    used.meter(1009.0, at=SOON)
    await evaluate(pool, now=SOON)
    used.warn_at(kwh="5")
    assert await evaluate(pool, now=SOON) == 1
    assert await evaluate(pool, now=SOON) == 0


async def test_used_up_units_are_said_plainly(pool: Pool, used: Flat) -> None:
    used.meter(1010.5, at=SOON)
    await evaluate(pool, now=SOON)
    assert used.alerts() == [("OPEN", "Flat 3A has used up its units.")]


async def test_a_rule_on_days_follows_the_forecast_and_the_clock(pool: Pool, used: Flat) -> None:
    used.execute("DELETE FROM low_units_rule")
    used.warn_at(days="3")
    assert await evaluate(pool, now=NOW) == 0  # no forecast yet
    used.forecast(p50_at=NOW + timedelta(days=4))
    assert await evaluate(pool, now=NOW) == 0
    assert await evaluate(pool, now=NOW + timedelta(days=1)) == 1
    assert used.alerts() == [("OPEN", "Flat 3A likely has 3.5 kWh left, enough for about 3 days.")]


@pytest.fixture
def looked_at(flat: Flat) -> Flat:
    """A home without a register: the display showed 10 kWh, gone in 4 days, a rule at 5 kWh."""
    flat.show("10")
    flat.forecast(p50_at=NOW + timedelta(days=4))
    flat.warn_at(kwh="5")
    return flat


async def test_what_is_likely_left_of_a_meter_that_nobody_reads_counts_for_a_rule_on_units(
    pool: Pool, looked_at: Flat
) -> None:
    assert await evaluate(pool, now=NOW) == 0
    assert await evaluate(pool, now=NOW + timedelta(days=1, hours=20)) == 0
    assert await evaluate(pool, now=NOW + timedelta(days=2, hours=1)) == 1
    assert await evaluate(pool, now=NOW + timedelta(days=3)) == 0
    assert looked_at.alerts() == [("OPEN", "Flat 3A likely has 4.9 kWh left, enough for about 47 hours.")]


async def test_a_look_that_shows_a_little_more_than_was_likely_left_warns_no_second_time(
    pool: Pool, looked_at: Flat
) -> None:
    await evaluate(pool, now=NOW + timedelta(days=2, hours=1))
    for days, shown_kwh in ((2.2, "5.4"), (2.4, "5.3"), (2.6, "5.2")):
        at = NOW + timedelta(days=days)
        looked_at.show(shown_kwh, at=at)
        looked_at.forecast(p50_at=at + timedelta(days=2), at=at)
        assert await evaluate(pool, now=at) == 0
        assert await evaluate(pool, now=at + timedelta(hours=4)) == 0
    assert [state for state, _ in looked_at.alerts()] == ["OPEN"]
    looked_at.show("9", at=NOW + timedelta(days=3))
    await evaluate(pool, now=NOW + timedelta(days=3))
    assert [state for state, _ in looked_at.alerts()] == ["CLEARED"]


async def test_a_meter_that_was_heard_within_the_hour_needs_no_estimate(pool: Pool, used: Flat) -> None:
    used.forecast(p50_at=NOW + timedelta(minutes=70))
    assert await evaluate(pool, now=NOW + timedelta(minutes=59)) == 0
    assert await evaluate(pool, now=NOW + timedelta(minutes=61)) == 1


async def test_what_nobody_reads_may_be_used_up(pool: Pool, looked_at: Flat) -> None:
    await evaluate(pool, now=NOW + timedelta(days=6))
    assert looked_at.alerts() == [("OPEN", "Flat 3A has likely used up its units.")]


async def test_beyond_the_horizon_is_plenty(pool: Pool, used: Flat) -> None:
    used.execute("DELETE FROM low_units_rule")
    used.warn_at(days="3")
    used.forecast(p50_at=NOW + timedelta(days=2))
    assert await evaluate(pool, now=NOW) == 1
    used.forecast(p50_at=None)
    assert await evaluate(pool, now=NOW) == 0
    assert [state for state, _ in used.alerts()] == ["CLEARED"]


async def test_a_forecast_that_does_not_know_the_newest_credit_decides_nothing(pool: Pool, used: Flat) -> None:
    used.execute("DELETE FROM low_units_rule")
    used.warn_at(days="3")
    used.forecast(p50_at=NOW + timedelta(days=1))
    used.top_up("100")
    assert await evaluate(pool, now=NOW) == 0
    used.forecast(p50_at=NOW + timedelta(days=20))
    assert await evaluate(pool, now=NOW) == 0


async def test_a_reading_from_a_clock_that_runs_ahead_counts_at_once(pool: Pool, used: Flat) -> None:
    used.meter(1005.2, at=NOW + timedelta(minutes=10), received_at=NOW)
    assert await evaluate(pool, now=NOW) == 1


async def test_credit_of_the_moment_after_the_clock_was_read_counts_at_once(pool: Pool, used: Flat) -> None:
    used.meter(1005.2, at=SOON)
    used.top_up("1", at=SOON + timedelta(milliseconds=10))
    assert await evaluate(pool, now=SOON) == 0
    used.meter(1006.2, at=SOON + timedelta(seconds=1))
    assert await evaluate(pool, now=SOON + timedelta(seconds=1)) == 1


async def test_a_flat_of_which_nothing_is_known_to_be_left_warns_nobody(pool: Pool, used: Flat) -> None:
    used.execute(
        "INSERT INTO ledger_entry (panel_id, at, kind, units_kwh, reverses)"
        " SELECT panel_id, at, 'REVERSAL', -units_kwh, id FROM ledger_entry"
    )
    assert used.balance(at=SOON) is None
    assert await evaluate(pool, now=SOON) == 0


async def test_people_who_lost_sight_of_the_flat_are_not_warned(pool: Pool, used: Flat) -> None:
    used.execute("DELETE FROM panel_access")
    used.meter(1005.2, at=SOON)
    assert await evaluate(pool, now=SOON) == 0


async def test_each_person_has_a_rule_and_an_alert_of_their_own(pool: Pool, used: Flat) -> None:
    admin = used.another("admin@example.org", role=Role.ADMIN)
    used.warn_at(kwh="2", viewer=admin)
    used.meter(1005.2, at=SOON)
    assert await evaluate(pool, now=SOON) == 1
    used.meter(1008.2, at=SOON + timedelta(minutes=1))
    assert await evaluate(pool, now=SOON + timedelta(minutes=1)) == 1
    assert used.messages() == [("PENDING", 0, None)]  # the admin has no phone


async def test_one_rule_that_fails_does_not_hold_up_the_others(
    pool: Pool, used: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    other = used.another("other@example.org", sees=True)
    used.warn_at(kwh="5", viewer=other)
    used.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    used.meter(1005.2, at=SOON)
    assert await evaluate(pool, now=SOON) == 1
    assert len(used.alerts()) == 1  # the tenant's message failed, and the alert with it
    assert "was not evaluated" in caplog.text


async def test_a_panel_whose_balance_cannot_be_read_does_not_hold_up_the_others(
    pool: Pool, used: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    used.execute("ALTER TABLE panel DROP CONSTRAINT panel_time_zone_check")
    used.execute(
        "WITH bad AS (INSERT INTO panel (code, name, time_zone, is_prepaid) VALUES ('BAD', 'Bad', 'No/Where', true)"
        " RETURNING id), seen AS (INSERT INTO panel_access SELECT %(account_id)s, id FROM bad),"
        " credited AS (INSERT INTO ledger_entry (panel_id, at, kind, units_kwh)"
        " SELECT id, '2025-01-01', 'TOP_UP', 5 FROM bad)"
        " INSERT INTO low_units_rule (account_id, panel_id, threshold_kwh) SELECT %(account_id)s, id, 5 FROM bad",
        account_id=used.tenant.account_id,
    )
    used.meter(1005.2, at=SOON)
    assert await evaluate(pool, now=SOON) == 1
    assert caplog.text.count("was not evaluated") == 1
    caplog.clear()
    assert await evaluate(pool, now=SOON) == 0
    assert caplog.text == ""


async def test_a_rule_without_news_is_not_read_again(pool: Pool, used: Flat) -> None:
    await evaluate(pool, now=NOW)
    used.execute("CREATE OR REPLACE FUNCTION balance_kwh(panel integer, at_instant timestamptz) RETURNS numeric"
                 " LANGUAGE plpgsql AS $$ BEGIN RAISE 'read again'; END $$")  # fmt: skip
    assert await evaluate(pool, now=SOON) == 0
