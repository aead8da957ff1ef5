"""Checkpoints: exact, one at a time, and never half or damaged without a word."""

import errno
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

from jaxgan import checkpoint, toy
from jaxgan.checkpoint import CheckpointError, latest_step, load, newest_whole, read_meta, save, steps_in
from jaxgan.dynamics import simultaneous
from jaxgan.random import is_key
from jaxgan.runs import fit, placement, run, run_seeds, seed_keys
from jaxgan.runs.run import start_runs
from jaxgan.types import Algorithm, Generator, Players, State


def state(seed: int = 0) -> State:
    """Every kind of leaf that a run carries, and a kernel large enough to be most of the file."""
    rng = np.random.default_rng(seed)
    params = {"kernel": jnp.asarray(rng.standard_normal((64, 64)), jnp.float32)}
    other = {
        "half": jnp.asarray(rng.standard_normal(5), jnp.bfloat16),
        "bytes": jnp.asarray(rng.integers(0, 256, (2, 3)), jnp.uint8),
        "odd": jnp.array([jnp.nan, jnp.inf, -0.0, 1e-30]),
        "flag": jnp.array([True, False]),
        "key": jax.random.key(seed),
        "keys": jax.random.split(jax.random.key(seed, impl="rbg"), (2, 3)),
    }
    model_state = Players({}, {"batch_stats": {"mean": jnp.zeros((2,))}})
    opt_state = Players(optax.adam(1e-3).init(params), optax.noisy_sgd(1e-3, key=seed).init(params))
    return State(Players(params, other), model_state, opt_state, Generator(params, {}), jnp.int32(7))


def bits(leaf: Any) -> bytes:
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()


def assert_same(actual: Any, expected: Any) -> None:
    assert str(jax.tree.structure(actual)) == str(jax.tree.structure(expected))
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert (a.dtype, a.shape, bits(a)) == (b.dtype, b.shape, bits(b))


@pytest.mark.parametrize("average", [True, False])
def test_a_round_trip_keeps_types_and_bits(tmp_path: Path, average: bool) -> None:
    before = state() if average else state()._replace(average=None)
    save(tmp_path, 7, before, {"lr": 1e-3, "names": ["a", "b"]})
    for like in (before, jax.eval_shape(lambda: before)):
        after, meta = load(tmp_path, like)
        assert_same(after, before)
        assert meta == {"lr": 1e-3, "names": ["a", "b"]}


def test_only_the_newest_is_kept(tmp_path: Path) -> None:
    assert latest_step(tmp_path) is None
    for step in (9, 10):
        save(tmp_path, step, state(step), {})
        assert latest_step(tmp_path) == step
    assert {path.name for path in tmp_path.iterdir()} == {"10", "10.sha256"}
    assert_same(load(tmp_path, state())[0], state(10))


def test_the_last_ones_are_kept_and_those_of_an_attempt_that_was_given_up_are_not(tmp_path: Path) -> None:
    for step in (9, 10, 11):
        save(tmp_path, step, state(step), {}, keep=2)
    assert steps_in(tmp_path) == [11, 10]
    save(tmp_path, 10, state(0), {}, keep=2)  # gone on from 9, which was whole
    assert {path.name for path in tmp_path.iterdir()} == {"10", "10.sha256"}
    save(tmp_path, 12, state(12), {}, keep=2)
    assert steps_in(tmp_path) == [12, 10]
    assert_same(load(tmp_path, state(), 10)[0], state(0))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
@pytest.mark.parametrize("named", ["metadata", ""], ids=["metadata", "numbers"])
def test_a_damaged_one_is_passed_over_for_the_one_before(
    tmp_path: Path, damage: Callable[[Path], None], named: str
) -> None:
    for step in (1, 2):
        save(tmp_path, step, state(step), {"at": step}, keep=2)
    assert newest_whole(tmp_path, partial(read_meta, tmp_path))[1:] == (2, None)
    files = [path for path in (tmp_path / "2").rglob("*") if path.is_file() and path.name.startswith(named)]
    damage(max(files, key=lambda path: path.stat().st_size))
    (found, meta), step, damaged = newest_whole(tmp_path, partial(load, tmp_path, state()))
    assert_same(found, state(1))
    assert (meta, step, damaged) == ({"at": 1}, 1, 2)


def test_where_none_is_whole_the_newest_is_named_and_what_does_not_fit_is_not_passed_over(tmp_path: Path) -> None:
    for step in (1, 2):
        save(tmp_path, step, state(step), {}, keep=2)
    with pytest.raises(CheckpointError, match="does not fit"):
        newest_whole(tmp_path, partial(load, tmp_path, {"w": jnp.zeros(2)}))
    for step in (1, 2):
        flip(tmp_path / str(step) / "meta" / "metadata")
    with pytest.raises(CheckpointError, match="is damaged: its files are not those that were written"):
        newest_whole(tmp_path, partial(load, tmp_path, state()))
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        newest_whole(tmp_path / "none", partial(load, tmp_path / "none", state()))


def test_what_an_earlier_version_wrote_by_a_manager_is_read(tmp_path: Path) -> None:
    before = state(5)
    numbers = jax.tree.map(lambda a: jax.random.key_data(a) if is_key(a) else a, before)
    meta = {"at": 5, "digest": checkpoint.digest(before), "leaves": checkpoint._leaves(before)}
    with ocp.CheckpointManager(tmp_path) as manager:
        args = ocp.args.Composite(tree=ocp.args.StandardSave(numbers), meta=ocp.args.JsonSave(meta))
        manager.save(5, args=args)
    after, found = load(tmp_path, before)
    assert_same(after, before)
    assert found == {"at": 5}
    save(tmp_path, 6, state(6), {}, keep=2)
    assert steps_in(tmp_path) == [6, 5]


