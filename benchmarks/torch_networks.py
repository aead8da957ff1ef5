"""The workloads' networks in PyTorch, exactly those of `jaxgan.nn`, and the way of their weights there and back."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.workloads import Workload, doublings

_FLAX_NAMES = {
    nn.Linear: "Dense",
    nn.Conv2d: "Conv",
    nn.ConvTranspose2d: "ConvTranspose",
    nn.BatchNorm2d: "BatchNorm",
}


def networks(workload: Workload) -> tuple[nn.Sequential, nn.Sequential]:
    """(generator, discriminator): z [n, d] -> x [n, ...], images as [n, c, h, w]; x -> logits [n].

    Weights from N(0, 0.02) for images, PyTorch's own otherwise.
    """
    if not workload.is_image:
        width, features = workload.width, workload.shape[0]
        return _mlp(workload.latent, width, features), nn.Sequential(*_mlp(features, width, 1), nn.Flatten(0))
    pair = _generator(workload), _discriminator(workload)
    for _, module in [*_layers(pair[0]), *_layers(pair[1])]:
        if not isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return pair


def _mlp(features: int, width: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out)
    )


def _generator(workload: Workload) -> nn.Sequential:
    size, _, channels = workload.shape
    base, stages = doublings(size)
    wide = workload.width * 2 ** (stages - 1)
    layers: list[nn.Module] = [
        nn.Linear(workload.latent, wide * base * base, bias=False),
        nn.Unflatten(1, (wide, base, base)),
        nn.BatchNorm2d(wide),  # eps 1e-5 and momentum 0.1, which flax calls 0.9
        nn.ReLU(),
    ]
    for stage in reversed(range(stages - 1)):
        width = workload.width * 2**stage
        layers += [nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(workload.width, channels, 4, 2, 1), nn.Tanh())


def _discriminator(workload: Workload) -> nn.Sequential:
    size, _, channels = workload.shape
    base, stages = doublings(size)
    layers: list[nn.Module] = [nn.Conv2d(channels, workload.width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for stage in range(1, stages):
        width = workload.width * 2**stage
        layers += [nn.Conv2d(width // 2, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
    wide = workload.width * 2 ** (stages - 1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide * base * base, 1), nn.Flatten(0))


def _layers(network: nn.Sequential) -> Iterator[tuple[str, Any]]:
    """(name in flax, layer) of every layer with parameters: flax counts the layers of a kind."""
    seen: Counter[str] = Counter()
    for module in network:
        if kind := _FLAX_NAMES.get(type(module)):
            yield f"{kind}_{seen[kind]}", module
            seen[kind] += 1


def from_flax(network: nn.Sequential, params: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Parameters of flax as those of `network`, by PyTorch's names.

    Raises:
      ValueError: the layers are not the same, or a shape differs.
    """
    names = {module: name for name, module in network.named_modules()}
    layers = dict(_layers(network))
    if layers.keys() != params.keys():
        raise ValueError(f"expected the layers {sorted(layers)}, got {sorted(params)}")
    found = {}
    for flax_name, module in layers.items():
        for leaf, value in params[flax_name].items():
            name = "bias" if leaf == "bias" else "weight"
            moved = _to_torch(network, module, np.asarray(value)) if leaf == "kernel" else np.asarray(value)
            found[f"{names[module]}.{name}"] = torch.from_numpy(np.array(moved, order="C"))
    own = {name: tuple(p.shape) for name, p in network.named_parameters()}
    if own != {name: tuple(p.shape) for name, p in found.items()}:
        raise ValueError(f"expected parameters {own}, got { ({k: tuple(v.shape) for k, v in found.items()}) }")
    return found


def to_flax(network: nn.Sequential, params: Mapping[str, torch.Tensor]) -> dict[str, dict[str, np.ndarray]]:
    """The inverse of `from_flax`."""
    names = {module: name for name, module in network.named_modules()}
    found: dict[str, dict[str, np.ndarray]] = {}
    for flax_name, module in _layers(network):
        weight, bias = (params.get(f"{names[module]}.{leaf}") for leaf in ("weight", "bias"))
        assert weight is not None
        norm = isinstance(module, nn.BatchNorm2d)
        value = weight.detach().cpu().numpy()
        found[flax_name] = {"scale": value} if norm else {"kernel": _to_numpy(network, module, value)}
        if bias is not None:
            found[flax_name]["bias"] = bias.detach().cpu().numpy()
    return found


# flax's images are [n, h, w, c] and its kernels [h, w, in, out]; PyTorch's [n, c, h, w] and [out, in, h, w], transposed
# convolutions [in, out, h, w] and back to front. A Linear between images and vectors counts pixels in the same order
# as its framework does.


def _to_torch(network: nn.Sequential, module: nn.Module, kernel: np.ndarray) -> np.ndarray:
    if isinstance(module, nn.Conv2d):
        return kernel.transpose(3, 2, 0, 1)
    if isinstance(module, nn.ConvTranspose2d):
        return kernel[::-1, ::-1].transpose(2, 3, 0, 1)
    if made := _image_made(network, module):
        c, h, w = made
        return kernel.reshape(-1, h, w, c).transpose(3, 1, 2, 0).reshape(-1, len(kernel))
    if read := _image_read(network, module):
        c, h, w = read
        return kernel.reshape(h, w, c, -1).transpose(3, 2, 0, 1).reshape(-1, len(kernel))
    return kernel.T


def _to_numpy(network: nn.Sequential, module: nn.Module, weight: np.ndarray) -> np.ndarray:
    if isinstance(module, nn.Conv2d):
        return weight.transpose(2, 3, 1, 0)
    if isinstance(module, nn.ConvTranspose2d):
        return weight.transpose(2, 3, 0, 1)[::-1, ::-1]
    if made := _image_made(network, module):
        return weight.reshape(*made, -1).transpose(3, 1, 2, 0).reshape(weight.shape[::-1])
    if read := _image_read(network, module):
        return weight.reshape(-1, *read).transpose(2, 3, 1, 0).reshape(weight.shape[::-1])
    return weight.T


def _image_made(network: nn.Sequential, module: nn.Module) -> tuple[int, int, int] | None:
    """The [c, h, w] of the image that a Linear makes, if it makes one."""
    unflatten = network[1]
    if module is network[0] and isinstance(unflatten, nn.Unflatten):
        c, h, w = unflatten.unflattened_size
        return c, h, w
    return None


def _image_read(network: nn.Sequential, module: Any) -> tuple[int, int, int] | None:
    """The [c, h, w] of the image that a Linear reads, if it reads one."""
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    if not isinstance(module, nn.Linear) or not convolutions:
        return None
    channels = convolutions[-1].out_channels
    side = round((module.in_features / channels) ** 0.5)
    return channels, side, side
