"""Arranges panels in figures of a paper's width, so that a page's figures can be printed as they are; saves figures.

Figures are made without pyplot, which keeps every figure alive and has global state.
"""

import io
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxgan.files import write_bytes
from jaxgan.report.plots import SMALL, TITLE, label, plain_axis, plain_text, shorten, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, COLUMN = 7.0, 3.4  # inches: the text width of a paper, and one of its two columns
DPI = 200


class Panel(NamedTuple):
    """One drawing that can stand alone; `draw` also sets its labels."""

    name: str
    draw: "Callable[[Axes], None]"


def new_figure(height: float, width: float = WIDTH) -> "Figure":
    """An empty figure with a size in inches."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.04))


def grid(figure: "Figure", panels: int, columns: int, **options: Any) -> list["Axes"]:
    """A figure with this many panels in rows of `columns`."""
    axes = figure.subplots(math.ceil(panels / columns), columns, squeeze=False, **options).ravel()
    for axis in axes[panels:]:
        axis.remove()
    for axis in axes[:panels]:
        plain_axis(axis)
        axis.tick_params(labelbottom=True)
    return list(axes[:panels])


def compose(panels: Sequence[Panel], columns: int, height: float = 1.75) -> "Figure":
    """The panels in one figure; an x label that repeats in the panel below is shown only there."""
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(rows * height + 0.35)
    axes = grid(figure, len(panels), columns)
    for axis, panel in zip(axes, panels, strict=True):
        panel.draw(axis)
    for axis, below in zip(axes, axes[columns:], strict=False):
        if axis.get_xlabel() == below.get_xlabel():
            axis.set_xlabel("")
    return figure


def multiples(names: Sequence[str], draw_one: "Callable[[Axes, int], None]", title: str, x: str = "step") -> "Figure":
    """A small panel for every name with common axes, so that any number of curves stays readable."""
    columns = 4 if len(names) > 6 else 3
    rows = math.ceil(len(names) / columns)
    figure = new_figure(1.15 * rows + 0.45)
    for i, axis in enumerate(grid(figure, len(names), columns, sharex=True, sharey=True)):
        axis.locator_params(axis="x", nbins=4)
        draw_one(axis, i)
        axis.minorticks_off()
        last = i + columns >= len(names)
        axis.tick_params(labelbottom=last, labelleft=i % columns == 0)
        label(axis, plain_text(shorten(names[i], 112 // columns)), x if last else "")
    figure.suptitle(title.replace("\n", " "), fontsize=TITLE + 0.5, x=0.01, ha="left")
    return figure


def line_handles(names: Sequence[str], *, markers: bool = True) -> tuple[list[Any], list[str]]:
    """Legend handles: a line for every name."""
    from matplotlib.lines import Line2D

    drop = {} if markers else {"marker": ""}
    # A legend leaves out names that begin with "_", unless something precedes them.
    return [Line2D([], [], linewidth=1.5, **(style(i) | drop)) for i in range(len(names))], [
        "\u200b" + plain_text(name) for name in names
    ]


def legend(figure: "Figure", handles: Sequence[Any], names: Sequence[str]) -> None:
    """A legend above all panels, in as many columns as fit; long names are wrapped."""
    names = [textwrap.fill(name, int(15 * figure.get_figwidth())) for name in names]
    room = 16.5 * figure.get_figwidth()  # in letters
    columns = 1
    for columns in range(len(names), 0, -1):
        widths = [max(map(len, part)) + 11 for part in np.array_split(np.array(names, object), columns)]
        if sum(widths) <= room:
            break
    figure.legend(handles, names, loc="outside upper left", ncols=columns, frameon=False, fontsize=SMALL,
                  handlelength=3.2)  # fmt: skip


def png(figure: "Figure") -> bytes:
    """The figure as a PNG with reproducible bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    return _printed(figure, FigureCanvasAgg, "print_png")


def save_vector(figure: "Figure", stem: Path) -> None:
    """Writes STEM.pdf and STEM.svg with editable text, without dates, and with ids from a fixed salt."""
    import matplotlib
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with matplotlib.rc_context({"svg.hashsalt": "jaxgan", "svg.fonttype": "none", "pdf.fonttype": 42}):
        svg = _printed(figure, FigureCanvasSVG, "print_svg", {"Date": None})
        pdf = _printed(figure, FigureCanvasPdf, "print_pdf", {"CreationDate": None})
    write_bytes(stem.with_name(f"{stem.name}.svg"), svg)
    write_bytes(stem.with_name(f"{stem.name}.pdf"), pdf)


def _printed(figure: "Figure", canvas: Any, method: str, metadata: dict[str, Any] | None = None) -> bytes:
    """A figure rendered by a canvas. `savefig` would draw it twice, first for the layout, which is already solved."""
    _settle(figure)
    content, dpi = io.BytesIO(), figure.dpi
    try:
        getattr(canvas(figure), method)(content, metadata=metadata)
    finally:
        figure.dpi = dpi  # vector formats set their own
    return content.getvalue()


def _settle(figure: "Figure") -> None:
    """Solves the layout once and rounds positions, because the solver's last digits vary between calls."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine("none")
    for axis in figure.axes:
        left, bottom, width, height = axis.get_position(original=True).bounds
        axis.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))
