"""What `jaxgan evaluate` compares with what, on arrays of points."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.report.evaluated import samples_sections
from jaxgan.study.config import configure
from jaxgan.study.evaluating import Asked, Evaluated, _real, evaluate_samples

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


@pytest.mark.parametrize("in_memory", [True, False])
def test_what_is_seen_in_pictures_and_their_depths_is_told(tmp_path: Path, in_memory: bool) -> None:
    """Transparent pixels, and the same 12-bit numbers, in one set beside a picture of 16 bits."""
    (tmp_path / "own.py").write_text("def pixels(x):\n    return x.reshape(len(x), -1)[:, :2]\n")
    for name in ("fake", "real"):
        (tmp_path / name).mkdir()
        for i in range(30):
            levels = RNG.integers(0, 60_000 if name == "real" and i == 0 else 4000, (4, 4), dtype=np.uint16)
            Image.fromarray(levels).save(tmp_path / name / f"{i}.png")
    rgba = Image.fromarray(RNG.integers(0, 255, (4, 4, 2), dtype=np.uint8))
    rgba.save(tmp_path / "fake" / "clear.png")
    features = "principal" if in_memory else f"{tmp_path / 'own.py'}:pixels"
    asked = Asked(tmp_path / "fake", against=str(tmp_path / "real"), features=features, metrics=("frechet",))
    notes = "\n".join(evaluate_samples(asked, report=lambda line: None).notes)
    assert "fake: 1 picture with transparent pixels, shown on white" in notes
    assert "samples and data of 16 bits are read as 12 and 16 bits" in notes


@pytest.mark.parametrize("train", [1, 40])
def test_a_part_that_is_too_small_leaves_out_what_it_would_be_the_yardstick_of(tmp_path: Path, train: int) -> None:
    """Of one other real example there is no distance, and of few none that needs more."""
    np.savez(tmp_path / "real.npz", x_train=RNG.normal(size=(train, 3)), x_test=RNG.normal(size=(41 - train, 3)))
    np.save(tmp_path / "fake.npy", RNG.normal(size=(4, 3)))
    part = "heldout" if train == 1 else "train"
    found = evaluated(tmp_path, part=part)
    labels = {metric.name: list(metric.yardsticks) for metric in found.metrics}
    assert labels["frechet"] == labels["density"] == ["20 real against 20"]


def test_a_reference_of_another_width_is_noticed_at_the_first_batch(tmp_path: Path) -> None:
    """And so are features that are not finite: of 40 pictures 5 have been looked at."""
    (tmp_path / "own.py").write_text(
        "import numpy as np\nseen = []\n"
        "def wide(x):\n    seen.append(len(x))\n    return x.reshape(len(x), -1)[:, :4]\n"
        "def none(x):\n    return wide(x) * np.nan\n"
    )
    np.save(tmp_path / "fake.npy", RNG.integers(0, 255, (40, 4, 4), dtype=np.uint8))
    np.savez(tmp_path / "moments.npz", mu=np.zeros(7), sigma=np.eye(7))
    np.savez(tmp_path / "four.npz", mu=np.zeros(4), sigma=np.eye(4))
    for name, reference, message in [
        ("wide", "moments.npz", "--reference: is of 7 features, expected 4 as those of samples"),
        ("none", "four.npz", "fake: the features of 5 of the first 5 examples are NaN or infinite"),
    ]:
        asked = Asked(tmp_path / "fake.npy", reference=tmp_path / reference, features=f"{tmp_path / 'own.py'}:{name}",
                      metrics=("frechet",), batch_size=5)  # fmt: skip
        with pytest.raises(ValueError, match=message):
            evaluate_samples(asked, report=lambda line: None)
        (module,) = [each for each in sys.modules.values() if getattr(each, "__file__", "") == str(tmp_path / "own.py")]
        assert module.seen == [5]


def test_named_data_are_split_as_those_of_the_run() -> None:
    """Otherwise examples that a generator was trained on count as held out where --split-seed was given."""
    config = configure({"data": "digits", "split_seed": 3})
    named, own = (_real(Asked(Path("run"), against=name), config, 10) for name in ("digits", None))
    assert named is not None and named.source is not None and named.source.heldout is not None
    assert own is not None and own.source is not None and own.source.heldout is not None
    np.testing.assert_array_equal(named.source.heldout.x, own.source.heldout.x)
