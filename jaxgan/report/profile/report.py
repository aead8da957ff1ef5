"""The report of a gradient profile: one page that opens from disk, its figures beside it, and its tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxgan.report.page import files_in, how_it_was_made, picture, write_page
from jaxgan.report.profile.figures import frozen_figure, layers_figure, training_figure
from jaxgan.report.profile.frames import frames_of
from jaxgan.report.profile.paper import paper_figure
from jaxgan.report.profile.parts import age_text, ages_of, part_of
from jaxgan.report.profile.story import story
from jaxgan.report.profile.strengths import strengths_figure
from jaxgan.report.profile.tables import paper_section, sections
from jaxgan.report.run.report import FILES as RUN_FILES
from jaxgan.report.run.report import run_content, write_tables
from jaxgan.report.run.sections import sections as run_sections
from jaxgan.report.run.study import study_sections
from jaxgan.report.run.table import summarize_run
from jaxgan.report.words import counted
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = RUN_FILES | {
    "frozen.png": "the figure against frozen generators",
    "training.png": "the figure along training",
    "layers.png": "the figure by layers",
    "strengths.png": "the figure by strengths of the discriminator",
    "paper.png": "the figure on paper",
    "config.json": "what was asked for, versions, device, commit and the command that repeats the profile",
    "table.json": "the tables above with their intervals",
}


def write_profile_report(results: Results, folder: Path) -> Path:
    """Write report.html, its figures and its tables to the folder of a finished profile; return the page's path.

    The page embeds its pictures and styles and loads nothing. Its only script sorts tables and is optional. The page
    depends only on the content of the folder: writing it again changes nothing.
    """
    return write_page(
        folder / "report.html",
        "profile/report.html",
        **(_training_content(results, folder) | _content(results, folder)),
        made=how_it_was_made(results.config, results.notes),
        files=files_in(folder, "report.html", FILES),
    )


def figures_of(results: Results) -> "dict[str, Figure]":
    """Every figure that a profile has something to show in, by the name of its file."""
    figures = {}
    if part_of(results, "frozen"):
        figures["frozen"] = frozen_figure(results)
    if part_of(results, "training"):
        figures["training"] = training_figure(results)
    if figures:
        figures["layers"] = layers_figure(results)
    if len(results.configurations) > 1:
        figures["strengths"] = strengths_figure(results)
    return figures | {"paper": paper_figure(results)}


def _training_content(results: Results, folder: Path) -> dict[str, Any]:
    """Notes on the training itself, where outcomes were recorded; the tables are written."""
    own = sections(results)
    if "outcome" not in results.dataset:
        write_tables(folder, own)
        return {"training": False}
    table = summarize_run(results)
    write_tables(folder, [*own, *run_sections(results, table)])
    return run_content(results, folder, table, study_sections(results)) | {"training": True}


def _content(results: Results, folder: Path) -> dict[str, Any]:
    data, pictures = frames_of(results), {}
    for name, figure in figures_of(results).items():
        pictures[name] = picture(figure, folder / f"{name}.png", data=data.get(name))
    kind = results.notes["kind"]
    return {
        "run": results,
        "notes": results.notes,
        "profile": True,
        "n": len(results.seeds),
        "kind": kind,
        "pictures": pictures,
        "lead": next(name for name in ("frozen", "training", "paper") if name in pictures),
        "story": story(results),
        "sections": [] if kind == "paper" else sections(results),
        "paper": paper_section(results),
        "ages": [age_text(results, age) for age in ages_of(results)],
        "image_spread": "image_spread" in part_of(results, "frozen"),
        "scores_on_paper": [loss for loss in results.losses if results.notes["about"][loss]["axis"] != "D(G(z))"],
        "counted": counted,
    }
