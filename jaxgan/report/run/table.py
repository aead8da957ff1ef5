"""The tables of a run: each configuration over its seeds, differences between configurations, and failures."""

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from jaxgan.report.run.causes import first_not_finite
from jaxgan.report.run.settings import are_many
from jaxgan.report.tables import Cell, Section, numeric, section, summary_cell
from jaxgan.report.words import noun_of, number, percent
from jaxgan.results.codes import HEALTHY
from jaxgan.results.results import Metric, Results
from jaxgan.results.statistics import Interval, Summary, summarize, summarize_difference, wilson_interval

CONFIDENCE = 0.95  # the captions also say 95 %
RESAMPLES, FEWER = 9_999, 1_999  # of a bootstrap; the second if there are many configurations
RNG = 0  # for every bootstrap, so that tables are reproducible and another metric does not change other rows


class Row(NamedTuple):
    """One metric over all configurations."""

    metric: Metric
    summaries: tuple[Summary, ...]  # one per configuration
    differences: tuple[Summary, ...]  # configurations[1], [2], ... minus the first, paired by seed; () for many


class Failures(NamedTuple):
    """The number of failed seeds of a configuration, and their share with its Wilson interval."""

    failed: int
    share: Interval


class Table(NamedTuple):
    """The numbers of a run. `failures` has one entry per configuration under "any" and under each code."""

    configurations: tuple[str, ...]
    seeds: int
    rows: tuple[Row, ...]
    failures: dict[str, tuple[Failures, ...]]

    @property
    def pairs(self) -> list[str]:
        """The names of the differences in a row."""
        return [f"{name} minus {self.configurations[0]}" for name in self.configurations[1:]]


def summarize_run(results: Results) -> Table:
    """Compute interquartile means, paired differences on common seeds and failures by code, with 95 % intervals.

    A failure (`Results.failed`) enters every metric as its worst value (see `statistics.summarize`). With many
    configurations no differences are computed: the study declares which comparisons are claims.
    """
    failed = results.failed
    rows, many = [], are_many(results)
    resamples = FEWER if many else RESAMPLES
    for metric in results.metrics:
        values = results.values[metric.name]
        over_seeds = partial(summarize, worst=metric.worst, confidence=CONFIDENCE, rng=RNG, resamples=resamples)
        over_pairs = partial(
            summarize_difference, worst=metric.worst, confidence=CONFIDENCE, rng=RNG, resamples=resamples
        )
        summaries = [over_seeds(v, f) for v, f in zip(values, failed, strict=True)]
        pairs = () if many else zip(values[1:], failed[1:], strict=True)
        differences = [over_pairs(v, values[0], f, failed[0]) for v, f in pairs]
        rows.append(Row(metric, tuple(summaries), tuple(differences)))
    known = [code for code in results.notes.get("explanations", {}) if code != HEALTHY]
    seen = set(results.outcomes.ravel().tolist()) - {HEALTHY}
    codes = [*known, *sorted(seen - set(known))]
    failures = {"any": _failures(failed)} | {code: _failures(results.outcomes == code) for code in codes}
    return Table(results.configurations, len(results.seeds), tuple(rows), failures)


def metrics_sections(table: Table, noun: str) -> list[Section]:
    """Return a row per metric: configurations and differences, as two tables if there are over two configurations."""
    together = len(table.configurations) <= 2
    rows, differences = [], []
    for row in table.rows:
        about = filter(None, [direction(row.metric), yardsticks(row.metric).replace("; ", "\n")])
        name = Cell(row.metric.label, "\n".join(about), value=row.metric.name)
        own = [summary_cell(summary) for summary in row.summaries]
        apart = [summary_cell(summary, signed=True) for summary in row.differences]
        rows.append((name, *own, *(apart if together else ())))
        differences.append((Cell(row.metric.label, value=row.metric.name), *apart))
    head = ["metric", *table.configurations, *(table.pairs if together else ())]
    pairs = "; differences are paired by seed" if together and table.pairs else ""
    found = [section("metrics", _caption(table, pairs), head, rows)] if rows else []
    if not together and rows:
        caption = f"Each {noun} minus {table.configurations[0]}: interquartile mean of differences paired by seed" + (
            " [95 % bootstrap interval]" if table.seeds > 1 else ""
        )
        names = [Cell(f"{name} minus {table.configurations[0]}") for name in table.configurations[1:]]
        found.append(section("differences", caption, ["metric", *names], differences))
    return found


