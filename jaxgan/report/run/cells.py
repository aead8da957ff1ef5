"""The results of a study over its varied numbers: cells of two numbers, or values of one, for each recipe."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.settings import Number, by_recipe, numbers_of, settings_of
from jaxgan.report.words import number, percent
from jaxgan.results.results import Metric, Results
from jaxgan.results.statistics import Interval, interquartile_mean, wilson_interval

_PANELS = 12  # at most so many panels for the values of further settings
_GRID = 0.5  # share of cells that must exist for a plane to be drawn as cells instead of points


class Estimate(NamedTuple):
    """The statistic of one cell, from `n` runs; a bound of NaN is unknown."""

    interval: Interval
    n: int
    failed: int


class Statistic(NamedTuple):
    """A statistic of each cell, from failures [run] and the values of a metric [run]."""

    name: str
    label: str
    metric: Metric | None  # None: the share of failed runs
    of: Callable[[NDArray[np.bool_], NDArray[np.float64] | None], Interval]

    def text(self, estimate: Estimate) -> str:
        """A cell in words."""
        found, failed = estimate.interval, f"{estimate.failed} of {estimate.n} failed"
        if self.metric is None:
            return f"{failed}, {percent(found.estimate)} [{percent(found.low)}, {percent(found.high)}]"
        return f"{number(found.estimate)}, {failed}"

    def short(self, estimate: Estimate) -> str:
        """Only the number of a cell; shares in percent."""
        found = estimate.interval.estimate
        return f"{100 * found:.0f}" if self.metric is None else "" if np.isnan(found) else number(found)


class Plane(NamedTuple):
    """The configurations of a recipe by the values of one or two varied numbers, in the order of `numbers`."""

    title: str
    numbers: tuple[Number, ...]
    members: dict[tuple[float, ...], list[int]]

    def levels(self, axis: int) -> list[float]:
        """The values of a number that occur."""
        return sorted({place[axis] for place in self.members})

    @property
    def is_grid(self) -> bool:
        """Whether its points form a grid instead of being random."""
        return len(self.members) >= _GRID * math.prod(len(self.levels(k)) for k in range(len(self.numbers)))

    @property
    def is_line(self) -> bool:
        """Whether its points lie on a line: of one number, or of two that change together monotonically."""
        if len(self.numbers) == 1:
            return True
        steps = np.diff(np.array(sorted(self.members)).reshape(-1, 2), axis=0)
        turns = (steps[:, 1] < 0).any() and (steps[:, 1] > 0).any()
        return len(steps) > 0 and bool((steps[:, 0] > 0).all()) and not turns


def failed_share() -> Statistic:
    """The share of failed runs with its Wilson interval."""
    return Statistic(
        "failed", "share of failed seeds", None, lambda failed, values: _wilson(int(failed.sum()), failed.size)
    )


def metric_mean(metric: Metric) -> Statistic:
    """The interquartile mean of a metric, with the worst value for failed runs; NaN if more than a quarter failed.

    It has no interval; the table of configurations does.
    """

    def of(failed: NDArray[np.bool_], values: NDArray[np.float64] | None) -> Interval:
        assert values is not None
        flags = failed | np.isnan(values)
        mean = interquartile_mean(np.where(flags, metric.worst, values)) if 4 * flags.sum() <= flags.size else np.nan
        return Interval(mean, np.nan, np.nan)

    return Statistic(metric.name, metric.label, metric, of)


def planes_of(results: Results) -> list[list[Plane]]:
    """A plane for each recipe, grouped by their numbers into figures. Empty if no number varies.

    A recipe is shown over the first two numbers that vary in it, or along the line on which these change together. The
    values of other varied settings get separate planes if they are few; otherwise a cell pools all of them.
    """
    numbers = numbers_of(results)
    found: dict[tuple[str | bool, ...], list[Plane]] = {}
    for recipe, own in by_recipe(results).items():
        varying = [number for number in numbers if len(_levels(number.values[own])) > 1]
        if varying:
            axes = tuple(varying[:2])
            for plane in _planes(results, recipe, own, axes):
                found.setdefault((*(axis.name for axis in axes), plane.is_line), []).append(plane)
    return list(found.values())


def estimates(results: Results, plane: Plane, statistic: Statistic) -> dict[tuple[float, ...], Estimate]:
    """The statistic at each point."""
    failed = results.failed
    values = None if statistic.metric is None else results.values[statistic.metric.name]
    return {
        place: Estimate(statistic.of(failed[own].ravel(), None if values is None else values[own].ravel()),
                        failed[own].size, int(failed[own].sum()))
        for place, own in sorted(plane.members.items())
    }  # fmt: skip


def is_defined(results: Results, plane: Plane, statistic: Statistic) -> bool:
    """Whether the statistic is defined anywhere."""
    return any(np.isfinite(each.interval.estimate) for each in estimates(results, plane, statistic).values())


def grid_of(found: dict[tuple[float, ...], Estimate], x: Sequence[float], y: Sequence[float]) -> NDArray[np.float64]:
    """Estimates and their bounds [3, y, x]; NaN if undefined."""
    result = np.full((3, len(y), len(x)), np.nan)
    for (a, b), estimate in found.items():
        result[:, y.index(b), x.index(a)] = estimate.interval
    return result


def borders_of(plane: Plane, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The lines [point, 2] on which values [y, x] over the plane's levels cross one half, between the centres of cells.

    Interpolation uses the scale of the axes: between 0 at 1 and 1 at 100 the crossing is at 10 on a logarithmic axis.
    """
    import contourpy

    levels = [np.array(plane.levels(k)) for k in (0, 1)]
    if min(values.shape) < 2:
        return []
    at = [np.log(each) if one.log else each for each, one in zip(levels, plane.numbers, strict=True)]
    lines: Sequence[Any] = contourpy.contour_generator(at[0], at[1], np.ma.masked_invalid(values)).lines(0.5)
    return [
        np.stack([np.exp(line[:, k]) if one.log else line[:, k] for k, one in enumerate(plane.numbers)], axis=1)
        for line in lines
    ]


