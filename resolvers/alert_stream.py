"""Turns a subscription to alerts into its events: those that are open, or changed meanwhile, then each change."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from time import monotonic

from metering.access import Viewer
from metering.alerts import AlertState
from metering.refusals import Refused
from resolvers.alerts import in_panels_time
from resolvers.context import Context, Info
from resolvers.live import LiveHub
from resolvers.pages import Cursor, bad_cursor, cursor_of, number_of
from resolvers.reading_events import Gap, GapReason, Heartbeat
from resolvers.reading_stream import checked_heartbeat
from resolvers.state_events import from_snapshot
from resolvers.state_stream import AGAIN, AHEAD
from resolvers.streams import LiveStream, Resumption, Told
from store import accounts, alerts
from store.alerts import Alert
from store.connections import Database
from store.outages import is_outage

KIND = "alerts"
MAX_ALERTS = 500
_REMEMBERED = 1000
_RETRY_S = 1.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class AlertSnapshot:
    """Alerts where a stream begins, newest first: the open ones, or with a cursor those that changed since."""

    cursor: Cursor
    alerts: list[Alert]
    is_whole: bool

    @property
    def is_complete(self) -> bool:
        """All of them come in one event."""
        return True


@dataclass(frozen=True, slots=True)
class AlertChanged:
    """An alert that was raised, acknowledged or cleared, as it is now; told `at` (UTC)."""

    cursor: Cursor
    at: datetime
    alert: Alert


AlertEvent = AlertSnapshot | AlertChanged | Heartbeat | Gap


@dataclass(frozen=True, slots=True, order=True)
class AlertPlace:
    """A place in a stream of alerts; everything that changed before `reached_at` was told."""

    at_s: float
    number: int
    reached_at: datetime = field(compare=False)

    @property
    def cursor(self) -> Cursor:
        """The cursor of the place."""
        return cursor_of(KIND, (self.reached_at - _EPOCH) // _MILLISECOND)


def alert_stream(info: Info, *, after: Cursor | None = None, heartbeat_every_s: float | None = None) -> "AlertStream":
    """The viewer's open alerts, then each alert as it is raised, acknowledged or cleared.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (heartbeatEveryS), BAD_CURSOR; UNAUTHENTICATED later, once the account was
            removed.
    """
    context = info.context
    _ = context.signed_in
    live: LiveHub = context.live
    every_s = checked_heartbeat(heartbeat_every_s, default_s=live.heartbeat_s)
    return AlertStream(context, live, after=_instant_of(after), every_s=every_s)


def _instant_of(cursor: Cursor | None) -> datetime | None:
    if cursor is None or cursor == from_snapshot(KIND):
        return None
    try:
        return _EPOCH + number_of(cursor, kind=KIND) * _MILLISECOND
    except OverflowError:
        raise bad_cursor() from None


class AlertStream(LiveStream):
    """One subscription to the alerts of an account."""

    def __init__(self, context: Context, live: LiveHub, *, after: datetime | None, every_s: float) -> None:
        self.context, self.live = context, live
        self.after, self.every_s = after, every_s
        self.viewer = context.signed_in

    async def opening(self, *, since: Resumption | None = None) -> AsyncGenerator[Told]:
        """The open alerts, or those that changed since `after`."""
        del since
        place = AlertPlace(monotonic(), 0, self.context.now())
        async with self.live.reading() as connection:
            viewer = await _renewed(connection, self.viewer)
            changed, reason = await self._missed(connection, viewer, now=place.reached_at)
            found = changed
            if found is None:
                found = await alerts.page(connection, viewer, states=[AlertState.OPEN], limit=MAX_ALERTS)
        if reason is not None:
            yield Told(Gap(from_snapshot(KIND), reason, None), place)
        shown = [in_panels_time(alert) for alert in found]
        yield Told(AlertSnapshot(place.cursor, shown, is_whole=changed is None), place)

    async def _missed(
        self, connection: Database, viewer: Viewer, *, now: datetime
    ) -> tuple[list[Alert] | None, GapReason | None]:
        """What changed since `after`; None where that is not asked, or for a reason."""
        if self.after is None:
            return None, None
        if self.after > now + AHEAD:
            return None, GapReason.UNKNOWN_CURSOR
        found = await alerts.changed_since(connection, viewer, since=self.after - AGAIN, limit=MAX_ALERTS + 1)
        return (None, GapReason.TOO_MANY) if len(found) > MAX_ALERTS else (found, None)

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[AsyncIterator[Told]]:
        """Each change of the account's alerts, a beat after a while without any."""
        changes = self.live.alerts(self.viewer.account_id)
        listener = _Listener(changes)
        try:
            await asyncio.sleep(0)  # lets it begin to listen
            yield self._told(listener)
        finally:
            await listener.close()

    async def _told(self, listener: "_Listener") -> AsyncGenerator[Told]:
        """What is told of them; while the database does not answer, an alert goes on waiting to be read."""
        reached_at, told_at_s, numbers = self.context.now(), monotonic(), count(1)
        told = OrderedDict[int, Alert]()
        while True:
            alert_id = await listener.next(within_s=self.every_s)
            found = [] if alert_id is None else await self._visible(alert_id)
            if alert_id is not None and found is None:
                listener.put_back(alert_id)
            elif self.live.is_listening:
                reached_at = self.context.now()
            for alert in found or ():
                if _is_other(alert, told):
                    place, told_at_s = AlertPlace(monotonic(), next(numbers), reached_at), monotonic()
                    yield Told(AlertChanged(place.cursor, self.context.now(), in_panels_time(alert)), place)
            if alert_id is None or (found is None and monotonic() >= told_at_s + self.every_s):
                place, told_at_s = AlertPlace(monotonic(), next(numbers), reached_at), monotonic()
                yield Told(self._beat(place), place, is_beat=True)

    def _beat(self, place: AlertPlace) -> Heartbeat:
        return Heartbeat(place.cursor, self.context.now(), None, self.live.is_listening)

    async def _visible(self, alert_id: int) -> list[Alert] | None:
        """The alert, unless its owner may no longer see its panel; None while the database does not answer.

        The statement reads the account's role anew.
        """
        try:
            async with self.context.pool.connection() as connection:
                return await alerts.find(connection, self.viewer, [alert_id])
        except Exception as error:
            if not is_outage(error):
                raise
            return None

    def gap(self, place: AlertPlace, *, missed: int) -> Gap:
        """What a slow client is told."""
        return Gap(place.cursor, GapReason.SLOW_CLIENT, missed)


