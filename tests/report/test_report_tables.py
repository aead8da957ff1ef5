"""The tables of a run: statistics by hand, and how they stand on a terminal, in a pipe and in files."""

import dataclasses
import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from jaxgan.report import tables
from jaxgan.report.profile.tables import sections as profile_sections
from jaxgan.report.run.sections import sections
from jaxgan.report.run.table import summarize_run
from jaxgan.report.tables import Cell, section, summary_cell, to_dict, to_markdown, to_tsv
from jaxgan.report.words import number
from jaxgan.results.results import Results
from jaxgan.results.statistics import interquartile_mean, wilson_interval
from tests.report.readers import COLLAPSED_THRICE, printed
from tests.synthetic import BOTH, CAPTURED, ODD, make_profile, make_run


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
    assert counts == {"any": [3, 1], "DIVERGED": [1, 0], "COLLAPSED": [2, 0], "A_NEW_CODE": [0, 1]}
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
    """The mean over all 8, not over the 5 that did not fail: 200 - j, of which DIVERGED has none."""
    run = make_run(failures={(0, j): "COLLAPSED" for j in range(3)})
    summary = summarize_run(run).rows[0].summaries[0]
    assert not summary.defined and summary.measured.estimate == interquartile_mean(200.0 - np.arange(8)) == 196.5
    assert "3 of 8 failed; all seeds 196 [" in to_markdown(sections(run))
    assert "“all seeds” is the same mean over all seeds as measured, failed or not" in to_markdown(sections(run))
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
        assert "interquartile mean of differences paired by seed [95 % bootstrap interval]" in flat
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
    assert causes.splitlines()[-1].split("\t")[2:] == ["6 of 8", "6", "30", "down to 0.02 of its early level"]


def test_a_section_turns_and_tells_its_rows_apart() -> None:
    part = section("x", "A caption", ("age", "loss", "norm"), [("0", "a", Cell("1", value=1.0)), ("0", "b", "2")])
    assert part.leads == 2 and part.is_words(1) and not part.is_words(2)
    turned = part.transposed()
    assert [cell.text for cell in turned.head] == ["", "0, a", "0, b"]
    assert [[cell.text for cell in row] for row in turned.rows] == [["norm", "1", "2"]]
    assert part.turned() is part and to_tsv([part]) == "# A caption\nage\tloss\tnorm\n0\ta\t1\n0\tb\t2\n"


def test_json_and_markdown_hold_the_same_numbers() -> None:
    run = make_run((*BOTH, ODD), failures={(0, 0): "DIVERGED"})
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
