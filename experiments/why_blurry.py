"""Why are the outputs of L1 and L2 blurry, and what does a discriminator change?

    python experiments/why_blurry.py [--task digits-masked] [--seeds 8] [--steps 1500] [--out why-blurry]

A U-Net maps images to images. It is trained with L2 alone, with L1 alone, with the adversarial loss alone, and with the
adversarial loss plus 1, 10 and 100 times L1. All weights and seeds share one compiled program. If several answers fit
an input, the best output for L2 is their mean and for L1 the median of every pixel; neither needs to look like an
answer. With a discriminator, outputs have to look like one. So compare the error to the target with the sharpness: the
power spectrum and the Laplacian, relative to those of the targets.

Writes TASK.json, TASK.md and TASK.png. A finished run is not trained again, only extended to more steps or seeds; a run
of other options is refused. `digits-masked` takes about a quarter of an hour on two cores, `photos-upscale` with
`--steps 2000` a few hours.
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

import jaxgan as jg

WAYS = {
    "L2 alone": (0, 0, 100),
    "L1 alone": (0, 100, 0),
    "adversarial alone": (1, 0, 0),
    "adversarial + 1 L1": (1, 1, 0),
    "adversarial + 10 L1": (1, 10, 0),
    "adversarial + 100 L1": (1, 100, 0),
}
"""The weights of the adversarial loss, of L1 and of L2."""
NAMES = ("adversarial", "l1", "l2")
SHOWN, INPUTS = 6, 200


def trained(options):
    """The run of all variants and seeds."""
    folder = options.out / options.task
    rows = ",".join("/".join(map(str, weights)) for weights in WAYS.values())
    given = {
        "data": f"pairs:{options.task}",
        "recipe": ("pix2pix",),
        "vary": (f"{'/'.join(NAMES)}={rows}",),
        "width": options.width,
        "seeds": options.seeds,
        "steps": options.steps,
        "evaluate_every": max(1, options.steps // 10),
    }
    jg.run_study("study", given, out=folder, again=True)
    return jg.load_run(folder)


def label_of(run, weights):
    """The name of a variant in the study."""
    settings = [run.dataset[f"setting_{name}"].values for name in NAMES]
    (place,) = np.flatnonzero(np.all([values == w for values, w in zip(settings, weights, strict=True)], axis=0))
    return run.configurations[place]


def summary_of(run):
    """For each variant and metric: the interquartile mean over seeds with its 95 % bootstrap interval."""
    found = {}
    for way, weights in WAYS.items():
        i = run.configurations.index(label_of(run, weights))
        found[way] = {m.name: jg.iqm_interval(run.values[m.name][i], rng=0)._asdict() for m in run.metrics}
    return found


def spectra_of(run, heldout):
    """The mean power of the targets at each radius [radius], and that of each variant's outputs [seed, radius]."""
    y, x = heldout.y[:INPUTS], heldout.x[:INPUTS]
    real = jg.metrics.radial_power_spectrum(x).power.mean(axis=0)
    found = {}
    for way, weights in WAYS.items():
        generators = [run.generator(label_of(run, weights), seed=int(seed)) for seed in run.seeds]
        answers = [np.asarray(one.sample(jax.random.key(1), len(y), y)) for one in generators]
        found[way] = np.stack([jg.metrics.radial_power_spectrum(a).power.mean(axis=0) for a in answers])
    return real, found


def table(run, kept):
    """Markdown, one row for each variant."""
    head = ["", *(m.label for m in run.metrics)]
    lines = [head, ["---"] * len(head)]
    for way, own in kept["ways"].items():
        lines.append([way, *("{estimate:.3g} [{low:.3g}, {high:.3g}]".format(**own[m.name]) for m in run.metrics)])
    for name in dict.fromkeys(name for m in run.metrics for name in m.yardsticks if name != "untrained generator"):
        values = [m.yardsticks.get(name) for m in run.metrics]
        lines.append([f"*{name}*", *("" if value is None else f"{value:.3g}" for value in values)])
    return (
        f"Interquartile mean over {kept['seeds']} seeds [95 % bootstrap interval], {kept['steps']:,} steps.\n\n"
        + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        + f"\n\nCommand: `{kept['command']}`\n\n{jg.provenance_line(kept['machine'], kept['versions'])}\n"
    )


def images_of(run):
    """Inputs, the first seed's outputs of every variant, and targets."""
    images = {"input": run.samples["input"][:SHOWN]}
    for way, weights in WAYS.items():
        images[way] = run.samples["fake"][run.configurations.index(label_of(run, weights)), 0, :SHOWN]
    return images | {"target": run.samples["real"][:SHOWN]}


def draw(images, spectra, path):
    """Above: images by variant; below: power over radial frequency."""
    figure = Figure(figsize=(7, 8), dpi=200, layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.35, 1))
    top, bottom = parts
    axes = top.subplots(SHOWN, len(images), squeeze=False)
    for column, (name, some) in enumerate(images.items()):
        for row in range(SHOWN):
            picture = np.clip((np.asarray(some[row]) + 1) / 2, 0, 1)
            axes[row, column].imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes[row, column].set_axis_off()
        axes[0, column].set_title(name.replace(" + ", "\n+ ").replace(" alone", "\nalone"), fontsize=7)
    axis = bottom.subplots()
    real, answers = spectra
    radii = np.arange(1, len(real) + 1)
    for way, power in answers.items():
        ratio = 10 * np.log10(power / real)
        axis.plot(radii, np.median(ratio, axis=0), marker="o", markersize=3, label=way)
        axis.fill_between(radii, *np.quantile(ratio, [0.25, 0.75], axis=0), alpha=0.15, linewidth=0)
    axis.axhline(0, color="black", linewidth=1, linestyle=":")
    axis.set_xlabel("radial frequency, cycles per image", fontsize=8)
    axis.set_title("Power of outputs relative to targets, dB: median and interquartile range of the seeds", fontsize=8,
                   loc="left")  # fmt: skip
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.tick_params(labelsize=7)
    axis.legend(fontsize=7, frameon=False)
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="digits-masked", help="pairs of the library (default digits-masked)")
    parser.add_argument("--seeds", type=int, default=8, help="runs of each variant (default 8)")
    parser.add_argument("--steps", type=int, default=1500, help="updates of the generator (default 1500)")
    parser.add_argument("--width", type=int, default=16, help="channels of the first layers (default 16)")
    parser.add_argument("--out", type=Path, default=Path("why-blurry"), help="the folder for runs and results")
    options = parser.parse_args()
    jg.use_cpu_cores()
    run, about = trained(options), jg.provenance()
    heldout = jg.data.embedded_pairs(options.task).heldout
    kept = {
        "command": f"python experiments/why_blurry.py --task {options.task} --seeds {options.seeds} "
        f"--steps {options.steps} --width {options.width}",
        "seeds": options.seeds,
        "steps": options.steps,
        "machine": {name: value for name, value in about.items() if name not in ("versions", "commit")},
        "versions": about["versions"],
        "ways": summary_of(run),
    }
    kept["real_power"], powers = (lambda pair: (pair[0].tolist(), pair[1]))(spectra_of(run, heldout))
    kept["power"] = {way: values.tolist() for way, values in powers.items()}
    jg.write_json(options.out / f"{options.task}.json", kept)
    (options.out / f"{options.task}.md").write_text(table(run, kept))
    draw(images_of(run), (np.array(kept["real_power"]), powers), options.out / f"{options.task}.png")
    print(table(run, kept))


if __name__ == "__main__":
    main()
