"""Turns the setting that names a model file into the model in use, or into why there is none."""

import logging
from dataclasses import dataclass
from pathlib import Path

from forecasting.model import BadModel, load_model
from forecasting.trained import DepletionModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """The model and its name, or None and what is wrong with its file."""

    model: DepletionModel | None
    name: str | None
    problem: str | None


NO_MODEL = ModelInUse(None, None, None)


def model_in_use(path: Path | None = None) -> ModelInUse:
    """The model of a file, by default the one that comes with this package; without it the untrained forecast answers.

    A file that cannot be used is logged in one line.
    """
    try:
        model = load_model(path)
    except BadModel as error:
        _log.warning("forecasts are made without a model: %s", error)
        return ModelInUse(None, None, str(error))
    return ModelInUse(model, f"{path.name if path else 'shipped'} {model.fingerprint[:12]}", None)
