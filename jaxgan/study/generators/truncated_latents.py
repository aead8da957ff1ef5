"""The latents of truncated samples, by the text that names the truncation."""

from jaxgan.priors import scaled_truncated_prior, truncated_prior
from jaxgan.study.limits import LIMITS
from jaxgan.study.messages import OptionError, expect, nearest
from jaxgan.types import Prior

WAYS = "w", "resampled", "scaled"


def parsed(truncation: str) -> tuple[str, float]:
    """Return the method of a truncation, "" if none is named, and its number.

    Raises:
      OptionError: if the method is unknown, or the number is beyond its limit.

    Example:
      >>> parsed("scaled:0.7"), parsed("0.7")
      (('scaled', 0.7), ('', 0.7))
    """
    way, colon, number = truncation.rpartition(":")
    if colon and way not in WAYS:
        raise OptionError("truncation", f"got {truncation!r}; {nearest(way, WAYS)}, a colon and a number")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    limit = LIMITS["truncation"]
    expect("truncation", repr(truncation), limit.holds(value), f"a number {limit}, such as 0.7 or scaled:0.7")
    return way, value


def latents_for(truncation: str, latent_dim: int, *, mapped: bool) -> Prior | None:
    """Return the prior of truncated latents; None if it is w that is truncated, which then is the default.

    Args:
      truncation: as in `truncated_sampler`.
      latent_dim: the number of latents.
      mapped: whether the generator has a mapping network.

    Raises:
      OptionError: as `parsed`.

    Example:
      >>> latents_for("0.5", 4, mapped=True) is None
      True
    """
    given, value = parsed(truncation)
    way = given or ("w" if mapped else "resampled")
    if way == "w":
        return None
    return (truncated_prior if way == "resampled" else scaled_truncated_prior)(latent_dim, value)
