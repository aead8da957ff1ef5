"""A gradient profile's folder: what is in it, and how it is written and read. numpy, JSON and CSV, no JAX.

config.json     what was asked for, the versions, the commit, the device, and the command that repeats it
profile.npz     every array, by its part: paper.*, training.*, frozen.*
profile.json    names along the axes of the arrays, what each loss is, and the tables with their intervals
gradients.csv   norms, noise and saturation, one row per seed, step and loss
"""

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.store import StoreError, read_config, write_json

AXES = {
    "paper": ("loss", "logit"),
    "training": ("skill", "seed", "step", "loss"),
    "frozen": ("skill", "age", "seed", "step", "loss"),
}


class ProfileRun(NamedTuple):
    """Everything that a profile's folder holds. What was not measured is not among the arrays."""

    config: dict[str, Any]
    losses: tuple[str, ...]  # along [loss]
    seeds: NDArray[np.int_]  # along [seed]; empty on paper
    skills: tuple[str, ...]  # along [skill], the base first
    ages: tuple[int, ...]  # along [age], in steps
    notes: dict[str, Any]
    arrays: dict[str, NDArray]  # paper.NAME [loss, logit], training.NAME [skill, seed, step, ...], frozen.NAME ...

    def part(self, name: str) -> dict[str, NDArray]:
        """The arrays of a part by their own names; empty where it was not measured."""
        start = f"{name}."
        return {key.removeprefix(start): value for key, value in self.arrays.items() if key.startswith(start)}


def write_profile(folder: Path, run: ProfileRun) -> None:
    """Writes arrays, names and rows; the configuration is there already."""
    np.savez_compressed(folder / "profile.npz", **run.arrays)  # type: ignore[arg-type]
    write_json(
        folder / "profile.json",
        {
            "losses": run.losses,
            "seeds": run.seeds,
            "skills": run.skills,
            "ages": run.ages,
            "axes": AXES,
            "notes": run.notes,
        },
    )
    if rows := list(_rows(run)):
        with (folder / "gradients.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["skill", "age", "seed", "step", "loss", *_COLUMNS])
            writer.writerows(rows)


def load_profile(folder: Path | str) -> ProfileRun:
    """The profile in `folder`.

    Raises:
      StoreError: there is none.
    """
    folder = Path(folder)
    config = read_config(folder, profile=True)
    if not (folder / "profile.json").is_file():
        raise StoreError(f"{folder} holds no finished gradient profile")
    names = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
    with np.load(folder / "profile.npz") as file:
        arrays = dict(file)
    return ProfileRun(
        config,
        tuple(names["losses"]),
        np.asarray(names["seeds"], int),
        tuple(names["skills"]),
        tuple(names["ages"]),
        names["notes"],
        arrays,
    )


_COLUMNS = ("norm", "noise", "snr", "saturated")


def _rows(run: ProfileRun) -> Iterator[list[Any]]:
    """Of both parts; along a training run the age is the step, and stands in no column of its own."""
    for part, ages in (("training", ("",)), ("frozen", run.ages)):
        found = run.part(part)
        if not found:
            continue
        columns = [found[name] if part == "frozen" else found[name][:, None] for name in _COLUMNS]
        names = run.skills, ages, run.seeds.tolist(), found["steps"].tolist(), run.losses
        for place in itertools.product(*map(lambda axis: range(len(axis)), names)):
            labels = [axis[i] for axis, i in zip(names, place, strict=True)]
            yield [*labels, *(column[place] for column in columns)]
