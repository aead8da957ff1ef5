"""The parts of a gradient profile and their arrays."""

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.words import counted
from jaxgan.results.results import Results

PARAMETERS = "gradient with respect to the generator's parameters"
EXAMPLE = "gradient with respect to the generated example"


def part_of(results: Results, name: str) -> dict[str, NDArray]:
    """The arrays of `paper`, of `training` [configuration, seed, probe, ...] or of `frozen` [configuration, age, ...].

    With `steps`, at which gradients were measured; empty where the part was not measured.
    """
    if name == "paper":
        return results.group("paper")
    if {"training": "train", "frozen": "frozen"}[name] != results.notes["kind"]:
        return {}
    found = results.group("gradient") | {"steps": results.probe_steps}
    if name == "frozen":
        return found | results.group("discriminator")
    series = results.series
    for own, recorded in (("trained_norm", "g_grad_norm"), ("update_norm", "g_update_norm")):
        if own not in found and recorded in series:
            found[own] = series[recorded][..., _nearest(results.steps, results.probe_steps)]
    if results.metrics:
        found["metric"] = results.values[results.metrics[0].name]
    return found


def ages_of(results: Results) -> tuple[int, ...]:
    """The ages of frozen generators, in steps."""
    return tuple(results.ages.tolist())


def age_text(results: Results, age: int) -> str:
    """An age in steps, and in epochs where the data have a size.

    The epochs are those of real examples drawn by the discriminator's updates, with replacement.
    """
    epoch = results.notes.get("steps_per_epoch")
    return counted(age, "step") + (f" ({counted(float(age / epoch), 'epoch')})" if epoch else "")


def is_score(results: Results, loss: str) -> bool:
    """Return whether a loss takes an unbounded score, so that sigmoid(score) is not a probability."""
    return results.notes["about"].get(loss, {}).get("axis") == "sigmoid(score)"


def _nearest(steps: NDArray, wanted: NDArray) -> NDArray[np.int_]:
    """Where each wanted step is among the recorded ones, or the first one after it."""
    return np.clip(np.searchsorted(steps, wanted), 0, len(steps) - 1)
