"""Records: which steps have one, that thinning changes no bit, and what is watched at every step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import toy
from jaxgan.dynamics import simultaneous
from jaxgan.runs import Chunk, FitResult, fit, place, run, run_seeds, seed_keys
from jaxgan.runs.records import record_steps
from jaxgan.types import Algorithm, Key, Sampler, State

KEYS = seed_keys(jax.random.key(0), 2)


def recorded(algorithm: Any, sample: Sampler, num_steps: int, **options: Any) -> tuple[FitResult, np.ndarray, Any]:
    """The end, the steps that have a record, and the records."""
    chunks: list[Chunk] = []
    how: dict[str, Any] = {"max_chunk": 8, "chunk_seconds": 1e6} | options
    end = fit(algorithm, sample, KEYS, num_steps, on_chunk=chunks.append, **how)
    info = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *[chunk.info for chunk in chunks])
    assert sum(chunk.length for chunk in chunks) == num_steps - (chunks[0].step - chunks[0].length)
    return end, np.concatenate([chunk.steps for chunk in chunks]), info


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("num_steps", [1, 2, 17, 499, 500, 501, 1000, 5001, 20_000, 123_456])
def test_a_run_has_about_500_records_by_default(num_steps: int) -> None:
    steps = record_steps(num_steps)
    assert steps[0] == 1 and steps[-1] == num_steps
    assert min(num_steps, 200) <= len(steps) <= 502
    assert np.all(np.diff(steps) > 0)
    within = np.setdiff1d(steps, [1, num_steps])
    assert len(within) == 0 or len(set(np.diff(within))) <= 1  # evenly


def test_records_do_not_depend_on_where_a_run_was_cut() -> None:
    assert_same(record_steps(30, every=7), [1, 7, 14, 21, 28, 30])
    assert_same(record_steps(3000)[:5], [1, 10, 20, 30, 40])
    assert_same(record_steps(9, at=(9, 4, 12, 0)), [4, 9])
    assert set(record_steps(1000)[:-1]) <= set(record_steps(400)) | set(range(400, 1001))  # a coarser spacing, extended


@pytest.mark.parametrize("in_turn", [True, False])
def test_thinning_changes_no_bit(algorithm: Algorithm, sample: Sampler, in_turn: bool) -> None:
    where = {"placement": place(2, in_turn=in_turn)}
    end, steps, info = recorded(algorithm, sample, 21, record_every=1, **where)
    assert_same(steps, np.arange(1, 22))
    for options, expected in (
        ({"record_every": 4}, [1, 4, 8, 12, 16, 20, 21]),
        ({"record_at": (3, 15)}, [3, 15]),
        ({"record_every": 50}, [1, 21]),
    ):
        thin_end, thin_steps, thin = recorded(algorithm, sample, 21, **options, **where)
        assert_same(thin_steps, expected)
        assert_same(thin_end.state, end.state)
        assert_same(thin, jax.tree.map(lambda a, at=expected: a[:, np.array(at) - 1], info))


def test_a_resumed_run_has_the_records_of_a_whole_one(algorithm: Algorithm, sample: Sampler) -> None:
    _, steps, info = recorded(algorithm, sample, 12, record_every=4)
    first: list[Chunk] = []

    def until_7(chunk: Chunk) -> None:
        first.append(chunk._replace(state=jax.tree.map(jnp.copy, chunk.state)))

    fit(algorithm, sample, KEYS, 12, record_every=4, on_chunk=until_7, max_chunk=6, chunk_seconds=1e6)
    assert first[1].step == 7
    _, rest_steps, rest = recorded(algorithm, sample, 12, record_every=4, state=first[1].state)
    assert_same(np.concatenate([first[0].steps, first[1].steps, rest_steps]), steps)
    joined = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), first[0].info, first[1].info, rest)
    assert_same(joined, info)


def test_run_and_run_seeds_record_as_told(algorithm: Algorithm, sample: Sampler) -> None:
    whole = run_seeds(algorithm, sample, KEYS, 6, placement=place(2, in_turn=True)).info
    thin = run_seeds(algorithm, sample, KEYS, 6, record_every=3, placement=place(2, in_turn=True)).info
    assert_same(thin, jax.tree.map(lambda a: a[:, 2::3], whole))
    alone = jax.jit(lambda key: run(algorithm, sample, key, 6, record_every=3))(KEYS[1])
    # another loop for the same sums
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b[1], rtol=0, atol=2e-6), alone.info, thin)
    with pytest.raises(ValueError, match="probe_every must be a multiple of record_every, got 3 and 2"):
        run(algorithm, sample, KEYS[0], 6, probe_every=3, record_every=2)
    for options, message in (
        ({"record_every": 0}, "record_every must be at least 1, and stand alone, got 0"),
        ({"record_every": 2, "record_at": (1,)}, r"got 2 and record_at \[1\]"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(algorithm, sample, KEYS, 6, **options)  # type: ignore[arg-type]


def test_the_first_step_that_is_not_finite_is_kept_from_every_step() -> None:
    """theta grows by a factor of about 1 + h until its product with psi overflows; the losses of 32 bits say when."""

    def make(lr: Any) -> Algorithm:
        tx = optax.sgd(lr)
        return simultaneous(toy.bilinear(), tx, tx, batch_size=1)

    settings = {"lr": [0.1, 1e3]}
    _, _, info = recorded(make, toy.origin(), 40, settings=settings, record_every=1)
    end, steps, _ = recorded(make, toy.origin(), 40, settings=settings, record_at=(1, 40))
    assert_same(steps, [1, 40])
    bad = ~np.isfinite(info.g_loss) | ~np.isfinite(info.d_loss)
    assert not bad[:2].any() and bad[2:, -1].all()
    first = np.where(bad.any(axis=1), bad.argmax(axis=1) + 1, 0)
    assert 1 < first[2] < 40
    assert_same(end.first_nonfinite_step, first)
    which = np.where(np.isfinite(info.d_loss[2:, first[2] - 1]), "g_loss", "d_loss")  # of two the first by name
    assert end.first_nonfinite.tolist() == ["", "", *which.tolist()]


def test_a_rule_of_ones_own_is_watched_by_its_names(sample: Sampler) -> None:
    def init(key: Key, sample: Sampler) -> State:
        return State(jnp.zeros(3), None, (), None, jnp.int32(0))  # type: ignore[arg-type]

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, dict[str, Any]]:
        step = state.step + 1
        return state._replace(step=step), {"fine": 1.0 / step, "count": step, "pole": jnp.ones(2) / (step - 4)}

    own = Algorithm(init, update, game=None)  # type: ignore[arg-type]
    end, steps, info = recorded(own, sample, 6, record_every=2)
    assert_same(steps, [1, 2, 4, 6])
    assert_same(info["count"], np.tile(steps, (2, 1)))
    assert end.first_nonfinite_step.tolist() == [4, 4]
    assert end.first_nonfinite.tolist() == ["['pole']"] * 2


def test_what_only_a_record_needs_is_computed_at_recorded_steps(sample: Sampler, algorithm: Algorithm) -> None:
    made: list[int] = []

    def info(report: Any) -> Any:
        jax.debug.callback(lambda _: made.append(1), report.generator.loss)
        return algorithm.info(report)

    fit(algorithm._replace(info=info), sample, KEYS, 30, record_every=10, max_chunk=15, chunk_seconds=1e6)
    jax.effects_barrier()
    # at 1, 10, 20, 30, and what ends a chunk at 16 is computed and left out
    assert len(made) == 2 * 5
