"""Options: their defaults, their limits, and the command that repeats a run."""

import dataclasses
import json
import shlex
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.cli.app import cli
from jaxgan.files import StoreError
from jaxgan.study import catalogue
from jaxgan.study.config import GENTLE, SHORTHANDS, command_line, configure, from_stored, gan_defaults
from jaxgan.study.messages import OptionError
from jaxgan.study.settings import known_settings, resolve
from jaxgan.types import BatchSizes


def settings_of(config, label, name="gan"):
    """The settings of a configuration of the catalogue's recipe `name`."""
    return resolve(label, name, catalogue.RECIPES[name], config.set)


def test_a_run_of_another_version_is_refused_in_a_line():
    stored = dataclasses.asdict(configure({}))
    fewer = {name: value for name, value in stored.items() if name != "seeds"}
    for other in (stored | {"a_later_option": 1}, fewer):
        with pytest.raises(StoreError, match="the run in x was started by another version of jaxgan"):
            from_stored(other, "the run in x")


def test_defaults_follow_the_data():
    assert configure({}).data == "digits"
    assert configure({}).loss == ("minimax", "non_saturating")
    assert settings_of(configure({"data": "ring"}), "minimax")["batch_size"] == 256
    assert settings_of(configure({"batch_size": 32}), "minimax")["batch_size"] == 32
    sizes = settings_of(configure({"batch_size": 32, "fake_batch_size": 8}), "minimax")["batch_size"]
    assert sizes == BatchSizes(32, 8, 32)
    assert configure({"data": "moons.npy"}, points=True).latent_dim == configure({"data": "ring"}).latent_dim


@pytest.mark.parametrize("data", ["digits", "ring", "tfds:mnist"])
def test_gentle_is_slower_and_longer_and_gives_way_to_what_is_said(data):
    plain, gentle = configure({"data": data}), configure({"data": data, "lr_d": 7.0}, gentle=True)
    assert gentle.steps == GENTLE["steps"] * plain.steps
    found = settings_of(gentle, "minimax")
    assert (found["lr_g"], found["lr_d"]) == (gan_defaults(data)["lr_g"] / 2, 7.0)


def test_what_has_no_meaning_for_the_data_is_refused():
    with pytest.raises(OptionError, match=r"^--failure-multiple: ring has modes"):
        configure({"data": "ring", "failure_multiple": 3.0})
    for option, value in (("data", ""), ("loss", ("",))):
        with pytest.raises(OptionError, match=rf"^--{option}: got .*''.*, expected "):
            configure({option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seeds", 0), ("steps", 0), ("batch_size", 0), ("fake_batch_size", -1), ("generator_batch_size", 0),
        ("d_steps", 0), ("latent_dim", 0), ("width", 0), ("lr_d", -1.0), ("lr_g", float("nan")),
        ("lr_g", float("inf")), ("lr_d", 1e308), ("beta1", 1.0), ("ema", 1.0), ("samples", 1), ("image_size", 0),
        ("key", -1), ("key", 2**32), ("failure_multiple", 1.0), ("split_seed", -1), ("evaluate_every", 0),
        ("record_every", -1), ("samples", 2**31), ("seeds", 99999999999999999999), ("width", 2**31),
        ("value_range", "255,0"), ("value_range", "255"), ("value_range", "0,inf"), ("background", 256),
    ],
)  # fmt: skip
def test_a_number_outside_its_range_is_named(option, value):
    with pytest.raises(OptionError, match=rf"^--{option.replace('_', '-')}: got .*, expected ") as error:
        configure({option: value})
    assert "\n" not in str(error.value)


def test_how_pictures_are_read_can_be_said(tmp_path):
    """Grey levels stored as floats are refused with the option that reads them, and a range below 0 is no option."""
    levels = np.linspace(0.0, 255.0, 40 * 64).reshape(40, 8, 8)
    np.save(tmp_path / "levels.npy", levels)
    name = str(tmp_path / "levels.npy")
    with pytest.raises(OptionError, match="--value-range 0,255 reads them as grey levels"):
        catalogue.find_data(name)
    source = catalogue.find_data(name, value_range=(0.0, 255.0))
    assert source.train is not None
    assert (source.train.x.min() >= -1) and (source.train.x.max() <= 1)
    config = configure({"data": name, "value_range": "-3,4", "background": 0})
    words = shlex.split(command_line("train", config))[2:]
    given = cli.commands["train"].make_context("train", words).params
    assert (given["value_range"], given["background"]) == ("-3,4", 0)
    for option in ({"value_range": (0.0, 1.0)}, {"background": 0}):
        with pytest.raises(OptionError, match="is for images of your own, and ring is none"):
            catalogue.find_data("ring", **option)


