"""PyTorch with the best common settings: eager, compiled and stacked seeds, in one process on all cores.

Seeds that are not stacked are trained one after another. Only what the step needs is computed: fake examples in the
discriminator's update carry no gradient, the generator's update computes no gradient of the discriminator's weights and
draws no real examples, no loss is copied to the host, and Adam is fused.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import l1_loss, softplus

from benchmarks.forms import Form, Start
from benchmarks.torch_parts import (
    Player,
    Setting,
    Tensors,
    make_adam,
    make_player,
    prepare,
    read,
    sampler,
    seed_networks,
    update,
    wait,
)
from benchmarks.torch_residual import Turn
from benchmarks.workloads import Workload

Network = Callable[..., Tensor]


def d_loss(generator: Network, discriminator: Network, z: Tensor, real: Tensor, *y: Tensor) -> Tensor:
    """Binary cross-entropy with separate passes for real and fake examples; fake examples carry no gradient."""
    with torch.no_grad():
        fake = generator(z, *y)
    return softplus(-discriminator(real, *y)).mean() + softplus(discriminator(fake, *y)).mean()


def g_loss(generator: Network, discriminator: Network, z: Tensor, *y: Tensor) -> Tensor:
    """The non-saturating loss."""
    return softplus(-discriminator(generator(z, *y), *y)).mean()


def g_loss_with_l1(
    weight: float, generator: Network, discriminator: Network, z: Tensor, y: Tensor, real: Tensor
) -> Tensor:
    """`g_loss` plus the weighted mean absolute difference from the real image."""
    fake = generator(z, y)
    return softplus(-discriminator(fake, y)).mean() + weight * l1_loss(fake, real)


def spectral_d_loss(generator: Network, discriminator: Network, z: Tensor, real: Tensor) -> Tensor:
    """`d_loss` that updates only the power iteration vectors of the discriminator."""
    with torch.no_grad():
        fake = generator(z, Turn(keep=False))
    return softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()


def spectral_g_loss(generator: Network, discriminator: Network, z: Tensor) -> Tensor:
    """`g_loss` that updates only the power iteration vectors of the generator.

    The discriminator takes two steps of power iteration, because in jaxgan it sees real examples first. That pass has
    no other effect.
    """
    return softplus(-discriminator(generator(z), Turn(2, keep=False))).mean()


class Losses(NamedTuple):
    """The losses of both players, as functions of both networks and of the random draws of the update."""

    discriminator: Callable[..., Tensor]
    generator: Callable[..., Tensor]


def losses(workload: Workload) -> Losses:
    """Return the losses of a workload."""
    if workload.has_vectors:
        return Losses(spectral_d_loss, spectral_g_loss)
    return Losses(d_loss, partial(g_loss_with_l1, workload.l1) if workload.l1 else g_loss)


def one_by_one(workload: Workload, seeds: int, start: Start | None, setting: Setting, *, compile_: bool) -> Form:
    """Make a form in which each seed has its own modules and optimizers, and a step trains the seeds in turn."""
    device = prepare(setting)
    pairs = [seed_networks(workload, seed, setting, device, start) for seed in range(seeds)]
    players = [(make_player(workload, generator), make_player(workload, critic)) for generator, critic in pairs]
    draw = sampler(workload, seeds, setting, device, start)
    own = losses(workload)
    # Weights are arguments of the compiled functions, so one program serves all seeds.
    if compile_ and workload.has_vectors:  # changed in place, which torch.func.grad does not support
        own = Losses(*(torch.compile(loss, fullgraph=True) for loss in own))
        compile_ = False
    of_d, of_g = _functional_gradients(own, *players[0], _compile) if compile_ else _eager_gradients(own)

    def run(steps: int) -> None:
        for _ in range(steps):
            for seed, (generator, discriminator) in enumerate(players):
                update(discriminator, of_d(generator, discriminator, *draw(seed, 0)))
                update(generator, of_g(generator, discriminator, *draw(seed, 1)))
        wait(device)

    return Form(run, lambda: [read(*pair) for pair in players])


Gradients = Callable[..., Iterable[Tensor]]
"""(generator, discriminator, *draws) -> the gradients of one player's parameters."""


