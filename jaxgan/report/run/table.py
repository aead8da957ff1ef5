"""A run's numbers as a table: each loss over its seeds, and the losses against each other.

The same cells go to the terminal, to Markdown and to the report, so that they cannot disagree.
"""

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxgan.results.statistics import (
    Interval,
    Summary,
    summarize,
    summarize_difference,
    wilson_interval,
)
from jaxgan.results.store import Metric, Run

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

CONFIDENCE = 0.95  # the words beside the numbers say 95 %, too
RNG = 0  # of every bootstrap, so that one run has one table, and a metric more changes no other row


class Row(NamedTuple):
    """One metric."""

    metric: Metric
    summaries: tuple[Summary, ...]  # one per loss
    differences: tuple[Summary, ...]  # losses[1], losses[2], ... each minus losses[0], seed by seed


class Failures(NamedTuple):
    """How many seeds of a loss failed, and their share with its Wilson interval."""

    failed: int
    share: Interval


class Table(NamedTuple):
    """What a run says about its losses. Failures are under "any" and under each code, one per loss."""

    losses: tuple[str, ...]
    seeds: int
    rows: tuple[Row, ...]
    failures: dict[str, tuple[Failures, ...]]


def summarize_run(run: Run) -> Table:
    """Interquartile means, paired differences on common seeds, and failures by code, all with 95 % intervals.

    Any outcome but OK is a failure, and enters every metric as its worst value (see `statistics.summarize`).
    """
    failed = run.outcomes != "OK"
    rows = []
    for metric in run.metrics:
        values = run.values[metric.name]
        over_seeds = partial(summarize, worst=metric.worst, confidence=CONFIDENCE, rng=RNG)
        over_pairs = partial(summarize_difference, worst=metric.worst, confidence=CONFIDENCE, rng=RNG)
        summaries = [over_seeds(v, f) for v, f in zip(values, failed, strict=True)]
        pairs = zip(values[1:], failed[1:], strict=True)
        differences = [over_pairs(v, values[0], f, failed[0]) for v, f in pairs]
        rows.append(Row(metric, tuple(summaries), tuple(differences)))
    known = [code for code in run.notes.get("explanations", {}) if code != "OK"]
    codes = [*known, *sorted(set(run.outcomes[failed].tolist()) - set(known))]
    failures = {"any": _failures(failed)} | {code: _failures(run.outcomes == code) for code in codes}
    return Table(run.losses, len(run.seeds), tuple(rows), failures)


def comparisons(table: Table) -> list[str]:
    """The names of a row's differences."""
    return [f"{loss} minus {table.losses[0]}" for loss in table.losses[1:]]


def number(x: float, *, signed: bool = False) -> str:
    """Three significant digits, as one reads them.

    >>> [number(x) for x in (0.98765, 12345.0, -0.0000123, float("inf"), 10.0)]
    ['0.988', '12,300', '-1.23e-5', '∞', '10']
    >>> number(2.0, signed=True)
    '+2'
    """
    if math.isnan(x):
        return "undefined"
    if math.isinf(x):
        text = "∞" if x > 0 else "-∞"
    else:
        text = f"{x + 0.0:.3g}"  # + 0.0 takes the sign from -0.0
        if 1e3 <= abs(float(text)) < 1e7:
            text = f"{float(text):,.0f}"
        elif "e" in text:
            mantissa, exponent = text.split("e")
            text = f"{mantissa}e{int(exponent)}"
    return f"+{text}" if signed and x > 0 else text


def cell(summary: Summary, *, signed: bool = False) -> tuple[str, str]:
    """An estimate and its interval, or why there is none.

    >>> cell(Summary(Interval(8.24, 7.9, 8.6), seeds=8, failed=0, defined=True))
    ('8.24', '[7.9, 8.6]')
    >>> cell(Summary(Interval(*[float("nan")] * 3), seeds=8, failed=5, defined=False))
    ('undefined,', '5 of 8 failed')
    """
    if not summary.defined:
        return "undefined,", f"{summary.failed} of {summary.seeds} failed"
    estimate, low, high = (number(value, signed=signed) for value in summary.interval)
    return estimate, "[n/a: one seed]" if summary.seeds == 1 else f"[{low}, {high}]"


def failure_cell(failures: Failures, seeds: int) -> tuple[str, str]:
    """A count and the Wilson interval of the share.

    >>> failure_cell(Failures(0, Interval(0.0, 0.0, 0.324)), 8)
    ('0 of 8', '[0 %, 32 %]')
    """
    low, high = (f"{100 * bound:.0f} %" for bound in failures.share[1:])
    return f"{failures.failed} of {seeds}", "[n/a: one seed]" if seeds == 1 else f"[{low}, {high}]"


def direction(metric: Metric) -> str:
    """Which values of a metric are good, in words."""
    if metric.higher_is_better is None:
        return "nearest to the yardstick is best"
    return "higher is better" if metric.higher_is_better else "lower is better"


