"""The networks of SNGAN and BigGAN for 32 pixels in PyTorch, with the spectral norms of `jaxgan.nn`."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, linear, normalize, relu

from benchmarks.torch_layers import ToImage, named
from benchmarks.workloads import Workload


class Turn(NamedTuple):
    """How a forward pass treats the power iteration vectors, which are state of the player."""

    steps: int = 1  # of power iteration before the kernels are divided by the estimated singular value
    keep: bool = True


class Spectral(nn.Module):
    """A layer whose kernel is divided by its largest singular value, estimated by power iteration from `u`."""

    weight: Tensor
    bias: Tensor | None
    u: Tensor

    def start(self) -> None:
        """Initialize `u` with a random vector."""
        self.register_buffer("u", torch.randn(len(self.weight)))

    def divided(self, turn: Turn) -> Tensor:
        matrix, u = self.weight.flatten(1), self.u
        with torch.no_grad():
            for _ in range(turn.steps):
                v = normalize(matrix.T @ u, dim=0, eps=1e-12)
                u = normalize(matrix @ v, dim=0, eps=1e-12)
            if turn.keep:
                self.u.copy_(u)
        return self.weight / (u @ matrix @ v)


class SpectralConv(nn.Conv2d, Spectral):
    """A convolution with a spectral norm that keeps the image size."""

    def __init__(self, features: int, out: int, side: int) -> None:
        super().__init__(features, out, side, padding=side // 2)
        self.start()

    def forward(self, x: Tensor, turn: Turn) -> Tensor:  # type: ignore[override]
        return conv2d(x, self.divided(turn), self.bias, padding=self.padding)


class SpectralLinear(nn.Linear, Spectral):
    def __init__(self, features: int, out: int, bias: bool = True) -> None:
        super().__init__(features, out, bias)
        self.start()

    def forward(self, x: Tensor, turn: Turn) -> Tensor:  # type: ignore[override]
        return linear(x, self.divided(turn), self.bias)


class SpectralToImage(ToImage, Spectral):
    """Vectors [n, d] -> images [n, c, h, w]."""

    def __init__(self, features: int, image: tuple[int, int, int]) -> None:
        super().__init__(features, image)
        self.start()

    def forward(self, x: Tensor, turn: Turn) -> Tensor:  # type: ignore[override]
        return linear(x, self.divided(turn), self.bias).unflatten(1, self.image)


class Conv(nn.Conv2d):
    """A convolution without a spectral norm that keeps the image size."""

    def __init__(self, features: int, out: int, side: int) -> None:
        super().__init__(features, out, side, padding=side // 2)

    def forward(self, x: Tensor, turn: Turn) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class First(ToImage):
    def forward(self, x: Tensor, turn: Turn) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class Norm(nn.BatchNorm2d):
    """BatchNorm with a learned scale and offset; ignores the code."""

    def forward(self, x: Tensor, code: Tensor | None, turn: Turn) -> Tensor:  # type: ignore[override]
        return super().forward(x)


class Statistics(nn.BatchNorm2d):
    """BatchNorm without a scale and an offset, so that it has no parameters in flax."""


class CodeNorm(nn.Module):
    """BatchNorm with a scale and an offset that are linear in a chunk of the latent."""

    def __init__(self, name: str, channels: int, code: int) -> None:
        super().__init__()
        self.norm = Statistics(channels, affine=False)
        self.scale, self.offset = (
            named(f"{name}/{part}", SpectralLinear(code, channels, bias=False)) for part in ("scale", "offset")
        )

    def forward(self, x: Tensor, code: Tensor, turn: Turn) -> Tensor:
        scale, offset = (part(code, turn)[:, :, None, None] for part in (self.scale, self.offset))
        return self.norm(x) * (1 + scale) + offset


class Up(nn.Module):
    """A residual block that doubles the image; with a chunk of the latent (`code` numbers) it is that of BigGAN."""

    def __init__(self, name: str, width: int, epsilon: float, code: int = 0) -> None:
        super().__init__()
        self.norms, self.convs = nn.ModuleList(), nn.ModuleList()
        conv = SpectralConv if code else Conv
        for i in (0, 1):
            norm = f"{name}_norm_{i}"
            self.norms.append(CodeNorm(norm, width, code) if code else named(norm, Norm(width, epsilon)))
            self.convs.append(named(f"{name}_conv_{i}", conv(width, width, 3)))
        self.shortcut = named(f"{name}_shortcut", conv(width, width, 1))

    def forward(self, x: Tensor, code: Tensor | None, turn: Turn) -> Tensor:
        y = self.convs[0](interpolate(relu(self.norms[0](x, code, turn)), scale_factor=2.0), turn)
        y = self.convs[1](relu(self.norms[1](y, code, turn)), turn)
        return y + interpolate(self.shortcut(x, turn), scale_factor=2.0)


class ResidualGenerator(nn.Module):
    """Three blocks starting at 4 x 4 pixels; in BigGAN each block and the first layer have a chunk of the latent."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.chunks = 4 if workload.network == "biggan" else 1
        width = (4 if self.chunks > 1 else 1) * workload.width
        given, epsilon = workload.latent // self.chunks, 1e-5 if self.chunks > 1 else 2e-5
        first = (SpectralToImage if self.chunks > 1 else First)(given, (width, 4, 4))
        conv = SpectralConv if self.chunks > 1 else Conv
        self.first: nn.Module = named("first", first)
        code = given if self.chunks > 1 else 0
        self.blocks = nn.ModuleList(Up(f"block_{i}", width, epsilon, code) for i in range(3))
        self.last_norm = named("last_norm", nn.BatchNorm2d(width, epsilon))
        self.last = named("last", conv(width, workload.shape[2], 3))

    def forward(self, z: Tensor, turn: Turn = Turn()) -> Tensor:  # noqa: B008
        z, *codes = z.chunk(self.chunks, dim=1)
        x = self.first(z, turn)
        for i, block in enumerate(self.blocks):
            x = block(x, codes[i] if codes else None, turn)
        return torch.tanh(self.last(relu(self.last_norm(x)), turn))


