"""Metrics against closed forms, brute force and independent implementations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import chi2, ortho_group

from jaxgan.metrics.frechet import Moments, frechet_distance, moments
from jaxgan.metrics.modes import mode_report, perfect_mode_report

ANGLES = 2 * np.pi * np.arange(8) / 8
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
SIGMA = 0.05


def ring_samples(n, modes=8, seed=0, spread=SIGMA):
    rng = np.random.default_rng(seed)
    return RING[rng.integers(modes, size=n)] + spread * rng.standard_normal((n, 2))


# Modes of a mixture


def mode_report_by_loops(x, means, sigma):
    counts, squares = np.zeros(len(means)), []
    for sample in x:
        distances = [np.linalg.norm(sample - mean) / sigma for mean in means]
        if min(distances) < 3:
            counts[int(np.argmin(distances))] += 1
            squares.append(min(distances) ** 2)
    p, k = counts / counts.sum(), len(means)
    return {
        "captured": sum(counts >= len(x) / k / 4),
        "modes_hit": sum(counts > 0),
        "shares": counts / len(x),
        "high_quality": counts.sum() / len(x),
        "kl_model_data": sum(share * np.log(share * k) for share in p if share > 0),
        "kl_data_model": sum(np.log(1 / (share * k)) / k if share > 0 else np.inf for share in p),
        "missed": sum(counts < len(x) / k / 4) / k,
        "spread": np.sqrt(np.mean(squares) / x.shape[1]),
    }


@pytest.mark.parametrize("modes", [8, 3])
def test_mode_report_equals_loops(modes):
    x = ring_samples(200, modes=modes, spread=2 * SIGMA)  # a good part lies beyond 3 sigma
    report = mode_report(x, RING, SIGMA)._asdict()
    for name, expected in mode_report_by_loops(x, RING, SIGMA).items():
        # float32: a distance of 3 sigma = 0.15 between coordinates near 1 is exact to about 1e-6
        np.testing.assert_allclose(report[name], expected, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_a_perfect_sampler_scores_the_closed_forms(d):
    k, n, draws = 8, 2_500, 64
    means = np.zeros((k, d))
    means[:, 0] = np.arange(k)
    report = perfect_mode_report(jax.random.key(d), means, SIGMA, n, draws=draws)
    within = chi2.cdf(9, d)
    # Four standard errors of n * draws samples.
    assert report.high_quality == pytest.approx(within, abs=4 * np.sqrt(within * (1 - within) / (n * draws)))
    # A variance estimated from m = n * draws * d numbers has a relative error of at most sqrt(2 / m).
    squared_spread = chi2.cdf(9, d + 2) / within
    assert report.spread**2 == pytest.approx(squared_spread, rel=4 * np.sqrt(2 / (n * draws * d)))
    # 2 n KL is chi-square with k - 1 degrees of freedom, n the high-quality samples; O(1 / n) is 0.1 %.
    expected_kl = (k - 1) / (2 * n * within)
    assert report.kl_model_data == pytest.approx(expected_kl, rel=4 * np.sqrt(2 / ((k - 1) * draws)))
    assert report.kl_data_model == pytest.approx(expected_kl, rel=4 * np.sqrt(2 / ((k - 1) * draws)))
    assert (report.captured, report.missed) == (k, 0)


def test_the_numbers_in_the_docstring_for_two_dimensions():
    assert 1 - np.exp(-4.5) == pytest.approx(chi2.cdf(9, 2), rel=1e-12)
    assert 1 - 4.5 / (np.exp(4.5) - 1) == pytest.approx(chi2.cdf(9, 4) / chi2.cdf(9, 2), rel=1e-12)


def test_one_repeated_sample_captures_one_mode():
    report = mode_report(np.tile(RING[:1], (50, 1)), RING, SIGMA)
    assert (report.captured, report.high_quality, report.missed, report.spread) == (1, 1, 7 / 8, 0)
    assert report.kl_model_data == pytest.approx(np.log(8), rel=1e-6)  # float32
    assert report.kl_data_model == np.inf


def test_without_a_high_quality_sample_the_divergences_are_undefined():
    report = mode_report(np.zeros((10, 2)), RING, SIGMA)
    assert (report.captured, report.high_quality, report.missed) == (0, 0, 1)
    assert np.isnan([report.kl_model_data, report.kl_data_model, report.spread]).all()


def test_samples_that_are_not_finite_only_lower_the_share_of_high_quality():
    x = ring_samples(300)
    bad = [[np.nan, 0], [np.inf, 0], [1, -np.inf], [np.nan, np.inf]]
    clean, poisoned = mode_report(x, RING, SIGMA), mode_report(np.concatenate([x, bad]), RING, SIGMA)
    assert poisoned.high_quality == pytest.approx(float(clean.high_quality) * 300 / 304, rel=1e-6)  # float32
    for name, value in clean._asdict().items():
        assert np.isfinite(value).all()
        scale = 300 / 304 if name in ("high_quality", "shares") else 1
        # float32 sums in another order
        np.testing.assert_allclose(getattr(poisoned, name), value * scale, rtol=1e-6, err_msg=name)


def test_one_sample_of_thousands_captures_no_mode():
    x = np.concatenate([ring_samples(2_493, modes=1), RING[1:]])  # all but one mode have a single sample
    report = mode_report(x, RING, SIGMA)
    assert (report.captured, report.modes_hit, report.missed) == (1, 8, 7 / 8)
    assert mode_report(x, RING, SIGMA, captured_share=0.0).captured == 8  # the literature's count
    # 2,496 samples, 312 a mode, a quarter of which is 78: at 3 sigma's 1.1 % misses, some 77 of 78 are good.
    for count, captured in ((70, 1), (100, 2)):
        x = np.repeat(RING[:2], [2_496 - count, count], axis=0)
        assert mode_report(x, RING, SIGMA).captured == captured


def test_quality_is_part_of_capturing():
    even = ring_samples(2_000)
    report = mode_report(np.concatenate([even, np.zeros((8_000, 2))]), RING, SIGMA)
    assert (report.captured, report.modes_hit) == (0, 8)  # a fifth of the samples is good, evenly spread
    np.testing.assert_allclose(jnp.sum(report.shares), report.high_quality, rtol=1e-6)  # float32 sums
    assert mode_report(np.concatenate([even, np.zeros((4_000, 2))]), RING, SIGMA).captured == 8


def test_mode_reports_of_many_seeds_are_those_of_each():
    seeds = jnp.stack([ring_samples(100, modes, seed=modes) for modes in (2, 5, 8)])
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        together = jax.jit(jax.vmap(lambda x: mode_report(x, RING, SIGMA)))(seeds)
    assert together.captured.tolist() == [2, 5, 8]
    for i, x in enumerate(seeds):
        alone = mode_report(x, RING, SIGMA)
        for field, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(field[i], expected, rtol=1e-5)  # float32 sums in another order


def test_a_perfect_sampler_that_misses_a_mode_is_averaged_over_all_draws():
    report = perfect_mode_report(jax.random.key(0), RING, SIGMA, n=4, draws=16)  # 4 samples, 8 modes
    assert report.kl_data_model == np.inf
    assert report.missed >= 0.5


def test_mode_report_rejects_mismatched_shapes():
    with pytest.raises(ValueError, match=r"\(5, 3\) and \(8, 2\)"):
        mode_report(np.zeros((5, 3)), RING, SIGMA)


# The Frechet distance


def random_moments(rng, d, rank=None):
    factor = rng.standard_normal((d, rank or d))
    return Moments(rng.standard_normal(d), factor @ factor.T, 100)


def test_moments_are_the_sample_mean_and_unbiased_covariance():
    features = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    result, centred = moments(features), features - features.mean(axis=0, dtype=np.float64)
    assert (result.mean.dtype, result.covariance.dtype, result.n) == (np.float64, np.float64, 50)
    # float64 rounding
    np.testing.assert_allclose(result.covariance, centred.T @ centred / 49, rtol=1e-12, atol=1e-14)
    assert moments(features[:, :1]).covariance.shape == (1, 1)


@pytest.mark.parametrize("shape", [(1, 3), (4,)])
def test_moments_need_two_examples(shape):
    with pytest.raises(ValueError, match="n >= 2, got shape"):
        moments(np.zeros(shape))


def streamed(features, sizes):
    result, start = Moments.empty(features.shape[1]), 0
    for size in sizes:
        result, start = result.update(features[start : start + size]), start + size
    assert start == len(features)
    return result


def test_streamed_moments_are_those_of_all_examples_at_once():
    rng = np.random.default_rng(0)
    features = (rng.standard_normal((50_000, 256)) * rng.uniform(0.1, 3, 256) + rng.normal(size=256)).astype(np.float32)
    # Blocks of no, of one and of very unequal numbers of examples.
    result = streamed(features, [0, 1, 1, 7, 991, 9_000, 20_000, 20_000])
    exact = features.astype(np.float64)
    assert result.n == 50_000 and result.covariance.dtype == np.float64
    # float64 rounds at 1e-16; sums of 50,000 products lose at most a few hundred times that
    np.testing.assert_allclose(result.mean, exact.mean(axis=0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(result.covariance, np.cov(exact, rowvar=False), rtol=0, atol=1e-12)


def test_streamed_moments_of_data_far_from_the_origin():
    rng = np.random.default_rng(1)
    scale = np.logspace(-4, 2, 7)
    features = rng.standard_normal((20_000, 7)) @ ortho_group(7, seed=1).rvs() * scale + 1e8
    exact = np.cov(features.astype(np.longdouble), rowvar=False).astype(np.float64)
    result = streamed(features, [2_000] * 10)
    # A block's mean is rounded by some 1e-8, like the data themselves; it enters times the standard deviation.
    allowed = 1e-8 * np.add.outer(scale, scale)
    assert (np.abs(result.covariance - exact) < allowed).all()
    naive = features.T @ features / len(features) - np.outer(features.mean(axis=0), features.mean(axis=0))
    assert np.abs(np.diag(naive) - np.diag(exact)).max() > 1  # sums of squares lose all digits here


def test_moments_combine_in_any_order():
    rng = np.random.default_rng(2)
    a, b, c = (moments(rng.standard_normal((n, 3)) + n) for n in (5, 50, 500))
    for one, other in ((a.combine(b).combine(c), c.combine(a.combine(b))), (Moments.empty(3).combine(a), a)):
        assert one.n == other.n
        np.testing.assert_allclose(one.mean, other.mean, rtol=1e-13)  # float64 rounding
        np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-11)


def test_streamed_moments_keep_what_is_not_finite_and_refuse_what_does_not_fit():
    assert np.isnan(streamed(np.array([[1.0], [np.nan], [2.0], [3.0]]), [1, 1, 2]).mean).all()
    assert np.isnan(frechet_distance(streamed(np.array([[1.0], [np.inf], [2.0]]), [1, 1, 1]), moments([[0.0], [1.0]])))
    with pytest.raises(ValueError, match=r"expected features \[m, 3\], got shape \(5, 2\)"):
        Moments.empty(3).update(np.zeros((5, 2)))
    with pytest.raises(ValueError, match="expected moments of equal dimension"):
        Moments.empty(3).combine(Moments.empty(2))
    with pytest.raises(ValueError, match="at least 2 examples each, got 1 and 2"):
        frechet_distance(Moments.empty(1).update([[1.0]]), moments([[0.0], [1.0]]))


def test_frechet_distance_equals_scipys_matrix_root():
    rng = np.random.default_rng(1)
    for d in (1, 2, 7, 20):
        a, b = random_moments(rng, d), random_moments(rng, d)
        root = sqrtm(a.covariance @ b.covariance)
        expected = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance - 2 * root.real)
        # sqrtm of a product that is not symmetric keeps about half of float64's digits
        assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-7)
        assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-12)


def test_covariances_with_rounding_of_float32_lose_only_their_negative_variances():
    """Sums in float32 of features that hardly differ: Cholesky's factor stopped at the first negative variance."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    own, other = np.r_[-3e-5, -2e-5, -1e-5, np.geomspace(1e-3, 0.3, 9)], rng.uniform(1, 2, size=12)
    mean = np.full(12, 7.0)
    noisy = Moments(mean, (basis * own) @ basis.T, 500)
    clean = Moments(mean, (basis * np.maximum(own, 0)) @ basis.T, 500)
    reference = Moments(np.zeros(12), np.diag(other), 500)
    # They differ by the traces alone, to which rounding contributes itself.
    difference = frechet_distance(clean, reference) - frechet_distance(noisy, reference)
    np.testing.assert_allclose(difference, -own[:3].sum(), rtol=1e-6)


