"""Turns stored readings into retained messages that make the panels devices of Home Assistant."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import gmqtt
from gmqtt.mqtt.handler import MQTTError

from ingest.announcements import STATUS_TOPIC, announcement, config_topic, state, state_message, state_topic
from ingest.broker_address import BrokerAddress, BrokerCredentials
from ingest.mqtt import BrokerAwayError, BrokerRefusesError, broker_fault
from store.announced_panels import (
    AnnouncedPanel,
    changed_panels,
    forget_announcement,
    may_announce,
    note_announcement,
    to_take_back,
)
from store.connections import Database, listening
from store.outages import is_outage

_CHANNELS: Final = ("reading", "ledger", "access", "ingest_control")
_CONNECT_WITHIN_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.25
_PAUSE_S: Final = 2.0
_REFUSED_PAUSE_S: Final = 30.0
_BALANCES_EVERY_S: Final = 60.0
_KEEPALIVE_S: Final = 20

_log = logging.getLogger(__name__)


async def run_announcer(
    *,
    database_url: str,
    mqtt_url: str,
    credentials: BrokerCredentials = BrokerCredentials(),  # noqa: B008 - a frozen value
    client_id: str = "kilowatch-announcer",
    prefix: str = "homeassistant",
    every_s: float = 5.0,
) -> None:
    """Announces the panels under `prefix` and tells their newest values at most every `every_s`, until cancelled.

    Neither the broker's nor the database's absence ends it; of several processes one announces. Panels that Home
    Assistant itself announced to us are left out.

    Raises:
        ValueError: the URL is none of a broker.
    """
    address = BrokerAddress.from_url(mqtt_url, credentials=credentials)
    while True:
        pause_s = _PAUSE_S
        try:
            async with listening(database_url, *_CHANNELS) as database:
                await _turn(database)
                async with _at_the_broker(address, client_id=client_id, prefix=prefix) as broker:
                    await _Announcer(database, broker, prefix=prefix, every_s=every_s).run()
        except BrokerAwayError as error:
            pause_s = _REFUSED_PAUSE_S if isinstance(error, BrokerRefusesError) else _PAUSE_S
            _log.warning("Home Assistant is not told of the panels: no connection to the broker: %s", error)
        except Exception as error:  # noqa: BLE001 - whatever happens, it is tried again
            if not is_outage(error):
                _log.exception("Announcing to Home Assistant failed; it is tried again")
            else:
                _log.warning("Home Assistant is not told of the panels: the database is away: %s", error)
        await asyncio.sleep(pause_s)


async def _turn(database: Database) -> None:
    """Waits until no other process announces."""
    while True:
        if await may_announce(database):
            return
        await asyncio.sleep(_PAUSE_S)


class _Broker:
    """One connection to the broker, which leaves `offline` behind when it ends in any way."""

    def __init__(self, address: BrokerAddress, *, client_id: str, prefix: str) -> None:
        self._address = address
        self._birth_topic = f"{prefix}/status"
        self._subscribed = asyncio.Event()
        self._lost = asyncio.Event()
        self.has_asked = True
        """Whether everything is to be announced anew: to a new connection, or to a Home Assistant that has started."""
        will = gmqtt.Message(STATUS_TOPIC, b"offline", qos=1, retain=True)
        self._client = _Client(client_id, will=will, lost=self._lost)
        if address.username is not None:
            self._client.set_auth_credentials(address.username, address.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone; once the broker has fallen silent, gmqtt says so when it is asked."""
        return self._lost.is_set() or not self._client.is_connected

    async def open(self) -> None:
        address = self._address
        try:
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                await self._client.connect(address.host, address.port, ssl=address.tls(), keepalive=_KEEPALIVE_S)
                await self._subscribed.wait()
        except TimeoutError:
            raise BrokerAwayError("it does not answer") from None
        except (OSError, MQTTError) as error:
            raise broker_fault(error, address) from error
        await self.retain(STATUS_TOPIC, b"online")

    async def retain(self, topic: str, payload: bytes) -> None:
        """Hands a message to the connection, for the broker to keep; an empty one makes it forget the topic.

        Raises:
            BrokerAwayError: the connection is gone.
        """
        while not self.is_lost:
            try:
                self._client.publish(topic, payload, qos=1, retain=True)
            except OverflowError:  # as many wait for the broker's answer as it takes at a time
                await asyncio.sleep(0.01)
            else:
                return
        raise BrokerAwayError("the connection ended")

    async def close(self) -> None:
        with suppress(BrokerAwayError, OSError, TimeoutError):
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                if not self.is_lost:
                    await self.retain(STATUS_TOPIC, b"offline")
                await self._client.disconnect()

    def _on_connect(self, _client: object, _flags: int, _code: int, _properties: dict[str, Any]) -> None:
        self._client.subscribe([gmqtt.Subscription(self._birth_topic, qos=1)])

    def _on_subscribe(self, _client: object, _packet_id: int, _codes: Sequence[int], _properties: object) -> None:
        self._subscribed.set()

    def _on_message(self, _client: object, _topic: str, payload: bytes, _qos: int, _properties: object) -> int:
        self.has_asked = self.has_asked or payload.strip() == b"online"
        return 0