def _eager_gradients(own: Losses) -> tuple[Gradients, Gradients]:
    def d(generator: Player, discriminator: Player, *draws: Tensor) -> Iterable[Tensor]:
        loss = own.discriminator(generator.network, discriminator.network, *draws)
        return torch.autograd.grad(loss, list(discriminator.params.values()))

    def g(generator: Player, discriminator: Player, *draws: Tensor) -> Iterable[Tensor]:
        loss = own.generator(generator.network, discriminator.network, *draws)
        return torch.autograd.grad(loss, list(generator.params.values()))

    return d, g


Wrap = Callable[[Callable[..., Tensors]], Callable[..., Tensors]]


def _functional_gradients(
    own: Losses, generator: Player, discriminator: Player, wrap: Wrap
) -> tuple[Gradients, Gradients]:
    """Return the gradients of both losses as functions of all weights, each transformed by `wrap`."""

    def of_d(params: Tensors, buffers: Tensors, g: tuple[Tensors, Tensors], *draws: Tensor) -> Tensor:
        return own.discriminator(_call(generator, g), _call(discriminator, (params, buffers)), *draws)

    def of_g(params: Tensors, buffers: Tensors, d: tuple[Tensors, Tensors], *draws: Tensor) -> Tensor:
        return own.generator(_call(generator, (params, buffers)), _call(discriminator, d), *draws)

    d_gradient, g_gradient = (wrap(grad(f)) for f in (of_d, of_g))

    def d(generator: Player, discriminator: Player, *draws: Tensor) -> Iterable[Tensor]:
        with torch.no_grad():
            return d_gradient(*discriminator.weights, generator.weights, *draws).values()

    def g(generator: Player, discriminator: Player, *draws: Tensor) -> Iterable[Tensor]:
        with torch.no_grad():
            return g_gradient(*generator.weights, discriminator.weights, *draws).values()

    return d, g


def _call(player: Player, weights: tuple[Tensors, Tensors]) -> Network:
    return lambda *inputs: functional_call(player.network, weights, inputs)


_compile: Wrap = partial(torch.compile, fullgraph=True)  # one graph for the gradients of each update


def eager(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Make the form with modules, autograd and fused Adam."""
    return one_by_one(workload, seeds, start, Setting(), compile_=False)


def eager_channels_last(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Make `eager` with channels-last images and kernels, the fastest layout for convolutions."""
    return one_by_one(workload, seeds, start, Setting(channels_last=True), compile_=False)


def compiled(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Make the form with `torch.compile` of losses and gradients, in its default mode."""
    return one_by_one(workload, seeds, start, Setting(), compile_=True)


def compiled_channels_last(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Make `compiled` with channels-last images and kernels."""
    return one_by_one(workload, seeds, start, Setting(channels_last=True), compile_=True)


def stacked(workload: Workload, seeds: int, start: Start | None = None, *, compile_: bool = False) -> Form:
    """Make the form with `vmap` over the stacked weights of all seeds; Adam is elementwise, so one serves all seeds."""
    setting = Setting()
    device = prepare(setting)
    pairs = [seed_networks(workload, seed, setting, device, start) for seed in range(seeds)]

    def stack(same: Any) -> Player:
        params, buffers = stack_module_state(list(same))
        return Player(same[0], params, buffers, make_adam(workload, params.values()))

    generator, discriminator = (stack(same) for same in zip(*pairs, strict=True))
    draw = sampler(workload, seeds, setting, device, start)
    transform: Wrap = (lambda f: _compile(vmap(f))) if compile_ else vmap
    of_d, of_g = _functional_gradients(losses(workload), generator, discriminator, transform)

    def run(steps: int) -> None:
        for _ in range(steps):
            update(discriminator, of_d(generator, discriminator, *draw(None, 0)))
            update(generator, of_g(generator, discriminator, *draw(None, 1)))
        wait(device)

    return Form(run, lambda: [read(generator, discriminator, seed) for seed in range(seeds)])


def stacked_compiled(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Make `stacked` with the gradients of each update compiled into one graph."""
    return stacked(workload, seeds, start, compile_=True)
