"""Seven ways to bring a class to both players: is it obeyed, and is each class as varied as the data of it?

    python experiments/conditioning.py [--data digits] [--seeds 8] [--steps 3000] [--out conditioning]

A DCGAN is asked for pictures by their class: by concatenation, by an embedding, by a scale and an offset of every
BatchNorm for each class, with a discriminator that gets the class, projects on it, or tells it (an auxiliary
classifier). Samples are put into classes by a classifier that was trained on the data; a generator that ignores its
class is right in one of ten. Writes `results.json` and `table.md`; a run that is there is not trained again. Takes
some five minutes on two cores.
"""

import argparse
import json
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
"""Of the generator and of the discriminator; the last but one is the default."""
MEASURES = {
    "class_accuracy": "right, mean over classes",
    "class_frechet": "Fréchet distance within a class",
    "class_spread": "spread within a class",
}


def trained(options, generator, discriminator):
    """The runs of one way."""
    folder = options.out / f"{generator}-{discriminator}".replace("+", "-")
    if not (folder / "results.nc").is_file():
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
    """Means over classes by seed, with intervals over seeds; the worst class of any seed; failures."""
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
    """Markdown, a row a way, and one of real data."""
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
    """What else was asked for, as words of the command."""
    words = [f" --recipe {options.recipe}"] if options.recipe else []
    words += [f" --set {' '.join(options.set)}"] if options.set else []
    return "".join(words + ([f" --ways {' '.join(map(str, options.ways))}"] if options.ways else []))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits", help="labelled images (default digits)")
    parser.add_argument("--seeds", type=int, default=8, help="runs of each way (default 8)")
    parser.add_argument("--steps", type=int, default=3000, help="updates of the generator (default 3000)")
    parser.add_argument("--width", type=int, default=32, help="channels next to the image (default 32)")
    parser.add_argument("--recipe", help="in place of the non-saturating loss, such as r1_gan")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the recipe")
    parser.add_argument("--ways", type=int, nargs="*", help="only these, by number from 0 (default all)")
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
    (options.out / "results.json").write_text(json.dumps(kept, indent=1) + "\n")
    (options.out / "table.md").write_text(table(kept))
    print(table(kept))


if __name__ == "__main__":
    main()
