"""Phase diagrams: where runs fail in the plane of two varied numbers, with a map per recipe; for one number, a line."""

import math
from collections.abc import Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import WIDTH, Panel, grid, legend, line_handles, new_figure
from jaxgan.report.paper_sizes import MARK
from jaxgan.report.plots import GREY, SMALL, TICKS, label, plain_axis, plain_text, shorten, style
from jaxgan.report.run.cells import Estimate, Plane, Statistic, borders_of, estimates, failed_share, grid_of
from jaxgan.report.run.settings import Number
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

COLOURS = "viridis"  # lightness is monotone, so that it is readable in grey; dark is bad
NUMBERED = 8  # at most so many cells a side contain their numbers
_COLUMNS = 3
_PANEL = 2.15  # height of a row of panels in inches
_ROOM = 0.7  # inches between two ticks with two numbers


def phase_figure(results: Results, planes: Sequence[Plane], statistic: Statistic | None = None) -> "Figure":
    """The planes side by side with common axes and colours for a statistic, by default the share of failures.

    Solid line: half of the seeds fail, interpolated between cell centres. Dashed lines: the bounds of the Wilson
    interval cross one half. Planes along a line share one panel, with the interval as a band.
    """
    statistic = statistic or failed_share()
    found = [estimates(results, plane, statistic) for plane in planes]
    if planes[0].is_line:
        return _line_figure(planes, found, statistic)
    columns = min(_COLUMNS, len(planes))
    rows = math.ceil(len(planes) / columns)
    figure = new_figure(rows * _PANEL + 0.35, {1: 3.9, 2: 5.4}.get(columns, WIDTH))
    axes = grid(figure, len(planes), columns, sharex=True, sharey=True)
    norm = _norm(found, statistic)
    for k, (axis, plane, cells) in enumerate(zip(axes, planes, found, strict=True)):
        _draw_plane(axis, results, plane, cells, statistic, norm)
        label(axis, plain_text(shorten(plane.title, 96 // columns)))
        _axis_words(axis, planes[0].numbers, last=k + columns >= len(planes), first=k % columns == 0)
    _add_bar(figure, axes, norm, statistic)
    return figure


def phase_panels(results: Results, planes: Sequence[Plane], statistic: Statistic | None = None) -> list[Panel]:
    """Each plane separately, for a column of a paper."""
    statistic = statistic or failed_share()
    found = [estimates(results, plane, statistic) for plane in planes]
    if planes[0].is_line:
        return [Panel(f"phase-{statistic.name}", partial(_draw_lines, planes=planes, found=found, statistic=statistic))]
    norm = _norm(found, statistic)

    def draw_one(axis: "Axes", plane: Plane, cells: dict[tuple[float, ...], Estimate]) -> None:
        _draw_plane(axis, results, plane, cells, statistic, norm)
        label(axis, plain_text(plane.title))
        _axis_words(axis, plane.numbers, last=True, first=True)
        _add_bar(axis.get_figure(), [axis], norm, statistic)

    return [
        Panel(f"phase-{statistic.name}-{k + 1}", partial(draw_one, plane=plane, cells=cells))
        for k, (plane, cells) in enumerate(zip(planes, found, strict=True))
    ]


def _draw_plane(
    axis: "Axes",
    results: Results,
    plane: Plane,
    cells: dict[tuple[float, ...], Estimate],
    statistic: Statistic,
    norm: "Normalize",
) -> None:
    plain_axis(axis)
    axis.grid(visible=False)
    axis.set_facecolor("#eeeeee")
    if not plane.is_grid:
        _draw_points(axis, plane, cells, statistic, norm)
        return
    x, y = plane.levels(0), plane.levels(1)
    edges = [_edges(levels, one.log) for levels, one in zip((x, y), plane.numbers, strict=True)]
    values = grid_of(cells, x, y)
    axis.pcolormesh(*edges, np.ma.masked_invalid(values[0]), cmap=_colours(statistic), norm=norm, rasterized=True)
    _hatch(axis, edges, ~np.isfinite(values[0]))
    _scale(axis, plane.numbers, edges)
    shares = values if statistic.metric is None else grid_of(estimates(results, plane, failed_share()), x, y)
    _draw_borders(axis, plane, shares)
    if max(len(x), len(y)) <= NUMBERED:
        _number(axis, cells, statistic, norm)


def _draw_borders(axis: "Axes", plane: Plane, shares: NDArray[np.float64]) -> None:
    """Draws lines at one half: solid for the share, dashed for its bounds; black on white, visible on any colour."""
    from matplotlib.patheffects import withStroke

    for values, dashes, width in zip(shares, ("-", (0, (3, 1.5)), (0, (3, 1.5))), (1.6, 0.9, 0.9), strict=True):
        for line in borders_of(plane, values):
            axis.plot(line[:, 0], line[:, 1], color="black", linewidth=width, linestyle=dashes,
                      path_effects=[withStroke(linewidth=width + 1.6, foreground="white")])  # fmt: skip


def _number(axis: "Axes", cells: dict[tuple[float, ...], Estimate], statistic: Statistic, norm: "Normalize") -> None:
    import matplotlib
    from matplotlib.patheffects import withStroke

    shades = matplotlib.colormaps[_colours(statistic)]
    for (a, b), each in cells.items():
        value = each.interval.estimate
        if not np.isfinite(value):
            continue
        text = f"{100 * value:.0f}" if statistic.metric is None else f"{value:.2g}"
        dark = np.dot(shades(norm(value))[:3], (0.3, 0.6, 0.1)) < 0.5
        around = withStroke(linewidth=2.2, foreground=shades(norm(value)))  # the cell's colour, against contours
        axis.text(a, b, text, ha="center", va="center", fontsize=TICKS - 1, color="white" if dark else "black",
                  path_effects=[around], gid=MARK)  # fmt: skip


def _draw_points(
    axis: "Axes", plane: Plane, cells: dict[tuple[float, ...], Estimate], statistic: Statistic, norm: "Normalize"
) -> None:
    """Draws random values: a mark for each point, a cross if the statistic is undefined."""
    values = np.array([each.interval.estimate for each in cells.values()])
    places = np.array(list(cells))
    known = np.isfinite(values)
    axis.set_facecolor("white")
    x, y = places.T
    axis.scatter(x[known], y[known], c=values[known], s=16, cmap=_colours(statistic), norm=norm, edgecolors="black",
                 linewidths=0.4)  # fmt: skip
    axis.scatter(x[~known], y[~known], s=14, marker="x", color=GREY, linewidths=0.8)
    _scale(axis, plane.numbers, None)


def _hatch(axis: "Axes", edges: Sequence[NDArray[np.float64]], blank: NDArray[np.bool_]) -> None:
    from matplotlib.patches import Rectangle

    x, y = edges
    for j, i in np.argwhere(blank):
        axis.add_patch(Rectangle((x[i], y[j]), x[i + 1] - x[i], y[j + 1] - y[j], hatch="/////", facecolor="none",
                                 edgecolor="#aaaaaa", linewidth=0))  # fmt: skip


def _edges(levels: Sequence[float], log: bool) -> NDArray[np.float64]:
    """The edges of cells, halfway between levels in the scale of the axis; one more than there are levels.

    >>> _edges([1.0, 100.0], True).round(6).tolist()
    [0.1, 10.0, 1000.0]
    """
    at = np.log(levels) if log else np.asarray(levels, np.float64)
    if len(at) == 1:
        edges = at[0] + np.array([-0.5, 0.5])
    else:
        middle = (at[1:] + at[:-1]) / 2
        edges = np.concatenate([[2 * at[0] - middle[0]], middle, [2 * at[-1] - middle[-1]]])
    return np.exp(edges) if log else edges


def _scale(axis: "Axes", numbers: Sequence[Number], edges: Sequence[NDArray[np.float64]] | None) -> None:
    for k, (which, one) in enumerate(zip("xy", numbers, strict=False)):
        if one.log:
            getattr(axis, f"set_{which}scale")("log")
        if edges is not None:
            getattr(axis, f"set_{which}lim")(edges[k][0], edges[k][-1])
        if one.log:
            _ticks(axis, which)


def _ticks(axis: "Axes", which: str) -> None:
    """Sets ticks of a logarithmic axis: 1 and 3 in each decade if there are few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = getattr(axis, f"get_{which}lim")()
    own = getattr(axis, f"{which}axis")
    own.set_major_locator(LogLocator(subs=(1.0, 3.0) if math.log10(high / low) < 2.6 else (1.0,)))
    own.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    own.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    """The text of a tick on a logarithmic axis.

    >>> [_short(value) for value in (0.0003, 0.01, 3.0)]
    ['3e-4', '0.01', '3']
    """
    return (f"{value:.0e}" if 0 < value < 0.0099 else f"{value:g}").replace("e-0", "e-")


def _axis_words(axis: "Axes", numbers: Sequence[Number], *, last: bool, first: bool) -> None:
    axis.tick_params(labelbottom=last, labelleft=first)
    label(axis, "", plain_text(numbers[0].label) if last else "", plain_text(numbers[1].label) if first else "")


def _colours(statistic: Statistic) -> str:
    return COLOURS if statistic.metric is not None and statistic.metric.higher_is_better else f"{COLOURS}_r"


def _norm(found: Sequence[dict[tuple[float, ...], Estimate]], statistic: Statistic) -> "Normalize":
    from matplotlib.colors import LogNorm, Normalize

    values = np.array([each.interval.estimate for cells in found for each in cells.values()])
    values = values[np.isfinite(values)]
    if statistic.metric is None or not len(values):
        return Normalize(0, 1)
    low, high = float(values.min()), float(values.max())
    return LogNorm(low, high) if low > 0 and high > 10 * low else Normalize(low, high if high > low else low + 1)


def _add_bar(figure: Any, axes: Sequence["Axes"], norm: "Normalize", statistic: Statistic) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import PercentFormatter

    bar = figure.colorbar(ScalarMappable(norm, _colours(statistic)), ax=list(axes), aspect=25, pad=0.02,
                          format=PercentFormatter(1.0, symbol=" %") if statistic.metric is None else None)  # fmt: skip
    bar.set_label(plain_text(statistic.label), fontsize=SMALL)
    bar.ax.tick_params(which="both", labelsize=TICKS)
    if statistic.metric is None:
        bar.ax.axhline(0.5, color="black", linewidth=1.6)


def _line_figure(
    planes: Sequence[Plane], found: Sequence[dict[tuple[float, ...], Estimate]], statistic: Statistic
) -> "Figure":
    figure = new_figure(2.5, 4.6)
    _draw_lines(grid(figure, 1, 1)[0], planes, found, statistic)
    legend(figure, *line_handles([plane.title for plane in planes]))
    return figure


def _draw_lines(
    axis: "Axes",
    planes: Sequence[Plane],
    found: Sequence[dict[tuple[float, ...], Estimate]],
    statistic: Statistic,
) -> None:
    for i, cells in enumerate(found):
        x = np.array([place[0] for place in cells])
        middle, low, high = np.array([each.interval for each in cells.values()]).T
        how = style(i)
        if np.isfinite(low).any():
            axis.fill_between(x, low, high, color=how["color"], alpha=0.16, linewidth=0)
        axis.plot(x, middle, **how, linewidth=1.3)
    if statistic.metric is None:
        from matplotlib.ticker import PercentFormatter

        axis.axhline(0.5, color=GREY, linestyle=":", linewidth=1.0)
        axis.set_ylim(-0.03, 1.03)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axis.margins(x=0.04)
    _scale(axis, planes[0].numbers[:1], None)
    label(axis, "", plain_text(_along(planes[0].numbers)), plain_text(statistic.label))
    if len(planes[0].numbers) == 2:
        _tick_both(axis, {place for cells in found for place in cells})


def _along(numbers: Sequence[Number]) -> str:
    """The label of an axis along which two numbers change; the first is to scale."""
    first, *second = (number.label for number in numbers)
    return f"above: {first}\nbelow: {second[0]}" if second else first


def _tick_both(axis: "Axes", places: Set[tuple[float, ...]]) -> None:
    """Ticks with the values of both numbers, as many as fit side by side."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    at, room = axis.transScale + axis.transLimits, _ROOM / figure.get_figwidth()
    shown, last = list[tuple[float, ...]](), -1.0
    for place in sorted(places):
        if (x := at.transform((place[0], 0.5))[0]) - last >= room:
            shown, last = [*shown, place], x
    texts = ["\n".join(f"{value:.3g}".replace("e-0", "e-") for value in place) for place in shown]
    axis.set_xticks([place[0] for place in shown], texts)
    axis.set_xticks([], minor=True)
