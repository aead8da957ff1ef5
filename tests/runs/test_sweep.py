"""An axis of runs: settings are arguments, every run is what it would be alone, and a stopped one stands still."""

import functools
import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen

from jaxgan import recipes, terms
from jaxgan.data import from_points
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.runs import Chunk, FitResult, Result, fit, place, run, run_seeds, seed_keys, sweep
from jaxgan.runs.run import start_runs, with_algorithm
from jaxgan.types import Algorithm, Array, Key, Players, Sampler, State

KEYS = seed_keys(jax.random.key(0), 3)
NETWORKS = MLPGenerator(2, hidden=(8,)), MLPDiscriminator(hidden=(8,))
SETTINGS = {"lr_d": jnp.array([1e-3, 2e-2]), "gamma": jnp.array([0.0, 1.0])}


def make(lr_d: Any, gamma: Any) -> Algorithm:
    return recipes.r1_gan(*NETWORKS, normal_prior(4), lr_d=lr_d, gamma=gamma, batch_size=8)


def probe(key: Key, algorithm: Algorithm, state: State) -> dict[str, Array]:
    params, model_state = state.params.generator, state.model_state.generator
    return {"samples": algorithm.game.sample(key, params, model_state, 4), "number": jax.random.normal(key)}


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


def of(tree: Any, *which: Any) -> Any:
    return jax.tree.map(lambda a: a[which], tree)


@pytest.fixture(scope="module")
def swept(sample: Sampler) -> Result:
    return sweep(make, SETTINGS, sample, KEYS, 10, probe=probe, probe_every=5)


def test_results_lead_with_configuration_and_seed(swept: Result) -> None:
    assert {leaf.shape[:2] for leaf in jax.tree.leaves(swept)} == {(2, 3)}
    assert swept.info.d_loss.shape == (2, 3, 10)
    assert swept.probes["samples"].shape == (2, 3, 2, 4, 2)
    assert_same(swept.state.step, np.full((2, 3), 10))


@pytest.mark.parametrize("in_turn", [True, False])
def test_a_run_of_a_sweep_is_what_it_is_alone(sample: Sampler, swept: Result, in_turn: bool) -> None:
    result = sweep(make, SETTINGS, sample, KEYS, 10, probe=probe, probe_every=5, placement=place(6, in_turn=in_turn))
    for c in range(2):
        numbers = {name: float(values[c]) for name, values in SETTINGS.items()}
        algorithm = make(**numbers)
        bound = with_algorithm(probe, algorithm)
        alone = jax.jit(lambda key, a=algorithm, p=bound: run(a, sample, key, 10, probe=p, probe_every=5))(KEYS[1])
        ours = of(result, c, 1)
        assert_same(ours.probes["number"], alone.probes["number"])
        # Ten updates in 32 bits: a constant folds otherwise than an argument. Ten times what was measured (4e-7).
        close = functools.partial(np.testing.assert_allclose, rtol=0, atol=4e-6)
        jax.tree.map(close, (ours.state, ours.info, ours.probes), (alone.state, alone.info, alone.probes))
    moved = jax.tree.map(lambda a: np.abs(a[0] - a[1]).max(), result.state.params.discriminator)
    assert max(jax.tree.leaves(moved)) > 1e-2  # the settings matter


