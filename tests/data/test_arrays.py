"""Arrays from Python and from .npy and .npz files: ranges, labels, points, names and sizes."""

import io
import sys
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.data import numpy_files
from jaxgan.data.files import from_path
from jaxgan.data.in_memory import from_images, from_points
from jaxgan.data.source import DataError, Examples, Source

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (20, 6, 6), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)


def stored(folder: Path, **arrays: Any) -> Source:
    np.savez(folder / "set.npz", **arrays)
    return from_path(folder / "set.npz", heldout_fraction=0)


def train_of(source: Source) -> Examples:
    assert source.train is not None
    return source.train


def y_of(part: Examples | None) -> list[int]:
    assert part is not None and part.y is not None and part.y.dtype == np.int32
    return part.y.tolist()


# Ranges of values: one rule for arrays from Python and from files


def by_python(x: np.ndarray, folder: Path) -> Source:
    return from_images("x", Examples(x))


def by_file(x: np.ndarray, folder: Path) -> Source:
    return stored(folder, x=x)


@pytest.mark.parametrize("read", [by_python, by_file])
@pytest.mark.parametrize(
    ("given", "expected", "note"),
    [
        ([0.0, 0.25, 1.0], [-1.0, -0.5, 1.0], None),
        ([-1.0, 0.25, 1.0], [-1.0, 0.25, 1.0], None),
        ([-1e-7, 0.25, 1.0], [-1.0, -0.5, 1.0], "floats -1e-07..1 are read as [0, 1] and clipped to it"),
        ([0.0, 0.25, 1.000001], [-1.0, -0.5, 1.0], "floats 0..1 are read as [0, 1] and clipped to it"),
        ([-1.01, 0.25, 1.0], [-1.0, 0.25, 1.0], "floats -1.01..1 are read as [-1, 1] and clipped to it"),
        ([0.0, 0.1, 0.2], [-1.0, -0.8, -0.6], "floats 0..0.2 are read as [0, 1], which they do not fill"),
        ([-0.1, 0.25, 1.0], [-0.1, 0.25, 1.0], "floats -0.1..1 are read as [-1, 1], which they do not fill"),
        (np.array([0, 8, 16], np.uint8), [0, 8, 16], "values 0..16 fill less than half of 0..255"),
        (np.zeros(3, np.uint8), [0, 0, 0], "values 0..0 fill less than half of 0..255; all values are equal"),
    ],
)
def test_ranges_of_floats_have_a_tolerance_and_say_so(
    read: Any, given: Any, expected: list[float], note: str | None, tmp_path: Path
) -> None:
    source = read(np.asarray(given).reshape(1, 3, 1), tmp_path)
    # float32 of a product and a difference: one rounding each
    np.testing.assert_allclose(train_of(source).x.ravel(), expected, rtol=0, atol=2e-7)
    assert len(source.notes) == (note is not None)
    assert note is None or note in source.notes[0]


