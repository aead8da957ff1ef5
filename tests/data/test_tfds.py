"""Prepared TFDS data sets read without TensorFlow: made by hand in both formats, and MNIST if present."""

import importlib.util
import io
import json
import os
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.cache import cache_dir, load_arrays, save_arrays
from jaxgan.data import tfds
from jaxgan.data.source import DataError, Source
from jaxgan.data.tfds import from_tfds, prepare, prepared

RNG = np.random.default_rng(0)
SPLITS = {"train": 7, "test": 3}
X = {name: RNG.integers(0, 256, (n, 6, 4, 3), dtype=np.uint8) for name, n in SPLITS.items()}
Y = {"train": [0, 1, 2, 0, 1, 2, 0], "test": [2, 1, 0]}
CLASSES = ("cat", "dog", "eel")
IMAGE = {
    "pythonClassName": "tensorflow_datasets.core.features.image_feature.Image",
    "image": {"dtype": "uint8", "shape": {"dimensions": ["-1", "-1", "3"]}},
}
LABEL = {
    "pythonClassName": "tensorflow_datasets.core.features.class_label_feature.ClassLabel",
    "classLabel": {"numClasses": "3"},
}


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))


def example(image: np.ndarray, label: int) -> bytes:
    """A serialized tf.train.Example, by the protocol buffers that TFDS itself carries."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorflow_datasets.proto import tf_example_pb2

    png = io.BytesIO()
    Image.fromarray(image).save(png, "png")
    record = tf_example_pb2.Example()
    record.features.feature["image"].bytes_list.value.append(png.getvalue())
    record.features.feature["label"].int64_list.value.append(label)
    return record.SerializeToString()


def write_array_record(path: Path, records: Sequence[bytes]) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(str(path), "group_size:1")
    for record in records:
        writer.write(record)
    writer.close()


def write_tfrecord(path: Path, records: Sequence[bytes]) -> None:
    zero = struct.pack("<I", 0)  # checksums, which the reader skips
    path.write_bytes(b"".join(struct.pack("<Q", len(r)) + zero + r + zero for r in records))


WRITERS = {"array_record": write_array_record, "tfrecord": write_tfrecord}


def make(
    root: Path,
    form: str = "array_record",
    name: str = "tiny",
    version: str = "1.0.0",
    *,
    splits: Sequence[str] = ("train", "test"),
    features: dict[str, Any] | None = None,
    images: dict[str, Any] = X,
) -> Path:
    folder = root / name / version
    folder.mkdir(parents=True)
    base = name.split("/")[0]
    half = {split: (len(images[split]) + 1) // 2 for split in splits}  # two shards a split
    info = {
        "name": base,
        "version": version,
        "fileFormat": form,
        "splits": [
            {
                "name": split,
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "shardLengths": [str(half[split]), str(len(images[split]) - half[split])],
                "numBytes": "1",
            }
            for split in splits
        ],
    }
    features = {"label": LABEL, "image": IMAGE} if features is None else features
    python_class = "tensorflow_datasets.core.features.features_dict.FeaturesDict"
    (folder / "dataset_info.json").write_text(json.dumps(info))
    (folder / "features.json").write_text(
        json.dumps({"pythonClassName": python_class, "featuresDict": {"features": features}})
    )
    (folder / "label.labels.txt").write_text("\n".join(CLASSES) + "\n")
    for split in splits:
        records = [example(x, y) for x, y in zip(images[split], Y[split], strict=True)]
        for i, part in enumerate((records[: half[split]], records[half[split] :])):
            WRITERS[form](folder / f"{base}-{split}.{form}-{i:05d}-of-00002", part)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def assert_is_tiny(source: Source) -> None:
    assert (source.name, source.shape, source.size, source.classes) == ("tiny", (6, 4, 3), 7, CLASSES)
    for part, split in ((source.train, "train"), (source.heldout, "test")):
        assert part is not None and part.y is not None and part.y.dtype == np.int32
        np.testing.assert_array_equal(part.x, X[split])
        assert part.y.tolist() == Y[split]


@pytest.mark.parametrize("form", WRITERS)
def test_both_formats_are_read_exactly(data: Path, form: str) -> None:
    make(data, form)
    assert_is_tiny(from_tfds("tiny"))


def test_the_second_time_the_cache_answers(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(data)
    from_tfds("tiny")
    monkeypatch.setattr(tfds, "_decode", None)
    assert_is_tiny(from_tfds("tiny"))


@pytest.mark.parametrize("kept", [0, 100, 600])
def test_a_damaged_cache_is_rebuilt(data: Path, kept: int) -> None:
    make(data)
    from_tfds("tiny")
    (cached,) = (cache_dir() / "tfds").iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[:kept])
    assert_is_tiny(from_tfds("tiny"))
    assert cached.stat().st_size == len(whole)


def test_a_cache_that_cannot_be_written_is_no_error(data: Path, tmp_path: Path) -> None:
    make(data)
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert_is_tiny(from_tfds("tiny"))


def test_cached_arrays_come_back_and_leave_no_scraps(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a" / "b.npz", {"x": X["test"]})
    loaded = load_arrays(tmp_path / "a" / "b.npz")
    assert loaded is not None and [*loaded] == ["x"]
    np.testing.assert_array_equal(loaded["x"], X["test"])
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b.npz"]


def test_image_size_is_part_of_what_is_cached(data: Path) -> None:
    make(data)
    assert from_tfds("tiny").shape == (6, 4, 3)
    assert from_tfds("tiny", image_size=2).shape == (2, 2, 3)
    assert from_tfds("tiny").shape == (6, 4, 3)


def test_labels_are_the_condition_where_they_are_asked_for(data: Path) -> None:
    make(data)
    assert from_tfds("tiny").sample(jax.random.key(0), 5).y is None
    batch = from_tfds("tiny", labels=True).sample(jax.random.key(0), 5)
    for x, y in zip(np.rint((batch.x + 1) * 127.5), batch.y, strict=True):
        (index,) = np.flatnonzero((X["train"] == x).all(axis=(1, 2, 3)))
        assert Y["train"][index] == y


def test_notes_are_those_of_the_first_time(data: Path) -> None:
    make(data, images={split: x // 16 for split, x in X.items()})
    notes = from_tfds("tiny").notes
    assert len(notes) == 1 and "values 0..15 fill less than half of 0..255" in notes[0]
    assert from_tfds("tiny").notes == notes


def test_mixed_sizes_are_refused_unless_a_size_is_given(data: Path) -> None:
    make(data, splits=["train"], images={"train": [X["train"][0], *X["train"][1:, :5]]})
    with pytest.raises(DataError, match=r"record 1 of 'train' is 5x4 but .*record 0 .* is 6x4.*--image-size"):
        from_tfds("tiny")
    assert from_tfds("tiny", image_size=4, heldout_fraction=0).shape == (4, 4, 3)


def test_without_a_test_split_a_part_of_train_is_held_out(data: Path) -> None:
    make(data, splits=["train"])
    source = from_tfds("tiny", heldout_fraction=3 / 7)
    assert source.train is not None and source.heldout is not None
    assert (len(source.train.x), len(source.heldout.x)) == (4, 3)


def test_labels_are_optional_and_images_are_not(data: Path, tmp_path: Path) -> None:
    make(data, features={"image": IMAGE})
    source = from_tfds("tiny")
    assert source.train is not None and source.train.y is None and source.classes == ()
    make(tmp_path / "other", features={"label": LABEL})
    with pytest.raises(DataError, match="has no image feature, only label"):
        from_tfds("tiny", data_dir=tmp_path / "other")
    make(tmp_path / "third", splits=["test"])
    with pytest.raises(DataError, match="has no split 'train', only test"):
        from_tfds("tiny", data_dir=tmp_path / "third")


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-3], lambda b: b""])
def test_a_truncated_shard_is_one_clear_line(data: Path, form: str, damage: Any) -> None:
    folder = make(data, form)
    shard = folder / f"tiny-train.{form}-00001-of-00002"
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(DataError, match="tiny") as caught:
        from_tfds("tiny")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", WRITERS)
def test_a_missing_shard_is_one_clear_line(data: Path, form: str) -> None:
    (make(data, form) / f"tiny-train.{form}-00000-of-00002").unlink()
    with pytest.raises(DataError, match=r"cannot be read .*No such file"):
        from_tfds("tiny")


def test_other_file_formats_are_named(data: Path) -> None:
    info = make(data) / "dataset_info.json"
    info.write_text(info.read_text().replace('"array_record"', '"parquet"'))
    with pytest.raises(DataError, match=r"expected array_record or tfrecord, got \['parquet'\]"):
        from_tfds("tiny")
    info.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        from_tfds("tiny")


def test_an_unprepared_data_set_is_answered_at_once(data: Path, tmp_path: Path) -> None:
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"'cifar10' is not prepared in .*jaxgan datasets prepare") as caught:
        from_tfds("cifar10")
    assert time.perf_counter() - start < 5  # TFDS alone would retry the network for minutes
    assert "\n" not in str(caught.value) and "--data digits" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_brings_the_nearest(data: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        from_tfds("minst")
    make(data, name="my_own_pictures")
    with pytest.raises(DataError, match="did you mean 'my_own_pictures'"):
        from_tfds("my_own_picture")
    with pytest.raises(DataError, match=r"got '\.\./mnist'"):
        from_tfds("../mnist")


def test_prepared_lists_names_and_configs(data: Path) -> None:
    make(data)
    make(data, name="sized/8x8")
    make(data, name="sized/16x16")
    (data / "downloads" / "1.0.0").mkdir(parents=True)
    assert prepared() == ["sized/16x16", "sized/8x8", "tiny"]
    assert prepared(data / "sized") == ["16x16", "8x8"]
    with pytest.raises(DataError, match="prepared as sized/16x16, sized/8x8"):
        from_tfds("sized")
    assert from_tfds("sized/8x8").size == 7


def test_the_newest_version_is_taken_unless_one_is_named(data: Path) -> None:
    for version, size in (("1.9.0", 5), ("1.10.0", 4)):
        make(data, version=version, images={split: x[:, :size] for split, x in X.items()})
    assert from_tfds("tiny").shape == (4, 4, 3)
    assert from_tfds("tiny:1.9.0").shape == (5, 4, 3)


def test_preparing_what_is_prepared_returns_its_folder(data: Path) -> None:
    assert make(data) == prepare("tiny")


def test_preparing_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="pip install tensorflow-cpu"):
        prepare("mnist")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    with pytest.raises(DataError, match="no network"):
        prepare("mnist")


def mnist_folder() -> Path | None:
    """Where TFDS itself finds MNIST, at the time that the tests are collected."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_datasets

        builder = tensorflow_datasets.builder("mnist", data_dir=os.environ.get("TFDS_DATA_DIR"))
        return Path(builder.data_dir).parents[1] if builder.is_prepared() else None


MNIST = mnist_folder()


@pytest.mark.skipif(MNIST is None, reason="TFDS finds no prepared mnist in TFDS_DATA_DIR or its default folder")
def test_mnist_is_mnist() -> None:
    source = from_tfds("mnist", data_dir=MNIST)
    assert source.train is not None and source.train.y is not None and source.heldout is not None
    assert (source.shape, source.size, len(source.heldout.x)) == ((28, 28, 1), 60_000, 10_000)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # of the original training set
    assert np.bincount(source.train.y).tolist() == counts
    # mean and deviation of the training pixels as published many times over: 0.1307 and 0.3081 of 255
    assert (source.train.x.mean() / 255).round(4) == 0.1307 and (source.train.x.std() / 255).round(4) == 0.3081
