"""What a study is made of: networks and code of one's own, conditions, points, and what is refused before it starts."""

import json
import sys
import types

import jax
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.nn.registry import NETWORKS, fields_for, fields_of, make, network_for, parameter_count
from jaxgan.study import inputs, planning
from jaxgan.study.assemble import judged
from jaxgan.study.config import configure, from_stored, own_code
from jaxgan.study.networks import PLAYERS

TINY = ["--seeds", "2", "--steps", "4", "--samples", "60", "--width", "4", "--batch-size", "8", "--latent-dim", "2"]

NETWORKS_FILE = """
import flax.linen as nn, jax, jax.numpy as jnp


class G(nn.Module):
    shape: tuple
    width: int = 8

    @nn.compact
    def __call__(self, z, y, *, train):
        h = nn.relu(nn.Dense(self.width)(jnp.concatenate([z, jax.nn.one_hot(y, 10)], -1)))
        return jnp.tanh(nn.Dense(64)(h)).reshape(-1, *self.shape)


class D(nn.Module):
    width: int = 8

    @nn.compact
    def __call__(self, x, y, *, train):
        h = jnp.concatenate([x.reshape(x.shape[0], -1), jax.nn.one_hot(y, 10)], -1)
        return nn.Dense(1)(nn.relu(nn.Dense(self.width)(h)))[:, 0]
"""
RECIPE_FILE = """
import jax, optax
import jaxgan as jg
from scales import FAR


def far(generator, discriminator, prior, *, lr: float = 1e-3):
    shifted = lambda key, n: FAR + 0.1 * jax.random.normal(key, (n, 2))
    game = jg.adversarial_game(generator, discriminator, shifted, jg.non_saturating)
    return jg.alternating(game, optax.adam(lr), optax.adam(lr), batch_size=8)
"""


PACKS_FILE = """
import optax
import jaxgan as jg


def packs(generator, discriminator, prior, *, lr: float = 1e-3):
    game = jg.adversarial_game(generator, jg.nn.Packed(discriminator, 3), prior, jg.non_saturating)
    return jg.alternating(game, optax.adam(lr), optax.adam(lr), batch_size=6)
"""


