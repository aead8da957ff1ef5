"""The data behind the figures as tidy data frames, with a row for each plotted item."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.plots import over_seeds
from jaxgan.report.run.curves import shown_curves, thinned
from jaxgan.report.run.evidence import curve_of
from jaxgan.report.run.when import shown_evidence
from jaxgan.results.results import Results

_QUARTILES = ("lower_quartile", "median", "upper_quartile")


def metric_frame(results: Results) -> Any:
    """Return the main metric and the outcome of every seed."""
    return results.to_pandas()[["configuration", "seed", "outcome", results.metrics[0].name]]


def curves_frame(results: Results, only: Sequence[str] = ()) -> Any:
    """Return quartiles over seeds at the plotted steps, for every series or for those in `only`."""
    rows = [
        _quartiles({"series": curve.series, "configuration": results.configurations[i]}, steps, over_seeds(by_seed))
        for curve in shown_curves(results)
        if not only or curve.series in only
        for i, (steps, by_seed) in thinned(results, curve).items()
    ]
    return _joined(rows)


def along_frame(results: Results) -> Any:
    """Return quartiles over seeds of every metric along training."""
    rows = [
        _quartiles({"series": name, "configuration": results.configurations[i]}, results.probe_steps,
                   over_seeds(values[i], infinite=True))
        for name, values in results.along.items()
        for i in range(len(values))
    ]  # fmt: skip
    return _joined(rows)


def when_frame(results: Results) -> Any:
    """Return the metrics along training, and the evidence for failures that is plotted beside them.

    Evidence has quartiles over the seeds in which its sign held, and the name of the sign.
    """
    import pandas as pd

    parts = [along_frame(results)]
    for one in shown_evidence(results)[0]:
        curve = curve_of(results, one.rule.evidence, one.configuration)
        if curve is not None:
            about = {"series": one.rule.evidence, "configuration": results.configurations[one.configuration],
                     "sign": one.code}  # fmt: skip
            parts.append(_quartiles(about, curve[0], over_seeds(curve[1][one.seeds])))
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else parts[0]


def classes_frame(results: Results) -> Any:
    """Return the share of each class among the samples of every seed, and among the data."""
    import pandas as pd

    shares, data = results.samples["class_histogram"], results.samples["class_histogram_data"]
    names = [str(name) for name in results.notes.get("classes", range(len(data)))]
    axes = pd.MultiIndex.from_product([results.configurations, results.seeds, names])
    frame = pd.DataFrame({"share": shares.ravel()}, axes.set_names(["configuration", "seed", "class"])).reset_index()
    return frame.assign(data=np.tile(data, shares.shape[0] * shares.shape[1]))


def points_frame(points: Sequence[tuple[str, str, NDArray]]) -> Any:
    """Return a frame of (configuration, seed, points [n, 2]) tuples; the points of the data have an empty seed."""
    import pandas as pd

    return pd.concat(
        [pd.DataFrame({"configuration": name, "seed": seed, "x": x[:, 0], "y": x[:, 1]}) for name, seed, x in points],
        ignore_index=True,
    )


def _quartiles(about: dict[str, str], steps: NDArray, quartiles: NDArray) -> Any:
    import pandas as pd

    return pd.DataFrame(about | {"step": steps} | dict(zip(_QUARTILES, quartiles, strict=True)))


def _joined(frames: Sequence[Any]) -> Any:
    import pandas as pd

    if not frames:
        return pd.DataFrame(columns=["series", "configuration", "step", *_QUARTILES])
    return pd.concat(frames, ignore_index=True)
