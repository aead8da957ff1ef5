"""The extrapolated Frechet distance against the Gaussian's closed form."""

import jax
import numpy as np
import pytest

from jaxgan.metrics.extrapolation import frechet_at_infinity, frechet_at_infinity_of_groups
from jaxgan.metrics.frechet import Moments, frechet_distance, moments
from jaxgan.metrics.frechet_error import frechet_influence, frechet_standard_error

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


def test_the_last_distance_is_that_of_all_and_the_curve_is_numpys() -> None:
    x = np.random.default_rng(0).normal(size=(400, D))
    found = frechet_at_infinity(KEY, x, REFERENCE, sizes=7, least=100)
    assert found.sizes.tolist() == np.linspace(100, 400, 7).astype(int).tolist()
    assert found.distances[-1] == pytest.approx(frechet_distance(moments(x), REFERENCE), rel=1e-9)
    curve = np.polyfit(1 / found.sizes, found.distances, 2)
    assert found.value == pytest.approx(curve[-1], rel=1e-7)
    assert found.bias == pytest.approx(np.polyval(curve, 1 / 400) - curve[-1], rel=1e-7)
    assert found.low < found.value < found.high
    wider = frechet_at_infinity(KEY, x, REFERENCE, sizes=7, least=100, level=0.99)
    assert wider.low < found.low


@pytest.mark.parametrize(("shift", "spread"), [(0.2, 1.2), (0.0, 1.0)])
@pytest.mark.parametrize(("d", "ratio", "runs"), [(5, 128, 100), (64, 5, 60), (64, 8, 60), (48, 25, 60)])
def test_intervals_hold_the_limit_as_often_as_they_say(
    shift: float, spread: float, d: int, ratio: int, runs: int
) -> None:
    """Of N / d features: with 5, the covariance is far from known; a line from N / 8 held the limit for none at 8."""
    rng, exact, n = np.random.default_rng(1), d * (shift**2 + (spread - 1) ** 2), d * ratio
    reference = Moments(np.zeros(d), np.eye(d), 10**9)
    sets = [shift + spread * rng.normal(size=(n, d)) for _ in range(runs)]
    grouped = [
        frechet_at_infinity_of_groups(jax.random.key(i), [moments(part) for part in np.array_split(x, 16)], reference)
        for i, x in enumerate(sets)
    ]
    one = [frechet_at_infinity(jax.random.key(i), x, reference, sizes=8) for i, x in enumerate(sets)] if d == 5 else []
    for found in (one, grouped) if one else (grouped,):
        held = np.mean([f.low <= exact <= f.high for f in found])
        assert held >= 0.95 - 3.3 * np.sqrt(0.95 * 0.05 / runs)
        error = np.std([f.value for f in found]) / np.sqrt(runs)
        assert np.mean([f.value for f in found]) == pytest.approx(exact, abs=4 * error)


