"""jaxgan: all seeds in one compiled program. The only file of the benchmarks that knows jaxgan's training."""

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

_CAPACITY = 256  # records of one call at most, as `jaxgan.fit` has it
_LENGTH = 4096  # steps of one call at most
_STEPS = 20_000  # of a run whose records are spaced as `jaxgan.fit` does by default


def networks(workload: Workload, dtype: Any = None) -> tuple[Any, Any]:
    """(generator, discriminator), computing in `dtype`."""
    if not workload.is_image:
        hidden = (workload.width, workload.width)
        return MLPGenerator(workload.shape[0], hidden, dtype), MLPDiscriminator(hidden, dtype)
    (size, _, channels), width, classes = workload.shape, workload.width, workload.classes
    if workload.network:
        large, own = NETWORKS[workload.network], {"width": width, "dtype": dtype}
        still = {"noise": "none", "style_mixing": 0.0} if workload.network == "stylegan2" else {}
        return large.generator(size, channels, **own, **still), large.discriminator(**own)
    if workload.input_channels:  # as in the PyTorch of pix2pix: no biases before BatchNorm, and at 32 pixels no dropout
        like: dict[str, Any] = {"width": width, "dtype": dtype, "reference": "pytorch"}
        return UNetGenerator(size, channels, **like), PatchDiscriminator(**like)
    like = {"width": width, "dtype": dtype, "classes": classes}
    return DCGANGenerator(size, channels, **like), DCGANDiscriminator(**like)


def algorithm(workload: Workload, prior: Prior | None = None, dtype: Any = None) -> Algorithm:
    """The workload's networks, loss and optimizers, its latents from N(0, I) or from `prior`."""
    terms = (l1_to_real(workload.l1),) if workload.l1 else ()
    prior = prior or normal_prior(workload.latent)
    game = adversarial_game(*networks(workload, dtype), prior, non_saturating, g_terms=terms)
    tx = optax.adam(workload.learning_rate, b1=workload.beta1, b2=workload.beta2, eps=workload.eps)
    return alternating(game, tx, tx, batch_size=workload.batch)


def sampler(workload: Workload) -> Any:
    """(key, n) -> Batch, the data among the arguments of the program."""
    if not workload.is_image:
        return ring(sigma=RING_SIGMA).sample
    data = Examples(examples(workload), conditions(workload))
    if workload.input_channels:
        return make_source(workload.name, data, labels=True).sample
    return from_images(workload.name, data, labels=bool(workload.classes)).sample


def keys(seeds: int) -> jax.Array:
    """One key per seed."""
    return seed_keys(jax.random.key(0), seeds)


def use_devices() -> None:
    """Every core of a processor becomes a device, as on jaxgan's command line, unless JAX has its devices already."""
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
    """All seeds, in the very programs of `jaxgan.runs.loop` and distributed over devices as it does.

    `rule` trains the workload by another algorithm than its own, `in_turn` places seeds as `jaxgan.runs.place` has it,
    and `group` lets so many go side by side at a time on a device.
    It takes no other start: its random streams are what the other forms are given (`parity`).
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
        # The spacing of a long run, from wherever this one stands.
        return replicate(placement, plan_of(recorded[1:], 0, steps, _CAPACITY)._replace(done=np.array(done, np.int32)))

    clock = time.perf_counter()
    compiled = stretch.lower((shared, plan(0)), what, None, each).compile()
    compile_seconds = time.perf_counter() - clock

    def run(steps: int) -> None:
        nonlocal each, done
        for length in [_LENGTH] * (steps // _LENGTH) + [steps % _LENGTH] * (steps % _LENGTH > 0):
            each, info = compiled((shared, plan(length)), what, None, each)
            to_host(info)  # as `fit` does, for those who watch
            done += length
        jax.block_until_ready(each)

    facts = {
        "compile_seconds": compile_seconds,
        "memory": memory(compiled, shared, placement.mesh.size),
        "characters": len(compiled.as_text()),
        "devices": placement.mesh.size,
    }
    return Form(run, lambda: [trained(each[0].params, each[0].opt_state, i) for i in range(seeds)], facts)


def state_of(rule: Algorithm, sample: Any) -> Any:
    """The shapes of what one run carries from step to step, by whose size seeds are placed."""
    return jax.eval_shape(lambda key: rule.init(key, sample)[:-1], keys(1)[0])


def memory(compiled: Any, data: Any, devices: int) -> dict[str, int]:
    """Bytes that the compiled program says it needs on all devices, and those of the data among its arguments."""
    analysis = compiled.memory_analysis()
    own = {name: getattr(analysis, f"{name}_size_in_bytes") for name in ("argument", "output", "temp", "alias")}
    own["data"] = sum(leaf.nbytes for leaf in jax.tree.leaves(data))  # a copy on every device, as the rest
    return {name: devices * size for name, size in own.items()}


def trained(params: Sequence[Any], opt_state: Sequence[Any], seed: int | None = None) -> Trained:
    """(generator, discriminator) parameters and states of `optax.adam`; with `seed`, its part of stacked ones."""
    both = jax.device_get((tuple(params), tuple(state[0].mu for state in opt_state)))
    if seed is not None:
        both = jax.tree.map(lambda a: a[seed], both)
    return Trained(Networks(*both[0]), Networks(*both[1]))
