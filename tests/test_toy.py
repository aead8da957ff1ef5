"""Games of a few numbers against their closed forms: spectra, update maps, rates and orbits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from jaxgan import toy
from jaxgan.augment import instance_noise
from jaxgan.dynamics import alternating, consensus, consensus_field, simultaneous, symplectic_field
from jaxgan.game import joint_gradient
from jaxgan.losses import minimax, non_saturating, relativistic, wasserstein
from jaxgan.optim import clip_params
from jaxgan.runs.run import run
from jaxgan.terms import gradient_penalty, one_sided_gradient_penalty, r1, r2
from jaxgan.types import Algorithm, Array, Batch, Field, Game, Key, Loss, Sampler, Term, View

KEY = jax.random.key(0)
ORIGIN = toy.origin()
H = 0.2


def signs(key: Key, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """-1 and 1 in turn: noise whose mean and variance are exactly 0 and 1 in every batch of even size."""
    del key
    return (2.0 * (jnp.arange(shape[0]) % 2) - 1).reshape(shape).astype(dtype)


def flow(
    game: Game, field: Field | None = None, sample: Sampler = ORIGIN, n: int = 4
) -> tuple[Callable[[Array], Array], Array]:
    """v = -field as a function of the flattened parameters, the generator's first, and the game's start."""
    batch = sample(KEY, n)
    params, model_state = game.init(KEY, batch)
    start, unravel = ravel_pytree(params)
    field = joint_gradient(game) if field is None else field

    def v(flat: Array) -> Array:
        return -ravel_pytree(field(KEY, unravel(flat), model_state, batch, n, jnp.int32(0))[0])[0]

    return v, start


def linearized(game: Game, field: Field) -> Array:
    """v' at the game's start."""
    v, start = flow(game, field)
    return jax.jit(jax.jacfwd(v))(start)


def sort(eigenvalues: Any) -> np.ndarray:
    """By imaginary part, and by the real one where those are equal: stable for conjugate pairs and for real ones."""
    values = np.asarray(eigenvalues, complex)
    return values[np.lexsort((values.real, values.imag))]


def spectrum(matrix: Any) -> np.ndarray:
    return sort(np.linalg.eigvals(matrix))


def pair(centre: float, radicand: float) -> np.ndarray:
    """centre +- sqrt(radicand)."""
    root = np.sqrt(complex(radicand))
    return sort([centre + root, centre - root])


def assert_eigenvalues(matrix: Any, centre: float, radicand: float) -> None:
    # a few roundings of numbers of order 1
    np.testing.assert_allclose(np.trace(matrix), 2 * centre, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(matrix), centre**2 - radicand, rtol=1e-12)
    # eigenvalues that are almost equal know their sum to rounding and their difference to its square root
    np.testing.assert_allclose(spectrum(matrix), pair(centre, radicand), atol=1e-7)


def dirac(loss: Loss = minimax, *d_terms: Term, start: tuple[float, float] = (0.0, 0.0), **options: Any) -> Game:
    return toy.dirac(loss, d_terms=d_terms, start=start, **options)


def noisy(sigma: float, draw: Callable[..., Array] = jax.random.rademacher, **options: Any) -> Game:
    return dirac(augment=instance_noise(sigma, draw=draw), **options)


def plain(field: Field, c: float) -> Field:
    return field


# The eigenvalues of v' at the equilibrium, by the coefficient c: centre and radicand.
METHODS: dict[str, tuple[Callable[[float], Game], Callable[..., Field], Callable[[float], tuple[float, float]]]] = {
    "GAN": (lambda c: dirac(minimax), plain, lambda c: (0, -1 / 4)),
    "NSGAN": (lambda c: dirac(non_saturating), plain, lambda c: (0, -1 / 4)),
    "RpGAN": (lambda c: dirac(relativistic), plain, lambda c: (0, -1 / 4)),
    "WGAN": (lambda c: dirac(wasserstein), plain, lambda c: (0, -1)),
    "R1": (lambda c: dirac(minimax, r1(c)), plain, lambda c: (-c / 2, c**2 / 4 - 1 / 4)),
    "R2": (lambda c: dirac(minimax, r2(c)), plain, lambda c: (-c / 2, c**2 / 4 - 1 / 4)),
    "NSGAN, R1": (lambda c: dirac(non_saturating, r1(c)), plain, lambda c: (-c / 2, c**2 / 4 - 1 / 4)),
    "RpGAN, R2": (lambda c: dirac(relativistic, r2(c)), plain, lambda c: (-c / 2, c**2 / 4 - 1 / 4)),
    "WGAN, R1": (lambda c: dirac(wasserstein, r1(c)), plain, lambda c: (-c / 2, c**2 / 4 - 1)),
    "R1 and R2": (lambda c: dirac(relativistic, r1(c), r2(c)), plain, lambda c: (-c, c**2 - 1 / 4)),
    "noise": (noisy, plain, lambda c: (-(c**2) / 4, c**4 / 16 - 1 / 4)),
    # J = [[0, -a], [a, 0]] is its own antisymmetric part: both adjustments add c J^T J = c a^2 I to it
    "consensus": (lambda c: dirac(minimax), consensus_field, lambda c: (-c / 4, -1 / 4)),
    "NSGAN, consensus": (lambda c: dirac(non_saturating), consensus_field, lambda c: (-c / 4, -1 / 4)),
    "WGAN, consensus": (lambda c: dirac(wasserstein), consensus_field, lambda c: (-c, -1)),
    "symplectic": (lambda c: dirac(minimax), symplectic_field, lambda c: (-c / 4, -1 / 4)),
    "WGAN, symplectic": (lambda c: dirac(wasserstein), symplectic_field, lambda c: (-c, -1)),
}


@pytest.mark.parametrize("method", METHODS)
def test_eigenvalues_of_the_dirac_gan_by_coefficient(x64: None, method: str) -> None:
    game_of, adjust, closed_form = METHODS[method]

    def jacobian(c: Any) -> Array:
        game = game_of(c)
        return linearized(game, adjust(joint_gradient(game), c))

    coefficients = np.array([0, 0.3, 0.5, 0.7, 1, np.sqrt(2), 3])
    for c, matrix in zip(coefficients, jax.jit(jax.vmap(jacobian))(coefficients), strict=True):
        assert_eigenvalues(matrix, *closed_form(c))


@pytest.mark.parametrize(
    ("method", "c", "eigenvalues"),
    [
        ("GAN", 0, [-0.5j, 0.5j]),
        ("NSGAN", 0, [-0.5j, 0.5j]),
        ("WGAN", 0, [-1j, 1j]),
        ("noise", 0.7, [-0.1225 - 0.48476j, -0.1225 + 0.48476j]),
        ("R1", 0.3, [-0.15 - 0.47697j, -0.15 + 0.47697j]),
        ("R2", 1.0, [-0.5, -0.5]),
        ("R1 and R2", 0.3, [-0.3 - 0.4j, -0.3 + 0.4j]),
        ("R1 and R2", 0.5, [-0.5, -0.5]),
        ("consensus", 1.0, [-0.25 - 0.5j, -0.25 + 0.5j]),
    ],
)
def test_known_eigenvalues_of_the_dirac_gan(x64: None, method: str, c: float, eigenvalues: list[complex]) -> None:
    game_of, adjust, _ = METHODS[method]
    game = game_of(c)
    # written with five digits
    np.testing.assert_allclose(spectrum(linearized(game, adjust(joint_gradient(game), c))), eigenvalues, atol=5e-6)


def test_adjustments_differ_where_the_game_has_a_potential_part(x64: None) -> None:
    # with R1, J = [[0, -1/2], [1/2, gamma]]: consensus adds J^T J to it, symplectic adjustment A^T J
    gamma, weight = 0.3, 2.0
    jacobian, turning = np.array([[0, -0.5], [0.5, gamma]]), np.array([[0, -0.5], [0.5, 0]])
    game = dirac(minimax, r1(gamma))
    for adjusted, left in ((consensus_field, jacobian), (symplectic_field, turning)):
        found = linearized(game, adjusted(joint_gradient(game), weight))
        # sums of a few products
        np.testing.assert_allclose(found, -(jacobian + weight * left.T @ jacobian), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("theta", "psi"), [(1.0, 1.0), (-0.7, 1.3), (0.2, -2.0)])
def test_consensus_adds_the_whole_gradient_of_the_squared_field(x64: None, theta: float, psi: float) -> None:
    """Away from the equilibrium: leaving out a factor 2 of one term turns the sign round at (1, 1)."""
    gamma = 0.8
    s = 1 / (1 + np.exp(-theta * psi))
    slope = s * (1 - s)
    # v = (-g psi, -s theta), g the slope of the generator's loss with respect to the logit
    for loss, g, g_slope in ((minimax, -s, -slope), (non_saturating, s - 1, slope)):
        v = np.array([-g * psi, -s * theta])
        by_slopes = (g * g_slope * psi**2 + s * slope * theta**2) * np.array([psi, theta])
        energy_gradient = by_slopes + np.array([s**2 * theta, g**2 * psi])  # of (g^2 psi^2 + s^2 theta^2) / 2
        game = dirac(loss)
        found = flow(game, consensus_field(joint_gradient(game), gamma))[0](jnp.array([theta, psi]))
        # a few roundings of numbers of order 1
        np.testing.assert_allclose(found, v - gamma * energy_gradient, rtol=1e-12)
        assert theta != 1 or np.all(energy_gradient > 0)  # there it pulls both players in


def plain_norm_penalty(view: View) -> Array:
    gradient = jax.grad(lambda x: jnp.sum(view.critic(x)))(view.real)
    return (jnp.linalg.norm(gradient, axis=1) - 1) ** 2


def test_the_penalty_of_wgan_gp_is_finite_at_a_flat_critic(x64: None) -> None:
    weight = 0.7
    for psi in (0.0, 0.4, -1.5):
        at = jnp.array([1.5, psi])
        # by psi: weight d/dpsi (|psi| - 1)^2, at psi = 0 taken as 0
        pull = 2 * weight * (abs(psi) - 1) * np.sign(psi)
        v, _ = flow(dirac(wasserstein, gradient_penalty(weight)))
        np.testing.assert_allclose(v(at), [psi, -1.5 - pull], rtol=1e-12)
        v, _ = flow(dirac(wasserstein, one_sided_gradient_penalty(weight)))
        np.testing.assert_allclose(v(at), [psi, -1.5 - pull * (abs(psi) > 1)], rtol=1e-12)
    v, _ = flow(dirac(wasserstein, plain_norm_penalty))
    assert np.isnan(v(jnp.array([1.5, 0.0]))[1])
    assert np.isfinite(v(jnp.array([1.5, 0.4]))).all()


def trajectory(algorithm: Algorithm, steps: int = 500, sample: Sampler = ORIGIN) -> np.ndarray:
    """The flattened parameters after every step."""

    def points(key: Key) -> Array:
        return run(
            algorithm, sample, key, steps, probe=lambda _, state: ravel_pytree(state.params)[0], probe_every=1
        ).probes

    return np.asarray(jax.jit(points)(KEY))


def test_a_clipped_wgan_stays_in_its_box_and_is_a_wgan_inside(x64: None) -> None:
    game = dirac(wasserstein, start=(1.0, 0.3))
    algorithm = simultaneous(game, optax.sgd(H), optax.chain(optax.sgd(H), clip_params(1.0)), batch_size=1)
    points = trajectory(algorithm, 200)
    theta, psi = points[:-1].T
    free = np.stack([theta + H * psi, psi - H * theta], axis=1)
    # roundings of one step
    np.testing.assert_allclose(points[1:], np.stack([free[:, 0], np.clip(free[:, 1], -1, 1)], axis=1), atol=1e-12)
    touches = np.abs(free[:, 1]) > 1
    assert touches.any() and not touches.all()
    assert np.all(np.abs(points[:, 1]) <= 1 + 1e-15)


def update_map(algorithm: Algorithm) -> np.ndarray:
    """The derivative of one step by (theta, psi), at the algorithm's start."""
    state = algorithm.init(KEY, ORIGIN)
    start, unravel = ravel_pytree(state.params)

    def after(flat: Array) -> Array:
        return ravel_pytree(algorithm.step(KEY, state._replace(params=unravel(flat)), ORIGIN)[0].params)[0]

    return np.asarray(jax.jit(jax.jacfwd(after))(start))


