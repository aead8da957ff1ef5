"""Which modes or classes are missing: counted against the data's shares, drawn, and said."""

import dataclasses

import numpy as np
import pytest

from jaxgan.report.run.modes import (
    CODES,
    collapsed,
    missing_in_words,
    modes_figure,
    modes_frame,
    modes_in_words,
    names_of_modes,
)
from jaxgan.report.run.report import write_run_report
from jaxgan.report.run.story import story
from jaxgan.report.run.table import summarize_run
from jaxgan.results.results import Results, variable
from jaxgan.results.statistics import missing_cells
from jaxgan.results.store import load_results
from tests.report.readers import ydata
from tests.synthetic import make_run, save

DATA = np.array([0.4, 0.2, 0.2, 0.1])  # a tenth of real data is near none


def partly(codes: dict[tuple[int, int], str], points: bool = False, **notes: object) -> Results:
    """Samples as in the data, but that runs with a code have nothing of the second and little of the third mode."""
    run = make_run(failures=codes, points=points)
    shares = np.tile(DATA.astype(np.float32), (2, 8, 4, 1))
    for place in codes:
        shares[place] = [0.8, 0.0, 0.05, 0.1]
    found = dict([variable("evidence", "shares", ("configuration", "seed", "probe_step"), shares)])
    yardsticks = {"quality": None, "distance": None, "shares": DATA.tolist(), "samples": 500}
    return dataclasses.replace(run, dataset=run.dataset.assign(found),
                               notes=run.notes | {"yardsticks": yardsticks} | notes)  # fmt: skip


FOUR = {(0, j): "PARTIALLY_COLLAPSED" for j in range(3)} | {(1, 7): "COLLAPSED"}


def test_shares_are_those_of_the_runs_that_collapsed():
    one, other = collapsed(partly(FOUR))
    assert one.configuration == 0 and one.seeds.tolist() == [0, 1, 2] and other.seeds.tolist() == [7]
    np.testing.assert_allclose(one.ratio[0], [2.0, 0.0, 0.25, 1.0], rtol=1e-6)  # float32
    assert one.missing.tolist() == [[False, True, False, False]] * 3  # a quarter of its share is rare, and there
    assert not collapsed(partly({})) and not collapsed(make_run(failures=FOUR))


def test_a_cell_is_missing_only_where_so_few_are_no_chance():
    # (1 - 1/3)^30 = 5e-6 and (1 - 1/3)^12 = 0.008, against 0.01 / 3.
    for n, expected in ((30, True), (12, False)):
        assert missing_cells([0.5, 0.5, 0.0], np.full(3, 1 / 3), n).tolist() == [False, False, expected]
    assert not missing_cells([0.5, 0.5, 0.0], [0.5, 0.5, 0.0], 10_000).any()  # the data have none there
    assert missing_cells(np.zeros((5, 2, 3)), np.full(3, 1 / 3), 100).shape == (5, 2, 3)


def test_what_is_missing_is_named_with_its_seeds():
    run = partly(FOUR, classes=["zero", "one", "two", "three"])
    assert names_of_modes(run) == ("class", ["zero", "one", "two", "three"])
    partial = np.isin(run.outcomes[0], CODES)
    assert missing_in_words(run, 0, partial) == "missing is class one in 3 of 3 seeds"
    assert "PARTIALLY_COLLAPSED: missing is class one in 3 of 3 seeds" in story(run, summarize_run(run))[0]
    assert missing_in_words(run, 1, run.outcomes[1] == "COLLAPSED") == "missing is class one"
    many = partly(FOUR, classes=["cell 1", "cell 2", "cell 3", "cell 4"])
    many.dataset["evidence_shares"].values[0, 0] = 0
    assert names_of_modes(many)[0] == "cell"
    text = missing_in_words(many, 0, partial)
    assert text == "missing are cells 2 in 3, 1 in 1, 3 in 1 and 1 other of 3 seeds"
    assert missing_in_words(make_run(), 0, partial) == ""


@pytest.mark.parametrize("points", [False, True])
def test_the_figure_has_a_row_for_each_configuration_and_the_plane_for_points(points):
    run = partly(FOUR, points=points)
    if points:  # at four places
        modes = variable("sample", "modes", (), np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]], np.float32))
        run = dataclasses.replace(run, dataset=run.dataset.drop_vars("sample_modes").assign(dict([modes])))
    figure = modes_figure(run)
    assert figure is not None
    per_row = 3 if points else 2
    assert len(figure.axes) == 2 * per_row + 1  # and the bar of colours
    shares, seeds = figure.axes[:2]
    # Points at the interquartile mean of equal shares, crosses at the second mode of each seed.
    (dots,) = [line for line in shares.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(ydata(dots), [0.8, 0.0, 0.05, 0.1], rtol=1e-6, atol=1e-9)
    (crosses,) = [line for line in seeds.lines if line.get_marker() == "x"]
    assert np.column_stack([crosses.get_xdata(), crosses.get_ydata()]).tolist() == [[1, 0], [1, 1], [1, 2]]
    if points:
        assert [text.get_text() for text in figure.axes[2].texts if text.get_color() == "white"] == ["3"]
    words = modes_in_words(run)
    assert ("in the plane" in words) == points and "below 10 % of the data's share" in words


def test_nothing_is_drawn_where_nothing_collapsed():
    assert modes_figure(partly({})) is None and modes_in_words(partly({})) == ""
    assert modes_figure(make_run(failures={(0, 0): "COLLAPSED"})) is None  # an earlier version's, without shares


def test_the_page_shows_it_with_its_numbers(tmp_path):
    folder = save(partly(FOUR), tmp_path / "run")
    page = write_run_report(load_results(folder), folder).read_text(encoding="utf-8")
    assert "<h3>What is missing</h3>" in page and (folder / "modes.png").is_file()
    frame = (folder / "figures" / "modes.csv").read_text(encoding="utf-8").splitlines()
    assert frame[0] == "configuration,seed,mode,share,data,missing" and frame[2] == "minimax,0,2,0,0.2,True"
    assert len(frame) == 1 + 4 * 4 and len(modes_frame(partly(FOUR))) == 16
