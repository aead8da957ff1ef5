"""Writes any number of examples to disk, one block at a time: as pictures, a .npz file or a TFDS data set."""

import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.tfds import quiet
from jaxgan.files import PARTIAL, partial_prefix, sync_folder, written_whole

Write = Callable[[NDArray, NDArray | None], None]
"""(x [n, ...], y [n] or None): examples and their labels; images are uint8 [n, h, w, c]."""
_SHARD = 10_000  # examples per file of a TFDS data set


@contextmanager
def pictures(path: Path, n: int, shape: tuple[int, ...], classes: Sequence[str]) -> Iterator[Write]:
    """A folder of PNG files, numbered from 0; with classes, it has a subfolder for each of them.

    A subfolder is named after its class or, if any class is not a valid folder name, has its number.
    """
    digits, written = len(str(n - 1)), 0
    plain = all(re.fullmatch(r"\w[\w .-]*", name) for name in classes)
    folders = list(classes) if plain else [str(i) for i in range(len(classes))]
    with _new_folder(path) as folder:

        def write(x: NDArray[np.uint8], y: NDArray | None) -> None:
            nonlocal written
            for i, image in enumerate(x):
                where = folder if y is None else folder / folders[y[i]]
                where.mkdir(exist_ok=True)
                (where / f"{written + i:0{digits}}.png").write_bytes(png_of(image))
            written += len(x)

        yield write


@contextmanager
def arrays(path: Path, n: int, shape: tuple[int, ...], classes: Sequence[str]) -> Iterator[Write]:
    """A .npz with `x` (uint8 for images) and, with classes, labels `y` and names `classes`; streamed to disk."""
    labels: list[NDArray] = []
    dtype = np.dtype(np.uint8 if len(shape) == 3 else np.float32)
    with written_whole(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        with archive.open("x.npy", "w", force_zip64=True) as member:
            header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (n, *shape)}
            np.lib.format.write_array_header_1_0(member, header)

            def write(x: NDArray, y: NDArray | None) -> None:
                member.write(np.ascontiguousarray(x, dtype).data)
                labels.extend([] if y is None else [y])

            yield write
        if classes:
            _save(archive, "y.npy", np.concatenate(labels))
            _save(archive, "classes.npy", np.array(classes))


@contextmanager
def tfds_data_set(path: Path, n: int, shape: tuple[int, ...], classes: Sequence[str]) -> Iterator[Write]:
    """A prepared TFDS data set, which `tfds.builder_from_directory(path).as_data_source()` reads.

    Its split is `train`; its features are `image` and, with classes, `label`; its files are array_record.
    """
    with _new_folder(path) as folder, quiet():
        import tensorflow_datasets as tfds

        features: dict[str, Any] = {"image": tfds.features.Image(shape=shape)}
        features |= {"label": tfds.features.ClassLabel(names=list(classes))} if classes else {}
        identity = tfds.core.dataset_info.DatasetIdentity(
            name=_name(path), version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""
        )
        info = tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict(features))
        writer = tfds.core.SequentialWriter(info, _SHARD, overwrite=False, file_format="array_record")
        writer.initialize_splits(["train"])

        def write(x: NDArray[np.uint8], y: NDArray | None) -> None:
            examples: list[Mapping[str, Any]] = [{"image": io.BytesIO(png_of(image))} for image in x]
            if y is not None:
                examples = [{**example, "label": int(label)} for example, label in zip(examples, y, strict=True)]
            writer.add_examples({"train": examples})

        yield write
        writer.close_all()


WRITERS = {"png": pictures, "npz": arrays, "tfds": tfds_data_set}
"""By the name of a format: (path, number of examples, shape of one, class names) -> a context that gives `Write`."""


def png_of(image: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file of an image [h, w, 1 or 3]."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(file, "PNG")
    return file.getvalue()


@contextmanager
def _new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears, complete, only if the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=path.parent, prefix=partial_prefix(), suffix=PARTIAL))
    try:
        yield partial
        partial.chmod(0o755)
        partial.rename(path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _save(archive: zipfile.ZipFile, name: str, array: NDArray) -> None:
    with archive.open(name, "w") as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _name(path: Path) -> str:
    """A valid TFDS name: lower case, digits and underscores, starting with a letter."""
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in path.name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"samples_{plain}".rstrip("_")
