"""Plain JAX as it is commonly written: stock flax layers and a training step, in a host loop or under `vmap`."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from benchmarks.forms import Draws, Form, Start
from benchmarks.jaxgan_form import trained, use_devices
from benchmarks.workloads import RING_SIGMA, Workload, doublings, examples
from jaxgan.nn import MLPDiscriminator, MLPGenerator

_init = nn.initializers.normal(0.02)
_leaky_relu = partial(nn.leaky_relu, negative_slope=0.2)


class Generator(nn.Module):
    """`jaxgan.nn.DCGANGenerator` with flax's own transposed convolutions."""

    workload: Workload

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        (size, _, channels), width = self.workload.shape, self.workload.width
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        up = partial(nn.ConvTranspose, kernel_size=(4, 4), strides=(2, 2), kernel_init=_init)
        base, stages = doublings(size)
        features = width * 2 ** (stages - 1)
        x = nn.Dense(base * base * features, use_bias=False, kernel_init=_init)(z)
        x = nn.relu(norm()(x.reshape(-1, base, base, features)))
        for stage in reversed(range(stages - 1)):
            x = nn.relu(norm()(up(width * 2**stage, use_bias=False)(x)))
        return nn.tanh(up(channels)(x))


class Discriminator(nn.Module):
    """`jaxgan.nn.DCGANDiscriminator` with flax's own convolutions."""

    workload: Workload

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        width = self.workload.width
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        down = partial(nn.Conv, kernel_size=(4, 4), strides=(2, 2), kernel_init=_init)
        x = _leaky_relu(down(width)(x))
        for stage in range(1, doublings(self.workload.shape[0])[1]):
            x = _leaky_relu(norm()(down(width * 2**stage, use_bias=False)(x)))
        return nn.Dense(1, kernel_init=_init)(x.reshape(x.shape[0], -1)).reshape(x.shape[0])


class TrainState(NamedTuple):
    """The training state of one seed; each field holds (generator, discriminator)."""

    params: tuple[Any, Any]
    stats: tuple[Any, Any]
    opt_state: tuple[Any, Any]
    key: jax.Array


class Training(NamedTuple):
    """The functions of a workload for one seed: init(key), draw(key, data), update(state, draws), step(state, data)."""

    init: Any
    draw: Any
    update: Any
    step: Any


def training(workload: Workload) -> Training:
    """Return the functions of a workload, written as in a tutorial."""
    hidden = (workload.width, workload.width)
    generator: Any = Generator(workload)
    discriminator: Any = Discriminator(workload)
    if not workload.is_image:  # these contain only flax's Dense layers
        generator, discriminator = MLPGenerator(workload.shape[0], hidden), MLPDiscriminator(hidden)
    tx = optax.adam(workload.learning_rate, b1=workload.beta1, b2=workload.beta2, eps=workload.eps)

    def init(key: jax.Array) -> TrainState:
        g_key, d_key, key = jax.random.split(key, 3)
        g = dict(generator.init(g_key, jnp.zeros((1, workload.latent)), train=True))
        d = dict(discriminator.init(d_key, jnp.zeros((1, *workload.shape)), train=True))
        params = g.pop("params"), d.pop("params")
        return TrainState(params, (g, d), (tx.init(params[0]), tx.init(params[1])), key)

    def draw(key: jax.Array, data: jax.Array) -> Draws:
        index_key, noise_key, d_key, g_key = jax.random.split(key, 4)
        real = data[jax.random.randint(index_key, (workload.batch,), 0, len(data))]
        if real.dtype == jnp.uint8:
            real = real.astype(jnp.float32) / 127.5 - 1
        if not workload.is_image:
            real += RING_SIGMA * jax.random.normal(noise_key, real.shape)
        shape = (workload.batch, workload.latent)
        return Draws(real, jax.random.normal(d_key, shape), jax.random.normal(g_key, shape))  # type: ignore[arg-type]

    def update(state: TrainState, draws: Draws) -> TrainState:
        (g, d), (g_stats, d_stats), (g_opt, d_opt), key = state
        run_g = partial(generator.apply, train=True, mutable=list(g_stats))
        run_d = partial(discriminator.apply, train=True, mutable=list(d_stats))
        fake, _ = run_g({"params": g, **g_stats}, draws.discriminator_latents)

        def d_loss(d: Any) -> tuple[jax.Array, Any]:
            real_logits, stats = run_d({"params": d, **d_stats}, draws.real)
            fake_logits, stats = run_d({"params": d, **stats}, fake)
            return nn.softplus(-real_logits).mean() + nn.softplus(fake_logits).mean(), stats

        grads, d_stats = jax.grad(d_loss, has_aux=True)(d)
        updates, d_opt = tx.update(grads, d_opt)
        d = optax.apply_updates(d, updates)

        def g_loss(g: Any) -> tuple[jax.Array, Any]:
            fake, stats = run_g({"params": g, **g_stats}, draws.generator_latents)
            logits, _ = run_d({"params": d, **d_stats}, fake)
            return nn.softplus(-logits).mean(), stats

        grads, g_stats = jax.grad(g_loss, has_aux=True)(g)
        updates, g_opt = tx.update(grads, g_opt)
        return TrainState((optax.apply_updates(g, updates), d), (g_stats, d_stats), (g_opt, d_opt), key)

    def step(state: TrainState, data: jax.Array) -> TrainState:
        key, draw_key = jax.random.split(state.key)
        return update(state._replace(key=key), draw(draw_key, data))

    return Training(init, draw, update, step)


