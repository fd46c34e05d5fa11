"""Turns the trained file into a model that says how far usage and time may depart from what is expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forecasting.bands import Band
from forecasting.hours import HourlyUsage
from forecasting.outlook import Outlook

SHIPPED = Path(__file__).parent / "model" / "depletion.safetensors"


class BadModel(Exception):  # noqa: N818 - it says what the file is
    """A model file that is not there, is damaged, or was made for another version."""


@dataclass(frozen=True, slots=True)
class ModelBands:
    """What the model says of one home: `time` about how long units last, `total` about the usage up to an instant."""

    time: Band
    total: Band


@dataclass(frozen=True, slots=True)
class DepletionModel:
    """A trained model; the same for all homes."""

    def bands(self, usages: Sequence[HourlyUsage], *, outlooks: Sequence[Outlook]) -> list[ModelBands]:
        """The bands of each home."""
        raise NotImplementedError


def load_model(path: Path | None = None) -> DepletionModel:
    """The model of the file at `path`, by default the one that comes with this package.

    Raises:
        BadModel: what is wrong with the file.
    """
    raise BadModel(f"{path or SHIPPED} is not there")
