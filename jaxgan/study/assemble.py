"""What training and evaluation leave, put together as the `Run` that is stored."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.diagnostics.outcomes import EXPLANATION, THRESHOLDS, Outcome, Thresholds, classify
from jaxgan.diagnostics.profiles import is_probability
from jaxgan.evaluation.evaluator import Judge, Measured
from jaxgan.losses import minimax_generator, non_saturating_generator
from jaxgan.results import store
from jaxgan.study.build import Study
from jaxgan.types import QUANTILES, Info, Loss


def assemble(
    study: Study,
    folder: Path,
    judge: Judge,
    series: dict[str, dict[str, NDArray]],
    measured: dict[str, Measured],
    seconds: dict[str, float],
) -> store.Run:
    """The run as it is stored: series and metrics stacked over losses, outcomes, and what the report needs to know."""
    losses = tuple(study.algorithms)
    names = list(dict.fromkeys(name for loss in losses for name in series[loss]))
    like = {name: next(series[loss][name] for loss in losses if name in series[loss]) for name in names}
    absent = {name: np.full_like(values, np.nan) for name, values in like.items()}
    stacked = {name: np.stack([series[loss].get(name, absent[name]) for loss in losses]) for name in names}
    thresholds = _thresholds(study.config.failure_multiple, judge)
    outcomes = [_outcomes(judge, series[loss], measured[loss], thresholds) for loss in losses]
    config = store.read_config(folder)
    notes = judge.notes | {
        "quantiles": QUANTILES,
        "steps": study.config.steps,
        "data": study.source.name,
        "explanations": {outcome.name: sentence for outcome, sentence in EXPLANATION.items()},
        "rules": _rules(judge, thresholds),
        "command": config["command"],
        "seconds": seconds,
        "equilibrium": _equilibrium(study),
        "scores": [name for name, loss in _losses(study).items() if not is_probability(loss)],
    }
    samples = {**judge.real, "fake": np.stack([measured[loss].samples for loss in losses])}
    histograms = [h for loss in losses if (h := measured[loss].histogram) is not None]
    if histograms:
        samples["class_histogram"] = np.stack(histograms)
    return store.Run(
        config=config,
        losses=losses,
        seeds=np.arange(study.config.seeds),
        metrics=judge.metrics,
        values={m.name: np.stack([measured[loss].values[m.name] for loss in losses]) for m in judge.metrics},
        outcomes=np.asarray(outcomes),
        notes=notes,
        series=stacked,
        samples=samples,
    )


def as_series(info: Info) -> dict[str, NDArray]:
    """An `Info` as named arrays; a discriminator loss of two terms is a real one and a fake one."""
    names = ("real", "fake") if len(info.d_parts) == 2 else tuple(map(str, range(len(info.d_parts))))
    flat = {name: getattr(info, name) for name in Info._fields if name not in ("d_parts", "d_real", "d_fake")}
    flat |= {f"d_loss_{name}": part for name, part in zip(names, info.d_parts, strict=True)}
    for name in ("d_real", "d_fake"):
        spread = getattr(info, name)
        flat |= {f"{name}_mean": spread.mean, f"{name}_quantiles": spread.quantiles}
    return {name: np.asarray(values) for name, values in flat.items()}


def _thresholds(multiple: float | None, judge: Judge) -> Thresholds:
    """The rule's multiple, lowered where it would let half of an untrained generator's distance pass as learned."""
    if multiple is None or "distance" not in judge.rules:
        return THRESHOLDS
    name, floor = judge.rules["distance"]
    untrained = next(metric.yardsticks["untrained generator"] for metric in judge.metrics if metric.name == name)
    return THRESHOLDS._replace(quality_multiple=min(multiple, 0.5 * untrained / floor))


def _outcomes(judge: Judge, series: dict[str, NDArray], measured: Measured, thresholds: Thresholds) -> list[str]:
    held: dict[str, Any] = {
        role: (measured.values[metric], reference) for role, (metric, reference) in judge.rules.items()
    }
    codes = classify(
        [series["g_loss"], series["d_loss"]], series["g_grad_norm"], measured.finite, thresholds=thresholds, **held
    )
    return [Outcome(code).name for code in codes]


def _rules(judge: Judge, thresholds: Thresholds) -> list[str]:
    """The failure rules with their numbers, in words."""
    rules = ["NON_FINITE: a loss, the generator's gradient or a sample was NaN or infinite."]
    if "captured" in judge.rules:
        _, total = judge.rules["captured"]
        rules.append(
            f"COLLAPSED: fewer than {thresholds.modes_share * total:g} of {total:g} modes or classes captured."
        )
    if "distance" in judge.rules:
        _, floor = judge.rules["distance"]
        rules.append(
            f"NOT_LEARNED: a Fréchet distance above {thresholds.quality_multiple:g} times that of real "
            f"against real images ({floor:.3g}), that is above {thresholds.quality_multiple * floor:.3g}."
        )
    if "high_quality" in judge.rules:
        _, share = judge.rules["high_quality"]
        rules.append(
            f"NOT_LEARNED: a share of high-quality samples below {thresholds.quality_share:g} times that of "
            f"a perfect sampler ({share:.3g})."
        )
    rules.append(
        "GRADIENT_VANISHED: the norm of the generator loss's gradient by the generator's parameters has a median over "
        f"the last tenth of the steps below {thresholds.vanished_fraction:g} times that over the first steps (one in a "
        "hundred, at least 10)."
    )
    return rules


def _equilibrium(study: Study) -> dict[str, float]:
    """Values where samples and data have one distribution and D = 1/2, for the losses for which that is the optimum."""
    log4 = float(np.log(4))
    common = {"value": -log4, "d_real_mean": 0.5, "d_fake_mean": 0.5, "d_loss": log4}
    losses = _losses(study)
    plain = [name for name, loss in losses.items() if loss is not None and is_probability(loss)]
    generator: dict[Any, float] = {minimax_generator: -log4 / 2, non_saturating_generator: log4 / 2}
    values = {
        f"g_loss/{name}": generator[loss.generator]
        for name, loss in losses.items()
        if name in plain and loss is not None and loss.generator in generator
    }
    if len(plain) == len(study.algorithms):
        return values | common
    return values | {f"{series}/{name}": value for name in plain for series, value in common.items()}


def _losses(study: Study) -> dict[str, Loss | None]:
    return {name: algorithm.game.loss for name, algorithm in study.algorithms.items()}
