"""The table, the words, the pictures and the page: numbers by hand, and what a reader and a browser see."""

import base64
import dataclasses
import html
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from jaxgan.files import StoreError, write_json
from jaxgan.report import tables
from jaxgan.report.layout import png
from jaxgan.report.panels import save_panels
from jaxgan.report.plots import line_width, log_axis, over_seeds, probability_ticks, style, thin, thin_to
from jaxgan.report.profile.tables import sections as profile_sections
from jaxgan.report.run.causes import causes_section, why
from jaxgan.report.run.curves import curves_figures
from jaxgan.report.run.figures import grid_image, grid_shape, paths_figure, points_figure
from jaxgan.report.run.overview import dots_figure, overview_figure
from jaxgan.report.run.report import write_run_report
from jaxgan.report.run.samples import sample_figure
from jaxgan.report.run.story import story, tenths
from jaxgan.report.run.table import sections, seeds_section, summarize_run
from jaxgan.report.run.when import when_figure
from jaxgan.report.tables import Cell, section, summary_cell, to_dict, to_markdown, to_tsv
from jaxgan.report.words import number
from jaxgan.results.results import SCHEMA, Results
from jaxgan.results.statistics import interquartile_mean, wilson_interval
from tests.synthetic import BOTH, CAPTURED, LOG4, ODD, STEPS, make_profile, make_run, save

COLLAPSED_THRICE = {(0, 0): "COLLAPSED", (0, 1): "COLLAPSED", (0, 2): "NON_FINITE"}


def page_of(run: Results, folder: Path) -> str:
    return write_run_report(save(run, folder)).read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """What a reader reads."""
    body = re.sub(r"<[^>]*>", " ", page[page.index("<body>") :])
    return re.sub(r"\s+", " ", html.unescape(body))


