"""Under jit and vmap, the distances of the host: in float64 to rounding, in float32 to the tolerance that is told."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

import jaxgan.metrics as host
from jaxgan.metrics import traceable
from jaxgan.metrics.transport import squares_on_lines

Points = NDArray[np.float64]
KEY = jax.random.key(0)


def frechet(x: Points, y: Points) -> float:
    return host.frechet_distance(host.moments(x), host.moments(y))


def vendi(x: Points, y: Points, order: float = 1.0) -> float:
    return host.vendi_score(x, order=order)


PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "frechet": (frechet, traceable.frechet_distance),
    "kernel": (host.kernel_distance, traceable.kernel_distance),
    "prdc": (host.prdc, traceable.prdc),
    "prdc, strict": (partial(host.prdc, k=3, strict=True), partial(traceable.prdc, k=3, strict=True)),
    "vendi": (vendi, lambda x, y: traceable.vendi_score(x)),
    "vendi, order 2": (partial(vendi, order=2.0), lambda x, y: traceable.vendi_score(x, order=2.0)),
    "vendi, order inf": (partial(vendi, order=np.inf), lambda x, y: traceable.vendi_score(x, order=np.inf)),
}


def kinds() -> dict[str, tuple[Points, Points]]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 6)) * 1.3 + 0.4, rng.normal(size=(50, 6))
    return {
        "random": (x, y),
        "rank-deficient": (x[:, :2] @ rng.normal(size=(2, 6)), y[:, :2] @ rng.normal(size=(2, 6))),
        "fewer than features": (rng.normal(size=(9, 20)), rng.normal(size=(8, 20)) + 0.3),
        "duplicated": (np.rint(x[:12]).repeat(6, axis=0), np.rint(np.concatenate([y, x[:4]]))),
    }


@pytest.fixture
def x64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("name", PAIRS)
def test_under_jit_in_float64(x64: None, name: str, kind: str) -> None:
    of_host, of_jax = PAIRS[name]
    found = jax.jit(of_jax)(*kinds()[kind])
    assert np.asarray(jax.tree.leaves(found)[0]).dtype == np.float64
    np.testing.assert_allclose(np.array(found), np.array(of_host(*kinds()[kind])), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", PAIRS)
def test_under_jit_and_vmap_in_float32(name: str) -> None:
    """Three sets against one reference: each has the value of the host's float64 to 1e-4, and shares are the same."""
    of_host, of_jax = PAIRS[name]
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=(3, 60, 5)) + 0.5).astype(np.float32), rng.normal(size=(40, 5)).astype(np.float32)
    found = jax.jit(jax.vmap(of_jax, in_axes=(0, None)))(x, y)
    expected = np.array([of_host(each, y) for each in x])
    assert np.asarray(jax.tree.leaves(found)[0]).dtype == np.float32
    np.testing.assert_allclose(np.array(found).T, expected.reshape(3, *np.shape(found)[:-1]), rtol=1e-4)


@pytest.mark.parametrize("m", [30, 17])
def test_slices(x64: None, m: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), 1.5 * rng.normal(size=(m, 4)) + 0.2
    found = jax.jit(traceable.sliced_wasserstein)(KEY, x, y)
    drawn = np.asarray(jax.random.normal(KEY, (1000, 4), float))
    u = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).T
    squares = squares_on_lines(x @ u, y @ u)  # of the host, on the same directions
    assert float(found.squared) == pytest.approx(squares.mean(), rel=1e-12)
    assert float(found.standard_error) == pytest.approx(squares.std(ddof=1) / np.sqrt(1000), rel=1e-9)
    other = host.sliced_wasserstein(KEY, x, y)  # on other directions
    both = np.hypot(found.standard_error, other.standard_error)
    assert float(found.squared) == pytest.approx(other.squared, abs=4 * both)
    assert float(found.mind) == pytest.approx(12 * float(found.squared), rel=1e-12)


def test_slices_over_seeds() -> None:
    x, y = jax.random.normal(jax.random.key(1), (2, 25, 3)), jnp.zeros((25, 3))
    keys = jax.random.split(KEY, 2)
    found = jax.jit(jax.vmap(traceable.sliced_wasserstein, in_axes=(0, 0, None)))(keys, x, y)
    one_by_one = [float(traceable.sliced_wasserstein(key, each, y).squared) for key, each in zip(keys, x, strict=True)]
    np.testing.assert_allclose(found.squared, one_by_one, rtol=1e-5)


def test_float32_holds_ties() -> None:
    """Copies lie on edges of balls: rounding of their distances must not decide."""
    x = jax.random.normal(KEY, (40, 300)) + 3
    found = jax.jit(traceable.prdc)(x, x)
    assert [float(share) for share in found] == pytest.approx([1, 1, 6 / 5, 1])
    strict = jax.jit(partial(traceable.prdc, strict=True))(jnp.repeat(x[:4], 8, axis=0), jnp.repeat(x[:4], 8, axis=0))
    assert [float(share) for share in strict] == [0, 0, 0, 0]


def test_shapes_are_checked_and_values_are_not() -> None:
    x = jnp.ones((5, 2))
    for call, message in [
        (lambda: jax.jit(traceable.frechet_distance)(x[:1], x), r"features \[n, d\] with n >= 2"),
        (lambda: jax.jit(traceable.kernel_distance)(x, x[:, :1]), "same dimension"),
        (lambda: traceable.prdc(x, x, k=5), "n >= 6"),
        (lambda: traceable.prdc(x, x, k=0), "k must be"),
        (lambda: traceable.vendi_score(x[0]), r"got shape \(2,\)"),
        (lambda: traceable.sliced_wasserstein(KEY, x, x, directions=0), "directions must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    assert jnp.isnan(jax.jit(traceable.vendi_score)(x.at[0].set(0.0)))
    assert jnp.isnan(jax.jit(traceable.frechet_distance)(x.at[0].set(jnp.nan), x))
