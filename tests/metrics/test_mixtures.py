"""Against the closed forms of a mixture whose modes do not overlap."""

import jax
import numpy as np
import pytest
from scipy.stats import chi2, multivariate_normal

from jaxgan.metrics.mixtures import mixture_log_density, mixture_support, mixture_transport

KEY = jax.random.key(0)
ANGLES = 2 * np.pi * np.arange(8) / 8
RING, SIGMA = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1), 0.05


def ring(n: int, modes: int = 8, spread: float = SIGMA, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return RING[rng.integers(modes, size=n)] + spread * rng.normal(size=(n, 2))


def test_the_density_is_scipys() -> None:
    x, means = np.random.default_rng(0).normal(size=(20, 3)), np.random.default_rng(1).normal(size=(4, 3))
    density = np.mean([multivariate_normal(m, 0.49 * np.eye(3)).pdf(x) for m in means], axis=0)
    np.testing.assert_allclose(mixture_log_density(x, means, 0.7), np.log(density), rtol=1e-12)
    assert mixture_log_density([[1e3, 0, 0]], means, 0.7)[0] < -1e5  # no underflow to log 0


@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_the_mixtures_own_samples_have_one_minus_alpha_of_both(alpha: float) -> None:
    n, draws = 2000, 20_000
    found = mixture_support(KEY, ring(n), RING, SIGMA, alpha=alpha)
    error = np.sqrt(alpha * (1 - alpha) * (1 / n + 1 / draws))
    assert found.precision == pytest.approx(1 - alpha, abs=4 * error)
    assert found.recall == pytest.approx(1 - alpha, abs=0.02)  # of two draws of n
    # Modes 15 sigma apart do not overlap: the region is |x - mode| <= sigma sqrt(q), q the quantile of chi2_2.
    edge = -0.5 * chi2.ppf(1 - alpha, 2) - np.log(8 * 2 * np.pi * SIGMA**2)
    assert found.log_density == pytest.approx(edge, abs=4 * np.sqrt((1 - alpha) / (alpha * draws)))


def test_precision_and_recall_are_told_apart() -> None:
    blurred = mixture_support(KEY, ring(2000, spread=2 * SIGMA), RING, SIGMA)
    # Of chi2_2 stretched by 4, within the quantile of 0.95: 1 - 0.05^(1/4) = 0.527.
    assert blurred.precision == pytest.approx(1 - 0.05**0.25, abs=4 * np.sqrt(0.25 / 2000))
    shrunk = mixture_support(KEY, ring(2000, spread=SIGMA / 4), RING, SIGMA)
    assert shrunk.precision == 1.0 and shrunk.recall < 0.6
    half = mixture_support(KEY, ring(2000, modes=4), RING, SIGMA)
    assert half.precision == pytest.approx(0.95, abs=0.02)
    assert half.recall == pytest.approx(0.5 * 0.97, abs=0.02)  # twice as dense in its half: a little above 0.95
    one = mixture_support(KEY, np.tile(RING[:1], (100, 1)), RING, SIGMA)
    assert one.precision == 1.0 and one.recall < 0.1


def test_transport_is_told_beside_that_of_a_faithful_sampler() -> None:
    n = 300
    faithful = mixture_transport(KEY, ring(n), RING, SIGMA)
    assert faithful.n == n
    assert faithful.distance == pytest.approx(faithful.faithful, rel=0.5)  # both are of uneven modes at this n
    half = mixture_transport(KEY, ring(n, modes=1), RING, SIGMA)
    # From one mode to all: the mean square of the chords of the unit circle is 2.
    assert half.distance == pytest.approx(np.sqrt(2), abs=0.15)
    assert half.faithful == faithful.faithful  # of the key alone


def test_bad_input_is_refused() -> None:
    x = np.zeros((5, 2))
    for call, message in [
        (lambda: mixture_log_density(x, RING, 0.0), "sigma must be a finite number above 0, got 0.0"),
        (lambda: mixture_support(KEY, x, RING[:, :1], 1.0), r"shapes \(5, 2\) and \(8, 1\)"),
        (lambda: mixture_support(KEY, x, RING, 1.0, alpha=1.0), "alpha between 0 and 1"),
        (lambda: mixture_transport(KEY, x + np.nan, RING, 1.0), "samples must be finite, got 5 of 5 rows"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
