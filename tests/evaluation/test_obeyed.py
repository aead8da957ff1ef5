"""Classes that samples are asked for: sums in a program give what whole arrays give, and each failure its number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.evaluation.obeyed import BY_CLASS, asked_for, by_class, real_classes
from jaxgan.metrics.frechet import frechet_distance, moments
from jaxgan.types import Game, Generator

CLASSES = 10


@pytest.fixture(scope="module")
def digits() -> jg.data.Source:
    return jg.data.digits(labels=True)


@pytest.fixture(scope="module")
def evaluator(digits) -> jg.Evaluator:
    return jg.evaluator_for(digits, samples=400)


def drawing(digits: jg.data.Source, *, same: bool = False, deaf: bool = False) -> Game:
    """Held-out digits of the class asked for; the `same` one of a class each time, or of a class of its own choice."""
    assert digits.heldout is not None
    x, y = jnp.asarray(digits.heldout.x), np.asarray(digits.heldout.y)
    places = [np.flatnonzero(y == c) for c in range(CLASSES)]
    first = jnp.asarray([p[0] for p in places])
    of_class = jnp.asarray(np.stack([np.resize(p, 64) for p in places]))

    def sample(key, params, model_state, n, y=None):
        del params, model_state
        choice, which = jax.random.split(key)
        asked = jax.random.randint(choice, (n,), 0, CLASSES) if deaf else y
        return x[first[asked]] if same else x[of_class[asked, jax.random.randint(which, (n,), 0, 64)]]

    return Game(init=None, generator=None, discriminator=None, sample=sample)  # type: ignore[arg-type]


def measured(evaluator: jg.Evaluator, game: Game) -> dict[str, np.ndarray]:
    return jg.evaluate(evaluator, game, Generator(jnp.zeros((1, 1)), {}), jg.seed_keys(jax.random.key(0), 1))


def test_samples_of_the_class_asked_for_are_as_real_data(digits, evaluator):
    found = measured(evaluator, drawing(digits))
    real = evaluator.real["class_accuracy_data"]
    # 40 samples a class of a classifier that is right on 99 of 100: one more wrong in some class is chance.
    np.testing.assert_allclose(found["class_accuracy"][0], real, atol=0.1)
    assert found["obeyed"][0] == pytest.approx(real.mean(), abs=0.03)
    np.testing.assert_allclose(found["class_spread"][0], 1, atol=0.25)  # of 40 samples: a standard error of 0.1


def test_a_generator_that_ignores_its_class_obeys_by_chance(digits, evaluator):
    found = measured(evaluator, drawing(digits, deaf=True))
    assert found["obeyed"][0] == pytest.approx(1 / CLASSES, abs=0.06)  # 400 samples: a standard error of 0.015
    assert found["captured"][0] == CLASSES  # which the classes over all samples do not tell


def test_one_picture_a_class_has_no_spread(digits, evaluator):
    found = measured(evaluator, drawing(digits, same=True))
    assert found["obeyed"][0] > 0.85
    np.testing.assert_allclose(found["class_spread"][0], 0, atol=1e-2)  # a difference of float32 sums of 64 features


def test_the_metric_is_for_those_alone_who_ask_for_classes():
    assert "obeyed" not in [m.name for m in jg.evaluator_for(jg.data.digits(), samples=100).metrics]


def test_sums_give_what_whole_arrays_give():
    rng = np.random.default_rng(0)
    y, seen = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    x = (rng.normal(size=(300, 4)) + y[:, None]).astype(np.float32)
    used = rng.random(300) < 0.9
    held = real_classes(x, x[::2] + 0.1, y, y[::2], seen[::2], 3)
    assert held is not None
    asked = asked_for(jnp.asarray(x - 1) * used[:, None], jnp.asarray(seen), jnp.asarray(used), jnp.asarray(y), 3)
    one = jax.tree.map(lambda a: np.asarray(a)[None], asked)
    found = by_class(one, np.ones(4, np.float32), held, np.array([True]))
    for c in range(3):
        rows, real = used & (y == c), held.moments[c]
        assert real is not None and found["class_accuracy"][0, c] == pytest.approx(np.mean(seen[rows] == c))
        # float32 sums of a hundred terms, against float64
        expected = frechet_distance(moments(x[rows]), real)
        assert found["class_frechet"][0, c] == pytest.approx(expected, rel=1e-4)
    assert found["obeyed"][0] == pytest.approx(found["class_accuracy"][0].mean())


def test_a_class_without_samples_and_a_run_that_is_not_finite_have_no_numbers():
    x, y = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32), np.arange(40) % 2
    held = real_classes(x, x, y, y, y, 2)
    assert held is not None
    asked = asked_for(jnp.asarray(x), jnp.zeros(40, int), jnp.ones(40, bool), jnp.zeros(40, int), 2)
    both = jax.tree.map(lambda a: np.stack([a, a]), asked)
    found = by_class(both, np.zeros(2, np.float32), held, np.array([True, False]))
    assert np.isfinite(found["class_accuracy"][0, 0]) and np.isnan(found["class_accuracy"][0, 1])
    assert found["obeyed"][0] == found["class_accuracy"][0, 0] and np.isnan(found["obeyed"][1])
    assert all(np.isnan(found[name][1]).all() for name in BY_CLASS)


def test_a_class_of_one_example_is_left_out_and_the_others_are_measured():
    x, y = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32), np.arange(40) % 2
    y[39] = 2
    held = real_classes(x, x, y, y, y, 3)
    assert held is not None and held.measured.tolist() == [True, True, False]
    assert held.left_out(["a", "b", "rare"]) == (
        "the measures by class leave out: 'rare' has 1 held-out example (2 are needed)"
    )
    assert held.accuracy == 1.0
    assert all(np.isnan(values).tolist() == [False, False, True] for values in held.real.values())
    everything = jnp.asarray(y), jnp.ones(40, bool), jnp.asarray(np.arange(40) % 2), 3
    asked = jax.tree.map(lambda a: np.asarray(a)[None], asked_for(jnp.asarray(x), *everything))
    found = by_class(asked, np.zeros(2, np.float32), held, np.array([True]))
    assert all(np.isnan(found[name]).tolist() == [[False, False, True]] for name in BY_CLASS)
    assert np.isfinite(found["obeyed"]).all()


def test_equal_examples_of_a_class_leave_it_out_and_no_class_left_is_no_measure():
    x, y = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8) % 2
    x[y == 1] = 3.0
    held = real_classes(x, x, y, y, y, 2)
    assert held is not None
    assert held.left_out("ab").endswith("'b' has held-out examples that are all the same")
    assert real_classes(x[:2], x[:2], y[:2], y[:2], y[:2], 2) is None


def test_an_evaluator_names_the_class_that_it_leaves_out():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "rare"], [60, 60, 5])
    x = rng.random((125, 8, 8)).astype(np.float32) * 0.5 + 0.25 * np.repeat([0, 1, 2], [60, 60, 5])[:, None, None]
    train, heldout = jg.data.split(jg.data.Examples(x.clip(0, 1), np.unique(y, return_inverse=True)[1]), 0.2, 0)
    source = jg.data.from_images("pets", train, heldout, ("a", "b", "rare"), labels=True)
    lines: list[str] = []
    evaluator = jg.evaluator_for(source, samples=30, report=lines.append)
    assert "obeyed" in [metric.name for metric in evaluator.metrics]
    assert np.isnan(evaluator.real["class_accuracy_data"]).tolist() == [False, False, True]
    (line,) = [line for line in lines if "leave out" in line]
    assert line.endswith("'rare' has 1 held-out example (2 are needed)") and evaluator.notes["classes_left_out"] == line
