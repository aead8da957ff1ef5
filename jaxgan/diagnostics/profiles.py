"""Gradient profiles on paper: what a generator's loss, and its slope, make of one fake logit. No network, no training.

The logit v is the parameter throughout, with D = sigmoid(v) and 1 - D = sigmoid(-v) computed apart: in float32 every
D above 1 - 2^-25 is 1, so near 1 a grid of probabilities, or 1 - D by subtraction, has nothing left to show.
"""

# Annotations stay text, so that `help` shows `ArrayLike` and not the union behind it, 2,000 characters long.
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

# Rounded to float32, as all of the grid is: both precisions then see the same point, and not one each.
_END = float(np.float32(math.log(1e12 - 1)))

LOGITS: Float64[np.ndarray, " n"] = np.sort(np.append(np.arange(-480, 481) / 16, [-_END, _END]))
"""From -30 to 30 in steps of 1/16, with the two logits at which D is 1e-12 and 1 - 1e-12: all exact in float32."""
LOGITS.setflags(write=False)

_WIDE = np.arange(-960, 961) / 8
_FLOAT32_MAX = float(np.finfo(np.float32).max)

# (fake logits, 32 or 64 bits) -> the generator's loss and its derivative with respect to the logit
Evaluate = Callable[[Float[np.ndarray, " n"], int], tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]]


class Curves(NamedTuple):
    """Three numbers at every logit."""

    value: Float[np.ndarray, " n"]
    d_logit: Float[np.ndarray, " n"]
    d_probability: Float[np.ndarray, " n"]


class Profile(NamedTuple):
    """The generator's loss along one fake logit, see `profile`; n logits."""

    loss: Loss
    real_logit: float
    axis: str  # what the sigmoid of a logit is: "D(G(z))", or "sigmoid(score)" where it is no probability
    logits: Float64[np.ndarray, " n"]
    d: Float64[np.ndarray, " n"]
    one_minus_d: Float64[np.ndarray, " n"]  # of its own: d is 1 long before it is 0
    float32: Curves  # as it is trained
    float64: Curves
    error: Curves  # |float32 - float64| / |float64|, and |float32| where float64 is 0

    @property
    def bounded(self) -> bool:
        """Is the sigmoid of the discriminator's output a probability?"""
        return self.axis == PROBABILITY


class Region(NamedTuple):
    """A range of logits, infinite where it reaches the end of the grid, and the sigmoids at its two ends."""

    from_logit: float
    to_logit: float
    from_d: float
    to_d: float


class LostDerivative(NamedTuple):
    """A logit at which dL_G/dlogit is 0, infinite or NaN in float32 but not in float64, and its two values."""

    logit: float
    float32: float
    float64: float


class Limits(NamedTuple):
    """How far float32 reaches, see `float32_limits`. The last two concern D itself and are the same for any loss."""

    below: LostDerivative | None
    above: LostDerivative | None
    d_rounds_to_one: float = 25 * math.log(2)  # above it the float32 next to D is 1: no way to compute it helps
    sigmoid_is_one: float = 24 * math.log(2)  # above it 1 / (1 + exp(-v)) is, as 1 + exp(-v) rounds to 1 earlier


def profile(loss: Loss, *, logits: ArrayLike | None = None, real_logit: float = 0.0) -> Profile:
    """The generator's part of `loss` as a function of one fake logit v, with its derivatives, in both precisions.

        d_logit        dL_G/dv, by automatic differentiation
        d_probability  dL_G/dD = dL_G/dv / (D (1 - D)), as dD/dv = D (1 - D)

    The loss sees one real and one fake logit at a time, arrays of shape [1], and where it returns several parts their
    means are added, as the game does. The real logit is held at `real_logit`, which matters to losses of differences
    alone. `logits` [n], by default `LOGITS`, are rounded to float32, so that both precisions see the same points.
    The float64 numbers are only as good as what the loss closes over: a constant in float32 stays one.

    Nothing is clamped or made finite: what is infinite or NaN is so by the loss's own doing, and where both precisions
    are infinite their relative error is NaN. A loss that does not depend on the fake logit has derivatives and errors
    of 0 everywhere: its generator receives no gradient.

    Raises:
      ValueError: not a `Loss`; logits that are not [n] with n > 0, or not finite in float32; such a real logit.

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
    """Is the discriminator of `loss` trained by cross-entropy, so that its sigmoid is a probability, D?

    That is where its loss has the gradients of `cross_entropy_discriminator`, with respect to real and fake logits, up
    to one positive factor: constants and a factor change no optimum. Tried at four logits of each kind.

    Raises:
      ValueError: not a `Loss`.

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
    """Where the generator receives almost no gradient: |dL_G/dv| < threshold, in float64, from low to high logits.

    The edges are those of the loss itself, by bisection, and not of the grid. A region narrower than a step of the grid
    is found where the derivative changes its sign in it, as at the target of least squares; one that merely comes
    close to 0 between two points is not. NaN is not below any threshold.

    Raises:
      ValueError: a threshold that is not a finite number above 0.

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
    """What `saturation` found, in words; `axis` is the profile's.

    Example:
      >>> saturation_sentence([Region(-math.inf, -4.5951, 0.0, 0.01)])
      'below a logit of -4.60, where D(G(z)) is below 0.01'
      >>> saturation_sentence([])
      'nowhere'
    """
    return "; ".join(_in_words(region, axis) for region in regions) or "nowhere"


def float32_limits(loss: Loss, real_logit: float = 0.0) -> Limits:
    """Where float32 loses dL_G/dlogit, on either side of 0: the first point of -120, -119.875, ... 120.

    It is lost where it is 0, infinite or NaN and float64 is not; None where that happens nowhere in the range. What
    exactly underflows depends on the device: CPUs under XLA take numbers below 1.2e-38, the smallest normal one, as 0.

    Raises:
      ValueError: not a `Loss`, or a real logit that is not finite in float32.

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
        # Scoped, for 32 bits too: the caller's own flag is neither asked nor changed.
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
    """The neighbouring numbers between which `holds` changes, for all pairs of bounds at once."""
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
