"""Turns a request that cannot be met into a stable code and a sentence that says what is accepted."""

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
