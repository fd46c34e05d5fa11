"""Turns the state of the server, the database and ingest into `/healthz`, `/readyz` and `/metrics`."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from kilowatch.web.counts import Counts
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.fanout.fanout import FanOut
from resolvers.live import LiveHub
from resolvers.service import HEARTBEAT_WITHIN
from store import account_messages, forecasts, payments, vends
from store.connections import Database, Pool
from store.forecasting_status import ForecastingStatus, forecasting_status
from store.ingest_status import IngestStatus, ingest_status
from store.outages import is_outage
from store.partitions import Storage, storage

_ANSWER_WITHIN_S = 2.0
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_OPERATIONS = "Operations over websockets and event streams that ended."

T = TypeVar("T")

Check = dict[str, str]
"""One part of the service: `state` is ok or failed, `reason` says why."""


@dataclass(frozen=True, slots=True)
class Health:
    """What orchestrators and monitors ask."""

    pool: Pool
    live: LiveHub
    fanout: FanOut
    surprises: Counter[str]
    counts: Counts
    now: Callable[[], datetime]

    async def alive(self, request: Request) -> Response:
        """200 as long as the process answers at all."""
        del request
        return _json({"status": "ok"}, status=200)

    async def ready(self, request: Request) -> Response:
        """200 when every part works; 503 otherwise, and which part is away."""
        del request
        status, fault = await self._answered(ingest_status)
        checks = {
            "database": _ok() if status else _failed(fault),
            "live": _ok() if self.live.is_listening else _failed("not listening to the database"),
            **_ingest_checks(status, now=self.now()),
        }
        is_ready = all(check["state"] == "ok" for check in checks.values())
        body = {"status": "ok" if is_ready else "failed", "checks": checks}
        return _json(body, status=200 if is_ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Counters and gauges in Prometheus's text format; ingest's are left out while the database is away."""
        del request
        status, _ = await self._answered(ingest_status)
        stored, _ = await self._answered(storage) if status else (None, "")
        forecast, _ = await self._answered(_forecast) if status else (None, "")
        sold, _ = await self._answered(_sold) if status else (None, "")
        lines = [
            *_web_lines(self.counts),
            *_plan_lines(self.surprises),
            *_live_lines(self.live, self.fanout),
            *_ingest_lines(status, now=self.now()),
        ]
        lines += [*_storage_lines(stored, now=self.now()), *_forecast_lines(forecast, now=self.now())]
        lines += _sold_lines(self.counts, sold)
        up = float(status is not None)
        lines += _metric("kilowatch_database_up", "gauge", "Whether the database answers.", {"": up})
        return PlainTextResponse("\n".join(lines) + "\n", media_type=_PROMETHEUS)

    async def _answered(self, ask: Callable[[Database], Awaitable[T]]) -> tuple[T | None, str]:
        """What the database answers; or None, and why it does not."""
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S), self.pool.connection() as connection:
                return await ask(connection), ""
        except TimeoutError:
            return None, f"no answer within {_ANSWER_WITHIN_S:.0f} s"
        except Exception as error:
            if not is_outage(error):
                raise
            return None, "does not answer"


def _ok() -> Check:
    return {"state": "ok"}


def _failed(reason: str) -> Check:
    return {"state": "failed", "reason": reason}


def _ingest_checks(status: IngestStatus | None, *, now: datetime) -> dict[str, Check]:
    """Whether ingest lives, by its heartbeat, and whether it hears the broker; stopped by its owner is fine."""
    if status is None:
        return {name: _failed("not known without the database") for name in ("ingest", "broker")}
    if status.heartbeat_at is None or now - status.heartbeat_at > HEARTBEAT_WITHIN:
        last = "ever" if status.heartbeat_at is None else f"since {status.heartbeat_at.isoformat()}"
        return {"ingest": _failed(f"no heartbeat {last}"), "broker": _failed("not known without ingest")}
    is_fine = status.is_connected or not status.is_wanted
    return {"ingest": _ok(), "broker": _ok() if is_fine else _failed("ingest is not connected to it")}


