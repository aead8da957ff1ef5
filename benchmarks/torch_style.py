"""The networks of StyleGAN2 in PyTorch, equal to those of `jaxgan.nn` without noise and style mixing."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear, pad

from benchmarks.torch_layers import FromImage, named
from benchmarks.workloads import Workload

_MAPPING, _SLOWER = 8, 0.01  # number of layers, and their learning rate multiplier
_GROUP = 4  # examples per group for the standard deviation that is added to the features


def active(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2) * math.sqrt(2)


def filtered(x: Tensor, before: int, after: int, gain: float = 1.0, stride: int = 1) -> Tensor:
    """Apply the filter [1, 3, 3, 1] along both sides to zero-padded images."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype, device=x.device)
    kernel = (torch.outer(taps, taps) * (gain / 64)).expand(x.shape[1], 1, 4, 4)
    return conv2d(pad(x, (before, after) * 2), kernel, stride=stride, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    """Double images by inserting zeros between pixels and filtering."""
    n, c, h, w = x.shape
    apart = pad(x.reshape(n, c, h, 1, w, 1), (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * w)
    return filtered(apart, 2, 1, 4.0)


def resampled(x: Tensor, weight: Tensor, resample: str | None) -> Tensor:
    """Convolve images with a kernel [o, c, k, k], doubling or halving them if requested."""
    k = weight.shape[-1]
    if resample == "up":
        return filtered(conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, 1, 4.0)
    if resample == "down":
        return conv2d(filtered(x, 1, 1, stride=2), weight) if k == 1 else conv2d(filtered(x, 2, 2), weight, stride=2)
    return conv2d(x, weight, padding=k // 2)


class EqualizedLinear(nn.Linear):
    """A linear layer with weights scaled by 1 / sqrt(inputs) at run time, and a learning rate multiplier `slower`."""

    def __init__(self, features: int, out: int, slower: float = 1.0, bias: float = 0.0) -> None:
        super().__init__(features, out)
        self.slower = slower
        nn.init.normal_(self.weight, std=1 / slower)
        nn.init.constant_(self.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * (self.slower / math.sqrt(x.shape[1])), self.bias * self.slower)


class EqualizedFromImage(FromImage):
    """Images [n, c, h, w] -> vectors [n, d]."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return linear(x, self.weight / math.sqrt(x.shape[1]), self.bias)


class EqualizedConv(nn.Conv2d):
    """A convolution with an equalized learning rate, which halves images with `down`."""

    def __init__(self, features: int, out: int, side: int, *, down: bool = False, bias: bool = True) -> None:
        super().__init__(features, out, side, bias=bias)
        self.resample = "down" if down else None
        nn.init.normal_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight / math.sqrt(self.weight[0].numel())
        y = resampled(x, weight, self.resample)
        return y if self.bias is None else y + self.bias.reshape(1, -1, 1, 1)


class Modulated(nn.Conv2d):
    """A convolution whose input channels are scaled by each example's style: images are scaled before and after it."""

    def __init__(self, features: int, out: int, side: int, *, up: bool = False, strength: bool = False) -> None:
        super().__init__(features, out, side)
        self.resample, self.demodulate = "up" if up else None, side == 3
        # the strength of the noise, which is unused here
        self.noise_strength = nn.Parameter(torch.zeros(())) if strength else None
        nn.init.normal_(self.weight)

    def forward(self, x: Tensor, styles: Tensor) -> Tensor:  # type: ignore[override]
        y = resampled(x * styles[:, :, None, None], self.weight, self.resample)
        if self.demodulate:
            squares = styles.square() @ self.weight.square().sum(dim=(2, 3)).T
            y = y * (squares + 1e-8).rsqrt()[:, :, None, None]
        bias = self.bias if self.noise_strength is None else self.bias + 0.0 * self.noise_strength
        return y + bias.reshape(1, -1, 1, 1)


class Styled(nn.Module):
    """A modulated convolution whose style is an affine map of w: 3 x 3, or to the channels of an image."""

    def __init__(self, name: str, features: int, out: int, w: int, *, up: bool = False, image: bool = False) -> None:
        super().__init__()
        self.style = named(f"{name}/style", EqualizedLinear(w, features, bias=1.0))
        self.conv = named(name, Modulated(features, out, 1 if image else 3, up=up, strength=not image))
        self.scale = 1 / math.sqrt(features) if image else 1.0

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        y = self.conv(x, self.style(w) * self.scale)
        return active(y) if self.conv.demodulate else y


class Constant(nn.Module):
    """The learned image from which synthesis starts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(channels, 4, 4))


def _widths(workload: Workload) -> dict[int, int]:
    """Return the channels at each size; they double as images are halved."""
    size = workload.shape[0]
    return {size >> i: min(workload.width << i, 512) for i in reversed(range(size.bit_length() - 2))}


class StyleGenerator(nn.Module):
    """The mapping network, the running mean of its w, and the synthesis, which sums the images of all sizes."""

    mean: Tensor

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        z, channels, widths = workload.latent, workload.shape[2], _widths(workload)
        within = "mapping_network/Mapping_0/layer_"
        self.mapping = nn.ModuleList(named(f"{within}{i}", EqualizedLinear(z, z, _SLOWER)) for i in range(_MAPPING))
        self.register_buffer("mean", torch.zeros(z))
        top = "synthesis_network"
        self.first = named(top, Constant(widths[4]))
        self.ups = nn.ModuleList(
            Styled(f"{top}/up_{size}", before, widths[size], z, up=True)
            for (_, before), size in zip(widths.items(), list(widths)[1:], strict=False)
        )
        self.convs = nn.ModuleList(Styled(f"{top}/conv_{s}", width, width, z) for s, width in widths.items())
        self.images = nn.ModuleList(
            Styled(f"{top}/to_image_{s}", width, channels, z, image=True) for s, width in widths.items()
        )

    def forward(self, z: Tensor) -> Tensor:
        w = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.mapping:
            w = active(layer(w))
        x, image = self.first.constant.expand(len(z), -1, -1, -1), None
        for i, (conv, to_image) in enumerate(zip(self.convs, self.images, strict=True)):
            x = conv(self.ups[i - 1](x, w) if i else x, w)
            added = to_image(x, w)
            image = added if image is None else doubled(image) + added
        return image


class Residual(nn.Module):
    """A residual block that halves the image: two convolutions, and one in the shortcut."""

    def __init__(self, name: str, features: int, out: int) -> None:
        super().__init__()
        self.skip = named(f"{name}/skip", EqualizedConv(features, out, 1, down=True, bias=False))
        self.conv = named(f"{name}/conv", EqualizedConv(features, features, 3))
        self.down = named(f"{name}/down", EqualizedConv(features, out, 3, down=True))

    def forward(self, x: Tensor) -> Tensor:
        return (self.skip(x) + active(self.down(active(self.conv(x))))) / math.sqrt(2)


class StyleDiscriminator(nn.Module):
    """Residual blocks; the standard deviation within groups of examples is added to the features at 4 x 4 pixels."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        widths = dict(reversed(_widths(workload).items()))
        size, last = workload.shape[0], widths[4]
        self.from_image = named("from_image", EqualizedConv(workload.shape[2], widths[size], 1))
        self.blocks = nn.ModuleList(
            Residual(f"block_{size}", widths[size], widths[half]) for size, half in pairwise(widths)
        )
        self.conv = named("conv", EqualizedConv(last + 1, last, 3))
        self.dense = named("dense", EqualizedFromImage((last, 4, 4), last))
        self.out = named("out", EqualizedLinear(last, 1))
        nn.init.normal_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = active(self.from_image(x))
        for block in self.blocks:
            x = block(x)
        n, _, h, w = x.shape
        groups = x.reshape(_GROUP, n // _GROUP, -1)
        spread = (groups.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=1).repeat(_GROUP)
        x = torch.cat([x, spread[:, None, None, None].expand(n, 1, h, w)], dim=1)
        return self.out(active(self.dense(active(self.conv(x))))).flatten()
