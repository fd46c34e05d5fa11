"""Turns a failed attempt into how long to wait for the next one."""

BASE_S = 2.0
MAX_DELAY_S = 3600.0
MAX_ATTEMPTS = 12
MAX_RETRY_AFTER_S = 86_400.0


def retry_delay_s(attempt: int, *, jitter: float, retry_after_s: float | None = None) -> float:
    """Seconds until the next attempt, after the `attempt`-th (from 1) failed.

    Doubles from 2 s up to an hour, times 0.5 to 1 by `jitter` (0 to 1), so that many phones are not retried together.
    Never earlier than the push service asked for, up to a day.
    """
    delay_s = min(BASE_S * 2.0 ** (attempt - 1), MAX_DELAY_S) * (0.5 + jitter / 2)
    return max(delay_s, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))
