"""How late changes reach us, of the last changes seen. Must not be in it: how late a check begins."""

from __future__ import annotations

from collections.abc import Sequence

KEPT = 200


def with_lag(lags_ms: Sequence[int], lag_ms: int) -> list[int]:
    """Return the last lags with one more."""
    return [*lags_ms, lag_ms][-KEPT:]


def percentile(lags_ms: Sequence[int], share: float) -> int | None:
    """Return the lag that `share` of the changes did not exceed, or None where there were none."""
    if not lags_ms:
        return None
    ordered = sorted(lags_ms)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
