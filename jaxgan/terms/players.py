"""Terms on the generator's samples, and on a player's own parameters."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.checks import check_coefficient, check_count
from jaxgan.terms.parts import Coefficient, at, flat, root
from jaxgan.types import Array, Scalar, StatefulTerm, Term, View


def feature_matching(weight: Coefficient = 1.0) -> Term:
    """weight |E_p f(x) - E_q f(x)|^2, f the discriminator's flattened "features": a term for the generator.

    Source: Salimans et al. 2016, Improved Techniques for Training GANs, section 3.1.

    Raises:
      ValueError: a coefficient is negative or not finite; when traced, the discriminator has no "features".

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> silent = jg.Loss(jg.non_saturating.discriminator, lambda real, fake: 0 * fake)  # only feature matching
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(8), silent, g_terms=(feature_matching(),))
    """
    check_coefficient("weight", weight, schedule=True)

    def term(view: View) -> Scalar:
        real, fake = (jnp.mean(flat(view.features(x)), axis=0) for x in (view.real, view.fake))
        return at(weight, view) * jnp.sum((real - fake) ** 2)

    return term


def orthogonal(weight: Coefficient = 1e-4, *, but_for: Sequence[str] = ()) -> Term:
    """weight sum_W |W^T W * (1 - I)|^2_F over the player's kernels W: penalizes columns that are not orthogonal.

    Kernels are the parameters of that name with more than one axis, as in flax: not the scales and offsets of each
    class in BatchNorm, embeddings, or a learned image. A kernel of more than two axes is reshaped to [all other axes,
    output channels]. The columns may have any norm. The kernels are summed, not averaged; those of modules named in
    `but_for` are excluded. The authors' code adds the gradient of half of this term.
    Source: Brock et al. 2019, Large Scale GAN Training (BigGAN), equation 3.

    Raises:
      ValueError: a coefficient is negative or not finite; when traced, the player has no such kernel.

    Example:
      >>> term = orthogonal(1e-4)
    """
    check_coefficient("weight", weight, schedule=True)

    def off_diagonal(kernel: Float[Array, "*window c o"]) -> Scalar:
        matrix = kernel.reshape(-1, kernel.shape[-1])
        products = matrix.T @ matrix
        return jnp.sum((products - jnp.diag(jnp.diag(products))) ** 2)

    def term(view: View) -> Scalar:
        leaves = {_names(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(view.params)}
        kernels = {names: leaf for names, leaf in leaves.items() if leaf.ndim > 1 and names[-1:] == ("kernel",)}
        if not kernels:
            found = ", ".join("/".join(names) for names in leaves) or "none"
            raise ValueError(f"orthogonal needs parameters named kernel with two axes or more, got {found}")
        kept = [kernel for names, kernel in kernels.items() if not set(names) & set(but_for)]
        return at(weight, view) * sum(map(off_diagonal, kept), start=jnp.zeros(()))

    return term


def path_length(weight: Coefficient = 2.0, decay: float = 0.99, shrink: int = 1) -> StatefulTerm:
    """weight E (|J^T y| - a)^2, J the generator's Jacobian with respect to its latent and y ~ N(0, 1/pixels).

    It encourages steps of a given length in latent space to change the image by a fixed amount. The latent is w if the
    generator has the methods `mapping` and `synthesis`, as StyleGAN2's does, and the input of `generate` otherwise. For
    a w with layers, [n, layers, d], |J^T y|^2 is averaged over layers. The expectation is over latents and images y; a
    is the moving average of |J^T y|, up to and including this evaluation. The number of pixels is height times width
    for images and 1 for points. Only the first n / `shrink` of a batch's latents are used; the authors use 2.

    Source: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, equation 4 and appendix B; layers
    and shrinking follow the authors' code, in which a small share of the gradient, 1 - decay, also flows through a.

    Raises:
      ValueError: weight is negative, decay is outside [0, 1], or `shrink` is below 1.

    Example:
      >>> float(path_length().init())
      0.0
    """
    check_coefficient("weight", weight, schedule=True)
    check_coefficient("decay", decay, highest=1.0)
    check_count("shrink", shrink)

    def apply(view: View, state: Scalar) -> tuple[Float[Array, " m"], Scalar]:
        z = view.z[: max(1, view.z.shape[0] // shrink)]
        if view.mapping is None or view.synthesis is None:
            latents, images, layers = z, view.generate, 1
        else:
            latents, images = view.mapping(z), view.synthesis
            layers = latents.shape[1] if latents.ndim == 3 else 1
        pixels = math.prod(view.fake.shape[1:3]) if view.fake.ndim == 4 else 1
        y = jax.random.normal(view.key, (z.shape[0], *view.fake.shape[1:]), view.fake.dtype) / math.sqrt(pixels)
        gradient = jax.grad(lambda latents: jnp.sum(images(latents) * y))(latents)
        lengths = root(jnp.sum(flat(gradient) ** 2, axis=1) / layers)
        state = decay * state + (1 - decay) * jax.lax.stop_gradient(jnp.mean(lengths))
        return at(weight, view) * (lengths - state) ** 2, state

    return StatefulTerm(lambda: jnp.zeros(()), apply)


def l1_to_real(weight: Coefficient = 100.0) -> Term:
    """weight E |G(z, y) - x|, mean over coordinates: the L1 distance to the real image with the same condition y.

    Source: Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, equation 3.

    Raises:
      ValueError: a coefficient is negative or not finite; when traced, there are no conditions, or the real and
        fake batches differ in size.

    Example:
      >>> term = l1_to_real(100.0)
    """
    check_coefficient("weight", weight, schedule=True)
    return lambda view: at(weight, view) * jnp.abs(_from_real("l1_to_real", view))


def l2_to_real(weight: Coefficient = 100.0) -> Term:
    """weight E (G(z, y) - x)^2, mean over coordinates: the squared error to the real image with the same condition y.

    Source: Pathak et al. 2016, Context Encoders, equation 1.

    Raises:
      ValueError: a coefficient is negative or not finite; when traced, there are no conditions, or the real and
        fake batches differ in size.

    Example:
      >>> term = l2_to_real(100.0)
    """
    check_coefficient("weight", weight, schedule=True)
    return lambda view: at(weight, view) * _from_real("l2_to_real", view) ** 2


def _from_real(name: str, view: View) -> Float[Array, "n ..."]:
    if view.y is None:
        raise ValueError(f"{name} compares with the real image of the same condition, but the batch has no condition y")
    if view.real.shape != view.fake.shape:
        raise ValueError(
            f"{name} needs as many real as fake examples: got real {view.real.shape} and fake {view.fake.shape}"
        )
    return view.fake - view.real


def _names(path: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(str(getattr(part, "key", getattr(part, "idx", part))) for part in path)
