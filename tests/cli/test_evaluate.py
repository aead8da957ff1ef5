"""`jaxgan evaluate`: samples made elsewhere and runs, against real examples, as a user meets it."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.cli.app import main
from jaxgan.metrics import frechet_distance, moments
from jaxgan.results import claim, store
from jaxgan.study import evaluating
from jaxgan.study.trust import sealed
from tests.cli.commands import RING, jaxgan_process, refused

RNG = np.random.default_rng(0)
OWN = """
import numpy as np
def pixels(x):
    return np.asarray(x).reshape(len(x), -1)[:, :6]
def none(x):
    return pixels(x) * np.nan
def constant(x):
    return np.ones((len(x), 3))
def many(x):
    return np.repeat(np.asarray(x).reshape(len(x), -1), 12, axis=1)
def wide(x):
    return np.repeat(pixels(x), 4, axis=1)
def two(x, y):
    return pixels(x)
def listed(x):
    return [object() for _ in x]
def ragged(x):
    return [[0.0] * (1 + i) for i in range(len(x))]
def complex_numbers(x):
    return pixels(x) * 1j
def raises(x):
    raise RuntimeError("no such layer")
three = 3
"""

MAKE = """
import random, struct, sys, zlib
from pathlib import Path

def png(path, rows):
    raw = b"".join(b"\\0" + bytes(row) for row in rows)
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")
    path.write_bytes(b"\\x89PNG\\r\\n\\x1a\\n" + b"".join(chunks))

folder, shift = Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir()
rng = random.Random(shift)
for i in range(int(sys.argv[3])):
    png(folder / f"{i}.png", [[min(255, max(0, int(rng.gauss(100 + shift, 30)))) for _ in range(4)] for _ in range(3)])
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with real pictures, samples that a script without any library made, and features of one's own."""
    import subprocess
    import sys

    monkeypatch.chdir(tmp_path)
    (tmp_path / "make.py").write_text(MAKE)
    (tmp_path / "own.py").write_text(OWN)
    for name, shift, n in (("real", 0, 120), ("fake", 40, 90)):
        subprocess.run([sys.executable, "-I", "make.py", name, str(shift), str(n)], check=True, cwd=tmp_path)
    return tmp_path


def features_in(folder: Path) -> np.ndarray:
    """What `own.py:pixels` makes of the pictures, by Pillow and numpy alone."""
    x = np.stack([np.asarray(Image.open(path), np.float32) for path in sorted(folder.glob("*.png"))])
    return (x / 127.5 - 1).reshape(len(x), -1)[:, :6]


def rows_of(text: str) -> dict[str, list[str]]:
    lines = [line.split("\t") for line in text.splitlines() if "\t" in line]
    return {cells[0].split(" (")[0]: cells[1:] for cells in lines[1:]}


def test_a_folder_of_pngs_that_nothing_here_has_made(here: Path, capsys) -> None:
    out = ("--out", "a.json", "--out", "a.csv")
    assert main(["evaluate", "fake", "--against", "real", "--features", "own.py:pixels", *out]) == 0
    output = capsys.readouterr()
    rows = rows_of(output.out)
    own, real = features_in(here / "fake"), features_in(here / "real")
    expected = frechet_distance(moments(own), moments(real))
    found = json.loads((here / "a.json").read_text())
    # The command's features are float32, as the script's here.
    assert found["metrics"]["frechet"]["value"] == pytest.approx(expected, rel=1e-6)
    assert found["metrics"]["frechet"]["low"] < expected < found["metrics"]["frechet"]["high"]
    assert found["about"]["samples"] == 90 and found["about"]["reference_examples"] == 120
    assert found["about"]["features"] == "pixels" and "versions" in found["provenance"]
    assert list(rows) == [metric["label"] for metric in found["metrics"].values()]
    assert "FID" not in output.out and "Pixels-feature Fréchet distance" in rows
    # Two halves of the real pictures are nearer to each other than samples that are lighter by 40 grey levels.
    assert found["metrics"]["frechet"]["real"]["60 real against 60"] < expected / 3
    with (here / "a.csv").open(encoding="utf-8", newline="") as file:
        table = {row["metric"]: float(row["value"]) for row in csv.DictReader(file)}
    assert table == {name: metric["value"] for name, metric in found["metrics"].items()}
    assert table["recall"] < 0.8 and table["density"] < 0.5
    assert "compared: 90 samples with 120 examples of real, in 6 pixels features" in output.out
    assert "is bias from using 90 samples" in output.out


