"""Compute the features of samples and real examples, with progress bars, and the metrics based on them."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.data.batches import Batches
from jaxgan.data.source import DataError
from jaxgan.evaluation.feature_sets import FeatureSet, Look, gather, groups_of
from jaxgan.evaluation.sample_intervals import intervals
from jaxgan.evaluation.sample_metrics import KINDS, Sets, is_extrapolated, is_large_enough, key_of, measure, missing
from jaxgan.features import Features
from jaxgan.memory import available_memory
from jaxgan.metrics.extrapolation import can_extrapolate
from jaxgan.metrics.inputs import generator
from jaxgan.metrics.statistics_file import ReferenceStatistics
from jaxgan.results.statistics import Interval
from jaxgan.study.compared import Real
from jaxgan.study.messages import OptionError
from jaxgan.study.monitoring.bars import progress_bar

_WITHOUT_PAIRS = ("frechet", "sliced", "score", "two_sample")  # kinds whose time grows as the number of examples
_MOST_PAIRS = 10**13  # of examples: minutes on an accelerator, a day on a CPU


class Measuring(NamedTuple):
    """How features are gathered and measured."""

    look: Look
    keep: bool  # the features of all examples
    batch_size: int
    resamples: int
    seed: int  # of all that is drawn
    progress: bool

    def gather(self, batches: Batches, title: str) -> FeatureSet:
        """Return the features of some examples, with a progress bar."""
        bar = progress_bar(title, batches.n, unit="example", shown=self.progress)
        with bar:
            return self._replace(look=all_finite(self.look, batches)).quietly(batches, bar.update)

    def _gathered(self, batches: Batches | None, role: str) -> FeatureSet | None:
        return None if batches is None else self.gather(batches, f"features of {batches.name}, {role}")

    def quietly(self, batches: Batches, advance: Callable[[int], object]) -> FeatureSet:
        """Likewise, within another bar."""
        rng = generator(key_of(self.seed))
        try:
            return gather(batches, self.look, batch_size=self.batch_size, keep=self.keep, rng=rng, advance=advance)
        except (DataError, OptionError):
            raise
        except ValueError as error:
            raise DataError(f"{batches.name}: {error}") from error

    def real_sets(
        self,
        real: Real | None,
        statistics: ReferenceStatistics | None,
        kinds: Sequence[str],
    ) -> "RealSets":
        """The features of real examples."""
        others = train = heldout = None
        if real is not None:
            reference = None
            if statistics is None:
                reference = self.gather(real.reference, f"features of {real.reference.name}")
            if real.others is not None and real.others.n >= 2:  # of one there are no moments to compare
                others = self.gather(real.others, f"features of {real.others.name}, others")
            if any("train" in KINDS[kind].needs for kind in kinds):
                known = {} if reference is None else {real.reference.part: reference}
                known |= {} if real.others is None or others is None else {real.others.part: others}
                train = known.get("train") or self._gathered(real.train, "training")
                heldout = known.get("heldout") or self._gathered(real.heldout, "held out")
        if statistics is not None:
            reference = FeatureSet((statistics.moments,), statistics.n)
        assert reference is not None
        for name, part in (("the real examples", reference), ("the other real examples", others)):
            if part is not None:
                check_finite(name, part)
        if reference.is_constant:
            raise DataError("all features of the real examples are the same, expected features that differ")
        ks = {k for kind in kinds if (k := KINDS[kind].neighbours) is not None}
        return RealSets(reference.with_radii(sorted(ks)), others, train, heldout)

    def numbers(self, kinds: Sequence[str], own: Sets, name: str) -> dict[str, float]:
        """Return the metrics of a set of samples; error messages start with `name`."""
        try:
            return measure(kinds, key_of(self.seed), own)
        except ValueError as error:
            raise DataError(f"{name}: {error}") from error

    def over_samples(self, kinds: Sequence[str], own: Sets, name: str) -> dict[str, Interval]:
        """Likewise with intervals over samples and a progress bar."""
        halves = any(KINDS[kind].interval is None for kind in kinds)
        try:
            with progress_bar("intervals", self.resamples, unit="half", shown=self.progress and halves) as bar:
                return intervals(kinds, key_of(self.seed), own, resamples=self.resamples, advance=bar.update)
        except ValueError as error:
            raise DataError(f"{name}: {error}") from error


class RealSets(NamedTuple):
    """The features of real examples, as `Real` has them."""

    reference: FeatureSet
    others: FeatureSet | None
    train: FeatureSet | None
    heldout: FeatureSet | None


def check_weights(statistics: ReferenceStatistics, features: Any) -> None:
    """Raise OptionError if the reference moments are known to come from other weights."""
    own = features.digest if isinstance(features, Features) else ""
    if statistics.digest and own and statistics.digest != own:
        raise OptionError("reference", f"is of features with the weights {statistics.digest[:12]}, not {own[:12]}")


def yardsticks(kinds: Sequence[str], sets: RealSets, seed: int, count: int) -> dict[str, dict[str, float]]:
    """Return the metrics of real examples treated as samples: other examples, or two halves."""
    pair = sets.reference.halves() if sets.others is None else (sets.others.part(count), sets.reference)
    if pair is None:
        return {}
    own, reference = pair
    both = Sets(own, reference)
    possible = [kind for kind in kinds if missing(kind, both) is None and is_large_enough(kind, both)]
    try:
        values = measure(possible, key_of(seed), both)
        label = f"{own.n:,} real" if sets.others is not None else f"{own.n:,} real against {reference.n:,}"
        found = {name: {label: value} for name, value in values.items()}
        if sets.train is not None and sets.heldout is not None and "authenticity" in kinds:
            unseen = sets.heldout.part(count)
            alone = measure(["authenticity"], key_of(seed), Sets(unseen, reference, sets.train))
            found |= {name: {f"{unseen.n:,} held out": value} for name, value in alone.items()}
    except ValueError as error:
        raise DataError(f"real examples: {error}") from error
    return found


def check_size(count: int, real: Real, width: int, kinds: Sequence[str]) -> None:
    """Check that so many samples can be compared with the real examples, before any are drawn.

    Args:
      count: the number of samples.
      real: the real examples.
      width: the least number of features.
      kinds: the kinds of metrics, if features are kept.

    Raises:
      OptionError: if there are too many pairs, or the features do not fit into memory.
    """
    sets = [count, real.reference.n, *([] if real.others is None else [real.others.n])]
    compared, most = [kind for kind in kinds if kind not in _WITHOUT_PAIRS], math.isqrt(_MOST_PAIRS)
    if compared and count * max(sets) > _MOST_PAIRS:
        line = f"got {count:,} samples and {max(sets[1:]):,} real examples, expected at most {most:,} of each, because "
        raise OptionError("count", f"{line}{', '.join(compared)} compare all pairs; --metrics frechet does not")
    # A number tells which part of a set an example is in, and another its row if features are kept.
    needed, free = (4 * width * sum(sets) + 8 * max(sets) if kinds else 0) + 8 * max(sets), available_memory()
    if needed > free:
        line = f"the features of {sum(sets):,} examples need at least {needed / 2**30:,.1f} GiB of memory, and"
        raise OptionError("count", f"{line} {free / 2**30:,.1f} GiB are free; take fewer, or --metrics frechet")


def all_finite(look: Look, batches: Batches) -> Look:
    """Return `look`, which stops at the first batch with features that are not finite, by a DataError."""
    seen = 0

    def checked(x: NDArray) -> tuple[NDArray, NDArray | None]:
        nonlocal seen
        found, probabilities = look(x)
        seen += len(x)
        if found.ndim == 2 and (bad := int(np.sum(~np.isfinite(found).all(axis=1)))):
            number = f"{seen:,}" if seen == batches.n else f"the first {seen:,}"
            raise DataError(f"{batches.name}: the features of {bad:,} of {number} examples are NaN or infinite")
        return found, probabilities

    return checked


def of_width(look: Look, width: int, option: str) -> Look:
    """Return `look`, which stops at the first batch with another number of features, by an OptionError.

    `option` is "reference" for the width of a file, "features" for that of real examples.
    """

    def checked(x: NDArray) -> tuple[NDArray, NDArray | None]:
        found, probabilities = look(x)
        if found.ndim == 2 and found.shape[1] != width:
            own = found.shape[1]
            if option == "reference":
                raise OptionError(option, f"is of {width:,} features, expected {own:,} as those of samples")
            raise OptionError(option, f"give {own:,} numbers for a sample and {width:,} for a real example")
        return found, probabilities

    return checked


def check_finite(name: str, found: FeatureSet) -> None:
    """Raise DataError unless all features are finite."""
    if found.bad:
        total = found.bad + (found.n or 0)
        raise DataError(f"{name}: the features of {found.bad:,} of {total:,} examples are NaN or infinite")
    if not found.groups:
        raise DataError(f"{name}: expected more examples with finite features")


def too_few(found: FeatureSet, reference: FeatureSet, name: str) -> list[str]:
    """Return a line for each set with too few examples for a Frechet distance, or for its extrapolation."""
    lines, width = [], len(found.moments.mean)
    for who, n in ((name, found.n), ("the real examples", reference.n)):
        if n is not None and n <= width:
            lines.append(
                f"{who}: {n:,} examples, {width:,} features: no variance is seen in all directions but {n - 1:,}, so "
                "the Fréchet distance is far too large and not to be extrapolated; the kernel distance has no bias"
            )
    if found.n is not None and found.n > width and not is_extrapolated(Sets(found, reference)):
        enough = next(n for n in itertools.count(found.n) if can_extrapolate(n, width, groups_of(n)))
        lines.append(
            f"{name}: {found.n:,} examples, {width:,} features: the Fréchet distance is not extrapolated to infinitely "
            f"many samples, which takes at least {enough:,}"
        )
    return lines
