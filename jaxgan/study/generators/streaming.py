"""Write any number of samples of a trained generator to disk, with one block in memory at a time."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan.data.writers import WRITERS
from jaxgan.results import store
from jaxgan.study.generators.generate import load_generator
from jaxgan.study.generators.samples import drawn_parts, labels_for, named_by
from jaxgan.study.generators.truncation import truncated_sampler
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError, expect
from jaxgan.study.monitoring.bars import progress_bar
from jaxgan.types import Array, Key, PyTree

BLOCK = 256  # number of samples at a time
MOST = 10_000_000  # maximum number of samples per class
_USUAL = 1000  # the default number of samples


def write_samples(
    folder: Path,
    kind: str,
    *,
    configuration: str | None = None,
    seed: int | None = None,
    n: int | None = None,
    key: int = 0,
    label: str | None = None,
    truncation: str | None = None,
    statistics: str = "running",
    out: Path | None = None,
    trust: bool = False,
    progress: bool = False,
) -> Path:
    """Write n individual samples of one seed's generator and return their path; nothing is overwritten.

    For a conditional generator, they have the class `label` or, without it, there are n of each class. Images are
    written as uint8. Samples are drawn in blocks, each from its own key, so the first samples do not depend on n.

    Args:
      folder: the folder of a run.
      kind: "png", a folder of pictures, with a subfolder per class; "npz", one file with `x` and, with classes, `y`;
        "tfds", a prepared data set that TensorFlow Datasets reads from its folder. The first two can be used for
        training with `--data`.
      configuration, seed: the generator, as in `load_generator`.
      n, key, label: the number of samples, 1,000 by default, their random seed and their class.
      truncation: truncation of the latents, as in `truncated_sampler`.
      statistics: BatchNorm statistics, as in `load_generator`.
      out: the output path; by default in the run's folder.
      trust: whether to run code named by the folder even if the folder was created elsewhere.
      progress: whether to show a progress bar.

    Raises:
      OptionError: if files exist, pictures of points are requested, or there is no such class.
      StoreError, CheckpointError: as in `load_generator`.
    """
    n = _USUAL if n is None else n
    expect("n", n, 1 <= n <= MOST, f"at least 1, and at most {MOST:,}")
    check_limit("key", key)
    named = drawn_parts(truncation, statistics, n)
    if out is not None:
        _check_new(out)
    if len(store.read_config(folder)["shape"]) != 3 and kind != "npz":
        raise OptionError("as", f"got {kind!r}, but the run in {folder} makes points; expected npz")
    generator = load_generator(folder, configuration, seed, statistics=statistics, truncation=truncation, trust=trust)
    labels = labels_for(generator, label, folder)
    total = n * (1 if labels is None else len(labels))
    suffix = ".npz" if kind == "npz" else ""
    path = out or folder / f"samples-{named_by(generator, label, labels, *named)}-key{key}-{kind}{suffix}"
    _check_new(path)
    blocks = _blocks(truncated_sampler(generator, truncation), jax.random.key(key), n, labels)
    first = next(blocks)
    bar = progress_bar(f"samples to {path.name}", total, unit="sample", shown=progress)
    with bar, WRITERS[kind](path, total, first[0].shape[1:], generator.classes) as write:
        for x, y in chain([first], blocks):
            write(x, y)
            bar.update(len(x))
    return path


def _check_new(path: Path) -> None:
    if path.exists():
        raise OptionError("out", f"{path} exists already; name another one")
    if not path.parent.is_dir():
        raise OptionError("out", f"there is no folder {path.parent}")


def _blocks(
    sample: Callable[[Key, int, PyTree], Array], key: Key, n: int, labels: list[int] | None
) -> Iterator[tuple[NDArray, NDArray | None]]:
    """Samples and their labels, class after class; all but the last block of a class have one size."""

    @jax.jit
    def draw(key: Key, label: Array) -> Array:
        y = None if labels is None else jnp.full(BLOCK, label, jnp.int32)
        x = sample(key, BLOCK, y)
        return jnp.round((jnp.clip(x, -1, 1) + 1) * 127.5).astype(jnp.uint8) if x.ndim == 4 else x

    for label in [0] if labels is None else labels:
        own = jax.random.fold_in(key, label)
        for i in range(-(-n // BLOCK)):
            x = np.asarray(draw(jax.random.fold_in(own, i), jnp.int32(label)))[: n - i * BLOCK]
            yield x, None if labels is None else np.full(len(x), label, np.int32)
