"""Data are spoiled as the benchmark of metrics says, and its table and picture can be made."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from benchmarks import truth_of_metrics as truth
from jaxgan.data import Examples

RNG = np.random.default_rng(0)


def test_each_way_spoils_what_it_says() -> None:
    x = Examples(RNG.normal(size=(400, 2)), RNG.integers(4, size=400))
    train = Examples(RNG.normal(size=(400, 2)), RNG.integers(4, size=400))
    np.testing.assert_array_equal(truth.kept(RNG, x, train, lost=2), x.x[np.asarray(x.y) >= 2])
    assert set(map(tuple, truth.copies(RNG, x, train))) == set(map(tuple, train.x))
    assert len(np.unique(truth.repeated(RNG, x, train, times=5), axis=0)) == 40
    changed = (truth.junk(RNG, x, train, share=0.1, reach=3.0) != x.x).any(axis=1)
    assert changed.mean() == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 400))
    shrunk = truth.towards_means(RNG, x, train, factor=0.5)
    assert shrunk[x.y == 1].var(axis=0) == pytest.approx(0.25 * x.x[x.y == 1].var(axis=0), rel=1e-9)


def test_metrics_see_what_they_are_for() -> None:
    sets = truth.ring_sets(0, 60)
    found = {way: truth.measured(jax.random.key(0), each) for way, each in sets.items()}
    usual = found[truth.NONE]
    assert found["4 of 8 modes lost"]["true recall"] < 0.6 < usual["true recall"]
    assert found["blurred"]["true precision"] < 0.7 < usual["true precision"]
    assert found["copies of training"]["memorization"] == 1.0 > usual["memorization"] + 0.5
    assert found["copies of training"]["authenticity"] == 0.0
    assert found["each 5 times"]["coinciding pairs"] > 50 > usual["coinciding pairs"] == 0


def test_a_known_support_judges_points_on_triangles() -> None:
    sets = truth.triangle_sets(0, 100)
    found = {way: truth.measured(jax.random.key(0), each) for way, each in sets.items()}
    usual = found[truth.NONE]
    assert usual["true precision"] == found["variance halved"]["true precision"] == 1.0  # exact: no threshold
    assert found["4 of 8 modes lost"]["true precision"] == 1.0
    assert found["4 of 8 modes lost"]["true recall"] < 0.6 < usual["true recall"]
    assert found["blurred"]["true precision"] < 0.9
    assert found["4 of 8 modes lost"]["Wasserstein-2"] > 2 * usual["Wasserstein-2"]


def test_the_table_and_the_picture_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = {name: truth.POINTS[name] for name in (truth.NONE, "4 of 8 modes lost")}
    monkeypatch.setattr(truth, "POINTS", ways)
    assert truth.main(["--seeds", "2", "--n", "40", "--data", "ring", "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results["data"][0]["values"][truth.NONE]["recall"]) == 2
    text = (tmp_path / "table.md").read_text()
    assert "**Ring**: medians over 2 seeds of 40 samples" in text
    assert any(line.startswith("| true recall") and "lower" in line for line in text.splitlines())
    assert (tmp_path / "truth.png").stat().st_size > 10_000
