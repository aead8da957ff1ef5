"""Evaluate a run, or samples from elsewhere, against real examples."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxgan.data.batches import Batches, from_files
from jaxgan.evaluation.feature_sets import FeatureSet, Look, groups_of, looked_at_by
from jaxgan.evaluation.sample_metrics import (
    KEEP_NO_FEATURES,
    KINDS,
    Sets,
    key_of,
    label_of,
    missing,
)
from jaxgan.evaluation.select import conditions_of
from jaxgan.features import Features
from jaxgan.metrics.extrapolation import numbers_of_groups
from jaxgan.metrics.statistics_file import ReferenceStatistics, read_statistics, write_statistics
from jaxgan.results import store
from jaxgan.results.claim import is_run
from jaxgan.results.results import Metric, Results, variable
from jaxgan.results.statistics import Interval
from jaxgan.study.compared import (
    Real,
    check_comparable,
    find_features,
    is_trained,
    of_source,
    own_function,
    real_examples,
)
from jaxgan.study.config import WITH_GENERATORS, Config, from_stored
from jaxgan.study.evaluation_request import Asked as Asked
from jaxgan.study.evaluation_request import check_counts, check_image_size, check_request, depth_warnings
from jaxgan.study.generators.generate import condition_shape
from jaxgan.study.generators.generated import drawn_by_all
from jaxgan.study.measuring import (
    Measuring,
    RealSets,
    check_finite,
    check_size,
    check_weights,
    of_width,
    too_few,
    yardsticks,
)
from jaxgan.study.messages import OptionError
from jaxgan.study.monitoring.bars import progress_bar
from jaxgan.study.planning import source_of
from jaxgan.study.trust import check_trusted


class Evaluated(NamedTuple):
    """The result of an evaluation.

    results:   values [configuration, seed] of a run; None for a set of samples
    values:    values of a set of samples, by metric; {} for a run
    intervals: the intervals of these values, over new samples
    metrics:   how to interpret the values; the yardsticks are those of real examples
    about:     names and sizes of samples, reference and features
    notes:     caveats about the values
    """

    results: Results | None
    values: dict[str, float]
    intervals: dict[str, Interval]
    metrics: tuple[Metric, ...]
    about: dict[str, Any]
    notes: tuple[str, ...]


def evaluate_samples(asked: Asked, *, progress: bool = False, report: Callable[[str], None] = print) -> Evaluated:
    """Evaluate samples, from every generator of a run or from files, against real examples.

    Raises:
      OptionError, DataError, StoreError, CheckpointError: if the request cannot be fulfilled; a one-line message.
    """
    kinds = check_request(asked)
    run = is_run(asked.target)
    content = _content(asked) if run else {}
    config = from_stored(content["config"], f"the run in {asked.target}") if run else None
    results = store.load_results(asked.target) if run else None
    samples = None if run else from_files(asked.target, image_size=asked.image_size)
    shape = samples.shape if samples is not None else tuple(content["shape"])
    check_image_size(asked.image_size, shape, run=samples is None)
    if samples is not None and asked.count is not None:
        samples = samples.first(asked.count)
    statistics = None if asked.reference is None else read_statistics(asked.reference)
    count = samples.n if samples is not None else asked.count or (config.samples if config else 0)
    real = _real(asked, config, count)
    notes = list(_notes(asked, samples, real, shape))
    check_counts(kinds, "a generator" if samples is None else samples.name, count, None if statistics else real)
    keep = any(kind not in KEEP_NO_FEATURES for kind in kinds)
    if real is not None and statistics is None:
        check_size(count, real, math.prod(shape) if len(shape) == 1 else 1, kinds if keep else ())
    features = find_features(asked.features, None if real is None else real.source, shape, report)
    notes += features.notes if isinstance(features, Features) else []
    work = Measuring(_look(asked, features, statistics), keep, asked.batch_size, asked.resamples, asked.key, progress)
    sets = work.real_sets(real, statistics, kinds)
    work = work._replace(look=of_width(work.look, len(sets.reference.moments.mean), "features"))
    kinds = _measurable(kinds, asked, sets, features)
    real_numbers = yardsticks(kinds, sets, asked.key, count)
    metrics = _metrics(kinds, features, real_numbers)
    about = _about(asked, sets, features, real, statistics)
    if samples is not None:
        found = work.gather(samples, f"features of {samples.name}")
        check_finite(samples.name, found)
        notes += too_few(found, sets.reference, samples.name) if "frechet" in kinds else []
        notes += [f"{samples.name}: all features are the same"] if found.is_constant else []
        own = Sets(found, sets.reference, sets.train)
        about |= {"samples": found.n, "sizes": _sizes(kinds, found.n or 0, sets)}
        over = work.over_samples(kinds, own, samples.name)
        values = {name: interval.estimate for name, interval in over.items()}
        done = Evaluated(None, values, over, metrics, about, tuple(notes))
    else:
        assert results is not None
        values_of, lines = _of_run(work, asked, content, results, kinds, sets, count)
        metrics = tuple(metric for metric in metrics if metric.name in values_of)
        about |= {"samples": count, "sizes": _sizes(kinds, count, sets)}
        labelled = _labelled(results, metrics, values_of, about)
        done = Evaluated(labelled, {}, {}, metrics, about, (*notes, *lines))
    read = [samples, None if real is None else real.reference, None if real is None else real.others]
    seen = dict.fromkeys(line for each in read if each is not None for line in each.seen())
    done = done._replace(notes=(*done.notes, *seen))
    if asked.write_reference is not None:
        _write(asked.write_reference, sets.reference, features, real)
    return done


def _content(asked: Asked) -> dict[str, Any]:
    content = store.read_config(asked.target)
    if content["job"] not in WITH_GENERATORS:
        raise OptionError("run", f"{asked.target} holds a {content['job']}, which has no generators to evaluate")
    if condition_shape(content):
        raise OptionError("run", f"{asked.target} translates images; its report compares them with their targets")
    check_trusted(content, asked.target, trust=asked.trust)
    return content


def _real(asked: Asked, config: Config | None, count: int) -> Real | None:
    trained = is_trained(asked.features)
    if asked.against is not None:
        size = asked.image_size or (None if config is None else config.image_size)
        seed = 0 if config is None else config.split_seed  # the run may have been trained on a part of the same data
        return real_examples(asked.against, asked.part, size, in_memory=trained, count=count, seed=seed)
    if config is not None:
        return of_source(source_of(config), asked.part, count)
    if asked.reference is not None:
        return None
    raise OptionError("against", "is needed: a data set by name, a folder or a file of real examples, or --reference")


def _notes(asked: Asked, samples: Batches | None, real: Real | None, shape: tuple[int, ...]) -> list[str]:
    """Return the caveats that are known before anything is measured.

    Raises:
      DataError: if the samples and the data cannot be compared.
    """
    notes = [] if samples is None else [*samples.notes]
    if real is not None:
        own = Batches("the run", shape, 0, lambda n: iter(())) if samples is None else samples
        line = check_comparable(own, real.reference, asked.features)
        notes += [*real.notes, *([] if line is None else [line])]
        notes += depth_warnings([own.notes, real.notes, *([] if real.others is None else [real.others.notes])])
    return notes


def _look(asked: Asked, features: Any, statistics: ReferenceStatistics | None) -> Look:
    """Return the map to features, which stops at the first batch that does not fit the reference moments."""
    look = looked_at_by(own_function(asked.features, features), asked.batch_size)
    if statistics is None:
        return look
    check_weights(statistics, features)
    return of_width(look, len(statistics.moments.mean), "reference")


def _measurable(
    kinds: list[str], asked: Asked, sets: RealSets, features: Features | Callable[[Any], Any] | None
) -> list[str]:
    """Return the kinds that can be measured; raise an `OptionError` for one that was requested by name and cannot."""
    probabilities = np.ones((1, 1), np.float32) if isinstance(features, Features) and features.logits else None
    likely = Sets(sets.reference._replace(probabilities=probabilities), sets.reference, sets.train)
    named = asked.metrics and "all" not in ",".join(asked.metrics).split(",")
    found = []
    for kind in kinds:
        lacks = missing(kind, likely)
        if lacks and named:
            raise OptionError("metrics", f"{kind} {lacks}")
        found += [] if lacks else [kind]
    return found


def _metrics(kinds: Sequence[str], features: Any, yardsticks: dict[str, dict[str, float]]) -> tuple[Metric, ...]:
    own = features if isinstance(features, Features) else None
    named = own if own is not None or features is None else Features(getattr(features, "__name__", "own"), features)
    found = []
    for kind in kinds:
        for name, (_, worst, better, _) in KINDS[kind].labels.items():
            found.append(Metric(name, label_of(name, named), worst, better, yardsticks.get(name, {})))
    return tuple(found)


def _write(path: Path, reference: FeatureSet, features: Any, real: Real | None) -> None:
    name = features.name if isinstance(features, Features) else getattr(features, "__name__", "")
    digest = features.digest if isinstance(features, Features) else ""
    data = "" if real is None else real.reference.name
    write_statistics(path, ReferenceStatistics(reference.moments, reference.n, name, digest, data))


def _about(
    asked: Asked,
    sets: RealSets,
    features: Any,
    real: Real | None,
    statistics: ReferenceStatistics | None,
) -> dict[str, Any]:
    known = features if isinstance(features, Features) else None
    name = known.name if known else getattr(features, "__name__", "the points themselves")
    reference = str(asked.reference) if statistics is not None else real.reference.name if real is not None else ""
    part = "" if statistics is not None or real is None or real.reference.part == "all" else real.reference.part
    return {
        "target": str(asked.target),
        "reference": reference,
        "part": part,
        "reference_examples": sets.reference.n,
        "features": name,
        "feature_count": len(sets.reference.moments.mean),
        "features_digest": known.digest if known else "",
        "key": asked.key,
    }


def _sizes(kinds: Sequence[str], n: int, sets: RealSets) -> int:
    """Return the number of sizes that a Frechet distance of n samples is extrapolated from; 0 if it is not."""
    width = len(sets.reference.moments.mean)
    return len(numbers_of_groups(n, width, groups_of(n))) if "frechet" in kinds else 0


def _of_run(
    work: Measuring,
    asked: Asked,
    content: dict[str, Any],
    results: Results,
    kinds: Sequence[str],
    sets: RealSets,
    count: int,
) -> tuple[dict[str, NDArray], list[str]]:
    """Return the values [configuration, seed], NaN if a sample was not finite, and caveats about them."""
    labels, seeds = list(results.configurations), results.seeds.tolist()
    names = [name for kind in kinds for name in KINDS[kind].labels]
    if not _sizes(kinds, count, sets):
        names = [name for name in names if name != "frechet_infinity"]  # NaN would stand for failed generators
    values = {name: np.full((len(labels), len(seeds)), math.nan) for name in names}
    source = source_of(from_stored(content["config"]))
    y = None if source.train is None else conditions_of(source, source.train)
    key, lines = key_of(asked.key), dict[str, None]()
    bar = progress_bar("samples", count * len(labels) * len(seeds), unit="sample", shown=work.progress)
    with bar:
        for drawn in drawn_by_all(asked.target, content, count, key, y, common_latents=asked.common_latents):
            found = work.quietly(drawn.samples, bar.update)
            if drawn.configuration not in labels or drawn.seed not in seeds or found.bad or not found.groups:
                continue
            if "frechet" in kinds:
                lines |= dict.fromkeys(too_few(found, sets.reference, "a generator"))
            for name, value in work.numbers(kinds, Sets(found, sets.reference, sets.train), drawn.samples.name).items():
                values[name][labels.index(drawn.configuration), seeds.index(drawn.seed)] = value
    return values, list(lines)


def _labelled(
    results: Results, metrics: tuple[Metric, ...], values: dict[str, NDArray], about: dict[str, Any]
) -> Results:
    """Return the values as `Results` with the axes and outcomes of the run."""
    axes = ("configuration", "seed")
    kept = results.dataset[["outcome"]]
    own = [variable("metric", name, axes, found) for name, found in values.items()]
    notes = {name: results.notes[name] for name in ("noun", "explanations") if name in results.notes}
    return Results(kept.merge(xr.Dataset(dict(own))), metrics, results.config, notes | {"evaluation": about})
