"""Remedies: what is suggested for which configuration, and that its option gives the configuration that is trained."""

import re
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any

import jax
import pytest
import xarray as xr

from jaxgan.cli.compare import compare
from jaxgan.cli.options import given_options
from jaxgan.data.source import Source
from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.results.results import Results, variable
from jaxgan.runs.run import start
from jaxgan.study.catalogue import RECIPES, find_data
from jaxgan.study.config import SHORTHANDS, Config, as_stored, configure
from jaxgan.study.configurations import Configuration, configurations_of, recipes_of
from jaxgan.study.diagnosis.advice import advised, case_of
from jaxgan.study.diagnosis.changes import Case, Shared, traits_of
from jaxgan.study.diagnosis.healing import BASE, trial_of
from jaxgan.study.diagnosis.remedies import REMEDIES, option_of, suggested
from jaxgan.study.networks import networks_for

FAILING = [code for code in Outcome if code != Outcome.HEALTHY]
PAIRS = "pairs:photos-edges"
MINIMAX = Case("minimax", "gan", {"lr_g": 1e-4, "lr_d": 4e-4, "b1": 0.5, "d_steps": 5, "label_noise": 0.0, "ema": None})


@cache
def data_of(name: str, labels: bool = False) -> Source:
    return find_data(name, labels=labels)


def built(config: Config) -> dict[str, Configuration]:
    """The configurations of a study, nothing of which is traced."""
    networks = networks_for(data_of(config.data, config.conditional), config)
    return {one.label: one for named in recipes_of(config) for one in configurations_of(config, networks, named)}


def read(words: Sequence[str]) -> Config:
    """The configuration that a command line asks for."""
    options = compare.make_context("compare", list(words)).params
    given = {name: value for name, value in given_options(options).items()
             if name in {*Config.__dataclass_fields__, *SHORTHANDS}}  # fmt: skip
    return configure(given)


def failed(config: Config, codes: Sequence[Outcome] = FAILING, **more: Any) -> Results:
    """A run of one seed for each of these outcomes, the same for every configuration."""
    found = built(config)
    source = data_of(config.data, config.conditional)
    names = [[code.name for code in codes]] * len(found)
    variables = [variable("metric", "outcome", ("configuration", "seed"), names)]
    variables += [variable("cause" if name == "improving" else "metric", name, ("configuration", "seed"), values)
                  for name, values in more.items()]  # fmt: skip
    stored = {
        "config": as_stored(config),
        "configurations": {label: {"recipe": one.recipe, "settings": one.settings} for label, one in found.items()},
        "network": networks_for(source, config).description,
        "shape": list(source.shape),
    }
    coordinates = {"configuration": list(found), "seed": list(range(len(codes)))}
    return Results(xr.Dataset(dict(variables)).assign_coords(coordinates), config=stored)


def with_option(words: Sequence[str], option: str, owner: str) -> list[str]:
    """The command of a run with the option of a remedy added to it, as `option_of` says."""
    flags = [word for word in words if word == "--conditional"]
    words = [word for word in words if word not in flags]
    old = list(zip(words[::2], words[1::2], strict=True))
    new = shlex.split(option)
    dropped = {"--vary"} | ({"--loss", "--recipe"} if {"--loss", "--recipe"} & set(new) else set())
    if "--recipe" in new:
        dropped |= {"--set", "--lr-d", "--lr-g", "--beta1", "--d-steps", "--batch-size", "--fake-batch-size", "--ema"}
    kept = [(name, value) for name, value in old if name not in dropped]
    if "--loss" in new:
        kept = [(name, value) for name, value in kept if name != "--set" or not value.startswith(f"{owner}:")]
    given = {value.partition("=")[0] for name, value in zip(new[::2], new[1::2], strict=True) if name == "--set"}
    kept = [(name, value) for name, value in kept if name != "--set" or value.partition("=")[0] not in given]
    return [word for pair in kept for word in pair] + new + flags