@pytest.mark.parametrize("read", [by_python, by_file])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (COLOUR.astype(np.float32), r"got 0\.\.255; value_range=\(0, 255\) reads them as grey levels"),
        (np.full((2, 3, 3), 1.1), r"expected floats in \[0, 1\] or \[-1, 1\], got 1\.1\.\.1\.1"),
        (np.full((2, 3, 3), np.nan), r"18 values are NaN or infinite, the first at index \[0, 0, 0, 0\]"),
        (COLOUR.astype(np.uint16)[0], "one colour image"),
    ],
)
def test_images_from_python_are_checked_as_those_from_files(
    read: Any, x: np.ndarray, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read(x, tmp_path)


def test_training_and_held_out_images_are_read_alike() -> None:
    train, heldout = np.array([[[0.0], [0.9]]]), np.array([[[-1.0], [0.5]]])
    source = from_images("x", Examples(train), Examples(heldout))
    np.testing.assert_array_equal(train_of(source).x.ravel(), np.array([0.0, 0.9], np.float32))
    with pytest.raises(DataError, match=r"of the same shape, got \[3, 1, 1\] beside \[2, 1, 1\]"):
        from_images("x", Examples(train), Examples(np.zeros((1, 3, 1))))


# Labels


@pytest.mark.parametrize(
    ("y", "labels", "classes"),
    [
        (np.arange(20)[:, None] % 2, [0, 1] * 10, ("0", "1")),
        (np.eye(3)[np.arange(20) % 2 + 1], [0, 1] * 10, ("1", "2")),
        (np.array(["dog", "cat"] * 10), [1, 0] * 10, ("cat", "dog")),
        (np.array([b"dog", b"cat"] * 10), [1, 0] * 10, ("cat", "dog")),
        (np.array([True, False] * 10), [1, 0] * 10, ("False", "True")),
        (np.array([-1, 7] * 10), [0, 1] * 10, ("-1", "7")),
    ],
)
def test_labels_of_every_kind_become_numbers(
    tmp_path: Path, y: np.ndarray, labels: list[int], classes: tuple[str, ...]
) -> None:
    sources = stored(tmp_path, x=BYTES, y=y), from_images("x", Examples(BYTES, y)), from_points(BYTES[:, 0] * 1.0, y)
    for source in sources[:2]:
        assert y_of(source.train) == labels and source.classes == classes
    assert sources[2].classes == classes and sources[2].size == 16


def test_labels_are_the_condition_of_a_batch_where_they_are_asked_for(tmp_path: Path) -> None:
    x, y = np.arange(20, dtype=np.uint8).reshape(20, 1, 1), np.where(np.arange(20) % 3 == 0, "fizz", "other")
    np.savez(tmp_path / "a.npz", x=x * 10, y=y)
    point = from_points(np.arange(20.0)[:, None], y, labels=True)
    image = from_path(tmp_path / "a.npz", labels=True)
    for source, value in ((point, lambda x: x), (image, lambda x: (x + 1) * 12.75)):
        assert source.classes == ("fizz", "other")
        batch = source.sample(jax.random.key(0), 100)
        number = np.rint(value(np.asarray(batch.x).ravel()))
        np.testing.assert_array_equal(batch.y, number % 3 != 0)
        assert batch.y.dtype == np.int32
    digit = jg.data.digits(labels=True)
    assert (
        digit.sample(jax.random.key(0), 8).y.shape == (8,) and jg.data.digits().sample(jax.random.key(0), 8).y is None
    )
    with pytest.raises(DataError, match="expected examples with labels for a condition, got none"):
        from_points(np.zeros((5, 2)), labels=True, heldout_fraction=0)


def test_named_classes_keep_their_numbers() -> None:
    names = ("ant", "bee", "cow")
    source = from_images("x", Examples(BYTES, np.full(20, 2)), classes=names)
    assert source.classes == names and y_of(source.train) == [2] * 20
    with pytest.raises(DataError, match=r"expected integer labels 0\.\.2"):
        from_images("x", Examples(BYTES, np.full(20, 3)), classes=names)


# Points


def test_points_are_data_like_images(tmp_path: Path) -> None:
    moons = RNG.normal(size=(50, 2)) * [1, 100] + [3, 0]
    np.save(tmp_path / "moons.npy", moons)
    np.savez(tmp_path / "labelled.npz", x=moons, y=np.arange(50) % 2)
    for source in (from_path(tmp_path / "moons.npy"), from_points(moons, name="moons")):
        assert (source.name, source.shape, source.size, source.classes) == ("moons", (2,), 40, ())
        train, heldout = source.train, source.heldout
        assert train is not None and heldout is not None and train.x.dtype == np.float32
        # as they are: every point once, to float32's rounding
        both = np.concatenate([train.x, heldout.x])
        np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(moons.astype(np.float32), axis=0))
        assert source.sample(jax.random.key(0), 7).x.shape == (7, 2)
        mean, std = moons.mean(axis=0), moons.std(axis=0)
        assert f"means {mean[0]:.3g}, {mean[1]:.3g}, standard deviations {std[0]:.3g}, {std[1]:.3g}" in source.notes[0]
    assert from_path(tmp_path / "labelled.npz").classes == ("0", "1")
    with pytest.raises(DataError, match="expected images for image_size, got points"):
        from_path(tmp_path / "moons.npy", image_size=8)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(3), r"expected points \[n, d\], got shape \[3\]"),
        (np.zeros((0, 2)), r"got shape \[0, 2\]"),
        (np.array([[1.0, np.inf], [0, 0]]), r"1 values are NaN or infinite, the first at index \[0, 1\]"),
        (np.array([[1e300, 0.0], [0, 0]]), "1 values are NaN or infinite"),  # beyond float32
        (np.zeros((9, 784), np.uint8), r"images are \[n, h, w\] or \[n, h, w, c\]: reshape"),
        (np.full((2, 2), "a"), "got <U1"),
    ],
)
def test_points_that_are_none_are_refused(x: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_points(x)


def test_points_that_may_be_images_are_mentioned() -> None:
    assert "store them as [n, h, w]" in from_points(RNG.random((10, 64))).notes[0]


# Names in .npz files


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),  # Keras
        ("X_train", "Y_train", "X_val", "Y_val"),
        ("train_images", "train_labels", "test_images", "test_labels"),  # MedMNIST
        ("train_data", "train_target", "valid_data", "valid_target"),
    ],
)
def test_the_split_of_a_file_is_used(tmp_path: Path, names: tuple[str, ...]) -> None:
    y = np.arange(20)[:, None] % 4
    arrays = dict(zip(names, (COLOUR, y, COLOUR[:5], y[:5] + 2), strict=True))
    source = stored(tmp_path, **arrays)
    assert source.heldout is not None
    np.testing.assert_array_equal(train_of(source).x, COLOUR)
    np.testing.assert_array_equal(source.heldout.x, COLOUR[:5])
    # Labels have one numbering on both sides, although 4 and 5 are held out only.
    assert y_of(source.train) == (np.arange(20) % 4).tolist() and y_of(source.heldout) == [2, 3, 4, 5, 2]
    assert source.classes == ("0", "1", "2", "3", "4", "5")
    assert f"the 5 examples of '{names[2]}' are held out" in source.notes[0]


