"""Labelled arrays in NetCDF-4 files, written and read with h5py.

Any program for NetCDF reads the files. xarray's own way, by h5netcdf, looks up every dimension of every variable by
name many times, in Python: for the hundred variables of a run it takes several times as long.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from jaxtyping import Shaped

_ONLY_A_DIMENSION = "This is a netCDF dimension but not a netCDF variable."
_NUMBER, _NUMBERS = "_Netcdf4Dimid", "_Netcdf4Coordinates"  # of a dimension, and of those of a variable
_OF_THE_FORMAT = ("CLASS", "NAME", "_FillValue", _NUMBER, _NUMBERS)
_TYPE = "dtype"  # as xarray has it: NetCDF has no type for booleans


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write numbers, booleans and text with their dimensions and attributes; a file at `path` is overwritten.

    Source: "NetCDF-4 Format" in appendix B of the NetCDF user's guide, and HDF5's dimension scales.

    Example:
      >>> import tempfile
      >>> one = xr.Dataset({"loss": (("seed", "step"), [[0.5, 0.25]], {"units": "nats"})}, {"seed": [7]})
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     write_dataset(one, Path(folder, "a.nc"))
      ...     one.identical(read_dataset(Path(folder, "a.nc")))
      True
    """
    with h5py.File(path, "w", track_order=True) as file:
        scales: dict[Any, h5py.Dataset] = {}
        for number, (name, size) in enumerate(dataset.sizes.items()):
            if name in dataset.variables:
                scales[name] = _create(file, str(name), dataset.variables[name])
                scales[name].make_scale(str(name))
                scales[name].attrs[_NUMBERS] = np.array([number], np.int32)
            else:
                scales[name] = file.create_dataset(str(name), (size,), ">f4", maxshape=(size or None,))
                scales[name].make_scale(f"{_ONLY_A_DIMENSION}{size:10d}")
            scales[name].attrs[_NUMBER] = np.int32(number)
        numbers = {name: number for number, name in enumerate(scales)}
        for key, variable in dataset.variables.items():
            if key in scales:
                continue
            created = _create(file, str(key), variable)
            for axis, name in zip(created.dims, variable.dims, strict=True):
                axis.attach_scale(scales[name])
            if variable.dims:
                created.attrs[_NUMBERS] = np.array([numbers[name] for name in variable.dims], np.int32)
        for name, value in dataset.attrs.items():
            file.attrs[name] = value


def _create(file: h5py.File, name: str, variable: xr.Variable) -> h5py.Dataset:
    values, about = np.asarray(variable.values), dict(variable.attrs)
    if values.dtype == bool:
        values, about[_TYPE] = values.astype(np.int8), "bool"
    text = values.dtype.kind in "OUT"
    # A dimension of no size is one without limits: NetCDF knows no other that is empty.
    bounds = None if all(values.shape) else tuple(size or None for size in values.shape)
    created = file.create_dataset(
        name,
        data=values.astype(object) if text else values,
        dtype=h5py.string_dtype() if text else None,
        maxshape=bounds,
        track_order=True,
    )
    for key, value in about.items():
        created.attrs[key] = value
    return created


def read_dataset(path: Path) -> xr.Dataset:
    """Read all arrays of a file that `write_dataset` wrote, or h5netcdf.

    Raises:
      Exception: of any kind, from HDF5 and h5py, if the file is damaged or something else.
    """
    with h5py.File(path, "r") as file:
        stored = dict(file.items())
        about = {name: _attributes(each) for name, each in stored.items()}
        dims = {int(own[_NUMBER]): name for name, own in about.items() if "CLASS" in own}
        variables = {
            name: _variable(each, [dims[int(number)] for number in about[name].get(_NUMBERS, ())], about[name])
            for name, each in stored.items()
            if not _text(about[name].get("NAME", b"")).startswith(_ONLY_A_DIMENSION)
        }
        return xr.Dataset(variables, attrs={name: file.attrs[name] for name in file.attrs if name[0] != "_"})


def read_attribute(path: Path, name: str) -> Any:
    """Read an attribute of the whole file.

    Raises:
      Exception: as `read_dataset`; KeyError if there is none of that name.
    """
    with h5py.File(path, "r") as file:
        return file.attrs[name]


def _attributes(stored: h5py.Dataset) -> dict[str, Any]:
    """Without the lists of references, which take long."""
    return {name: stored.attrs[name] for name in stored.attrs if not name.endswith("_LIST")}


def _variable(stored: h5py.Dataset, dims: list[str], about: Mapping[str, Any]) -> xr.Variable:
    own = {name: value for name, value in about.items() if name not in _OF_THE_FORMAT}
    return xr.Variable(dims, _values(stored, own.pop(_TYPE, None)), own)


def _values(stored: h5py.Dataset, dtype: str | None) -> Shaped[np.ndarray, "..."]:
    if h5py.check_string_dtype(stored.dtype):
        return np.asarray(stored.asstr()[()], dtype=str)
    values = np.asarray(stored[()])
    return values if dtype is None else values.astype(dtype)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
