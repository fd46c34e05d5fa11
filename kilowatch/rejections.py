"""Lists rejected messages, for the command line."""

import asyncio

from store import rejections
from store.connections import connect_async
from store.rejections import KeptRejection


def newest_rejected(database_url: str, *, limit: int) -> list[KeptRejection]:
    """The newest rejected messages, newest first."""

    async def fetched() -> list[KeptRejection]:
        async with await connect_async(database_url) as connection:
            return await rejections.newest(connection, before_id=None, limit=limit)

    return asyncio.run(fetched())
