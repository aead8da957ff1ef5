"""What a diagnosis asks of recorded runs."""

from typing import Any

import numpy as np
import pytest

from jaxgan.diagnostics.diagnosis import diagnose
from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.diagnostics.signs import Evidence
from jaxgan.study.diagnosis.causes import stretches_of
from jaxgan.study.diagnosis.diagnosing import thresholds_of
from jaxgan.study.diagnosis.evidence import Yardsticks, evidence_of, rhythm, standing
from jaxgan.study.diagnosis.judging import diagnosed_runs
from jaxgan.study.messages import OptionError
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS

STEPS = np.arange(10, 2001, 10)
PROBES = np.arange(100, 2001, 100)


def recorded(**series: Any) -> dict[str, Any]:
    """Two runs; what is given is [record] of the second."""
    given = {"g_grad_norm": 1.0, "d_grad_norm": 1.0, "real_logit": 0.5, "fake_logit": -0.5} | series
    rows = {
        f"series/{name}": np.stack([np.full(len(STEPS), 1.0), np.broadcast_to(values, len(STEPS))])
        for name, values in given.items()
    }
    return rows | {"step": STEPS, "probe_step": PROBES, "watch/step": np.array([0, 0]),
                   "along/high_quality": np.full((2, len(PROBES)), 0.1)}  # fmt: skip


YARDSTICKS = Yardsticks(quality=("high_quality", 0.5), distance=None, shares=None, samples=500)


def test_levels_are_medians_since_the_probe_before_in_the_early_level():
    norms = np.where(STEPS <= 100, 4.0, np.where(STEPS <= 1000, 0.2, 2.0))
    norms[STEPS == 550] = 100.0  # one record is no level
    evidence = evidence_of(YARDSTICKS, recorded(g_grad_norm=norms), 2000)
    levels = [1.0, 0.05, 0.05, 0.05, 0.5, 0.5]
    np.testing.assert_allclose(evidence.gradient[1, [0, 4, 5, 9, 10, 19]], levels, rtol=1e-6)  # float32
    assert evidence.quality is not None and evidence.quality[0, 0] == pytest.approx(0.2)
    states = diagnose(evidence).states[1]
    assert [Outcome(code).name for code in states[[0, 5, 19]]] == ["NOT_LEARNED", "GRADIENT_VANISHED", "NOT_LEARNED"]


def test_growth_is_that_of_gradients_and_of_logits_beyond_one():
    evidence = evidence_of(YARDSTICKS, recorded(fake_logit=-np.geomspace(0.1, 1e5, len(STEPS))), 2000)
    assert evidence.growth is not None and evidence.growth[0, -1] == 1.0
    assert evidence.growth[1, 0] == 1.0 and evidence.growth[1, -1] > 5e4
    assert Outcome(diagnose(evidence).outcome[1]) == Outcome.DIVERGED


def test_an_explosion_is_told_from_what_is_not_finite_and_from_a_dead_generator():
    records = recorded(fake_logit=np.where(STEPS <= 1000, -0.5, -5e3))
    stretches = dict(stretches_of(found := evidence_of(YARDSTICKS, records, 2000), diagnose(found)))
    assert stretches["exploded"].begin[1] == 1100 and stretches["exploded"].end[1] == 2000
    assert stretches["exploded"].level[1] == pytest.approx(5e3) and np.isnan(stretches["dead"].begin).all()
    lost = recorded() | {"watch/step": np.array([0, 900])}
    stretches = dict(stretches_of(found := evidence_of(YARDSTICKS, lost, 2000), diagnose(found)))
    assert np.isnan(stretches["exploded"].begin).all() and np.isnan(stretches["dead"].begin).all()
    dead = recorded(g_grad_norm=np.where(STEPS <= 500, 1.0, 1e-9))
    dead["discrimination/saturated"] = np.zeros((2, len(PROBES)))
    stretches = dict(stretches_of(found := evidence_of(YARDSTICKS, dead, 2000), diagnose(found)))
    assert (
        np.isnan(stretches["exploded"].begin).all() and stretches["dead"].begin[1] == 800
    )  # a median over five probes


