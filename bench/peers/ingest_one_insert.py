"""The baseline of bench/ingest.py: a subscriber as it is usually written, one INSERT and commit a message.

It acknowledges on receipt, as MQTT clients do by default, and keeps neither rollups nor the newest reading.
"""

import asyncio
import json
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import gmqtt
import psycopg

_INSERT = """
INSERT INTO reading (panel_id, at, received_at, batch_id, voltage_r_v, voltage_s_v, voltage_t_v, voltage_n_v,
                     current_r_a, current_s_a, current_t_a, current_n_a, active_power_kw, apparent_power_kva,
                     power_factor, energy_import_kwh, voltage_unbalance, current_unbalance)
VALUES (%s, %s, now(), 0, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING"""


async def main(database_url: str, host: str, port: int, time_zone: str) -> None:
    zone = ZoneInfo(time_zone)
    waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
    client = gmqtt.Client("one-insert", clean_session=True, receive_maximum=20_000)
    client.on_message = lambda _client, topic, payload, _qos, _properties: waiting.put_nowait((topic, payload))
    client.on_connect = lambda connected, *_: connected.subscribe("DATA/PM/#", qos=1)
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    await client.connect(host, port)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SET application_name = 'kilowatch ingest'")
        while True:
            topic, payload = await waiting.get()
            data = json.loads(payload)["data"]
            at = datetime.strptime(data["time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
            values = [data[name] for name in ("kw", "kVA", "pf", "kWh", "vunbal", "iunbal")]
            panel_id = int(topic.rpartition("P")[2])
            await connection.execute(_INSERT, (panel_id, at, *data["v"], *data["i"], *values))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
