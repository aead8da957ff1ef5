"""The figures of a report in paper sizes: complete in two columns, or each panel in one column."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxgan.report.paper_sizes import WIDTHS, save_columns, write_paper_figure
from jaxgan.report.profile.figures import frozen_panels, training_panels
from jaxgan.report.profile.paper import paper_panels
from jaxgan.report.profile.parts import part_of
from jaxgan.report.profile.report import figures_of
from jaxgan.report.run.cells import planes_of
from jaxgan.report.run.curves import curve_panels
from jaxgan.report.run.map import map_handles, map_panels
from jaxgan.report.run.phase import phase_panels
from jaxgan.report.run.pictures import of_chosen, pictures_of
from jaxgan.report.run.settings import are_many
from jaxgan.report.run.study import study_figures
from jaxgan.report.run.table import summarize_run
from jaxgan.report.run.when import when_panels
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER = "paper"
"""The folder for these figures in a run's folder."""


def save_paper(results: Results, folder: Path | str, paper: str = "one-column") -> list[Path]:
    """Writes the figures of a run or profile as PDF, SVG and PNG in a paper's width, with type of 8 to 10 points.

    "two-column": as on the page, 6.75 inches wide. "one-column": each panel separately, 3.25 inches wide, with its own
    legend. Text stays editable. Returns the paths of the PDFs.
    """
    folder = Path(folder)
    (_whole if paper == "two-column" else _apart)(results, folder)
    return sorted(folder.glob("*.pdf"))


def _whole(results: Results, folder: Path) -> None:
    if "outcome" in results.dataset:
        pictures_of(results, summarize_run(results), folder, write=write_paper_figure)
        study_figures(results, folder, write=write_paper_figure)
    if results.group("paper"):
        for name, figure in figures_of(results).items():
            write_paper_figure(figure, folder / f"{name}.png")


def _write_if_single(figure: "Figure", path: Path | None, **_: Any) -> dict[str, Any]:
    """One column has no room for many panels side by side, so these figures stay in two columns."""
    return write_paper_figure(figure, path, WIDTHS["one-column"]) if len(figure.axes) == 1 else {}


def _apart(results: Results, folder: Path) -> None:
    if "g_loss" in results.series:
        shown = of_chosen(results, summarize_run(results)) if are_many(results) else results
        save_columns([*curve_panels(shown), *when_panels(shown)], folder, shown.configurations)
    if "outcome" in results.dataset:
        study_figures(results, folder, write=_write_if_single)
        for planes in planes_of(results):
            names = [plane.title for plane in planes] if planes[0].is_line else []
            save_columns(phase_panels(results, planes), folder, names)
        if panels := map_panels(results):
            handles, names = map_handles(results)
            save_columns(panels, folder, names, handles)
    if results.group("paper"):
        panels = paper_panels(results)
        for part, of_part in (("frozen", frozen_panels), ("training", training_panels)):
            panels += of_part(results) if part_of(results, part) else []
        save_columns(panels, folder, results.losses)
