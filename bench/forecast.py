"""Scores the depletion forecast on homes that its model does not know, beside simple methods; and its times.

`python -m bench.forecast [--quick] [--scorer FILE]`. Five models are trained, each without a fifth of the 89 homes,
then two more without a whole region. `--scorer` names a script with `load`, `history` and `summarise` to check our
cases and figures against once.
"""

import argparse
import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bench.forecast_peers import POINTS, bootstrap, conformal, seen_hours, weighted_rate
from forecasting.depletion import DepletionQuestion, forecast_depletions
from forecasting.folds import Answers, answers, fold_models, folds_of
from forecasting.homes import shipped_homes
from forecasting.hours import Floats
from forecasting.model import load_model, model_of
from forecasting.scoring import HISTORY_HOURS, Case, Figures, figures, of_history, read_cases, shown
from forecasting.training import Training, trained
from forecasting.training_rows import TrainingHome

COLUMNS = "WAPE    WQL   held  early   late  medAPE Winkler  MASE"
REGIONS = ({"lcl", "ihepc"}, {"sgsc"})
PANELS = 10_000
SAMPLE = 640


def row(name: str, found: Figures) -> str:
    return (
        f"{name:32} {found.count:5} {found.wape:6.1f} {found.wql:6.1f} {found.held:6.1f} {found.early:6.1f}"
        f" {found.late:6.1f} {found.median_error:7.1f} {found.winkler:7.0f} {found.mase:5.2f}"
    )


def heading(name: str) -> str:
    return f"\n{name:32} cases {COLUMNS}"


def print_peers(cases: Sequence[Case], *, history: str, folds: Sequence[Sequence[TrainingHome]]) -> None:
    seen = [seen_hours(case, history=history) for case in cases]
    pairs = [(kwh, case.balance_kwh) for kwh, case in zip(seen, cases, strict=True)]
    for name, (least_hours, method) in POINTS.items():
        if HISTORY_HOURS[history] >= least_hours:
            told = np.array([[method(*pair)] * 3 for pair in pairs])
            print(row(name, figures(cases, quantile_hours=told)), flush=True)
    print(row("weighted mean, conformal", figures(cases, quantile_hours=by_conformal(cases, history, folds))))
    told = np.array([bootstrap(*pair) for pair in pairs])
    print(row("day bootstrap", figures(cases, quantile_hours=told)), flush=True)


def by_conformal(cases: Sequence[Case], history: str, folds: Sequence[Sequence[TrainingHome]]) -> Floats:
    """Each fold's cases with a table from the others'."""
    told = np.empty((len(cases), 3))
    for fold in folds:
        names = {home.name for home in fold}
        table = conformal([case for case in cases if case.home.name not in names], history=history)
        for at, case in enumerate(cases):
            if case.home.name in names:
                told[at] = table.hours(weighted_rate(seen_hours(case, history=history), case.balance_kwh))
    return told


def told_by(found: Answers, *, cases: Sequence[Case]) -> Figures:
    return figures(cases, quantile_hours=found.quantile_hours, hourly_kwh=list(found.hourly_kwh))


def print_folds(homes: Sequence[TrainingHome], *, training: Training, histories: Sequence[str]) -> None:
    models = []
    for model, fold in fold_models(homes, training=training):
        models.append((model, {home.name for home in fold}))
        print(f"model {len(models)} of 5 trained without {len(fold)} homes", flush=True)
    every = read_cases(homes)
    for history in histories:
        parts, told, hourly = [], [], []
        for model, names in models:
            cases = [case for case in of_history(every, history=history) if case.home.name in names]
            found = answers(model, cases=cases, history=history)
            parts += cases
            told.append(found.quantile_hours)
            hourly.append(found.hourly_kwh)
        print(heading(f"history {history}"))
        found = Answers(quantile_hours=np.vstack(told), hourly_kwh=np.vstack(hourly))
        print(row("with the model, folds", told_by(found, cases=parts)))
        print(row("untrained", told_by(answers(None, cases=parts, history=history), cases=parts)))
        print_peers(parts, history=history, folds=folds_of(homes))