def test_a_reference_that_numpy_wrote_and_one_that_comes_back(here: Path, capsys) -> None:
    real, own = features_in(here / "real"), features_in(here / "fake")
    np.savez(here / "theirs.npz", mu=real.mean(axis=0), sigma=np.cov(real, rowvar=False))
    features = ("--features", "own.py:pixels")
    write = ("--write-reference", "ours.npz")
    assert main(["evaluate", "fake", "--against", "real", "--metrics", "frechet", *features, *write]) == 0
    values = []
    for name in ("theirs.npz", "ours.npz"):
        out = f"{name}.json"
        assert main(["evaluate", "fake", "--reference", name, *features, "--out", out]) == 0
        found = json.loads((here / out).read_text())
        assert list(found["metrics"]) == ["frechet", "frechet_infinity"]  # what moments alone can tell
        assert found["metrics"]["frechet"]["real"] == {}
        values.append(found["metrics"]["frechet"]["value"])
    assert values == pytest.approx([frechet_distance(moments(own), moments(real))] * 2, rel=1e-6)
    with np.load(here / "ours.npz", allow_pickle=False) as arrays:
        np.testing.assert_allclose(arrays["mu"], real.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(arrays["sigma"], np.cov(real, rowvar=False), rtol=1e-5, atol=1e-8)
    capsys.readouterr()
    assert "kernel needs real examples" in refused(
        capsys, "evaluate", "fake", "--reference", "theirs.npz", *features, "--metrics", "kernel"
    )
    np.savez(here / "wide.npz", mu=np.zeros(7), sigma=np.eye(7))
    line = refused(capsys, "evaluate", "fake", "--reference", "wide.npz", *features)
    assert line == "jaxgan: --reference: is of 7 features, expected 6 as those of samples"


def test_arrays_and_batches_of_any_size_give_the_same(here: Path, capsys) -> None:
    x = np.stack([np.asarray(Image.open(path)) for path in sorted((here / "fake").glob("*.png"))])
    np.savez(here / "fake.npz", samples=x)
    found = []
    for number, (target, size) in enumerate((("fake", 128), ("fake.npz", 7))):
        words = ("--against", "real", "--features", "own.py:pixels", "--metrics", "frechet,kernel,sliced,vendi")
        out = ("--out", f"{number}.json", "--batch-size", str(size))
        assert main(["evaluate", target, *words, *out]) == 0
        found.append(json.loads((here / f"{number}.json").read_text())["metrics"])
    for name in ("frechet", "kernel", "sliced", "vendi"):  # the order of samples changes sums by rounding alone
        assert found[0][name]["value"] == pytest.approx(found[1][name]["value"], rel=1e-6)


def test_every_cell_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *RING[1:3], "--seeds", "3", *RING[5:], "--out", "run"]) == 0
    capsys.readouterr()
    words = ("evaluate", "run", "--count", "200", "--metrics", "frechet,precision")
    assert main([*words, "--out", "a.json", "--out", "a.csv"]) == 0
    output = capsys.readouterr().out
    found = json.loads((tmp_path / "a.json").read_text())
    cells = [(cell["configuration"], cell["seed"]) for cell in found["cells"]]
    assert cells == [(name, seed) for name in ("minimax", "non_saturating") for seed in range(3)]
    assert len({cell["frechet"] for cell in found["cells"]}) == 6
    assert all(cell["outcome"] and 0 <= cell["precision"] <= 1 for cell in found["cells"])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert [float(row["frechet"]) for row in csv.DictReader(file)] == [cell["frechet"] for cell in found["cells"]]
    assert "Fréchet distance" in output and "non_saturating minus minimax" in output
    assert "200 real" in output and "compared: 200 samples with 200 examples of ring" in output
    with claim.reopen(tmp_path / "run") as run:  # a study has generators as well
        run.rewrite(sealed(store.read_config(run.path) | {"job": "study"}))
    # Another time the same, and of other latents other numbers.
    for name, more in (("again", ()), ("common", ("--common-latents",))):
        assert main([*words, *more, "--out", f"{name}.json"]) == 0
    again, common = (
        [cell["frechet"] for cell in json.loads((tmp_path / f"{name}.json").read_text())["cells"]]
        for name in ("again", "common")
    )
    first = [cell["frechet"] for cell in found["cells"]]
    assert again == first and not set(common) & set(first)


