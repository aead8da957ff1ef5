"""The evidence for failures: what it derives is what the signs compare, and each sign is drawn where it held."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from jaxgan.diagnostics.episodes import vanishing_episodes
from jaxgan.diagnostics.outcomes import EXPLANATION, Outcome
from jaxgan.diagnostics.signs import Evidence, captured_share, missing
from jaxgan.report.plots import PALE, colour
from jaxgan.report.run.evidence import (
    EVIDENCE,
    RULES,
    curve_of,
    early_level,
    evidence_for,
)
from jaxgan.report.run.frames import when_frame
from jaxgan.report.run.map import styles_of
from jaxgan.report.run.when import shown_evidence, when_figure
from jaxgan.results.results import Results, variable
from jaxgan.results.statistics.windows import median_of
from jaxgan.study.diagnosis.causes import in_words
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, EPISODE_THRESHOLDS
from tests.synthetic import BOTH, PROBES, make_run

_RUN = ("configuration", "seed")
NAN = np.nan


def run_with(
    evidence: dict[str, Any],
    causes: dict[str, tuple[list[float], list[float]]],
    failures: dict[tuple[int, int], str],
    configurations: tuple[str, ...] = BOTH,
) -> Results:
    """A run of three seeds; `evidence` [seed, evaluation, ...] and (begin, end) [seed] are of every configuration."""
    run = make_run(configurations, 3, failures=failures)
    k = len(configurations)
    new = [
        variable("evidence", name, (*_RUN, "probe_step", *(f"k{i}" for i in range(np.ndim(values) - 2))),
                 np.stack([np.asarray(values, np.float32)] * k))
        for name, values in evidence.items()
    ]  # fmt: skip
    for name, (begin, end) in causes.items():
        fields = {"begin": begin, "end": end, "depth": begin}
        new += [variable("cause", f"{name}_{field}", _RUN, np.array([x] * k)) for field, x in fields.items()]
    notes = run.notes | {
        "causes": {name: words for name, words in in_words().items() if name in causes},
        "explanations": {outcome.name: EXPLANATION[outcome] for outcome in Outcome},
        "yardsticks": {"shares": [0.5, 0.5], "samples": 500},
    }
    return dataclasses.replace(run, dataset=run.dataset.assign(dict(new)), notes=notes)


def test_thresholds_are_those_of_the_diagnosis() -> None:
    t = DIAGNOSIS_THRESHOLDS
    assert EPISODE_THRESHOLDS.fraction == t.vanished
    assert {cause: {rule.evidence: rule.threshold for rule in rules} for cause, rules in RULES.items()} == {
        "vanishing": {"gradient": t.vanished, "saturated": t.saturated},
        "discriminator_dominates": {"separation": t.certain},
        "generator_dominates": {"separation": t.fooled},
        "junk": {"separation": t.fooled},
        "oscillating": {"turnover": t.turnover},
        "swinging": {"rhythm": t.rhythm},
        "collapsed": {"captured": t.collapsed, "distinct": t.alike},
        "partially_collapsed": {"rarest": t.missing},
        "condition_ignored": {"obeyed": t.ignored},
        "overfitted": {"training_edge": t.edge},
        "copied": {"memorized": t.memorized},
        "exploded": {"growth": t.exploded},
        "dead": {"gradient": t.dead},
        "not_finite": {"growth": pytest.approx(NAN, nan_ok=True)},
        "not_learned": {"quality": t.good, "distance": 1, "captured": 0},
    }


def test_every_cause_has_its_evidence() -> None:
    assert set(in_words()) == set(RULES) - {"not_finite", "not_learned"}
    assert {rule.evidence for rules in RULES.values() for rule in rules} == set(EVIDENCE)


def test_curves_are_what_the_signs_compare() -> None:
    norms = np.random.default_rng(0).lognormal(size=(3, 50))
    for steps in (np.arange(1, 51), np.arange(7, 357, 7)):
        np.testing.assert_allclose(early_level(norms, steps), vanishing_episodes(norms, steps=steps).early)


def test_captured_and_rarest_are_those_of_the_diagnosis() -> None:
    shares = np.array([[[0.5, 0.5], [0.9, 0.1], [0.99, 0.01], [1.0, 0.0]]] * 3).astype(np.float32).astype(float)
    run = run_with({"shares": shares}, {}, {})
    evidence = Evidence(PROBES, np.ones((3, 4)), shares=shares, expected=np.array([0.5, 0.5]))
    captured, rarest = curve_of(run, "captured", 0), curve_of(run, "rarest", 0)
    expected = captured_share(evidence, DIAGNOSIS_THRESHOLDS)
    assert captured is not None and rarest is not None and expected is not None
    np.testing.assert_allclose(captured[1], expected)
    np.testing.assert_allclose(rarest[1][0], np.cumsum([0.5, 0.1, 0.01, 0]) / np.arange(1, 5) / 0.5, rtol=1e-6)
    rare = missing(evidence)[..., 1]  # with this many samples never by chance
    np.testing.assert_array_equal(rarest[1] < DIAGNOSIS_THRESHOLDS.missing, rare)


SEPARATION = [[0.5, 0.99, 0.99, 0.99], [0.5, 0.5, 0.98, 0.98], [0.5, 0.8, 0.8, 0.8]]
DOMINATES = {"discriminator_dominates": ([20.0, 20.0, NAN], [30.0, 40.0, NAN])}


def test_an_episode_is_shaded_and_named_in_the_panel_of_its_evidence() -> None:
    run = run_with({"separation": SEPARATION, "rhythm": np.zeros((3, 4))}, DOMINATES,
                   {(0, 0): "DISCRIMINATOR_DOMINATES"})  # fmt: skip
    figure = when_figure(run)
    assert figure is not None and len(figure.axes) == 2  # the metric and one panel; seed 1 recovered
    panel = figure.axes[1]
    lines = ["minimax, 1 of 3 seeds", "P(D ranks held-out data above", "samples), median of 5 evaluations"]
    assert panel.get_title(loc="left").split("\n") == lines
    *curves, threshold = panel.lines
    assert [line.get_color() for line in curves] == [PALE, PALE, colour(0)]
    np.testing.assert_allclose(np.asarray(curves[2].get_ydata(), float), median_of(np.array(SEPARATION[:1]), 5)[0])
    assert np.asarray(threshold.get_ydata()).tolist() == [0.95, 0.95]
    shade: Any = panel.patches[0]
    assert (shade.get_x(), shade.get_x() + shade.get_width(), len(panel.patches)) == (20, 30, 1)
    (tag,) = panel.texts
    own = styles_of(run)["DISCRIMINATOR_DOMINATES"].colour
    assert tag.get_text() == "DISCRIMINATOR_DOMINATES" and to_hex(shade.get_facecolor()) == own
    legend = [text.get_text().strip("\u200b") for text in figure.legends[0].get_texts()]
    assert legend[:2] == list(BOTH) and "dashed: its threshold" in legend


def test_no_healthy_run_has_evidence() -> None:
    figure = when_figure(run_with({"separation": SEPARATION}, DOMINATES, {}))
    assert figure is not None and len(figure.axes) == 1


def test_an_oscillation_is_shown_by_the_comparison_that_found_it() -> None:
    swings = np.array([[1.0, 0.0], [0.0, 1.0]] * 2)
    evidence = {
        "shares": [swings, np.full((4, 2), 0.5), swings],
        "rhythm": [[0.1] * 4, [0.1, 0.1, 0.7, 0.7], [0.9] * 4],
    }
    causes = {
        "oscillating": ([30.0, NAN, 30.0], [40.0, NAN, 40.0]),
        "swinging": ([NAN, 30.0, 30.0], [NAN, 40.0, 40.0]),
    }
    found = evidence_for(run_with(evidence, causes, {(0, j): "OSCILLATING" for j in range(3)}), 0)
    seeds = {one.rule.evidence: np.flatnonzero(one.seeds).tolist() for one in found}
    assert seeds == {"turnover": [0, 2], "rhythm": [1, 2]}


def test_a_run_that_is_not_finite_or_not_learned_has_a_panel() -> None:
    run = run_with({"growth": np.full((3, 4), 9.0), "quality": [[0.1] * 4] * 3, "distance": [[5.0] * 4] * 3}, {},
                   {(0, 0): "DIVERGED", (0, 1): "NOT_LEARNED"})  # fmt: skip
    first = np.array([[17, 0, 0], [0, 0, 0]])
    new = [variable("metric", "failed_at", _RUN, np.array([[20, 10, 0]] * 2)),
           variable("series", "first_nonfinite_step", _RUN, first)]  # fmt: skip
    run = dataclasses.replace(run, dataset=run.dataset.assign(dict(new)))
    found = evidence_for(run, 0)
    assert [(one.code, one.rule.evidence, np.nanmax(one.begin)) for one in found] == [
        ("DIVERGED", "growth", 17), ("NOT_LEARNED", "quality", 10)
    ]  # fmt: skip
    figure = when_figure(run)
    assert figure is not None
    assert [text.get_text() for axis in figure.axes[1:] for text in axis.texts] == [
        "DIVERGED: not finite",
        "NOT_LEARNED",
    ]


def test_many_configurations_share_the_panels_of_evidence() -> None:
    names = tuple(f"recipe {i}" for i in range(9))
    causes = DOMINATES | {"generator_dominates": ([NAN, 10.0, NAN], [NAN, 20.0, NAN])}
    failures = {(i, j): "NOT_LEARNED" for i in range(9) for j in range(2)}
    run = run_with({"separation": SEPARATION}, causes, failures, names)
    shown, left_out = shown_evidence(run)
    assert [one.configuration for one in shown] == [0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8] and left_out == 6
    figure = when_figure(run)
    assert figure is not None and len(figure.axes) == 9 + 12
    assert "(6 more panels left out)" in figure.legends[0].get_texts()[-1].get_text()


def test_the_data_of_the_figure_has_the_evidence() -> None:
    run = run_with({"separation": SEPARATION}, DOMINATES, {(0, 0): "DISCRIMINATOR_DOMINATES"})
    frame = when_frame(run)
    rows = frame[frame["series"] == "separation"]
    assert rows["step"].tolist() == PROBES.tolist() and set(rows["sign"]) == {"DISCRIMINATOR_DOMINATES"}
