"""Evaluation of images in the features of a classifier or in principal components: distance, classes, evenness.

If there are no labels, cells of the feature space stand in for classes.
"""

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
from jaxgan.evaluation.cells import cell_of, cells_of
from jaxgan.evaluation.evaluator import KEPT_IMAGES, NEIGHBOURS, Evaluator, in_pieces
from jaxgan.evaluation.obeyed import Asked, RealClasses, asked_for, by_class, real_classes
from jaxgan.evaluation.sharp import LEAST, RealSharpness, Sharpness, ratios, real_sharpness, sharpness_of
from jaxgan.evaluation.wide import WIDE, distance_of_rows
from jaxgan.features import Features, classifier_features, in_batches, principal_features
from jaxgan.metrics.classes import ClassReference, ClassReport, class_reference, class_report, coverage
from jaxgan.metrics.frechet import Moments, factor, frechet_distance, moments
from jaxgan.metrics.neighbours import distinctness, memorization, squared_distances
from jaxgan.results.results import Metric
from jaxgan.types import Array, Game, Generator, Key, PyTree

PIECE = 250
"""Samples measured at a time."""


class _Reference(NamedTuple):
    """Real images in feature space, with `centre` subtracted."""

    features: Any  # the map from images to features and classes, a pytree
    centre: Float[Array, " d"]  # mean of the held-out features, subtracted from sums so that they lose no digits
    examples: Float[Array, "n d"]  # training features
    heldout: Float[Array, "m d"]
    labels: Int[Array, " n"] | None = None  # of the training examples; None, like the next, without classes
    radius: Float[Array, " k"] | None = None
    centres: Float[Array, "k d"] | None = None  # of cells in place of classes
    factor: Float[Array, "d d"] | None = None  # of the held-out features' covariance, if there are many features


class _Found(NamedTuple):
    """Sums over the samples of each run: all that the metrics need, of a size that does not grow with the samples."""

    used: Int[Array, "*runs"]  # number of finite samples
    sums: Float[Array, "*runs d"] | None  # of features minus the centre
    products: Float[Array, "*runs d d"] | None
    distance: Float[Array, "*runs"] | None  # replaces both if there are many features
    histogram: Int[Array, "*runs k"] | None  # samples that the classifier assigns to each class
    near: Int[Array, "*runs k"] | None  # those of them as close to the class as its held-out images
    distinct: Float[Array, "*runs"]  # for the first few samples
    copied: Float[Array, "*runs"]  # number closer to a training example than to a held-out one
    asked: Asked | None  # by requested class
    sharp: Sharpness | None
    finite: Bool[Array, "*runs"]
    fake: Float[Array, "*runs n h w c"]


def image_evaluator(
    source: Source,
    train: Examples,
    heldout: Examples | None,
    samples: int,
    split_seed: int,
    report: Callable[[str], None],
    asked: bool = False,
    features: Features | None = None,
) -> Evaluator:
    """The Fréchet distance in feature space, and which classes (without labels: which cells) samples reach.

    For conditional generators also how often samples belong to the requested class.

    Raises:
      DataError: too few held-out images, or images that are all the same.
    """
    heldout = _comparable(source, train, heldout)
    features = features_for(source, train, heldout, split_seed, report) if features is None else features
    train_features, _ = in_batches(features.apply, train.x)
    real_features, put_into = in_batches(features.apply, heldout.x)
    real_moments = moments(real_features)
    floor = frechet_distance(moments(train_features), real_moments)
    yardsticks = {"real against real": floor}
    metrics = [Metric("frechet", features.label("Fréchet distance"), math.inf, False, yardsticks)]
    rules = {"distance": ("frechet", floor)}
    sizes = {"samples per seed": samples, "training images": len(train.x), "held-out images": len(heldout.x)}
    notes: dict[str, Any] = {
        "features": features.name,
        "sample_sizes": sizes | {"features": real_features.shape[1]},
    }
    reference, classes, shares = _reference(features, train_features, real_features, real_moments), None, None
    real: dict[str, NDArray] = {"real": np.asarray(to_unit(heldout.x[:KEPT_IMAGES]))}
    groups: _Groups | None
    if features.accuracy is not None:
        notes |= {"accuracy": features.accuracy}
        groups = _classes(source, train, heldout, put_into)
    else:
        groups = _cells(train_features, real_features)
    if groups is not None:
        k = len(groups.names)
        classes = class_reference(train_features, groups.train, real_features, groups.heldout, k)
        found = class_report(real_features, groups.seen, classes)
        metrics += groups.metrics(found)
        rules |= {"captured": ("captured", float(k)), "high_quality": ("near", found.near_share)}
        notes |= {"classes": groups.names}
        real["class_histogram_data"], shares = classes.histogram, found.near
        reference = _with_groups(reference, groups, classes.radius)
    held = None
    if asked and groups is not None and groups.centres is None:
        held = real_classes(train_features, real_features, groups.train, groups.heldout, groups.seen, k)
    if held is not None:
        metrics.append(held.metric())
        rules |= {"obeyed": ("obeyed", held.accuracy)}
        real |= {f"{name}_data": values for name, values in held.real.items()}
        if line := held.left_out(source.classes):
            report(line)
            notes["classes_left_out"] = line
    sharp = real_sharpness(train, heldout, samples)
    if sharp is not None:
        metrics += sharp.metrics
        notes["sharpness"] = {name: list(bounds) for name, bounds in sharp.bounds.items()}
    finish = partial(_finish, real_moments, classes, held, (len(train.x), len(heldout.x)), sharp)
    return Evaluator(reference, _measure, finish, tuple(metrics), samples, rules, notes, real, shares=shares)


