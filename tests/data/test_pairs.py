"""Pairs of images: two folders, side-by-side pictures, .npz files, what is embedded, and what is refused by name."""

import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.data import Source, from_paired_images, from_pairs
from jaxgan.data.embedded_pairs import EMBEDDED, embedded_pairs, photo_patches
from jaxgan.data.in_memory import unseen
from jaxgan.data.source import DataError
from jaxgan.study.catalogue import find_data
from jaxgan.study.messages import OptionError

RNG = np.random.default_rng(0)
INPUTS = RNG.integers(0, 256, (20, 8, 8), dtype=np.uint8)
TARGETS = RNG.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)


def save(path: Path, x: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(x).save(path)


def two_folders(root: Path, names: tuple[str, str] = ("input", "target"), below: str = "", n: int = 20) -> Path:
    for i in range(n):
        save(root / names[0] / below / f"{i:02}.bmp", INPUTS[i])
        save(root / names[1] / below / f"{i:02}.png", TARGETS[i])
    return root


def side_by_side(root: Path, below: str = "", first: int = 0, n: int = 20) -> Path:
    for i in range(first, first + n):
        save(root / below / f"{i:02}.png", np.concatenate([np.stack([INPUTS[i]] * 3, -1), TARGETS[i]], axis=1))
    return root


def halves(source: Source) -> tuple[Any, Any]:
    """The training and the held-out pairs."""
    assert source.train is not None and source.heldout is not None
    return source.train, source.heldout


def pairs_of(source: Source) -> set[tuple[bytes, bytes]]:
    """All pairs, whichever side of the split they are on."""
    parts = [part for part in (source.train, source.heldout) if part is not None]
    return {(y.tobytes(), x.tobytes()) for part in parts for x, y in zip(*map(np.asarray, part), strict=True)}


def expected(inputs: np.ndarray) -> set[tuple[bytes, bytes]]:
    return {(y.tobytes(), x.tobytes()) for y, x in zip(inputs, TARGETS, strict=True)}


@pytest.mark.parametrize("names", [("input", "target"), ("A", "B")])
def test_two_folders_of_equal_names_are_pairs(tmp_path: Path, names: tuple[str, str]) -> None:
    source = from_pairs(two_folders(tmp_path, names))
    assert (source.shape, source.condition, source.size, source.paired) == ((8, 8, 3), (8, 8, 1), 16, True)
    assert pairs_of(source) == expected(INPUTS[..., None])


def test_two_folders_keep_their_split(tmp_path: Path) -> None:
    two_folders(tmp_path, below="train", n=4)
    two_folders(tmp_path, below="test", n=3)
    train, heldout = halves(from_pairs(tmp_path))
    np.testing.assert_array_equal(train.x, TARGETS[:4])
    np.testing.assert_array_equal(heldout.y[..., 0], INPUTS[:3])


@pytest.mark.parametrize("reverse", [False, True])
def test_side_by_side_pictures_are_pairs_from_left_to_right(tmp_path: Path, reverse: bool) -> None:
    side_by_side(tmp_path, "train", n=12)
    side_by_side(tmp_path, "val", first=12, n=8)
    train, heldout = halves(from_pairs(tmp_path, reverse=reverse))
    assert (len(train.x), len(heldout.x)) == (12, 8)
    left, right = (train.x, train.y) if reverse else (train.y, train.x)
    np.testing.assert_array_equal(right, TARGETS[:12])
    np.testing.assert_array_equal(left, np.stack([INPUTS[:12]] * 3, axis=-1))


def test_batches_are_pairs_in_the_range_of_images(tmp_path: Path) -> None:
    source = from_pairs(two_folders(tmp_path))
    known = {y.tobytes(): x for y, x in zip(INPUTS, TARGETS, strict=True)}
    for sampler in (source.sample, unseen(source)):
        batch = sampler(jax.random.key(0), 32)
        assert batch.x.dtype == batch.y.dtype == np.float32
        for x, y in zip(np.asarray(batch.x), np.asarray(batch.y), strict=True):
            levels = np.rint((y + 1) * 127.5).astype(np.uint8)
            np.testing.assert_allclose(x, known[levels.tobytes()] / 127.5 - 1, atol=1e-6)


def test_an_image_size_is_that_of_both(tmp_path: Path) -> None:
    save(tmp_path / "input" / "a.png", RNG.integers(0, 256, (20, 30), dtype=np.uint8))
    save(tmp_path / "target" / "a.png", RNG.integers(0, 256, (50, 40, 3), dtype=np.uint8))
    source = from_pairs(tmp_path, image_size=16, heldout_fraction=0)
    assert (source.size, source.shape, source.condition) == (1, (16, 16, 3), (16, 16, 1))


def test_smaller_inputs_have_their_pixels_repeated(tmp_path: Path) -> None:
    two_folders(tmp_path)
    for i in range(20):
        save(tmp_path / "input" / f"{i:02}.bmp", INPUTS[i, :4, :4])
    small = INPUTS[:, :4, :4].repeat(2, axis=1).repeat(2, axis=2)
    assert pairs_of(from_pairs(tmp_path)) == expected(small[..., None])


def test_arrays_are_pairs(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", x=TARGETS, input=INPUTS, other=np.zeros(3))
    source = from_pairs(tmp_path / "all.npz")
    assert pairs_of(source) == expected(INPUTS[..., None])
    assert any("left out 'other'" in note for note in source.notes)
    parts: Any = {
        "x_train": TARGETS[:15],
        "input_train": INPUTS[:15],
        "x_test": TARGETS[15:],
        "input_test": INPUTS[15:],
    }
    np.savez(tmp_path / "split.npz", **parts)
    _, heldout = halves(from_pairs(tmp_path / "split.npz"))
    np.testing.assert_array_equal(heldout.y[..., 0], INPUTS[15:])


def test_no_copy_of_a_training_target_is_held_out() -> None:
    """Whatever its input is."""
    targets = np.concatenate([TARGETS[:10]] * 2)
    train, heldout = halves(from_paired_images("copies", INPUTS, targets, split_seed=1))
    assert not {x.tobytes() for x in train.x} & {x.tobytes() for x in heldout.x}


def broken(root: Path, how: str) -> Path:
    two_folders(root, n=3)
    if how == "alone":
        (root / "target" / "01.png").unlink()
    if how == "size":
        save(root / "target" / "01.png", TARGETS[1, :6, :6])
    if how == "channels":
        save(root / "input" / "01.bmp", TARGETS[1])
    if how == "damaged":
        (root / "input" / "01.bmp").write_bytes(b"BM")
    if how == "twice":
        save(root / "input" / "01.png", INPUTS[2])
    if how == "misspelt":
        (root / "input").rename(root / "inputs")
    if how == "without targets":
        shutil.rmtree(root / "target")
    if how == "split below":
        for name in ("input", "target"):
            (root / "train").mkdir(exist_ok=True)
            (root / name).rename(root / "train" / name)
    if how == "extra":
        save(root / "target" / "more.png", TARGETS[1])
    return root


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("alone", r"input/01.bmp: expected a picture of this name in .*target, got none$"),
        ("extra", r"target/more.png: expected a picture of this name in .*input, got none$"),
        ("size", r"target/01.png is 6x6 but its input is 8x8: give one size for all with --image-size$"),
        ("channels", r"input/01.bmp has 3 channels but .*input/00.bmp has 1$"),
        ("twice", r"input/01.bmp and .*input/01.png: expected one picture of each name, whatever its suffix"),
        ("misspelt", r": expected folders input/ and target/ .*, got only inputs/, target/$"),
        ("without targets", r": expected folders input/ and target/ .*, got only input/$"),
        ("split below", r"/train: expected folders input/ and target/ .*, got only input/, target/$"),
        ("damaged", r"input/01.bmp: cannot be read \("),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, how: str, line: str) -> None:
    with pytest.raises(DataError, match=line) as error:
        from_pairs(broken(tmp_path, how))
    assert "\n" not in str(error.value)


def test_a_picture_of_uneven_width_is_no_pair(tmp_path: Path) -> None:
    save(side_by_side(tmp_path, n=2) / "00.png", TARGETS[0, :, :7])
    with pytest.raises(DataError, match=r"00.png: expected two images of equal width side by side, got 8x7 pixels"):
        from_pairs(tmp_path)


def test_a_square_picture_is_no_pair(tmp_path: Path) -> None:
    save(side_by_side(tmp_path, n=2) / "00.png", TARGETS[0])
    with pytest.raises(DataError, match=r"00.png: expected two images side by side, so wider than high, got 8x8 .*/$"):
        from_pairs(tmp_path)


@pytest.mark.parametrize("name", ["", "pairs:", "reversed-pairs:"])
def test_no_name_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(side_by_side(tmp_path))
    with pytest.raises(OptionError, match=r"^--data: got (pairs of )?''; known: "):
        find_data(name)


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"x": TARGETS}, r"a.npz: expected targets under 'x' and inputs under 'input', .* got 'x' \[20, 8, 8, 3\]$"),
        ({"x": TARGETS, "input": INPUTS[:9]}, r"an input for each target, got 20 in 'x' and 9 in 'input'$"),
        ({"x": TARGETS, "input": INPUTS[:, :5, :5]}, r"a.npz: expected inputs of the .*, got 5x5 and 8x8$"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, arrays: dict[str, Any], line: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=line):
        from_pairs(tmp_path / "a.npz")


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_pairs_are_there_from_both_sides(name: str) -> None:
    source = find_data(f"pairs:{name}")
    assert source.paired
    for part in halves(source):
        for images in part:
            assert images.dtype == np.float32 and -1 <= images.min() < images.max() <= 1
    backwards = find_data(f"reversed-pairs:{name}")
    assert (backwards.shape, backwards.condition) == (source.condition, source.shape)


