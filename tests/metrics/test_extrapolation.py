"""The extrapolated Frechet distance against the Gaussian's closed form."""

import jax
import numpy as np
import pytest

from jaxgan.metrics.extrapolation import frechet_at_infinity
from jaxgan.metrics.frechet import Moments, frechet_distance, moments

KEY = jax.random.key(0)
D = 5
REFERENCE = Moments(np.zeros(D), np.eye(D), 10**9)


def test_the_bias_goes_and_the_limit_stays() -> None:
    """x of N(m, s^2 I): the distance is d (m^2 + (s - 1)^2), to which n samples add some d (d + 5) s^2 / (4 n)."""
    rng, shift, spread, n = np.random.default_rng(0), 0.1, 1.1, 1000
    exact = D * (shift**2 + (spread - 1) ** 2)
    sets = [shift + spread * rng.normal(size=(n, D)) for _ in range(40)]
    found = [frechet_at_infinity(KEY, x, REFERENCE) for x in sets]
    values, plain = np.array([f.value for f in found]), [frechet_distance(moments(x), REFERENCE) for x in sets]
    error = values.std() / np.sqrt(len(sets))
    assert values.mean() == pytest.approx(exact, abs=4 * error)
    assert np.mean(plain) > exact + 4 * np.std(plain) / np.sqrt(len(sets))  # what it is for
    expected = D * (D + 5) * spread**2 / (4 * n)
    assert np.mean([f.bias for f in found]) == pytest.approx(expected, abs=4 * error + 0.1 * expected)


def test_the_last_distance_is_that_of_all_and_the_line_is_numpys() -> None:
    x = np.random.default_rng(0).normal(size=(400, D))
    found = frechet_at_infinity(KEY, x, REFERENCE, sizes=7, least=100)
    assert found.sizes.tolist() == np.linspace(100, 400, 7).astype(int).tolist()
    assert found.distances[-1] == pytest.approx(frechet_distance(moments(x), REFERENCE), rel=1e-9)
    slope, intercept = np.polyfit(1 / found.sizes, found.distances, 1)
    assert found.value == pytest.approx(intercept, rel=1e-9)
    assert found.bias == pytest.approx(slope / 400, rel=1e-9)
    assert found.low < found.value < found.high
    wider = frechet_at_infinity(KEY, x, REFERENCE, sizes=7, least=100, level=0.99)
    assert wider.low < found.low


def test_constant_features_have_no_bias() -> None:
    found = frechet_at_infinity(KEY, np.ones((60, D)), REFERENCE)
    assert found.value == pytest.approx(2 * D, rel=1e-12) and found.bias == pytest.approx(0, abs=1e-12)


def test_bad_input_is_refused() -> None:
    x = np.zeros((30, D))
    for features, options, message in [
        (x, {"least": 20}, "3 sizes or more from at least 2 up to 30, got 15 from 20"),
        (x, {"sizes": 2}, "got 2 from 3"),
        (x + np.inf, {}, "finite"),
        (np.zeros((30, 2)), {}, "equal dimension"),
    ]:
        with pytest.raises(ValueError, match=message):
            frechet_at_infinity(KEY, features, REFERENCE, **options)  # type: ignore[arg-type]
