"""Turns the examples of tariffs that Kilowatch brings into what is shown of tariffs."""

from dataclasses import dataclass

from metering.tariffs.examples import examples
from resolvers.context import Context
from resolvers.tariffs import TariffVersion, version


@dataclass(frozen=True, slots=True)
class TariffExample:
    """A tariff to begin with, and what it is called."""

    id: str
    tariff: TariffVersion


def every(context: Context) -> list[TariffExample]:
    """All of them, for whoever has signed in.

    Raises:
        Refused: UNAUTHENTICATED.
    """
    _ = context.signed_in
    return [TariffExample(example.id, version(example.tariff, None, time_zone=None)) for example in examples()]
