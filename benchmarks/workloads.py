"""The workloads as data, the same for every framework: this file imports neither JAX nor PyTorch.

One step of a workload is one update of the discriminator and then one of the generator, on the non-saturating loss.
The discriminator's update draws a batch of real examples and latents of its own, the generator's update its latents.
Where there are conditions, either update has those of a batch of its own.
"""

from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
    """A pair of networks, its data and its optimizer: Adam(`learning_rate`, `beta1`, 0.999), eps 1e-8."""

    name: str
    title: str
    shape: tuple[int, ...]  # of one example: (features,) or (size, size, channels)
    width: int  # of the hidden layers of an MLP; of the first layer of a DCGAN's discriminator
    latent: int
    batch: int
    learning_rate: float
    beta1: float
    seeds: tuple[int, ...]  # numbers of seeds that two cores and 16 GiB time in minutes
    beta2: float = 0.999
    eps: float = 1e-8
    classes: int = 0  # the condition is a class: of G by an embedding and by BatchNorm, of D by projection
    input_channels: int = 0  # the condition is an image: a U-Net and a PatchGAN
    l1: float = 0.0  # weight of the generator's mean absolute difference from the real image
    network: str = ""  # of `jaxgan.nn`, other than an MLP, a DCGAN and a U-Net

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    @property
    def has_vectors(self) -> bool:
        """Of power iteration, by which kernels are divided."""
        return self.network in ("sngan", "biggan")

    @property
    def conditional(self) -> bool:
        return bool(self.classes or self.input_channels)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("ring", "ring MLP, 2 x 128, batch 256", (2,), 128, 2, 256, 1e-3, 0.9, (1, 4, 16, 64)),
        Workload("dcgan8", "DCGAN 8x8 digits, batch 64", (8, 8, 1), 32, 64, 64, 4e-4, 0.5, (1, 4, 16, 64)),
        Workload("dcgan32", "DCGAN-32, width 32, batch 64", (32, 32, 1), 32, 64, 64, 4e-4, 0.5, (1, 4, 16, 64)),
        Workload("dcgan64", "DCGAN-64, width 64, batch 64", (64, 64, 3), 64, 100, 64, 4e-4, 0.5, (1, 4)),
        Workload("cdcgan32", "conditional DCGAN-32, 10 classes, width 32, batch 64", (32, 32, 1), 32, 64, 64, 4e-4, 0.5,
                 (1, 4, 16), classes=10),
        Workload("pix2pix32", "U-Net and PatchGAN, 32 pixels, width 32, batch 16", (32, 32, 3), 32, 1, 16, 2e-4, 0.5,
                 (1, 4, 16), input_channels=1, l1=100.0),
        Workload("sngan32", "SNGAN-32, width 32, batch 64", (32, 32, 3), 32, 64, 64, 2e-4, 0.0, (1, 4), 0.9,
                 network="sngan"),
        Workload("biggan32", "BigGAN-32, width 8, batch 64", (32, 32, 3), 8, 64, 64, 2e-4, 0.0, (1, 4),
                 network="biggan"),
        Workload("stylegan32", "StyleGAN2-32 without noise, width 16, batch 32", (32, 32, 3), 16, 64, 32, 2e-3, 0.0,
                 (1, 4), 0.99, network="stylegan2"),
    )
}  # fmt: skip

SMALL_RING = Workload("small-ring", "ring MLP, 2 x 32, batch 64", (2,), 32, 2, 64, 1e-3, 0.9, (64,))
"""So small that what is recorded and how seeds are placed decides on the time of a step (`small_game`)."""

RING_SIGMA = 0.01


def doublings(size: int) -> tuple[int, int]:
    """(base, stages): an image of `size` pixels is `stages` doublings of a base of 4, and at 8 pixels of 2.

    Example:
      >>> doublings(8), doublings(32), doublings(64)
      ((2, 2), (4, 3), (4, 4))
    """
    base = 2 if size == 8 else 4
    return base, (size // base).bit_length() - 1


def examples(workload: Workload) -> np.ndarray:
    """What real batches are drawn from, in memory.

    The digits, float32 in [-1, 1]; random images, uint8, where only the size matters; for the ring the means of its
    eight Gaussians [8, 2], to which every draw adds noise of `RING_SIGMA`.

    Example:
      >>> [(name, *examples(w).shape) for name, w in WORKLOADS.items()][:2]
      [('ring', 8, 2), ('dcgan8', 1797, 8, 8, 1)]
    """
    if not workload.is_image:
        angle = np.arange(8) * np.pi / 4
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    if workload.shape == (8, 8, 1):
        from sklearn.datasets import load_digits

        return (load_digits().images[..., None] / 8 - 1).astype(np.float32)
    return np.random.default_rng(0).integers(0, 256, (2048, *workload.shape), dtype=np.uint8)


def conditions(workload: Workload) -> np.ndarray | None:
    """What belongs to each of the `examples`: a class, int32, or an image, uint8; None where there are none.

    Example:
      >>> conditions(WORKLOADS["cdcgan32"]).shape, conditions(WORKLOADS["pix2pix32"]).shape
      ((2048,), (2048, 32, 32, 1))
    """
    rng, n = np.random.default_rng(1), 2048
    if workload.classes:
        return rng.integers(0, workload.classes, n, dtype=np.int32)
    if workload.input_channels:
        return rng.integers(0, 256, (n, *workload.shape[:2], workload.input_channels), dtype=np.uint8)
    return None
