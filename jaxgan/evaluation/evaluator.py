"""From generators to numbers: what is measured on which kind of data, and the yardsticks beside it."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.source import DataError, Examples, Mixture, Source, to_unit
from jaxgan.features import Features, classifier_features, in_batches, principal_features
from jaxgan.metrics.classes import class_reference, class_report
from jaxgan.metrics.frechet import frechet_distance, moments
from jaxgan.metrics.modes import mode_report, perfect_mode_report
from jaxgan.results.store import Metric
from jaxgan.types import Array, Game, Generator, Key

KEPT = 16  # images per seed that go into the folder and the report
_BATCH = 250


class Measured(NamedTuple):
    """What an evaluation finds; arrays lead with the seed axis."""

    values: dict[str, NDArray[np.float64]]
    finite: NDArray[np.bool_]  # are all samples finite?
    samples: NDArray  # a few, to look at
    histogram: NDArray | None = None  # [seed, class], where there are classes


class Judge(NamedTuple):
    """How the generators of one data set are measured."""

    metrics: tuple[Metric, ...]
    measure: Callable[[Game, Generator, Key], Measured]  # generators and keys stacked over seeds
    rules: dict[str, tuple[str, float]]  # `classify`'s argument -> (metric, its reference)
    notes: dict[str, Any]
    real: dict[str, NDArray]  # real samples to show beside


def judge_for(source: Source, n: int, split_seed: int, report: Callable[[str], None]) -> Judge:
    """What is measured on `source` from `n` samples per seed."""
    if source.mixture is not None:
        return _points_judge(source, source.mixture, n)
    assert source.train is not None  # a source without modes has images
    return _image_judge(source, source.train, source.heldout, n, split_seed, report)


def with_untrained(judge: Judge, measured: Measured) -> Judge:
    """The judge with what untrained generators get (the mean over their seeds) among its yardsticks."""
    metrics = tuple(
        metric._replace(
            yardsticks={
                **metric.yardsticks,
                "untrained generator": float(measured.values[metric.name].mean()),
            }
        )
        for metric in judge.metrics
    )
    return judge._replace(metrics=metrics)


def _points_judge(source: Source, mixture: Mixture, n: int) -> Judge:
    modes = len(mixture.means)
    perfect = perfect_mode_report(jax.random.key(0), mixture.means, mixture.sigma, n)
    real = source.sample(jax.random.key(1), n).x
    described = {
        "captured": (f"Modes captured of {modes}", 0.0, True),
        "high_quality": ("Share of samples within 3 sigma of a mode", 0.0, True),
        "kl_model_data": ("KL(model || data) over modes, nats", math.log(modes), False),
        "kl_data_model": ("KL(data || model) over modes, nats", math.inf, False),
        "missed": ("Share of modes missed", 1.0, False),
        "spread": ("Within-mode spread, in sigma", 0.0, None),
    }
    metrics = tuple(
        Metric(name, label, worst, higher, {"perfect sampler": float(getattr(perfect, name))})
        for name, (label, worst, higher) in described.items()
    )

    def measure(game: Game, generator: Generator, keys: Key) -> Measured:
        x = _sample_all(game, generator, keys, n)
        report = jax.vmap(mode_report, in_axes=(0, None, None))(x, mixture.means, mixture.sigma)
        values = {name: np.asarray(getattr(report, name), np.float64) for name in described}
        return Measured(values, np.asarray(jnp.isfinite(x).all(axis=(1, 2))), np.asarray(x[:, :1000]))

    rules = {
        "captured": ("captured", float(modes)),
        "high_quality": ("high_quality", float(perfect.high_quality)),
    }
    notes = {"sample_sizes": {"samples per seed": n, "64 perfect samples of": n}}
    shown = {"real": np.asarray(real[:1000]), "modes": mixture.means, "sigma": np.asarray(mixture.sigma)}
    return Judge(metrics, measure, rules, notes, shown)


def _image_judge(
    source: Source,
    train: Examples,
    heldout: Examples | None,
    n: int,
    split_seed: int,
    report: Callable[[str], None],
) -> Judge:
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
    notes: dict[str, Any] = {
        "features": features.name,
        "sample_sizes": {
            "samples per seed": n,
            "training images": len(train.x),
            "held-out images": len(heldout.x),
            "features": real_features.shape[1],
        },
    }
    reference = None
    if features.accuracy is not None:
        assert train.y is not None and heldout.y is not None and real_classes is not None
        k = len(source.classes)
        reference = class_reference(train_features, train.y, real_features, heldout.y, k)
        real = class_report(real_features, real_classes, reference)
        metrics += [
            Metric("captured", f"Classes captured of {k}", 0.0, True, {"held-out images": float(real.captured)}),
            Metric("kl", "KL(samples || data) over classes, nats", math.inf, False, {"held-out images": real.kl}),
        ]
        rules["captured"] = ("captured", float(k))
        notes["accuracy"] = features.accuracy

    def measure(game: Game, generator: Generator, keys: Key) -> Measured:
        found = jax.device_get(_featurize_all(game, features.apply, generator, keys, n))
        values: dict[str, list[float]] = {metric.name: [] for metric in metrics}
        histograms: list[NDArray] = []
        classes = _or_none(found.classes, len(found.finite))
        for finite, seed_features, seed_classes in zip(found.finite, found.features, classes, strict=True):
            # A classifier puts NaN into class 0: such a seed has no metrics, which its outcome accounts for.
            if not finite:
                for seeds in values.values():
                    seeds.append(math.nan)
                histograms.append(np.full(len(source.classes), np.nan))
                continue
            values["frechet"].append(frechet_distance(moments(seed_features), real_moments))
            if reference is not None:
                result = class_report(seed_features, seed_classes, reference)
                histograms.append(result.histogram)
                for name in ("captured", "kl"):
                    values[name].append(float(getattr(result, name)))
        arrays = {name: np.asarray(v) for name, v in values.items()}
        return Measured(arrays, found.finite, found.samples, np.stack(histograms) if reference is not None else None)

    shown = {"real": np.asarray(to_unit(heldout.x[:KEPT]))}
    if reference is not None:
        shown["class_histogram_data"] = reference.histogram
        notes["classes"] = source.classes
    return Judge(tuple(metrics), measure, rules, notes, shown)


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
    report(f"the metrics' classifier is right on {features.accuracy:.1%} of {len(heldout.x):,} held-out images")
    return features


class _Found(NamedTuple):
    features: Array
    classes: Array | None
    finite: Array
    samples: Array


@partial(jax.jit, static_argnums=(0, 4))
def _featurize_all(game: Game, apply: Any, generator: Generator, keys: Key, n: int) -> _Found:
    """Features of n samples for every seed: a seed and a batch at a time, so that memory does not grow with n."""
    batches = -(-n // _BATCH)

    def of_batch(generator: Generator, key: Key) -> tuple[Array, Array | None, Array, Array]:
        x = game.sample(generator.params, generator.model_state, key, _BATCH)
        return *apply(x), jnp.isfinite(x).all(), x[:KEPT]

    def of_seed(pair: tuple[Generator, Key]) -> _Found:
        generator, key = pair
        features, classes, finite, samples = jax.lax.map(partial(of_batch, generator), jax.random.split(key, batches))
        flat = None if classes is None else classes.reshape(-1)[:n]
        return _Found(features.reshape(batches * _BATCH, -1)[:n], flat, finite.all(), samples[0])

    return jax.lax.map(of_seed, (generator, keys))


@partial(jax.jit, static_argnums=(0, 3))
def _sample_all(game: Game, generator: Generator, keys: Key, n: int) -> Array:
    return jax.vmap(lambda g, key: game.sample(g.params, g.model_state, key, n))(generator, keys)


def _or_none(values: Any, n: int) -> Any:
    return [None] * n if values is None else values