def drawing(offset: Any) -> Algorithm:
    """Its state and its info are the random numbers that it is given, and its setting."""

    def drawn(key: Key, sample: Sampler, step: Array) -> State:
        numbers = {"batch": sample(key, 5).x, "bits": jax.random.bits(key, (4,)), "offset": jnp.float32(offset)}
        return State(Players(numbers, {}), Players({}, {}), Players({}, {}), None, step)

    def step(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        return drawn(key, sample, state.step + 1), drawn(key, sample, state.step).params.generator

    return Algorithm(lambda key, sample: drawn(key, sample, jnp.int32(0)), step, game=None)  # type: ignore[arg-type]


def test_every_configuration_draws_the_numbers_of_its_seeds(sample: Sampler) -> None:
    found: Any = sweep(drawing, {"offset": jnp.arange(3.0)}, sample, KEYS, 4).info
    alone: Any = run_seeds(drawing(0.0), sample, KEYS, 4).info
    for c in range(3):
        assert_same(found["bits"][c], alone["bits"])
        assert_same(found["batch"][c], alone["batch"])
        assert_same(found["offset"][c], np.full((3, 4), c))


def test_what_has_no_numbers_has_the_axes_of_a_sweep(sample: Sampler) -> None:
    def nothing(key: Key, algorithm: Algorithm, state: State) -> Array:
        return jnp.zeros((0, 2))

    assert sweep(drawing, {"offset": jnp.arange(2.0)}, sample, KEYS, 1, probe=nothing).probes.shape == (2, 3, 1, 0, 2)


def test_one_configuration_is_run_to_the_bit(algorithm: Algorithm, sample: Sampler) -> None:
    # In turn every seed's arrays have the shapes that they have alone.
    result = run_seeds(algorithm, sample, KEYS, 5, placement=place(3, in_turn=True))
    alone = jax.jit(lambda key: run(algorithm, sample, key, 5))
    for i, key in enumerate(KEYS):
        assert_same(of(result, i), alone(key))


class OwnGenerator(linen.Module):
    @linen.compact
    def __call__(self, z: Array) -> Array:
        return linen.Dense(2)(jnp.sin(linen.Dense(8)(z)))


class OwnDiscriminator(linen.Module):
    @linen.compact
    def __call__(self, x: Array) -> Array:
        return linen.Dense(1)(jnp.sin(linen.Dense(8)(x)))[:, 0]


def test_networks_and_points_of_ones_own_are_swept_in_one_program(caplog: pytest.LogCaptureFixture) -> None:
    points = from_points(np.random.default_rng(0).normal(3.0, 0.5, (200, 2)))

    def make_own(lr: Any) -> Algorithm:
        return recipes.ns_gan(OwnGenerator(), OwnDiscriminator(), normal_prior(4), lr_g=lr, lr_d=lr, batch_size=8)

    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        result = sweep(make_own, {"lr": jnp.array([1e-3, 1e-2, 1e-1])}, points.sample, KEYS, 6)
    assert result.info.d_loss.shape == (3, 3, 6) and np.isfinite(result.info.d_loss).all()
    # One program begins all runs and one trains them.
    assert caplog.text.count("Finished XLA compilation of jit(everywhere)") == 2
    # All start from the same networks and data; from the first update on, each rate has a loss of its own.
    first, last = result.info.d_loss[:, :, 0], result.info.d_loss[:, :, -1]
    assert_same(first, np.broadcast_to(first[0], first.shape))
    assert len(np.unique(last)) == last.size


def test_other_numbers_compile_nothing(sample: Sampler, swept: Result, caplog: pytest.LogCaptureFixture) -> None:
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        other = {"lr_d": np.array([5e-3, 0.0], np.float32), "gamma": np.array([0.1, 7.0], np.float32)}
        again = sweep(make, other, sample, KEYS, 10, probe=probe, probe_every=5)
        assert sum("Compiling" in text for text in caplog.messages) == 0
    assert np.all(again.info.d_loss[..., -1] != swept.info.d_loss[..., -1])


def test_a_sweep_may_be_transformed(sample: Sampler) -> None:
    def last(keys: Key, rates: Array) -> Array:
        return sweep(make, {"lr_d": rates, "gamma": jnp.ones(2)}, sample, keys, 2, probe=probe).info.d_loss[..., -1]

    shape = jax.eval_shape(jax.vmap(last, in_axes=(None, 0)), KEYS, jnp.zeros((5, 2)))
    assert shape.shape == (5, 2, 3)


def test_settings_may_be_pytrees(sample: Sampler) -> None:
    def of_both(rates: Players) -> Algorithm:
        game = adversarial_game(*NETWORKS, normal_prior(4), non_saturating)
        return alternating(game, optax.sgd(rates.generator), optax.sgd(rates.discriminator), batch_size=4)

    rates = {"rates": Players(jnp.array([0.0, 0.1]), np.array([0.1, 0.0]))}
    end = fit(of_both, sample, KEYS, 2, settings=rates, max_chunk=2, chunk_seconds=1e6).state.params
    begun = start_runs(of_both(Players(0.0, 0.0)), sample, KEYS).params
    # float32 either way, in two programs
    close = functools.partial(np.testing.assert_allclose, rtol=0, atol=1e-6)
    jax.tree.map(lambda a, b: close(a[:3], b), end.generator, begun.generator)
    jax.tree.map(lambda a, b: close(a[3:], b), end.discriminator, begun.discriminator)


class Fitting:
    """A call of `fit`, its chunks, and their infos joined."""

    def __init__(self, sample: Sampler, num_steps: int, **options: Any) -> None:
        self.chunks: list[Chunk] = []
        self.probed: list[Any] = []
        how: dict[str, Any] = {"max_chunk": 8, "chunk_seconds": 1e6, "record_every": 1, "settings": SETTINGS} | options
        self.end: FitResult = fit(make, sample, KEYS, num_steps, on_chunk=self._keep, **how)
        infos = [chunk.info for chunk in self.chunks]
        self.info = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *infos)

    def _keep(self, chunk: Chunk) -> None:
        if chunk.probe is not None:
            self.probed.append((chunk.step, jax.device_get(chunk.state)))
        self.chunks.append(chunk)


