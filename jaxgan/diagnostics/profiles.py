"""Compute gradient profiles: a generator's loss and its derivative as functions of one fake logit, without training.

The parameter is always the logit v; D = sigmoid(v) and 1 - D = sigmoid(-v) are computed separately. In float32 every D
above 1 - 2^-25 rounds to 1, so near 1 neither a grid of probabilities nor 1 - D by subtraction has any resolution.
"""

# Annotations stay text so that `help` shows `ArrayLike` instead of the 2,000-character union that it stands for.
from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from jaxgan.checks import check_coefficient
from jaxgan.diagnostics.closed_forms import check_loss
from jaxgan.losses import cross_entropy_discriminator
from jaxgan.losses.parts import mean_of
from jaxgan.types import Array, Loss

PROBABILITY, SCORE = "D(G(z))", "sigmoid(score)"

# Rounded to float32 like the rest of the grid, so that both precisions are evaluated at the same point.
_END = float(np.float32(math.log(1e12 - 1)))

LOGITS: Float64[np.ndarray, " n"] = np.sort(np.append(np.arange(-480, 481) / 16, [-_END, _END]))
"""From -30 to 30 in steps of 1/16, with the two logits at which D is 1e-12 and 1 - 1e-12: all exact in float32."""
LOGITS.setflags(write=False)

_WIDE = np.arange(-960, 961) / 8
_FLOAT32_MAX = float(np.finfo(np.float32).max)

# (fake logits, 32 or 64 bits) -> the generator's loss and its derivative with respect to the logit
Evaluate = Callable[[Float[np.ndarray, " n"], int], tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]]


class Curves(NamedTuple):
    """A loss and its two derivatives at every logit."""

    value: Float[np.ndarray, " n"]
    d_logit: Float[np.ndarray, " n"]
    d_probability: Float[np.ndarray, " n"]


class Profile(NamedTuple):
    """The generator's loss as a function of one fake logit, at n logits; see `profile`."""

    loss: Loss
    real_logit: float
    axis: str  # the meaning of the sigmoid of a logit: "D(G(z))", or "sigmoid(score)" if it is not a probability
    logits: Float64[np.ndarray, " n"]
    d: Float64[np.ndarray, " n"]
    one_minus_d: Float64[np.ndarray, " n"]  # computed separately: d rounds to 1 long before 1 - d underflows
    float32: Curves  # the precision of training
    float64: Curves
    error: Curves  # |float32 - float64| / |float64|, and |float32| where float64 is 0

    @property
    def bounded(self) -> bool:
        """Whether the sigmoid of the discriminator's output is a probability."""
        return self.axis == PROBABILITY


class Region(NamedTuple):
    """A range of logits and the sigmoids at its two ends; an end is infinite if it reaches the end of the grid."""

    from_logit: float
    to_logit: float
    from_d: float
    to_d: float


class LostDerivative(NamedTuple):
    """A logit at which dL_G/dlogit is 0, infinite or NaN in float32 but not in float64, and both derivatives there."""

    logit: float
    float32: float
    float64: float


class Limits(NamedTuple):
    """The limits of float32, see `float32_limits`. The last two concern D itself and are the same for every loss."""

    below: LostDerivative | None
    above: LostDerivative | None
    d_rounds_to_one: float = 25 * math.log(2)  # above it the nearest float32 to D is 1, however D is computed
    sigmoid_is_one: float = 24 * math.log(2)  # above it 1 / (1 + exp(-v)) is 1, because 1 + exp(-v) rounds to 1 earlier


def profile(loss: Loss, *, logits: ArrayLike | None = None, real_logit: float = 0.0) -> Profile:
    """Evaluate the generator's part of `loss` and its derivatives at fake logits v, in float32 and float64.

        d_logit        dL_G/dv, by automatic differentiation
        d_probability  dL_G/dD = dL_G/dv / (D (1 - D)), because dD/dv = D (1 - D)

    The loss is called with one real and one fake logit at a time, as arrays of shape [1]. If it returns several parts,
    their means are added, as in a game. The real logit is fixed at `real_logit`, which only matters for relativistic
    losses. `logits` [n], `LOGITS` by default, are rounded to float32 so that both precisions use the same points. The
    float64 numbers are only as accurate as the constants that the loss closes over: a float32 constant stays float32.

    Nothing is clamped or replaced: infinite and NaN values come from the loss itself. Where both precisions are
    infinite, the relative error is NaN. A loss that does not depend on the fake logit has derivatives and errors of 0
    everywhere: its generator receives no gradient.

    Raises:
      ValueError: if `loss` is not a `Loss`, the logits are not [n] with n > 0, or a logit or the real logit is not
        finite in float32.

    Example:
      >>> from jaxgan.losses import minimax
      >>> seen = profile(minimax, logits=[-4.0, 0.0, 4.0])
      >>> seen.axis, seen.float64.d_logit.round(3).tolist(), seen.float64.d_probability.round(3).tolist()
      ('D(G(z))', [-0.018, -0.5, -0.982], [-1.018, -2.0, -55.598])
    """
    check_loss(loss)
    points = _points(LOGITS if logits is None else logits)
    check_coefficient("real_logit", real_logit, lowest=-_FLOAT32_MAX, highest=_FLOAT32_MAX)
    real_logit = float(np.float32(real_logit))
    evaluate = _evaluator(loss, real_logit)
    float32, float64 = (_curves(evaluate, points, bits) for bits in (32, 64))
    error = Curves(*(_relative(a, b) for a, b in zip(float32, float64, strict=True)))
    axis = PROBABILITY if is_probability(loss) else SCORE
    return Profile(loss, real_logit, axis, points, expit(points), expit(-points), float32, float64, error)