def _reference(
    features: Features, train: Float[np.ndarray, "n d"], heldout: Float[np.ndarray, "m d"], real: Moments
) -> _Reference:
    """Real features minus the mean of the held-out ones, whose moments are given."""
    centre = jnp.asarray(real.mean, jnp.float32)
    seen, unseen = (jnp.asarray(part, jnp.float32) - centre[None] for part in (train, heldout))
    whole = jnp.asarray(factor(real.covariance), jnp.float32) if len(centre) > WIDE else None
    return _Reference(features.apply, centre, seen, unseen, factor=whole)


def _with_groups(reference: _Reference, groups: "_Groups", radius: NDArray) -> _Reference:
    """The reference with the groups of its training examples, and the centres of cells in its coordinates."""
    centres = groups.centres
    return reference._replace(
        labels=jnp.asarray(groups.train),
        radius=jnp.asarray(radius, jnp.float32),
        centres=None if centres is None else jnp.asarray(centres, jnp.float32) - reference.centre[None],
    )


def _comparable(source: Source, train: Examples, heldout: Examples | None) -> Examples:
    """The held-out images, if samples can be compared with them.

    Raises:
      DataError: too few of them, or images that are all the same.
    """
    if heldout is None or len(heldout.x) < 2:
        count = 0 if heldout is None else len(heldout.x)
        raise DataError(f"{source.name} has {count} held-out images to compare samples with, expected 2 or more")
    if (heldout.x == heldout.x[:1]).all() or (train.x == train.x[:1]).all():
        raise DataError(f"all images of {source.name} are the same, expected images that differ")
    return heldout


class _Groups(NamedTuple):
    """The groups that examples are assigned to: classes, or cells of the feature space."""

    noun: tuple[str, str]
    names: tuple[str, ...]
    train: Int[np.ndarray, " n"]
    heldout: Int[np.ndarray, " m"]
    seen: Int[np.ndarray, " m"]  # groups that the held-out examples are assigned to, whatever their labels
    centres: Float[np.ndarray, "k d"] | None = None  # of cells

    def metrics(self, found: ClassReport) -> list[Metric]:
        """How to read the values; `found` is the report of the held-out images."""
        one, many = self.noun
        label, held = f"{many.capitalize()} captured of {len(self.names)}", "held-out images"
        return [
            Metric("captured", label, 0.0, True, {held: float(found.captured)}),
            Metric("near", f"Share of samples near their {one}", 0.0, True, {held: found.near_share}),
            Metric("kl", f"KL(samples || data) over {many}, nats", math.inf, False, {held: found.kl}),
        ]


def _classes(source: Source, train: Examples, heldout: Examples, predicted: NDArray | None) -> _Groups:
    assert train.y is not None and heldout.y is not None and predicted is not None
    return _Groups(("class", "classes"), source.classes, train.y, heldout.y, predicted)


def _cells(train: NDArray, heldout: NDArray) -> _Groups | None:
    cells = cells_of(train, heldout)
    if cells is None:
        return None
    names = tuple(f"cell {i + 1}" for i in range(len(cells.centres)))
    return _Groups(("cell", "cells"), names, cells.train, cells.heldout, cells.heldout, cells.centres)


