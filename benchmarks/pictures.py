"""Draw the pictures of the README and the site: `python -m benchmarks.pictures [--failures]`.

`both-losses.png` is drawn from committed results: the phase diagrams of the two losses, and the state of every seed
during training on digits. With `--failures`, one set-up of `benchmarks.diagnosis` for each kind of failure is trained
with 8 seeds, kept under `runs/diagnosis` and drawn as in a report; this takes half an hour on two cores.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

import jaxgan as jg
from benchmarks.diagnosis import inputs, runs
from benchmarks.diagnosis.setups import SETUPS
from jaxgan.report.layout import WIDTH, legend, new_figure, png
from jaxgan.report.plots import GREY, SMALL, TICKS, draw, label, log_axis, plain_axis
from jaxgan.report.run.map import map_handles, map_panels
from jaxgan.results.results import Results
from jaxgan.study.diagnosis.evidence import evidence_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
RESULTS, PICTURES = ROOT / "benchmarks" / "results", ROOT / ".site" / "pictures"
LOSSES = {
    "minimax": "log(1 - D(G(z))), the theoretical loss",
    "non_saturating": "-log D(G(z)), the practical loss",
}
SEEDS = 8  # of the failing set-ups


class Telling(NamedTuple):
    """A failing set-up, and the metric that shows the failure."""

    setup: str
    name: str  # of the metric, with its group: "along.NAME", "series.NAME" or "evidence.NAME"
    words: str
    log: bool = False
    one: bool = False  # whether only the first seed is drawn, because the seeds oscillate out of phase


TELLING = {
    "HEALTHY": Telling("ring-r1", "along.high_quality", "share of good samples"),
    "COLLAPSED": Telling("ring-quadrant", "along.captured", "modes captured of 8"),
    "PARTIALLY_COLLAPSED": Telling("ring-half-plane", "along.captured", "modes captured of 8"),
    "NOT_LEARNED": Telling("ring-short", "along.high_quality", "share of good samples"),
    "DISCRIMINATOR_DOMINATES": Telling("ring-fast-d", "evidence.separation", "P(D ranks data above samples)"),
    "GENERATOR_DOMINATES": Telling("ring-slow-d", "evidence.separation", "P(D ranks data above samples)"),
    "JUNK": Telling("ring-noisy-d", "along.high_quality", "share of good samples"),
    "GRADIENT_VANISHED": Telling("digits-saturating", "series.g_grad_norm", "norm of G's gradient", log=True),
    "OSCILLATING": Telling("ring-bilinear", "series.fake_logit", "D's mean logit of samples, seed 0", one=True),
    "DIVERGED": Telling("ring-growing-rates", "series.g_grad_norm", "norm of G's gradient", log=True),
    "OVERFITTED": Telling("few-points", "evidence.training_edge", "P(D ranks training above held-out)"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument("--failures", action="store_true", help="also train a run of each way to fail and draw it")
    options = parser.parse_args(arguments)
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "both-losses.png").write_bytes(both_losses())
    if options.failures:
        folder = ROOT / "runs" / "diagnosis" / f"of-{SEEDS}"
        inputs.write(folder / "data")
        for setup in SETUPS:
            if any(setup.name == telling.setup for telling in TELLING.values()):
                runs.train(setup, folder, SEEDS)
        for code, telling in TELLING.items():
            name = code.lower().replace("_", "-")
            (PICTURES / f"{name}.png").write_bytes(failure(jg.load_run(folder / telling.setup), telling))


def both_losses() -> bytes:
    """Draw where runs fail in the plane of both learning rates, and below it the states of every seed on digits."""
    cells = pd.read_csv(RESULTS / "ring-phase-diagram" / "phase-failed.csv")
    borders = pd.read_csv(RESULTS / "ring-phase-diagram" / "phase-failed-border.csv")
    digits = jg.load_run(RESULTS / "digits")
    figure = new_figure(4.9)
    above, below = figure.subplots(2, 2, height_ratios=(2.1, 1.0))
    for k, (axis, (loss, words)) in enumerate(zip(above, LOSSES.items(), strict=True)):
        mesh = draw_phase(axis, cells[cells.recipe == loss], borders[borders.recipe == loss])
        label(axis, words, "learning rate of D", "" if k else "learning rate of G")
    bar = figure.colorbar(mesh, ax=list(above), aspect=22, pad=0.02, format=lambda share, _: f"{100 * share:.0f} %")
    bar.set_label("failed seeds of 16, ring", fontsize=SMALL)
    bar.ax.tick_params(labelsize=TICKS)
    for k, (axis, panel) in enumerate(zip(below, map_panels(digits), strict=True)):
        panel.draw(axis)
        label(axis, "the states of 8 seeds, digits", "step", "" if k else "seed")
    handles, names = map_handles(digits)
    figure.legend(handles, names, loc="outside lower left", ncols=4, frameon=False, fontsize=TICKS, handlelength=1.6)
    return png(figure)


def draw_phase(axis: "Axes", cells: pd.DataFrame, borders: pd.DataFrame) -> Any:
    """Draw the shares of failed seeds as in the phase diagram of a report, from its two tables."""
    from matplotlib.patheffects import withStroke

    shares = cells.pivot(index="lr_g", columns="lr_d", values="share")
    mesh = axis.pcolormesh(shares.columns, shares.index, shares, cmap="viridis_r", vmin=0, vmax=1, rasterized=True)
    axis.set(xscale="log", yscale="log")
    limits = axis.get_xlim(), axis.get_ylim()
    for what, dashes, width in (("estimate", "-", 1.6), ("low", (0, (3, 1.5)), 0.9), ("high", (0, (3, 1.5)), 0.9)):
        for _, line in borders[borders.of == what].groupby("line"):
            axis.plot(line.lr_d, line.lr_g, color="black", linewidth=width, linestyle=dashes,
                      path_effects=[withStroke(linewidth=width + 1.6, foreground="white")])  # fmt: skip
    axis.set(xlim=limits[0], ylim=limits[1])
    plain_axis(axis)
    axis.grid(visible=False)
    return mesh


def failure(run: Results, telling: Telling) -> bytes:
    """Draw samples of the first seed, the metric that shows the failure, and the states of every seed."""
    figure = new_figure(2.05, WIDTH)
    samples, curve, strip = figure.subplots(1, 3, width_ratios=(1.0, 1.35, 1.6))
    draw_samples(samples, run)
    steps, values = numbers(run, telling.name)
    plain_axis(curve)
    curve.locator_params(axis="x", nbins=4)
    draw(curve, steps, values[:1] if telling.one else values, color="#0072B2")
    if telling.log:
        log_axis(curve, values)
    label(curve, telling.words, "step")
    map_panels(run)[0].draw(strip)
    strip.locator_params(axis="x", nbins=4)
    label(strip, "states of 8 seeds", "step", "seed")
    legend(figure, *map_handles(run))
    return png(figure)


def numbers(run: Results, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps and values [seed, step] of the first configuration."""
    group, _, name = name.partition(".")
    if group == "series":
        return run.steps, run.series[name][0]
    if group == "evidence":
        return run.probe_steps, getattr(evidence_in(run, run.configurations[0]), name)
    return run.probe_steps, run.along[name][0]


def draw_samples(axis: "Axes", run: Results) -> None:
    """Draw generated points over those of the data, or a few generated images."""
    fake, real = run.samples["fake"][0, 0], run.samples["real"]
    axis.set(xticks=[], yticks=[], aspect="equal")
    if real.ndim > 2:
        side = 4
        rows = fake[: side * side, :, :, 0].reshape(side, side, *fake.shape[1:3])
        axis.imshow(np.block([list(row) for row in rows]), cmap="gray", vmin=-1, vmax=1)
    else:
        reach = 1.4 * float(np.abs(real).max())
        axis.scatter(real[:500, 0], real[:500, 1], s=2, color="#bbbbbb", linewidths=0)
        shown = fake[np.isfinite(fake).all(axis=1) & (np.abs(fake) < reach).all(axis=1)]
        axis.scatter(shown[:500, 0], shown[:500, 1], s=2, color="#0072B2", linewidths=0)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach))
        if len(shown) < len(fake) / 2:
            axis.text(0, 0, "samples are\nelsewhere", ha="center", va="center", fontsize=TICKS, color=GREY)
    label(axis, "samples of seed 0")


if __name__ == "__main__":
    main()