@pytest.fixture(scope="module")
def own_recipe(tmp_path_factory):
    """A run by a recipe of one's own that has a prior of its own, and imports a module beside it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "far_recipe.py").write_text(RECIPE_FILE)
    (folder / "scales.py").write_text("FAR = 10.0\n")
    words = [word for word in TINY if word not in ("--batch-size", "8")]
    words = ["train", "--data", "ring", "--recipe", f"{folder / 'far_recipe.py'}:far", *words]
    assert main([*words, "--out", str(folder / "run")]) == 0
    return folder


def test_a_generator_is_sampled_by_the_prior_of_its_own_recipe(own_recipe):
    generator = jg.load_generator(own_recipe / "run")
    key = jax.random.key(3)
    # N(10, 0.1^2) and not N(0, 1): far from the origin a ReLU network's outputs are nearly those of its mean.
    z = 10.0 + 0.1 * jax.random.normal(key, (5, 2))
    np.testing.assert_allclose(generator.sample(key, 5), generator.generate(z), rtol=1e-5, atol=1e-6)


def test_seeds_have_the_same_keys_whatever_generator_jax_is_set_to():
    config = configure({"data": "ring", "seeds": 2, "steps": 2, "width": 4})
    keys = planning.study_for(config).keys
    with jax.default_prng_impl("rbg"):
        assert (planning.study_for(config).keys == keys).all()


def test_a_discriminator_is_scored_in_batches_that_it_can_be_trained_on(tmp_path):
    """Packs of 4 in batches of 8, and of 3 in batches of 6 that only the recipe itself knows of."""
    (tmp_path / "packs.py").write_text(PACKS_FILE)
    common = {"data": "ring", "seeds": 1, "steps": 2, "width": 4, "latent_dim": 2}
    own, known = {"recipe": (f"{tmp_path / 'packs.py'}:packs",)}, {"recipe": ("pacgan",), "set": ("m=4",)}
    for options, label, size in ((own, "packs", 6), (known | {"batch_size": 8}, "pacgan", (8, 8, 8))):
        study = planning.study_for(configure(common | options))
        configuration = study.configurations[label]
        assert planning.batch_of(configuration, study) == size
        program = study.programs[label]
        assert program.step is not None
        probe = planning.discrimination_of(study, program)["discrimination"].probe
        assert jax.eval_shape(probe, study.keys[0], program.step.state).separation.shape == ()


def test_an_averaged_generator_is_measured_beside_the_one_as_trained(tmp_path):
    """The ramped average lags behind: after some steps both have numbers, and not the same ones."""
    np.save(tmp_path / "points.npy", np.random.default_rng(0).normal(3.0, 1.0, (300, 2)))
    common = ["--data", str(tmp_path / "points.npy"), "--set", "gan:lr_g=0.05", *TINY, "--steps", "8"]
    words = ["--loss", "hinge", "--loss", "wasserstein", "--set", "hinge:ema=0.9"]
    assert main(["compare", *words, *common, "--out", str(tmp_path / "run")]) == 0
    run = jg.load_run(tmp_path / "run")
    name = run.metrics[0].name
    averaged, trained = run.along[name], run.live[name]
    assert averaged.shape == trained.shape == (2, 2, 8) and np.isnan(trained[1]).all()  # wasserstein keeps no average
    assert (np.abs(averaged[0] / trained[0] - 1)[:, -1] > 1e-3).all()  # ten times what float32 leaves
    # An average changes no training: as trained, the generator is that of the same run without one.
    assert main(["train", "--loss", "hinge", *common, "--out", str(tmp_path / "live")]) == 0
    alone = jg.load_run(tmp_path / "live").along[name]
    np.testing.assert_allclose(trained[0], alone[0], rtol=1e-4)  # float32, in programs that are not the same
    first = json.loads((tmp_path / "run" / "table.json").read_text())["averages"]["rows"][0]
    assert set(first) == {"metric", *(f"hinge, {which}" for which in ("averaged", "as trained", "difference"))}
    assert "as trained" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_code_that_changed_is_refused_by_name_and_its_copy_is_kept(own_recipe, capsys):
    kept = own_recipe / "run" / "code"
    assert (kept / "far_recipe.py").read_text() == RECIPE_FILE and (kept / "scales.py").read_text() == "FAR = 10.0\n"
    stored = json.loads((own_recipe / "run" / "config.json").read_text())["inputs"]
    assert set(stored) == {"far_recipe.py", "scales.py"}
    (own_recipe / "scales.py").write_text("FAR = 11.0\n")  # a module that the recipe imports, not the recipe
    try:
        assert main(["sample", str(own_recipe / "run")]) == 2
        assert "scales.py changed since the run in" in capsys.readouterr().err
        assert main(["train", "--resume", "--steps", "6", "--out", str(own_recipe / "run")]) == 2
        assert "scales.py changed since the run in" in capsys.readouterr().err
    finally:
        (own_recipe / "scales.py").write_text("FAR = 10.0\n")


def test_interpolation_of_an_unknown_prior_is_refused(own_recipe, capsys):
    assert main(["interpolate", str(own_recipe / "run")]) == 2
    assert "whose prior is not known here" in capsys.readouterr().err


def test_labels_reach_networks_evaluation_and_samples(tmp_path, capsys):
    (tmp_path / "nets.py").write_text(NETWORKS_FILE)
    own = [f"--{player}={tmp_path / 'nets.py'}:{player[0].upper()}" for player in ("generator", "discriminator")]
    run = tmp_path / "run"
    assert main(["train", "--conditional", *own, *TINY, "--network", "width=6", "--out", str(run)]) == 0
    fields = json.loads((run / "config.json").read_text())["network"]["generator"]["fields"]
    assert fields == {"shape": [8, 8, 1], "width": 6}
    capsys.readouterr()
    assert main(["sample", str(run), "--class", "7", "-n", "3"]) == 0
    with np.load(capsys.readouterr().out.split()[1]) as arrays:
        assert arrays["y"].tolist() == [7, 7, 7] and arrays["x"].shape == (3, 8, 8, 1)
        generator = jg.load_generator(run)
        np.testing.assert_allclose(generator.generate(arrays["z"], arrays["y"]), arrays["x"], rtol=1e-5, atol=1e-6)
    assert main(["sample", str(run), "--class", "10"]) == 2
    assert "--class: got '10'; did you mean '1'? known: 0, 1, 2" in capsys.readouterr().err


@pytest.mark.parametrize("player", ["generator", "discriminator"])
@pytest.mark.parametrize("conditional", [True, False])
def test_a_network_that_lacks_the_condition_or_asks_for_one_is_named(player, conditional, tmp_path, capsys):
    """The fault is the network's, whatever loss is trained: --loss is not what has to change."""
    (tmp_path / "nets.py").write_text(
        NETWORKS_FILE + "class Short(nn.Module):\n    @nn.compact\n    def __call__(self, x):\n        return x\n"
    )
    others = {"generator": "G", "discriminator": "D"} if conditional else dict.fromkeys(PLAYERS, "Short")
    others[player] = "Short" if conditional else player[0].upper()
    words = [f"--{role}={tmp_path / 'nets.py'}:{name}" for role, name in others.items()]
    assert main(["train", *words, *["--conditional"][: int(conditional)], "--out", str(tmp_path / "run")]) == 2
    argument = "z" if player == "generator" else "x"
    expected = (
        f"nets.py:Short takes no second argument y, expected __call__(self, {argument}, y) with --conditional\n"
        if conditional
        else f"nets.py:{others[player]} takes a second argument y, expected __call__(self, {argument}) without "
        "--conditional\n"
    )
    error = capsys.readouterr().err
    assert f"--{player}: " in error and error.endswith(expected) and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_points_of_ones_own_are_data(tmp_path):
    np.save(tmp_path / "moons.npy", np.random.default_rng(0).normal(size=(200, 3)))
    assert main(["train", "--data", str(tmp_path / "moons.npy"), *TINY, "--out", str(tmp_path / "run")]) == 0
    run = jg.load_run(tmp_path / "run")
    assert run.samples["fake"].shape == (1, 2, 60, 3) and run.metrics[0].name == "sliced"
    assert np.isfinite(run.values["sliced"]).all() and run.along["sliced"].shape == (1, 2, 4)
    assert main(["sample", str(tmp_path / "run")]) == 0  # pictures of their first two coordinates
    assert main(["interpolate", str(tmp_path / "run"), "--out", str(tmp_path / "path.png")]) == 0
    with np.load(tmp_path / "path.npz") as arrays:
        assert arrays["x"].shape == (2, 10, 3)


