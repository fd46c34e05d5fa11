"""Publishes what simulated devices would say, as real MQTT messages in their own formats."""

import asyncio
from datetime import UTC, datetime

from ingest.broker_address import BrokerCredentials
from ingest.publisher import Publisher
from kilowatch.demo.meters import devices
from kilowatch.demo.site import SimulatedPanel
from store.registry import Registers


async def simulate(
    mqtt_url: str,
    *,
    credentials: BrokerCredentials = BrokerCredentials(),  # noqa: B008 - a frozen value
    panels: tuple[SimulatedPanel, ...],
    registers: dict[str, Registers],
    every_s: float,
) -> None:
    """Publishes what each device says, every `every_s` seconds, until cancelled.

    `registers` is where each panel's registers go on; a panel without an entry starts at its own value.

    Raises:
        BrokerAwayError: the broker cannot be reached at first, or does not take us.
    """
    loop = asyncio.get_running_loop()
    speaking = devices(
        [panel for panel in panels if not panel.is_typed_in],
        registers=registers,
        started_s=datetime.now(UTC).timestamp(),
    )
    async with Publisher(mqtt_url, client_id="kilowatch-simulator", credentials=credentials) as publisher:
        next_s = loop.time()
        while True:
            now_s = datetime.now(UTC).timestamp()
            for device in speaking:
                for topic, payload in device.messages(now_s):
                    publisher.publish(topic, payload)
            next_s = max(next_s + every_s, loop.time())
            await asyncio.sleep(next_s - loop.time())
