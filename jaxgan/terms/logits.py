"""Terms of the discriminator's logits: closeness to moving averages, and consistency under augmentation."""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.checks import check_coefficient
from jaxgan.random import named_key
from jaxgan.terms.parts import Coefficient, at
from jaxgan.types import Array, FakeLogits, PyTree, RealLogits, Scalar, StatefulTerm, Term, Transform, View


def lecam(weight: Coefficient = 0.3, decay: float = 0.99) -> StatefulTerm:
    """weight (E_p (D(x) - a_fake)^2 + E_q (D(x) - a_real)^2): keeps each side near the other's moving average.

    a_real and a_fake are bias-corrected moving averages of the mean real and fake logits, up to and including this
    evaluation. The authors' code passes both differences through a ReLU.
    Source: Tseng et al. 2021, Regularizing GANs under Limited Data, equation 5.

    Raises:
      ValueError: weight is negative, or decay is outside [0, 1].

    Example:
      >>> [float(number) for number in lecam().init()]
      [0.0, 0.0, 0.0]
    """
    check_coefficient("weight", weight, schedule=True)
    check_coefficient("decay", decay, highest=1.0)

    def apply(view: View, state: PyTree) -> tuple[Scalar, PyTree]:
        news = jax.lax.stop_gradient((jnp.mean(view.real_logits), jnp.mean(view.fake_logits), jnp.ones(())))
        state = tuple(decay * old + (1 - decay) * new for old, new in zip(state, news, strict=True))
        real, fake, seen = state
        seen = jnp.where(seen > 0, seen, 1.0)  # with a decay of 1 the averages never move from 0
        values = jnp.mean((view.real_logits - fake / seen) ** 2) + jnp.mean((view.fake_logits - real / seen) ** 2)
        return at(weight, view) * values, state

    return StatefulTerm(lambda: (jnp.zeros(()),) * 3, apply)


def consistency(augment: Transform, weight: Coefficient = 10.0) -> Term:
    """weight E_p (D(x) - D(T(x)))^2: consistency regularization (CR) of D under the augmentation T, on real data.

    Source: Zhang et al. 2020, Consistency Regularization for Generative Adversarial Networks.

    Raises:
      ValueError: a coefficient is negative or not finite.

    Example:
      >>> import jaxgan as jg
      >>> term = consistency(jg.augment.translation())
    """
    check_coefficient("weight", weight, schedule=True)

    def term(view: View) -> RealLogits:
        return at(weight, view) * (view.critic(view.real) - view.critic(augment(view.key, view.real))) ** 2

    return term


def balanced_consistency(augment: Transform, real_weight: Coefficient = 10.0, fake_weight: Coefficient = 10.0) -> Term:
    """real_weight E_p (D(x) - D(T(x)))^2 + fake_weight E_q (D(x) - D(T(x)))^2: balanced consistency (bCR).

    Source: Zhao et al. 2021, Improved Consistency Regularization for GANs, section 3.1.

    Raises:
      ValueError: a coefficient is negative or not finite.

    Example:
      >>> import jaxgan as jg
      >>> term = balanced_consistency(jg.augment.translation())
    """
    check_coefficient("real_weight", real_weight, schedule=True)
    check_coefficient("fake_weight", fake_weight, schedule=True)

    def term(view: View) -> Scalar:
        sides = (
            (real_weight, view.critic, view.real, view.key),
            (fake_weight, view.fake_critic, view.fake, named_key(view.key, "fake")),
        )
        return jnp.stack(
            [
                at(weight, view) * jnp.mean((critic(x) - critic(augment(key, x))) ** 2)
                for weight, critic, x, key in sides
            ]
        ).sum()

    return term


def latent_consistency(weight: Coefficient = 5.0, sigma: float = 0.03) -> Term:
    """weight E (D(G(z)) - D(G(z + dz)))^2, dz ~ N(0, sigma^2): the discriminator's term of zCR.

    Source: Zhao et al. 2021, Improved Consistency Regularization for GANs, section 3.2.

    Raises:
      ValueError: a number is negative or not finite.

    Example:
      >>> d_terms, g_terms = (latent_consistency(),), (latent_diversity(),)
    """
    check_coefficient("weight", weight, schedule=True)
    check_coefficient("sigma", sigma)

    def term(view: View) -> FakeLogits:
        here, nearby = (view.fake_critic(view.generate(z)) for z in (view.z, _nearby(view, sigma)))
        return at(weight, view) * (here - nearby) ** 2

    return term


def latent_diversity(weight: Coefficient = 0.5, sigma: float = 0.03) -> Term:
    """-weight E (G(z) - G(z + dz))^2, mean over coordinates: the generator's term of zCR, which encourages diversity.

    Source: Zhao et al. 2021, Improved Consistency Regularization for GANs, section 3.2.

    Raises:
      ValueError: a number is negative or not finite.

    Example:
      >>> term = latent_diversity(0.5)
    """
    check_coefficient("weight", weight, schedule=True)
    check_coefficient("sigma", sigma)
    return lambda view: -at(weight, view) * (view.generate(view.z) - view.generate(_nearby(view, sigma))) ** 2


def _nearby(view: View, sigma: float) -> Float[Array, "n ..."]:
    return view.z + sigma * jax.random.normal(view.key, view.z.shape, view.z.dtype)
