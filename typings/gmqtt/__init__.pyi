"""What we use of gmqtt 0.8.0, typed; the package itself carries no types."""

from collections.abc import Callable
from ssl import SSLContext
from typing import Any

class Subscription:
    def __init__(self, topic: str, qos: int = 0, *, retain_handling_options: int = 0) -> None: ...

class Message:
    def __init__(self, topic: str, payload: bytes | str | None, qos: int = 0, retain: bool = False) -> None: ...

class Client:
    on_connect: Callable[[Client, int, int, dict[str, Any]], None]
    on_disconnect: Callable[..., None]
    on_message: Callable[..., Any]
    on_subscribe: Callable[..., None]
    _package_handler: Any
    _connection: Any
    def __init__(
        self,
        client_id: str,
        clean_session: bool = True,
        optimistic_acknowledgement: bool = True,
        will_message: object | None = None,
        **properties: int,
    ) -> None: ...
    @property
    def is_connected(self) -> bool: ...
    def set_config(self, config: dict[str, object]) -> None: ...
    def set_auth_credentials(self, username: str, password: str | None = None) -> None: ...
    async def connect(
        self,
        host: str,
        port: int = 1883,
        ssl: bool | SSLContext = False,
        keepalive: int = 60,
        version: int = ...,
        raise_exc: bool = True,
    ) -> None: ...
    async def disconnect(self, reason_code: int = 0, **properties: object) -> None: ...
    async def reconnect(self, delay: bool = False) -> None: ...
    def _send_command_with_mid(self, cmd: int, mid: int, dup: bool, reason_code: int = 0) -> None: ...
    def unsubscribe(self, topic: str, **properties: object) -> None: ...
    def subscribe(self, subscription: str | list[Subscription], qos: int = 0, **properties: object) -> int | None: ...
    def publish(
        self,
        message_or_topic: str,
        payload: bytes | str | None = None,
        qos: int = 0,
        retain: bool = False,
        **kwargs: object,
    ) -> None: ...
