"""Evaluation on data with known modes: which modes do the samples reach, how evenly and how closely?"""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan.compiler import jit_once
from jaxgan.data.source import Mixture, Polygons, Source
from jaxgan.evaluation.evaluator import KEPT_POINTS, NEIGHBOURS, Evaluator
from jaxgan.metrics.modes import ModeReport, mean_report, mode_report, perfect_mode_report
from jaxgan.metrics.neighbours import distinctness
from jaxgan.metrics.polygons import polygon_report
from jaxgan.results.results import Metric
from jaxgan.types import Array, Game, Generator, Key, PyTree

DRAWS = 64  # of a perfect sampler; their mean is the yardstick


class _Found(NamedTuple):
    report: ModeReport
    distinct: Array
    finite: Array
    fake: Array


def mixture_evaluator(source: Source, mixture: Mixture, samples: int) -> Evaluator:
    """Modes captured, quality and evenness of this many samples, beside those of a perfect sampler."""
    draw = partial(perfect_mode_report, means=mixture.means, sigma=mixture.sigma, n=samples, draws=DRAWS)
    perfect = jit_once(draw)(jax.random.key(0))
    known = jnp.asarray(mixture.means), jnp.asarray(mixture.sigma)
    words = "Modes", "within 3 sigma of a mode", "modes", "Within-mode spread, in sigma"
    made = _evaluator(source, samples, perfect, known, _measure, words)
    return made._replace(real=made.real | {"sigma": np.asarray(mixture.sigma)})


def polygons_evaluator(source: Source, polygons: Polygons, samples: int) -> Evaluator:
    """Polygons captured, exact precision and evenness of this many samples, beside those of a perfect sampler."""
    corners = jnp.asarray(polygons.corners, jnp.float32)
    draw = partial(mean_report, lambda key: polygon_report(source.sample(key, samples).x, corners), draws=DRAWS)
    reports = jit_once(draw)(jax.random.key(0))
    words = "Polygons", "inside a polygon", "polygons", "Spread within polygons, of uniform points 1"
    return _evaluator(source, samples, reports, (corners,), _measure_polygons, words)


def _evaluator(
    source: Source,
    samples: int,
    perfect: ModeReport,
    known: tuple[Array, ...],
    measure: Callable[..., PyTree],
    words: tuple[str, str, str, str],
) -> Evaluator:
    """What is known of the data are the arguments of the report, after the samples."""
    assert source.modes is not None
    modes, (captured, good, noun, spread) = len(source.modes), words
    described = {
        "captured": (f"{captured} captured of {modes}", 0.0, True),
        "high_quality": (f"Share of samples {good}", 0.0, True),
        "kl_model_data": (f"KL(model || data) over {noun}, nats", math.log(modes), False),
        "kl_data_model": (f"KL(data || model) over {noun}, nats", math.inf, False),
        "missed": (f"Share of {noun} missed", 1.0, False),
        "spread": (spread, 0.0, None),
    }
    metrics = tuple(
        Metric(name, label, worst, higher, {"perfect sampler": float(getattr(perfect, name))})
        for name, (label, worst, higher) in described.items()
    )
    real = jit_once(lambda key: source.sample(key, KEPT_POINTS).x)(jax.random.key(1))
    return Evaluator(
        reference=(known, real[:NEIGHBOURS]),
        measure=measure,
        finish=partial(_finish, tuple(described)),
        metrics=metrics,
        samples=samples,
        rules={
            "captured": ("captured", float(modes)),
            "high_quality": ("high_quality", float(perfect.high_quality)),
        },
        notes={"sample_sizes": {"samples per seed": samples, f"{DRAWS} draws of a perfect sampler, each of": samples}},
        real={"real": np.asarray(real), "modes": np.asarray(source.modes)},
        shares=np.asarray(perfect.shares),
    )


def _measure(key: Key, reference: PyTree, game: Game, generator: Generator, n: int, y: PyTree) -> _Found:
    return _measured(mode_report, reference, game.sample(key, generator.params, generator.model_state, n, y))


def _measure_polygons(key: Key, reference: PyTree, game: Game, generator: Generator, n: int, y: PyTree) -> _Found:
    return _measured(polygon_report, reference, game.sample(key, generator.params, generator.model_state, n, y))


def _measured(report: Callable[..., ModeReport], reference: PyTree, x: Array) -> _Found:
    known, real = reference
    few = min(len(x), NEIGHBOURS)
    distinct = distinctness(x[:few], real[:few])
    return _Found(report(x, *known), distinct, jnp.isfinite(x).all(), x[:KEPT_POINTS])


def _finish(names: tuple[str, ...], found: _Found) -> dict[str, NDArray]:
    values = {name: np.asarray(getattr(found.report, name), np.float64) for name in names}
    values |= {"shares": np.asarray(found.report.shares), "distinct": np.asarray(found.distinct)}
    return values | {"finite": np.asarray(found.finite), "fake": np.asarray(found.fake)}
