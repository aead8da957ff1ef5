"""What a gradient profile comes to, as tables: interquartile means over seeds with their intervals."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.profile.parts import ages_of, part_of
from jaxgan.results.decades import Decades, decades
from jaxgan.results.results import Results
from jaxgan.results.statistics import UNDEFINED, Interval, iqm_interval

if TYPE_CHECKING:
    from rich.console import RenderableType

BY_PARAMETERS = "gradient with respect to the generator's parameters"
BY_IMAGE = "gradient with respect to the generated example"
_NAMES = ("loss", "discriminator", "age of the generator", "saturates", "derivative")  # columns of words
DECADES, SHARE = "+.2f", ".2f"


class FrozenRow(NamedTuple):
    """One loss against the discriminators of one age of the generator; intervals over seeds."""

    skill: str
    age: int
    loss: str
    per_thousand: Interval  # decades of the norm per 1,000 steps of the discriminator
    total: Interval  # decades from the first to the last step, or to the last before a true zero
    norm: Interval  # at the end
    snr: Interval  # at the end
    spread: Interval  # decades gained in all by the spread over samples of the gradient with respect to the example
    saturated: Interval  # share of samples at the end
    zeros: int  # seeds whose norm was exactly 0 at some step
    first_zero: int | None  # the earliest such step
    agreement: Interval  # cosine at the end with the gradient under the base discriminator


class TrainingRow(NamedTuple):
    """One loss along the training of one skill; intervals over seeds."""

    skill: str
    loss: str
    early: Interval  # norm at the first probe
    late: Interval  # norm over the last tenth of the probes
    change: Interval  # decades from early to late
    snr: Interval
    saturated: Interval
    cosine: Interval  # with the gradient of the loss that is trained with, over the last tenth; NaN where it is no part
    zeros: int
    first_zero: int | None


class SkillRow(NamedTuple):
    """What became of a skill of the discriminator; intervals over seeds."""

    skill: str
    age: int | None
    accuracy: Interval | None
    implied: Interval | None  # (V + log 4) / 2 at the end, nats
    metric: Interval | None  # the leading metric of the trained generator


def frozen_rows(run: Results) -> list[FrozenRow]:
    """A row a skill, age and loss."""
    found, rows = part_of(run, "frozen"), []
    if not found:
        return []
    steps = found["steps"]
    for s, skill in enumerate(run.configurations):
        for a, age in enumerate(ages_of(run)):
            for i, loss in enumerate(run.losses):
                norms = found["norm"][s, a, :, :, i]
                fits = [decades(steps, each) for each in norms]
                spread = np.full(len(run.seeds), np.nan)
                if "image_spread" in found:
                    spread = np.array([decades(steps, each).total for each in found["image_spread"][s, a, :, :, i]])
                agreement = found["agreement"][s, a, :, i] if "agreement" in found else np.full(len(run.seeds), np.nan)
                rows.append(
                    FrozenRow(
                        skill,
                        age,
                        loss,
                        over_seeds([fit.per_thousand for fit in fits]),
                        over_seeds([fit.total for fit in fits]),
                        over_seeds(norms[:, -1]),
                        over_seeds(found["snr"][s, a, :, -1, i]),
                        over_seeds(spread),
                        over_seeds(found["saturated"][s, a, :, -1, i]),
                        *_zeros(fits),
                        over_seeds(agreement),
                    )
                )
    return rows


def training_rows(run: Results) -> list[TrainingRow]:
    """A row a skill and loss."""
    found, rows = part_of(run, "training"), []
    if not found:
        return []
    steps, trained = found["steps"], run.notes.get("trained")
    last = max(1, len(steps) // 10)
    for s, skill in enumerate(run.configurations):
        for i, loss in enumerate(run.losses):
            norms = found["norm"][s, :, :, i]
            fits = [decades(steps, each) for each in norms]
            late = np.median(norms[:, -last:], axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                change = np.log10(late / norms[:, 0])
            cosine = np.full(len(run.seeds), np.nan)
            if trained in run.losses:
                cosine = np.median(found["cosine"][s, :, -last:, i, run.losses.index(trained)], axis=1)
            rows.append(
                TrainingRow(
                    skill,
                    loss,
                    over_seeds(norms[:, 0]),
                    over_seeds(late),
                    over_seeds(change),
                    over_seeds(np.median(found["snr"][s, :, -last:, i], axis=1)),
                    over_seeds(np.median(found["saturated"][s, :, -last:, i], axis=1)),
                    over_seeds(cosine),
                    *_zeros(fits),
                )
            )
    return rows


def skill_rows(run: Results) -> list[SkillRow]:
    """A row a skill (and age): how good the discriminator got, and the generator where one was trained with it."""
    found, training = part_of(run, "frozen"), part_of(run, "training")
    rows = []
    for s, skill in enumerate(run.configurations):
        for a, age in enumerate(ages_of(run) if found else ()):
            implied = (found["value"][s, a, :, -_last(found["value"]) :].mean(axis=1) + np.log(4)) / 2
            accuracy = found["accuracy"][s, a, :, -_last(found["accuracy"]) :].mean(axis=1)
            shown = None if run.notes.get("d_scores") else over_seeds(implied)
            rows.append(SkillRow(skill, age, over_seeds(accuracy), shown, None))
        if "metric" in training:
            rows.append(SkillRow(skill, None, None, None, over_seeds(training["metric"][s])))
    return rows


def over_seeds(values: Sequence[float] | NDArray) -> Interval:
    """The interquartile mean over the seeds that have a value, with its interval; undefined where none has."""
    defined = np.asarray(values, np.float64)
    return _interval(tuple(defined[~np.isnan(defined)].tolist()))


@lru_cache(maxsize=4096)  # tables, figures and words ask for the same ones, and each is thousands of resamples
def _interval(values: tuple[float, ...]) -> Interval:
    return iqm_interval(values, rng=0) if values else UNDEFINED


def interval_text(interval: Interval, form: str = ".3g") -> str:
    """An interval as it stands in a table.

    >>> interval_text(Interval(-1.5, -1.6, -1.4), DECADES), interval_text(UNDEFINED)
    ('-1.50 [-1.60, -1.40]', 'undefined')
    """
    if np.isnan(interval.estimate):
        return "undefined"
    estimate, low, high = (f"{value:{form}}" for value in interval)
    return estimate if np.isnan(interval.low) else f"{estimate} [{low}, {high}]"


def zeros_text(zeros: int, first: int | None, seeds: int) -> str:
    """How many seeds had a norm of exactly 0, and when first.

    >>> zeros_text(0, None, 8), zeros_text(3, 120, 8)
    ('none', '3 of 8, first at step 120')
    """
    return "none" if first is None else f"{zeros} of {seeds}, first at step {first:,}"


def tables(run: Results) -> dict[str, Any]:
    """All rows as plain data."""
    found: dict[str, Sequence[Any]] = {
        "frozen": frozen_rows(run),
        "training": training_rows(run),
        "skills": skill_rows(run),
    }
    return {
        name: [{k: v._asdict() if isinstance(v, Interval) else v for k, v in row._asdict().items()} for row in rows]
        for name, rows in found.items()
        if rows
    }


class Section(NamedTuple):
    """A table of texts, and what it is of."""

    caption: str
    head: tuple[str, ...]
    lines: list[tuple[str, ...]]


def sections(run: Results) -> list[Section]:
    """The tables that answer the question, those of the skills last; on paper there is one."""
    found = [*_frozen(run), *_training(run)] or [paper_section(run)]
    return found + (_skills(run) if len(run.configurations) > 1 else [])


def markdown(run: Results) -> str:
    """The tables in Markdown."""
    parts = []
    for section in sections(run):
        rows: list[Sequence[str]] = [section.head, ["---"] * len(section.head), *section.lines]
        lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
        parts += [section.caption, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def render(run: Results) -> "RenderableType":
    """The tables for the terminal."""
    from rich import box, console, table
    from rich.text import Text  # a loss's name may hold what rich would read as markup

    found: list[RenderableType] = []
    for section in sections(run):
        rich = table.Table(title=Text(section.caption), box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
        for name in section.head:
            is_name = name in _NAMES
            rich.add_column(Text(name), justify="left" if is_name else "right", no_wrap=name == "loss", overflow="fold")
        for line in section.lines:
            rich.add_row(*(Text(cell.replace(" [", "\n[")) for cell in line))
        found.append(rich)
    return console.Group(*found)


def paper_section(run: Results) -> Section:
    """What is known of each loss on paper: by one logit, without a network."""
    head = ("loss", "derivative", "saturates", "float32 holds it", "off its closed form, float32", "off it, float64")
    lines = []
    for loss in run.losses:
        about = run.notes["about"][loss]
        off = (about["off_closed_form"][bits] for bits in ("float32", "float64"))
        numbers = ("" if value is None else f"{value:.1e}" if value else "equal" for value in off)
        lines.append((loss, about["derivative"] or "as measured", about["saturates"], about["float32"], *numbers))
    caption = (
        "On paper: the derivative of the generator's loss with respect to the discriminator's logit, where it is below "
        f"{run.notes['threshold']:g} in absolute value (saturates), and where float32 holds it; the last two columns "
        "are its largest relative difference from the closed form over logits from -30 to 30."
    )
    return Section(caption, head, lines)


def _frozen(run: Results) -> list[Section]:
    rows = [row for row in frozen_rows(run) if row.skill == run.configurations[0]]
    if not rows:
        return []
    head = ("age of the generator", "loss", "decades per 1,000 steps", "decades in all", "SNR at the end",
            "decades of the spread", "norms of exactly 0")  # fmt: skip
    lines: list[tuple[str, ...]] = [
        (age_text(run, row.age), row.loss, interval_text(row.per_thousand, DECADES),
         interval_text(row.total, DECADES), interval_text(row.snr), interval_text(row.spread, DECADES),
         zeros_text(row.zeros, row.first_zero, len(run.seeds)))
        for row in rows
    ]  # fmt: skip
    caption = (
        f"{_over(run)}: {run.notes['d_iterations']:,} steps of a discriminator from scratch, against generators of "
        f"{run.notes['trained']} on {run.notes['data']}, frozen. Decades (powers of ten) and SNR are of the "
        f"{BY_PARAMETERS}, lost (-) or gained (+); the spread over samples is that of the {BY_IMAGE}, in all."
    )
    return [Section(caption, head, lines)]


def _training(run: Results) -> list[Section]:
    rows = training_rows(run)
    if not rows:
        return []
    head: tuple[str, ...] = (
        "discriminator", "loss", "norm at the start", "norm at the end", "change, decades", "SNR at the end",
        "saturated at the end", f"cosine with {run.notes['trained']}", "norms of exactly 0",
    )  # fmt: skip
    lines: list[tuple[str, ...]] = [
        (row.skill, row.loss, interval_text(row.early), interval_text(row.late), interval_text(row.change, DECADES),
         interval_text(row.snr), interval_text(row.saturated, SHARE), interval_text(row.cosine, SHARE),
         zeros_text(row.zeros, row.first_zero, len(run.seeds)))
        for row in rows
    ]  # fmt: skip
    caption = (
        f"{_over(run)}: {run.notes['steps']:,} steps of {run.notes['trained']} on {run.notes['data']}, every loss at "
        f"the same parameters and minibatches. All is about the {BY_PARAMETERS}; the end is the last tenth."
    )
    if run.notes["trained"] not in run.losses:
        head, lines = head[:-2] + head[-1:], [line[:-2] + line[-1:] for line in lines]
    if len(run.configurations) == 1:
        head, lines = head[1:], [line[1:] for line in lines]
    return [Section(caption, head, lines)]


def _skills(run: Results) -> list[Section]:
    rows, found = skill_rows(run), []
    lines: list[tuple[str, ...]]
    head: tuple[str, ...]
    about = "How good the discriminators of each skill got: the mean over the last twentieth of their steps."
    lines = [
        (
            row.skill,
            age_text(run, row.age),
            interval_text(row.accuracy, ".3f"),
            interval_text(row.implied or UNDEFINED, ".3f"),
        )
        for row in rows
        if row.age is not None and row.accuracy is not None
    ]
    if lines:
        found.append(Section(about, ("discriminator", "age of the generator", "accuracy", "implied JSD, nats"), lines))
    lines = [
        (row.skill, age_text(run, row.age), row.loss, interval_text(row.norm), interval_text(row.snr),
         interval_text(row.agreement, SHARE))
        for row in frozen_rows(run)
    ]  # fmt: skip
    if lines:
        about = (
            f"What they tell the generator at the end, on the same latents: the {BY_PARAMETERS}. The base is its own "
            "reference."
        )
        head = ("discriminator", "age of the generator", "loss", "norm", "SNR", "cosine with the base's")
        found.append(Section(about, head, lines))
    lines = [(row.skill, interval_text(row.metric)) for row in rows if row.metric is not None]
    if lines:
        better = {True: "higher is better", False: "lower is better"}.get(run.notes["metric_higher_is_better"], "")
        head = ("discriminator", f"{run.notes['metric']} ({better})")
        found.append(Section("What became of the generators that were trained with them.", head, lines))
    return found


def _over(run: Results) -> str:
    n = len(run.seeds)
    return "One seed" if n == 1 else f"Interquartile mean over {n} seeds [95 % bootstrap interval]"


def age_text(run: Results, age: int) -> str:
    """An age in steps, and in epochs where the data have a size.

    The epochs are those of real examples drawn by the discriminator's updates, with replacement.
    """
    epoch = run.notes.get("steps_per_epoch")
    steps = f"{age:,} step" + ("" if age == 1 else "s")
    return steps if not epoch else f"{steps} ({age / epoch:.3g} epochs)"


def _zeros(fits: Sequence[Decades]) -> tuple[int, int | None]:
    steps = [fit.first_zero for fit in fits if fit.first_zero is not None]
    return len(steps), min(steps, default=None)


def _last(values: NDArray) -> int:
    """A twentieth of the steps, at the end of the last axis."""
    return max(1, values.shape[-1] // 20)
