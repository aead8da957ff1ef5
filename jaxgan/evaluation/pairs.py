"""Evaluation of image pairs: distance of outputs from their targets, sharpness, and variation with the noise."""

import dataclasses
import math
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from jaxgan.data.source import DataError, Examples, Source, to_unit
from jaxgan.evaluation.evaluator import KEPT_IMAGES, NEIGHBOURS, Evaluator
from jaxgan.evaluation.sharp import sharpness_of
from jaxgan.metrics.neighbours import distinctness
from jaxgan.metrics.sharpness import laplacian_variance, radial_power_spectrum, ring_weights
from jaxgan.results.results import Metric, Results
from jaxgan.types import Array, Game, Generator, Images, Key, PyTree

ResultsT = TypeVar("ResultsT", bound=Results)
_PIECE = 125  # inputs at a time
_RANGE = 2.0  # from black to white
_LEAST_POWER = 1e-10  # of a ring, so that a constant image has a finite level in decibels


class _Reference(NamedTuple):
    targets: Float[Array, "m h w c"]
    rings: Float[Array, "k frequency"]  # weight of each ring at every frequency


class _Found(NamedTuple):
    """Means over the outputs of each run."""

    absolute: Float[Array, "*runs"]
    squared: Float[Array, "*runs"]
    power: Float[Array, "*runs k"]
    sharpness: Float[Array, "*runs"]  # of the outputs that are not constant
    variance: Float[Array, "*runs"]  # over the noise
    distinct: Float[Array, "*runs"]
    finite: Bool[Array, "*runs"]
    fake: Float[Array, "*runs n h w c"]


def pairs_evaluator(
    source: Source, train: Examples, heldout: Examples | None, samples: int
) -> tuple[Evaluator, NDArray]:
    """Errors, sharpness and diversity of the outputs for held-out inputs, with images in [-1, 1].

        l1         E |G(y) - x|, the mean over held-out pairs, noise, pixels and channels
        psnr       10 log10(4 / E (G(y) - x)^2), in decibels; 4 is the square of the range from black to white
        spectrum   root mean square over rings of 10 log10(mean power of outputs / mean power of targets)
        sharpness  the mean Laplacian variance of the outputs, to compare with that of the targets
        diversity  sqrt E var(G(y) | y), the standard deviation over the noise, from two draws for each input

    No rule decides from these whether a generator has learned: if several answers are correct, a good one can be
    farther from the target than the mean of all of them, which is not a correct answer.

    Raises:
      DataError: too few held-out pairs.
    """
    if heldout is None or len(heldout.x) < 2:
        count = 0 if heldout is None else len(heldout.x)
        raise DataError(f"{source.name} has {count} held-out pairs to compare outputs with, expected 2 or more")
    order = np.random.default_rng(0).permutation(len(heldout.x))  # so that the examples shown are varied
    targets, inputs = (to_unit(np.asarray(part)[order]) for part in (heldout.x, heldout.y))
    others = to_unit(train.x)
    rings = ring_weights(targets)
    power = radial_power_spectrum(targets).power.mean(axis=0)
    sizes = {"samples per seed": samples, "training pairs": len(train.x), "held-out pairs": len(targets)}
    evaluator = Evaluator(
        reference=_Reference(jnp.asarray(targets), jnp.asarray(rings, jnp.float32)),
        measure=_measure,
        finish=partial(_finish, power),
        metrics=_metrics(inputs, targets, others, power),
        samples=samples,
        rules={},
        notes={"sample_sizes": sizes, "not_applied": _NO_RULE},
        real={"real": targets[:KEPT_IMAGES], "input": inputs[:KEPT_IMAGES]},
    )
    return evaluator, inputs


_NO_RULE = "no rule on the distance from the target: if several answers are correct, it is large even for a good one"


_EXPLANATIONS = {
    "COLLAPSED": (
        "The outputs are all alike, although their targets are not; whether they are near the targets is not judged. "
        "The generator may ignore its input: give the distance from the target more weight (l1), or lower the learning "
        "rates."
    ),
    "OVERFITTED": (
        "The discriminator has memorized its training pairs; this does not count as a failure. Use more data or "
        "augmentation, or regularize the discriminator."
    ),
}
_LABELS = {
    "collapsed": "all outputs were alike",
    "discriminator_dominates": "the discriminator told outputs and held-out targets apart",
    "overfitted": "the discriminator memorized its training pairs",
}
_ADVICE = {
    "collapsed": _EXPLANATIONS["COLLAPSED"],
    "discriminator_dominates": (
        "Whether the outputs still improved is not judged: give the discriminator a lower learning rate or fewer "
        "updates, regularize it, or add instance noise."
    ),
    "overfitted": _EXPLANATIONS["OVERFITTED"],
}


def worded(results: ResultsT) -> ResultsT:
    """Return the results of a run on pairs with texts that claim no more than its evidence; any others as they are.

    Neither modes nor a distance from the data are measured on pairs, so no text may mention them.
    """
    if "input" not in results.samples:
        return results
    notes = dict(results.notes)
    known = notes.get("explanations") or {}
    notes["explanations"] = {code: _EXPLANATIONS.get(code, text) for code, text in known.items()}
    notes["causes"] = {
        name: about | ({"label": _LABELS[name], "advice": _ADVICE[name]} if name in _LABELS else {})
        for name, about in (notes.get("causes") or {}).items()
    }
    return dataclasses.replace(results, notes=notes)


