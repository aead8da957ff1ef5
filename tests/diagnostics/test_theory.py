"""The theorems on GANs, each held to a number by an independent reference: scipy, closed forms, other quadrature."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as stats
from jax.scipy.stats import norm, uniform
from scipy.spatial.distance import jensenshannon
from scipy.special import expit, xlogy

from jaxgan import toy
from jaxgan.diagnostics import theory
from jaxgan.diagnostics.theory import Mixture, gaussian, log_density
from jaxgan.losses import minimax
from jaxgan.types import Array, Batch, Players
from tests.diagnostics.mixtures import DATA, HIGH, LOW, by_scipy, jsd_integrand, kl_integrand, logs

P, Q = np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05]), np.array([0.05, 0.1, 0.3, 0.1, 0.2, 0.25])
MODEL = Mixture(np.array([0.5, 0.25, 0.25]), np.array([0.0, 2.0, -3.0]), np.array([1.0, 0.5, 1.5]))
HALF = np.array([0.5, 0.5])


def quantiles(distribution: Any, n: int = 20_000) -> np.ndarray:
    """Points in the middle of n parts of equal probability: their mean is an expectation, to O(1 / n)."""
    return distribution.ppf((np.arange(n) + 0.5) / n)


# The optimal discriminator, and the value of the game.


@pytest.mark.usefixtures("x64")
def test_the_optimal_discriminator_maximizes_the_value_of_the_game() -> None:
    def value(d: np.ndarray) -> float:
        return np.sum(xlogy(P, d) + xlogy(Q, 1 - d))

    optimum = np.asarray(theory.optimal_discriminator(P, Q))
    np.testing.assert_allclose(optimum, expit(theory.optimal_logit(np.log(P), np.log(Q))), rtol=1e-14)
    # two sums of six terms, in a few roundings
    np.testing.assert_allclose(value(optimum), theory.minimax_value(theory.jensen_shannon(P, Q)), rtol=1e-14)
    for i in range(6):
        for step in (-1e-3, 1e-3):
            assert value(optimum + step * np.eye(6)[i]) < value(optimum)


def test_the_optimal_discriminator_is_undefined_where_nothing_is() -> None:
    d = np.asarray(theory.optimal_discriminator(np.array([0.5, 0.0, 0.0, 0.5]), np.array([0.0, 1.0, 0.0, 0.0])))
    np.testing.assert_array_equal(d, [1, 0, np.nan, 1])


@pytest.mark.usefixtures("x64")
def test_the_jensen_shannon_divergence_of_discrete_distributions() -> None:
    # scipy has the square root; two ways to sum six terms
    np.testing.assert_allclose(theory.jensen_shannon(P, Q), jensenshannon(P, Q) ** 2, rtol=1e-13)
    rows = theory.jensen_shannon(np.stack([P, P]), np.stack([Q, P]))
    np.testing.assert_allclose(rows, [jensenshannon(P, Q) ** 2, 0], atol=1e-15)
    apart = theory.jensen_shannon(np.array([0.25, 0.75, 0.0]), np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(apart, np.log(2), rtol=1e-15)
    np.testing.assert_allclose(theory.minimax_value(apart), 0, atol=1e-15)  # V = 0: no more than log 1 + log 1
    np.testing.assert_allclose(theory.minimax_value(theory.jensen_shannon(P, P)), -np.log(4), rtol=1e-15)


@pytest.mark.usefixtures("x64")
def test_the_logit_between_gaussians_is_the_quadratic() -> None:
    x = np.linspace(-7, 7, 29)
    for mu in (-1.5, 0.5, 2.0):
        linear = theory.gaussian_optimal_logit(gaussian(0.0), gaussian(mu))
        np.testing.assert_allclose(linear, [mu**2 / 2, -mu, 0], rtol=1e-15)
    p, q = (0.7, 1.3), (-1.1, 0.4)
    c = theory.gaussian_optimal_logit(gaussian(*p), gaussian(*q))
    reference = stats.norm.logpdf(x, *p) - stats.norm.logpdf(x, *q)
    np.testing.assert_allclose(np.polynomial.Polynomial(c)(x), reference, rtol=1e-12)  # of up to 200: it cancels
    both = (log_density(gaussian(*parameters), x) for parameters in (p, q))
    np.testing.assert_allclose(theory.optimal_logit(*both), reference, rtol=1e-12)


@pytest.mark.parametrize("bits", [32, 64])
def test_the_density_of_a_mixture(bits: int) -> None:
    with jax.enable_x64(bits == 64):
        x = np.linspace(-9, 9, 37).reshape(1, 37)
        components = [w * stats.norm.pdf(x, m, s) for w, m, s in np.stack(MODEL, axis=1)]
        reference = np.log(sum(components))
        log_data, log_model = logs(DATA, MODEL)
        # some roundings
        np.testing.assert_allclose(jax.jit(log_model)(x), reference, rtol=1e-6 if bits == 32 else 1e-13)
        # Where both densities underflow, and the widest component of each is alone:
        slope = jax.jit(jax.grad(lambda x: theory.optimal_logit(log_data(x), log_model(x))))(1e4)
        np.testing.assert_allclose(slope, (1e4 + 3) / 1.5**2 - (1e4 - 1.5) / 1.1**2, rtol=1e-6)


# Quadrature, and the divergences of densities.


@pytest.mark.usefixtures("x64")
def test_quadrature_is_exact_to_its_degree_and_follows_its_bounds() -> None:
    def error(degree: int, **nodes: int) -> float:
        exact = (2.0 ** (degree + 1) - 1) / (degree + 1)
        return abs(float(theory.integrate(lambda x: x**degree, 1.0, 2.0, **nodes)) / exact - 1)

    for order in (1, 2, 5):
        assert error(2 * order - 1, pieces=1, order=order) < 1e-14 < 1e-9 < error(2 * order, pieces=1, order=order)
    # twice as many pieces of the midpoint rule, and a quarter of the error
    np.testing.assert_allclose(error(2, pieces=10, order=1) / error(2, pieces=20, order=1), 4, rtol=1e-6)
    slopes = jax.jit(jax.grad(functools.partial(theory.integrate, jnp.sin), argnums=(0, 1)))(0.3, 2.0)
    np.testing.assert_allclose(slopes, [-np.sin(0.3), np.sin(2.0)], rtol=1e-13)  # the fundamental theorem
    by_parameter = jax.jit(jax.grad(lambda a: theory.integrate(lambda x: jnp.exp(a * x), 0.0, 1.0)))(1.0)
    np.testing.assert_allclose(by_parameter, 1, rtol=1e-13)  # of (e^a - 1) / a


@pytest.mark.parametrize(("bits", "rtol"), [(32, 1e-5), (64, 1e-10)])  # a sum of 1024; what quad reaches
def test_divergences_of_mixtures_against_scipy(bits: int, rtol: float) -> None:
    def divergences(p: Callable, q: Callable) -> list[Array]:
        return [function(p, q, LOW, HIGH) for function in (theory.kl_divergence_of, theory.jensen_shannon_of)]

    with jax.enable_x64(bits == 64):
        for p, q in ((DATA, MODEL), (MODEL, DATA), (DATA, gaussian(9.0, 0.5))):
            kl, jsd = jax.jit(functools.partial(divergences, *logs(p, q)))()
            assert kl.dtype == jsd.dtype == f"float{bits}"
            np.testing.assert_allclose(kl, by_scipy(kl_integrand, p, q), rtol=rtol)
            np.testing.assert_allclose(jsd, by_scipy(jsd_integrand, p, q), rtol=rtol)


@pytest.mark.parametrize("bits", [32, 64])
def test_divergences_where_densities_are_zero(bits: int) -> None:
    def move(divergence: Callable[..., Array], log_p: Callable, shift: float) -> list[float]:
        """The value and, with respect to `shift`, the slope; a jump at a whole number is between two pieces."""

        def function(shift: Array) -> Array:
            return divergence(log_p, lambda x: norm.logpdf(x, shift), -20.0, 70.0, pieces=90)

        return [float(number) for number in jax.jit(jax.value_and_grad(function))(shift)]

    with jax.enable_x64(bits == 64):
        # 50 sigma apart: each density underflows at the other, and the JSD is log 2 with no slope
        np.testing.assert_allclose(move(theory.jensen_shannon_of, norm.logpdf, 50.0), [np.log(2), 0], atol=1e-6)
        np.testing.assert_allclose(move(theory.kl_divergence_of, norm.logpdf, 50.0), [50**2 / 2, 50], rtol=1e-6)
        flat = functools.partial(uniform.logpdf, loc=-1.0, scale=2.0)  # minus infinity outside [-1, 1]
        value, slope = move(theory.jensen_shannon_of, flat, 0.5)
        assert 0 < value < np.log(2) and 0 < slope < 1
        cross_entropy = np.log(2 * np.pi) / 2 + (1 / 3 + 0.5**2) / 2  # of U[-1, 1] and N(1/2, 1)
        closed = [cross_entropy - np.log(2), 0.5]
        np.testing.assert_allclose(move(theory.kl_divergence_of, flat, 0.5), closed, rtol=1e-5)
        assert theory.kl_divergence_of(norm.logpdf, flat, -20.0, 20.0) == np.inf  # and not NaN


# What a discriminator that is not optimal tells.


@pytest.mark.usefixtures("x64")
def test_the_implied_divergence_is_a_lower_bound_that_the_optimum_attains() -> None:
    real, fake = quantiles(stats.norm(0, 1)), quantiles(stats.norm(1, 1))
    optimum = np.polynomial.Polynomial(np.asarray(theory.gaussian_optimal_logit(gaussian(0.0), gaussian(1.0))))
    jsd = by_scipy(jsd_integrand, gaussian(0.0), gaussian(1.0))
    at_best = theory.implied_jensen_shannon(optimum(real), optimum(fake))
    np.testing.assert_allclose(at_best, jsd, rtol=1e-4)  # of the tails of 20,000 quantiles
    for other in (lambda x: 0.5 * optimum(x), lambda x: 2 * optimum(x), lambda x: optimum(x) + 0.3, lambda x: 0 * x):
        assert theory.implied_jensen_shannon(other(real), other(fake)) < at_best - 1e-3
    wrong = theory.implied_jensen_shannon(-5 * optimum(real), -5 * optimum(fake))
    assert wrong < -0.5  # it takes real for fake
    few = fake[:10]  # each batch has its own mean
    value = -np.mean(np.logaddexp(0, -optimum(real))) - np.mean(np.logaddexp(0, optimum(few)))
    implied = theory.implied_jensen_shannon(optimum(real), optimum(few))
    np.testing.assert_allclose(implied, (value + np.log(4)) / 2, rtol=1e-12)
    far = theory.implied_jensen_shannon(jnp.full(3, 1e4), jnp.full(3, -1e4))
    np.testing.assert_allclose(far, np.log(2), rtol=1e-15)


def test_the_distance_from_the_optimal_discriminator() -> None:
    logits, optimal = np.array([0.0, 1.0, -3.0]), np.array([0.5, 1.0, 1.0])
    distance = theory.distance_from_optimal(logits, optimal)
    np.testing.assert_allclose(distance.probability, np.mean(np.abs(expit(logits) - expit(optimal))), rtol=1e-6)
    np.testing.assert_allclose(distance.logit, np.sqrt((0.25 + 16) / 3), rtol=1e-6)
    assert theory.distance_from_optimal(optimal, optimal) == (0, 0)


@pytest.mark.usefixtures("x64")
def test_a_trained_discriminator_approaches_the_optimal_one() -> None:
    theta, n = 1.5, 500
    z = quantiles(stats.norm(), n)[:, None]
    game = toy.gaussian_mean(minimax, draw=lambda key, shape: jnp.asarray(z), start=(theta, 1.0))
    batch, key = Batch(jnp.asarray(z)), jax.random.key(0)
    start, model_state = game.init(key, batch)
    c = theory.gaussian_optimal_logit(gaussian(0.0), gaussian(theta))
    points = jnp.linspace(-3, 4.5, 51)

    def measured(psi: Array) -> tuple[theory.Distance, Array]:
        logits = psi[0] + psi[1] * points
        implied = theory.implied_jensen_shannon(psi[0] + psi[1] * z, psi[0] + psi[1] * (theta + z))
        return theory.distance_from_optimal(logits, c[0] + c[1] * points), implied

    def step(psi: Array, _: None) -> tuple[Array, Any]:
        def loss(psi: Array) -> Array:
            players = Players(start.generator, {"psi": psi})
            return game.discriminator(key, players, model_state, batch, n, jnp.int32(0))[0]

        return psi - 0.2 * jax.grad(loss)(psi), measured(psi)

    psi = jnp.asarray(start.discriminator["psi"])
    psi, (distance, implied) = jax.jit(lambda psi: jax.lax.scan(step, psi, None, length=400))(psi)
    # from a logit with the wrong sign down to what 500 quantiles know of the tails
    assert distance.logit[0] > 5 and distance.probability[0] > 0.5
    assert distance.logit[-1] < 0.02 and distance.probability[-1] < 0.002
    for series in distance:
        assert np.all(np.diff(series[:200:20]) < 0)
    np.testing.assert_allclose(psi, c[:2], atol=0.01)
    assert implied[0] < 0 and np.all(np.diff(implied) > -1e-12)
    np.testing.assert_allclose(implied[-1], by_scipy(jsd_integrand, gaussian(0.0), gaussian(theta)), rtol=2e-3)


# Supports that do not meet.


@pytest.mark.parametrize("theta", [-1.5, -0.4, 0.25, 0.9, 1.0, 1.3, 7.0])
@pytest.mark.usefixtures("x64")
def test_the_jensen_shannon_divergence_is_flat_where_the_wasserstein_distance_is_not(theta: float) -> None:
    # on cells of 1/20, which the ends of both supports share with the grid
    edges = np.arange(-40, 181) / 20
    centres = (edges[1:] + edges[:-1]) / 2
    p, q = (stats.uniform(start, 1).pdf(centres) / 20 for start in (0, theta))
    np.testing.assert_allclose(theory.uniform_jensen_shannon(theta), theory.jensen_shannon(p, q), rtol=1e-12)
    unit = (np.arange(1000) + 0.5) / 1000
    distance = stats.wasserstein_distance(unit, theta + unit)
    np.testing.assert_allclose(theory.uniform_wasserstein(theta), distance, rtol=1e-12)
    assert jax.grad(theory.uniform_wasserstein)(theta) == np.sign(theta)
    if abs(theta) != 1:  # a kink
        slope = np.sign(theta) * np.log(2) if abs(theta) < 1 else 0
        np.testing.assert_allclose(jax.grad(theory.uniform_jensen_shannon)(theta), slope, rtol=1e-15)


# Refusals.


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: theory.optimal_discriminator(np.array([0.5, 0.6]), HALF),
            "^p must be at least 0 and sum to 1, .* 0.1 off",
        ),
        (lambda: theory.jensen_shannon(HALF, np.array([1.5, -0.5])), "^q must be at least 0 and sum to 1, got -0.5"),
        (lambda: theory.jensen_shannon(np.array([0.5, np.nan]), HALF), "^p must be"),
        (lambda: theory.jensen_shannon(HALF, np.ones(1)), r"^expected arrays of one shape, got \(2,\), \(1,\)"),
        (lambda: log_density(Mixture(np.array([0.5, 0.4]), HALF, HALF), 0.0), "^weights must be"),
        (lambda: log_density(Mixture(np.ones(1), HALF, HALF), 0.0), "one shape"),
        (lambda: log_density(gaussian(0.0, 0.0), 0.0), "^sigmas must be positive, got 0"),
        (lambda: theory.gaussian_optimal_logit(DATA, gaussian()), "^expected one component each, got 2 and 1"),
        (lambda: theory.integrate(jnp.sin, 0.0, 1.0, pieces=0), "^pieces must be a whole number of at least 1"),
        (lambda: theory.integrate(jnp.sin, 0.0, 1.0, order=0), "^deg must be a positive integer"),
        (lambda: theory.distance_from_optimal(jnp.zeros(3), jnp.zeros((3, 1))), r"got \(3,\), \(3, 1\)"),
        (lambda: theory.vanishing_bound(1.0), "^epsilon must be a finite number of at least 0 and below 1, got 1.0"),
        (lambda: theory.vanishing_bound(-0.1), "^epsilon must be"),
        (lambda: theory.perfect_discriminator(jnp.zeros(1), 1.5), "^epsilon must be"),
        (lambda: theory.hill_estimator(jnp.ones(10), 10), "^k must be .* at least 1 and at most 9, got 10"),
        (lambda: theory.hill_estimator(jnp.ones(10), 0), "^k must be"),
    ],
)
def test_refusals_are_one_clear_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_what_is_traced_is_not_checked_and_what_is_not_is() -> None:
    def wrong(weights: Array) -> Array:
        return log_density(Mixture(weights, jnp.zeros(1), jnp.ones(1)), 0.0)

    assert np.isfinite(jax.jit(wrong)(jnp.full(1, 2.0)))
    assert np.isfinite(jax.jit(lambda sigma: log_density(gaussian(0.0, sigma), 1.0))(2.0))
    np.testing.assert_allclose(jax.jit(jax.vmap(theory.vanishing_bound))(jnp.array([0.0, 0.5])), [0, 1])
    with pytest.raises(ValueError, match=r"^weights must be"):
        jax.jit(functools.partial(wrong, jnp.full(1, 2.0)))()
    # and what is traced has a derivative
    jsd = jax.jit(jax.value_and_grad(lambda p: theory.jensen_shannon(jnp.stack([p, 1 - p]), HALF)))(0.8)
    np.testing.assert_allclose(
        jsd, [jensenshannon([0.8, 0.2], HALF) ** 2, np.log((1.6 / 1.3) / (0.4 / 0.7)) / 2], rtol=1e-6
    )
