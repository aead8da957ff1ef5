"""What training and evaluation leave, put together as the `Results` that are stored."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxgan.diagnostics.episodes import ADVICE, EPISODE_THRESHOLDS, vanishing_episodes
from jaxgan.diagnostics.outcomes import EXPLANATION, THRESHOLDS, Outcome, Thresholds, classify
from jaxgan.diagnostics.profiles import is_probability
from jaxgan.evaluation import Evaluator
from jaxgan.losses import minimax_generator, non_saturating_generator
from jaxgan.results.results import Results, variable
from jaxgan.study.build import Study
from jaxgan.study.config import seed_numbers
from jaxgan.types import QUANTILES, Loss

Found = Mapping[str, NDArray]
_RUN = ("configuration", "seed")
_DIMS = {"series": (*_RUN, "step"), "along": (*_RUN, "probe_step"), "gradient": (*_RUN, "probe_step", "loss")}
_QUANTILES = ("d_real_quantiles", "d_fake_quantiles")


def assemble(
    study: Study,
    evaluator: Evaluator,
    records: Sequence[Found],
    final: Sequence[Found],
    config: dict[str, Any],
    seconds: dict[str, float],
) -> Results:
    """The results as they are stored.

    Args:
      study: whose configurations and seeds are the axes.
      evaluator: with what untrained generators get among its yardsticks.
      records: by configuration, arrays [seed, record, ...] named GROUP/NAME, and `step` and `probe_step`.
      final: by configuration, what `evaluator.finish` made of the trained generators.
      config: what was asked for.
      seconds: by configuration.
    """
    evaluator, thresholds = judged(study.config.failure_multiple, evaluator)
    outcomes = [_outcomes(evaluator, one, last, thresholds) for one, last in zip(records, final, strict=True)]
    variables = [variable("metric", "outcome", _RUN, np.asarray(outcomes))]
    variables += [
        variable("metric", metric.name, _RUN, np.stack([one[metric.name] for one in final]), long_name=metric.label)
        for metric in evaluator.metrics
    ]
    variables += [_recorded(name, stacked(records, name)) for name in names_of(records)]
    variables += _samples(evaluator, final)
    variables += _causes(study, records)
    for name, own in (("first_nonfinite_step", "watch/step"), ("first_nonfinite", "watch/quantity")):
        variables.append(variable("metric", name, _RUN, np.stack([one[own] for one in records])))
    coordinates: dict[str, Any] = {
        "configuration": list(study.configurations),
        "seed": np.array(seed_numbers(study.config)),
        "step": records[0]["step"],
        "probe_step": records[0]["probe_step"],
        "quantile": list(QUANTILES),
    }
    notes = evaluator.notes | {
        "kind": "run",
        "noun": noun_of(study),
        "steps": study.config.steps,
        "data": study.source.name,
        "explanations": {outcome.name: sentence for outcome, sentence in EXPLANATION.items()},
        "rules": rules_in_words(evaluator, thresholds),
        "causes": {
            "vanishing": {
                "label": "the generator's gradient vanished",
                "explanation": "That is, the norm of the generator's gradient was at most "
                f"{EPISODE_THRESHOLDS.fraction:g} of its early level for at least {EPISODE_THRESHOLDS.stretch:.0%} of "
                f"the run, with D(G(z)), where it is a probability, below {EPISODE_THRESHOLDS.certain:g}.",
                "advice": ADVICE,
            }
        },
        "command": config["command"],
        "seconds": seconds,
        "equilibrium": _equilibrium(study),
        "scores": [label for label, loss in losses_of(study).items() if not is_probability(loss)],
        "quantiles": QUANTILES,
    }
    dataset = xr.Dataset(dict(variables))
    return Results(dataset.assign_coords(_used(dataset, coordinates)), evaluator.metrics, config, notes)


def names_of(records: Sequence[Found]) -> list[str]:
    """What any configuration recorded, each once: not all have a discriminator's loss of two terms, say."""
    return list(dict.fromkeys(name for one in records for name in one if "/" in name and not name.startswith("watch/")))


def stacked(records: Sequence[Found], name: str) -> NDArray:
    """[configuration, seed, record, ...]; NaN for a configuration without it."""
    like = next(one[name] for one in records if name in one)
    return np.stack([one.get(name, np.full(like.shape, np.nan)) for one in records])


def noun_of(study: Study) -> str:
    """What the configurations differ in, as reports call them."""
    recipes = {configuration.recipe for configuration in study.configurations.values()}
    if recipes == {"gan"}:
        return "loss"
    return "configuration" if "gan" in recipes else "recipe"


def losses_of(study: Study) -> dict[str, Loss | None]:
    """The loss of every configuration's game, where it was made of one."""
    return {label: configuration.algorithm.game.loss for label, configuration in study.configurations.items()}


def _recorded(name: str, values: NDArray) -> tuple[str, xr.Variable]:
    group, _, own = name.partition("/")
    if group == "along":
        return variable("metric", f"{own}_along", _DIMS["along"], values)
    if group == "series":
        return variable("series", own, (*_DIMS["series"], *(("quantile",) if own in _QUANTILES else ())), values)
    if group == "gradient":
        return variable("gradient", own, gradient_dims(own, _RUN), values)
    return variable("probe", f"{group}_{own}", (*_RUN, "probe_step"), values)


def gradient_dims(name: str, lead: tuple[str, ...]) -> tuple[str, ...]:
    """The dimensions of one of the arrays of `Gradients`, after `lead`."""
    own = {
        "cosine": ("loss", "other_loss"),
        "layers": ("loss", "layer"),
        "fake_logit": ("quantile",),
        "d_fake": ("quantile",),
        "norms": ("loss",),
    }
    return (*lead, "probe_step", *own.get(name, ("loss",)))


