"""Handwritten digits from scikit-learn: real images that need no download."""

import numpy as np

from jaxgan.data.in_memory import make_source
from jaxgan.data.source import Examples, Source
from jaxgan.data.splits import split


def digits(split_seed: int = 0, heldout_fraction: float = 0.2, *, labels: bool = False) -> Source:
    """1797 images of 8 x 8 pixels in ten classes; the 17 grey levels 0..16 are scaled to [-1, 1].

    With `labels` the condition `y` of a batch holds the digits' classes.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), the test part.

    >>> source = digits()
    >>> source.shape, source.size, len(source.heldout.x)
    ((8, 8, 1), 1437, 360)
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    x = (data.images[..., None] / 8 - 1).astype(np.float32)
    train, heldout = split(Examples(x, data.target.astype(np.int32)), heldout_fraction, split_seed)
    return make_source("digits", train, heldout, tuple(str(digit) for digit in range(10)), labels=labels)
