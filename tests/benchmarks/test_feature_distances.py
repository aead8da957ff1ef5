"""The benchmark of distances between features: what its ratios are of, and what it says of a form that did not run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import feature_distances, feature_forms

MACHINE = {"device": "A processor", "cores": 2, "memory_gib": 8, "system": "An OS", "versions": {"jax": "1.0"}}


def turn(seconds: float, peak: float) -> dict:
    return {"seconds": seconds, "peak_mib": peak, "values": {"fid": 2.5}}


def row(metric: str, form: str, turns: list, failed: str | None = None) -> dict:
    return {"metric": metric, "form": form, "turns": turns, "failed": failed}


def test_ratios_are_of_one_round_and_memory_of_the_most() -> None:
    fid, *others = feature_forms.METRICS
    rows = [
        row(fid, "jaxgan", [turn(1.0, 300), turn(3.0, 400)]),
        row(fid, "torch-fidelity", [turn(2.0, 1000), turn(4.0, 800)]),
    ]
    for metric in others:
        rows += [row(metric, "jaxgan", [turn(5.0, 900)]), row(metric, "prdc", [], "needs 37 GiB")]
    results: dict[str, Any] = {
        "machine": MACHINE,
        "command": "python",
        "count": 5000,
        "rounds": 2,
        "parity": {"correlated": dict.fromkeys(feature_forms.METRICS, 1e-9)},
        "rows": rows,
    }
    text = feature_distances.markdown(results)
    assert "0.625 (0.500 to 0.750)" in text and "| FID, memory | 0.500 | 0.400    | met |" in text
    assert "not run: needs 37 GiB" in text and "PRDC, k = 5, time" not in text  # nothing to compare it with
    rows[1] = row(fid, "torch-fidelity", [turn(1.0, 1000), {"failed": "MemoryError"}])
    assert "not run: MemoryError" in feature_distances.markdown(results)


def test_features_are_like_inceptions() -> None:
    x = feature_distances.draw(1500, 1, 0.1)
    assert x.shape == (1500, 2048) and x.dtype == np.float32 and x.min() == 0 and 0.3 < np.mean(x > 0) < 0.7
    np.testing.assert_array_equal(x, feature_distances.draw(1500, 1, 0.1))


def test_a_turn_in_a_process_of_its_own(tmp_path: Path) -> None:
    """It starts without jaxgan, or the references' memory would be jaxgan's as well."""
    x, y = np.random.default_rng(0).normal(size=(2, 60, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    said = feature_distances.asked("FID", "jaxgan", tmp_path)
    assert said["values"] == feature_forms.METRICS["FID"]["jaxgan"].compute(x, y) and said["peak_mib"] > 10
    program = "import sys, benchmarks.feature_forms; print([name in sys.modules for name in ('jax', 'jaxgan')])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert json.loads(found.lower()) == [False, False]
    failed = feature_distances.asked("FID", "jaxgan", tmp_path / "nowhere")
    assert "nowhere" in failed["failed"] and "\n" not in failed["failed"]


def test_all_forms_agree() -> None:
    pytest.importorskip("torch_fidelity")
    pytest.importorskip("prdc")
    assert all(max(found.values()) <= 1e-6 for found in feature_distances.parity().values())
