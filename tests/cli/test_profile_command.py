"""`jaxgan profile`, as a person meets it: what it writes, what it prints, how it refuses."""

import json
import shlex
import subprocess
import sys

import jax
import numpy as np
import pytest
import xarray as xr

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.report.profile.parts import ages_of, part_of
from jaxgan.report.profile.rows import frozen_rows, training_rows
from jaxgan.report.profile.tables import markdown
from jaxgan.study.messages import OptionError
from jaxgan.study.profiles.profile_config import ProfileConfig, ages_in_steps, command_line, profile_from
from jaxgan.study.profiles.strength import DiscriminatorStrength, strengths_from

TINY = ["--seeds", "2", "--width", "4", "--batch-size", "8", "--latent-dim", "4"]
TRAIN = ["--train", "--data", "ring", *TINY, "--steps", "6", "--every", "2", "--samples", "50"]
FROZEN = ["--frozen", "--data", "ring", *TINY, "--ages", "0,3", "--d-iterations", "12", "--probes", "4"]
LOSSES = ["--loss", "minimax", "--loss", "wasserstein"]
OWN = "def flat(real, fake):\n    return 0.0 * fake\n\n\ndef steep(real, fake):\n    return -3.0 * fake\n"


def profile(*words: str) -> jg.Results:
    assert main(["profile", *words]) == 0
    return jg.load_run(words[words.index("--out") + 1])


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """A process of its own, as a newcomer would call it."""
    folder = tmp_path_factory.mktemp("paper")
    command = [sys.executable, "-W", "error", "-m", "jaxgan", "profile"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "0001-profile", done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return profile(*TRAIN, *LOSSES, "--out", str(tmp_path_factory.mktemp("trained") / "profile"))


@pytest.fixture(scope="module")
def frozen_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("frozen") / "profile"


@pytest.fixture(scope="module")
def frozen(frozen_folder):
    return profile(*FROZEN, *LOSSES, "--d-strength", "width=2,noise=0.1", "--out", str(frozen_folder))


def test_on_paper_the_two_losses_are_minus_d_and_minus_one_minus_d(paper):
    """The bars that were set: 1e-6 in float32 and 1e-14 in float64, over logits from -30 to 30."""
    folder, printed = paper
    run = jg.load_run(folder)
    arrays = part_of(run, "paper")
    v = arrays["logits"]
    assert (v.min(), v.max()) == (-30, 30)
    for loss, exact in (("minimax", -1 / (1 + np.exp(-v))), ("non_saturating", -1 / (1 + np.exp(v)))):
        i = run.losses.index(loss)
        assert arrays["d_logit32"].dtype == np.float32
        assert np.max(np.abs(arrays["d_logit32"][i] / exact - 1)) < 1e-6
        assert np.max(np.abs(arrays["d_logit64"][i] / exact - 1)) < 1e-14
        assert np.isfinite(arrays["d_probability32"][i]).all() and np.isfinite(arrays["d_probability64"][i]).all()
    assert "minimax" in printed and "-4.60" in printed and "report.html" in printed


def test_on_paper_everything_is_there_to_look_at(paper):
    folder, _ = paper
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "results.nc", "table.md", "table.json", "report.html"} <= names
    assert "paper.png" in names
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "with respect to the logit" in page and "http" not in page.replace("http-equiv", "").replace(
        "http://www.w3.org", ""
    )


