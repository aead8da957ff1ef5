"""Options: their defaults, their limits, and the command that repeats a run."""

import dataclasses
import json
import shlex

import pytest

from jaxgan.cli import cli
from jaxgan.commands import catalog
from jaxgan.commands.config import GENTLE, OptionError, command_line, configure, from_stored


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


def test_the_printed_command_gives_the_same_configuration():
    config = configure(
        {"data": "my data.npz", "failure_multiple": 3.5, "lr_d": 1 / 3, "ema": 0.999, "loss": ("a.py:f", "minimax")}
    )
    job, *words = shlex.split(command_line("compare", config))[1:]
    context = cli.commands[job].make_context(job, words)
    given = {name: context.params[name] for name in dataclasses.asdict(config)}
    assert configure(given) == config


def test_a_configuration_survives_json():
    config = configure({"ema": 0.9})
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
    assert catalog.find_loss("own.py:pair").generator(1.0, 3.0) == 2.0
    assert catalog.find_loss("own:g_loss").generator(1.0, 3.0) == 2.0
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
            catalog.find_loss(name)
        assert words in str(error.value)
