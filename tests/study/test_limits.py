"""Every number has a range at both ends, and what is beyond it is refused in a line, before anything is compiled."""

import math

import click
import pytest

from jaxgan.cli.app import cli, main
from jaxgan.data.batches import Batches
from jaxgan.study.compared import Real
from jaxgan.study.config import SHORTHANDS, configure
from jaxgan.study.limits import ANY, FIELDS, LIMITS, SETTINGS, WHOLE, Limit
from jaxgan.study.measuring import check_size
from jaxgan.study.messages import OptionError
from jaxgan.study.profiles.strength import DiscriminatorStrength, strengths_from

OTHERWISE = {"seed", "label", "process_id"}  # of what a run or a job has, and never more
OTHERWISE |= {"alpha", "power", "rates", "comparisons", "difference"}  # by the statistics themselves, a line each


# Of the options that take a text: those with numbers in it, each with one beyond its range, and those without.
TEXTS = {
    "value_range": ["train", "--value-range", "0,1e300"],
    "network": ["train", "--network", "generator:width=0"],
    "set": ["train", "--set", "lr_d=1e39"],
    "vary": ["train", "--vary", "lr_d=0.1,1e39"],
    "stop": ["train", "--stop", "captured>=1e308"],
    "on": ["train", "--on", "dask:99999999999"],
    "coordinator": ["train", "--num-processes", "2", "--process-id", "0", "--coordinator", "localhost:99999"],
    "threshold": ["diagnose", "--threshold", "good=1e308"],
    "ages": ["profile", "--frozen", "--ages", "1e300e"],
    "d_strength": ["profile", "--frozen", "--d-strength", "lr=1e300"],
    "truncation": ["sample", "--truncation", "scaled:1e308"],
}
NAMES = {"loss", "recipe", "data", "generator", "discriminator", "precision", "planned", "features", "probe", "stop_on",
         "init", "against", "metrics", "out", "write_reference", "configuration", "d_loss", "train_loss", "label",
         "to_label", "memory"}  # fmt: skip


def test_every_text_of_every_command_is_known_to_have_numbers_or_none():
    texts = {
        parameter.name
        for command in cli.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option) and isinstance(parameter.type, click.types.StringParamType)
    }
    assert len(texts) > 25
    assert texts - NAMES == set(TEXTS)


MORE = [["diagnose", "--threshold", f"window={10**400}"], ["sample", "--as", "npz", "--truncation", "1001"]]


@pytest.mark.parametrize("words", [*TEXTS.values(), *MORE], ids=lambda words: words[-1][:30])
def test_a_number_in_a_text_beyond_its_range_is_refused_in_a_line(words, capsys, tmp_path, monkeypatch):
    """Before anything is loaded: the folder of `sample` and `diagnose` holds no run."""
    monkeypatch.chdir(tmp_path)
    assert main([*words, *(["."] if words[0] in ("sample", "diagnose") else ["--data", "ring"])]) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1
    named = {"--vary": "--set"}.get(words[-2], words[-2])  # a varied value is checked as a value of --set
    assert output.err.startswith(f"jaxgan: {named}: "), output.err
    assert "expected" in output.err and list(tmp_path.iterdir()) == []


def test_every_number_of_every_command_has_a_range():
    numbers = {
        parameter.name
        for command in cli.commands.values()
        for parameter in command.params
        if isinstance(parameter.type, click.types.IntParamType | click.types.FloatParamType)
    }
    assert len(numbers) > 25
    assert numbers <= set(LIMITS) | set(SHORTHANDS) | set(FIELDS) | OTHERWISE
    assert set(SHORTHANDS.values()) <= set(SETTINGS)
    limits = [*LIMITS.values(), *SETTINGS.values(), *FIELDS.values(), WHOLE, ANY]
    assert all(math.isfinite(limit.lowest) and math.isfinite(limit.highest) for limit in limits)


@pytest.mark.parametrize("limit", {*LIMITS.values(), *SETTINGS.values()}, ids=str)
def test_a_range_holds_its_ends_and_nothing_beyond(limit: Limit):
    step = 1 if limit.whole else 1e-3
    assert limit.holds(limit.highest) != limit.below and limit.holds(limit.lowest) != limit.above
    for value in (
        limit.lowest - step,
        1.001 * limit.highest + step,
        math.nan,
        math.inf,
        10**400,
        -(10**400),
        "1",
        True,
    ):
        assert not limit.holds(value)


