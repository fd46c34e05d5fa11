"""Turns the text of websocket messages into typed messages of graphql-transport-ws, or refuses it."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kilowatch.web.engine.json_text import decoded
from kilowatch.web.engine.operation import BadRequestError, Operation

OperationId = Annotated[str, Meta(min_length=1, max_length=255)]


class ConnectionInit(msgspec.Struct, frozen=True, tag="connection_init"):
    """Opens the conversation; the payload may carry the access token."""

    payload: dict[str, Any] | None = None


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Asks for a pong with the same payload."""

    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """A sign of life."""

    payload: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Starts an operation under an id of the client's."""

    id: OperationId
    payload: Operation


class Complete(msgspec.Struct, frozen=True, tag="complete"):
    """Stops an operation."""

    id: OperationId


Message = ConnectionInit | Ping | Pong | Subscribe | Complete


class BadMessageError(Exception):
    """A text is no message of the protocol; says what is wrong."""


def message_of(content: bytes) -> Message:
    """The message that a text stands for, in UTF-8.

    Raises:
        BadMessageError: it is not JSON, no message of a client, or has fields of other types.
    """
    try:
        return msgspec.convert(decoded(content), Message)
    except BadRequestError as error:
        raise BadMessageError(error.message) from None
    except msgspec.ValidationError as error:
        raise BadMessageError(str(error)) from None