def test_frechet_distance_of_commuting_covariances():
    rng = np.random.default_rng(2)
    rotation = ortho_group(6, seed=2).rvs()
    x, y = rng.uniform(size=(2, 6))
    y[:3] = 0.0  # one of the two is singular
    a = Moments(np.zeros(6), rotation @ np.diag(x) @ rotation.T, 9)
    b = Moments(np.full(6, 0.5), rotation @ np.diag(y) @ rotation.T, 9)
    expected = 6 * 0.25 + np.sum((np.sqrt(x) - np.sqrt(y)) ** 2)
    # A zero eigenvalue comes out as 1e-16, and the distance takes its root.
    assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("smallest", [1e-2, 1e-14, 0.0])
def test_frechet_distance_in_many_dimensions(smallest):
    """Where eigenvalues are taken for singular values, and where they would not do: variances that reach down to 0."""
    d, rng = 300, np.random.default_rng(3)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    x, y = rng.permuted(np.tile(np.maximum(np.geomspace(1, max(smallest, 1e-16), d), smallest), (2, 1)), axis=1)
    if not smallest:
        x[:200], y[100:] = 0.0, 0.0  # no direction in common
    a, b = (Moments(np.zeros(d), rotation @ np.diag(each) @ rotation.T, 9) for each in (x, y))
    expected = np.sum((np.sqrt(x) - np.sqrt(y)) ** 2)
    # The promised 1e-9 of the traces, and the root of float64's rounding in each direction without variance.
    scale = 1e-9 * (x.sum() + y.sum())
    assert frechet_distance(a, b) == pytest.approx(expected, abs=scale if smallest == 1e-2 else 1e-6)


