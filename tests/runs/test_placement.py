"""Devices, processes, waves and turns change where seeds run, and none of their numbers."""

import functools
import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan.data.synthetic import ring
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.runs import run_seeds, seed_keys
from jaxgan.runs.placement import SMALL_STATE, assign, bytes_needed, over_runs, place, runs_that_fit, settle
from jaxgan.types import Array, Key

KEY = jax.random.key(0)
PROGRAM = Path(__file__).with_name("placement_program.py")


def finished(*commands: list[str], cwd: Path, timeout: float = 300) -> list[subprocess.CompletedProcess[str]]:
    """All commands, run at the same time."""
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": cwd}
    running = [subprocess.Popen(command, **options) for command in commands]
    try:
        outputs = [process.communicate(timeout=timeout) for process in running]
    finally:
        for process in running:
            process.kill()
    return [
        subprocess.CompletedProcess(command, process.returncode, *output)
        for command, process, output in zip(commands, running, outputs, strict=True)
    ]


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("localhost", 0))
        return int(opened.getsockname()[1])


def results(*words: list[str], cwd: Path) -> list[Any]:
    """What the program leaves when it is run with each list of words, all at the same time."""
    files = [cwd / f"{i}.pickle" for i in range(len(words))]
    commands = [[sys.executable, str(PROGRAM), w[0], str(f), *w[1:]] for w, f in zip(words, files, strict=True)]
    for done in finished(*commands, cwd=cwd):
        assert done.returncode == 0, done.stderr
    return [pickle.loads(file.read_bytes()) for file in files]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The findings of one process with four devices."""
    return results(["four"], cwd=tmp_path_factory.mktemp("four"))[0]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """As `four`, of other numbers of seeds in turn and side by side."""
    return results(["others"], cwd=tmp_path_factory.mktemp("others"))[0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The findings of two processes with two devices each, which talk through JAX's collectives."""
    port = str(free_port())
    return results(["two", port, "0"], ["two", port, "1"], cwd=tmp_path_factory.mktemp("two"))


def assert_same_runs(found: dict[str, Any], one: dict[str, Any], seeds: np.ndarray) -> None:
    """Random numbers to the bit. Parameters of 10 steps to what other programs for the same sums may round otherwise,
    which a game amplifies: ten times what was measured (1e-7)."""
    for name, got in found.items():
        atol = 0.0 if name.startswith("drawn") else 2e-6
        for key in ("info", "params"):  # the infos of a run that was resumed are those of its last steps
            steps = jax.tree.leaves(got["info"])[0].shape[1]
            taken = (seeds, slice(-steps, None)) if key == "info" else (seeds,)
            expected = jax.tree.map(lambda a, taken=taken: a[taken], one[name][key])
            jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=0, atol=atol), got[key], expected)


@pytest.mark.parametrize(("seeds", "in_turn"), [pytest.param(8, False, marks=pytest.mark.slow), (6, True)])
def test_devices_change_no_number(four: dict[str, Any], seeds: int, in_turn: bool) -> None:
    found = four[f"{seeds} seeds, {in_turn=}"]
    assert_same_runs(found, four["one device"], np.arange(seeds))
    np.testing.assert_array_equal(found["trained"]["seeds"], np.arange(seeds))
    bits = four["one device"]["drawn"]["info"]["bits"]
    assert len(np.unique(bits.reshape(-1, 4), axis=0)) == 8 * 10  # no two seeds or steps share theirs


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "in_turn"), [(8, True), (6, False)])
def test_turns_on_devices_change_no_number(
    four: dict[str, Any], others: dict[str, Any], seeds: int, in_turn: bool
) -> None:
    assert_same_runs(others[f"{seeds} seeds, {in_turn=}"], four["one device"], np.arange(seeds))


def test_waves_change_no_number(four: dict[str, Any]) -> None:
    assert_same_runs(four["6 seeds, waves"], four["one device"], np.arange(6))


def test_a_run_goes_on_with_other_devices(four: dict[str, Any]) -> None:
    for name in ("resumed", "resumed elsewhere"):
        assert four[name]["state"].step == 10
        assert_same_runs({"trained": four[name]}, four["one device"], np.arange(6))


def test_idle_devices_and_turns_are_said(four: dict[str, Any]) -> None:
    assert set(four["uneven"]) == {"6 runs on 4 devices take 2 rounds, the last with 2 idle"}
    assert "8 runs need more memory than there is: 2 batches of up to 4 take turns" in four["waves"]


def test_cores_become_devices_before_anything_else_or_never(four: dict[str, Any]) -> None:
    assert "jax_num_cpu_devices" in four["too late"]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["8 seeds", "5 seeds", "5 seeds at once", "5 seeds, waves", "resumed"])
