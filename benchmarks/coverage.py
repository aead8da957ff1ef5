"""The question: how often do the intervals of `jaxgan.results.statistics` contain the true value?

`python -m benchmarks.coverage [--seeds 4 8 16 32] [--trials 2000] [--out FOLDER]` draws studies from known
distributions and counts the intervals that contain the true value, nominally 95 %. It writes `results.json` and
`table.md`; the default takes three minutes on one core, and gives the same numbers on any machine.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine, report
from benchmarks.report import table
from jaxgan.results import statistics

LOW, HIGH = 0.93, 0.97  # from 8 seeds on
MODES = 8  # of the data
_LARGE = 400_000  # size of the sample that approximates a distribution
_RESAMPLES = 999

Rng = np.random.Generator
Trial = Callable[[int, Rng], bool | None]  # seeds -> is the true value in the interval? None: no interval


class Case(NamedTuple):
    """A kind of interval for a distribution of values; `each` is the share of the requested trials to run."""

    interval: str
    values: str
    trial: Trial
    each: float = 1.0


def normal(size: Any, rng: Rng) -> NDArray[np.float64]:
    return rng.normal(size=size)


def skewed(size: Any, rng: Rng) -> NDArray[np.float64]:
    return np.exp(rng.normal(size=size))


def long_tailed(size: Any, rng: Rng) -> NDArray[np.float64]:
    return rng.standard_t(3, size=size)


def failing(size: Any, rng: Rng) -> NDArray[np.float64]:
    return np.where(rng.random(size) < 0.1, np.inf, rng.normal(size=size))


def modes(size: Any, rng: Rng) -> NDArray[np.float64]:
    return rng.binomial(MODES, 0.85, size=size).astype(np.float64)


VALUES: dict[str, Callable[[Any, Rng], NDArray[np.float64]]] = {
    "normal": normal,
    "skewed: exp(normal)": skewed,
    "long tails: t with 3 degrees of freedom": long_tailed,
    "normal, 10 % failed": failing,
    f"modes of {MODES}: binomial, 0.85": modes,
}


def of_statistic(name: str, draw: Callable[[Any, Rng], NDArray[np.float64]], configurations: int) -> Trial:
    """Make trials of a statistic of one or more configurations, each shifted by 1 from the previous one."""
    levels = np.arange(configurations)[:, None]
    large = draw((configurations, _LARGE // configurations), np.random.default_rng(0)) + levels
    known: dict[str, Callable[[Any], Any]] = {
        "interquartile mean": statistics.interquartile_mean, "median": np.median, "mean": np.mean,
    }  # fmt: skip
    truth = float(known[name](large.ravel()))

    def trial(n: int, rng: Rng) -> bool | None:
        x = draw((configurations, n), rng) + levels
        if np.isinf(x).mean() > statistics.TRIM:
            return None
        return holds(statistics.stratified_interval(x, name, resamples=_RESAMPLES, rng=rng), truth)

    return trial


def of_difference(draw: Callable[[Any, Rng], NDArray[np.float64]]) -> Trial:
    """Make trials of a paired difference, where each side of a pair can fail and one side is better by 1."""

    def pairs(n: int, rng: Rng) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return draw(n, rng), draw(n, rng) + 1

    truth = statistics.interquartile_mean(differences(*pairs(_LARGE, np.random.default_rng(0))))

    def trial(n: int, rng: Rng) -> bool | None:
        a, b = pairs(n, rng)
        found = statistics.summarize_difference(
            a, b, np.isinf(a), np.isinf(b), worst=np.inf, resamples=_RESAMPLES, rng=rng
        )
        return holds(found.interval, truth) if found.defined else None

    return trial


def differences(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.subtract(a, b, out=np.zeros_like(a), where=a != b)


def of_improvement(draw: Callable[[Any, Rng], NDArray[np.float64]], shift: float, spread: float = 1.0) -> Trial:
    """Make trials of a probability of improvement: one side is lower by `shift`; the other's scale is `spread`."""
    rng = np.random.default_rng(0)
    x, y = draw(_LARGE, rng) - shift, spread * draw(_LARGE, rng)
    truth = np.mean(x < y) + np.mean(x == y) / 2

    def trial(n: int, rng: Rng) -> bool:
        x, y = draw(n, rng) - shift, spread * draw(n, rng)
        return holds(statistics.probability_of_improvement(x, y, higher_is_better=False), float(truth))

    return trial