def test_of_too_few_features_there_is_no_limit() -> None:
    rng = np.random.default_rng(6)
    for n, d in ((4, 1), (60, 16), (70, 16), (20, 16)):
        x, reference = rng.normal(size=(n, d)), Moments(np.zeros(d), np.eye(d), 10**9)
        found = [frechet_at_infinity(KEY, x, reference)]
        if n >= 8:
            groups = [moments(part) for part in np.array_split(x, min(16, n // 2))]
            found.append(frechet_at_infinity_of_groups(KEY, groups, reference))
        for each in found:
            assert np.isnan(each[:4]).all() and not len(each.sizes) and not len(each.distances)
    x = rng.normal(size=(80, 16))  # 5 times d
    assert np.isfinite(frechet_at_infinity(KEY, x, Moments(np.zeros(16), np.eye(16), 10**9)).value)


def test_the_standard_error_is_that_of_new_samples() -> None:
    rng, other = np.random.default_rng(2), moments(np.random.default_rng(3).normal(size=(300, D)) * 1.5 + 0.3)
    sets = [rng.standard_t(8, size=(800, D)) for _ in range(150)]
    spread = np.std([frechet_distance(moments(x), other) for x in sets], ddof=1)
    rows = [np.std(frechet_influence(x, moments(x), other)) / np.sqrt(len(x)) for x in sets]
    groups = [frechet_standard_error([moments(part) for part in np.split(x, 16)], other) for x in sets]
    # The spread of 150 numbers is known to 1 / sqrt(300), 6 %.
    assert np.mean(rows) == pytest.approx(spread, rel=0.18)
    assert np.mean(groups) == pytest.approx(spread, rel=0.18)


def test_the_influence_is_the_derivative_towards_a_point() -> None:
    """d/de of the distance of (1 - e) P + e delta_x, by numpy's weighted moments."""
    rng = np.random.default_rng(4)
    x, other, step = rng.normal(size=(30, 3)), moments(rng.normal(size=(40, 3)) * 2 + 1), 1e-5

    def at(e: float, i: int) -> float:
        weights = np.full(30, (1 - e) / 30)
        weights[i] += e
        mean = np.average(x, axis=0, weights=weights)
        covariance = np.cov(x, rowvar=False, aweights=weights, ddof=0)
        return frechet_distance(Moments(mean, covariance, 30), other)

    slopes = [(at(step, i) - at(-step, i)) / (2 * step) for i in range(5)]
    own = Moments(x.mean(axis=0), np.cov(x, rowvar=False, ddof=0), 30)
    assert frechet_influence(x, own, other)[:5] == pytest.approx(slopes, rel=1e-6, abs=1e-6)


def test_directions_without_variance_have_no_influence() -> None:
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(size=(50, 2)), np.ones((50, 1))], axis=1)
    flat, plane = moments(x), moments(x[:, :2])
    own = moments(rng.normal(size=(60, 3)))
    other = Moments(own.mean[:2], own.covariance[:2, :2], 60)
    apart = Moments(own.mean, np.block([[other.covariance, np.zeros((2, 1))], [np.zeros((1, 2)), np.ones((1, 1))]]), 60)
    found, expected = frechet_influence(x, flat, apart), frechet_influence(x[:, :2], plane, other)
    assert found == pytest.approx(expected, abs=1e-9)


def test_fewer_sizes_of_groups_are_spread_from_2_to_all() -> None:
    groups = [moments(part) for part in np.split(np.random.default_rng(0).normal(size=(160, D)), 16)]
    found = frechet_at_infinity_of_groups(KEY, groups, REFERENCE, sizes=5)
    assert found.sizes.tolist() == [20, 60, 90, 120, 160]  # 5.5, 9 and 12.5 groups between, rounded to even


def test_constant_features_have_no_bias() -> None:
    found = frechet_at_infinity(KEY, np.ones((60, D)), REFERENCE)
    assert found.value == pytest.approx(2 * D, rel=1e-12) and found.bias == pytest.approx(0, abs=1e-12)


def test_bad_input_is_refused() -> None:
    x = np.zeros((30, D))
    for features, options, message in [
        (x, {"least": 20}, "at least 5 sizes from at least 2 up to 30, got 15 from 20"),
        (x, {"sizes": 4}, "at least 5 sizes"),
        (x + np.inf, {}, "finite"),
        (np.zeros((30, 2)), {}, "equal dimension"),
    ]:
        with pytest.raises(ValueError, match=message):
            frechet_at_infinity(KEY, features, REFERENCE, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 4 groups and 5 sizes, got 3 and None"):
        frechet_at_infinity_of_groups(KEY, [REFERENCE] * 3, REFERENCE)
    with pytest.raises(ValueError, match=r"of at least 2 samples, got sizes \[1000000000, 1\]"):
        frechet_standard_error([REFERENCE, Moments(np.zeros(D), np.zeros((D, D)), 1)], REFERENCE)
    with pytest.raises(ValueError, match="finite moments"):
        frechet_influence(x, Moments(np.full(D, np.nan), np.eye(D), 9), REFERENCE)