def test_processes_change_no_number(four: dict[str, Any], two: list[dict[str, Any]], what: str) -> None:
    shares = np.array_split(np.arange(int(what[0]) if what[0].isdigit() else 5), 2)
    for process, own in zip(two, shares, strict=True):
        for found in process[what].values():
            np.testing.assert_array_equal(found.get("seeds", own), own)
        assert_same_runs(process[what], four["one device"], own)


@pytest.mark.slow
def test_processes_that_cannot_share_runs_are_told(two: list[dict[str, Any]]) -> None:
    for process in two:
        assert process["1 at once"] == "every process needs a run: got 1 for 2 processes"
        assert process["swept"] == "sweep works in one process, got 2: use fit, which gives each its runs"


@pytest.mark.slow
def test_a_sweep_over_processes_gives_each_its_runs(two: list[dict[str, Any]]) -> None:
    for process, own in zip(two, np.array_split(np.arange(10), 2), strict=True):
        found = process["sweep of 5 seeds"]
        np.testing.assert_array_equal(found["seeds"], own)
        # the bits of a seed are the same in both configurations, which differ in their setting alone
        bits = np.concatenate([each["sweep of 5 seeds"]["info"]["bits"] for each in two])
        np.testing.assert_array_equal(bits[:5], bits[5:])
        np.testing.assert_array_equal(found["info"]["setting"], np.where(own < 5, 1.0, 2.0)[:, None].repeat(10, 1))


@pytest.mark.slow
def test_a_run_that_one_process_stops_stands_still_there(two: list[dict[str, Any]]) -> None:
    assert [process["stopped"]["stopped_at"].tolist() for process in two] == [[4, 0, 0], [0, 0]]
    assert [process["stopped"]["step"] for process in two] == [10, 10]
    first = two[0]["stopped"]["params"]["bits"]
    assert not np.array_equal(first[0], two[0]["5 seeds"]["drawn"]["params"].generator["bits"][0])
    np.testing.assert_array_equal(first[1:], two[0]["5 seeds"]["drawn"]["params"].generator["bits"][1:])


def test_side_by_side_needs_more_memory_the_more_seeds_there_are() -> None:
    def matrix(_: None, key: Key) -> Array:
        a = jax.random.normal(key, (64, 64))
        return jnp.trace(a @ a @ a)

    def needed(seeds: int, in_turn: bool) -> int:
        return bytes_needed(jax.jit(over_runs(place(1, in_turn=in_turn), matrix)), None, jax.random.split(KEY, seeds))

    one = 4 * 64 * 64
    assert needed(64, in_turn=False) - needed(8, in_turn=False) >= 56 * one  # at least one matrix a seed
    assert needed(64, in_turn=True) - needed(8, in_turn=True) < one  # keys and results


def test_on_a_cpu_large_runs_take_turns_and_small_ones_do_not() -> None:
    for size, in_turn in ((SMALL_STATE - 4, False), (SMALL_STATE, True)):
        state = {"a": jax.ShapeDtypeStruct((size // 4 - 1,), jnp.float32), "b": np.zeros((), np.int32)}
        assert settle(place(1), state).in_turn is in_turn
        for told in (True, False):
            assert settle(place(1, in_turn=told), state).in_turn is told


def test_small_runs_go_side_by_side_in_equal_groups_that_change_no_draw() -> None:
    """Parameters to what programs of other shapes round otherwise in a few steps: ten times what was measured."""
    game = adversarial_game(MLPGenerator(2, (8,)), MLPDiscriminator((8,)), normal_prior(2), non_saturating)
    algorithm = alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=4)
    keys = seed_keys(KEY, 5)
    one = place(5, devices=jax.devices()[:1], in_turn=False)
    whole, grouped = (run_seeds(algorithm, ring().sample, keys, 3, placement=one._replace(group=g)) for g in (None, 2))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=0, atol=2e-6), grouped.info, whole.info)
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=0, atol=2e-6), grouped.state.params, whole.state.params
    )


def test_groups_may_leave_runs_over_and_have_results_without_numbers() -> None:
    def both(_: None, key: Key) -> tuple[Array, Array]:
        return jax.random.bits(key, (2,)), jnp.zeros((0, 3))

    keys = seed_keys(KEY, 5)  # 3 and 2
    grouped = over_runs(place(1, in_turn=False)._replace(group=3), both)
    bits, nothing = jax.jit(grouped)(None, keys)
    np.testing.assert_array_equal(bits, jax.vmap(lambda key: jax.random.bits(key, (2,)))(keys))
    assert nothing.shape == (5, 0, 3)


@pytest.mark.parametrize(("runs", "places"), [(4, 4), (5, 6), (9, 9), (16, 16), (17, 20)])
def test_groups_of_at_most_four_are_of_one_size(runs: int, places: int) -> None:
    one = place(runs, devices=jax.devices()[:1], in_turn=False)._replace(group=4)
    assert assign(runs, one).shape == (1, places)  # 5 are 3 and 3, 9 three times 3, and 17 five times 4
    assert assign(runs, one).max() == runs - 1