@pytest.mark.parametrize("h", [0.2, 1.0])
def test_the_update_map_of_simultaneous_descent(x64: None, h: float) -> None:
    for loss in (minimax, non_saturating):
        algorithm = simultaneous(dirac(loss), optax.sgd(h), optax.sgd(h), batch_size=1)
        assert_eigenvalues(update_map(algorithm), 1, -(h**2) / 4)


@pytest.mark.parametrize("generator_first", [False, True])
@pytest.mark.parametrize(("g_steps", "d_steps", "h"), [(1, 1, 0.2), (1, 5, 0.2), (2, 3, 0.2), (1, 5, 1.5), (1, 1, 5.0)])
def test_the_update_map_of_alternating_descent(
    x64: None, g_steps: int, d_steps: int, h: float, generator_first: bool
) -> None:
    options: dict[str, Any] = {"g_steps": g_steps, "d_steps": d_steps, "generator_first": generator_first}
    matrix = update_map(alternating(dirac(), optax.sgd(h), optax.sgd(h), batch_size=1, **options))
    a = np.sqrt(g_steps * d_steps) * h / 2
    centre = 1 - a**2 / 2
    assert_eigenvalues(matrix, centre, centre**2 - 1)
    modulus = np.abs(spectrum(matrix))
    if a < 2:
        np.testing.assert_allclose(modulus, 1, rtol=1e-12)  # on the unit circle
    else:
        assert modulus.max() > 1.5


