"""`results.nc` against xarray's own reader and writer: each reads what the other wrote."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from jaxgan.results.netcdf import read_attribute, read_dataset, write_dataset

ALONE = {
    "of one dimension": xr.Dataset({"a": ("x", np.array([1.5, np.nan, -np.inf], np.float32))}),
    "with a coordinate": xr.Dataset({"a": (("seed", "x"), np.arange(6).reshape(2, 3))}, {"seed": [3, 4]}),
    "two axes of one size": xr.Dataset({"a": (("x", "y"), np.eye(2)), "b": (("y", "x"), np.ones((2, 2)))}),
    "text": xr.Dataset({"a": ("x", ["one", "", "äß€ 漢"])}, {"x": ["lr=0.1", "lr=1", "μ"]}),
    "booleans": xr.Dataset({"a": (("x", "y"), [[True, False]])}),
    "integers of all sizes": xr.Dataset({f"a{k}": ("x", np.array([0, 7], f"i{k}")) for k in (1, 2, 4, 8)}),
    "unsigned": xr.Dataset({"image": (("x", "y"), np.array([[0, 255]], np.uint8))}),
    "numbers without a dimension": xr.Dataset({"a": ((), 2.5), "b": ((), "word"), "c": ((), True)}),
    "nothing along a dimension": xr.Dataset({"a": (("x", "y"), np.zeros((2, 0))), "b": ("z", np.zeros(0, bool))}),
    "nothing": xr.Dataset(),
    "attributes": xr.Dataset({"a": ("x", [1.0], {"group": "metric", "units": "steps"})}, attrs={"title": "é" * 9}),
    "an attribute beyond 64 KiB": xr.Dataset({"a": ("x", [1.0])}, attrs={"jaxgan": "{}" * 50_000}),
    "names of the format": xr.Dataset({"CLASS": ("NAME", [1.0])}, {"NAME": [2]}),
}  # fmt: skip


def types(dataset: xr.Dataset) -> dict[str, str]:
    return {str(name): values.dtype.kind for name, values in dataset.variables.items()}


@pytest.mark.parametrize("dataset", ALONE.values(), ids=ALONE)
def test_what_is_written_is_read_again_also_by_xarray(tmp_path: Path, dataset: xr.Dataset) -> None:
    path = tmp_path / "a.nc"
    write_dataset(dataset, path)
    assert read_dataset(path).identical(dataset) and types(read_dataset(path)) == types(dataset)
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        assert opened.load().identical(dataset)


@pytest.mark.parametrize("dataset", ALONE.values(), ids=ALONE)
def test_what_xarray_writes_is_read(tmp_path: Path, dataset: xr.Dataset) -> None:
    """As files of earlier versions were written."""
    path = tmp_path / "a.nc"
    dataset.to_netcdf(path, engine="h5netcdf")
    assert read_dataset(path).identical(dataset) and types(read_dataset(path)) == types(dataset)


def test_arrays_of_one_size_keep_their_axes(tmp_path: Path) -> None:
    axes = [f"x{i}" for i in range(12)]  # more than are sorted by their names as by their numbers
    dataset = xr.Dataset({"a": (axes, np.zeros((1,) * 12)), "b": (axes[::-1], np.zeros((1,) * 12))})
    write_dataset(dataset, tmp_path / "a.nc")
    assert list(read_dataset(tmp_path / "a.nc")["b"].dims) == axes[::-1]
    assert list(read_dataset(tmp_path / "a.nc").data_vars) == ["a", "b"]


def test_an_attribute_is_read_alone(tmp_path: Path) -> None:
    write_dataset(ALONE["attributes"], tmp_path / "a.nc")
    assert read_attribute(tmp_path / "a.nc", "title") == "é" * 9
    with pytest.raises(KeyError):
        read_attribute(tmp_path / "a.nc", "other")


def test_another_file_of_hdf5_is_an_error_and_nothing_is_made_up(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["group/values"] = np.ones(3)
    with pytest.raises(Exception, match=r".+"):
        read_dataset(tmp_path / "a.nc")
