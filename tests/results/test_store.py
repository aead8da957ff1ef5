"""A run's folder: what is refused, and what survives a round trip."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from jaxgan.files import StoreError, write_json, write_text, written_whole
from jaxgan.results.results import SCHEMA, Metric, Results, variable
from jaxgan.results.seal import write_sealed
from jaxgan.results.store import RESULTS, load_results, log, read_config, write_metrics


def make_run() -> Results:
    values = np.array([[1.5, np.nan, np.inf], [-np.inf, 0.1 + 0.2, 3.0]])
    outcomes = np.array([["HEALTHY", "DIVERGED", "COLLAPSED"], ["HEALTHY", "HEALTHY", "HEALTHY"]])
    lead = ("configuration", "seed")
    variables = dict(
        [
            variable("metric", "outcome", lead, outcomes),
            variable("metric", "distance", lead, values),
            variable("metric", "spread", lead, values**2),
            variable("metric", "distance_along", (*lead, "probe_step"), np.zeros((2, 3, 2))),
            variable("series", "g_loss", (*lead, "step"), np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f4")),
            variable("series", "d_fake_quantiles", (*lead, "step", "quantile"), np.full((2, 3, 4, 3), np.nan, "f4")),
            variable("sample", "real", (), np.zeros((5, 2), np.uint8)),
            variable("sample", "fake", lead, np.ones((2, 3, 5, 2))),
            variable("sample", "sigma", (), np.array(0.1)),
        ]
    )
    coordinates = {"configuration": ["minimax", "ünï"], "seed": [0, 1, 5], "step": [1, 2, 5, 10],
                   "probe_step": [5, 10], "quantile": [0.25, 0.5, 0.75]}  # fmt: skip
    return Results(
        xr.Dataset(variables, coords=coordinates),
        metrics=(Metric("distance", "A distance, <b>", np.inf, False, {"real": 1.25, "perfect": np.inf}),
                 Metric("spread", "Spread", 0.0, None, {})),
        config={"schema": SCHEMA, "job": "compare", "command": "jaxgan compare", "config": {"seeds": 3}},
        notes={"floor": np.float32(0.5), "sizes": {"n": np.int64(3)}, "none": None},
    )  # fmt: skip


def stored(folder: Path, run: Results) -> Path:
    write_sealed(folder / "config.json", run.config)
    run.write(folder / RESULTS)
    write_metrics(run, folder)
    return folder


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    run = make_run()
    again = load_results(stored(tmp_path, run))
    assert (again.config, again.metrics, again.configurations) == (run.config, run.metrics, ("minimax", "ünï"))
    assert again.notes == {"floor": 0.5, "sizes": {"n": 3}, "none": None}
    xr.testing.assert_identical(again.dataset, run.dataset)  # to the last bit, NaN and infinity, types and attributes
    for name, values in run.dataset.variables.items():
        assert again.dataset[name].dtype == values.dtype or values.dtype.kind == "U"
    assert again.along["distance"].shape == (2, 3, 2) and again.values["spread"].shape == (2, 3)
    assert again.samples["real"].dtype == np.uint8
    assert len(repr(again)) < 1000 and "COLLAPSED" in repr(again) and "<table" in again._repr_html_()


def test_a_stranger_reads_the_files(tmp_path: Path) -> None:
    """One line of xarray and one of pandas, in a process that cannot import jaxgan."""
    stored(tmp_path, make_run())
    program = (
        "import sys; sys.modules['jaxgan'] = None\n"
        "import xarray, pandas\n"
        "ds = xarray.open_dataset('results.nc')\n"
        "df = pandas.read_csv('metrics.csv')\n"
        "print(ds.g_loss.sel(configuration='minimax', seed=5).dims, ds.step.values.tolist(), df.outcome.tolist())\n"
        "print(df.distance[4], df.columns.tolist(), 'jaxgan.results' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "('step',) [1, 2, 5, 10] ['HEALTHY', 'DIVERGED', 'COLLAPSED', 'HEALTHY', 'HEALTHY', 'HEALTHY']"
    assert second == f"{0.1 + 0.2} ['configuration', 'seed', 'outcome', 'distance', 'spread'] False"


def test_another_schema_or_a_damaged_file_is_said(tmp_path: Path) -> None:
    run = stored(tmp_path, make_run())
    write_json(tmp_path / "config.json", {"job": "compare"})  # of the first schema, which did not name itself
    with pytest.raises(StoreError, match=f"has schema 1, expected {SCHEMA}: another version of jaxgan"):
        load_results(run)
    write_json(tmp_path / "config.json", {"job": "compare", "schema": SCHEMA})
    file = tmp_path / "results.nc"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(StoreError, match=r"results.nc is damaged"):
        load_results(run)
    xr.Dataset({"x": ("a", [1.0])}).to_netcdf(file, engine="h5netcdf")
    with pytest.raises(StoreError, match="is not a results file of jaxgan"):
        load_results(run)


@pytest.mark.parametrize(("name", "value"), [("distance", 1.25), ("outcome", "HEALTHY"), ("seed", 7)])
def test_a_number_that_was_changed_in_the_file_is_noticed(tmp_path: Path, name: str, value: object) -> None:
    """By whoever opens it with another library: the file itself is whole."""
    run = stored(tmp_path, make_run())
    with h5py.File(tmp_path / "results.nc", "r+") as file:
        first = (0,) * file[name].ndim if name == "seed" else (0, 1)
        file[name][first] = value
    with pytest.raises(StoreError, match=r"results.nc is damaged: its numbers do not have its digest"):
        load_results(run)


def test_numbers_that_are_not_finite_become_null_in_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": np.float32(np.nan), "b": [np.inf, 1], "c": np.arange(2)})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None, "b": [None, 1], "c": [0, 1]}


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(RuntimeError), written_whole(tmp_path / "a.txt") as partial:
        partial.write_text("half of the n")
        raise RuntimeError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_what_is_no_finished_run_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        read_config(tmp_path)
    write_json(tmp_path / "config.json", {"job": "compare", "schema": SCHEMA})
    assert read_config(tmp_path) == {"job": "compare", "schema": SCHEMA}
    with pytest.raises(StoreError, match="unfinished run; continue it with --resume"):
        load_results(tmp_path)


def test_the_log_is_one_entry_a_line(tmp_path: Path) -> None:
    log(tmp_path, {"step": 1, "g_loss": np.float32(0.5)})
    log(tmp_path, {"step": 2, "g_loss": float("nan")})
    lines = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["g_loss"] for line in lines] == [0.5, "nan"]


def test_the_results_of_another_run_are_refused(tmp_path: Path) -> None:
    """They are whole, and were taken for this run's."""
    run = make_run()
    trained: dict[str, object] = {"configurations": {}, "inputs": {}, "blocks": [[0, 2]]}
    stored(tmp_path, replace(run, config=run.config | trained | {"id": "a"}))
    assert load_results(tmp_path).config["id"] == "a"
    replace(run, config=run.config | {"id": "b"}).write(tmp_path / RESULTS)
    with pytest.raises(StoreError, match=r"results.nc belongs to another run"):
        load_results(tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"processes": None}, "expected processes to be a number of at least 1, got 'None'"),
        ({"blocks": [[0, "7"]]}, "expected blocks to be programs, configurations and seeds"),
        ({"configurations": {"minimax": 1}}, "expected configurations to be settings by name"),
        ({"config": {"steps": "many"}}, "expected steps to be a number of at least 1, got 'many'"),
        ({"config": []}, "expected config to be options by name, got"),
        ({"job": 3}, "expected job to be a command, got '3'"),
        ({"inputs": ...}, "expected inputs beside config, got none"),
    ],
)
def test_a_config_json_of_other_kinds_is_refused_though_its_digest_is_right(
    tmp_path: Path, change: dict[str, object], expected: str
) -> None:
    run = {"schema": SCHEMA, "job": "train", "id": "a", "config": {"steps": 4}, "configurations": {}, "inputs": {}}
    run |= {"blocks": [[0, 7]], "processes": 1}
    write_sealed(tmp_path / "config.json", run)
    assert read_config(tmp_path)["config"] == {"steps": 4}
    changed = {name: value for name, value in (run | change).items() if value is not ...}
    write_sealed(tmp_path / "config.json", changed)
    with pytest.raises(StoreError, match=re.escape(f"config.json: {expected}")):
        read_config(tmp_path)
