"""Reads where the meters' registers stand, so that simulated meters go on from there."""

import asyncio

from store import registry
from store.connections import connect_async


def latest_registers_kwh(database_url: str) -> dict[str, float]:
    """The newest import register of every panel, by code."""

    async def fetched() -> dict[str, float]:
        async with await connect_async(database_url) as connection:
            return {code: register.energy_kwh for code, register in (await registry.registers(connection)).items()}

    return asyncio.run(fetched())
