"""The causes of failures during training: what went wrong in every run and when, as arrays and as text for reports."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.diagnostics.diagnosis import Diagnosis, Stretch, longest_stretch
from jaxgan.diagnostics.episodes import ADVICE, vanishing_episodes
from jaxgan.diagnostics.outcomes import EXPLANATION, Outcome
from jaxgan.diagnostics.signs import (
    Evidence,
    captured_share,
    copied_samples,
    overfitted_discriminator,
    swinging_scores,
    switching_modes,
)
from jaxgan.results.statistics.windows import median_of, turnover
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, EPISODE_THRESHOLDS, DiagnosisThresholds

Found = dict[str, NDArray]


class Words(NamedTuple):
    """The wording of a sign."""

    noun: str  # "a vanished gradient"
    label: str  # a clause: "the generator's gradient vanished"
    level: str  # what was observed meanwhile
    evidence: str  # the name in `Evidence`, or one of `_derived`


SIGNS: dict[Outcome, Words] = {
    Outcome.DISCRIMINATOR_DOMINATES: Words(
        "a dominant discriminator",
        "the discriminator told samples and held-out data apart, and the samples did not improve",
        "with a P(D ranks data above samples) of {}",
        "separation",
    ),
    Outcome.GENERATOR_DOMINATES: Words(
        "a dominant generator",
        "the discriminator did not rank held-out data above bad samples",
        "with a P(D ranks data above samples) of {}",
        "separation",
    ),
    Outcome.JUNK: Words(
        "junk signals",
        "the samples got worse while the discriminator gave no useful signal",
        "with a P(D ranks data above samples) of {}",
        "separation",
    ),
    Outcome.OSCILLATING: Words(
        "oscillation",
        "the samples switched modes from one evaluation to the next",
        "with {} of them changing mode",
        "turnover",
    ),
    Outcome.COLLAPSED: Words(
        "collapse", "most modes were missing, or all samples were alike", "with {} of the modes captured", "captured"
    ),
    Outcome.PARTIALLY_COLLAPSED: Words(
        "partial collapse", "some modes were missing", "with {} of the modes captured", "captured"
    ),
    Outcome.CONDITION_IGNORED: Words(
        "an ignored condition",
        "samples were not of the classes that were asked for",
        "with a class accuracy of {}, where 0 is chance and 1 real data",
        "obeyed",
    ),
    Outcome.OVERFITTED: Words(
        "overfitting",
        "the discriminator memorized its training examples",
        "with a P(D ranks training above held-out data) of {}",
        "training_edge",
    ),
}
"""Signs whose stretches are told. What is not finite is told by its first step, a vanished gradient of every record."""

COPIES = Words(
    "copied data", "samples were copies of training examples", "with a share of {} that were copies", "memorized"
)
"""The other way to overfit."""

SWINGS = Words(
    "swinging scores",
    "the discriminator's scores swung at one frequency",
    "with {} of their variance at that frequency",
    "rhythm",
)
"""The other way to oscillate."""

WAYS_TO_DIVERGE = {
    "exploded": Words("an explosion", "a gradient or a score of D exploded", "to {} times its early level",
                      "growth"),
    "dead": Words("a dead generator", "no gradient reached the generator, although its loss was not saturated",
                  "with a gradient of {} times its early level", "gradient"),
}  # fmt: skip
"""All signs except values that are not finite."""


def stretches_of(
    evidence: Evidence, found: Diagnosis, thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS
) -> Iterator[tuple[str, Stretch]]:
    """Yield the longest stretch of each sign, by its lower-case name, and of each way to overfit, oscillate or diverge.

    Only a divergence is told of probes at or after the first value that was not finite.
    """
    values = evidence._asdict() | _derived(evidence, thresholds)
    none = np.full(found.states.shape, np.nan)
    good, finite = found.signs[..., Outcome.HEALTHY], _finite(evidence)
    holds = {code.name.lower(): (found.signs[..., code], words) for code, words in SIGNS.items()}
    holds |= {
        "overfitted": (overfitted_discriminator(evidence, thresholds), SIGNS[Outcome.OVERFITTED]),
        "copied": (copied_samples(evidence, thresholds, good), COPIES),
        "oscillating": (switching_modes(evidence, thresholds), SIGNS[Outcome.OSCILLATING]),
        "swinging": (swinging_scores(evidence, thresholds, good), SWINGS),
    }
    for name, (sign, words) in holds.items():
        own = none if values[words.evidence] is None else values[words.evidence]
        yield name, longest_stretch(sign & finite, evidence.steps, own)
    growth = none if evidence.growth is None else np.maximum.accumulate(np.nan_to_num(evidence.growth), axis=1)
    grown = growth >= thresholds.exploded
    diverged = found.signs[..., Outcome.DIVERGED]
    yield "exploded", longest_stretch(diverged & grown, evidence.steps, growth)
    gradient = median_of(evidence.gradient, thresholds.window)
    yield "dead", longest_stretch(diverged & ~grown & finite, evidence.steps, gradient)


def _derived(evidence: Evidence, thresholds: DiagnosisThresholds) -> dict[str, NDArray | None]:
    """Return what the signs compare with their thresholds, where that is not the evidence itself."""
    shares = evidence.shares
    medians = {name: getattr(evidence, name) for name in ("separation", "training_edge", "obeyed")}
    return {
        "captured": captured_share(evidence, thresholds),
        "turnover": None if shares is None else turnover(shares, evidence.samples, thresholds.window),
        **{name: None if one is None else median_of(one, thresholds.window) for name, one in medians.items()},
    }


def _finite(evidence: Evidence) -> NDArray[np.bool_]:
    """Return whether all watched values were finite up to each probe [run, probe]."""
    first = np.zeros(len(evidence.gradient), int) if evidence.nonfinite_step is None else evidence.nonfinite_step
    return (first[:, None] <= 0) | (first[:, None] > evidence.steps[None])


def vanishing_of(recorded: Sequence[tuple[Any, bool]]) -> Found:
    """Return arrays [configuration, seed] named vanishing_begin, _end, _depth and _d_fake; NaN if none vanished.

    Args:
      recorded: for every configuration, its records and whether the sigmoid of its discriminator is a probability.
    """
    found: dict[str, list[NDArray]] = {}
    for one, is_probability in recorded:
        d_fake = one["series/d_fake_mean"] if is_probability else None
        episodes = vanishing_episodes(one["series/g_grad_norm"], d_fake, steps=one["step"])
        for name in ("begin", "end", "depth", "d_fake"):
            values = np.where(episodes.found, np.asarray(getattr(episodes, name), np.float64), np.nan)
            found.setdefault(f"vanishing_{name}", []).append(values)
    return {name: np.stack(values) for name, values in found.items()}


def in_words() -> dict[str, dict[str, str]]:
    """Return the wording of each cause by name, and the outcome that it causes."""
    vanishing = {
        "noun": "a vanished gradient",
        "label": "the generator's gradient vanished",
        "level": "down to {} of its early level",
        "explanation": "That is, the norm of the generator's gradient was at most "
        f"{EPISODE_THRESHOLDS.fraction:g} of its early level for at least {EPISODE_THRESHOLDS.stretch:.0%} of "
        f"the run, with D(G(z)), where it is a probability, below {EPISODE_THRESHOLDS.certain:g}.",
        "advice": ADVICE,
        "code": Outcome.GRADIENT_VANISHED.name,
    }
    named = {code.name.lower(): (code, words) for code, words in SIGNS.items()}
    named |= {"copied": (Outcome.OVERFITTED, COPIES), "swinging": (Outcome.OSCILLATING, SWINGS)}
    named |= {name: (Outcome.DIVERGED, words) for name, words in WAYS_TO_DIVERGE.items()}
    signs = {
        name: {"noun": words.noun, "label": words.label, "level": words.level, "advice": EXPLANATION[code],
               "code": code.name}
        for name, (code, words) in named.items()
    }  # fmt: skip
    return {"vanishing": vanishing, **signs}
