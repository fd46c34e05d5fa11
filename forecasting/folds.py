"""Turns homes into figures of how a model does in homes that it was not trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.depletion import DepletionQuestion, forecast_depletions
from forecasting.hours import Floats
from forecasting.model import model_of
from forecasting.scoring import HISTORY_HOURS, Case, Figures, figures, hours_after, of_history, read_cases, shown
from forecasting.trained import DepletionModel
from forecasting.training import Progress, Training, trained
from forecasting.training_rows import TrainingHome

FOLDS = 5

_SEED = 1
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Answers:
    """P10, P50 and P90 in hours, `(n, 3)`, and the median of each of the 168 hours ahead, `(n, 168)`."""

    quantile_hours: Floats
    hourly_kwh: Floats


def folds_of(homes: Sequence[TrainingHome], *, count: int = FOLDS) -> list[list[TrainingHome]]:
    """The homes dealt out at random, the same way each time."""
    order = np.random.default_rng(_SEED).permutation(len(homes))
    return [[homes[number] for number in sorted(order[fold::count].tolist())] for fold in range(count)]


def fold_models(
    homes: Sequence[TrainingHome], *, training: Training | None = None, progress: Progress | None = None
) -> Iterator[tuple[DepletionModel, list[TrainingHome]]]:
    """For each fold a model that was trained without its homes, and these homes."""
    for fold in folds_of(homes):
        left_out = {home.name for home in fold}
        others = [home for home in homes if home.name not in left_out]
        yield model_of(trained(others, training=training, progress=progress)), fold


def answers(model: DepletionModel | None, *, cases: Sequence[Case], history: str) -> Answers:
    """What the forecast says in each case, when it is shown that history."""
    quantile_hours, hourly_kwh = np.empty((len(cases), 3)), np.empty((len(cases), 168))
    for start in range(0, len(cases), _AT_ONCE):
        part = cases[start : start + _AT_ONCE]
        made = forecast_depletions([_question(case, history=history) for case in part], model=model)
        for at, (case, forecast) in enumerate(zip(part, made, strict=True), start=start):
            told = (forecast.depletes_at_p10, forecast.depletes_at_p50, forecast.depletes_at_p90) if forecast else ()
            quantile_hours[at] = [hours_after(instant, now=case.now) for instant in told or (None,) * 3]
            hourly_kwh[at] = forecast.hourly.p50_kwh if forecast else np.nan
    return Answers(quantile_hours=quantile_hours, hourly_kwh=hourly_kwh)


def _question(case: Case, *, history: str) -> DepletionQuestion:
    return DepletionQuestion(shown(case, history=history), case.balance_kwh, case.now, case.home.time_zone)


def fold_figures(
    homes: Sequence[TrainingHome],
    *,
    training: Training | None = None,
    progress: Progress | None = None,
    histories: Sequence[str] = tuple(HISTORY_HOURS),
) -> dict[str, Figures]:
    """The figures of each history, every home forecast by the model that does not know it."""
    parts: dict[str, list[tuple[list[Case], Answers]]] = {history: [] for history in histories}
    for model, fold in fold_models(homes, training=training, progress=progress):
        cases = read_cases(fold)
        for history in histories:
            chosen = of_history(cases, history=history)
            parts[history].append((chosen, answers(model, cases=chosen, history=history)))
    return {history: _joined_figures(found) for history, found in parts.items()}


def _joined_figures(parts: Sequence[tuple[list[Case], Answers]]) -> Figures:
    cases = [case for chosen, _ in parts for case in chosen]
    told = np.vstack([answer.quantile_hours for _, answer in parts])
    hourly_kwh = np.vstack([answer.hourly_kwh for _, answer in parts])
    return figures(cases, quantile_hours=told, hourly_kwh=list(hourly_kwh))
