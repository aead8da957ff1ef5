"""The table, the words, the pictures and the page: numbers by hand, and what a reader and a browser see."""

import base64
import html
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from jaxgan.report.run.curves import curves_figure, thin
from jaxgan.report.run.figures import grid_image, overview_figure, points_figure, sample_figure, save_png
from jaxgan.report.run.report import write_run_report
from jaxgan.report.run.story import story
from jaxgan.report.run.table import cell, number, render, summarize_run, to_dict, to_markdown
from jaxgan.results import store
from jaxgan.results.files import write_json
from jaxgan.results.results import SCHEMA, Metric, Results, variable
from jaxgan.results.statistics import interquartile_mean, wilson_interval

BOTH = ("minimax", "non_saturating")
ODD = "my file.py:ls <b>[red]$x$|"
STEPS = 40
DISTANCE = Metric(
    "frechet", "Fréchet distance", np.inf, False, {"real against real": 1.25, "untrained generator": 310.0}
)
CAPTURED = Metric("captured", "Classes captured of 10", 0.0, True, {"held-out images": 10.0})
LOG4 = float(np.log(4))


def make_run(
    losses: tuple[str, ...] = BOTH,
    seeds: int = 8,
    *,
    failures: dict[tuple[int, int], str] | None = None,
    points: bool = False,
    notes: dict[str, Any] | None = None,
) -> Results:
    """A run as training leaves it: distance 200, 199, ... under the first loss, 30, 31, ... under the others."""
    rng, shape = np.random.default_rng(0), (len(losses), seeds)
    outcomes = np.full(shape, "OK", dtype="<U20")
    distance = np.stack([200.0 - np.arange(seeds), *(30.0 + np.arange(seeds) for _ in losses[1:])])
    captured = np.stack([np.full(seeds, 4.0), *(np.full(seeds, 10.0) for _ in losses[1:])])
    decay = np.geomspace(1.0, 1e-4, STEPS)
    norms = np.stack([decay, *(np.full(STEPS, 2.0) for _ in losses[1:])])[:, None] * np.ones((seeds, 1))
    fakes = np.stack([np.full(STEPS, 0.02), *(np.full(STEPS, 0.48) for _ in losses[1:])])[:, None]
    series = {
        "g_loss": rng.normal(size=(*shape, STEPS)),
        "d_loss": rng.normal(size=(*shape, STEPS)),
        "value": rng.normal(size=(*shape, STEPS)),
        "d_real_mean": np.full((*shape, STEPS), 0.75),
        "d_fake_mean": fakes * np.ones((seeds, 1)),
        "d_fake_quantiles": np.full((*shape, STEPS, 5), 0.5),
        "g_grad_norm": norms,
    }
    samples: dict[str, NDArray]
    if points:
        modes = np.array([[1.0, 0.0], [-1.0, 0.0]])
        samples = {"real": modes, "fake": np.tile(modes, (*shape, 1, 1)), "modes": modes, "sigma": np.array(0.1)}
        samples["fake"][0, 0, 0] = 9.0
    else:
        samples = {"real": rng.uniform(-1, 1, (5, 8, 8, 1)), "fake": rng.uniform(-1, 1, (*shape, 5, 8, 8, 1))}
    for (i, j), code in (failures or {}).items():
        outcomes[i, j] = code
        if code == "NON_FINITE":
            distance[i, j] = np.nan
            for values in series.values():
                values[i, j, STEPS // 2 :] = np.nan
            samples["fake"][i, j] = np.nan
    usual = {
        "quantiles": [0.05, 0.25, 0.5, 0.75, 0.95],
        "data": "digits",
        "steps": STEPS,
        "sample_sizes": {"samples per seed": 5000, "held-out images": 360},
        "accuracy": 0.9917,
        "explanations": {"OK": "fine", "NON_FINITE": "it blew up", "COLLAPSED": "few classes"},
        "rules": ["COLLAPSED: fewer than 5 of 10 classes."],
        "command": "jaxgan compare --seeds 8",
        "equilibrium": {"value": -LOG4, "d_loss": LOG4, "d_fake_mean": 0.5, "g_loss/minimax": -LOG4 / 2},
    }
    config = {
        "schema": SCHEMA,
        "job": "compare",
        "command": "jaxgan compare --seeds 8",
        "config": {"lr_d": 0.001, "loss": list(losses)},
        "versions": {"jax": "9.9"},
        "device": "a machine",
        "commit": "abc123",
        "key": 7,
    }
    lead = ("configuration", "seed")
    variables = [variable("metric", "outcome", lead, outcomes)]
    variables += [variable("metric", name, lead, v) for name, v in (("frechet", distance), ("captured", captured))]
    for name, values in series.items():
        dims = (*lead, "step", *(("quantile",) if values.ndim == 4 else ()))
        variables.append(variable("series", name, dims, values.astype(np.float32)))
    for name, values in samples.items():
        dims = lead if name == "fake" else ()
        variables.append(variable("sample", name, dims, np.asarray(values, np.float32)))
    coordinates = {"configuration": list(losses), "seed": np.arange(seeds), "step": 1 + np.arange(STEPS)}
    dataset = xr.Dataset(dict(variables), coords=coordinates)
    return Results(dataset, (DISTANCE, CAPTURED), config, usual if notes is None else notes)


def save(run: Results, folder: Path) -> Path:
    folder.mkdir()
    write_json(folder / "config.json", run.config)
    store.write_run(folder, run)
    return folder


def page_of(run: Results, folder: Path) -> str:
    return write_run_report(save(run, folder)).read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """What a reader reads."""
    body = re.sub(r"<[^>]*>", " ", page[page.index("<body>") :])
    return re.sub(r"\s+", " ", html.unescape(body))


def printed(run: Results, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render(summarize_run(run)))
    return console.export_text()


def ydata(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_ydata(), np.float64)


COLLAPSED_THRICE = {(0, 0): "COLLAPSED", (0, 1): "COLLAPSED", (0, 2): "NON_FINITE"}


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
    counts = {code: [f.failed for f in by_loss] for code, by_loss in table.failures.items()}
    assert counts == {"any": [3, 1], "NON_FINITE": [1, 0], "COLLAPSED": [2, 0], "A_NEW_CODE": [0, 1]}
    assert table.failures["any"][0].share == wilson_interval(3, 8)
    assert not table.rows[0].summaries[0].defined  # 3 of 8 is more than a quarter


def test_a_value_that_is_not_a_number_counts_as_failed_though_the_seed_is_ok() -> None:
    run = make_run()
    run.values["frechet"][0, :3] = np.nan
    assert cell(summarize_run(run).rows[0].summaries[0]) == ("undefined,", "3 of 8 failed")


def test_the_same_run_has_the_same_intervals_with_or_without_another_metric() -> None:
    run = make_run()
    assert summarize_run(run) == summarize_run(run)
    assert summarize_run(replace(run, metrics=(CAPTURED,))).rows[0] == summarize_run(run).rows[1]


@pytest.mark.parametrize(
    ("x", "text"),
    [(999.6, "1,000"), (1e7, "1e7"), (0.0, "0"), (-0.0, "0"), (float("nan"), "undefined"), (-np.inf, "-∞")],
)
def test_number(x: float, text: str) -> None:
    assert number(x) == text


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("losses", [("minimax",), BOTH, (*BOTH, ODD)])
def test_the_terminal_table_fits_and_says_everything(width: int, losses: tuple[str, ...]) -> None:
    text = printed(make_run(losses, failures=COLLAPSED_THRICE), width)
    assert max(map(len, text.splitlines())) <= width
    flat = re.sub(r"\s+", " ", text)
    for expected in ("Interquartile mean over 8 seeds [95 % bootstrap interval over seeds]", "3 of 8 failed",
                     "real against real 1.25", "lower is better", "COLLAPSED", "[14 %, 69 %]"):  # fmt: skip
        assert expected in flat
    assert ("minus minimax" in flat) == (len(losses) > 1)
    if len(losses) == 3:
        assert "Interquartile mean of paired differences on common seeds [95 % bootstrap interval]" in flat
        assert "[red]" in text  # a name, no markup


def test_json_and_markdown_hold_the_same_numbers() -> None:
    table = summarize_run(make_run((*BOTH, ODD)))
    content = json.loads(json.dumps(to_dict(table)))
    frechet = content["metrics"]["frechet"]
    assert frechet["losses"]["non_saturating"]["estimate"] == 33.5
    assert set(frechet["differences"]) == {"non_saturating minus minimax", f"{ODD} minus minimax"}
    assert content["failures"]["any"]["minimax"]["count"] == 0
    low, high = (number(frechet["losses"]["non_saturating"][bound]) for bound in ("low", "high"))
    lines = to_markdown(table).splitlines()
    assert f"| 33.5 [{low}, {high}] |" in lines[4]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines[2:]}) == 1  # one width, whatever the names
    assert "<b>" not in "".join(lines)


