"""What the PyTorch forms share: settings, data and latents on the device, one seed's networks and optimizers."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.forms import Networks, Start, Trained
from benchmarks.torch_networks import from_flax, networks, to_flax
from benchmarks.workloads import RING_SIGMA, Workload, examples

Tensors = dict[str, Tensor]


class Setting(NamedTuple):
    """How a form lays its work out."""

    channels_last: bool = False
    threads: int | None = None  # None: as many as there are cores


def prepare(setting: Setting) -> torch.device:
    """Sets threads and true float32; the device is a GPU where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(setting.threads or cores)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False  # of convolutions, where TF32 is the default
    torch.backends.cudnn.benchmark = True  # shapes do not change: pick the fastest convolutions
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Sampler(NamedTuple):
    """Where a step's examples and latents come from; `seed` None: those of all seeds, stacked."""

    real: Callable[[int | None], Tensor]
    latents: Callable[[int | None, int], Tensor]  # (seed, 0 in the discriminator's update and 1 in the generator's)


def sampler(workload: Workload, seeds: int, setting: Setting, device: torch.device, start: Start | None) -> Sampler:
    """Random draws from data in the device's memory, or the given ones."""

    def images(x: Any) -> Tensor:  # [..., h, w, c] -> [..., c, h, w]: channels-last is how the channels lie in memory
        moved = torch.as_tensor(x, device=device)
        if not workload.is_image:
            return moved
        return moved.movedim(-1, -3) if setting.channels_last else moved.movedim(-1, -3).contiguous()

    if start is not None:
        real = images(np.stack([draws.real for draws in start.draws]))
        given = [torch.from_numpy(np.stack([draws[i] for draws in start.draws])).to(device) for i in (1, 2)]
        return Sampler(
            lambda seed: real if seed is None else real[seed],
            lambda seed, update: given[update] if seed is None else given[update][seed],
        )

    data = torch.as_tensor(examples(workload), device=device)
    data = data if setting.channels_last else images(data)
    stack = lambda seed: (seeds,) if seed is None else ()  # noqa: E731

    def draw(seed: int | None) -> Tensor:
        index = torch.randint(len(data), (*stack(seed), workload.batch), device=device)
        x = data[index]
        if not workload.is_image:
            return x + RING_SIGMA * torch.randn(x.shape, device=device)
        x = x.float() / 127.5 - 1 if x.dtype == torch.uint8 else x
        return x.movedim(-1, -3) if setting.channels_last else x

    return Sampler(draw, lambda seed, _: torch.randn((*stack(seed), workload.batch, workload.latent), device=device))


def make_adam(workload: Workload, params: Iterable[Tensor]) -> torch.optim.Adam:
    betas = (workload.beta1, workload.beta2)
    return torch.optim.Adam(params, workload.learning_rate, betas, workload.eps, fused=True)


def apply_adam(optimizer: torch.optim.Optimizer, params: Iterable[Tensor], grads: Iterable[Tensor]) -> None:
    for param, gradient in zip(params, grads, strict=True):
        param.grad = gradient
    optimizer.step()


class Player(NamedTuple):
    """One network of one seed, or of all seeds stacked, with its optimizer."""

    network: nn.Sequential
    params: Tensors
    buffers: Tensors
    optimizer: torch.optim.Adam

    @property
    def weights(self) -> tuple[Tensors, Tensors]:
        return self.params, self.buffers


def seed_networks(
    workload: Workload, seed: int, setting: Setting, device: torch.device, start: Start | None
) -> list[nn.Sequential]:
    """The generator and the discriminator of a seed, on the device."""
    pair = networks(workload)
    if start is not None:
        for network, params in zip(pair, start.params[seed], strict=True):
            network.load_state_dict(from_flax(network, params), strict=False)  # buffers stay
    layout = torch.channels_last if setting.channels_last else torch.contiguous_format
    return [network.to(device=device, memory_format=layout) for network in pair]  # type: ignore[call-overload]


def make_player(workload: Workload, network: nn.Sequential) -> Player:
    params = dict(network.named_parameters())
    return Player(network, params, dict(network.named_buffers()), make_adam(workload, params.values()))


def read(generator: Player, discriminator: Player, seed: int | None = None) -> Trained:
    """What a seed has learnt, in flax's layout."""

    def part(player: Player, values: Mapping[str, Tensor]) -> Any:
        return to_flax(player.network, {k: v if seed is None else v[seed] for k, v in values.items()})

    def means(player: Player) -> Any:
        return part(player, {k: player.optimizer.state[p]["exp_avg"] for k, p in player.params.items()})

    both = (generator, discriminator)
    return Trained(Networks(*(part(p, p.params) for p in both)), Networks(*map(means, both)))


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
