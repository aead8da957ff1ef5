"""Lazy terms: at every k-th step and free at the others; and the memories of terms in training."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.dynamics import alternating, averaged, best_generator
from jaxgan.runs.run import run
from jaxgan.terms import every, gradient_penalty, lecam, path_length, r1
from jaxgan.types import Array, Batch, Key, Players, PyTree, State, StatefulTerm, View
from tests.views import KEY, REAL, A, close, energy, game_of, values, view_of

BATCH = Batch(jnp.asarray(REAL))


def test_every_is_k_times_the_term_at_every_kth_step() -> None:
    inner = values(r1(3.0), view_of(energy)).mean()
    lazy = jnp.stack([values(every(3, r1(3.0)), view_of(energy, step=jnp.int32(step))) for step in range(6)])
    close(lazy, inner * np.array([3, 0, 0, 3, 0, 0]))
    close(lazy.mean(), inner)
    close(values(every(1, r1(3.0)), view_of(energy, step=jnp.int32(5))), inner)


def test_a_lazy_term_remembers_when_it_is_due() -> None:
    inner, lazy = path_length(), every(2, path_length())
    assert isinstance(lazy, StatefulTerm)
    memory, expected = lazy.init(), inner.init()
    for step in range(4):
        view = view_of(step=jnp.int32(step), key=jax.random.fold_in(KEY, step))
        found, memory = lazy.apply(view, memory)
        if step % 2 == 0:
            lengths, expected = inner.apply(view, expected)
            close(found, 2 * lengths.mean())
        else:
            assert found == 0
        close(memory, expected)


def conditionals(step_axis: int | None, *terms: Any) -> int:
    """How many conditionals there are in the discriminator's objective and gradient, over two critics at once."""
    game = game_of(d_terms=terms)
    params, state = game.init(KEY, BATCH)

    def value(own: PyTree, step: Array) -> Array:
        return game.discriminator(KEY, params._replace(discriminator=own), state, BATCH, 4, step)[0]

    own = jax.tree.map(lambda a: jnp.stack([a, a]), params.discriminator)
    step = jnp.int32(0) if step_axis is None else jnp.zeros(2, jnp.int32)
    return str(jax.make_jaxpr(jax.vmap(jax.grad(value), (0, step_axis)))(own, step)).count("cond[")


def test_a_lazy_term_stays_conditional_over_many_seeds() -> None:
    assert conditionals(None, gradient_penalty()) == 0
    assert conditionals(None, every(4, gradient_penalty())) > 0
    assert conditionals(None, every(4, lecam())) > 0
    assert conditionals(0, every(4, gradient_penalty())) == 0  # with a step of its own for each seed both sides run


def test_a_lazy_term_runs_only_when_due_in_training() -> None:
    calls: list[int] = []

    def counted(view: View) -> Array:
        jax.debug.callback(lambda key, step: calls.append(int(step)), jax.random.key_data(view.key), view.step)
        return jnp.zeros(())

    algorithm = alternating(game_of(d_terms=(every(4, counted),)), optax.sgd(0.01), optax.sgd(0.01), batch_size=4)
    seeds = jax.random.split(KEY, 3)
    jax.block_until_ready(jax.jit(jax.vmap(lambda key: run(algorithm, sample, key, 8).info.d_loss))(seeds))
    jax.effects_barrier()
    assert sorted(calls) == [0, 0, 0, 4, 4, 4]


def sample(key: Key, n: int) -> Batch:
    return Batch(BATCH.x[:n])


def trained(steps: int, **terms: Any) -> tuple[State, State]:
    """The states before and after some steps of two discriminator updates each."""
    algorithm = alternating(game_of(**terms), optax.sgd(1e-3), optax.sgd(1e-3), batch_size=4, d_steps=2)
    state = first = averaged(algorithm, 0.5).init(KEY, sample)
    step = jax.jit(lambda key, state: averaged(algorithm, 0.5).step(key, state, sample)[0])
    for i in range(steps):
        state = step(jax.random.fold_in(KEY, i), state)
    return first, state


def test_memories_are_threaded_through_training() -> None:
    first, last = trained(2, d_terms=(r1(), lecam(), every(2, lecam(decay=0.5))), g_terms=(path_length(),))
    for state in (first, last):
        assert [set(own) for own in state.model_state] == [{"terms"}, {"terms"}]
        assert jax.tree.map(lambda a: (a.shape, a.dtype), state) == jax.tree.map(lambda a: (a.shape, a.dtype), first)
        assert best_generator(state).model_state == {}
        assert best_generator(state._replace(average=None)).model_state == {}
    nothing, always, lazy = last.model_state.discriminator["terms"]
    assert nothing == ()
    close([always[2], lazy[2]], [1 - 0.99**4, 1 - 0.5**2])  # four updates in two steps; two of them at step 0
    lengths = last.model_state.generator["terms"][0]
    assert 0 < lengths < 2 * np.linalg.norm(A)
    assert [float(leaf) for leaf in jax.tree.leaves(first.model_state)] == [0] * 7


def test_nothing_is_kept_where_no_term_remembers() -> None:
    for state in trained(1, d_terms=(r1(), every(2, r1())), g_terms=(lambda view: jnp.zeros(()),)):
        assert state.model_state == Players({}, {})


@pytest.mark.parametrize("lazy", [False, True])
def test_a_memory_keeps_its_type(lazy: bool) -> None:
    def count(view: View, memory: Array) -> tuple[Array, Array]:
        return view.real_logits, memory + jnp.ones(())  # of 32 bits

    counter = StatefulTerm(lambda: jnp.zeros((), jnp.bfloat16), count)
    _, last = trained(2, d_terms=(every(1, counter) if lazy else counter,))
    (memory,) = last.model_state.discriminator["terms"]
    assert (memory.dtype, memory) == (jnp.bfloat16, 4)
