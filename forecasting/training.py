"""Turns homes with known usage into the content of a model file."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context

import numpy as np

from forecasting.boosting import QUANTILES, Boosting, Regressor, boosted, trees_of
from forecasting.homes import licences, mean_day
from forecasting.hours import Floats
from forecasting.model import ModelFacts, model_bytes
from forecasting.training_rows import Rows, TrainingHome, TrainingRows, joined, training_rows

LEAST_ROWS = 300

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is trained. `workers` processes look at homes; it changes nothing but the time."""

    origins: int = 900
    boosting: Boosting = field(default_factory=Boosting)
    seed: int = 11
    workers: int = 2


def trained(
    homes: Sequence[TrainingHome], *, training: Training | None = None, progress: Progress | None = None
) -> bytes:
    """The content of a file that `forecasting.model.load_model` reads; `progress` hears what is done, and how much.

    The same homes and settings give the same bytes, with the same versions of numpy and scikit-learn.

    Raises:
        ValueError: the homes have too little known usage to learn from.
    """
    how, say = training or Training(), progress or _silent
    prior = mean_day(homes)
    rows = _all_rows(homes, prior=prior, training=how, say=say)
    regressors = _regressors(rows, training=how, say=say)
    facts = ModelFacts(
        data_sha256=data_sha256(homes),
        settings=asdict(replace(how, workers=0)),
        scikit_learn=version("scikit-learn"),
        licences=licences(),
    )
    return model_bytes(trees_of(regressors), prior=prior, facts=facts)


def data_sha256(homes: Sequence[TrainingHome]) -> str:
    """What tells apart the data that models were trained with: all names, clocks, starts and hours."""
    digest = hashlib.sha256()
    for home in homes:
        digest.update(f"{home.name} {home.time_zone} {home.starts_at_s}\n".encode())
        digest.update(np.ascontiguousarray(home.energy_kwh, dtype="<f8").tobytes())
    return digest.hexdigest()


def _silent(_doing: str, _share: float) -> None:
    """Tells nobody."""


def _pool(workers: int) -> ProcessPoolExecutor:
    """Processes of one thread each: threads of one process would wait for each other on a busy machine."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _all_rows(homes: Sequence[TrainingHome], *, prior: Floats, training: Training, say: Progress) -> TrainingRows:
    rows_of = partial(_rows_of, prior=prior, training=training)
    if training.workers < 2:
        return _collected(map(rows_of, homes), homes=len(homes), say=say)
    with _pool(training.workers) as pool:
        return _collected(pool.map(rows_of, homes), homes=len(homes), say=say)


def _rows_of(home: TrainingHome, *, prior: Floats, training: Training) -> TrainingRows:
    return training_rows(home, prior=prior, seed=training.seed, origins=training.origins)


def _collected(found: Iterable[TrainingRows], *, homes: int, say: Progress) -> TrainingRows:
    parts: list[TrainingRows] = []
    for part in found:
        say("looking at homes", len(parts) / homes)
        parts.append(part)
    rows = TrainingRows(totals=joined([part.totals for part in parts]), times=joined([part.times for part in parts]))
    if min(len(rows.totals.target), len(rows.times.target)) < LEAST_ROWS:
        raise ValueError(f"{homes} homes have too little known usage to learn from")
    return rows


def _regressors(rows: TrainingRows, *, training: Training, say: Progress) -> list[Regressor]:
    """First the three quantiles of usage, then those of times."""
    tasks = [(part, quantile) for part in (rows.totals, rows.times) for quantile in QUANTILES]
    regressor_of = partial(_regressor_of, boosting=training.boosting, seed=training.seed)
    if training.workers < 2:
        return list(_told(map(regressor_of, tasks), of=len(tasks), say=say))
    with _pool(training.workers) as pool:
        return list(_told(pool.map(regressor_of, tasks), of=len(tasks), say=say))


def _regressor_of(task: tuple[Rows, float], *, boosting: Boosting, seed: int) -> Regressor:
    rows, quantile = task
    return boosted(rows, quantile=quantile, boosting=boosting, seed=seed)


def _told(grown: Iterable[Regressor], *, of: int, say: Progress) -> Iterator[Regressor]:
    say("growing trees", 0.0)
    for number, regressor in enumerate(grown, start=1):
        say("growing trees", number / of)
        yield regressor
