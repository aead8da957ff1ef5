"""The results of an evaluation as tables, CSV and JSON."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.report.run.sections import sections
from jaxgan.report.run.settings import are_many
from jaxgan.report.run.table import direction, metrics_sections, summarize_run
from jaxgan.report.tables import Cell, Section, interval_cell, numeric, section, to_dict
from jaxgan.report.words import noun_of, number
from jaxgan.results.results import Metric, Results
from jaxgan.results.statistics import Interval


def samples_sections(
    metrics: Sequence[Metric], intervals: Mapping[str, Interval], about: Mapping[str, Any]
) -> list[Section]:
    """Return a row for each metric of a set of samples, with the value for real examples, and of which if of others.

    >>> metric = Metric("frechet", "FID", math.inf, False, {"500 real": 2.0})
    >>> made = samples_sections([metric], {"frechet": Interval(8.0, 7.0, 9.0)}, {"samples": 500, "reference": "digits"})
    >>> [cell.plain for cell in made[0].rows[0]]
    ['FID (lower is better)', '8 [7, 9]', '2']
    """
    real = next((label for metric in metrics for label in metric.yardsticks), "real")
    rows = []
    for metric in metrics:
        own = intervals.get(metric.name)
        if own is None:
            continue
        label, yardstick = next(iter(metric.yardsticks.items()), (real, math.nan))
        beside = Cell("unknown", value=math.nan) if math.isnan(yardstick) else numeric(yardstick)
        beside = beside if label == real else beside._replace(note=f"({label})")
        rows.append((Cell(metric.label, direction(metric), value=metric.name), interval_cell(own), beside))
    n = about["samples"]
    caption = f"{n:,} samples against {about['reference']} [95 % interval over samples]"
    return [section("metrics", caption, ("metric", f"{n:,} samples", real), rows)]


def run_sections(results: Results) -> list[Section]:
    """Return the metrics of a run's configurations over seeds, as in its report."""
    table = summarize_run(results)
    return sections(results, table) if are_many(results) else metrics_sections(table, noun_of(results))


def in_words(values: Mapping[str, Any], metrics: Sequence[Metric], n: int) -> str:
    """Return a sentence on the bias of Frechet distances from the finite number of samples; "" if it is unknown.

    Args:
      values: by metric, of a set of samples or of every generator of a run.
      metrics: their descriptions, with the values for real examples.
      n: the number of samples.

    >>> metrics = [Metric(name, "FID", math.inf, False, {"500 real": real}) for name, real in
    ...            (("frechet", 2.0), ("frechet_infinity", 1.5))]
    >>> in_words({"frechet": 8.0, "frechet_infinity": 7.6}, metrics, 500)
    'FID: about 0.4 of it is bias from using 500 samples; for 500 real it is 0.5'
    >>> in_words({"frechet": 8.0, "frechet_infinity": 8.1}, metrics[:1] + [metrics[1]._replace(yardsticks={})], 500)
    'FID: no bias is seen from using 500 samples'
    """
    found = {metric.name: metric for metric in metrics}
    if not {"frechet", "frechet_infinity"} <= values.keys() & found.keys():
        return ""
    bias = _bias(values["frechet"], values["frechet_infinity"])
    if math.isnan(bias):
        return ""
    seen = f"about {number(bias)} of it is bias from" if bias else "no bias is seen from"
    median = " (median of all generators)" if np.size(values["frechet"]) > 1 else ""
    line = f"{found['frechet'].label}: {seen} using {n:,} samples{median}"
    for label, value in found["frechet"].yardsticks.items():
        real = _bias(value, found["frechet_infinity"].yardsticks.get(label, math.nan))
        line += "" if math.isnan(real) else f"; for {label} it is {number(real)}"
    return line


def _bias(distance: ArrayLike, limit: ArrayLike) -> float:
    """The median difference, which cannot be negative; less than 1e-6 of the distance is rounding, or chance."""
    distances, apart = np.asarray(distance, float), np.subtract(distance, limit, dtype=float)
    if np.isnan(apart).all():
        return math.nan
    bias = float(np.nanmedian(apart))
    return bias if bias > 1e-6 * float(np.nanmedian(distances)) else 0.0


def sizes_in_words(about: Mapping[str, Any]) -> str:
    """Say what was compared, and in which features.

    >>> known = {"samples": 500, "reference": "digits", "part": "heldout", "reference_examples": 360}
    >>> sizes_in_words(known | {"features": "classifier", "feature_count": 64})
    'compared: 500 samples with 360 examples of digits (heldout), in 64 classifier features'
    >>> sizes_in_words(known | {"features": "mine", "feature_count": 4, "sizes": 15}).partition(", ")[2]
    'in 4 mine features; extrapolated from 15 sizes'
    """
    examples = about["reference_examples"]
    real = "moments" if examples is None else f"{examples:,} examples"
    part = f" ({about['part']})" if about["part"] else ""
    looks = about["features"]
    looks = f"{about['feature_count']:,} {looks} features" if not looks.startswith("the ") else looks
    fitted = f"; extrapolated from {about['sizes']} sizes" if about.get("sizes") else ""
    return f"compared: {about['samples']:,} samples with {real} of {about['reference']}{part}, in {looks}{fitted}"


def as_json(
    metrics: Sequence[Metric],
    intervals: Mapping[str, Interval],
    results: Results | None,
    about: Mapping[str, Any],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return all results as a dictionary; for a run, with every cell and the table.

    Args:
      metrics: descriptions of the metrics.
      intervals: by metric, for a set of samples.
      results: the results of a run; None for a set of samples.
      about: names and sizes.
      notes: remarks on the results.
    """
    read = {m.name: {"label": m.label, "higher_is_better": m.higher_is_better, "real": m.yardsticks} for m in metrics}
    if results is None:
        numbers = {n: read[n] | {"value": i.estimate, "low": i.low, "high": i.high} for n, i in intervals.items()}
        return {"about": about, "intervals": "95 % over samples", "metrics": numbers, "notes": notes}
    cells = results.to_pandas().to_dict("records")
    return {"about": about, "metrics": read, "cells": cells, "table": to_dict(run_sections(results)), "notes": notes}


def as_csv(metrics: Sequence[Metric], intervals: Mapping[str, Interval], results: Results | None) -> str:
    """Return CSV with a row for each cell of a run, or for each metric of a set of samples.

    >>> metric = Metric("frechet", "FID", math.inf, False, {"500 real": 2.0})
    >>> print(as_csv([metric], {"frechet": Interval(8.0, 7.0, 9.0)}, None), end="")
    metric,value,low,high,real
    frechet,8.0,7.0,9.0,2.0
    """
    if results is not None:
        return results.to_pandas().to_csv(index=False, lineterminator="\n")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("metric", "value", "low", "high", "real"))
    for metric in metrics:
        if metric.name in intervals:
            writer.writerow((metric.name, *intervals[metric.name], next(iter(metric.yardsticks.values()), "")))
    return text.getvalue()
