"""Is the latent space smooth? How evenly images change along latent paths, for DCGAN, BigGAN and StyleGAN2.

    python experiments/smoothness.py [--runs architectures/mnist] [--out smoothness]

Uses the runs of experiments/architectures.py on labelled images. Paths connect pairs of latents: great circles in z
and, for networks with a mapping network, lines in w. The features of a classifier trained on the data measure the
distance between images on a path. For each path: its length, the ratio of the length to the distance between its ends,
the unevenness of its steps, and its largest step. For short steps at random places: their squared length in units of
the latent step, the perceptual path length, which is comparable only on the same data set. Both lengths are given with
their spread over paths. The theory of GANs does not guarantee smoothness; a jump appears as a step many times larger
than the mean. The noise of a StyleGAN2 is the same on all paths.

Writes results.json, table.md and smoothness.png. Takes a few minutes on two cores.
"""

import argparse
import shlex
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jaxgan as jg

NETWORKS = ("dcgan", "biggan", "stylegan2")
PATHS, POINTS, EPSILON = 100, 33, 1e-2
MEASURES = {
    "length": "length",
    "length_spread": "its spread",
    "detour": "length / distance of the ends",
    "unevenness": "deviation of steps / their mean",
    "largest": "largest step / mean",
    "ppl": "perceptual path length",
    "ppl_spread": "its spread",
}


def spaces_of(generator, key):
    """For each latent space: (t [paths, k]) -> images [paths, k, ...] on the same paths."""
    z = jax.random.normal(key, (2, PATHS, generator.latent_dim))

    def images(decode, path, ends, t):
        latents = jax.vmap(path)(*ends, t)
        made = decode(latents.reshape(-1, *latents.shape[2:]))
        return made.reshape(*t.shape, *made.shape[1:])

    found = {"z": partial(images, generator.generate, jg.spherical_path, z)}
    if generator.mapping is not None:
        found["w"] = partial(images, generator.synthesis, jg.linear_path, [generator.mapping(end) for end in z])
    return found


def measured(generator, features, key):
    """For each space: the measures of `path_report` and the perceptual path length, as means over paths and as their
    spread, the standard deviation over paths divided by the mean; and the steps of one path.
    """
    found = {}
    for name, images in spaces_of(generator, key).items():

        def of(t, images=images):
            x = images(t)
            return np.asarray(features(x.reshape(-1, *x.shape[2:]))).reshape(*x.shape[:2], -1)

        even = jnp.broadcast_to(jnp.linspace(0, 1, POINTS), (PATHS, POINTS))
        walked = of(even)
        report = jg.metrics.path_report(walked)
        t = jax.random.uniform(jax.random.fold_in(key, 1), (PATHS, 1)) * (1 - EPSILON)
        pair = of(jnp.concatenate([t, t + EPSILON], axis=1))
        ppl = jg.metrics.perceptual_path_length(pair[:, 0], pair[:, 1], EPSILON)
        steps = np.linalg.norm(np.diff(walked[0], axis=0), axis=1)
        found[name] = {"steps": steps.tolist()}
        for measure, values in (report._asdict() | {"ppl": ppl}).items():
            mean, deviation = np.mean(values), np.std(values)
            found[name] |= {measure: float(mean), f"{measure}_spread": float(deviation / mean)}
    return found


def table(kept):
    """Markdown, one row for each network and space."""
    lines = [["network", "space", *MEASURES.values()]]
    lines.append(["---"] * len(lines[0]))
    for name, spaces in kept["networks"].items():
        for space, seeds in spaces.items():
            values = {measure: np.array([seed[measure] for seed in seeds]) for measure in MEASURES}
            cells = [jg.iqm_interval(np.where(np.isnan(v), np.inf, v), rng=0) for v in values.values()]
            lines.append([name, space, *(f"{c.estimate:.3g} [{c.low:.3g}, {c.high:.3g}]" for c in cells)])
    return (
        f"Means over {PATHS} paths of {POINTS} images, and spread, the standard deviation over paths divided by the "
        f"mean: interquartile mean over seeds [95 % bootstrap interval]. Perceptual path lengths are those of steps of "
        f"{EPSILON:g} of a path. A seed without a finite value counts as infinite.\n\n"
        + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        + f"\n\nCommand: `{kept['command']}`\n\n{jg.provenance_line(kept['machine'], kept['versions'])}\n"
    )


def draw(kept, path):
    """The steps of every seed's first path, with a panel for each network and space."""
    panels = [(name, space, seeds) for name, spaces in kept["networks"].items() for space, seeds in spaces.items()]
    figure = Figure(figsize=(3.2 * len(panels), 2.8), dpi=200, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (name, space, seeds) in zip(axes, panels, strict=True):
        for seed in seeds:
            steps = np.array(seed["steps"])
            axis.plot(np.arange(1, len(steps) + 1) / len(steps), steps / steps.mean(), linewidth=1)
        axis.axhline(1, color="black", linewidth=1, linestyle=":")
        axis.set_title(f"{name}, in {space}", fontsize=9, loc="left")
        axis.set_xlabel("place on the path", fontsize=8)
        axis.tick_params(labelsize=7)
    axes[0].set_ylabel("step / mean step", fontsize=8)
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("architectures/mnist"), help="their folder")
    parser.add_argument(
        "--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS), help="of these (default all)"
    )
    parser.add_argument("--out", type=Path, default=Path("smoothness"), help="the folder for results")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    source = jg.data.from_path(options.runs.parent / f"{options.runs.name}.npz", labels=True)
    assert source.train and source.heldout
    classifier = jg.classifier_features(source.train, source.heldout, len(source.classes))
    about = jg.provenance()
    networks: dict[str, dict[str, list]] = {}
    for name in options.networks:
        run = jg.load_run(options.runs / name)
        for seed in run.seeds.tolist():
            generator = run.generator(seed=seed)
            found = measured(generator, lambda x: classifier.apply(x)[0], jax.random.key(seed))
            for space, values in found.items():
                networks.setdefault(name, {}).setdefault(space, []).append(values)
    kept = {
        "command": f"python experiments/smoothness.py --runs {shlex.quote(str(options.runs))} "
        f"--networks {shlex.join(options.networks)}",
        "machine": {name: value for name, value in about.items() if name not in ("versions", "commit")},
        "versions": about["versions"],
        "epsilon": EPSILON,
        "networks": networks,
    }
    jg.write_json(options.out / "results.json", kept)
    (options.out / "table.md").write_text(table(kept))
    draw(kept, options.out / "smoothness.png")
    print(table(kept))


if __name__ == "__main__":
    main()