def is_probability(loss: Loss | None) -> bool:
    """Return whether `loss` trains the discriminator with cross-entropy, so that its sigmoid is a probability D.

    This is the case if the gradients of its loss with respect to real and fake logits equal those of
    `cross_entropy_discriminator` up to one positive factor: constants and a factor do not change the optimum. The
    gradients are compared at four logits of each kind.

    Raises:
      ValueError: if `loss` is neither a `Loss` nor None.

    Example:
      >>> from jaxgan.losses import f_jensen_shannon, wasserstein
      >>> is_probability(f_jensen_shannon), is_probability(wasserstein), is_probability(None)
      (True, False, False)
    """
    if loss is None:
        return False
    check_loss(loss)
    if loss.discriminator is cross_entropy_discriminator:
        return True
    with jax.enable_x64(False):
        points = jnp.array([-2.0, -0.5, 1.0, 3.0]), jnp.array([2.5, 0.25, -1.5, -3.5])
        own, known = (
            np.concatenate(jax.grad(lambda logits, part=part: mean_of(part(*logits)))(points))
            for part in (loss.discriminator, cross_entropy_discriminator)
        )
    factors = own / known
    return bool(0 < factors[0] < np.inf and np.allclose(factors, factors[0], rtol=1e-5, atol=0))


def saturation(profile: Profile, threshold: float = 1e-2) -> tuple[Region, ...]:
    """Return the regions with |dL_G/dv| < threshold, where the generator receives almost no gradient.

    The derivatives are in float64; the regions are sorted from low to high logits. Their edges are found by bisection
    on the loss itself, so they do not depend on the grid. A region narrower than a grid step is found if the
    derivative changes sign in it, as at the target of least squares, but not if the derivative merely comes close to 0
    between two points. NaN is not below any threshold.

    Raises:
      ValueError: if the threshold is not a finite number above 0.

    Example:
      >>> from jaxgan.losses import minimax
      >>> [(region.from_logit, round(region.to_logit, 3)) for region in saturation(profile(minimax))]
      [(-inf, -4.595)]
    """
    if not isinstance(threshold, numbers.Real) or not 0 < threshold < math.inf:
        raise ValueError(f"threshold must be a finite number above 0, got {threshold!r}")
    evaluate = _evaluator(profile.loss, profile.real_logit)

    def is_low(at: NDArray) -> NDArray:
        return np.abs(evaluate(at, 64)[1]) < threshold

    order = np.argsort(profile.logits, kind="stable")
    logits, slopes = profile.logits[order], profile.float64.d_logit[order]
    low = np.abs(slopes) < threshold
    turns = np.flatnonzero((np.sign(slopes[1:]) * np.sign(slopes[:-1]) < 0) & ~low[1:] & ~low[:-1])
    if len(turns):  # both sides of each zero become points of the grid
        for side in _bisect(lambda at: evaluate(at, 64)[1] > 0, logits[turns], logits[turns + 1]):
            logits, low = np.append(logits, side), np.append(low, is_low(side))
        order = np.argsort(logits, kind="stable")
        logits, low = logits[order], low[order]
    flips = np.flatnonzero(low[1:] != low[:-1])
    edges = _bisect(is_low, logits[flips], logits[flips + 1])[0] if len(flips) else logits[:0]
    bounds = [-math.inf] * bool(low[0]) + edges.tolist() + [math.inf] * bool(low[-1])
    return tuple(Region(a, b, float(expit(a)), float(expit(b))) for a, b in zip(bounds[::2], bounds[1::2], strict=True))