def test_as_many_seeds_as_fit() -> None:
    placement = place(1)
    assert runs_that_fit(placement, 64, lambda seeds: 10 * seeds, limit=1000) == 64
    assert runs_that_fit(placement, 64, lambda seeds: 10 * seeds, limit=500) == 45  # a tenth stays free
    assert runs_that_fit(placement, 64, lambda seeds: 10**6, limit=500) == 1  # is tried all the same


TINY = ["--data", "ring", "--seeds", "3", "--samples", "50", "--width", "4", "--batch-size", "8", "--latent-dim", "4"]


def jaxgan_of(*words: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "jaxgan", "train", *words]


def of_two(port: int, *words: str) -> list[list[str]]:
    meeting = ["--coordinator", f"localhost:{port}", "--num-processes", "2", "--process-id"]
    return [jaxgan_of(*words, *meeting, process) for process in "01"]


@pytest.mark.slow
def test_two_processes_leave_the_folder_of_one(tmp_path: Path) -> None:
    (single,) = finished(jaxgan_of(*TINY, "--steps", "10", "--devices", "1", "--out", "one"), cwd=tmp_path)
    assert single.returncode == 0, single.stderr
    first, second = finished(*of_two(free_port(), *TINY, "--steps", "10", "--out", "two"), cwd=tmp_path)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "report" in first.stdout and "report" not in second.stdout
    one, two = (jaxgan.load_run(tmp_path / name) for name in ("one", "two"))
    for series in one.series:  # measured: no difference; the room is for machines whose programs round otherwise
        np.testing.assert_allclose(two.series[series], one.series[series], rtol=1e-5, atol=2e-6)
    assert (tmp_path / "two" / "metrics.csv").read_text() == (tmp_path / "one" / "metrics.csv").read_text()
    assert [one.config["processes"], two.config["processes"]] == [1, 2]
    a, b = (jaxgan.load_generator(tmp_path / name, seed=2).generate(jnp.ones((1, 4))) for name in ("one", "two"))
    np.testing.assert_allclose(a, b, atol=2e-6)  # as above
    for name, seeds in (("1of2", 2), ("2of2", 1)):  # each process has written its own
        with np.load(tmp_path / "two" / "non_saturating" / "seeds-0-2" / "training" / name / "10.npz") as arrays:
            assert arrays["arr_0"].shape[0] == seeds
    (refused,) = finished(jaxgan_of("--resume", "--out", "two"), cwd=tmp_path)
    assert refused.returncode == 0  # it is finished: only its report is made again


@pytest.mark.slow
def test_an_interrupted_run_of_two_goes_on_as_two_and_errors_end_both(tmp_path: Path) -> None:
    words = [*TINY, "--steps", "10", "--out", "run"]
    (tmp_path / "own.py").write_text("def ls(real, fake):\n    return (fake - 1.0) ** 2\n")
    first, second = of_two(free_port(), *words, "--loss", "own.py:ls")
    second[second.index("own.py:ls")] = "gone.py:ls"  # as on a machine that lacks the file
    for done in finished(first, second, cwd=tmp_path, timeout=90):
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("jaxgan: process 2 of 2: --loss: got 'gone.py:ls'")
    assert not (tmp_path / "run").exists()

    interrupting = (
        "import signal, sys, jaxgan.cli.app, jaxgan.study.training as training\n"
        "on_chunk = training.Writer.on_chunk\n"
        "def cut(writer, chunk):\n"
        "    on_chunk(writer, chunk)\n"
        "    chunk.step < 5 or signal.raise_signal(signal.SIGTERM)\n"
        "training.Writer.on_chunk = cut\n"
        "sys.exit(jaxgan.cli.app.main())\n"
    )
    first, second = of_two(free_port(), *words, "--steps", "2000")
    second[1:5] = ["-c", interrupting]  # in one of the two, which stops both
    for done in finished(first, second, cwd=tmp_path):
        assert done.returncode == 143, done.stderr
        assert "jaxgan: stopped at step" in done.stderr.splitlines()[-1]
        assert "--resume --out" in done.stderr
    (alone,) = finished(jaxgan_of("--resume", "--out", "run"), cwd=tmp_path)
    assert alone.returncode == 2
    assert "number of processes: got 1, but the run in run was started with 2" in alone.stderr
    assert json.loads((tmp_path / "run" / "config.json").read_text())["devices"] >= 2
    assert sorted(os.listdir(tmp_path / "run" / "non_saturating" / "seeds-0-2" / "training")) == ["1of2", "2of2"]
    leader, other = finished(*of_two(free_port(), "--resume", "--out", "run"), cwd=tmp_path)
    assert leader.returncode == other.returncode == 0, leader.stderr + other.stderr
    assert "continuing at step" in leader.stderr
    # of 2,000 steps every fifth is recorded, with the first and the last
    assert jaxgan.load_run(tmp_path / "run").series["g_loss"].shape == (1, 3, 401)
