"""Turns a request that cannot be met into a stable code and a sentence that says what is accepted."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(eq=False)  # not frozen: contextlib sets an exception's traceback
class Refused(Exception):  # noqa: N818 - named as clients meet it: a refusal, not a fault
    """An expected refusal: nothing was changed.

    `code` is stable and listed in docs/errors.md, `message` is for people and says what is accepted,
    `field` names the input that was refused. Caught once, at the GraphQL boundary.
    """

    code: str
    message: str
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@contextmanager
def about(field: str | None) -> Generator[None]:
    """Names a refusal's input as the request does, where what refuses does not know that name."""
    try:
        yield
    except Refused as refused:
        raise Refused(refused.code, refused.message, field) from refused
