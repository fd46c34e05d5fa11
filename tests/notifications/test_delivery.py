"""Messages leave the outbox: sent once, tried again with patience, given up in the end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.backoff import MAX_ATTEMPTS, MAX_DELAY_S, retry_delay_s
from notifications.delivery import LEASE, deliver_due
from notifications.outcomes import Failed, Gone, Outcome, Retry, Sent
from notifications.rules import evaluate
from store.connections import Pool, open_pool
from store.outbox import Push
from tests.fixtures.flat import NOW, Flat


@dataclass(slots=True)
class Recorder:
    """A sender that answers by plan and keeps what it was given."""

    answer: Callable[[Push], Outcome] = lambda push: Sent(f"provider-{push.id}")
    pushes: list[Push] = field(default_factory=list)

    async def send(self, push: Push) -> Outcome:
        self.pushes.append(push)
        await asyncio.sleep(0)
        return self.answer(push)


@pytest.fixture
async def low(pool: Pool, flat: Flat) -> Flat:
    """An alert with one message in the outbox."""
    flat.meter(1000.0, at=NOW - timedelta(days=2))
    flat.top_up("10", at=NOW - timedelta(days=1))
    flat.meter(1006.0)
    flat.warn_at(kwh="5")
    flat.phone("phone:1")
    assert await evaluate(pool, now=NOW) == 1
    return flat


async def deliver(pool: Pool, sender: Recorder, now: datetime) -> int:
    return await deliver_due(pool, sender=sender, now=now, jitter=lambda: 1.0)


async def test_a_message_is_sent_once(pool: Pool, low: Flat) -> None:
    sender = Recorder()
    assert await deliver(pool, sender, NOW) == 1
    assert await deliver(pool, sender, NOW + timedelta(days=1)) == 0
    (push,) = sender.pushes
    assert (push.token, push.panel_code, push.message) == ("phone:1", "FLAT_3A", "Flat 3A has 4.0 kWh left.")
    assert low.execute("SELECT state, provider_id, sent_at FROM outbox") == [("SENT", f"provider-{push.id}", NOW)]


async def test_workers_at_the_same_time_send_each_message_once(database_url: str, pool: Pool, low: Flat) -> None:
    for number in range(2, 41):
        low.phone(f"phone:{number}")
    low.execute("INSERT INTO outbox (alert_id, push_device_id, next_attempt_at) SELECT alert.id, push_device.id,"
                " %(now)s FROM alert, push_device ON CONFLICT DO NOTHING", now=NOW)  # fmt: skip
    sender = Recorder()
    async with open_pool(database_url, size=12) as wide:
        taken = await asyncio.gather(*(deliver(wide, sender, NOW) for _ in range(8)))
    assert sum(taken) == 40
    assert sorted(push.token for push in sender.pushes) == sorted(f"phone:{number}" for number in range(1, 41))


async def test_a_failed_attempt_waits_longer_each_time_and_is_given_up(pool: Pool, low: Flat) -> None:
    sender = Recorder(lambda _push: Retry("503 unavailable"))
    now, waits = NOW, []
    for _ in range(MAX_ATTEMPTS - 1):
        assert await deliver(pool, sender, now) == 1
        ((next_at,),) = low.execute("SELECT next_attempt_at FROM outbox")
        assert await deliver(pool, sender, next_at - timedelta(milliseconds=1)) == 0
        waits.append((next_at - now).total_seconds())
        now = next_at
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]
    assert await deliver(pool, sender, now) == 1
    assert low.messages() == [("FAILED", MAX_ATTEMPTS, "503 unavailable")]
    assert await deliver(pool, sender, now + timedelta(hours=2)) == 0


async def test_the_services_own_wish_is_honoured(pool: Pool, low: Flat) -> None:
    await deliver(pool, Recorder(lambda _push: Retry("429", after_s=90)), NOW)
    assert low.execute("SELECT next_attempt_at FROM outbox") == [(NOW + timedelta(seconds=90),)]


async def test_a_dead_token_is_forgotten_with_its_messages(pool: Pool, low: Flat) -> None:
    await deliver(pool, Recorder(lambda _push: Gone("UNREGISTERED")), NOW)
    assert low.execute("SELECT count(*) FROM push_device") == [(0,)]
    assert low.messages() == []
    assert low.alerts() == [("OPEN", "Flat 3A has 4.0 kWh left.")]


async def test_a_hopeless_message_is_not_tried_again(pool: Pool, low: Flat) -> None:
    await deliver(pool, Recorder(lambda _push: Failed("SENDER_ID_MISMATCH")), NOW)
    assert low.messages() == [("FAILED", 1, "SENDER_ID_MISMATCH")]


async def test_a_senders_fault_is_logged_and_tried_again(
    pool: Pool, low: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_push: Push) -> Outcome:
        raise RuntimeError("broken")

    await deliver(pool, Recorder(broken), NOW)
    assert low.messages() == [("PENDING", 1, "internal fault: RuntimeError")]
    assert "could not be sent" in caplog.text


async def test_a_worker_that_dies_after_sending_sends_again_with_the_same_alert(pool: Pool, low: Flat) -> None:
    sender = Recorder()

    class Killed(BaseException):
        pass

    def die(_push: Push) -> Outcome:
        raise Killed

    sender.answer = die
    with pytest.raises(Killed):
        await deliver(pool, sender, NOW)
    sender.answer = lambda _push: Sent("again")
    assert await deliver(pool, sender, NOW + timedelta(seconds=1)) == 0
    assert await deliver(pool, sender, NOW + LEASE) == 1
    first, second = sender.pushes
    assert first.alert_id == second.alert_id
    assert first.panel_code == second.panel_code
    assert low.messages() == [("SENT", 2, None)]


async def test_old_news_is_not_sent(pool: Pool, low: Flat) -> None:
    sender = Recorder()
    assert await deliver(pool, sender, NOW + timedelta(days=1, seconds=1)) == 0
    assert low.messages() == [("FAILED", 0, "too old to be sent")]


async def test_a_phone_that_changed_hands_hears_nothing_of_its_former_owner(pool: Pool, low: Flat) -> None:
    other = low.another("other@example.org")
    low.execute("UPDATE push_device SET account_id = %(other)s", other=other.account_id)
    sender = Recorder()
    assert await deliver(pool, sender, NOW) == 0
    assert sender.pushes == []


async def test_people_who_lost_sight_of_the_flat_hear_nothing_more(pool: Pool, low: Flat) -> None:
    low.execute("DELETE FROM panel_access")
    assert await deliver(pool, Recorder(), NOW) == 0


@given(st.integers(1, 40), st.floats(0, 1), st.none() | st.floats(0, 1e7))
def test_the_wait_is_bounded_and_never_shorter_than_asked(attempt: int, jitter: float, asked_s: float | None) -> None:
    delay_s = retry_delay_s(attempt, jitter=jitter, retry_after_s=asked_s)
    assert min(asked_s or 0, 86_400) <= delay_s <= max(MAX_DELAY_S, min(asked_s or 0, 86_400))
    assert delay_s >= 1
