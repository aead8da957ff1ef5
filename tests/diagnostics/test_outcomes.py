"""Outcome codes on synthetic trajectories, and the failure rule on samples that nobody would accept."""

import inspect
from typing import Any

import numpy as np
import pytest

from jaxgan.diagnostics import profile, vanishing_episodes
from jaxgan.diagnostics.outcomes import EXPLANATION, Outcome, Thresholds, classify, vanished
from jaxgan.metrics.classes import class_reference, class_report

STEPS = 100
NOISY = np.exp(0.1 * np.random.default_rng(0).standard_normal(STEPS))  # a healthy norm: 1, give or take 10 %


def outcome(losses=None, norms=NOISY, finite=True, **metrics: tuple[float, float]):
    """The code of one seed, healthy but for what is given; metrics are (value, reference)."""
    losses = np.zeros(STEPS) if losses is None else losses
    measured: dict[str, Any] = {name: ([value], reference) for name, (value, reference) in metrics.items()}
    (code,) = classify([np.ones((1, STEPS)), losses[None]], norms[None], [finite], **measured)
    return Outcome(code)


def broken(series, value, step=STEPS // 2):
    series = np.array(series, dtype=float)
    series[step] = value
    return series


def test_a_healthy_seed_is_ok():
    assert outcome() == Outcome.HEALTHY
    assert outcome(captured=(8, 8), distance=(0.2, 0.1), high_quality=(0.9, 0.989)) == Outcome.HEALTHY


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite(bad):
    assert outcome(losses=broken(np.zeros(STEPS), bad)) == Outcome.DIVERGED
    assert outcome(norms=broken(NOISY, bad)) == Outcome.DIVERGED
    assert outcome(finite=False) == Outcome.DIVERGED


def test_collapsed_is_fewer_than_half_the_modes():
    assert outcome(captured=(4, 8)) == Outcome.HEALTHY
    assert outcome(captured=(3, 8)) == Outcome.COLLAPSED
    assert outcome(captured=(12, 25)) == Outcome.COLLAPSED


def test_what_reaches_no_mode_has_not_learned_and_is_no_collapse():
    assert outcome(captured=(0, 8)) == Outcome.NOT_LEARNED
    assert outcome(captured=(1, 8)) == Outcome.COLLAPSED
    # Noise over the plane: a stray sample is near a mode, next to none are.
    assert outcome(captured=(1, 8), high_quality=(0.001, 0.989)) == Outcome.NOT_LEARNED
    # One mode, sampled well.
    assert outcome(captured=(1, 8), high_quality=(0.98, 0.989)) == Outcome.COLLAPSED
    # Few classes are far from the data by their Frechet distance, too.
    assert outcome(captured=(2, 10), distance=(280.0, 2.0)) == Outcome.COLLAPSED
    assert outcome(captured=(0, 10), distance=(280.0, 2.0)) == Outcome.NOT_LEARNED


def test_not_learned_is_far_from_the_reference():
    assert outcome(distance=(1.0, 0.1)) == Outcome.HEALTHY  # 10 times, the default threshold
    assert outcome(distance=(1.1, 0.1)) == Outcome.NOT_LEARNED
    assert outcome(distance=(np.inf, 0.1)) == Outcome.NOT_LEARNED
    assert outcome(high_quality=(0.4, 0.989)) == Outcome.NOT_LEARNED
    assert outcome(high_quality=(0.5, 0.989)) == Outcome.HEALTHY


def test_gradient_vanished():
    assert outcome(norms=NOISY * np.logspace(0, -5, STEPS)) == Outcome.GRADIENT_VANISHED
    assert outcome(norms=NOISY * np.logspace(0, -1, STEPS)) == Outcome.HEALTHY


@pytest.mark.parametrize("metric", ["captured", "distance", "high_quality"])
def test_an_undefined_metric_is_never_fine(metric):
    assert outcome(**{metric: (np.nan, 1.0)}) == Outcome.NOT_LEARNED


def test_the_first_code_that_holds_is_reported():
    """Each line repairs what the line before reported, and the next failure shows."""
    flat = NOISY * np.logspace(0, -5, STEPS)
    failing = {"captured": (1, 8), "distance": (9.0, 0.1), "high_quality": (0.0, 1.0)}
    # A diverged run whose metrics are NaN: every comparison is False, and it must not read as anything else.
    nan = dict.fromkeys(("captured", "distance", "high_quality"), (np.nan, 1.0))
    assert outcome(losses=np.full(STEPS, np.nan), norms=np.full(STEPS, np.nan), **nan) == Outcome.DIVERGED
    assert outcome(norms=flat, finite=False, **failing) == Outcome.DIVERGED
    assert outcome(norms=flat, **failing) == Outcome.NOT_LEARNED
    sharp = failing | {"high_quality": (1.0, 1.0)}
    assert outcome(norms=flat, **sharp) == Outcome.COLLAPSED
    assert outcome(norms=flat, **sharp | {"captured": (8, 8)}) == Outcome.NOT_LEARNED
    assert outcome(norms=flat, **sharp | {"captured": (8, 8), "distance": (0.1, 0.1)}) == Outcome.GRADIENT_VANISHED
    assert outcome(norms=flat, captured=(8, 8)) == Outcome.GRADIENT_VANISHED


def test_thresholds_move_the_lines():
    norms, losses = np.stack([NOISY, NOISY * np.logspace(0, -1, STEPS)]), np.zeros((2, STEPS))
    captured, distance, sharp = ([6, 8], 8), ([0.1, 0.1], 0.1), ([0.9, 0.9], 1.0)

    def codes(**changes):
        return classify(
            [losses], norms, [True, True],
            captured=captured, distance=distance, high_quality=sharp, thresholds=Thresholds(**changes),
        ).tolist()  # fmt: skip

    assert codes() == [Outcome.HEALTHY, Outcome.HEALTHY]
    assert codes(modes_share=0.9) == [Outcome.COLLAPSED, Outcome.HEALTHY]
    assert codes(quality_multiple=0.5) == [Outcome.NOT_LEARNED] * 2
    assert codes(quality_share=0.95) == [Outcome.NOT_LEARNED] * 2
    assert codes(vanished_fraction=0.5) == [Outcome.HEALTHY, Outcome.GRADIENT_VANISHED]


def test_vanished_compares_the_medians_of_the_first_and_last_tenth():
    series = np.ones(STEPS)
    series[:9], series[9] = 1e9, 1.0  # nine of the first ten steps are large: their median is 1e9
    assert vanished(series[None]).tolist() == [True]
    series[:4], series[4:10] = 1e9, 1.0  # four outliers are not the median
    assert vanished(series[None]).tolist() == [False]


def test_vanished_is_never_healthy_by_default():
    zeros, lost = np.zeros(STEPS), broken(NOISY, np.nan, step=STEPS - 1)
    assert vanished(np.stack([zeros, lost, NOISY])).tolist() == [True, True, False]
    assert vanished(np.ones((2, 1))).tolist() == [False, False]  # one step has nothing to fall from


def test_every_outcome_is_explained():
    assert set(EXPLANATION) == set(Outcome)
    assert len(set(EXPLANATION.values())) == len(Outcome)
    # Whatever fails can have a discriminator that is certain as its cause: then a faster one makes it worse.
    assert not any("faster discriminator" in sentence for sentence in EXPLANATION.values())


def test_help_can_be_read():
    """An alias such as numpy's ArrayLike is printed as the union behind it, 2,000 characters long."""
    for function in (classify, vanished, vanishing_episodes, profile):
        assert len(str(inspect.signature(function))) < 400


def test_mistaken_inputs_are_rejected():
    with pytest.raises(ValueError, match=r"3 seeds of g_grad_norm first, got shape \(2, 5\)"):
        classify([np.zeros((2, 5))], np.ones((3, 5)), [True] * 3)
    with pytest.raises(ValueError, match=r"3 seeds of g_grad_norm first, got shape \(1,\)"):
        classify([], np.ones((3, 5)), [True] * 3, captured=([8], 8))
    with pytest.raises(ValueError, match="positive and finite reference, got nan"):
        classify([], np.ones((3, 5)), [True] * 3, distance=([1.0] * 3, float("nan")))
    with pytest.raises(ValueError, match=r"\[seeds, steps\], steps > 0, got shape \(3,\)"):
        vanished(np.ones(3))


def test_failure_rule_on_noise_one_repeated_picture_and_real_samples():
    rng = np.random.default_rng(1)
    centres = 4 * np.eye(10)

    def draw(n):
        labels = rng.integers(10, size=n)
        return centres[labels] + 0.3 * rng.standard_normal((n, 10)), labels

    (train, labels), (heldout, heldout_labels) = draw(2_000), draw(2_000)
    reference = class_reference(train, labels, heldout, heldout_labels, k=10)
    real, real_labels = draw(1_000)
    noise = 3 * rng.standard_normal((1_000, 10))
    noise_labels = np.argmax(noise, axis=1)  # the centre with the largest inner product is the nearest
    repeated, repeated_labels = np.tile(real[:1], (1_000, 1)), np.full(1_000, real_labels[0])
    captured = [
        class_report(features, labels, reference).captured
        for features, labels in ((noise, noise_labels), (repeated, repeated_labels), (real, real_labels))
    ]
    codes = classify([], np.ones((3, STEPS)), [True] * 3, captured=(captured, 10))
    assert codes.tolist() == [Outcome.NOT_LEARNED, Outcome.COLLAPSED, Outcome.HEALTHY]
