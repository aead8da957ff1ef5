"""The workloads as data, the same for every framework; this file imports neither JAX nor PyTorch.

One step of a workload is an update of the discriminator and then one of the generator, with the non-saturating loss.
The discriminator's update draws a batch of real examples and latents; the generator's update draws new latents. With
conditions, each update uses those of its own batch.
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
    seeds: tuple[int, ...]  # numbers of seeds that take minutes on two cores with 16 GiB
    beta2: float = 0.999
    eps: float = 1e-8
    classes: int = 0  # the condition is a class: by embedding and BatchNorm in G, by projection in D
    input_channels: int = 0  # the condition is an image: a U-Net and a PatchGAN
    l1: float = 0.0  # weight of the generator's mean absolute difference from the real image
    network: str = ""  # the name of a network of `jaxgan.nn` that is not an MLP, DCGAN or U-Net

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    @property
    def has_vectors(self) -> bool:
        """Whether the network has the vectors of power iteration, for spectral norms."""
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
"""A workload so small that recording and the placement of seeds dominate the time of a step (`small_game`)."""

RING_SIGMA = 0.01


def doublings(size: int) -> tuple[int, int]:
    """Return (base, stages): `stages` doublings of the base give `size`; the base is 4, or 2 for 8 pixels.

    Example:
      >>> doublings(8), doublings(32), doublings(64)
      ((2, 2), (4, 3), (4, 4))
    """
    base = 2 if size == 8 else 4
    return base, (size // base).bit_length() - 1


def examples(workload: Workload) -> np.ndarray:
    """Return the real data of a workload in memory.

    They are the digits, float32 in [-1, 1]; random images, uint8, if only the size matters; or for the ring the means
    of its eight Gaussians [8, 2], to which every draw adds noise with standard deviation `RING_SIGMA`.

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
    """Return the condition of each of the `examples`: a class, int32, or an image, uint8; None without conditions.

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
