"""The features that define FID, KID and the Inception score, with weights from a file that the user names."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from jaxtyping import Float

from jaxgan.data.source import DataError
from jaxgan.features.extractor import Features
from jaxgan.files import file_digest
from jaxgan.nn.inception import SIZE, InceptionV3
from jaxgan.types import Array, Images, PyTree
from jaxgan.weights import read_weights

PUBLISHED = "weights-inception-2015-12-05-6726825d.pth"
"""The name of the file with the published weights; it ends with the first digits of the file's SHA-256."""
_DIGEST = "6726825d"
_LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}


def inception_features(path: Path | str) -> Features:
    """Return the features of Inception-v3 for FID, [n, 2048] in float32 as in torch-fidelity, with weights from a file.

    Images in [-1, 1] are converted back to 256 grey levels, grey images are repeated to three channels, and all are
    resized to 299 x 299 pixels exactly as in TensorFlow 1, bit for bit. The logits [n, 1008] have no biases and are
    used for the Inception score. Distances are called FID and KID only if the file's SHA-256 matches the published
    weights.

    Args:
      path: a `.pth` file, which is read without PyTorch and without executing its pickle, or a `.safetensors` or `.npz`
        file with arrays of the same names and shapes.

    Raises:
      DataError: if the file does not exist (the message names the required file and its source), is damaged, has other
        layers, or contains a pickle that refers to more than tensors need.
    Source: Szegedy et al. 2016; Heusel et al. 2017; Obukhov et al. 2020, torch-fidelity, for the layers.

    Example:
      >>> inception_features("no/such/file.pth")
      Traceback (most recent call last):
      jaxgan.data.source.DataError: no/such/file.pth: no such file; it should be weights-inception-2015-12-05-\
6726825d.pth of torch-fidelity's release v0.2.0 (github.com/toshas/torch-fidelity): download it and put it there
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; it should be {PUBLISHED} of torch-fidelity's release v0.2.0 "
            "(github.com/toshas/torch-fidelity): download it and put it there"
        )
    variables, digest = inception_variables(read_weights(path), path), file_digest(path)
    published = digest.startswith(_DIGEST)
    known = f"the published {_DIGEST}" if published else f"not the published {_DIGEST}: its distances are no FID or KID"
    return Features(
        "Inception",
        jax.tree_util.Partial(_features, variables),
        notes=(
            f"Inception's weights are {path.name}, SHA-256 {digest}, {known}",
            f"images are resized to {SIZE} x {SIZE} pixels for Inception, and grey ones repeated to three channels",
        ),
        logits=jax.tree_util.Partial(_features_and_logits, variables),
        published=published,
        digest=digest,
    )


def inception_variables(arrays: Mapping[str, np.ndarray], source: Path | str = "weights") -> PyTree:
    """Return the variables of `InceptionV3` in float32, from arrays named and shaped as in the published file.

    Kernels in the file are [out, in, height, width]; `num_batches_tracked` of BatchNorm layers is ignored.

    Raises:
      DataError: if a layer is missing, has another shape or is not floating-point, or the network has no such layer;
        the message starts with `source` and names the first one.
    """
    what, found, ours = f"{source}: not the weights of FID's Inception-v3", {}, _paths()
    for name, (path, shape) in ours.items():
        if name not in arrays:
            raise DataError(f"{what}, there is no layer {name}")
        array = np.asarray(arrays[name])
        if array.shape != shape or array.dtype.kind != "f":
            got = f"{array.dtype} {list(array.shape)}"
            raise DataError(f"{what}, expected {name} to be floats {list(shape)}, got {got}")
        axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(array.ndim)
        found[path] = jnp.asarray(array if axes is None else array.transpose(axes), jnp.float32)
    if others := [name for name in arrays if name not in ours and not name.endswith(".num_batches_tracked")]:
        raise DataError(f"{what}, which has no layer {others[0]}")
    return unflatten_dict(found)


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays in the published file, by name.

    Example:
      >>> published_shapes()["Conv2d_1a_3x3.conv.weight"], published_shapes()["fc.weight"]
      ((32, 3, 3, 3), (1008, 2048))
    """
    return {name: shape for name, (_, shape) in _paths().items()}


@cache
def _paths() -> dict[str, tuple[tuple[str, ...], tuple[int, ...]]]:
    """Map names in the published file to (path of the variable, shape in the file)."""
    image = jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), jnp.uint8)
    leaves = flatten_dict(jax.eval_shape(InceptionV3().init, jax.random.key(0), image))
    order = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
    return {
        ".".join((*path[1:-1], _LEAVES[path[-1]])): (path, tuple(leaf.shape[i] for i in order[len(leaf.shape)]))
        for path, leaf in leaves.items()
    }


def grey_levels(x: Images) -> Float[Array, "n h w 3"]:
    """Return the grey levels 0..255 of images in [-1, 1], in three channels.

    Raises:
      ValueError: if the number of channels is not 1 or 3.

    Example:
      >>> grey_levels(jnp.array([-1.0, 200 / 127.5 - 1]).reshape(1, 1, 2, 1)).tolist()
      [[[[0.0, 0.0, 0.0], [200.0, 200.0, 200.0]]]]
    """
    if x.shape[-1] not in (1, 3):
        raise ValueError(f"Inception takes images of 1 or 3 channels, got shape {list(x.shape)}")
    levels = jnp.clip(jnp.round(127.5 * (x + 1)), 0, 255)
    return jnp.repeat(levels, 3, axis=-1) if x.shape[-1] == 1 else levels


def _outputs(variables: PyTree, x: Images) -> dict[str, Any]:
    made: dict[str, Any] = InceptionV3().apply(variables, grey_levels(x))  # type: ignore[assignment]
    return made


@jax.jit
def _features(variables: PyTree, x: Images) -> tuple[Float[Array, "n 2048"], None]:
    return _outputs(variables, x)["2048"], None  # no classes: they are those of ImageNet, not of the images


@jax.jit
def _features_and_logits(variables: PyTree, x: Images) -> tuple[Float[Array, "n 2048"], Float[Array, "n 1008"]]:
    made = _outputs(variables, x)
    return made["2048"], made["logits_unbiased"]
