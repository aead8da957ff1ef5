"""Seven ways to condition both players on a class: do samples match it, and is each class as varied as its data?

    python experiments/conditioning.py [--data digits] [--seeds 8] [--steps 3000] [--out conditioning]

The generator of a DCGAN receives the class by concatenation, by an embedding, or through a scale and offset of every
BatchNorm for each class. The discriminator takes the class as input, projects on it, or predicts it (auxiliary
classifier). A classifier trained on the data assigns samples to classes; a generator that ignores its class matches in
one of ten cases. Writes `results.json` and `table.md`. Finished runs are not trained again, only extended to more steps
or seeds, and runs of other options are refused; `jaxgan sample RUN` draws one of them by class. Takes about five
minutes on two cores.
"""

import argparse
from pathlib import Path

import numpy as np

import jaxgan as jg

WAYS = (
    ("concatenation", "concatenation"),
    ("embedding", "embedding"),
    ("product", "projection"),
    ("batch_norm", "concatenation"),
    ("concatenation", "projection"),
    ("embedding+batch_norm", "projection"),
    ("embedding+batch_norm", "classifier"),
)
"""Conditioning of the generator and of the discriminator; the last but one is the default."""
MEASURES = {
    "class_accuracy": "right, mean over classes",
    "class_frechet": "Fréchet distance within a class",
    "class_spread": "spread within a class",
}


def trained(options, generator, discriminator):
    """The runs of one combination."""
    folder = options.out / f"{generator}-{discriminator}".replace("+", "-")
    given = {
        "data": options.data,
        **({"loss": ("non_saturating",)} if options.recipe is None else {"recipe": (options.recipe,)}),
        "conditional": True,
        "network": (f"generator:condition={generator}", f"discriminator:condition={discriminator}"),
        "set": ("ema=0.99", *options.set),
        "width": options.width,
        "seeds": options.seeds,
        "steps": options.steps,
        "samples": 2000,
    }
    jg.run_study("train", given, out=folder, again=True)
    return jg.load_run(folder)


def row_of(run):
    """Means over classes for each seed, with intervals over seeds; the worst class; outcomes."""
    found = {}
    for name in MEASURES:
        by_seed = run.samples[name][0].mean(axis=1)
        found[name] = jg.iqm_interval(by_seed, rng=0)._asdict() | {"real": float(run.samples[f"{name}_data"].mean())}
    accuracy = run.samples["class_accuracy"][0]
    return found | {
        "worst_class": float(np.median(accuracy.min(axis=1))),
        "by_class": np.median(accuracy, axis=0).tolist(),
        "outcomes": run.outcomes[0].tolist(),
    }


def table(kept):
    """Markdown, one row for each combination, and one for real data."""
    head = ["generator", "discriminator", *MEASURES.values(), "right, worst class", "failed"]
    lines = [head, ["---"] * len(head)]
    for way, row in kept["ways"].items():
        failed = sum(code not in ("HEALTHY", "PARTIALLY_COLLAPSED", "OVERFITTED") for code in row["outcomes"])
        cells = ["{estimate:.3g} [{low:.3g}, {high:.3g}]".format(**row[name]) for name in MEASURES]
        lines.append([*way.split(" / "), *cells, f"{row['worst_class']:.3g}", f"{failed} of {len(row['outcomes'])}"])
    real = next(iter(kept["ways"].values()))
    lines.append(["*real data*", "", *(f"{real[name]['real']:.3g}" for name in MEASURES), "", ""])
    return (
        f"Interquartile mean over {kept['seeds']} seeds [95 % bootstrap interval] of the mean over classes, on "
        f"{kept['data']}, {kept['steps']:,} steps; the worst class of a seed, its median over seeds. Real data: "
        "held-out against training images.\n\n"
        + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        + f"\n\nCommand: `{kept['command']}`\n\n{jg.provenance_line(kept['machine'], kept['versions'])}\n"
    )


def _more(options):
    """Further options, as words of the command."""
    words = [f" --recipe {options.recipe}"] if options.recipe else []
    words += [f" --set {' '.join(options.set)}"] if options.set else []
    return "".join(words + ([f" --ways {' '.join(map(str, options.ways))}"] if options.ways else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="labelled images (default digits)")
    parser.add_argument("--seeds", type=int, default=8, help="runs of each combination (default 8)")
    parser.add_argument("--steps", type=int, default=3000, help="updates of the generator (default 3000)")
    parser.add_argument("--width", type=int, default=32, help="channels next to the image (default 32)")
    parser.add_argument("--recipe", help="recipe to use instead of the non-saturating loss, such as r1_gan")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the recipe")
    parser.add_argument("--ways", type=int, nargs="*", help="only these combinations, numbered from 0 (default all)")
    parser.add_argument("--out", type=Path, default=Path("conditioning"), help="the folder for runs and results")
    options = parser.parse_args()
    jg.use_cpu_cores()
    ways = WAYS if options.ways is None else [WAYS[i] for i in options.ways]
    about = jg.provenance()
    kept = {
        "command": f"python experiments/conditioning.py --data {options.data} --seeds {options.seeds} "
        f"--steps {options.steps} --width {options.width}" + _more(options),
        "data": options.data,
        "seeds": options.seeds,
        "steps": options.steps,
        "machine": {name: value for name, value in about.items() if name not in ("versions", "commit")},
        "versions": about["versions"],
        "ways": {" / ".join(way): row_of(trained(options, *way)) for way in ways},
    }
    jg.write_json(options.out / "results.json", kept)
    (options.out / "table.md").write_text(table(kept))
    print(table(kept))


if __name__ == "__main__":
    main()