def test_nothing_but_a_divergence_is_told_once_a_value_was_not_finite():
    records = recorded() | {"watch/step": np.array([0, 900])}
    records["discrimination/separation"] = np.full((2, len(PROBES)), 0.1)
    stretches = dict(stretches_of(evidence := evidence_of(YARDSTICKS, records, 2000), diagnose(evidence)))
    np.testing.assert_array_equal(stretches["generator_dominates"].end, [2000, 800])


def test_samples_that_switch_modes_are_told_from_scores_that_swing():
    evidence, none = evidence_of(YARDSTICKS, recorded(), 2000), np.full((2, len(PROBES)), np.nan)
    swinging = evidence._replace(rhythm=np.full(none.shape, 0.8))
    stretches = dict(stretches_of(swinging, diagnose(swinging)))
    assert np.isnan(stretches["oscillating"].begin).all() and stretches["swinging"].level.tolist() == [0.8, 0.8]
    shares = np.zeros((2, len(PROBES), 2))
    shares[:, ::2, 0], shares[:, 1::2, 1] = 1.0, 1.0
    switching = evidence._replace(rhythm=none, shares=shares, expected=np.array([0.5, 0.5]))
    stretches = dict(stretches_of(switching, diagnose(switching)))
    assert np.isnan(stretches["swinging"].begin).all() and (stretches["oscillating"].level > 0.9).all()


def test_copies_are_told_from_a_discriminator_that_memorized():
    records = recorded() | {"along/high_quality": np.full((2, len(PROBES)), 0.5)}
    records["along/memorized"] = np.where(PROBES > 1000, 0.8, 0.1)[None].repeat(2, axis=0)
    records["discrimination/training_edge"] = np.stack([np.full(len(PROBES), 0.5), np.full(len(PROBES), 0.9)])
    found = diagnose(evidence := evidence_of(YARDSTICKS, records, 2000))
    stretches = dict(stretches_of(evidence, found))
    assert stretches["copied"].begin.tolist() == [1100, 1100] and stretches["copied"].level[0] == pytest.approx(0.8)
    np.testing.assert_array_equal(stretches["overfitted"].begin, [np.nan, 100])
    assert stretches["overfitted"].level[1] == pytest.approx(0.9)
    bad = records | {"along/high_quality": np.zeros((2, len(PROBES)))}
    stretches = dict(stretches_of(evidence := evidence_of(YARDSTICKS, bad, 2000), diagnose(evidence)))
    assert np.isnan(stretches["copied"].begin).all()  # of samples that are no good nothing is a copy


@pytest.mark.parametrize("window", [3, 5])
def test_the_level_that_is_told_of_a_sign_is_one_at_which_it_holds(window):
    thresholds = DIAGNOSIS_THRESHOLDS._replace(window=window)
    rng = np.random.default_rng(0)
    separation, edge, obeyed = rng.uniform(size=(3, 200, 12))
    quality = np.where(rng.uniform(size=(200, 12)) < 0.5, 0.0, 1.0)
    evidence = Evidence(np.arange(1, 13), np.ones((200, 12)), quality=quality, separation=separation,
                        training_edge=edge, obeyed=obeyed)  # fmt: skip
    levels = {name: one.level[np.isfinite(one.level)]
              for name, one in stretches_of(evidence, diagnose(evidence, thresholds), thresholds)}  # fmt: skip
    for fooled in ("generator_dominates", "junk"):
        assert len(levels[fooled]) > 10 and (levels[fooled] <= thresholds.fooled).all()
    assert len(levels["overfitted"]) > 10 and (levels["overfitted"] >= thresholds.edge).all()
    assert len(levels["condition_ignored"]) > 10 and (levels["condition_ignored"] <= thresholds.ignored).all()