class _Client(gmqtt.Client):
    """gmqtt's client for a single connection: another one takes its place."""

    def __init__(self, client_id: str, *, will: gmqtt.Message, lost: asyncio.Event) -> None:
        super().__init__(client_id, clean_session=True, will_message=will)
        self._lost = lost

    async def reconnect(self, delay: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - gmqtt's own signature
        self._lost.set()


@asynccontextmanager
async def _at_the_broker(address: BrokerAddress, *, client_id: str, prefix: str) -> AsyncGenerator[_Broker]:
    broker = _Broker(address, client_id=client_id, prefix=prefix)
    try:
        await broker.open()
        yield broker
    finally:
        await broker.close()


@dataclass(slots=True)
class _News:
    """What has changed since Home Assistant was last told."""

    has_readings: bool = False
    panel_ids: set[int] = field(default_factory=set[int])
    has_other_panels: bool = True

    def __bool__(self) -> bool:
        return self.has_readings or bool(self.panel_ids) or self.has_other_panels


class _Announcer:
    """What has been told over one connection, and what is to be told next."""

    def __init__(self, database: Database, broker: _Broker, *, prefix: str, every_s: float) -> None:
        self._database = database
        self._broker = broker
        self._prefix = prefix
        self._every_s = every_s
        self._news = _News()
        self._told_batch = 0
        self._announced: dict[str, bytes] = {}
        self._keys: dict[str, frozenset[str]] = {}
        self._balances_kwh = dict[str, Decimal]()
        self._balances_due_at_s = 0.0

    async def run(self) -> None:
        """Returns when the connection to the broker is gone."""
        due_at_s = 0.0
        while not self._broker.is_lost:
            await self._hear()
            if self._broker.has_asked:
                self._broker.has_asked, self._told_batch, due_at_s = False, 0, 0.0
                self._announced.clear()
            elif not self._news or time.monotonic() < due_at_s:
                continue
            due_at_s = time.monotonic() + self._every_s
            await self._tell()

    async def _hear(self) -> None:
        async for note in self._database.notifies(timeout=_LOOK_EVERY_S):
            match note.channel:
                case "reading":
                    self._news.has_readings = True
                case "ledger":
                    self._news.panel_ids.add(int(note.payload))
                case _:
                    self._news.has_other_panels = True

    async def _tell(self) -> None:
        news, self._news = self._news, _News(has_other_panels=False)
        for code, topic in await to_take_back(self._database, prefix=self._prefix) if news.has_other_panels else ():
            await self._take_back(code, topic)
        for panel in await self._changed(sorted(news.panel_ids)):
            await self._tell_panel(panel)
            self._told_batch = max(self._told_batch, panel.batch_id)

    async def _changed(self, panel_ids: Sequence[int]) -> list[AnnouncedPanel]:
        """The panels to be told; their balances are read every minute, or when their ledger has changed."""
        with_balances = self._told_batch == 0 or time.monotonic() >= self._balances_due_at_s
        if with_balances:
            self._balances_due_at_s = time.monotonic() + _BALANCES_EVERY_S
        found = await changed_panels(
            self._database,
            after=self._told_batch,
            panel_ids=panel_ids,
            with_balances=with_balances,
            now=datetime.now(UTC),
        )
        self._balances_kwh |= {panel.code: panel.balance_kwh for panel in found if panel.balance_kwh is not None}
        return [replace(panel, balance_kwh=self._balances_kwh.get(panel.code)) for panel in found]

    async def _tell_panel(self, panel: AnnouncedPanel) -> None:
        known = self._keys.get(panel.code, frozenset()) | state(panel).keys()
        said = announcement(panel, known=known)
        if said != self._announced.get(panel.code):
            topic = config_topic(panel.code, prefix=self._prefix)
            await note_announcement(self._database, panel_code=panel.code, config_topic=topic)
            await self._broker.retain(topic, said)
            self._announced[panel.code], self._keys[panel.code] = said, known
        await self._broker.retain(state_topic(panel.code), state_message(panel))

    async def _take_back(self, panel_code: str, topic: str) -> None:
        await self._broker.retain(topic, b"")
        await self._broker.retain(state_topic(panel_code), b"")
        await forget_announcement(self._database, panel_code=panel_code, config_topic=topic)
        self._announced.pop(panel_code, None)
        self._keys.pop(panel_code, None)
        self._balances_kwh.pop(panel_code, None)
