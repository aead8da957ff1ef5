"""Claims: those planned before the first run, corrected for their number, and exploratory ones, uncorrected."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.report.run.scores import scores_of
from jaxgan.report.run.settings import are_many
from jaxgan.report.tables import Cell, Section, interval_cell, numeric, section
from jaxgan.report.words import counted, noun_of, number
from jaxgan.results.results import Results
from jaxgan.results.statistics import (
    Comparison,
    compare_failures,
    compare_pairs,
    holm,
    interquartile_mean,
    seeds_for_p,
    signed_rank_p,
    smallest_p,
    subtract,
)

ALPHA = 0.05
FAILED = "failed"  # used in place of a metric: the share of seeds that fail
SHOWN = 60  # at most so many exploratory rows, those with the smallest p-values
_RNG = 0  # for every bootstrap, as in table.py


class Tested(NamedTuple):
    """A claim that one configuration is better than another, and its test."""

    text: str
    metric: str
    better: str
    than: str
    comparison: Comparison | None  # better minus than; None: it cannot be tested
    towards: int  # the sign of the difference that the claim predicts
    problem: str = ""
    cells: int = 1  # settings over which each seed is averaged


def planned_claims(results: Results) -> list[dict[str, Any]]:
    """The claims of the study's file, in its order; none without a study."""
    return list((results.notes.get("study") or {}).get("planned") or [])


def planned_section(results: Results) -> Section | None:
    """A row per planned claim, with Holm's correction over them; None if there are none."""
    tested = [_test(results, claim) for claim in planned_claims(results)]
    if not tested:
        return None
    n, m = len(results.seeds), len(tested)
    corrected = holm([1.0 if one.comparison is None else one.comparison.p for one in tested])
    rows = [
        (Cell(one.text, _about(one, results), one.text), *_cells(one), numeric(p), Cell(_verdict(one, p, n, m)))
        for one, p in zip(tested, corrected.tolist(), strict=True)
    ]
    head = ("planned before the first run", "difference", "p", "corrected p", "verdict")
    return section("planned", _planned_caption(n, m), head, rows)


def exploratory_section(results: Results) -> Section | None:
    """Each configuration against the first by the leading metric and by failures, except for planned comparisons.

    With many configurations: each recipe against the first, over the settings that both vary.

    None if the results are not a study's, or if everything was planned.
    """
    if "study" not in results.notes or len(results.seeds) < 2:
        return None
    recipes = tuple(dict.fromkeys(_recipes(results))) if are_many(results) else ()
    base, *others = recipes or results.configurations
    planned = {(one.get("metric"), frozenset((one.get("better"), one.get("than")))) for one in planned_claims(results)}
    metrics = [*(metric.name for metric in results.metrics[:1]), FAILED]
    claims = [
        {"metric": metric, "better": other, "than": base, "text": f"{other} against {base}"}
        for other in others
        for metric in metrics
        if (metric, frozenset((other, base))) not in planned
    ]
    if not claims:
        return None
    chosen = sorted(claims, key=lambda claim: _p(results, claim))[:SHOWN] if len(claims) > SHOWN else claims
    tested = [_test(results, claim) for claim in chosen]
    rows = [(Cell(one.text, _about(one, results), one.text), *_cells(one)) for one in tested]
    noun = "recipe" if recipes else noun_of(results)
    left = f"; the {SHOWN} smallest of {len(claims)} are shown" if len(claims) > SHOWN else ""
    caption = (
        f"Exploratory, because none of this was planned before the first run: each {noun} minus {base}, seed by "
        f"seed. The p-values are not corrected{left}: if there is no difference, {number(ALPHA * len(claims))} of "
        f"{len(claims)} are expected at or below {ALPHA:g}. If something stands out, plan it as a claim for new seeds"
    )
    return section("exploratory", caption, ("not planned", "difference", "p"), rows)


def claims_sections(results: Results) -> list[Section]:
    """Both sections, without empty ones."""
    return [part for part in (planned_section(results), exploratory_section(results)) if part is not None]


def _test(results: Results, claim: dict[str, Any]) -> Tested:
    metric, better, than = (str(claim.get(name, "")) for name in ("metric", "better", "than"))
    text = str(claim.get("text") or f"{better} is better than {than} by {metric}")
    pairs = cells_in_common(results, better, than)
    unknown = [name for name in (better, than) if name not in (*results.configurations, *_recipes(results))]
    known = {each.name: each for each in results.metrics}
    if unknown or (metric != FAILED and metric not in known):
        what = f"{noun_of(results)} {unknown[0]!r}" if unknown else f"metric {metric!r}"
        return Tested(text, metric, better, than, None, 0, f"there is no {what}")
    if len(pairs) == 0:
        return Tested(text, metric, better, than, None, 0, "the two have no settings in common")
    if len(pairs) > 1:
        return _over_cells(Tested(text, metric, better, than, None, 0), results, pairs)
    i, j = pairs[0]
    if metric == FAILED:
        failed = results.failed
        return Tested(text, metric, better, than, compare_failures(failed[i], failed[j]), -1)
    scores = scores_of(results, known[metric])
    values, failed = scores.values, scores.failed
    comparison = compare_pairs(values[i], values[j], failed[i], failed[j], worst=scores.worst, rng=_RNG)
    return Tested(text, metric, better, than, comparison, 1 if scores.higher_is_better else -1)


