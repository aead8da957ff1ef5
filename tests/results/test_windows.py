"""Statistics over the last evaluations against plain loops."""

import numpy as np

from jaxgan.results.statistics.windows import last_of, median_of, turnover

NAN = np.nan


def test_medians_over_a_window_are_those_of_its_numbers() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random((20, 12)) < 0.4, NAN, rng.normal(size=(20, 12)))
    for window in (1, 3, 5):
        found = median_of(values, window)
        for i in range(12):
            for row, own in zip(values[:, max(0, i - window + 1) : i + 1], found[:, i], strict=True):
                finite = row[~np.isnan(row)]
                np.testing.assert_allclose(own, np.median(finite) if len(finite) else NAN)


def test_turnover_is_the_median_of_the_pairs_of_a_window_that_have_samples() -> None:
    rng, window = np.random.default_rng(0), 4
    shares = rng.dirichlet([0.3] * 4, (20, 12)) * rng.uniform(0.01, 1, (20, 12, 1))
    shares[0, :3] = NAN
    for samples in (40, 500):
        found = turnover(shares, samples, window)
        for run, row in zip(shares, found, strict=True):
            n = np.nan_to_num(run.sum(axis=-1)) * samples
            pairs = {i: _pair(run[i - 1], run[i], samples) for i in range(1, 12) if min(n[i - 1], n[i]) >= 20}
            for i in range(12):
                own = [pairs[j] for j in range(i - window + 2, i + 1) if j in pairs]
                np.testing.assert_allclose(row[i], np.median(own) if len(own) >= 2 else NAN)


def _pair(before: np.ndarray, after: np.ndarray, samples: int) -> float:
    """The change of the shares beyond that of two draws."""
    p, q, n, m = before / before.sum(), after / after.sum(), before.sum() * samples, after.sum() * samples
    mean = (p + q) / 2
    chance = np.sqrt(2 / np.pi * mean * (1 - mean) * (1 / n + 1 / m))
    return float(0.5 * np.sum(np.abs(p - q) - chance))


def test_before_the_first_there_is_nothing() -> None:
    assert np.isnan(last_of(np.ones((1, 2)), 3)[0, 0]).tolist() == [True, True, False]
