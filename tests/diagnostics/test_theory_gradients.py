"""Which divergence a generator descends, where its gradient vanishes, and how heavy its tails are, as theory has it."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as stats
from jax.scipy.stats import norm
from scipy.integrate import quad
from scipy.special import expit

from jaxgan.diagnostics import theory
from jaxgan.diagnostics.theory import location_scale
from jaxgan.losses import f_kl, maximum_likelihood, minimax, non_saturating, reverse_kl, zero_sum
from jaxgan.types import Array, Loss
from tests.diagnostics.mixtures import DATA, HIGH, LOW, by_scipy, jsd_integrand, kl_integrand, logs

THETAS = [(0.0, 0.0), (1.0, -0.5), (-2.5, 0.4), (3.0, 0.7)]  # mean and log sigma


# AB, theorem 2.5: which divergence the generator descends at the optimal discriminator.

FOLLOWED: dict[str, tuple[Loss, float, float]] = {  # the weights of KL(q || p) and JSD(p, q)
    "minimax": (minimax, 0.0, 2.0),
    "zero_sum(minimax)": (zero_sum(minimax), 0.0, 2.0),
    "non_saturating": (non_saturating, 1.0, -2.0),
    "reverse_kl": (reverse_kl, 1.0, 0.0),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", FOLLOWED)
def test_the_generator_descends_the_divergence_of_its_loss(name: str) -> None:
    (loss, kl, jsd), (log_data,) = FOLLOWED[name], logs(DATA)
    gradient = jax.jit(functools.partial(theory.generator_gradient, loss, log_data, location_scale))
    of_divergence = jax.jit(
        lambda theta, kl, jsd: theory.divergence_gradient(log_data, location_scale, theta, LOW, HIGH, kl=kl, jsd=jsd)
    )
    for theta in map(jnp.array, THETAS):
        followed = gradient(theta)
        # both are exact to rounding, which the weights of the tails make larger
        np.testing.assert_allclose(followed, of_divergence(theta, kl, jsd), rtol=1e-9, atol=1e-11)
        for other in FOLLOWED.values():
            if other[1:] != (kl, jsd):  # above all, the practical gradient is not that of KL(q || p) alone
                assert np.max(np.abs(followed - of_divergence(theta, *other[1:]))) > 1e-2


@pytest.mark.usefixtures("x64")
def test_the_divergence_of_theorem_2_5_against_scipy() -> None:
    h, theta, (log_data,) = 1e-3, np.array(THETAS[1]), logs(DATA)

    def value(theta: np.ndarray) -> float:
        model = ([1.0], [theta[0]], [np.exp(theta[1])])
        return by_scipy(lambda p, q: kl_integrand(q, p) - 2 * jsd_integrand(p, q), DATA, model)

    def central(step: np.ndarray) -> float:
        """Of fourth order, so to h^4 and the 1e-12 / h of quad."""
        near, far = (value(theta + i * step) - value(theta - i * step) for i in (1, 2))
        return (8 * near - far) / (12 * h)

    slopes = [central(step) for step in h * np.eye(2)]
    follow = functools.partial(theory.generator_gradient, non_saturating, log_data, location_scale)
    descend = functools.partial(theory.divergence_gradient, log_data, location_scale, low=LOW, high=HIGH)
    followed, of_divergence = (jax.jit(function)(theta) for function in (follow, descend))
    np.testing.assert_allclose(followed, slopes, rtol=1e-7)
    np.testing.assert_allclose(of_divergence, slopes, rtol=1e-7)
    # For all its minus sign it is a divergence: twice that of the middle from the data.
    model = ([1.0], [theta[0]], [np.exp(theta[1])])
    middle = by_scipy(lambda p, q: (p + q) * math.log((p + q) / (2 * p)), DATA, model)
    np.testing.assert_allclose(value(theta), middle, rtol=1e-10)


@pytest.mark.usefixtures("x64")
def test_losses_with_an_optimum_of_their_own() -> None:
    theta, (log_data,) = jnp.array(THETAS[0]), logs(DATA)

    def kl(theta: Array) -> Array:
        return theory.kl_divergence_of(log_data, lambda x: location_scale.log_density(theta, x), LOW, HIGH)

    @jax.jit
    def gradients(theta: Array) -> list[Array]:
        follow = functools.partial(theory.generator_gradient, log_p=log_data, generator=location_scale, theta=theta)
        half, whole = follow(maximum_likelihood), follow(f_kl, optimum=lambda log_p, log_q: 1 + log_p - log_q)
        return [jax.grad(kl)(theta), 2 * half, whole]

    of_kl, *followed = gradients(theta)
    for gradient in followed:
        np.testing.assert_allclose(gradient, of_kl, rtol=1e-9)


def test_theorem_2_5_in_32_bits() -> None:
    theta, (log_data,) = jnp.array(THETAS[1]), logs(DATA)
    follow = functools.partial(theory.generator_gradient, non_saturating, log_data, location_scale)
    descend = functools.partial(theory.divergence_gradient, log_data, location_scale, low=LOW, high=HIGH)
    followed, of_divergence = (jax.jit(function)(theta) for function in (follow, descend))
    assert followed.dtype == of_divergence.dtype == jnp.float32
    np.testing.assert_allclose(followed, of_divergence, rtol=1e-4)  # sums of 1024 terms


@pytest.mark.usefixtures("x64")
def test_the_generator_rests_where_it_is_the_data() -> None:
    for loss, *_ in FOLLOWED.values():
        follow = functools.partial(theory.generator_gradient, loss, norm.logpdf, location_scale)
        np.testing.assert_allclose(jax.jit(follow)(jnp.zeros(2)), 0, atol=1e-14)


# AB, theorem 2.4: the gradient that vanishes on disjoint supports.

STEEP = {(3.0, 0.0): -1, (3.0, np.pi): 1}  # up or down all along the generator's support: the sign of its gradient
WAVES = [*STEEP, (0.7, 0.5), (12.0, 1.0)]
EPSILONS = [1e-6, 1e-2, 0.3, 0.9]


@pytest.mark.usefixtures("x64")
def test_the_gradient_vanishes_with_the_distance_from_a_perfect_discriminator() -> None:
    x = jnp.linspace(-3, 6, 9001)

    @jax.jit
    def measured(epsilon: Array, omega: Array, phase: Array) -> tuple[Array, ...]:
        def d(x: Array) -> Array:
            return theory.perfect_discriminator(x, epsilon, omega, phase)

        values, slopes = jax.vmap(jax.value_and_grad(d))(x)
        perfect, perfect_slopes = jax.vmap(jax.value_and_grad(theory.perfect_discriminator))(x)
        distance = jnp.max(jnp.abs(values - perfect)) + jnp.max(jnp.abs(slopes - perfect_slopes))
        return distance, values, d(jnp.array([2.0, 3.0])), theory.translation_gradient(d)

    for epsilon, wave in itertools.product(EPSILONS, WAVES):
        distance, values, ends, gradient = measured(epsilon, *wave)
        assert epsilon / 10 < distance < epsilon and np.all((values > 0) & (values < 1))
        # of a translation it has a closed form, the difference of log(1 - D) between the ends of the support
        np.testing.assert_allclose(gradient, np.log1p(-ends[1]) - np.log1p(-ends[0]), rtol=1e-9)
        bound = theory.vanishing_bound(epsilon)
        np.testing.assert_allclose(bound, epsilon / (1 - epsilon), rtol=1e-14)
        assert abs(gradient) < epsilon < bound  # as the norm is a sum, the proof gives M epsilon even
        if wave in STEEP:
            assert STEEP[wave] * gradient > epsilon / 5  # so the bound is not idle


@pytest.mark.usefixtures("x64")
def test_the_perfect_discriminator_leaves_no_gradient_and_the_jacobian_scales_it() -> None:
    x = jnp.concatenate([jnp.linspace(-1, 1, 99), jnp.linspace(2, 4, 99)])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(theory.perfect_discriminator)))(x)
    np.testing.assert_array_equal(values, np.repeat([1, 0], 99))
    np.testing.assert_array_equal(slopes, 0)
    gradient = jax.jit(functools.partial(theory.translation_gradient, theory.perfect_discriminator))
    assert gradient(2.0) == theory.vanishing_bound(0.0) == 0
    # It is perfect for that generator: another, that has moved on to 1.5, meets its slope.
    half_way = gradient(1.5)  # from log 1/2 to log 1
    np.testing.assert_allclose(half_way, np.log(2), rtol=1e-6)  # across the jump of the third derivative
    np.testing.assert_allclose(theory.vanishing_bound(0.2, 7.0), 7 * 0.25, rtol=1e-15)


@pytest.mark.usefixtures("x64")
def test_theorem_2_4_fails_for_overlapping_gaussians() -> None:
    def by_mean(loss: Loss) -> float:
        follow = functools.partial(theory.generator_gradient, loss, norm.logpdf, location_scale)
        return float(jax.jit(follow)(jnp.array([1.0, 0.0]))[0])

    gradient = by_mean(minimax)
    # at D* itself: E_q[D*] for a logit of slope -1, where the bound for epsilon = 0 is 0
    by_quad = quad(lambda x: stats.norm.pdf(x, 1) * expit(0.5 - x), -12, 14, epsabs=1e-13)[0]
    np.testing.assert_allclose(gradient, by_quad, rtol=1e-10)
    assert round(gradient, 3) == 0.398
    assert abs(gradient) > theory.vanishing_bound(0.0) == 0
    # with the practical one the slope of KL(q || p) = theta^2/2
    np.testing.assert_allclose(gradient + by_mean(non_saturating), 1, rtol=1e-12)


# AB, theorem 2.6: the practical gradient under noise.

DRAWS, TOP = 100_000, 1000


def test_the_practical_gradient_under_noise_is_cauchy() -> None:
    gradient = theory.practical_gradient_under_noise(jax.random.key(1), DRAWS, value=0.01, slope=0.5)
    # Kolmogorov's 1e-4 level; the scale of 50 is the ratio of the two
    assert stats.kstest(np.asarray(gradient), stats.cauchy(scale=50).cdf).pvalue > 1e-4
    assert stats.kstest(np.asarray(gradient), stats.cauchy(scale=55).cdf).pvalue < 1e-4
    alpha = theory.hill_estimator(gradient, TOP)
    assert abs(alpha - 1) < 3 * alpha / np.sqrt(TOP)


@pytest.mark.parametrize(("name", "alpha"), [("cauchy", 1.0), ("pareto", 2.0), ("t", 3.0)])
def test_the_hill_estimator(name: str, alpha: float) -> None:
    distribution = {"cauchy": stats.cauchy(), "pareto": stats.pareto(2), "t": stats.t(3)}[name]
    draws = distribution.rvs(DRAWS, random_state=np.random.default_rng(0))
    # Student's tail is a power law only to (k/n)^(2/3): with fewer draws the bias of 0.05 is below the error
    k = 300 if name == "t" else TOP
    estimate = theory.hill_estimator(jnp.asarray(draws), k)
    assert abs(estimate - alpha) < 3 * alpha / np.sqrt(k)
    largest = np.sort(np.abs(draws))[::-1]
    np.testing.assert_allclose(estimate, 1 / np.mean(np.log(largest[:k] / largest[k])), rtol=1e-4)  # in 32 bits
    np.testing.assert_allclose(theory.hill_estimator(-7 * draws, k), estimate, rtol=1e-4)  # whatever scale and sign


def test_the_standard_error_of_the_hill_estimator() -> None:
    draws = stats.pareto(2).rvs((1000, 400), random_state=np.random.default_rng(0))
    estimates = jax.vmap(lambda values: theory.hill_estimator(values, 100))(jnp.asarray(draws))
    assert abs(np.std(estimates) / (2 / np.sqrt(100)) - 1) < 0.1  # known to 1 / sqrt(2000), and 1/k of bias


def test_the_mean_of_noisy_practical_gradients_does_not_shrink() -> None:
    batches, n = 2000, 256
    gradient = theory.practical_gradient_under_noise(jax.random.key(2), batches * n).reshape(batches, n)
    one, mean = (np.median(np.abs(values)) for values in (gradient[:, 0], gradient.mean(axis=1)))
    # the median of |Cauchy| is 1, known to pi / (2 sqrt(2000)) = 0.035; a Gaussian mean would be 16 times smaller
    assert abs(one - 1) < 0.14 and abs(mean - 1) < 0.14