def test_frechet_distance_sees_directions_of_little_variance():
    turn = ortho_group(2, seed=3).rvs()
    a, b = (Moments(np.zeros(2), turn @ np.diag([1.0, small]) @ turn.T, 9) for small in (1e-12, 4e-12))
    # (1e-6 - 2e-6)^2. Rounding the matrices by 1e-16 changes 1e-12 by up to a thousandth. The root of
    # sqrt(A) B sqrt(A), whose smallest eigenvalue is 4e-24, is wrong here by a factor.
    assert frechet_distance(a, b) == pytest.approx(1e-12, rel=1e-2)


def test_frechet_distance_of_gaussians_on_a_line():
    a, b = (Moments(np.array([mean]), np.array([[std**2]]), 9) for mean, std in ((1.0, 2.0), (-0.5, 0.5)))
    assert frechet_distance(a, b) == pytest.approx(1.5**2 + 1.5**2, rel=1e-12)  # float64 rounding


@pytest.mark.parametrize("rank", [5, 2, 1])
def test_frechet_distance_to_itself_is_zero(rank):
    a = random_moments(np.random.default_rng(rank), 5, rank)
    assert 0 <= frechet_distance(a, a) < 1e-12  # rounding of traces near 10


@pytest.mark.parametrize("rank", [5, 2])
def test_frechet_distance_is_invariant_under_rotation(rank):
    rng = np.random.default_rng(4)
    a, b = random_moments(rng, 5, rank), random_moments(rng, 5, rank)
    q = ortho_group(5, seed=4).rvs()
    turned = [Moments(q @ m.mean, q @ m.covariance @ q.T, m.n) for m in (a, b)]
    # Eigenvalues that are zero come out as 1e-16, and their roots as 1e-8.
    assert frechet_distance(*turned) == pytest.approx(frechet_distance(a, b), abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])  # the variance of the last overflows
def test_frechet_distance_of_features_that_are_not_finite_is_nan(bad):
    features = np.random.default_rng(5).standard_normal((20, 3))
    fine = moments(features)
    features[4, 1] = bad
    assert np.isnan(frechet_distance(moments(features), fine))
    assert np.isnan(frechet_distance(fine, moments(features)))


def test_frechet_distance_rejects_unequal_dimensions():
    a, b = (random_moments(np.random.default_rng(6), d) for d in (2, 3))
    with pytest.raises(ValueError, match=r"\(2,\), \(2, 2\) and \(3,\), \(3, 3\)"):
        frechet_distance(a, b)
