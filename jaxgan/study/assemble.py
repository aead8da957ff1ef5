"""Assemble the output of training and evaluation into the `Results` that are stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxgan.diagnostics.outcomes import EXPLANATION, Outcome
from jaxgan.diagnostics.profiles import is_probability
from jaxgan.diagnostics.signs import Evidence
from jaxgan.evaluation import BY_CLASS, EVIDENCE, Evaluator
from jaxgan.evaluation.pairs import worded
from jaxgan.losses import minimax_generator, non_saturating_generator
from jaxgan.results.results import Results, variable
from jaxgan.results.seal import digest_of
from jaxgan.study.build import Study, labels_of
from jaxgan.study.claims import claim_of, in_words
from jaxgan.study.config import as_stored, seed_numbers
from jaxgan.study.diagnosis.advice import advised
from jaxgan.study.diagnosis.causes import in_words as causes_in_words
from jaxgan.study.diagnosis.causes import vanishing_of
from jaxgan.study.diagnosis.evidence import yardsticks_of
from jaxgan.study.diagnosis.judging import Found, diagnosed_runs, evidence_for, failed_at, judged, rules_in_words
from jaxgan.study.stop_rules import StopRules
from jaxgan.study.vary import axis_of, is_logarithmic, varied_names
from jaxgan.study.watching import samples_along
from jaxgan.types import QUANTILES, Loss

_RUN = ("configuration", "seed")
_DIMS = {"series": (*_RUN, "step"), "along": (*_RUN, "probe_step"), "gradient": (*_RUN, "probe_step", "loss")}
MOST_SAMPLED = 512  # maximum number of runs whose samples are kept
_QUANTILES = ("d_real_quantiles", "d_fake_quantiles")


def assemble(
    study: Study,
    evaluator: Evaluator,
    rules: StopRules,
    records: Sequence[Found],
    final: Sequence[Found],
    config: dict[str, Any],
    seconds: dict[str, float],
) -> Results:
    """Assemble the results that are stored.

    Args:
      study: the study; its configurations and seeds are the axes.
      evaluator: the evaluator, with the values of untrained generators among its yardsticks.
      rules: the rules that stopped runs.
      records: for every configuration, arrays [seed, record, ...] named GROUP/NAME, and `step` and `probe_step`.
      final: for every configuration, the output of `evaluator.finish` for the trained generators.
      config: the request.
      seconds: training time by program.
    """
    evaluator, thresholds = judged(study.config.failure_multiple, evaluator)
    variables = _outcomes(study, evaluator, rules, records, final)
    variables += _settings(study)
    variables += [
        variable("metric", metric.name, _RUN, np.stack([one[metric.name] for one in final]), long_name=metric.label)
        for metric in evaluator.metrics
    ]
    variables += [_recorded(name, stacked(records, name)) for name in names_of(records) if not _is_evidence(name)]
    shown = _shown(study, evaluator, final)
    variables += _samples(evaluator, final, shown)
    for name, own in (("first_nonfinite_step", "watch/step"), ("first_nonfinite", "watch/quantity")):
        variables.append(variable("metric", name, _RUN, np.stack([one[own] for one in records])))
    coordinates: dict[str, Any] = {
        "configuration": list(study.configurations),
        "seed": np.array(seed_numbers(study.config)),
        "step": records[0]["step"],
        "probe_step": records[0]["probe_step"],
        "quantile": list(QUANTILES),
        "sign": [outcome.name for outcome in sorted(Outcome)],
    }
    notes = evaluator.notes | {
        "kind": "run",
        "noun": noun_of(study),
        "steps": study.config.steps,
        "data": study.source.name,
        "explanations": {outcome.name: sentence for outcome, sentence in EXPLANATION.items()},
        "rules": rules_in_words(evaluator, thresholds),
        "yardsticks": yardsticks_of(evaluator, thresholds, samples_along(evaluator))._asdict(),
        "causes": causes_in_words(),
        "command": config["command"],
        "seconds": seconds,
        "equilibrium": _equilibrium(study),
        "scores": [label for label, loss in losses_of(study).items() if not is_probability(loss)],
        "quantiles": QUANTILES,
    }
    if shown is not None:
        labels = list(study.configurations)
        notes["sampled"] = [[labels[i], int(seed_numbers(study.config)[j])] for i, j in shown]
    if study.config.vary or study.config.planned:
        notes["study"] = about_study(study)
    dataset = xr.Dataset(dict(variables))
    found = Results(dataset.assign_coords(_used(dataset, coordinates)), evaluator.metrics, config, notes)
    return advised(worded(found))


def _outcomes(
    study: Study,
    evaluator: Evaluator,
    rules: StopRules,
    records: Sequence[Found],
    final: Sequence[Found],
) -> list[tuple[str, xr.Variable]]:
    """Return the outcome of each run at its end and at each probe, with its causes, their times and the evidence."""
    evidence = [evidence_for(study, evaluator, rules, one) for one in records]
    found = diagnosed_runs(evidence)
    along = found.pop("outcome_along")
    ends = np.stack([last["outcome"] for last in final])  # differs if the final samples are not finite
    since = [failed_at(*both, records[0]["probe_step"]) for both in zip(along, ends, strict=True)]
    stopped = [rules.stopped_before(study.config.steps, one) for one in records]
    recorded = [(one, is_probability(loss)) for one, loss in zip(records, losses_of(study).values(), strict=True)]
    causes = {name.removeprefix("cause_"): values for name, values in found.items() if name.startswith("cause_")}
    signs = causes.pop("signs")
    return [
        variable("metric", "outcome", _RUN, ends),
        variable("metric", "outcome_along", _DIMS["along"], along),
        variable("metric", "failed_at", _RUN, np.stack(since)),
        variable("metric", "stopped_at", _RUN, np.stack(stopped)),
        variable("cause", "signs", (*_DIMS["along"], "sign"), signs),
        *(variable("cause", name, _RUN, values) for name, values in (vanishing_of(recorded) | causes).items()),
        *(variable("evidence", name, _DIMS["along"], values) for name, values in _told_from(evidence).items()),
    ]


def _told_from(evidence: Sequence[Evidence]) -> dict[str, NDArray]:
    """Return the evidence at every probe, [configuration, seed, probe, ...], that at least one configuration has."""
    found = {}
    for name in Evidence._fields:
        values = [getattr(one, name) for one in evidence]
        like = next((one for one in values if one is not None), None)
        if name not in ("steps", "expected", "samples", "nonfinite_step") and like is not None:
            found[name] = np.stack([np.full(like.shape, np.nan) if one is None else one for one in values])
    return {name: values.astype(np.float32) for name, values in found.items()}


def _settings(study: Study) -> list[tuple[str, xr.Variable]]:
    """Return the recipe of every configuration and the varied settings: numbers (NaN if not set) or text."""
    if not study.config.vary:
        return []
    found: dict[str, list[Any]] = {"recipe": [one.named.label for one in study.configurations.values()]}
    for name in varied_names(map(axis_of, study.config.vary)):
        values = [one.varied.get(name) for one in study.configurations.values()]
        numbers = all(isinstance(value, int | float | None) for value in values)
        found[name] = [(np.nan if numbers else "") if value is None else value for value in values]
    return [variable("setting", name, ("configuration",), values) for name, values in found.items()]


def about_study(study: Study) -> dict[str, Any]:
    """Return the varied settings and planned claims, in the form that reports read."""
    varied: dict[str, Any] = {}
    for name in varied_names(map(axis_of, study.config.vary)):
        values = [one.varied[name] for one in study.configurations.values() if name in one.varied]
        unique = list(dict.fromkeys(values))
        varied[name] = {"values": unique, "log": is_logarithmic(unique)}
    claims = [claim_of(text, labels_of(study)) for text in study.config.planned]
    planned = [claim._asdict() | {"text": in_words(claim)} for claim in claims]
    programs = {name: {"configurations": len(one.labels), "why": one.why} for name, one in study.programs.items()}
    families = [one.named.label for one in study.configurations.values()]
    about = {"planned": planned, "varied": varied, "families": families, "programs": programs}
    return about | {"hash": digest_of(as_stored(study.config))}


def names_of(records: Sequence[Found]) -> list[str]:
    """Return the names recorded by any configuration, without duplicates; not all configurations record the same."""
    return list(dict.fromkeys(name for one in records for name in one if "/" in name and not name.startswith("watch/")))


def stacked(records: Sequence[Found], name: str) -> NDArray:
    """Stack records as [configuration, seed, record, ...], with NaN for a configuration without them."""
    like = next(one[name] for one in records if name in one)
    return np.stack([one.get(name, np.full(like.shape, np.nan)) for one in records])


def noun_of(study: Study) -> str:
    """Return the noun that reports use for the configurations."""
    recipes = {configuration.recipe for configuration in study.configurations.values()}
    if recipes == {"gan"}:
        return "loss"
    return "configuration" if "gan" in recipes else "recipe"


def losses_of(study: Study) -> dict[str, Loss | None]:
    """Return the loss of every configuration's game; None if the game was not built from a loss."""
    return {label: configuration.algorithm.game.loss for label, configuration in study.configurations.items()}


