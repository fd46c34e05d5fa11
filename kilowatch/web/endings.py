"""Turns the database's word that sessions have ended into their end in this process."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from kilowatch.web.viewers import Viewers, name_of_session
from store import sessions
from store.connections import Database, Pool, listening
from store.outages import is_outage

log = logging.getLogger(__name__)

_ACCESS: Final = "access"
_RETRY_AFTER_S: Final = 0.5
_LOOK_EVERY_S: Final = 60.0


@dataclass(slots=True, eq=False)
class Endings:
    """One process's ear for ends. What ended while it could not hear is asked for when it hears again."""

    database_url: str
    pool: Pool
    viewers: Viewers
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to listen, and goes on until `close`, whatever happens to the database."""
        self._task = asyncio.create_task(self._run(), name="ends of sessions")

    async def close(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                async with listening(self.database_url, sessions.CHANNEL, _ACCESS) as connection:
                    await self._follow(connection)
            except Exception as error:
                if not is_outage(error):  # the live hub says that the database is away
                    log.exception("ends of sessions are not heard")
            await asyncio.sleep(_RETRY_AFTER_S)

    async def _follow(self, connection: Database) -> None:
        self.viewers.forget()
        await self._end_what_is_over(connection)
        while True:
            for name in await sessions.ended(connection, within_s=_LOOK_EVERY_S):
                if name:
                    self.viewers.end(name)
                else:  # somebody's access has changed
                    self.viewers.forget()

    async def _end_what_is_over(self, connection: Database) -> None:
        """Asks for all by which somebody stays, in one statement."""
        for name in self.viewers.staying:
            if not name.startswith("session:"):
                self.viewers.end(name)
        by_name = {name: UUID(name.partition(":")[2]) for name in self.viewers.staying if name.startswith("session:")}
        if by_name:
            still = {name_of_session(id_) for id_ in await sessions.still_open(connection, list(by_name.values()))}
            for name in by_name.keys() - still:
                self.viewers.end(name)