def borders_frame(results: Results, planes: Sequence[Plane]) -> Any:
    """The border at which half of the runs fail, and the borders of its bounds, as points in a frame."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for plane in planes:
        shares = grid_of(estimates(results, plane, failed_share()), plane.levels(0), plane.levels(1))
        for what, values in zip(Interval._fields, shares, strict=True):
            for k, line in enumerate(borders_of(plane, values)):
                names = [axis.name for axis in plane.numbers]
                rows += [
                    {"recipe": plane.title, "of": what, "line": k} | dict(zip(names, p, strict=True)) for p in line
                ]
    return pd.DataFrame(rows, columns=["recipe", "of", "line", *(axis.name for axis in planes[0].numbers)])


def cells_frame(results: Results, planes: Sequence[Plane], statistic: Statistic) -> Any:
    """A row for every cell, as a `pandas.DataFrame`: where it is, how many runs, how many failed, and the estimate."""
    import pandas as pd

    value = "share" if statistic.metric is None else statistic.name
    rows = [
        {"recipe": plane.title}
        | dict(zip([axis.name for axis in plane.numbers], place, strict=True))
        | {"n": each.n, "failed": each.failed, value: each.interval.estimate}
        | ({"low": each.interval.low, "high": each.interval.high} if statistic.metric is None else {})
        for plane in planes
        for place, each in estimates(results, plane, statistic).items()
    ]
    return pd.DataFrame(rows)


def cells_in_words(results: Results, planes: Sequence[Plane]) -> list[str]:
    """For each plane: the number of cells in which at least half failed, and how many of these are certain."""
    found = []
    for plane in planes:
        shares = np.array([each.interval for each in estimates(results, plane, failed_share()).values()])
        over, surely, surely_not = shares[:, 0] >= 0.5, shares[:, 1] > 0.5, shares[:, 2] < 0.5
        where = "values" if plane.is_line else "cells"
        found.append(
            f"{plane.title}: in {over.sum()} of {len(shares)} {where} at least half of the runs failed, and "
            f"in {(shares[:, 0] == 0).sum()} none. The interval lies above 50 % in {surely.sum()} of them, below it in "
            f"{surely_not.sum()}, and includes it in {len(shares) - surely.sum() - surely_not.sum()}."
        )
    return found


def _planes(results: Results, recipe: str, own: NDArray[np.intp], axes: tuple[Number, ...]) -> list[Plane]:
    names = [axis.name for axis in axes]
    rest = {name: values for name, values in settings_of(results).items()
            if name not in names and len(set(values[own].tolist())) > 1}  # fmt: skip
    kinds = [tuple(_word(values[i]) for values in rest.values()) for i in own]
    if len(set(kinds)) > _PANELS or any(len(set(v[own].tolist())) == len(own) for v in rest.values()):
        kinds = [()] * len(own)
    planes = []
    for kind in dict.fromkeys(kinds):
        members: dict[tuple[float, ...], list[int]] = {}
        for i in own[[each == kind for each in kinds]].tolist():
            place = tuple(float(axis.values[i]) for axis in axes)
            if np.isfinite(place).all():
                members.setdefault(place, []).append(i)
        title = ", ".join([recipe, *(f"{n} {v}" for n, v in zip(rest, kind, strict=False))])
        planes.append(Plane(title, axes, members))
    return planes


def _levels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.unique(values[np.isfinite(values)])


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@lru_cache(maxsize=4096)  # thousands of cells have few different counts
def _wilson(failed: int, n: int) -> Interval:
    return wilson_interval(failed, n)