def told(run: Results) -> str:
    return " ".join(story(run, summarize_run(run)))


def test_the_story_of_two_losses() -> None:
    text = told(make_run())
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
    run.values["frechet"][1] = run.values["frechet"][0] + [3, -3, 2, -2, 1, -1, 4, -4]
    assert "the interval includes 0, so these seeds do not tell the two apart" in " ".join(
        story(run, summarize_run(run))
    )


def test_one_failed_seed_of_eight_leaves_the_difference_open() -> None:
    # Three or more of eight draws hit the one infinite pair in 7 % of resamples, more than the upper 2.5 %.
    text = told(make_run(failures={(1, 7): "COLLAPSED"}))
    assert "With non_saturating 1 of 8 seeds failed: 1 COLLAPSED" in text
    assert re.search(r"minus minimax is -163 \[-\d+, \+∞\]: the interval includes 0", text)


def test_the_story_of_failures() -> None:
    everything = {(0, j): "COLLAPSED" for j in range(8)} | {(1, j): "NON_FINITE" for j in range(8)}
    run = make_run(failures=everything)
    text = told(run)
    assert "With minimax all 8 seeds failed: 8 COLLAPSED" in text
    assert "with minimax undefined, 8 of 8 failed" in text
    assert "there is no difference to report: in 8 of 8 pairs of seeds at least one failed" in text
    assert text.count("with non_saturating it was not finite") == 2  # the gradient and D(G(z)) at the end
    one = make_run(failures={(0, 2): "NON_FINITE"})
    assert "with minimax 0.02, below 1/2 (without 1 seed no longer finite)" in told(one)


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
    text = told(run)
    assert "The loss minimax was trained on digits for 40 steps from 3 seeds." in text
    assert "With 3 seeds the intervals are rough" in text
    assert "minus" not in text


