"""DCGAN, SNGAN, BigGAN, StyleGAN2 and R3GAN at 32 pixels, with equally many steps and about equally many parameters.

    python experiments/architectures.py [--data mnist] [--seeds 4] [--steps 2000] [--out architectures]

Each network is trained with the recipe of its paper and that recipe's coefficients, with batches of 32 and about
`--parameters` parameters in generator and discriminator together, between 94 and 109 thousand by default, as far as
widths in whole channels and R3GAN's groups allow. `mnist` is the TensorFlow Datasets version, padded to
32 x 32 pixels. `photos` consists of patches of scikit-learn's two photographs; the held-out patches come from separate
regions of both. `photos-apart` is split by photograph: the training patches are those of a temple, the held-out ones
those of a flower, so that distances to held-out patches mostly show how different the two photographs are. This does
not compare tuned methods: it shows what each one achieves with a small budget, over several seeds, and what a step
costs.

Writes DATA/results.json, table.md, samples.png and the folder of each run. Finished runs are not trained again, only
extended to more steps or seeds; runs of other options are refused. Equally many parameters are not equally much work:
a step of SNGAN, with 5 updates of D, takes 19 GFLOP, of BigGAN 12, of R3GAN 5, of StyleGAN2 1.1 and of DCGAN 0.5. All
take about two hours on two cores, the first two most of it; `--networks` selects some.
"""

import argparse
import itertools
import json
import shlex
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import jaxgan as jg

SIZE, LATENT, SHOWN = 32, 64, 16
NETWORKS = {
    "dcgan": "ns_gan",
    "sngan": "sngan",
    "biggan": "biggan",
    "stylegan2": "stylegan2",
    "r3gan": "r3gan",
}
"""The recipe of each paper, by network; `ns_gan` is DCGAN's recipe with any batch size."""
SETTINGS = {"biggan": ("ema=0.999",)}
"""Changes from the papers: so few steps do not allow averages over 10,000 steps."""
WIDTHS = {"r3gan": (4, 8, 16, 24, 32)}
"""Widths whose doubles form one group or groups of 16 channels; for other networks, every width from 2 on."""


def images_of(name):
    """The arrays of a file: training and held-out images [n, 32, 32, c], and labels if there are any.

    MNIST is uint8; the photographs are float32 in [-1, 1].
    """
    if name == "photos-apart":
        temple, flower = (np.round((half + 1) * 127.5).astype(np.uint8) for half in jg.data.photo_patches(apart=True))
        return {"x_train": temple, "x_test": flower}
    source = jg.data.from_tfds("mnist") if name == "mnist" else jg.data.embedded_pairs("photos-upscale")
    assert source.train and source.heldout
    if name == "mnist":
        x, x_test = (np.pad(part.x, ((0, 0), (2, 2), (2, 2), (0, 0))) for part in (source.train, source.heldout))
        return {"x_train": x, "x_test": x_test, "y_train": source.train.y, "y_test": source.heldout.y}
    return {"x_train": source.train.x, "x_test": source.heldout.x}


def written(name, folder):
    """The data as one file that all runs use."""
    path = folder / f"{name}.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **images_of(name))
    return path


def parameters(name, width, channels):
    """The number of parameters of both players."""
    network = jg.nn.NETWORKS[name]
    generator = network.generator(size=SIZE, channels=channels, width=width)
    discriminator = network.discriminator(width=width)
    image = (SIZE, SIZE, channels)
    return jg.nn.parameter_count(generator, (LATENT,)) + jg.nn.parameter_count(discriminator, image)


def width_for(name, wanted, channels):
    """The width whose number of parameters is closest to the target."""
    counts = {}
    for width in WIDTHS.get(name, itertools.count(2)):
        counts[width] = parameters(name, width, channels)
        if counts[width] >= wanted:
            break
    return min(counts, key=lambda width: abs(np.log(counts[width] / wanted)))


def trained(options, name, data, channels):
    """The run of one network, its width and its number of parameters."""
    folder = options.out / options.data / name
    width = width_for(name, options.parameters, channels)
    given = {
        "data": str(data),
        "recipe": (NETWORKS[name],),
        "generator": name,
        "discriminator": name,
        "set": ("batch_size=32", *SETTINGS.get(name, ())),
        "width": width,
        "latent_dim": LATENT,
        "seeds": options.seeds,
        "steps": options.steps,
        "samples": 2000,
    }
    jg.run_study("train", given, out=folder, again=True)
    return jg.load_run(folder), width, parameters(name, width, channels)


