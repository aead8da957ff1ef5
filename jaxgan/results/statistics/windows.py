"""Statistics of a run over the last evaluations along training, for the diagnosis and its figures."""

import numpy as np
from jaxtyping import Float, Shaped

_SURE = 20  # good samples that an evaluation needs for its shares to be compared


def last_of(values: Shaped[np.ndarray, "run probe ..."], n: int) -> Float[np.ndarray, "run probe ... {n}"]:
    """Return the last n values at each probe along a new last axis, with NaN before the first probe."""
    before = np.full((len(values), n - 1, *values.shape[2:]), np.nan)
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([before, values], axis=1), n, axis=1)


def median_of(values: Float[np.ndarray, "run probe"], window: int) -> Float[np.ndarray, "run probe"]:
    """Return the median over the last `window` probes, or fewer at the start; NaN if all of them are NaN.

    Example:
      >>> median_of(np.array([[1.0, 5.0, 3.0, 9.0]]), 3).tolist()
      [[1.0, 3.0, 3.0, 5.0]]
    """
    return _medians(last_of(values, window))


def turnover(shares: Float[np.ndarray, "run probe k"], samples: int, window: int) -> Float[np.ndarray, "run probe"]:
    """Return the share of good samples that change mode from one probe to the next, as a median over a window.

        TV(p, q) - E TV of two draws of as many samples,  TV = sum |p_i - q_i| / 2

    Here p and q are the shares of the modes among the good samples at successive probes. By the normal approximation,
    two draws from the same distribution differ by E|p_i - q_i| = sqrt(2 p_i (1 - p_i) (1/n + 1/m) / pi). The result is
    NaN until a window has two pairs of probes with 20 good samples each.

    Example:
      >>> cycles = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
      >>> turnover(cycles, 500, window=3).round(2).tolist()
      [[nan, nan, 0.97]]
    """
    total = np.nan_to_num(shares.sum(axis=-1))
    n = total * samples
    with np.errstate(invalid="ignore", divide="ignore"):
        p = shares / total[..., None]
        mean = (p[:, 1:] + p[:, :-1]) / 2
        by_chance = np.sqrt(2 / np.pi * mean * (1 - mean) * (1 / n[:, 1:] + 1 / n[:, :-1])[..., None])
        change = 0.5 * np.sum(abs(p[:, 1:] - p[:, :-1]) - by_chance, axis=-1)
    change = np.where((n[:, 1:] >= _SURE) & (n[:, :-1] >= _SURE), change, np.nan)
    pairs = last_of(np.pad(change, ((0, 0), (1, 0)), constant_values=np.nan), window - 1)
    return np.where(np.count_nonzero(~np.isnan(pairs), axis=-1) >= 2, _medians(pairs), np.nan)


def _medians(windows: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "..."]:
    """Medians along the last axis, ignoring NaN; many times faster than `np.nanmedian` along a short axis."""
    counts, ordered = np.count_nonzero(~np.isnan(windows), axis=-1)[..., None], np.sort(windows, axis=-1)  # NaN is last
    low, high = (np.take_along_axis(ordered, np.maximum(k, 0), -1) for k in ((counts - 1) // 2, counts // 2))
    return np.where(counts > 0, (low + high) / 2, np.nan)[..., 0]
