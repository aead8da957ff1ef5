"""The question: which metric detects which kind of defect in samples?

`python -m benchmarks.truth_of_metrics [--seeds 8] [--n 250] [--out FOLDER]` degrades real data in one way at a time and
computes every metric: for points of the ring, for points uniform on triangles, and for features of handwritten digits,
whose images are degraded before a classifier extracts the features. Only this classifier is trained, once. For each
seed the data are drawn or split again into a training set, a held-out set and the samples, so that samples without a
defect score like a perfect generator. Where the density is known, precision, recall and Wasserstein-2 from it stand
beside the estimates. It writes `results.json`, `table.md` and `truth.png`; the default takes a few minutes on one core.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from benchmarks import machine, report
from benchmarks.report import table
from jaxgan import metrics
from jaxgan.data import Examples, digits, polygons, ring
from jaxgan.features import classifier_features, in_batches
from jaxgan.metrics.polygons import inside

Points = NDArray[np.float64]
Spoil = Callable[[np.random.Generator, Examples, Examples], NDArray]
"""(rng, samples, training set) -> degraded samples, at least half as many."""
Truth = Callable[[jax.Array, Points], dict[str, Any]]
"""(key, samples) -> what the data's known density says of them, by metric."""

NONE = "as the data"
SHOWN = 10.0  # limit of the colour scale in standard deviations


class Sets(NamedTuple):
    """The sets that the metrics compare, as features or points."""

    samples: Points
    train: Points
    heldout: Points
    truth: Truth | None = None


def kept(rng: np.random.Generator, x: Examples, train: Examples, *, lost: int) -> NDArray:
    """Remove the first `lost` classes."""
    assert x.y is not None
    return x.x[x.y >= lost]


def noisy(rng: np.random.Generator, x: Examples, train: Examples, *, std: float) -> NDArray:
    return x.x + std * rng.normal(size=x.x.shape)


def junk(rng: np.random.Generator, x: Examples, train: Examples, *, share: float, reach: float) -> NDArray:
    """Replace a share of the samples by uniform noise over the whole range."""
    bad = rng.random(len(x.x)) < share
    return np.where(bad[(...,) + (None,) * (x.x.ndim - 1)], rng.uniform(-reach, reach, size=x.x.shape), x.x)


def towards_means(rng: np.random.Generator, x: Examples, train: Examples, *, factor: float) -> NDArray:
    """Reduce the variation within each class."""
    assert x.y is not None and train.y is not None
    means = np.stack([train.x[train.y == c].mean(axis=0) for c in range(train.y.max() + 1)])[x.y]
    return means + factor * (x.x - means)


def copies(rng: np.random.Generator, x: Examples, train: Examples) -> NDArray:
    return rng.permutation(train.x)[: len(x.x)]


