"""A run's folder: what is refused, what survives a round trip, and what a resumed run may overlap."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jaxgan.results.store import (
    Metric,
    Run,
    StoreError,
    append_part,
    claim,
    drop_parts,
    is_run,
    load_run,
    log,
    read_config,
    read_parts,
    write_json,
    write_run,
)


def part(first: int, length: int, attempt: int = 0) -> dict[str, NDArray]:
    """Series of two seeds, whose values name step and attempt."""
    steps = np.arange(first, first + length) + 1000.0 * attempt
    return {"loss": np.stack([steps, steps]), "quantiles": np.repeat(steps, 10).reshape(2, length, 5)}


def make_run() -> Run:
    values = np.array([[1.5, np.nan, np.inf], [-np.inf, 0.1 + 0.2, 3.0]])
    return Run(
        config={"job": "compare", "command": "jaxgan compare", "config": {"seeds": 3}},
        losses=("minimax", "ünï"),
        seeds=np.array([0, 1, 5]),
        metrics=(Metric("distance", "A distance, <b>", np.inf, False, {"real": 1.25, "perfect": np.inf}),
                 Metric("spread", "Spread", 0.0, None, {})),
        values={"distance": values, "spread": values**2},
        outcomes=np.array([["OK", "NON_FINITE", "COLLAPSED"], ["OK", "OK", "OK"]]),
        notes={"quantiles": (0.25, 0.5, 0.75), "floor": np.float32(0.5), "sizes": {"n": np.int64(3)}, "none": None},
        series={"g_loss": np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32),
                "d_fake_quantiles": np.full((2, 3, 4, 3), np.nan, np.float32)},
        samples={"real": np.zeros((5, 2), np.uint8), "fake": np.ones((2, 3, 5, 2)), "sigma": np.array(0.1)},
    )  # fmt: skip


def stored(folder: Path, run: Run) -> Path:
    write_json(folder / "config.json", run.config)
    write_run(folder, run)
    return folder


def test_claims_are_numbered_past_whatever_is_there(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    assert claim(None, root, "compare-digits", overwrite=False) == root / "0001-compare-digits"
    assert claim(None, root, "train-ring", overwrite=False) == root / "0002-train-ring"
    for name in ("0041-old", "notes", "²-superscript"):
        (root / name).mkdir()
    folder = claim(None, root, "x", overwrite=False)
    assert folder.name == "0042-x" and folder.is_dir()


def test_a_claim_never_takes_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="is a file"):
        claim(tmp_path / "file", tmp_path, "x", overwrite=True)
    with pytest.raises(StoreError, match="holds other files"):
        claim(tmp_path, tmp_path, "x", overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_is_replaced_only_when_asked_for(tmp_path: Path) -> None:
    folder = claim(tmp_path / "deep" / "run", tmp_path, "x", overwrite=False)
    assert claim(folder, tmp_path, "x", overwrite=False) == folder  # it is empty still
    write_json(folder / "config.json", {"job": "compare", "first": 1})
    with pytest.raises(StoreError, match="--overwrite or --resume"):
        claim(folder, tmp_path, "x", overwrite=False)
    assert is_run(folder)
    assert list(claim(folder, tmp_path, "x", overwrite=True).iterdir()) == []


def test_parts_are_joined_in_order_and_cut(tmp_path: Path) -> None:
    for first in (0, 4, 8):
        append_part(tmp_path, "minimax", first, part(first, 4))
    series = read_parts(tmp_path, "minimax", 10)
    np.testing.assert_array_equal(series["loss"], [np.arange(10)] * 2)
    assert series["quantiles"].shape == (2, 10, 5)


@pytest.mark.parametrize("back", range(13))
def test_what_a_resumed_run_writes_again_replaces_the_rest(tmp_path: Path, back: int) -> None:
    for first in (0, 4, 8):
        append_part(tmp_path, "minimax", first, part(first, 4))
    append_part(tmp_path, "minimax", back, part(back, 5, attempt=1))
    expected = [*range(back), *range(1000 + back, 1005 + back)]
    np.testing.assert_array_equal(read_parts(tmp_path, "minimax", back + 5)["loss"][0], expected)
    with pytest.raises(StoreError, match=f"series of {back + 5} steps, expected {back + 6}"):
        read_parts(tmp_path, "minimax", back + 6)


def test_a_gap_is_not_passed_over(tmp_path: Path) -> None:
    append_part(tmp_path, "minimax", 0, part(0, 4))
    append_part(tmp_path, "minimax", 8, part(8, 4))
    with pytest.raises(StoreError, match="has series of 4 steps, expected 8"):
        read_parts(tmp_path, "minimax", 8)
    with pytest.raises(StoreError, match="has series of 0 steps, expected 1"):
        read_parts(tmp_path, "other", 1)


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    run = make_run()
    again = load_run(stored(tmp_path, run))
    assert again.config == run.config
    assert again.losses == run.losses
    assert again.metrics == run.metrics
    np.testing.assert_array_equal(again.seeds, run.seeds)
    np.testing.assert_array_equal(again.outcomes, run.outcomes)
    assert again.notes == {"quantiles": [0.25, 0.5, 0.75], "floor": 0.5, "sizes": {"n": 3}, "none": None}
    for kind in ("values", "series", "samples"):
        before, after = getattr(run, kind), getattr(again, kind)
        assert before.keys() == after.keys()
        for name in before:
            np.testing.assert_array_equal(after[name], before[name])  # to the last bit, NaN and infinity too
            assert after[name].dtype == before[name].dtype


def test_the_files_are_readable_by_others(tmp_path: Path) -> None:
    stored(tmp_path, make_run())

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert results["series"] == {
        "g_loss": ["loss", "seed", "step"],
        "d_fake_quantiles": ["loss", "seed", "step", "quantile"],
    }
    with (tmp_path / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["loss"], row["seed"], row["outcome"]) for row in rows[1:4]] == [
        ("minimax", "1", "NON_FINITE"), ("minimax", "5", "COLLAPSED"), ("ünï", "0", "OK")
    ]  # fmt: skip
    assert float(rows[4]["distance"]) == 0.1 + 0.2  # all digits
    assert [float(row["distance"]) for row in rows[2:4]] == [np.inf, -np.inf]
    with np.load(tmp_path / "series.npz") as file:
        assert file["step"].tolist() == [1, 2, 3, 4]
        assert file["loss"].tolist() == ["minimax", "ünï"]


def test_a_finished_run_keeps_no_parts(tmp_path: Path) -> None:
    append_part(tmp_path, "minimax", 0, part(0, 4))
    drop_parts(tmp_path, ["minimax", "absent"])
    assert not (tmp_path / "minimax" / "parts").exists()


def test_a_config_file_of_somebody_else_is_no_run(tmp_path: Path) -> None:
    for content in ('{"name": "a web page"}', "[]", "not JSON"):
        (tmp_path / "config.json").write_text(content)
        assert not is_run(tmp_path)
        with pytest.raises(StoreError, match="holds other files"):
            claim(tmp_path, tmp_path, "x", overwrite=True)
    assert (tmp_path / "config.json").read_text() == "not JSON"


def test_what_is_no_finished_run_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        read_config(tmp_path)
    write_json(tmp_path / "config.json", {"job": "compare"})
    assert read_config(tmp_path) == {"job": "compare"}
    with pytest.raises(StoreError, match="unfinished run; continue it with --resume"):
        load_run(tmp_path)


def test_the_log_is_one_entry_a_line(tmp_path: Path) -> None:
    log(tmp_path, {"step": 1, "g_loss": np.float32(0.5)})
    log(tmp_path, {"step": 2, "g_loss": float("nan")})
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["g_loss"] for line in lines] == [0.5, "nan"]