def test_the_table_fits_80_columns(here: Path) -> None:
    from io import StringIO

    from rich.console import Console

    from jaxgan.report.evaluated import samples_sections
    from jaxgan.report.tables import show
    from jaxgan.study.evaluating import Asked, evaluate_samples

    asked = Asked(here / "fake", against="real", features="own.py:pixels", metrics=("all",), resamples=4)
    found = evaluate_samples(asked, report=lambda line: None)
    text = StringIO()
    show(samples_sections(found.metrics, found.intervals, found.about),
         Console(file=text, width=80, force_terminal=True, color_system=None))  # fmt: skip
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("Coverage" in line and "[" not in line for line in lines)
    # What needs a classifier or a split is left out of "all", and the others are there.
    assert {metric.name for metric in found.metrics} >= {"vendi", "two_sample", "duplicates", "sliced"}
    assert not {metric.name for metric in found.metrics} & {"score", "authenticity"}


def test_bad_input_is_one_line(here: Path, capsys) -> None:
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(here / "real" / "other.png")
    own = ("--features", "own.py:pixels")
    line = refused(capsys, "evaluate", "fake", "--against", "real", *own)
    assert re.search(r"other\.png is 5x5 but .*0\.png is 3x4: give one size for all with --image-size", line)
    (here / "real" / "other.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    assert "other.png: cannot be read" in refused(capsys, "evaluate", "fake", "--against", "real", *own)
    (here / "real" / "other.png").unlink()
    np.savez(here / "colour.npz", x=RNG.integers(0, 255, (40, 3, 4, 3), dtype=np.uint8))
    np.savez(here / "points.npz", x=RNG.normal(size=(40, 12)))
    (here / "large").mkdir()
    for i in range(4):
        Image.fromarray(RNG.integers(0, 255, (8, 8), dtype=np.uint8)).save(here / "large" / f"{i}.png")
    for name, n in (("one", 1), ("three", 3), ("five", 5)):
        np.save(here / f"{name}.npy", RNG.integers(0, 255, (n, 3, 4), dtype=np.uint8))
    np.savez(here / "real.npz", mu=np.zeros(6), sigma=np.eye(6))
    for words, message in [
        (("fake",), "--against: is needed: a data set by name, a folder"),
        (("nowhere", "--against", "real", *own), "nowhere: expected an existing file or folder"),
        (("fake", "--against", "digit", *own), "--against: got 'digit'; did you mean 'digits'?"),
        (
            ("fake", "--against", "real", "--metrics", "fid", *own),
            "--metrics: got 'fid'; FID, KID and the "
            "Inception score are frechet, kernel and score with --features inception:FILE",
        ),
        (("fake", "--against", "real", "--metrics", "frechett", *own), "did you mean 'frechet'?"),
        (("fake", "--against", "real", "--metrics", "score", *own), "score needs features with class probabilities"),
        (("fake", "--against", "real", "--metrics", "authenticity", *own), "authenticity needs the training examples"),
        (("colour.npz", "--against", "real", *own), "must have the same channels, got colour images of 3 x 4 in"),
        (("points.npz", "--against", "real", *own), "must be of the same kind, got points of 12 numbers"),
        (("large", "--against", "real", "--features", "principal"), "must have the same size, got grey images of 8"),
        (("fake", "--against", "real", "--features", "classifier"), "real has no labels; leave it out or name others"),
        (("fake", "--against", "real", "--features", "clasifier"), "did you mean 'classifier'?"),
        (("fake", "--against", "real", "--features", "own.py:pixel"), "did you mean 'pixels'?"),
        (("fake", "--against", "real", "--features", "own.py:three"), "is of type int, expected jaxgan.Features"),
        (("fake", "--against", "real", "--features", "own.py:none"), "features of 120 of 120 examples are NaN"),
        (("fake", "--against", "real", "--features", "own.py:constant"), "all features of the real examples are the"),
        (("fake", "--against", "real", "--features", "own.py:raises"), "own.py:22 raised RuntimeError: no such layer"),
        (("fake", "--against", "real", "--count", "1", *own), "--count: got 1, expected at least 2"),
        (("fake", "--against", "real", "--resamples", "-1", *own), "--resamples: got -1, expected at least 0"),
        (("one.npy", "--against", "real", *own), "one: expected at least 2 examples, got 1"),
        (("fake", "--against", "one.npy", *own), "one: expected at least 2 examples, got 1"),
        (("fake", "--against", "five.npy", *own), "five: expected at least 6 examples for density, got 5"),
        (("three.npy", "--against", "real", *own), "three: expected at least 4 examples for kernel, got 3"),
        (("fake", "--against", "real", "--image-size", "100000", *own), "--image-size: got 100,000, expected at least"),
        (("fake", "--against", "real", "--metrics", ",", *own), "--metrics: got ',', which names none; known: frechet"),
        (
            ("fake", "--against", "real", "--common-latents", *own),
            "--common-latents: is for the generators of a run",
        ),
        (("fake", "--against", "real", "--features", "own.py:two"), "own.py:two: two() missing 1 required positional"),
        (("fake", "--against", "real", "--features", "own.py:listed"), "own.py:listed returned an array of object"),
        (("fake", "--against", "real", "--features", "own.py:ragged"), "own.py:ragged: setting an array element"),
        (("fake", "--against", "real", "--features", "own.py:complex_numbers"), "returned an array of complex"),
        (("fake", "--against", "ring", *own), "must be of the same kind"),
        (("fake", "--against", "pairs:photos-grey"), "consists of image pairs"),
        (("fake", "--reference", "real.npz"), "--features: a statistics file has no images to learn features from"),
        (("fake", "--reference", "nowhere.npz", *own), "nowhere.npz: there is no such file"),
        (("fake", "--reference", "points.npz", *own), "expected the arrays mu and sigma, got x"),
        (("fake", "--against", "real", "--out", "a.txt"), "--out: got 'a.txt', expected a name that ends in .json or"),
        (("fake", "--against", "real", "--write-reference", "a.pt"), "--write-reference: got 'a.pt', expected a name"),
    ]:
        line = refused(capsys, "evaluate", *words)
        assert message in line, line
    assert not list(here.glob("a.*"))


def test_fewer_samples_than_features_is_told(here: Path, capsys) -> None:
    assert main(["evaluate", "fake", "--against", "real", "--features", "own.py:many", "--metrics", "frechet"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "fake: 90 examples, 144 features: no variance is seen in all directions but 89" in text
    assert "the real examples: 120 examples, 144 features" in text


@pytest.mark.slow
def test_a_distance_is_extrapolated_from_enough_samples_alone(here: Path, tmp_path: Path, capsys) -> None:
    """Of samples and of generators alike; 6 features take 30, and 90 samples are not enough for 24."""
    for name, words, told in (("six", ("fake", "pixels"), False), ("many", ("fake", "wide"), True)):
        target, features = words
        out = ("--metrics", "frechet", "--out", f"{name}.json")
        assert main(["evaluate", target, "--against", "real", "--features", f"own.py:{features}", *out]) == 0
        text = " ".join(capsys.readouterr().out.split())
        found = json.loads((here / f"{name}.json").read_text())["metrics"]
        line = "fake: 90 examples, 24 features: the Fréchet distance is not extrapolated to infinitely many samples"
        assert (line in text) == told and ("which takes at least 116" in text) == told
        assert ("frechet_infinity" in found) != told and ("is bias from" in text) != told
    assert main(["compare", *RING[1:3], "--seeds", "2", *RING[5:], "--out", "run"]) == 0
    assert main(["evaluate", "run", "--count", "9", "--metrics", "frechet", "--out", "run.json"]) == 0
    found = json.loads((here / "run.json").read_text())
    assert list(found["metrics"]) == ["frechet"] and "a generator: 9 examples, 2 features" in found["notes"][-1]


def test_a_piece_of_the_command_line_runs_by_itself(here: Path) -> None:
    """In a process of its own, where a warning is an error, and into a pipe."""
    words = ("evaluate", "fake", "--against", "real", "--features", "own.py:pixels", "--resamples", "4")
    done = jaxgan_process(*words, cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# 90 samples against real [95 % interval over samples]\nmetric\t90 samples\t")


def test_a_size_that_samples_cannot_have_is_refused(here: Path, capsys) -> None:
    """It was ignored: points have no pixels, and the samples of a run are those that its generators make."""
    np.save(here / "points.npy", np.zeros((20, 2), np.float32))
    line = refused(capsys, "evaluate", "points.npy", "--against", "ring", "--image-size", "8")
    assert line == "jaxgan: --image-size: got 8, but the samples are points"
    content = {"job": "train", "shape": [28, 28, 1], "config": {"conditional": False}, "condition": None}
    for shape, message in (([28, 28, 1], "got 8, expected none, or the 28x28 pixels of the run"), ([2], "are points")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(evaluating, "is_run", lambda _: True)
            patch.setattr(evaluating, "_content", lambda _, shape=shape: content | {"shape": shape})
            patch.setattr(evaluating, "from_stored", lambda *_: None)
            patch.setattr(evaluating.store, "load_results", lambda _: None)
            assert message in refused(capsys, "evaluate", "run", "--image-size", "8")