def test_a_resumed_sweep_changes_no_bit(sample: Sampler) -> None:
    whole = Fitting(sample, 9)
    half = Fitting(sample, 4)
    state = jax.tree.map(jnp.copy, half.end.state)
    rest = Fitting(sample, 9, state=state)
    assert_same(rest.end.state, whole.end.state)
    assert_same(jax.tree.map(lambda a, b: np.concatenate([a, b], axis=1), half.info, rest.info), whole.info)
    assert whole.end.runs.tolist() == list(range(6))


@pytest.mark.parametrize("in_turn", [True, False])
def test_a_stopped_run_keeps_its_state_to_the_bit_and_disturbs_no_other(sample: Sampler, in_turn: bool) -> None:
    where = {"placement": place(6, in_turn=in_turn)}

    def stop(chunk: Chunk) -> np.ndarray:
        return (chunk.runs == 1) & (chunk.step >= 3) | (chunk.runs == 4) & (chunk.step >= 6)

    plain = Fitting(sample, 9, probe=probe, probe_every=3, **where)
    cut = Fitting(sample, 9, probe=probe, probe_every=3, stop=stop, **where)
    assert cut.end.step == 9 and not cut.end.interrupted
    assert cut.end.stopped_at.tolist() == [0, 3, 0, 0, 6, 0]
    stood = dict(cut.probed)
    for run_, at in ((1, 3), (4, 6)):
        assert_same(of(cut.end.state[:-1], run_), of(stood[at][:-1], run_))
    others = np.array([0, 2, 3, 5])
    if in_turn:  # a run's program is its own
        assert_same(of(cut.end.state[:-1], others), of(plain.end.state[:-1], others))
        assert_same(of(cut.info, others), of(plain.info, others))
        assert_same(of(cut.end.state[:-1], 1), of(dict(plain.probed)[3][:-1], 1))
    else:  # another program for the same sums, which may round otherwise: ten times what was measured (2e-7)
        close = functools.partial(np.testing.assert_allclose, rtol=0, atol=2e-6)
        jax.tree.map(close, of(cut.end.state[:-1], others), of(plain.end.state[:-1], others))
    assert np.isfinite(cut.info.d_loss[1, :3]).all() and np.isnan(cut.info.d_loss[1, 3:]).all()
    assert [chunk.active[4] for chunk in cut.chunks] == [chunk.step <= 6 for chunk in cut.chunks]

    on = Fitting(sample, 12, state=jax.tree.map(jnp.copy, cut.end.state), stopped_at=cut.end.stopped_at, **where)
    assert on.end.stopped_at.tolist() == [0, 3, 0, 0, 6, 0]
    assert_same(of(on.end.state[:-1], 1), of(stood[3][:-1], 1))
    assert np.isfinite(on.info.d_loss[others]).all() and np.isnan(on.info.d_loss[[1, 4]]).all()


def test_when_all_are_stopped_it_ends(sample: Sampler) -> None:
    end = Fitting(sample, 50, probe_at=(2, 20), stop=lambda chunk: np.ones(6, bool)).end
    assert end.step == 2 and end.stopped_at.tolist() == [2] * 6


