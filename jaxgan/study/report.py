"""The report of a run: one page that opens from disk, and its pictures beside it."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from jaxgan.study import figures
from jaxgan.study.curves import curves_figure
from jaxgan.study.histogram import histogram_figure
from jaxgan.study.store import Run, load_run
from jaxgan.study.story import story
from jaxgan.study.table import (
    cell,
    comparisons,
    direction,
    failure_cell,
    number,
    summarize_run,
    title,
    yardsticks,
)

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
    import jinja2

    run = load_run(folder)
    table = summarize_run(run)
    samples = []
    for loss in run.losses:
        picture = _picture(figures.sample_figure(run, loss), folder / f"samples-{quote(loss, safe='')}.png")
        samples.append((loss, picture))
    classes = None
    if "class_histogram" in run.samples:
        classes = _picture(histogram_figure(run), folder / "classes.png")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(
        run=run,
        table=table,
        pairs=comparisons(table),
        title=title(table),
        story=story(run, table),
        overview=_picture(figures.overview_figure(run), folder / "overview.png"),
        curves=_picture(curves_figure(run), folder / "curves.png"),
        samples=samples,
        classes=classes,
        points=figures.is_points(run),
        seed_rows=_seed_rows(run),
        made=_how_it_was_made(run),
        files={name: what for name, what in FILES.items() if name == "report.html" or any(folder.glob(name))},
        cell=cell,
        failure_cell=failure_cell,
        direction=direction,
        yardsticks=yardsticks,
        number=number,
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _picture(figure: Any, path: Path) -> dict[str, Any]:
    figures.save_png(figure, path)
    width, height = np.rint(figure.get_size_inches() * figure.dpi).astype(int)
    return {"uri": figures.data_uri(path), "width": int(width), "height": int(height)}


def _seed_rows(run: Run) -> list[list[str]]:
    return [
        [loss, str(seed), str(run.outcomes[i, j]), *(number(run.values[m.name][i, j]) for m in run.metrics)]
        for i, loss in enumerate(run.losses)
        for j, seed in enumerate(run.seeds)
    ]


def _how_it_was_made(run: Run) -> dict[str, str]:
    """Facts in the order in which the page lists them; a run that lacks one is shown without it."""
    config = run.config
    facts = {
        "Command": run.notes.get("command") or config.get("command"),
        "Options": _pairs(config.get("config", {})),
        "Random key": config.get("key"),
        "Versions": _pairs(config.get("versions", {})),
        "Device": config.get("device"),
        "Commit": config.get("commit"),
        "Seconds": _pairs(run.notes.get("seconds", {})),
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, "", {})}


def _pairs(values: Any) -> str:
    if not isinstance(values, dict):
        return str(values)
    shown = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in values.items()}
    return "; ".join(f"{name} {value}" for name, value in shown.items() if value is not None)
