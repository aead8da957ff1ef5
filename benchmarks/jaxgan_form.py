"""jaxgan: all seeds in one compiled program. No other file of the benchmarks depends on jaxgan's training."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import jax
import numpy as np
import optax

from benchmarks.forms import Form, Networks, Start, Trained
from benchmarks.workloads import RING_SIGMA, Workload, conditions, examples
from jaxgan.data import from_images, ring
from jaxgan.data.in_memory import make_source
from jaxgan.data.source import Examples
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import (
    NETWORKS,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    PatchDiscriminator,
    UNetGenerator,
)
from jaxgan.runs import seed_keys
from jaxgan.runs.axis import Fixed, Run
from jaxgan.runs.placement import assign, place, replicate, settle, shard, to_host, use_cpu_cores
from jaxgan.runs.program import Broken, plan_of, programs
from jaxgan.runs.records import record_steps
from jaxgan.terms import l1_to_real
from jaxgan.types import Algorithm, Prior

_CAPACITY = 256  # maximum number of records per call, as in `jaxgan.fit`
_LENGTH = 4096  # maximum number of steps per call
_STEPS = 20_000  # length of the run that determines the spacing of records, which is the default of `jaxgan.fit`


def networks(workload: Workload, dtype: Any = None) -> tuple[Any, Any]:
    """Return (generator, discriminator), computing in `dtype`."""
    if not workload.is_image:
        hidden = (workload.width, workload.width)
        return MLPGenerator(workload.shape[0], hidden, dtype), MLPDiscriminator(hidden, dtype)
    (size, _, channels), width, classes = workload.shape, workload.width, workload.classes
    if workload.network:
        large, own = NETWORKS[workload.network], {"width": width, "dtype": dtype}
        still = {"noise": "none", "style_mixing": 0.0} if workload.network == "stylegan2" else {}
        return large.generator(size, channels, **own, **still), large.discriminator(**own)
    if workload.input_channels:  # as in pix2pix for PyTorch: no biases before BatchNorm, no dropout at 32 pixels
        like: dict[str, Any] = {"width": width, "dtype": dtype, "reference": "pytorch"}
        return UNetGenerator(size, channels, **like), PatchDiscriminator(**like)
    like = {"width": width, "dtype": dtype, "classes": classes}
    return DCGANGenerator(size, channels, **like), DCGANDiscriminator(**like)


def algorithm(workload: Workload, prior: Prior | None = None, dtype: Any = None) -> Algorithm:
    """Return the algorithm of a workload, with latents from `prior` or by default from N(0, I)."""
    terms = (l1_to_real(workload.l1),) if workload.l1 else ()
    prior = prior or normal_prior(workload.latent)
    game = adversarial_game(*networks(workload, dtype), prior, non_saturating, g_terms=terms)
    tx = optax.adam(workload.learning_rate, b1=workload.beta1, b2=workload.beta2, eps=workload.eps)
    return alternating(game, tx, tx, batch_size=workload.batch)


def sampler(workload: Workload) -> Any:
    """Return (key, n) -> Batch, a pytree whose data become arguments of the compiled program."""
    if not workload.is_image:
        return ring(sigma=RING_SIGMA).sample
    data = Examples(examples(workload), conditions(workload))
    if workload.input_channels:
        return make_source(workload.name, data, labels=True).sample
    return from_images(workload.name, data, labels=bool(workload.classes)).sample


def keys(seeds: int) -> jax.Array:
    """Return one key per seed."""
    return seed_keys(jax.random.key(0), seeds)


def use_devices() -> None:
    """Make every CPU core a device, as jaxgan's command line does, unless JAX has already created its devices."""
    with suppress(RuntimeError):
        use_cpu_cores()


def make(
    workload: Workload,
    seeds: int,
    start: Start | None = None,
    *,
    sample: Any = None,
    precision: str = "float32",
    rule: Algorithm | None = None,
    in_turn: bool | None = None,
    group: int | None = None,
) -> Form:
    """Make the form that trains all seeds with the programs of `jaxgan.runs.loop`, distributed over devices likewise.

    `rule` replaces the algorithm of the workload, `in_turn` is that of `jaxgan.runs.place`, and `group` is the number
    of seeds that a device trains side by side at a time.
    It does not accept a start: the other forms are given the draws of its random streams (`parity`).
    """
    if start is not None:
        raise ValueError("jaxgan starts from its own keys, got a start")
    jax.config.update("jax_default_matmul_precision", "default" if precision == "fast" else "float32")
    dtype = "bfloat16" if precision == "bfloat16" else None
    use_devices()
    rule = algorithm(workload, dtype=dtype) if rule is None else rule
    sample = sample or sampler(workload)
    placement = settle(place(seeds, in_turn=in_turn), state_of(rule, sample))
    placement = placement if group is None else placement._replace(in_turn=False, group=group)
    what = Run({}, shard(placement, keys(seeds)[np.maximum(assign(seeds, placement).ravel(), 0)]))
    shared = replicate(placement, sample)
    begin, stretch, _ = programs(Fixed(rule), placement, _CAPACITY)
    nothing = shard(placement, Broken(np.zeros(len(what.key), np.int32), np.zeros(len(what.key), np.int32)))
    each = begin(shared, what), nothing
    done = 0

    recorded = record_steps(_STEPS)

    def plan(steps: int) -> Any:
        # The record spacing of a long run, starting at the current step.
        return replicate(placement, plan_of(recorded[1:], 0, steps, _CAPACITY)._replace(done=np.array(done, np.int32)))

    clock = time.perf_counter()
    compiled = stretch.lower((shared, plan(0)), what, None, each).compile()
    compile_seconds = time.perf_counter() - clock

    def run(steps: int) -> None:
        nonlocal each, done
        for length in [_LENGTH] * (steps // _LENGTH) + [steps % _LENGTH] * (steps % _LENGTH > 0):
            each, info = compiled((shared, plan(length)), what, None, each)
            to_host(info)  # as `fit` does for its callbacks
            done += length
        jax.block_until_ready(each)

    facts = {
        "compile_seconds": compile_seconds,
        "memory": memory(compiled, shared, placement.mesh.size),
        "characters": len(compiled.as_text()),
        "devices": placement.mesh.size,
    }
    return Form(
        run, lambda: [trained(each[0].params, each[0].opt_state, i) for i in range(seeds)], facts, compiled.as_text
    )


def state_of(rule: Algorithm, sample: Any) -> Any:
    """Return the shapes of the state of one run, whose size determines the placement of seeds."""
    return jax.eval_shape(lambda key: rule.init(key, sample)[:-1], keys(1)[0])


def memory(compiled: Any, data: Any, devices: int) -> dict[str, int]:
    """Return the bytes that the compiled program reports for all devices, and those of the data in its arguments."""
    analysis = compiled.memory_analysis()
    own = {name: getattr(analysis, f"{name}_size_in_bytes") for name in ("argument", "output", "temp", "alias")}
    own["data"] = sum(leaf.nbytes for leaf in jax.tree.leaves(data))  # every device has a copy, like everything else
    return {name: devices * size for name, size in own.items()}


def trained(params: Sequence[Any], opt_state: Sequence[Any], seed: int | None = None) -> Trained:
    """Return both players' parameters and Adam means; with `seed`, those of one seed from stacked arrays."""
    both = jax.device_get((tuple(params), tuple(state[0].mu for state in opt_state)))
    if seed is not None:
        both = jax.tree.map(lambda a: a[seed], both)
    return Trained(Networks(*both[0]), Networks(*both[1]))
