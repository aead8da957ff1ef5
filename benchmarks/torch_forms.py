"""PyTorch at its best ordinary settings: eager, compiled and stacked seeds, in one process on all its cores.

Seeds that are not stacked are trained one after another. Nothing is computed that the step does not need: the fakes of
the discriminator's update carry no gradient, the generator's update asks for no gradient of the discriminator's
weights and draws no real examples, no loss is copied to the host, Adam is the fused one.
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
    """Binary cross-entropy, real and fake examples in passes of their own; fakes carry no gradient."""
    with torch.no_grad():
        fake = generator(z, *y)
    return softplus(-discriminator(real, *y)).mean() + softplus(discriminator(fake, *y)).mean()


def g_loss(generator: Network, discriminator: Network, z: Tensor, *y: Tensor) -> Tensor:
    """The non-saturating loss."""
    return softplus(-discriminator(generator(z, *y), *y)).mean()


def g_loss_with_l1(
    weight: float, generator: Network, discriminator: Network, z: Tensor, y: Tensor, real: Tensor
) -> Tensor:
    """And the weighted mean absolute difference from the real image."""
    fake = generator(z, y)
    return softplus(-discriminator(fake, y)).mean() + weight * l1_loss(fake, real)


def spectral_d_loss(generator: Network, discriminator: Network, z: Tensor, real: Tensor) -> Tensor:
    """`d_loss` that moves the vectors of power iteration of the discriminator alone."""
    with torch.no_grad():
        fake = generator(z, Turn(keep=False))
    return softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()


def spectral_g_loss(generator: Network, discriminator: Network, z: Tensor) -> Tensor:
    """`g_loss` that moves those of the generator alone.

    jaxgan's discriminator sees real examples before, of which nothing stays but a step of power iteration.
    """
    return softplus(-discriminator(generator(z), Turn(2, keep=False))).mean()


class Losses(NamedTuple):
    """Of either player, as functions of both networks and of what its update draws."""

    discriminator: Callable[..., Tensor]
    generator: Callable[..., Tensor]


def losses(workload: Workload) -> Losses:
    """Those of the workload."""
    if workload.has_vectors:
        return Losses(spectral_d_loss, spectral_g_loss)
    return Losses(d_loss, partial(g_loss_with_l1, workload.l1) if workload.l1 else g_loss)


def one_by_one(workload: Workload, seeds: int, start: Start | None, setting: Setting, *, compile_: bool) -> Form:
    """Each seed has its own modules and optimizers; a step goes through the seeds in turn."""
    device = prepare(setting)
    pairs = [seed_networks(workload, seed, setting, device, start) for seed in range(seeds)]
    players = [(make_player(workload, generator), make_player(workload, critic)) for generator, critic in pairs]
    draw = sampler(workload, seeds, setting, device, start)
    own = losses(workload)
    # Weights are arguments of the compiled functions, so one program serves all seeds.
    if compile_ and workload.has_vectors:  # changed in place, which torch.func.grad does not take
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
    """The gradients of both losses as functions of all weights, each transformed by `wrap`, of the same networks."""

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


_compile: Wrap = partial(torch.compile, fullgraph=True)  # each update's gradients are one graph


def eager(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Modules, autograd, fused Adam."""
    return one_by_one(workload, seeds, start, Setting(), compile_=False)


def eager_channels_last(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """`eager` with images and kernels in the layout that convolutions are fastest in."""
    return one_by_one(workload, seeds, start, Setting(channels_last=True), compile_=False)


def compiled(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """`torch.compile` of losses and gradients, in its default mode."""
    return one_by_one(workload, seeds, start, Setting(), compile_=True)


def compiled_channels_last(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """`compiled`, channels-last."""
    return one_by_one(workload, seeds, start, Setting(channels_last=True), compile_=True)


def stacked(workload: Workload, seeds: int, start: Start | None = None, *, compile_: bool = False) -> Form:
    """All seeds at once: `vmap` over stacked weights. Adam works entry by entry, so one of them serves all seeds."""
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
    """`stacked`, each update's gradients compiled into one graph."""
    return stacked(workload, seeds, start, compile_=True)