def test_a_recipe_keeps_its_own_settings_where_nothing_is_said():
    config = configure({"data": "ring", "recipe": ("wgan", "a.py:mine"), "lr_d": 1e-3})
    assert (config.loss, config.recipe) == ((), ("wgan", "a.py:mine"))
    assert settings_of(config, "wgan", "wgan") == known_settings(catalogue.RECIPES["wgan"]) | {"lr_d": 1e-3}
    assert config.steps == configure({"data": "ring"}).steps  # what is not the recipe's is the data's


def test_losses_and_recipes_are_configurations_beside_each_other():
    config = configure({"data": "ring", "loss": ("minimax",), "recipe": ("r1_gan",)})
    assert settings_of(config, "minimax")["lr_d"] == gan_defaults("ring")["lr_d"]
    assert settings_of(config, "r1_gan", "r1_gan") == known_settings(catalogue.RECIPES["r1_gan"])


@pytest.mark.parametrize(
    ("given", "gentle", "message"),
    [
        ({"recipe": ("wgan",)}, True, r"^--gentle: scales the default learning rates, and recipes set their own"),
        ({"recipe": ("wgan", "wgan")}, False, r"^--recipe: got wgan, wgan, expected each recipe once"),
        ({"recipe": ("wgan",), "lr_d": -1.0}, False, r"^--lr-d: got -1.0"),
    ],
)
def test_what_does_not_go_with_a_recipe_is_refused(given, gentle, message):
    with pytest.raises(OptionError, match=message):
        configure(given, gentle=gentle)


def test_settings_of_a_recipe_come_from_options():
    def changed(name, **given):
        found = settings_of(configure({"recipe": (name,), **given}), name, name)
        own = known_settings(catalogue.RECIPES[name])
        return {setting: value for setting, value in found.items() if setting not in own or own[setting] != value}

    assert changed("wgan") == {}
    assert changed("ns_gan", lr_g=1e-3, beta1=0.1, d_steps=2) == {"lr_g": 1e-3, "b1": 0.1, "d_steps": 2}
    assert changed("r1_gan", ema=0.9, set=("gamma=3",)) == {"ema": 0.9, "gamma": 3.0}
    assert changed("r1_gan", set=("ema=None",)) == {"ema": None}
    assert changed("pacgan", set=("m=4",), batch_size=64) == {"m": 4, "batch_size": 64}
    assert changed("ns_gan", fake_batch_size=32)["batch_size"] == BatchSizes(64, 32, 64)
    assert changed("ns_gan", set=("batch_size=(64, 32, 16)",))["batch_size"] == BatchSizes(64, 32, 16)
    assert changed("ns_gan", ema=0.99) == {"ema": 0.99}  # of a recipe that keeps no average itself
    assert changed("r1_gan", set=("gamma=3", "r1_gan:gamma=4")) == {"gamma": 4.0}  # the nearer one counts
    assert changed("r1_gan", set=("wgan:clip=1",)) == {}
    refused: list[tuple[str, dict[str, Any], str]] = [
        (
            "wgan",
            {"beta1": 0.5},
            r"^--beta1: wgan has no setting 'b1'; .*known: balance, batch_size, class_weight",
        ),
        ("r1_gan", {"set": ("gama=1",)}, r"^--set: r1_gan has no setting 'gama'; did you mean 'gamma'\?"),
        ("r1_gan", {"set": ("gamma",)}, r"^--set: got 'gamma', expected gamma=VALUE"),
        ("r1_gan", {"set": ("gamma=x",)}, r"^--set: got gamma=x, expected a number"),
        ("r1_gan", {"set": ("gamma=1", "gamma=2")}, r"^--set: gamma is given twice"),
        ("pacgan", {"set": ("m=2.5",)}, r"^--set: got m=2.5, expected a whole number"),
        ("pacgan", {"set": ("m=True",)}, r"^--set: got m=True, expected a whole number"),
        ("r1_gan", {"set": ("gamma=None",)}, r"^--set: got gamma=None, expected a number"),
        ("r1_gan", {"set": ("gamma=" + "-" * 9000 + "1",)}, r"^--set: got gamma=-+, expected a number"),
    ]
    for name, given, message in refused:
        with pytest.raises(OptionError, match=message):
            changed(name, **given)