def printed(run: Results, width: int) -> str:
    file = io.StringIO()
    tables.show(sections(run), Console(width=width, file=file, force_terminal=True, no_color=True))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with failures and causes, and its report."""
    folder = save(make_run(failures=COLLAPSED_THRICE, causes=True), tmp_path_factory.mktemp("reported") / "run")
    write_run_report(folder)
    return folder


def curves_of(run: Results) -> Figure:
    return curves_figures(run)["curves"]


def ydata(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_ydata(), np.float64)


def test_the_table_is_the_statistics_of_the_run() -> None:
    run = make_run(failures={(1, 7): "COLLAPSED"})
    distance, captured = summarize_run(run).rows
    # The failed seed's 37 enters as infinity, which the trimming cuts, with 36, 30 and 31: the same mean.
    assert distance.summaries[1].interval.estimate == interquartile_mean([30, 31, 32, 33, 34, 35, 36, np.inf]) == 33.5
    assert distance.summaries[1].failed == 1
    # 200 - j against 30 + j is 2 j - 170, and infinity for j = 7: the middle four are those of j = 2 .. 5.
    assert distance.differences[0].interval.estimate == pytest.approx(-163.0, rel=1e-12)  # rounding of a mean
    assert captured.summaries[0].interval == (4.0, 4.0, 4.0)
    assert captured.differences[0].interval.estimate == 6.0


def test_failures_are_counted_by_code_with_wilson_intervals() -> None:
    table = summarize_run(make_run(failures={**COLLAPSED_THRICE, (1, 3): "A_NEW_CODE"}))
    counts = {code: [f.failed for f in each] for code, each in table.failures.items()}
    assert counts == {"any": [3, 1], "NON_FINITE": [1, 0], "COLLAPSED": [2, 0], "A_NEW_CODE": [0, 1]}
    assert table.failures["any"][0].share == wilson_interval(3, 8)
    assert not table.rows[0].summaries[0].defined  # 3 of 8 is more than a quarter


def test_a_value_that_is_not_a_number_counts_as_failed_though_the_seed_is_ok() -> None:
    run = make_run()
    run.dataset["frechet"][0, :3] = np.nan
    cell = summary_cell(summarize_run(run).rows[0].summaries[0])
    assert cell.text == "undefined," and cell.note.startswith("3 of 8 failed\nall seeds ∞")


def test_the_same_run_has_the_same_intervals_with_or_without_another_metric() -> None:
    run = make_run()
    np.testing.assert_equal(summarize_run(run), summarize_run(run))
    other = dataclasses.replace(run, metrics=(CAPTURED,))
    np.testing.assert_equal(summarize_run(other).rows[0], summarize_run(run).rows[1])


@pytest.mark.parametrize(
    ("x", "text"),
    [(999.6, "1,000"), (1e7, "1e7"), (0.0, "0"), (-0.0, "0"), (float("nan"), "undefined"), (-np.inf, "-∞")],
)
def test_number(x: float, text: str) -> None:
    assert number(x) == text


def test_what_all_seeds_measured_stands_beside_undefined() -> None:
    """The mean over all 8, not over the 5 that did not fail: 200 - j, of which NON_FINITE has none."""
    run = make_run(failures={(0, j): "COLLAPSED" for j in range(3)})
    summary = summarize_run(run).rows[0].summaries[0]
    assert not summary.defined and summary.measured.estimate == interquartile_mean(200.0 - np.arange(8)) == 196.5
    assert "3 of 8 failed; all seeds 196 [" in to_markdown(sections(run))
    assert "“all seeds” is the same mean of what was measured, failed or not" in to_markdown(sections(run))
    assert "all seeds" not in to_markdown(sections(make_run()))


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("names", [("minimax",), BOTH, (*BOTH, ODD)])
def test_the_terminal_table_fits_and_says_everything(width: int, names: tuple[str, ...]) -> None:
    text = printed(make_run(names, failures=COLLAPSED_THRICE), width)
    assert max(map(len, text.splitlines())) <= width
    flat = re.sub(r"\s+", " ", text)
    for expected in ("Interquartile mean over 8 seeds [95 % bootstrap interval over seeds]", "3 of 8 failed",
                     "real against real", "lower is better", "COLLAPSED", "[14 %, 69 %]"):  # fmt: skip
        assert expected in flat
    assert (" minus " in flat) == (len(names) > 1)
    if len(names) == 3:
        assert "interquartile mean of paired differences on common seeds [95 % bootstrap interval]" in flat
        assert "[red]" in text  # a name, no markup


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_name_is_cut_on_a_terminal(width: int) -> None:
    names = tuple(f"relativistic_average_number_{i}" for i in range(7))
    text = printed(make_run(names), width)
    assert max(map(len, text.splitlines())) <= width
    for name in names:
        assert name in text
    profile = printed_profile(make_profile("train"), width)
    for word in ("saturated", "cosine", "wasserstein", "[0.25, 0.25]"):
        assert word in profile


def printed_profile(run: Results, width: int) -> str:
    file = io.StringIO()
    tables.show(profile_sections(run), Console(width=width, file=file, force_terminal=True, no_color=True))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


def test_into_a_pipe_tables_are_tab_separated() -> None:
    file = io.StringIO()
    tables.show(sections(make_run(causes=True)), Console(file=file, width=20))
    metrics, failures, causes = file.getvalue().split("\n\n")
    assert metrics.startswith("# Interquartile mean over 8 seeds")
    head, *rows = (line.split("\t") for line in metrics.splitlines()[1:])
    assert head == ["metric", *BOTH, "non_saturating minus minimax"] and {len(row) for row in rows} == {4}
    assert rows[0][2].startswith("33.5 [")
    assert failures.splitlines()[1:] == ["outcome\tminimax\tnon_saturating", "any failure\t0 of 8 [0 %, 32 %]\t0 of 8 "
                                         "[0 %, 32 %]"]  # fmt: skip
    assert causes.splitlines()[-1].split("\t")[2:] == ["6 of 8", "6", "30", "0.02"]


def test_a_section_turns_and_tells_its_rows_apart() -> None:
    part = section("x", "A caption", ("age", "loss", "norm"), [("0", "a", Cell("1", value=1.0)), ("0", "b", "2")])
    assert part.leads == 2 and part.is_words(1) and not part.is_words(2)
    turned = part.transposed()
    assert [cell.text for cell in turned.head] == ["", "0, a", "0, b"]
    assert [[cell.text for cell in row] for row in turned.rows] == [["norm", "1", "2"]]
    assert part.turned() is part and to_tsv([part]) == "# A caption\nage\tloss\tnorm\n0\ta\t1\n0\tb\t2\n"


def test_json_and_markdown_hold_the_same_numbers() -> None:
    run = make_run((*BOTH, ODD), failures={(0, 0): "NON_FINITE"})
    content = json.loads(json.dumps(to_dict(sections(run))))
    frechet = content["metrics"]["rows"][0]
    assert frechet["metric"] == "frechet" and frechet["non_saturating"]["estimate"] == 33.5
    names = {"non_saturating minus minimax", f"{ODD} minus minimax"}
    assert set(content["differences"]["rows"][0]) == {"metric", *names}
    assert content["failures"]["rows"][0]["minimax"]["count"] == 1
    low, high = (number(frechet["non_saturating"][bound]) for bound in ("low", "high"))
    lines = [line for line in to_markdown(sections(run)).splitlines() if line.startswith("|")]
    assert f"| 33.5 [{low}, {high}] |" in lines[2]
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in lines[:4]]
    assert len(set(widths)) == 1  # one width, whatever the names
    assert "<b>" not in "".join(lines)


def test_what_is_not_a_number_is_null_in_json(reported: Path) -> None:
    text = (reported / "table.json").read_text(encoding="utf-8")
    assert "NaN" not in text and '"nan"' not in text and "Infinity" not in text
    minimax = json.loads(text)["metrics"]["rows"][0]["minimax"]
    assert minimax["estimate"] is None and minimax["failed"] == 3


def story_of(run: Results) -> str:
    return " ".join(story(run, summarize_run(run)))


def test_the_story_of_two_losses() -> None:
    text = story_of(make_run())
    assert "The losses minimax and non_saturating were trained on digits for 40 steps from 8 seeds each." in text
    assert "With minimax none of the 8 seeds failed (95 % Wilson interval of the share: 0 % to 32 %)." in text
    assert "non_saturating minus minimax is -163 [" in text
    assert "the interval excludes 0, with non_saturating the lower, the better one." in text
    # Of the first and the last 4 of 40 steps, the median is the mean of the middle two: with r = 10^(4 / 39),
    # (1 / r + 1 / r^2) / 2 = (0.7897 + 0.6236) / 2 and 1e-4 (r + r^2) / 2 = 1e-4 (1.2664 + 1.6037) / 2.
    assert "norm of the loss's gradient with respect to the generator's parameters" in text
    assert "with minimax 0.707 and 0.000144, lower by a factor of 4,920" in text
    assert "with non_saturating 2 and 2, about the same" in text
    assert "with minimax 0.02, below 1/2; with non_saturating 0.48, near 1/2" in text


def test_the_story_claims_no_difference_where_the_interval_holds_0() -> None:
    run = make_run()
    run.dataset["frechet"][1] = run.dataset["frechet"][0] + [3, -3, 2, -2, 1, -1, 4, -4]
    assert "the interval includes 0, so these seeds do not tell the two apart" in " ".join(
        story(run, summarize_run(run))
    )


def test_one_failed_seed_of_eight_leaves_the_difference_open() -> None:
    # Three or more of eight draws hit the one infinite pair in 7 % of resamples, more than the upper 2.5 %.
    text = story_of(make_run(failures={(1, 7): "COLLAPSED"}))
    assert "With non_saturating 1 of 8 seeds failed: 1 COLLAPSED" in text
    assert re.search(r"minus minimax is -163 \[-\d+, \+∞\]: the interval includes 0", text)


def test_the_story_of_failures() -> None:
    everything = {(0, j): "COLLAPSED" for j in range(8)} | {(1, j): "NON_FINITE" for j in range(8)}
    run = make_run(failures=everything)
    text = story_of(run)
    assert "With minimax all 8 seeds failed: 8 COLLAPSED" in text
    assert "with minimax undefined, as 8 of 8 failed (over all 8 seeds it was measured as 196 [" in text
    assert "there is no difference to report: in 8 of 8 pairs of seeds at least one failed" in text
    assert text.count("with non_saturating it was not finite") == 2  # the gradient and D(G(z)) at the end
    one = make_run(failures={(0, 2): "NON_FINITE"})
    assert "with minimax 0.02, below 1/2 (without 1 seed no longer finite)" in story_of(one)


def test_one_seed_is_no_evidence() -> None:
    run = make_run(seeds=1)
    table = summarize_run(run)
    text = " ".join(story(run, table))
    assert "from one seed (seed 0)." in text and "One seed says nothing about a loss" in text
    assert "with minimax 200; with non_saturating 30." in text
    assert not re.search(r"interval|excludes|better one|seeds each|\d seeds|medians", text)
    assert "n/a: one seed" in printed(run, 100) and "Wilson" not in printed(run, 100)


def test_few_seeds_and_one_loss() -> None:
    run = make_run(("minimax",), seeds=3)
    text = story_of(run)
    assert "The loss minimax was trained on digits for 40 steps from 3 seeds." in text
    assert "With 3 seeds the intervals are rough" in text
    assert "minus" not in text


def test_the_story_dates_what_went_wrong() -> None:
    run = make_run(causes=True)
    progress, episode = why(run)
    # 300 - (300 - d) times 0.2, 1.1, 0.6, 1 of d = 196.5 and 33.5, the medians: at first 279, at best 186, then 196.5
    assert progress.startswith("Fréchet distance was measured at 4 steps along training")
    assert "with minimax 279 at first and 196 at the end, at its best 186 at step 20" in progress
    assert episode == (
        "In 6 of 8 seeds of minimax the generator's gradient vanished from step 6 to step 30 (medians), down to 0.02 "
        "of its early level, while D(G(z)) was 0.02. A certain discriminator saturates the loss. Take the "
        "non-saturating loss."
    )
    assert "not why" not in story_of(run) and "not why" in story_of(make_run())
    (table,) = causes_section(run)
    assert [cell.text for cell in table.rows[0]] == [
        "minimax", "The generator's gradient vanished", "6 of 8", "6", "30", "0.02"
    ]  # fmt: skip


def test_an_episode_that_never_ended_and_none_at_all() -> None:
    run = make_run(causes=True, seeds=2)
    run.dataset["cause_vanishing_end"][0] = [np.nan, STEPS]
    assert "In all 2 seeds of minimax the generator's gradient vanished from step 6 to the end of" in why(run)[1]
    run.dataset["cause_vanishing_begin"][:] = np.nan
    assert why(run)[1] == "Found in no seed: the generator's gradient vanished."
    assert causes_section(run) == []
    score = make_run(causes=True)
    score.notes["scores"] = ["minimax"]
    assert "D(G(z))" not in why(score)[1]  # its sigmoid means nothing


def test_what_first_was_not_finite_is_named() -> None:
    run = make_run(seeds=2, failures={(1, 0): "NON_FINITE"})
    for name, values in (("step", [[0, 0], [1812, 0]]), ("", [["", ""], ["d_loss", ""]])):
        own = "first_nonfinite" + (f"_{name}" if name else "")
        run.dataset[own] = (("configuration", "seed"), np.array(values), {"group": "metric"})
    assert why(run)[-1] == "The first quantity that was not finite: with non_saturating d_loss at step 1,812 (seed 0)."
    cells = seeds_section(run).rows[2]
    assert cells[2].plain == "NON_FINITE d_loss at step 1,812" and cells[2].failed


def test_the_figure_of_when_has_metrics_evidence_and_bars() -> None:
    figure = when_figure(make_run(causes=True))
    assert figure is not None
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles[:2] == ["Fréchet distance", "D(G(z)), mean over samples"]
    (bar,) = [line for line in figure.axes[2].lines if line.get_linewidth() > 3]
    assert np.asarray(bar.get_xdata()).tolist() == [6, 30]
    np.testing.assert_allclose(ydata(figure.axes[0].lines[0]), [279.3, 186.15, 237.9, 196.5])
    assert when_figure(make_run(notes={"quantiles": [0.5]})) is not None
    run = make_run()
    assert when_figure(dataclasses.replace(run, dataset=run.dataset.drop_vars("frechet_along"))) is None


def test_many_are_counted_and_not_gone_through() -> None:
    names = tuple(f"r{i}" for i in range(9))
    run = make_run(names, failures={(i, 0): "COLLAPSED" for i in range(8)})
    text = story_of(run)
    assert "9 losses were trained on digits for 40 steps from 8 seeds each. Of 72 runs 8 failed: 1 of 8 with r0" in text
    assert "the 6 with the most; 2 more have some" in text
    assert "defined for 9 of 9 losses, the best r8 33.5" in text  # no seed of r8 failed
    assert "Seed by seed against r0" in text and len(text) < 1500


def test_tenths_go_by_steps() -> None:
    """Records at 1, 2, 5, 10 and then every 100th step: the first tenth of 1,000 steps is not the first tenth of 14."""
    steps = np.array([1, 2, 5, 10, *range(100, 1001, 100)])
    early, late = tenths(steps, steps[None].astype(float))
    assert early == [5] and late == [1000]  # of 1, 2, 5, 10, 100; and of 1,000 alone
    early, late = tenths(np.array([3]), np.array([[7.0]]))
    assert early == late == [7]


def test_thinning_keeps_levels_and_ignores_what_is_not_finite() -> None:
    values = np.repeat(np.arange(4.0), 25)[None] * np.ones((2, 1))
    values[1, 50:] = np.inf
    steps, medians = thin(np.arange(1, 101), values, bins=4)
    np.testing.assert_array_equal(steps, [13, 38, 63, 88])  # the middles of steps 1..25, 26..50, ...
    np.testing.assert_array_equal(medians, [[0, 1, 2, 3], [0, 1, np.nan, np.nan]])
    assert thin(np.arange(100_000), np.zeros((1, 100_000)))[1].shape == (1, 250)


def test_thinning_goes_by_steps() -> None:
    at, medians = thin(np.array([1, 2, 3, 100]), np.array([[1.0, 2.0, 3.0, 9.0]]), bins=4)
    assert at.tolist() == [2, 100] and medians.tolist() == [[2, 9]]  # two spans have no record
    run = make_run(steps=np.array([1, 2, 5, 10, 20, 40]))
    line = gradient_panel(curves_of(run)).lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [1, 2, 5, 10, 20, 40]


def test_every_step_is_reduced_to_the_steps_of_the_probes() -> None:
    values, steps = np.arange(1.0, 11.0)[None], np.arange(1, 11)
    np.testing.assert_array_equal(thin_to(np.array([1, 4, 10]), steps, values), [[1.0, 3.0, 7.5]])
    # Of every second step: those after 1 and up to 4, and those after 4.
    np.testing.assert_array_equal(thin_to(np.array([1, 4, 10]), steps[::2], values[:, ::2]), [[1.0, 3.0, 7.0]])


def gradient_panel(figure: Figure) -> Any:
    return next(axis for axis in figure.axes if "respect to G's parameters" in axis.get_title(loc="left"))


def test_the_curves_show_median_band_and_equilibrium() -> None:
    figure = curves_of(make_run(failures={(0, 2): "NON_FINITE"}))
    by_title = {axis.get_title(loc="left"): axis for axis in figure.axes}
    gradient = gradient_panel(figure)
    assert gradient.get_yscale() == "log"
    np.testing.assert_allclose(ydata(gradient.lines[0]), np.geomspace(1, 1e-4, STEPS), rtol=1e-6)  # 32 bits
    value = by_title["V(D, G) =\nE log D(x) + E log(1 - D(G(z)))"]
    assert [ydata(line)[0] for line in value.lines if line.get_linestyle() == ":"] == [-LOG4] * 2
    assert len(value.collections) == 2  # a band each
    assert len({line.get_linestyle() for line in gradient.lines}) == 2  # distinguishable without colour
    legend = [text.get_text().strip("\u200b") for text in figure.legends[0].get_texts()]
    assert legend == ["8 seeds of minimax (1 not finite at some step)", "8 seeds of non_saturating", "equilibrium"]


def test_a_series_that_a_configuration_lacks_is_no_seed_that_diverged() -> None:
    run = make_run()
    run.dataset["value"][1] = np.nan  # as of a score
    legend = [text.get_text().strip("\u200b") for text in curves_of(run).legends[0].get_texts()]
    assert legend[1] == "8 seeds of non_saturating"


def test_a_gradient_of_zero_is_drawn_at_zero_on_a_logarithmic_axis() -> None:
    run = make_run()
    run.dataset["g_grad_norm"][0, :, STEPS // 2 :] = 0.0
    axis = gradient_panel(curves_of(run))
    assert ydata(axis.lines[0]).min() == 0 and axis.get_ylim()[0] < 0 and axis.get_yscale() == "symlog"


def test_many_configurations_have_a_panel_each() -> None:
    names = tuple(f"recipe {i}" for i in range(9))
    figures = curves_figures(make_run(names))
    assert "curves-g_grad_norm" in figures and "curves" not in figures
    axes = figures["curves-g_grad_norm"].axes
    assert [axis.get_title(loc="left") for axis in axes] == list(names)
    # The medians of all, in grey, and its own with its band.
    assert all(len(axis.lines) == 10 and len(axis.collections) == 1 for axis in axes)


def test_no_two_curves_look_alike() -> None:
    styles = [style(i) for i in range(42)]
    assert len({str((each["color"], each["linestyle"])) for each in styles}) == 42
    assert len({str(each["linestyle"]) for each in styles[:6]}) == 6  # without colour
    same = [np.ones(3), np.zeros(3), np.ones(3)]
    assert line_width(same, 0) > line_width(same, 1) == line_width(same, 2)


def test_quartiles_over_the_seeds_that_are_finite() -> None:
    values = np.array([[1.0, np.nan, np.nan], [2.0, 5.0, np.inf], [3.0, 7.0, -np.inf]])
    np.testing.assert_array_equal(over_seeds(values), [[1.5, 5.5, np.nan], [2, 6, np.nan], [2.5, 6.5, np.nan]])


def test_a_zero_is_drawn_at_zero() -> None:
    figure = Figure()
    axis = figure.subplots()
    values = np.array([3.0, 2e-5, 0.0])
    axis.plot(values)
    log_axis(axis, values)
    assert axis.get_yscale() == "symlog"
    assert axis.yaxis.get_transform().linthresh == pytest.approx(1e-5)  # type: ignore[attr-defined]  # below 2e-5
    assert axis.get_ylim()[0] < 0 and 0 in axis.get_yticks()
    other = Figure().subplots()
    other.plot(values[:2])
    log_axis(other, values[:2])
    assert other.get_yscale() == "log"
    nothing = Figure().subplots()
    log_axis(nothing, np.array([0.0, np.nan]))
    assert nothing.get_yscale() == "linear"


def test_ticks_of_probabilities_stand_at_their_logits() -> None:
    axis = Figure().subplots()
    probability_ticks(axis, -28, 28)
    marks = {text.get_text(): x for text, x in zip(axis.get_xticklabels(), axis.get_xticks(), strict=True)}
    assert {"1e-12", "1e-6", "0.5", "1 - 1e-6", "1 - 1e-12"} <= set(marks)
    assert marks["1e-6"] == pytest.approx(np.log(1e-6 / (1 - 1e-6))) == -marks["1 - 1e-6"]


def test_vector_figures_have_texts_and_a_paper_s_width(reported: Path) -> None:
    svg = (reported / "figures" / "curves.svg").read_text(encoding="utf-8")
    assert "Generator's loss</text>" in svg and 'width="504pt"' in svg  # 7 inches
    pdf = (reported / "figures" / "curves.pdf").read_bytes()
    assert b"/Type42" in pdf or b"/CIDFontType2" in pdf  # TrueType, whose texts can be edited
    assert b"CreationDate" not in pdf


def test_panels_are_written_by_themselves(tmp_path: Path) -> None:
    run = make_run(causes=True)
    run = dataclasses.replace(run, dataset=run.dataset.drop_vars(["d_loss", "value", "d_real_mean", "g_update_norm"]))
    names = {path.stem for path in save_panels(run, tmp_path)}
    assert {"curve-g_loss", "curve-g_grad_norm", "along-frechet", "episodes-curve-g_grad_norm"} <= names
    svg = (tmp_path / "curve-g_loss.svg").read_text(encoding="utf-8")
    assert 'width="244.8pt"' in svg and "non_saturating</text>" in svg  # 3.4 inches, with a legend of its own
    assert {path.stem for path in save_panels(make_profile("paper"), tmp_path / "paper")} == {
        f"paper-{name}" for name in ("value", "d_logit", "size", "d_probability", "rounding")
    }


def test_sample_pixels_are_drawn_one_to_one() -> None:
    run = make_run(seeds=2, failures={(0, 1): "NON_FINITE"})
    run.dataset["sample_real"][:] = -1.0
    run.dataset["sample_fake"][0, 0] = 1.0
    picture = np.asarray(Image.open(io.BytesIO(png(sample_figure(run, "minimax")))).convert("RGB"))
    rows = picture[:, 170 + 36]  # down the middle of the first image: 9 pixels for each of 8, and gaps of 4
    colours, lengths = np.unique(rows, axis=0, return_counts=True)
    found = {tuple(c): n for c, n in zip(colours.tolist(), lengths.tolist(), strict=True)}
    assert found[(0, 0, 0)] == 72 and found[(213, 94, 0)] == 72
    assert set(found) == {(0, 0, 0), (213, 94, 0), (255, 255, 255)}  # nothing in between: no interpolation


def test_points_outside_of_the_panel_are_counted() -> None:
    titles = [axis.get_title() for axis in sample_figure(make_run(points=True), "minimax").axes]
    assert titles[:3] == ["real data", "seed 0, OK\n1 of 2 outside", "seed 1, OK"]


def test_the_words_below_every_seed_are_inside_of_the_picture() -> None:
    """As it stands on a telephone's page: a third of a text's width, and failed seeds to explain."""
    figure = dots_figure(make_run(("minimax", "maximum_likelihood"), points=True, failures={(0, 0): "NON_FINITE"}))
    figure.draw_without_rendering()
    words = figure.axes[0].xaxis.label.get_window_extent()
    assert "x: failed" in figure.axes[0].get_xlabel()
    assert figure.bbox.x0 <= words.x0 and words.x1 <= figure.bbox.x1


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize("names", [("_a",), (*BOTH, ODD), tuple(f"c{i}" for i in range(12))])
def test_the_overview_has_a_mark_for_every_finite_seed(points: bool, seeds: int, names: tuple[str, ...]) -> None:
    run = make_run(names, seeds, points=points, failures={(0, 0): "NON_FINITE"})
    figure = overview_figure(run)
    dots = figure.axes[-1]
    marks = sum(len(ydata(line)) for line in dots.lines if line.get_marker() in ("o", "x"))
    assert marks == len(names) * seeds - 1
    assert "1 not finite" in dots.get_yticklabels()[0].get_text() and len(dots.get_yticks()) == len(names)
    said = [text.get_text() for text in figure.texts]
    assert ("and 3 losses more, whose samples are not shown" in said) == (len(names) == 12)
    first = figure.axes[0]
    shown = [text.get_text() for text in first.get_yticklabels()] + [first.get_title()]
    assert any(text == "real data" for text in shown)


def test_grid_image() -> None:
    images = np.full((2, 10, 8, 8, 3), -1.0)
    images[0, 1] = 1.0
    images[1, 8] = np.nan
    picture = grid_image(images, filled=19, gap=4)
    assert 640 <= picture.width <= 1200
    pixels = np.asarray(picture)
    assert (pixels[0] == 255).all()  # the frame
    assert (pixels[10, 10] == 0).all() and (pixels[10, 4 + 88 + 4 + 10] == 255).all()  # 8 pixels, 11 times as wide
    assert (pixels[-50:, -50:] == 255).all()  # an absent image
    assert (pixels[-50, -150] == [213, 94, 0]).all()  # not a number
    assert grid_image(np.zeros((1, 1, 2000, 2000, 1), np.uint8)).width == 2008
    with pytest.raises(ValueError, match=r"got shape \(10, 8, 8, 1\)"):
        grid_image(np.zeros((10, 8, 8, 1)))
    assert grid_image(np.zeros((1, 1, 8, 8, 2))).size == grid_image(np.zeros((1, 1, 8, 8, 4))).size


def test_grids_are_square_where_they_can_be() -> None:
    for n in range(1, 200):
        rows, columns = grid_shape(n)
        assert (rows - 1) * columns < n <= rows * columns and rows <= columns
    assert grid_shape(64) == (8, 8)


def test_each_path_is_a_panel_with_a_line_coloured_from_start_to_end_and_the_modes() -> None:
    t = np.linspace(0, 1, 5)
    paths = {"linear": np.stack([t, t], axis=1), "spherical": np.stack([t, t**2], axis=1)}
    first, second, _ = paths_figure(paths, np.eye(2)).axes
    assert [axis.get_title(loc="left") for axis in (first, second)] == ["linear, 5 points", "spherical, 5 points"]
    for axis, path in zip((first, second), paths.values(), strict=True):
        drawn: Any = axis.collections
        line, marks, start, end = drawn
        np.testing.assert_allclose([piece[0] for piece in line.get_segments()], path[:-1])
        assert (np.diff(line.get_array()) > 0).all() and line.get_clim() == (0, 1)
        np.testing.assert_allclose(marks.get_offsets(), path)
        np.testing.assert_allclose(np.concatenate([start.get_offsets(), end.get_offsets()]), path[[0, -1]])
        (modes,) = axis.lines
        assert modes.get_linestyle() == "None" and len(ydata(modes)) == 2


def test_points_figure_leaves_out_what_is_not_finite() -> None:
    (line,) = points_figure(np.array([[0.0, 1.0], [np.nan, 0.0]])).axes[0].lines
    assert len(ydata(line)) == 1
    with pytest.raises(ValueError, match="expected points"):
        points_figure(np.zeros((3, 3)))


def test_the_report_says_it_all(reported: Path) -> None:
    text = text_of((reported / "report.html").read_text(encoding="utf-8"))
    for expected in (
        "minimax, non_saturating on digits",
        "2 losses, 8 seeds each (0 to 7), 40 steps",
        "undefined, 3 of 8 failed",
        "Interquartile mean over 8 seeds [95 % bootstrap interval over seeds]",
        "Samples per seed: 5,000. Held-out images: 360.",
        "its accuracy on held-out ones is 99.2 %",
        "the interquartile range over seeds, the middle half of them. It is no confidence interval.",
        "it blew up",
        "COLLAPSED: fewer than 5 of 10 classes.",
        "jaxgan compare --seeds 8",
        "lr_d 0.001; loss minimax, non_saturating",
        "jax 9.9",
        "abc123",
        "a machine",
        "Random key 7",
        "minimax 2 NON_FINITE undefined 4",  # the seed's own row, before it is set to the worst value
        "minimax 0 COLLAPSED 200 4",
    ):
        assert expected in text
    assert {p.stem for p in reported.glob("*.png")} == {
        "overview", "metric", "when", "curves", "samples-minimax", "samples-non_saturating"
    }  # fmt: skip
    assert {p.name for p in (reported / "figures").iterdir()} >= {"curves.pdf", "curves.svg", "when.pdf"}


class Addresses(HTMLParser):
    """Collects what a page refers to, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_report_is_one_file_without_scripts(reported: Path) -> None:
    page = (reported / "report.html").read_text(encoding="utf-8")
    tags = Addresses(page).tags
    assert [a["lang"] for tag, a in tags if tag == "html"] == ["en"]
    assert not [tag for tag, _ in tags if tag in ("script", "iframe", "object")]
    addresses = [value for _, a in tags for name, value in a.items() if name in ("src", "href")]
    assert len(addresses) == 8 and all(value and value.startswith("data:") for value in addresses)
    assert "url(" not in page and "@import" not in page
    pictures = [a for tag, a in tags if tag == "img"]
    assert all(a["alt"] for a in pictures)
    data = base64.b64decode((pictures[-1]["src"] or "").split(",")[1])
    assert data == (reported / "curves.png").read_bytes()
    width, height = Image.open(io.BytesIO(data)).size  # at 200 points an inch, shown at 144
    assert (int(pictures[-1]["width"] or 0), int(pictures[-1]["height"] or 0)) == (width * 0.72, round(height * 0.72))


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    run = make_run(("minimax", ODD), seeds=2)
    run.notes["data"] = "<script>alert(1)</script>"
    run.config["config"]["path"] = "<img src=x onerror=y>"
    page = page_of(run, tmp_path / "run")
    tags = Addresses(page).tags
    assert not [tag for tag, _ in tags if tag in ("script", "b")]
    assert len([tag for tag, _ in tags if tag == "img"]) == 7
    assert ODD in text_of(page.replace("\\", ""))
    assert len(list((tmp_path / "run").glob("samples-my%20file*.png"))) == 1


