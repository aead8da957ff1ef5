"""Options: their defaults, their limits, and the command that repeats a run."""

import dataclasses
import json
import shlex

import pytest

from jaxgan.cli.app import cli
from jaxgan.study import catalogue
from jaxgan.study.config import GENTLE, OptionError, command_line, configure, from_stored
from jaxgan.study.listing import settings_from
from jaxgan.types import BatchSizes


def test_defaults_follow_the_data():
    assert configure({}).data == "digits"
    assert configure({}).loss == ("minimax", "non_saturating")
    assert configure({"data": "ring"}).batch_size == 256
    assert configure({"batch_size": 32}).fake_batch_size == 32
    assert configure({"batch_size": 32, "fake_batch_size": 8}).fake_batch_size == 8


@pytest.mark.parametrize("data", ["digits", "ring", "tfds:mnist"])
def test_gentle_is_slower_and_longer_and_gives_way_to_what_is_said(data):
    plain, gentle = configure({"data": data}), configure({"data": data, "lr_d": 7.0}, gentle=True)
    assert gentle.steps == GENTLE["steps"] * plain.steps
    assert (gentle.lr_g, gentle.lr_d) == (plain.lr_g / 2, 7.0)


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
        ("lr_g", float("inf")), ("beta1", 1.0), ("ema", 1.0), ("samples", 1), ("image_size", 0), ("key", -1),
        ("failure_multiple", 1.0), ("split_seed", -1),
    ],
)  # fmt: skip
def test_a_number_outside_its_range_is_named(option, value):
    with pytest.raises(OptionError, match=rf"^--{option.replace('_', '-')}: got .*, expected ") as error:
        configure({option: value})
    assert "\n" not in str(error.value)


def test_a_recipe_keeps_its_own_settings_where_nothing_is_said():
    config = configure({"data": "ring", "recipe": ("wgan", "a.py:mine"), "lr_d": 1e-3})
    assert (config.loss, config.recipe) == ((), ("wgan", "a.py:mine"))
    assert (config.lr_d, config.lr_g, config.beta1, config.d_steps, config.batch_size) == (1e-3, None, None, None, None)
    assert config.steps == configure({"data": "ring"}).steps  # what is not the recipe's is the data's


@pytest.mark.parametrize(
    ("given", "gentle", "message"),
    [
        ({"recipe": ("wgan",), "loss": ("minimax",)}, False, r"^--recipe: comes with a loss of its own"),
        ({"recipe": ("wgan",)}, True, r"^--gentle: is about the default rates"),
        ({"set": ("clip=1",)}, False, r"^--set: .*add --recipe"),
        ({"recipe": ("wgan", "wgan")}, False, r"^--recipe: got wgan, wgan, expected each recipe once"),
        ({"recipe": ("wgan",), "lr_d": -1.0}, False, r"^--lr-d: got -1.0"),
    ],
)
def test_what_does_not_go_with_a_recipe_is_refused(given, gentle, message):
    with pytest.raises(OptionError, match=message):
        configure(given, gentle=gentle)


def test_settings_of_a_recipe_come_from_options():
    def settings(name, **given):
        return settings_from(name, catalogue.RECIPES[name], configure({"recipe": (name,), **given}))

    assert settings("wgan") == {}
    assert settings("ns_gan", lr_g=1e-3, beta1=0.1, d_steps=2) == {"lr_g": 1e-3, "b1": 0.1, "d_steps": 2}
    assert settings("r1_gan", ema=0.9, set=("gamma=3",)) == {"ema": 0.9, "gamma": 3.0}
    assert settings("r1_gan", set=("ema=None",)) == {"ema": None}
    assert settings("pacgan", set=("m=4",), batch_size=64) == {"m": 4, "batch_size": 64}
    assert settings("ns_gan", fake_batch_size=32)["batch_size"] == BatchSizes(64, 32, 64)
    for name, given, message in [
        ("wgan", {"beta1": 0.5}, r"^--beta1: wgan has no b1; it has lr_g, lr_d, clip"),
        ("r1_gan", {"set": ("gama=1",)}, r"^--set: r1_gan has no 'gama'; did you mean 'gamma'\?"),
        ("r1_gan", {"set": ("gamma",)}, r"^--set: got 'gamma', expected NAME=VALUE"),
        ("r1_gan", {"set": ("gamma=x",)}, r"^--set: got gamma=x, expected a number"),
        ("pacgan", {"set": ("m=2.5",)}, r"^--set: got m=2.5, expected a whole number"),
        ("pacgan", {"set": ("m=True",)}, r"^--set: got m=True, expected a whole number"),
        ("r1_gan", {"set": ("gamma=None",)}, r"^--set: got gamma=None, expected a number"),
    ]:
        with pytest.raises(OptionError, match=message):
            settings(name, **given)


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
]


@pytest.mark.parametrize("given", CONFIGURATIONS)
def test_the_printed_command_gives_the_same_configuration(given):
    config = configure(given)
    job, *words = shlex.split(command_line("compare", config))[1:]
    context = cli.commands[job].make_context(job, words)
    parsed = {name: context.params[name] for name in dataclasses.asdict(config)}
    assert configure({name: value for name, value in parsed.items() if value != ()}) == config


def test_a_configuration_survives_json():
    config = configure({"ema": 0.9, "recipe": ("r1_gan",), "set": ("gamma=1",)})
    assert from_stored(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_every_option_is_a_field_or_a_flag():
    """An option that nothing reads, or a field that no option sets, would be silent."""
    flags = {"out", "overwrite", "resume", "gentle", "no_compile_cache"}
    flags |= {"devices", "in_turn", "distributed", "coordinator", "num_processes", "process_id"}  # where, not what
    fields = {field.name for field in dataclasses.fields(configure({}))}
    for job in ("compare", "train"):
        names = {parameter.name for parameter in cli.commands[job].params}
        assert names - fields == flags
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
    assert catalogue.find_loss("own.py:pair").generator(1.0, 3.0) == 2.0
    assert catalogue.find_loss("own:g_loss").generator(1.0, 3.0) == 2.0
    for name, words in {
        "minmax": "did you mean 'minimax'",
        "absent.py:f": "no file absent.py",
        "own.py:g_los": "did you mean 'g_loss'",
        "own.py:number": "is of type int, expected a jaxgan.Loss or a function",
        "own.py:broken": "raised NameError: name 'undefined' is not defined",
        "own.py:text": "expected an array of their shape or a tuple of such arrays",
        "own.py:matrix": "made an array [4, 4] of logits [4]",
        "no.such.module:f": "importing no.such.module raised ModuleNotFoundError",
    }.items():
        with pytest.raises(OptionError, match=r"^--loss: ") as error:
            catalogue.find_loss(name)
        assert words in str(error.value)
