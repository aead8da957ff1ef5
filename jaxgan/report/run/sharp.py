"""Say in a sentence whether image samples are blurrier or rougher than the data."""

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.words import MANY, listed, number, of_seeds
from jaxgan.results.results import Results

_MEASURES = {"high_frequency": "power at high frequencies", "laplacian": "the variance of the Laplacian"}


def sharpness_in_words(results: Results) -> str:
    """Say which configurations' samples are blurrier or rougher than the data, beyond chance between real images.

    A run counts if both measures agree. Return "" if they were not computed, as for points.
    """
    bounds = results.notes.get("sharpness")
    if not bounds or any(name not in results.values for name in _MEASURES):
        return ""
    values = np.stack([results.values[name] for name in _MEASURES])
    low, high = np.array([bounds[name] for name in _MEASURES]).T[:, :, None, None]
    span = listed([f"{text} differs by a factor of {number(bounds[name][0])} to {number(bounds[name][1])}"
                   for name, text in _MEASURES.items()])  # fmt: skip
    kinds = {"blurrier": (values < low).all(axis=0), "rougher": (values > high).all(axis=0)}  # NaN is neither
    found = [f"{text} are {kind} than the data" for kind, runs in kinds.items() if (text := _which(results, runs))]
    verdict = listed(found) if found else "the samples of no run are blurrier or rougher than the data"
    more = " Roughness is noise, or patterns such as a checkerboard." if kinds["rougher"].any() else ""
    return f"Between sets of real images, by chance, {span}. Counting only runs outside both ranges, {verdict}.{more}"


def _which(results: Results, runs: NDArray[np.bool_]) -> str:
    """Say how many of the runs [configuration, seed] are marked; if configurations are few, by name with medians."""
    n = len(results.seeds)
    if len(results.configurations) > MANY:
        return f"the samples of {runs.sum():,} of {runs.size:,} runs" if runs.any() else ""
    parts = []
    for i, name in enumerate(results.configurations):
        if count := int(runs[i].sum()):
            medians = listed([number(float(np.median(results.values[m][i, runs[i]]))) for m in _MEASURES])
            parts.append(f"{of_seeds(count, n)} of {name} ({'medians ' if count > 1 else ''}{medians})")
    return f"the samples of {listed(parts)}" if parts else ""
