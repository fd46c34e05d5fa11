"""Turns questions of single panels into forecasts at once, one after the other in a thread of its own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from forecasting.depletion import forecast_depletions
from forecasting.loading import ModelInUse, model_in_use
from forecasting.stored import asked, stored
from forecasting.widening import Widening
from store.forecast_inputs import ForecastInputs
from store.forecasts import StoredForecast


class Forecaster:
    """Answers for the API. The model is loaded with the first question; nothing runs beside another question."""

    def __init__(self, model_file: Path | None = None) -> None:
        """Without a file, the model that comes with this package."""
        self._model_file = model_file
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forecast")

    @cached_property
    def _in_use(self) -> ModelInUse:
        return model_in_use(self._model_file)

    async def depletion(
        self,
        inputs: ForecastInputs,
        *,
        panel_id: int,
        ledger_id: int,
        time_zone: str,
        now: datetime,
        widening: tuple[float, float],
        added_kwh: Decimal = Decimal(0),
        usage_factor: float = 1.0,
    ) -> StoredForecast | None:
        """When the balance and `added_kwh` more run out, at so much of the usual usage; None when nothing is known."""

        def answered() -> StoredForecast | None:
            question = asked(
                inputs,
                panel_id=panel_id,
                ledger_id=ledger_id,
                time_zone=time_zone,
                now=now,
                widening=Widening(*widening),
                added_kwh=added_kwh,
                usage_factor=usage_factor,
            )
            made = question and forecast_depletions([question.question], model=self._in_use.model)[0]
            return stored(made, asked=question) if question and made else None

        return await asyncio.get_running_loop().run_in_executor(self._thread, answered)

    def close(self) -> None:
        """Ends the thread after what it is computing."""
        self._thread.shutdown(wait=False, cancel_futures=True)