def _measure(key: Key, reference: _Reference, game: Game, generator: Generator, n: int, y: PyTree) -> _Found:
    """Sums over n samples, one piece at a time."""

    def of(x: Float[Array, "n h w c"], counted: Bool[Array, " n"], y: PyTree) -> tuple[_Found, PyTree]:
        features, classes = reference.features(x)
        features = features.reshape(len(x), -1) - reference.centre[None]
        finite = jnp.isfinite(x).all(axis=tuple(range(1, x.ndim))) & jnp.isfinite(features).all(axis=1)
        used = counted & finite
        features = jnp.where(used[:, None], features, 0.0)
        squares = squared_distances(features, reference.examples)
        to_heldout = jnp.min(squared_distances(features, reference.heldout), axis=1)
        copied = jnp.sum(used * jnp.heaviside(to_heldout - jnp.min(squares, axis=1), 0.5))
        few = min(n, NEIGHBOURS, len(x), len(reference.heldout))
        distinct = distinctness(features[:few], reference.heldout[:few])
        histogram = near = asked = None
        if reference.centres is not None:
            classes = cell_of(features, reference.centres)
        if reference.radius is not None and reference.labels is not None:
            members = used[:, None] & (classes[:, None] == jnp.arange(len(reference.radius))[None])
            own = jnp.where(classes[:, None] == reference.labels[None], squares, jnp.inf)
            close = jnp.min(own, axis=1) <= reference.radius[classes] ** 2
            histogram = jnp.sum(members, axis=0)
            near = jnp.sum(members & close[:, None], axis=0)
            if y is not None and reference.centres is None:
                asked = asked_for(features, classes, used, y, len(reference.radius))
        all_finite = jnp.all(finite | ~counted)
        products = sums = None
        if reference.factor is None:
            products = jnp.matmul(features.T, features, precision="highest")
            sums = jnp.sum(features, axis=0)
        sharp = sharpness_of(x, used) if min(x.shape[1:3]) >= LEAST else None
        counts = jnp.sum(used), sums, products, None, histogram, near
        found = _Found(*counts, distinct, copied, asked, sharp, all_finite, x[:KEPT_IMAGES])
        return found, (None if reference.factor is None else (features, used))

    found, rows = in_pieces(key, game, generator, n, min(n, PIECE), y, of)
    total = jax.tree.map(lambda a: jnp.sum(a, axis=0), found._replace(fake=None, finite=None, distinct=None))
    if reference.factor is not None:
        features, used = rows
        distance = distance_of_rows(features.reshape(-1, features.shape[-1]), used.ravel(), reference.factor)
        total = total._replace(distance=distance)
    return total._replace(fake=found.fake[0], distinct=found.distinct[0], finite=jnp.all(found.finite))


def _finish(
    real: Moments,
    classes: ClassReference | None,
    held: RealClasses | None,
    sizes: tuple[int, int],
    sharp: RealSharpness | None,
    found: _Found,
) -> dict[str, NDArray]:
    """Metrics of every run from its sums. NaN if a sample was not finite, which the run's outcome covers.

    Args:
      real: moments of the held-out features.
      classes: the groups in feature space, if there are any.
      held: the held-out examples by class, for conditional generators.
      sizes: of the training set and the held-out set.
      sharp: the sharpness of real images, if it can be measured.
      found: the sums of every run.
    """
    lead = found.used.shape
    with np.errstate(invalid="ignore"):
        copied = np.where(found.finite, found.copied / found.used, np.nan)
    values: dict[str, NDArray] = {"frechet": np.full(lead, np.nan)}
    if classes is not None:
        values |= {name: np.full(lead, np.nan) for name in ("captured", "near", "kl")}
        for name in ("class_histogram", "shares"):
            values[name] = np.full((*lead, len(classes.radius)), np.nan)
    for at in np.argwhere(found.finite):
        run = tuple(at)
        values["frechet"][run] = _distance(found, run, real)
        if classes is not None and found.histogram is not None and found.near is not None:
            seen = coverage(found.histogram[run], found.near[run], classes)
            values["captured"][run], values["near"][run] = seen.captured, seen.near_share
            values["kl"][run] = seen.kl
            values["class_histogram"][run] = seen.histogram
            values["shares"][run] = seen.near
    if held is not None and found.asked is not None:
        values |= by_class(found.asked, real.mean.astype(np.float32), held, np.asarray(found.finite))
    values |= {
        "distinct": np.where(found.finite, found.distinct, np.nan),
        "memorized": memorization(copied, *sizes),
    }
    if sharp is not None and found.sharp is not None:
        values |= ratios(found.sharp, sharp, np.asarray(found.finite))
    return values | {"finite": np.asarray(found.finite), "fake": np.asarray(found.fake)}


def _distance(found: _Found, run: tuple[int, ...], real: Moments) -> float:
    return frechet_distance(_moments(found, run, real), real) if found.distance is None else float(found.distance[run])


def _moments(found: _Found, run: tuple[int, ...], real: Moments) -> Moments:
    assert found.sums is not None and found.products is not None
    n = int(found.used[run])
    mean = np.asarray(found.sums[run], np.float64) / n
    covariance = (np.asarray(found.products[run], np.float64) - n * np.outer(mean, mean)) / (n - 1)
    return Moments(np.asarray(real.mean.astype(np.float32) + mean, np.float64), covariance, n)


def features_for(
    source: Source, train: Examples, heldout: Examples, split_seed: int, report: Callable[[str], None]
) -> Features:
    """A classifier of the data's classes, or principal components if there are no classes or some have no images."""
    if train.y is None or heldout.y is None or len(source.classes) < 2:
        report("no labels, or only one class: the Fréchet distance uses principal components of the pixels")
        return principal_features(train)
    both = set(heldout.y.tolist()) & set(train.y.tolist())
    if lacking := [name for label, name in enumerate(source.classes) if label not in both]:
        named = ", ".join(map(repr, lacking[:5])) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
        why = f"not every class has training and held-out images (not {named})"
        report(f"{why}: the Fréchet distance uses principal components")
        return principal_features(train)
    features = classifier_features(train, heldout, len(source.classes), seed=split_seed, report=report)
    if not features.notes:  # otherwise a note already reported it
        report(f"the metrics' classifier is correct on {features.accuracy:.1%} of {len(heldout.x):,} held-out images")
    return features
