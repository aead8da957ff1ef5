"""The first part of a page: what happened to each configuration, why, since when, and what to try."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.causes import Cause, causes_of, first_not_finite, meanwhile
from jaxgan.report.run.modes import CODES, missing_in_words
from jaxgan.report.run.settings import ALL, are_many, by_recipe
from jaxgan.report.run.table import Table
from jaxgan.report.tables import Cell, Section, section
from jaxgan.report.words import MANY, listed, noun_of, of_seeds, percent
from jaxgan.results.codes import FINE, HEALTHY
from jaxgan.results.results import Results

WORST = 3  # configurations described in detail if there are many
_CAUSES = 2  # other causes named if none explains the outcome directly
_TRIED = 3  # remedies shown
_SOUND = (HEALTHY, "OK")
_RISE = 0.05  # of the share of good samples of real data, that counts as an improvement


def verdicts(results: Results, table: Table, folder: Path | None = None) -> str:
    """Return one line per configuration; with many, lines for the worst ones and the number of the others.

    Commands name `folder`; None: RUN, as a report may be moved.
    """
    count = len(results.configurations)
    if count <= MANY:
        return "\n".join(_line(results, table, i, folder) for i in range(count))
    failures = _failures_by_recipe(results, table) if are_many(results) else _failures_of_many(table)
    order = np.argsort(-results.failed.sum(axis=1), kind="stable")
    failed = [int(i) for i in order[:WORST] if results.failed[i].any()]
    worst = [_details(results, i, results.configurations[i], folder) for i in failed]
    return "\n".join(filter(None, [f"{failures} {_all_codes(results)}".strip(), *worst]))


def to_try(results: Results, i: int, folder: Path | None = None) -> str:
    """Return the remedies not yet in use by the i-th configuration, with their options, and the command to try all."""
    name = results.configurations[i]
    known = (results.notes.get("remedies") or {}).get(name, [])
    if not known:
        return ""
    shown = "; ".join(f"{one['what']} ({one['option']})" for one in known[:_TRIED])
    more = f"; and {len(known) - _TRIED} more" if len(known) > _TRIED else ""
    if not results.failed[i].any():
        return f"To try: {shown}{more}."
    trainable = [one for one in known if one["option"].startswith("-")]  # not the advice to look into one's own loss
    if not trainable:
        return f"To try: {shown}{more}."
    command = shlex.join(["jaxgan", "remedy", "RUN" if folder is None else str(folder), "--configuration", name])
    what = "it" if len(known) == 1 else "each of these" if len(trainable) == len(known) else "the others"
    where = ", where RUN is this folder" if folder is None else ""
    return f"To try: {shown}{more}. To train {what} on the same seeds: “{command}”{where}."


def remedies_section(results: Results) -> list[Section]:
    """Return a row per configuration and remedy: its effect, its option and its source; no section without remedies."""
    known = results.notes.get("remedies") or {}
    rows = [
        (name, Cell(one["what"], one["name"]), one["option"], one["source"])
        for name in results.configurations
        for one in known.get(name, [])
    ]
    caption = "Known remedies for the outcomes of these runs, without those already in use"
    head = (noun_of(results), "remedy", Cell("option", value="what turns it on"), "source")
    return [section("remedies", caption, head, rows)] if rows else []


def _line(results: Results, table: Table, i: int, folder: Path | None) -> str:
    return " ".join(filter(None, [_failures(table, i), _turned(results, i), _details(results, i, "", folder)]))


def _turned(results: Results, i: int) -> str:
    """Say which runs ended otherwise than their outcome, the most frequent state of the last evaluations, tells."""
    if "outcome_along" not in results.dataset:
        return ""
    fine = np.isin(results.dataset["outcome_along"].values[i, :, -1].astype(str), FINE)
    failed = results.failed[i]
    recovered, lost = int((fine & failed).sum()), int((~fine & ~failed).sum())
    parts = [f"{recovered} of the failed seeds {'was' if recovered == 1 else 'were'} fine"] if recovered else []
    parts += [f"{lost} of those that did not fail {'was' if lost == 1 else 'were'} failing"] if lost else []
    return f"At the last evaluation, however, {' and '.join(parts)}." if parts else ""


def _failures(table: Table, i: int) -> str:
    name, total = table.configurations[i], table.failures["any"][i]
    codes = {code: each[i].failed for code, each in table.failures.items()
             if each[i].failed and code != "any" and code not in FINE}  # fmt: skip
    if table.seeds == 1:
        fate = f"the seed failed ({listed(codes)})" if total.failed else "the seed did not fail"
        return f"With {name}, {fate}."
    low, high = (percent(bound) for bound in total.share[1:])
    by_code = f": {listed([f'{count} {code}' for code, count in codes.items()])}" if codes else ""
    return (
        f"With {name}, {of_seeds(total.failed, table.seeds)} failed{by_code} "
        f"(95 % Wilson interval of the share: {low} to {high})."
    )


def _details(results: Results, i: int, name: str, folder: Path | None) -> str:
    """Return why, since when and what to try; empty if no run has problems. Starts with `name` if it is set."""
    reasons = [
        f"{code}: {reason}"
        for code, count in Counter(results.outcomes[i].tolist()).most_common()
        if code not in _SOUND and (reason := _reason(results, i, code))
    ]
    lead = f"With {name}: " if name else "Causes (medians over seeds): " if len(results.seeds) > 1 else "Cause: "
    return " ".join(filter(None, [f"{lead}{'. '.join(reasons)}." if reasons else "", to_try(results, i, folder)]))


def _reason(results: Results, i: int, code: str) -> str:
    """Return since when the seeds with an outcome had it, and what was observed."""
    own = results.outcomes[i] == code
    found = list(dict.fromkeys(_seen(results, i, own, code)))
    dated = _lasts(results, i, own, code) or (code == "DIVERGED" and _first_not_finite(results, i, own))
    since = "" if dated else _since(results, i, own, code)
    which = missing_in_words(results, i, own) if code in CODES else _which(results, i, own, code)
    return "; ".join(filter(None, [since, which, *found]))


def _lasts(results: Results, i: int, own: NDArray[np.bool_], code: str) -> bool:
    """Return whether a cause of the outcome itself lasts to the end of the run, so that its onset dates the outcome."""
    last = results.steps[-1] if len(results.steps) else np.inf
    ends = [np.nan_to_num(cause.end[i, cause.found(i) & own], nan=last) for cause in causes_of(results)
            if cause.code == code]  # fmt: skip
    return any(len(each) and np.median(each) >= last for each in ends)


def _seen(results: Results, i: int, own: NDArray[np.bool_], code: str) -> Iterator[str]:
    """Yield the evidence for the outcome itself or, if there is none, for the other causes that were found."""
    if code == "DIVERGED" and (text := _first_not_finite(results, i, own)):
        yield f"first non-finite quantity: {text}"
    causes = [cause for cause in causes_of(results) if (cause.found(i) & own).any()]
    direct = [cause for cause in causes if cause.code == code]
    yield from (_clause(results, cause, i, own) for cause in direct)
    if code in FINE:
        return
    other = [cause for cause in causes if cause.code != code]
    other.sort(key=lambda cause: -np.count_nonzero(cause.found(i) & own))
    most = [cause for cause in other if 2 * np.count_nonzero(cause.found(i) & own) >= own.sum()]
    yield from (_clause(results, cause, i, own) for cause in (most[:1] if direct else other[:_CAUSES]))


def _first_not_finite(results: Results, i: int, own: NDArray[np.bool_]) -> str:
    """Return what was first not finite in the first of these seeds, and when."""
    return next(filter(None, (first_not_finite(results, i, j) for j in np.flatnonzero(own).tolist())), "")


def _clause(results: Results, cause: Cause, i: int, own: NDArray[np.bool_]) -> str:
    """Describe a cause by medians over the seeds with the outcome that had it."""
    had = cause.found(i) & own
    last = results.steps[-1] if len(results.steps) else np.inf
    begin, end = np.median(cause.begin[i, had]), np.median(np.nan_to_num(cause.end[i, had], nan=last))
    where = "" if had.sum() == own.sum() else f" in {had.sum()} of these {own.sum()}"
    span = f"from step {begin:,.0f} on" if end >= last else f"from step {begin:,.0f} to {end:,.0f}"
    level = meanwhile(cause, float(np.median(cause.depth[i, had])))
    return f"{cause.label}{where} {span}{', ' if level else ''}{level}"


def _since(results: Results, i: int, own: NDArray[np.bool_], code: str) -> str:
    """Say since which step the runs ending in this state have been in it or, if none did, since when they failed."""
    stored = results.dataset
    if "outcome_along" not in stored:
        return ""
    states = stored["outcome_along"].values[i, own].astype(str) == code
    ended = states[:, -1]
    if ended.any():
        at = states.shape[1] - np.argmin(states[ended][:, ::-1], axis=1)
        at = np.where(states[ended].all(axis=1), 0, at)
        which = "" if ended.all() else f" in {ended.sum()} of these {own.sum()}, not at the end in the others"
        return f"since step {np.median(results.probe_steps[at]):,.0f}{which}"
    if code in FINE or "failed_at" not in stored:  # an outcome that is no failure was not failed before
        return ""
    return f"failed since step {np.median(stored['failed_at'].values[i, own]):,.0f}"


def _which(results: Results, i: int, own: NDArray[np.bool_], code: str) -> str:
    """Say whether runs that have not learned were still improving at the end."""
    improving = results.group("cause").get("improving")
    if code != "NOT_LEARNED" or improving is None:
        return ""
    better, n = int(improving[i, own].astype(bool).sum()), int(own.sum())
    if better == 0 and _never_better(results, i, own):
        return "at no evaluation better than at the first"
    if n == 1 or better in (0, n):
        return "still improving at the end" if better else "no longer improving at the end"
    return f"at the end {better} still improving, {n - better} no longer"


def _never_better(results: Results, i: int, own: NDArray[np.bool_]) -> bool:
    """Return whether the share of good samples of these runs never rose: they may need many more steps."""
    name, real = (results.notes.get("yardsticks") or {}).get("quality") or ("", 1.0)
    if name not in results.along:
        return False
    values = results.along[name][i, own] / real
    return bool(np.isfinite(values).all() and (values.max(axis=1) < values[:, 0] + _RISE).all())


def _all_codes(results: Results) -> str:
    """Say how many runs ended with each failure code, and what was found during training."""
    counts = Counter(results.outcomes.ravel().tolist())
    failing = [f"{n:,} {code}" for code, n in counts.most_common() if code not in FINE]
    had = [(int(np.isfinite(cause.begin).sum()), cause) for cause in causes_of(results)]
    shown: Sequence[str] = [f"{cause.noun} in {n:,} (median onset: step {np.nanmedian(cause.begin):,.0f})"
                            for n, cause in sorted(had, key=lambda pair: -pair[0])[:WORST] if n]  # fmt: skip
    return " ".join(filter(None, [f"By outcome: {listed(failing)}." if failing else "",
                                  f"Found during training: {listed(shown)}." if shown else ""]))  # fmt: skip


def _failures_of_many(table: Table) -> str:
    counts = {name: each.failed for name, each in zip(table.configurations, table.failures["any"], strict=True)}
    runs, failed = table.seeds * len(counts), sum(counts.values())
    worst = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    if not worst:
        return f"None of the {runs:,} runs failed."
    shown = listed([f"{counts[name]} of {table.seeds} with {name}" for name in worst[:MANY]])
    more = f" (the {MANY} with the most failures; {len(worst) - MANY} more have some)" if len(worst) > MANY else ""
    return f"Of {runs:,} runs, {failed:,} failed: {shown}{more}."


def _failures_by_recipe(results: Results, table: Table) -> str:
    failed, parts = np.array([each.failed for each in table.failures["any"]]), []
    for recipe, own in by_recipe(results).items():
        here, runs = failed[own], table.seeds * len(own)
        text = f"{here.sum():,} of {runs:,} with {recipe}" if recipe != ALL else f"{here.sum():,} of {runs:,} runs"
        parts.append(f"{text} ({(here == 0).sum():,} of {len(own):,} configurations had none)")
    more = f" (the first {MANY} of {len(parts)} recipes)" if len(parts) > MANY else ""
    return f"Of {table.seeds * len(failed):,} runs, {failed.sum():,} failed: {listed(parts[:MANY])}{more}."