def test_thinning_keeps_levels_and_ignores_what_is_not_finite() -> None:
    values = np.repeat(np.arange(4.0), 25)[None] * np.ones((2, 1))
    values[1, 50:] = np.inf
    steps, medians = thin(values, bins=4)
    np.testing.assert_array_equal(steps, [13, 38, 63, 88])  # the middles of steps 1..25, 26..50, ...
    np.testing.assert_array_equal(medians, [[0, 1, 2, 3], [0, 1, np.nan, np.nan]])
    assert thin(np.zeros((1, 100_000)))[1].shape == (1, 250)


def test_the_curves_show_median_band_and_equilibrium() -> None:
    figure = curves_figure(make_run(failures={(0, 2): "NON_FINITE"}))
    by_title = {axis.get_title(loc="left"): axis for axis in figure.axes}
    gradient = by_title["Norm of the loss's gradient with respect to the\ngenerator's parameters"]
    assert gradient.get_yscale() == "log"
    np.testing.assert_allclose(ydata(gradient.lines[0]), np.geomspace(1, 1e-4, STEPS), rtol=1e-6)  # 32 bits
    value = by_title["V(D, G) = E log D(x) + E log(1 - D(G(z)))"]
    assert [ydata(line)[0] for line in value.lines if line.get_linestyle() == ":"] == [-LOG4] * 2
    assert len(value.collections) == 2  # a band per loss
    assert len({line.get_linestyle() for line in gradient.lines}) == 2  # told apart without colour
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["8 seeds of minimax (1 not finite at some step)", "8 seeds of non_saturating", "equilibrium"]