def _json(body: dict[str, Any], *, status: int) -> Response:
    return Response(encoded(body), status, {"Cache-Control": "no-store"}, "application/json")


def _metric(name: str, kind: str, words: str, values: dict[str, float]) -> Iterator[str]:
    """A metric's lines; the values by their labels, "" for none."""
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        yield f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"


def _web_lines(counts: Counts) -> Iterator[str]:
    by_status = {f'status="{status}"': float(n) for status, n in sorted(counts.requests.items())}
    by_end = {f'end="{end}"': float(n) for end, n in sorted(counts.operations.items())}
    yield from _metric("kilowatch_requests_total", "counter", "GraphQL requests over HTTP.", by_status)
    yield from _metric("kilowatch_operations_total", "counter", _OPERATIONS, by_end)
    opened, is_open = {"": float(counts.sockets_opened)}, {"": float(counts.sockets_open)}
    yield from _metric("kilowatch_sockets_opened_total", "counter", "Websockets opened.", opened)
    yield from _metric("kilowatch_sockets_open", "gauge", "Websockets open now.", is_open)
    opened, is_open = {"": float(counts.streams_opened)}, {"": float(counts.streams_open)}
    yield from _metric("kilowatch_event_streams_opened_total", "counter", "Event streams opened.", opened)
    yield from _metric("kilowatch_event_streams_open", "gauge", "Event streams open now.", is_open)
    sent = {"": float(counts.messages_sent)}
    yield from _metric("kilowatch_socket_messages_total", "counter", "Messages sent over websockets.", sent)


def _plan_lines(surprises: Counter[str]) -> Iterator[str]:
    by_error = {f'error="{name}"': float(n) for name, n in sorted(surprises.items())}
    words = "Objects and lists that a plan left to graphql-core, by the exception."
    yield from _metric("kilowatch_plan_surprises_total", "counter", words, by_error)


def _live_lines(live: LiveHub, fanout: FanOut) -> Iterator[str]:
    streams, up = {"": float(live.subscribers.total())}, {"": float(live.is_listening)}
    yield from _metric("kilowatch_live_streams", "gauge", "Subscriptions open now.", streams)
    groups = {"": float(fanout.group_count)}
    yield from _metric("kilowatch_live_groups", "gauge", "Distinct subscriptions, whoever shares them.", groups)
    yield from _metric("kilowatch_live_up", "gauge", "Whether the server listens to the database.", up)
    handed, dropped = {"": float(live.handed_out)}, {"": float(live.dropped + fanout.dropped)}
    yield from _metric("kilowatch_live_readings_total", "counter", "Readings handed to distinct subscriptions.", handed)
    yield from _metric("kilowatch_live_dropped_total", "counter", "Events dropped for slow clients.", dropped)


def _ingest_lines(status: IngestStatus | None, *, now: datetime) -> Iterator[str]:
    if status is None:
        return
    counted = {
        "messages": status.message_count,
        "readings": status.reading_count,
        "duplicates": status.duplicate_count,
        "rejected": status.rejected_count,
    }
    for name, value in counted.items():
        yield from _metric(f"kilowatch_ingest_{name}_total", "counter", f"Ingest: {name}.", {"": float(value)})
    yield from _metric("kilowatch_ingest_backlog", "gauge", "Messages not stored yet.", {"": float(status.backlog)})
    if status.lag_s is not None:
        words = "Age of the oldest message of the last batch at its commit."
        yield from _metric("kilowatch_ingest_lag_seconds", "gauge", words, {"": status.lag_s})
    if status.heartbeat_at is not None:
        age = {"": (now - status.heartbeat_at).total_seconds()}
        yield from _metric("kilowatch_ingest_heartbeat_age_seconds", "gauge", "Since ingest's heartbeat.", age)
    connected = {"": float(status.is_connected)}
    yield from _metric("kilowatch_ingest_connected", "gauge", "Whether ingest hears the broker.", connected)