def test_a_report_is_a_function_of_the_folder(reported: Path) -> None:
    first = {path: path.read_bytes() for path in reported.rglob("*.*")}
    write_run_report(reported)
    assert {path: path.read_bytes() for path in reported.rglob("*.*")} == first


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_run_with_few_notes_has_a_report(tmp_path: Path, seeds: int) -> None:
    run = make_run(("minimax",), seeds, notes={"quantiles": [0.5]}, failures={(0, 0): "COLLAPSED"})
    config = {"job": "compare", "schema": SCHEMA}
    text = text_of(page_of(dataclasses.replace(run, config=config), tmp_path / "run"))
    assert "COLLAPSED" in text and ("One seed says nothing" in text) == (seeds == 1)


def test_an_unfinished_run_has_no_report(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"job": "compare", "schema": SCHEMA})
    with pytest.raises(StoreError, match="unfinished"):
        write_run_report(tmp_path)


COUNT = """<script>addEventListener("load", () => { document.body.insertAdjacentHTML("beforeend",
`<p>loaded ${[...document.images].filter(i => i.complete && i.naturalWidth > 0).length} of ` +
`${document.images.length}, overflow ${document.documentElement.scrollWidth - innerWidth}</p>`) })</script>"""


@pytest.mark.parametrize("width", [1200, 500])  # no window of chromium's is narrower than 500
def test_report_opens_in_browser(reported: Path, tmp_path: Path, width: int) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no chromium or google-chrome on PATH")
    page = (reported / "report.html").read_text(encoding="utf-8")
    # The page forbids scripts; this copy of it lets one count.
    allowed = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    copy = tmp_path / "copy.html"
    copy.write_text(allowed.replace("</body>", COUNT + "</body>"), encoding="utf-8")
    outputs = []
    for path in (reported / "report.html", copy):
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900",
                   "--enable-logging=stderr", "--v=0", "--dump-dom", path.as_uri()]  # fmt: skip
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert "CONSOLE" not in result.stderr
        outputs.append(result.stdout)
    assert "What happened" in outputs[0]
    loaded = re.search(r"loaded (\d+) of (\d+), overflow (-?\d+)", outputs[1])
    assert loaded is not None
    assert loaded[1] == loaded[2] == "7"
    assert int(loaded[3]) <= 0  # wide tables scroll by themselves