class _Listener:
    """Waits for the next of the hub's ids, for a while at a time."""

    def __init__(self, ids: AsyncGenerator[int]) -> None:
        self._ids = ids
        self._next: asyncio.Future[int] = asyncio.ensure_future(anext(ids))
        self._again: int | None = None

    def put_back(self, alert_id: int) -> None:
        """Makes an id the next one again, in a while."""
        self._again = alert_id

    async def next(self, *, within_s: float) -> int | None:
        """The next id; None when none came in time."""
        if self._again is not None:
            await asyncio.sleep(_RETRY_S)
            alert_id, self._again = self._again, None
            return alert_id
        done, _ = await asyncio.wait([self._next], timeout=within_s)
        if not done:
            return None
        alert_id = await self._next
        self._next = asyncio.ensure_future(anext(self._ids))
        return alert_id

    async def close(self) -> None:
        """Stops waiting."""
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        await self._ids.aclose()


def _is_other(alert: Alert, told: OrderedDict[int, Alert]) -> bool:
    """Whether it is not what was told of it last, of the last thousand alerts; from now on it is."""
    is_other = told.get(alert.id) != alert
    told[alert.id] = alert
    told.move_to_end(alert.id)
    if len(told) > _REMEMBERED:
        told.popitem(last=False)
    return is_other


async def _renewed(connection: Database, viewer: Viewer) -> Viewer:
    """The viewer with the role that the account has now: one that was removed before we listened tells nobody."""
    account = await accounts.by_id(connection, viewer.account_id)
    if account is None:
        raise Refused("UNAUTHENTICATED", "This account no longer exists.")
    return Viewer(account.id, account.role)
