"""Studies of many configurations: totals by recipe, a row per configuration, and the few that are shown in detail."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.settings import by_recipe, recipes_of, settings_of
from jaxgan.report.run.table import Failures, Table, direction, failure_cell
from jaxgan.report.tables import Cell, Section, numeric, section, summary_cell
from jaxgan.report.words import counted, listed, number, percent
from jaxgan.results.results import Metric, Results
from jaxgan.results.statistics import Summary

RANKS = ("best", "median", "worst")


class Chosen(NamedTuple):
    """A run chosen by its rank."""

    rank: str
    configuration: int
    seed: int  # index along the axis of seeds


def totals_section(results: Results, table: Table) -> Section:
    """Return a row per recipe: runs, failures, and the best configuration by the leading metric."""
    rows = []
    for recipe, own in by_recipe(results).items():
        failed = np.array([table.failures["any"][i].failed for i in own])
        runs = table.seeds * len(own)
        share = failed.sum() / runs
        row: list[str | Cell] = [
            recipe,
            numeric(len(own), f"{len(own):,}"),
            numeric(runs, f"{runs:,}"),
            Cell(f"{failed.sum():,}", percent(share), {"count": int(failed.sum()), "share": float(share)}),
            numeric(int((failed == 0).sum()), f"{(failed == 0).sum():,}"),
            numeric(int((2 * failed >= table.seeds).sum()), f"{(2 * failed >= table.seeds).sum():,}"),
        ]
        rows.append((*row, *_best_cells(table, own)))
    head = ["recipe", "configurations", "runs", "runs that failed", "configurations without a failure",
            "configurations in which half or more failed"]  # fmt: skip
    caption = "By recipe, over all of its configurations"
    if table.rows:
        head += ["best configuration", table.rows[0].metric.label]
        caption += (
            f". The best configuration by {table.rows[0].metric.label} ({direction(table.rows[0].metric)}) was "
            "selected and scored on the same seeds, so its score is optimistic"
        )
    return section("totals", caption, head, rows)


def codes_section(results: Results, table: Table, *, every: bool = False) -> Section:
    """Return a row per failure code with the number of runs of each recipe; `every` includes codes without runs."""
    groups = by_recipe(results)
    rows = []
    for code, by_configuration in table.failures.items():
        counts = {recipe: sum(by_configuration[i].failed for i in own) for recipe, own in groups.items()}
        if every or code == "any" or any(counts.values()):
            cells = [Cell(f"{k:,}", percent(k / (table.seeds * len(groups[recipe]))), {"count": k}, failed=k > 0)
                     for recipe, k in counts.items()]  # fmt: skip
            rows.append((Cell("any failure" if code == "any" else code, value=code), *cells))
    return section(
        "failures", "Runs that failed, by outcome, and their share of the recipe's runs", ["outcome", *groups], rows
    )


def configurations_section(results: Results, table: Table) -> Section:
    """Return a row per configuration: its recipe, settings, failures, and metrics over seeds."""
    recipes, settings = recipes_of(results), settings_of(results)
    known = "recipe" in results.group("setting")
    rows = []
    for i, name in enumerate(table.configurations):
        about = (
            [Cell(str(recipes[i])), *(_setting(values[i]) for values in settings.values())] if known else [Cell(name)]
        )
        rows.append((*about, _compact(table.failures["any"][i], table.seeds), _codes(table, i),
                     *(_short(row.summaries[i]) for row in table.rows)))  # fmt: skip
    lead = ["recipe", *settings] if known else ["configuration"]
    caption = (
        f"Each configuration over its {counted(table.seeds, 'seed')}: failures [95 % Wilson interval of the share] "
        "and interquartile means [95 % bootstrap interval over seeds], undefined where more than a quarter failed"
    )
    head = [*lead, "failed", "how", *(row.metric.label for row in table.rows)]
    return section("configurations", caption, head, rows)


def best_configurations(results: Results, table: Table, most: int) -> Section:
    """Return the rows of the best configurations only, and the number of those left out."""
    whole = configurations_section(results, table)
    order = ranked_configurations(results, table)[:most].tolist()
    left = len(whole.rows) - len(order)
    caption = f"{whole.caption}. The best {len(order)}, best first; {left:,} more are in table.md and report.html"
    return whole._replace(caption=caption, rows=[whole.rows[i] for i in order])


def ranked_configurations(results: Results, table: Table) -> NDArray[np.intp]:
    """Return the configurations from best to worst: by the leading metric if it is defined, then by failures."""
    failed = np.array([each.failed for each in table.failures["any"]])
    if not table.rows:
        return np.argsort(failed, kind="stable")
    means = np.array([summary.interval.estimate for summary in table.rows[0].summaries])
    return np.lexsort((failed, _badness(means, table.rows[0].metric)))


def ranked(results: Results, metric: Metric, own: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the order of the configurations `own` from best to worst median over seeds; failed runs count as worst."""
    bad = _badness(results.values[metric.name][own], metric)
    failed = results.failed[own]
    return np.lexsort((failed.sum(axis=1), np.median(np.where(failed, np.inf, bad), axis=1)))


