"""Profiles of losses without training, as arrays and text: the first part of a profile's report."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxgan.diagnostics.closed_forms import closed_form
from jaxgan.diagnostics.profiles import Limits, Profile, float32_limits, profile, saturation, saturation_sentence
from jaxgan.results.results import variable
from jaxgan.types import Loss

_AXES = ("logits", "d", "one_minus_d")


def on_paper(losses: Mapping[str, Loss], threshold: float) -> tuple[dict[str, xr.Variable], dict[str, Any]]:
    """Return the variables of the group `paper` [loss, logit], and notes on each loss."""
    profiles = {name: profile(loss) for name, loss in losses.items()}
    first = next(iter(profiles.values()))
    arrays: dict[str, NDArray] = {"closed_d_logit": np.stack([_closed(p) for p in profiles.values()])}
    for bits in (32, 64):
        for name in ("value", "d_logit", "d_probability"):
            curves = [getattr(getattr(p, f"float{bits}"), name) for p in profiles.values()]
            arrays[f"{name}{bits}"] = np.stack(curves)
    arrays["error_d_logit"] = np.stack([p.error.d_logit for p in profiles.values()])
    variables = [variable("paper", name, ("loss", "logit"), values) for name, values in arrays.items()]
    variables += [variable("paper", name, ("logit",), getattr(first, name)) for name in _AXES]
    return dict(variables), {name: _about(p, threshold) for name, p in profiles.items()}


def _closed(seen: Profile) -> NDArray[np.float64]:
    form = closed_form(seen.loss)
    return np.full_like(seen.logits, np.nan) if form is None else form.d_logit(seen.logits, seen.real_logit)


def _about(seen: Profile, threshold: float) -> dict[str, Any]:
    form, regions = closed_form(seen.loss), saturation(seen, threshold)
    exact = _closed(seen)
    with np.errstate(all="ignore"):
        off = {bits: np.abs(getattr(seen, f"float{bits}").d_logit / exact - 1) for bits in (32, 64)}
    return {
        "axis": seen.axis,
        "value": None if form is None else form.text_value,
        "derivative": None if form is None else form.text_derivative,
        "saturates": saturation_sentence(regions, seen.axis),
        "regions": [region._asdict() for region in regions],
        "float32": _limits_in_words(float32_limits(seen.loss, seen.real_logit)),
        "largest_error": float(np.nanmax(seen.error.d_logit)) if not np.isnan(seen.error.d_logit).all() else np.nan,
        # of the derivative with respect to the logit from its closed form, relative; where that is 0 there is none
        "off_closed_form": {
            f"float{bits}": None if form is None else float(np.max(off[bits][exact != 0], initial=0.0)) for bits in off
        },
    }


def _limits_in_words(limits: Limits) -> str:
    """Between which logits float32 holds the derivative with respect to the logit, of those from -120 to 120."""
    words = []
    for side, lost in (("down to", limits.below), ("up to", limits.above)):
        if lost is not None:
            what = "is 0" if lost.float32 == 0 else "overflows"
            words.append(f"{side} {lost.logit:.1f}; beyond, it {what}")
    return ", ".join(words) or "everywhere"
