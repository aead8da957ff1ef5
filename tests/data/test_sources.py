"""Sources: sampling, splitting, scaling, and the distributions of the synthetic ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan.data.digits import digits
from jaxgan.data.in_memory import from_images
from jaxgan.data.source import DataError, Examples, Mixture, Source, to_unit
from jaxgan.data.splits import copies_note, distinct, split
from jaxgan.data.synthetic import gaussian_mixture, grid, ring


def numbered(n: int) -> Examples:
    """Image i is the grey level i and has label i % 3, so that a drawn example tells which one it is."""
    return Examples(np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), np.arange(n, dtype=np.int32) % 3)


def modes_of(source: Source) -> Mixture:
    assert source.mixture is not None
    return source.mixture


def test_to_unit_maps_every_grey_level_onto_the_unit_interval() -> None:
    levels = np.arange(256, dtype=np.uint8)
    exact = np.arange(256) / 127.5 - 1
    # float32 rounds a quotient of up to 2 and a difference of up to 1: half a unit in the last place each
    np.testing.assert_allclose(to_unit(levels), exact, rtol=0, atol=2e-7)
    np.testing.assert_allclose(jax.jit(to_unit)(jnp.asarray(levels)), exact, rtol=0, atol=2e-7)
    assert to_unit(levels)[[0, 255]].tolist() == [-1, 1]


def test_to_unit_keeps_the_kind_of_array_and_leaves_floats_alone() -> None:
    assert type(to_unit(np.zeros(2, np.uint8))) is np.ndarray
    assert isinstance(to_unit(jnp.zeros(2, jnp.uint8)), jax.Array)
    x = np.array([-0.3, 0.7], np.float32)
    assert to_unit(x) is x
    with pytest.raises(TypeError, match="got int32"):
        to_unit(np.zeros(2, np.int32))


def test_a_draw_is_uniform_over_the_training_images() -> None:
    n, draws = 10, 20_000
    x = from_images("numbered", numbered(n)).sample(jax.random.key(0), draws).x
    counts = np.bincount(np.rint((np.asarray(x).ravel() + 1) * 127.5).astype(int), minlength=n)
    assert len(counts) == n
    chi2 = np.sum((counts - draws / n) ** 2) / (draws / n)
    assert chi2 < 27.9  # the 0.999 quantile of chi-squared with 9 degrees of freedom; the key is fixed


def test_labels_stay_with_their_images() -> None:
    source = from_images("numbered", numbered(30), labels=True)
    batch = jax.jit(source.sample, static_argnums=1)(jax.random.key(1), 200)
    np.testing.assert_array_equal(np.rint((batch.x.ravel() + 1) * 127.5) % 3, batch.y)
    assert from_images("numbered", numbered(30)).sample(jax.random.key(1), 4).y is None


def test_images_are_arguments_of_the_compiled_step_and_stay_bytes() -> None:
    images = Examples(np.zeros((100, 32, 32, 3), np.uint8))
    sample = from_images("black", images).sample
    (leaf,) = jax.tree.leaves(sample)
    assert leaf.shape == images.x.shape and leaf.dtype == jnp.uint8
    program = jax.jit(lambda sample, key: sample(key, 8)).lower(sample, jax.random.key(0)).as_text()
    assert len(program) < images.x.size / 10  # a closure would put 300 kB of pixels into the program


def test_the_same_key_draws_the_same_batch_under_vmap() -> None:
    sample = from_images("numbered", numbered(50)).sample
    keys = jax.random.split(jax.random.key(3), 4)
    together = jax.vmap(lambda key: sample(key, 16).x)(keys)
    # drawn indices are equal exactly; the scaling may be fused differently, hence one rounding
    np.testing.assert_allclose(together[2], sample(keys[2], 16).x, rtol=0, atol=1e-7)


def test_sources_refuse_what_they_cannot_draw() -> None:
    with pytest.raises(DataError, match="got none"):
        from_images("empty", Examples(np.zeros((0, 2, 2, 1), np.uint8)))
    with pytest.raises(DataError, match="expected examples with labels for a condition, got none"):
        from_images("bare", Examples(np.zeros((3, 2, 2, 1), np.uint8)), labels=True)


@settings(deadline=None, max_examples=50)  # the first example imports scikit-learn
@given(
    counts=st.lists(st.integers(5, 30), min_size=1, max_size=4),
    fraction=st.floats(0.2, 0.6),
    seed=st.integers(0, 99),
)
def test_a_split_is_a_partition_that_keeps_the_shares_of_the_classes(
    counts: list[int], fraction: float, seed: int
) -> None:
    y = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    x = np.arange(len(y), dtype=np.uint8).reshape(-1, 1, 1, 1)
    train, heldout = split(Examples(x, y), fraction, seed)
    assert heldout is not None and train.y is not None and heldout.y is not None
    np.testing.assert_array_equal(np.sort(np.concatenate([train.x, heldout.x]).ravel()), x.ravel())
    for part in (train, heldout):
        np.testing.assert_array_equal(part.y, y[part.x.ravel()])
    kept = np.bincount(heldout.y, minlength=len(counts))
    # largest-remainder rounding: each class is within one example of its share of the held-out set
    assert np.all(np.abs(kept - np.array(counts) * len(heldout.y) / len(y)) <= 1)


def test_a_split_depends_on_its_seed_only() -> None:
    images = Examples(numbered(40).x)
    first, again, other = (split(images, 0.25, seed)[0].x for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert split(images, 0, 0) == (images, None)


def test_a_split_names_the_class_that_is_too_small() -> None:
    images = Examples(np.zeros((5, 1, 1, 1), np.uint8), np.array([0, 0, 0, 0, 1], np.int32))
    with pytest.raises(DataError, match="class 'dog' has 1"):
        split(images, 0.2, 0, ("cat", "dog"))
    with pytest.raises(DataError, match=r"each of 2 classes, needs at least 20 distinct ones, got 4"):
        split(Examples(images.x[:4], np.array([0, 0, 1, 1], np.int32)), 0.1, 0)
    with pytest.raises(DataError, match="got 1"):
        split(Examples(images.x[:1]), 0.2, 0)
    with pytest.raises(ValueError, match=r"in \[0, 1\), got 1.5"):
        split(images, 1.5, 0)


def repeated(examples: Examples, times: int) -> Examples:
    return Examples(np.tile(examples.x, (times, 1, 1, 1)), None if examples.y is None else np.tile(examples.y, times))


@pytest.mark.parametrize("labelled", [True, False])
def test_copies_of_an_example_stay_on_one_side_of_the_split(labelled: bool) -> None:
    once = numbered(30) if labelled else Examples(numbered(30).x)
    train, heldout = split(repeated(once, 5), 0.2, seed=1)
    assert heldout is not None
    assert not set(train.x.ravel()) & set(heldout.x.ravel())
    assert (len(train.x), len(heldout.x)) == (120, 30)
    # The same examples as without copies, each five times, all of them with their labels.
    for part, alone in zip((train, heldout), split(once, 0.2, seed=1), strict=True):
        assert alone is not None
        np.testing.assert_array_equal(part.x, np.repeat(alone.x, 5, axis=0))
        if labelled:
            np.testing.assert_array_equal(part.y, part.x.ravel() % 3)


def test_without_copies_a_split_is_that_of_scikit_learn() -> None:
    from sklearn.model_selection import train_test_split

    examples = numbered(40)
    train, heldout = split(examples, 0.25, seed=3)
    rows = train_test_split(np.arange(40), test_size=0.25, random_state=3, stratify=examples.y)
    assert heldout is not None
    np.testing.assert_array_equal(train.x, examples.x[rows[0]])
    np.testing.assert_array_equal(heldout.x, examples.x[rows[1]])


def test_what_exists_once_only_is_held_out_by_its_copies() -> None:
    two = Examples(numbered(2).x, np.array([0, 1], np.int32))
    for examples in (two, Examples(two.x)):
        train, heldout = split(repeated(examples, 20), 0.2, seed=0)
        assert heldout is not None
        assert set(train.x.ravel()) == set(heldout.x.ravel()) == {0, 1}


def test_copies_are_counted_in_one_line() -> None:
    once = numbered(30)
    train, heldout = split(repeated(once, 5), 0.2, seed=1)
    assert from_images("once", *split(once, 0.2, seed=1), value_range=(0, 255)).notes == ()
    assert from_images("five", train, heldout, value_range=(0, 255)).notes == (
        "five: 150 examples, of which 30 are distinct; no held-out example is a copy of a training example",
    )
    assert copies_note(train, train) == (
        "240 examples, of which 24 are distinct; 120 of 120 held-out examples are copies of a training example"
    )
    assert copies_note(Examples(once.x[[0, 0, 1]], np.array([0, 1, 1])), None) == (
        "3 examples, of which 2 are distinct, 1 of them under more than one label"
    )


def test_equal_examples_have_equal_numbers() -> None:
    x = np.array([[0.0, 1.0], [-0.0, 1.0], [0.5, 1.0]], np.float32)
    first, second = distinct(x, x[::-1])
    assert first.tolist() == [0, 0, 1] and second.tolist() == [1, 0, 0]


def test_mixtures_have_the_moments_of_their_formula() -> None:
    means = np.array([[-3.0, 0.0], [3.0, 1.0]])
    n, sigma = 40_000, 0.5
    x = np.asarray(gaussian_mixture("pair", means, sigma).sample(jax.random.key(0), n).x, np.float64)
    covariance = sigma**2 * np.eye(2) + np.cov(means.T, bias=True)
    # five standard errors: of the mean, and of each covariance (kurtosis 3 bounds that of a mixture here)
    np.testing.assert_array_less(np.abs(x.mean(0) - means.mean(0)), 5 * np.sqrt(np.diag(covariance) / n))
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_array_less(np.abs(np.cov(x.T) - covariance), 5 * np.sqrt(2 / n) * scale)


@pytest.mark.parametrize(("source", "modes"), [(ring(), 8), (grid(), 25)])
def test_samples_lie_within_three_sigma_as_often_as_a_gaussian_does(source: Source, modes: int) -> None:
    n = 10_000
    means, sigma = modes_of(source)
    x = np.asarray(source.sample(jax.random.key(5), n).x)
    assert means.shape == (modes, 2) and source.size is None and source.shape == (2,)
    assert len(np.unique(means.round(5), axis=0)) == modes
    distance = np.linalg.norm(x[:, None] - means, axis=-1)
    share = np.mean(distance.min(axis=1) < 3 * sigma)
    expected = 1 - np.exp(-4.5)  # the Rayleigh distribution at three sigma
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n)
    counts = np.bincount(distance.argmin(axis=1), minlength=modes)
    assert np.all(np.abs(counts - n / modes) < 5 * np.sqrt(n / modes))


def test_ring_and_grid_stand_where_the_papers_put_them() -> None:
    # means are float32
    np.testing.assert_allclose(np.linalg.norm(modes_of(ring(radius=2.0)).means, axis=1), 2.0, rtol=1e-6)
    expected = {(a, b) for a in (-4, -2, 0, 2, 4) for b in (-4, -2, 0, 2, 4)}
    assert {tuple(mean) for mean in modes_of(grid()).means.tolist()} == expected


def test_mixtures_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match=r"got \[3\]"):
        gaussian_mixture("line", np.zeros(3), 1.0)
    with pytest.raises(ValueError, match="positive sigma, got 0"):
        ring(sigma=0.0)
    with pytest.raises(ValueError, match="expected means"):
        ring(modes=0)


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    source = digits()
    assert source.train is not None and source.heldout is not None and source.heldout.y is not None
    x = np.concatenate([source.train.x, source.heldout.x])
    assert x.dtype == np.float32 and (x.min(), x.max()) == (-1, 1)
    levels = (x[..., 0] + 1) * 8  # exact: sixteenths are binary fractions
    np.testing.assert_array_equal(
        np.sort(levels.reshape(len(x), -1), axis=0),
        np.sort(load_digits().data, axis=0),
    )
    assert np.bincount(source.heldout.y).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]
