"""Classes from the command line: networks that take them, labels of every kind, and samples by class."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageSequence

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.data.files import from_path
from jaxgan.data.in_memory import from_images
from jaxgan.data.source import DataError, Examples, to_unit
from jaxgan.study.build import build
from jaxgan.study.catalogue import find_data
from jaxgan.study.config import configure, from_stored
from jaxgan.study.generators.classes import label_of
from jaxgan.study.messages import OptionError
from jaxgan.study.planning import source_of
from jaxgan.types import Generator

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 86, (60, 8, 8), dtype=np.uint8) + (85 * (np.arange(60, dtype=np.uint8) % 3)).reshape(60, 1, 1)
PETS = np.array(["dog", "cat", "a cow"])[np.arange(60) % 3]
TINY = ["--seeds", "1", "--steps", "2", "--samples", "60", "--width", "4", "--batch-size", "8", "--latent-dim", "2"]


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional run on images whose labels are text, with the networks that fit."""
    folder = tmp_path_factory.mktemp("pets")
    np.savez(folder / "pets.npz", x=IMAGES, y=PETS)
    run = folder / "run"
    assert main(["train", "--conditional", "--data", str(folder / "pets.npz"), *TINY, "--out", str(run)]) == 0
    return run


def test_a_run_stores_its_classes_and_how_they_reach_the_networks(pets: Path) -> None:
    content = json.loads((pets / "config.json").read_text())
    assert content["classes"] == ["a cow", "cat", "dog"]
    of_g, of_d = (content["network"][player]["fields"] for player in ("generator", "discriminator"))
    assert (of_g["classes"], of_g["condition"]) == (3, "embedding+batch_norm")
    assert (of_d["classes"], of_d["condition"]) == (3, "projection")


