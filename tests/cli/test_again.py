"""`jaxgan report`: a finished run's report again, several side by side, and what cannot be reported on."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.files import write_json
from jaxgan.report.together import check_page
from jaxgan.results.seal import write_sealed
from tests.cli.commands import refused
from tests.report.readers import Addresses, text_of
from tests.report.studies import make_study
from tests.synthetic import make_profile, make_run, save


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders: a run of one loss, `few`, and a study of 16 configurations, `study`."""
    folder = tmp_path_factory.mktemp("runs")
    few, study = make_run(("minimax",), 2, points=True), make_study(("minimax",), seeds=2, looks=3, sampled=1)
    for name, run in (("few", few), ("study", study)):
        save(run, folder / name)
        write_sealed(folder / name / "config.json", run.config | _ASKED)
    return folder


_ASKED: dict[str, Any] = {"id": None, "configurations": {}, "inputs": {}, "blocks": [[0, 2]], "steps": 40}


def test_a_report_is_made_again(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = runs / "few"
    assert main(["report", str(folder), "--format", "latex"]) == 0
    assert capsys.readouterr().out == (folder / "table.tex").read_text(encoding="utf-8")
    names = {path.name for path in folder.iterdir()}
    assert names >= {"report.html", "table.md", "table.tex", "table.json", "metrics.csv", "SHA256SUMS", "curves.png"}


def test_several_runs_stand_side_by_side(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, before = tmp_path / "both.html", {path for path in runs.rglob("*")}
    assert main(["report", str(runs / "few"), str(runs / "study"), "--out", str(out), "--format", "markdown"]) == 0
    shown = capsys.readouterr().out
    assert shown == out.with_suffix(".md").read_text(encoding="utf-8")
    assert {path for path in runs.rglob("*")} == before
    page = out.read_text(encoding="utf-8")
    assert text_of(page).index("Side by side") < text_of(page).index("2 seeds, 40 steps")
    headings = [part.split("</h1>")[0] for part in page.split("<h1>")[1:]]
    assert headings == ["2 runs side by side", "few", "study"]
    assert all((a["src"] or "").startswith("data:") for tag, a in Addresses(page).tags if tag == "img")
    assert r"\toprule" in out.with_suffix(".tex").read_text(encoding="utf-8")


def test_figures_in_a_paper_s_width(runs: Path, tmp_path: Path) -> None:
    before = {path for path in runs.rglob("*")}
    out = jg.write_report(runs / "few", out=tmp_path / "page.html", paper="two-column")
    assert out == tmp_path / "page.html" and {path for path in runs.rglob("*")} == before
    names = {path.stem for path in (tmp_path / "page-paper").glob("*.png")}
    assert names == {"overview", "metric", "samples-minimax", "when", "curves"}


def test_what_is_no_finished_run_is_one_line(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few, unfinished, other = runs / "few", tmp_path / "unfinished", tmp_path / "other"
    shutil.copytree(few, unfinished)
    (unfinished / "results.nc").unlink()
    save(make_run(("minimax",), 1, points=True), other)
    write_json(other / "config.json", {"schema": 1, "job": "compare"})
    profile = save(make_profile("paper"), tmp_path / "profile")
    (tmp_path / "notes.html").write_text("mine", encoding="utf-8")
    here, no_run = str(tmp_path / "both.html"), tmp_path / "nowhere"
    for words, line in (
        ([no_run], f"{no_run} holds no run (no config.json)"),
        ([unfinished], f"{unfinished} holds an unfinished run"),
        ([few, unfinished, "--out", here], f"{unfinished} holds an unfinished run"),
        ([other], "has schema 1, expected 2: another version of jaxgan started it"),
        ([few, f"{few}/../few", "--out", here], f"got {few} twice, expected different runs"),
        ([few, profile, "--out", here], f"{profile} holds a gradient profile"),
        ([few, "--out", str(tmp_path)], f"--out: {tmp_path} is a folder, expected a file such as report.html"),
        ([few, "--out", str(tmp_path / "a.txt")], "--out: expected a file such as report.html, got"),
        ([few, "--out", str(tmp_path / "notes.html")], "notes.html exists and is not a page of jaxgan"),
    ):
        assert line in refused(capsys, "report", *map(str, words))
    assert not Path(here).exists() and (tmp_path / "notes.html").read_text(encoding="utf-8") == "mine"


def test_a_page_of_ours_is_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "old.html"
    page.write_text("<title>jaxgan: a run</title>", encoding="utf-8")
    check_page(page)


@pytest.mark.parametrize("name", ["page.md", "page.tex", "page-paper/figure.pdf", "page-paper"])
def test_a_user_s_own_file_beside_the_page_is_kept(name: str, runs: Path, tmp_path: Path, capsys) -> None:
    """The page is asked for; its tables and figures come along, and replaced a paper.tex."""
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine", encoding="utf-8")
    words = ["report", str(runs / "few"), "--out", str(tmp_path / "page.html"), "--paper", "two-column"]
    line = refused(capsys, *words)
    assert str(tmp_path / name.partition("/")[0]) in line and "is not by jaxgan report" in line
    assert mine.read_text(encoding="utf-8") == "mine" and not (tmp_path / "page.html").exists()
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {mine}


def test_a_page_with_its_tables_and_figures_is_written_twice(runs: Path, tmp_path: Path) -> None:
    words = ["report", str(runs / "few"), "--out", str(tmp_path / "page.html"), "--paper", "two-column"]
    (tmp_path / "page-paper").mkdir()  # an empty folder is nobody's
    for _ in range(2):
        assert main(words) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8").startswith("<!-- ")
    assert (tmp_path / "page.tex").read_text(encoding="utf-8").startswith("% ")