def averages_section(results: Results) -> list[Section]:
    """Return a row per metric: averaged and unaveraged generators, for configurations that keep an average."""
    live = results.live
    kept = [i for i, _ in enumerate(results.configurations) if any(np.isfinite(v[i]).any() for v in live.values())]
    rows = []
    for metric in results.metrics if kept else ():
        over_seeds = partial(summarize, worst=metric.worst, confidence=CONFIDENCE, rng=RNG)
        over_pairs = partial(summarize_difference, worst=metric.worst, confidence=CONFIDENCE, rng=RNG)
        pairs = [(results.along[metric.name][i, :, -1], live[metric.name][i, :, -1]) for i in kept]
        nobody = np.zeros(len(results.seeds), bool)  # compare measured values regardless of the outcome
        rows.append(
            (
                Cell(metric.label, direction(metric), value=metric.name),
                *(
                    cell
                    for averaged, trained in pairs
                    for cell in (
                        summary_cell(over_seeds(averaged, nobody)),
                        summary_cell(over_seeds(trained, nobody)),
                        summary_cell(over_pairs(averaged, trained, nobody, nobody), signed=True),
                    )
                ),
            )
        )
    names = ("averaged", "as trained", "difference")
    head = ["metric", *(f"{results.configurations[i]}, {name}" for i in kept for name in names)]
    caption = "Averaged generators beside the same generators as trained, at the last step, on equally many samples"
    return [section("averages", caption, head, rows)] if rows else []


def failures_section(table: Table, *, every: bool = False) -> Section:
    """Return a row per kind of failure that occurred, or for all kinds with `every`."""
    rows = []
    for code, by_configuration in table.failures.items():
        if every or code == "any" or any(failures.failed for failures in by_configuration):
            name = Cell("any failure" if code == "any" else code, value=code)
            rows.append((name, *(failure_cell(failures, table.seeds) for failures in by_configuration)))
    caption = "Seeds that failed, by outcome" + (" [95 % Wilson interval of the share]" if table.seeds > 1 else "")
    return section("failures", caption, ["outcome", *table.configurations], rows)


def seeds_section(results: Results) -> Section:
    """Return a row per seed, with the values as measured."""
    outcomes, values = results.outcomes, results.values
    rows: list[tuple[str | Cell, ...]] = [
        (
            name,
            numeric(float(seed), str(seed)),
            Cell(str(outcomes[i, j]), first_not_finite(results, i, j, short=True), failed=bool(results.failed[i, j])),
            *(numeric(float(values[metric.name][i, j])) for metric in results.metrics),
        )
        for i, name in enumerate(results.configurations)
        for j, seed in enumerate(results.seeds.tolist())
    ]
    caption = "The values as measured, before failed seeds are set to the worst value"
    return section("seeds", caption, (noun_of(results), "seed", "outcome", *(m.label for m in results.metrics)), rows)


def failure_cell(failures: Failures, seeds: int) -> Cell:
    """Format a count and the Wilson interval of its share.

    >>> failure_cell(Failures(0, Interval(0.0, 0.0, 0.324)), 8).plain
    '0 of 8 [0 %, 32 %]'
    """
    low, high = (percent(bound) for bound in failures.share[1:])
    note = "[n/a: one seed]" if seeds == 1 else f"[{low}, {high}]"
    value = {"count": failures.failed, "share": failures.share._asdict()}
    return Cell(f"{failures.failed} of {seeds}", note, value, failed=failures.failed > 0)


def direction(metric: Metric) -> str:
    """Describe which values of a metric are good."""
    if metric.higher_is_better is None:
        return "closest to the reference is best"
    return "higher is better" if metric.higher_is_better else "lower is better"


def yardsticks(metric: Metric) -> str:
    """Format the yardsticks of a metric, without undefined ones."""
    known = {name: value for name, value in metric.yardsticks.items() if not np.isnan(value)}
    return "; ".join(f"{name} {number(value)}" for name, value in known.items())


def _caption(table: Table, pairs: str) -> str:
    if table.seeds == 1:
        return "One seed: its values; there is no interval"
    text = f"Interquartile mean over {table.seeds} seeds [95 % bootstrap interval over seeds]{pairs}."
    if all(summary.defined for row in table.rows for summary in (*row.summaries, *row.differences)):
        return text
    return text + " Undefined where more than a quarter failed; “all seeds” is the same mean over all seeds as "\
        "measured, failed or not"  # fmt: skip


def _failures(failed: np.ndarray) -> tuple[Failures, ...]:
    counts = failed.sum(axis=1).tolist()
    return tuple(Failures(k, _wilson(k, failed.shape[1])) for k in counts)


@lru_cache(maxsize=4096)  # thousands of cells have few distinct counts
def _wilson(failed: int, n: int) -> Interval:
    return wilson_interval(failed, n, confidence=CONFIDENCE)