def descent(game: Game) -> Algorithm:
    return simultaneous(game, optax.sgd(H), optax.sgd(H), batch_size=2)


def test_simultaneous_descent_leaves(x64: None) -> None:
    points = trajectory(descent(dirac(start=(1.0, 1.0))))
    squares = np.sum(points**2, axis=1)
    # v is orthogonal to the point, so |w|^2 grows by h^2 |v|^2; to a few roundings
    logits = np.prod(points[:-1], axis=1)
    np.testing.assert_allclose(squares[1:], squares[:-1] * (1 + H**2 / (1 + np.exp(-logits)) ** 2), rtol=1e-12)
    assert squares[-1] > 5 * squares[0]


@pytest.mark.parametrize(("d_steps", "nearest", "farthest"), [(1, 1.33, 1.42), (5, 1.0, 2.4)])
def test_alternating_descent_orbits(x64: None, d_steps: int, nearest: float, farthest: float) -> None:
    game = dirac(start=(1.0, 1.0))
    points = trajectory(alternating(game, optax.sgd(H), optax.sgd(H), batch_size=1, d_steps=d_steps))
    distance = np.linalg.norm(points, axis=1)
    assert nearest < distance.min() and distance.max() < farthest
    for extreme in (np.min, np.max):
        # the same orbit in both halves, which steps sample at other points
        np.testing.assert_allclose(extreme(distance[:250]), extreme(distance[250:]), rtol=0.02)


