"""Convert a finished run to tracker runs: names, hyperparameters, scalars and a summary; independent of the tracker."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.files import plain
from jaxgan.results.results import Results
from jaxgan.study.job import Log
from jaxgan.study.messages import counted

MANY = 64  # above this number of runs, seeds are aggregated: each wandb run takes seconds to start, and pages get slow
_OVER_SEEDS: dict[str, Callable[..., Any]] = {"median": np.nanmedian, "lowest": np.nanmin, "highest": np.nanmax}
_LONGEST = 100  # maximum number of characters in a folder name; file systems allow 255 bytes

Curve = tuple[NDArray, NDArray]  # steps [n], values [n] or [configuration, seed, n]


class Tracked(NamedTuple):
    """One run of a tracker."""

    name: str  # unique and valid as a folder name
    group: str  # the label of its configuration
    config: dict[str, Any]
    scalars: dict[str, Curve]
    summary: dict[str, float]
    steps: int


def tracked(results: Results, log: Log) -> Iterator[Tracked]:
    """Yield a tracker run per configuration and seed, or per configuration if there are more than `MANY` runs."""
    labels, seeds = results.configurations, results.seeds
    final = {f"final/{name}": values for name, values in results.values.items()}
    curves = dict(_curves(results))
    n, many = len(labels) * len(seeds), len(labels) * len(seeds) > MANY
    lost = sum(int((~np.isfinite(values)).sum()) for values in (*final.values(), *(v for _, v in curves.values())))
    if many:
        over = "median, lowest and highest of the finite values over seeds"
        log(f"{n:,} runs are more than {MANY}, so each configuration is written with the {over}")
    if lost:
        log(f"{counted(lost, 'value')} left out: not finite, or not recorded, as after a run was stopped")
    for i, (label, folder) in enumerate(zip(labels, _folder_names(labels), strict=True)):
        for j in [None] if many else range(len(seeds)):
            scalars = {
                own: (steps[kept], row[kept])
                for tag, (steps, values) in curves.items()
                for own, row in _rows(tag, values[i], j).items()
                if (kept := np.isfinite(row)).any()
            }
            summary = {own: float(row) for tag, v in final.items() for own, row in _rows(tag, v[i], j).items()}
            summary = {own: value for own, value in summary.items() if np.isfinite(value)}
            config = _settings(results, i) | _fate(results, i, j)
            name = folder if j is None else f"{folder}/seed-{seeds[j]}"
            yield Tracked(name, label, config, scalars, summary, int(results.steps[-1]) if len(results.steps) else 0)


def _curves(results: Results) -> Iterator[tuple[str, Curve]]:
    """Yield steps and values [configuration, seed, step] by tag; arrays with more axes have one tag per cell."""
    along = {f"{metric.name}_along": f"along/{metric.name}" for metric in results.metrics}
    for own, array in results.dataset.data_vars.items():
        tag = f"series/{own}" if array.attrs.get("group") == "series" else along.get(str(own))
        axis = next((name for name in ("step", "probe_step") if name in array.dims), None)
        if tag is None or axis is None or array.dtype.kind not in "fiub":
            continue
        ordered = array.transpose("configuration", "seed", axis, ...)
        for cell in np.ndindex(ordered.shape[3:]):
            names = [_at(results, str(dim), k) for dim, k in zip(ordered.dims[3:], cell, strict=True)]
            yield "/".join([tag, *names]), (results.dataset[axis].values, ordered.values[(..., *cell)])


def _at(results: Results, dim: str, k: int) -> str:
    return str(results.dataset.coords[dim].values[k]) if dim in results.dataset.coords else str(k)


def _rows(tag: str, values: NDArray, seed: int | None) -> dict[str, NDArray]:
    """Return the values [seed, ...] of one seed, or statistics of the finite values over all seeds."""
    if seed is not None:
        return {tag: np.asarray(values[seed], np.float64)}
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # steps at which no seed is finite stay NaN
        return {f"{tag}/{name}": np.asarray(over(finite, axis=0)) for name, over in _OVER_SEEDS.items()}


def _settings(results: Results, i: int) -> dict[str, Any]:
    """Return the settings of a configuration: those of its recipe, if the run stores them, and the varied ones."""
    stored = results.config.get("configurations", {}).get(results.configurations[i], {})
    found = {"recipe": stored.get("recipe"), **stored.get("settings", {})}
    found |= {name: results.notes.get(name) for name in ("data", "steps")}
    found |= {name: values[i] for name, values in results.group("setting").items()}
    known = {name: plain(value, null=True) for name, value in found.items()}
    simple = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in known.items() if v is not None}
    return {"configuration": results.configurations[i]} | simple


def _fate(results: Results, i: int, seed: int | None) -> dict[str, Any]:
    if seed is not None:
        return {"seed": int(results.seeds[seed]), "outcome": str(results.outcomes[i, seed])}
    codes, counts = np.unique(results.outcomes[i], return_counts=True)
    return {"seeds": len(results.seeds), "outcome": ", ".join(f"{n} {c}" for c, n in zip(codes, counts, strict=True))}


def _folder_names(labels: Sequence[str]) -> list[str]:
    """Return unique folder names for labels, without characters that file systems may not allow."""
    found: dict[str, None] = {}
    for label in labels:
        plain_name = re.sub(r"[^\w.,=+-]+", "-", label)[:_LONGEST].strip(".-") or "run"
        names = (plain_name if n == 1 else f"{plain_name}-{n}" for n in range(1, len(labels) + 2))
        found[next(name for name in names if name not in found)] = None
    return list(found)
