"""The page of a study of many configurations: totals and maps first, and nothing that grows with all pairs."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from jaxgan.report.run import terminal
from jaxgan.report.run.many import (
    configurations_section,
    ranked_configurations,
    sampled_runs,
    shown_configurations,
    shown_runs,
    totals_section,
)
from jaxgan.report.run.report import write_run_report
from jaxgan.report.run.story import story
from jaxgan.report.run.table import summarize_run
from jaxgan.report.run.terminal import show
from jaxgan.results.results import Results
from jaxgan.results.store import load_results
from tests.report.readers import Addresses, opened, text_of
from tests.report.studies import make_study
from tests.synthetic import save


@pytest.fixture(scope="module")
def study() -> Results:
    return make_study(sampled=2)


@pytest.fixture(scope="module")
def folder(study: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study, and its report."""
    folder = save(study, tmp_path_factory.mktemp("study") / "study")
    write_run_report(load_results(folder), folder)
    return folder


def test_the_page_goes_from_totals_to_configurations(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    headings = [part.split("</h2>")[0] for part in page.split("<h2>")[1:]]
    assert headings[:6] == ["Claims", "What happened", "Where runs fail", "Every run", "When and why", "The numbers"]
    text = text_of(page)
    for expected in (
        "32 configurations, 4 seeds each (0 to 3), 1,000 steps",
        "configurations in which half or more failed",
        "The best, the median and the worst run by Modes captured of 8, of the 32 runs that kept samples",
        "128 runs are too many for a page",
        "share of seeds that failed",
        "1,999 resamples",
    ):
        assert expected in text
    pictures = [a for tag, a in Addresses(page).tags if tag == "img"]
    assert len(pictures) == 10 and all(a["alt"] for a in pictures)


def test_every_cell_has_its_interval_where_one_points(folder: Path) -> None:
    tags = Addresses((folder / "report.html").read_text(encoding="utf-8")).tags
    titles = [a["title"] or "" for tag, a in tags if tag == "td" and "title" in a]
    assert len(titles) == 2 * 2 * 16  # failures and a metric, two recipes
    assert titles[0].startswith("lr_d 0.0003, lr_g 0.016: ") and " of 4 failed, " in titles[0] and "%]" in titles[0]


def test_every_figure_has_its_numbers_beside_it(folder: Path, study: Results) -> None:
    figures = folder / "figures"
    pictures = {path.stem for path in folder.glob("*.png")}
    assert pictures == {
        "phase-failed", "phase-modes", "map", "metric", "samples", "when", "curves", "survival", "profiles", "budgets"
    }  # fmt: skip
    for name in pictures:
        assert all((figures / f"{name}.{kind}").stat().st_size for kind in ("csv", "pdf", "svg"))
        assert len(pd.read_csv(figures / f"{name}.csv"))
    border = pd.read_csv(figures / "phase-failed-border.csv")
    assert set(border["of"]) == {"estimate", "low", "high"}
    seeds = pd.read_csv(figures / "metric.csv")
    np.testing.assert_array_equal(seeds["modes"], study.values["modes"].ravel())


def test_a_row_for_each_configuration_in_page_json_and_markdown(folder: Path, study: Results) -> None:
    content = json.loads((folder / "table.json").read_text(encoding="utf-8"))
    rows = content["configurations"]["rows"]
    assert len(rows) == 32 and "differences" not in content
    assert rows[5]["lr_d"] == study.group("setting")["lr_d"][5] and rows[5]["recipe"] == "minimax"
    assert rows[5]["failed"]["count"] == (study.outcomes[5] != "HEALTHY").sum()
    markdown = (folder / "table.md").read_text(encoding="utf-8")
    assert markdown.count("| non_saturating |") > 16


def test_totals_add_up(study: Results) -> None:
    table = summarize_run(study)
    rows = totals_section(study, table).rows
    failed = study.outcomes != "HEALTHY"
    for recipe, own in (("minimax", failed[:16]), ("non_saturating", failed[16:])):
        row = next(row for row in rows if row[0].text == recipe)
        assert [cell.text for cell in row[1:4]] == ["16", "64", str(own.sum())]
        assert [cell.key for cell in row[4:6]] == [(own.sum(axis=1) == 0).sum(), (own.sum(axis=1) >= 2).sum()]
    text = " ".join(story(study, table))
    assert f"Of 128 runs, {failed.sum()} failed: {failed[:16].sum()} of 64 with minimax" in text
    assert "Seed by seed" not in text


def test_the_best_the_median_and_the_worst_are_chosen_by_the_leading_metric(study: Results) -> None:
    table = summarize_run(study)
    means = np.array([summary.interval.estimate for summary in table.rows[0].summaries])
    order = ranked_configurations(study, table)
    assert means[order[0]] == np.nanmax(means) and np.isnan(means[order[-1]])
    defined = means[order][~np.isnan(means[order])]
    assert (np.diff(defined) <= 0).all() and np.isnan(means[order][len(defined) :]).all()
    assert list(shown_configurations(study, table)) == ["best", "median", "worst"]
    best, median, worst = shown_runs(study, np.arange(16))
    runs = [(i, j) for i, j in sampled_runs(study) if i < 16]
    values, outcomes = study.values["modes"], study.outcomes
    alive = [values[run] for run in runs if outcomes[run] == "HEALTHY"]
    assert values[best.configuration, best.seed] == max(alive)
    assert outcomes[worst.configuration, worst.seed] != "HEALTHY"
    assert (median.configuration, median.seed) in runs


def test_a_setting_that_a_configuration_lacks_is_blank(study: Results) -> None:
    study = make_study(x=4, y=4)
    study.dataset["setting_lr_g"].values[:16] = np.nan
    part = configurations_section(study, summarize_run(study))
    assert [part.rows[i][2].text for i in (0, 31)] == ["", "0.016"]


CLICK = """<script>addEventListener("load", () => {
const table = document.querySelector("table.sortable"), heads = [...table.tHead.rows[0].cells];
const column = heads.findIndex(head => head.textContent.startsWith("Modes"));
for (let k = 0; k < 2; k++) {
  heads[column].querySelector("button").click();
  const values = [...table.tBodies[0].rows].map(row => row.cells[column].dataset.v).join(" ");
  document.body.insertAdjacentHTML("beforeend", `<p>sorted ${heads[column].getAttribute("aria-sort")} ${values}.</p>`);
}
})</script>"""


def test_a_table_sorts_by_the_header_that_is_clicked(folder: Path, study: Results, tmp_path: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    # The page forbids scripts of others; this copy of it lets one click.
    allowed = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    copy = tmp_path / "copy.html"
    copy.write_text(allowed.replace("</body>", CLICK + "</body>"), encoding="utf-8")
    shown = opened(copy, tmp_path / "profile", 1200).stdout
    means = np.array([summary.interval.estimate for summary in summarize_run(study).rows[0].summaries])
    defined = np.sort(means[~np.isnan(means)])
    for way, expected in (("ascending", defined), ("descending", defined[::-1])):
        found = re.search(rf"sorted {way} ([^<]*)\.</p>", shown)
        assert found is not None
        values = found[1].split(" ")
        assert [float(value) for value in values if value] == expected.tolist()
        assert values[len(defined) :] == [""] * np.isnan(means).sum()  # what is undefined stands last, either way


def test_without_its_script_the_page_is_complete(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    bare = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "<button" not in bare and text_of(bare) == text_of(page)


def test_a_terminal_shows_the_best_and_a_pipe_all(
    folder: Path, study: Results, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show(folder)
    assert (
        len([line for line in capsys.readouterr().out.splitlines() if re.match(r"(minimax|non_sat\w+)\t0\.", line)])
        == 32
    )
    monkeypatch.setattr(terminal, "Console", lambda: Console(width=200, force_terminal=True, no_color=True))
    show(folder)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "The best 10, best first; 22 more are in table.md and report.html" in re.sub(r"\s+", " ", shown)
    assert len(re.findall(r"^ *(?:minimax|non_saturating) +0\.\d+ ", shown, flags=re.MULTILINE)) == 10
