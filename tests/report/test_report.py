"""The page of a report: what a reader and a browser see, and the files beside it."""

import base64
import dataclasses
import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from jaxgan.files import StoreError, write_json
from jaxgan.report.run.report import write_run_report
from jaxgan.results.results import SCHEMA, Results
from jaxgan.results.store import load_results
from jaxgan.study.reporting import write_report
from tests.report.readers import COLLAPSED_THRICE, Addresses, opened, text_of
from tests.synthetic import ODD, make_run, save


def page_of(run: Results, folder: Path) -> str:
    return write_run_report(load_results(save(run, folder)), folder).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with failures and causes, and its report."""
    folder = save(make_run(failures=COLLAPSED_THRICE, causes=True), tmp_path_factory.mktemp("reported") / "run")
    write_run_report(load_results(folder), folder)
    return folder


def test_what_is_not_a_number_is_null_in_json(reported: Path) -> None:
    text = (reported / "table.json").read_text(encoding="utf-8")
    assert "NaN" not in text and '"nan"' not in text and "Infinity" not in text
    minimax = json.loads(text)["metrics"]["rows"][0]["minimax"]
    assert minimax["estimate"] is None and minimax["failed"] == 3


def test_vector_figures_have_texts_and_a_paper_s_width(reported: Path) -> None:
    svg = (reported / "figures" / "curves.svg").read_text(encoding="utf-8")
    assert "Generator's loss</text>" in svg and 'width="504pt"' in svg  # 7 inches
    pdf = (reported / "figures" / "curves.pdf").read_bytes()
    assert b"/Type42" in pdf or b"/CIDFontType2" in pdf  # TrueType, whose texts can be edited
    assert b"CreationDate" not in pdf


def test_the_report_says_it_all(reported: Path) -> None:
    text = text_of((reported / "report.html").read_text(encoding="utf-8"))
    for expected in (
        "minimax, non_saturating on digits",
        "2 losses, 8 seeds each (0 to 7), 40 steps",
        "undefined, 3 of 8 failed",
        "Interquartile mean over 8 seeds [95 % bootstrap interval over seeds]",
        "Samples per seed: 5,000. Held-out images: 360.",
        "its accuracy on held-out ones is 99.2 %",
        "the interquartile range over seeds, the middle half of them. It is not a confidence interval.",
        "it blew up",
        "COLLAPSED: fewer than 5 of 10 classes.",
        "jaxgan compare --seeds 8",
        "lr_d 0.001; loss minimax, non_saturating",
        "jax 9.9",
        "abc123",
        "a machine",
        "Random key 7",
        "minimax 2 DIVERGED undefined 4",  # the seed's own row, before it is set to the worst value
        "minimax 0 COLLAPSED 200 4",
    ):
        assert expected in text
    assert {p.stem for p in reported.glob("*.png")} == {
        "overview", "metric", "when", "curves", "samples-minimax", "samples-non_saturating"
    }  # fmt: skip
    assert {p.name for p in (reported / "figures").iterdir()} >= {"curves.pdf", "curves.svg", "when.pdf"}


def test_the_report_is_one_file_with_one_script(reported: Path) -> None:
    page = (reported / "report.html").read_text(encoding="utf-8")
    tags = Addresses(page).tags
    assert [a["lang"] for tag, a in tags if tag == "html"] == ["en"]
    assert not [tag for tag, _ in tags if tag in ("iframe", "object")]
    (script,) = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'\"" in page
    assert "fetch" not in script and "http" not in script
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
    assert [tag for tag, _ in tags if tag in ("script", "b")] == ["script"]  # our own
    assert len([tag for tag, _ in tags if tag == "img"]) == 7
    assert ODD in text_of(page.replace("\\", ""))
    assert len(list((tmp_path / "run").glob("samples-my%20file*.png"))) == 1


def test_a_report_is_a_function_of_the_folder(reported: Path) -> None:
    first = {path: path.read_bytes() for path in reported.rglob("*.*")}
    write_run_report(load_results(reported), reported)
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
        write_report(tmp_path)


COUNT = """<script>addEventListener("load", () => { document.body.insertAdjacentHTML("beforeend",
`<p>loaded ${[...document.images].filter(i => i.complete && i.naturalWidth > 0).length} of ` +
`${document.images.length}, overflow ${document.documentElement.scrollWidth - innerWidth}</p>`) })</script>"""


@pytest.mark.parametrize("width", [1200, 500])  # no window of chromium's is narrower than 500
def test_report_opens_in_browser(reported: Path, tmp_path: Path, width: int) -> None:
    page = (reported / "report.html").read_text(encoding="utf-8")
    # The page forbids scripts of others; this copy of it lets one count.
    allowed = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    copy = tmp_path / "copy.html"
    copy.write_text(allowed.replace("</body>", COUNT + "</body>"), encoding="utf-8")
    outputs = []
    for path in (reported / "report.html", copy):
        result = opened(path, tmp_path / "profile", width)
        assert "CONSOLE" not in result.stderr
        outputs.append(result.stdout)
    assert "What happened" in outputs[0] and '<button type="button"' in outputs[0]  # its own script runs
    loaded = re.search(r"loaded (\d+) of (\d+), overflow (-?\d+)", outputs[1])
    assert loaded is not None
    assert loaded[1] == loaded[2] == "7"
    assert int(loaded[3]) <= 0  # wide tables scroll by themselves
