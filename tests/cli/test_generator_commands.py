"""Commands that use a trained generator: what cannot be done is refused before the generator is loaded."""

from pathlib import Path
from typing import Any

import pytest

from jaxgan.results import store
from jaxgan.study.generators import exporting, interpolation, neighbours, projection, samples, streaming
from tests.cli.commands import refused


class Reached(store.StoreError):
    """The generator would have been loaded."""


@pytest.fixture
def shape(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """The shape of the examples of a run in the current folder, which a test may change."""
    examples = [2]

    def load(*_: Any, **__: Any) -> None:
        raise Reached("would be loaded")

    for module in (exporting, interpolation, neighbours, projection, samples, streaming):
        monkeypatch.setattr(module, "load_generator", load)
    monkeypatch.setattr(store, "read_config", lambda _: {"shape": examples, "config": {}})
    monkeypatch.chdir(tmp_path)
    Path("plain").touch()
    Path("g.json").touch()
    Path("g.npz").touch()
    Path("s.png").mkdir()
    return examples


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["sample", "--as", "png"], "--as: got 'png', but the run in . makes points; expected npz"),
        (["sample", "--as", "tfds"], "--as: got 'tfds', but the run in . makes points"),
        (["interpolate", "--kind", "corners"], "--kind: the run in . makes points, expected images"),
        (["interpolate", "--gif"], "--gif: the run in . makes points, expected images"),
        (["interpolate", "--to-class", "1"], "--to-class: the run in . makes points, expected images"),
    ],
)
def test_what_needs_images_is_refused_of_points_by_its_own_name(
    shape: list[int], words: list[str], line: str, capsys: pytest.CaptureFixture
) -> None:
    command, *options = words
    assert line in refused(capsys, command, ".", *options)
    shape[:] = 8, 8, 1
    assert "would be loaded" in refused(capsys, command, ".", *options)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-n", "317", "--kind", "corners"], "-n: got 317, which makes 100,489 examples, expected at most 100,000 in"),
        (["-n", "100000"], "-n: got 100,000, which makes 200,000 examples"),
        (["-n", "20000", "--kind", "mixing", "--space", "w"], "which makes 120,000 examples"),
        (["-n", "20000", "--to-class", "1"], "which makes 160,000 examples"),
        (["--kind", "corners", "--to-class", "1"], "--to-class: is a path between classes at fixed latents z; leave"),
    ],
)
def test_a_grid_is_bounded_by_the_examples_that_it_makes(
    shape: list[int], words: list[str], line: str, capsys: pytest.CaptureFixture
) -> None:
    shape[:] = 8, 8, 1
    assert line in refused(capsys, "interpolate", ".", *words)
    assert "would be loaded" in refused(capsys, "interpolate", ".", "-n", "316", "--kind", "corners")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["export", "."], "--out: got '.', expected a file such as generator.jax"),
        (["export", ".."], "--out: got '..', expected a file such as generator.jax"),
        (["export", "/proc/x"], "nothing can be written to /proc"),
        (["export", "plain/g"], "--out: plain is a file, expected a folder"),
        (["export", "none/g"], "--out: there is no folder none"),
        (["export", "g.jax"], "--out: g.json exists already; add --overwrite or name another file"),
        (["interpolate", "plain/x.png"], "--out: plain is a file, expected a folder"),
        (["interpolate", "g"], "--out: g.npz exists already; add --overwrite"),
        (["sample", "g"], "--out: g.npz exists already; add --overwrite"),
        (["sample", "s"], "--out: s.png is a folder, expected a file"),
        (["sample", "plain/x.npz", "--as", "npz"], "--out: plain is a file, expected a folder"),
        (["sample", "g.npz", "--as", "npz"], "--out: g.npz exists already; name another one"),
        (["sample", "s.png", "--as", "npz"], "--out: s.png is a folder, expected a file"),
        (["sample", "plain", "--as", "png"], "--out: plain exists already; name another one"),
        (["sample", ".", "--as", "tfds"], "--out: got '.', expected a new folder such as samples"),
        (["sample", "none/s", "--as", "png"], "--out: there is no folder none"),
        (["neighbours", "g"], "--out: g.npz exists already; add --overwrite"),
        (["sample", "s", "--as", "png"], "would be loaded"),  # a folder, which no picture s.png stands in the way of
        (["export", "new.jax"], "would be loaded"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_first(
    shape: list[int], words: list[str], line: str, capsys: pytest.CaptureFixture
) -> None:
    shape[:] = 8, 8, 1
    command, out, *more = words
    assert line in refused(capsys, command, ".", *more, "--out", out)
    assert line in refused(capsys, command, ".", "--out", out, *more)
    assert {path.name for path in Path().iterdir()} == {"plain", "g.json", "g.npz", "s.png"}
