"""The kernel distance and its standard error against brute force, simulation and a closed form."""

import tracemalloc

import jax
import numpy as np
import pytest
from numpy.typing import NDArray

from jaxgan.metrics.kernel import kernel_distance, kernel_distance_subsets, squared_mmd

Points = NDArray[np.float64]


def by_loops(x: Points, y: Points) -> float:
    def k(a: Points, b: Points) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    def within(z: Points) -> float:
        return float(np.mean([k(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]))

    return within(x) + within(y) - 2 * float(np.mean([k(a, b) for a in x for b in y]))


def kinds(rng: np.random.Generator) -> dict[str, Points]:
    x = rng.normal(size=(24, 6))
    return {
        "random": x,
        "correlated": x @ rng.normal(size=(6, 6)),
        "rank-deficient": x[:, :2] @ rng.normal(size=(2, 6)),
        "tiny": x[:4],
        "duplicated": np.repeat(x[:5], 4, axis=0),
        "constant": np.ones((5, 6)),
    }


@pytest.mark.parametrize("kind", kinds(np.random.default_rng(0)))
def test_the_value_is_that_of_all_pairs_one_by_one(kind: str) -> None:
    x, y = kinds(np.random.default_rng(0))[kind], 0.5 + np.random.default_rng(1).normal(size=(15, 6))
    # float64: kernels up to 1e3 are added up, and cancel to some 1e0
    assert kernel_distance(x, y).value == pytest.approx(by_loops(x, y), rel=1e-10, abs=1e-11)
    assert squared_mmd(x, y) == pytest.approx(by_loops(x, y), rel=1e-10, abs=1e-11)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 60, 3))
    whole = kernel_distance(x, y[:50] + 1)
    monkeypatch.setattr("jaxgan.metrics.inputs._NUMBERS", 500)  # 8 or 10 rows at a time
    assert kernel_distance(x, y[:50] + 1) == pytest.approx(whole, rel=1e-12)  # sums in another order


