"""Turns hourly usage and its outlook into the figures a trained model goes by: ratios, never kWh, never a date."""

from collections.abc import Sequence

import numpy as np

from forecasting.home_features import HOME_FEATURES, home_features
from forecasting.horizon_features import HORIZON_FEATURES, horizon_features
from forecasting.hours import Floats, HourlyUsage, Integers
from forecasting.outlook import Outlook, expected_total
from forecasting.steadiness import SIGNS
from forecasting.windows import block_of

KNOT_HOURS: Integers = np.unique(np.round(np.geomspace(3, 1080, 22)).astype(np.int64))
"""The horizons at which a model is asked, in hours, `(22,)`."""

FEATURES = (*HORIZON_FEATURES, *HOME_FEATURES, "local_hour", "seen_shape", *SIGNS)


def feature_rows(usages: Sequence[HourlyUsage], *, outlooks: Sequence[Outlook]) -> Floats:
    """The features of each home at each of `KNOT_HOURS`, `(p, k, f)`, in the order of `FEATURES`.

    All are logarithms of ratios or shares, so that neither the home's size nor the date is in them; nan where the
    history is too short to tell.
    """
    block = block_of(usages, outlooks=outlooks)
    base = np.array([expected_total(each, hours=KNOT_HOURS.astype(float)) / each.level_kwh for each in outlooks])
    clock = np.array([[each.local_hour, each.seen_shape, *each.signs] for each in outlooks])
    of_home = np.column_stack([home_features(block), clock])
    of_horizon = horizon_features(block, base=base, horizon_hours=KNOT_HOURS)
    repeated = np.broadcast_to(of_home[:, None, :], (*base.shape, of_home.shape[1]))
    return np.concatenate([of_horizon, repeated], axis=-1)