def test_a_recipe_of_ones_own_by_file(tmp_path, monkeypatch):
    (tmp_path / "own_recipe.py").write_text(
        "def mine(generator, discriminator, prior, *, lr=1.0):\n    pass\nnumber = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    assert catalogue.find_recipe("own_recipe.py:mine").__name__ == "mine"
    for name, words in {
        "wgan_pg": "did you mean 'wgan_gp'",
        "own_recipe.py:min": "did you mean 'mine'",
        "own_recipe.py:number": "is of type int, expected a function",
        "absent.py:f": "no file absent.py",
    }.items():
        with pytest.raises(OptionError, match=r"^--recipe: ") as error:
            catalogue.find_recipe(name)
        assert words in str(error.value)


CONFIGURATIONS = [
    {"data": "my data.npz", "failure_multiple": 3.5, "lr_d": 1 / 3, "ema": 0.999, "loss": ("a.py:f", "minimax")},
    {"data": "ring", "recipe": ("wgan_gp", "b.py:g"), "set": ("weight=1.0", "d_steps=2"), "lr_g": 1e-3},
    {"data": "digits", "conditional": True, "network": ("width=8",), "probe": ("p.py:f", "q.py:g")},
]


@pytest.mark.parametrize("given", CONFIGURATIONS)
def test_the_printed_command_gives_the_same_configuration(given):
    config = configure(given)
    job, *words = shlex.split(command_line("compare", config))[1:]
    context = cli.commands[job].make_context(job, words)
    parsed = {name: context.params[name] for name in dataclasses.asdict(config)}
    assert configure({name: value for name, value in parsed.items() if value not in ((), False)}) == config


def test_a_configuration_survives_json():
    config = configure({"ema": 0.9, "recipe": ("r1_gan",), "set": ("gamma=1",)})
    assert from_stored(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_every_option_is_a_field_or_a_flag():
    """An option that nothing reads, or a field that no option sets, would be silent."""
    flags = {"out", "overwrite", "trust", "stop_on", "resume", "gentle", "no_compile_cache"}
    flags |= {
        "on",
        "deterministic",
        "devices",
        "in_turn",
        "distributed",
        "coordinator",
        "num_processes",
        "process_id",
    }  # where, not what
    fields = {field.name for field in dataclasses.fields(configure({}))}
    for job in ("compare", "train"):
        names = {parameter.name for parameter in cli.commands[job].params}
        assert names - fields == flags | set(SHORTHANDS)
        assert fields <= names


def test_a_loss_of_ones_own_by_file_and_by_module(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(
        "import jaxgan as jg\n"
        "def g_loss(real, fake):\n    return 0.5 * (fake - 1) ** 2\n"
        "pair = jg.Loss(lambda real, fake: (real**2, fake**2), g_loss)\n"
        "number = 3\n"
        "def broken(real, fake):\n    return undefined\n"
        "def matrix(real, fake):\n    return fake[:, None] * real[None, :]\n"
        "def text(real, fake):\n    return {'loss': fake}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    real, fake = jnp.array(1.0), jnp.array(3.0)
    assert catalogue.find_loss("own.py:pair").generator(real, fake) == 2.0
    assert catalogue.find_loss("own:g_loss").generator(real, fake) == 2.0
    for name, words in {
        "minmax": "did you mean 'minimax'",
        "absent.py:f": "no file absent.py",
        "own.py:g_los": "did you mean 'g_loss'",
        "own.py:number": "is of type int, expected a jaxgan.Loss or a function",
        "own.py:broken": "raised NameError: name 'undefined' is not defined",
        "own.py:text": "must return an array of per-example values or a tuple of such arrays, got a dict",
        "own.py:matrix": "got [8, 8] of logits [8]",
        "no.such.module:f": "importing no.such.module raised ModuleNotFoundError",
    }.items():
        with pytest.raises(OptionError, match=r"^--loss: ") as error:
            catalogue.find_loss(name)
        assert words in str(error.value)


def test_a_setting_may_be_annotated_with_anything() -> None:
    def odd(generator, discriminator, prior, *, size: [] = 8):  # type: ignore[no-untyped-def, valid-type]
        raise NotImplementedError

    assert resolve("odd", "odd", odd, ("size=4",)) == {"size": 4}