class Down(nn.Module):
    """A residual block; the first one takes an image and halves it before the convolution of its shortcut."""

    def __init__(self, name: str, features: int, width: int, *, first: bool, halve: bool) -> None:
        super().__init__()
        self.starts, self.halve = first, halve
        self.convs = nn.ModuleList(
            named(f"{name}_conv_{i}", SpectralConv(before, width, 3)) for i, before in enumerate((features, width))
        )
        self.shortcut = named(f"{name}_shortcut", SpectralConv(features, width, 1)) if halve else None

    def forward(self, x: Tensor, turn: Turn) -> Tensor:
        y = self.convs[0](x if self.starts else relu(x), turn)
        y = self.convs[1](relu(y), turn)
        x, y = (avg_pool2d(x, 2), avg_pool2d(y, 2)) if self.halve else (x, y)
        return y + (x if self.shortcut is None else self.shortcut(x, turn))


class ResidualDiscriminator(nn.Module):
    """Four blocks, the first two of which halve the image, and a sum over pixels; for SNGAN and BigGAN."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        big = workload.network == "biggan"
        width, channels = (4 if big else 1) * workload.width, workload.shape[2]
        self.blocks = nn.ModuleList(
            Down(f"block_{i}", width if i else channels, width, first=i == 0, halve=i < 2) for i in range(4)
        )
        self.last = named("last", SpectralLinear(width, 1, bias=big))

    def forward(self, x: Tensor, turn: Turn = Turn()) -> Tensor:  # noqa: B008
        for block in self.blocks:
            x = block(x, turn)
        return self.last(relu(x).sum(dim=(2, 3)), turn).flatten()