def _over_cells(one: Tested, results: Results, pairs: Sequence[tuple[int, int]]) -> Tested:
    """For two recipes: each seed's interquartile mean of the differences in all settings that both were trained with.

    Runs of one seed start alike whatever their settings, so seeds are the independent units, not runs. A failed run
    takes the worst value within its own setting: in means over settings, one failure on each side would give infinity
    minus infinity. For failures it is the difference of the shares.
    """
    if one.metric == FAILED:
        failed = results.failed.astype(float)
        by_seed, higher = np.mean([failed[i] - failed[j] for i, j in pairs], axis=0), False
    else:
        scores = scores_of(results, next(metric for metric in results.metrics if metric.name == one.metric))
        apart = np.array([subtract(scores.entered[i], scores.entered[j]) for i, j in pairs])
        by_seed, higher = np.array([interquartile_mean(each) for each in apart.T]), scores.higher_is_better
        by_seed = np.where(np.isnan(by_seed), 0.0, by_seed)  # as many infinitely better as infinitely worse
    fine = np.zeros(len(by_seed), bool)
    comparison = compare_pairs(by_seed, np.zeros(len(by_seed)), fine, fine, worst=np.nan, rng=_RNG)
    return one._replace(comparison=comparison, towards=1 if higher else -1, cells=len(pairs))


def cells_in_common(results: Results, better: str, than: str) -> list[tuple[int, int]]:
    """The configurations to compare: two, or for two recipes those of all settings that both vary."""
    labels, settings = results.configurations, results.group("setting")
    recipes = settings.pop("recipe", np.array(labels))

    def rows(name: str) -> list[int]:
        return [labels.index(name)] if name in labels else [i for i, own in enumerate(recipes) if own == name]

    def cell(i: int) -> dict[str, str]:
        return {name: str(values[i]) for name, values in settings.items() if str(values[i]) not in ("nan", "")}

    first, second = rows(better), rows(than)
    if len(first) == len(second) == 1:
        return [(first[0], second[0])]
    both = {name for i in first for name in cell(i)} & {name for j in second for name in cell(j)}

    def at(i: int) -> tuple[tuple[str, str], ...]:
        return tuple(sorted((name, value) for name, value in cell(i).items() if name in both))

    others = {at(j): j for j in second}
    pairs = [(i, others[at(i)]) for i in first if at(i) in others]
    unique = len({j for _, j in pairs}) == len(pairs) and len(others) == len(second)
    return pairs if unique else []


def _recipes(results: Results) -> tuple[str, ...]:
    return tuple(map(str, results.group("setting").get("recipe", ())))


def _p(results: Results, claim: dict[str, Any]) -> float:
    """The p-value of a testable claim, without its interval, which takes a bootstrap."""
    (i, j), *_ = cells_in_common(results, claim["better"], claim["than"])
    if claim["metric"] == FAILED:
        failed = results.failed
        return compare_failures(failed[i], failed[j]).p
    scores = scores_of(results, next(metric for metric in results.metrics if metric.name == claim["metric"]))
    return signed_rank_p(subtract(scores.entered[i], scores.entered[j]))


def _about(one: Tested, results: Results) -> str:
    if one.comparison is None:
        return ""
    labels = {metric.name: scores_of(results, metric).label for metric in results.metrics if metric.name == one.metric}
    what = labels.get(one.metric, "share of seeds that failed")
    over = f"\nover {one.cells:,} settings" if one.cells > 1 else ""
    return f"{what}\n{one.better} minus {one.than}{over}"


def _cells(one: Tested) -> tuple[Cell, Cell]:
    found = one.comparison
    if found is None:
        return Cell("undefined", value=None), Cell("undefined", value=None)
    cell = interval_cell(found.difference, "+.2g" if one.metric == FAILED else "")
    if np.isnan(found.difference.estimate):
        cell = Cell("undefined,", f"{found.failed} of {found.seeds} pairs failed", found.difference._asdict())
    return cell, numeric(found.p)


def _verdict(one: Tested, corrected: float, n: int, m: int) -> str:
    if one.comparison is None:
        return f"cannot be tested: {one.problem}"
    if corrected <= ALPHA:
        return "shown" if one.comparison.sign == one.towards else "the opposite is shown"
    if smallest_p(n) * m > ALPHA:
        return f"cannot be shown with {counted(n, 'seed')}, whatever the result: {seeds_for_p(ALPHA, m)} are needed"
    return "not shown: these seeds do not distinguish the two"


def _planned_caption(n: int, m: int) -> str:
    least = smallest_p(n)
    family = f", corrected for all {m} planned claims (Holm)" if m > 1 else ""
    reach = f", {number(min(1.0, m * least))} corrected" if m > 1 else ""
    return (
        "Claims planned before the first run: differences paired on common seeds, as interquartile means [95 % "
        "bootstrap interval] or as shares of failures [95 % Newcombe interval]. p: the probability of a difference at "
        f"least this large in either direction if there is none, by signed ranks or McNemar's test, exact{family}; a "
        f"claim is shown if p is at most {ALPHA:g}. The smallest p that {counted(n, 'seed')} can reach is "
        f"{number(least)}{reach}; fewer than {seeds_for_p(ALPHA, m)} "
        "could show nothing"
    )
