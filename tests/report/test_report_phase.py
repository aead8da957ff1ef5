"""Phase diagrams and failure maps: what is drawn of counts that are known, and how it reads without colour."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import binomtest, trim_mean

from jaxgan.diagnostics.outcomes import EXPLANATION, Outcome
from jaxgan.report.run.cells import (
    borders_of,
    cells_frame,
    cells_in_words,
    estimates,
    failed_share,
    grid_of,
    metric_mean,
    planes_of,
)
from jaxgan.report.run.map import map_figure, map_frame, signs_of, styles_of
from jaxgan.report.run.phase import phase_figure
from jaxgan.report.run.settings import numbers_of
from jaxgan.results.results import Results
from tests.report.readers import ydata
from tests.report.studies import COVERED, make_study, rates
from tests.synthetic import make_run


def with_failures(study: Results, failed: np.ndarray) -> Results:
    """The first `failed` [configuration] seeds of each configuration fail, and no others."""
    seeds = np.arange(len(study.seeds))
    study.dataset["outcome"].values[:] = np.where(seeds < failed[:, None], "COLLAPSED", "HEALTHY")
    return study


@pytest.fixture(scope="module")
def study() -> Results:
    return make_study()


def test_cells_are_wilson_intervals_of_their_counts(study: Results) -> None:
    (planes,) = planes_of(study)
    frame = cells_frame(study, planes, failed_share())
    assert len(frame) == 32 and list(frame.columns) == ["recipe", "lr_d", "lr_g", "n", "failed", "share", "low", "high"]
    failed = (study.outcomes != "HEALTHY").sum(axis=1)
    for i, row in frame.sort_values(["recipe", "lr_d", "lr_g"]).reset_index(drop=True).iterrows():
        interval = binomtest(failed[i], 4).proportion_ci(method="wilson")
        # The same numbers by another call: rounding alone.
        np.testing.assert_allclose([row["share"], row["low"], row["high"]], [failed[i] / 4, *interval], rtol=1e-12)


def test_a_metric_s_cells_are_interquartile_means_or_undefined(study: Results) -> None:
    (planes,) = planes_of(study)
    found = estimates(study, planes[0], metric_mean(COVERED))
    values, failed = study.values["modes"], study.outcomes != "HEALTHY"
    for (place, each), i in zip(found.items(), range(16), strict=True):
        expected = np.nan if failed[i].sum() > 1 else trim_mean(np.where(failed[i], 0.0, values[i]), 0.25)
        assert place == (study.group("setting")["lr_d"][i], study.group("setting")["lr_g"][i])
        np.testing.assert_equal(each.interval.estimate, expected)


def test_the_border_is_interpolated_in_the_logarithm() -> None:
    """From none of four seeds at one rate to all of four at the next: half way in the logarithm."""
    run = with_failures(make_study(("minimax",), x=2, y=3), np.array([0, 0, 0, 4, 4, 4]))
    ((plane,),) = planes_of(run)
    shares = grid_of(estimates(run, plane, failed_share()), plane.levels(0), plane.levels(1))
    (line,) = borders_of(plane, shares[0])
    low, high = rates(2)
    np.testing.assert_allclose(line[:, 0], np.sqrt(low * high), rtol=1e-12)  # rounding of log and exp
    np.testing.assert_allclose(np.sort(line[:, 1]), rates(3), rtol=1e-12)
    # The bounds of 0 of 4 and of 4 of 4 are [0, 0.49] and [0.51, 1]: theirs lie near the outer cells' centres.
    (lower,), (upper,) = (borders_of(plane, bound) for bound in shares[1:])
    assert upper[0, 0] < line[0, 0] < lower[0, 0]


def test_a_phase_diagram_reads_without_colour(study: Results) -> None:
    (planes,) = planes_of(study)
    figure = phase_figure(study, planes)
    first, second, bar = figure.axes
    assert [axis.get_title(loc="left") for axis in (first, second)] == ["minimax", "non_saturating"]
    assert first.get_xscale() == first.get_yscale() == "log"
    failed = (study.outcomes != "HEALTHY").sum(axis=1)[:16]
    assert sorted(int(text.get_text()) for text in first.texts) == sorted((25 * failed).tolist())
    styles = {str(line.get_linestyle()) for line in first.lines}
    assert "-" in styles and len(styles) == 2  # the border, and dashed its bounds
    assert "share of failed seeds" in bar.get_ylabel()
    colours = first.collections[0].get_cmap()(np.linspace(0, 1, 32))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(colours) < 0).all()  # darker and darker


def test_one_number_is_a_line_and_none_is_no_figure() -> None:
    run = make_study(y=0)
    ((minimax, other),) = planes_of(run)
    assert len(minimax.numbers) == 1
    figure = phase_figure(run, [minimax, other])
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 4]  # type: ignore[arg-type]
    shares = (run.outcomes != "HEALTHY").mean(axis=1)
    np.testing.assert_array_equal(ydata(lines[0]), shares[:4])
    np.testing.assert_array_equal(ydata(lines[1]), shares[4:])
    assert len(figure.axes[0].collections) == 2  # bands
    assert planes_of(make_run()) == []


@pytest.mark.parametrize("falling", [False, True])
def test_two_numbers_that_change_together_are_a_line_with_both_at_its_axis(falling: bool) -> None:
    run = make_study(y=0)
    lr_d = run.dataset["setting_lr_d"]
    run = dataclasses.replace(run, dataset=run.dataset.assign(setting_lr_g=2e-5 / lr_d if falling else 2 * lr_d))
    (planes,) = planes_of(run)
    assert [number.name for number in planes[0].numbers] == ["lr_d", "lr_g"] and planes[0].is_line
    (axis,) = phase_figure(run, planes).axes
    np.testing.assert_array_equal(ydata(axis.lines[0]), run.failed.mean(axis=1)[:4])
    assert len(axis.collections) == 2  # bands
    assert axis.get_xlabel() == "above: learning rate of D, lr_d\nbelow: learning rate of G, lr_g"
    assert [text.get_text() for text in axis.get_xticklabels()][::3] == (
        ["0.0003\n0.0667", "0.016\n0.00125"] if falling else ["0.0003\n0.0006", "0.016\n0.032"]
    )
    assert list(cells_frame(run, planes, failed_share()).columns[1:3]) == ["lr_d", "lr_g"]
    assert "of 4 values at least half" in cells_in_words(run, planes)[0]


def test_what_is_drawn_at_random_is_drawn_as_points() -> None:
    run = make_study(("minimax",))
    rng = np.random.default_rng(0)
    for name in ("setting_lr_d", "setting_lr_g"):
        run.dataset[name].values[:] = 10 ** rng.uniform(-4, -2, 16)
    ((plane,),) = planes_of(run)
    assert not plane.is_grid
    (axis, _) = phase_figure(run, [plane]).axes
    assert len(axis.collections[0].get_offsets()) == 16  # type: ignore[arg-type]


def test_a_third_setting_has_planes_of_its_own_or_is_pooled(study: Results) -> None:
    values = np.tile([0.0, 0.9], 16)
    run = dataclasses.replace(
        study, dataset=study.dataset.assign(setting_b1=study.dataset["setting_lr_d"] * 0 + values)
    )
    (planes,) = planes_of(run)
    assert [plane.title for plane in planes][:2] == ["minimax, b1 0", "minimax, b1 0.9"]
    assert sum(len(plane.members) for plane in planes) == 32
    many = dataclasses.replace(
        run, dataset=run.dataset.assign(setting_b1=run.dataset["setting_lr_d"] * 0 + np.arange(32) % 15)
    )
    assert [plane.title for plane in planes_of(many)[0]] == ["minimax", "non_saturating"]


def test_numbers_are_log_spaced_by_the_study_or_by_their_values(study: Results) -> None:
    assert [(number.name, number.log) for number in numbers_of(study)] == [("lr_d", True), ("lr_g", True)]
    plain = dataclasses.replace(study, notes={})
    assert [number.log for number in numbers_of(plain)] == [True, True]
    plain.dataset["setting_lr_d"].values[:] = np.tile([0.1, 0.2, 0.3, 0.4], 8)
    assert not numbers_of(plain)[0].log


def test_cells_in_words_count_what_is_sure() -> None:
    run = with_failures(make_study(("minimax",), x=2, y=2, seeds=16), np.array([0, 7, 8, 16]))
    ((plane,),) = planes_of(run)
    (text,) = cells_in_words(run, [plane])
    assert text == (
        "minimax: in 2 of 4 cells at least half of the runs failed, and in 1 none. The interval lies above 50 % in "
        "1 of them, below it in 1, and includes it in 2."
    )


def test_the_failure_map_has_marks_and_a_row_for_each_seed() -> None:
    run = make_study(("minimax",), x=2, y=0, seeds=3, looks=3)
    run.dataset["outcome_along"].values[0] = [
        ["HEALTHY", "HEALTHY", "HEALTHY"], ["HEALTHY", "COLLAPSED", "COLLAPSED"], ["NOT_LEARNED", "HEALTHY", "DIVERGED"]
    ]  # fmt: skip
    figure = map_figure(run)
    assert figure is not None and next(iter(signs_of(run))) == "HEALTHY"
    marks = [(text.get_text(), round(text.get_position()[1])) for text in figure.axes[0].texts]
    assert marks == [("C", 1), ("NL", 2), ("D", 2)]  # seeds 1 and 2; HEALTHY has none
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[:2] == ["HEALTHY", "D: DIVERGED"]
    frame = map_frame(run)
    assert len(frame) == 2 * 3 * 3 and set(frame.columns) == {"configuration", "seed", "step", "code"}
    assert map_figure(make_run()) is None


def test_every_outcome_has_a_colour_a_hatch_and_a_mark_of_its_own() -> None:
    explanations = {outcome.name: EXPLANATION[outcome] for outcome in Outcome}
    styles = styles_of(make_run(notes={"explanations": explanations}))
    assert set(styles) == set(explanations)
    for looks in zip(*styles.values(), strict=True):
        assert len(set(looks)) == len(Outcome)
    marks = {code: style.mark for code, style in styles.items()}
    assert marks["DISCRIMINATOR_DOMINATES"] == "DD" and marks["GENERATOR_DOMINATES"] == "GD"
    assert max(map(len, marks.values())) == 2
    more = [f"CODE_{k}" for k in range(30)]  # of a later version
    styles = styles_of(make_run(notes={"explanations": explanations}), more)
    assert [code for code, style in styles.items() if style.colour == styles["HEALTHY"].colour] == ["HEALTHY"]


def test_of_many_configurations_the_map_has_shares(study: Results) -> None:
    figure = map_figure(study)
    assert figure is not None and len(figure.axes) == 2
    frame = map_frame(study)
    totals = frame.groupby(["group", "step"])["runs"].sum()
    assert (totals == 64).all()  # 16 configurations of 4 seeds
    hatches = {patch.get_hatch() for patch in figure.legends[0].get_patches()}
    assert len(hatches) == len(signs_of(study))