def of_share(p: float) -> Trial:
    return lambda n, rng: holds(statistics.wilson_interval(int(rng.binomial(n, p)), n), p)


def of_shares(p: float, q: float) -> Trial:
    def trial(n: int, rng: Rng) -> bool:
        return holds(statistics.compare_failures(rng.random(n) < p, rng.random(n) < q).difference, p - q)

    return trial


def of_survival(at: float) -> Trial:
    """Make trials of survival at a time, with a mean time to failure of 1 and runs censored between 0.5 and 2."""

    def trial(n: int, rng: Rng) -> bool:
        times, watched = rng.exponential(size=n), rng.uniform(0.5, 2, n)
        found = statistics.kaplan_meier(np.minimum(times, watched), times <= watched)
        i = np.searchsorted(found.times, at, side="right") - 1
        own = statistics.wilson_interval(n, n) if i < 0 else (found.share[i], found.low[i], found.high[i])
        return holds(statistics.Interval(*map(float, own)), float(np.exp(-at)))

    return trial


def of_budget(draw: Callable[[Any, Rng], NDArray[np.float64]], part: int) -> Trial:
    """Make trials of the expected best of n // part of n configurations."""

    def trial(n: int, rng: Rng) -> bool | None:
        b = n // part
        if b < 1:
            return None
        found = statistics.budget_curve(draw(n, rng), higher_is_better=False, budgets=[b])
        return holds(statistics.Interval(found.best[0], found.low[0], found.high[0]), truths[b])

    rng = np.random.default_rng(0)
    truths = {b: float(draw((_LARGE // b, b), rng).min(axis=1).mean()) for b in (1, 2, 4, 8, 16)}
    return trial


def of_selection(spread: float) -> Trial:
    """Make trials of selecting the best of four, the last of which is `spread` standard deviations above the first."""
    truths: dict[int, float] = {}

    def gain(n: int, rng: Rng, splits: int) -> statistics.Interval:
        x = rng.normal(size=(4, n)) + np.linspace(0, spread, 4)[:, None]
        return statistics.select_by_halves(x, higher_is_better=True, splits=splits, rng=rng).gain

    def trial(n: int, rng: Rng) -> bool | None:
        if n < 8:
            return None
        if n not in truths:
            own = np.random.default_rng(0)
            truths[n] = float(np.mean([gain(n, own, 10).estimate for _ in range(2_000)]))
        return holds(gain(n, rng, 200), truths[n])

    return trial


def holds(interval: statistics.Interval, truth: float) -> bool:
    rounding = 1e-9
    return bool(interval.low - rounding <= truth <= interval.high + rounding)


def cases() -> list[Case]:
    """Return the cases of all intervals; that of a performance profile is the Wilson interval at each threshold."""
    finite = {name: draw for name, draw in VALUES.items() if draw is not failing}
    found = [
        Case(f"{statistic}{f', {k} configurations' if k > 1 else ''}", name, of_statistic(statistic, draw, k))
        for statistic, k in (("interquartile mean", 1), ("interquartile mean", 4), ("median", 1), ("mean", 1),
                             ("mean", 4))
        for name, draw in (finite if statistic == "mean" else VALUES).items()
    ]  # fmt: skip
    found += [Case("paired difference", name, of_difference(draw)) for name, draw in VALUES.items()]
    found += [Case("probability of improvement", f"{name}, 1 apart", of_improvement(draw, 1.0))
              for name, draw in VALUES.items()]  # fmt: skip
    found.append(Case("probability of improvement", "normal, one with 5 times the spread",
                      of_improvement(normal, 0.0, 5.0)))  # fmt: skip
    found += [Case("share of failures (Wilson)", f"{100 * p:g} % fail", of_share(p)) for p in (0.05, 0.1, 0.25, 0.5)]
    found += [Case("difference of shares (Newcombe)", f"{100 * p:g} and {100 * q:g} % fail", of_shares(p, q))
              for p, q in ((0.1, 0.1), (0.5, 0.1), (0.9, 0.1))]  # fmt: skip
    found += [Case("Kaplan-Meier", f"at {at:g} of the mean time", of_survival(at)) for at in (0.2, 0.5, 1.0)]
    found += [Case(f"budget curve, best of n / {part}", name, of_budget(draw, part))
              for part in (8, 4, 2) for name, draw in finite.items() if draw in (normal, skewed)]  # fmt: skip
    found += [Case("gain of selection, best of 4", what, of_selection(spread), 0.25)
              for what, spread in (("alike", 0.0), ("2 standard deviations apart", 2.0))]  # fmt: skip
    return found


def alarms() -> list[Case]:
    """Return tests at 5 % between equal distributions; `trial` returns whether a test reports a difference."""

    def signs(draw: Callable[[Any, Rng], NDArray[np.float64]], n: int, rng: Rng) -> bool:
        return statistics.signed_rank_p(differences(draw(n, rng), draw(n, rng))) <= 0.05

    def shares(p: float, n: int, rng: Rng) -> bool:
        return statistics.compare_failures(rng.random(n) < p, rng.random(n) < p).p <= 0.05

    def times(n: int, rng: Rng) -> bool:
        a, b = rng.exponential(size=(2, n))
        return statistics.logrank_p(np.minimum(a, 1.5), a < 1.5, np.minimum(b, 1.5), b < 1.5) <= 0.05

    found = [Case("paired difference (signed ranks)", name, partial(signs, draw)) for name, draw in VALUES.items()]
    found += [Case("failures (McNemar, exact)", f"{100 * p:g} % fail", partial(shares, p)) for p in (0.1, 0.5)]
    return [*found, Case("time to failure (logrank)", "exponential, 22 % censored", times)]


def measure(case: Case, number: int, seeds: Sequence[int], trials: int) -> dict[str, Any]:
    """Return, by number of seeds, the share of intervals that contain the true value and that of trials without one."""
    row: dict[str, Any] = {"interval": case.interval, "values": case.values, "share": {}, "without": {}}
    for n in seeds:
        rng = np.random.default_rng([number, n])
        answers = [case.trial(n, rng) for _ in range(max(1, int(case.each * trials)))]
        given = [answer for answer in answers if answer is not None]
        row["share"][str(n)] = float(np.mean(given)) if given else None
        row["without"][str(n)] = 1 - len(given) / len(answers)
    return row


def markdown(results: dict[str, Any]) -> str:
    error = 100 * np.sqrt(0.95 * 0.05 / results["trials"])
    how = (
        f"Percentage of 95 % intervals that contain the true value, over {results['trials']:,} studies drawn from a "
        f"known distribution (standard error {error:.1f}; for the gain of selection {2 * error:.1f}). From 8 seeds on "
        f"the target is {100 * LOW:g} to {100 * HIGH:g}; * is outside. Studies with too many failures have no interval."
    )
    first = [table(_head(results, "interval"), [_cells(row, starred=True) for row in results["rows"]])]
    other = "Percentage of tests at the 5 % level that report a difference where there is none: at most 5, except for "\
            "the logrank test, which is approximate for few runs."  # fmt: skip
    second = [table(_head(results, "test"), [_cells(row, starred=False) for row in results["alarms"]])]
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`", how, *first, other, *second]
    return "\n\n".join(parts) + "\n"


def outside(row: dict[str, Any]) -> list[str]:
    """Return the numbers of seeds, from 8 on, at which the coverage is outside the target range."""
    return [n for n, share in row["share"].items() if int(n) >= 8 and share is not None and not LOW <= share <= HIGH]


def _head(results: dict[str, Any], first: str) -> list[str]:
    return [first, "values", *(report.counted(int(n)) for n in results["rows"][0]["share"])]


def _cells(row: dict[str, Any], *, starred: bool) -> list[str]:
    marked = outside(row) if starred else []
    shares = ["" if share is None else f"{100 * share:.1f}{'*' if n in marked else ''}"
              for n, share in row["share"].items()]  # fmt: skip
    return [row["interval"], row["values"], *shares]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/coverage"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"command": report.command("coverage", options), "machine": machine.ask()}
    results |= {"trials": options.trials}
    for name, found in (("rows", cases()), ("alarms", alarms())):
        results[name] = [measure(case, i, options.seeds, options.trials) for i, case in enumerate(found)]
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
