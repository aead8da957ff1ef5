"""States, signs and outcomes on synthetic runs: every code, its negation and its boundaries."""

from typing import Any

import numpy as np
import pytest

from jaxgan.diagnostics.diagnosis import EXPLAINS_BAD, LIMITS_GOOD, diagnose
from jaxgan.diagnostics.outcomes import EXPLANATION, Outcome
from jaxgan.diagnostics.signs import Evidence, missing
from jaxgan.results.codes import FINE
from jaxgan.results.statistics.windows import turnover
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS

PROBES = 20
STEPS = np.arange(1, PROBES + 1) * 100
K = 8
EVEN = np.full(K, 1 / K)
T = DIAGNOSIS_THRESHOLDS


def one_run(**changes: Any) -> Evidence:
    """A run that learns all modes by its fifth probe, but for what is given; numbers stand for all probes."""
    quality = np.concatenate([[0.0, 0.2, 0.5, 0.8], np.full(PROBES - 4, 0.95)])
    fine: dict[str, Any] = {
        "gradient": 1.0, "quality": quality, "distinct": 0.5, "memorized": 0.0, "separation": 0.7,
        "training_edge": 0.5, "saturated": 0.0, "growth": 1.0, "rhythm": 0.1,
    }  # fmt: skip
    shares = changes.pop("shares", None)
    apart = ("nonfinite_step", "expected", "distance")
    given: dict[str, Any] = {
        name: None if value is None else np.broadcast_to(value, (1, PROBES)).astype(float)
        for name, value in (fine | changes).items()
        if name not in apart
    }
    if shares is None:
        own = np.nan_to_num(given["quality"] if given["quality"] is not None else np.full((1, PROBES), 0.95))
        shares = own[..., None] * EVEN
    distance = changes.get("distance")
    return Evidence(
        steps=STEPS,
        shares=np.broadcast_to(shares, (1, PROBES, K)).astype(float),
        expected=EVEN,
        distance=None if distance is None else np.broadcast_to(distance, (1, PROBES)).astype(float),
        nonfinite_step=np.array([changes.get("nonfinite_step", 0)]),
        **given,
    )


def outcome(**changes: Any) -> Outcome:
    return Outcome(diagnose(one_run(**changes)).outcome[0])


def reach(modes: int, quality: float = 0.95) -> np.ndarray:
    """Shares of samples that are even over so many modes."""
    shares = np.zeros(K)
    shares[:modes] = quality / modes
    return shares


BAD = {"quality": 0.2}
DECAYED = {"quality": np.concatenate([np.full(12, 0.95), np.full(8, 0.3)])}
GROWN = np.where(np.arange(PROBES) == 9, T.exploded, 1.0)  # once is enough: what comes after is not trained
ONE_IN_TURN = np.stack([0.95 * np.eye(K)[i % K] for i in range(PROBES)])

CASES = [
    ({}, Outcome.HEALTHY),
    (BAD, Outcome.NOT_LEARNED),
    ({"nonfinite_step": 1700}, Outcome.DIVERGED),
    ({"growth": T.exploded}, Outcome.DIVERGED),
    ({"quality": 0.9, "growth": GROWN}, Outcome.DIVERGED),
    (BAD | {"gradient": T.dead}, Outcome.DIVERGED),
    (BAD | {"gradient": T.vanished, "saturated": T.saturated, "separation": T.certain}, Outcome.GRADIENT_VANISHED),
    (BAD | {"separation": T.certain}, Outcome.DISCRIMINATOR_DOMINATES),
    (BAD | {"separation": T.fooled}, Outcome.GENERATOR_DOMINATES),
    (DECAYED | {"separation": 0.5}, Outcome.JUNK),
    ({"shares": ONE_IN_TURN}, Outcome.OSCILLATING),
    (BAD | {"rhythm": T.rhythm}, Outcome.OSCILLATING),
    ({"shares": reach(3)}, Outcome.COLLAPSED),
    ({"distinct": T.alike}, Outcome.COLLAPSED),
    ({"shares": reach(7)}, Outcome.PARTIALLY_COLLAPSED),
    ({"training_edge": T.edge}, Outcome.OVERFITTED),
    ({"memorized": T.memorized}, Outcome.OVERFITTED),
    ({"obeyed": T.ignored}, Outcome.CONDITION_IGNORED),
]