def saturation_sentence(regions: Sequence[Region], axis: str = PROBABILITY) -> str:
    """Describe the regions that `saturation` returns in words; `axis` is that of the profile.

    Example:
      >>> saturation_sentence([Region(-math.inf, -4.5951, 0.0, 0.01)])
      'below a logit of -4.60, where D(G(z)) is below 0.01'
      >>> saturation_sentence([])
      'nowhere'
    """
    return "; ".join(_in_words(region, axis) for region in regions) or "nowhere"


def float32_limits(loss: Loss, real_logit: float = 0.0) -> Limits:
    """Return the logits nearest to 0, on either side, at which float32 loses dL_G/dlogit.

    The derivative is lost where it is 0, infinite or NaN in float32 but not in float64. The logits searched are -120,
    -119.875, ..., 120; a side without a loss is None. What exactly underflows depends on the device: on CPUs, XLA
    treats numbers below 1.2e-38, the smallest normal number, as 0.

    Raises:
      ValueError: if `loss` is not a `Loss`, or the real logit is not finite in float32.

    Example:
      >>> from jaxgan.losses import f_kl
      >>> float32_limits(f_kl).above.logit
      89.75
    """
    seen = profile(loss, logits=_WIDE, real_logit=real_logit)
    single, double = seen.float32.d_logit, seen.float64.d_logit
    lost = ((single == 0) | ~np.isfinite(single)) & (double != 0) & np.isfinite(double)
    found = [LostDerivative(float(_WIDE[i]), float(single[i]), float(double[i])) for i in np.flatnonzero(lost)]
    below, above = [point for point in found if point.logit <= 0], [point for point in found if point.logit >= 0]
    return Limits(below[-1] if below else None, above[0] if above else None)


def _points(logits: ArrayLike) -> Float64[np.ndarray, " n"]:
    with np.errstate(over="ignore"):
        points = np.asarray(logits, np.float64).astype(np.float32).astype(np.float64)
    finite = np.isfinite(points)
    if points.ndim != 1 or not points.size or not finite.all():
        got = f"got shape {points.shape}, {np.sum(~finite)} of them not finite"
        raise ValueError(f"logits must be [n], n > 0, and finite in float32, {got}")
    return points


def _evaluator(loss: Loss, real_logit: float) -> Evaluate:
    def at(logit: Float[Array, ""]) -> Float[Array, ""]:
        fake = logit[None]
        return mean_of(loss.generator(jnp.full_like(fake, real_logit), fake)).astype(logit.dtype)

    function = jax.jit(jax.vmap(jax.value_and_grad(at)))

    def evaluate(logits: Float[np.ndarray, " n"], bits: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        # Scoped for 32 bits as well, so that the caller's own setting is neither used nor changed.
        with jax.enable_x64(bits == 64):
            value, slope = function(jnp.asarray(logits, f"float{bits}"))
            return np.asarray(value), np.asarray(slope)

    return evaluate


def _curves(evaluate: Evaluate, logits: Float[np.ndarray, " n"], bits: int) -> Curves:
    value, slope = evaluate(logits, bits)
    own = logits.astype(slope.dtype)
    with np.errstate(all="ignore"):
        return Curves(value, slope, slope / (expit(own) * expit(-own)))


def _relative(single: Float[np.ndarray, " n"], double: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    with np.errstate(all="ignore"):
        difference = np.abs(single.astype(np.float64) - double)
        return np.where(double == 0, difference, difference / np.abs(double))


def _bisect(holds: Callable[[NDArray], NDArray], left: NDArray, right: NDArray) -> tuple[NDArray, NDArray]:
    """Return the adjacent numbers between which `holds` changes, for all pairs of bounds at once."""
    at_left = holds(left)
    for _ in range(64):
        middle = (left + right) / 2
        same = holds(middle) == at_left
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    return left, right


def _in_words(region: Region, axis: str) -> str:
    noun = "logit" if axis == PROBABILITY else "score"
    (low, d_low), (high, d_high) = ((f"{logit:.2f}", _probability(logit)) for logit in region[:2])
    if region.from_logit == -math.inf:
        everywhere = region.to_logit == math.inf
        return "everywhere" if everywhere else f"below a {noun} of {high}, where {axis} is below {d_high}"
    if region.to_logit == math.inf:
        return f"above a {noun} of {low}, where {axis} is above {d_low}"
    return f"between {noun}s of {low} and {high}, where {axis} is between {d_low} and {d_high}"


def _probability(logit: float) -> str:
    rest = float(expit(-logit))
    return f"{expit(logit):.3g}" if rest > 1e-3 else f"1 - {rest:.2g}"
