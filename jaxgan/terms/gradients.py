"""Penalties on the gradient of the discriminator with respect to its input.

All use the gradient of a decision with respect to its whole input, for any critic: conditional, patch or packed.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.checks import check_coefficient
from jaxgan.random import named_key
from jaxgan.terms.parts import Coefficient, at, by_decision, slopes, squared_slopes
from jaxgan.types import Array, Term, View


def r1(gamma: Coefficient = 10.0) -> Term:
    """gamma/2 E_p |grad D(x)|^2: penalizes the discriminator's gradient on real data.

    The authors' code (GAN_stability) omits the factor 1/2: its `reg_param` of 10 corresponds to gamma = 20 here.
    Source: Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?, equation 9.

    Raises:
      ValueError: a coefficient is negative or not finite.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(8), jg.non_saturating, d_terms=(r1(1.0),))
    """
    check_coefficient("gamma", gamma, schedule=True)
    return lambda view: at(gamma, view) / 2 * squared_slopes(view.critic, view.real)


def r2(gamma: Coefficient = 10.0) -> Term:
    """gamma/2 E_q |grad D(x)|^2: penalizes the discriminator's gradient on generated samples.

    Source: Mescheder et al. 2018, equation 10.

    Raises:
      ValueError: a coefficient is negative or not finite.

    Example:
      >>> terms = (r1(0.1), r2(0.1))  # as in R3GAN's discriminator
    """
    check_coefficient("gamma", gamma, schedule=True)
    return lambda view: at(gamma, view) / 2 * squared_slopes(view.fake_critic, view.fake)


def gradient_penalty(weight: Coefficient = 10.0, target: float = 1.0) -> Term:
    """weight E (|grad D(x)| - target)^2 on lines between real and fake examples: WGAN-GP, two-sided.

    x = (1 - u) real + u fake, with one uniform u per decision. The derivative of |v| at v = 0 is taken as 0, so the
    term is differentiable wherever D is; the gradient of a plain norm is NaN there.
    Source: Gulrajani et al. 2017, Improved Training of Wasserstein GANs, equation 3.

    Raises:
      ValueError: a number is negative or not finite; when traced, real and fake batches differ in size.

    Example:
      >>> term = gradient_penalty(10.0)
    """
    check_coefficient("weight", weight, schedule=True)
    check_coefficient("target", target)
    return lambda view: at(weight, view) * (slopes(view.critic, _between(view)) - target) ** 2


def one_sided_gradient_penalty(weight: Coefficient = 10.0, target: float = 1.0) -> Term:
    """weight E relu(|grad D(x)| - target)^2 between real and fake examples: penalizes only gradient norms above target.

    Source: Gulrajani et al. 2017, section 4; Petzka et al. 2018, On the regularization of Wasserstein GANs (WGAN-LP).

    Raises:
      ValueError: a number is negative or not finite; when traced, real and fake batches differ in size.

    Example:
      >>> term = one_sided_gradient_penalty(10.0)
    """
    check_coefficient("weight", weight, schedule=True)
    check_coefficient("target", target)
    return lambda view: at(weight, view) * jax.nn.relu(slopes(view.critic, _between(view)) - target) ** 2


def zero_centered_gradient_penalty(weight: Coefficient = 10.0) -> Term:
    """weight E |grad D(x)|^2 on lines between real and fake examples, without a factor 1/2.

    Source: Thanh-Tung et al. 2019, Improving Generalization and Stability of Generative Adversarial Networks (0-GP).

    Raises:
      ValueError: a coefficient is negative or not finite; when traced, real and fake batches differ in size.

    Example:
      >>> term = zero_centered_gradient_penalty(10.0)
    """
    check_coefficient("weight", weight, schedule=True)
    return lambda view: at(weight, view) * squared_slopes(view.critic, _between(view))


def dragan(weight: Coefficient = 10.0, scale: float = 0.5, target: float = 1.0) -> Term:
    """weight E (|grad D(x + u d)| - target)^2 near the data: d = scale std(real) e, u and e uniform on [0, 1].

    std is taken over all numbers of the batch; u is drawn per decision and e per coordinate, as in the authors' code
    (in the paper, d is normal).
    Source: Kodali et al. 2017, On Convergence and Stability of GANs, equation 1.

    Raises:
      ValueError: a number is negative or not finite.

    Example:
      >>> term = dragan(10.0)
    """
    check_coefficient("weight", weight, schedule=True)
    check_coefficient("scale", scale)
    check_coefficient("target", target)

    def term(view: View) -> Float[Array, " decisions"]:
        real = view.real
        noise = jax.random.uniform(named_key(view.key, "noise"), real.shape, real.dtype)
        share = by_decision(named_key(view.key, "share"), view)
        x = real + share * (scale * jnp.std(real)) * noise
        return at(weight, view) * (slopes(view.critic, x) - target) ** 2

    return term


def _between(view: View) -> Float[Array, "n ..."]:
    if view.real.shape != view.fake.shape:
        raise ValueError(
            "a penalty between real and fake examples needs as many of both: "
            f"got real {view.real.shape} and fake {view.fake.shape}"
        )
    share = by_decision(view.key, view)
    return (1 - share) * view.real + share * view.fake