CERTAIN = BAD | {"separation": 1.0}


@pytest.mark.parametrize(("changes", "expected"), CASES, ids=lambda value: getattr(value, "name", "case"))
def test_every_outcome_has_its_evidence(changes, expected):
    assert outcome(**changes) == expected


def just(value: float, side: float) -> float:
    """A number on one side of another, by less than anything that is measured."""
    return value * (1 + side * 1e-6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"quality": T.good}, Outcome.HEALTHY),
        ({"quality": just(T.good, -1)}, Outcome.NOT_LEARNED),
        ({"growth": just(T.exploded, -1)}, Outcome.HEALTHY),
        (CERTAIN | {"gradient": just(T.vanished, 1), "saturated": 1.0}, Outcome.DISCRIMINATOR_DOMINATES),
        (CERTAIN | {"gradient": 0.01, "saturated": just(T.saturated, -1)}, Outcome.DISCRIMINATOR_DOMINATES),
        (CERTAIN | {"gradient": 0.01, "saturated": None}, Outcome.GRADIENT_VANISHED),
        (BAD | {"gradient": 0.0, "saturated": None, "separation": None}, Outcome.GRADIENT_VANISHED),
        (BAD | {"gradient": 0.01, "saturated": 1.0, "separation": 0.0}, Outcome.GENERATOR_DOMINATES),  # from above
        (BAD | {"gradient": just(T.dead, 1)}, Outcome.NOT_LEARNED),
        (BAD | {"separation": just(T.certain, -1)}, Outcome.NOT_LEARNED),
        (BAD | {"separation": just(T.fooled, 1)}, Outcome.NOT_LEARNED),
        ({"shares": reach(4)}, Outcome.PARTIALLY_COLLAPSED),  # half of the modes are no collapse
        ({"distinct": just(T.alike, 1)}, Outcome.HEALTHY),
        ({"training_edge": just(T.edge, -1)}, Outcome.HEALTHY),
        ({"memorized": just(T.memorized, -1)}, Outcome.HEALTHY),
        ({"obeyed": just(T.ignored, 1)}, Outcome.HEALTHY),
        (BAD | {"obeyed": 0.0}, Outcome.NOT_LEARNED),  # which comes first
        ({"obeyed": 0.0, "shares": reach(3)}, Outcome.COLLAPSED),
        ({"rhythm": 1.0}, Outcome.HEALTHY),  # swings around a good solution are no failure
        ({"distance": 1.0}, Outcome.HEALTHY),
        ({"distance": just(1.0, 1)}, Outcome.NOT_LEARNED),
        ({"distance": 30.0, "shares": reach(2)}, Outcome.COLLAPSED),  # which is why it is far
    ],
)
def test_boundaries(changes, expected):
    assert outcome(**changes) == expected


def test_noise_that_strays_near_a_mode_has_collapsed_to_nothing():
    """Quality comes first: a few of 500 samples near two modes are no collapse to these."""
    few = np.zeros(K)
    few[:2] = 0.004
    assert outcome(quality=0.008, shares=few) == Outcome.NOT_LEARNED


@pytest.mark.parametrize("name", ["quality", "distance"])
def test_an_undefined_quality_is_never_fine(name):
    assert outcome(**{name: np.nan}) == Outcome.NOT_LEARNED


@pytest.mark.parametrize("name", ["gradient", "distinct", "memorized", "separation", "training_edge", "saturated",
                                  "growth", "rhythm"])  # fmt: skip
