"""The report of a run: one page that opens from disk, and its pictures beside it."""

from pathlib import Path
from urllib.parse import quote

from jaxgan.report.page import files_in, how_it_was_made, picture, write_page
from jaxgan.report.run import figures
from jaxgan.report.run.curves import curves_figure
from jaxgan.report.run.histogram import histogram_figure
from jaxgan.report.run.story import story
from jaxgan.report.run.table import (
    cell,
    comparisons,
    direction,
    failure_cell,
    number,
    summarize_run,
    title,
    yardsticks,
)
from jaxgan.results.store import Run, load_run

FILES = {
    "report.html": "this page; it needs no other file",
    "overview.png": "the picture at the top",
    "curves.png": "the curves",
    "samples-*.png": "the samples, by loss",
    "classes.png": "the classes of the samples",
    "config.json": "what was asked for, versions, device, commit and the command that repeats the run",
    "results.json": "metrics and outcomes by loss and seed, yardsticks",
    "table.json": "the table above: interquartile means, differences and failures with their intervals",
    "table.md": "the same as Markdown",
    "metrics.csv": "the same values, one row per loss and seed",
    "series.npz": "every recorded series, [loss, seed, step], with its coordinates",
    "samples.npz": "samples by loss and seed, and real ones",
    "log.jsonl": "medians over seeds as they came",
}


def write_report(folder: Path) -> Path:
    """Writes report.html, overview.png, curves.png and samples-LOSS.png into a finished run's folder.

    The page holds its pictures and style, runs no script and loads nothing. It is a function of the folder's
    content: writing it again changes nothing. Returns the page's path.

    Raises: StoreError when the folder holds no finished run.
    """
    run = load_run(folder)
    table = summarize_run(run)
    samples = []
    for loss in run.losses:
        path = folder / f"samples-{quote(loss, safe='')}.png"
        samples.append((loss, picture(figures.sample_figure(run, loss), path)))
    classes = None
    if "class_histogram" in run.samples:
        classes = picture(histogram_figure(run), folder / "classes.png")
    return write_page(
        folder / "report.html",
        "run/report.html",
        run=run,
        table=table,
        pairs=comparisons(table),
        title=title(table),
        story=story(run, table),
        overview=picture(figures.overview_figure(run), folder / "overview.png"),
        curves=picture(curves_figure(run), folder / "curves.png"),
        samples=samples,
        classes=classes,
        points=figures.is_points(run),
        seed_rows=_seed_rows(run),
        made=how_it_was_made(run.config, run.notes),
        files=files_in(folder, "report.html", FILES),
        cell=cell,
        failure_cell=failure_cell,
        direction=direction,
        yardsticks=yardsticks,
        number=number,
    )


def _seed_rows(run: Run) -> list[list[str]]:
    return [
        [loss, str(seed), str(run.outcomes[i, j]), *(number(run.values[m.name][i, j]) for m in run.metrics)]
        for i, loss in enumerate(run.losses)
        for j, seed in enumerate(run.seeds)
    ]
