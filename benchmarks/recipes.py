"""The question: what does each recipe, each term and each update rule cost, relative to a step of the plain GAN?

`python -m benchmarks.recipes [--workloads ring dcgan8] [--seeds 16] [--rounds 5] [--out FOLDER]` trains the same
networks on the same batches with `ns_gan`, every other recipe, `ns_gan` with one additional term, and every update
rule; all take turns in every round. It writes `results.json` and `table.md`; ratios are computed within rounds.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jax
import optax

from benchmarks import jaxgan_form, machine, report
from benchmarks.report import number, table
from benchmarks.workloads import WORKLOADS, Workload
from jaxgan import augment, dynamics, recipes, terms
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.types import Algorithm, Game, Term

BASE = "ns_gan"


def _shift(x: jax.Array, key: jax.Array) -> jax.Array:
    """Change examples at negligible cost, so that the time is that of the consistency term."""
    return x + 0.01


D_TERMS: dict[str, Callable[..., Term]] = {
    "r1": terms.r1,
    "r2": terms.r2,
    "gradient_penalty": terms.gradient_penalty,
    "zero_centered_gradient_penalty": terms.zero_centered_gradient_penalty,
    "dragan": terms.dragan,
    "every(16, r1)": lambda: terms.every(16, terms.r1()),
    "lecam": terms.lecam,
    "consistency": lambda: terms.consistency(_shift),
    "balanced_consistency": lambda: terms.balanced_consistency(_shift),
    "latent_consistency": terms.latent_consistency,
    "orthogonal": terms.orthogonal,
}
G_TERMS: dict[str, Callable[..., Term]] = {
    "feature_matching": terms.feature_matching,
    "path_length": terms.path_length,
    "every(4, path_length)": lambda: terms.every(4, terms.path_length()),
    "latent_diversity": terms.latent_diversity,
}
RULES: dict[str, Callable[..., Algorithm]] = {
    "simultaneous": lambda game, g, d, n: dynamics.simultaneous(game, g, d, batch_size=n),
    "optimistic": lambda game, g, d, n: dynamics.optimistic(game, g, d, batch_size=n),
    "extragradient": lambda game, g, d, n: dynamics.extragradient(game, g, d, batch_size=n),
    "consensus": lambda game, g, d, n: dynamics.consensus(game, g, d, batch_size=n),
    "symplectic": lambda game, g, d, n: dynamics.symplectic(game, g, d, batch_size=n),
    "unrolled, 5 steps": lambda game, g, d, n: dynamics.unrolled(game, g, d, batch_size=n),
    "lookahead": lambda game, g, d, n: dynamics.lookahead(dynamics.alternating(game, g, d, batch_size=n)),
    "averaged": lambda game, g, d, n: dynamics.averaged(dynamics.alternating(game, g, d, batch_size=n), 0.999),
}


def algorithms(workload: Workload) -> dict[str, Algorithm]:
    """Return all algorithms to be timed, by kind and name, with the base first.

    Example:
      >>> from benchmarks.workloads import WORKLOADS
      >>> list(algorithms(WORKLOADS["ring"]))[:3]
      ['recipe ns_gan', 'recipe minimax_gan', 'recipe wgan']
    """
    networks, prior, n = jaxgan_form.networks(workload), normal_prior(workload.latent), workload.batch
    tx = optax.adam(workload.learning_rate, workload.beta1, eps_root=1e-16)

    def plain(**options: Any) -> Game:
        return adversarial_game(*networks, prior, non_saturating, **options)

    unpaired = [recipe for recipe in recipes.ALL if recipe is not recipes.pix2pix]  # needs pairs of images
    ordered = sorted(unpaired, key=lambda recipe: recipe.__name__ != BASE)
    found = {f"recipe {recipe.__name__}": recipe(*networks, prior, batch_size=n) for recipe in ordered}
    games = {name: plain(d_terms=(make(),)) for name, make in D_TERMS.items()}
    games |= {name: plain(g_terms=(make(),)) for name, make in G_TERMS.items()}
    found |= {f"term {name}": dynamics.alternating(game, tx, tx, batch_size=n) for name, game in games.items()}
    if workload.is_image:
        changed = plain(augment=augment.diff_augment())
        found["augmentation diff_augment"] = dynamics.alternating(changed, tx, tx, batch_size=n)
    return found | {f"rule {name}": rule(plain(), tx, tx, n) for name, rule in RULES.items()}


def measure(workload: Workload, seeds: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Return ms per seed and step of every algorithm for each round."""
    forms, steps = {}, {}
    for name, algorithm in algorithms(workload).items():
        form = jaxgan_form.make(workload, seeds, rule=algorithm)
        form.run(26)  # past WGAN's first steps, which have a hundred critic updates each
        clock = time.perf_counter()
        form.run(4)
        steps[name] = max(2, round(4 * seconds / (time.perf_counter() - clock)))
        forms[name] = form
        print(f"{workload.name}: {name} compiled in {form.facts['compile_seconds']:.1f} s", flush=True)
    ms: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(rounds):
        for name in list(forms)[:: -1 if turn % 2 else 1]:
            clock = time.perf_counter()
            forms[name].run(steps[name])
            ms[name].append(1e3 * (time.perf_counter() - clock) / steps[name] / seeds)
    return [
        {"workload": workload.name, "seeds": seeds, "name": name, "ms": ms[name],
         "compile_seconds": forms[name].facts["compile_seconds"]}
        for name in forms
    ]  # fmt: skip


def ratios(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> list[float]:
    """Return the ratios of times to the base's times in the same round."""
    base = next(r for r in rows if r["name"] == f"recipe {BASE}" and r["workload"] == row["workload"])
    return [own / other for own, other in zip(row["ms"], base["ms"], strict=True)]


def markdown(results: dict[str, Any]) -> str:
    rows, parts = results["rows"], [machine.sentence(results["machine"]), f"Command: `{results['command']}`"]
    for workload in dict.fromkeys(row["workload"] for row in rows):
        own = [row for row in rows if row["workload"] == workload]
        parts.append(f"**{WORKLOADS[workload].title}**, {own[0]['seeds']} seeds:")
        cells = []
        for row in own:
            kind, _, name = row["name"].partition(" ")
            times = ratios(row, rows)
            spread = f"{number(median(times))} ({number(min(times))} to {number(max(times))})"
            cells.append([kind, name, spread, number(median(row["ms"])), number(row["compile_seconds"])])
        parts.append(table(["kind", "name", f"times {BASE}", "ms per seed and step", "seconds to compile"], cells))
    parts.append(
        "A step is one generator update with all its discriminator updates, at the workload's batch size. WGAN's has 5 "
        "critic updates; the longer steps, every 500th, are not timed. Terms are added to the plain GAN with "
        "alternating updates."
    )
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["ring", "dcgan8"])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.4, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/recipe-costs"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jaxgan_form.use_devices()
    rows = []
    for name in options.workloads:
        rows += measure(WORKLOADS[name], options.seeds, options.rounds, options.seconds)
    words = [*options.workloads, "--seeds", str(options.seeds), "--rounds", str(options.rounds)]
    command = " ".join(["python -m benchmarks.recipes --workloads", *words, f"--seconds {options.seconds:g}"])
    results = {"command": command, "machine": machine.describe(), "rows": rows}
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
