"""Evaluation of points whose distribution is known only through examples: how far apart are the two sets?"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from jaxgan.data.source import DataError, Examples, Source
from jaxgan.evaluation.evaluator import KEPT_POINTS, NEIGHBOURS, Evaluator
from jaxgan.metrics.frechet import Moments, frechet_distance, moments
from jaxgan.metrics.neighbours import distinctness, memorization, squared_distances
from jaxgan.results.results import Metric
from jaxgan.types import Array, Game, Generator, Key, PyTree

_DIRECTIONS, _QUANTILES = 128, 256
_EXAMPLES = 2000  # whose distances to samples are computed


class _Reference(NamedTuple):
    directions: Float[Array, "d direction"]
    quantiles: Float[Array, "quantile direction"]  # of the projected held-out points
    examples: Float[Array, "n d"]  # training points, at most _EXAMPLES
    heldout: Float[Array, "m d"]


class _Found(NamedTuple):
    sliced: Float[Array, "*runs"]
    mean: Float[Array, "*runs d"]
    covariance: Float[Array, "*runs d d"]
    distinct: Float[Array, "*runs"]
    copied: Float[Array, "*runs"]  # share of samples closer to a training example than to a held-out one
    finite: Bool[Array, "*runs"]
    fake: Float[Array, "*runs n d"]


def points_evaluator(source: Source, train: Examples, heldout: Examples | None, samples: int) -> Evaluator:
    """The sliced Wasserstein distance between samples and held-out points, beside that of training points.

        SW = sqrt(mean over directions u of W2(u.x, u.y)^2)

    over 128 random directions, with W2 between the quantile functions at 256 levels. It has the unit of the points, is
    0 for equal distributions, and sees clusters and gaps, whereas the Fréchet distance sees only mean and covariance.

    Source: Rabin et al. 2012, Wasserstein Barycenter and its Application to Texture Mixing.

    Raises:
      DataError: too few held-out points.
    """
    if heldout is None or len(heldout.x) < 2:
        count = 0 if heldout is None else len(heldout.x)
        raise DataError(f"{source.name} has {count} held-out points to compare samples with, expected 2 or more")
    x, other = (jnp.asarray(part.x, jnp.float32) for part in (heldout, train))
    directions = jax.random.normal(jax.random.key(0), (x.shape[1], _DIRECTIONS))
    directions = directions / jnp.linalg.norm(directions, axis=0, keepdims=True)
    few = other[:_EXAMPLES], x[:_EXAMPLES]
    reference = _Reference(directions, _projected_quantiles(x, directions), *few)
    floor = float(_sliced(reference, other))
    metrics = (
        Metric("sliced", "Sliced Wasserstein distance", math.inf, False, {"real against real": floor}),
        Metric("frechet", "Fréchet distance of the points", math.inf, False,
               {"real against real": frechet_distance(moments(train.x), moments(heldout.x))}),
    )  # fmt: skip
    sizes = {"samples per seed": samples, "training points": len(train.x), "held-out points": len(heldout.x)}
    return Evaluator(
        reference=reference,
        measure=_measure,
        finish=partial(_finish, moments(heldout.x), samples, (len(few[0]), len(few[1]))),
        metrics=metrics,
        samples=samples,
        rules={"distance": ("sliced", floor)},
        notes={"sample_sizes": sizes},
        real={"real": np.asarray(heldout.x[:KEPT_POINTS], np.float32)},
    )


def _measure(key: Key, reference: _Reference, game: Game, generator: Generator, n: int, y: PyTree) -> _Found:
    here = jax.tree.map(lambda a: a[jnp.arange(n) % a.shape[0]], y)
    x = game.sample(key, generator.params, generator.model_state, n, here)
    mean = jnp.mean(x, axis=0)
    covariance = (x - mean[None]).T @ (x - mean[None]) / (n - 1)
    few = min(n, NEIGHBOURS, len(reference.heldout))
    distinct = distinctness(x[:few], reference.heldout[:few]) if few > 1 else jnp.float32(jnp.nan)
    to_train, to_heldout = (
        jnp.min(squared_distances(x[:_EXAMPLES], part), axis=1) for part in (reference.examples, reference.heldout)
    )
    copied = jnp.mean(jnp.heaviside(to_heldout - to_train, 0.5))
    return _Found(_sliced(reference, x), mean, covariance, distinct, copied, jnp.isfinite(x).all(), x[:KEPT_POINTS])


def _finish(real: Moments, n: int, sizes: tuple[int, int], found: _Found) -> dict[str, NDArray]:
    frechet = np.full(found.finite.shape, np.nan)
    for at in map(tuple, np.argwhere(found.finite)):
        own = Moments(np.asarray(found.mean[at], np.float64), np.asarray(found.covariance[at], np.float64), n)
        frechet[at] = frechet_distance(own, real)
    sliced = np.where(found.finite, found.sliced, np.nan).astype(np.float64)
    distinct, copied = (np.where(found.finite, values, np.nan) for values in (found.distinct, found.copied))
    evidence = {"distinct": distinct, "memorized": memorization(copied, *sizes)}
    return evidence | {
        "sliced": sliced,
        "frechet": frechet,
        "finite": np.asarray(found.finite),
        "fake": np.asarray(found.fake),
    }


def _sliced(reference: _Reference, x: Float[Array, "n d"]) -> Float[Array, ""]:
    gaps = _projected_quantiles(x, reference.directions) - reference.quantiles
    return jnp.sqrt(jnp.mean(gaps**2))


def _projected_quantiles(
    x: Float[Array, "n d"], directions: Float[Array, "d direction"]
) -> Float[Array, "quantile direction"]:
    levels = (jnp.arange(_QUANTILES) + 0.5) / _QUANTILES
    return jnp.quantile(x @ directions, levels, axis=0)
