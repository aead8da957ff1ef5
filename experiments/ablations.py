"""What do style mixing, path length, orthogonal regularization and self-attention do to small networks?

    python experiments/ablations.py [--data tfds:mnist] [--seeds 8] [--steps 1500] [--out ablations]

Each technique is turned on and off over common seeds, with everything else unchanged: the first two in StyleGAN2, the
other two in BigGAN, on images of 16 x 16 pixels. Settings that differ only in numbers, the weights of the two
penalties, share a compiled program; a network field has one program for each of its values. Differences are paired by
seed and use the measured values of all seeds, failed or not, because small networks do not produce good pictures in so
few steps.

Writes results.json and table.md. Finished runs are not trained again, only extended to more steps or seeds; runs of
other options are refused. Takes an hour or two on two cores.
"""

import argparse
import shlex
from pathlib import Path

import numpy as np

import jaxgan as jg

SIZE = 16
COMMON = {"stylegan2": ("batch_size=32",), "biggan": ("batch_size=32", "ema=0.999")}
ABLATIONS = {
    "style mixing": ("stylegan2", "style_mixing", (0.0, 0.9)),
    "path length": ("stylegan2", "path_weight", (0.0, 2.0)),
    "orthogonal regularization": ("biggan", "orthogonal", (0.0, 1e-4)),
    "self-attention at 8 pixels": ("biggan", "attention", (0, 8)),
}
"""By name: the network and recipe, the setting, and its values for off and on."""
SETTINGS = ("path_weight", "orthogonal")
"""Settings of recipes, which can be swept; the others are fields of networks."""


def trained(options, name):
    """(values [2, seeds], failed [2, seeds], metric label) of an ablation, for off and on."""
    recipe, turned, values = ABLATIONS[name]
    given = {
        "data": options.data,
        "image_size": SIZE,
        "recipe": (recipe,),
        "generator": recipe,
        "discriminator": recipe,
        "set": COMMON[recipe],
        "width": options.width,
        "latent_dim": 64,
        "seeds": options.seeds,
        "steps": options.steps,
        "samples": 2000,
    }
    folder = options.out / name.replace(" ", "-")
    if turned in SETTINGS:
        job, arms = "study", {folder: given | {"vary": (f"{turned}={','.join(map(str, values))}",)}}
    else:
        players = ("generator",) if turned == "style_mixing" else ("generator", "discriminator")
        fields = {value: tuple(f"{player}:{turned}={value}" for player in players) for value in values}
        job = "train"
        arms = {folder / str(value): given | {"network": network} for value, network in fields.items()}
    runs = []
    for where, own in arms.items():
        jg.run_study(job, own, out=where, again=True)
        runs.append(jg.load_run(where))
    metric = runs[0].metrics[0]
    found = np.concatenate([run.values[metric.name] for run in runs])
    return found, np.concatenate([run.failed for run in runs]), metric


def row_of(options, name):
    values, failed, metric = trained(options, name)
    off, on = np.where(np.isnan(values), metric.worst, values)
    none = np.zeros(len(on), bool)
    compared = jg.compare_pairs(on, off, none, none, worst=metric.worst, rng=0)
    return {
        "metric": metric.label,
        "off": jg.iqm_interval(off, rng=0)._asdict(),
        "on": jg.iqm_interval(on, rng=0)._asdict(),
        "failed": failed.sum(axis=1).tolist(),
        "difference": compared.difference._asdict(),
        "p": compared.p,
        "values": values.tolist(),
    }


def table(kept):
    """Markdown, one row for each ablation."""
    rows = kept["ablations"]
    metric = next(iter(rows.values()))["metric"]
    lines = [["", "network", f"{metric}, off", "on", "on minus off, paired", "p", "failed, off", "on"]]
    lines.append(["---"] * len(lines[0]))

    def told(interval):
        return "{estimate:.3g} [{low:.3g}, {high:.3g}]".format(**interval)

    for name, row in rows.items():
        cells = [name, ABLATIONS[name][0], told(row["off"]), told(row["on"]), told(row["difference"])]
        lines.append([*cells, f"{row['p']:.2g}", *(f"{count} of {kept['seeds']}" for count in row["failed"])])
    return (
        f"Interquartile mean over {kept['seeds']} seeds [95 % bootstrap interval] on {kept['data']} at {SIZE} pixels, "
        f"{kept['steps']:,} steps. A diverged seed counts as infinite.\n\n"
        + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        + f"\n\nCommand: `{kept['command']}`\n\n{jg.provenance_line(kept['machine'], kept['versions'])}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="tfds:mnist", help="images (default tfds:mnist)")
    parser.add_argument("--seeds", type=int, default=8, help="runs of each (default 8)")
    parser.add_argument("--steps", type=int, default=1500, help="updates of the generator (default 1500)")
    parser.add_argument("--width", type=int, default=8, help="channels at the full size (default 8)")
    parser.add_argument("--only", nargs="*", choices=ABLATIONS, default=list(ABLATIONS), help="(default all)")
    parser.add_argument("--out", type=Path, default=Path("ablations"), help="the folder for runs and results")
    options = parser.parse_args()
    jg.use_cpu_cores()
    about = jg.provenance()
    kept = {
        "command": f"python experiments/ablations.py --data {options.data} --seeds {options.seeds} "
        f"--steps {options.steps} --width {options.width} --only {shlex.join(options.only)}",
        "data": options.data,
        "seeds": options.seeds,
        "steps": options.steps,
        "machine": {name: value for name, value in about.items() if name not in ("versions", "commit")},
        "versions": about["versions"],
        "ablations": {name: row_of(options, name) for name in options.only},
    }
    jg.write_json(options.out / "results.json", kept)
    (options.out / "table.md").write_text(table(kept))
    print(table(kept))


if __name__ == "__main__":
    main()
