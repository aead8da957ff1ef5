"""What does truncation gain, and what does it cost? Precision against recall, for BigGAN and StyleGAN2.

    python experiments/truncation.py [--runs architectures/mnist] [--out truncation]

Uses the runs of experiments/architectures.py on labelled images. Their generators are sampled with latents closer and
closer to the centre. For BigGAN there are two forms: that of the paper, which redraws z until |z| is below a threshold,
and that of the published code, a scaled normal truncated at 2. StyleGAN2 is truncated in w, towards its running mean.
The share of samples that lie within the data (precision) and the share of the data covered by samples (recall) are
measured in the features of a classifier trained on the data, and compared with the values of training images.

Writes results.json, table.md and truncation.png. Takes a few minutes on two cores.
"""

import argparse
import shlex
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

import jaxgan as jg

WAYS = {
    "paper's z": ("biggan", "resampled", (0.1, 0.3, 0.6, 1.0, 2.0)),
    "code's z": ("biggan", "scaled", (0.1, 0.3, 0.5, 0.7, 1.0)),
    "w": ("stylegan2", "w", (0.1, 0.3, 0.5, 0.7, 0.85)),
}
"""By name: the network, the method of `jg.truncated_sampler`, and its values; "no truncation" is added last."""
MEASURES = ("precision", "recall", "frechet")
SAMPLES, SHOWN = 2000, 10


def names_of(way):
    _, kind, values = WAYS[way]
    return [*(f"{kind}:{value}" for value in values), None]


def measured(features, images, heldout):
    """The measures of images against held-out features [n, d] of the same classifier; the worst if not finite."""
    if not np.isfinite(images).all():
        return {"precision": 0.0, "recall": 0.0, "frechet": np.inf}
    found = np.concatenate([np.asarray(features(part)) for part in np.array_split(images, 4)])
    distance = jg.metrics.frechet_distance(jg.metrics.moments(found), jg.metrics.moments(heldout))
    return jg.metrics.precision_recall(found, heldout)._asdict() | {"frechet": distance}


def curves_of(options, features, heldout):
    """The measures of each seed by method and truncation, and the first seed's images from the same keys."""
    found: dict[str, dict[str, list]] = {}
    shown: dict[tuple[str, str], np.ndarray] = {}
    for way in options.ways:
        run = jg.load_run(options.runs / WAYS[way][0])
        for seed in run.seeds.tolist():
            generator = run.generator(seed=seed)
            for name in names_of(way):
                draw = jg.truncated_sampler(generator, name)
                images = np.asarray(draw(jax.random.key(seed), len(heldout), None))
                values = measured(features, images, heldout)
                found.setdefault(way, {}).setdefault(name or "none", []).append(values)
                shown.setdefault((way, name or "none"), images[:SHOWN])
    return found, shown


def interval(seeds, measure):
    return jg.iqm_interval(np.array([seed[measure] for seed in seeds]), rng=0)


def table(kept):
    """Markdown, one row for each truncation."""
    lines = [["network", "truncation", "precision", "recall", "Fréchet distance"]]
    lines.append(["---"] * len(lines[0]))
    for way, rows in kept["ways"].items():
        for name, seeds in rows.items():
            cells = [interval(seeds, measure) for measure in MEASURES]
            label = name if name != "none" else f"none ({way})"
            lines.append([WAYS[way][0], label, *(f"{c.estimate:.3g} [{c.low:.3g}, {c.high:.3g}]" for c in cells)])
    lines.append(["*training images*", "", *(f"{kept['data'][measure]:.3g}" for measure in MEASURES)])
    return (
        f"{SAMPLES:,} samples of each seed against as many held-out images: interquartile mean over "
        f"{kept['seeds']} seeds [95 % bootstrap interval].\n\n"
        + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        + f"\n\nCommand: `{kept['command']}`\n\n{jg.provenance_line(kept['machine'], kept['versions'])}\n"
    )


def draw(kept, shown, path):
    """Left: precision over recall, a line per method, strong truncation to none; right: the first seed's samples."""
    figure = Figure(figsize=(9, 5), dpi=200, layout="constrained")
    halves: Any = figure.subfigures(1, 2)
    left, right = halves
    axis = left.subplots()
    for way, rows in kept["ways"].items():
        recall, precision = (
            np.array([interval(seeds, measure) for seeds in rows.values()]) for measure in ("recall", "precision")
        )
        bars = [np.abs(ends[:, 1:] - ends[:, :1]).T for ends in (recall, precision)]
        middle = recall[:, 0], precision[:, 0]
        line, *_ = axis.errorbar(*middle, bars[1], bars[0], "o-", label=f"{WAYS[way][0]}, {way}", capsize=2, ms=3)
        for (x, *_), (y, *_), name in zip(recall, precision, rows, strict=True):
            axis.annotate(name.partition(":")[2] or "none", (x, y), (3, 3), textcoords="offset points", fontsize=6,
                          color=line.get_color())  # fmt: skip
    axis.plot(kept["data"]["recall"], kept["data"]["precision"], "k*", label="training images")
    axis.set_xlabel("recall", fontsize=8)
    axis.set_ylabel("precision", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.legend(fontsize=7, frameon=False)
    axes = right.subplots(len(shown), SHOWN, squeeze=False)
    for own, ((way, name), images) in zip(axes, shown.items(), strict=True):
        for cell, image in zip(own, images, strict=True):
            cell.imshow(np.clip((image + 1) / 2, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
        label = f"{way} {name.partition(':')[2] or 'none'}"
        own[0].set_ylabel(label, fontsize=6, rotation=0, ha="right", va="center")
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("architectures/mnist"), help="their folder")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS), help="only these (default all)")
    parser.add_argument("--out", type=Path, default=Path("truncation"), help="the folder for results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    source = jg.data.from_path(options.runs.parent / f"{options.runs.name}.npz", labels=True)
    assert source.train and source.heldout
    classifier = jg.classifier_features(source.train, source.heldout, len(source.classes))

    def features(images):
        return classifier.apply(images)[0]

    chosen = np.random.default_rng(0).permutation(len(source.heldout.x))[:SAMPLES]
    heldout = np.asarray(features(jg.data.to_unit(source.heldout.x[chosen])))
    about = jg.provenance()
    ways, shown = curves_of(options, features, heldout)
    kept = {
        "command": f"python experiments/truncation.py --runs {shlex.quote(str(options.runs))} "
        f"--ways {shlex.join(options.ways)}",
        "seeds": len(next(iter(next(iter(ways.values())).values()))),
        "machine": {name: value for name, value in about.items() if name not in ("versions", "commit")},
        "versions": about["versions"],
        "data": measured(features, jg.data.to_unit(source.train.x[chosen]), heldout),
        "ways": ways,
    }
    jg.write_json(options.out / "results.json", kept)
    (options.out / "table.md").write_text(table(kept))
    draw(kept, shown, options.out / "truncation.png")
    print(table(kept))


if __name__ == "__main__":
    main()
