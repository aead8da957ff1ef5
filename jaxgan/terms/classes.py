"""Terms of an auxiliary classifier: the class loss of a discriminator that returns `class_logits`."""

from collections.abc import Mapping

import jax.numpy as jnp
import optax
from jaxtyping import Float

from jaxgan.checks import check_coefficient
from jaxgan.terms.parts import Coefficient, at
from jaxgan.types import Array, PyTree, Term


def class_of_real(weight: Coefficient = 1.0) -> Term:
    """-weight E_p log P(y | x): the discriminator learns to classify the data.

    P is the softmax of the `class_logits` [n, K] that the discriminator returns along with its `logits`, and y [n] are
    the classes of the batch. This is a term for the discriminator; `jaxgan.auxiliary_classifier` adds both players'.
    Source: Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs, equation 2.

    Raises:
      ValueError: a coefficient is negative or not finite; when traced, there are no `class_logits` or no classes y.

    Example:
      >>> d_terms, g_terms = (class_of_real(1.0),), (class_of_fake(1.0),)
    """
    check_coefficient("weight", weight, schedule=True)
    return lambda view: at(weight, view) * _cross_entropy("class_of_real", view.real_outputs, view.y)


def class_of_fake(weight: Coefficient = 1.0) -> Term:
    """-weight E_q log P(y | x): samples should be classified as the classes that they were generated for.

    The generator's term; in the paper the discriminator has it, too.
    Source: Odena et al. 2017, equation 2.

    Raises:
      ValueError: a coefficient is negative or not finite; when traced, there are no `class_logits` or no classes y.

    Example:
      >>> d_terms, g_terms = (class_of_real(1.0), class_of_fake(1.0)), (class_of_fake(1.0),)  # as in the paper
    """
    check_coefficient("weight", weight, schedule=True)
    return lambda view: at(weight, view) * _cross_entropy("class_of_fake", view.fake_outputs, view.y_fake)


def _cross_entropy(name: str, outputs: PyTree, y: PyTree) -> Float[Array, " n"]:
    logits = outputs.get("class_logits") if isinstance(outputs, Mapping) else getattr(outputs, "class_logits", None)
    if logits is None:
        raise ValueError(
            f"{name} needs a discriminator that returns `class_logits` beside `logits`, such as one of jaxgan.nn with "
            'condition="classifier"'
        )
    if y is None or not jnp.issubdtype(y.dtype, jnp.integer):
        got = "no condition y" if y is None else f"y of {y.dtype}"
        raise ValueError(f"{name} needs batches with classes y, integers [n], got {got}")
    # With packs, the class logits are [packs, m, K], in the order of the examples.
    return optax.softmax_cross_entropy_with_integer_labels(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))
