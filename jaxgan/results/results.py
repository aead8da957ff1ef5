"""`Results`: all numbers of a study or a gradient profile as labelled arrays, stored in one standard file.

The file is NetCDF-4 (HDF5), so `xarray.open_dataset("RUN/results.nc")` reads it without this library. Variables have
an attribute `group` and dimensions from `DIMS`. The file's attribute `jaxgan` is JSON and holds the schema, the
configuration, the metrics and the notes.
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
from jaxgan.results.netcdf import read_attribute, read_dataset, write_dataset

SCHEMA = 2  # schema 1 had an axis called loss, in series.npz, results.json and samples.npz

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
"""Names of dimensions, in the order in which arrays use them.

step: a training step at which a series was recorded; probe_step: a step at which the generator was measured; loss: the
loss whose gradient was measured, which may differ from the one trained with; age: the number of steps that a frozen
generator was trained for; mode: a mode of a mixture, a class, or a cell of the data; sign: the sign of an outcome,
which may hold while the run is in another state.
"""

GROUPS = ("series", "metric", "setting", "cause", "evidence", "probe", "sample", "gradient", "discriminator", "paper")
"""The kinds of variables, in this order: series recorded at every recorded step; metrics of the generator; settings
that vary between configurations; when and how badly something went wrong; the evidence for that; the output of the
user's probe; samples to look at; gradients for several losses; the discriminator's metrics against frozen generators;
losses evaluated without training. The names of all variables but those of the first two groups start with the group."""

_PREFIXED = GROUPS[2:]


class Metric(NamedTuple):
    """A metric, one number per run, and how to interpret it."""

    name: str
    label: str
    worst: float  # the value that a failed run counts with
    higher_is_better: bool | None  # None: the value nearest to the first yardstick is best
    yardsticks: Mapping[str, float]  # values of a perfect sampler, real data or an untrained generator


@dataclasses.dataclass(frozen=True, repr=False)
class Results:
    """Labelled arrays of results with their metadata.

    Args:
      dataset: the arrays; the leading axes are `configuration` and `seed`, and each variable has an attribute `group`.
      metrics: how to interpret the metrics; the first one is the main metric in tables and figures.
      config: the request: options, settings of every configuration, versions, device, command.
      notes: findings that are not arrays: sample sizes, thresholds, explanations.
      folder: the folder that the results were read from.

    Example:
      >>> results = jg.load_run("runs/0001-compare-ring")  # doctest: +SKIP
      >>> results.configurations, results.seeds, results.outcomes  # doctest: +SKIP
      >>> results.dataset["g_loss"].sel(configuration="minimax").median("seed").to_pandas()  # doctest: +SKIP
    """

    dataset: xr.Dataset
    metrics: tuple[Metric, ...] = ()
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    folder: Path | None = None

    @property
    def configurations(self) -> tuple[str, ...]:
        """The labels along `configuration`."""
        return self._labels("configuration")

    @property
    def losses(self) -> tuple[str, ...]:
        """The labels along `loss`: the losses whose gradients were measured."""
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
        """The numbers of steps that frozen generators were trained for; empty if there are none."""
        return self._coordinate("age")

    @property
    def outcomes(self) -> Shaped[np.ndarray, "configuration seed"]:
        """The outcome of each run."""
        return self.dataset["outcome"].values.astype(str)

    @property
    def failed(self) -> Bool[np.ndarray, "configuration seed"]:
        """Which runs failed: those with an outcome that is not in `FINE`."""
        return ~np.isin(self.outcomes, FINE)

    @property
    def series(self) -> dict[str, Shaped[np.ndarray, "configuration seed step ..."]]:
        """The recorded series."""
        return self.group("series")

    @property
    def values(self) -> dict[str, Float64[np.ndarray, "configuration seed"]]:
        """The final metrics, by name."""
        return {metric.name: self.dataset[metric.name].values.astype(np.float64, copy=False) for metric in self.metrics}

    @property
    def along(self) -> dict[str, Float[np.ndarray, "configuration seed probe_step"]]:
        """The metrics during training, by name; computed from fewer samples than the final ones."""
        found = {metric.name: f"{metric.name}_along" for metric in self.metrics}
        return {name: self.dataset[own].values for name, own in found.items() if own in self.dataset}

    @property
    def live(self) -> dict[str, Float[np.ndarray, "configuration seed probe_step"]]:
        """Like `along`, but for the trained generators of configurations that keep a moving average; NaN for others."""
        found = self.group("probe")
        return {m.name: found[f"live_{m.name}"] for m in self.metrics if f"live_{m.name}" in found}

    @property
    def samples(self) -> dict[str, NDArray]:
        """Samples to look at: `fake` [configuration, seed, n, ...], `real` [n, ...] and related arrays."""
        return self.group("sample")

    def group(self, name: str) -> dict[str, NDArray]:
        """Return the arrays of one of `GROUPS`, keyed by name without the group prefix; empty if there are none.

        Raises:
          KeyError: if there is no such group.
        """
        if name not in GROUPS:
            raise KeyError(f"there is no group {name!r}, expected one of {', '.join(GROUPS)}")
        # Use variables: making a `DataArray` of each of a hundred would take longer than reading them.
        found = {key: v for key, v in self.dataset.variables.items() if v.attrs.get("group") == name}
        return {str(key).removeprefix(f"{name}_"): v.values for key, v in found.items()}

    def to_xarray(self) -> xr.Dataset:
        """Return the labelled arrays."""
        return self.dataset

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` of outcomes and final metrics, one row per configuration and seed."""
        names = [name for name in ("outcome", *(metric.name for metric in self.metrics)) if name in self.dataset]
        return self.dataset[names].to_dataframe().reset_index()[["configuration", "seed", *names]]

    def write(self, path: Path) -> None:
        """Write the results to `path` atomically."""
        about = {
            "schema": SCHEMA,
            "metrics": [metric._asdict() for metric in self.metrics],
            "config": self.config,
            "notes": self.notes,
        }
        attributes = {"jaxgan": json.dumps(plain(about), allow_nan=False), "title": "GAN training runs (jaxgan)"}
        dataset = self.dataset.assign_attrs(attributes)
        dataset = dataset.assign_attrs(sha256=_digest(dataset))
        with written_whole(path) as partial:
            write_dataset(dataset, partial)

    def __repr__(self) -> str:
        """Return a few lines with axes, outcomes and names, without the numbers."""
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
    """Return a named variable of a group, to build a dataset: `xr.Dataset(dict([variable(...), ...]))`.

    Axes beyond `dims` get unique names.

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
    """Read a file written by `Results.write`.

    Raises:
      StoreError: if the file does not exist, is damaged or has another schema.
    """
    if not path.is_file():
        raise StoreError(f"{path} does not exist")
    try:
        dataset = read_dataset(path)
    except Exception as error:  # a damaged file can fail anywhere in h5py and HDF5
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
    """Return the `config` of a results file without reading its arrays or checking its digest; {} if it has none.

    Example:
      >>> config_in(Path("nowhere.nc"))
      {}
    """
    try:
        return dict(json.loads(read_attribute(path, "jaxgan"))["config"])
    except Exception:  # a damaged file can fail anywhere in h5py and HDF5
        return {}


def _digest(dataset: xr.Dataset) -> str:
    """Return the SHA-256 of the metadata and of the names, dimensions and values of all variables; text as UTF-8."""
    total = hashlib.sha256(str(dataset.attrs["jaxgan"]).encode())
    for name, values in sorted(dataset.variables.items(), key=lambda item: str(item[0])):
        array, text = np.asarray(values.values), values.dtype.kind in "OUSTb"  # a file may store booleans as integers
        total.update(f"{name} {values.dims} {values.shape} {values.attrs.get('group')}".encode())
        total.update("\0".join(map(str, array.ravel())).encode() if text else np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