def test_a_gradient_of_zero_stays_on_a_logarithmic_axis() -> None:
    run = make_run()
    run.series["g_grad_norm"][0, :, STEPS // 2 :] = 0.0
    line = next(a for a in curves_figure(run).axes if "generator's parameters" in a.get_title(loc="left")).lines[0]
    assert np.min(ydata(line)) == run.series["g_grad_norm"][run.series["g_grad_norm"] > 0].min()


def test_sample_pixels_are_drawn_one_to_one(tmp_path: Path) -> None:
    run = make_run(seeds=2, failures={(0, 1): "NON_FINITE"})
    run.samples["real"][:] = -1.0
    run.samples["fake"][0, 0] = 1.0
    save_png(sample_figure(run, "minimax"), tmp_path / "samples.png")
    picture = np.asarray(Image.open(tmp_path / "samples.png").convert("RGB"))
    rows = picture[:, 170 + 36]  # down the middle of the first image: 9 pixels for each of 8, and gaps of 4
    colours, lengths = np.unique(rows, axis=0, return_counts=True)
    found = {tuple(c): n for c, n in zip(colours.tolist(), lengths.tolist(), strict=True)}
    assert found[(0, 0, 0)] == 72 and found[(213, 94, 0)] == 72
    assert set(found) == {(0, 0, 0), (213, 94, 0), (255, 255, 255)}  # nothing in between: no interpolation


def test_points_outside_of_the_panel_are_counted() -> None:
    titles = [axis.get_title() for axis in sample_figure(make_run(points=True), "minimax").axes]
    assert titles[:3] == ["real data", "seed 0, OK\n1 of 2 outside", "seed 1, OK"]


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize("losses", [("_a",), (*BOTH, ODD)])
def test_the_overview_has_a_mark_for_every_finite_seed(points: bool, seeds: int, losses: tuple[str, ...]) -> None:
    run = make_run(losses, seeds, points=points, failures={(0, 0): "NON_FINITE"})
    dots = overview_figure(run).axes[-1]
    marks = sum(len(ydata(line)) for line in dots.lines if line.get_marker() in ("o", "x"))
    assert marks == len(losses) * seeds - 1
    assert "1 not finite" in dots.get_xticklabels()[0].get_text()


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


def test_points_figure_leaves_out_what_is_not_finite() -> None:
    (line,) = points_figure(np.array([[0.0, 1.0], [np.nan, 0.0]])).axes[0].lines
    assert len(ydata(line)) == 1
    with pytest.raises(ValueError, match="expected points"):
        points_figure(np.zeros((3, 3)))


def test_the_report_says_it_all(tmp_path: Path) -> None:
    text = text_of(page_of(make_run(failures=COLLAPSED_THRICE), tmp_path / "run"))
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
    assert {p.name for p in (tmp_path / "run").glob("*.png")} == {
        "overview.png", "curves.png", "samples-minimax.png", "samples-non_saturating.png"
    }  # fmt: skip


class Addresses(HTMLParser):
    """Collects what a page refers to, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_report_is_one_file_without_scripts(tmp_path: Path) -> None:
    page = page_of(make_run(), tmp_path / "run")
    tags = Addresses(page).tags
    assert [a["lang"] for tag, a in tags if tag == "html"] == ["en"]
    assert not [tag for tag, _ in tags if tag in ("script", "iframe", "object")]
    addresses = [value for _, a in tags for name, value in a.items() if name in ("src", "href")]
    assert len(addresses) == 5 and all(value and value.startswith("data:") for value in addresses)
    assert "url(" not in page and "@import" not in page
    pictures = [a for tag, a in tags if tag == "img"]
    assert all(a["alt"] for a in pictures)
    data = base64.b64decode((pictures[0]["src"] or "").split(",")[1])
    assert data == (tmp_path / "run" / "overview.png").read_bytes()
    assert Image.open(io.BytesIO(data)).size == (int(pictures[0]["width"] or 0), int(pictures[0]["height"] or 0))


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    run = make_run(("minimax", ODD), seeds=2)
    run.notes["data"] = "<script>alert(1)</script>"
    run.config["config"]["path"] = "<img src=x onerror=y>"
    page = page_of(run, tmp_path / "run")
    tags = Addresses(page).tags
    assert not [tag for tag, _ in tags if tag in ("script", "b")]
    assert len([tag for tag, _ in tags if tag == "img"]) == 4
    assert ODD in text_of(page.replace("\\", ""))
    assert len(list((tmp_path / "run").glob("samples-my%20file*.png"))) == 1


def test_a_report_is_a_function_of_the_folder(tmp_path: Path) -> None:
    folder = save(make_run(points=True), tmp_path / "run")
    first = write_run_report(folder).read_bytes()
    assert write_run_report(folder).read_bytes() == first


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_run_with_few_notes_has_a_report(tmp_path: Path, seeds: int) -> None:
    run = make_run(("minimax",), seeds, notes={"quantiles": [0.5]}, failures={(0, 0): "COLLAPSED"})
    text = text_of(page_of(replace(run, config={"job": "compare", "schema": SCHEMA}), tmp_path / "run"))
    assert "COLLAPSED" in text and ("One seed says nothing" in text) == (seeds == 1)


def test_an_unfinished_run_has_no_report(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", {"job": "compare", "schema": SCHEMA})
    with pytest.raises(store.StoreError, match="unfinished"):
        write_run_report(tmp_path)


COUNT = """<script>addEventListener("load", () => { document.body.insertAdjacentHTML("beforeend",
`<p>loaded ${[...document.images].filter(i => i.complete && i.naturalWidth > 0).length} of ` +
`${document.images.length}, overflow ${document.documentElement.scrollWidth - innerWidth}</p>`) })</script>"""


@pytest.mark.parametrize("width", [1200, 500])  # no window of chromium's is narrower than 500
def test_report_opens_in_browser(tmp_path: Path, width: int) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no chromium or google-chrome on PATH")
    page = page_of(make_run(failures=COLLAPSED_THRICE), tmp_path / "run")
    # The page forbids scripts; this copy of it lets one count.
    allowed = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    copy = tmp_path / "copy.html"
    copy.write_text(allowed.replace("</body>", COUNT + "</body>"), encoding="utf-8")
    outputs = []
    for path in (tmp_path / "run" / "report.html", copy):
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
    assert loaded[1] == loaded[2] == "4"
    assert int(loaded[3]) <= 0  # wide tables scroll by themselves
