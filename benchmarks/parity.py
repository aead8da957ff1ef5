"""Check, before anything is timed, that all forms compute the same step.

`python -m benchmarks.parity [--workloads ...] [--forms ...]` takes the initial weights of three seeds from jaxgan,
records the random draws of their first step, and gives both to every other form. It then compares the results of one
full step (the discriminator's update, then the generator's): the gradients, read from Adam's state, and the parameters.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks import jaxgan_form
from benchmarks.forms import FORMS, Draws, Networks, Start, Trained, available, find
from benchmarks.workloads import WORKLOADS, Workload
from jaxgan.runs import advance, start
from jaxgan.types import Batch

SEEDS = 3

# Batch size for large networks. With a batch of 64, some of their 10^7 ReLU inputs are zero up to rounding in every
# seed, so no seed would be without a kink.
_FEW = 8

# The largest difference between entries of a gradient, relative to the largest entry of its array. Float32 sums over
# up to 10^5 terms in a different order differ by 1e-6 to 1e-5. The generator's gradient passes through a discriminator
# that Adam has updated. Adam's first update is +-learning rate for any size of the gradient, so a weight whose gradient
# is only rounding error may have moved in the other direction.
GRADIENT_TOLERANCE = Networks(generator=1e-3, discriminator=1e-4)

# The minimum tolerance of any gradient, relative to the largest entry of all arrays of its player. The gradient of a
# bias before a BatchNorm is only rounding error: its terms cancel, and the other arrays show how large these terms are.
CANCELLED = 1e-5

# The tolerance of an update relative to the learning rate, in addition to the effect of a tolerated difference of the
# gradients. It is a hundred times the rounding error of Adam's square root and quotient.
UPDATE_TOLERANCE = 1e-4

# The tolerance of all gradients in a seed with a kink: a ReLU whose input is zero up to rounding passes a gradient on
# in one form but not in another. With 10^5 to 10^6 inputs this happens in some seeds. It changes the gradients of that
# seed's network by less than this tolerance. A form that computes a different step does not agree in any seed.
KINK_TOLERANCE = 0.1


class Reference(NamedTuple):
    """The start of all seeds, and the result of one step of jaxgan."""

    start: Start
    end: list[Trained]


class Outcome(NamedTuple):
    """The comparison of a form: the largest differences over all arrays, each relative to its tolerance.

    For each player, they are those of the seed that agrees best; `kink` is the largest over all seeds.
    """

    workload: str
    form: str
    gradient: float | None = None
    update: float | None = None
    kink: float | None = None
    failed: str | None = None  # why the form did not run

    @property
    def agrees(self) -> bool:
        found = (self.gradient, self.update, self.kink)
        return all(value is not None and value <= 1 for value in found)


def reference(workload: Workload) -> Reference:
    """Run one step of jaxgan, seed by seed, and record its random draws."""
    sample = jaxgan_form.sampler(workload)
    batches: list[Any] = []  # of numpy arrays
    latents: list[np.ndarray] = []

    def recorded_prior(key: jax.Array, n: int) -> jax.Array:
        z = jax.random.normal(key, (n, workload.latent))
        jax.debug.callback(lambda z: latents.append(np.array(z)), z, ordered=True)
        return z

    def recorded_sample(key: jax.Array, n: int) -> Batch:
        batch: Batch = sample(key, n)
        jax.debug.callback(lambda *batch: batches.append(jax.tree.map(np.array, Batch(*batch))), *batch, ordered=True)
        return batch

    init = jax.jit(partial(start, jaxgan_form.algorithm(workload), sample))
    step = jax.jit(partial(advance, jaxgan_form.algorithm(workload, recorded_prior), recorded_sample))
    starts, states, draws, ends = [], [], [], []
    for key in jaxgan_form.keys(SEEDS):
        batches.clear()
        latents.clear()
        before = init(key)
        after, _ = step(key, before)
        jax.effects_barrier()
        starts.append(Networks(*jax.device_get(tuple(before.params))))
        states.append(Networks(*jax.device_get(tuple(before.model_state))))
        draws.append(_draws(workload, batches, latents))
        ends.append(jaxgan_form.trained(after.params, after.opt_state))
    return Reference(Start(starts, draws, states), ends)


def _draws(workload: Workload, batches: Sequence[Any], latents: Sequence[np.ndarray]) -> Draws:
    """Return the draws of both updates. The generator's also draws a batch; its use depends on the workload."""
    (of_d, of_g), (d_latents, g_latents) = batches, latents
    draws = Draws(of_d.x, d_latents, g_latents)
    if not workload.conditional:
        return draws
    own = (of_g.x,) if workload.l1 else ()
    return draws._replace(discriminator_condition=(of_d.y,), generator_condition=(of_g.y,), generator_real=own)