def test_a_probe_of_ones_own_is_recorded_along_training(tmp_path):
    (tmp_path / "watch.py").write_text(
        "import jax, jax.numpy as jnp\n"
        "def size(key, algorithm, state):\n"
        "    return {'norm': jnp.sqrt(sum(jnp.sum(w**2) for w in jax.tree.leaves(state.params.generator)))}\n"
    )
    words = ["--data", "ring", *TINY, "--probe", f"{tmp_path / 'watch.py'}:size", "--evaluate-every", "2"]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    run = jg.load_run(tmp_path / "run")
    assert run.group("probe")["size_norm"].shape == (1, 2, 2)
    params = run.generator(seed=1).params
    expected = np.sqrt(sum(float((np.asarray(leaf) ** 2).sum()) for leaf in jax.tree.leaves(params)))
    np.testing.assert_allclose(run.group("probe")["size_norm"][0, 1, -1], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--generator", "dcgn"], "--generator: got 'dcgn'; did you mean 'dcgan'?"),
        (["--generator", "dcgan", "--data", "ring"], "has examples of shape [2], expected images"),
        (
            ["--generator", "biggan", "--data", "digits"],
            "a BigGAN makes images of 16, 32, 64, 128 or 256 pixels",
        ),
        (["--network", "depth=3"], "--network: neither network has a field 'depth'; they have"),
        (["--network", "generator:hiden=(4,)", "--data", "ring"], "no field 'hiden'; did you mean 'hidden'?"),
        (["--network", "width"], "--network: got 'width', expected NAME=VALUE"),
        (["--conditional", "--data", "ring"], "--conditional: needs labels, and ring has none"),
        (["--network", "discriminator:condition=projection"], "condition=projection, which needs --conditional"),
        (["--conditional", "--network", "classes=5"], "--network: got classes=5, but classes are those of the data"),
        (["--conditional", "--network", "discriminator:condition=projektion"], "did you mean 'projection'? it has"),
        (["--background", "0", "--data", "ring"], "--background: is for images of your own, and ring is none"),
        (["--probe", "nothing"], "--probe: got 'nothing', expected path/to/file.py:name"),
        (["--set", "r1_gan:gamma=1"], "nothing is called 'r1_gan'"),
        (["--loss", "a.py:f"], "no file a.py"),
        (["--data", "x" * 300], "--data: "),
        (["--data", "~nouser/x.npz"], "--data: "),
        (["--loss", "x" * 5000 + ".py:f"], "--loss: "),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(words, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_two_losses_of_one_name_can_be_labelled(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def hinge(real, fake):\n    return -2.0 * fake\n")
    own = f"{tmp_path / 'mine.py'}:hinge"
    words = ["compare", "--data", "ring", *TINY, "--loss", "hinge"]
    assert main([*words, "--loss", own]) == 2
    assert "give one a label of its own, as in" in capsys.readouterr().err
    assert main([*words, "--loss", f"steep={own}", "--out", str(tmp_path / "run")]) == 0
    assert jg.load_run(tmp_path / "run").configurations == ("hinge", "steep")


def test_registered_networks_have_documented_fields_and_known_sizes():
    found = {network_for(*shapes).name for shapes in (((2,),), ((8, 8, 1),), ((8, 8, 3), (8, 8, 1)))}
    assert found == {"mlp", "dcgan", "pix2pix"} and found < set(NETWORKS)
    generator = make(NETWORKS["mlp"].generator, fields_for(NETWORKS["mlp"].generator, (2,), width=128))
    assert parameter_count(generator, (2,)) == 2 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2
    with pytest.raises(ValueError, match=r"has no field 'chanels'; did you mean 'channels'\?"):
        make(NETWORKS["dcgan"].generator, {"size": 8, "chanels": 1})
    with pytest.raises(ValueError, match="DCGANGenerator needs channels"):
        make(NETWORKS["dcgan"].generator, {"size": 8})
    assert all(fields_of(getattr(n, p)) for n in NETWORKS.values() for p in ("generator", "discriminator"))


def test_no_rule_that_real_data_fail():
    """Half of an untrained generator's distance within that of real data: the distance tells nothing apart."""
    ring = jg.evaluator_for(jg.data.ring(), 100)
    metric = jg.Metric("far", "Distance", np.inf, False, {"real against real": 2.0, "untrained generator": 3.0})
    evaluator = ring._replace(metrics=(metric,), rules={"distance": ("far", 2.0)})
    without, _ = judged(10.0, evaluator)
    assert without.rules == {} and "real data are at 2 from real data" in without.notes["not_applied"]
    apart = metric._replace(yardsticks={"real against real": 2.0, "untrained generator": 30.0})
    kept, thresholds = judged(10.0, evaluator._replace(metrics=(apart,)))
    assert "distance" in kept.rules and thresholds.quality_multiple == 7.5


def test_own_modules_are_found_below_the_folder_that_an_option_names(own_recipe):
    config = from_stored(jg.load_run(own_recipe / "run").config["config"])
    assert set(inputs.own_files(own_code(config))) == {"far_recipe.py", "scales.py"}


def test_a_script_beside_a_recipe_may_load_what_it_trained(own_recipe, monkeypatch):
    """The running script lies in the recipe's folder, but trains nothing: it is no part of the run."""
    script = types.ModuleType("__main__")
    script.__file__ = str(own_recipe / "look.py")
    (own_recipe / "look.py").write_text("")
    monkeypatch.setitem(sys.modules, "__main__", script)
    assert jg.load_generator(own_recipe / "run").configuration == "far"
