"""Says what `kilowatch train` is given, and shows what it does."""
# ruff: noqa: PLC0415 - a command imports only what it runs

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from kilowatch.starting import CommandError, started
from kilowatch.tables import show_table

if TYPE_CHECKING:
    from forecasting.training import Training
    from forecasting.training_rows import TrainingHome

_WORKERS = 2
_console = Console(stderr=True)


def train(
    *,
    out: Annotated[Path, typer.Option("--out", help="The file to write; its SHA-256 goes beside it.")] = Path(
        "depletion.safetensors"
    ),
    with_own_meters: Annotated[
        bool,
        typer.Option(
            "--with-own-meters", help="Learn from this site's readings too; see KILOWATCH_TRAIN_ON_OWN_METERS."
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Also show how such models do in homes that they do not know; five times as long."
        ),
    ] = False,
) -> None:
    """Train the model of the depletion forecast; set KILOWATCH_FORECAST_MODEL to the file that is written."""
    from forecasting.homes import shipped_homes
    from forecasting.model import write_model
    from forecasting.training import Training, trained

    homes = [*shipped_homes(), *(_own_homes() if with_own_meters else [])]
    training = Training(workers=_WORKERS)
    if not out.parent.is_dir():
        raise CommandError(f"{out.parent} is not a folder")
    with _shown() as heard:
        content = trained(homes, training=training, progress=heard)
    write_model(content, to=out)
    _console.print(f"wrote {out}, {len(content):,} bytes, from {len(homes)} homes", highlight=False, markup=False)
    if check:
        _show_folds(training)


def _own_homes() -> "list[TrainingHome]":
    """The site's own homes, with the owner's consent only."""
    from kilowatch.own_homes import own_homes

    settings = started(needs=("database_url",))
    if not settings.train_on_own_meters:
        raise CommandError("set KILOWATCH_TRAIN_ON_OWN_METERS=true: the owner has to agree to learn from the meters")
    homes = own_homes(settings.database_url, now=datetime.now(UTC))
    _console.print(f"{len(homes)} of this site's panels are known well enough", highlight=False)
    return homes


@contextmanager
def _shown() -> Generator[Callable[[str, float], None]]:
    """A bar for each thing that is being done."""
    with Progress(TextColumn("{task.description:16}"), BarColumn(), TimeElapsedColumn(), console=_console) as progress:
        tasks: dict[str, TaskID] = {}

        def heard(doing: str, share: float) -> None:
            if doing not in tasks:
                tasks[doing] = progress.add_task(doing, total=1.0)
            progress.update(tasks[doing], completed=share)

        yield heard


def _show_folds(training: "Training") -> None:
    from forecasting.folds import FOLDS, fold_figures
    from forecasting.homes import shipped_homes

    _console.print(f"training {FOLDS} models, each without a fifth of the homes, and asking it about these")
    with _shown() as heard:
        found = fold_figures(shipped_homes(), training=training, progress=heard)
    columns = ["history", "cases", "WAPE", "WQL", "held", "early", "late", "median error", "Winkler", "MASE"]
    show_table(columns, [
        (name, str(each.count), f"{each.wape:.1f}", f"{each.wql:.1f}", f"{each.held:.0f} %", f"{each.early:.0f} %",
         f"{each.late:.0f} %", f"{each.median_error:.1f} %", f"{each.winkler:.0f}", f"{each.mase:.2f}")
        for name, each in found.items()
    ])  # fmt: skip
