"""Terms that are evaluated now and then."""

import jax
import jax.numpy as jnp

from jaxgan.checks import check_count
from jaxgan.trees import like
from jaxgan.types import PyTree, Scalar, StatefulTerm, Term, View


def every(k: int, term: Term) -> Term:
    """`term` times k at every k-th step, from step 0, and 0 at the others, where it costs nothing: a lazy term.

    The mean over steps is that of `term`, as each evaluation counts k times. A stateful term's state moves only when it
    is evaluated. With several discriminator updates in a step, all of them have the term or none. The step is common
    to all seeds of a run; whoever maps over steps, too, evaluates the term at all of them.
    Source: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, section 3.1.

    Raises:
      ValueError: k below 1.

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