def _causes(study: Study, records: Sequence[Found]) -> list[tuple[str, xr.Variable]]:
    """When the generator's gradient had vanished in each run, how deep, and how certain D was; NaN where it had not."""
    found: dict[str, list[NDArray]] = {}
    for one, loss in zip(records, losses_of(study).values(), strict=True):
        d_fake = one["series/d_fake_mean"] if is_probability(loss) else None
        episodes = vanishing_episodes(one["series/g_grad_norm"], d_fake, steps=one["step"])
        for name in ("begin", "end", "depth", "d_fake"):
            values = np.where(episodes.found, np.asarray(getattr(episodes, name), np.float64), np.nan)
            found.setdefault(f"vanishing_{name}", []).append(values)
    return [variable("cause", name, _RUN, np.stack(values)) for name, values in found.items()]


def _samples(evaluator: Evaluator, final: Sequence[Found]) -> list[tuple[str, xr.Variable]]:
    found = [variable("sample", name, (), values) for name, values in evaluator.real.items()]
    found.append(variable("sample", "fake", _RUN, np.stack([one["fake"] for one in final])))
    if all("class_histogram" in one for one in final):
        histograms = np.stack([one["class_histogram"] for one in final])
        found.append(variable("sample", "class_histogram", _RUN, histograms))
    return found


def _used(dataset: xr.Dataset, coordinates: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in coordinates.items() if name in dataset.dims}


def judged(multiple: float | None, evaluator: Evaluator) -> tuple[Evaluator, Thresholds]:
    """The evaluator with the rules that can tell a generator that has learned from one that has not, and their lines.

    The multiple of a distance is lowered where it would let half of an untrained generator's pass as learned. Where
    that would refuse real data against real data, too, or where these are at no distance at all, there is no such rule.
    """
    if "distance" not in evaluator.rules:
        return evaluator, THRESHOLDS
    name, floor = evaluator.rules["distance"]
    untrained = next(m.yardsticks["untrained generator"] for m in evaluator.metrics if m.name == name)
    allowed = 0.5 * untrained / floor if floor > 0 else 0.0
    if allowed > 1:
        return evaluator, THRESHOLDS._replace(quality_multiple=min(multiple or np.inf, allowed))
    line = (
        f"no rule on the distance: real data are at {floor:.3g} from real data, an untrained generator at "
        f"{untrained:.3g}"
    )
    rules = {role: rule for role, rule in evaluator.rules.items() if role != "distance"}
    return evaluator._replace(rules=rules, notes=evaluator.notes | {"not_applied": line}), THRESHOLDS


def _outcomes(evaluator: Evaluator, records: Found, final: Found, thresholds: Thresholds) -> list[str]:
    held: dict[str, Any] = {role: (final[metric], reference) for role, (metric, reference) in evaluator.rules.items()}
    losses = [records["series/g_loss"], records["series/d_loss"]]
    codes = classify(losses, records["series/g_grad_norm"], final["finite"], thresholds=thresholds, **held)
    return [Outcome(code).name for code in codes]


def rules_in_words(evaluator: Evaluator, thresholds: Thresholds) -> list[str]:
    """The failure rules with their numbers."""
    rules = ["NON_FINITE: a loss, the generator's gradient or a sample was NaN or infinite."]
    labels = {metric.name: metric.label for metric in evaluator.metrics}
    if "high_quality" in evaluator.rules:
        name, share = evaluator.rules["high_quality"]
        rules.append(
            f"NOT_LEARNED: {labels[name]} below {thresholds.quality_share:g} times that of "
            f"a perfect sampler ({share:.3g}), or no mode or class captured."
        )
    if "captured" in evaluator.rules:
        _, total = evaluator.rules["captured"]
        rules.append(
            f"COLLAPSED: fewer than {thresholds.modes_share * total:g} of {total:g} modes or classes captured."
        )
    if "distance" in evaluator.rules:
        name, floor = evaluator.rules["distance"]
        rules.append(
            f"NOT_LEARNED: {labels[name]} above {thresholds.quality_multiple:g} times that of real "
            f"against real ({floor:.3g}), that is above {thresholds.quality_multiple * floor:.3g}."
        )
    if "not_applied" in evaluator.notes:
        rules.append(f"NOT_LEARNED: {evaluator.notes['not_applied']}.")
    rules.append(
        "GRADIENT_VANISHED: the norm of the generator loss's gradient with respect to the generator's parameters has a "
        f"median over the last tenth of the steps below {thresholds.vanished_fraction:g} times that over the first "
        "steps (one in a hundred, at least 10)."
    )
    return rules


def _equilibrium(study: Study) -> dict[str, float]:
    """Values where samples and data have one distribution and D = 1/2, for the losses for which that is the optimum."""
    log4 = float(np.log(4))
    common = {"value": -log4, "d_real_mean": 0.5, "d_fake_mean": 0.5, "d_loss": log4}
    losses = losses_of(study)
    plain = [label for label, loss in losses.items() if loss is not None and is_probability(loss)]
    generator: dict[Any, float] = {minimax_generator: -log4 / 2, non_saturating_generator: log4 / 2}
    values = {
        f"g_loss/{label}": generator[loss.generator]
        for label, loss in losses.items()
        if label in plain and loss is not None and loss.generator in generator
    }
    if len(plain) == len(study.configurations):
        return values | common
    return values | {f"{series}/{label}": value for label in plain for series, value in common.items()}
