"""The command line, as a person meets it: what it writes, what it prints, how it refuses."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr
from PIL import Image

import jaxgan
from jaxgan.checkpoint import latest_step
from jaxgan.cli.app import main
from jaxgan.data.tfds import prepared

TINY = ["--seeds", "2", "--steps", "6", "--samples", "50", "--width", "4", "--batch-size", "8", "--latent-dim", "4"]


def jaxgan_process(*words: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "jaxgan", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=500, **options)


@pytest.fixture(scope="module")
def ring_run(tmp_path_factory) -> Path:
    """A comparison on the ring, made by the command line in a process of its own."""
    folder = tmp_path_factory.mktemp("ring")
    done = jaxgan_process("compare", "--data", "ring", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "minimax" in done.stdout and "non_saturating" in done.stdout
    assert "runs/0001-compare-ring/report.html" in done.stdout
    return folder / "runs" / "0001-compare-ring"


def test_a_run_leaves_everything(ring_run):
    names = {path.name for path in ring_run.iterdir()}
    assert {"config.json", "results.nc", "metrics.csv", "report.html", "table.json"} <= names
    run = jaxgan.load_run(ring_run)
    assert run.configurations == ("minimax", "non_saturating")
    assert run.series["g_loss"].shape == (2, 2, 6)
    assert run.series["d_real_quantiles"].shape == (2, 2, 6, 5)
    assert run.values["captured"].shape == (2, 2)
    config = run.config
    assert {"command", "versions", "commit", "device", "key"} <= set(config)
    # All stretches of training in one file, from which the run can grow.
    assert len(list((ring_run / "minimax" / "seeds-0-1" / "records").iterdir())) == 1
    # Both losses of a seed start from the same networks and see the same data in the first discriminator step.
    np.testing.assert_array_equal(run.series["d_loss"][0, :, 0], run.series["d_loss"][1, :, 0])
    assert not np.array_equal(run.series["d_loss"][0, 0], run.series["d_loss"][0, 1])


def test_the_printed_command_repeats_the_run(ring_run, tmp_path):
    command = shlex.split(json.loads((ring_run / "config.json").read_text())["command"])
    done = jaxgan_process(*command[1:], "--out", "again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (jaxgan.load_run(folder) for folder in (ring_run, tmp_path / "again"))
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name])


def test_sample_and_interpolate_need_the_generator_alone(ring_run, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(ring_run, folder)
    shutil.rmtree(folder / "non_saturating" / "seeds-0-1")
    assert main(["sample", str(folder), "-n", "9", "--seed", "1"]) == 0
    png, npz = (Path(line) for line in capsys.readouterr().out.split())
    Image.open(png).verify()
    with np.load(npz) as arrays:
        generator = jaxgan.load_generator(folder, seed=1)
        np.testing.assert_allclose(generator.generate(arrays["z"]), arrays["x"], rtol=1e-6)
        assert arrays["x"].shape == (9, 2)
    assert main(["interpolate", str(folder), "-n", "5", "--loss", "minimax"]) == 0
    with np.load(capsys.readouterr().out.split()[1]) as arrays:
        z = arrays["z"]
        assert arrays["x"].shape == (2, 5, 2)
    np.testing.assert_allclose(z[0, 0], z[1, 0], rtol=1e-5)  # both rows start at one latent, to rounding
    np.testing.assert_allclose(z[0, 2], (z[0, 0] + z[0, 4]) / 2, rtol=1e-5)
    assert np.linalg.norm(z[1, 2]) > np.linalg.norm(z[0, 2])  # the arc keeps the length, the chord does not
    assert generator.sample(jax.random.key(0), 3).shape == (3, 2)


def refused(capsys, *words: str) -> str:
    """The one line with which `jaxgan words` refuses."""
    assert main(list(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    assert len(lines) == 1, output.err
    return lines[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["compare", "--loss", "minmax"], "--loss: got 'minmax'; did you mean 'minimax'?"),
        (["compare", "--data", "digit"], "--data: got 'digit'; did you mean 'digits'?"),
        (["compare", "--data", "tfds:mnits"], "mnist"),
        (["compare", "--data", "nothing.npz"], "--data: "),
        (["compare", "--batch-size", "2000"], "--batch-size: got 2000, more than digits has"),
        (["compare", "--seeds", "0"], "--seeds: got 0, expected at least 1"),
        (["compare", "--steps", "x"], "Invalid value for '--steps': 'x' is not a valid integer."),
        (["compare", "--seedz", "3"], "No such option"),
        (["compar"], "No such command"),
        (["compare", "--image-size", "16"], "--image-size: got 16, but digits has a size of its own"),
        (["compare", "--resume"], "--resume: got no --out"),
        (["compare", "--resume", "--gentle", "--out", "empty"], "--resume: continues a run as it was started"),
        (["compare", "--image-size", "30", "--data", "pictures"], "--image-size: a DCGAN makes images of"),
        (["compare", "--data", "same.npy"], "all images of same are the same"),
        (["compare", "--resume", "--out", "empty"], "holds no run"),
        (["compare", "--out", "full"], "--out: full holds other files"),
        (["train", "--loss", "paired.py:g_loss", "--fake-batch-size", "3"], "got real logits of shape (64,) and "
         "fake logits of shape (3,)"),
        (["train", "--devices", "0"], "--devices: got 0, expected at least 1"),
        (["train", "--devices", "4000"], "--devices: got 4000, expected at most the "),
        (["train", "--distributed"], "--distributed: the processes do not find each other: "),
        (["train", "--process-id", "1", "--num-processes", "2"], "--num-processes: got it without --coordinator"),
        (["train", "--coordinator", "localhost:1", "--process-id", "2", "--num-processes", "2"], "--process-id: got 2"),
        (["train", "--recipe", "wgan_pg"], "--recipe: got 'wgan_pg'; did you mean 'wgan_gp'?"),
        (["train", "--recipe", "r1_gan", "--set", "gamma=-1"], "--recipe: r1_gan: gamma must be a finite number of"),
        (["train", "--recipe", "pacgan", "--batch-size", "33"], "m must divide the batch sizes, got m = 2 and 33"),
        (["train", "--recipe", "pacgan", "--fake-batch-size", "50"], "its sizes must be equal"),
        (["train", "--recipe", "r3gan", "--fake-batch-size", "32"], "--recipe: r3gan: this loss pairs each real"),
        (["train", "--recipe", "wgan_gp", "--fake-batch-size", "32"], "needs as many of both"),
        (["train", "--recipe", "unrolled_gan", "--batch-size", "2000"], "more than digits has"),
        (["train", "--set", "gamma=1"], "--set: non_saturating has no setting 'gamma'"),
        (["sample"], "there is no run under runs/ yet"),
        (["sample", "full"], "full holds no run"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(words, expected, capsys, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    np.save(tmp_path / "same.npy", np.zeros((100, 8, 8), np.uint8))
    (tmp_path / "paired.py").write_text(
        "import jaxgan as jg\n"
        "def paired(real, fake):\n    return (fake - real) ** 2\n"
        "g_loss = jg.Loss(paired, paired)\n"
    )
    monkeypatch.chdir(tmp_path)
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    assert expected in refused(capsys, *words)
    assert {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.slow
def test_recipes_from_end_to_end(tmp_path):
    """A recipe of the catalogue with a setting, and one of one's own; both by name in all that follows."""
    (tmp_path / "own.py").write_text(
        "import optax\nimport jaxgan as jg\n"
        "def mine(generator, discriminator, prior, *, rate: float = 1e-3):\n"
        "    game = jg.adversarial_game(generator, discriminator, prior, jg.wasserstein, d_terms=(jg.terms.lecam(),))\n"
        "    return jg.alternating(game, optax.sgd(rate), optax.sgd(rate), batch_size=8)\n"
    )
    words = ["--data", "ring", "--recipe", "pacgan", "--recipe", "own.py:mine", *TINY, "--ema", "0.9", "--out", "run"]
    done = jaxgan_process("compare", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "jaxgan: --batch-size: mine has no setting 'batch_size'; known: rate\n"
    del words[words.index("--batch-size") : words.index("--batch-size") + 2]
    done = jaxgan_process("compare", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.configurations == ("pacgan", "mine")
    assert run.config["configurations"]["pacgan"]["settings"].items() >= {"m": 2, "batch_size": 200}.items()
    assert run.config["configurations"]["mine"]["settings"] == {"rate": 1e-3, "ema": 0.9}
    assert run.series["g_loss"].shape == (2, 2, 6)
    assert jaxgan.load_generator(tmp_path / "run", "mine").sample(jax.random.key(0), 3).shape == (3, 2)
    assert main(["sample", str(tmp_path / "run"), "--loss", "pacgan", "-n", "4"]) == 0


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
    stored = json.loads(Path("run/config.json").read_text())
    stored["configurations"]["own"]["settings"]["lr_g"] = 0.02
    Path("run/config.json").write_text(json.dumps(stored))
    assert "a recipe's settings are others now" in refused(capsys, "train", "--resume", "--out", "run")


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
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "NON_FINITE: A loss, a gradient or a sample became NaN or infinite. If that begins with a loss of your" in text
    )
    first = (
        "The first quantity that was not finite: with logarithm g_loss at step 1 (seed 0). At step 1 the cause is in"
    )
    assert f"{first} the loss, the networks or the data" in text
    assert "g_loss at step 1" in Path("run/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("platform", ["cuda", "nope"])
def test_a_platform_that_is_not_there_is_a_line(tmp_path, platform):
    environment = os.environ | {"JAX_PLATFORMS": platform}
    done = jaxgan_process("train", "--data", "ring", "--seeds", "1", "--steps", "1", cwd=tmp_path, env=environment)
    line = f"jaxgan: JAX_PLATFORMS must name devices that JAX finds here, got {platform!r}; unset, JAX chooses\n"
    assert (done.returncode, done.stderr) == (2, line)


@pytest.mark.slow
@pytest.mark.parametrize("data", ["ring", "digits"])
def test_every_recipe_runs_from_the_command_line(tmp_path, data):
    words = [word for recipe in jaxgan.recipes.ALL for word in ("--recipe", recipe.__name__)]
    sizes = ["--seeds", "2", "--steps", "3", "--samples", "50", "--width", "4", "--latent-dim", "4"]
    done = jaxgan_process("compare", "--data", data, *words, *sizes, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.configurations == tuple(recipe.__name__ for recipe in jaxgan.recipes.ALL)
    assert np.isfinite(run.series["g_loss"]).all()


def test_recipes_and_losses_are_listed_with_what_they_are(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["recipes"]) == 0
    listed = capsys.readouterr().out
    for recipe in jaxgan.recipes.ALL:
        assert f"\n{recipe.__name__}\n" in f"\n{listed}"
    assert listed.count("\n  loss ") == listed.count("\n  terms ") == listed.count("\n  paper ") == 15  # `gan`, too
    assert main(["losses"]) == 0
    listed = capsys.readouterr().out
    for name in ("minimax", "non_saturating", "wasserstein", "f_kl_practical", "relativistic_average"):
        assert f"\n{name}\n" in f"\n{listed}"
    assert max(map(len, listed.splitlines())) <= 70


def test_images_that_cannot_be_made_are_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("wide.npy", np.zeros((20, 8, 12), np.uint8))
    np.save("odd.npy", np.zeros((20, 30, 30), np.uint8))
    np.save("nan.npy", np.full((20, 8, 8), np.nan, np.float32))
    assert "8 x 12 pixels, expected square ones; add --image-size" in refused(capsys, "compare", "--data", "wide.npy")
    assert "the nearest are 28 and 32; add --image-size" in refused(capsys, "compare", "--data", "odd.npy")
    assert "nan.npy" in refused(capsys, "compare", "--data", "nan.npy")
    assert not Path("runs").exists()


def test_a_finished_run_is_not_written_over(ring_run, capsys):
    before = (ring_run / "results.nc").read_bytes()
    line = refused(capsys, "compare", "--data", "ring", *TINY, "--out", str(ring_run))
    assert "already holds a run; add --overwrite or --resume" in line
    line = refused(capsys, "compare", "--seeds", "1", "--resume", "--out", str(ring_run))
    assert "--seeds: got 1, but the run in" in line and "has 2; it can only grow" in line
    line = refused(capsys, "compare", "--lr-d", "0.5", "--resume", "--out", str(ring_run))
    assert "--lr-d: got 0.5, but the run in" in line and "was started with 0.001" in line
    line = refused(capsys, "sample", str(ring_run), "--seed", "2")
    assert "--seed: got 2, expected 0 to 1" in line
    line = refused(capsys, "sample", str(ring_run), "--loss", "minmax")
    assert "did you mean 'minimax'" in line
    assert (ring_run / "results.nc").read_bytes() == before


def test_resuming_a_finished_run_makes_its_report_again(ring_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(ring_run, folder)
    (folder / "report.html").unlink()
    assert main(["compare", "--resume", "--out", str(folder)]) == 0
    assert (folder / "report.html").read_bytes() == (ring_run / "report.html").read_bytes()


@pytest.mark.slow
def test_a_seed_that_diverges_is_counted_and_changes_nothing_else(tmp_path):
    """Learning rates so high that digits diverge: the report is made all the same, with no number made up."""
    words = ["--loss", "exploding.py:explode", "--data", "digits", *TINY, "--steps", "30", "--lr-g", "1e29"]
    (tmp_path / "exploding.py").write_text("def explode(real, fake):\n    return fake**3\n")
    done = jaxgan_process("train", *words, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert (run.outcomes == "NON_FINITE").all()
    assert all(np.isnan(values).all() for values in run.values.values())
    assert "NON_FINITE: " in done.stdout
    assert "undefined," in done.stdout and "2 of 2 failed" in done.stdout
    (tmp_path / "exploding.py").write_text("def explode(real, fake):\n    return fake\n")
    changed = jaxgan_process("train", "--resume", "--out", "run", cwd=tmp_path)
    assert changed.returncode == 0  # it is finished: only its report is made again


def test_a_damaged_generator_is_not_sampled_from(ring_run, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(ring_run, folder)
    largest = max((folder / "minimax" / "generator").rglob("d/*"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    assert "damaged" in refused(capsys, "sample", str(folder), "--loss", "minimax")


def signalled(number: int, times: int, *words: str, after: str, cwd: Path) -> tuple[int, list[str]]:
    """A run that gets a signal so many times, a tenth of a second apart, once the file `after` is there: exit status
    and lines of stderr."""
    before = signal.signal(number, signal.SIG_DFL)  # under nohup and the like it would be ignored by the child, too
    try:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "jaxgan", *words], cwd=cwd, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(number, before)
    deadline = time.monotonic() + 120
    while not (cwd / after).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.1)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors.splitlines()


def step_kept(line: str) -> int:
    """The step of the last line of a run of one loss in the folder cut, which is that of both checkpoints there."""
    stopped = re.fullmatch(r"jaxgan: stopped at step ([\d,]+) of non_saturating; everything up to it is kept, "
                           r"continue with: jaxgan train --resume --out cut", line)  # fmt: skip
    assert stopped, line
    return int(stopped[1].replace(",", ""))


def test_ctrl_c_twice_keeps_what_was_trained_and_resume_ends_where_one_run_would(tmp_path):
    words = ["train", "--data", "ring", *TINY, "--steps", "20000"]
    status, lines = signalled(signal.SIGINT, 2, *words, "--out", "cut", after="cut/log.jsonl", cwd=tmp_path)
    assert status == 130, lines
    assert [line.partition(";")[0] for line in lines[1:-1]] == [
        "jaxgan: stopping after the steps under way, and saving",
        "jaxgan: not saved yet",
    ]
    step = step_kept(lines[-1])
    assert 0 < step < 20000
    assert latest_step(tmp_path / "cut" / "non_saturating" / "seeds-0-1" / "training") == step
    assert jaxgan.load_generator(tmp_path / "cut").step == step

    refusal = jaxgan_process("train", "--resume", "--steps", "9", "--out", "cut", cwd=tmp_path)
    assert (
        refusal.returncode == 2 and "--steps: got 9, but the run in cut has 20000; it can only grow" in refusal.stderr
    )
    resumed = jaxgan_process("train", "--resume", "--out", "cut", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert f"continuing at step {step:,}" in resumed.stderr
    whole = jaxgan_process(*words, "--out", "whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    cut, uncut = (jaxgan.load_run(tmp_path / name) for name in ("cut", "whole"))
    for name, values in uncut.series.items():
        np.testing.assert_array_equal(values, cut.series[name])
    for name, values in uncut.values.items():
        np.testing.assert_array_equal(values, cut.values[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGTERM, []), (signal.SIGHUP, []), (signal.SIGUSR1, ["--stop-on", "usr1"])],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_signal_that_stops_saves(number, options, tmp_path):
    words = ["train", "--data", "ring", *TINY, "--steps", "1000000", *options, "--out", "cut"]
    status, lines = signalled(number, 1, *words, after="cut/log.jsonl", cwd=tmp_path)
    assert status == 128 + number, lines
    assert len(lines) == 3 and lines[1].startswith("jaxgan: stopping after the steps under way"), lines
    step = step_kept(lines[-1])
    assert latest_step(tmp_path / "cut" / "non_saturating" / "seeds-0-1" / "training") == step
    assert jaxgan.load_generator(tmp_path / "cut").step == step


@pytest.mark.slow
def test_a_third_signal_gives_up_at_once_and_one_before_training_ends_at_once(tmp_path):
    words = ["train", "--data", "ring", *TINY, "--steps", "1000000", "--out"]
    status, lines = signalled(signal.SIGINT, 3, *words, "cut", after="cut/log.jsonl", cwd=tmp_path)
    assert status == 130
    assert lines[-2] == "jaxgan: gave up at once, without saving what came after", lines
    saved = latest_step(tmp_path / "cut" / "non_saturating" / "seeds-0-1" / "training")
    if saved is None:
        assert lines[-1].startswith("jaxgan: stopped; nothing was trained yet, continue with: "), lines
    else:
        assert step_kept(lines[-1]) == saved
    status, lines = signalled(signal.SIGTERM, 1, *words, "none", after=".", cwd=tmp_path)
    assert (status, lines) in [(-15, []), (143, ["jaxgan: stopped; nothing was trained yet"])]  # while Python starts


def test_signals_that_no_program_can_wait_for_are_refused(capsys):
    assert "--stop-on: got 'KILL', expected one of USR1" in refused(capsys, "train", "--stop-on", "KILL")


def test_a_run_grows_to_more_steps_and_seeds_as_if_it_had_been_started_so(tmp_path):
    """From 4 steps of 2 seeds to 6 steps of 3: the numbers of a run of 6 steps of 3 seeds."""
    words = ["train", "--data", "ring", *TINY, "--evaluate-every", "2"]
    assert main([*words, "--steps", "4", "--out", str(tmp_path / "grown")]) == 0
    assert main(["train", "--resume", "--steps", "6", "--seeds", "3", "--out", str(tmp_path / "grown")]) == 0
    assert main([*words, "--steps", "6", "--seeds", "3", "--out", str(tmp_path / "whole")]) == 0
    grown, whole = (jaxgan.load_run(tmp_path / name) for name in ("grown", "whole"))
    xr.testing.assert_identical(grown.dataset, whole.dataset)
    assert grown.probe_steps.tolist() == [2, 4, 6] and grown.along["captured"].shape == (1, 3, 3)
    a, b = (jaxgan.load_generator(tmp_path / name, seed=2).params for name in ("grown", "whole"))
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_digits_from_end_to_end(tmp_path):
    done = jaxgan_process("train", *TINY, "--ema", "0.9", "--d-steps", "2", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.samples["fake"].shape == (1, 2, 16, 8, 8, 1)
    assert run.notes["accuracy"] > 0.97
    assert {"frechet", "captured", "near", "kl"} == set(run.values)
    frechet = run.metrics[0]
    assert frechet.yardsticks["real against real"] < 5 < 100 < frechet.yardsticks["untrained generator"]
    assert set(run.outcomes.ravel()) <= {"COLLAPSED", "NOT_LEARNED"}  # after 6 steps
    assert main(["sample", str(tmp_path / "run"), "-n", "7"]) == 0
    assert main(["interpolate", str(tmp_path / "run"), "-n", "3"]) == 0


@pytest.mark.slow
def test_a_folder_of_unlabelled_pictures_and_a_loss_of_ones_own(tmp_path):
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(40):
        pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{i}.png")
    (tmp_path / "own.py").write_text("def ls(real, fake):\n    return 0.5 * (fake - 1.0) ** 2\n")
    words = ["--data", "pictures", "--image-size", "8", "--loss", "own.py:ls", "--loss", "minimax"]
    done = jaxgan_process("compare", *words, *TINY, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "principal components" in done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.configurations == ("ls", "minimax")
    assert run.samples["fake"].shape == (2, 2, 16, 8, 8, 3)


def test_help_and_version_answer_without_jax():
    code = "import sys, jaxgan.cli.app; jaxgan.cli.app.main(['compare', '--help']); sys.exit('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    for words in ("--batch-size", "[default: 64, 256 on ring and grid", "--loss", "path/to/file.py:name"):
        assert words in " ".join(done.stdout.split())
    assert main(["--version"]) == 0


def test_datasets_lists_what_is_here(capsys):
    assert main(["datasets"]) == 0
    listed = capsys.readouterr().out
    for name in ("digits", "ring", "grid", "tfds:NAME", ".npz", *prepared()):
        assert name in listed


@pytest.mark.skipif("mnist" not in prepared(), reason="MNIST is not prepared where TFDS looks (TFDS_DATA_DIR)")
@pytest.mark.slow
def test_mnist_from_end_to_end(tmp_path):
    words = ["--data", "tfds:mnist", "--seeds", "2", "--steps", "3", "--samples", "100", "--width", "4"]
    done = jaxgan_process("compare", *words, "--out", "run", cwd=tmp_path, env=os.environ)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.samples["fake"].shape == (2, 2, 16, 28, 28, 1)
    assert run.notes["accuracy"] >= 0.985
