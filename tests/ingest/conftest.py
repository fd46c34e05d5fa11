"""Fixtures of ingest's tests: brokers of their own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kilowatch.embedded.broker import EmbeddedBroker
from tests.ingest.brokers import Mosquitto


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is for clients of MQTT 5, and of 3.1.1."""

    url: str
    url_v311: str

    @property
    def port_v311(self) -> int:
        port = urlsplit(self.url_v311).port
        assert port is not None
        return port


@pytest.fixture(scope="module")
def embedded_broker() -> Iterator[Broker]:
    with EmbeddedBroker() as broker:
        yield Broker(broker.url, broker.url_v311)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> Broker:
    if request.param == "embedded":
        return request.getfixturevalue("embedded_broker")
    mosquitto: Mosquitto = request.getfixturevalue("mosquitto")
    return Broker(mosquitto.url, mosquitto.url)