def test_a_loss_of_ones_own_is_profiled(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    names = [f"{tmp_path / 'own.py'}:{name}" for name in ("flat", "steep")]
    run = profile("--loss", names[0], "--loss", names[1], "--loss", "least_squares", "--out", str(tmp_path / "p"))
    assert run.losses == ("flat", "steep", "least_squares")
    arrays, about = part_of(run, "paper"), run.notes["about"]
    np.testing.assert_array_equal(arrays["d_logit32"][0], 0)
    np.testing.assert_array_equal(arrays["d_logit64"][1], -3)
    assert np.isnan(arrays["closed_d_logit"][0]).all() and about["flat"]["derivative"] is None
    assert about["flat"]["saturates"] == "everywhere" and about["steep"]["saturates"] == "nowhere"
    assert about["least_squares"]["axis"] == "sigmoid(score)" and about["flat"]["axis"] == "D(G(z))"
    assert "flat" in markdown(run)
    assert (tmp_path / "p/code/own.py").read_text() == OWN
    assert list(json.loads((tmp_path / "p/config.json").read_text())["inputs"]) == ["own.py"]


def test_a_profile_of_training_has_every_loss_at_every_look(trained):
    found = part_of(trained, "training")
    assert trained.configurations == ("base",) and trained.losses == ("minimax", "wasserstein")
    assert found["steps"].tolist() == [2, 4, 6]
    assert found["norm"].shape == (1, 2, 3, 2)  # [configuration, seed, probe, loss]
    assert found["norms"].shape == (1, 2, 3, 2, 4) and found["cosine"].shape == (1, 2, 3, 2, 2)
    assert found["layers"].shape[-1] == len(trained.dataset.layer) == 3
    assert found["update_norm"].shape == found["trained_norm"].shape == (1, 2, 3)
    assert (found["norm"] > 0).all() and (found["update_norm"] > 0).all()
    assert found["metric"].shape == (1, 2) and trained.notes["metric"].startswith("Modes")
    np.testing.assert_allclose(
        np.sqrt((found["layers"].astype(float) ** 2).sum(-1)), found["norm"], rtol=1e-5
    )  # a sum of three squares in float32


def test_it_is_the_training_of_jaxgan_train(trained, tmp_path):
    """The same run unwatched ends at the same updates, to the bit."""
    words = ["--data", "ring", *TINY, "--steps", "6", "--samples", "50", "--loss", "non_saturating"]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    series = jg.load_run(tmp_path / "run").series
    for name, own in (("g_update_norm", "update_norm"), ("g_grad_norm", "trained_norm")):
        np.testing.assert_array_equal(series[name][0][:, [1, 3, 5]], part_of(trained, "training")[own][0])


@pytest.mark.slow
def test_a_profile_along_training_grows_as_if_it_had_been_started_so(trained, tmp_path):
    """From 4 steps of 1 seed to 6 steps of 2, by options that are kept: the numbers of the whole."""
    out = str(tmp_path / "grown")
    smaller = [*TRAIN, "--seeds", "1", "--steps", "4"]
    assert profile(*smaller, *LOSSES, "--out", out).probe_steps.tolist() == [2, 4]
    grown = profile("--train", "--resume", "--seeds", "2", "--steps", "6", "--out", out)
    assert grown.probe_steps.tolist() == [2, 4, 6]
    assert grown.config["command"] == trained.config["command"] and grown.notes["kind"] == "train"
    # One seed and two side by side are programs of other shapes, which agree to the rounding of float32.
    xr.testing.assert_allclose(grown.dataset, trained.dataset, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_profile_that_was_stopped_goes_on_to_equal_bits(trained, tmp_path, monkeypatch, capsys):
    """Ctrl-C after the second of three measurements."""
    from jaxgan.study import training

    looked = []

    def counted(writer, chunk):
        looked.append(chunk.step)
        if len(looked) == 2:
            raise KeyboardInterrupt
        kept(writer, chunk)
        writer.save(chunk.state)

    kept, out = training.Writer.on_chunk, str(tmp_path / "cut")
    with monkeypatch.context() as patch:
        patch.setattr(training.Writer, "on_chunk", counted)
        assert main(["profile", *TRAIN, *LOSSES, "--out", out]) == 130
    assert f"continue with: jaxgan profile --train --resume --out {out}" in capsys.readouterr().err
    xr.testing.assert_identical(profile("--train", "--resume", "--out", out).dataset, trained.dataset)


def test_what_a_profile_cannot_be_continued_with(trained, paper, capsys):
    out = str(trained.folder)
    before = (trained.folder / "results.nc").read_bytes()
    for words, expected in [
        (["--resume", "--out", out], "--resume: is for --train"),
        (["--train", "--resume"], "--resume: got no --out"),
        (["--train", "--resume", "--out", str(paper[0])], "holds no profile along training"),
        (["--train", "--resume", "--loss", "hinge", "--out", out], "--loss: got ('hinge',), but the run in"),
        (["--train", "--resume", "--minibatches", "3", "--out", out], "--minibatches: got 3, but the run in"),
        (["--train", "--resume", "--seeds", "1", "--out", out], "it can only grow"),
    ]:
        assert main(["profile", *words]) == 2
        assert expected in capsys.readouterr().err
    assert main(["train", "--resume", "--out", out]) == 2
    assert "holds a run of `jaxgan profile`, not of `jaxgan train`" in capsys.readouterr().err
    assert (trained.folder / "results.nc").read_bytes() == before


def test_a_profile_against_frozen_generators_has_ages_steps_and_strengths(frozen):
    found = part_of(frozen, "frozen")
    assert frozen.configurations == ("base", "width=2,noise=0.1") and ages_of(frozen) == (0, 3)
    assert found["steps"].tolist() == [1, 2, 5, 12]
    assert found["norm"].shape == (2, 2, 2, 4, 2)  # [configuration, age, seed, probe, loss]
    assert found["norms"].shape == (2, 2, 2, 4, 2, 8)
    assert found["image_norms"].shape == (2, 2, 2, 4, 2, 5)
    assert found["accuracy"].shape == found["value"].shape == (2, 2, 2, 12)
    np.testing.assert_allclose(found["agreement"][0], 1, atol=1e-5)  # the base with itself, in float32
    assert (np.abs(found["agreement"][1]) < 0.999).all()
    assert ((found["accuracy"] >= 0) & (found["accuracy"] <= 1)).all()
    # wasserstein's gradient is that of both cross-entropy losses together: never below minimax's
    assert {row.configuration for row in frozen_rows(frozen)} == set(frozen.configurations)


def test_rows_can_be_read_elsewhere(frozen, trained):
    """A row a configuration, age, seed, step and loss, by xarray's own means."""
    for run, rows in ((frozen, 2 * 2 * 2 * 4 * 2), (trained, 2 * 3 * 2)):
        names = ["gradient_norm", "gradient_snr", "gradient_saturated"]
        lines = run.to_xarray()[names].to_dataframe().reset_index()
        assert len(lines) == rows
        last = lines[(lines.seed == 1) & (lines.loss == "wasserstein") & (lines.probe_step == run.probe_steps[-1])]
        assert last.gradient_norm.iloc[-1] == run.group("gradient")["norm"][(-1,) * (4 + ("age" in lines))]


def test_tables_have_a_row_for_each_loss(frozen, trained):
    assert len(frozen_rows(frozen)) == 2 * 2 * 2 and len(training_rows(trained)) == 2
    assert "decades per 1,000 steps" in markdown(frozen) and "change, decades" in markdown(trained)


def test_the_printed_command_has_every_digit():
    words = command_line("paper", ProfileConfig(threshold=0.0123456789), None)
    assert words == "jaxgan profile --loss minimax --loss non_saturating --loss wasserstein --loss hinge " + (
        "--threshold 0.0123456789"
    )


@pytest.mark.slow
def test_the_printed_command_repeats_a_profile(frozen, tmp_path):
    words = shlex.split(frozen.config["command"])
    again = profile(*words[2:], "--out", str(tmp_path / "again"))
    assert again.config["command"] == frozen.config["command"]
    xr.testing.assert_equal(again.dataset, frozen.dataset)


@pytest.mark.slow
def test_generators_may_come_from_a_recipe(tmp_path):
    words = [*FROZEN[:3], "--recipe", "r1_gan", *TINY, "--ages", "2", "--d-iterations", "4", "--probes", "2"]
    run = profile(*words, *LOSSES, "--threshold", "1.5", "--out", str(tmp_path / "p"))
    assert (part_of(run, "frozen")["saturated"] == 1).all()  # no derivative of the two is that large
    assert run.notes["trained"] == "r1_gan" and part_of(run, "frozen")["norm"].shape == (1, 1, 2, 2, 2)
    assert "--recipe r1_gan" in run.config["command"]


@pytest.mark.slow
def test_critics_without_a_probability_are_measured_and_said_to_be_scores(tmp_path):
    run = profile(*FROZEN, "--loss", "wasserstein", "--d-loss", "wasserstein", "--out", str(tmp_path / "p"))
    assert run.notes["d_scores"] is True
    assert np.isfinite(part_of(run, "frozen")["norm"]).all()
    assert "implied JSD" not in markdown(run)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--loss", "minimx"], "did you mean 'minimax'"),
        (["--loss", "minimax", "--loss", "minimax"], "--loss: got minimax, minimax, expected each loss once"),
        (["--threshold", "0"], "--threshold: got 0, expected above 0, and below 1e+30"),
        (["--threshold", "nan"], "--threshold: got nan"),
        (["--train", "--frozen"], "choose one"),
        (["--ages", "1e"], "--ages: is for --frozen"),
        (["--seeds", "4"], "--seeds: is for --train and --frozen"),
        (["--minibatches", "4"], "--minibatches: is for --train and --frozen"),
        (["--every", "10"], "--evaluate-every: is for --train and --frozen"),
        (["--train", "--probes", "10"], "--probes: is for --frozen"),
        (["--frozen", "--steps", "10"], "--steps: is for --train"),
        (["--frozen", "--data", "ring", "--ages", "1e"], "the data have no size"),
        (["--frozen", "--data", "ring", "--ages", "10,5"], "expected them to increase"),
        (["--frozen", "--data", "ring", "--ages", "soon"], "--ages: got 'soon'"),
        (["--frozen", "--data", "ring", "--ages", "-5"], "--ages: got '-5'"),
        (["--frozen", "--d-iterations", "0"], "--d-iterations: got 0, expected at least 1"),
        (["--frozen", "--probes", "1"], "--probes: got 1, expected at least 2"),
        (["--frozen", "--d-loss", "hing"], "did you mean 'hinge'"),
        (["--train", "--d-strength", "speed=2"], "--d-strength: got 'speed'"),
        (["--train", "--d-strength", "lr"], "--d-strength: got 'lr', expected NAME=VALUE"),
        (["--train", "--d-strength", "k=0.5"], "a whole number of at least 1"),
        (["--train", "--d-strength", "noise=0.5"], "below 0.5"),
        (["--train", "--d-strength", "lr=0"], "a finite number above 0"),
        (["--train", "--d-strength", "lr=1"], "other than the base"),
        (["--train", "--recipe", "hinge_gan", "--d-strength", "k=2"], "--d-strength: hinge_gan has no number d_steps"),
        (["--train", "--recipe", "wgan", "--train-loss", "hinge"], "--train-loss are two ways to train"),
        (["--train", "--recipe", "r1_gan", "--d-strength", "noise=0.1"], "--d-strength: noise=0.1 is for losses"),
        (["--train", "--data", "ring", "--fake-batch-size", "9", *TINY, "--d-strength", "noise=0.1"], "as many"),
        (["--frozen", "--data", "ring", "--fake-batch-size", "9", *TINY, "--d-strength", "noise=0.1"], "as many"),
        (["--train", "--minibatches", "0"], "--minibatches: got 0"),
        (["--train", "--data", "rinf"], "did you mean 'ring'"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line_and_nothing_is_written(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["profile", *words]) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("jaxgan: ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_a_profile_is_not_overwritten_unasked(paper, capsys):
    folder, _ = paper
    before = (folder / "results.nc").read_bytes()
    assert main(["profile", "--loss", "hinge", "--out", str(folder)]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert (folder / "results.nc").read_bytes() == before


def test_a_profile_is_no_run(paper, tmp_path, monkeypatch, capsys):
    folder, _ = paper
    assert main(["sample", str(folder)]) == 2
    assert "holds no trained generator" in capsys.readouterr().err
    monkeypatch.chdir(folder.parent.parent)  # where the newest under runs/ is a profile
    assert main(["sample"]) == 2
    assert "there is no run" in capsys.readouterr().err


def test_ages_are_steps_or_epochs():
    assert ages_in_steps(("1e", "10e", "25e"), 1797 / 64) == (28, 281, 702)
    assert ages_in_steps((), 1797 / 64) == (28, 281, 702) and ages_in_steps((), None) == (100, 1000, 3000)
    assert ages_in_steps(("0.5e", "100"), 100.0) == (50, 100)
    with pytest.raises(OptionError, match="increase"):
        ages_in_steps(("0.001e", "0"), 100.0)


def test_strengths_are_named_as_they_are_given():
    assert strengths_from(("k=5,lr=0.25",)) == [DiscriminatorStrength(), DiscriminatorStrength(lr=0.25, k=5)]
    assert [strength.name for strength in strengths_from(("width=2", "noise=0.1"))] == ["base", "width=2", "noise=0.1"]


def test_options_have_the_defaults_that_the_help_names(capsys):
    defaults = profile_from("frozen", {"loss": (), "threshold": None})
    assert defaults.loss == ("minimax", "non_saturating", "wasserstein", "hinge")
    assert main(["profile", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for shown in (
        "[default: 2,000]",
        "with profile --train every 50 steps]",
        "[default: 100]",
        "[default: 0.01]",
        "1e,10e,25e",
    ):
        assert shown in text


def test_the_tables_numbers_are_plain_json(frozen, frozen_folder):
    rows = json.loads((frozen_folder / "table.json").read_text())["frozen"]["rows"]
    assert rows[0]["loss"] == "minimax" and {"estimate", "low", "high"} <= set(rows[0]["per_thousand"])
    assert {"frozen.png", "strengths.png", "report.html"} <= {path.name for path in frozen_folder.iterdir()}


@pytest.mark.slow
def test_training_under_a_strength_is_another_training(tmp_path):
    run = profile(*TRAIN, *LOSSES, "--d-strength", "lr=4,k=2,noise=0.1", "--out", str(tmp_path / "p"))
    found = part_of(run, "training")
    assert run.configurations == ("base", "lr=4,k=2,noise=0.1") and found["norm"].shape == (2, 2, 3, 2)
    assert not np.array_equal(found["norm"][0], found["norm"][1])


@pytest.mark.slow
def test_mnist_against_frozen_generators(tmp_path):
    from jaxgan.data.tfds import prepared

    if "mnist" not in prepared():
        pytest.skip("MNIST is not prepared here; TFDS_DATA_DIR says where")
    words = ["--frozen", "--data", "tfds:mnist", "--seeds", "2", "--width", "4", "--ages", "0.05e", "--d-iterations"]
    run = profile(*words, "300", "--probes", "10", "--out", str(tmp_path / "p"))
    rows = {row.loss: row for row in frozen_rows(run)}
    assert rows["minimax"].per_thousand.estimate < 0 < rows["non_saturating"].total.estimate
    assert jax.default_backend() == run.config["platform"]
