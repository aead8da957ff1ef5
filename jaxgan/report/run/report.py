"""The report of a run: one page that opens from disk, its pictures beside it, and its tables."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from jaxgan.files import write_json, write_text
from jaxgan.report.page import files_in, how_it_was_made, picture, write_page
from jaxgan.report.run.causes import causes_section, why
from jaxgan.report.run.curves import curves_figures
from jaxgan.report.run.histogram import histogram_figure
from jaxgan.report.run.overview import BLOCKS, block_figure, dots_figure, overview_figure
from jaxgan.report.run.samples import MOST, is_points, sample_figure
from jaxgan.report.run.story import story
from jaxgan.report.run.table import (
    Table,
    averages_section,
    failures_section,
    metrics_sections,
    sections,
    seeds_section,
    summarize_run,
)
from jaxgan.report.run.when import when_figure
from jaxgan.report.tables import Section, to_dict, to_markdown
from jaxgan.report.words import counted, named, noun_of, number, sample_sizes
from jaxgan.results.results import Results
from jaxgan.results.store import load_results

FILES = {
    "report.html": "this page; it needs no other file",
    "overview.png": "samples and the leading metric in one picture",
    "metric.png": "the leading metric of every seed",
    "when.png": "metrics along training, and when something went wrong",
    "curves*.png": "the curves",
    "samples-*.png": "the samples, by configuration",
    "classes.png": "the classes of the samples",
    "figures/*.pdf": "the same figures in a paper's width, as PDF and SVG with texts that can be edited",
    "config.json": "what was asked for, versions, device, commit and the command that repeats the run",
    "results.nc": "every number, labelled: xarray.open_dataset reads it",
    "table.json": "the tables above: interquartile means, differences and failures with their intervals",
    "table.md": "the same as Markdown",
    "metrics.csv": "outcome and metrics, one row per configuration and seed",
    "log.jsonl": "medians over seeds as they came",
}


def write_run_report(folder: Path) -> Path:
    """Writes report.html, its figures, table.json and table.md into a finished run's folder.

    The page holds its pictures and style, runs no script and loads nothing. It is a function of the folder's
    content: writing it again changes nothing. Returns the page's path.

    Raises:
      StoreError: the folder holds no finished run.
    """
    results = load_results(folder)
    table = summarize_run(results)
    write_tables(folder, sections(results, table))
    content = run_content(results, folder, table)
    return write_page(
        folder / "report.html",
        "run/report.html",
        **content,
        made=how_it_was_made(results.config, results.notes),
        files=files_in(folder, "report.html", FILES),
    )


def write_tables(folder: Path, parts: list[Section]) -> None:
    """Writes table.json and table.md."""
    write_json(folder / "table.json", to_dict(parts))
    write_text(folder / "table.md", to_markdown(parts))


def run_content(results: Results, folder: Path, table: Table) -> dict[str, Any]:
    """What the sections about a training need; their figures are written."""
    occurred = {code: results.notes.get("explanations", {}).get(code, "") for code, each in table.failures.items()
                if code != "any" and any(failures.failed for failures in each)}  # fmt: skip
    return _figures(results, folder) | {
        "run": results,
        "notes": results.notes,
        "profile": False,
        "n": len(results.seeds),
        "noun": noun_of(results),
        "title": named(results),
        "run_story": story(results, table),
        "why": why(results),
        "causes": causes_section(results),
        "tables": [*metrics_sections(table, noun_of(results)), *averages_section(results)],
        "failures": failures_section(table, every=True),
        "occurred": occurred,
        "seeds": seeds_section(results),
        "sizes": sample_sizes(results),
        "points": is_points(results),
        "most": MOST,
        "counted": counted,
        "number": number,
    }


def _figures(results: Results, folder: Path) -> dict[str, Any]:
    blocks = [(name, picture(block_figure(results, i), None)) for i, name in enumerate(results.configurations[:BLOCKS])]
    samples = []
    for name in results.configurations:
        path = folder / f"samples-{quote(name, safe='')}.png"
        samples.append((name, picture(sample_figure(results, name), path, vector=is_points(results))))
    picture(overview_figure(results), folder / "overview.png")
    when = when_figure(results)
    return {
        "blocks": blocks,
        "dots": picture(dots_figure(results), folder / "metric.png") if results.metrics else None,
        "samples": samples,
        "classes": picture(histogram_figure(results), folder / "classes.png")
        if "class_histogram" in results.samples
        else None,
        "when": None if when is None else picture(when, folder / "when.png"),
        "curves": [picture(figure, folder / f"{name}.png") for name, figure in curves_figures(results).items()],
    }
