"""Claims that are made before the first run, as METRIC:BETTER>THAN."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxgan.study.messages import OptionError, nearest

FAILED = "failed"
"""In place of a metric: the share of seeds that failed, of which less is better."""


class Claim(NamedTuple):
    """A claim that one configuration, or one recipe over all grid cells that both have, is better than another."""

    metric: str
    better: str
    than: str


def claim_of(text: str, labels: Sequence[str]) -> Claim:
    """Parse a claim.

    Raises:
      OptionError: if the form is wrong or a configuration does not exist.

    Example:
      >>> claim_of("captured: non_saturating > minimax", ["minimax", "non_saturating"])
      Claim(metric='captured', better='non_saturating', than='minimax')
    """
    metric, colon, rest = (part.strip() for part in text.partition(":"))
    better, sign, than = (part.strip() for part in rest.partition(">"))
    if not (metric and colon and better and sign and than) or better == than:
        raise OptionError("planned", f"got {text!r}, expected METRIC:BETTER>THAN")
    for label in (better, than):
        if label not in labels:
            raise OptionError("planned", f"there is no configuration {label!r}; {nearest(label, labels)}")
    return Claim(metric, better, than)


def in_words(claim: Claim) -> str:
    """Return a claim as a sentence.

    Example:
      >>> in_words(Claim("failed", "r1_gan", "minimax"))
      'r1_gan fails less often than minimax'
    """
    if claim.metric == FAILED:
        return f"{claim.better} fails less often than {claim.than}"
    return f"{claim.better} is better than {claim.than} by {claim.metric}"


def check_claims(texts: Sequence[str], labels: Sequence[str], metrics: Sequence[str]) -> None:
    """Check that every claim is about configurations and a metric of the study.

    Raises:
      OptionError: if one is not; the message names the nearest.
    """
    for text in texts:
        claim = claim_of(text, labels)
        if claim.metric not in (*metrics, FAILED):
            raise OptionError("planned", f"there is no metric {claim.metric!r}; {nearest(claim.metric, metrics)}")
