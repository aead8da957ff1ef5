"""Every experiment is one file of its own, and the short ones run."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.data import digits
from jaxgan.results.results import Metric
from jaxgan.study.config import configure
from jaxgan.study.messages import OptionError
from jaxgan.study.study_file.file import Study

STUDIES = sorted((Path(__file__).parents[1] / "experiments").glob("*.toml"))
EXPERIMENTS = sorted((Path(__file__).parents[1] / "experiments").glob("*.py"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_an_experiment_imports_only_libraries(path):
    names = {other.stem for other in EXPERIMENTS}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not names & set(modules)
        assert not any(module.startswith("jaxgan.") for module in modules)  # public names alone


@pytest.mark.parametrize("path", [path for path in STUDIES if path.stem != "lucic_mnist"], ids=lambda path: path.name)
def test_a_study_says_what_it_asks_and_how_long_it_takes(path):
    study = Study.read(path)
    config = configure(study.options())
    assert config.seeds >= 4 and len(study.configurations()) >= 2
    about = " ".join(line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("#"))
    assert "?" in about and "on two cores" in about and f"jaxgan study experiments/{path.name}" in about
    runs = config.seeds * len(study.configurations())
    assert f"{runs:,} " in about


def test_the_study_of_lucic_et_al_has_their_budget():
    """7 methods x 200 configurations of one seed, 20 epochs of 60,000 images in batches of 64."""
    study = Study.read(STUDIES[0].with_name("lucic_mnist.toml"))
    config = configure(study.options())
    assert len(study.configurations()) == 7 * 200 and config.seeds == 1
    assert config.steps == 20 * 60_000 // 64 and config.image_size in (None, 28)
    assert config.generator == config.discriminator == "infogan"


def test_the_phase_diagram_is_that_of_two_learning_rates_and_three_recipes():
    study = Study.read(STUDIES[0].with_name("ring_phase_diagram.toml"))
    names = study.configurations()
    assert len(names) == len(set(names)) == 3 * 16 * 16
    assert [names[i] for i in (0, 255, 511, 767)] == [
        "minimax lr_d=0.0003 lr_g=0.0003",
        "minimax lr_d=0.016 lr_g=0.016",
        "non_saturating lr_d=0.016 lr_g=0.016",
        "r1_gan lr_d=0.016 lr_g=0.016",
    ]


def test_a_sweep_of_hundreds_of_runs_takes_25_lines_at_the_most():
    text = EXPERIMENTS[0].with_name("sweep.py").read_text(encoding="utf-8")
    docstring = ast.parse(text).body[0]
    lines = [line for line in text.splitlines()[docstring.end_lineno :] if line.strip()]
    assert len(lines) <= 25


@pytest.mark.slow
def test_a_try_of_the_discriminators_strength_leaves_thresholds_tables_and_a_figure(tmp_path, optimized):
    script = EXPERIMENTS[0].with_name("discriminator_strength.py")
    command = [sys.executable, str(script), "--quick", "--seeds", "2", "--out", "out"]
    for _ in range(2):  # the second finds all of it done
        done = subprocess.run(command, cwd=tmp_path, env=optimized, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
    assert "ratios x 2 seeds" not in done.stdout
    kept = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(kept["thresholds"]) == {"ring", "digits"} and len(kept["cells"]) == 6
    for cell in kept["cells"].values():
        assert all(len(cell[loss]["outcomes"]) == 2 for loss in ("minimax", "non_saturating"))
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"summary.md", "table.md", "strength.png"}


def module_of(name):
    """An experiment as a module."""
    spec = importlib.util.spec_from_file_location(name, EXPERIMENTS[0].with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_ratios_of_a_loss_and_their_seeds_are_one_program(tmp_path, monkeypatch):
    """Of 48 cells, 24 a loss, 14 differ in their code: in the data, the loss and the number of updates."""
    module, programs = module_of("discriminator_strength"), []

    def train(data, setting, loss, k, ratios, seeds):
        programs.append((data, loss, k))
        return [{"outcomes": ["HEALTHY"] * seeds} for _ in ratios]

    monkeypatch.setattr(module, "train", train)
    kept = {"cells": {}, "setting": {"seeds": 2, "settings": module.SETTINGS}}
    for data, sweeps in module.SWEEPS.items():
        module.fill(kept, data, sweeps, tmp_path / "results.json")
    assert len(programs) == len(set(programs)) == 14
    assert sum(len(cell) for cell in kept["cells"].values()) == 48
    module.fill(kept, "ring", module.SWEEPS["ring"], tmp_path / "results.json")
    assert len(programs) == 14  # what is kept is not trained again


@pytest.mark.parametrize(
    ("shares", "where"),
    [
        ([0, 0, 1, 1], 1.5),  # halfway between the last without failures and the first with failures alone
        ([1, 0, 0.5, 1], 2.0),  # counted from the fewest failures upwards
        ([0, 0, 0, 0.25], np.inf),
        ([0.75, 0.75, 1, 1], -np.inf),
    ],
)
def test_where_half_of_the_seeds_fail(shares, where):
    module = module_of("discriminator_strength")
    failed = np.arange(4) < 4 * np.array(shares)[:, None]
    assert module.crossing(np.arange(4.0), failed) == where


@pytest.mark.slow
def test_least_squares_on_the_ring_reaches_most_modes(tmp_path, optimized):
    script = EXPERIMENTS[0].with_name("least_squares_ring.py")
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 30
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=optimized, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    captured = [int(word) for word in done.stdout.partition("[")[2].partition("]")[0].split()]
    assert len(captured) == 8
    # Measured: 4 to 8 of 8, and 6.5 [5.5, 8] in the middle; a mode counts with a quarter of its share. A collapsed
    # generator has 1, and half is far from both: of all seeds together, which is the claim, not of the unluckiest.
    assert float(done.stdout.partition("low=")[2].partition(",")[0]) > 4
    assert min(captured) > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "left"),
    [
        ("conditioning", ["--ways", "5"], {"results.json", "table.md"}),
        (
            "why_blurry",
            ["--task", "digits-upscale"],
            {"digits-upscale.json", "digits-upscale.md", "digits-upscale.png"},
        ),
    ],
)
def test_a_try_of_an_experiment_on_conditions_leaves_its_table(name, options, left, tmp_path, optimized):
    script = EXPERIMENTS[0].with_name(f"{name}.py")
    sizes = ["--seeds", "2", "--steps", "4", "--width", "4", "--out", "out"]
    done = subprocess.run([sys.executable, str(script), *options, *sizes], cwd=tmp_path, env=optimized,
                          capture_output=True, text=True, timeout=900)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} >= left
    (kept,) = (json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json"))
    assert kept["seeds"] == 2 and kept["ways"] and "python experiments/" in kept["command"]


def run_script(name, folder, env, *options):
    """An experiment as it is called from the command line, in a folder of its own."""
    command = [sys.executable, str(EXPERIMENTS[0].with_name(f"{name}.py")), *options]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr


def large_digits(times: int) -> dict[str, Any]:
    """The arrays of a `.npz` file of some digits, each pixel `times` x `times` of them."""
    arrays: dict[str, Any] = {}
    source = digits(labels=True)
    for name, part in (("train", source.train), ("test", source.heldout)):
        assert part is not None and part.y is not None
        x = part.x[:400].repeat(times, axis=1).repeat(times, axis=2)
        arrays |= {f"x_{name}": x, f"y_{name}": part.y[:400]}
    return arrays


@pytest.mark.long
def test_a_try_of_the_architectures_leaves_their_tables_and_what_is_asked_of_their_generators(tmp_path, optimized):
    """On digits of four times the size, in place of MNIST, whose file is taken where it is there."""
    (tmp_path / "architectures").mkdir()
    np.savez(tmp_path / "architectures" / "mnist.npz", **large_digits(4))
    networks = ["dcgan", "biggan"]  # StyleGAN2's step takes minutes to compile
    run_script("architectures", tmp_path, optimized, "--networks", *networks, "--seeds", "2", "--steps", "2",
               "--parameters", "60000")  # fmt: skip
    made = tmp_path / "architectures" / "mnist"
    assert {path.name for path in made.iterdir()} >= {"results.json", "table.md", "samples.png", *networks}
    kept = json.loads((made / "results.json").read_text())
    for row in kept["networks"].values():
        assert len(row["values"]) == len(row["outcomes"]) == 2 and row["ms_per_step"] > 0
    counts = [row["parameters"] for row in kept["networks"].values()]
    assert max(counts) < 3 * min(counts)  # so small that a width of two more is up to twice the network
    run_script("smoothness", tmp_path, optimized, "--networks", *networks)
    run_script("truncation", tmp_path, optimized, "--ways", "paper's z", "code's z")
    for name in ("smoothness", "truncation"):
        assert {path.name for path in (tmp_path / name).iterdir()} == {"results.json", "table.md", f"{name}.png"}
    smooth = json.loads((tmp_path / "smoothness" / "results.json").read_text())["networks"]
    assert {name: set(spaces) for name, spaces in smooth.items()} == {"dcgan": {"z"}, "biggan": {"z"}}
    cut = json.loads((tmp_path / "truncation" / "results.json").read_text())
    assert len(cut["ways"]) == 2 and all(len(rows) == 6 for rows in cut["ways"].values())


@pytest.mark.long
def test_a_try_of_the_ablations_leaves_a_row_of_each(tmp_path, optimized):
    np.savez(tmp_path / "digits.npz", **large_digits(2))
    options = ["--data", "digits.npz", "--seeds", "2", "--steps", "4", "--width", "2"]
    run_script("ablations", tmp_path, optimized, *options, "--only", "orthogonal regularization")
    kept = json.loads((tmp_path / "ablations" / "results.json").read_text())
    assert len(kept["ablations"]) == 1
    for row in kept["ablations"].values():
        assert np.shape(row["values"]) == (2, 2) and len(row["failed"]) == 2


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("architectures", ("dcgan", Path("mnist.npz"), 1)),
        ("ablations", ("style mixing",)),
        ("conditioning", ("embedding", "projection")),
        ("why_blurry", ()),
    ],
)
def test_runs_that_are_there_are_asked_for_by_the_options_of_now(name, given, tmp_path, monkeypatch):
    """A finished run of other steps and seeds was taken for what the options say: `run_study` compares them."""
    module, asked = module_of(name), []

    def run_study(job, options, *, out, again):
        assert again
        asked.append((options["seeds"], options["steps"]))
        raise OptionError("steps", "got another number")

    monkeypatch.setattr(module.jg, "run_study", run_study)
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    options = SimpleNamespace(out=tmp_path, data="mnist", parameters=100_000, seeds=3, steps=7, width=4, recipe=None,
                              set=[], task="digits-masked")  # fmt: skip
    with pytest.raises(OptionError, match="got another number"):
        module.trained(options, *given)
    assert asked == [(3, 7)]


def test_a_seed_that_diverged_counts_as_the_worst(tmp_path, monkeypatch):
    """Its value is NaN, and so was the interquartile mean of all seeds."""
    metric = Metric("frechet", "distance", np.inf, False, {})
    values = np.array([[3.0, 1.0, np.nan, 2.0]])
    run = SimpleNamespace(folder=tmp_path, metrics=[metric], values={"frechet": values},
                          outcomes=np.array([["HEALTHY"] * 4]))  # fmt: skip
    (tmp_path / "log.jsonl").write_text('{"seconds": 1.0, "steps": 10, "runs": 1}\n')
    module = module_of("architectures")
    monkeypatch.setattr(module, "trained", lambda *_: (run, 4, 100))
    assert module.row_of(None, "dcgan", None, 1)["distance"]["estimate"] == 2.5
    module, both = module_of("ablations"), np.concatenate([values, values[:, ::-1]])
    monkeypatch.setattr(module, "trained", lambda *_: (both, np.isnan(both), metric))
    row = module.row_of(None, "style mixing")
    assert row["off"]["estimate"] == row["on"]["estimate"] == 2.5


@pytest.mark.slow
def test_the_architectures_have_about_equally_many_parameters():
    """By the default, at most 1.2 times as many as the smallest; every second width left a factor of 1.5."""
    module = module_of("architectures")
    counts = {name: module.parameters(name, module.width_for(name, 100_000, 1), 1) for name in module.NETWORKS}
    assert max(counts.values()) < 1.2 * min(counts.values()), counts


def test_what_is_told_of_paths_has_their_spread_over_paths():
    module = module_of("smoothness")
    generator = SimpleNamespace(latent_dim=2, mapping=None, generate=lambda z: jnp.pad(z, ((0, 0), (0, 1))))
    found = module.measured(generator, lambda x: x, jax.random.key(0))["z"]
    assert {*module.MEASURES} < {*found}
    ends = jax.random.normal(jax.random.key(0), (2, module.PATHS, 2))
    even = jnp.linspace(0, 1, module.POINTS)
    walked = jax.vmap(lambda a, b: jg.spherical_path(a, b, even))(*ends)
    lengths = np.linalg.norm(np.diff(walked, axis=1), axis=2).sum(axis=1)
    np.testing.assert_allclose(found["length"], lengths.mean(), rtol=1e-5)
    np.testing.assert_allclose(found["length_spread"], lengths.std() / lengths.mean(), rtol=1e-5)
    kept = {"networks": {"dcgan": {"z": [found, found | {"ppl": float("nan")}]}}, "command": "", "machine": {},
            "versions": {}}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.jg, "provenance_line", lambda *_: "")
        text = module.table(kept)
    assert f"steps of {module.EPSILON:g} of a path" in text and "inf" in text and "nan" not in text
