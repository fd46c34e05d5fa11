"""Turns the age of the signing keys into new ones, and publishes the public halves of all that count."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kilowatch.web.signing_keys import Signing, SigningKeysError

PATH: Final = "/.well-known/jwks.json"
_LOOK_EVERY_S: Final = 3600.0
_CACHE: Final = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class KeyRotation:
    """Looks at the file of keys now and every hour: adds one that is due, and reads what others have added."""

    signing: Signing
    every: timedelta
    now: Callable[[], datetime]
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to look, until `close`."""
        self._task = asyncio.create_task(self._run(), name="signing keys")

    async def close(self) -> None:
        """Looks no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Adds a key where one is due; the old one goes on where the file cannot be written."""
        try:
            added = await asyncio.to_thread(self.signing.ring.rotate_when_due, now=self.now(), every=self.every)
        except (SigningKeysError, OSError) as error:
            log.warning("the signing keys stay as they are: %s", error)
        else:
            if added is not None:
                log.info("added the signing key %s", added.kid)

    async def published(self, _request: Request) -> Response:
        """The public keys as a JWK set (RFC 7517), for brokers and services that check our tokens."""
        return JSONResponse(self.signing.public_keys(), headers=_CACHE, media_type="application/jwk-set+json")
