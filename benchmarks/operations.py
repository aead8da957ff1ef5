"""The claim: a training step does only the necessary operations, at the rate of matrix products.

`python -m benchmarks.operations [--workloads ring dcgan32] [--seeds 16] [--rounds 7] [--out FOLDER]` counts the
floating-point operations of one step from the shapes of its layers, and compares them with the compiler's count for a
program of one step (not in a loop, because the compiler counts the body of a loop only once). It then times the step
and a large matrix product in turns. It writes `results.json` and `table.md`.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks import jaxgan_form, machine, report
from benchmarks.report import number, table
from benchmarks.workloads import WORKLOADS, Workload, doublings
from jaxgan.runs.run import advance, start

_SIDE = 3072  # size of the matrices: their product keeps all cores fully busy for a quarter of a second


class Layers(NamedTuple):
    """The number of multiplications per example in each layer of a network, from the input on."""

    products: tuple[int, ...]

    @property
    def forward(self) -> int:
        return sum(self.products)

    @property
    def by_input(self) -> int:
        """Multiplications for the gradients with respect to the inputs of all layers except the first."""
        return sum(self.products[1:])


def layers(workload: Workload) -> tuple[Layers, Layers]:
    """Return the layers of (generator, discriminator).

    Example:
      >>> layers(WORKLOADS["ring"])[0].products
      (256, 16384, 256)
    """
    width = workload.width
    if not workload.is_image:
        features, latent = workload.shape[0], workload.latent
        return Layers((latent * width, width**2, width * features)), Layers((features * width, width**2, width))
    size, _, channels = workload.shape
    base, stages = doublings(size)
    widths = [channels, *(width * 2**stage for stage in range(stages))]
    # With a 4 x 4 kernel of stride 2, each pixel of the smaller image is connected to 16 of the larger one.
    convolutions = [16 * (size // 2 ** (i + 1)) ** 2 * widths[i] * widths[i + 1] for i in range(stages)]
    dense = base**2 * widths[-1]
    return Layers((workload.latent * dense, *reversed(convolutions))), Layers((*convolutions, dense))


def must(workload: Workload) -> int:
    """Return the floating-point operations of the products in one step, two per multiplication.

    All other operations are a few per cent.
    Discriminator update: a forward pass of the generator; for real and fake examples, a forward pass of the
    discriminator and a backward pass to weights and inputs. Generator update: a forward pass of both networks, and a
    backward pass through the discriminator to the image and through the generator.

    Example:
      >>> round(must(WORKLOADS["dcgan32"]) / 1e9, 2)
      6.66
    """
    g, d = layers(workload)
    discriminator = g.forward + 2 * (2 * d.forward + d.by_input)
    generator = g.forward + 2 * d.forward + g.forward + g.by_input
    return 2 * workload.batch * (discriminator + generator)


def reported(workload: Workload) -> float:
    """Return the compiler's count of operations for one step of one seed."""
    algorithm, sample = jaxgan_form.algorithm(workload), jaxgan_form.sampler(workload)
    key = jax.random.key(0)
    state = jax.jit(lambda key: start(algorithm, sample, key))(key)
    step = jax.jit(lambda sample, key, state: advance(algorithm, sample, key, state))
    analysis: Any = step.lower(sample, key, state).compile().cost_analysis()
    return float(analysis["flops"])


def product() -> float:
    """Return the GFLOP/s of a large float32 matrix product on all cores."""
    a = jnp.ones((_SIDE, _SIDE), jnp.float32)
    multiply = jax.jit(jnp.matmul)
    jax.block_until_ready(multiply(a, a))
    clock = time.perf_counter()
    jax.block_until_ready(multiply(a, a))
    return 2e-9 * _SIDE**3 / (time.perf_counter() - clock)


def measure(workload: Workload, seeds: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the GFLOP/s of the step and of the product for each round, and the operations of one step."""
    form = jaxgan_form.make(workload, seeds)
    form.run(1)
    clock = time.perf_counter()
    form.run(4)
    steps = max(1, round(4 * seconds / (time.perf_counter() - clock)))
    row: dict[str, Any] = {"workload": workload.name, "seeds": seeds, "must": must(workload), "step": [], "product": []}
    for _ in range(rounds):
        row["product"].append(product())
        clock = time.perf_counter()
        form.run(steps)
        row["step"].append(1e-9 * must(workload) * steps * seeds / (time.perf_counter() - clock))
    return row | {"reported": reported(workload)}


def share(row: dict[str, Any]) -> float:
    """Return the ratio of the step's rate to that of the matrix product, as a median over rounds."""
    return median(step / product for step, product in zip(row["step"], row["product"], strict=True))


def markdown(results: dict[str, Any]) -> str:
    head = ["step", "seeds", "GFLOP it must do", "GFLOP in the program", "GFLOP/s", "matrix product", "share"]
    rows = [
        [
            WORKLOADS[row["workload"]].title, str(row["seeds"]),
            number(row["must"] / 1e9), number(row["reported"] / 1e9),
            number(median(row["step"])), number(median(row["product"])), number(share(row)),
        ]
        for row in results["rows"]
    ]  # fmt: skip
    notes = (
        "The necessary operations are counted as plain products and convolutions; minimal filtering needs fewer "
        "multiplications, so the program can have fewer operations and a share can exceed 1."
    )
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`", table(head, rows), notes]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operations", description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["ring", "dcgan8", "dcgan32"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="approximate length of training in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/operations"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jaxgan_form.use_devices()
    rows = [
        measure(WORKLOADS[name], seeds, options.rounds, options.seconds)
        for name in options.workloads
        for seeds in options.seeds
    ]
    words = [*options.workloads, "--seeds", *map(str, options.seeds), "--rounds", str(options.rounds)]
    command = " ".join(["python -m benchmarks.operations --workloads", *words, f"--seconds {options.seconds:g}"])
    results = {"command": command, "machine": machine.describe(), "rows": rows}
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
