"""The request for an evaluation, and what can be checked of it before anything is measured."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from jaxgan.data.source import DataError
from jaxgan.data.values import Notes, depth_of
from jaxgan.evaluation.sample_metrics import KINDS, NAMES, USUAL
from jaxgan.results.claim import is_run
from jaxgan.study.compared import PARTS, Real
from jaxgan.study.limits import SETTINGS, check_limit
from jaxgan.study.messages import OptionError, expect, nearest


@dataclasses.dataclass(frozen=True)
class Asked:
    """What to evaluate and how: the options of `jaxgan evaluate`."""

    target: Path
    against: str | None = None
    part: str = "heldout"
    metrics: tuple[str, ...] = ()
    features: str | None = None
    reference: Path | None = None
    write_reference: Path | None = None
    count: int | None = None
    batch_size: int = 128
    resamples: int = 40
    image_size: int | None = None
    common_latents: bool = False
    key: int = 0
    trust: bool = False


def check_request(asked: Asked) -> list[str]:
    """Return the requested kinds of metrics, in order.

    Raises:
      OptionError: for an option outside its limits, or one that has no effect.
    """
    check_limit("key", asked.key)
    check_limit("resamples", asked.resamples)
    if asked.count is not None:
        check_limit("count", asked.count)
    if asked.image_size is not None:
        check_limit("image_size", asked.image_size)
    if asked.common_latents and not is_run(asked.target):
        raise OptionError("common_latents", f"is for the generators of a run, and {asked.target} is none")
    batch = SETTINGS["batch_size"]
    expect("batch_size", asked.batch_size, batch.holds(asked.batch_size), str(batch))
    expect("part", asked.part, asked.part in PARTS, "heldout, train or all")
    names = [name for text in asked.metrics for name in text.split(",") if name]
    if asked.metrics and not names:
        named = ",".join(asked.metrics)
        raise OptionError("metrics", f"got {named!r}, which names none; known: {', '.join(NAMES)}, all")
    for name in names:
        if name != "all" and name not in NAMES:
            published = "FID, KID and the Inception score are frechet, kernel and score with --features inception:FILE"
            meant = name.lower() in ("fid", "kid", "is", "isc", "inception_score")
            raise OptionError("metrics", f"got {name!r}; {published if meant else nearest(name, ['all', *NAMES])}")
    if "all" in names:
        return list(KINDS)
    return list(dict.fromkeys(NAMES[name] for name in names)) or list(USUAL)


def check_counts(kinds: Sequence[str], name: str, count: int, real: Real | None) -> None:
    """Check that there are enough samples and real examples for every kind of metric.

    Raises:
      DataError: for the first set that is too small; the message names it and the kind that needs more.
    """
    sets = [(name, count, 0)] + ([] if real is None else [(real.reference.name, real.reference.n, 1)])
    for kind in kinds:
        for who, n, i in sets:
            least = KINDS[kind].least[i]
            if n < least:
                kind_of = f" for {kind}" if least > 2 else ""
                raise DataError(f"{who}: expected at least {least} examples{kind_of}, got {n}")


def depth_warnings(sets: Sequence[Notes]) -> list[str]:
    """Return a warning if sets with these notes have 16-bit values that are read as different numbers of bits."""
    depths = sorted({depth for notes in sets if (depth := depth_of(notes)) is not None})
    if len(depths) < 2:
        return []
    line = f"samples and data of 16 bits are read as {' and '.join(map(str, depths))} bits by their largest values"
    return [f"{line}, so that equal numbers are different grey levels; store all of them with 8 bits"]


def check_image_size(image_size: int | None, shape: tuple[int, ...], *, run: bool) -> None:
    """Check that a requested image size can be given to samples of a shape: to those of files, if they are images."""
    if image_size is None:
        return
    if len(shape) != 3:
        raise OptionError("image_size", f"got {image_size}, but the samples are points")
    if run:
        size = "x".join(map(str, shape[:2]))
        expect("image_size", image_size, (image_size,) * 2 == shape[:2], f"none, or the {size} pixels of the run")