def test_inputs_are_what_their_names_say() -> None:
    parts = {name: halves(embedded_pairs(name))[1] for name in EMBEDDED}
    x, y = parts["digits-upscale"]
    blocks = x.reshape(-1, 4, 2, 4, 2)
    np.testing.assert_allclose(y[:, ::2, ::2, 0], blocks.mean(axis=(2, 4)), atol=1e-6)
    x, y = parts["digits-masked"]
    inside = np.zeros((8, 8, 1), bool)
    inside[2:6, 2:6] = True
    assert (y[:, inside[..., 0]] == 0).all()
    np.testing.assert_array_equal(y[:, ~inside[..., 0]], x[:, ~inside[..., 0]])
    x, y = parts["photos-upscale"]
    np.testing.assert_allclose(y[:, ::4, ::4], x.reshape(-1, 8, 4, 8, 4, 3).mean(axis=(2, 4)), atol=1e-6)
    x, y = parts["photos-grey"]
    np.testing.assert_allclose(y[..., 0], x @ np.array([0.299, 0.587, 0.114]), atol=1e-6)
    x, y = parts["photos-edges"]
    assert set(np.unique(y)) == {-1.0, 1.0} and 0.02 < (y > 0).mean() < 0.5


def test_no_held_out_patch_overlaps_a_training_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of photographs whose pixels are all different: no value is on both sides."""
    count = 2 * 427 * 640
    numbered = [np.arange(count, dtype=np.float64).reshape(2, 427, 640)[i] for i in (0, 1)]
    photos = type("Bunch", (), {"images": [np.stack([photo] * 3, -1) * (255 / count) for photo in numbered]})
    monkeypatch.setattr("sklearn.datasets.load_sample_images", lambda: photos)
    train, heldout = (set(np.unique(half).tolist()) for half in photo_patches())
    assert len(train) > 50_000 and len(heldout) > 20_000
    assert not train & heldout
    one, other = (half.max(axis=(1, 2, 3)) for half in photo_patches(apart=True))
    assert one.max() < 0 < photo_patches(apart=True)[1].min() and len(one) == len(other)  # values grow over both


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("pairs:digits-upscal", {}, r"--data: got pairs of 'digits-upscal'; did you mean 'digits-upscale'"),
        ("pairs:digits-upscale", {"image_size": 16}, r"--image-size: got 16, but pairs:digits-upscale has a size"),
        ("pairs:digits-upscale", {"labels": True}, r"--conditional: is for labels, and pairs have an input image"),
        ("pairs:digits-upscale", {"background": 3}, r"--background: is for images of your own"),
        ("pairs:somewhere", {"image_size": 28}, r"--image-size: .* got 28, the nearest are 16 and 32"),
    ],
)
def test_names_that_do_not_fit_are_answered_in_a_line(name: str, options: dict[str, Any], line: str) -> None:
    with pytest.raises(OptionError, match=line):
        find_data(name, **options)
