"""Evaluation of images by the features of a classifier, or of principal components: distance, classes, evenness."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from jaxgan.data.source import DataError, Examples, Source, to_unit
from jaxgan.evaluation.evaluator import KEPT_IMAGES, Evaluator, in_pieces
from jaxgan.features import Features, classifier_features, in_batches, principal_features
from jaxgan.metrics.classes import ClassReference, class_reference, class_report, coverage
from jaxgan.metrics.frechet import Moments, frechet_distance, moments
from jaxgan.results.results import Metric
from jaxgan.types import Array, Game, Generator, Key, PyTree

_PIECE = 250  # samples at a time


class _Reference(NamedTuple):
    """Real images in feature space; the last three are None where there are no classes."""

    features: Any  # the map from images to features and classes, a pytree
    centre: Float[Array, " d"]  # of the held-out features: sums are taken around it, and lose no digits
    examples: Float[Array, "m d"] | None = None  # training features
    labels: Int[Array, " m"] | None = None
    radius: Float[Array, " k"] | None = None


class _Found(NamedTuple):
    """Sums over samples of each run: all that the metrics need, whatever the number of samples."""

    used: Int[Array, "*runs"]  # how many were finite
    sums: Float[Array, "*runs d"]  # of features less the centre
    products: Float[Array, "*runs d d"]
    histogram: Int[Array, "*runs k"] | None  # samples that the classifier puts into each class
    near: Int[Array, "*runs k"] | None  # those of them that are as near to the class as its held-out images
    finite: Bool[Array, "*runs"]
    fake: Float[Array, "*runs n h w c"]


def image_evaluator(
    source: Source,
    train: Examples,
    heldout: Examples | None,
    samples: int,
    split_seed: int,
    report: Callable[[str], None],
) -> Evaluator:
    """The Fréchet distance in feature space and, where there are labels, the classes that samples reach.

    Raises:
      DataError: too few held-out images, or images that are all the same.
    """
    if heldout is None or len(heldout.x) < 2:
        count = 0 if heldout is None else len(heldout.x)
        raise DataError(f"{source.name} has {count} held-out images to compare samples with, expected 2 or more")
    if (heldout.x == heldout.x[:1]).all() or (train.x == train.x[:1]).all():
        raise DataError(f"all images of {source.name} are the same, expected images that differ")
    features = _features_for(source, train, heldout, split_seed, report)
    train_features, _ = in_batches(features.apply, train.x)
    real_features, real_classes = in_batches(features.apply, heldout.x)
    real_moments = moments(real_features)
    floor = frechet_distance(moments(train_features), real_moments)
    label = f"{features.name[0].upper()}{features.name[1:]}-feature Fréchet distance"
    metrics = [Metric("frechet", label, math.inf, False, {"real against real": floor})]
    rules = {"distance": ("frechet", floor)}
    sizes = {"samples per seed": samples, "training images": len(train.x), "held-out images": len(heldout.x)}
    notes: dict[str, Any] = {
        "features": features.name,
        "sample_sizes": sizes | {"features": real_features.shape[1]},
    }
    centre = jnp.asarray(real_moments.mean, jnp.float32)
    reference, classes = _Reference(features.apply, centre), None
    real: dict[str, NDArray] = {"real": np.asarray(to_unit(heldout.x[:KEPT_IMAGES]))}
    if features.accuracy is not None:
        assert train.y is not None and heldout.y is not None and real_classes is not None
        k = len(source.classes)
        classes = class_reference(train_features, train.y, real_features, heldout.y, k)
        found = class_report(real_features, real_classes, classes)
        metrics += [
            Metric("captured", f"Classes captured of {k}", 0.0, True, {"held-out images": float(found.captured)}),
            Metric("near", "Share of samples near their class", 0.0, True, {"held-out images": found.near_share}),
            Metric("kl", "KL(samples || data) over classes, nats", math.inf, False, {"held-out images": found.kl}),
        ]
        rules |= {"captured": ("captured", float(k)), "high_quality": ("near", found.near_share)}
        notes |= {"accuracy": features.accuracy, "classes": source.classes}
        real["class_histogram_data"] = classes.histogram
        reference = _with_classes(reference, classes)
    return Evaluator(
        reference, _measure, partial(_finish, real_moments, classes), tuple(metrics), samples, rules, notes, real
    )


def _with_classes(reference: _Reference, classes: ClassReference) -> _Reference:
    labels = np.repeat(np.arange(len(classes.examples)), [len(members) for members in classes.examples])
    examples = jnp.asarray(np.concatenate(classes.examples), jnp.float32) - reference.centre[None]
    return reference._replace(
        examples=examples, labels=jnp.asarray(labels), radius=jnp.asarray(classes.radius, jnp.float32)
    )


def _measure(key: Key, reference: _Reference, game: Game, generator: Generator, n: int, y: PyTree) -> _Found:
    """Sums over n samples, a piece at a time."""

    def of(x: Float[Array, "n h w c"], counted: Bool[Array, " n"]) -> _Found:
        features, classes = reference.features(x)
        features = features.reshape(len(x), -1) - reference.centre[None]
        finite = jnp.isfinite(x).all(axis=tuple(range(1, x.ndim))) & jnp.isfinite(features).all(axis=1)
        used = counted & finite
        features = jnp.where(used[:, None], features, 0.0)
        histogram = near = None
        if reference.radius is not None:
            members = used[:, None] & (classes[:, None] == jnp.arange(len(reference.radius))[None])
            close = _squared_distance(features, classes, reference) <= reference.radius[classes] ** 2
            histogram = jnp.sum(members, axis=0)
            near = jnp.sum(members & close[:, None], axis=0)
        all_finite = jnp.all(finite | ~counted)
        products = jnp.matmul(features.T, features, precision="highest")
        return _Found(jnp.sum(used), jnp.sum(features, axis=0), products, histogram, near, all_finite, x[:KEPT_IMAGES])

    found = in_pieces(key, game, generator, n, min(n, _PIECE), y, of)
    total = jax.tree.map(lambda a: jnp.sum(a, axis=0), found._replace(fake=None, finite=None))
    return total._replace(fake=found.fake[0], finite=jnp.all(found.finite))


def _squared_distance(
    features: Float[Array, "n d"], classes: Int[Array, " n"], reference: _Reference
) -> Float[Array, " n"]:
    """From each sample to the nearest training example of its class.

    By |a - b|^2 = |a|^2 - 2 a.b + |b|^2 around the centre: in float32 off by some 1e-6 of |a|^2, where radii are a
    tenth of |a| and more.
    """
    assert reference.examples is not None and reference.labels is not None
    inner = jnp.matmul(features, reference.examples.T, precision="highest")
    squares = jnp.sum(reference.examples**2, axis=1)[None] - 2 * inner + jnp.sum(features**2, axis=1)[:, None]
    return jnp.min(jnp.where(classes[:, None] == reference.labels[None], squares, jnp.inf), axis=1)


def _finish(real: Moments, classes: ClassReference | None, found: _Found) -> dict[str, NDArray]:
    """Metrics of every run from its sums. NaN where a sample was not finite, which the run's outcome accounts for."""
    lead = found.used.shape
    values: dict[str, NDArray] = {"frechet": np.full(lead, np.nan)}
    if classes is not None:
        values |= {name: np.full(lead, np.nan) for name in ("captured", "near", "kl")}
        values["class_histogram"] = np.full((*lead, len(classes.radius)), np.nan)
    for at in np.argwhere(found.finite):
        run = tuple(at)
        values["frechet"][run] = frechet_distance(_moments(found, run, real), real)
        if classes is not None and found.histogram is not None and found.near is not None:
            seen = coverage(found.histogram[run], found.near[run], classes)
            values["captured"][run], values["near"][run] = seen.captured, seen.near_share
            values["kl"][run] = seen.kl
            values["class_histogram"][run] = seen.histogram
    return values | {"finite": np.asarray(found.finite), "fake": np.asarray(found.fake)}


def _moments(found: _Found, run: tuple[int, ...], real: Moments) -> Moments:
    n = int(found.used[run])
    mean = np.asarray(found.sums[run], np.float64) / n
    covariance = (np.asarray(found.products[run], np.float64) - n * np.outer(mean, mean)) / (n - 1)
    return Moments(np.asarray(real.mean.astype(np.float32) + mean, np.float64), covariance, n)


def _features_for(
    source: Source, train: Examples, heldout: Examples, split_seed: int, report: Callable[[str], None]
) -> Features:
    if train.y is None or heldout.y is None or len(source.classes) < 2:
        report("no labels, or one class only: the Fréchet distance is taken in principal components of the pixels")
        return principal_features(train)
    everything = set(range(len(source.classes)))
    if everything - set(heldout.y.tolist()) or everything - set(train.y.tolist()):
        report(
            "not every class has training and held-out images: the Fréchet distance is taken in principal components"
        )
        return principal_features(train)
    features = classifier_features(train, heldout, len(source.classes), seed=split_seed, report=report)
    if not features.notes:  # a doubt has said it
        report(f"the metrics' classifier is right on {features.accuracy:.1%} of {len(heldout.x):,} held-out images")
    return features