def compare(
    workload: Workload, start: Start, expected: Sequence[Trained], got: Sequence[Trained]
) -> tuple[float, float, float]:
    """Return the differences of gradients, of updates, and of gradients at a kink, each relative to its tolerance."""
    found = [
        [
            _compare(workload, tolerance, *(getattr(part, player) for part in parts))
            for parts in (
                (before, wanted.params, got_one.params, wanted.means, got_one.means)
                for before, wanted, got_one in zip(start.params, expected, got, strict=True)
            )
        ]
        for player, tolerance in zip(Networks._fields, GRADIENT_TOLERANCE, strict=True)
    ]
    gradient, update = (max(min(seed[i] for seed in player) for player in found) for i in (0, 1))
    kinks = zip(found, GRADIENT_TOLERANCE, strict=True)
    return gradient, update, max(seed[0] * t / KINK_TOLERANCE for player, t in kinks for seed in player)


def _compare(workload: Workload, tolerance: float, *arrays: Any) -> tuple[float, float]:
    """Compare one player of one seed: parameters before and after the step, expected and found, and Adam's means.

    The first step of Adam adds -lr f(g) with f(g) = g / (|g| + eps). If gradients may differ by t, updates may differ
    by lr times the larger of |f(g + t) - f(g)| and |f(g - t) - f(g)|.
    """
    shapes = [jax.tree.map(np.shape, tree) for tree in arrays]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"expected arrays of shapes {shapes[0]}, got {shapes[-1]}")
    worst = [0.0, 0.0]
    largest = max(np.abs(m).max() for m in jax.tree.leaves(arrays[3])) / (1 - workload.beta1)
    for p, p_wanted, p_found, m_wanted, m_found in zip(*map(jax.tree.leaves, arrays), strict=True):
        g, g_found = (np.asarray(m, np.float64) / (1 - workload.beta1) for m in (m_wanted, m_found))
        allowed = max(tolerance * np.abs(g).max(), CANCELLED * largest)
        worst[0] = max(worst[0], _ratio(np.abs(g_found - g), allowed))
        by_gradient = np.maximum(*(np.abs(_adam(g + t, workload) - _adam(g, workload)) for t in (allowed, -allowed)))
        rounding = np.spacing(np.abs(np.asarray(p)).max())
        bound = workload.learning_rate * (by_gradient + UPDATE_TOLERANCE) + rounding
        worst[1] = max(worst[1], _ratio(np.abs(np.float64(p_found) - np.float64(p_wanted)), bound))
    return worst[0], worst[1]


def _adam(g: np.ndarray, workload: Workload) -> np.ndarray:
    return g / (np.abs(g) + workload.eps)


def _ratio(difference: np.ndarray, allowed: Any) -> float:
    """Return the largest difference relative to its tolerance; infinite if a number is not finite."""
    ratio = np.max(difference / np.maximum(allowed, np.finfo(np.float32).tiny))
    return float(ratio) if np.isfinite(ratio) else float("inf")


def check(workload: Workload, forms: Sequence[str], known: Reference | None = None) -> list[Outcome]:
    """Compare one step of every form with `reference(workload)`; a form that cannot run here is not a disagreement."""
    if workload.network:
        workload = workload._replace(batch=min(workload.batch, _FEW))
    start, expected = known or reference(workload)
    outcomes = []
    for name in available(workload, SEEDS, forms):
        if "torch" in sys.modules:  # otherwise one process compiles one function too often
            sys.modules["torch"].compiler.reset()
        try:
            form = find(name)(workload, SEEDS, None if name == "jaxgan" else start)
            form.run(1)
            got = form.read()
        except Exception as error:  # for example, a missing compiler
            if name == "jaxgan":
                raise
            outcomes.append(
                Outcome(workload.name, name, failed=f"{type(error).__name__}: {str(error).splitlines()[0]}")
            )
            continue
        outcomes.append(Outcome(workload.name, name, *compare(workload, start, expected, got)))
    return outcomes


def line(outcome: Outcome) -> str:
    """Describe the outcome of one form."""
    if outcome.failed is not None:
        return f"{outcome.workload}, {outcome.form}: does not run here ({outcome.failed})"
    return (
        f"{outcome.workload}, {outcome.form}: {'same step' if outcome.agrees else 'DIFFERENT STEP'}, largest "
        f"difference {outcome.gradient:.2g} (gradients), {outcome.update:.2g} (parameters) and {outcome.kink:.2g} "
        "(of all seeds) relative to the tolerance"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one outcome per line, as JSON with `--json`; the exit status is 1 if two forms disagree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    jaxgan_form.use_devices()  # before the reference starts JAX: jaxgan must run as it will be timed
    disagree = False
    for name in options.workloads:
        for outcome in check(WORKLOADS[name], options.forms):
            disagree |= outcome.failed is None and not outcome.agrees
            print(json.dumps(outcome._asdict()) if options.json else line(outcome), flush=True)
    return int(disagree)


if __name__ == "__main__":
    sys.exit(main())
