"""The figures of a gradient profile: against frozen generators, during training, and by layer of the generator."""

import textwrap
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import Panel, compose, grid, legend, line_handles, new_figure
from jaxgan.report.plots import (
    DARK,
    GREY,
    SMALL,
    TICKS,
    TITLE,
    draw,
    draw_all,
    label,
    level,
    log_axis,
    over_seeds,
    plain_text,
    probability_ticks,
    shorten,
    style,
    thin_to,
)
from jaxgan.report.profile.parts import age_text, ages_of, is_score, part_of
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Found = dict[str, NDArray]
MEASURES = {
    "norm": "norm of the gradient\nwith respect to the\ngenerator's parameters",
    "snr": "SNR across minibatches,\nwith respect to the\ngenerator's parameters",
    "image_spread": "spread over samples,\nwith respect to the\ngenerated example",
    "accuracy": "discriminator's\naccuracy",
    "value": "implied JSD, nats\n(V + log 4) / 2",
}
_HEIGHTS = {"norm": 2.1, "snr": 1.9, "image_spread": 1.9, "accuracy": 1.2, "value": 1.2}
_PURE_NOISE = r"pure noise: $1/\sqrt{M}$"
_COLUMNS = 4  # maximum number of ages side by side


def frozen_figure(results: Results) -> "Figure":
    """Arjovsky and Bottou's figures 1 to 3 over seeds: a column for every age of the generator, base discriminator."""
    panels, ages = frozen_panels(results), len(ages_of(results))
    measures = [panel.name.removeprefix("frozen-").rpartition("-")[0] for panel in panels[::ages]]
    heights = [_HEIGHTS[name] for name in measures]
    figure = new_figure(sum(heights) + 0.7, max(7.0, 7.0 * ages / _COLUMNS))
    axes = grid(figure, len(panels), ages, sharex=True, sharey="row", height_ratios=heights)
    for k, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
        panel.draw(axis)
        last = k + ages >= len(panels)
        axis.tick_params(labelbottom=last)
        axis.set_xlabel(axis.get_xlabel() if last else "")
        axis.set_ylabel(axis.get_ylabel() if k % ages == 0 else "")
        axis.set_title(axis.get_title(loc="left") if k < ages else "", loc="left", fontsize=TITLE)
    axes[0].set_xscale("log")
    _legend(figure, results, np.moveaxis(_base(results, "frozen")["norm"], 0, 1))
    return figure


def frozen_panels(results: Results) -> list[Panel]:
    """A panel for every measure and age."""
    found = _base(results, "frozen")
    rows = [name for name in MEASURES if name in found and np.isfinite(found[name]).any()]
    if results.notes.get("d_scores"):
        rows.remove("value")
    return [
        Panel(f"frozen-{name}-{age}", partial(_draw_frozen, results=results, found=found, name=name, a=a))
        for name in rows
        for a, age in enumerate(ages_of(results))
    ]


def training_figure(results: Results) -> "Figure":
    """Every loss's gradient along the training with one of them, base discriminator."""
    figure = compose(training_panels(results), 2)
    _legend(figure, results, _base(results, "training")["norm"])
    return figure


def training_panels(results: Results) -> list[Panel]:
    """Return a panel for each measurement."""
    found = _base(results, "training")
    panels: dict[str, Any] = {"norm": _draw_norms, "update": _draw_update, "snr": _draw_snr,
                              "saturated": _draw_saturated, "fake": _draw_fakes, "cosine": _draw_cosines}  # fmt: skip
    if not np.isfinite(found["snr"]).any():
        del panels["snr"]
    if "update_norm" not in found:
        del panels["update"]
    if results.notes["trained"] not in results.losses:
        del panels["cosine"]
    return [Panel(f"training-{name}", partial(_along, draw_it=how, results=results, found=found))
            for name, how in panels.items()]  # fmt: skip


