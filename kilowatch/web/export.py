"""Turns a link into a streamed file of readings, for who may still see them."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as ConnectionScope

from kilowatch.exporting.run import Export, exported
from kilowatch.web.endpoint.answers import failure, refusal
from kilowatch.web.export_links import ExportLinks, InvalidLinkError
from kilowatch.web.tokens import InvalidTokenError
from kilowatch.web.viewers import Viewers, bearer_token
from metering.access import Scope, Viewer
from metering.transfer import TransferFormat
from resolvers.exports import ExportGrant
from store.connections import Connection, connect
from store.outages import is_outage
from store.tenancies import bound_export
from store.transfer import Lines, Span, begin_export, exported_panels

Found = TypeVar("Found")

log = logging.getLogger(__name__)

MAX_AT_ONCE: Final = 8
MAX_OF_AN_ACCOUNT: Final = 2
_WITHIN_S: Final = 3600.0
"""A client that takes longer is cut off: its snapshot keeps the database from cleaning up."""
_MEDIA_TYPES: Final = {
    TransferFormat.CSV: "text/csv; charset=utf-8",
    TransferFormat.JSONL: "application/x-ndjson; charset=utf-8",
    TransferFormat.PARQUET: "application/vnd.apache.parquet",
}


class TooManyExportsError(Exception):
    """As many downloads run as may run at once."""


@dataclass(slots=True)
class Exports:
    """The endpoint: two downloads of an account at a time, and eight of a process."""

    database_url: str
    links: ExportLinks
    viewers: Viewers
    _running: Counter[int] = field(default_factory=Counter[int])

    async def download(self, request: Request) -> Response:
        """The file, or in JSON why there is none; what it says of a link that is not good is the same for all."""
        try:
            grant = self.links.read(request.path_params["token"])
            viewer = await self._viewer(request, grant)
            return await self._answered(grant, viewer, is_asked_only=request.method == "HEAD")
        except (InvalidLinkError, InvalidTokenError):
            return refusal(404, "EXPORT_LINK_INVALID", "This link is not valid, or has expired: ask for a new one.")
        except TooManyExportsError:
            message = (
                f"{MAX_OF_AN_ACCOUNT} downloads of yours, or {MAX_AT_ONCE} in all, run already: wait for one's end."
            )
            return refusal(429, "TOO_MANY_EXPORTS", message, headers={"Retry-After": "10"})
        except Exception as error:  # noqa: BLE001 - the last resort: a client never sees a fault's text
            return failure(error)

    async def _viewer(self, request: Request, grant: ExportGrant) -> Viewer:
        """Whose link it is. A service account's counts along with its key alone, so that it ends with the key.

        Raises:
            InvalidLinkError: who asks has another account, or a key that is not for reading.
            InvalidTokenError: the account, or what was sent along, counts no more.
        """
        token = bearer_token(request.headers.get("authorization"))
        if token is None:
            return await self.viewers.of_account(grant.account_id)
        address = request.client.host if request.client else ""
        viewer = (await self.viewers.of_token(token, address=address)).viewer
        if viewer.account_id != grant.account_id or (viewer.scopes is not None and Scope.READ not in viewer.scopes):
            raise InvalidLinkError
        return viewer

    async def _answered(self, grant: ExportGrant, viewer: Viewer, *, is_asked_only: bool) -> Response:
        download = Download(self._take(grant.account_id))
        try:
            first = await download.begin(self.database_url, viewer=viewer, grant=grant)
        except BaseException:
            download.close()
            raise
        if is_asked_only:
            download.close()
            return Response(None, 200, _headers(grant), _MEDIA_TYPES[grant.file_format])
        return DownloadResponse(download, first, grant=grant)

    def _take(self, account_id: int) -> "Slot":
        """A slot for one more download of the account.

        Raises:
            TooManyExportsError: there is none.
        """
        if self._running[account_id] >= MAX_OF_AN_ACCOUNT or self._running.total() >= MAX_AT_ONCE:
            raise TooManyExportsError
        self._running[account_id] += 1
        return Slot(self._running, account_id)


@dataclass(slots=True)
class Slot:
    """One running download's share of what may run at once."""

    running: Counter[int]
    account_id: int
    is_free: bool = False

    def free(self) -> None:
        """Gives it back, once."""
        if not self.is_free:
            self.is_free = True
            self.running.subtract([self.account_id])
            if not self.running[self.account_id]:
                del self.running[self.account_id]


@dataclass(slots=True)
class Download:
    """One file on its way: a connection and a thread of its own, in which all is read and closed in turn."""

    slot: Slot
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="export"))
    _connection: Connection | None = None
    _pieces: Iterator[Lines] = field(default_factory=lambda: iter(()))

    async def begin(self, database_url: str, *, viewer: Viewer, grant: ExportGrant) -> bytes:
        """The first piece of the file.

        Raises:
            InvalidLinkError: the viewer may not see the panel.
        """
        return await self._in_thread(self._begin, database_url, viewer, grant)

    def _begin(self, database_url: str, viewer: Viewer, grant: ExportGrant) -> bytes:
        self._connection = connect(database_url, application="kilowatch serve export")
        begin_export(self._connection)
        bound_export(self._connection, viewer=viewer, code=grant.panel_code, tenure=grant.tenure)
        panels = exported_panels(self._connection, viewer=viewer, codes=[grant.panel_code])
        if not panels:
            raise InvalidLinkError
        export = Export(panels, Span(grant.since, grant.until), grant.file_format)
        self._pieces = exported(self._connection, export, viewer=viewer)
        return next(self._pieces, Lines(b"", 0)).content

    async def pieces(self, first: bytes) -> AsyncIterator[bytes]:
        """The file, each piece read when the client has taken the one before."""
        yield first
        while piece := await self._in_thread(self._next):
            yield piece

    def _next(self) -> bytes:
        """The next piece that is not empty; nothing at the end."""
        return next((piece.content for piece in self._pieces if piece.content), b"")

    def close(self) -> None:
        """Ends the file wherever it is; its connection is closed after what its thread is just reading."""
        self.slot.free()
        self._thread.submit(self._end)
        self._thread.shutdown(wait=False)

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def _in_thread(self, work: Callable[..., Found], *given: Any) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


class DownloadResponse(StreamingResponse):
    """Streams a download, and ends it however the client goes away."""

    def __init__(self, download: Download, first: bytes, *, grant: ExportGrant) -> None:
        """`first` is the file's first piece, which was read already."""
        self._download = download
        media_type = _MEDIA_TYPES[grant.file_format]
        super().__init__(download.pieces(first), headers=_headers(grant), media_type=media_type)

    async def __call__(self, scope: ConnectionScope, receive: Receive, send: Send) -> None:
        """Sends the file; an answer that an outage cuts short is left unfinished, so that the client notices."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                await super().__call__(scope, receive, send)
        except Exception as error:
            if not (is_outage(error) or isinstance(error, TimeoutError)):
                raise
            log.warning("a download was cut short: %s", error or "it took more than an hour")
        finally:
            self._download.close()


def _headers(grant: ExportGrant) -> dict[str, str]:
    """A name of the file that every system takes, and that nobody keeps a copy of it."""
    name = f"{grant.panel_code.replace(':', '-')}_{grant.since:%Y-%m-%d}_{grant.until:%Y-%m-%d}"
    return {
        "Content-Disposition": f'attachment; filename="{name}.{grant.file_format.value}"',
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
