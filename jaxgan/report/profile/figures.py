"""The figures of a gradient profile but the one on paper: against frozen generators, along training, layers, skills."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.profile.panels import (
    DARK,
    GREY,
    draw,
    draw_losses,
    grid,
    is_score,
    legend_above,
    level,
    look,
    over_seeds,
    say,
    show_chances,
    show_logarithmically,
    thin_to,
)
from jaxgan.report.profile.parts import ages_of, part_of
from jaxgan.report.profile.tables import age_text
from jaxgan.report.run.curves import DPI, plain_text
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NORM = "norm of the gradient with respect to\nthe generator's parameters"
SNR = "SNR across minibatches, with\nrespect to the parameters"
PURE_NOISE = r"pure noise: $1/\sqrt{M}$"
SPREAD = "spread over samples of the gradient\nwith respect to the generated example"


def frozen_figure(run: Results) -> "Figure":
    """Arjovsky and Bottou's figures 1 to 3 over seeds: a column for every age of the generator, base discriminator."""
    from matplotlib.figure import Figure

    found = {name: values[0] for name, values in part_of(run, "frozen").items() if name != "steps"}  # [age, seed, ...]
    x, ages = part_of(run, "frozen")["steps"], len(ages_of(run))
    rows = {"norm": NORM, "snr": SNR, "image_spread": SPREAD, "accuracy": "discriminator's\naccuracy",
            "value": "implied JSD, nats\n(V + log 4) / 2"}  # fmt: skip
    if run.notes.get("d_scores"):
        del rows["value"]
    rows = {name: text for name, text in rows.items() if name in found and np.isfinite(found[name]).any()}
    heights = [2.9 if name == "norm" else 2.3 if name in ("snr", "image_spread") else 1.6 for name in rows]
    size = (1.0 + ages * min(max(3.7, 11 / ages), 6.0), sum(heights) + 1.0)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    axes = grid(figure, len(rows) * ages, ages, sharex=True, sharey="row", height_ratios=heights)
    for i, axis in enumerate(axes):
        (row, age), name = divmod(i, ages), list(rows)[i // ages]
        title = f"generator after {age_text(run, ages_of(run)[age])}" if row == 0 else ""
        say(axis, title, "step of the discriminator" if row == len(rows) - 1 else "", rows[name] if age == 0 else "")
        if name in ("accuracy", "value"):
            by_seed = thin_to(x, found[name][age])
            draw(axis, x, (by_seed + np.log(4)) / 2 if name == "value" else by_seed, color=DARK)
        else:
            draw_losses(axis, x, np.moveaxis(found[name][age], -1, 0))
            if name == "snr":
                level(axis, run.notes["minibatches"] ** -0.5, PURE_NOISE if age == 0 else "")
            show_logarithmically(axis, found[name])
        if name == "value":
            level(axis, float(np.log(2)), "log 2" if age == 0 else "")
        if name == "accuracy":
            axis.set_ylim(min(0.45, axis.get_ylim()[0]), 1.03)
    axes[0].set_xscale("log")
    legend_above(figure, run, np.moveaxis(found["norm"], 0, 1))
    return figure


def training_figure(run: Results) -> "Figure":
    """Every loss's gradient along the training with one of them, base discriminator."""
    from matplotlib.figure import Figure

    found = {name: values[0] for name, values in part_of(run, "training").items() if name != "steps"}
    x, trained = part_of(run, "training")["steps"], run.notes["trained"]
    names = ["norm", "update", "snr", "saturated", "fake", "cosine"]
    if not np.isfinite(found["snr"]).any():
        names.remove("snr")
    if trained not in run.losses:
        names.remove("cosine")
    figure = Figure(figsize=(12, 6.8), dpi=DPI, layout="constrained")
    for name, axis in zip(names, grid(figure, len(names), 3, sharex=True), strict=True):
        axis.tick_params(labelbottom=True)
        axis.set_xlabel("step of training", fontsize=8.5)
        if name == "norm":
            draw_losses(axis, x, np.moveaxis(found["norm"], -1, 0))
            show_logarithmically(axis, found["norm"])
            say(axis, "Norm of every loss's gradient with respect to\nthe generator's parameters")
        elif name == "update":
            _draw_update(axis, run, x, found)
        elif name == "snr":
            draw_losses(axis, x, np.moveaxis(found["snr"], -1, 0))
            level(axis, run.notes["minibatches"] ** -0.5, PURE_NOISE)
            show_logarithmically(axis, found["snr"])
            say(axis, "SNR across minibatches of the gradient with respect to\nthe generator's parameters")
        elif name == "saturated":
            draw_losses(axis, x, np.moveaxis(found["saturated"], -1, 0))
            axis.set_ylim(-0.03, 1.03)
            threshold = f"{run.notes['threshold']:g}"
            say(axis, f"Share of samples that are saturated:\n|derivative with respect to the logit| below {threshold}")
        elif name == "fake":
            _draw_fakes(axis, run, x, found["fake_logit"])
        else:
            draw_losses(axis, x, np.moveaxis(found["cosine"][..., run.losses.index(trained)], -1, 0))
            axis.set_ylim(min(-0.03, axis.get_ylim()[0]), 1.03)
            say(axis, f"Cosine with the gradient of {plain_text(trained)},\nwith respect to the parameters")
    legend_above(figure, run, found["norm"])
    return figure


def layers_figure(run: Results) -> "Figure":
    """The norm of every loss's gradient in each layer: medians over seeds, against the oldest frozen generators."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    part = "frozen" if part_of(run, "frozen") else "training"
    found, names = part_of(run, part), run.dataset.coords["layer"].values.tolist()
    values = found["layers"][0, -1] if part == "frozen" else found["layers"][0]  # [seed, step, loss, layer]
    medians = np.stack([[over_seeds(values[:, :, i, j])[1] for j in range(len(names))] for i in range(len(run.losses))])
    shown = np.ma.masked_where(~(medians > 0), medians)  # NaN too
    x = found["steps"].astype(float)
    columns = min(len(run.losses), 4)
    rows = -(-len(run.losses) // columns)
    figure = Figure(figsize=(12, rows * (0.9 + max(1.0, 0.24 * len(names))) + 0.7), dpi=DPI, layout="constrained")
    axes = grid(figure, len(run.losses), columns, sharex=True, sharey=True)
    low, high = (float(shown.min()), float(shown.max())) if shown.count() else (0.1, 1.0)
    scale = LogNorm(low, high if high > low else 10 * low)
    edges = _edges(x, logarithmic=part == "frozen")
    for i, axis in enumerate(axes):
        axis.grid(False)
        axis.set_facecolor("white")
        mesh = axis.pcolormesh(edges, np.arange(len(names) + 1), shown[i], norm=scale,
                               cmap="viridis", rasterized=True)  # fmt: skip
        step = "step of the discriminator" if part == "frozen" else "step of training"
        say(axis, plain_text(shorten(run.losses[i], 128 // columns)), step if i >= len(axes) - columns else "")
        axis.tick_params(labelbottom=i >= len(axes) - columns)
    axes[0].set_yticks(np.arange(len(names)) + 0.5, [plain_text(shorten(name, 30)) for name in names])
    axes[0].set_ylim(len(names), 0)
    if part == "frozen":
        axes[0].set_xscale("log")
    axes[0].set_xlim(edges[0], edges[-1])
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, aspect=12)
    bar.ax.tick_params(labelsize=8)
    bar.set_label("norm of the layer's part", fontsize=8.5)
    age = f", generator after {age_text(run, ages_of(run)[-1])}" if part == "frozen" else ""
    title = f"Gradient by the parameters of each of the generator's layers{age}"
    figure.suptitle(title, fontsize=9.5, x=0.01, ha="left")
    return figure


def _draw_update(axis: "Axes", run: Results, x: NDArray, found: dict[str, NDArray]) -> None:
    trained = run.notes["trained"]
    style = look(run.losses.index(trained)) if trained in run.losses else {"color": DARK}
    draw(axis, x, found["trained_norm"], **style, markevery=max(1, len(x) // 6), label="gradient")
    draw(axis, x, found["update_norm"], color="black", linestyle=(0, (1, 1.2)), linewidth=2.2, label="the update")
    show_logarithmically(axis, np.stack([found["trained_norm"], found["update_norm"]]))
    axis.legend(frameon=False, fontsize=8, handlelength=3)
    say(axis, f"Norm of the gradient of {plain_text(trained)} by the\nparameters, and of the update made of it")


def _draw_fakes(axis: "Axes", run: Results, x: NDArray, logits: NDArray) -> None:
    """Quantiles of the logits [seed, step, quantile]: the outer, the inner ones and the middle one."""
    medians = [over_seeds(logits[..., k])[1] for k in range(logits.shape[-1])]
    middle, q = len(medians) // 2, run.notes["quantiles"]
    for k in range(middle):
        axis.fill_between(x, medians[k], medians[-1 - k], color=GREY, alpha=0.22, linewidth=0)
    axis.plot(x, medians[middle], color=DARK, linewidth=1.5)
    pairs = ", ".join(f"{100 * a:g}-{100 * b:g} %" for a, b in zip(q[:middle], q[::-1], strict=False))
    score = is_score(run, run.notes["trained"])
    say(axis, f"{'Score' if score else 'D(G(z))'} of generated samples: median\nand quantiles ({pairs})")
    if not score and np.isfinite(medians).any():
        axis.margins(y=0.08)
        show_chances(axis, *axis.get_ylim(), which="y")


def shorten(name: str, letters: int) -> str:
    """A name in so many letters, its end left where it does not fit: what is told apart stands there.

    >>> shorten("my_losses.py:minimax", 10)
    '...minimax'
    """
    return name if len(name) <= letters else "..." + name[3 - letters :]


def _edges(x: NDArray, *, logarithmic: bool) -> NDArray:
    """The edges of cells around steps, half of the way to their neighbours."""
    places = np.log(x) if logarithmic else x
    gaps = np.diff(places) if len(x) > 1 else np.array([0.5])
    inner = (places[1:] + places[:-1]) / 2
    edges = np.concatenate([[places[0] - gaps[0] / 2], inner, [places[-1] + gaps[-1] / 2]])
    return np.exp(edges) if logarithmic else edges
