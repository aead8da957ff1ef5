"""The report of a gradient profile: one page that opens from disk, and its figures beside it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxgan.report.page import files_in, how_it_was_made, picture, write_page
from jaxgan.report.profile.figures import frozen_figure, layers_figure, training_figure
from jaxgan.report.profile.paper import paper_figure
from jaxgan.report.profile.parts import ages_of, part_of
from jaxgan.report.profile.story import story
from jaxgan.report.profile.strengths import skills_figure
from jaxgan.report.profile.tables import age_text, markdown, paper_section, sections, tables
from jaxgan.results.files import write_json, write_text
from jaxgan.results.results import Results
from jaxgan.results.store import load_results as load_profile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = {
    "report.html": "this page; it needs no other file",
    "frozen.png": "the figure against frozen generators, and as frozen.svg",
    "training.png": "the figure along training, and as training.svg",
    "layers.png": "the figure by layers, and as layers.svg",
    "skills.png": "the figure by skills of the discriminator, and as skills.svg",
    "paper.png": "the figure on paper, and as paper.svg",
    "config.json": "what was asked for, versions, device, commit and the command that repeats the profile",
    "results.nc": "every number, labelled: xarray.open_dataset reads it",
    "table.json": "the tables above with their intervals",
    "table.md": "the same as Markdown",
}


def write_profile_report(folder: Path) -> Path:
    """Writes report.html and its figures, each as PNG and SVG, into a finished profile's folder.

    The page holds its pictures and style, runs no script and loads nothing. It is a function of the folder's
    content: writing it again changes nothing. Returns the page's path.

    Raises:
      StoreError: the folder holds no finished profile.
    """
    run = load_profile(folder)
    write_json(folder / "table.json", tables(run))
    write_text(folder / "table.md", markdown(run))
    pictures = {name: _save(figure, folder / f"{name}.png") for name, figure in figures_of(run).items()}
    shown = [] if run.notes["kind"] == "paper" else sections(run)
    return write_page(
        folder / "report.html",
        "profile/report.html",
        run=run,
        notes=run.notes,
        kind=run.notes["kind"],
        pictures=pictures,
        lead=next(name for name in ("frozen", "training", "paper") if name in pictures),
        story=story(run),
        sections=shown,
        paper=paper_section(run),
        ages=[age_text(run, age) for age in ages_of(run)],
        several_ages=len(ages_of(run)) > 1,
        image_spread="image_spread" in part_of(run, "frozen"),
        scores=[loss for loss in run.losses if run.notes["about"][loss]["axis"] != "D(G(z))"],
        made=how_it_was_made(_without_empty(run.config), run.notes),
        files=files_in(folder, "report.html", FILES),
        split=_split,
    )


def figures_of(run: Results) -> "dict[str, Figure]":
    """Every figure that a profile has something to show in, by the name of its file."""
    figures = {}
    if part_of(run, "frozen"):
        figures["frozen"] = frozen_figure(run)
    if part_of(run, "training"):
        figures["training"] = training_figure(run)
    if figures:
        figures["layers"] = layers_figure(run)
    if len(run.configurations) > 1:
        figures["skills"] = skills_figure(run)
    return figures | {"paper": paper_figure(run)}


def _save(figure: "Figure", path: Path) -> dict[str, Any]:
    """As PNG, and as an SVG that is the same each time: without its date, and names of its parts from a fixed salt.

    The layout is solved once and its places are rounded: the solver's last digits differ from one time to the next,
    and the names of an SVG's clipping paths are made of them.
    """
    import matplotlib

    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine("none")
    for axis in figure.axes:
        left, bottom, width, height = axis.get_position(original=True).bounds
        axis.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))
    with matplotlib.rc_context({"svg.hashsalt": "jaxgan", "svg.fonttype": "path"}):
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None}, facecolor="white")
    return picture(figure, path)


def _without_empty(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without options that are empty lists."""
    return {k: {n: o for n, o in v.items() if o != []} if isinstance(v, dict) else v for k, v in config.items()}


def _split(text: str) -> tuple[str, str]:
    """A cell's estimate and its interval.

    >>> _split("1.5 [1.4, 1.6]"), _split("none")
    (('1.5', '[1.4, 1.6]'), ('none', ''))
    """
    if not text.endswith("]"):
        return text, ""
    estimate, interval = text.split(" [", 1)
    return estimate, "[" + interval