def layers_figure(results: Results) -> "Figure":
    """The norm of every loss's gradient in each layer: medians over seeds, against the oldest frozen generators."""
    from matplotlib.colors import LogNorm

    kind = "frozen" if part_of(results, "frozen") else "training"
    found = part_of(results, kind)
    names = results.dataset.coords["layer"].values.tolist() if "layer" in results.dataset.coords else []
    values = found["layers"][0, -1] if kind == "frozen" else found["layers"][0]  # [seed, step, loss, layer]
    names = list(map(str, names)) or [str(j) for j in range(values.shape[-1])]
    losses = range(len(results.losses))
    medians = np.stack([[over_seeds(values[:, :, i, j])[1] for j in range(len(names))] for i in losses])
    shown = np.ma.masked_where(~(medians > 0), medians)  # NaN too
    columns = min(len(losses), 3)
    rows = -(-len(losses) // columns)
    figure = new_figure(rows * (0.55 + max(0.7, 0.15 * len(names))) + 0.5)
    axes = grid(figure, len(losses), columns, sharex=True, sharey=True)
    low, high = (float(shown.min()), float(shown.max())) if shown.count() else (0.1, 1.0)
    scale = LogNorm(low, high if high > low else 10 * low)
    edges = _edges(found["steps"].astype(float), logarithmic=kind == "frozen")
    for i, axis in enumerate(axes):
        axis.grid(False)
        mesh = axis.pcolormesh(edges, np.arange(len(names) + 1), shown[i], norm=scale, cmap="viridis", rasterized=True)
        last = i + columns >= len(axes)
        step = "step of the discriminator" if kind == "frozen" else "step of training"
        label(axis, plain_text(shorten(results.losses[i], 84 // columns)), step if last else "")
        axis.tick_params(labelbottom=last, labelleft=i % columns == 0)
    axes[0].set_yticks(np.arange(len(names)) + 0.5, [plain_text(shorten(name, 22)) for name in names])
    axes[0].set_ylim(len(names), 0)
    axes[0].set_xscale("log" if kind == "frozen" else "linear")
    axes[0].set_xlim(edges[0], edges[-1])
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, aspect=14)
    bar.ax.tick_params(labelsize=TICKS)
    bar.set_label("norm of the layer's part", fontsize=SMALL)
    age = f", generator after {age_text(results, ages_of(results)[-1])}" if kind == "frozen" else ""
    title = f"Gradient with respect to the parameters of each of the generator's layers{age}"
    figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left")
    return figure


def _base(results: Results, part: str) -> Found:
    """Return the results of the base discriminator, without the axis of configurations."""
    return {name: values if name == "steps" else values[0] for name, values in part_of(results, part).items()}


def _draw_frozen(axis: "Axes", results: Results, found: Found, name: str, a: int) -> None:
    x, age = found["steps"], ages_of(results)[a]
    title = textwrap.fill(f"generator after {age_text(results, age)}", 24)
    label(axis, title, "step of the discriminator", MEASURES[name])
    if name in ("accuracy", "value"):
        by_seed = thin_to(x, results.steps, found[name][a])
        draw(axis, x, (by_seed + np.log(4)) / 2 if name == "value" else by_seed, color=DARK)
    else:
        draw_all(axis, x, np.moveaxis(found[name][a], -1, 0))
        noise = results.notes["minibatches"] ** -0.5
        if name == "snr":
            level(axis, noise, _PURE_NOISE if a == 0 else "")
        log_axis(axis, np.append(found[name], noise) if name == "snr" else found[name])
    if name == "value":
        level(axis, float(np.log(2)), "log 2" if a == 0 else "")
    if name == "accuracy":
        axis.set_ylim(min(0.45, axis.get_ylim()[0]), 1.03)
    axis.set_xscale("log")


def _along(axis: "Axes", draw_it: Any, results: Results, found: Found) -> None:
    draw_it(axis, results, found)
    axis.set_xlabel("step of training", fontsize=SMALL)


def _draw_norms(axis: "Axes", results: Results, found: Found) -> None:
    draw_all(axis, found["steps"], np.moveaxis(found["norm"], -1, 0))
    log_axis(axis, found["norm"])
    label(axis, "Norm of every loss's gradient with respect\nto the generator's parameters")


def _draw_snr(axis: "Axes", results: Results, found: Found) -> None:
    draw_all(axis, found["steps"], np.moveaxis(found["snr"], -1, 0))
    noise = results.notes["minibatches"] ** -0.5
    level(axis, noise, _PURE_NOISE)
    log_axis(axis, np.append(found["snr"], noise))
    label(axis, "SNR across minibatches of the gradient with\nrespect to the generator's parameters")


def _draw_saturated(axis: "Axes", results: Results, found: Found) -> None:
    draw_all(axis, found["steps"], np.moveaxis(found["saturated"], -1, 0))
    axis.set_ylim(-0.03, 1.03)
    threshold = f"{results.notes['threshold']:g}"
    label(axis, f"Share of samples that are saturated: |derivative\nwith respect to the logit| below {threshold}")


def _draw_cosines(axis: "Axes", results: Results, found: Found) -> None:
    trained = results.notes["trained"]
    draw_all(axis, found["steps"], np.moveaxis(found["cosine"][..., results.losses.index(trained)], -1, 0))
    axis.set_ylim(min(-0.03, axis.get_ylim()[0]), 1.03)
    label(axis, f"Cosine with the gradient of {plain_text(trained)}\nwith respect to the generator's parameters")


def _draw_update(axis: "Axes", results: Results, found: Found) -> None:
    x, trained = found["steps"], results.notes["trained"]
    how = style(results.losses.index(trained)) if trained in results.losses else {"color": DARK}
    draw(axis, x, found["trained_norm"], **how, markevery=max(1, len(x) // 6), label="gradient")
    draw(axis, x, found["update_norm"], color="black", linestyle=(0, (1, 1.2)), linewidth=1.8, label="the update")
    log_axis(axis, np.stack([found["trained_norm"], found["update_norm"]]))
    axis.legend(frameon=False, fontsize=TICKS, handlelength=3)
    label(axis, f"Norm of the gradient of {plain_text(trained)} with respect to\nthe parameters, and of its update")


def _draw_fakes(axis: "Axes", results: Results, found: Found) -> None:
    """Quantiles of the logits [seed, step, quantile]: the outer, the inner ones and the middle one."""
    x, logits = found["steps"], found["fake_logit"]
    medians = [over_seeds(logits[..., k])[1] for k in range(logits.shape[-1])]
    middle, q = len(medians) // 2, results.notes["quantiles"]
    for k in range(middle):
        axis.fill_between(x, medians[k], medians[-1 - k], color=GREY, alpha=0.22, linewidth=0)
    axis.plot(x, medians[middle], color=DARK, linewidth=1.2)
    pairs = ", ".join(f"{100 * a:g}-{100 * b:g} %" for a, b in zip(q[:middle], q[::-1], strict=False))
    score = is_score(results, results.notes["trained"])
    label(axis, f"{'Score' if score else 'D(G(z))'} of generated samples: median\nand quantiles ({pairs})")
    if not score and np.isfinite(medians).any():
        axis.margins(y=0.08)
        probability_ticks(axis, *axis.get_ylim(), which="y")


def _legend(figure: "Figure", results: Results, norms: NDArray) -> None:
    """Losses, what the band is, and how many seeds of norms [seed, ..., loss] are not finite somewhere."""
    from matplotlib.patches import Patch

    lines, names = line_handles(results.losses)
    for i in range(len(names)):
        broken = sum(not np.isfinite(norms[j, ..., i]).all() for j in range(len(norms)))
        names[i] += f" ({broken} of {len(norms)} seeds not finite at some step)" if broken else ""
    n = len(results.seeds)
    lines.append(Patch(color=GREY, alpha=0.3 if n > 1 else 0, linewidth=0))
    names.append(f"line and band: median and interquartile range over {n} seeds" if n > 1 else "one seed, no band")
    legend(figure, lines, names)


def _edges(x: NDArray, *, logarithmic: bool) -> NDArray:
    """Return the edges of cells around steps, halfway to their neighbours."""
    places = np.log(x) if logarithmic else x
    gaps = np.diff(places) if len(x) > 1 else np.array([0.5])
    inner = (places[1:] + places[:-1]) / 2
    edges = np.concatenate([[places[0] - gaps[0] / 2], inner, [places[-1] + gaps[-1] / 2]])
    return np.exp(edges) if logarithmic else edges