def print_regions(homes: Sequence[TrainingHome], *, training: Training, histories: Sequence[str]) -> None:
    for left_out in REGIONS:
        model = model_of(trained([home for home in homes if source(home) not in left_out], training=training))
        cases = read_cases([home for home in homes if source(home) in left_out])
        print(heading(f"never seen: {' and '.join(sorted(left_out))}"))
        for history in histories:
            chosen = of_history(cases, history=history)
            print(row(history, told_by(answers(model, cases=chosen, history=history), cases=chosen)), flush=True)


def source(home: TrainingHome) -> str:
    return home.name.split("_")[0]


def print_times(homes: Sequence[TrainingHome]) -> None:
    model, cases = load_model(), of_history(read_cases(homes), history="180d")[:SAMPLE]
    for history in ("28d", "180d"):
        questions = [
            DepletionQuestion(shown(case, history=history), case.balance_kwh, case.now, case.home.time_zone)
            for case in cases
        ]
        took_s = [timed(question, model=model) for question in questions[:100]]
        started = time.perf_counter()
        forecast_depletions(questions, model=model)
        each_s = (time.perf_counter() - started) / len(questions)
        print(
            f"{history}: one forecast {1000 * float(np.median(took_s)):.1f} ms (median), {1000 * max(took_s):.1f} ms"
            f" (longest of 100); in a batch {1000 * each_s:.1f} ms, {PANELS * each_s:.0f} s for {PANELS:,} panels"
            " in one thread"
        )


def timed(question: DepletionQuestion, *, model: object) -> float:
    started = time.perf_counter()
    forecast_depletions([question], model=model)  # pyright: ignore[reportArgumentType]
    return time.perf_counter() - started


def check_against(script: Path, *, homes: Sequence[TrainingHome]) -> None:
    """Our readings of its cases, and our figures of made-up forecasts, are those of the script."""
    spec = importlib.util.spec_from_file_location("scorer", script)
    assert spec
    assert spec.loader
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    meters, theirs = scorer.load(str(script.parent.parent / "data" / "households"))
    ours = read_cases(homes)
    for history in (name for name in HISTORY_HOURS if name in scorer.HISTORY):
        others = [other for other in theirs[:200] if other["has180"] or history != "180d"]
        for case, other in zip(of_history(ours[:200], history=history), others, strict=True):
            seen, (_, at, register_kwh) = shown(case, history=history), scorer.history(meters, other, history)
            assert np.array_equal(seen.at, at.astype(np.int64))
            assert np.allclose(seen.register_kwh, register_kwh)
    random = np.random.default_rng(0)
    true = np.array([case.true_hours for case in ours])
    told = true[:, None] * np.exp(random.normal(0, 0.3, (len(ours), 3)))
    found, expected = figures(ours, quantile_hours=told), scorer.summarise(true, told, [np.nan] * len(ours))
    for name, value in {"WAPE": found.wape, "WQL": found.wql, "cov80": found.held, "Winkler": found.winkler}.items():
        assert np.isclose(value, expected[name]), name
    print(f"the cases and figures are those of {script.name}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.forecast", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="28 days of history only, and no regions")
    parser.add_argument("--scorer", type=Path, help="a script to check our cases and figures against")
    arguments = parser.parse_args()
    homes, training = shipped_homes(), Training()
    if arguments.scorer:
        check_against(arguments.scorer, homes=homes)
    histories = ["28d"] if arguments.quick else list(HISTORY_HOURS)
    with threadpool_limits(1):
        print_times(homes)
        started = time.perf_counter()
        trained(homes, training=training)
        print(f"training with all {len(homes)} homes: {time.perf_counter() - started:.0f} s")
        print_folds(homes, training=training, histories=histories)
        if not arguments.quick:
            print_regions(homes, training=training, histories=histories)


if __name__ == "__main__":
    main()
