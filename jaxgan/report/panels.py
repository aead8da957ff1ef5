"""Every panel of a report by itself, for a paper."""

from pathlib import Path

from jaxgan.report import layout
from jaxgan.report.profile.figures import frozen_panels, training_panels
from jaxgan.report.profile.paper import paper_panels
from jaxgan.report.profile.parts import part_of
from jaxgan.report.run.curves import curve_panels
from jaxgan.report.run.when import when_panels
from jaxgan.results.results import Results


def save_panels(results: Results, folder: Path | str) -> list[Path]:
    """Writes every panel of the run's or profile's figures as PDF and SVG in the width of a paper's column.

    Texts are texts, each panel has a legend of its own. Returns the paths of the PDFs.
    """
    folder, written = Path(folder), []
    if "g_loss" in results.series:
        panels = [*curve_panels(results), *when_panels(results)]
        written += layout.save_panels(panels, folder, results.configurations)
    if results.group("paper"):
        panels = paper_panels(results)
        for part, of_part in (("frozen", frozen_panels), ("training", training_panels)):
            panels += of_part(results) if part_of(results, part) else []
        written += layout.save_panels(panels, folder, results.losses)
    return written
