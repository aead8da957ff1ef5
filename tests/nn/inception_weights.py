"""Random weights for Inception-v3 by the names of the published file, which no test needs."""

import numpy as np
from numpy.typing import NDArray

from jaxgan.features.inception import published_shapes


def random_weights(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Kernels that keep the size of what passes through ReLUs, and statistics of BatchNorm that all differ."""
    rng = np.random.default_rng(seed)

    def drawn(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if len(shape) > 1:
            return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        if name.endswith(("bn.weight", "running_var")):
            return rng.uniform(0.5, 1.5, shape).astype(np.float32)
        return rng.normal(0, 0.3, shape).astype(np.float32)

    return {name: drawn(name, shape) for name, shape in published_shapes().items()}