@dataclass(frozen=True, slots=True)
class _Sold:
    """How many payments, purchases and messages about accounts there are, by state."""

    payments: dict[str, float]
    vends: dict[str, float]
    messages: dict[str, float]


async def _sold(connection: Database) -> _Sold:
    by_payment, by_vend = await payments.by_state(connection), await vends.by_state(connection)
    by_message = await account_messages.by_state(connection)
    return _Sold(
        {f'state="{state.value}"': float(count) for state, count in by_payment.items()},
        {f'state="{state.value}"': float(count) for state, count in by_vend.items()},
        {f'state="{state.value}"': float(count) for state, count in by_message.items()},
    )


def _sold_lines(counts: Counts, sold: _Sold | None) -> Iterator[str]:
    events = {
        f'provider="{provider}",outcome="{outcome}"': float(n)
        for (provider, outcome), n in sorted(counts.payment_events.items())
    }
    yield from _metric(
        "kilowatch_payment_events_total", "counter", "What payment providers posted, by provider and outcome.", events
    )
    if sold is not None:
        yield from _metric(
            "kilowatch_payments", "gauge", "Payments by state: UNMATCHED ones wait for an admin.", sold.payments
        )
        yield from _metric("kilowatch_vends", "gauge", "Purchases from the token vendor by state.", sold.vends)
        words = "Mail and text messages of the last day by state: FAILED ones were given up."
        yield from _metric("kilowatch_account_messages", "gauge", words, sold.messages)


@dataclass(frozen=True, slots=True)
class _Forecasts:
    """How forecasting is doing, and when the oldest of the current forecasts was made."""

    status: ForecastingStatus
    oldest_at: datetime | None


async def _forecast(connection: Database) -> _Forecasts:
    oldest_at, _ = await forecasts.ages(connection)
    return _Forecasts(await forecasting_status(connection), oldest_at)


def _forecast_lines(found: _Forecasts | None, *, now: datetime) -> Iterator[str]:
    if found is None:
        return
    status = found.status
    made, failed = {"": float(status.made_count)}, {"": float(status.failed_count)}
    yield from _metric("kilowatch_forecasts_total", "counter", "Forecasts made.", made)
    yield from _metric("kilowatch_forecasts_failed_total", "counter", "Panels that failed to be forecast.", failed)
    took = {"": status.computing_s}
    yield from _metric("kilowatch_forecast_computing_seconds_total", "counter", "Computing of forecasts.", took)
    has_model = {"": float(status.model is not None)}
    yield from _metric("kilowatch_forecast_model_in_use", "gauge", "Whether a trained model is in use.", has_model)
    age = {"": (now - found.oldest_at).total_seconds() if found.oldest_at else 0.0}
    words = "Since the oldest current forecast; 0 without any."
    yield from _metric("kilowatch_forecast_oldest_age_seconds", "gauge", words, age)


def _storage_lines(stored: Storage | None, *, now: datetime) -> Iterator[str]:
    if stored is None:
        return
    rows, size = {"": float(stored.row_estimate)}, {"": float(stored.size_bytes)}
    yield from _metric("kilowatch_storage_readings", "gauge", "Readings stored, by the planner's estimate.", rows)
    yield from _metric("kilowatch_storage_readings_bytes", "gauge", "What readings take on disk, with indexes.", size)
    if stored.oldest_at is not None:
        age = {"": (now - stored.oldest_at).total_seconds()}
        yield from _metric("kilowatch_storage_oldest_reading_age_seconds", "gauge", "Since the oldest reading.", age)
    ahead = {"": float(stored.has_next_month)}
    words = "Whether the table of next month's readings is there; kilowatch work makes it."
    yield from _metric("kilowatch_storage_next_month_ready", "gauge", words, ahead)