def test_samples_are_a_row_of_each_class_or_of_one(pets: Path, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    assert main(["sample", str(pets), "-n", "4"]) == 0
    with np.load(capsys.readouterr().out.split()[1]) as arrays:
        everything = dict(arrays)
    assert everything["x"].shape == (12, 8, 8, 1) and everything["classes"].tolist() == ["a cow", "cat", "dog"]
    assert everything["y"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_array_equal(everything["z"], np.tile(everything["z"][:4], (3, 1)))  # the same in every row
    for named, again in (("dog", []), ("2", ["--overwrite"])):  # in place of a name its number
        assert main(["sample", str(pets), "--class", named, "-n", "4", *again]) == 0
        png, npz = capsys.readouterr().out.split()
        assert "class2" in Path(png).name  # a name may be any text
        with np.load(npz) as arrays:
            assert arrays["y"].tolist() == [2] * 4
            np.testing.assert_allclose(arrays["x"], everything["x"][8:], rtol=1e-5, atol=1e-6)
    assert main(["interpolate", str(pets), "--class", "cat", "-n", "3"]) == 0
    assert main(["sample", str(pets), "--class", "dgo"]) == 2
    assert capsys.readouterr().err == (
        "jaxgan: --class: got 'dgo'; did you mean 'dog'? known: a cow, cat, dog; or their numbers, 0 to 2\n"
    )


def test_pictures_name_their_classes(pets: Path, tmp_path: Path) -> None:
    """In a margin on the left: with each row, or with the first of one class or of the path between two."""
    margins = {}
    for name, words in {
        "all": ["sample"],
        "dogs": ["sample", "--class", "dog"],
        "path": ["interpolate", "--class", "cat", "--to-class", "dog"],
    }.items():
        png = tmp_path / f"{name}.png"
        assert main([*words, str(pets), "-n", "10", "--out", str(png)]) == 0
        picture = np.asarray(Image.open(png))
        rows = {"all": 3, "dogs": 2, "path": 8}[name]
        columns = 10 if name != "dogs" else 5
        scale = 960 // (8 * columns)
        margin = picture[4:, : picture.shape[1] - columns * (8 * scale + 4) - 4]
        margins[name] = [bool((part < 128).any()) for part in np.array_split(margin, rows)]
    assert margins == {"all": [True] * 3, "dogs": [True, False], "path": [True] * 8}  # the latent of each row


def test_latents_go_from_one_class_to_another(pets: Path, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    assert main(["interpolate", str(pets), "--class", "cat", "--to-class", "dog", "-n", "3", "--gif"]) == 0
    _, npz, gif = capsys.readouterr().out.split()
    with Image.open(gif) as animation:
        assert (
            len(list(ImageSequence.Iterator(animation))) == 4
        )  # three steps there, and one between the ends on the way back
    with np.load(npz) as arrays:
        x, z, y = arrays["x"], arrays["z"], arrays["y"]
    assert x.shape == (8, 3, 8, 8, 1) and y.tolist() == [[0, 1, 0], [0, 0.5, 0.5], [0, 0, 1]]
    assert (z == z[:, :1]).all() and not np.allclose(z[0], z[1])
    generate = jg.load_generator(pets).generate
    for place, label in ((0, 1), (2, 2)):  # at the ends what the class itself gives; float32, another order of sums
        expected = generate(z[:, place], jnp.full(8, label))
        np.testing.assert_allclose(x[:, place], expected, rtol=1e-5, atol=1e-5)
    assert main(["interpolate", str(pets), "--to-class", "bird"]) == 2
    assert capsys.readouterr().err.startswith("jaxgan: --to-class: got 'bird'; known")


def test_any_number_of_samples_is_data_again(pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """300 of each class, more than a block, as pictures, as arrays and for TFDS: the same samples, and all readable."""
    import tensorflow_datasets as tfds

    capsys.readouterr()
    for kind, name in (("png", "pictures"), ("npz", "arrays.npz"), ("tfds", "set")):
        assert main(["sample", str(pets), "--as", kind, "-n", "300", "--out", str(tmp_path / name)]) == 0
        assert capsys.readouterr().out == f"{tmp_path / name}\n"
    with np.load(tmp_path / "arrays.npz") as arrays:
        x, y, names = arrays["x"], arrays["y"], arrays["classes"].tolist()
    assert x.shape == (900, 8, 8, 1) and x.dtype == np.uint8 and names == ["a cow", "cat", "dog"]
    assert y.tolist() == [0] * 300 + [1] * 300 + [2] * 300
    assert not np.array_equal(x[:44], x[256:300])  # another block has other latents
    of_dogs = sorted((tmp_path / "pictures" / "dog").iterdir())
    np.testing.assert_array_equal([np.asarray(Image.open(file)) for file in of_dogs], x[600:, ..., 0])
    assert from_path(tmp_path / "pictures", labels=True).classes == ("a cow", "cat", "dog")
    assert from_path(tmp_path / "arrays.npz", labels=True).shape == (8, 8, 1)
    stored = tfds.builder_from_directory(tmp_path / "set").as_data_source("train")
    assert len(stored) == 900 and stored[700]["label"] == 2
    np.testing.assert_array_equal(stored[700]["image"], x[700])
    assert main(["sample", str(pets), "--as", "npz", "--out", str(tmp_path / "arrays.npz")]) == 2
    assert "exists already; name another one" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*"))


def test_samples_stand_beside_the_training_images_nearest_to_them(pets: Path, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    assert main(["neighbours", str(pets), "-n", "3"]) == 0
    shown = capsys.readouterr()
    assert "median distance of 1,000 samples to the nearest training image" in shown.err
    png, npz = shown.out.split()
    Image.open(png).verify()
    with np.load(npz) as arrays:
        found, nearest, distance = arrays["x"], arrays["nearest"], arrays["to_train"]
    config = from_stored(json.loads((pets / "config.json").read_text())["config"])
    train = source_of(config).train
    assert train is not None
    images = np.asarray(to_unit(np.asarray(train.x)))
    apart = np.linalg.norm((found[:, None] - images[None]).reshape(3, len(images), -1), axis=2)
    np.testing.assert_allclose(np.take_along_axis(apart, nearest, 1), np.sort(apart, axis=1)[:, :7], rtol=1e-3)
    np.testing.assert_allclose(distance[:3], apart.min(axis=1), rtol=1e-3)  # float32, by |x|^2 - 2 x.y + |y|^2


def test_pictures_are_projected_beside_held_out_images(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    Image.fromarray(RNG.integers(0, 256, (16, 16), dtype=np.uint8)).save(tmp_path / "noise.png")
    capsys.readouterr()
    words = ["project", str(pets), str(tmp_path / "noise.png"), "--class", "dog", "--steps", "3"]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert "16x16x1 fitted to the run's 8x8x1" in shown.err and "over held-out images" in shown.err
    assert "of the error of the nearest image of one colour" in shown.err
    png, npz = shown.out.split()
    Image.open(png).verify()
    names = "x", "nearest", "latents", "error", "y", "relative"
    with np.load(npz) as arrays:
        x, nearest, latents, error, y, relative = (arrays[name] for name in names)
    assert x.shape == nearest.shape == (9, 8, 8, 1) and latents.shape == (9, 2)  # one of its own, eight held out
    heldout = source_of(from_stored(json.loads((pets / "config.json").read_text())["config"])).heldout
    assert heldout is not None and heldout.y is not None and len(set(heldout.y[:8].tolist())) > 1
    np.testing.assert_array_equal(y, [2, *heldout.y[:8]])  # not the class of the pictures, which they are not of
    made = jg.load_generator(pets).generate(latents, y)
    np.testing.assert_allclose(nearest, made, rtol=1e-4, atol=1e-5)  # compiled for another number of latents
    np.testing.assert_allclose(error, np.sqrt(((x - nearest) ** 2).mean(axis=(1, 2, 3))), rtol=1e-5)
    np.testing.assert_allclose(relative, error / x.std(axis=(1, 2, 3)), rtol=1e-4)  # of one channel
    assert main([*words, "--space", "w"]) == 2
    assert "has no mapping network" in capsys.readouterr().err


def test_samples_are_of_truncated_latents_and_standing_statistics(pets: Path, capsys: pytest.CaptureFixture) -> None:
    capsys.readouterr()
    assert main(["sample", str(pets), "--class", "cat", "--truncation", "scaled:0.5", "--statistics", "standing"]) == 0
    with np.load(capsys.readouterr().out.split()[1]) as arrays:
        assert "z" not in arrays and arrays["x"].shape == (64, 8, 8, 1)
    assert main(["sample", str(pets), "--truncation", "half"]) == 2
    assert capsys.readouterr().err.startswith("jaxgan: --truncation: got 'half', expected a number above 0")


def test_standing_statistics_are_those_of_the_latents_that_are_drawn(pets: Path, tmp_path: Path) -> None:
    generator = jg.load_generator(pets)
    networks = jg.nn.DCGANGenerator(8, 1, width=4, classes=3), jg.nn.DCGANDiscriminator(width=4, classes=3)
    for truncation, prior in (("resampled:0.3", jg.truncated_prior(2, 0.3)), (None, jg.normal_prior(2))):
        game = jg.adversarial_game(*networks, prior, jg.non_saturating)
        trained = Generator(generator.params, generator.model_state)
        of_all = jg.class_prior([1, 1, 1])
        expected = jg.standing_statistics(jax.random.key(0), game, trained, condition_prior=of_all)
        found = jg.load_generator(pets, statistics="standing", truncation=truncation)
        compare = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # noqa: E731
        jax.tree.map(compare, found.model_state, expected.model_state)
        out = tmp_path / f"{truncation}.png"
        words = ["--class", "cat", "--statistics", "standing", "-n", "5", "--out", str(out)]
        assert main(["sample", str(pets), *words, *(["--truncation", truncation] if truncation else [])]) == 0
        with np.load(out.with_suffix(".npz")) as arrays:
            z = prior(jax.random.key(0), 5)
            np.testing.assert_allclose(arrays["x"], found.generate(z, jnp.ones(5, int)), rtol=1e-4, atol=1e-5)
    with pytest.raises(OptionError, match="which a truncation of w leaves as they are"):
        jg.load_generator(pets, statistics="standing", truncation="w:0.5")


def test_an_exported_generator_needs_jax_alone(pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """In a process that cannot import this library or flax, for another number of samples than it was traced with."""
    capsys.readouterr()
    assert main(["export", str(pets), "--out", str(tmp_path / "pets")]) == 0
    function, about, values = map(Path, capsys.readouterr().out.split())
    assert [path.name for path in (function, about, values)] == ["pets.jax", "pets.json", "pets.npz"]
    content = json.loads(about.read_text())
    assert content["inputs"]["y"] == {"shape": ["n"], "dtype": "int32", "classes": ["a cow", "cat", "dog"]}
    assert content["output"] == {"shape": ["n", 8, 8, 1], "dtype": "float32", "range_of_data": [-1, 1]}
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(3, 2)).astype(np.float32), np.array([2, 0, 1], np.int32)
    np.savez(tmp_path / "inputs.npz", z=z, y=y)
    reader = f"""
import sys
sys.modules["jaxgan"] = sys.modules["flax"] = None
import jax, numpy as np
given = np.load("inputs.npz")
z, y = given["z"], given["y"]
np.save("x.npy", {content["read"]})
"""
    subprocess.run([sys.executable, "-c", reader], cwd=tmp_path, check=True, timeout=300)
    generator = jg.load_generator(pets)
    # the same function, compiled with its parameters as constants
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), generator.generate(z, y), rtol=1e-4, atol=1e-5)
    with np.load(values) as arrays:
        kernel = arrays["params/Dense_0/kernel"]
    np.testing.assert_array_equal(kernel, generator.params["Dense_0"]["kernel"])
    assert main(["export", str(pets), "--out", str(tmp_path / "pets.jax")]) == 2
    assert "exists already; add --overwrite" in capsys.readouterr().err


def test_a_loaded_generator_takes_the_labels_that_it_has(pets: Path) -> None:
    generator = jg.load_generator(pets)
    assert generator.classes == ("a cow", "cat", "dog")
    z, y = jnp.ones((3, 2)), jnp.arange(3)
    x = generator.generate(z, y)
    assert not np.allclose(x[0], x[1], atol=1e-5)
    np.testing.assert_allclose(jax.jit(generator.generate)(z, y), x, rtol=1e-5, atol=1e-6)
    key, dogs = jax.random.key(0), jnp.full(3, 2)
    np.testing.assert_array_equal(generator.sample(key, 3, 2), generator.sample(key, 3, dogs))
    np.testing.assert_array_equal(generator.sample(key, 3, [2, 2, 2]), generator.sample(key, 3, dogs))
    for bad, message in (
        (None, "is conditional, expected y, labels .* in 0..2 or shares of the classes .*, got none"),
        (y + 1, "got int32 1 to 3"),
        (y[:2], "with n = 3, got 2"),
        (3, "got int64 3 to 3"),
        (jnp.eye(3, dtype=int), r"got int32 \[3, 3\]"),
        (jnp.eye(2)[y % 2], r"got float32 \[3, 2\]"),
        (np.array(["cat"] * 3), r"got <U3 \[3\]"),
        ([[1], [2, 3]], "got lists of several lengths"),
    ):
        with pytest.raises(ValueError, match=message):
            generator.generate(z, bad)
        with pytest.raises(ValueError, match=message):
            generator.sample(jax.random.key(0), 3, bad)


@pytest.mark.parametrize(
    ("named", "names", "expected"),
    [
        ("7", [str(n) for n in range(10)], 7),
        ("3", ["-1", "3", "8"], 1),  # a name before a number
        ("-1", ["-1", "3", "8"], 0),
        ("1", ["False", "True"], 1),
    ],
)
def test_a_class_is_named_by_its_name_first(named: str, names: list[str], expected: int) -> None:
    assert label_of(named, names, Path("run")) == expected


@pytest.mark.parametrize(
    ("named", "names", "message"),
    [
        ("0", ["-1", "3", "8"], "--class: got '0'; known: -1, 3, 8$"),  # no number where names are numbers
        ("2", ["cat", "dog"], "known: cat, dog; or their numbers, 0 to 1$"),
        ("x", [f"c{n}" for n in range(30)], "known are c0, .*c19 and 10 more$"),
        ("c_29", [f"c{n}" for n in range(30)], "did you mean 'c29'. known are c0, .*c19 and 10 more$"),
        ("x", [], "the run in run is not conditional"),
    ],
)
def test_a_class_that_is_not_there_is_one_line(named: str, names: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        label_of(named, names, Path("run"))


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (PETS, ("a cow", "cat", "dog")),
        (np.array([7, -3, 100])[np.arange(60) % 3], ("-3", "7", "100")),
        (np.arange(60) % 2 == 0, ("False", "True")),
        (np.eye(3)[np.arange(60) % 3], ("0", "1", "2")),
    ],
)
def test_labels_of_every_kind_become_conditions_in_order(
    y: np.ndarray, classes: tuple[str, ...], tmp_path: Path
) -> None:
    np.savez(tmp_path / "set.npz", x=IMAGES, y=y)
    source = from_path(tmp_path / "set.npz", labels=True)
    batch = source.sample(jax.random.key(0), 64)
    assert source.classes == classes and set(batch.y.tolist()) == set(range(len(classes)))
    assert source.train is not None and source.train.y is not None
    flat = y.argmax(axis=1).astype(str) if y.ndim == 2 else y.astype(str)
    number = {image.tobytes(): name for image, name in zip(IMAGES, flat, strict=True)}
    assert [classes[label] for label in source.train.y] == [number[image.tobytes()] for image in source.train.x]


def refused(train: Examples, heldout: Examples | None = None) -> str:
    with pytest.raises(DataError) as error:
        from_images("set", train, heldout, labels=True)
    return str(error.value)


def test_labels_that_are_no_condition_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    one = np.full(60, "cat")
    assert refused(Examples(IMAGES)) == "set: expected examples with labels for a condition, got none"
    line = "set: expected labels of at least two classes for a condition, got only 'cat'"
    assert refused(Examples(IMAGES, one)) == line
    held = refused(Examples(IMAGES, PETS), heldout=Examples(IMAGES[:9]))
    assert held == "set: expected held-out examples with labels for a condition, got none"
    np.savez(tmp_path / "set.npz", x=IMAGES, y=one)
    assert (
        main(["train", "--conditional", "--data", str(tmp_path / "set.npz"), *TINY, "--out", str(tmp_path / "r")]) == 2
    )
    error = capsys.readouterr().err
    assert "at least two classes for a condition, got only 'cat'" in error and error.count("\n") == 1


SMALL: dict[str, Any] = {"data": "digits", "seeds": 1, "steps": 2, "samples": 60, "width": 4, "conditional": True}


def test_the_auxiliary_classifier_is_one_choice_that_any_recipe_takes() -> None:
    chosen = SMALL | {"network": ("discriminator:condition=classifier",), "recipe": ("wgan_gp", "pacgan")}
    data = find_data("digits", labels=True)
    study = build(configure(chosen | {"vary": ("class_weight=0.5,1.0",), "set": ("batch_size=8",)}), data)
    assert [one.settings["class_weight"] for one in study.configurations.values()] == [0.5, 1.0] * 2
    assert len(study.programs) == 2  # one for each recipe: a weight is a number
    plain = build(configure(SMALL | {"loss": ("hinge",), "network": chosen["network"]}), data)
    state = jax.eval_shape(plain.configurations["hinge"].algorithm.init, study.keys[0], data.sample)
    assert state.params.discriminator["Dense_1"]["kernel"].shape[-1] == 10  # of the class logits
    with pytest.raises(
        OptionError, match=r"--loss: hinge: class_of_real needs a discriminator that returns `class_log"
    ):
        build(configure(SMALL | {"loss": ("hinge",), "set": ("class_weight=1",)}), data)