def test_no_matrix_of_all_pairs_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 2000, 2))
    monkeypatch.setattr("jaxgan.metrics.inputs._NUMBERS", 2**16)  # half a MiB; all pairs would take 31
    tracemalloc.start()
    kernel_distance(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20


@pytest.mark.parametrize("s", [0.3, 2.0])
def test_the_sum_of_the_variances_is_exact_where_the_covariances_are_known(s: float) -> None:
    """With degree 1 and gamma 1 the kernel's features are the points, so all five parts are known: 100,000 draws.

    x of N(s 1, a^2 I) and y of N(0, b^2 I), of which tr S^2 is d a^4 and so on.
    """
    rng, n, m, d, a, b = np.random.default_rng(0), 12, 8, 2, 1.0, 1.5
    exact = 4 * d * s**2 * (a**2 / n + b**2 / m) + 4 * d * a**2 * b**2 / (n * m)
    exact += 2 * d * a**4 / (n * (n - 1)) + 2 * d * b**4 / (m * (m - 1))
    x, y = s + a * rng.normal(size=(100_000, n, d)), b * rng.normal(size=(100_000, m, d))
    sums, squares = (x.sum(1), y.sum(1)), ((x**2).sum((1, 2)), (y**2).sum((1, 2)))
    within = [((t**2).sum(1) - q) / (k * (k - 1)) for t, q, k in zip(sums, squares, (n, m), strict=True)]
    values = within[0] + within[1] - 2 * (sums[0] * sums[1]).sum(1) / (n * m)
    assert values.mean() == pytest.approx(d * s**2, abs=4 * np.sqrt(exact / 100_000))
    assert values.var() == pytest.approx(exact, rel=0.05)  # kurtosis 10 or so: 4 sqrt(10 / 100,000) is 4 %
    found = [kernel_distance(*pair, degree=1, gamma=1.0, coef0=0.0) for pair in zip(x[:2000], y[:2000], strict=True)]
    np.testing.assert_allclose([f.value for f in found], values[:2000], rtol=1e-9, atol=1e-12)
    ratio = np.mean([f.standard_error**2 for f in found]) / exact
    # Far from 0 there is no bias but in 1 / n^2; near it the bound at 0 adds one, which such small sets make large.
    assert (0.95 < ratio < 1.05) if s == 2.0 else (1.0 < ratio < 2.1)


@pytest.mark.parametrize(("shift", "scale", "low", "high"), [(0.5, 1.0, 0.9, 1.15), (0.0, 1.0, 1.0, 1.4)])
def test_the_value_is_unbiased_and_the_error_is_its_own(shift: float, scale: float, low: float, high: float) -> None:
    """The kernel's mean at Gaussians: E (x.y / d + 1)^3 = 1 + 3 E u + 3 E u^2 + E u^3 with u = x.y / d."""
    rng, d, runs = np.random.default_rng(0), 4, 600
    found = [kernel_distance(shift + rng.normal(size=(80, d)), rng.normal(size=(60, d))) for _ in range(runs)]
    values, errors = np.array(found).T

    def mean(p: float, q: float) -> float:
        """x of N(p, I), y of N(q, I), u a mean of d products of independent normal numbers."""
        m1, m2, m3 = p * q, (p**2 + 1) * (q**2 + 1), (p**3 + 3 * p) * (q**3 + 3 * q)
        second = (m2 + (d - 1) * m1**2) / d
        third = (m3 + 3 * (d - 1) * m2 * m1 + (d - 1) * (d - 2) * m1**3) / d**2
        return 1 + 3 * m1 + 3 * second + third

    exact = mean(shift, shift) + mean(0, 0) - 2 * mean(shift, 0)
    spread = values.std()
    assert values.mean() == pytest.approx(exact, abs=4 * spread / np.sqrt(runs))
    assert low < np.sqrt(np.mean(errors**2)) / spread < high  # where equal the bound at 0 adds a quarter
    covered = np.mean(np.abs(values - exact) < 2 * errors)
    assert covered > 0.88  # skewed at this n: 0.93 of 95 for the shift


@pytest.mark.parametrize(("shift", "scale", "high"), [(0.5, 1.0, 1.15), (0.0, 0.05, 1.15), (0.0, 1.0, 1.4)])
def test_of_a_fixed_reference_the_error_is_that_of_new_features(shift: float, scale: float, high: float) -> None:
    """The reference is small, so that the error over both sets would be far larger where the features vary little."""
    rng, d, runs = np.random.default_rng(1), 4, 400
    reference = rng.normal(size=(20, d))
    sets = [shift + scale * rng.normal(size=(100, d)) for _ in range(runs)]
    values, errors = np.array([kernel_distance(x, reference, fixed_reference=True) for x in sets]).T
    assert 0.9 < np.sqrt(np.mean(errors**2)) / values.std() < high
    both = kernel_distance(sets[0], reference)
    assert both.value == values[0] and both.standard_error > errors[0]
    constant = kernel_distance(np.ones((9, d)), reference, fixed_reference=True)
    assert constant.standard_error == pytest.approx(0, abs=1e-9) and kernel_distance(sets[0] * 0, reference)[1] > 0.01


def test_a_common_offset_of_the_kernel_takes_no_digits() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30, 3))
    near = kernel_distance(x, y + 1, coef0=1.0, degree=1, gamma=1.0)
    offset = kernel_distance(x, y + 1, coef0=1e9, degree=1, gamma=1.0)  # degree 1: a constant in every kernel
    assert offset == pytest.approx(near, rel=1e-5)  # x.y is rounded at 1e9 by 1e-7


def test_subsets_estimate_the_same_and_their_std_is_not_an_error() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 1000, 4))
    whole = kernel_distance(x + 0.3, y)
    parts = kernel_distance_subsets(jax.random.key(0), x + 0.3, y, subsets=200, size=100)
    assert parts.mean == pytest.approx(whole.value, abs=4 * parts.std_over_subsets / np.sqrt(200))
    assert parts.std_over_subsets > 2 * whole.standard_error  # sqrt(1000 / 100) = 3.2 where subsets do not overlap
    every = kernel_distance_subsets(jax.random.key(0), x[:50], y[:50], subsets=3, size=50)  # all rows in each
    assert every.mean == pytest.approx(kernel_distance(x[:50], y[:50]).value, rel=1e-9)
    assert every.std_over_subsets < 1e-12


def test_bad_input_is_refused() -> None:
    good = np.zeros((5, 2))
    for features, message in [
        (np.full((5, 2), np.nan), "features must be finite, got 5 of 5 rows"),
        (np.zeros((3, 2)), "n >= 4"),
        (np.zeros((5, 3)), r"the same dimension, got shapes \(5, 3\) and \(5, 2\)"),
        (np.zeros(5), r"got shape \(5,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            kernel_distance(features, good)
    with pytest.raises(ValueError, match="n >= 1000"):
        kernel_distance_subsets(jax.random.key(0), good, good)
    with pytest.raises(ValueError, match="at least 2 rows, got 5 of 1"):
        kernel_distance_subsets(jax.random.key(0), good, good, subsets=5, size=1)