def test_the_same_step_is_replaced(tmp_path: Path) -> None:
    save(tmp_path, 3, state(0), {"try": 1})
    save(tmp_path, 3, state(1), {"try": 2})
    after, meta = load(tmp_path, state())
    assert_same(after, state(1))
    assert meta == {"try": 2}


def test_a_flipped_byte_is_an_error(tmp_path: Path) -> None:
    save(tmp_path, 1, state(), {})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    assert len(content) > 64 * 64 * 3  # random numbers do not compress much: the middle is the kernel's
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        load(tmp_path, state())


def test_other_numbers_than_were_saved_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers are compared once more after orbax has read them."""
    save(tmp_path, 1, state(), {})
    assert_same(load(tmp_path, state())[0], state())
    before = checkpoint.digest
    monkeypatch.setattr(checkpoint, "digest", lambda tree: before(tree._replace(step=tree.step + 1)))
    with pytest.raises(CheckpointError, match="its numbers do not have its digest"):
        load(tmp_path, state())


def test_a_missing_checkpoint_is_an_error(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "nowhere"):
        assert latest_step(directory) is None
        with pytest.raises(CheckpointError, match="no checkpoint in"):
            load(directory, state())
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": jnp.zeros((3,), jnp.int32)}, r"expected \.step to be int32\[3\], got int32\[\]$"),
        ({"step": jnp.float32(0)}, r"expected \.step to be float32\[\], got int32\[\]$"),
        ({"step": jax.random.key(0)}, r"expected \.step to be key<fry>\[\], got int32\[\]$"),
        ({"average": None}, r"expected \.average\.params\['kernel'\] to be absent, got float32\[64, 64\]$"),
    ],
)
def test_what_does_not_fit_is_an_error_of_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    save(tmp_path, 1, state(), {})
    with pytest.raises(CheckpointError, match=message) as caught:
        load(tmp_path, state()._replace(**change))
    assert "\n" not in str(caught.value)


def test_what_a_killed_save_leaves_is_ignored_and_cleaned(tmp_path: Path) -> None:
    save(tmp_path, 1, state(1), {})
    stale = tmp_path / "2.orbax-checkpoint-tmp"
    stale.mkdir()
    (stale / "half").write_text("of it")
    assert latest_step(tmp_path) == 1
    assert_same(load(tmp_path, state())[0], state(1))
    save(tmp_path, 3, state(3), {})
    assert {path.name for path in tmp_path.iterdir()} == {"3", "3.sha256"}


def test_a_digest_of_files_that_was_never_written_is_done_without(tmp_path: Path) -> None:
    """An earlier version could be killed between opening its file and writing it; the numbers have a digest, too."""
    save(tmp_path, 3, state(), {})
    (tmp_path / "3.sha256").write_bytes(b"")
    assert_same(load(tmp_path, state())[0], state())


def test_a_full_disk_is_noticed_before_orbax_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which said so in hundreds of lines, from threads; the checkpoint before stays."""
    save(tmp_path, 1, state(1), {})
    before = {path.name for path in tmp_path.rglob("*")}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**40, 2**40 - 2**16, 2**16))
    with pytest.raises(OSError, match="No space left on device") as raised:
        save(tmp_path, 2, state(2), {})
    assert raised.value.errno == errno.ENOSPC and raised.value.filename == str(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == before
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 0))  # not known
    save(tmp_path, 2, state(2), {})
    assert latest_step(tmp_path) == 2


def descent() -> Algorithm:
    """A rule in which all randomness but the start is that of the optimizers."""
    noisy = optax.noisy_sgd(0.1, key=0)
    return simultaneous(toy.bilinear(2), noisy, noisy, batch_size=1)


@pytest.mark.parametrize("bytes_there", [2**40, 1], ids=["together", "in waves"])
def test_a_run_with_random_optimizers_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_there: int
) -> None:
    algorithm, sample, keys = descent(), toy.origin(2), seed_keys(jax.random.key(0), 3)
    whole = fit(algorithm, sample, keys, 9).state
    monkeypatch.setattr(placement, "bytes_available", lambda placement: bytes_there)
    save(tmp_path, 4, fit(algorithm, sample, keys, 4).state, {})
    like = jax.eval_shape(lambda: start_runs(algorithm, sample, keys))
    assert_same(fit(algorithm, sample, keys, 9, state=load(tmp_path, like)[0]).state, whole)
    assert_same(run_seeds(algorithm, sample, keys, 9).state.opt_state, whole.opt_state)


def test_the_noise_of_an_optimizer_is_each_runs_and_each_players_own() -> None:
    """The bilinear game starts alike in every run: with one noise for all, seeds would be copies of one another."""
    algorithm, sample, keys = descent(), toy.origin(2), seed_keys(jax.random.key(0), 3)
    states = run_seeds(algorithm, sample, keys, 2).state
    ends = np.stack([states.params.generator["theta"], states.params.discriminator["psi"]], axis=1)
    assert len(np.unique(ends)) == ends.size == 3 * 2 * 2
    alone = run(algorithm, sample, keys[2], 2).state
    assert bits(alone.opt_state.generator[0].rng_key) == bits(states.opt_state.generator[0].rng_key[2])
