"""Reads where the meters' registers stand, so that simulated meters go on from there."""

import asyncio

from store import registry
from store.connections import connect_async
from store.registry import Registers


def latest_registers(database_url: str) -> dict[str, Registers]:
    """The newest registers of every panel, by code."""

    async def fetched() -> dict[str, Registers]:
        async with await connect_async(database_url) as connection:
            return await registry.registers(connection)

    return asyncio.run(fetched())
