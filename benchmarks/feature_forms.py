"""Compute a metric of features in a separate process: `python -m benchmarks.feature_forms METRIC FORM FOLDER`.

Each form imports only what it needs, so that the peak memory is its own.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peaks import peak_mib

CHECKED = 1000
"""The number of features in the parity check and in the warm-up; KID then uses a single subset with all of them."""
OURS = "jaxgan"
_PART = 20_000  # with more features than this, torch-fidelity keeps only part of its distances, to fit into 24 GiB

Features = NDArray[Any]
Values = dict[str, float]


class Form(NamedTuple):
    """An implementation of a metric, and the bytes that it needs in addition to the features if they are many."""

    compute: Callable[[Features, Features], Values]
    bytes: Callable[[int], float] = lambda n: 0.0


def our_fid(x: Features, y: Features) -> Values:
    from jaxgan.metrics.frechet import frechet_distance, moments

    return {"fid": frechet_distance(moments(x), moments(y))}


def their_fid(x: Features, y: Features) -> Values:
    import torch
    from torch_fidelity import metric_fid

    statistics = [metric_fid.fid_features_to_statistics(torch.from_numpy(each)) for each in (x, y)]
    return {"fid": metric_fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]}


def our_kid(x: Features, y: Features) -> Values:
    import jax

    from jaxgan.metrics.kernel import kernel_distance_subsets

    subsets = 1 if len(x) == CHECKED else 100
    return {"kid": kernel_distance_subsets(jax.random.key(0), x, y, subsets=subsets).mean}


def their_kid(x: Features, y: Features) -> Values:
    import torch
    from torch_fidelity import metric_kid

    options = {"kid_subsets": 1 if len(x) == CHECKED else 100, "rng_seed": 0, "verbose": False}
    found = metric_kid.kid_features_to_metric(torch.from_numpy(x), torch.from_numpy(y), **options)
    return {"kid": found["kernel_inception_distance_mean"]}


def our_precision_recall(x: Features, y: Features) -> Values:
    from jaxgan.metrics.manifold import precision_recall

    return dict(precision_recall(x, y)._asdict())


def their_precision_recall(x: Features, y: Features) -> Values:
    import torch
    from torch_fidelity import metric_prc

    options = {"save_cpu_ram": len(x) > _PART, "verbose": False}
    found = metric_prc.prc_features_to_metric(torch.from_numpy(x), torch.from_numpy(y), **options)
    return {name: found[name] for name in ("precision", "recall")}


def our_prdc(x: Features, y: Features) -> Values:
    from jaxgan.metrics.manifold import prdc

    return dict(prdc(x, y, strict=True)._asdict())


def their_prdc(x: Features, y: Features) -> Values:
    from prdc import compute_prdc

    return {name: float(value) for name, value in compute_prdc(y, x, 5).items()}


METRICS: Mapping[str, Mapping[str, Form]] = {
    "FID": {OURS: Form(our_fid), "torch-fidelity": Form(their_fid)},
    "KID, 100 subsets of 1,000": {OURS: Form(our_kid), "torch-fidelity": Form(their_kid)},
    "precision and recall, k = 3": {
        OURS: Form(our_precision_recall),
        "torch-fidelity": Form(their_precision_recall, lambda n: 12 * min(n, 10_000 if n > _PART else n) * n),
    },
    "PRDC, k = 5": {OURS: Form(our_prdc), "prdc": Form(their_prdc, lambda n: 16 * n**2)},
}


def turn(metric: str, form: str, folder: Path) -> dict[str, Any]:
    """Compute a metric once in this process; return the seconds, the peak memory in MiB and the result."""
    x, y = (np.load(folder / f"{name}.npy") for name in "xy")
    METRICS[metric][form].compute(x[:CHECKED], y[:CHECKED])  # triggers imports and starts threads
    clock = time.perf_counter()
    values = METRICS[metric][form].compute(x, y)
    return {"seconds": time.perf_counter() - clock, "peak_mib": peak_mib(), "values": values}


if __name__ == "__main__":
    print(json.dumps(turn(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
