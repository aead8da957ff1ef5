"""The figure of discriminators of several skills: what each of them is worth to the generator."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxgan.report.profile.panels import (
    DARK,
    GREY,
    MARKERS,
    grid,
    handles,
    look,
    mark_interval,
    put_legend,
    say,
    show_logarithmically,
)
from jaxgan.report.profile.parts import ages_of, part_of
from jaxgan.report.profile.tables import age_text, frozen_rows, skill_rows, training_rows
from jaxgan.report.run.curves import DPI, plain_text
from jaxgan.results.results import Results
from jaxgan.results.statistics import UNDEFINED, Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def skills_figure(run: Results) -> "Figure":
    """A line for every skill: intervals over seeds of accuracy, gradients, and of the generators trained with it."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    frozen = bool(part_of(run, "frozen"))
    columns = ["accuracy", "norm", "cosine"] if "agreement" in part_of(run, "frozen") else ["accuracy", "norm"]
    ages: Sequence[int | None] = ages_of(run) if frozen else (None,)
    columns = columns if frozen else ["late", "metric"]
    by_loss, by_skill = frozen_rows(run) if frozen else training_rows(run), skill_rows(run)
    tall = max(0.4, 0.13 * len(run.losses)) * len(run.configurations) + 1.0
    figure = Figure(figsize=(12, tall * len(ages) + 0.5), dpi=DPI, layout="constrained")
    axes = grid(figure, len(columns) * len(ages), len(columns), sharey=True, sharex="col")
    for k, axis in enumerate(axes):
        age, name = ages[k // len(columns)], columns[k % len(columns)]
        here = [row for row in by_loss if getattr(row, "age", None) == age]
        if name in ("accuracy", "metric"):
            _mark_each(axis, run, {row.skill: getattr(row, name) for row in by_skill if row.age == age})
        else:
            field = {"cosine": "agreement"}.get(name, name)
            _mark_losses(axis, run, {(row.skill, row.loss): getattr(row, field) for row in here}, name != "cosine")
        _finish(axis, run, name, age)
    for axis in axes:
        axis.tick_params(labelbottom=True)
        axis.grid(axis="y", visible=False)
        for k in range(1, len(run.configurations)):
            axis.axhline(k - 0.5, color="#dddddd", linewidth=0.8)
    axes[0].set_ylim(len(run.configurations) - 0.5, -0.5)
    labels = [plain_text(label).replace(",", ",\n") for label in run.configurations]
    axes[0].set_yticks(range(len(labels)), labels)
    lines, names = handles(run, range(len(run.losses)))
    lines.append(Line2D([], [], color=GREY, marker=MARKERS[0]))
    n = len(run.seeds)
    names.append("one seed, no interval" if n == 1 else f"interquartile mean over {n} seeds, 95 % bootstrap interval")
    put_legend(figure, lines, names)
    return figure


def _finish(axis: "Axes", run: Results, name: str, age: int | None) -> None:
    """The words at a panel and what bounds it."""
    if name == "accuracy":
        axis.set_xlim(min(0.48, axis.get_xlim()[0]), 1.02)
        say(axis, f"generator after {age_text(run, age or 0)}:\naccuracy of the discriminator at the end")
    elif name == "norm":
        say(axis, "Norm at the end of the gradient with respect to\nthe generator's parameters")
    elif name == "late":
        say(axis, "Norm of the gradient with respect to the generator's\nparameters, last tenth of training")
    elif name == "cosine":
        axis.set_xlim(min(-0.05, axis.get_xlim()[0]), 1.05)
        say(axis, "Cosine with the gradient with respect to the parameters\nunder the base discriminator")
    else:
        better = {True: " (higher is better)", False: " (lower is better)"}.get(
            run.notes["metric_higher_is_better"], ""
        )
        say(axis, f"{plain_text(run.notes['metric'])} of the generator\nat the end of training{better}")
        _draw_yardsticks(axis, run)


def _draw_yardsticks(axis: "Axes", run: Results) -> None:
    for name, value in run.notes.get("yardsticks", {}).items():
        if np.isfinite(float(value)):
            axis.axvline(float(value), color=GREY, linestyle=":", linewidth=1.2)
            axis.annotate(plain_text(name), (float(value), 0), xycoords=("data", "axes fraction"), xytext=(-3, 3),
                          textcoords="offset points", rotation=90, ha="right", va="bottom", fontsize=7.5,
                          color=GREY)  # fmt: skip


def _mark_losses(axis: "Axes", run: Results, found: dict[tuple[str, str], Interval], logarithmic: bool) -> None:
    places = np.linspace(-0.3, 0.3, len(run.losses)) if len(run.losses) > 1 else [0.0]
    for k, skill in enumerate(run.configurations):
        for i, loss in enumerate(run.losses):
            mark_interval(axis, found.get((skill, loss), UNDEFINED), k + places[i], look(i))
    if logarithmic:
        show_logarithmically(axis, np.array([bound for interval in found.values() for bound in interval]), "x")


def _mark_each(axis: "Axes", run: Results, found: dict[str, Interval | None]) -> None:
    style: dict[str, Any] = {"color": DARK, "marker": MARKERS[0]}
    for k, skill in enumerate(run.configurations):
        mark_interval(axis, found.get(skill) or UNDEFINED, k, style)
