"""The birthday test on discrete distributions whose support is known."""

import jax
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan.metrics.duplicates import birthday_test, closest_pairs

KEY = jax.random.key(0)


def test_the_support_of_even_values_is_found() -> None:
    """N = 2,000 and n = 600: 90 coinciding pairs are expected, known to 1 / sqrt(90) each of 40 times."""
    rng, n, size = np.random.default_rng(0), 600, 2000
    found = [birthday_test(KEY, rng.integers(size, size=(n, 1)), 0.0, draws=50) for _ in range(40)]
    share = np.mean([f.coinciding for f in found]) / (n * (n - 1) / 2)
    assert 1 / share == pytest.approx(size, rel=4 / np.sqrt(90 * 40))
    # 1.18 sqrt(N) = 52.7 samples hold a coincidence in half of all cases
    assert np.mean([f.batch for f in found]) == pytest.approx(np.sqrt(2 * np.log(2) * size), rel=0.15)
    assert np.mean([f.support_low <= size for f in found]) > 0.8  # of 95 %: 4 sigma of 40


def test_uneven_values_count_by_their_squares() -> None:
    """1 / sum p^2 with one value of probability 1/2 and 500 of 1/1000: 3.99."""
    rng, n = np.random.default_rng(0), 1000
    values = np.where(rng.random(n) < 0.5, 0, rng.integers(1, 501, size=n))[:, None]
    assert birthday_test(KEY, values, 0.0, draws=20).support == pytest.approx(1 / (0.25 + 500 / 1000**2), rel=0.15)


def test_the_pairs_are_counted_within_the_radius() -> None:
    x = np.random.default_rng(0).normal(size=(80, 3))
    squares = cdist(x, x)[np.triu_indices(80, 1)]
    for radius in (0.0, 0.3, 1.0, 100.0):
        assert birthday_test(KEY, x, radius, draws=5).coinciding == np.sum(squares <= radius)
    found = birthday_test(KEY, x, 0.0)
    assert (found.support, found.batch, found.batch_squared) == (np.inf,) * 3
    assert found.support_low == pytest.approx(80 * 79 / 2 / -np.log(0.05), rel=1e-12)  # Poisson: no pair of 3 expected


def test_one_sample_many_times_has_a_support_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxgan.metrics.duplicates._LISTED", 100)  # the rest is counted, and not listed
    monkeypatch.setattr("jaxgan.metrics.inputs._NUMBERS", 1000)
    found = birthday_test(KEY, np.ones((200, 2)), 0.0)
    assert (found.coinciding, found.support, found.batch) == (200 * 199 / 2, 1.0, 2.0)


def test_the_closest_pairs_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    upper = np.argwhere(np.triu(np.ones((60, 60)), 1))
    distances = cdist(x, x)[tuple(upper.T)]
    expected = upper[np.argsort(distances)[:20]].tolist()
    assert closest_pairs(x).tolist() == expected
    monkeypatch.setattr("jaxgan.metrics.inputs._NUMBERS", 300)  # 5 rows at a time
    assert closest_pairs(x).tolist() == expected
    # Not one row with itself, and not fewer than asked for while only a few rows have come.
    assert closest_pairs(x[:3], 3).tolist() == sorted(closest_pairs(x[:3], 3).tolist(), key=lambda p: distance(x, p))


def distance(x: np.ndarray, pair: list[int]) -> float:
    return float(np.linalg.norm(x[pair[0]] - x[pair[1]]))


def test_bad_input_is_refused() -> None:
    x = np.zeros((3, 1))
    with pytest.raises(ValueError, match="a radius of at least 0 and at least 1 draw, got -1 and 1000"):
        birthday_test(KEY, x, -1)
    with pytest.raises(ValueError, match="n >= 2"):
        birthday_test(KEY, x[:1], 0.0)
    with pytest.raises(ValueError, match="up to all of 3 samples, got 4"):
        closest_pairs(x, 4)