def row_of(options, name, data, channels):
    """The distance over seeds, the outcomes, and the median time of one step of one seed."""
    run, width, count = trained(options, name, data, channels)
    metric = run.metrics[0]
    values = run.values[metric.name][0]
    counted = np.where(np.isnan(values), metric.worst, values)
    lines = (run.folder / "log.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines if "seconds" in line]
    took = np.median([entry["seconds"] / (entry["steps"] * entry["runs"]) for entry in entries])  # whatever else ran
    return {
        "width": width,
        "parameters": count,
        "metric": metric.label,
        "values": values.tolist(),
        "distance": jg.iqm_interval(counted, rng=0)._asdict(),
        "yardsticks": dict(metric.yardsticks),
        "outcomes": run.outcomes[0].tolist(),
        "ms_per_step": 1000 * float(took),
    }


def table(kept):
    """Markdown, one row for each network."""
    first = next(iter(kept["networks"].values()))
    head = ["network", "recipe", "width", "parameters", first["metric"], "outcomes", "ms a step and seed"]
    lines = [head, ["---"] * len(head)]
    for name, row in kept["networks"].items():
        codes = row["outcomes"]
        counts = ", ".join(f"{codes.count(code)} {code}" for code in dict.fromkeys(codes))
        distance = "{estimate:.3g} [{low:.3g}, {high:.3g}]".format(**row["distance"])
        cells = [name, NETWORKS[name], str(row["width"]), f"{row['parameters']:,}", distance, counts]
        lines.append([*cells, f"{row['ms_per_step']:.3g}"])
    for name, value in first["yardsticks"].items():
        lines.append([f"*{name}*", "", "", "", f"{value:.3g}", "", ""])
    return (
        f"Interquartile mean over {kept['seeds']} seeds [95 % bootstrap interval] on {kept['data']}, "
        f"{kept['steps']:,} steps of batches of 32. A diverged seed counts as infinite.\n\n"
        + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        + f"\n\nCommand: `{kept['command']}`\n\n{jg.provenance_line(kept['machine'], kept['versions'])}\n"
    )


def draw(folder, names, path):
    """One row of samples for each network, equally many of every seed, below a row of real images."""
    runs = {name: jg.load_run(folder / name) for name in names}
    rows = {"data": next(iter(runs.values())).samples["real"][:SHOWN]}
    for name, run in runs.items():
        each = SHOWN // len(run.seeds)
        rows[name] = np.concatenate([own[:each] for own in run.samples["fake"][0]])
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(0.45 * columns + 0.8, 0.5 * len(rows)), dpi=200, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for own, (name, images) in zip(axes, rows.items(), strict=True):
        for axis in own:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        for axis, image in zip(own, images, strict=False):
            axis.imshow(np.clip((image + 1) / 2, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
        own[0].set_ylabel(name, fontsize=7, rotation=0, ha="right", va="center")
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["mnist", "photos", "photos-apart"], default="mnist",
                        help="images (default mnist)")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=4, help="runs of each network (default 4)")
    parser.add_argument("--steps", type=int, default=2000, help="updates of the generator (default 2000)")
    parser.add_argument("--parameters", type=int, default=100_000, help="total, approximate (default 100000)")
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS), help="(default all)")
    parser.add_argument("--out", type=Path, default=Path("architectures"), help="the folder for runs and results")
    options = parser.parse_args()
    jg.use_cpu_cores()
    about, data = jg.provenance(), written(options.data, options.out)
    channels = np.load(data)["x_test"].shape[-1]
    kept = {
        "command": f"python experiments/architectures.py --data {options.data} --seeds {options.seeds} "
        f"--steps {options.steps} --parameters {options.parameters} --networks {shlex.join(options.networks)}",
        "data": options.data,
        "seeds": options.seeds,
        "steps": options.steps,
        "machine": {name: value for name, value in about.items() if name not in ("versions", "commit")},
        "versions": about["versions"],
        "networks": {name: row_of(options, name, data, channels) for name in options.networks},
    }
    folder = options.out / options.data
    jg.write_json(folder / "results.json", kept)
    (folder / "table.md").write_text(table(kept))
    draw(folder, options.networks, folder / "samples.png")
    print(table(kept))


if __name__ == "__main__":
    main()