COMMANDS = {
    "settings of gan": "--loss minimax --data ring --set gan:lr_g=0.003",
    "shorthands": "--loss minimax --data ring --lr-d 0.002 --d-steps 2 --batch-size 64 --fake-batch-size 32",
    "of its own": "--loss minimax --data ring --set minimax:b2=0.9 --set b1=0.9 --steps 500",
    "an axis": "--loss minimax --loss hinge --data ring --vary lr_d=0.001,0.1 --vary minimax:b1=0.1,0.9",
    "a recipe": "--recipe mine=wgan_gp --data ring --set weight=1.0 --set mine:lr_d=0.1",
    "images": "--loss non_saturating --data digits --network generator:width=8 --evaluate-every 7",
    "classes": "--loss minimax --data digits --conditional --network discriminator:condition=embedding",
    "pairs": f"--recipe pix2pix --data {PAIRS} --set l1=10.0",
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_what_is_printed_is_what_is_trained(command):
    """The option of each remedy, typed after the run's command, gives the configuration that `remedy` trains."""
    words = command.split()
    run = failed(read(words))
    label = run.configurations[-1 if "--vary" in words else 0]
    trial = trial_of(run, label)
    among = configure(trial.given)
    assert trial.remedies and next(iter(built(among))) == BASE
    assert made(built(among)[BASE]) == made(built(read(words))[label])
    for remedy in trial.remedies:
        trained = configure(trial.apart[remedy.name]) if remedy.name in trial.apart else among
        typed = read(with_option(words, option_of(trial.case, remedy), trial.case.owner))
        new = remedy.change(trial.case)
        assert new is not None
        assert made(built(typed)[new.owner]) == made(built(trained)[remedy.name]), remedy.name
        for name in ("steps", "evaluate_every", "data", "width", "conditional"):
            assert getattr(typed, name) == getattr(trained, name), (remedy.name, name)
        assert networks_of(typed) == networks_of(trained), remedy.name
    assert among.planned == tuple(f"failed: {one.name} > {BASE}" for one in trial.remedies
                                  if one.name not in trial.apart)  # fmt: skip


def made(one: Configuration) -> tuple[Any, ...]:
    """The recipe of a configuration, its loss and its settings."""
    make = one.named.make
    return getattr(make, "func", make), getattr(make, "keywords", {}), one.arguments


def networks_of(config: Config) -> dict[str, Any]:
    return networks_for(data_of(config.data, config.conditional), config).description


@pytest.mark.parametrize("recipe", RECIPES)
def test_no_recipe_gets_what_it_has_already_and_each_trial_can_be_built(recipe):
    named = {"loss": ("non_saturating",)} if recipe == "gan" else {"recipe": (recipe,)}
    data = PAIRS if recipe == "pix2pix" else "ring"
    config = configure({"data": data, "width": 8, **named})
    run = failed(config)
    (one,) = built(config).values()
    case = case_of(run, config, 0)
    names = {remedy.name for code in FAILING for remedy in suggested(case, [code])}
    begin = jax.eval_shape(lambda key: start(one.algorithm, data_of(data).sample, key), jax.random.key(0))
    assert ("average" in names) == (begin.average is None)
    assert not traits_of(recipe).penalized or "r1" not in names
    assert ("packing" in names) == (recipe not in ("pacgan", "pix2pix"))
    assert "spectral_norm" not in names or not traits_of(recipe).spectral_norm
    assert recipe != "pix2pix" or "r1" not in names
    trial = trial_of(run)
    assert {remedy.name for remedy in trial.remedies} == names
    for given in (trial.given, *trial.apart.values()):
        for label, found in built(configure(given)).items():
            changed = next((one.change(case) for one in trial.remedies if one.name == label), case)
            assert changed is not None
            stored = {name: value for name, value in changed.settings.items() if name != "loss"}  # named by label
            assert stored.items() <= found.settings.items(), label


def test_what_recipes_do_to_the_discriminator_is_read_from_their_definition():
    with_penalty = {name for name in RECIPES if traits_of(name).penalized}
    assert with_penalty == {"wgan_gp", "dragan", "r1_gan", "r3gan", "stylegan2"}
    assert {name for name in RECIPES if traits_of(name).packed} == {"pacgan"}
    assert {name for name in RECIPES if traits_of(name).spectral_norm} == {"sngan", "biggan"}
    assert not any(traits_of("mine.py:recipe"))


def test_every_failure_has_a_remedy_with_a_source():
    conditional = failed(configure({"data": "digits", "loss": ("minimax",), "conditional": True}))
    case = case_of(conditional, read(["--loss", "minimax", "--data", "digits", "--conditional"]), 0)
    for code in FAILING:
        assert suggested(case, [code]), code
    assert [one.name for one in suggested(case, [Outcome.CONDITION_IGNORED])] == ["classifier"]  # the others are in use
    assert len({one.name for one in REMEDIES}) == len(REMEDIES)
    assert not suggested(case, [Outcome.HEALTHY])
    for remedy in REMEDIES:
        assert re.search(r"\b(19|20)\d\d\b", remedy.source), remedy.name
        assert re.match(r"[A-Za-z0-9]", remedy.what), remedy.name


def test_a_loss_that_pairs_examples_is_no_remedy_for_batches_of_different_sizes():
    for sizes, fits in (([64, 32, 64], False), ([64, 64, 64], True)):
        case = MINIMAX._replace(settings=MINIMAX.settings | {"batch_size": sizes})
        assert ("relativistic" in {one.name for one in suggested(case, FAILING)}) == fits
    odd = MINIMAX._replace(settings=MINIMAX.settings | {"batch_size": 63})
    assert "packing" not in {one.name for one in suggested(odd, FAILING)}


def test_a_remedy_changes_only_what_it_says():
    changed = {one.name: one.change(MINIMAX) for one in REMEDIES}
    lower, r1 = changed["lower_lr_d"], changed["r1"]
    assert lower is not None and lower.settings == MINIMAX.settings | {"lr_d": 1e-4}
    assert r1 is not None and r1 == MINIMAX._replace(settings=MINIMAX.settings | {"r1": 0.1})
    packing = changed["packing"]  # a recipe of its own
    assert packing is not None and (packing.loss, packing.recipe) == (None, "pacgan")
    assert changed["longer"] is None  # the number of steps is unknown


def test_more_steps_come_first_for_short_runs_and_for_those_that_improve():
    case = MINIMAX._replace(shared=Shared(steps=6000))
    names = [one.name for one in suggested(case, [Outcome.NOT_LEARNED])]
    assert names[-1] == "longer" and names.count("longer") == 1
    better = [one.name for one in suggested(case._replace(improving=True), [Outcome.NOT_LEARNED])]
    assert better == ["longer", *names[:-1]]
    short = case._replace(shared=Shared(steps=100, is_short=True))
    assert next(one.name for one in suggested(short, [Outcome.COLLAPSED])) == "longer"
    assert "longer" not in {one.name for one in suggested(short, [Outcome.DIVERGED])}
    config = configure({"data": "ring", "loss": ("minimax",)})
    for last, improving in (([1, 1, 0], True), ([0, 1, 0], False)):
        run = failed(config, [Outcome.NOT_LEARNED] * 3, improving=[last])
        assert case_of(run, config, 0).improving == improving
    assert option_of(case, REMEDIES[-1]) == "--steps 12000"


OWN = """
import jax.numpy as jnp
def unsafe(real, fake):
    return -jnp.log(fake)
"""


def test_a_loss_of_ones_own_that_is_not_finite_is_looked_at_first(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OWN, encoding="utf-8")
    config = configure({"data": "ring", "loss": (f"bad={path}:unsafe", "minimax")})
    where = {"first_nonfinite": [["g_loss", "g_loss", ""]] * 2, "first_nonfinite_step": [[10, 30, 0]] * 2}
    codes = [Outcome.DIVERGED, Outcome.DIVERGED, Outcome.HEALTHY]
    run = advised(failed(config, codes, **where))
    first, *others = run.notes["remedies"]["bad"]
    assert first["option"] == f"{path}:unsafe" and "logarithm" in first["what"]
    assert first["source"] == "first non-finite quantity: g_loss at step 20"
    assert [one["name"] for one in others] == ["r1", "lower_rates", "no_momentum", "spectral_norm"]
    assert run.notes["remedies"]["minimax"][0]["name"] == "r1"
    trial = trial_of(run, "bad")
    assert trial.suspect == first and [one.name for one in trial.remedies] == [one["name"] for one in others]
    norms = where | {"first_nonfinite": [["g_grad_norm"] * 3] * 2}
    assert advised(failed(config, codes, **norms)).notes["remedies"]["bad"][0]["name"] == "r1"


def test_a_configuration_that_has_another_label_than_its_loss_has_its_settings():
    """Of a profile along training with several discriminators the labels are those of the discriminators."""
    config = configure({"data": "ring", "loss": ("minimax",)})
    run = failed(config, [Outcome.COLLAPSED])
    stored = {**run.config, "configurations": {"base": run.config["configurations"]["minimax"]}}
    base = Results(run.dataset.assign_coords(configuration=["base"]), config=stored)
    case = case_of(base, config, 0)
    assert (case.loss, case.recipe, case.owner) == ("minimax", "gan", "minimax")
    assert case.settings == stored["configurations"]["base"]["settings"]
