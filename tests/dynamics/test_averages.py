"""The moving average of the generator against its closed form, on trajectories that are known beforehand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from jaxgan import toy
from jaxgan.dynamics import averaged, best_generator, half_life_decay
from jaxgan.losses import minimax
from jaxgan.optim import cosine_schedule
from jaxgan.recipes import r3gan_schedules
from jaxgan.types import Algorithm, Generator, Key, Players, Sampler, State

KEY = jax.random.key(0)


def scripted(path: np.ndarray) -> Algorithm:
    """A rule whose generator is at path[s] after s steps: in its parameters, its statistics, a counter and a key."""
    points = jnp.asarray(path, jnp.float32)

    def at(step: Any) -> State:
        counted = {"steps": step, "odd": step % 2 == 1, "key": jax.random.fold_in(KEY, step)}
        params = {"w": points[step], **counted}
        model_state = {"batch_stats": {"mean": 2 * points[step]}, "counts": counted}
        return State(Players(params, {}), Players(model_state, {}), Players((), ()), None, step)

    def step(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        return at(state.step + 1)._replace(average=state.average), ()

    return Algorithm(lambda key, sample: at(jnp.int32(0)), step, toy.dirac(minimax))


def average_after(path: np.ndarray, decay: Any) -> Generator:
    algorithm, sample = averaged(scripted(path), decay), toy.origin()
    start = algorithm.init(KEY, sample)
    state = jax.lax.scan(lambda state, _: algorithm.step(KEY, state, sample), start, length=len(path) - 1)[0]
    return best_generator(state)


def weights(steps: int, decay: float) -> np.ndarray:
    """What each of the generators after 0, 1, ..., n steps has in the average after n."""
    rates = np.maximum(1 - decay, 9 / (10 + np.arange(steps)))
    after = np.append(np.cumprod((1 - rates)[::-1])[::-1], 1.0)
    return after * np.append(1.0, rates)


@pytest.mark.parametrize(("decay", "steps"), [(0.999, 40), (0.5, 40), (0.0, 5), (0.9, 300)])
def test_an_average_is_the_weighted_sum_of_the_generators_on_the_way(decay: float, steps: int) -> None:
    path = np.random.default_rng(0).standard_normal((steps + 1, 3)).astype(np.float32)
    average = jax.jit(lambda: average_after(path, decay))()
    expected = weights(steps, decay) @ path
    # a rounding of 32 bits a step, each forgotten as fast as the generator of that step
    np.testing.assert_allclose(average.params["w"], expected, atol=2e-6)
    np.testing.assert_allclose(average.model_state["batch_stats"]["mean"], 2 * expected, atol=4e-6)


def test_before_the_decay_is_reached_steps_weigh_by_their_eighth_power() -> None:
    """9 / (9 + s) prod_(t = s)^(n - 1) (1 + t) / (10 + t) in gamma functions; for large s it goes as s^8."""
    n = 1200
    s = np.arange(1, n + 1)
    closed = 9 / (9 + s) * np.exp(gammaln(n + 1) - gammaln(s + 1) + gammaln(s + 10) - gammaln(n + 10))
    np.testing.assert_allclose(weights(n, 0.999)[1:], closed, rtol=1e-9)
    np.testing.assert_allclose(closed[600:] / closed[-1], (s[600:] / n) ** 8, rtol=0.04)
    # `--ema 0.999` over the 1,200 steps of the default run: a constant decay would leave 30 % of the untrained weights
    assert weights(n, 0.999)[0] < 1e-20
    assert weights(n, 0.999)[: n // 2].sum() < 1 / 2**8
    assert 0.999**n == pytest.approx(0.301, abs=1e-3)


def test_beyond_the_ramp_it_is_the_exponential_average() -> None:
    steps, decay = 300, 0.9  # reached at step 80
    tail = weights(steps, decay)[-200:]
    np.testing.assert_allclose(tail, 0.1 * 0.9 ** np.arange(199, -1, -1), rtol=1e-12)


def test_what_is_no_floating_point_number_is_the_generators_own() -> None:
    average = average_after(np.zeros((8, 1)), 0.999)
    for counted in (average.params, average.model_state["counts"]):
        assert (counted["steps"], counted["odd"], counted["key"]) == (7, True, jax.random.fold_in(KEY, 7))
        assert (counted["steps"].dtype, counted["odd"].dtype) == (jnp.int32, jnp.bool_)


def test_a_generator_that_stands_still_is_its_average_to_the_bit_and_in_its_type() -> None:
    path = np.full((200, 4), 0.1) * [1, 1e-30, 1e30, -3]
    np.testing.assert_array_equal(average_after(path, 0.99).params["w"], path[0].astype(np.float32))


def test_decays_can_be_swept() -> None:
    path = np.random.default_rng(1).standard_normal((30, 2))
    decays = [0.0, 0.3, 0.9]
    swept = jax.vmap(lambda decay: average_after(path, decay).params["w"])(jnp.asarray(decays))
    np.testing.assert_allclose(swept, [weights(29, decay) @ path for decay in decays], atol=2e-6)


def test_a_decay_may_be_a_schedule_and_a_half_life_in_images() -> None:
    path = np.random.default_rng(2).standard_normal((400, 2))
    # as it is, without the ramp of a number: at first the average is forgotten, then it keeps 0.97 a step
    found = average_after(path, lambda step: jnp.where(step < 1, 0.0, 0.97)).params["w"]
    kept = 0.97 ** np.arange(399)[::-1]
    np.testing.assert_allclose(found, kept @ (np.append(1.0, np.full(398, 0.03))[:, None] * path[1:]), atol=2e-6)
    # the last 50 steps see another decay: what was there before has 0.8^50 of its weight, 1e-5
    changed = average_after(path, lambda step: jnp.where(step < 350, 0.99, 0.8)).params["w"]
    alone = (0.2 * 0.8 ** np.arange(50)[::-1]) @ path[-50:]
    np.testing.assert_allclose(changed, alone, atol=1e-3)
    ten: Any = half_life_decay(640.0, 64)
    assert ten**10 == pytest.approx(0.5)
    assert half_life_decay(0.0, 64) == 0.0
    decay_of: Any = lambda images: half_life_decay(images, 64)  # noqa: E731
    swept = jax.vmap(decay_of)(jnp.array([0.0, 640.0]))
    np.testing.assert_allclose(swept, [0.0, 0.5**0.1], rtol=1e-6)
    growing: Any = half_life_decay(cosine_schedule(0.0, 640.0, 100), 64)
    np.testing.assert_allclose([growing(jnp.int32(step)) for step in (0, 100)], [0.0, 0.5**0.1], rtol=1e-6)
    for images, batch in ((-1.0, 64), (float("inf"), 64), (10.0, 0)):
        with pytest.raises(ValueError, match=r"^(images|batch_size) must be"):
            half_life_decay(images, batch)


def test_the_average_of_r3gan_ends_with_the_published_half_life() -> None:
    """`training_loop.py` of brownvc/R3GAN: ema_beta = 0.5 ** (batch_size / max(ema_nimg, 1e-8)), and nothing else."""
    decay = r3gan_schedules("cifar10", 4, shorter=10_000)["ema"]  # 500 steps; at the end half of 500 images are kept
    generator = np.append(np.zeros(501), np.ones(125))[:, None]  # another one for 125 steps of 4 images
    assert average_after(generator, decay).params["w"] == pytest.approx(0.5, abs=1e-5)
