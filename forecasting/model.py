"""Turns a trained model into a file of plain arrays, and such a file back into a model or what is wrong with it."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from forecasting.features import FEATURES, KNOT_HOURS
from forecasting.forest import Trees, forest_of
from forecasting.hours import Floats
from forecasting.trained import DepletionModel

__all__ = [
    "SHIPPED",
    "BadModel",
    "DepletionModel",
    "ModelFacts",
    "load_model",
    "model_bytes",
    "model_of",
    "write_model",
]

SHIPPED = Path(__file__).parent / "depletion.safetensors"
FORMAT = 1
MODELS = 6
MOST_BYTES = 20_000_000

_TYPES: dict[str, type[np.generic]] = {
    "feature": np.int16,
    "threshold": np.float64,
    "left": np.uint8,
    "right": np.uint8,
    "missing_left": np.bool_,
    "value": np.float64,
}

_Arrays = dict[str, NDArray[np.generic]]


class BadModel(Exception):  # noqa: N818 - it says what the file is
    """A model file that is not there, is damaged, or was made for another version."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Where a model comes from: what it was trained with, and under which licences."""

    data_sha256: str
    settings: dict[str, Any]
    scikit_learn: str
    licences: tuple[str, ...]


def model_bytes(trees: Trees, *, prior: Floats, facts: ModelFacts) -> bytes:
    """The file's content; the same trees and facts give the same bytes."""
    known = {
        "format": FORMAT,
        "features": list(FEATURES),
        "horizon_hours": KNOT_HOURS.tolist(),
        "data_sha256": facts.data_sha256,
        "settings": facts.settings,
        "scikit_learn": facts.scikit_learn,
        "licences": list(facts.licences),
    }
    arrays = {name: np.ascontiguousarray(getattr(trees, name)) for name in (*_TYPES, "baseline")}
    return save({**arrays, "prior": prior}, metadata={"kilowatch": json.dumps(known, sort_keys=True)})


def write_model(content: bytes, *, to: Path) -> None:
    """Writes the file, and its SHA-256 beside it in a file that ends in `.sha256`."""
    to.write_bytes(content)
    _sum_path(to).write_text(f"{hashlib.sha256(content).hexdigest()}  {to.name}\n", encoding="ascii")


def load_model(path: Path | None = None) -> DepletionModel:
    """The model of the file at `path`, by default the one that comes with this package.

    The file is data only: nothing in it is run. What it holds is checked before it is used: the SHA-256 beside it, its
    version, the features, the shapes, and that all nodes make up trees.

    Raises:
        BadModel: what is wrong with the file.
    """
    source = path or SHIPPED
    try:
        content = _content(source)
        return model_of(content)
    except OSError as error:
        raise BadModel(f"{source.name} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, SafetensorError) as error:
        raise BadModel(f"{source.name} is not a model of this version: {error}") from error


def _sum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    told = _sum_path(path).read_text(encoding="ascii").split()
    if told[:1] != [hashlib.sha256(content).hexdigest()]:
        raise ValueError(f"its SHA-256 is not the one in {_sum_path(path).name}")
    return content


def model_of(content: bytes) -> DepletionModel:
    """The model of a file with this content.

    Raises:
        ValueError, KeyError, SafetensorError: it is not one of this version.
    """
    known = _facts(content)
    for name, ours in (("format", FORMAT), ("features", list(FEATURES)), ("horizon_hours", KNOT_HOURS.tolist())):
        if known[name] != ours:
            raise ValueError(f"it has other {name}: {str(known[name])[:60]}")
    arrays: _Arrays = load(content)
    _require_shapes(arrays)
    trees = Trees(**{name: arrays[name] for name in (*_TYPES, "baseline")})  # pyright: ignore[reportArgumentType]
    return DepletionModel(
        forest=forest_of(trees, features=len(FEATURES)),
        prior=arrays["prior"].astype(np.float64),
        fingerprint=hashlib.sha256(content).hexdigest(),
    )


def _facts(content: bytes) -> dict[str, Any]:
    """What the file says of itself: JSON of a length that its first eight bytes tell, as in every safetensors file."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return json.loads(header["__metadata__"]["kilowatch"])


def _require_shapes(arrays: _Arrays) -> None:
    shape = arrays["feature"].shape
    if len(shape) != 3 or shape[0] != MODELS:
        raise ValueError(f"its trees have the shape {shape}")
    for name, kind in _TYPES.items():
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            raise ValueError(f"its {name} has the shape {arrays[name].shape} of {arrays[name].dtype}")
    for name, wanted in (("baseline", (MODELS,)), ("prior", (24,))):
        if arrays[name].shape != wanted or arrays[name].dtype != np.float64 or not np.isfinite(arrays[name]).all():
            raise ValueError(f"its {name} is not {wanted[0]} numbers")
    if not np.isfinite(arrays["value"]).all() or np.isnan(arrays["threshold"]).any():
        raise ValueError("its leaves or thresholds are not numbers")
    if not (arrays["prior"].astype(np.float64) > 0).all():
        raise ValueError("its prior is not above 0")