def shown_configurations(results: Results, table: Table) -> dict[str, int]:
    """Return the best, median and worst configuration by rank: few enough for curves."""
    order = ranked_configurations(results, table)
    return {name: int(order[at]) for name, at in zip(RANKS, (0, (len(order) - 1) // 2, -1), strict=True)}


def chosen_in_words(shown: dict[str, str]) -> str:
    """Say which configurations the curves show."""
    named = listed(f"the {rank} ({name})" for rank, name in shown.items())
    return f"Shown: {named} configuration by the leading metric; those with too many failures for a mean rank last."


def shown_runs(results: Results, own: NDArray[np.intp]) -> list[Chosen]:
    """Return the best, median and worst run with stored samples of the configurations `own`; failed runs are worst."""
    runs = [(i, j) for i, j in sampled_runs(results) if i in set(own.tolist())]
    if not runs:
        return []
    at = tuple(np.transpose(runs))
    failed = results.failed[at]
    bad = np.zeros(len(runs))
    if results.metrics:
        bad = _badness(results.values[results.metrics[0].name][at], results.metrics[0])
    order = np.lexsort((bad, failed))
    places = (0, (len(order) - 1) // 2, -1)
    return [Chosen(name, *runs[order[place]]) for name, place in zip(RANKS, places, strict=True)]


def sampled_runs(results: Results) -> list[tuple[int, int]]:
    """Return (configuration, seed) indices of the runs with stored samples, in the order of `samples_of`."""
    if "sampled" not in results.notes:
        return list(np.ndindex(len(results.configurations), len(results.seeds)))
    names, seeds = (
        {each: k for k, each in enumerate(axis)} for axis in (results.configurations, results.seeds.tolist())
    )
    return [(names[name], seeds[seed]) for name, seed in results.notes["sampled"]]


def samples_of(results: Results, chosen: Chosen) -> NDArray:
    """Return the samples [n, ...] of a run."""
    fake = results.samples["fake"]
    if "sampled" not in results.notes:
        return fake[chosen.configuration, chosen.seed]
    return fake[sampled_runs(results).index((chosen.configuration, chosen.seed))]


def _badness(values: NDArray[np.float64], metric: Metric) -> NDArray[np.float64]:
    """Return a sort key: smaller is better, NaN last."""
    known = [x for x in metric.yardsticks.values() if np.isfinite(x)]
    if metric.higher_is_better is None:
        bad = np.abs(values - (known[0] if known else 0.0))
    else:
        bad = -values if metric.higher_is_better else values
    return np.where(np.isnan(bad), np.inf, bad)


def _best_cells(table: Table, own: NDArray[np.intp]) -> tuple[Cell, ...]:
    if not table.rows:
        return ()
    row = table.rows[0]
    means = np.array([row.summaries[i].interval.estimate for i in own])
    if np.isnan(means).all():
        return Cell("none", "more than a quarter of the seeds failed in each"), Cell("undefined", value={})
    best = int(own[np.argmin(_badness(means, row.metric))])
    return Cell(table.configurations[best]), summary_cell(row.summaries[best])


def _setting(value: object) -> Cell:
    if isinstance(value, float | np.floating):
        return Cell("", value=float("nan")) if np.isnan(value) else numeric(float(value), f"{value:.4g}")
    return Cell(str(value)) if isinstance(value, str) else numeric(float(value), str(value))  # type: ignore[arg-type]


def _compact(failures: Failures, seeds: int) -> Cell:
    cell = failure_cell(failures, seeds)
    return cell._replace(failed=2 * failures.failed >= seeds)


def _codes(table: Table, i: int) -> Cell:
    counts = {code: each[i].failed for code, each in table.failures.items() if code != "any" and each[i].failed}
    return Cell(listed(f"{k} {code}" for code, k in sorted(counts.items(), key=lambda item: -item[1])))


def _short(summary: Summary) -> Cell:
    """Return a short cell: if the mean is undefined, one word is enough, because the row shows the failures."""
    cell = summary_cell(summary)
    return cell if summary.defined else Cell("undefined", f"all {number(summary.measured.estimate)}", cell.value)
