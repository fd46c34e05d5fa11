"""Turns a subscription to forecasts into its events: each prepaid panel's, then each new one as it is stored."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from resolvers.context import Context, Info
from resolvers.forecasts import DepletionForecast, local_forecast
from resolvers.pages import Cursor
from resolvers.state_events import PanelState, Since, StateChanged, StateSnapshot
from resolvers.state_stream import AGAIN, Kind, StateStream, lent
from store import forecasts, ledger
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class PanelDepletionForecast(PanelState):
    """A prepaid panel's credit and when it runs out; None where that is not known.

    `balance_at` is the newest reading or change of credit that the balance knows, in the panel's time zone.
    """

    balance_kwh: Decimal | None
    balance_at: datetime | None
    forecast: DepletionForecast | None


class DepletionForecastSnapshot(StateSnapshot[PanelDepletionForecast]):
    """The forecasts of prepaid panels."""


class DepletionForecastChanged(StateChanged[PanelDepletionForecast]):
    """A panel has a new forecast."""


class DepletionForecastKind(Kind[PanelDepletionForecast]):
    """What the stream of forecasts tells: three statements for all panels that have a new one."""

    name = "forecast"
    snapshot, changed = DepletionForecastSnapshot, DepletionForecastChanged
    comes_of_readings = False
    comes_of_forecasts = True

    def follows(self, panel: Panel) -> bool:
        """Prepaid panels have forecasts."""
        return panel.is_prepaid

    def key(self, state: PanelDepletionForecast) -> Hashable:
        """When the forecast was made."""
        return state.forecast and state.forecast.made_at

    async def states(self, context: Context, panels: Sequence[Panel]) -> list[PanelDepletionForecast]:
        """Their newest forecasts and balances."""
        viewer, panel_ids = context.signed_in, [panel.id for panel in panels]
        async with lent(context) as connection:
            made = await forecasts.current(connection, viewer, panel_ids)
            found = await ledger.balances(connection, viewer=viewer, panel_ids=panel_ids, now=context.now())
        balances = {balance.panel_id: balance for balance in found}
        states: list[PanelDepletionForecast] = []
        for panel in panels:
            balance, stored = balances.get(panel.id), made.get(panel.id)
            states.append(
                PanelDepletionForecast(
                    panel,
                    balance_kwh=balance and balance.balance_kwh,
                    balance_at=balance and balance.at.astimezone(panel.zone),
                    forecast=stored and local_forecast(stored.forecast, panel=panel, now=context.now()),
                )
            )
        return states

    async def changed_since(
        self, context: Context, panels: Sequence[Panel], *, since: Since, with_readings: Collection[int]
    ) -> Collection[int]:
        """Those whose forecast was made since."""
        del panels, with_readings
        async with lent(context) as connection:
            return await forecasts.made_since(connection, context.signed_in, since=since.at - AGAIN)


def depletion_forecast(
    info: Info,
    *,
    codes: Sequence[str] | None = None,
    after: Cursor | None = None,
    heartbeat_every_s: float | None = None,
) -> StateStream[PanelDepletionForecast]:
    """The forecast of each visible prepaid panel, then each new one, for as long as the viewer may see the panel.

    Raises:
        Refused: UNAUTHENTICATED, BAD_INPUT (codes, heartbeatEveryS), BAD_CODE, BAD_CURSOR; DATABASE_UNAVAILABLE later.
    """
    return StateStream(
        DepletionForecastKind(), info.context, codes=codes, after=after, heartbeat_every_s=heartbeat_every_s
    )
