"""Turns news in the database into forecasts, alerts, pushes and mail, and keeps house: steps safe to repeat."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from forecasting import months, refresh
from forecasting.loading import NO_MODEL, ModelInUse, model_in_use
from forecasting.refresh import BATCH
from kilowatch.devices.following import CHANNELS, Following
from kilowatch.housekeeping import Keeping, keep_house
from kilowatch.settings import SettingError
from market import crediting, vending
from market.http_vendor import HttpVendor, HttpVendorSettings
from market.vendors import Vendor
from notifications import delivery, messages, rules
from notifications.fcm import FcmSender
from notifications.messages import MessageSender
from notifications.outcomes import Sender
from store import account_messages, forecasting_status, outbox, vend_work
from store.connections import Pool, listening, open_pool
from store.outages import is_outage
from store.turns import turn

_log = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often a step looks by itself, in case that a notification was lost."""

AT_MOST_EVERY_S = 0.5
"""How often a step looks at the most, however many notifications come."""

_RETRY_S = 2.0
_STOP_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Work that finds what is to be done by reading rows, woken by any of its channels.

    `work` does all there is to do and returns the seconds after which it wants to look again at the latest.
    """

    name: str
    channels: frozenset[str]
    work: Callable[[], Awaitable[float]]
    wake: asyncio.Event = field(default_factory=asyncio.Event)


async def run(
    *,
    database_url: str,
    forecast_every_s: float = 30.0,
    forecast_model: Path | None = None,
    fcm_credentials: Path | None = None,
    fcm_url: str | None = None,
    vendor: HttpVendorSettings | None = None,
    message_sender: MessageSender | None = None,
    brokers_files: Following | None = None,
    keeping: Keeping = Keeping(),  # noqa: B008 - a frozen value
) -> None:
    """Keeps forecasts fresh, raises alerts, sends pushes, buys units and removes what is old, until it is cancelled.

    Any number of processes may run it; they take turns. The database may go away and come back. Without credentials
    alerts are kept and nothing is pushed; without a vendor purchases wait, without a sender of messages these do until
    they are of no use. `brokers_files` follow the registered devices.

    Raises:
        SettingError: the credentials are no service account's key.
    """
    async with AsyncExitStack() as open_things:
        pool = await open_things.enter_async_context(open_pool(database_url, size=16, application="kilowatch work"))
        sender: Sender | None = None
        if fcm_credentials:
            sender = await open_things.enter_async_context(_sender(fcm_credentials, fcm_url=fcm_url))
        else:
            _log.info("no push service is set up: alerts are kept and not pushed")
        in_use = await asyncio.to_thread(model_in_use, forecast_model)
        steps = steps_of(pool, sender=sender, forecast_every=timedelta(seconds=forecast_every_s), in_use=in_use)
        steps.append(_housekeeping(pool, keeping=keeping))
        if brokers_files:
            steps.append(Step("mosquitto", CHANNELS, brokers_files.step(pool)))
        if message_sender:
            steps.append(_messages(pool, sender=message_sender))
        steps.append(Step("credit vends", frozenset({"vend"}), _crediting(pool)))
        if vendor:
            seller = await open_things.enter_async_context(HttpVendor(vendor))
            steps.append(Step("vend", frozenset({"vend"}), _vending(pool, vendor=seller)))
        await keep_running(steps, database_url=database_url, pool=pool)


def _sender(credentials_file: Path, *, fcm_url: str | None) -> FcmSender:
    try:
        return FcmSender(credentials_file, fcm_url=fcm_url)
    except (ValueError, OSError) as error:
        message = f"KILOWATCH_FCM_CREDENTIALS names {credentials_file}, which is no service account's key: {error}"
        raise SettingError(message) from error


async def keep_running(steps: Sequence[Step], *, database_url: str, pool: Pool) -> None:
    """Runs each step when there is news for it, until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_listen(database_url, steps))
        for step in steps:
            group.create_task(_keep(step, pool=pool))


def steps_of(
    pool: Pool, *, sender: Sender | None, forecast_every: timedelta, in_use: ModelInUse = NO_MODEL
) -> list[Step]:
    """What there is to do, each with the news that concerns it; no delivery without a sender."""

    async def forecast() -> float:
        await _say_model(pool, in_use)
        while await refresh.refresh_stale(pool, now=_now(), min_interval=forecast_every, model=in_use.model) == BATCH:
            pass
        return forecast_every.total_seconds() or EVERY_S

    async def forecast_months() -> float:
        while await months.refresh_months(pool, now=_now(), model=in_use.model) == months.BATCH:
            pass
        return EVERY_S

    async def warn() -> float:
        await rules.evaluate(pool, now=_now())
        return EVERY_S

    steps = [
        Step("forecast", frozenset({"reading", "ledger"}), forecast),
        Step("forecast months", frozenset({"month_forecast"}), forecast_months),
        Step("warn", frozenset({"reading", "ledger", "forecast", "low_units_rule"}), warn),
    ]
    return [*steps, Step("deliver", frozenset({"alert"}), _delivery(pool, sender=sender))] if sender else steps


