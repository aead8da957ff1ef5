"""The pictures of a report: curves, overview, samples and paths, with what is drawn of numbers that are known."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jaxgan.report.layout import png
from jaxgan.report.panels import save_paper
from jaxgan.report.plots import line_width, log_axis, over_seeds, probability_ticks, style, thin, thin_to
from jaxgan.report.run.curves import curves_figures
from jaxgan.report.run.figures import grid_image, grid_shape, paths_figure, points_figure
from jaxgan.report.run.overview import dots_figure, overview_figure
from jaxgan.report.run.samples import sample_figure
from jaxgan.report.run.when import when_figure
from jaxgan.results.results import Results
from tests.report.readers import ydata
from tests.synthetic import BOTH, LOG4, ODD, STEPS, make_profile, make_run


def curves_of(run: Results) -> Figure:
    return curves_figures(run)["curves"]


def test_the_figure_of_when_has_metrics() -> None:
    figure = when_figure(make_run(notes={"quantiles": [0.5]}))
    assert figure is not None
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["Fréchet distance"]
    np.testing.assert_allclose(ydata(figure.axes[0].lines[0]), [279.3, 186.15, 237.9, 196.5])
    run = make_run()
    assert when_figure(dataclasses.replace(run, dataset=run.dataset.drop_vars("frechet_along"))) is None


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
    figure = curves_of(make_run(failures={(0, 2): "DIVERGED"}))
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


def test_panels_are_written_by_themselves(tmp_path: Path) -> None:
    run = make_run(causes=True, failures={(0, 0): "GRADIENT_VANISHED"})
    run = dataclasses.replace(run, dataset=run.dataset.drop_vars(["d_loss", "value", "d_real_mean", "g_update_norm"]))
    names = {path.stem for path in save_paper(run, tmp_path)}
    assert {"curve-g_loss", "curve-g_grad_norm", "along-frechet", "evidence-minimax-vanishing-gradient"} <= names
    svg = (tmp_path / "curve-g_loss.svg").read_text(encoding="utf-8")
    assert 'width="234pt"' in svg and "non_saturating</text>" in svg  # 3.25 inches, with a legend of its own
    assert {path.stem for path in save_paper(make_profile("paper"), tmp_path / "paper")} == {
        f"paper-{name}" for name in ("value", "d_logit", "size", "d_probability", "rounding")
    }


def test_sample_pixels_are_drawn_one_to_one() -> None:
    run = make_run(seeds=2, failures={(0, 1): "DIVERGED"})
    run.dataset["sample_real"][:] = -1.0
    run.dataset["sample_fake"][0, 0] = 1.0
    picture = np.asarray(Image.open(io.BytesIO(png(sample_figure(run, "minimax")))).convert("RGB"))
    rows = picture[:, -(4 + 36)]  # down the middle of the last image: 9 pixels for each of 8, and gaps of 4
    colours, lengths = np.unique(rows, axis=0, return_counts=True)
    found = {tuple(c): n for c, n in zip(colours.tolist(), lengths.tolist(), strict=True)}
    assert found[(0, 0, 0)] == 72 and found[(213, 94, 0)] == 72
    assert set(found) == {(0, 0, 0), (213, 94, 0), (255, 255, 255)}  # nothing in between: no interpolation


def test_the_longest_outcome_beside_images_is_inside_of_the_picture() -> None:
    figure = sample_figure(make_run(seeds=2, failures={(0, 1): "DISCRIMINATOR_DOMINATES"}), "minimax")
    figure.draw_without_rendering()
    starts = {text.get_text(): text.get_window_extent().x0 for text in figure.axes[0].texts}
    assert starts["seed 1\nDISCRIMINATOR_DOMINATES"] == min(starts.values()) >= 4


def test_points_outside_of_the_panel_are_counted() -> None:
    titles = [axis.get_title() for axis in sample_figure(make_run(points=True), "minimax").axes]
    assert titles[:3] == ["real data", "seed 0, HEALTHY\n1 of 2 outside", "seed 1, HEALTHY"]


def test_the_words_below_every_seed_are_inside_of_the_picture() -> None:
    """As it stands on a telephone's page: a third of a text's width, and failed seeds to explain."""
    figure = dots_figure(make_run(("minimax", "maximum_likelihood"), points=True, failures={(0, 0): "DIVERGED"}))
    figure.draw_without_rendering()
    words = figure.axes[0].xaxis.label.get_window_extent()
    assert "x: failed" in figure.axes[0].get_xlabel()
    assert figure.bbox.x0 <= words.x0 and words.x1 <= figure.bbox.x1


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize("names", [("_a",), (*BOTH, ODD), tuple(f"c{i}" for i in range(12))])
def test_the_overview_has_a_mark_for_every_finite_seed(points: bool, seeds: int, names: tuple[str, ...]) -> None:
    run = make_run(names, seeds, points=points, failures={(0, 0): "DIVERGED"})
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
