"""Folders of pictures: splits, links, what is left out, and what single pictures carry with them."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import folders, pictures
from jaxgan.data.files import from_path
from jaxgan.data.source import DataError, Source

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (40, 6, 6, 3), dtype=np.uint8)


def save(path: Path, x: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(x).save(path, **options)
    return path


def load(path: Path) -> Source:
    return from_path(path, heldout_fraction=0)


def pixels(path: Path) -> np.ndarray:
    train = load(path).train
    assert train is not None
    return train.x


def fill(root: Path, names: list[str], first: int = 0) -> None:
    for i, name in enumerate(names):
        save(root / name, BYTES[first + i])


# Splits


@pytest.mark.parametrize("names", [("train", "val"), ("Training", "Test"), ("train", "validation")])
def test_a_split_into_folders_is_the_split(tmp_path: Path, names: tuple[str, str]) -> None:
    train, held = names
    fill(tmp_path, [f"{train}/cat/{i}.png" for i in range(3)] + [f"{train}/dog/{i}.png" for i in range(2)])
    fill(tmp_path, [f"{held}/cat/1.png", f"{held}/dog/1.png"], first=10)
    source = from_path(tmp_path)
    assert source.train is not None and source.heldout is not None and source.classes == ("cat", "dog")
    assert source.train.y is not None and source.train.y.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_array_equal(source.train.x, BYTES[:5])
    np.testing.assert_array_equal(source.heldout.x, BYTES[10:12])
    assert source.notes == (f"{tmp_path}: trained on {train}/ (5 pictures), held out {held}/ (2)",)


def test_test_goes_before_val_and_an_unlabelled_test_after_it(tmp_path: Path) -> None:
    fill(tmp_path, ["train/cat/1.png", "train/dog/1.png", "val/cat/2.png", "val/dog/2.png", "extra/3.png"])
    fill(tmp_path, ["test/4.png"], first=20)  # as for a competition
    source = load(tmp_path)
    assert source.heldout is not None and len(source.heldout.x) == 2
    assert source.notes[0].endswith("held out val/ (2); left out extra/ (1), test/ (1)")
    fill(tmp_path, ["test/cat/4.png"], first=20)
    (tmp_path / "test/4.png").unlink()
    source = load(tmp_path)
    assert source.heldout is not None and len(source.heldout.x) == 1


def test_a_training_folder_alone_holds_the_data(tmp_path: Path) -> None:
    fill(tmp_path, [f"train/{name}/{i}.png" for name in ("cat", "dog") for i in range(5)])
    source = from_path(tmp_path)
    assert source.classes == ("cat", "dog") and source.size == 8
    assert "and a part of these is held out" in source.notes[0]


def test_vehicles_are_classes(tmp_path: Path) -> None:
    fill(tmp_path, ["bus/1.png", "train/1.png", "tram/1.png"])
    assert load(tmp_path).classes == ("bus", "train", "tram")


# What is read and what is not


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    fill(tmp_path, ["1.png", "2.png", "3.png"])
    for name in (
        "a.heic",
        "b.heic",
        "labels.csv",
        ".DS_Store",
        "Thumbs.db",
        "@eaDir/1.png",
        ".git/2.png",
        "__MACOSX/1.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    source = load(tmp_path)
    assert source.size == 3 and source.classes == ()
    (note,) = source.notes
    assert note == f"{tmp_path}: 3 files are not readable pictures and were left out (2 .heic, 1 .csv)"


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_to_folders_are_followed_and_loops_refused(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", ["1.png", "2.png"])
    (tmp_path / "set").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/cat_of_nowhere").symlink_to(tmp_path / "nowhere")
    source = load(tmp_path / "set")
    assert source.classes == ("cat", "dog") and source.size == 4
    assert "(1 broken links)" in source.notes[0]
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "set")
    with pytest.raises(DataError, match="got a link to a folder that contains it"):
        load(tmp_path / "set")


def test_a_folder_that_may_not_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, ["cat/1.png"])

    def refuse(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refuse)  # root may read everything
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        load(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other limits of paths")
def test_a_folder_too_deep_to_be_named_is_one_line(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1400):
        os.mkdir("deep", dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        with pytest.raises(DataError, match=r"cannot be read \(File name too long\)") as caught:
            load(tmp_path)
        assert len(str(caught.value)) < 400
    finally:  # pytest's own cleaning recurses, and would stumble over it in a later session
        subprocess.run(["rm", "-rf", str(tmp_path / "deep")], check=True)


def test_more_pictures_than_fit_into_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, ["1.png", "2.png"])
    monkeypatch.setattr(folders, "available_memory", lambda: 4 * BYTES[0].nbytes - 1)
    with pytest.raises(DataError, match="got 2 of 6x6; give a smaller size"):
        load(tmp_path)


# Single pictures

TURNS = {1: 0, 3: 2, 6: 3, 8: 1}  # quarter turns against the clock, by EXIF's orientation


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", TURNS)
def test_pictures_stand_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    x = np.zeros((8, 16, 3), np.uint8)
    x[:, 8:] = 255  # whole blocks of a JPEG
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    save(tmp_path / f"a.{suffix}", x, exif=exif, **options)
    np.testing.assert_array_equal(pixels(tmp_path)[0], np.rot90(x, TURNS[orientation]))


@pytest.mark.parametrize("background", [255, 0, 100])
def test_transparent_pixels_show_the_background(tmp_path: Path, background: int) -> None:
    hidden = np.concatenate([BYTES[0], np.zeros((6, 6, 1), np.uint8)], axis=-1)  # noise below
    hidden[0, 0] = [10, 20, 30, 255]
    save(tmp_path / "rgba/a.png", hidden)
    grey = Image.fromarray(hidden[..., 0]).convert("LA")
    grey.putalpha(Image.fromarray(np.full((6, 6), 51, np.uint8)))
    (tmp_path / "la").mkdir()
    grey.save(tmp_path / "la/a.png")
    source = from_path(tmp_path / "rgba", background=background, heldout_fraction=0)
    assert source.train is not None
    x = source.train.x[0].reshape(-1, 3)
    assert x[0].tolist() == [10, 20, 30] and (x[1:] == background).all()
    shown = {255: "white", 0: "black", 100: "grey 100"}[background]
    assert source.notes[0] == f"{tmp_path / 'rgba'}: 1 picture with transparent pixels, shown on {shown}"
    single = from_path(tmp_path / "la", background=background, heldout_fraction=0).train
    assert single is not None and single.x.shape == (1, 6, 6, 1)
    # a fifth of the picture, four fifths of the background; rounded once
    np.testing.assert_allclose(single.x[0, ..., 0], 0.2 * hidden[..., 0] + 0.8 * background, atol=0.5 + 1e-9)


def test_all_pages_of_a_tiff_are_read_and_one_frame_of_an_animation(tmp_path: Path) -> None:
    pages = [Image.fromarray(x) for x in BYTES[:3]]
    (tmp_path / "tiff/cat").mkdir(parents=True)
    pages[0].save(tmp_path / "tiff/cat/a.tif", save_all=True, append_images=pages[1:])
    save(tmp_path / "tiff/dog/b.tif", BYTES[3])
    source = load(tmp_path / "tiff")
    assert source.train is not None and source.train.y is not None and source.train.y.tolist() == [0, 0, 0, 1]
    np.testing.assert_array_equal(source.train.x, BYTES[:4])
    assert "1 picture with several pages; each page is an example" in source.notes[0]
    (tmp_path / "gif").mkdir()
    pages[0].save(tmp_path / "gif/a.png", save_all=True, append_images=pages[1:])
    source = load(tmp_path / "gif")
    assert source.size == 1 and "several frames; only the first is read" in source.notes[0]


def test_black_and_white_as_0_and_1(tmp_path: Path) -> None:
    save(tmp_path / "mask.png", np.array([[0, 1]], np.uint8))
    assert pixels(tmp_path).ravel().tolist() == [0, 255]


def test_large_pictures_are_our_own_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.png", np.full((60, 60), 200, np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # 3,600 pixels: Pillow would warn
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pixels(tmp_path).shape == (1, 60, 60, 1)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # and refuse here
    with pytest.raises(DataError, match=r"a\.png: expected at most 178,956,970 pixels, got more; scale it down"):
        load(tmp_path)


def test_the_limit_of_pixels_is_that_of_pillow() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None and pictures.MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_no_file_is_left_open(tmp_path: Path, suffix: str) -> None:
    for i in range(3):
        save(tmp_path / f"{i}.{suffix}", np.array([[0, 40000]], np.uint16))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
        load(tmp_path)
        assert sys.platform != "linux" or len(os.listdir("/proc/self/fd")) == before


def test_a_picture_is_what_it_is_and_not_what_its_name_says(tmp_path: Path) -> None:
    """PostScript is a program, which Pillow would hand to Ghostscript; named as a PNG it is no picture."""
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    with pytest.raises(DataError, match=r"a.png"):
        from_path(tmp_path)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png", "JPEG")  # a wrong ending does no harm
    assert load(tmp_path).size == 1
