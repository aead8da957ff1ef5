"""Evaluation of one player's terms: their initial states, and for each evaluation the means and the next states."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from jaxgan.trees import like
from jaxgan.types import PyTree, Scalar, StatefulTerm, Term, View


def check_terms(name: str, terms: Any) -> tuple[Term, ...]:
    """The terms as a tuple.

    Raises:
      ValueError: not a sequence of terms.
    """
    single = callable(terms) or isinstance(terms, StatefulTerm)
    if single or not all(callable(term) or isinstance(term, StatefulTerm) for term in terms):
        raise ValueError(f"{name} must be a sequence of terms, such as (r1(10.0),), got {terms!r}")
    return tuple(terms)


def first_states(terms: Sequence[Term]) -> tuple[PyTree, ...]:
    """The initial state of each term; () for a plain function."""
    return tuple(term.init() if isinstance(term, StatefulTerm) else () for term in terms)


def evaluate(
    terms: Sequence[Term], view_of: Callable[[int], View], states: Sequence[PyTree]
) -> tuple[tuple[Scalar, ...], tuple[PyTree, ...]]:
    """The mean of each term, and its next state; each term gets its own view, independent of the other terms."""
    means, after = [], []
    for i, (term, state) in enumerate(zip(terms, states, strict=True)):
        view = view_of(i)
        values, new = term.apply(view, state) if isinstance(term, StatefulTerm) else (term(view), state)
        means.append(jnp.mean(values))
        after.append(like(state, new))
    return tuple(means), tuple(after)
