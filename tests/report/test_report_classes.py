"""Conditional samples by class in a report: each seed is judged, and a class that cannot be measured hides no other."""

import dataclasses

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from jaxgan.report.run import terminal
from jaxgan.report.run.by_class import MEASURES, classes_sections, failing_classes, has_classes, obeyed_figure
from jaxgan.results.results import Results, variable
from tests.synthetic import make_run

NAMES = ["cat", "dog", "$rare$"]
LEFT_OUT = "the measures by class leave out: '$rare$' has 1 held-out example (2 are needed)"


def conditional(accuracy: np.ndarray, names: list[str] = NAMES, rare: bool = True) -> Results:
    """Two losses, four seeds; the last class cannot be measured if it is `rare`. The accuracy is of the second loss."""
    k = len(names)
    unknown = np.where(np.arange(k) == k - 1, np.nan, 1.0) if rare else np.ones(k)
    run = make_run(seeds=4, notes=None)
    values = np.stack([np.full_like(accuracy, 0.9), accuracy]) * unknown
    new = []
    for name in MEASURES:
        one = values if name == "class_accuracy" else np.ones_like(values) * unknown
        new.append(variable("sample", name, ("configuration", "seed"), one))
        new.append(variable("sample", f"{name}_data", (), np.full(k, 0.98) * unknown))
    notes = run.notes | {"classes": names} | ({"classes_left_out": LEFT_OUT} if rare else {})
    return dataclasses.replace(run, dataset=run.dataset.assign(dict(new)), notes=notes)


def accuracy(k: int = 3) -> np.ndarray:
    """Of a class in one of four seeds, which their median does not show."""
    found = np.full((4, k), 0.9)
    found[2, 1] = 0.12
    return found


def test_a_class_that_fails_in_one_seed_is_told() -> None:
    (line,) = failing_classes(conditional(accuracy()))
    assert line.startswith("non_saturating: failing classes (less than half the accuracy of real data)")
    assert line.endswith("that belong to the class: dog in 1 of 4 seeds (12 %).")
    assert failing_classes(conditional(np.full((4, 3), 0.5))) == []


def test_seeds_in_which_all_classes_fail_are_told_together() -> None:
    values = accuracy()
    values[0] = 0.33
    (line,) = failing_classes(conditional(values))
    assert line.endswith("the class: all of them in 1 of 4 seeds; dog in 1 of 4 seeds (12 %).")
    values[:] = np.nan  # no seed was finite
    assert failing_classes(conditional(values)) == []


def test_many_failing_classes_are_counted() -> None:
    values = np.full((4, 20), 0.1)
    values[:, 0] = 0.9
    (line,) = failing_classes(conditional(values, [f"c{i}" for i in range(20)], rare=False))
    assert "c1 in all 4 seeds (10 %); " in line and line.endswith("c6 in all 4 seeds (10 %); and 13 more.")


def test_a_class_that_cannot_be_measured_hides_no_other() -> None:
    run = conditional(accuracy())
    assert has_classes(run)
    (table,) = classes_sections(run)
    texts = [[getattr(cell, "text", cell) for cell in row] for row in table.rows]
    assert ["dog", "real data", "0.98", "0.98", "0.98"] in texts
    assert ["$rare$", "real data", *["undefined"] * 3] in [[str(cell).replace("\\", "") for cell in t] for t in texts]
    assert LEFT_OUT in table.caption
    axes = obeyed_figure(run).axes
    heights = [[patch.get_height() for patch in axis.patches if isinstance(patch, Rectangle)] for axis in axes]
    assert [len(each) for each in heights] == [4] * 3  # two losses, two classes
    assert np.isfinite(heights).all() and heights[0] == [0.9] * 4
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["cat", "dog", r"\$rare\$"]


def test_runs_without_classes_have_no_part_about_them() -> None:
    run = make_run()
    assert not has_classes(run) and classes_sections(run) == [] and failing_classes(run) == []


@pytest.mark.parametrize("diagnosis", [False, True])
def test_a_terminal_tells_failing_classes(tmp_path, monkeypatch, capsys, diagnosis: bool) -> None:
    run = conditional(accuracy())
    states = np.full((2, 4, 4), "HEALTHY", dtype="<U24")
    along = dict([variable("metric", "outcome_along", ("configuration", "seed", "probe_step"), states)])
    run = dataclasses.replace(run, dataset=run.dataset.assign(along))
    if diagnosis:
        terminal.show_diagnosis(run)
    else:
        monkeypatch.setattr(terminal, "load_results", lambda folder: run)
        terminal.show(tmp_path)
    assert "the class: dog in 1 of 4 seeds (12 %)." in " ".join(capsys.readouterr().out.split())