def repeated(rng: np.random.Generator, x: Examples, train: Examples, *, times: int) -> NDArray:
    """Draw from a small subset, so that samples are repeated."""
    return x.x[rng.integers(max(1, len(x.x) // (2 * times)), size=len(x.x))]


def blurred(rng: np.random.Generator, x: Examples, train: Examples) -> NDArray:
    return uniform_filter(x.x, size=(1, 2, 2, 1))


def unspoilt(rng: np.random.Generator, x: Examples, train: Examples) -> NDArray:
    return x.x


POINTS: Mapping[str, Spoil] = {
    NONE: unspoilt,
    "1 of 8 modes lost": partial(kept, lost=1),
    "4 of 8 modes lost": partial(kept, lost=4),
    "blurred": partial(noisy, std=0.02),  # the modes have 0.01
    "a tenth junk": partial(junk, share=0.1, reach=1.5),
    "variance halved": partial(towards_means, factor=0.5**0.5),
    "copies of training": copies,
    "each 5 times": partial(repeated, times=5),
}
TRIANGLES: Mapping[str, Spoil] = {
    **POINTS,
    "blurred": partial(noisy, std=0.04),
}  # the triangles' inscribed circles have radius 0.125
IMAGES: Mapping[str, Spoil] = {
    NONE: unspoilt,
    "1 of 10 classes lost": partial(kept, lost=1),
    "5 of 10 classes lost": partial(kept, lost=5),
    "blurred": blurred,
    "noisy pixels": partial(noisy, std=0.2),
    "a tenth junk": partial(junk, share=0.1, reach=1.0),
    "variance halved": partial(towards_means, factor=0.5**0.5),
    "copies of training": copies,
    "each 5 times": partial(repeated, times=5),
}


def measured(key: jax.Array, sets: Sets) -> dict[str, float]:
    """Return every metric of the samples."""
    x, train = sets.samples, sets.train
    ball, cover = metrics.precision_recall(x, train), metrics.density_coverage(x, train)
    test = partial(metrics.classifier_two_sample_test, key, x, train)
    found = {
        "Frechet distance": metrics.frechet_distance(metrics.moments(x), metrics.moments(train)),
        "kernel distance": metrics.kernel_distance(x, train).value,
        "sliced Wasserstein": metrics.sliced_wasserstein(key, x, train, directions=200).squared,
        "precision": ball.precision,
        "recall": ball.recall,
        "density": cover.density,
        "coverage": cover.coverage,
        "two-sample, logistic": test().accuracy,
        "two-sample, neighbour": test(classifier="neighbour").accuracy,
        "Vendi score": metrics.vendi_score(x - train.mean(axis=0)),
        "authenticity": metrics.authenticity(x, train),
        "memorization": memorization(sets),
        "coinciding pairs": metrics.birthday_test(key, x, 1e-6, draws=1).coinciding,
    }
    if sets.truth is not None:
        found |= sets.truth(key, x)
    return {name: float(value) for name, value in found.items()}


def memorization(sets: Sets) -> float:
    """Return how many more samples are nearest to a training than to a held-out example, for sets of equal size."""
    count = min(len(sets.train), len(sets.heldout))
    return metrics.memorization_of(sets.samples, sets.train[:count], sets.heldout[:count])


def ring_sets(seed: int, n: int) -> dict[str, Sets]:
    """Draw three sets of points around the ring's modes, and degrade the samples in every way."""
    mixture = ring().mixture
    assert mixture is not None
    rng = np.random.default_rng(seed)
    means, sigma = np.asarray(mixture.means, np.float64), float(mixture.sigma)
    sets = []
    for _ in range(3):
        y = rng.integers(len(means), size=3 * n)
        sets.append(Examples(means[y] + sigma * rng.normal(size=(3 * n, means.shape[1])), y))

    def truth(key: jax.Array, x: Points) -> dict[str, Any]:
        support = metrics.mixture_support(key, x, means, sigma, draws=5000)
        return named(support, metrics.mixture_transport(key, x, means, sigma))

    return spoilt(seed, n, sets, POINTS, np.asarray, truth)


def triangle_sets(seed: int, n: int) -> dict[str, Sets]:
    """Draw three sets of points uniform on eight triangles, and degrade the samples in every way."""
    source = polygons()
    assert source.polygons is not None
    corners = np.asarray(source.polygons.corners)
    sets = []
    for key in jax.random.split(jax.random.key(seed), 3):
        x = np.asarray(source.sample(key, 3 * n).x, np.float64)
        sets.append(Examples(x, np.asarray(inside(x, corners)).argmax(axis=1)))

    def truth(key: jax.Array, x: Points) -> dict[str, Any]:
        support = metrics.polygon_support(key, x, corners, draws=5000)
        return named(support, metrics.polygon_transport(key, x, corners))

    return spoilt(seed, n, sets, TRIANGLES, np.asarray, truth)


def named(support: metrics.MixtureSupport | metrics.PolygonSupport, moved: metrics.MixtureTransport) -> dict[str, Any]:
    return {"true precision": support.precision, "true recall": support.recall, "Wasserstein-2": moved.distance}


def digit_sets(seed: int, n: int) -> dict[str, Sets]:
    """Split the digits into thirds, degrade the samples in every way, and return a classifier's features of them."""
    data = digits()
    assert data.train is not None and data.heldout is not None
    extract = classifier_features(data.train, data.heldout, 10).apply
    x = np.concatenate([data.train.x, data.heldout.x])
    y = np.concatenate([np.asarray(data.train.y), np.asarray(data.heldout.y)])
    parts = np.array_split(np.random.default_rng(seed).permutation(len(x)), 3)

    def features(images: NDArray) -> Points:
        return in_batches(extract, np.clip(images, -1, 1).astype(np.float32))[0].astype(np.float64)

    return spoilt(seed, n, [Examples(x[part], y[part]) for part in parts], IMAGES, features)


def spoilt(
    seed: int,
    n: int,
    sets: Sequence[Examples],
    ways: Mapping[str, Spoil],
    features: Callable[[NDArray], Points],
    truth: Truth | None = None,
) -> dict[str, Sets]:
    samples, train, heldout = sets
    own = features(train.x), features(heldout.x)
    found = {}
    for name, way in ways.items():
        x = way(np.random.default_rng([seed, 1]), samples, train)
        assert len(x) >= n, f"{name} leaves {len(x)} of the {n} samples that are to be measured"
        found[name] = Sets(features(x[:n]), *own, truth)
    return found


DATA: Mapping[str, Callable[[int, int], dict[str, Sets]]] = {
    "ring": ring_sets,
    "triangles": triangle_sets,
    "digits": digit_sets,
}


def measure(name: str, seeds: int, n: int) -> dict[str, Any]:
    """Return the values by defect and metric, one for each seed."""
    values: dict[str, dict[str, list[float]]] = {}
    for seed in range(seeds):
        for way, sets in DATA[name](seed, n).items():
            for metric, value in measured(jax.random.key(seed), sets).items():
                values.setdefault(way, {}).setdefault(metric, []).append(value)
        print(f"{name}: seed {seed} of {seeds}", flush=True)
    return {"data": name, "values": values}


def seen(values: Sequence[float], usual: Sequence[float]) -> str:
    """Return "higher" or "lower" if all values are above or below all those of samples without a defect, else "".

    Example:
      >>> seen([3.0, 4.0], [1.0, 2.0]), seen([0.0, 0.0], [1.0, 2.0]), seen([2.0, 4.0], [1.0, 2.0])
      ('higher', 'lower', '')
    """
    return "higher" if min(values) > max(usual) else "lower" if max(values) < min(usual) else ""


def markdown(results: dict[str, Any]) -> str:
    seeds, n = results["seeds"], results["n"]
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`"]
    for each in results["data"]:
        values = each["values"]
        ways = list(values)
        rows = [
            [metric, *(_cell(values[way][metric], values[NONE][metric], way == NONE) for way in ways)]
            for metric in values[NONE]
        ]
        parts += [
            f"**{each['data'].capitalize()}**: medians over {report.counted(seeds)} of {n:,} samples. Higher or lower: "
            "than all seeds of samples without a defect, in every seed. Without a word, the metric does not reliably "
            "detect the defect.",
            table(["metric", *ways], rows),
        ]
    return "\n\n".join(parts) + "\n"


def _cell(values: Sequence[float], usual: Sequence[float], own: bool) -> str:
    verdict = "" if own else seen(values, usual)
    return f"{np.median(values):.3g}" + (f" {verdict}" if verdict else "")


def plot(results: dict[str, Any], path: Path) -> None:
    """Plot the shift of each metric in standard deviations of samples without a defect; dots mark detected defects."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.2 * len(results["data"]), 7.4), dpi=130, layout="constrained")
    axes = figure.subplots(1, len(results["data"]), squeeze=False)[0]
    for axis, each in zip(axes, results["data"], strict=True):
        values = each["values"]
        names, ways = list(values[NONE]), [way for way in values if way != NONE]
        moved = np.array([[_moved(values[way][name], values[NONE][name]) for way in ways] for name in names])
        image = axis.imshow(moved, cmap="RdBu_r", vmin=-SHOWN, vmax=SHOWN, aspect="auto")
        dots = [(j, i) for i, m in enumerate(names) for j, w in enumerate(ways) if seen(values[w][m], values[NONE][m])]
        axis.plot(*np.array(dots).reshape(-1, 2).T, "o", color="black", markersize=3)
        axis.set_xticks(range(len(ways)), ways, rotation=40, ha="right", fontsize=8)
        axis.set_yticks(range(len(names)), names, fontsize=8)
        axis.set_title(each["data"], loc="left", fontsize=11)
    label = "moved by so many standard deviations over seeds; a dot: in every seed"
    figure.colorbar(image, ax=list(axes), orientation="horizontal", shrink=0.5, label=label)
    figure.savefig(path)


def _moved(values: Sequence[float], usual: Sequence[float]) -> float:
    difference, spread = np.mean(values) - np.mean(usual), np.std(usual, ddof=1)
    if spread > 0:
        return float(np.clip(difference / spread, -SHOWN, SHOWN))
    return float(SHOWN * np.sign(difference))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth_of_metrics", description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, help="at least 2")
    parser.add_argument("--n", type=int, default=250, help="number of samples; a few more for digits")
    parser.add_argument("--data", nargs="+", choices=tuple(DATA), default=list(DATA))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/truth-of-metrics"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"command": report.command("truth_of_metrics", options), "machine": machine.describe()}
    results |= {"seeds": options.seeds, "n": options.n}
    results["data"] = [measure(name, options.seeds, options.n) for name in options.data]
    report.keep(options.out, results, markdown(results))
    plot(results, options.out / "truth.png")
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
