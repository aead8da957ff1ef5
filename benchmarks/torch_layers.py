"""The layers of the PyTorch networks by their flax names, and the conversion of weights between the frameworks."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
Tensors = dict[str, Tensor]


class ToImage(nn.Linear):
    """Vectors [n, d] -> images [n, c, h, w]."""

    def __init__(self, features: int, image: tuple[int, int, int], bias: bool = True) -> None:
        c, h, w = self.image = image
        super().__init__(features, c * h * w, bias)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).unflatten(1, self.image)


class FromImage(nn.Linear):
    """Images [n, c, h, w] -> vectors [n, d]."""

    def __init__(self, image: tuple[int, int, int], features: int, bias: bool = True) -> None:
        c, h, w = self.image = image
        super().__init__(c * h * w, features, bias)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1))


class ClassVectors(nn.Embedding):
    """A vector for each class, with as many numbers as an image [c, h, w]."""

    def __init__(self, classes: int, image: tuple[int, int, int]) -> None:
        c, h, w = self.image = image
        super().__init__(classes, c * h * w)


class ClassBatchNorm(nn.Module):
    """BatchNorm with a scale and an offset for each class."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale, self.offset = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.offset.weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        scale, offset = (table(y)[:, :, None, None] for table in (self.scale, self.offset))
        return self.norm(x) * scale + offset


_KINDS: Mapping[type[nn.Module], str] = {
    nn.Linear: "Dense",
    ToImage: "Dense",
    FromImage: "Dense",
    nn.Conv2d: "Conv",
    nn.ConvTranspose2d: "ConvTranspose",
    nn.BatchNorm2d: "BatchNorm",
    nn.Embedding: "ClassEmbedding",
    ClassVectors: "ClassEmbedding",
    ClassBatchNorm: "ConditionalBatchNorm",
}


_WEIGHTS = "kernel", "embedding", "constant"


def named(name: str, module: M) -> M:
    """Set the flax name of a layer and return the layer."""
    module.flax_name = name  # type: ignore[assignment]
    return module


