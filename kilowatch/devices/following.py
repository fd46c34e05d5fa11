"""Turns news of registered devices into mosquitto's files, as a step of the jobs or as a command of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kilowatch.devices.mosquitto_files import MosquittoFiles, Reload
from kilowatch.devices.service_login import ServiceLogin, service_login
from kilowatch.settings import Settings
from store import registered_devices
from store.connections import Pool

CHANNELS = frozenset({registered_devices.CHANNEL})
"""What wakes it."""

_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Following:
    """Files that follow the registered devices, and how a running mosquitto is told of it."""

    files: MosquittoFiles
    service: ServiceLogin
    reload: Reload

    async def write(self, pool: Pool, *, now: datetime) -> float:
        """Writes what has changed and tells mosquitto; the seconds until a login ends by itself, a minute at the most.

        Mosquitto is told again until that is done: it would go on with what was.
        """
        async with pool.connection() as connection:
            logins = await registered_devices.logins(connection, now=now)
            next_end_at = await registered_devices.next_end_at(connection, now=now)
            await registered_devices.forget_ended(connection, now=now)
        if await asyncio.to_thread(self.files.write, logins, service=self.service):
            await asyncio.to_thread(self._tell)
        left_s = _EVERY_S if next_end_at is None else (next_end_at - now).total_seconds()
        return min(max(left_s, 0.0), _EVERY_S)

    def _tell(self) -> None:
        try:
            self.reload.tell()
        except Exception:
            self.files.forget()
            raise

    def step(self, pool: Pool) -> Callable[[], Awaitable[float]]:
        """The work of a step of `kilowatch.work`."""
        return lambda: self.write(pool, now=datetime.now(UTC))


def following(settings: Settings, folder: Path) -> Following:
    """Files in a folder, by these settings.

    Raises:
        CommandError, SettingError: the settings name no login for ingest, or contradict each other.
    """
    pid_file = Path(settings.mosquitto_pid_file) if settings.mosquitto_pid_file else None
    return Following(MosquittoFiles(folder), service_login(settings), Reload(pid_file, settings.mosquitto_reload))
