"""Image pairs that need no download, made from scikit-learn's digits and from patches of its two photographs."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float32

from jaxgan.data.pairs import enlarged, pairs_source, reduced
from jaxgan.data.source import DataError, Source

EMBEDDED: Mapping[str, str] = {
    "digits-upscale": "handwritten digits, 4 x 4 to 8 x 8 grey (scikit-learn)",
    "digits-masked": "handwritten digits without their middle 4 x 4 pixels to whole ones, 8 x 8 grey (scikit-learn)",
    "photos-edges": "edges to colours, patches of 32 x 32 of two photographs (scikit-learn)",
    "photos-grey": "grey to colours, patches of 32 x 32 of two photographs (scikit-learn)",
    "photos-upscale": "8 x 8 to 32 x 32 in colour, patches of two photographs (scikit-learn)",
}
"""What each set translates to what, by name."""

PATCH, STEP = 32, 8  # pixels on a patch's side, and from one patch to the next
_REDUCTION = 2  # factor for the photographs, whose patches would otherwise show little more than one surface
_HELD_OUT = 0.4, 0.65  # part of each photograph's width: a vertical band with varied content
_EDGE = 0.05  # change of the grey level per pixel, as a share of its range, that counts as an edge
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601

Images = Float32[np.ndarray, "n h w c"]
Inputs = Float32[np.ndarray, "n h w e"]


def embedded_pairs(name: str, split_seed: int = 0, heldout_fraction: float = 0.2, *, reverse: bool = False) -> Source:
    """The pairs with a name in `EMBEDDED`: inputs y and targets x [n, size, size, channels].

    Digits are split at random, as in `digits`. In both photographs a band of a quarter of the width is held out.
    Patches lie either inside the band or outside it, so no held-out patch shares a pixel with a training patch. Holding
    out one of the two photographs would instead measure how different a temple is from a flower.

    `reverse` swaps input and target.

    Raises:
      DataError: an unknown name.

    Example:
      >>> source = embedded_pairs("digits-upscale")
      >>> source.shape, len(source.train.y), len(source.heldout.y)
      ((8, 8, 1), 1437, 360)
    """
    if name not in EMBEDDED:
        raise DataError(f"expected one of {', '.join(EMBEDDED)}, got {name!r}")
    if name.startswith("digits"):
        targets = [_digits()]
        inputs = [_OF_DIGITS[name](targets[0])]
    else:
        targets = list(photo_patches())
        inputs = [_OF_PHOTOS[name](half) for half in targets]
    sides = (targets, inputs) if reverse else (inputs, targets)
    return pairs_source(name, *sides, split_seed=split_seed, heldout_fraction=heldout_fraction)


def photo_patches(*, apart: bool = False) -> tuple[Images, Float32[np.ndarray, "m h w c"]]:
    """(training, held-out) patches [n, 32, 32, 3] in [-1, 1] of two photographs: outside a band of both and inside it.

    With `apart` the training patches are those of the first photograph, a temple, and the held-out ones those of the
    second, a flower.

    Example:
      >>> [len(half) for half in photo_patches()], [len(half) for half in photo_patches(apart=True)]
      ([1104, 322], [851, 851])
    """
    from sklearn.datasets import load_sample_images

    halves: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    for number, photo in enumerate(load_sample_images().images):
        whole = photo[: photo.shape[0] // _REDUCTION * _REDUCTION, : photo.shape[1] // _REDUCTION * _REDUCTION]
        small = reduced(whole / 127.5 - 1, _REDUCTION).astype(np.float32)
        left, right = (round(share * small.shape[1]) for share in _HELD_OUT)
        regions = (0, small[:, :left]), (1, small[:, left:right]), (0, small[:, right:])
        for half, part in ((number, small),) if apart else regions:
            windows = np.lib.stride_tricks.sliding_window_view(part, (PATCH, PATCH), axis=(0, 1))[::STEP, ::STEP]
            halves[half].append(windows.reshape(-1, part.shape[2], PATCH, PATCH).transpose(0, 2, 3, 1))
    return np.concatenate(halves[0]), np.concatenate(halves[1])


def _digits() -> Images:
    from sklearn.datasets import load_digits

    return (load_digits().images[..., None] / 8 - 1).astype(np.float32)


def _masked(x: Images) -> Inputs:
    quarter = x.shape[1] // 4
    y = x.copy()
    y[:, quarter:-quarter, quarter:-quarter] = 0.0  # neither ink nor paper
    return y


def _grey(x: Images) -> Inputs:
    return (x @ _LUMINANCE)[..., None].astype(np.float32)


def _edges(x: Images) -> Inputs:
    """White where the grey level changes and black elsewhere, for each patch on its own."""
    from scipy.ndimage import gaussian_gradient_magnitude

    slope = np.stack([gaussian_gradient_magnitude(grey[..., 0], 1.0, mode="nearest") for grey in _grey(x)])
    return np.where(slope > 2 * _EDGE, 1.0, -1.0)[..., None].astype(np.float32)


def _coarse(factor: int) -> Callable[[Images], Inputs]:
    return lambda x: enlarged(reduced(x, factor), factor).astype(np.float32)


_OF_DIGITS = {"digits-upscale": _coarse(2), "digits-masked": _masked}
_OF_PHOTOS = {"photos-edges": _edges, "photos-grey": _grey, "photos-upscale": _coarse(4)}