def layers(network: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield (flax name, layer) for every layer with parameters; flax numbers the layers of each kind.

    A name with slashes is a path.
    """
    seen: Counter[str] = Counter()

    def within(module: nn.Module) -> Iterator[tuple[str, Any]]:
        if name := getattr(module, "flax_name", None):
            yield str(name), module
        elif kind := _KINDS.get(type(module)):
            yield f"{kind}_{seen[kind]}", module
            seen[kind] += 1
        else:
            for child in module.children():
                yield from within(child)

    return within(network)


def from_flax(network: nn.Module, params: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> Tensors:
    """Convert flax parameters, and the spectral norm vectors in the state, to tensors of `network` by PyTorch names.

    Raises:
      ValueError: if the layers or their shapes differ.
    """
    names = {module: name for name, module in network.named_modules()}
    own, given = dict(layers(network)), _leaves_by_path(params)
    if own.keys() != given.keys():
        raise ValueError(f"expected the layers {sorted(own)}, got {sorted(given)}")
    found = {}
    for path, module in own.items():
        for leaf, value in given[path].items():
            array = (_to_torch if leaf in _WEIGHTS else _vector_to_torch)(module, np.asarray(value))
            found[f"{names[module]}.{_parameter(module, leaf)}"] = torch.from_numpy(np.array(array, order="C"))
    shapes = {name: tuple(p.shape) for name, p in network.named_parameters()}
    if shapes != {name: tuple(p.shape) for name, p in found.items()}:
        raise ValueError(f"expected parameters {shapes}, got { ({k: tuple(v.shape) for k, v in found.items()}) }")
    for path, vector in _vectors(state or {}).items():
        found[f"{names[own[path]]}.u"] = torch.from_numpy(np.array(_vector_to_torch(own[path], np.asarray(vector)[0])))
    return found


def to_flax(network: nn.Module, params: Mapping[str, Tensor]) -> dict[str, Any]:
    """Convert parameters to flax: the inverse of `from_flax`."""
    names = {module: name for name, module in network.named_modules()}
    found: dict[str, Any] = {}
    for path, module in layers(network):
        place = found
        for part in path.split("/"):
            place = place.setdefault(part, {})
        for leaf in _leaves(module):
            parameter = params.get(f"{names[module]}.{_parameter(module, leaf)}")
            if parameter is not None:
                array = parameter.detach().cpu().numpy()
                place[leaf] = (_to_numpy if leaf in _WEIGHTS else _vector_to_numpy)(module, array)
    return found


def _leaves_by_path(params: Mapping[str, Any], above: str = "") -> dict[str, dict[str, Any]]:
    """Return the parameters of each layer by its path, without those of nested layers."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            found |= _leaves_by_path(value, f"{above}/{name}" if above else name)
        else:
            found.setdefault(above, {})[name] = value
    return found


def _vectors(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spectral norm vector of each layer by its path; flax names a kernel by its layer."""
    found = {}
    for path, leaves in _leaves_by_path(state.get("batch_stats", {})).items():
        above = [part for part in path.split("/") if not part.startswith("SpectralNorm_")]
        for name, value in leaves.items():
            if name.endswith("/kernel/u"):
                found["/".join([*above, name.removesuffix("/kernel/u")])] = value
    return found


def _parameter(module: nn.Module, leaf: str) -> str:
    if isinstance(module, ClassBatchNorm):
        return {"scale": "scale.weight", "bias": "offset.weight"}.get(leaf, leaf)
    return leaf if leaf in ("bias", *_OWN) else "weight"


_OWN = "constant", "noise_strength"  # the same names in both frameworks


def _leaves(module: nn.Module) -> tuple[str, ...]:
    """Return the flax names of a layer's parameters; it may lack some of them."""
    if isinstance(module, nn.BatchNorm2d | ClassBatchNorm):
        return "scale", "bias"
    return ("embedding",) if isinstance(module, nn.Embedding) else ("kernel", "bias", *_OWN)


# In flax images are [n, h, w, c] and kernels [h, w, in, out]. In PyTorch they are [n, c, h, w] and [out, in, h, w]; the
# kernels of transposed convolutions are [in, out, h, w] and flipped. A Linear between images and vectors orders the
# numbers of an image as its framework does.


def _to_torch(module: nn.Module, kernel: np.ndarray) -> np.ndarray:
    if kernel.ndim == 3:  # an image
        return kernel.transpose(2, 0, 1)
    if isinstance(module, nn.Conv2d):
        return kernel.transpose(3, 2, 0, 1)
    if isinstance(module, nn.ConvTranspose2d):
        return kernel[::-1, ::-1].transpose(2, 3, 0, 1)
    if isinstance(module, ToImage):
        c, h, w = module.image
        return kernel.reshape(-1, h, w, c).transpose(3, 1, 2, 0).reshape(-1, len(kernel))
    if isinstance(module, FromImage):
        c, h, w = module.image
        return kernel.reshape(h, w, c, -1).transpose(3, 2, 0, 1).reshape(-1, len(kernel))
    if isinstance(module, ClassVectors):
        c, h, w = module.image
        return kernel.reshape(-1, h, w, c).transpose(0, 3, 1, 2).reshape(kernel.shape)
    return kernel if isinstance(module, nn.Embedding) else kernel.T


def _vector_to_torch(module: nn.Module, vector: np.ndarray) -> np.ndarray:
    """Convert a vector with one number for each output."""
    if isinstance(module, ToImage):
        c, h, w = module.image
        return vector.reshape(h, w, c).transpose(2, 0, 1).ravel()
    return vector


def _vector_to_numpy(module: nn.Module, vector: np.ndarray) -> np.ndarray:
    if isinstance(module, ToImage):
        return vector.reshape(module.image).transpose(1, 2, 0).ravel()
    return vector


def _to_numpy(module: nn.Module, weight: np.ndarray) -> np.ndarray:
    if weight.ndim == 3:
        return weight.transpose(1, 2, 0)
    if isinstance(module, nn.Conv2d):
        return weight.transpose(2, 3, 1, 0)
    if isinstance(module, nn.ConvTranspose2d):
        return weight.transpose(2, 3, 0, 1)[::-1, ::-1]
    if isinstance(module, ToImage):
        return weight.reshape(*module.image, -1).transpose(3, 1, 2, 0).reshape(weight.shape[::-1])
    if isinstance(module, FromImage):
        return weight.reshape(-1, *module.image).transpose(2, 3, 1, 0).reshape(weight.shape[::-1])
    if isinstance(module, ClassVectors):
        return weight.reshape(-1, *module.image).transpose(0, 2, 3, 1).reshape(weight.shape)
    return weight if isinstance(module, nn.Embedding) else weight.T
