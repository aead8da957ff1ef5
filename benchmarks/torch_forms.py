"""PyTorch at its best ordinary settings: eager, compiled and stacked seeds, in one process on all its cores.

Seeds that are not stacked are trained one after another. Nothing is computed that the step does not need: the fakes of
the discriminator's update carry no gradient, the generator's update asks for no gradient of the discriminator's
weights and draws no real examples, no loss is copied to the host, Adam is the fused one.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import softplus

from benchmarks.forms import Form, Start
from benchmarks.torch_parts import (
    Player,
    Setting,
    Tensors,
    apply_adam,
    make_adam,
    make_player,
    prepare,
    read,
    sampler,
    seed_networks,
    wait,
)
from benchmarks.workloads import Workload

Network = Callable[[Tensor], Tensor]


def d_loss(discriminator: Network, real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy, real and fake examples in passes of their own."""
    return softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()


def g_loss(discriminator: Network, fake: Tensor) -> Tensor:
    """The non-saturating loss."""
    return softplus(-discriminator(fake)).mean()


def one_by_one(workload: Workload, seeds: int, start: Start | None, setting: Setting, *, compile_: bool) -> Form:
    """Each seed has its own modules and optimizers; a step goes through the seeds in turn."""
    device = prepare(setting)
    pairs = [seed_networks(workload, seed, setting, device, start) for seed in range(seeds)]
    players = [(make_player(workload, generator), make_player(workload, critic)) for generator, critic in pairs]
    draw = sampler(workload, seeds, setting, device, start)
    gradients = _compiled_gradients(*players[0]) if compile_ else (_eager_d, _eager_g)

    def run(steps: int) -> None:
        for _ in range(steps):
            for seed, (generator, discriminator) in enumerate(players):
                d_grads = gradients[0](generator, discriminator, draw.real(seed), draw.latents(seed, 0))
                apply_adam(discriminator.optimizer, discriminator.params.values(), d_grads)
                g_grads = gradients[1](generator, discriminator, draw.latents(seed, 1))
                apply_adam(generator.optimizer, generator.params.values(), g_grads)
        wait(device)

    return Form(run, lambda: [read(*pair) for pair in players])


def _eager_d(generator: Player, discriminator: Player, real: Tensor, z: Tensor) -> Iterable[Tensor]:
    with torch.no_grad():
        fake = generator.network(z)
    return torch.autograd.grad(d_loss(discriminator.network, real, fake), list(discriminator.params.values()))


def _eager_g(generator: Player, discriminator: Player, z: Tensor) -> Iterable[Tensor]:
    loss = g_loss(discriminator.network, generator.network(z))
    return torch.autograd.grad(loss, list(generator.params.values()))


def _objectives(generator: nn.Module, discriminator: nn.Module) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """Both losses as functions of the own player's parameters (first) and of all else."""

    def of_d(params: Tensors, buffers: Tensors, g: tuple[Tensors, Tensors], real: Tensor, z: Tensor) -> Tensor:
        fake = functional_call(generator, g, (z,))
        return d_loss(lambda x: functional_call(discriminator, (params, buffers), (x,)), real, fake)

    def of_g(params: Tensors, buffers: Tensors, d: tuple[Tensors, Tensors], z: Tensor) -> Tensor:
        fake = functional_call(generator, (params, buffers), (z,))
        return g_loss(lambda x: functional_call(discriminator, d, (x,)), fake)

    return of_d, of_g


Wrap = Callable[[Callable[..., Tensors]], Callable[..., Tensors]]


def _functional_gradients(generator: Player, discriminator: Player, wrap: Wrap) -> tuple[Any, Any]:
    """The gradients of `_objectives`, each function transformed by `wrap`, of players of the same networks."""
    of_d, of_g = (wrap(grad(f)) for f in _objectives(generator.network, discriminator.network))

    def d(generator: Player, discriminator: Player, real: Tensor, z: Tensor) -> Iterable[Tensor]:
        with torch.no_grad():
            return of_d(*discriminator.weights, generator.weights, real, z).values()

    def g(generator: Player, discriminator: Player, z: Tensor) -> Iterable[Tensor]:
        with torch.no_grad():
            return of_g(*generator.weights, discriminator.weights, z).values()

    return d, g


_compile: Wrap = partial(torch.compile, fullgraph=True)  # each update's gradients are one graph


def _compiled_gradients(generator: Player, discriminator: Player) -> tuple[Any, Any]:
    """Weights are arguments of the compiled functions, so one program serves all seeds."""
    return _functional_gradients(generator, discriminator, _compile)


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
    d_gradients, g_gradients = _functional_gradients(generator, discriminator, transform)

    def run(steps: int) -> None:
        for _ in range(steps):
            d_grads = d_gradients(generator, discriminator, draw.real(None), draw.latents(None, 0))
            apply_adam(discriminator.optimizer, discriminator.params.values(), d_grads)
            apply_adam(
                generator.optimizer,
                generator.params.values(),
                g_gradients(generator, discriminator, draw.latents(None, 1)),
            )
        wait(device)

    return Form(run, lambda: [read(generator, discriminator, seed) for seed in range(seeds)])


def stacked_compiled(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """`stacked`, each update's gradients compiled into one graph."""
    return stacked(workload, seeds, start, compile_=True)