async def _say_model(pool: Pool, in_use: ModelInUse) -> None:
    """Keeps which model the forecasts are made by, for whoever looks at the service."""
    async with pool.connection() as connection:
        await forecasting_status.use_model(connection, model=in_use.name, model_problem=in_use.problem)


def _housekeeping(pool: Pool, *, keeping: Keeping) -> Step:
    async def tidy() -> float:
        await keep_house(pool, keeping=keeping, now=_now())
        return EVERY_S

    return Step("keep house", frozenset[str](), tidy)


def _messages(pool: Pool, *, sender: MessageSender) -> Step:
    async def send() -> float:
        while await messages.send_due(pool, sender=sender, now=_now()) == messages.BATCH:
            pass
        async with pool.connection() as connection:
            next_at = await account_messages.next_due_at(connection, now=_now())
        return EVERY_S if next_at is None else max((next_at - _now()).total_seconds(), 0.0)

    return Step("send messages", frozenset({account_messages.CHANNEL}), send)


def _delivery(pool: Pool, *, sender: Sender) -> Callable[[], Awaitable[float]]:
    async def deliver() -> float:
        while await delivery.deliver_due(pool, sender=sender, now=_now()) == delivery.BATCH:
            pass
        async with pool.connection() as connection:
            next_at = await outbox.next_due_at(connection, now=_now())
        return EVERY_S if next_at is None else max((next_at - _now()).total_seconds(), 0.0)

    return deliver


def _vending(pool: Pool, *, vendor: Vendor) -> Callable[[], Awaitable[float]]:
    async def vend() -> float:
        while await vending.vend_due(pool, vendor=vendor, now=_now) == vending.BATCH:
            pass
        async with pool.connection() as connection:
            next_at = await vend_work.next_due_at(connection)
        return EVERY_S if next_at is None else max((next_at - _now()).total_seconds(), 0.0)

    return vend


def _crediting(pool: Pool) -> Callable[[], Awaitable[float]]:
    async def credit() -> float:
        while await crediting.credit_delivered(pool, now=_now) == crediting.BATCH:
            pass
        return EVERY_S

    return credit


def _now() -> datetime:
    return datetime.now(UTC)


async def _keep(step: Step, *, pool: Pool) -> None:
    """Takes turns at a step: at once when woken after a pause, and never more often than AT_MOST_EVERY_S."""
    is_away = False
    while True:
        step.wake.clear()
        try:
            again_in_s = await _to_its_end(_take_turn(step, pool=pool))
            is_away = False
        except Exception as error:  # noqa: BLE001 - whatever happens, the step goes on
            again_in_s = _RETRY_S
            if not is_outage(error):
                _log.exception("%s failed, next attempt in %.0f s", step.name, _RETRY_S)
            elif not is_away:
                _log.warning("%s waits for the database: %s", step.name, str(error).partition("\n")[0])
                is_away = True
        await asyncio.sleep(AT_MOST_EVERY_S)
        await _woken(step, within_s=min(again_in_s, EVERY_S))


async def _take_turn(step: Step, *, pool: Pool) -> float:
    """Does the step's work, or leaves it to the worker whose turn it is and looks again soon."""
    async with turn(pool, step.name) as is_ours:
        return await step.work() if is_ours else AT_MOST_EVERY_S


async def _to_its_end(work: Awaitable[float]) -> float:
    """Lets work that has begun end before a stop, for some seconds: a push that was sent is also recorded."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait({task}, timeout=_STOP_WITHIN_S)
        for late in unfinished:
            late.cancel()
        raise


async def _woken(step: Step, *, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await step.wake.wait()
    except TimeoutError:
        return


async def _listen(database_url: str, steps: Sequence[Step]) -> None:
    """Wakes the steps; whenever the connection is new, all of them, for what was missed."""
    channels = frozenset[str]().union(*(step.channels for step in steps))
    while True:
        try:
            async with listening(database_url, *sorted(channels)) as connection:
                _wake(steps)
                async for news in connection.notifies():
                    _wake([step for step in steps if news.channel in step.channels])
        except Exception as error:  # noqa: BLE001 - whatever happens, it listens again
            if not is_outage(error):
                _log.exception("listening failed, next attempt in %.0f s", _RETRY_S)
        await asyncio.sleep(_RETRY_S)


def _wake(steps: Sequence[Step]) -> None:
    for step in steps:
        step.wake.set()