def yardsticks(metric: Metric) -> str:
    """What a metric's numbers are to be held against, in words."""
    return "; ".join(f"{name} {number(value)}" for name, value in metric.yardsticks.items())


def title(table: Table) -> str:
    """What the numbers of a table are."""
    if table.seeds == 1:
        return "One seed: its values; there is no interval"
    return f"Interquartile mean over {table.seeds} seeds [95 % bootstrap interval over seeds]"


def to_dict(table: Table) -> dict[str, Any]:
    """The table for JSON, by name."""
    pairs = comparisons(table)
    return {
        "statistic": "interquartile mean over seeds; differences: of paired differences on common seeds",
        "confidence": CONFIDENCE,
        "losses": list(table.losses),
        "seeds": table.seeds,
        "metrics": {
            row.metric.name: {
                "losses": {k: _summary_dict(s) for k, s in zip(table.losses, row.summaries, strict=True)},
                "differences": {k: _summary_dict(s) for k, s in zip(pairs, row.differences, strict=True)},
            }
            for row in table.rows
        },
        "failures": {
            code: {
                loss: {"count": count, "share": share._asdict()}
                for loss, (count, share) in zip(table.losses, by_loss, strict=True)
            }
            for code, by_loss in table.failures.items()
        },
    }


def to_markdown(table: Table) -> str:
    """The table in Markdown: a line per metric, then a line per way to fail."""
    head = ["metric", *table.losses, *comparisons(table), "yardsticks"]
    lines = [
        [
            f"{row.metric.label} ({direction(row.metric)})",
            *(" ".join(cell(s)) for s in row.summaries),
            *(" ".join(cell(s, signed=True)) for s in row.differences),
            yardsticks(row.metric),
        ]
        for row in table.rows
    ]
    for code, by_loss in table.failures.items():
        counts = [" ".join(failure_cell(f, table.seeds)) for f in by_loss]
        lines.append([f"failed: {code}", *counts, *("" for _ in comparisons(table)), ""])
    rule = ["---"] * len(head)
    rows = ["| " + " | ".join(_markdown(text) for text in line) + " |" for line in (head, rule, *lines)]
    return f"{title(table)}\n\n" + "\n".join(rows) + "\n"


def render(table: Table) -> "RenderableType":
    """The table for the terminal: 100 columns hold two losses, and more losses get a second table beneath."""
    from rich.console import Group

    together = len(table.losses) <= 2
    main = _rich_table(title(table), "metric", [*table.losses, *(comparisons(table) if together else ())])
    for row in table.rows:
        cells = [cell(s) for s in row.summaries]
        if together:
            cells += [cell(s, signed=True) for s in row.differences]
        _add_row(main, row.metric.label, f"{direction(row.metric)}\n{yardsticks(row.metric)}", cells)
    main.add_section()
    for code, by_loss in table.failures.items():
        if code == "any" or any(failures.failed for failures in by_loss):
            note = "[95 % Wilson interval of the share]" if code == "any" and table.seeds > 1 else ""
            label = "seeds that failed" if code == "any" else f"  {code}"
            _add_row(main, label, note, [failure_cell(f, table.seeds) for f in by_loss])
    if len(table.losses) == 2:
        main.caption = "Differences: interquartile mean of the paired differences on common seeds."
    if together:
        return main
    heading = "Interquartile mean of paired differences on common seeds [95 % bootstrap interval]"
    second = _rich_table(heading, "metric", comparisons(table))
    for row in table.rows:
        _add_row(second, row.metric.label, "", [cell(s, signed=True) for s in row.differences])
    return Group(main, second)


def _failures(failed: np.ndarray) -> tuple[Failures, ...]:
    counts = failed.sum(axis=1).tolist()
    return tuple(Failures(k, wilson_interval(k, failed.shape[1], confidence=CONFIDENCE)) for k in counts)


def _summary_dict(summary: Summary) -> dict[str, Any]:
    return summary.interval._asdict() | {
        "seeds": summary.seeds,
        "failed": summary.failed,
        "defined": summary.defined,
    }


def _markdown(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;").replace("\n", " ")


def _rich_table(heading: str, first: str, others: list[str]) -> "RichTable":
    from rich import box, table
    from rich.text import Text  # a loss's name may hold what rich would read as markup

    rich = table.Table(
        title=heading.replace("[", r"\["), box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left"
    )
    rich.add_column(first, min_width=18)
    for name in others:
        rich.add_column(Text(name.replace(" minus ", "\nminus ")), justify="right", overflow="fold")
    return rich


def _add_row(rich: "RichTable", label: str, note: str, cells: list[tuple[str, str]]) -> None:
    from rich.text import Text

    first = Text(label, style="bold")
    if note.strip():
        first.append("\n" + note.strip(), style="not bold dim")
    rich.add_row(first, *(Text(top).append("\n" + below, style="dim") for top, below in cells))
