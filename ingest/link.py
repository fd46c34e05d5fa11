"""Keeps a connection to the broker standing while ingest is wanted."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ingest.batches import Inbox
from ingest.mqtt import BrokerAwayError, BrokerRefusesError, Connection, NoAnswerError, Version

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_REFUSED_PAUSE_S: Final = 30.0
"""Brokers shut out who tries a wrong password over and over; and each try is a line in two logs."""
_STEADY_S: Final = 10.0
_TRIES_OF_V5: Final = 3

_log = logging.getLogger(__name__)


class Switch:
    """Whether ingest is wanted, as its owner last said; it is not until the database has been asked."""

    def __init__(self) -> None:
        self._on = asyncio.Event()
        self._off = asyncio.Event()
        self._off.set()

    def turn(self, *, on: bool) -> None:
        """Wakes those who wait for the new state."""
        now, before = (self._on, self._off) if on else (self._off, self._on)
        before.clear()
        now.set()

    async def on(self) -> None:
        """Waits until ingest is wanted."""
        await self._on.wait()

    async def off(self) -> None:
        """Waits until ingest is not wanted."""
        await self._off.wait()


class Link:
    """One connection after the other, under one client id."""

    def __init__(
        self,
        connect: Callable[[Version], Connection],
        *,
        switch: Switch,
        inbox: Inbox,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`connect` makes a connection that is not open yet; `pause` waits so many seconds between two of them."""
        self._connect = connect
        self._pause = pause
        self._switch = switch
        self._inbox = inbox
        self._standing: Connection | None = None
        self._unanswered = 0
        self._longest_pause_s = _LONGEST_PAUSE_S

    @property
    def is_connected(self) -> bool:
        """Whether the broker has confirmed the subscription of a connection that still stands."""
        return self._standing is not None

    def hush(self) -> None:
        """Takes nothing more from the connection; acknowledging goes on."""
        if self._standing is not None:
            self._standing.hush()

    def resubscribe(self, topics: Sequence[str]) -> None:
        """Takes other topics from the connection that stands."""
        if self._standing is not None:
            self._standing.resubscribe(topics)

    async def run(self) -> None:
        """Never returns. After a failure it tries again at once, then ever later, up to every 5 s.

        It is every 30 s while the broker does not take who we are.
        The connection is closed while ingest is not wanted, and when this is cancelled.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._switch.on()
            await self._inbox.room()
            stood_s = await self._one_connection()
            pause_s = _FIRST_PAUSE_S if stood_s > _STEADY_S else min(2 * pause_s, self._longest_pause_s)
            await self._pause(pause_s)

    async def _one_connection(self) -> float:
        """How long it stood, in seconds."""
        connection = self._connect(self._version())
        opened_s = time.monotonic()
        try:
            await connection.open()
            self._unanswered = 0
            self._standing = connection
            _log.info("Connected to the broker")
            await self._until_it_ends(connection)
        except BrokerAwayError as error:
            self._unanswered += isinstance(error, NoAnswerError)
            self._longest_pause_s = _REFUSED_PAUSE_S if isinstance(error, BrokerRefusesError) else _LONGEST_PAUSE_S
            _log.warning("No connection to the broker: %s", error)
        finally:
            self._standing = None
            await connection.close()
        return time.monotonic() - opened_s

    def _version(self) -> Version:
        """MQTT 3.1.1 only for a broker that did not answer to MQTT 5 three times in a row: its windows are small."""
        return Version.V311 if self._unanswered % (_TRIES_OF_V5 + 1) == _TRIES_OF_V5 else Version.V5

    async def _until_it_ends(self, connection: Connection) -> None:
        ending = asyncio.ensure_future(connection.ended())
        unwanted = asyncio.ensure_future(self._switch.off())
        try:
            await asyncio.wait((ending, unwanted), return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                raise BrokerAwayError(ending.result())
            _log.info("Ingest is switched off: disconnecting from the broker")
        finally:
            ending.cancel()
            unwanted.cancel()
