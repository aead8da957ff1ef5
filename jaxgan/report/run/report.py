"""The report of a run: one page that opens from disk, its pictures beside it, and its tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan.files import write_json, write_text
from jaxgan.report.latex import to_latex
from jaxgan.report.page import files_in, how_it_was_made, write_page
from jaxgan.report.run.by_class import classes_sections, failing_classes
from jaxgan.report.run.causes import causes_by_recipe, causes_section, why
from jaxgan.report.run.many import chosen_in_words, codes_section, configurations_section, totals_section
from jaxgan.report.run.modes import modes_in_words
from jaxgan.report.run.pictures import pictures_of
from jaxgan.report.run.samples import MOST, is_points
from jaxgan.report.run.sections import sections
from jaxgan.report.run.settings import are_many
from jaxgan.report.run.story import story
from jaxgan.report.run.study import study_figures, study_sections
from jaxgan.report.run.table import (
    FEWER,
    Table,
    averages_section,
    failures_section,
    metrics_sections,
    seeds_section,
    summarize_run,
)
from jaxgan.report.run.verdicts import remedies_section
from jaxgan.report.tables import Section, to_dict, to_markdown
from jaxgan.report.words import counted, named, noun_of, number, sample_sizes
from jaxgan.results.results import Results

FILES = {
    "report.html": "this page; it needs no other file",
    "overview.png": "samples and the leading metric in one picture",
    "metric.png": "the leading metric of every seed",
    "when.png": "metrics during training, and when something went wrong",
    "curves*.png": "the curves",
    "phase-*.png": "failures and the leading metric over the varied settings",
    "map.png": "the state of every seed during training",
    "survival.png": "time to failure",
    "profiles.png": "the share of runs that are at least as good as a threshold",
    "budgets.png": "the expected best of a number of configurations",
    "samples*.png": "the samples, by configuration, or of the best, median and worst runs",
    "classes.png": "the classes of the samples",
    "obeyed.png": "each class on its own: whether samples are of the class asked for",
    "modes.png": "which modes, classes or cells are missing where runs collapsed",
    "figures/*.pdf": "the same figures in a paper's width, as PDF and SVG with editable text",
    "figures/*.csv": "the numbers behind each figure, one row per drawn item",
    "paper/*.pdf": "figures sized for a paper, with PNG and SVG",
    "config.json": "settings, versions, device, commit and the command that repeats the run",
    "results.nc": "every number, labelled: xarray.open_dataset reads it",
    "table.json": "the tables above: interquartile means, differences and failures with their intervals",
    "table.md": "the same as Markdown",
    "table.tex": "the same in LaTeX, with booktabs",
    "metrics.csv": "outcome and metrics, one row per configuration and seed",
    "log.jsonl": "medians over seeds, logged during training",
}


def write_run_report(results: Results, folder: Path) -> Path:
    """Write report.html, its figures and its tables to the folder of a finished run; return the page's path.

    The page embeds its pictures and styles and loads nothing. Its only script sorts tables and is optional. The page
    depends only on the content of the folder: writing it again changes nothing.
    """
    table, claims = summarize_run(results), study_sections(results)
    write_tables(folder, [*claims, *sections(results, table)])
    content = run_content(results, folder, table, claims)
    return write_page(
        folder / "report.html",
        "run/report.html",
        **content,
        made=how_it_was_made(results.config, results.notes),
        files=files_in(folder, "report.html", FILES),
    )


def write_tables(folder: Path, parts: list[Section]) -> None:
    """Write table.json, table.md and table.tex."""
    write_json(folder / "table.json", to_dict(parts))
    write_text(folder / "table.md", to_markdown(parts))
    write_text(folder / "table.tex", to_latex(parts))


def run_content(results: Results, folder: Path | None, table: Table, claims: Sequence[Section]) -> dict[str, Any]:
    """What the sections about a training need; with a folder their figures are written to it."""
    occurred = {code: results.notes.get("explanations", {}).get(code, "") for code, each in table.failures.items()
                if code != "any" and any(failures.failed for failures in each)}  # fmt: skip
    many = are_many(results)
    numbers = [totals_section(results, table)] if many else metrics_sections(table, noun_of(results))
    pictures = pictures_of(results, table, folder)
    return pictures | {
        "run": results,
        "claims": claims,
        "study_figures": study_figures(results, folder),
        "notes": results.notes,
        "profile": False,
        "n": len(results.seeds),
        "noun": noun_of(results),
        "title": named(results),
        "run_story": story(results, table),
        "many": many,
        "fewer": FEWER,
        "chosen_words": chosen_in_words(pictures["shown"]) if many else "",
        "why": [] if many else why(results),
        "causes": causes_by_recipe(results) if many else causes_section(results),
        "modes_words": modes_in_words(results),
        "remedies": [] if many else remedies_section(results),
        "tables": [*numbers, *([] if many else averages_section(results))],
        "configurations": configurations_section(results, table) if many else None,
        "by_class": classes_sections(results),
        "failing_classes": failing_classes(results),
        "failures": codes_section(results, table, every=True) if many else failures_section(table, every=True),
        "occurred": occurred,
        "seeds": None if many else seeds_section(results),
        "sizes": sample_sizes(results),
        "points": is_points(results),
        "most": MOST,
        "counted": counted,
        "number": number,
    }
