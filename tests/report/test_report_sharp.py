"""What a report says of sharpness."""

import dataclasses

import numpy as np

from jaxgan.report.run.sharp import sharpness_in_words
from jaxgan.report.run.story import story
from jaxgan.report.run.table import summarize_run
from jaxgan.results.results import Results, variable
from tests.synthetic import BOTH, make_run

BOUNDS = {"high_frequency": [0.9, 1.1], "laplacian": [0.95, 1.05]}


def measured(high: np.ndarray, laplacian: np.ndarray, names: tuple[str, ...] = BOTH) -> Results:
    run = make_run(names, seeds=high.shape[1])
    metrics = {"high_frequency": high, "laplacian": laplacian}
    found = [variable("metric", name, ("configuration", "seed"), values) for name, values in metrics.items()]
    described = tuple(run.metrics[0]._replace(name=name, label=name) for name in metrics)
    return dataclasses.replace(run, dataset=run.dataset.assign(dict(found)), metrics=(*run.metrics, *described),
                               notes=run.notes | {"sharpness": BOUNDS})  # fmt: skip


def test_blur_counts_where_both_measures_are_below_what_real_images_have():
    high = np.array([[0.5, 0.7, 0.89, 1.0], [1.2, 1.2, 1.3, 2.0]])
    laplacian = np.array([[0.4, 0.6, 0.96, 0.5], [1.2, 1.0, 1.4, 3.0]])
    text = sharpness_in_words(measured(high, laplacian))
    assert (
        "Between sets of real images, by chance, power at high frequencies differs by a factor of 0.9 to 1.1 and "
        "the variance of the Laplacian differs by a factor of 0.95 to 1.05. Counting only runs outside both ranges, "
    ) in text
    assert "the samples of 2 of 4 seeds of minimax (medians 0.6 and 0.5) are blurrier than the data" in text
    assert "the samples of 3 of 4 seeds of non_saturating (medians 1.3 and 1.4) are rougher than the data" in text
    assert text.endswith("such as a checkerboard.")
    run = measured(high, laplacian)
    assert text in story(run, summarize_run(run))


def test_samples_as_sharp_as_the_data_are_not_accused_and_nan_is_neither():
    fine = np.ones((2, 3))
    fine[0, 0] = np.nan
    assert "the samples of no run are blurrier or rougher than the data" in sharpness_in_words(measured(fine, fine))
    assert sharpness_in_words(make_run()) == ""  # an earlier version's, or points


def test_of_many_configurations_runs_are_counted():
    names = tuple(f"r{i}" for i in range(9))
    text = sharpness_in_words(measured(np.full((9, 4), 0.5), np.full((9, 4), 0.5), names))
    assert text.endswith("the samples of 36 of 36 runs are blurrier than the data.")