def test_no_product_of_sizes_overflows_the_bytes_of_an_array():
    """The first layer of a DCGAN for 128 pixels, as patches: 64 x 64 of 4 x 4 taps, for every example of every seed."""
    sizes = LIMITS["seeds"], SETTINGS["batch_size"], LIMITS["width"]
    assert 4 * 64 * 64 * 16 * math.prod(int(limit.highest) for limit in sizes) < 2**63


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--seeds", "99999999999999999999"],
        ["train", "--steps", "2147483648"],
        ["train", "--samples", "2147483648"],
        ["train", "--width", "2147483648"],
        ["train", "--latent-dim", "65537"],
        ["train", "--batch-size", "9223372036854775807"],
        ["train", "--generator-batch-size", "131073"],
        ["train", "--lr-d", "1e308"],
        ["train", "--d-steps", "2147483647"],
        ["train", "--first-seed", "2147483647"],
        ["train", "--image-size", "99999999999"],
        ["train", "--evaluate-every", "99999999999"],
        ["train", "--evaluate-every", "1", "--steps", "2147483647"],
        ["train", "--record-every", "99999999999"],
        ["train", "--devices", "99999999999999999999"],
        ["train", "--key", "4294967296"],
        ["train", "--failure-multiple", "1e308"],
        ["train", "--num-processes", "99999999999", "--process-id", "0", "--coordinator", "localhost:1"],
        ["train", "--set", "lr_d=1e39"],
        ["train", "--set", f"lr_d={10**400}"],
        ["train", "--set", "batch_size=99999999999"],
        ["train", "--set", "batch_size=(8,8,2147483647)"],
        ["train", "--set", "b1=1e20"],
        ["train", "--recipe", "unrolled_gan", "--set", "unroll_steps=2000000000"],
        ["train", "--recipe", "pacgan", "--set", "m=2000000000"],
        ["train", "--recipe", "r1_gan", "--set", "gamma=1e39"],
        ["train", "--recipe", "r1_gan", "--set", "gamma=" + "-" * 100_000 + "1"],
        ["train", "--network", "hidden=(99999999999999999999,)"],
        ["train", "--network", "generator:width=0"],
        ["train", "--value-range", "0,1e300"],
        ["profile", "--threshold", "1e400"],
        ["profile", "--train", "--minibatches", "99999999999"],
        ["profile", "--frozen", "--probes", "99999999999"],
        ["profile", "--frozen", "--d-iterations", "99999999999999999999"],
        ["profile", "--frozen", "--ages", "99999999999999999999"],
        ["profile", "--frozen", "--ages", "1e300e"],
        ["profile", "--frozen", "--d-strength", "k=99999999999999999999"],
        ["profile", "--frozen", "--d-strength", "lr=1e300"],
        ["profile", "--frozen", "--d-strength", "width=1000"],
        ["sample", "-n", "1000000000"],
        ["sample", "--key", "4294967296"],
        ["interpolate", "--key", "-1"],
        ["interpolate", "-n", "1"],
    ],
    ids=lambda words: " ".join(words)[:50],
)
def test_a_number_beyond_its_range_is_refused_in_a_line(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = words[-2] if words[-2] not in ("--steps", "--coordinator") else words[1]
    data = ["--data", "digits" if words[1] in ("--image-size", "--failure-multiple") else "ring"]
    more = {"sample": ["."], "interpolate": ["."]}.get(words[0], [] if words[1] == "--threshold" else data)
    assert main([*words, *more]) == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.count("\n") == 1
    assert output.err.startswith(f"jaxgan: {named}: "), output.err
    assert "expected" in output.err
    assert list(tmp_path.iterdir()) == []


def test_samples_that_cannot_be_compared_in_time_or_memory_are_refused_before_they_are_drawn(monkeypatch):
    """`evaluate RUN --count 10000000` ran until it was killed."""
    real = Real(Batches("real", (2,), 10**7, lambda size: iter(())))
    with pytest.raises(OptionError, match=r"^--count: got 10,000,000 samples and 10,000,000 real .*kernel compare all"):
        check_size(10**7, real, 2, ["frechet", "kernel"])
    check_size(10**5, real, 2, ["frechet", "kernel"])
    check_size(10**7, real, 2, ["sliced"])
    monkeypatch.setattr("jaxgan.study.measuring.available_memory", lambda: 2**28)
    with pytest.raises(OptionError, match=r"^--count: the features of 20,000,000 examples need at least 0\.3 GiB"):
        check_size(10**7, real, 2, ["sliced"])
    check_size(10**7, real, 2, [])


def test_factors_of_a_strength_are_held_against_what_they_multiply():
    assert DiscriminatorStrength(lr=2.0).applied_to("gan", {"lr_d": 0.5})["lr_d"] == 1.0
    (_, strong) = strengths_from(("k=10000",))
    with pytest.raises(OptionError, match=r"^--d-strength: got d_steps 2 times 10000, expected at least 1"):
        strong.applied_to("gan", {"d_steps": 2})


def test_the_largest_numbers_are_taken():
    largest = {name: limit.highest for name, limit in LIMITS.items() if name in ("seeds", "width", "samples", "key")}
    assert configure({"data": "ring", **largest, "batch_size": 2**17, "steps": 2**31 - 1}).seeds == 2**14
