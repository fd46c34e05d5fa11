"""A peer of bench/api.py: FastAPI, SQLAlchemy and Pydantic as their tutorials have them, REST without GraphQL."""

import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Generic, TypeVar

import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
sessions = async_sessionmaker(engine)
T = TypeVar("T")


class Base(DeclarativeBase):
    pass


class Reading(Base):
    __tablename__ = "reading"
    panel_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    active_power_kw: Mapped[float]
    energy_import_kwh: Mapped[float]


class LatestReading(Base):
    __tablename__ = "latest_reading"
    panel_id: Mapped[int] = mapped_column(ForeignKey("panel.id"), primary_key=True)
    at: Mapped[datetime]
    active_power_kw: Mapped[float]
    energy_import_kwh: Mapped[float]


class Panel(Base):
    __tablename__ = "panel"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    name: Mapped[str]
    latest_reading: Mapped[LatestReading] = relationship()


class ReadingOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    at: datetime
    active_power_kw: float = Field(serialization_alias="activePowerKw")
    energy_import_kwh: float = Field(serialization_alias="energyImportKwh")


class PanelOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    code: str
    name: str
    latest_reading: ReadingOut = Field(serialization_alias="latestReading")


class Answer(BaseModel, Generic[T]):
    data: dict[str, T]


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]
app = FastAPI()


@app.get("/hello")
async def hello() -> Answer[str]:
    return Answer(data={"__typename": "Query"})


@app.get("/panels", response_model=Answer[list[PanelOut]])
async def panels(session: Session) -> dict[str, dict[str, list[Panel]]]:
    chosen = select(Panel).options(joinedload(Panel.latest_reading, innerjoin=True)).order_by(Panel.code).limit(50)
    return {"data": {"panels": list(await session.scalars(chosen))}}


@app.get("/readings", response_model=Answer[list[ReadingOut]])
async def readings(
    panel_id: int, since: datetime, until: datetime, session: Session
) -> dict[str, dict[str, list[Reading]]]:
    chosen = select(Reading).where(Reading.panel_id == panel_id, Reading.at >= since, Reading.at < until)
    return {"data": {"readings": list(await session.scalars(chosen.order_by(Reading.at)))}}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