@pytest.mark.parametrize(
    ("game", "gamma", "matrix"),
    [
        (dirac(minimax, r1(0.3), start=(1.0, 1.0)), 0, [[0, 0.5], [-0.5, -0.3]]),
        (dirac(minimax, r1(3.0), start=(1.0, 1.0)), 0, [[0, 0.5], [-0.5, -3]]),
        (dirac(non_saturating, r2(0.3), start=(1.0, 1.0)), 0, [[0, 0.5], [-0.5, -0.3]]),
        (dirac(start=(1.0, 1.0)), 1, [[-0.25, 0.5], [-0.5, -0.25]]),
        (noisy(0.7, signs, start=(1.0, 1.0)), 0, [[0, 0.5], [-0.5, -0.245]]),
    ],
    ids=["R1", "much R1", "R2", "consensus", "instance noise"],
)
def test_descent_contracts_as_its_eigenvalues_say(x64: None, game: Game, gamma: float, matrix: Any) -> None:
    points = trajectory(consensus(game, optax.sgd(H), optax.sgd(H), gamma=gamma, batch_size=2))
    eigenvalues, vectors = np.linalg.eig(np.array(matrix))
    factors = np.abs(1 + H * eigenvalues)
    slowest = np.argmax(factors)
    # a linear map multiplies the coordinate along an eigenvector by one number, without the swing of |w| itself
    coordinate = np.abs(points @ np.linalg.inv(vectors)[slowest])
    fitted = (coordinate[499] / coordinate[249]) ** (1 / 250)
    # of second order in the distance, which is below 0.02 from step 250 on, and shared by 250 steps
    np.testing.assert_allclose(fitted, factors[slowest], rtol=1e-6)
    assert np.linalg.norm(points[499]) < 3e-4


def flown(loss: Loss, step: float, steps: int) -> np.ndarray:
    """The flow from (1, 1) by the classical Runge-Kutta method."""
    v, start = flow(dirac(loss, start=(1.0, 1.0)), n=1)

    def move(w: Array, _: None) -> tuple[Array, Array]:
        a = v(w)
        b = v(w + step / 2 * a)
        c = v(w + step / 2 * b)
        w = w + step / 6 * (a + 2 * b + 2 * c + v(w + step * c))
        return w, w

    return np.asarray(jax.jit(lambda w: jax.lax.scan(move, w, length=steps)[1])(start))


def test_the_flow_of_minimax_keeps_its_distance(x64: None) -> None:
    points = flown(minimax, 0.05, 1000)
    # the method's error: 0.05^4 times derivatives below 1, over a time of 50
    np.testing.assert_allclose(np.sum(points**2, axis=1), 2, rtol=1e-6)
    assert points.min() < -1.3  # all the way round


