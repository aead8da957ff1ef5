"""When and why: the leading metric during training, and the episodes in which something went wrong."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.settings import by_recipe
from jaxgan.report.tables import Cell, Section, numeric, section
from jaxgan.report.words import MANY, counted, listed, noun_of, number, of_seeds
from jaxgan.results.codes import HEALTHY
from jaxgan.results.results import Results

_CODES = {"vanishing": "GRADIENT_VANISHED"}  # not stored by an earlier version
_QUANTITIES = {
    "d_loss": "the discriminator's loss",
    "g_loss": "the generator's loss",
    "d_grad_norm": "the norm of the discriminator's gradient",
    "g_grad_norm": "the norm of the generator's gradient",
}
"""Watched quantities with the player that they belong to; others keep their names."""


class Cause(NamedTuple):
    """One thing that can go wrong; arrays [configuration, seed], NaN if it did not happen."""

    name: str
    noun: str  # "a vanished gradient"
    label: str  # a clause: "the generator's gradient vanished"
    explanation: str
    level: str  # what was observed meanwhile: "down to {} of its early level"
    advice: str
    code: str  # the outcome that it causes
    begin: NDArray[np.float64]  # steps
    end: NDArray[np.float64]  # steps; the last one, or NaN, if it did not end
    depth: NDArray[np.float64]  # the number in `level`

    def found(self, i: int) -> NDArray[np.bool_]:
        """The affected seeds of the i-th configuration."""
        return np.isfinite(self.begin[i])


class Episode(NamedTuple):
    """A cause in the seeds of one configuration, with medians over the affected seeds."""

    cause: Cause
    configuration: str
    seeds: int  # affected seeds
    begin: float
    end: float | None  # None: for at least half of them it had not ended with the run
    depth: float
    d_fake: float | None  # the discriminator's mean output on samples meanwhile, if it is a probability


def causes_of(results: Results) -> list[Cause]:
    """All causes that the run was searched for, found or not."""
    stored = results.group("cause")
    return [
        Cause(
            name,
            str(about.get("noun") or name.replace("_", " ")),
            str(about.get("label") or name.replace("_", " ")),
            str(about.get("explanation") or ""),
            str(about.get("level") or "down to {} of its early level"),
            str(about.get("advice") or ""),
            str(about.get("code") or _CODES.get(name, name.upper())),
            *(stored[f"{name}_{field}"].astype(np.float64) for field in ("begin", "end", "depth")),
        )
        for name, about in (results.notes.get("causes") or {}).items()
        if f"{name}_begin" in stored
    ]


def episodes_of(results: Results) -> list[Episode]:
    """For every configuration, what went wrong in any of its seeds, ordered by start."""
    episodes = []
    for i in range(len(results.configurations)):
        own = [_episode(results, cause, i) for cause in causes_of(results) if cause.found(i).any()]
        episodes += sorted(own, key=lambda episode: episode.begin)
    return episodes


def why(results: Results) -> list[str]:
    """When and why, in paragraphs; empty if neither metrics during training nor causes were recorded."""
    return [text for text in (_progress(results), *_episodes_in_words(results), _not_finite(results)) if text]


def first_not_finite(results: Results, i: int, j: int, *, short: bool = False) -> str:
    """In what a seed first became non-finite, and when; "" if it never did, or if that was not recorded."""
    stored = results.dataset
    if "first_nonfinite_step" not in stored or stored["first_nonfinite_step"].values[i, j] <= 0:
        return ""
    what = str(stored["first_nonfinite"].values[i, j]) if "first_nonfinite" in stored else ""
    what = f"{_QUANTITIES[what]} ({what})" if what in _QUANTITIES and not short else what
    return f"{what} at step {stored['first_nonfinite_step'].values[i, j]:,.0f}".strip()


def causes_section(results: Results) -> list[Section]:
    """A row for every configuration and cause; empty if none was found."""
    rows = [
        (
            episode.configuration,
            _capital(episode.cause.label),
            Cell(f"{episode.seeds} of {len(results.seeds)}", value={"count": episode.seeds}),
            numeric(episode.begin, _step(episode.begin)),
            numeric(np.nan if episode.end is None else episode.end,
                    "the end" if episode.end is None else _step(episode.end)),
            numeric(episode.depth, meanwhile(episode.cause, episode.depth)),
        )
        for episode in episodes_of(results)
    ]  # fmt: skip
    caption = (
        "What went wrong during training, whatever the outcome: the number of seeds, and medians over those seeds. "
        "If it happened more than once in a seed, the longest occurrence counts"
    )
    head = (noun_of(results), "what happened", "seeds", "from step", "to step", Cell("observed", value="meanwhile"))
    return [section("causes", caption, head, rows)] if rows else []


def causes_by_recipe(results: Results) -> list[Section]:
    """A row for every recipe and cause, with the number of runs and medians over them; empty if none was found."""
    last = results.steps[-1] if len(results.steps) else np.inf
    rows = []
    for recipe, own in by_recipe(results).items():
        for cause in causes_of(results):
            begin, end, depth = (values[own] for values in (cause.begin, cause.end, cause.depth))
            found = np.isfinite(begin)
            if found.any():
                ends = float(np.median(np.nan_to_num(end[found], nan=last)))
                open_ended = ends >= last
                rows.append((recipe, _capital(cause.label),
                             Cell(f"{found.sum():,} of {found.size:,}", value={"count": int(found.sum())}),
                             numeric(float(np.median(begin[found])), _step(float(np.median(begin[found])))),
                             numeric(np.nan if open_ended else ends, "the end" if open_ended else _step(ends)),
                             numeric(float(np.median(depth[found])))))  # fmt: skip
    caption = "What went wrong during training, whatever the outcome: the number of runs, and medians over those runs"
    head = ("recipe", "what happened", "runs", "from step", "to step", "lowest level")
    return [section("causes", caption, head, rows)] if rows else []


def _episode(results: Results, cause: Cause, i: int) -> Episode:
    found = cause.found(i)
    ends = cause.end[i, found]
    last = results.steps[-1] if len(results.steps) else np.inf
    open_ended = np.isnan(ends) | (ends >= last)
    end = None if 2 * open_ended.sum() >= len(ends) else float(np.nanmedian(ends))
    begin, depth = float(np.median(cause.begin[i, found])), float(np.median(cause.depth[i, found]))
    name = results.configurations[i]
    return Episode(cause, name, int(found.sum()), begin, end, depth, _d_fake(results, cause, i))


def _d_fake(results: Results, cause: Cause, i: int) -> float | None:
    """D(G(z)) in the episode, the median over steps and then over seeds."""
    scores = results.notes.get("scores", [])
    stored = results.group("cause").get(f"{cause.name}_d_fake")
    if stored is not None:
        return float(np.nanmedian(stored[i])) if np.isfinite(stored[i]).any() else None
    if "d_fake_mean" not in results.series or results.configurations[i] in scores:
        return None
    values, medians = results.series["d_fake_mean"][i], []
    for j in np.flatnonzero(cause.found(i)):
        end = np.nan_to_num(cause.end[i, j], nan=np.inf)
        inside = values[j, (results.steps >= cause.begin[i, j]) & (results.steps <= end)]
        if np.isfinite(inside).any():
            medians.append(float(np.median(inside[np.isfinite(inside)])))
    return float(np.median(medians)) if medians else None


def _episodes_in_words(results: Results) -> list[str]:
    paragraphs = []
    for cause in causes_of(results):
        episodes = [episode for episode in episodes_of(results) if episode.cause.name == cause.name]
        if not episodes:
            continue
        text = " ".join(_in_words(episode, len(results.seeds)) for episode in episodes[:MANY])
        text += f" The table has {len(episodes) - MANY} more." if len(episodes) > MANY else ""
        said = cause.code in results.outcomes  # together with the meaning of the outcome
        paragraphs.append(" ".join(filter(None, [text, cause.explanation, "" if said else cause.advice])))
    absent = [cause.noun for cause in causes_of(results)
              if not np.isfinite(cause.begin).any() and _looked_for(results, cause)]  # fmt: skip
    return [*paragraphs, f"Found in no seed: {listed(absent)}."] if absent else paragraphs


_JUDGED = "quality", "distance", "shares"
_TOLD_FROM: dict[str, tuple[tuple[str, ...], ...]] = {
    "discriminator_dominates": (("separation",),),
    "generator_dominates": (("separation",), _JUDGED),
    "junk": (("separation",), ("quality", "distance")),
    "oscillating": (("shares",),),
    "swinging": (("rhythm",), _JUDGED),
    "collapsed": (("shares", "distinct"),),
    "partially_collapsed": (("shares",),),
    "condition_ignored": (("obeyed",),),
    "overfitted": (("training_edge",),),
    "copied": (("memorized",),),
    "exploded": (("growth",),),
    "dead": (("saturated",),),
}
"""What a cause is told from: one kind of evidence of each group. Others are told from what every run records."""

_OF_GOOD = "collapsed", "partially_collapsed", "condition_ignored", "copied"
"""Causes that are told of samples near the data alone."""


def _looked_for(results: Results, cause: Cause) -> bool:
    """Whether any seed has the evidence for a cause; without it, that the cause was not found means nothing."""
    stored, signs = results.group("evidence"), results.group("cause").get("signs")
    near: NDArray[np.bool_] = np.ones((), bool)
    if cause.name in _OF_GOOD and signs is not None:
        near = signs[..., results.dataset["sign"].values.tolist().index(HEALTHY)].astype(bool)

    def seen(name: str) -> bool:
        values = np.isfinite(stored[name]) if name in stored else np.False_
        return bool((values.reshape(*values.shape[:3], -1).any(axis=-1) & near).any())

    return all(any(map(seen, group)) for group in _TOLD_FROM.get(cause.name, ()))


def _in_words(episode: Episode, seeds: int) -> str:
    where = f"{of_seeds(episode.seeds, seeds)} of {episode.configuration}"
    end = "the end of the run" if episode.end is None else f"step {_step(episode.end)}"
    medians = " (medians)" if episode.seeds > 1 else ""
    text = f"In {where} {episode.cause.label} from step {_step(episode.begin)} to {end}{medians}, "
    text = (text + meanwhile(episode.cause, episode.depth)).removesuffix(", ")
    return text + (f", while D(G(z)) was {number(episode.d_fake)}." if episode.d_fake is not None else ".")


def _not_finite(results: Results) -> str:
    parts = []
    for i, name in enumerate(results.configurations):
        found = [(seed, text) for j, seed in enumerate(results.seeds) if (text := first_not_finite(results, i, j))]
        if found:
            more = f" and {counted(len(found) - MANY, 'seed')} more" if len(found) > MANY else ""
            parts.append(f"with {name} " + ", ".join(f"{text} (seed {seed})" for seed, text in found[:MANY]) + more)
    if not parts:
        return ""
    text = f"First non-finite quantity: {'; '.join(parts)}."
    if (results.dataset["first_nonfinite_step"].values == 1).any():  # step 1 uses untrained networks
        text += " At step 1 the cause lies in the loss, the networks or the data, not in the learning rates."
    return text


def _progress(results: Results) -> str:
    """The leading metric during training: its best value and its final value."""
    if not results.metrics or results.metrics[0].name not in results.along or len(results.configurations) > MANY:
        return ""
    metric, steps = results.metrics[0], results.probe_steps
    parts = []
    for name, values in zip(results.configurations, results.along[metric.name], strict=True):
        finite = np.where(np.isfinite(values), values, np.nan)
        kept = ~np.isnan(finite).all(axis=0)
        if not kept.any():
            parts.append(f"with {name} it was never finite")
            continue
        medians = np.nanmedian(finite[:, kept], axis=0)
        best = int(medians.argmax() if metric.higher_is_better else medians.argmin())
        text = f"with {name} {number(medians[0])} at first and {number(medians[-1])} at the end"
        gained, lost = abs(medians[best] - medians[0]), abs(medians[best] - medians[-1])
        if metric.higher_is_better is not None and lost > 0.1 * gained > 0:
            text += f" (best: {number(medians[best])} at step {steps[kept][best]:,})"
        parts.append(text)
    median = "the median over seeds" if len(results.seeds) > 1 else "the one seed"
    return (
        f"{metric.label} was measured at {counted(len(steps), 'step')} during training, on fewer samples than at the "
        f"end; {median}: {'; '.join(parts)}."
    )


def meanwhile(cause: Cause, depth: float) -> str:
    """What was observed of the cause; "" if that is not a number."""
    return cause.level.format(number(depth)) if np.isfinite(depth) else ""


def _step(step: float) -> str:
    return f"{step:,.0f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
