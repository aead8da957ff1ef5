"""Errors and warnings of the user's own losses and recipes, as the command line tells them."""

import json
from pathlib import Path

import pytest

from jaxgan.cli.app import main
from jaxgan.results.seal import read_sealed, write_sealed
from tests.cli.commands import refused


def test_a_recipe_with_settings_that_are_no_numbers_loses_nothing(tmp_path, capsys, monkeypatch):
    """Its settings are stored by name; a run that --overwrite is to replace is there until its successor begins."""
    monkeypatch.chdir(tmp_path)
    text = (
        "import optax\nimport jaxgan as jg\n"
        "def own(generator, discriminator, prior, *, tx=optax.sgd, lr_g: float = 1e-2, nesterov=False):\n"
        "    game = jg.adversarial_game(generator, discriminator, prior, jg.hinge)\n"
        "    return jg.averaged(jg.simultaneous(game, tx(lr_g), tx(lr_g), batch_size=4), 0.5)\n"
        "def broken(generator, discriminator, prior, *, batch_size=64):\n    return {}['nope']\n"
    )
    Path("own_settings.py").write_text(text)
    run = ["train", "--data", "ring", "--seeds", "2", "--steps", "6", "--samples", "50", "--width", "4"]
    own = ["--recipe", "own_settings.py:own", "--out", "run"]
    assert main([*run, *own]) == 0
    settings = json.loads(Path("run/config.json").read_text())["configurations"]["own"]["settings"]
    assert settings == {"tx": "sgd", "lr_g": 0.01, "nesterov": False}
    report = Path("run/report.html").read_text(encoding="utf-8")
    assert "The recipe own was trained" in report
    assert "D(G(z))" not in report and "With own the discriminator's output is a score" in report
    capsys.readouterr()
    before = Path("run/results.nc").read_bytes()
    for words, expected in [
        (["--recipe", "own_settings.py:broken"], "--recipe: broken (own_settings.py:6) raised KeyError: 'nope'"),
        (
            [*own[:2], "--ema", "0.9"],
            "own (own_settings.py:3): this algorithm keeps an average of the generator already",
        ),
        ([*own[:2], "--lr-g", "1", "--set", "lr_g=1"], "--set: lr_g is given twice, expected once"),
        ([*own[:2], "--set", "nesterov=1"], "--set: got nesterov=1, expected True or False"),
    ]:
        assert expected in refused(capsys, *run, *words, "--out", "run", "--overwrite")
    assert Path("run/results.nc").read_bytes() == before
    Path("run/results.nc").unlink()  # as if it had been cut off, by a version with another default
    stored = read_sealed(Path("run/config.json"))
    stored["configurations"]["own"]["settings"]["lr_g"] = 0.02
    write_sealed(Path("run/config.json"), stored)
    assert "the settings of own have changed" in refused(capsys, "train", "--resume", "--trust", "--out", "run")


OWN = """\
import jax.numpy as jnp
import optax
import jaxgan as jg


def mean_of(g, d, prior, loss=jg.hinge):
    return jg.alternating(jg.adversarial_game(g, d, prior, loss), optax.sgd(0.1), optax.sgd(0.1), batch_size=4)


def raising(g, d, prior):
    raise KeyError("gamma")


def late(g, d, prior):
    def update(key, state, sample):
        raise ZeroDivisionError("later")

    return mean_of(g, d, prior)._replace(update=update)


def uncalled(g, d, prior):
    return jg.alternating(mean_of(g, d, prior).game, optax.adam, optax.sgd(0.1), batch_size=4)


def pairs(g, d, prior):
    return mean_of(g, d, prior, jg.Loss(jg.hinge.discriminator, lambda real, fake: real[:, None] - fake))


def signs(real, fake):
    return jnp.sign(fake).astype(int)


def total(real, fake):
    return jnp.sum(fake)


def logarithm(real, fake):
    return jnp.log(-jnp.abs(fake))
"""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--recipe", "own_errors.py:raising"], "--recipe: raising (own_errors.py:10) raised KeyError: 'gamma'"),
        (["--recipe", "own_errors.py:late"], "--recipe: late (own_errors.py:14) raised ZeroDivisionError: later"),
        (["--recipe", "own_errors.py:uncalled"], "--recipe: uncalled (own_errors.py:21): g_tx must be an optax "
         "optimizer, such as optax.adam(1e-3), got the function adam: call it"),
        (["--recipe", "mine=own_errors.py:pairs"], "--recipe: mine (own_errors.py:25): the generator's loss <lambda> "
         "(own_errors.py:26) must return an array of per-example values"),
        (["--loss", "own_errors.py:signs"], "the generator's loss signs (own_errors.py:29) must return an array of "
         "per-example values or a tuple of such arrays, got int32 values, which have no gradient"),
    ],
)  # fmt: skip
def test_errors_of_ones_own_functions_are_a_line_with_name_and_place(tmp_path, capsys, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    Path("own_errors.py").write_text(OWN)
    assert line in refused(capsys, "train", "--data", "ring", "--seeds", "1", "--steps", "1", *words)


@pytest.mark.filterwarnings("default")
def test_a_sum_over_the_batch_is_warned_of_in_a_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own_errors.py").write_text(OWN)
    words = ["--data", "ring", "--seeds", "1", "--steps", "1", "--samples", "50", "--width", "4", "--out", "run"]
    assert main(["train", "--loss", "own_errors.py:total", *words]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(lines) == 1
    assert lines[0].startswith("jaxgan: warning: the generator's loss total (own_errors.py:33) is a scalar that grows")


def test_nan_at_the_first_step_is_not_blamed_on_learning_rates_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own_errors.py").write_text(OWN)
    words = ["--data", "ring", "--seeds", "1", "--steps", "2", "--samples", "50", "--width", "4", "--out", "run"]
    assert main(["train", "--loss", "own_errors.py:logarithm", *words]) == 0
    assert main(["diagnose", "run"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "DIVERGED: A recorded quantity became NaN or infinite, or exploded" in text
        and "If a loss of your own was the first" in text
    )
    first = "First non-finite quantity: with logarithm the generator's loss (g_loss) at step 1 (seed 0). At step 1"
    assert f"{first} the cause lies in the loss, the networks or the data" in text
    assert "(g_loss) at step 1" in Path("run/report.html").read_text(encoding="utf-8")
