"""What `jaxgan evaluate` compares with what, on arrays of points."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.report.evaluated import samples_sections
from jaxgan.study.evaluating import Asked, Evaluated, evaluate_samples

RNG = np.random.default_rng(0)


def evaluated(folder: Path, **options) -> Evaluated:
    asked = Asked(folder / "fake.npy", against=str(folder / "real.npz"), resamples=0, **options)
    return evaluate_samples(asked, report=lambda line: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "real.npz", x_train=RNG.normal(size=(80, 3)), x_test=RNG.normal(size=(30, 3)))
    np.save(tmp_path / "fake.npy", RNG.normal(size=(25, 3)))
    return tmp_path


@pytest.mark.parametrize("part", ["heldout", "train", "all"])
def test_authenticity_of_real_examples_is_of_those_held_out(folder: Path, part: str) -> None:
    """By all pairs of numpy; of all real examples most would be training examples themselves, at distance 0."""
    found = evaluated(folder, part=part, metrics=("frechet,authenticity",))
    with np.load(folder / "real.npz") as arrays:
        train, heldout = arrays["x_train"], arrays["x_test"]
    between = np.linalg.norm(heldout[:, None] - train[None], axis=-1)
    within = np.linalg.norm(train[:, None] - train[None], axis=-1) + np.diag(np.full(80, np.inf))
    authentic = between.min(axis=1) > within.min(axis=1)[between.argmin(axis=1)]
    (label, value) = next(iter(found.metrics[-1].yardsticks.items()))
    count = int(label.removesuffix(" held out"))
    assert found.metrics[-1].name == "authenticity" and count == 25
    assert value * count == pytest.approx(round(value * count)) and abs(value - authentic.mean()) <= 5 / 30
    ((_, _, beside), *_), *_ = [section.rows[-1:] for section in samples_sections(found.metrics, found.intervals,
                                                                                 found.about)]  # fmt: skip
    assert beside.plain.endswith("(25 held out)")
