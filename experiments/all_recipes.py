"""Every recipe for points on the ring and the grid: 16 seeds each, one compiled program per recipe, and one table.

    python experiments/all_recipes.py [--seeds 16] [--steps 4000] [--out all-recipes]

Everything except the method is the same: the networks (2 x 128 ReLU, 2 latents), batches of 128, the number of steps
and the generator's learning rate of 1e-3. Each recipe keeps its own loss, terms, update rule, optimizer and
coefficients, and the ratio of its two learning rates. This does not compare tuned methods: coefficients that a paper
chose for images are used unchanged. `dcgan` differs from `ns_gan` only in batch size, so with equal batches their
results are identical. Takes about an hour on two cores; finished recipes are kept and not trained again.
"""

import argparse
import inspect
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan as jg

RATE, BATCH, SAMPLES = 1e-3, 128, 2500
MIXTURES = {"ring": jg.data.ring, "grid": jg.data.grid}


def algorithm_of(recipe):
    """The recipe with the common networks, batch size and learning rate; keeps its ratio of rates."""
    defaults = {name: p.default for name, p in inspect.signature(recipe).parameters.items()}
    rates = {"lr_g": RATE, "lr_d": RATE * defaults["lr_d"] / defaults["lr_g"]}
    networks = jg.nn.MLPGenerator(2, (128, 128)), jg.nn.MLPDiscriminator((128, 128))
    return recipe(*networks, jg.normal_prior(2), batch_size=BATCH, **rates)


def train(recipe, source, seeds, steps):
    """The modes, quality and outcome of every seed."""
    algorithm = algorithm_of(recipe)

    def probe(key, state):
        x = algorithm.game.sample(key, *jg.best_generator(state), SAMPLES)
        return jg.metrics.mode_report(x, source.mixture.means, source.mixture.sigma), jnp.isfinite(x).all()

    print(f"{recipe.__name__} on {source.name}")
    keys = jg.seed_keys(jax.random.key(0), seeds)
    result = jax.device_get(jg.run_seeds(algorithm, source.sample, keys, steps, probe=probe, progress=True))
    report, finite = jax.tree.map(lambda a: a[:, -1], result.probes)
    codes = jg.classify(
        [result.info.g_loss, result.info.d_loss],
        result.info.g_grad_norm,
        finite,
        captured=(report.captured, len(source.mixture.means)),
        high_quality=(report.high_quality, 1 - np.exp(-4.5)),  # value of a perfect sampler in the plane
    )
    return {
        "modes": report.captured.tolist(),
        "quality": report.high_quality.tolist(),
        "outcomes": [jg.Outcome(code).name for code in codes],
    }


def table(kept):
    """Markdown, one row for each recipe: interquartile means over seeds with 95 % intervals, and failures."""
    mixtures = list(MIXTURES)
    head = ["recipe"]
    for name in mixtures:
        mixture = MIXTURES[name]().mixture
        assert mixture  # the modes are known
        of = len(mixture.means)
        head += [f"{name}: modes of {of}", f"{name}: quality", f"{name}: failed"]
    lines = [head, ["---"] * len(head)]
    for recipe, found in kept["results"].items():
        cells = [recipe]
        for name in mixtures:
            if name not in found:
                cells += [""] * 3
                continue
            row = found[name]
            failed = [code for code in row["outcomes"] if code != "HEALTHY"]
            share = jg.wilson_interval(len(failed), len(row["outcomes"]))
            reasons = ", ".join(f"{failed.count(code)} {code}" for code in sorted(set(failed)))
            cells += [
                "{:.3g} [{:.3g}, {:.3g}]".format(*jg.iqm_interval(row["modes"], rng=0)),
                "{:.2f} [{:.2f}, {:.2f}]".format(*jg.iqm_interval(row["quality"], rng=0)),
                f"{len(failed)} [{share.low:.0%}, {share.high:.0%}] {reasons}".strip(),
            ]
        lines.append(cells)
    rows = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    setting = kept["setting"]
    return (
        f"Interquartile mean over {setting['seeds']} seeds [95 % bootstrap interval], {setting['steps']:,} steps. "
        "A mode counts as captured with a quarter of an even share of the samples. Quality is the share within 3 sigma "
        "of a mode, 0.989 for a perfect sampler; failures have their share's 95 % Wilson interval.\n\n"
        f"{rows}\n\n{jg.provenance_line(kept['machine'], kept['versions'])}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=16, help="independent runs of each recipe (default 16)")
    parser.add_argument("--steps", type=int, default=4000, help="generator updates (default 4000)")
    parser.add_argument("--out", type=Path, default=Path("all-recipes"), help="the folder for results and table")
    parser.add_argument("--recipes", nargs="*", help="only these (default all)")
    options = parser.parse_args()
    jg.use_cpu_cores()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "results.json"
    setting = {"seeds": options.seeds, "steps": options.steps, "rate": RATE, "batch": BATCH, "key": 0}
    kept = json.loads(file.read_text()) if file.exists() else {"setting": setting, "results": {}}
    if kept["setting"] != setting:
        parser.error(f"{file} was made with other settings, {kept['setting']}; choose another --out")
    now = {
        "command": f"python experiments/all_recipes.py --seeds {options.seeds} --steps {options.steps}",
        "machine": {name: value for name, value in jg.provenance().items() if name not in ("versions", "commit")},
        "versions": jg.provenance()["versions"],
    }
    if any(kept.setdefault(name, value) != value for name, value in now.items()):
        parser.error(f"{file} was begun with other versions or on another machine; choose another --out")
    for recipe in jg.recipes.ALL:
        if options.recipes and recipe.__name__ not in options.recipes:
            continue
        if recipe is jg.recipes.pix2pix:  # needs pairs of images
            continue
        found = kept["results"].setdefault(recipe.__name__, {})
        for name, mixture in MIXTURES.items():
            if name not in found:
                trained = train(recipe, mixture(), options.seeds, options.steps)
                found[name] = trained | {"commit": jg.provenance()["commit"]}
                file.write_text(json.dumps(kept, indent=1) + "\n")
    text = table(kept)
    (options.out / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
