"""Common parts of the PyTorch forms: settings, data and latents on the device, networks and optimizers of a seed."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.forms import Networks, Start, Trained
from benchmarks.torch_layers import Tensors, from_flax, to_flax
from benchmarks.torch_networks import networks
from benchmarks.workloads import RING_SIGMA, Workload, conditions, examples


class Setting(NamedTuple):
    """The memory layout and the threads of a form."""

    channels_last: bool = False
    threads: int | None = None  # None: as many as there are cores


def prepare(setting: Setting) -> torch.device:
    """Set the number of threads and full float32 precision, and return the device, a GPU if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(setting.threads or cores)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False  # the default for convolutions is TF32
    torch.backends.cudnn.benchmark = True  # shapes are constant, so the fastest convolutions can be selected
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


Draw = Callable[[int | None, int], tuple[Tensor, ...]]
"""(seed, update) -> the inputs of an update; with seed None those of all seeds, stacked.

Update 0 is the discriminator's: latents, real examples, their conditions. Update 1 is the generator's: latents, their
conditions, and real images if the generator is compared with them.
"""


def sampler(workload: Workload, seeds: int, setting: Setting, device: torch.device, start: Start | None) -> Draw:
    """Return a function that draws from data in device memory, or that returns the given draws."""
    return _given(setting, device, start) if start is not None else _random(workload, seeds, setting, device)


def _images(x: Tensor, setting: Setting) -> Tensor:
    """Convert images from [..., h, w, c] to [..., c, h, w], in either memory layout; return other arrays unchanged."""
    if x.ndim < 4:
        return x
    return x.movedim(-1, -3) if setting.channels_last else x.movedim(-1, -3).contiguous()


def _given(setting: Setting, device: torch.device, start: Start) -> Draw:
    def stacked(arrays: Sequence[np.ndarray]) -> Tensor:
        x = torch.from_numpy(np.stack(arrays)).to(device)
        return _images(x, setting) if x.ndim == 5 else x

    each = [
        ((d.discriminator_latents, d.real, *d.discriminator_condition),
         (d.generator_latents, *d.generator_condition, *d.generator_real))
        for d in start.draws
    ]  # fmt: skip
    updates = [[stacked(same) for same in zip(*of_seeds, strict=True)] for of_seeds in zip(*each, strict=True)]
    return lambda seed, update: tuple(x if seed is None else x[seed] for x in updates[update])


def _random(workload: Workload, seeds: int, setting: Setting, device: torch.device) -> Draw:
    of_data = [torch.as_tensor(a, device=device) for a in (examples(workload), conditions(workload)) if a is not None]
    of_data = of_data if setting.channels_last else [_images(x, setting) for x in of_data]

    def batch(stack: tuple[int, ...]) -> list[Tensor]:
        index = torch.randint(len(of_data[0]), (*stack, workload.batch), device=device)
        x = [unit(data[index]) for data in of_data]
        if not workload.is_image:
            return [x[0] + RING_SIGMA * torch.randn(x[0].shape, device=device)]
        return [_images(part, setting) for part in x] if setting.channels_last else x

    def draw(seed: int | None, update: int) -> tuple[Tensor, ...]:
        stack = (seeds,) if seed is None else ()
        z = torch.randn((*stack, workload.batch, workload.latent), device=device)
        if update == 0:
            return z, *batch(stack)
        if not workload.conditional:
            return (z,)
        x, y = batch(stack)
        return (z, y, x) if workload.l1 else (z, y)

    return draw


def unit(x: Tensor) -> Tensor:
    """Convert grey levels to floats in [-1, 1]."""
    return x.float() / 127.5 - 1 if x.dtype == torch.uint8 else x


def make_adam(workload: Workload, params: Iterable[Tensor]) -> torch.optim.Adam:
    betas = (workload.beta1, workload.beta2)
    return torch.optim.Adam(params, workload.learning_rate, betas, workload.eps, fused=True)


class Player(NamedTuple):
    """One network of one seed, or of all seeds stacked, with its optimizer."""

    network: nn.Module
    params: Tensors
    buffers: Tensors
    optimizer: torch.optim.Adam

    @property
    def weights(self) -> tuple[Tensors, Tensors]:
        return self.params, self.buffers


def seed_networks(
    workload: Workload, seed: int, setting: Setting, device: torch.device, start: Start | None
) -> list[nn.Module]:
    """Return the generator and the discriminator of a seed, on the device."""
    pair = networks(workload)
    if start is not None:
        states = start.states[seed] if start.states else ({}, {})
        for network, params, state in zip(pair, start.params[seed], states, strict=True):
            network.load_state_dict(from_flax(network, params, state), strict=False)  # keep other buffers
    layout = torch.channels_last if setting.channels_last else torch.contiguous_format
    return [network.to(device=device, memory_format=layout) for network in pair]  # type: ignore[call-overload]


def make_player(workload: Workload, network: nn.Module) -> Player:
    params = dict(network.named_parameters())
    return Player(network, params, dict(network.named_buffers()), make_adam(workload, params.values()))


def update(player: Player, grads: Iterable[Tensor]) -> None:
    """Take one step of Adam."""
    for param, gradient in zip(player.params.values(), grads, strict=True):
        param.grad = gradient
    player.optimizer.step()


def read(generator: Player, discriminator: Player, seed: int | None = None) -> Trained:
    """Return the trained parameters of a seed in flax's layout."""

    def part(player: Player, values: Mapping[str, Tensor]) -> Any:
        return to_flax(player.network, {k: v if seed is None else v[seed] for k, v in values.items()})

    def means(player: Player) -> Any:
        return part(player, {k: player.optimizer.state[p]["exp_avg"] for k, p in player.params.items()})

    both = (generator, discriminator)
    return Trained(Networks(*(part(p, p.params) for p in both)), Networks(*map(means, both)))


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
