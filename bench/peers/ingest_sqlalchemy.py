"""A peer of bench/ingest.py: SQLAlchemy and SQLite (WAL, synchronous NORMAL), one object and one commit a message.

It acknowledges on receipt, as MQTT clients do by default, and keeps neither rollups nor the newest reading.
"""

# pyright: reportMissingImports=false

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import gmqtt
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

VALUES = ("v_r", "v_s", "v_t", "v_n", "i_r", "i_s", "i_t", "i_n", "kw", "kva", "pf", "kwh", "vunbal", "iunbal")


class Base(DeclarativeBase):
    pass


class Reading(Base):
    __tablename__ = "reading"

    panel_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]
    v_r: Mapped[float]
    v_s: Mapped[float]
    v_t: Mapped[float]
    v_n: Mapped[float]
    i_r: Mapped[float]
    i_s: Mapped[float]
    i_t: Mapped[float]
    i_n: Mapped[float]
    kw: Mapped[float]
    kva: Mapped[float]
    pf: Mapped[float]
    kwh: Mapped[float]
    vunbal: Mapped[float]
    iunbal: Mapped[float]


def engine_of(file: str) -> Engine:
    engine = create_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    Base.metadata.create_all(engine)
    return engine


def reading(topic: str, payload: bytes, *, zone: ZoneInfo) -> Reading:
    data = json.loads(payload)["data"]
    at = datetime.strptime(data["time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    numbers = [*data["v"], *data["i"], *(data[name] for name in ("kw", "kVA", "pf", "kWh", "vunbal", "iunbal"))]
    values = dict(zip(VALUES, map(float, numbers), strict=True))
    return Reading(panel_id=int(topic.rpartition("P")[2]), at=at, received_at=datetime.now(UTC), **values)


async def main(file: str, port: int, time_zone: str) -> None:
    engine, zone = engine_of(file), ZoneInfo(time_zone)

    def store(_client: object, topic: str, payload: bytes, _qos: int, _properties: object) -> None:
        with Session(engine) as session:
            session.add(reading(topic, payload, zone=zone))
            session.commit()

    client = gmqtt.Client("sqlalchemy", clean_session=True, receive_maximum=20_000)
    client.on_message = store
    client.on_connect = lambda connected, *_: connected.subscribe("DATA/PM/#", qos=1)
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    await client.connect("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
