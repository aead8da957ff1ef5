"""The claim: `choose` in `jaxgan.nn.conv.primitive` takes the fastest formulation of a convolution, or nearly so.

`python -m benchmarks.convolutions [--rounds 5] [--out FOLDER]` times every formulation, and XLA's own convolution, in
each of the three roles (output and both gradients), inside a compiled loop like a training step, for one set of weights
and for four seeds with separate weights. It writes `results.json` and `table.md`.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks import machine, report
from benchmarks.report import number, table
from jaxgan.nn.conv.formulations import Formulation, filtering, patches, shifted
from jaxgan.nn.conv.primitive import Window, by_xla, choose, in_pieces, operands_of

_FORMS: dict[str, Callable[..., Formulation]] = {"patches": patches, "shifted": shifted, "filtering": filtering}
_ROLES = {"y": "output", "x": "input gradient", "w": "kernel gradient"}
_SEEDS = 4
_BATCH = 64


class Shape(NamedTuple):
    """A convolution layer: kernel size, stride, image size, and input and output channels."""

    kernel: int
    stride: int
    size: int
    channels: int
    features: int

    @property
    def label(self) -> str:
        image = f"{self.size}x{self.size}x{self.channels} to {self.features}"
        return f"{self.kernel}x{self.kernel} stride {self.stride}, {image}"

    @property
    def flops(self) -> float:
        return 2 * _BATCH * (self.size // self.stride) ** 2 * self.kernel**2 * self.channels * self.features


SHAPES = [
    *(Shape(4, 2, size, c, o) for size, c, o in [(8, 1, 32), (8, 32, 64), (32, 1, 32), (32, 3, 64), (64, 3, 64)]),
    *(Shape(4, 2, size, c, o) for size, c, o in [(16, 2, 32), (16, 4, 32), (16, 8, 32), (16, 32, 4), (16, 32, 8)]),
    *(Shape(4, 2, size, c, 2 * c) for size, c in [(4, 64), (16, 16), (16, 32), (8, 64), (32, 64), (16, 128)]),
    *(Shape(3, 1, size, c, c) for size, c in [(8, 16), (8, 64), (16, 8), (16, 32), (32, 16)]),
    *(Shape(3, 2, size, c, 2 * c) for size, c in [(8, 16), (16, 32)]),
    Shape(5, 1, 16, 32, 32),
    Shape(1, 1, 16, 64, 64),
]


def timed(shape: Shape, role: str, form: str, seeds: int) -> Callable[[int], float]:
    """Compile `role` in a formulation ("xla": XLA's own), and return a function that times n calls in one loop."""
    keys = jax.random.split(jax.random.key(0), 3)
    out = shape.size // shape.stride
    axes = () if seeds == 1 else (seeds,)
    arrays = {
        "x": jax.random.normal(keys[0], (*axes, _BATCH, shape.size, shape.size, shape.channels)),
        "w": jax.random.normal(keys[1], (*axes, shape.kernel, shape.kernel, shape.channels, shape.features)),
        "y": jax.random.normal(keys[2], (*axes, _BATCH, out, out, shape.features)),
    }
    pads = jax.lax.padtype_to_pads((shape.size,) * 2, (shape.kernel,) * 2, (shape.stride,) * 2, "SAME")
    window = Window((shape.size,) * 2, (shape.kernel,) * 2, (shape.stride,) * 2, tuple(pads))  # type: ignore[arg-type]
    options: dict[str, Any] = {"role": role, "window": window, "precision": None}

    def own(a: jax.Array, b: jax.Array) -> jax.Array:
        return by_xla(a, b, batched=False, **options)

    def compute(a: jax.Array, b: jax.Array) -> jax.Array:
        if form == "xla":
            return own(a, b) if seeds == 1 else jax.vmap(own)(a, b)
        return in_pieces(a, b, **options, batched=seeds > 1, formulation=_FORMS[form])

    operands = tuple(arrays[name] for name in operands_of(role))

    def many(count: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
        def body(_: jax.Array, carry: jax.Array) -> jax.Array:
            result = jax.lax.optimization_barrier(compute(carry, b))
            return carry.at[(0,) * carry.ndim].add(1e-9 * result[(0,) * result.ndim])  # makes iterations sequential

        return jax.lax.fori_loop(0, count, body, a)

    program = jax.jit(many).lower(jnp.int32(1), *operands).compile()

    def run(count: int) -> float:
        clock = time.perf_counter()
        jax.block_until_ready(program(jnp.int32(count), *operands))
        return (time.perf_counter() - clock) / count

    return run


def applicable(shape: Shape, form: str) -> bool:
    """Return whether a form is timed: minimal filtering needs 2 or 3 taps a side; XLA's own takes minutes if large."""
    if form == "xla":
        return shape.flops < 3e8
    return form != "filtering" or -(-shape.kernel // shape.stride) in (2, 3)


def chosen(shape: Shape) -> str:
    """Return the name of the formulation that `choose` selects."""
    taps, out = -(-shape.kernel // shape.stride), shape.size // shape.stride
    blocks = (taps, taps, shape.stride**2 * shape.channels, shape.features)
    return choose(blocks, (out, out), jnp.float32).__name__


def measure(rounds: int, seconds: float, done: Callable[[list[dict[str, Any]]], None]) -> None:
    """Measure microseconds by form and round for every shape, role and number of seeds; call `done` after each row."""
    rows: list[dict[str, Any]] = []
    for shape in SHAPES:
        for seeds in (1, _SEEDS):
            for role in _ROLES:
                forms = [form for form in (*_FORMS, "xla") if applicable(shape, form)]
                runs, counts = {}, {}
                for form in forms:
                    runs[form] = timed(shape, role, form, seeds)
                    counts[form] = max(1, round(seconds / runs[form](1)))
                micros: dict[str, list[float]] = {form: [] for form in forms}
                for _ in range(rounds):
                    for form in forms:
                        if micros[form] and micros[form][0] * seeds > 1e5:  # XLA's own is far slower: time it once
                            continue
                        micros[form].append(round(1e6 * runs[form](counts[form]) / seeds, 1))
                row = {"shape": shape.label, "seeds": seeds, "role": role, "chosen": chosen(shape), "micros": micros}
                rows.append(row | {"flops": shape.flops})
                print(f"{shape.label}, {seeds} seeds, {_ROLES[role]}: " + _line(row), flush=True)
        done(rows)


def regret(row: dict[str, Any]) -> float:
    """Return the ratio of the chosen formulation's median time to the fastest one's, XLA's own excluded."""
    medians = {form: median(values) for form, values in row["micros"].items() if form != "xla"}
    return medians[row["chosen"]] / min(medians.values())


def _line(row: dict[str, Any]) -> str:
    cells = (f"{form} {median(values):.0f} us" for form, values in row["micros"].items())
    return ", ".join(cells) + f"; takes {row['chosen']}, {regret(row):.2f} of the best"


def markdown(results: dict[str, Any]) -> str:
    """Return two tables by shape: for one set of weights, and for four seeds with separate weights."""
    parts = [machine.sentence(results["machine"]), f"One core, batch {_BATCH}. Command: `{results['command']}`"]
    for seeds in (1, _SEEDS):
        rows = [row for row in results["rows"] if row["seeds"] == seeds]
        weights = "one set of weights" if seeds == 1 else f"{seeds} seeds with separate weights, side by side"
        parts.append(
            f"**GFLOP/s by role, {weights}** (operations of the plain convolution; the chosen form is starred)"
        )
        head = ["layer", "role", *_FORMS, "XLA's own, in a loop", "chosen against the fastest"]
        parts.append(table(head, [_cells(row) for row in rows]))
    regrets = sorted(regret(row) for row in results["rows"])
    parts.append(
        f"The chosen form takes {number(median(regrets))} times the fastest one's time in the median, "
        f"{number(regrets[-1])} times at worst."
    )
    return "\n\n".join(parts) + "\n"


def _cells(row: dict[str, Any]) -> list[str]:
    def rate(form: str) -> str:
        values = row["micros"].get(form)
        star = "*" if form == row["chosen"] else ""
        return "" if values is None else number(row["flops"] / median(values) / 1e3) + star

    return [row["shape"], _ROLES[row["role"]], *map(rate, (*_FORMS, "xla")), number(regret(row))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolutions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.05, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/convolutions"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with suppress(AttributeError):  # one core, like a seed that takes turns; not supported everywhere
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    command = f"python -m benchmarks.convolutions --rounds {options.rounds} --seconds {options.seconds}"
    results: dict[str, Any] = {"command": command, "machine": machine.describe()}

    def keep(rows: list[dict[str, Any]]) -> None:
        results["rows"] = rows
        report.keep(options.out, results, markdown(results))

    measure(options.rounds, options.seconds, keep)
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
