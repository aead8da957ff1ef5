"""Games of a few parameters with known closed-form behaviour, built from the same losses and terms as all others.

The theory is about the flow v = -(dL_G/dG, dL_D/dD): an equilibrium is stable if all eigenvalues of its Jacobian have
negative real parts. For cross-entropy losses, f(t) = -log(1 + exp(-t)), so f'(0) = 1/2 and f''(0) = -1/4. Parameters
are {"theta": [d]} for the generator and {"psi": [...]} for the discriminator; batches come from `origin`,
`standard_normal` and `two_points`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.game import adversarial_game
from jaxgan.losses import wasserstein
from jaxgan.types import Array, Augmentation, Batch, Game, Key, Loss, Sampler, Term


class _Network(NamedTuple):
    """A network with one parameter: its name, its initial value, and a function of it and the input."""

    name: str
    start: tuple[float, ...]
    function: Callable[[Array, Array], Array]

    def init(self, rngs: Any, *inputs: Any, train: bool) -> dict[str, Any]:
        return {"params": {self.name: jnp.asarray(self.start)}}

    def apply(self, variables: Any, x: Array, *, train: bool, mutable: Any = None, rngs: Any = None) -> Any:
        values = self.function(variables["params"][self.name], x)
        return values if mutable is None else (values, {})


def origin(dim: int = 1) -> Sampler:
    """Return a sampler of a point mass at 0 in `dim` dimensions, the data of `dirac` and `bilinear`.

    Example:
      >>> origin()(jax.random.key(0), 2).x.tolist()
      [[0.0], [0.0]]
    """
    return lambda key, n: Batch(jnp.zeros((n, dim)))


def standard_normal(key: Key, n: int) -> Batch:
    """Draw x [n, 1] from N(0, 1), the data of `gaussian_mean`.

    Example:
      >>> standard_normal(jax.random.key(0), 3).x.shape
      (3, 1)
    """
    return Batch(jax.random.normal(key, (n, 1)))


def two_points(key: Key, n: int) -> Batch:
    """Return x [n, 1], alternating -1 and 1, the data of `two_point`.

    Example:
      >>> two_points(jax.random.key(0), 4).x.ravel().tolist()
      [-1.0, 1.0, -1.0, 1.0]
    """
    del key
    return Batch(2.0 * (jnp.arange(n) % 2).reshape(n, 1) - 1.0)


def dirac(
    loss: Loss,
    *,
    d_terms: Sequence[Term] = (),
    g_terms: Sequence[Term] = (),
    augment: Augmentation | None = None,
    start: tuple[float, float] = (1.0, 1.0),
) -> Game:
    """The Dirac-GAN: data at 0, a generator that outputs theta, and D(x) = psi x. Equilibrium: theta = psi = 0.

    Eigenvalues of v' there: without penalties +-i/2 for `minimax` and `non_saturating`, and +-i for `wasserstein`;
    with R1 or R2, -gamma/2 +- sqrt(gamma^2/4 - 1/4); with both, -gamma +- sqrt(gamma^2 - 1/4);
    with instance noise, -sigma^2/4 +- sqrt(sigma^4/16 - 1/4); with consensus optimization, -gamma/4 +- i/2.
    Discrete steps of size h: simultaneous descent has eigenvalues 1 +- ih/2, which diverges; alternating descent with
    n_g and n_d updates has 1 - a^2/2 +- sqrt((1 - a^2/2)^2 - 1), a = h sqrt(n_g n_d)/2, on the unit circle for a < 2.
    Orbits, with r^2 = theta^2 + psi^2: the flow of a zero-sum cross-entropy game conserves r; with `non_saturating`
    it decreases sublinearly, d(1/r^2)/dt = 1/8 near 0.

    Source: Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?, sections 2 and 4.

    Args:
      loss: of both players.
      d_terms: terms added to the discriminator's loss.
      g_terms: terms added to the generator's loss.
      augment: an augmentation, such as instance noise.
      start: theta and psi.

    Example:
      >>> import jaxgan as jg
      >>> game = dirac(jg.minimax, d_terms=(jg.terms.r1(1.0),))
      >>> params, _ = game.init(jax.random.key(0), origin()(jax.random.key(0), 1))
      >>> params.generator["theta"].tolist(), params.discriminator["psi"].tolist()
      ([1.0], [1.0])
    """
    theta, psi = start
    generator = _Network("theta", (theta,), lambda theta, z: z + theta.reshape(1, -1))
    discriminator = _Network("psi", (psi,), lambda psi, x: x @ psi)
    return adversarial_game(generator, discriminator, _nothing, loss, d_terms=d_terms, g_terms=g_terms, augment=augment)


def bilinear(dim: int = 1, *, start: tuple[float, float] = (1.0, 1.0)) -> Game:
    """L_G = -<theta, psi> = -L_D: the Dirac-GAN of `wasserstein`, in `dim` dimensions.

    The flow, with eigenvalues +-i, conserves |theta|^2 + |psi|^2. A step of size h multiplies the distance from 0 by
    sqrt(1 + h^2) (simultaneous), sqrt(1 - h^2 + h^4) (extragradient), or sqrt((1 - gamma h)^2 + h^2) (consensus).

    Source: Gidel et al. 2019, A Variational Inequality Perspective on GANs, section 2.

    Example:
      >>> game = bilinear()
    """
    theta, psi = start
    generator = _Network("theta", (theta,) * dim, lambda theta, z: z + theta.reshape(1, -1))
    discriminator = _Network("psi", (psi,) * dim, lambda psi, x: x @ psi)
    return adversarial_game(generator, discriminator, lambda key, n: jnp.zeros((n, dim)), wasserstein)


def gaussian_mean(
    loss: Loss,
    *,
    d_terms: Sequence[Term] = (),
    g_terms: Sequence[Term] = (),
    draw: Callable[[Key, tuple[int, int]], Array] = jax.random.normal,
    start: tuple[float, float] = (1.0, 0.0),
) -> Game:
    """Data N(0, 1), a generator theta + z with z ~ N(0, 1), and D(x) = psi_0 + psi_1 x, which can be optimal.

    The optimal logit log p - log q is linear: psi_1 = -theta, psi_0 = theta^2/2. Eigenvalues of v' at theta = psi = 0,
    for `minimax` and `non_saturating`: -1/2 for psi_0 and -1/4 +- sqrt(1/16 - 1/4) for (theta, psi_1), so it is stable:
    the spread of the data acts like instance noise with sigma = 1. (With paired losses psi_0 cancels: eigenvalue 0.)

    Source: the Dirac-GAN with instance noise in Mescheder et al. 2018, section 3.2, with the bias made explicit.

    Args:
      loss: of both players.
      d_terms: terms added to the discriminator's loss.
      g_terms: terms added to the generator's loss.
      draw: (key, shape) -> z; all distributions with mean 0 and variance 1 have the same eigenvalues.
      start: theta and psi_1.

    Example:
      >>> import jaxgan as jg
      >>> game = gaussian_mean(jg.non_saturating)
    """
    theta, psi = start
    generator = _Network("theta", (theta,), lambda theta, z: z + theta.reshape(1, -1))
    discriminator = _Network("psi", (0.0, psi), lambda psi, x: psi[0] + psi[1] * x[:, 0])
    return adversarial_game(
        generator, discriminator, lambda key, n: draw(key, (n, 1)), loss, d_terms=d_terms, g_terms=g_terms
    )


def two_point(
    loss: Loss,
    *,
    d_terms: Sequence[Term] = (),
    g_terms: Sequence[Term] = (),
    start: tuple[float, float] = (-0.5, 0.5),
) -> Game:
    """Data -1 and 1, a generator with two free points theta_0 and theta_1, and D(x) = psi_0 x + psi_1 x^2 / 2.

    Equilibrium: theta = (-1, 1), psi = 0. Eigenvalues of v' there, for `minimax` and `non_saturating`: -1/4 +- i/4 for
    the mean of the points and psi_0, and -1/16 +- sqrt(1/256 - 1/8) for their distance and psi_1; for the paired
    `relativistic` +-i/sqrt(8), each twice.
    Mode collapse is permanent for losses with separate terms (`minimax`, `non_saturating`): points that coincide have
    equal gradients and never separate. Paired losses (`relativistic`) compare each with its own data point, so they do.
    Use even batch sizes.

    Source: the two-point case of Sun et al. 2020, Towards a Better Global Loss Landscape of GANs, section 2.

    Example:
      >>> import jaxgan as jg
      >>> game = two_point(jg.relativistic, start=(0.5, 0.5))
    """
    generator = _Network("theta", start, lambda theta, z: theta[z[:, 0].astype(int)].reshape(-1, 1))
    discriminator = _Network("psi", (0.0, 0.0), lambda psi, x: psi[0] * x[:, 0] + psi[1] * x[:, 0] ** 2 / 2)
    return adversarial_game(
        generator,
        discriminator,
        lambda key, n: (jnp.arange(n) % 2.0).reshape(n, 1),
        loss,
        d_terms=d_terms,
        g_terms=g_terms,
    )


def _nothing(key: Key, n: int) -> Array:
    return jnp.zeros((n, 1))
