"""`Results`: every number of a study or a gradient profile as labelled arrays, and one file that any reader opens.

A file is NetCDF-4 (HDF5), so that `xarray.open_dataset("RUN/results.nc")` reads it without this library. Variables
carry a `group` among their attributes and dimensions from `DIMS`; the file's attribute `jaxgan` is JSON: the schema,
the configuration, the metrics and the notes.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Float64, Int, Shaped
from numpy.typing import NDArray

from jaxgan.files import StoreError, plain, written_whole
from jaxgan.results.codes import FINE

SCHEMA = 2  # 1 had an axis called loss, in series.npz, results.json and samples.npz

DIMS = (
    "configuration",
    "sampled",
    "age",
    "seed",
    "step",
    "probe_step",
    "loss",
    "other_loss",
    "logit",
    "quantile",
    "layer",
    "mode",
    "sign",
)
"""Names of dimensions, in the order in which arrays have them.

step: of training, at which a series was recorded; probe_step: at which the generator was measured; loss: whose
gradient was measured, whatever was trained with; age: steps behind a frozen generator; mode: of a mixture, a class, or
a cell of the data; sign: of an outcome, which may hold while another state prevails.
"""

GROUPS = ("series", "metric", "setting", "cause", "evidence", "probe", "sample", "gradient", "discriminator", "paper")
"""What a variable is: recorded at every recorded step; a metric of the generator; a setting that varies, of every
configuration; when and how deep something went wrong; what that is told from; what the user's probe returned; samples
to look at; gradients under several losses; the discriminator's own report against frozen generators; losses on paper,
without any training. Names of all but the first two begin with their group's."""

_PREFIXED = GROUPS[2:]


class Metric(NamedTuple):
    """One number per run, and how to read it."""

    name: str
    label: str
    worst: float  # what a failed run enters with
    higher_is_better: bool | None  # None: nearest to the first yardstick is best
    yardsticks: Mapping[str, float]  # what a perfect sampler, real data or an untrained generator get


@dataclasses.dataclass(frozen=True, repr=False)
class Results:
    """Labelled numbers, and what is known of where they come from.

    Args:
      dataset: the arrays; `configuration` and `seed` lead, and each variable has an attribute `group`.
      metrics: how to read the metrics; the first one leads in tables and figures.
      config: what was asked for: options, settings of every configuration, versions, device, command.
      notes: what was found beside arrays: sample sizes, thresholds, explanations.
      folder: where it was read from.
    """

    dataset: xr.Dataset
    metrics: tuple[Metric, ...] = ()
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    folder: Path | None = None

    @property
    def configurations(self) -> tuple[str, ...]:
        """Labels along `configuration`."""
        return self._labels("configuration")

    @property
    def losses(self) -> tuple[str, ...]:
        """Labels along `loss`: whose gradients were measured."""
        return self._labels("loss")

    @property
    def seeds(self) -> Int[np.ndarray, " seed"]:
        """The numbers of the seeds."""
        return self._coordinate("seed")

    @property
    def steps(self) -> Int[np.ndarray, " step"]:
        """The steps at which the series were recorded."""
        return self._coordinate("step")

    @property
    def probe_steps(self) -> Int[np.ndarray, " probe_step"]:
        """The steps after which generators were measured."""
        return self._coordinate("probe_step")

    @property
    def ages(self) -> Int[np.ndarray, " age"]:
        """The steps behind frozen generators; empty where there are none."""
        return self._coordinate("age")

    @property
    def outcomes(self) -> Shaped[np.ndarray, "configuration seed"]:
        """What each run came to."""
        return self.dataset["outcome"].values.astype(str)

    @property
    def failed(self) -> Bool[np.ndarray, "configuration seed"]:
        """Which runs failed: those with another outcome than `FINE`."""
        return ~np.isin(self.outcomes, FINE)

    @property
    def series(self) -> dict[str, Shaped[np.ndarray, "configuration seed step ..."]]:
        """Recorded series."""
        return self.group("series")

    @property
    def values(self) -> dict[str, Float64[np.ndarray, "configuration seed"]]:
        """Final metrics."""
        return {metric.name: self.dataset[metric.name].values.astype(np.float64, copy=False) for metric in self.metrics}

    @property
    def along(self) -> dict[str, Float[np.ndarray, "configuration seed probe_step"]]:
        """Metrics along training; from fewer samples than the final ones."""
        found = {metric.name: f"{metric.name}_along" for metric in self.metrics}
        return {name: self.dataset[own].values for name, own in found.items() if own in self.dataset}

    @property
    def live(self) -> dict[str, Float[np.ndarray, "configuration seed probe_step"]]:
        """As `along`, of the generators as trained where a configuration keeps an average; NaN of others."""
        found = self.group("probe")
        return {m.name: found[f"live_{m.name}"] for m in self.metrics if f"live_{m.name}" in found}

    @property
    def samples(self) -> dict[str, NDArray]:
        """Samples to look at: `fake` [configuration, seed, n, ...], `real` [n, ...] and what goes with them."""
        return self.group("sample")

    def group(self, name: str) -> dict[str, NDArray]:
        """The arrays of one of `GROUPS`, by their names without the group's; empty where there are none.

        Raises:
          KeyError: no such group.
        """
        if name not in GROUPS:
            raise KeyError(f"there is no group {name!r}, expected one of {', '.join(GROUPS)}")
        # Variables: to make a `DataArray` of each of a hundred takes longer than all that is asked of them.
        found = {key: v for key, v in self.dataset.variables.items() if v.attrs.get("group") == name}
        return {str(key).removeprefix(f"{name}_"): v.values for key, v in found.items()}

    def to_xarray(self) -> xr.Dataset:
        """The labelled arrays themselves."""
        return self.dataset

    def to_pandas(self) -> Any:
        """A row per configuration and seed: outcome and final metrics, as a `pandas.DataFrame`."""
        names = [name for name in ("outcome", *(metric.name for metric in self.metrics)) if name in self.dataset]
        return self.dataset[names].to_dataframe().reset_index()[["configuration", "seed", *names]]

    def write(self, path: Path) -> None:
        """Writes `path`, whole or not at all."""
        about = {
            "schema": SCHEMA,
            "metrics": [metric._asdict() for metric in self.metrics],
            "config": self.config,
            "notes": self.notes,
        }
        attributes = {"jaxgan": json.dumps(plain(about), allow_nan=False), "title": "GAN training runs (jaxgan)"}
        dataset = self.dataset.assign_attrs(attributes)
        dataset = dataset.assign_attrs(sha256=_digest(dataset))
        for values in dataset.variables.values():
            values.encoding["_FillValue"] = None  # NaN is NaN: an attribute of every array takes a tenth of the time
        import h5netcdf

        # As `to_netcdf` does, which imports all of dask and distributed first, where they are installed.
        with written_whole(path) as partial, h5netcdf.File(partial, "w") as file:
            dataset.dump_to_store(xr.backends.H5NetCDFStore(file))

    def __repr__(self) -> str:
        """A few lines: axes, outcomes and names, never the numbers."""
        sizes = ", ".join(f"{name} {size:,}" for name, size in self.dataset.sizes.items() if name in DIMS)
        lines = [f"Results of {', '.join(self.configurations[:6]) or ', '.join(self.losses[:6])}: {sizes}"]
        if "outcome" in self.dataset:
            codes, counts = np.unique(self.outcomes, return_counts=True)
            lines.append("outcomes: " + ", ".join(f"{n} {code}" for code, n in zip(codes, counts, strict=True)))
        for name in GROUPS:
            if names := list(self.group(name)):
                more = f" and {len(names) - 12} more" if len(names) > 12 else ""
                lines.append(f"{name}: {', '.join(names[:12])}{more}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [line.partition(": ") for line in repr(self).splitlines()]
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, _, text in rows)
        return f"<table style='text-align:left'>{cells}</table>"

    def _coordinate(self, name: str) -> Shaped[np.ndarray, " n"]:
        return np.asarray(self.dataset.coords[name].values) if name in self.dataset.coords else np.zeros(0, int)

    def _labels(self, name: str) -> tuple[str, ...]:
        return tuple(map(str, self._coordinate(name).tolist()))


