"""Figures in paper sizes: one column or two, with fonts of 8 to 10 points, as PDF, SVG and PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxgan.files import write_bytes
from jaxgan.report import layout
from jaxgan.report.layout import Panel, grid, legend, line_handles, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTHS = {"one-column": 3.25, "two-column": 6.75}
"""Widths in inches, by the value of `--paper`."""

_TYPE = (8.0, 10.0)  # points
_DPI = 300
_LEAST = 2.3  # inches, the smallest height of a figure
MARK = "mark"  # the gid of letters that are part of the plot and keep their size


def write_paper_figure(figure: "Figure", path: Path | None, width: float = WIDTHS["two-column"], **_: Any) -> dict:
    """Writes a figure with a paper's width to `path` (PNG), with PDF and SVG beside it; called like `page.picture`."""
    if path is not None:
        fit(figure, width)
        write_bytes(path, layout.png(figure))
        layout.save_vector(figure, path.with_suffix(""))
    return {}


def save_columns(
    panels: Sequence[Panel], folder: Path, names: Sequence[str], handles: Sequence[Any] | None = None
) -> None:
    """Writes each panel as a one-column figure with a legend of `names`, by default of lines."""
    for panel in panels:
        width = WIDTHS["one-column"]
        figure = new_figure(2.4, width)
        panel.draw(grid(figure, 1, 1)[0])
        if names:
            legend(figure, *((handles, names) if handles else line_handles(names)))
        write_paper_figure(figure, folder / f"{panel.name}.png", width)


def fit(figure: "Figure", width: float) -> None:
    """Narrows a figure to a width in inches and sets its fonts to between 8 and 10 points."""
    from matplotlib.text import Text

    own_width, height = figure.get_size_inches()
    scaled = height * min(1.0, width / own_width)
    figure.set_size_inches(min(width, own_width), max(scaled, min(height, _LEAST)))
    figure.set_dpi(_DPI)
    for axis in figure.axes:
        axis.tick_params(which="both", labelsize=_TYPE[0])
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text.get_gid() != MARK:
            text.set_fontsize(min(max(text.get_fontsize(), _TYPE[0]), _TYPE[1]))