@pytest.mark.parametrize(
    ("x", "y"),
    [("images", "targets"), ("x", "label"), ("X", "Y"), ("data", "label"), ("arr_0", "arr_1"), ("whatever", "labels")],
)
def test_labels_are_found_beside_their_images(tmp_path: Path, x: str, y: str) -> None:
    source = stored(tmp_path, **{x: COLOUR, y: np.arange(20) % 2})
    np.testing.assert_array_equal(train_of(source).x, COLOUR)
    assert y_of(source.train) == [0, 1] * 10 and source.notes == ()


def test_test_goes_before_val_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    source = stored(tmp_path, x_train=COLOUR, x_val=COLOUR[:4], x_test=COLOUR[:3], ids=np.arange(20))
    assert source.heldout is not None and len(source.heldout.x) == 3
    assert "read 'x_train', 'x_test'; left out 'ids', 'x_val'" in source.notes[1]
    both = stored(tmp_path, images=COLOUR, data=COLOUR.reshape(20, -1), target=np.arange(20) % 2)  # load_digits
    assert train_of(both).x.shape == COLOUR.shape and "left out 'data'" in both.notes[0]


@pytest.mark.parametrize(
    ("arrays", "rename"),
    [
        ({"first": COLOUR, "second": COLOUR}, r"x=file\['first'\]\)"),
        ({"pics": COLOUR, "kind": np.arange(20)}, r"x=file\['pics'\], y=file\['kind'\]\)"),
        ({"arr_0": COLOUR, "arr_1": COLOUR}, r"x=file\['arr_0'\]\)"),
        ({"arr_0": COLOUR, "arr_1": np.arange(20), "arr_2": COLOUR}, r"y=file\['arr_1'\]\)"),
        ({"y": np.arange(20)}, "expected examples under 'x'"),
        ({"x_test": COLOUR}, "expected examples under 'x'"),
        ({}, "got no arrays"),
    ],
)
def test_unclear_names_come_with_the_rename_to_make(tmp_path: Path, arrays: dict[str, Any], rename: str) -> None:
    with pytest.raises(DataError, match=rename) as caught:
        stored(tmp_path, **arrays)
    assert "\n" not in str(caught.value)


# Damaged and hostile files


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
@pytest.mark.parametrize("content", [bytes(1000), b"", b"<html>404</html>", bytes(RNG.integers(0, 256, 500, np.uint8))])
def test_what_is_no_numpy_file_is_said_in_our_own_words(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read \(expected a \.npy or \.npz file") as caught:
        from_path(tmp_path / name)
    assert "pickle" not in str(caught.value)


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{}], object))
    with pytest.raises(DataError, match=r"got Python objects in 'x\.npy', which are never loaded"):
        from_path(tmp_path / "a.npz")


def claim(path: Path, shape: tuple[int, ...]) -> None:
    """A file whose header promises more than it holds."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "|u1", "fortran_order": False, "shape": shape})
    if path.suffix == ".npy":
        path.write_bytes(member.getvalue())
        return
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", member.getvalue() + bytes(1000))


@pytest.mark.parametrize("name", ["bomb.npz", "bomb.npy"])
def test_sizes_are_held_against_memory_before_anything_is_unpacked(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(tmp_path / name, (2**20, 1024, 1024))
    monkeypatch.setattr(np, "load", None)  # it would be called to unpack
    with pytest.raises(DataError, match=r"fit twice into the free .* GiB of memory, got .* of 1024\.00 GiB"):
        from_path(tmp_path / name)


def test_memory_is_that_of_the_machine_or_of_the_container() -> None:
    import psutil

    assert 0 < numpy_files.available_memory() <= psutil.virtual_memory().total


@pytest.mark.skipif(sys.platform == "win32", reason="other names of users and limits of paths")
@pytest.mark.parametrize("path", ["~no_such_user/x.npz", "a" * 300 + ".npz", "a\0b.npz"])
def test_paths_that_cannot_be(path: str) -> None:
    with pytest.raises(DataError, match=r"cannot be read|no such file") as caught:
        from_path(path)
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_a_bare_array_of_images_is_named() -> None:
    with pytest.raises(TypeError, match=r"train must be Examples\(x\) or Examples\(x, y\), got ndarray"):
        from_images("x", BYTES)  # type: ignore[arg-type]


def test_a_source_is_shown_without_its_numbers() -> None:
    """In a notebook a data set of any size is one line."""
    assert repr(jg.data.digits()) == "Source(digits, 1,437 examples of shape [8, 8, 1], 360 held out, 10 classes)"
    assert repr(jg.data.ring()) == "Source(ring, unlimited of shape [2], 8 modes)"
    assert repr(jg.data.ring()._replace(size=1)) == "Source(ring, 1 example of shape [2], 8 modes)"