def _is_evidence(name: str) -> bool:
    """Return whether a record only serves the diagnosis, which stores its own results."""
    group, _, own = name.partition("/")
    return group == "discrimination" or (group == "along" and own in EVIDENCE)


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
    """Return the dimensions of an array of `Gradients`, after `lead`."""
    own = {
        "cosine": ("loss", "other_loss"),
        "layers": ("loss", "layer"),
        "fake_logit": ("quantile",),
        "d_fake": ("quantile",),
        "norms": ("loss",),
    }
    return (*lead, "probe_step", *own.get(name, ("loss",)))


def _shown(study: Study, evaluator: Evaluator, final: Sequence[Found]) -> list[tuple[int, int]] | None:
    """Return the runs whose samples are kept if not all can be: the best, median and worst run of every recipe."""
    if len(final) * len(final[0]["finite"]) <= MOST_SAMPLED:
        return None
    metric = evaluator.metrics[0]
    values = np.stack([one[metric.name] for one in final]).astype(float)
    if metric.higher_is_better is None:
        values = abs(values - next(iter(metric.yardsticks.values()), 0.0))
    scores = values if metric.higher_is_better else -values
    scores = np.where(np.isnan(scores), -np.inf, scores)
    recipes = np.array([one.named.label for one in study.configurations.values()])
    shown = []
    for recipe in dict.fromkeys(recipes.tolist()):
        rows = np.flatnonzero(recipes == recipe)
        order = np.argsort(-scores[rows].ravel(), kind="stable")
        picks = [order[0], order[len(order) // 2], order[-1]]
        shown += [(int(rows[i // scores.shape[1]]), int(i % scores.shape[1])) for i in dict.fromkeys(picks)]
    return shown


def _samples(
    evaluator: Evaluator, final: Sequence[Found], shown: list[tuple[int, int]] | None
) -> list[tuple[str, xr.Variable]]:
    found = [variable("sample", name, (), values) for name, values in evaluator.real.items()]
    for name in ("fake", "class_histogram", *BY_CLASS):
        if not all(name in one for one in final):
            continue
        if shown is None:
            found.append(variable("sample", name, _RUN, np.stack([one[name] for one in final])))
        else:
            found.append(variable("sample", name, ("sampled",), np.stack([final[i][name][j] for i, j in shown])))
    return found


def _used(dataset: xr.Dataset, coordinates: dict[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in coordinates.items() if name in dataset.dims}


def _equilibrium(study: Study) -> dict[str, float]:
    """Return the values at equilibrium (samples distributed as the data, D = 1/2), for losses with that optimum."""
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