def test_a_stopped_run_in_turn_takes_no_step(sample: Sampler) -> None:
    steps: list[int] = []

    def counted(lr: Any) -> Algorithm:
        plain = drawing(lr)

        def step(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
            jax.debug.callback(lambda _: steps.append(1), state.step)
            return plain.step(key, state, sample)

        return plain._replace(update=step)

    def stop(chunk: Chunk) -> np.ndarray:
        return chunk.runs > 0

    how: dict[str, Any] = {"probe_at": (2,), "stop": stop, "placement": place(3, in_turn=True), "max_chunk": 8}
    fit(counted, sample, KEYS, 10, settings={"lr": jnp.zeros(1)}, **how)
    jax.effects_barrier()
    assert len(steps) == 3 * 2 + 8


@pytest.mark.parametrize("in_turn", [True, False])
def test_a_lazy_term_stays_lazy_where_runs_may_stop(sample: Sampler, in_turn: bool) -> None:
    """Its `lax.cond` on the step is a branch only as long as the step has no axis of runs."""
    evaluated: list[int] = []

    def penalty(view: Any) -> Array:
        jax.debug.callback(lambda _: evaluated.append(1), view.step)
        return jnp.zeros(4)

    def lazy(lr: Any) -> Algorithm:
        game = adversarial_game(*NETWORKS, normal_prior(4), non_saturating, d_terms=(terms.every(4, penalty),))
        return alternating(game, optax.sgd(lr), optax.sgd(lr), batch_size=4)

    how: dict[str, Any] = {"placement": place(3, in_turn=in_turn), "max_chunk": 8, "chunk_seconds": 1e6}
    fit(lazy, sample, KEYS, 8, settings={"lr": jnp.zeros(1)}, probe_at=(8,), stop=lambda c: c.runs > 5, **how)
    jax.effects_barrier()
    assert len(evaluated) == (2 * 3 if in_turn else 2)  # at steps 0 and 4: by every run, or by all at once


BARE: Any = lambda key, n: jax.random.normal(key, (n, 2))  # noqa: E731


@pytest.mark.parametrize(
    ("settings", "keys", "error", "message"),
    [
        ({"lr_d": jnp.ones(2), "gamma": jnp.ones(3)}, KEYS, ValueError, "one number of configurations, got lr_d of 2"),
        ({"lr_d": 0.1, "gamma": jnp.ones(3)}, KEYS, ValueError, "axis of configurations, got lr_d without axes"),
        ({"lr_d": [], "gamma": []}, KEYS, ValueError, "at least one configuration, got"),
        ({"lr_d": ["a"], "gamma": [1.0]}, KEYS, TypeError, "arrays of numbers, got lr_d of <U1"),
        ({"rate": [1.0], "gamma": [1.0]}, KEYS, TypeError, "names that make takes, lr_d, gamma: got rate, gamma"),
        ({"lr_d": [1.0]}, KEYS, TypeError, "names that make takes, lr_d, gamma: got lr_d"),
        ({}, KEYS, TypeError, "names that make takes, lr_d, gamma: got none"),
        ([1.0], KEYS, TypeError, "settings must be a dict of arrays by the names that make takes, got list"),
        (SETTINGS, 8, TypeError, r"one per seed, such as seed_keys\(jax.random.key\(0\), 8\), got int"),
        (SETTINGS, KEYS[0], TypeError, "keys must be an array of keys, .*, got one key"),
        (SETTINGS, jnp.arange(3.0), TypeError, r"keys must be an array of keys, .*, got float32\[3\]"),
        (SETTINGS, KEYS[:0], ValueError, "at least one key, got none"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(
    sample: Sampler, settings: Any, keys: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        sweep(make, settings, sample, keys, 10)
    assert "\n" not in str(caught.value)


def test_calls_that_do_not_fit_are_refused_in_a_line(algorithm: Algorithm, sample: Sampler) -> None:
    with pytest.raises(TypeError, match=r"keys must be an array of keys, one per seed, .*, got int"):
        run_seeds(algorithm, sample, 8, 10)  # type: ignore[arg-type]
    for call in (run_seeds, fit):
        with pytest.raises(TypeError, match=r"sample must return a Batch, such as Batch\(x\) .*, got float32\[2, 2\]"):
            call(algorithm, BARE, KEYS, 10)
    with pytest.raises(TypeError, match=r"sample must be a function \(key, n\) -> Batch, got float32\[4, 2\]"):
        run_seeds(algorithm, jnp.zeros((4, 2)), KEYS, 10)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"settings need a function make.*, got an Algorithm"):
        fit(algorithm, sample, KEYS, 10, settings=SETTINGS)
    with pytest.raises(TypeError, match="a function that makes an algorithm needs settings, got None"):
        fit(make, sample, KEYS, 10)
    with pytest.raises(TypeError, match="algorithm must be an Algorithm, or a function that makes one, got str"):
        run_seeds("wgan", sample, KEYS, 10)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give probe_every or probe_at, got neither"):
        fit(algorithm, sample, KEYS, 10, stop=lambda chunk: chunk.active)
    with pytest.raises(ValueError, match=r"a bool for every run, bool\[3\], got bool\[\]"):
        fit(algorithm, sample, KEYS, 3, probe_every=1, stop=lambda chunk: np.array(True), max_chunk=8)


def test_results_show_themselves_in_a_few_lines(sample: Sampler, swept: Result) -> None:
    text = repr(swept)
    assert len(text.splitlines()) <= 20
    assert "  info.d_loss: float32[2, 3, 10]" in text.splitlines()
    assert "  probes.samples: float32[2, 3, 2, 4, 2]" in text.splitlines() or "more" in text
    assert swept._repr_html_() == f"<pre>{text}</pre>"
    fitting = Fitting(sample, 4)
    for shown in (repr(fitting.end), repr(fitting.chunks[-1])):
        assert len(shown.splitlines()) <= 20
        assert "  state.params: " in shown and "  runs: int64[6]" in shown


def test_progress_is_shown_where_it_is_asked_for(
    algorithm: Algorithm, sample: Sampler, capsys: pytest.CaptureFixture[str]
) -> None:
    run_seeds(algorithm, sample, KEYS, 5)
    assert capsys.readouterr().err == ""
    run_seeds(algorithm, sample, KEYS, 5, progress=True)
    assert "5/5" in capsys.readouterr().err
