"""The jobs as one process: readings and credit come in, forecasts, alerts and pushes come out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kilowatch.demo.push_stand_in import PushStandIn
from kilowatch.settings import SettingError
from kilowatch.work import Step, keep_running, run, steps_of
from notifications.outcomes import Outcome, Sent
from store.connections import Pool, connect_async
from store.outbox import Push
from tests.fixtures.flat import Flat

WITHIN_S = 30


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[PushStandIn]:
    with PushStandIn(tmp_path) as running:
        yield running


@asynccontextmanager
async def cancelled_at_the_end(task: "asyncio.Task[None]") -> AsyncIterator[None]:
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def working(
    database_url: str, stand_in: PushStandIn, *, forecast_model: Path | None = None
) -> AsyncIterator[None]:
    work = run(
        database_url=database_url,
        forecast_every_s=0,
        forecast_model=forecast_model,
        fcm_credentials=stand_in.credentials,
        fcm_url=stand_in.url,
    )
    async with cancelled_at_the_end(asyncio.create_task(work)):
        yield


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not is_so():  # noqa: ASYNC110 - what is waited for stands in the database
            await asyncio.sleep(0.02)


async def arrived(stand_in: PushStandIn, count: int) -> list[str]:
    """The bodies of the pushes, once there are that many."""
    await until(lambda: len(stand_in.messages) >= count)
    return [message.body for message in stand_in.messages]


@pytest.fixture
def furnished(flat: Flat) -> tuple[Flat, datetime, float]:
    """A flat with 30 days of history until now, 100 kWh left and a phone; the register at the end."""
    now = datetime.now(UTC).replace(microsecond=0)
    register = flat.meter_steadily(days=30, until=now - timedelta(minutes=10))
    flat.top_up("100", at=now - timedelta(minutes=5))
    flat.phone("phone:1")
    return flat, now, register


async def test_two_crossings_with_a_top_up_between_are_two_pushes(
    database_url: str, furnished: tuple[Flat, datetime, float], stand_in: PushStandIn
) -> None:
    flat, now, register = furnished
    async with working(database_url, stand_in):
        flat.warn_at(kwh="5")
        flat.meter(register + 96, at=now)
        await arrived(stand_in, 1)
        flat.top_up("50", at=now)
        await until(lambda: flat.alerts()[0][0] == "CLEARED")
        flat.meter(register + 147, at=now + timedelta(minutes=2))  # in a second, 51 kWh would be a fault of the meter
        bodies = await arrived(stand_in, 2)
        await until(lambda: [state for state, *_ in flat.messages()] == ["SENT", "SENT"])
    assert [body[:24] for body in bodies] == ["Flat 3A has 4.0 kWh left", "Flat 3A has 3.0 kWh left"]
    assert [state for state, _ in flat.alerts()] == ["CLEARED", "OPEN"]
    first, second = stand_in.messages
    assert first.collapse_key == second.collapse_key
    assert first.data["alertId"] != second.data["alertId"]


async def test_a_forecast_follows_readings_and_credit_and_raises_an_alert_on_days(
    database_url: str, furnished: tuple[Flat, datetime, float], stand_in: PushStandIn
) -> None:
    flat, now, register = furnished  # uses 12 kWh a day
    async with working(database_url, stand_in):
        flat.warn_at(days="3")
        await until(lambda: flat.execute("SELECT 1 FROM depletion_forecast"))
        flat.meter(register + 85, at=now)
        (body,) = await arrived(stand_in, 1)
    ((balance, days_left, method),) = flat.execute("SELECT balance_kwh, days_left, method FROM depletion_forecast"
                                                   " ORDER BY hour_at DESC LIMIT 1")  # fmt: skip
    assert body.startswith("Flat 3A has 15.0 kWh left, enough for about ")
    assert (float(balance), method) == (15.0, "MODEL")
    assert 0 < days_left < 3
    ((name, problem),) = flat.execute("SELECT model, model_problem FROM forecasting_status")
    assert name.startswith("shipped ")
    assert problem is None


async def test_with_a_model_file_that_cannot_be_used_forecasts_go_on_without_one(
    database_url: str, furnished: tuple[Flat, datetime, float], stand_in: PushStandIn, tmp_path: Path
) -> None:
    flat, _, _ = furnished
    file = tmp_path / "own.safetensors"
    file.write_bytes(b"no model")
    async with working(database_url, stand_in, forecast_model=file):
        await until(lambda: flat.execute("SELECT 1 FROM depletion_forecast"))
        await until(lambda: flat.execute("SELECT 1 FROM month_forecast"))
    assert flat.execute("SELECT method FROM depletion_forecast UNION ALL SELECT method FROM month_forecast") == [
        ("PROFILE",), ("PROFILE",),
    ]  # fmt: skip
    ((name, problem),) = flat.execute("SELECT model, model_problem FROM forecasting_status")
    assert name is None
    assert "own.safetensors" in problem


async def test_two_workers_raise_one_alert_and_send_one_push(
    database_url: str, furnished: tuple[Flat, datetime, float], stand_in: PushStandIn
) -> None:
    flat, now, register = furnished
    async with working(database_url, stand_in), working(database_url, stand_in):
        flat.warn_at(kwh="5")
        flat.meter(register + 96, at=now)
        await arrived(stand_in, 1)
        await until(lambda: flat.messages() == [("SENT", 1, None)])
    assert len(stand_in.messages) == 1
    assert len(flat.alerts()) == 1


async def test_work_goes_on_after_the_database_cut_every_connection(
    database_url: str, furnished: tuple[Flat, datetime, float], stand_in: PushStandIn
) -> None:
    flat, now, register = furnished
    async with working(database_url, stand_in):
        await until(lambda: flat.execute("SELECT 1 FROM depletion_forecast"))
        flat.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        flat.warn_at(kwh="5")
        flat.meter(register + 96, at=now)
        await arrived(stand_in, 1)
    assert len(stand_in.messages) == 1


async def test_a_busy_push_service_gets_the_message_a_little_later(
    database_url: str, furnished: tuple[Flat, datetime, float], stand_in: PushStandIn
) -> None:
    flat, now, register = furnished
    flat.execute("UPDATE push_device SET token = 'flaky-1'")
    async with working(database_url, stand_in):
        flat.warn_at(kwh="5")
        flat.meter(register + 96, at=now)
        await arrived(stand_in, 1)
        await until(lambda: flat.messages() == [("SENT", 2, None)])


async def test_without_a_push_service_alerts_are_kept(
    database_url: str, furnished: tuple[Flat, datetime, float]
) -> None:
    flat, now, register = furnished
    async with cancelled_at_the_end(asyncio.create_task(run(database_url=database_url))):
        flat.warn_at(kwh="5")
        flat.meter(register + 96, at=now)
        await until(flat.alerts)
    assert [state for state, *_ in flat.messages()] == ["PENDING"]


async def test_a_file_that_is_no_service_accounts_key_is_named(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text("{}")
    with pytest.raises(SettingError, match=r"KILOWATCH_FCM_CREDENTIALS names .*key\.json, which is no service"):
        await run(database_url=database_url, fcm_credentials=file)


async def test_a_burst_of_news_is_one_more_look(database_url: str, pool: Pool) -> None:
    started, go_on, looks = asyncio.Event(), asyncio.Event(), 0

    async def look() -> float:
        nonlocal looks
        looks += 1
        started.set()
        await go_on.wait()
        return 60

    step = Step("look", frozenset({"reading"}), look)
    task = asyncio.create_task(keep_running([step], database_url=database_url, pool=pool))
    async with cancelled_at_the_end(task), await connect_async(database_url) as other:
        await started.wait()
        while not step.wake.is_set():  # until it listens
            await other.execute("NOTIFY reading")
            await asyncio.sleep(0.01)
        for number in range(500):
            await other.execute("SELECT pg_notify('reading', %s)", (str(number),))
        go_on.set()
        await until(lambda: looks == 2)
        assert not step.wake.is_set()


async def test_a_step_that_fails_is_logged_and_tried_again(
    database_url: str, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0

    async def look() -> float:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError("broken")
        return 60

    step = Step("look", frozenset({"reading"}), look)
    task = asyncio.create_task(keep_running([step], database_url=database_url, pool=pool))
    async with cancelled_at_the_end(task):
        await until(lambda: looks == 2)
    assert "look failed" in caplog.text


async def test_a_stop_waits_for_a_push_on_its_way_and_records_it(
    database_url: str, pool: Pool, furnished: tuple[Flat, datetime, float]
) -> None:
    flat, now, register = furnished
    sending, answer = asyncio.Event(), asyncio.Event()

    class SlowSender:
        async def send(self, push: Push) -> Outcome:
            sending.set()
            await answer.wait()
            return Sent(f"provider-{push.id}")

    flat.warn_at(kwh="5")
    flat.meter(register + 96, at=now)
    steps = steps_of(pool, sender=SlowSender(), forecast_every=timedelta(0))
    task = asyncio.create_task(keep_running(steps, database_url=database_url, pool=pool))
    async with cancelled_at_the_end(task):
        async with asyncio.timeout(WITHIN_S):
            await sending.wait()
        task.cancel()
        answer.set()
    assert flat.messages() == [("SENT", 1, None)]
