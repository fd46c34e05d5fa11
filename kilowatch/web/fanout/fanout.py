"""Turns subscriptions that ask alike into groups: each event is executed and encoded once, and handed to every member.

A member is noted in its group first, so that what the group tells from then on waits for it; then it gets its own
opening, then what has waited and lies beyond the opening, and from then on the group's frames as they come.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kilowatch.web.engine.engine import Answer, Engine
from kilowatch.web.engine.json_text import encoded
from kilowatch.web.fanout.asking import Asked, GroupKey, Sink, key_of
from kilowatch.web.fanout.members import WAITING_WHEN_SLOW, Member
from kilowatch.web.fanout.turns import EVENT, Turns
from kilowatch.web.slots import Slots
from metering.refusals import Refused
from resolvers.context import Context
from resolvers.live import LiveHub
from resolvers.streams import LiveStream, Scope, Told

MAX_GROUPS = 20_000
"""Distinct streams of a process: each holds about 15 KB and a task."""
SUBSCRIPTIONS_A_CONNECTION = 5
"""How many subscriptions an account may have for each connection that it may have: 1,000 in all."""
AT_ONCE = 100
"""Members that are handed a frame in one turn."""


@dataclass(slots=True, eq=False)
class FanOut:
    """All subscriptions of one process."""

    engine: Engine
    live: LiveHub
    slots: Slots
    turns: Turns = field(default_factory=Turns)
    max_groups: int = MAX_GROUPS
    waiting_when_slow: int = WAITING_WHEN_SLOW
    dropped_before: int = 0
    """Events that slow clients were told they did not get."""
    _groups: dict[GroupKey, "Group"] = field(default_factory=dict[GroupKey, "Group"])

    @property
    def dropped(self) -> int:
        """How many events slow clients did not get, those included that they have yet to be told of."""
        members = (member for group in self._groups.values() for member in group.members)
        return self.dropped_before + sum(member.dropped for member in members)

    @property
    def group_count(self) -> int:
        """How many distinct subscriptions are open."""
        return len(self._groups)

    async def begin(self, asked: Asked, sink: Sink) -> Member | None:
        """Opens a subscription: returns once its opening was told, and what follows is told from then on.

        Who calls it stops the member, whether or not the sink was told of an end. None for one that has already ended.
        """
        if asked.account_id is not None and not self.slots.take(asked.account_id):
            message = f"An account may have {self.slots.most} subscriptions: complete one first."
            sink.end(self.engine.ended(Refused("TOO_MANY_SUBSCRIPTIONS", message)))
            return None
        member = Member(self, asked, sink)
        try:
            return member if await self._is_opened(member) else None
        except BaseException:
            member.stop()
            raise

    async def _is_opened(self, member: Member) -> bool:
        found = await self._source(member.asked)
        if isinstance(found, Answer):
            member.end(found)
            return False
        await member.open(*found)
        return True

    async def _source(self, asked: Asked) -> tuple[Any, LiveStream] | Answer:
        """What executes a subscription's events, and where these come from; an answer where it is refused."""
        context = asked.make_context(asked.viewer)
        admitted = self.engine.admitted(asked.prepared, asked.operation, context)
        if isinstance(admitted, Answer):
            return admitted
        return await self.source(asked, context)

    async def source(self, asked: Asked, context: Context) -> tuple[Any, LiveStream] | Answer:
        """As above, without a charge: for what a group or a member begins anew."""
        executor = self.engine.executor(asked.prepared, asked.operation, context)
        if isinstance(executor, Answer):
            return executor
        events = await self.engine.events(executor)
        return events if isinstance(events, Answer) else (executor, cast("LiveStream", events))

    def group(self, asked: Asked, who: Scope | int | None) -> "Group":
        """The group of all who ask alike and are alike; a new one for the first of them.

        Raises:
            Refused: TOO_MANY_SUBSCRIPTIONS when the process has as many groups as it may.
        """
        key = key_of(asked, who)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= self.max_groups:
                message = f"A server may have {self.max_groups} distinct subscriptions: ask like others do, or later."
                raise Refused("TOO_MANY_SUBSCRIPTIONS", message)
            group = self._groups[key] = Group(self, key, asked)
            group.start()
        return group

    def forget(self, group: "Group") -> None:
        """Takes a group that has ended off the list; who asks alike from now on gets a new one."""
        if self._groups.get(group.key) is group:
            del self._groups[group.key]


@dataclass(slots=True, eq=False)
class Group:
    """Subscribers who ask alike and are told alike: one execution and one encoding an event for all of them."""

    fanout: FanOut
    key: GroupKey
    asked: Asked
    members: dict[Member, None] = field(default_factory=dict[Member, None])
    is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once nothing that happens is missed."""
    _executor: Any = None
    _stream: LiveStream | None = None
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to follow; ends with the last member."""
        self._task = asyncio.create_task(self._run(), name="group of subscribers")

    def add(self, member: Member) -> None:
        """Notes a member: it is handed every frame from now on."""
        self.members[member] = None

    def remove(self, member: Member) -> None:
        """Forgets a member; the last one ends the group."""
        self.members.pop(member, None)
        if not self.members:
            self.fanout.forget(self)
            if self._task is not None:
                self._task.cancel()

    async def _run(self) -> None:
        try:
            found = await self._source()
            if isinstance(found, Answer):
                self._end(found)
                return
            self._executor, self._stream = found
            async with self._stream.following() as changes:
                self.is_ready.set()
                async for told in changes:
                    await self._tell(told)
            self._end(None)
        except Exception as error:  # noqa: BLE001 - whatever ends a stream is told to whoever has it
            self._end(self.fanout.engine.ended(error))

    async def _source(self) -> tuple[Any, LiveStream] | Answer:
        context = self.asked.make_context(self.asked.viewer)
        found = await self.fanout.source(self.asked, context)
        if isinstance(found, Answer):
            return found
        executor, stream = found
        stream.scope = self.key.who if isinstance(self.key.who, Scope) else None
        return executor, stream

    async def _tell(self, told: Told) -> None:
        """Hands an event to all members, in slices; who has left meanwhile gets nothing."""
        if not self._is_paid(told.event):
            return
        await self.fanout.turns.take(EVENT + min(len(self.members), AT_ONCE))
        frame = replace(told, event=await self.tail_of(told.event))
        members = list(self.members)
        for start in range(0, len(members), AT_ONCE):
            several = members[start : start + AT_ONCE]
            if start:
                await self.fanout.turns.take(len(several))
            for member in several:
                if member.group is self:
                    member.tell(frame)

    def _is_paid(self, event: Any) -> bool:
        """Charges who has been here longest; who cannot pay is ended, and the next one does. False for nobody."""
        while self.members:
            if next(iter(self.members)).pays(event):
                return True
        return False

    async def tail_of(self, event: Any) -> bytes:
        """An event's answer, as JSON."""
        return encoded((await self.fanout.engine.answer_of(self._executor, event)).body)

    async def gap_tail(self, place: Any, *, missed: int) -> bytes:
        """The answer which says that so many events are missing after a place."""
        assert self._stream is not None  # noqa: S101 - for the type checker: a member that is told has a stream
        return await self.tail_of(self._stream.gap(place, missed=missed))

    def _end(self, answer: Answer | None) -> None:
        self.fanout.forget(self)
        for member in list(self.members):
            if member.group is self:
                member.end(answer)
        self.is_ready.set()
