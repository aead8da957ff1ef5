"""NumPy files and picture folders: what is read, and the one line that is said of what cannot be."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.files import from_path, resize
from jaxgan.data.pictures import PICTURES
from jaxgan.data.source import DataError, Examples, Source

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (10, 6, 6, 3), dtype=np.uint8)


def load(path: Path, image_size: int | None = None) -> Source:
    return from_path(path, image_size=image_size, heldout_fraction=0)


def pixels(path: Path, image_size: int | None = None) -> np.ndarray:
    train = load(path, image_size).train
    assert train is not None
    return train.x


def labels(source: Source) -> list[int]:
    assert source.train is not None and source.train.y is not None
    return source.train.y.tolist()


def npy(folder: Path, x: np.ndarray) -> Path:
    np.save(folder / "images.npy", x)
    return folder / "images.npy"


def npz(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "images.npz", **arrays)  # type: ignore[arg-type]
    return folder / "images.npz"


def picture(path: Path, x: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(x)
    (image.convert(mode) if mode else image).save(path)
    return path


def test_bytes_are_kept(tmp_path: Path) -> None:
    np.testing.assert_array_equal(pixels(npy(tmp_path, BYTES)), BYTES)
    np.testing.assert_array_equal(pixels(npy(tmp_path, BYTES[..., 0])), BYTES[..., :1])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([0.0, 0.25, 1.0]), np.array([-1.0, -0.5, 1.0], np.float32)),
        (np.array([-1.0, 0.25, 1.0], np.float16), np.array([-1.0, 0.25, 1.0], np.float32)),
        (np.array([0, 128, 255]), np.array([0, 128, 255], np.uint8)),
        (np.array([False, True, True]), np.array([0, 255, 255], np.uint8)),
    ],
)
def test_every_range_of_values_has_one_meaning(tmp_path: Path, given: np.ndarray, expected: np.ndarray) -> None:
    x = pixels(npy(tmp_path, given.reshape(1, 3, 1)))
    assert x.dtype == expected.dtype
    np.testing.assert_array_equal(x.ravel(), expected)


@pytest.mark.parametrize("key", ["x", "images", "anything"])
def test_npz_keys(tmp_path: Path, key: str) -> None:
    y = np.array([5, 5, 5, 5, 5, 7, 7, 7, 9, 9])
    source = load(npz(tmp_path, **{key: BYTES, "labels": y}))
    np.testing.assert_array_equal(source.train.x if source.train else None, BYTES)
    assert source.classes == ("5", "7", "9") and labels(source) == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert load(npz(tmp_path, **{key: BYTES})).classes == ()


def test_a_fifth_is_held_out(tmp_path: Path) -> None:
    source = from_path(npz(tmp_path, x=BYTES, y=np.arange(10) % 2))
    assert source.heldout is not None and source.heldout.y is not None
    assert (source.name, source.size, sorted(source.heldout.y.tolist())) == ("images", 8, [0, 1])


def damaged(x: np.ndarray, value: float) -> np.ndarray:
    x = x.astype(np.float32) / 255
    x[3, 2, 1, 0] = x[7, 0, 0, 0] = value
    return x


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (damaged(BYTES, np.nan), r"2 values are NaN or infinite, the first at index \[3, 2, 1, 0\]"),
        (damaged(BYTES, np.inf), "2 values are NaN or infinite"),
        (damaged(BYTES, 1.5), r"expected floats in \[0, 1\] or \[-1, 1\], got .*1\.5"),
        (BYTES.astype(np.int32) + 100, r"expected integers in 0\.\.255, or uint16, got int32 1\d\d\.\.3"),
        (BYTES.astype(np.int16) - 1, r"expected integers in 0\.\.255, or uint16, got int16 -1\.\."),
        (BYTES.astype(np.complex64), "got complex64"),
        (np.full((2, 2, 2), "a"), "got <U1"),
        (np.zeros((3,)), r"got shape \[3\]"),
        (np.zeros((64, 64, 3)), r"one colour image, store x\[None\]; .* 64 grey ones of width 3"),
        (np.zeros((2, 1, 2, 2, 1)), r"got shape \[2, 1, 2, 2, 1\]"),
        (np.zeros((0, 2, 2)), r"got shape \[0, 2, 2\]"),
        (np.zeros((5, 3, 32, 32)), "channels on the last axis"),
    ],
)
def test_arrays_that_are_not_images_are_refused(tmp_path: Path, x: np.ndarray, message: str) -> None:
    path = npy(tmp_path, x)
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(9, int), r"expected 10 labels, one per example, or one-hot rows, got shape \[9\]"),
        (np.eye(10)[:, :3], r"got shape \[10, 3\]"),  # some rows have no class
        (np.zeros(10), "expected integer, string, bool or one-hot labels, got float64"),
        (np.array(["a", "", "b", " ", *"abcdef"]), r"a label for every example, but 2 are empty, the first at index 1"),
        (np.array([b"a", b"b"] * 4 + [b"", b"b"]), r"but 1 is empty, the first at index 8"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, y: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(npz(tmp_path, x=BYTES, y=y))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a"] * 9 + ["rare"], r"images.npz: holding examples out needs at least 2 of each class, class 'rare' has 1"),
        (["a"] * 10, r"images.npz: expected labels of at least two classes for a condition, got only 'a'"),
        (["a"] * 2 + list("bcdefghi"), r"images.npz: holding examples out needs at least 2 of each class"),
    ],
)
def test_labels_that_are_too_few_name_the_file(tmp_path: Path, y: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_path(npz(tmp_path, x=BYTES, y=np.array(y)), labels=True)


def test_a_class_without_training_examples_is_named(tmp_path: Path) -> None:
    y = {"y_train": np.array(list("ababab")), "y_test": np.array(list("abcd"))}
    path = npz(tmp_path, x_train=BYTES[:6], x_test=BYTES[6:], **y)
    line = r"images.npz: held-out examples of classes 'c', 'd', of which there are no training examples$"
    assert any(re.search(line, note) for note in from_path(path).notes)
    with pytest.raises(DataError, match=r"images.npz: expected training examples of every class, got none of classes"):
        from_path(path, labels=True)


def test_ambiguous_and_pickled_arrays_are_refused(tmp_path: Path) -> None:
    renamed = r"got 'a' \[10, 6, 6, 3\], 'b' \[10\]; rename .*x=file\['a'\], y=file\['b'\]\)"
    with pytest.raises(DataError, match=renamed):
        load(npz(tmp_path, a=BYTES, b=np.arange(10)))
    np.save(tmp_path / "object.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"Python objects in 'object\.npy', which are never loaded"):
        load(tmp_path / "object.npy")


@pytest.mark.parametrize("name", ["images.npy", "images.npz"])
@pytest.mark.parametrize("kept", [0, 5, 100, 700])
def test_truncated_arrays_are_named(tmp_path: Path, name: str, kept: int) -> None:
    path = npy(tmp_path, BYTES) if name.endswith("npy") else npz(tmp_path, x=BYTES)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=f"{name}: cannot be read"):
        load(path)


def test_a_flipped_bit_in_an_npz_is_noticed(tmp_path: Path) -> None:
    path = npz(tmp_path, x=BYTES)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC"):
        load(path)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        load(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"expected a \.npy or \.npz file or a folder"):
        load(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="no pictures found"):
        load(tmp_path)


def test_class_folders_become_labels_in_sorted_order(tmp_path: Path) -> None:
    for name, index in [("dog/b.png", 1), ("cat/z.png", 2), ("dog/a.PNG", 3), ("cat/deep/y.bmp", 4)]:
        picture(tmp_path / name, BYTES[index])
    picture(tmp_path / ".hidden/h.png", BYTES[5])
    picture(tmp_path / "cat/.h.png", BYTES[5])
    (tmp_path / "cat/notes.txt").write_text("not a picture")
    source = load(tmp_path)
    assert source.classes == ("cat", "dog") and labels(source) == [0, 0, 1, 1]
    np.testing.assert_array_equal(pixels(tmp_path), BYTES[[4, 2, 3, 1]])


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    picture(tmp_path / "2.png", BYTES[2])
    picture(tmp_path / "1.png", BYTES[1])
    source = load(tmp_path)
    assert source.train is not None and source.train.y is None and source.classes == ()
    np.testing.assert_array_equal(source.train.x, BYTES[1:3])


def test_pictures_beside_class_folders_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "cat/1.png", BYTES[1])
    picture(tmp_path / "2.png", BYTES[2])
    with pytest.raises(DataError, match=r"2\.png beside cat/"):
        load(tmp_path)


@pytest.mark.parametrize("suffix", sorted(PICTURES))
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    flat = np.full((8, 8, 3), 100, np.uint8)
    # a constant picture: lossy formats and 216-colour palettes keep it to within a few levels
    x = pixels(picture(tmp_path / f"flat{suffix}", flat).parent)
    assert x.shape == (1, 8, 8, 3) and np.abs(x.astype(int) - 100).max() <= 5


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_pictures_keep_one_channel(tmp_path: Path, mode: str) -> None:
    grey = np.where(BYTES[0, ..., 0] > 127, 255, 0).astype(np.uint8)
    picture(tmp_path / "grey.png", grey, mode)
    np.testing.assert_array_equal(pixels(tmp_path), grey[None, ..., None])


def test_sixteen_bits_keep_their_eight_highest(tmp_path: Path) -> None:
    picture(tmp_path / "deep.png", np.array([[0, 255, 256], [32768, 65280, 65535]], np.uint16))
    np.testing.assert_array_equal(pixels(tmp_path)[0, ..., 0], [[0, 0, 1], [128, 255, 255]])


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(
    ("given", "bits"), [([0, 128, 255], 8), ([0, 512, 1023], 10), ([0, 2048, 4095], 12), ([0, 32768, 65535], 16)]
)
def test_the_depth_of_sixteen_bits_is_that_of_the_whole_set(
    tmp_path: Path, suffix: str, given: list[int], bits: int
) -> None:
    picture(tmp_path / f"all/a.{suffix}", np.array([given], np.uint16))
    picture(tmp_path / f"all/dark.{suffix}", np.array([given[:1] * 3], np.uint16))
    source = load(tmp_path / "all")
    assert source.train is not None
    np.testing.assert_array_equal(source.train.x[..., 0], [[[0, 128, 255]], [[0, 0, 0]]])
    line = f"{tmp_path / 'all'}: 16-bit values 0..{given[-1]} are read as {bits} bits, 0..{2**bits - 1}"
    assert line in source.notes
    for dtype in ("<u2", ">u2"):
        array = load(npy(tmp_path, np.array(given, dtype).reshape(1, 3, 1)))
        assert array.train is not None and array.train.x.ravel().tolist() == [0, 128, 255]


def test_resizing_does_not_change_the_depth(tmp_path: Path) -> None:
    point = np.zeros((16, 16), np.uint16)
    point[8, 8] = 65535  # a mean over 64 pixels is below 2^12
    picture(tmp_path / "star.png", point)
    picture(tmp_path / "grey.png", np.full((16, 16), 32768, np.uint16))
    assert pixels(tmp_path, 2)[0].max() == 128


def test_the_range_of_values_can_be_given(tmp_path: Path) -> None:
    picture(tmp_path / "deep.png", np.array([[0, 500, 1000]], np.uint16))
    for path in (tmp_path, npy(tmp_path / "..", np.array([0.0, 500.0, 1000.0]).reshape(1, 1, 3, 1))):
        source = from_path(path, value_range=(0, 1000), heldout_fraction=0)
        assert source.train is not None and source.train.x.dtype == np.float32
        np.testing.assert_array_equal(source.train.x.ravel(), [-1, 0, 1])
    with pytest.raises(DataError, match=r"expected values in 0\.\.10, got 0\.\.1000"):
        from_path(tmp_path, value_range=(0, 10))
    with pytest.raises(DataError, match="low < high"):
        from_path(tmp_path, value_range=(1, 1))


def test_one_colour_picture_makes_the_set_colour(tmp_path: Path) -> None:
    picture(tmp_path / "1.png", BYTES[1])
    picture(tmp_path / "2.png", BYTES[2, ..., 0])
    picture(tmp_path / "3.png", BYTES[3], "RGBA")
    expected = np.stack([BYTES[1], np.repeat(BYTES[2, ..., :1], 3, axis=-1), BYTES[3]])
    np.testing.assert_array_equal(pixels(tmp_path), expected)


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "palette.png", transparency=bytes([0, 128]))
    # The first pixel is transparent, so white shows; the second half so: 128 / 255 of (40, 50, 60) on white.
    half = np.rint(np.array([40, 50, 60]) * 128 / 255 + 255 * 127 / 255)
    np.testing.assert_array_equal(pixels(tmp_path), [[[[255, 255, 255], half]]])


@pytest.mark.parametrize("kept", [0, 20, 60])
def test_a_truncated_picture_is_named(tmp_path: Path, kept: int) -> None:
    picture(tmp_path / "a.png", BYTES[0])
    bad = picture(tmp_path / "b.png", BYTES[1])
    bad.write_bytes(bad.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"b\.png: cannot be read") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_floating_point_pictures_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "f.tif", np.zeros((2, 2), np.float32))
    with pytest.raises(DataError, match="floating-point"):
        load(tmp_path)


def test_mixed_sizes_are_refused_unless_a_size_is_given(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", BYTES[0])
    picture(tmp_path / "b.png", BYTES[1, :4])
    with pytest.raises(DataError, match=r"b\.png is 4x6 but .*a\.png is 6x6.*--image-size"):
        load(tmp_path)
    assert load(tmp_path, image_size=3).shape == (3, 3, 3)


def test_non_square_pictures_are_loaded_as_they_are(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", BYTES[1, :4])
    assert load(tmp_path).shape == (4, 6, 3)


def test_resizing_crops_the_centre() -> None:
    wide = np.zeros((1, 2, 6, 1), np.uint8)
    wide[:, :, 2:4] = 200
    np.testing.assert_array_equal(resize(Examples(wide), 2).x, 200)
    np.testing.assert_array_equal(resize(Examples(wide.transpose(0, 2, 1, 3)), 2).x, 200)


def test_resizing_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 64, 32))[..., None]
    # taking every 8th pixel would be black throughout; a filter gives the mean, 127.5, away from the border
    assert np.abs(resize(Examples(stripes), 8).x[:, :, 1:-1].astype(float) - 127.5).max() <= 2


def test_floats_are_resized_like_bytes_and_stay_in_range() -> None:
    ramp = np.add.outer(10 * np.arange(12), 11 * np.arange(12)).astype(np.uint8)[None, ..., None]
    small, exact = resize(Examples(ramp), 4).x, resize(Examples(ramp.astype(np.float32) / 127.5 - 1), 4).x
    assert exact.dtype == np.float32
    # bytes are rounded after each of the two passes: at most one grey level in all
    assert np.abs((exact + 1) * 127.5 - small).max() <= 1
    edge = Examples(np.kron(np.array([[-1.0, 1.0]]), np.ones((4, 4)))[None, :, 2:6, None].astype(np.float32))
    assert np.abs(resize(edge, 16).x).max() == 1  # bicubic overshoots here without the clipping


def test_arrays_are_resized_too(tmp_path: Path) -> None:
    np.testing.assert_array_equal(pixels(npy(tmp_path, BYTES), 6), BYTES)
    assert pixels(npy(tmp_path, BYTES), 3).shape == (10, 3, 3, 3)
    with pytest.raises(DataError, match="at least 1, got 0"):
        load(tmp_path / "images.npy", image_size=0)
