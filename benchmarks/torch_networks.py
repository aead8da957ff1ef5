"""The workloads' networks in PyTorch, exactly those of `jaxgan.nn`."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from benchmarks.torch_layers import ClassBatchNorm, ClassVectors, FromImage, ToImage, named
from benchmarks.torch_residual import ResidualDiscriminator, ResidualGenerator
from benchmarks.torch_style import StyleDiscriminator, StyleGenerator
from benchmarks.workloads import Workload, doublings

_WIDEST = 8  # maximum width of a U-Net and a PatchGAN, relative to the first layer


def networks(workload: Workload) -> tuple[nn.Module, nn.Module]:
    """Return the generator (z [n, d], *y) -> x [n, ...], images as [n, c, h, w], and discriminator (x, *y) -> logits.

    Weights are from N(0, 0.02) for DCGANs and U-Nets; the others have the defaults of PyTorch or those of StyleGAN2.
    """
    if not workload.is_image:
        width, features = workload.width, workload.shape[0]
        return _mlp(workload.latent, width, features), nn.Sequential(*_mlp(features, width, 1), nn.Flatten(0))
    if workload.network == "stylegan2":
        return StyleGenerator(workload), StyleDiscriminator(workload)
    if workload.network:
        return ResidualGenerator(workload), ResidualDiscriminator(workload)
    if workload.input_channels:
        pair: tuple[nn.Module, nn.Module] = UNet(workload), PatchGAN(workload)
    elif workload.classes:
        pair = ClassGenerator(workload), ClassDiscriminator(workload)
    else:
        pair = _generator(workload), _discriminator(workload)
    for module in (module for network in pair for module in network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return pair


def _mlp(features: int, width: int, out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out)
    )


def _widths(workload: Workload) -> tuple[int, list[int]]:
    """Return the size of a DCGAN's smallest image, and the channels from there to its largest one with BatchNorm."""
    base, stages = doublings(workload.shape[0])
    return base, [workload.width * 2**stage for stage in reversed(range(stages))]


def _generator(workload: Workload) -> nn.Sequential:
    base, widths = _widths(workload)
    layers: list[nn.Module] = [
        ToImage(workload.latent, (widths[0], base, base), bias=False),
        nn.BatchNorm2d(widths[0]),  # eps 1e-5 and momentum 0.1, which flax calls 0.9
        nn.ReLU(),
    ]
    for wide, width in pairwise(widths):
        layers += [nn.ConvTranspose2d(wide, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], workload.shape[2], 4, 2, 1), nn.Tanh())


def _features(workload: Workload) -> tuple[nn.Sequential, tuple[int, int, int]]:
    """Return a DCGAN's discriminator without its last layer, and the shape of its output."""
    base, widths = _widths(workload)
    widths = widths[::-1]
    layers: list[nn.Module] = [nn.Conv2d(workload.shape[2], widths[0], 4, 2, 1), nn.LeakyReLU(0.2)]
    for width, wide in pairwise(widths):
        layers += [nn.Conv2d(width, wide, 4, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers), (widths[-1], base, base)


def _discriminator(workload: Workload) -> nn.Sequential:
    features, image = _features(workload)
    return nn.Sequential(*features, FromImage(image, 1), nn.Flatten(0))


class ClassGenerator(nn.Module):
    """A DCGAN with a class vector joined to z, and a scale and an offset for each class in every BatchNorm."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        base, widths = _widths(workload)
        classes, latent = workload.classes, workload.latent
        self.embedding = nn.Embedding(classes, latent)
        nn.init.normal_(self.embedding.weight, std=latent**-0.5)
        self.to_image = ToImage(2 * latent, (widths[0], base, base), bias=False)
        self.norms = nn.ModuleList(ClassBatchNorm(classes, width) for width in widths)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False) for a, b in pairwise(widths))
        self.last = nn.ConvTranspose2d(widths[-1], workload.shape[2], 4, 2, 1)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x = self.to_image(torch.cat([z, self.embedding(y)], dim=1))
        for norm, up in zip(self.norms, [*self.ups, self.last], strict=True):
            x = up(relu(norm(x, y)))
        return torch.tanh(x)


class ClassDiscriminator(nn.Module):
    """A DCGAN with projection: the inner product of its last features with a class vector."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.features, image = _features(workload)
        self.logit = FromImage(image, 1)
        self.project = named("Projection_0/ClassEmbedding_0", ClassVectors(workload.classes, image))
        nn.init.normal_(self.project.weight, std=0.02)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        features = self.features(x)
        return self.logit(features).flatten() + (self.project(y) * features.flatten(1)).sum(dim=1)


class UNet(nn.Module):
    """The generator of pix2pix for PyTorch, without biases before BatchNorm; at 32 pixels it has no dropout."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        depth = workload.shape[0].bit_length() - 1
        widths = [workload.width * min(2**i, _WIDEST) for i in range(depth)]
        ins, outs = [workload.input_channels, *widths], [*reversed(widths[:-1])]
        self.downs = nn.ModuleList(
            named(f"down_{i}", nn.Conv2d(ins[i], widths[i], 4, 2, 1, bias=False)) for i in range(depth)
        )
        self.down_norms = nn.ModuleList(
            named(f"down_norm_{i}", nn.BatchNorm2d(widths[i])) if 0 < i < depth - 1 else nn.Identity()
            for i in range(depth)
        )
        given = [widths[-1], *(2 * width for width in outs)]  # all but the first also receive the encoder's output
        self.ups = nn.ModuleList(
            named(f"up_{i}", nn.ConvTranspose2d(given[i], outs[i], 4, 2, 1, bias=False)) for i in range(depth - 1)
        )
        self.up_norms = nn.ModuleList(named(f"up_norm_{i}", nn.BatchNorm2d(width)) for i, width in enumerate(outs))
        self.last = named(f"up_{depth - 1}", nn.ConvTranspose2d(given[-1], workload.shape[2], 4, 2, 1))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x, skips = y, []
        for i, (down, norm) in enumerate(zip(self.downs, self.down_norms, strict=True)):
            x = norm(down(leaky_relu(x, 0.2) if i else x))
            skips.append(x)
        skips.pop()
        for up, norm in zip(self.ups, self.up_norms, strict=True):
            x = torch.cat([skips.pop(), norm(up(relu(x)))], dim=1)
        return torch.tanh(self.last(relu(x)))


class PatchGAN(nn.Module):
    """The discriminator of pix2pix, for input and output together, with a receptive field of 70 pixels."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        widths = [workload.width * min(2**i, _WIDEST) for i in range(4)]
        layers: list[nn.Module] = [
            nn.Conv2d(workload.shape[2] + workload.input_channels, widths[0], 4, 2, 1),
            nn.LeakyReLU(0.2),
        ]
        for i, (before, after) in enumerate(pairwise(widths), start=1):
            conv = nn.Conv2d(before, after, 4, 2 if i < 3 else 1, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layers(torch.cat([x, y], dim=1)).squeeze(1)