def test_runs_diagnosed_together_are_as_each_configuration_by_itself():
    gone = recorded(g_grad_norm=np.where(STEPS <= 100, 4.0, 0.2))
    exploded = recorded(fake_logit=-np.geomspace(0.1, 1e5, len(STEPS)))
    without = recorded() | {"discrimination/separation": np.full((2, len(PROBES)), 0.99)}  # of another kind
    evidence = [evidence_of(YARDSTICKS, records, 2000) for records in (gone, without, exploded)]
    together = diagnosed_runs(evidence)
    assert together["outcome"].tolist()[2] == ["NOT_LEARNED", "DIVERGED"]
    assert together["cause_signs"].shape == (3, 2, len(PROBES), len(Outcome))
    for i, one in enumerate(evidence):
        for name, values in diagnosed_runs([one]).items():
            np.testing.assert_array_equal(values[0], together[name][i], name)


def test_probes_between_records_have_the_last_level():
    probes = np.arange(5, 2001, 5)
    found = evidence_of(YARDSTICKS, recorded(g_grad_norm=STEPS / 10.0) | {
        "probe_step": probes, "along/high_quality": np.zeros((2, len(probes)))}, 2000)  # fmt: skip
    early = np.median(STEPS[STEPS <= 100] / 10.0)
    np.testing.assert_allclose(found.gradient[1, [1, 2, 3]] * early, [1.0, 1.0, 2.0], rtol=1e-6)  # float32


def test_a_rhythm_is_told_from_noise_drift_and_a_random_walk():
    rng = np.random.default_rng(0)
    steps = np.arange(5, 2001, 5)
    noise = rng.normal(size=(50, len(steps)))
    swing = 2 * np.sin(2 * np.pi * steps / 80) + noise[:1]
    drift = 0.01 * steps + noise[:1]
    found = rhythm(np.concatenate([swing, drift, noise, np.cumsum(noise, axis=1)]), steps, PROBES)
    assert np.isnan(found[:, :4]).all()
    assert (found[0, 4:] > 0.5).all()
    # Of 100 records a window: three of 50 frequencies are 0.06 of white noise on the average, the largest three more.
    assert found[1, 4:].max() < 0.5 and np.quantile(found[2:52, 4:], 0.99) < 0.5
    # A random walk swings slowly: less its drift, its lowest frequencies have most of it, and now and then the fourth.
    assert (found[52:, 4:] >= 0.5).mean() < 0.1


def test_what_is_not_finite_or_constant_has_no_rhythm():
    steps = np.arange(5, 2001, 5)
    values = np.stack([np.full(len(steps), np.nan), np.ones(len(steps))])
    assert np.isnan(rhythm(values, steps, PROBES)[0]).all()
    assert not (rhythm(values, steps, PROBES)[1] > 0.5).any()
    assert np.isnan(rhythm(np.sin(STEPS)[None], STEPS, PROBES)).all()  # of too few records


def test_a_stopped_run_stands_in_series_of_any_shape():
    values = np.arange(8.0).reshape(1, 4, 2)
    stood = standing(values, np.array([1, 2, 3, 4]), np.array([2]))
    assert stood[0, :, 0].tolist() == [0.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("good", "got 'good', expected NAME=VALUE"),
        ("goood=1", "there is no threshold 'goood'; did you mean 'good'?"),
        ("good=much", "good: got 'much', expected a number above 0"),
        ("window=2.5", "window: got '2.5', expected a whole number above 0"),
        ("good=-1", "good: got '-1', expected a number above 0"),
    ],
)
def test_thresholds_that_cannot_be_used_are_named(text, message):
    with pytest.raises(OptionError, match=message):
        thresholds_of([text])


@pytest.mark.parametrize(("chance", "level"), [(0.5, 0.0), (None, 0.25)])
def test_the_share_of_the_requested_class_is_told_from_chance(chance: float | None, level: float) -> None:
    """Of three classes, of which two can be measured: one picture for all classes is right in one of the two."""
    yardsticks = YARDSTICKS._replace(obeyed=("obeyed", 1.0), shares=(0.4, 0.4, 0.2), chance=chance)
    records = recorded() | {"along/obeyed": np.full((2, len(PROBES)), 0.5)}
    found = evidence_of(yardsticks, records, 2000).obeyed
    assert found is not None
    np.testing.assert_allclose(found, level, atol=1e-6)
