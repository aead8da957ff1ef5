"""Examples read a batch at a time are those that are read whole."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.batches import Batches, from_array, from_files
from jaxgan.data.files import from_path
from jaxgan.data.source import DataError
from jaxgan.data.values import depth_of

RNG = np.random.default_rng(0)


def joined(batches: Batches, size: int) -> np.ndarray:
    return np.concatenate(list(batches.read(size)))


def in_order(x: np.ndarray) -> np.ndarray:
    """Rows in an order of their own, as `from_path` splits them at random."""
    flat = x.reshape(len(x), -1)
    return flat[np.lexsort(flat.T)]


def whole(path: Path, **options) -> np.ndarray:
    source = from_path(path, **options)
    assert source.train is not None and source.heldout is not None
    return np.concatenate([source.train.x, source.heldout.x])


ARRAYS: dict[str, np.ndarray] = {
    "uint8": RNG.integers(0, 256, (23, 4, 5, 3), dtype=np.uint8),
    "12 bits": RNG.integers(0, 4096, (23, 4, 5), dtype=np.uint16),
    "black and white": RNG.integers(0, 2, (23, 4, 5), dtype=np.uint8),
    "floats to 1": RNG.random((23, 4, 5, 1)),
    "floats from -1": RNG.uniform(-1, 1, (23, 4, 5, 1)).astype(np.float32),
    "points": RNG.normal(size=(23, 3)),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_an_array_is_read_by_the_same_rules(tmp_path: Path, name: str, suffix: str) -> None:
    path, x = tmp_path / f"a{suffix}", ARRAYS[name]
    if suffix == ".npy":
        np.save(path, x)
    else:
        np.savez_compressed(path, x=x, y=np.arange(len(x)) % 2)
    found = from_files(path)
    expected = whole(path)
    assert found.n == 23 and found.shape == expected.shape[1:]
    for size in (1, 7, 50):
        x = joined(found, size)
        assert x.dtype == expected.dtype and len(next(iter(found.read(size)))) == min(size, 23)
        np.testing.assert_array_equal(in_order(x), in_order(expected))
    assert len(joined(found.first(10), 7)) == 10 and found.first(10).n == 10


def test_pictures_are_read_by_the_same_rules(tmp_path: Path) -> None:
    """Grey beside colour, 16 bits beside 8, one lying on its side: all that is decided over the whole set."""
    for i in range(9):
        Image.fromarray(RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    Image.fromarray(RNG.integers(0, 256, (6, 4), dtype=np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray(RNG.integers(0, 1024, (6, 4), dtype=np.uint16)).save(tmp_path / "deep.png")
    lying = Image.fromarray(RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    exif = lying.getexif()
    exif[274] = 6
    lying.save(tmp_path / "lying.jpg", exif=exif)
    (tmp_path / "notes.txt").touch()
    found = from_files(tmp_path)
    assert found.shape == (6, 4, 3) and found.n == 12
    np.testing.assert_array_equal(in_order(joined(found, 5)), in_order(whole(tmp_path)))
    small = from_files(tmp_path, image_size=2)
    np.testing.assert_array_equal(in_order(joined(small, 5)), in_order(whole(tmp_path, image_size=2)))
    assert "1 file is not a picture and was left out" in found.notes[-1]


def test_what_pictures_have_is_told_once_they_are_read(tmp_path: Path) -> None:
    """The same notes as of a folder that is read whole, and the depth beforehand."""
    for i in range(3):
        shown = RNG.integers(0, 256, (4, 4, 4), dtype=np.uint8)
        Image.fromarray(shown).save(tmp_path / f"{i}.png")
    frames = [Image.fromarray(shown[..., :3]), Image.fromarray(255 - shown[..., :3])]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(RNG.integers(3000, 4096, (4, 4), dtype=np.uint16)).save(tmp_path / "deep.png")
    found, source = from_files(tmp_path), from_path(tmp_path)
    assert depth_of(found.notes) == depth_of(source.notes) == 12
    assert "are read as 12 bits" in found.notes[0] and not found.seen()
    joined(found, 2)
    assert set((*found.notes, *found.seen())) == set(source.notes)
    assert "3 pictures with transparent pixels, shown on white" in found.seen()[0]
    next(found.read(2))
    assert "2 pictures with transparent" in found.seen()[0]


def test_the_parts_of_a_split_are_told_apart(tmp_path: Path) -> None:
    x = ARRAYS["uint8"]
    np.savez(tmp_path / "a.npz", x_train=x[:20], x_test=x[20:])
    parts = {part: from_files(tmp_path / "a.npz", part=part) for part in ("train", "heldout")}
    assert {part: (found.n, found.part) for part, found in parts.items()} == {
        "train": (20, "train"), "heldout": (3, "heldout")
    }  # fmt: skip
    for part, names in {"train": range(4), "test": range(4, 6)}.items():
        (tmp_path / "pictures" / part).mkdir(parents=True)
        for i in names:
            Image.fromarray(x[i]).save(tmp_path / "pictures" / part / f"{i}.png")
    assert from_files(tmp_path / "pictures", part="heldout").n == 2
    assert from_files(tmp_path / "pictures", part="all").n == 6


def test_a_file_is_not_held_in_memory(tmp_path: Path) -> None:
    """Of 64 MiB a pass over batches of 1 MiB holds less than 40: the range is looked for in blocks of 16 MiB."""
    import tracemalloc

    path = tmp_path / "large.npz"
    np.savez(path, x=np.zeros((1024, 256, 256, 1), np.uint8))
    tracemalloc.start()
    total = sum(len(x) for x in from_files(path).read(16))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 1024
    assert peak < 40 * 2**20


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(3):
        Image.fromarray(np.zeros((4 + (i == 2), 4), np.uint8)).save(pictures / f"{i}.png")
    with pytest.raises(DataError, match=r"2\.png is 5x4 but .*0\.png is 4x4"):
        from_files(pictures)
    (pictures / "2.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2\.png: cannot be read"):
        from_files(pictures)
    np.save(tmp_path / "nan.npy", np.full((3, 2, 2), np.nan))
    np.savez(tmp_path / "columns.npz", x=np.asfortranarray(np.zeros((3, 2, 2))))
    np.savez(tmp_path / "texts.npz", x=np.array([["a"]]))
    for name, message in [
        ("nan.npy", "12 values are NaN or infinite"),
        ("columns.npz", "in C order"),
        ("texts.npz", "expected points of floats"),
        ("nowhere.npz", "expected an existing file or folder"),
    ]:
        with pytest.raises(DataError, match=message):
            list(from_files(tmp_path / name).read(2))


def test_arrays_in_memory_are_batches_too() -> None:
    x = np.arange(10.0).reshape(5, 2)
    np.testing.assert_array_equal(joined(from_array("five", x), 2), x)
