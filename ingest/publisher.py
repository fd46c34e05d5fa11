"""Turns messages into MQTT publications, for the simulator and for tests; the only publisher we have."""

import asyncio
from types import TracebackType
from typing import Self

import gmqtt
from gmqtt.mqtt.handler import MQTTError

from ingest.broker_address import BrokerAddress, BrokerCredentials
from ingest.mqtt import BrokerAwayError, broker_fault

_CONNECT_WITHIN_S = 10.0


class Publisher:
    """A connection that publishes with QoS 1 and comes back by itself when the broker went away.

    Use as an async context manager.
    """

    def __init__(
        self,
        url: str,
        *,
        client_id: str,
        credentials: BrokerCredentials = BrokerCredentials(),  # noqa: B008 - a frozen value
    ) -> None:
        """`client_id` is nobody else's.

        Raises:
            ValueError: `url` is none of a broker.
        """
        self._address = BrokerAddress.from_url(url, credentials=credentials)
        self._client = gmqtt.Client(client_id, clean_session=True)
        self._client.set_config({"reconnect_delay": 1, "reconnect_retries": -1})
        if self._address.username is not None:
            self._client.set_auth_credentials(self._address.username, self._address.password)

    async def __aenter__(self) -> Self:
        """Connects.

        Raises:
            BrokerAwayError: the broker cannot be reached, or does not take us.
        """
        address = self._address
        try:
            connecting = self._client.connect(address.host, address.port, ssl=address.tls())
            await asyncio.wait_for(connecting, _CONNECT_WITHIN_S)  # gmqtt itself waits for ever
        except TimeoutError:
            raise BrokerAwayError(f"no answer within {_CONNECT_WITHIN_S:.0f} s") from None
        except (OSError, MQTTError) as error:
            raise broker_fault(error, address) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.disconnect()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hands one message to the connection, which sends it again until the broker acknowledges it.

        False, and nothing is kept, while as many messages wait for that as the broker takes at a time.
        """
        try:
            self._client.publish(topic, payload, qos=1)
        except OverflowError:  # gmqtt has run out of packet ids: the broker's receive maximum
            return False
        return True