def loop(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Run a jitted step with donated state in a host loop, one seed after another, blocking once at the end."""
    jax.config.update("jax_default_matmul_precision", "float32")
    functions, data = training(workload), jnp.asarray(examples(workload))
    states = [jax.jit(functions.init)(key) for key in jax.random.split(jax.random.key(0), seeds)]
    if start is not None:
        given = jax.tree.map(jnp.asarray, [tuple(params) for params in start.params])
        states = [state._replace(params=params) for state, params in zip(states, given, strict=True)]
    step, update = jax.jit(functions.step, donate_argnums=0), jax.jit(functions.update, donate_argnums=0)

    def run(steps: int) -> None:
        for _ in range(steps):
            for i, state in enumerate(states):
                states[i] = step(state, data) if start is None else update(state, start.draws[i])
        jax.block_until_ready(states)

    return Form(run, lambda: [trained(state.params, state.opt_state) for state in states])


def naive_vmap(
    workload: Workload, seeds: int, start: Start | None = None, *, place: Callable[[Any], Any] = lambda states: states
) -> Form:
    """Run a compiled loop of steps under `vmap` over seeds; the number of steps is an argument of the one program."""
    jax.config.update("jax_default_matmul_precision", "float32")
    functions, data = training(workload), jnp.asarray(examples(workload))
    states = jax.vmap(functions.init)(jax.random.split(jax.random.key(0), seeds))
    states, given = place(states), None
    if start is not None:
        stack = partial(jax.tree.map, lambda *leaves: jnp.stack(leaves))
        states, given = states._replace(params=tuple(stack(*start.params))), stack(*start.draws)

    @partial(jax.jit, donate_argnums=0)
    def train(states: TrainState, data: jax.Array, given: Draws | None, steps: jax.Array) -> TrainState:
        def one(state: TrainState, given: Draws | None) -> TrainState:
            def body(_: jax.Array, state: TrainState) -> TrainState:
                return functions.step(state, data) if given is None else functions.update(state, given)

            return jax.lax.fori_loop(0, steps, body, state)

        return jax.vmap(one)(states, given)

    def run(steps: int) -> None:
        nonlocal states
        states = jax.block_until_ready(train(states, data, given, jnp.int32(steps)))

    return Form(run, lambda: [trained(states.params, states.opt_state, i) for i in range(seeds)])


def vmap_over_cores(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Run `naive_vmap` with the seeds distributed over devices, one per core."""
    use_devices()
    mesh = Mesh(np.array(jax.devices()), ("seeds",))
    return naive_vmap(workload, seeds, start, place=partial(jax.device_put, device=NamedSharding(mesh, P("seeds"))))
