"""Compute theoretical quantities: optimal discriminators, divergences, and the resulting generator gradients.

They are exact sums, or one-dimensional quadrature, and are differentiable in 32 or 64 bits. Divergences are in nats.
Below, p is the distribution of the data and q that of the generator. Sources: GAN is Goodfellow et al. 2014, Generative
Adversarial Nets; AB is Arjovsky and Bottou 2017, Towards Principled Methods for Training GANs, arXiv:1701.04862.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, rel_entr
from jax.scipy.stats import norm
from jax.typing import ArrayLike
from jaxtyping import Float
from numpy.polynomial.legendre import leggauss

from jaxgan.checks import check_coefficient, check_count
from jaxgan.losses.parts import added, parts_of, value_of
from jaxgan.random import named_key
from jaxgan.types import Array, Key, Loss, PyTree

Function = Callable[[Float[Array, "*points"]], Float[Array, "*points"]]  # of one-dimensional points


class Mixture(NamedTuple):
    """A one-dimensional mixture of Gaussians, sum_i weights[i] N(means[i], sigmas[i]^2), as three arrays [k]."""

    weights: ArrayLike
    means: ArrayLike
    sigmas: ArrayLike


def gaussian(mean: ArrayLike = 0.0, sigma: ArrayLike = 1.0) -> Mixture:
    """Return N(mean, sigma^2) as a mixture of one component."""
    return Mixture(np.ones(1), jnp.reshape(mean, 1), jnp.reshape(sigma, 1))


def log_density(mixture: Mixture, x: ArrayLike) -> Float[Array, "*points"]:
    """Return log sum_i w_i N(x; m_i, s_i^2) at x of any shape; finite even where the density itself underflows.

    Raises: ValueError if the shapes differ or, unless traced, if a sigma is <= 0 or the weights are not probabilities.
    >>> float(log_density(gaussian(0.0, 0.5), 100.0)) < -19000
    True
    """
    _probabilities(weights=mixture.weights)
    if not isinstance(mixture.sigmas, jax.core.Tracer) and not np.all(np.asarray(mixture.sigmas) > 0):
        raise ValueError(f"sigmas must be positive, got {np.asarray(mixture.sigmas).min():g}")
    parts = _one_shape(*mixture)
    return logsumexp(jax.vmap(lambda w, m, s: jnp.log(w) + norm.logpdf(x, m, s))(*parts), axis=0)


def optimal_discriminator(p: ArrayLike, q: ArrayLike) -> Float[Array, "*batch outcomes"]:
    """Return D* = p / (p + q) of probabilities [..., outcomes]; NaN where both are 0 and D* is undefined. GAN, prop. 1.

    Raises: ValueError if the shapes differ or, unless traced, if values are negative or do not sum to 1.
    >>> optimal_discriminator([0.75, 0.25, 0.0], [0.25, 0.75, 0.0]).tolist()
    [0.75, 0.25, nan]
    """
    p, q = _probabilities(p=p, q=q)
    return p / (p + q)


def optimal_logit(log_p: ArrayLike, log_q: ArrayLike) -> Float[Array, "*points"]:
    """Return the logit of D*, log p - log q, from log densities at the same points; NaN where both densities are 0.

    >>> float(optimal_logit(-1.0, -3.0))
    2.0
    """
    return jnp.subtract(log_p, log_q)


def gaussian_optimal_logit(p: Mixture, q: Mixture) -> Float[Array, " 3"]:
    """Return the coefficients c of the logit of D* between two Gaussians, c[0] + c[1] x + c[2] x^2.

    The logit is linear for equal variances: mu^2/2 - mu x for N(0, 1) against N(mu, 1). Raises: ValueError if a mixture
    has more than one component.
    >>> gaussian_optimal_logit(gaussian(0.0), gaussian(2.0)).tolist()
    [2.0, -2.0, 0.0]
    """
    if not np.size(p.means) == np.size(q.means) == 1:
        raise ValueError(f"expected one component each, got {np.size(p.means)} and {np.size(q.means)}")
    (m, s), (n, t) = ((jnp.ravel(part.means)[0], jnp.ravel(part.sigmas)[0]) for part in (p, q))
    return jnp.stack([((n / t) ** 2 - (m / s) ** 2) / 2 + jnp.log(t / s), m / s**2 - n / t**2, (t**-2 - s**-2) / 2])


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> Float[Array, "*batch"]:
    """Return JSD = (KL(p || m) + KL(q || m)) / 2, m = (p + q) / 2, of probabilities [..., outcomes] -> [...].

    It is 0 if p = q, and log 2 if p and q are disjoint. Raises: ValueError as `optimal_discriminator`.
    >>> round(float(jensen_shannon([1.0, 0.0], [0.0, 1.0])), 4)
    0.6931
    """
    p, q = _probabilities(p=p, q=q)
    return jnp.sum(rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2), axis=-1) / 2


def minimax_value(divergence: ArrayLike) -> Float[Array, "*batch"]:
    """Return C(G) = max_D V(D, G) = -log 4 + 2 JSD, from the JSD. GAN, theorem 1.

    >>> round(float(minimax_value(0.0)), 4)
    -1.3863
    """
    return 2.0 * jnp.asarray(divergence) - math.log(4)


def integrate(f: Function, low: ArrayLike, high: ArrayLike, *, pieces: int = 64, order: int = 16) -> Float[Array, ""]:
    """Return the integral of f over [low, high], with `order` Gauss-Legendre nodes on each of `pieces` equal parts.

    It is exact for polynomials up to degree 2 order - 1 on each part, and differentiable, also with respect to the
    bounds. Raises: ValueError if `pieces` or `order` is below 1.
    >>> round(float(integrate(jnp.cos, 0.0, math.pi / 2)), 5)
    1.0
    """
    check_count("pieces", pieces)
    nodes, weights = leggauss(order)
    width, shares = jnp.subtract(high, low), ((np.arange(pieces)[:, None] + (1 + nodes) / 2) / pieces).ravel()
    return width * jnp.sum(np.tile(weights / (2 * pieces), pieces) * f(jnp.add(low, width * shares)))


def kl_divergence_of(
    log_p: Function, log_q: Function, low: ArrayLike, high: ArrayLike, **nodes: int
) -> Float[Array, ""]:
    """Return KL(p || q) of two log densities by `integrate`; mass outside [low, high] is ignored.

    Points where p is 0 or underflows add 0 to the value and to the gradient. The result is infinite if q is 0 where p
    is not.
    >>> round(float(kl_divergence_of(norm.logpdf, partial(norm.logpdf, loc=2.0), -12.0, 12.0)), 4)
    2.0
    """
    return integrate(lambda x: _weighted(log_p(x), log_q(x), jnp.negative), low, high, **nodes)


def jensen_shannon_of(
    log_p: Function, log_q: Function, low: ArrayLike, high: ArrayLike, **nodes: int
) -> Float[Array, ""]:
    """Return the JSD of two log densities by `integrate`; mass outside [low, high] is ignored.

    >>> round(float(jensen_shannon_of(norm.logpdf, partial(norm.logpdf, loc=50.0), -10.0, 60.0)), 4)
    0.6931
    """
    own = partial(_weighted, value=lambda ratio: math.log(2) - jax.nn.softplus(ratio))  # log(p / m)
    return integrate(lambda x: (own(log_p(x), log_q(x)) + own(log_q(x), log_p(x))) / 2, low, high, **nodes)


class Distance(NamedTuple):
    """The distance of a discriminator from the optimal one over given points."""

    probability: Float[Array, ""]  # mean |D - D*|
    logit: Float[Array, ""]  # root mean square difference of their logits


def distance_from_optimal(logits: ArrayLike, optimal: ArrayLike) -> Distance:
    """Return the distance of D from D*, from their logits at the same points. Raises: ValueError if the shapes differ.

    >>> [float(value) for value in distance_from_optimal(jnp.zeros(2), jnp.full(2, 200.0))]
    [0.5, 200.0]
    """
    logits, optimal = _one_shape(logits, optimal)
    gap = jnp.abs(jax.nn.sigmoid(logits) - jax.nn.sigmoid(optimal))
    return Distance(jnp.mean(gap), jnp.sqrt(jnp.mean((logits - optimal) ** 2)))


def implied_jensen_shannon(real_logits: ArrayLike, fake_logits: ArrayLike) -> Float[Array, ""]:
    """Return (V + log 4) / 2, V = mean log D(x) + mean log(1 - D(G(z))): the JSD that a discriminator accounts for.

    In expectation over points that D was not fitted to, it is at most JSD(p, q), with equality at D* (GAN, theorem 1).
    It can be negative for a bad D and is not clipped. The batches may differ in size.
    >>> float(implied_jensen_shannon(jnp.zeros(4), jnp.zeros(3)))  # D = 1/2 sees no difference
    0.0
    """
    return (value_of(jnp.asarray(real_logits), jnp.asarray(fake_logits)) + math.log(4)) / 2


class Pushforward(NamedTuple):
    """A generator x = generate(theta, z), z ~ N(0, 1), with a known density: log q = log_density(theta, x)."""

    generate: Callable[[PyTree, Array], Array]
    log_density: Callable[[PyTree, Array], Array]


location_scale = Pushforward(lambda t, z: t[0] + jnp.exp(t[1]) * z, lambda t, x: norm.logpdf(x, t[0], jnp.exp(t[1])))
"""A generator of N(mean, sigma^2) with theta = (mean, log sigma)."""


def generator_gradient(
    loss: Loss, log_p: Function, generator: Pushforward, theta: PyTree, optimum: Callable = optimal_logit
) -> PyTree:
    """Return grad_theta E_z[L_G(logit(g_theta(z)))], with the discriminator fixed at its optimum for this theta.

    optimum(log p, log q) is the logit that is optimal for the loss; p must be positive where q is. With `minimax` the
    result is the gradient of 2 JSD, with `non_saturating` that of KL(q || p) - 2 JSD (AB, theorem 2.5). The result has
    the structure of theta. Paired losses are not supported.
    >>> from jaxgan.losses import minimax
    >>> [round(v, 3) for v in generator_gradient(minimax, norm.logpdf, location_scale, jnp.array([1.0, 0.0])).tolist()]
    [0.398, -0.199]
    """

    def density(theta: PyTree, z: Array) -> Array:
        x = generator.generate(theta, z)
        logits = optimum(log_p(x), generator.log_density(jax.lax.stop_gradient(theta), x))
        parts = loss.generator(jax.lax.stop_gradient(logits), logits)  # real logits do not depend on the generator
        return norm.pdf(z) * added(parts_of(parts))

    return jax.grad(lambda theta: integrate(partial(density, theta), -12.0, 12.0))(theta)  # all but 1e-32 of z


def divergence_gradient(
    log_p: Function, generator: Pushforward, theta: PyTree, low: float, high: float, kl: float = 1.0, jsd: float = -2.0
) -> PyTree:
    """Return grad_theta of kl KL(q || p) + jsd JSD(p, q) by quadrature over [low, high]. AB, theorem 2.5.

    The default divergence equals 2 KL((p + q) / 2 || p): despite its minus sign it is never negative, and it is 0 only
    for p = q. The result has the structure of theta.
    >>> [round(float(v), 3) for v in divergence_gradient(norm.logpdf, location_scale, jnp.array([1.0, 0.0]), -9.0, 9.0)]
    [0.602, 0.199]
    """

    def divergence(log_q: Function) -> Array:
        return kl * kl_divergence_of(log_q, log_p, low, high) + jsd * jensen_shannon_of(log_p, log_q, low, high)

    return jax.grad(lambda theta: divergence(partial(generator.log_density, theta)))(theta)


def vanishing_bound(epsilon: ArrayLike, jacobian: ArrayLike = 1.0) -> Float[Array, "*bounds"]:
    """Return M epsilon / (1 - epsilon), the bound on |grad_theta E log(1 - D(g_theta(z)))| for disjoint supports.

    Assumptions: D* has zero slope on the supports, sup |D - D*| + sup ||D' - D*'|| < epsilon, and M = jacobian with
    M^2 >= E||J_theta g||^2 (AB, theorem 2.4). The bound does not hold if p and q overlap. Raises: ValueError for
    epsilon outside [0, 1).
    >>> float(vanishing_bound(0.5, jacobian=3.0))
    3.0
    """
    check_coefficient("epsilon", epsilon, below=1.0)
    return jnp.asarray(jacobian * epsilon / (1.0 - epsilon))


def perfect_discriminator(
    x: Float[Array, "*points"], epsilon: ArrayLike = 0.0, omega: ArrayLike = 3.0, phase: ArrayLike = 0.0
) -> Float[Array, "*points"]:
    """Return D* for data on [0, 1] and fakes on [2, 3]: a quintic from 1 to 0 between them, flat on both supports.

    With epsilon > 0 a wave sin(omega (x - 2.5) + phase) is mixed in. The result is smooth, 0 < D < 1, and within
    epsilon of D* in the sense of `vanishing_bound`. Raises: ValueError for epsilon outside [0, 1), unless traced.
    >>> perfect_discriminator(jnp.array([0.0, 1.0, 1.5, 2.0, 3.0])).tolist()
    [1.0, 1.0, 0.5, 0.0, 0.0]
    """
    check_coefficient("epsilon", epsilon, below=1.0)
    t = jnp.clip(2.0 - x, 0.0, 1.0)
    perfect = t**3 * (10 - 15 * t + 6 * t**2)
    wave = (1 + 0.9 * jnp.sin(omega * (x - 2.5) + phase)) / 2
    share = 0.99 * epsilon / (0.95 + 15 / 8 + 0.45 * jnp.abs(omega))  # by the largest |wave - D*|, |D*'| and |wave'|
    return perfect + share * (wave - perfect)


def translation_gradient(discriminator: Function, theta: ArrayLike = 2.0) -> Float[Array, ""]:
    """Return d/dtheta of E log(1 - D(theta + z)), z uniform on [0, 1]; this generator has a Jacobian of 1.

    >>> round(float(translation_gradient(partial(perfect_discriminator, epsilon=0.1))), 3)
    -0.022
    """
    return jax.grad(lambda t: integrate(lambda z: jnp.log1p(-discriminator(t + z)), 0.0, 1.0))(theta)


def practical_gradient_under_noise(key: Key, n: int, value: float = 1.0, slope: float = 1.0) -> Float[Array, " {n}"]:
    """Return n draws of -D'/D, the derivative of -log D, for D* = 0, D ~ N(0, value^2) and D' ~ N(0, slope^2).

    D and D' are independent, so the result has a Cauchy distribution of scale slope / value: it has no mean, and
    averaging does not reduce its spread (AB, theorem 2.6). A sigmoid output does not behave like this: its D'/D is
    (1 - D) times the slope of the logit.
    >>> practical_gradient_under_noise(jax.random.key(0), 3).shape
    (3,)
    """
    d, d_slope = (jax.random.normal(named_key(key, name), (n,)) for name in ("value", "slope"))
    return -(slope * d_slope) / (value * d)


def hill_estimator(values: ArrayLike, k: int) -> Float[Array, ""]:
    """Estimate the tail index alpha, P(|X| > x) ~ x^-alpha, from the k largest of n absolute values; 1 for Cauchy.

    The estimate is 1 / mean_{i <= k} log(X_(i) / X_(k+1)) and has a standard error of alpha / sqrt(k) (Hill 1975, A
    Simple General Approach to Inference About the Tail of a Distribution). Raises: ValueError unless 1 <= k < n.
    >>> round(float(hill_estimator(1 / jnp.arange(1.0, 1001.0), 100)), 1)
    1.0
    """
    check_coefficient("k", k, lowest=1, highest=np.size(values) - 1)
    top = jnp.log(jax.lax.top_k(jnp.abs(jnp.ravel(values)), k + 1)[0])
    return 1 / jnp.mean(top[:-1] - top[-1])


def uniform_jensen_shannon(theta: ArrayLike) -> Float[Array, "*theta"]:
    """Return the JSD of U[0, 1] and U[theta, theta + 1], min(|theta|, 1) log 2: flat if disjoint. AB, section 2.1.

    >>> [round(float(jax.grad(uniform_jensen_shannon)(theta)), 4) for theta in (0.5, 1.5)]
    [0.6931, 0.0]
    """
    return jnp.minimum(jnp.abs(theta), 1.0) * math.log(2)


def uniform_wasserstein(theta: ArrayLike) -> Float[Array, "*theta"]:
    """Return W1 of U[0, 1] and U[theta, theta + 1], |theta|: slope 1 at any distance.

    Source: Arjovsky et al. 2017, Wasserstein GAN.

    >>> [float(jax.grad(uniform_wasserstein)(theta)) for theta in (0.5, 1.5)]
    [1.0, 1.0]
    """
    return jnp.abs(jnp.asarray(theta))


def _weighted(
    log_p: Float[Array, "*points"], log_q: Float[Array, "*points"], value: Function
) -> Float[Array, "*points"]:
    """Return p value(log q - log p), and 0 where p is 0, so that neither it nor its derivative is NaN there."""
    there = jnp.exp(log_p) > 0
    ratio = jnp.where(there, log_q, 0.0) - jnp.where(there, log_p, 0.0)
    return jnp.where(there, jnp.exp(log_p) * value(ratio), 0.0)


def _probabilities(**distributions: ArrayLike) -> list[Array]:
    for name, values in distributions.items():
        if not isinstance(values, jax.core.Tracer):
            array = np.asarray(values)  # NumPy can check concrete values even inside a compiled function
            least, off = np.min(array), np.max(np.abs(np.sum(array, axis=-1) - 1))
            if not (least >= 0 and off < 1e-5):
                raise ValueError(f"{name} must be at least 0 and sum to 1, got {least:g} and a sum that is {off:g} off")
    return _one_shape(*distributions.values())


def _one_shape(*arrays: ArrayLike) -> list[Array]:
    if len({np.shape(array) for array in arrays}) > 1:
        raise ValueError(f"expected arrays of one shape, got {', '.join(str(np.shape(array)) for array in arrays)}")
    return [jnp.asarray(array) for array in arrays]
