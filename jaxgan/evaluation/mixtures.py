"""Evaluation on data with known modes: which modes do the samples reach, how evenly and how closely?"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.source import Mixture, Source
from jaxgan.evaluation.evaluator import KEPT_POINTS, NEIGHBOURS, Evaluator
from jaxgan.metrics.modes import ModeReport, mode_report, perfect_mode_report
from jaxgan.metrics.neighbours import distinctness
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
    modes = len(mixture.means)
    perfect = perfect_mode_report(jax.random.key(0), mixture.means, mixture.sigma, samples, draws=DRAWS)
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
    real = source.sample(jax.random.key(1), KEPT_POINTS).x
    return Evaluator(
        reference=(jnp.asarray(mixture.means), jnp.asarray(mixture.sigma), real[:NEIGHBOURS]),
        measure=_measure,
        finish=partial(_finish, tuple(described)),
        metrics=metrics,
        samples=samples,
        rules={
            "captured": ("captured", float(modes)),
            "high_quality": ("high_quality", float(perfect.high_quality)),
        },
        notes={"sample_sizes": {"samples per seed": samples, f"{DRAWS} draws of a perfect sampler, each of": samples}},
        real={"real": np.asarray(real), "modes": mixture.means, "sigma": np.asarray(mixture.sigma)},
        shares=np.asarray(perfect.shares),
    )


def _measure(key: Key, reference: PyTree, game: Game, generator: Generator, n: int, y: PyTree) -> _Found:
    x = game.sample(key, generator.params, generator.model_state, n, y)
    means, sigma, real = reference
    few = min(n, NEIGHBOURS)
    distinct = distinctness(x[:few], real[:few])
    return _Found(mode_report(x, means, sigma), distinct, jnp.isfinite(x).all(), x[:KEPT_POINTS])


def _finish(names: tuple[str, ...], found: _Found) -> dict[str, NDArray]:
    values = {name: np.asarray(getattr(found.report, name), np.float64) for name in names}
    values |= {"shares": np.asarray(found.report.shares), "distinct": np.asarray(found.distinct)}
    return values | {"finite": np.asarray(found.finite), "fake": np.asarray(found.fake)}
