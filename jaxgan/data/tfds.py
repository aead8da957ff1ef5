"""Image data sets prepared by tensorflow-datasets, read without TensorFlow and without network access."""

import difflib
import hashlib
import importlib.util
import logging
import os
import re
import struct
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.cache import cache_dir, load_arrays, save_arrays
from jaxgan.data.in_memory import make_source
from jaxgan.data.numpy_files import reading
from jaxgan.data.pictures import square, stack
from jaxgan.data.source import DataError, Examples, Source, naming
from jaxgan.data.splits import split
from jaxgan.data.values import as_images

LAYOUT = 2  # version of the cached arrays; increase it when their content changes
CHUNK = 1024  # records read at a time


def from_tfds(
    name: str,
    *,
    data_dir: str | Path | None = None,
    image_size: int | None = None,
    split_seed: int = 0,
    heldout_fraction: float = 0.2,
    labels: bool = False,
) -> Source:
    """The images of the prepared data set `name[/config][:version]`, decoded once and cached after that.

    The split "train" is for training. The held-out examples are "test", or else "validation", or else a random
    `heldout_fraction` of "train".

    Args:
      data_dir: the folder to search; by default TFDS_DATA_DIR, or else ~/tensorflow_datasets.
      image_size: every image is cropped to its central square and resized to this many pixels a side.
      split_seed, heldout_fraction: if there is no split, which examples are held out, and what fraction.
      labels: whether the condition `y` of a batch holds the labels; if not, batches are unconditional.

    Raises:
      DataError: the data set is not prepared, or is damaged.

    >>> from_tfds("mnist", data_dir="no_such_folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    jaxgan.data.source.DataError: 'mnist' is not prepared in no_such_folder: run `jaxgan datasets ...
    """
    root = _root(data_dir)
    folder = _find(name, root)
    if folder is None:
        raise DataError(
            f"{name!r} is not prepared in {root}: run `jaxgan datasets prepare {name}`, "
            "or set TFDS_DATA_DIR to the folder that holds it, or use --data digits"
        )
    label = folder.relative_to(root).as_posix().replace("/", "-")
    cached = cache_dir() / "tfds" / f"{label}-{_digest(folder)}-{image_size}-{LAYOUT}.npz"
    arrays = load_arrays(cached)
    if arrays is None:
        arrays = _decode(folder, image_size)
        save_arrays(cached, arrays)
    classes, notes = (tuple(arrays[key].tolist()) for key in ("classes", "notes"))
    train = Examples(arrays["train_x"], arrays.get("train_y"))
    if "heldout_x" in arrays:
        heldout: Examples | None = Examples(arrays["heldout_x"], arrays.get("heldout_y"))
    else:
        with naming(name):
            train, heldout = split(train, heldout_fraction, split_seed, classes)
    return make_source(name, train, heldout, classes, labels=labels, notes=notes)


def prepared(data_dir: str | Path | None = None) -> list[str]:
    """The names, `name` or `name/config`, of the data sets that `from_tfds` finds in `data_dir`.

    >>> prepared("no_such_folder")
    []
    """
    return sorted(_versions(_root(data_dir), "*"))


def prepare(name: str, data_dir: str | Path | None = None) -> Path:
    """Downloads and prepares a data set, unless it is already prepared; returns its folder.

    The only function here that needs network access and TensorFlow. Raises DataError if either is missing.
    """
    root = _root(data_dir)
    if folder := _find(name, root):
        return folder
    if importlib.util.find_spec("tensorflow") is None:
        raise DataError(
            f"preparing {name!r} needs TensorFlow, for this step only: pip install tensorflow-cpu, then retry"
        )
    _check_network()
    with quiet(), reading(f"preparing {name!r}"):
        import tensorflow_datasets as tfds

        builder = tfds.builder(name, data_dir=root, file_format="array_record")
        builder.download_and_prepare()
        return Path(builder.data_dir)


def _check_network() -> None:
    """Raises DataError within seconds; TFDS itself would retry for minutes."""
    try:
        urllib.request.urlopen("https://storage.googleapis.com", timeout=3).close()  # respects proxy settings
    except urllib.error.HTTPError:
        pass  # any answer will do
    except OSError as error:
        raise DataError(f"no network: storage.googleapis.com does not answer ({error})") from error