def test_undefined_evidence_shows_nothing(name):
    assert outcome(**{name: np.nan}) == Outcome.HEALTHY
    assert outcome(**BAD, **{name: np.nan}) == Outcome.NOT_LEARNED


def test_not_finite_is_asked_first():
    everything = BAD | {"gradient": 0.0, "saturated": 1.0, "separation": 1.0, "rhythm": 1.0}
    assert outcome(**everything, nonfinite_step=1) == Outcome.DIVERGED
    found = diagnose(one_run(nonfinite_step=1000))
    assert found.states[0, 8] == Outcome.HEALTHY and (found.states[0, 9:] == Outcome.DIVERGED).all()


def test_dominance_takes_a_standstill_and_a_stretch():
    rising = np.linspace(0.0, 0.38, PROBES)  # 0.02 a probe: 0.08 in four
    assert outcome(quality=rising, separation=1.0) == Outcome.NOT_LEARNED
    assert diagnose(one_run(quality=rising, separation=1.0)).improving.all()
    often = np.where(np.arange(PROBES) % 5 < 3, 0.7, 1.0)  # at two probes in five
    assert outcome(**BAD, separation=often) == Outcome.NOT_LEARNED
    # Of a distance too: from 40 to 10 times what is good is better, and a tenth of it is not.
    falling = np.geomspace(40.0, 10.0, PROBES)
    assert outcome(quality=None, distance=falling, separation=1.0) == Outcome.NOT_LEARNED
    assert outcome(quality=None, distance=10.0, separation=1.0) == Outcome.DISCRIMINATOR_DOMINATES


def test_the_outcome_is_what_the_run_ended_in():
    late_recovery = np.concatenate([np.full(PROBES - 3, 0.1), np.full(3, 0.95)])
    assert outcome(quality=late_recovery) == Outcome.HEALTHY
    late_fall = np.concatenate([np.full(PROBES - 3, 0.95), np.full(3, 0.1)])
    assert outcome(quality=late_fall) == Outcome.NOT_LEARNED
    one_bad = np.where(np.arange(PROBES) == PROBES - 1, 0.1, 0.95)
    assert outcome(quality=one_bad) == Outcome.HEALTHY


def test_many_ways_to_fail_are_a_failure():
    """Of the last five states two are fine, and three are failures, of three kinds."""
    quality = np.full(PROBES, 0.95)
    quality[-3:] = 0.6, 0.2, 0.2
    separation = np.full(PROBES, 0.7)
    separation[-3:] = 0.5
    found = diagnose(one_run(quality=quality, separation=separation, shares=np.stack(
        [reach(8)] * (PROBES - 3) + [reach(3)] + [reach(8, 0.2)] * 2)))  # fmt: skip
    names = [Outcome(code).name for code in found.states[0, -5:]]
    assert names == ["HEALTHY", "HEALTHY", "COLLAPSED", "NOT_LEARNED", "JUNK"]
    assert Outcome(found.outcome[0]) == Outcome.JUNK  # the last of three that are as frequent


def test_signs_stay_when_they_pass():
    gone = np.where((np.arange(PROBES) > 2) & (np.arange(PROBES) < 9), 0.01, 1.0)
    found = diagnose(one_run(gradient=gone, saturated=(gone < 1).astype(float), separation=1.0))
    assert found.signs[0, :, Outcome.GRADIENT_VANISHED].tolist() == (gone < 1).tolist()
    assert found.outcome[0] == Outcome.HEALTHY


def test_one_probe_and_one_run_are_enough():
    one = Evidence(np.array([10]), np.ones((1, 1)), quality=np.ones((1, 1)))
    assert diagnose(one).outcome.tolist() == [Outcome.HEALTHY]
    assert diagnose(one._replace(quality=np.zeros((1, 1)))).outcome.tolist() == [Outcome.NOT_LEARNED]


