"""All pictures of a run's page, written next to it with the plotted numbers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jaxgan.report.page import at, picture, write_csv
from jaxgan.report.run.by_class import has_classes, obeyed_figure, obeyed_frame
from jaxgan.report.run.cells import (
    Plane,
    Statistic,
    borders_frame,
    cells_frame,
    cells_in_words,
    estimates,
    failed_share,
    is_defined,
    metric_mean,
    planes_of,
)
from jaxgan.report.run.chosen import chosen_samples_figure, ranked_figure
from jaxgan.report.run.curves import curves_figures
from jaxgan.report.run.frames import classes_frame, curves_frame, metric_frame, points_frame, when_frame
from jaxgan.report.run.histogram import histogram_figure
from jaxgan.report.run.many import samples_of, shown_configurations, shown_runs
from jaxgan.report.run.map import map_figure, map_frame
from jaxgan.report.run.modes import modes_figure, modes_frame
from jaxgan.report.run.overview import BLOCKS, block_figure, dots_figure, overview_figure
from jaxgan.report.run.phase import phase_figure
from jaxgan.report.run.samples import MOST, is_points, sample_figure
from jaxgan.report.run.settings import are_many, by_recipe
from jaxgan.report.run.table import Table
from jaxgan.report.run.when import when_figure
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Write = Callable[..., dict[str, Any]]
"""Like `page.picture`: (figure, path of its PNG or None, options) -> what the template needs."""


def pictures_of(results: Results, table: Table, folder: Path | None, write: Write = picture) -> dict[str, Any]:
    """Return what the templates need for all pictures; with a folder, write the pictures to it."""
    mapped = map_figure(results)
    along, missed = results.dataset.get("outcome_along"), modes_figure(results)
    shared = {
        "modes": None if missed is None else write(missed, at(folder, "modes"), data=modes_frame(results)),
        "stopped": along is not None and bool((along.values.astype(str) == "").any()),
        "phases": _phases(results, folder, write),
        "map": None if mapped is None else write(mapped, at(folder, "map"), data=map_frame(results)),
    }
    return shared | (_of_many(results, table, folder, write) if are_many(results) else _of_few(results, folder, write))


def _of_few(results: Results, folder: Path | None, write: Write) -> dict[str, Any]:
    """Return a block and the samples of every seed for each configuration."""
    blocks, samples = [], []
    if "sampled" in results.notes or "fake" not in results.samples:
        samples = _chosen_samples(results, folder, write)
    else:
        blocks = [(name, write(block_figure(results, i), None))
                  for i, name in enumerate(results.configurations[:BLOCKS])]  # fmt: skip
        samples = [(name, _samples(results, name, folder, write)) for name in results.configurations]
        write(overview_figure(results), at(folder, "overview"), vector=folder is not None)
    dots = write(dots_figure(results), at(folder, "metric"), data=metric_frame(results)) if results.metrics else None
    return {"blocks": blocks, "dots": dots, "samples": samples, **_over_steps(results, folder, write)}


def _of_many(results: Results, table: Table, folder: Path | None, write: Write) -> dict[str, Any]:
    """Return the leading metric of every seed, samples of chosen runs, and curves of chosen configurations."""
    ranked = ranked_figure(results)
    shown, few = shown_configurations(results, table), of_chosen(results, table)
    return {
        "blocks": [],
        "dots": None if ranked is None else write(ranked, at(folder, "metric"), data=metric_frame(results)),
        "samples": _chosen_samples(results, folder, write),
        "shown": {rank: results.configurations[i] for rank, i in shown.items()},
        **_over_steps(few, folder, write),
    }


def of_chosen(results: Results, table: Table) -> Results:
    """Return the results of only the best, median and worst configuration."""
    shown = list(dict.fromkeys(shown_configurations(results, table).values()))
    return replace(results, dataset=results.dataset.isel(configuration=shown))


def _over_steps(results: Results, folder: Path | None, write: Write) -> dict[str, Any]:
    when = when_figure(results)
    return {
        "classes": write(histogram_figure(results), at(folder, "classes"), data=classes_frame(results))
        if "class_histogram" in results.samples and "sampled" not in results.notes
        else None,
        "obeyed": write(obeyed_figure(results), at(folder, "obeyed"), data=obeyed_frame(results))
        if has_classes(results)
        else None,
        "when": None if when is None else write(when, at(folder, "when"), data=when_frame(results)),
        "curves": [_curves(results, name, figure, folder, write) for name, figure in curves_figures(results).items()],
    }


def _curves(results: Results, name: str, figure: "Figure", folder: Path | None, write: Write) -> dict[str, Any]:
    only = () if name == "curves" else (name.removeprefix("curves-"),)
    return write(figure, at(folder, name), data=curves_frame(results, only))


def _samples(results: Results, name: str, folder: Path | None, write: Write) -> dict[str, Any]:
    points = is_points(results)
    i = results.configurations.index(name)
    drawn = [
        ("real data", "", results.samples["real"]),
        *((name, str(seed), x) for seed, x in zip(results.seeds[:MOST], results.samples["fake"][i], strict=False)),
    ]
    path = at(folder, f"samples-{quote(name, safe='')}")
    return write(sample_figure(results, name), path, vector=points, data=points_frame(drawn) if points else None)


def _chosen_samples(results: Results, folder: Path | None, write: Write) -> list[tuple[str, dict[str, Any]]]:
    figure = chosen_samples_figure(results)
    if figure is None:
        return []
    points = is_points(results)
    runs = [chosen for own in by_recipe(results).values() for chosen in shown_runs(results, own)]
    drawn = [("real data", "", results.samples["real"])]
    for run in runs:
        drawn.append(
            (results.configurations[run.configuration], str(results.seeds[run.seed]), samples_of(results, run))
        )
    data = points_frame(drawn) if points else None
    return [("best, median and worst runs", write(figure, at(folder, "samples"), vector=points, data=data))]


def _phases(results: Results, folder: Path | None, write: Write) -> list[dict[str, Any]]:
    """Return the share of failures and the leading metric's mean, as pictures and tables, for all pairs of numbers."""
    found = []
    statistics = [failed_share(), *(metric_mean(metric) for metric in results.metrics[:1])]
    for k, planes in enumerate(planes_of(results)):
        for statistic in statistics:
            if not any(is_defined(results, plane, statistic) for plane in planes):
                continue
            name = f"phase-{statistic.name}" + (f"-{k + 1}" if k else "")
            figure = phase_figure(results, planes, statistic)
            if folder and write is picture and statistic.metric is None and not planes[0].is_line:
                write_csv(borders_frame(results, planes), folder / "figures" / f"{name}-border.csv")
            found.append(
                {
                    "picture": write(figure, at(folder, name), data=cells_frame(results, planes, statistic)),
                    "numbers": [number.label for number in planes[0].numbers],
                    "line": planes[0].is_line,
                    "label": statistic.label,
                    "failures": statistic.metric is None,
                    "grid": all(plane.is_grid for plane in planes),
                    "words": cells_in_words(results, planes) if statistic.metric is None else [],
                    "tables": [_cells(results, plane, statistic) for plane in planes if not plane.is_line],
                }
            )
    return found


def _cells(results: Results, plane: Plane, statistic: Statistic) -> dict[str, Any]:
    """Return a table of cells for the page: each has a number, and its details in a tooltip."""
    found = estimates(results, plane, statistic)
    x, y = plane.levels(0), plane.levels(1)[::-1]
    names: Sequence[str] = [number.name for number in plane.numbers]
    rows = []
    for b in y:
        row = []
        for a in x:
            each = found.get((a, b))
            title = "" if each is None else f"{names[0]} {a:.3g}, {names[1]} {b:.3g}: {statistic.text(each)}"
            row.append(("" if each is None else statistic.short(each), title))
        rows.append((f"{b:.3g}", row))
    return {"title": plane.title, "corner": f"{names[1]} \\ {names[0]}", "head": [f"{a:.3g}" for a in x], "rows": rows}
