"""Lazy terms: evaluated only every k-th step."""

import jax
import jax.numpy as jnp

from jaxgan.checks import check_count
from jaxgan.trees import like
from jaxgan.types import PyTree, Scalar, StatefulTerm, Term, View


def every(k: int, term: Term) -> Term:
    """A lazy term: k times `term` at every k-th step, starting at step 0, and 0 (at no cost) at all other steps.

    The factor k keeps the mean over steps equal to that of `term`. A stateful term's state changes only when the term
    is evaluated. If a step has several discriminator updates, either all or none of them include the term. All seeds of
    a run share the step counter; if you map over steps as well, the term is evaluated at every step.
    Source: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, section 3.1.

    Raises:
      ValueError: k is below 1.

    Example:
      >>> import jaxgan as jg
      >>> lazy = every(16, jg.terms.r1(10.0))
    """
    check_count("k", k)
    inner = term if isinstance(term, StatefulTerm) else StatefulTerm(tuple, lambda view, state: (term(view), state))

    def apply(view: View, state: PyTree) -> tuple[Scalar, PyTree]:
        def evaluate(state: PyTree) -> tuple[Scalar, PyTree]:
            values, new = inner.apply(view, state)
            return k * jnp.mean(values), like(state, new)

        def skip(state: PyTree) -> tuple[Scalar, PyTree]:
            return jnp.zeros_like(jax.eval_shape(evaluate, state)[0]), state

        return jax.lax.cond(view.step % k == 0, evaluate, skip, state)

    if isinstance(term, StatefulTerm):
        return StatefulTerm(term.init, apply)
    return lambda view: apply(view, ())[0]