def test_without_modes_or_a_discriminator_the_rest_is_told():
    bare = Evidence(STEPS, np.ones((2, PROBES)), distance=np.array([[0.5] * PROBES, [9.0] * PROBES]))
    assert diagnose(bare).outcome.tolist() == [Outcome.HEALTHY, Outcome.NOT_LEARNED]
    gone = bare._replace(gradient=np.full((2, PROBES), 0.01))
    assert diagnose(gone).outcome.tolist() == [Outcome.HEALTHY, Outcome.GRADIENT_VANISHED]


def test_where_nothing_measures_quality_nothing_speaks_against_it():
    """Few images, all far apart: real data are as far from real data as an untrained generator's samples."""
    bare = Evidence(STEPS, np.full((1, PROBES), 0.01), separation=np.ones((1, PROBES)))
    found = diagnose(bare)
    assert found.outcome.tolist() == [Outcome.HEALTHY]
    assert found.signs[0, -1, Outcome.GRADIENT_VANISHED]
    assert diagnose(bare._replace(nonfinite_step=np.array([5]))).outcome.tolist() == [Outcome.DIVERGED]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quality": np.ones((1, 3))}, "expected quality of the shape of gradient"),
        ({"gradient": np.ones((1, 3))}, "expected gradient \\[run, probe\\] of 20 probes"),
    ],
)
def test_evidence_that_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        diagnose(one_run()._replace(**change))


def test_a_mode_is_missing_only_where_chance_does_not_explain_it():
    """With 30 samples a mode of 1/8 is empty with a probability of 0.018: no evidence, as 0.01/8 is asked.

    And of two probes, which have 60, it is.
    """
    shares = reach(7)[None, None]
    assert missing(Evidence(STEPS[:1], np.ones((1, 1)), shares=shares, expected=EVEN, samples=500)).sum() == 1
    assert missing(Evidence(STEPS[:1], np.ones((1, 1)), shares=shares, expected=EVEN, samples=30)).sum() == 0
    twice = np.repeat(shares, 2, axis=1)
    found = missing(Evidence(STEPS[:2], np.ones((1, 2)), shares=twice, expected=EVEN, samples=30))
    assert found.sum(axis=-1).tolist() == [[0, 1]]


def test_perfect_samples_are_not_accused_of_missing_modes_or_turnover():
    """Of 4,000 draws of 500 from 25 even modes: the rate of false accusations is below the nominal 1 %."""
    rng = np.random.default_rng(0)
    even = np.full(25, 1 / 25)
    shares = rng.multinomial(500, even, size=(200, 20)) / 500
    evidence = Evidence(STEPS, np.ones((200, 20)), shares=shares, expected=even)
    assert missing(evidence).any(axis=-1).mean() <= 0.01
    found = turnover(shares, 500, 5)[:, 4:]
    # Its mean is 0 by construction; the standard deviation of a TV of 25 cells at n = 500 is about 0.02.
    assert abs(np.nanmean(found)) < 0.01 and np.nanmax(found) < 0.1


def test_turnover_is_the_share_that_moves():
    a, b = np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.0, 0.5])
    shares = np.stack([a, b] * 10)[None]
    # TV = 1/2; by chance three cells of p = 1/2, 1/4, 1/4 at n = 500 differ by 0.0252 + 2 x 0.0219, half of it.
    assert turnover(shares, 500, 5)[0, -1] == pytest.approx(0.5 - (0.02523 + 2 * 0.02185) / 2, abs=1e-4)


def test_codes_are_explained_and_named_once():
    assert set(EXPLAINS_BAD) | set(LIMITS_GOOD) | {Outcome.HEALTHY} == set(Outcome) == set(EXPLANATION)
    assert {name for name in FINE if name != "OK"} == {"HEALTHY", "PARTIALLY_COLLAPSED", "OVERFITTED"}
    # What was bad makes no difference to a fine outcome, and the other way round.
    assert not {code.name for code in EXPLAINS_BAD} & set(FINE)
