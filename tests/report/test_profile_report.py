"""Figures, tables, folder and page of gradient profiles: slopes known beforehand, and what a reader sees."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from jaxgan.report.profile.figures import frozen_figure, layers_figure, training_figure
from jaxgan.report.profile.paper import paper_figure
from jaxgan.report.profile.report import figures_of, write_profile_report
from jaxgan.report.profile.rows import frozen_rows, strength_rows, training_rows
from jaxgan.report.profile.story import story
from jaxgan.report.profile.strengths import strengths_figure
from jaxgan.report.profile.tables import markdown, sections
from jaxgan.report.tables import to_dict
from jaxgan.results.results import Results
from jaxgan.results.store import load_results
from tests.report.readers import Addresses, text_of, ydata
from tests.synthetic import PROBE_STEPS, make_profile, save

BOTH = ("minimax", "wasserstein")
ODD = "_my <b>file</b>: $x$|"
STEPS = PROBE_STEPS


def page_of(run: Results, folder: Path) -> str:
    return write_profile_report(load_results(save(run, folder)), folder).read_text(encoding="utf-8")


def panel(figure: Figure, words: str) -> Axes:
    """The first panel that has these words at it."""
    for axis in figure.axes:
        if words in f"{axis.get_title(loc='left')} {axis.get_ylabel()} {axis.get_xlabel()}".replace("\n", " "):
            return axis
    raise AssertionError(f"no panel about {words!r}")


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_slope_of_frozen_norms_is_known() -> None:
    rows = {(row.age, row.loss): row for row in frozen_rows(make_profile())}
    assert set(rows) == {(age, loss) for age in (0, 300) for loss in BOTH}
    falling, level = rows[0, "minimax"], rows[300, "wasserstein"]
    np.testing.assert_allclose(falling.per_thousand, -10, rtol=1e-9)  # 10^(-step / 100), all seeds alike
    np.testing.assert_allclose(falling.total, -1.99, rtol=1e-9)  # from step 1 to step 200
    np.testing.assert_allclose(falling.norm, 0.01, rtol=1e-9)
    np.testing.assert_allclose(level.per_thousand, 0, atol=1e-9)
    assert level.snr.estimate == 3 and level.agreement.estimate == 0.75 and level.first_zero is None


def test_the_change_along_training_is_known() -> None:
    first, second = training_rows(make_profile("train"))
    np.testing.assert_allclose(first.change, -1.99, rtol=1e-9)
    np.testing.assert_allclose(second.change, 0, atol=1e-9)
    assert first.cosine.estimate == 0.5 and first.saturated.estimate == 0.25


def test_strengths_in_the_tables() -> None:
    rows = strength_rows(make_profile(configurations=("base", "lr=0.1")))
    assert [(row.configuration, row.age) for row in rows] == [
        ("base", 0),
        ("base", 300),
        ("lr=0.1", 0),
        ("lr=0.1", 300),
    ]
    assert {row.accuracy.estimate for row in rows if row.accuracy} == {0.75}
    np.testing.assert_allclose([row.implied.estimate for row in rows if row.implied], 0.5)  # (V + log 4) / 2
    trained = strength_rows(make_profile("train", configurations=("base", "lr=0.1")))
    assert [row.metric.estimate for row in trained if row.metric] == [6.0, 6.0]
    assert all(row.implied is None for row in strength_rows(make_profile(d_scores=True)))


def test_markdown_holds_the_numbers() -> None:
    text = markdown(make_profile(losses=("minimax", ODD)))
    assert "| 0 steps (0 epochs) | minimax | -10.00 [-10.00, -10.00] | -1.99 [-1.99, -1.99] | 3 [3, 3]" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1  # one width, whatever the names
    (paper,) = sections(make_profile("paper"))
    assert [cell.text for cell in paper.rows[0]][:2] == ["minimax", "-D"]
    assert [cell.text for cell in paper.rows[0]][-2:] == ["5.0e-07", "2.0e-15"]


def test_a_norm_of_zero_ends_the_slope_and_is_counted() -> None:
    run = make_profile()
    run.dataset["gradient_norm"].values[0, 0, :3, STEPS >= 100, 0] = 0.0
    row = frozen_rows(run)[0]
    assert (row.zeros, row.first_zero) == (3, 100)
    np.testing.assert_allclose(row.per_thousand, -10, rtol=1e-9)
    assert "3 of 4, first at step 100" in markdown(run)


@pytest.mark.parametrize("kind", ["paper", "train", "frozen"])
def test_what_is_written_is_read(kind: str, tmp_path: Path) -> None:
    run = make_profile(kind, (*BOTH, ODD))
    again = load_results(save(run, tmp_path / "run"))
    assert (again.losses, again.configurations) == (run.losses, run.configurations)
    np.testing.assert_array_equal(again.ages, run.ages)
    assert again.notes == run.notes and again.config == run.config
    assert again.dataset.identical(run.dataset)
    assert markdown(again) == markdown(run)


@pytest.mark.parametrize("kind", ["paper", "train", "frozen"])
def test_every_profile_has_tables_as_plain_json(kind: str) -> None:
    content = json.loads(json.dumps(to_dict(sections(make_profile(kind)))))
    name = {"train": "training"}.get(kind, kind)
    first, second = content[name]["rows"][:2]
    assert first["loss"] == "minimax" and second["loss"] == "wasserstein"
    if kind == "paper":
        assert first["relative error, float32"] == 5e-7
    else:
        assert set(first["snr"]) == {"estimate", "low", "high"} and first["zeros"] == {"count": 0, "first": None}


def test_words_have_no_double_negative() -> None:
    text = " ".join(story(make_profile()))
    assert "minimax lost 10.00 [10.00, 10.00] decades per 1,000 steps, 1.99 [1.99, 1.99] in all" in text
    assert "lost -" not in text and "gained -" not in text
    assert (
        "wasserstein changed by +0.00 [+0.00, +0.00] decades per 1,000 steps, which is compatible with no change"
        in text
    )
    assert " by the logit" not in text and "with respect to the discriminator's logit" in text


def test_the_frozen_figure_shows_medians_bands_and_zeros() -> None:
    run = make_profile(losses=(*BOTH, "hinge"))
    run.dataset["gradient_norm"].values[0, :, :, STEPS >= 100, 0] = 0.0
    run.dataset["gradient_norm"].values[0, 1, 2, 3:, 1] = np.nan
    figure = frozen_figure(run)
    norm = panel(figure, "norm of the gradient with respect to the generator's parameters")
    assert norm.get_title(loc="left").replace("\n", " ") == "generator after 0 steps (0 epochs)"
    assert norm.get_xscale() == "log" and norm.get_yscale() == "symlog"
    np.testing.assert_allclose(ydata(norm.lines[0]), np.where(STEPS >= 100, 0, 10 ** (-STEPS / 100)), rtol=1e-9)
    np.testing.assert_array_equal(ydata(norm.lines[1]), np.full(len(STEPS), 2.0))
    assert len(norm.collections) == 3 and norm.lines[1].get_linewidth() > norm.lines[2].get_linewidth()  # both seen
    assert "spread" in panel(figure, "with respect to the generated example").get_ylabel()
    noise = panel(figure, "SNR across minibatches, with respect to the generator's parameters")
    assert any(np.allclose(ydata(line), 0.5) and line.get_linestyle() == ":" for line in noise.lines)  # 1 / sqrt(4)
    implied = panel(figure, "implied JSD")
    np.testing.assert_allclose(ydata(implied.lines[0]), 0.5)
    assert any(np.allclose(ydata(line), math.log(2)) for line in implied.lines)
    legend = legend_of(figure)
    assert legend[1].endswith("wasserstein (1 of 4 seeds not finite at some step)")
    assert legend[-1] == "line and band: median and interquartile range over 4 seeds"


def test_a_frozen_figure_leaves_out_what_there_is_not() -> None:
    run = make_profile(d_scores=True)
    run = dataclasses.replace(run, dataset=run.dataset.drop_vars("gradient_image_spread"))
    run.dataset["gradient_snr"].values[...] = np.nan  # of one minibatch
    assert len(frozen_figure(run).axes) == 2 * len(run.ages)  # norm and accuracy
    one = frozen_figure(make_profile(seeds=1))
    assert legend_of(one)[-1] == "one seed, no band"
    assert not any(axis.collections for axis in one.axes)


def test_the_training_figure() -> None:
    run = make_profile("train")
    figure = training_figure(run)
    update = panel(figure, "and of its update")
    np.testing.assert_allclose(ydata(update.lines[0]), 10 ** (-STEPS / 100))
    np.testing.assert_allclose(ydata(update.lines[1]), 0.1)
    np.testing.assert_allclose(ydata(panel(figure, "Cosine with the gradient of minimax").lines[1]), 0.5)
    fakes = panel(figure, "D(G(z)) of generated samples")
    np.testing.assert_allclose(ydata(fakes.lines[0]), -3)
    assert "5-95 %, 25-75 %" in fakes.get_title(loc="left") and len(fakes.collections) == 2
    assert "0.5" in [text.get_text() for text in fakes.get_yticklabels()]
    assert panel(training_figure(make_profile("train", trained="wasserstein")), "Score of generated samples")
    with pytest.raises(AssertionError, match="no panel"):
        panel(training_figure(make_profile("train", trained="a recipe")), "Cosine")


def test_the_layers_of_the_last_age_are_shown() -> None:
    run = make_profile()
    run.dataset["gradient_layers"].values[0, 0] = 99.0
    run.dataset["gradient_layers"].values[0, 1, :, -1, 0] = 0.0
    figure = layers_figure(run)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["Dense_0", "Dense_1"]
    shown: Any = np.ma.asarray(figure.axes[0].collections[0].get_array()).reshape(2, len(STEPS))
    np.testing.assert_allclose(shown[:, 0], 10 ** (-1 / 100) * np.array([0.6, 0.8]))
    assert shown.mask[:, -1].all() and not shown.mask[:, :-1].any()  # a logarithm of 0 there is not
    assert "300 steps" in figure.get_suptitle()


def test_the_paper_figure_names_the_axis_of_an_unbounded_critic() -> None:
    figure = paper_figure(make_profile("paper"))
    chances = panel(figure, "with respect to the probability")
    assert "sigmoid(score) for losses of a score" in chances.get_xlabel()
    error = panel(figure, "float32 against float64")
    assert error.get_yscale() == "symlog"  # a constant has no rounding error
    bounds = panel(figure, "Size of the derivative with respect to the logit")
    pale = [line for line in bounds.lines if line.get_alpha() is not None]
    assert len(pale) == 1 and np.max(np.asarray(pale[0].get_xdata())) == -5.0  # below -4.6, each half a logit
    legend: Any = figure.axes[-1].get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    assert any(name.endswith("wasserstein (of a score)") for name in names)
    run = make_profile("paper")
    for about in run.notes["about"].values():
        about["axis"] = "sigmoid(score)"
    chances = panel(paper_figure(run), "with respect to the probability")
    assert chances.get_xlabel() == "sigmoid(score), not a probability"
    alike: Any = paper_figure(make_profile("paper", ("minimax", "wasserstein", "hinge"))).axes[-1].get_legend()
    assert "wasserstein, hinge" in alike.get_texts()[-1].get_text()


def test_the_strengths_figure_has_a_mark_for_every_strength_and_loss() -> None:
    figure = strengths_figure(make_profile(configurations=("base", "lr=0.1")))
    norm = panel(figure, "parameters, at the end")
    marks = [line for line in norm.lines if line.get_marker() in ("o", "s")]
    np.testing.assert_allclose([np.ravel(line.get_xdata())[0] for line in marks], [0.01, 2, 0.02, 4])
    assert len({ydata(line)[0] for line in marks}) == 4  # each at a height of its own
    assert legend_of(figure)[-1] == "interquartile mean over 4 seeds, 95 % bootstrap interval"
    trained = strengths_figure(make_profile("train", seeds=1, configurations=("base", "lr=0.1")))
    assert legend_of(trained)[-1] == "one seed, no interval"
    metric = panel(trained, "Modes captured of the generator at the end of training (higher is better)")
    assert any(np.allclose(np.asarray(line.get_xdata()), 8) for line in metric.lines)  # the yardstick


def test_the_page_of_a_frozen_profile(tmp_path: Path) -> None:
    run = make_profile(losses=("minimax", ODD), configurations=("base", "lr=0.1"))
    run.notes["data"] = "<script>alert(1)</script>"
    folder = tmp_path / "run"
    page = page_of(run, folder)
    first = {path: path.read_bytes() for path in folder.rglob("*.*")}
    text = text_of(page)
    for expected in (
        "2 losses, 4 seeds (0 to 3); generators of minimax, frozen after 0 steps (0 epochs), 300 steps (3 epochs)",
        "What happened", "The numbers", "What the intervals mean", "Which gradient is which", "On paper", "Layers",
        "Strengths of the discriminator", "How it was made", "Files in the folder", ODD, "<script>alert(1)</script>",
        "-10.00 [-10.00, -10.00]", "the interquartile mean over the 4 seeds", "It is not a confidence interval.",
        "pure noise has about 1/√4 = 0.5", "The generator minimizes log(1 - D), D being D(G(z)). The derivative "
        "with respect to the logit is -D. Saturates: below a logit of -4.60", "above -87.4, where it is 0",
        "is at most 5e-07 in float32 and 2e-15 in float64", "jaxgan profile --loss minimax", "abc123",
        "a machine", "Random key 7", "jax 9.9", "Seconds 3.5", "frozen.png",
    ):  # fmt: skip
        assert expected in text, expected
    tags = Addresses(page).tags
    assert [tag for tag, _ in tags if tag in ("script", "b", "iframe", "object")] == ["script"]  # our own
    addresses = [value for _, a in tags for name, value in a.items() if name in ("src", "href")]
    assert len(addresses) == 5 and all(value and value.startswith("data:") for value in addresses)
    assert "url(" not in page and "@import" not in page and "default-src 'none'" in page
    names = ("frozen", "layers", "strengths", "paper")
    norms = pd.read_csv(folder / "figures" / "frozen.csv")
    assert len(norms) == 2 * 2 * 4 * 8 * 2  # configurations, ages, seeds, probes, losses
    assert {"configuration", "age", "seed", "probe_step", "loss", "norm", "snr"} <= set(norms)
    assert {path.stem for path in folder.glob("*.png")} == set(names)
    assert {path.name for path in (folder / "figures").iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("csv", "pdf", "svg")
    }
    for name in names:
        pixels = np.asarray(Image.open(folder / f"{name}.png").convert("L"))
        assert pixels.shape[1] > 800 and (pixels < 128).sum() > 2000
        assert "</text>" in (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    write_profile_report(load_results(folder), folder)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == first  # a function of the folder


def test_the_page_of_training_from_one_seed(tmp_path: Path) -> None:
    text = text_of(page_of(make_profile("train", seeds=1, stopped=150), tmp_path / "run"))
    assert "2 losses, 1 seed (0); 150 steps of training with minimax" in text
    assert "With one seed there is no interval over seeds, and none is printed." in text
    assert "bootstrap" not in text and "Lines: the median over seeds;" not in text
    assert "How training went" in text and "With minimax" not in text and "With base, the seed" in text
    assert "Strengths of the discriminator" not in text and "On paper" in text


def test_the_page_on_paper(tmp_path: Path) -> None:
    run = make_profile("paper")
    run.notes["about"]["minimax"] |= {"value": None, "derivative": None,
                                      "off_closed_form": {"float32": None, "float64": None}}  # fmt: skip
    run.dataset["paper_closed_d_logit"].values[0] = np.nan
    page = page_of(run, tmp_path / "run")
    text = text_of(page)
    assert "2 losses on paper, without a network" in text
    assert "No closed form is known; the derivative was measured." in text
    assert "wasserstein is a loss of an unbounded score: sigmoid(score) is not a probability" in text
    assert "The numbers" not in text and "Layers" not in text and page.count("<img") == 1
    assert list(figures_of(run)) == ["paper"]
    table = json.loads((tmp_path / "run" / "table.json").read_text(encoding="utf-8"))
    assert [row["loss"] for row in table["paper"]["rows"]] == list(BOTH)