def _digest(folder: Path) -> str:
    """Changes with the metadata and with the name or size of any file; does not read the images."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    contents = (file.read_bytes() if file.suffix == ".json" else b"" for file in files)
    summary = [(file.name, file.stat().st_size, data) for file, data in zip(files, contents, strict=True)]
    return hashlib.sha256(repr(summary).encode()).hexdigest()[:16]


def _root(data_dir: str | Path | None) -> Path:
    return Path(os.path.expanduser(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"))


def _versions(root: Path, name: str) -> dict[str, list[Path]]:
    """Prepared folders by `name` or `name/config`, the oldest version first.

    Searching folders instead of asking the builder of the data set also finds versions that are no longer current
    and data sets whose builder needs TensorFlow.
    """
    found: dict[str, list[Path]] = {}
    for pattern in (f"{name}/*/dataset_info.json", f"{name}/*/*/dataset_info.json"):
        for info in root.glob(pattern):
            folder = info.parent
            if re.fullmatch(r"\d+\.\d+\.\d+", folder.name) and (folder / "features.json").is_file():
                found.setdefault(folder.parent.relative_to(root).as_posix(), []).append(folder)
    for folders in found.values():
        folders.sort(key=lambda folder: [int(number) for number in folder.name.split(".")])
    return found


def _find(name: str, root: Path) -> Path | None:
    """The folder of a prepared data set, None if it is not prepared. Raises DataError for an unknown name."""
    match = re.fullmatch(r"(\w+)(?:/([\w.+-]+))?(?::(\d+\.\d+\.\d+))?", name)
    if match is None:
        raise DataError(f"expected a data set's name[/config][:version], got {name!r}")
    base, config, version = match.groups()
    found = _versions(root, base)
    if config is None and base not in found and len(found) > 1:
        raise DataError(f"{name!r} is prepared as {', '.join(sorted(found))}: choose one")
    key = f"{base}/{config}" if config else base if base in found else next(iter(found), base)
    folders = [folder for folder in found.get(key, ()) if version in (None, folder.name)]
    if folders:
        return folders[-1]
    with quiet():
        import tensorflow_datasets as tfds

        known = tfds.list_builders(with_community_datasets=False)  # the community's list needs network access
    if base not in known and not found:
        near = difflib.get_close_matches(base.lower(), [*known, *prepared(root)], n=1)
        names = f"did you mean {near[0]!r}?" if near else "names: tensorflow.org/datasets/catalog"
        raise DataError(f"unknown data set {name!r}: {names}")
    return None


def _decode(folder: Path, image_size: int | None) -> dict[str, np.ndarray]:
    """Arrays train_x, train_y, heldout_x, heldout_y (those that exist), classes and notes."""
    with quiet(), reading(folder):
        import tensorflow_datasets as tfds

        builder = tfds.builder_from_directory(folder)
        image, label = (_key(builder.info, kind) for kind in (tfds.features.Image, tfds.features.ClassLabel))
        if image is None:
            raise DataError(f"{folder}: has no image feature, only {', '.join(builder.info.features)}")
        splits = builder.info.splits
        if "train" not in splits:
            raise DataError(f"{folder}: has no split 'train', only {', '.join(splits)}")
        arrays = {"classes": np.array(builder.info.features[label].names if label else (), np.str_)}
        held_out = next((name for name in ("test", "validation") if name in splits), None)
        names = {"train": "train"} | ({"heldout": held_out} if held_out else {})
        parts = [_read(builder, name, image, label, image_size) for name in names.values()]
        images, notes = as_images([x for x, _ in parts], folder)
        for role, x, (_, y) in zip(names, images, parts, strict=True):
            arrays |= {f"{role}_x": x} | ({} if y is None else {f"{role}_y": y})
        return arrays | {"notes": np.array(notes, np.str_)}


def _key(info: Any, kind: type) -> str | None:
    """The feature of this kind: the one for supervised training, or else the first."""
    features = dict(info.features.items())
    supervised = [key for key in info.supervised_keys or () if isinstance(key, str)]
    return next((key for key in [*supervised, *features] if type(features.get(key)) is kind), None)


def _read(
    builder: Any, name: str, image: str, label: str | None, image_size: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    pictures, labels = [], []
    for example in _examples(builder, name):
        pictures.append(example[image] if image_size is None else square(example[image], image_size))
        labels.append(example[label] if label else -1)
    expected = builder.info.splits[name].num_examples
    if len(pictures) != expected:
        raise DataError(f"{builder.data_dir}: expected {expected} records in {name!r}, got {len(pictures)}")
    x = stack(pictures, [f"{builder.data_dir}: record {i} of {name!r}" for i in range(len(pictures))])
    y = np.array(labels, np.int32)
    return x, y if (y >= 0).all() else None  # TFDS labels an unlabelled test set with -1


def _examples(builder: Any, name: str) -> Iterator[dict[str, Any]]:
    formats = {form.value for form in builder.info.available_file_formats()}
    if "array_record" in formats:
        rows = builder.as_data_source(name, file_format="array_record")
        for start in range(0, len(rows), CHUNK):
            yield from rows.__getitems__(list(range(start, min(start + CHUNK, len(rows)))))
    elif "tfrecord" in formats:
        for shard in builder.info.splits[name].file_instructions:
            for record in _tfrecords(shard.filename):
                yield builder.info.features.deserialize_example_np(record)
    else:
        raise DataError(f"{builder.data_dir}: expected array_record or tfrecord, got {sorted(formats)}")


def _tfrecords(file: str) -> Iterator[bytes]:
    """The records of a shard; each is stored as length (8 bytes), checksum (4), content, checksum (4)."""
    with open(file, "rb") as shard:
        while header := shard.read(12):
            length, _ = struct.unpack("<QI", header)
            record = shard.read(length + 4)
            if len(record) != length + 4:
                raise DataError(f"{file}: the file is truncated")
            yield record[:length]


@contextmanager
def quiet() -> Iterator[None]:
    """Silences warnings from TFDS and its imports: they concern TensorFlow and options that we do not use."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
