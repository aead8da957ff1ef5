"""The tables of a gradient profile."""

import math
from typing import Any

from jaxgan.report.profile.parts import EXAMPLE, PARAMETERS, age_text
from jaxgan.report.profile.rows import frozen_rows, strength_rows, training_rows
from jaxgan.report.tables import Cell, Section, interval_cell, section, to_markdown
from jaxgan.results.results import Results
from jaxgan.results.statistics import UNDEFINED

DECADES, SHARE, THIRD = "+z.2f", "z.2f", "z.3f"  # z: no negative zero
_DISCRIMINATOR, _AGE = "discriminator", "age of the generator"


def sections(results: Results) -> list[Section]:
    """Return the tables of a profile, with those of the strengths last; a profile on paper has a single table."""
    found = [*_frozen(results), *_training(results)] or [paper_section(results)]
    return found + (_strengths(results) if len(results.configurations) > 1 else [])


def markdown(results: Results) -> str:
    """Return the tables in Markdown."""
    return to_markdown(sections(results))


def paper_section(results: Results) -> Section:
    """Return the table of the losses on paper: derivatives with respect to one logit, without a network."""
    head = ("loss", "derivative", "saturates", "float32 holds it", "relative error, float32", "relative error, float64")
    rows = []
    for loss in results.losses:
        about = results.notes["about"][loss]
        off = (_off(about["off_closed_form"][bits]) for bits in ("float32", "float64"))
        rows.append((loss, about["derivative"] or "as measured", about["saturates"], about["float32"], *off))
    caption = (
        "On paper: the derivative of the generator's loss with respect to the discriminator's logit, where it is below "
        f"{results.notes['threshold']:g} in absolute value (saturates), and where float32 holds it; the errors "
        "are its largest relative difference from the closed form over logits from -30 to 30."
    )
    return section("paper", caption, head, rows)


def zeros_text(zeros: int, first: int | None, seeds: int) -> str:
    """Describe how many seeds had a norm of exactly 0, and the first step at which one did.

    >>> zeros_text(0, None, 8), zeros_text(3, 120, 8)
    ('none', '3 of 8, first at step 120')
    """
    return "none" if first is None else f"{zeros} of {seeds}, first at step {first:,}"


def _frozen(results: Results) -> list[Section]:
    rows = [row for row in frozen_rows(results) if row.configuration == results.configurations[0]]
    if not rows:
        return []
    head = {"age": _AGE, "loss": "loss", "per_thousand": "decades per 1,000 steps", "total": "decades in all",
            "snr": "SNR at the end", "spread": "decades of the spread", "zeros": "norms of exactly 0"}  # fmt: skip
    cells = [
        (age_text(results, row.age), row.loss, interval_cell(row.per_thousand, DECADES),
         interval_cell(row.total, DECADES), interval_cell(row.snr), interval_cell(row.spread, DECADES),
         _zeros_cell(row, results))
        for row in rows
    ]  # fmt: skip
    caption = (
        f"{_over(results)}: {results.notes['d_iterations']:,} steps of a discriminator from scratch, against "
        f"frozen generators of {results.notes['trained']} on {results.notes['data']}. Decades (powers of ten, lost (-) "
        f"or gained (+)) and SNR refer to the {PARAMETERS}; the spread over samples refers to the {EXAMPLE}, in all."
    )
    return [section("frozen", caption, _head(head), cells)]


def _training(results: Results) -> list[Section]:
    rows, trained = training_rows(results), results.notes.get("trained")
    if not rows:
        return []
    columns: dict[str, list[str | Cell]] = {
        "configuration": [row.configuration for row in rows],
        "loss": [row.loss for row in rows],
        "early": [interval_cell(row.early) for row in rows],
        "late": [interval_cell(row.late) for row in rows],
        "change": [interval_cell(row.change, DECADES) for row in rows],
        "snr": [interval_cell(row.snr) for row in rows],
        "saturated": [interval_cell(row.saturated, SHARE) for row in rows],
        "cosine": [interval_cell(row.cosine, SHARE) for row in rows],
        "zeros": [_zeros_cell(row, results) for row in rows],
    }
    head = {"configuration": _DISCRIMINATOR, "loss": "loss", "early": "norm at the start", "late": "norm at the end",
            "change": "change, decades", "snr": "SNR at the end", "saturated": "saturated at the end",
            "cosine": f"cosine with {trained}", "zeros": "norms of exactly 0"}  # fmt: skip
    left_out = {"cosine": trained not in results.losses, "configuration": len(results.configurations) == 1}
    columns = {key: column for key, column in columns.items() if not left_out.get(key)}
    caption = (
        f"{_over(results)}: {results.notes['steps']:,} steps of {trained} on {results.notes['data']}, every loss at "
        f"the same parameters and minibatches. All values refer to the {PARAMETERS}; the end is the last tenth."
    )
    shown = _head({key: head[key] for key in columns})
    return [section("training", caption, shown, zip(*columns.values(), strict=True))]


def _strengths(results: Results) -> list[Section]:
    rows, found = strength_rows(results), []
    cells = [
        (row.configuration, age_text(results, row.age), interval_cell(row.accuracy, THIRD),
         interval_cell(row.implied or UNDEFINED, THIRD))
        for row in rows if row.age is not None and row.accuracy is not None
    ]  # fmt: skip
    if cells:
        about = "How good the discriminators of each strength became: the mean over the last twentieth of their steps."
        found.append(section("discriminators", about, (_DISCRIMINATOR, _AGE, "accuracy", "implied JSD, nats"), cells))
    rows_of_losses = [
        (row.configuration, age_text(results, row.age), row.loss, interval_cell(row.norm), interval_cell(row.snr),
         interval_cell(row.agreement, SHARE))
        for row in frozen_rows(results)
    ]  # fmt: skip
    if rows_of_losses:
        about = (
            f"What they tell the generator at the end, on the same latents: the {PARAMETERS}. The base is compared "
            "with itself."
        )
        head = (_DISCRIMINATOR, _AGE, "loss", "norm", "SNR", "cosine with the base's")
        found.append(section("gradients", about, head, rows_of_losses))
    ends = [(row.configuration, interval_cell(row.metric)) for row in rows if row.metric is not None]
    if ends:
        better = {True: "higher is better", False: "lower is better"}.get(results.notes["metric_higher_is_better"], "")
        metric = (_DISCRIMINATOR, f"{results.notes['metric']} ({better})")
        found.append(section("generators", "How good the generators trained with them became.", metric, ends))
    return found


def _head(titles: dict[str, str]) -> list[Cell]:
    """Return the column titles, with their names in table.json as values."""
    return [Cell(title, value=key) for key, title in titles.items()]


def _over(results: Results) -> str:
    n = len(results.seeds)
    return "One seed" if n == 1 else f"Interquartile mean over {n} seeds [95 % bootstrap interval]"


def _zeros_cell(row: Any, results: Results) -> Cell:
    text = zeros_text(row.zeros, row.first_zero, len(results.seeds))
    count, comma, first = text.partition(",")
    return Cell(count + comma, first.strip(), value={"count": row.zeros, "first": row.first_zero})


def _off(value: float | str | None) -> Cell:
    """Format a relative difference from a closed form; numbers that are not finite are strings in JSON."""
    if value is None:
        return Cell("", value=math.nan)
    return Cell(f"{float(value):.1e}" if float(value) else "equal", value=float(value))
