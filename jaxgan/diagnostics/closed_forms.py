"""Closed forms of the generator's part of every catalogue loss, derived by hand, as functions of one fake logit.

Nothing here calls the losses' own code, so the two can be checked against each other. In the formulas, v is the fake
logit (a score if the discriminator does not output a probability), r is the real logit, which only relativistic losses
depend on, and D = sigmoid(v). Everything is NumPy in float64, exact to a few rounding errors for logits from -30 to 30.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.special import expit, log_expit

import jaxgan.losses as losses
from jaxgan.types import Loss

Function = Callable[[Float64[np.ndarray, "*v"], float], Float64[np.ndarray, "*v"]]


class ClosedForm(NamedTuple):
    """A generator's loss and its derivative with respect to the fake logit, as text and as functions of (v, r).

    The functions return arrays shaped like v.
    """

    text_value: str
    text_derivative: str
    value: Function
    d_logit: Function


def _falling(text: str, value: Function) -> ClosedForm:
    """Return the closed form of a loss whose derivative with respect to the logit is -1 everywhere."""
    return ClosedForm(text, "-1", value, lambda v, r: np.full_like(v, -1.0))


_SCORE = _falling("-v", lambda v, r: -v)

CLOSED_FORMS: dict[str, ClosedForm] = {
    "minimax": ClosedForm("log(1 - D)", "-D", lambda v, r: log_expit(-v), lambda v, r: -expit(v)),
    "non_saturating": ClosedForm("-log D", "-(1 - D)", lambda v, r: -log_expit(v), lambda v, r: -expit(-v)),
    "reverse_kl": _falling("log((1 - D) / D)", lambda v, r: -v),
    "maximum_likelihood": ClosedForm(
        "-exp(v) / 2", "-exp(v) / 2", lambda v, r: -0.5 * np.exp(v), lambda v, r: -0.5 * np.exp(v)
    ),
    "hinge": _SCORE,
    "wasserstein": _SCORE,
    "least_squares": ClosedForm("(v - 1)^2 / 2", "v - 1", lambda v, r: (v - 1) ** 2 / 2, lambda v, r: v - 1),
    "relativistic": ClosedForm(
        "-log sigmoid(v - r)", "-sigmoid(r - v)", lambda v, r: -log_expit(v - r), lambda v, r: -expit(r - v)
    ),
    "relativistic_minimax": ClosedForm(
        "log sigmoid(r - v)", "-sigmoid(v - r)", lambda v, r: log_expit(r - v), lambda v, r: -expit(v - r)
    ),
    # In a batch of one, the means are the two logits themselves, so both terms are equal.
    "relativistic_average": ClosedForm(
        "-2 log sigmoid(v - r)", "-2 sigmoid(r - v)", lambda v, r: -2 * log_expit(v - r), lambda v, r: -2 * expit(r - v)
    ),
    "relativistic_average_minimax": ClosedForm(
        "2 log sigmoid(r - v)", "-2 sigmoid(v - r)", lambda v, r: 2 * log_expit(r - v), lambda v, r: -2 * expit(v - r)
    ),
    "f_kl": ClosedForm("-exp(v - 1)", "-exp(v - 1)", lambda v, r: -np.exp(v - 1), lambda v, r: -np.exp(v - 1)),
    "f_kl_practical": _SCORE,
    "f_reverse_kl": _falling("1 - v", lambda v, r: 1 - v),
    "f_reverse_kl_practical": ClosedForm("exp(-v)", "-exp(-v)", lambda v, r: np.exp(-v), lambda v, r: -np.exp(-v)),
    # v (v + 4) / 4 does not cancel near its zero at -4, as v^2 / 4 + v would.
    "f_pearson": ClosedForm("-(v^2 / 4 + v)", "-(v / 2 + 1)", lambda v, r: -v * (v + 4) / 4, lambda v, r: -(v + 2) / 2),
    "f_pearson_practical": _SCORE,
    "f_hellinger": ClosedForm("1 - exp(v)", "-exp(v)", lambda v, r: -np.expm1(v), lambda v, r: -np.exp(v)),
    "f_hellinger_practical": ClosedForm("exp(-v) - 1", "-exp(-v)", lambda v, r: np.expm1(-v), lambda v, r: -np.exp(-v)),
    # 2 (1 - D) = 2 / (1 + exp(v)) = 1 / (1 + expm1(v) / 2). This avoids the cancellation of log 2 near v = 0.
    "f_jensen_shannon": ClosedForm(
        "log(2 (1 - D))", "-D", lambda v, r: -np.log1p(np.expm1(v) / 2), lambda v, r: -expit(v)
    ),
    "f_jensen_shannon_practical": ClosedForm(
        "-log(2 D)", "-(1 - D)", lambda v, r: np.log1p(np.expm1(-v) / 2), lambda v, r: -expit(-v)
    ),
}
"""The closed form of every loss in `jaxgan.losses`, keyed by its name there."""


def closed_form(loss: Loss) -> ClosedForm | None:
    """Return the closed form of the generator's part of `loss`, or None if that part is not in the catalogue.

    Only the generator's function matters: a different discriminator part, such as smoothed labels, changes nothing.

    Raises:
      ValueError: if `loss` is not a `Loss`.

    Example:
      >>> form = closed_form(losses.minimax)
      >>> form.text_value, form.text_derivative, form.d_logit(np.zeros(1), 0.0).tolist()
      ('log(1 - D)', '-D', [-0.5])
      >>> closed_form(losses.least_squares_loss(-1.0, 1.0, 0.0)) is None
      True
    """
    check_loss(loss)
    catalogue = vars(losses)
    same = (form for name, form in CLOSED_FORMS.items() if catalogue[name].generator is loss.generator)
    return next(same, None)


def check_loss(loss: Any) -> None:
    """Raise ValueError unless `loss` is a `Loss` of two functions.

    Example:
      >>> check_loss(losses.minimax)
      >>> check_loss("minimax")
      Traceback (most recent call last):
      ValueError: loss must be a Loss of two functions, such as jaxgan.losses.minimax, got str
    """
    if not isinstance(loss, Loss) or not all(callable(part) for part in loss):
        kind = "one with a part that is not a function" if isinstance(loss, Loss) else type(loss).__name__
        raise ValueError(f"loss must be a Loss of two functions, such as jaxgan.losses.minimax, got {kind}")