def variable(group: str, name: str, dims: tuple[str, ...], values: Any, **attributes: Any) -> tuple[str, xr.Variable]:
    """A named variable of a group, to build a dataset from: `xr.Dataset(dict([variable(...), ...]))`.

    Axes beyond `dims` get names of their own.

    Example:
      >>> name, found = variable("gradient", "norm", ("seed",), np.zeros((2, 3)))
      >>> name, found.dims
      ('gradient_norm', ('seed', 'gradient_norm_1'))
    """
    own = f"{group}_{name}" if group in _PREFIXED else name
    array = np.asarray(values)
    more = tuple(f"{own}_{i}" for i in range(len(dims), array.ndim))
    return own, xr.Variable((*dims, *more), array, {"group": group, **attributes})


def read_results(path: Path) -> Results:
    """What `Results.write` wrote.

    Raises:
      StoreError: no such file, a damaged one, or one of another schema.
    """
    if not path.is_file():
        raise StoreError(f"{path} does not exist")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            dataset = opened.load()
    except Exception as error:  # a damaged file can fail anywhere in h5netcdf and HDF5
        raise StoreError(f"{path} is damaged: {type(error).__name__}") from error
    try:
        about = json.loads(dataset.attrs["jaxgan"])
        schema = about["schema"]
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{path} is not a results file of jaxgan") from error
    if "sha256" in dataset.attrs and dataset.attrs["sha256"] != _digest(dataset):  # absent in an earlier version's
        raise StoreError(f"{path} is damaged: its numbers do not have its digest")
    if schema != SCHEMA:
        raise StoreError(f"{path} has schema {schema}, expected {SCHEMA}: it was written by another version of jaxgan")
    metrics = tuple(
        Metric(**(m | {"worst": float(m["worst"]), "yardsticks": {k: float(v) for k, v in m["yardsticks"].items()}}))
        for m in about["metrics"]
    )
    dataset.attrs = {}
    return Results(dataset, metrics, about["config"], about["notes"], path.parent)


def config_in(path: Path) -> dict[str, Any]:
    """The `config` of a results file, read without its numbers, and not compared with its digest; {} where it has none.

    Example:
      >>> config_in(Path("nowhere.nc"))
      {}
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            return dict(json.loads(opened.attrs["jaxgan"])["config"])
    except Exception:  # a damaged file can fail anywhere in h5netcdf and HDF5
        return {}


def _digest(dataset: xr.Dataset) -> str:
    """The SHA-256 of names, dimensions and numbers, and of what is known of them; texts as UTF-8."""
    total = hashlib.sha256(str(dataset.attrs["jaxgan"]).encode())
    for name, values in sorted(dataset.variables.items(), key=lambda item: str(item[0])):
        array, text = np.asarray(values.values), values.dtype.kind in "OUSTb"  # of booleans files may make integers
        total.update(f"{name} {values.dims} {values.shape} {values.attrs.get('group')}".encode())
        total.update("\0".join(map(str, array.ravel())).encode() if text else np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