def test_non_saturating_alone_has_no_linear_rate(x64: None) -> None:
    # d(r^2)/dt = -2 t tanh(t/2) with t = theta psi, so near 0 the mean of d(1/r^2)/dt over a turn is 1/8: r ~ t^(-1/2)
    squares = np.sum(flown(non_saturating, 0.2, 2000) ** 2, axis=1)
    # higher orders in r^2, which is below 0.08 here, and part of a turn
    np.testing.assert_allclose((1 / squares[[999, 1999]] - 1 / squares[[499, 999]]) / [100, 200], 1 / 8, rtol=0.02)
    game = dirac(non_saturating, start=(1.0, 1.0))
    squares = np.sum(trajectory(alternating(game, optax.sgd(H), optax.sgd(H), batch_size=1)) ** 2, axis=1)
    # the same to first order in h
    np.testing.assert_allclose((1 / squares[499] - 1 / squares[249]) / (250 * H), 1 / 8, rtol=0.1)
    # simultaneous descent adds h^2 r^2 / 4 a step, which balances h r^4 / 8 where r^2 = 2 h
    squares = np.sum(trajectory(descent(game), 1000) ** 2, axis=1)
    np.testing.assert_allclose(squares[500:], 2 * H, rtol=0.1)


@pytest.mark.parametrize("loss", [minimax, non_saturating, relativistic])
def test_the_spectra_of_gaussian_mean_and_two_point(x64: None, loss: Loss) -> None:
    gaussian, points = toy.gaussian_mean(loss, draw=signs, start=(0.0, 0.0)), toy.two_point(loss, start=(-1.0, 1.0))
    if loss is relativistic:  # both of a pair are one point, and nothing damps
        expected = [[0, *pair(0, -1 / 4)], [*pair(0, -1 / 8)] * 2]
    else:
        expected = [[-0.5, *pair(-1 / 4, 1 / 16 - 1 / 4)], [*pair(-1 / 4, -1 / 16), *pair(-1 / 16, 1 / 256 - 1 / 8)]]
    for game, eigenvalues in zip((gaussian, points), expected, strict=True):
        v, start = flow(game, sample=toy.two_points)
        np.testing.assert_array_equal(jax.jit(v)(start), 0)
        # a few roundings, of matrices with independent eigenvectors
        np.testing.assert_allclose(spectrum(jax.jit(jax.jacfwd(v))(start)), sort(eigenvalues), atol=1e-12)


def test_the_optimum_of_the_discriminator_of_gaussian_mean(x64: None) -> None:
    n, theta = 2000, 0.8

    def quantiles(*_: Any) -> Array:
        return jax.scipy.stats.norm.ppf((jnp.arange(n) + 0.5) / n).reshape(n, 1)

    v, start = flow(toy.gaussian_mean(minimax, draw=quantiles), sample=lambda *_: Batch(quantiles()), n=n)
    np.testing.assert_array_equal(start, [1, 0, 0])
    at_optimum, elsewhere = jax.jit(jax.vmap(v))(jnp.array([[theta, theta**2 / 2, psi] for psi in (-theta, theta)]))
    # the midpoint rule on the tails of a normal distribution
    np.testing.assert_allclose(at_optimum[1:], 0, atol=1e-3)
    assert np.all(np.abs(elsewhere[1:]) > 0.05)


@pytest.mark.parametrize("loss", [minimax, non_saturating, relativistic])
def test_collapsed_points_part_under_a_paired_loss_only(x64: None, loss: Loss) -> None:
    starts = (0.5, 0.5), (-0.5, 0.5)
    collapsed, apart = (
        trajectory(alternating(game, optax.sgd(H), optax.sgd(H), batch_size=4), 1000, toy.two_points)[:, :2]
        for game in (toy.two_point(loss, d_terms=(r1(0.2), r2(0.2)), start=start) for start in starts)
    )
    # the rest of a convergence at a linear rate
    np.testing.assert_allclose(apart[-1], [-1, 1], atol=1e-3)
    if loss is relativistic:
        np.testing.assert_allclose(collapsed[-1], [-1, 1], atol=1e-3)
    else:
        np.testing.assert_array_equal(collapsed[:, 0], collapsed[:, 1])
        assert np.ptp(collapsed[:, 0]) > 0.1  # they move


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_bilinear_game_turns_in_every_dimension(x64: None, dim: int) -> None:
    v, start = flow(toy.bilinear(dim, start=(1.0, 0.5)), sample=toy.origin(dim))
    np.testing.assert_array_equal(v(start), [0.5] * dim + [-1] * dim)
    matrix = jax.jit(jax.jacfwd(v))(start)
    one, nothing = np.eye(dim), np.zeros((dim, dim))
    np.testing.assert_array_equal(matrix, np.block([[nothing, one], [-one, nothing]]))
    np.testing.assert_allclose(spectrum(matrix), [-1j] * dim + [1j] * dim, atol=1e-12)
