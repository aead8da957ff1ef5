"""What a gradient profile holds, by the part of it that was asked for."""

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.results import Results


def part_of(run: Results, name: str) -> dict[str, NDArray]:
    """The arrays of `paper`, of `training` [configuration, seed, probe, ...] or of `frozen` [configuration, age, ...].

    With `steps`, at which gradients were measured; empty where the part was not measured.
    """
    if name == "paper":
        return run.group("paper")
    if {"training": "train", "frozen": "frozen"}[name] != run.notes["kind"]:
        return {}
    found = run.group("gradient") | {"steps": run.probe_steps}
    if name == "frozen":
        return found | run.group("discriminator")
    at = np.clip(np.searchsorted(run.steps, run.probe_steps), 0, len(run.steps) - 1)
    series, metric = run.series, run.metrics[0].name
    own = {"trained_norm": series["g_grad_norm"][..., at], "update_norm": series["g_update_norm"][..., at]}
    return found | own | {"metric": run.values[metric]}


def ages_of(run: Results) -> tuple[int, ...]:
    """The ages of frozen generators, in steps."""
    return tuple(run.dataset.coords["age"].values.tolist()) if "age" in run.dataset.coords else ()