def _metrics(inputs: NDArray, targets: NDArray, train: NDArray, power: NDArray) -> tuple[Metric, ...]:
    """How to read the values, with those of answers that need no training as yardsticks."""
    same = np.broadcast_to(inputs if inputs.shape[-1] in (1, targets.shape[-1]) else inputs.mean(-1, keepdims=True),
                           targets.shape)  # fmt: skip
    answers = {"input as it is": same, "mean of training targets": train.mean(axis=0, keepdims=True)}
    absolute = {name: float(np.abs(answer - targets).mean()) for name, answer in answers.items()}
    psnr = {name: float(_decibels(((answer - targets) ** 2).mean())) for name, answer in answers.items()}
    spectra = {"training targets": train, "input as it is": same}
    spectrum = {n: float(_apart(radial_power_spectrum(x).power.mean(axis=0), power)) for n, x in spectra.items()}
    sharp = {"held-out targets": targets, "input as it is": same}
    sharpness = {name: float(np.nanmean(laplacian_variance(x))) for name, x in sharp.items()}
    return (
        Metric("l1", "Mean absolute error to the target", math.inf, False, absolute),
        Metric("psnr", "Peak signal-to-noise ratio, dB", 0.0, True, psnr),
        Metric("spectrum", "Distance between the power spectra of outputs and targets, dB", math.inf, False, spectrum),
        Metric("sharpness", "Laplacian variance", 0.0, None, sharpness),
        Metric("diversity", "Standard deviation over the noise", 0.0, True, {}),
    )


def _measure(key: Key, reference: _Reference, game: Game, generator: Generator, n: int, y: PyTree) -> _Found:
    targets = reference.targets
    size = min(n, _PIECE)
    pieces = -(-n // size)

    def answers(key: Key, index: Array) -> Images:
        here = jax.tree.map(lambda a: a[index], y)
        return game.sample(key, generator.params, generator.model_state, len(index), here)

    def one(arguments: tuple[Key, Array]) -> tuple[Array, ...]:
        key, first = arguments
        place = first + jnp.arange(size)
        index, counted = place % len(targets), place < n
        x = answers(key, index)
        error = x - targets[index]
        sharp = sharpness_of(x, counted)
        return (
            jnp.sum(jnp.mean(jnp.abs(error), axis=(1, 2, 3)) * counted),
            jnp.sum(jnp.mean(error**2, axis=(1, 2, 3)) * counted),
            jnp.sum(_powers(x, reference.rings) * counted[:, None], axis=0),
            sharp.laplacian,
            sharp.images,
            jnp.all(jnp.isfinite(x) | ~counted[:, None, None, None]),
            x[: min(size, NEIGHBOURS, len(targets))],
        )

    draws, again = jax.random.split(key)
    found = jax.lax.map(one, (jax.random.split(draws, pieces), size * jnp.arange(pieces)))
    absolute, squared, power, sharp, varied = (jnp.sum(part, axis=0) for part in found[:5])
    few = found[6][0]
    others = answers(again, jnp.arange(len(few)) % len(targets))
    flat = (a.reshape(len(a), -1) for a in (few, targets[: len(few)]))
    return _Found(
        absolute / n,
        squared / n,
        power / n,
        sharp / varied,
        jnp.mean((few - others) ** 2) / 2,
        distinctness(*flat),
        jnp.all(found[5]),
        few[:KEPT_IMAGES],
    )


def _finish(real: NDArray, found: _Found) -> dict[str, NDArray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        values: dict[str, Any] = {
            "l1": found.absolute,
            "psnr": _decibels(np.asarray(found.squared, np.float64)),
            "spectrum": _apart(np.asarray(found.power, np.float64), real),
            "sharpness": found.sharpness,
            "diversity": np.sqrt(found.variance),
            "distinct": found.distinct,
        }
        finite = np.asarray(found.finite)
        values = {name: np.where(finite, value, np.nan).astype(np.float64) for name, value in values.items()}
    return values | {"finite": finite, "fake": np.asarray(found.fake)}


def _decibels(squared: NDArray) -> NDArray:
    return 10 * np.log10(_RANGE**2 / np.maximum(squared, _LEAST_POWER))


def _apart(power: NDArray, other: NDArray) -> NDArray:
    """The distance between two mean spectra [..., k], in decibels."""
    ratio = 10 * np.log10(np.maximum(power, _LEAST_POWER) / np.maximum(other, _LEAST_POWER))
    return np.sqrt(np.mean(ratio**2, axis=-1))


def _powers(x: Images, rings: Float[Array, "k frequency"]) -> Float[Array, "n k"]:
    """`radial_power_spectrum`, traceable and in float32."""
    centred = x - jnp.mean(x, axis=(1, 2), keepdims=True)
    power = jnp.mean(jnp.abs(jnp.fft.rfft2(centred, axes=(1, 2))) ** 2, axis=-1) / (x.shape[1] * x.shape[2])
    return power.reshape(x.shape[0], -1) @ rings.T
