"""Tells one client of a shared subscription: its own opening first, then its group's frames, as fast as it reads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from kilowatch.web.engine.engine import Answer
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.fanout.asking import Asked, Companies, Company, Sink
from kilowatch.web.fanout.fares import Fare, fare_of
from kilowatch.web.fanout.turns import EVENT
from metering.access import Viewer
from metering.refusals import Refused
from resolvers.live import Sight
from resolvers.mailboxes import Waiting
from resolvers.streams import LiveStream, Resumption, Scope, Told
from store.events import Position

WAITING_AT_THE_OPENING = 1000
WAITING_WHEN_SLOW = 100
"""Frames that wait for a client that does not read, before only the newest of each panel is kept."""


@dataclass(slots=True, eq=False)
class Member:
    """One subscription of one client, from the moment on when it holds a slot of its account's.

    Frames are events of its group whose `event` is the answer, encoded for everybody who is told of it.
    `_waiting` is None while the client is told at once. Otherwise frames wait there: during the opening, and while the
    client reads too slowly; `_task` is what tells them then.
    """

    fanout: Companies
    asked: Asked
    sink: Sink
    group: Company | None = None
    place: Any = None
    """Where the stream stands for this client: after the last event that it was told."""
    _opened_at: Any = None
    """Where the opening ended, until something beyond it has come."""
    _waiting: Waiting[Told] | None = None
    _sight: Sight | None = None
    _moved_at: Position | None = None
    _task: asyncio.Task[None] | None = None
    _fare: Fare | None = None
    _is_open: bool = True
    _is_counted: bool = False

    # Beginning

    async def open(self, executor: Any, stream: LiveStream) -> None:
        """Joins the group, then tells the opening, then what has waited meanwhile."""
        self._is_counted = True
        self.fanout.live.begun(self.asked.account_id)
        try:
            await self._join(stream)
            if self._is_open:
                await self._tell_opening(executor, stream, None)
        except Exception as error:  # noqa: BLE001 - what ends a stream is told like what refuses one
            self.end(self.fanout.engine.ended(error))
        else:
            await self._catch_up()

    async def _join(self, stream: LiveStream) -> None:
        who: Scope | int | None = self.asked.account_id
        if stream.is_alike_for_all and self.asked.viewer is not None:
            who = await self._scope(stream, self.asked.viewer)
        if not self._is_open:
            return
        self._waiting, self._moved_at = Waiting(WAITING_AT_THE_OPENING), None
        self.group = self.fanout.group(self.asked, who)
        self.group.add(self)
        await self.group.is_ready.wait()

    async def _scope(self, stream: LiveStream, viewer: Viewer) -> Scope:
        """What the client may see; it is told of each change from now on."""
        if self._sight is None:
            self._sight = await self.fanout.live.sight(viewer, codes=stream.codes)
            self._sight.on_change[self._change] = None
        return self._sight.scope

    async def _tell_opening(self, executor: Any, stream: LiveStream, since: Resumption | None) -> None:
        is_paid = since is None  # the first event was charged for when the subscription was admitted
        async with aclosing(stream.opening(since=since)) as opening:
            async for told in _while_open(self, opening):
                if told.event is not None:
                    if not is_paid and not self.pays(told.event):
                        return
                    is_paid = False
                    await self.fanout.turns.take(EVENT)
                    await self.sink.drained()
                    self.sink.write(encoded((await self.fanout.engine.answer_of(executor, told.event)).body))
                self.place = told.place
        self._opened_at = self.place

    # Being told

    def pays(self, event: Any) -> bool:
        """Charges the client for an event; False when its budget is spent, which ends the subscription."""
        if self._fare is None:
            self._fare = fare_of(self.asked, self.fanout.engine)
        refused = self._fare.refused(event)
        if refused is not None:
            self.end(refused)
        return refused is None

    def tell(self, frame: Told) -> None:
        """Sends a frame, or keeps it until the client can read."""
        if self._waiting is not None:
            if not frame.is_beat:
                self._waiting.put(frame)
        elif self.sink.is_writable:
            self._send(frame)
        elif not frame.is_beat:
            self._waiting = Waiting(self.fanout.waiting_when_slow)
            self._waiting.put(frame)
            self._task = asyncio.create_task(self._catch_up(), name="slow subscriber")

    def _send(self, frame: Told) -> None:
        if self._opened_at is not None:
            if not frame.is_news(self._opened_at):
                return
            if not (frame.is_beat or frame.is_aside):
                self._opened_at = None
        self.sink.write(frame.event)
        if frame.moves:
            self.place = frame.place

    async def _catch_up(self) -> None:
        """Tells what has waited, as fast as the client reads; of what was dropped, how much it was."""
        try:
            while self._is_open and self._waiting is not None:
                await self.sink.drained()
                if self._moved_at is not None:
                    await self._move()
                elif self._waiting.dropped:
                    await self._tell_dropped(self._waiting.take_dropped())
                elif (frame := self._waiting.take()) is not None:
                    self._send(frame)
                else:
                    self._waiting = None
        except Exception as error:  # noqa: BLE001 - as above
            self.end(self.fanout.engine.ended(error))
        finally:
            self._task = None

    async def _tell_dropped(self, dropped: int) -> None:
        self.fanout.dropped_before += dropped
        if self.group is not None:
            tail = await self.group.gap_tail(self.place, missed=dropped)
            if self._is_open:
                self.sink.write(tail)

    # Changes of what the client may see

    def _change(self, at: Position) -> None:
        """Leaves the group at once: nothing that was stored from now on comes by the old scope."""
        try:
            scope = self._sight.scope if self._sight else None
        except Refused as refused:
            self.end(self.fanout.engine.ended(refused))
            return
        if self._moved_at is not None or (self.group is not None and self.group.key.who == scope):
            return
        self._moved_at = at
        if self._waiting is None:
            self._waiting = Waiting(0)
            self._task = asyncio.create_task(self._catch_up(), name="subscriber of another scope")

    async def _move(self) -> None:
        """Goes over to the group of the new scope, from where the client stands, as a reconnect would."""
        group, at = self.group, self._moved_at
        if group is None or self._sight is None or not isinstance(group.key.who, Scope):
            self._moved_at = None
            return
        self._leave()
        self.asked = replace(self.asked, viewer=self._sight.viewer)
        found = await self.fanout.source(self.asked, self.asked.make_context(self.asked.viewer))
        if isinstance(found, Answer):
            self.end(found)
            return
        executor, stream = found
        since = Resumption(self.place, group.key.who, at)
        await self._join(stream)
        if self._is_open:
            await self._tell_opening(executor, stream, since)

    # The end

    def end(self, answer: Answer | None) -> None:
        """Ends the subscription from our side, and says so."""
        if self._is_open:
            self.stop()
            self.sink.end(answer)

    def stop(self) -> None:
        """Ends the subscription without a word."""
        if not self._is_open:
            return
        self._is_open = False
        self._leave()
        if self.asked.account_id is not None:
            self.fanout.slots.free(self.asked.account_id)
        if self._is_counted:
            self.fanout.live.ended(self.asked.account_id)
        if self._sight is not None:
            del self._sight.on_change[self._change]
            self.fanout.live.release(self._sight)
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    def _leave(self) -> None:
        group, self.group = self.group, None
        if group is not None:
            group.remove(self)

    @property
    def dropped(self) -> int:
        """How many events it has missed and was not told of yet."""
        return self._waiting.dropped if self._waiting is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether it is still told of anything."""
        return self._is_open


async def _while_open(member: Member, opening: AsyncIterator[Told]) -> AsyncGenerator[Told]:
    async for told in opening:
        if not member.is_open:
            return
        yield told
