"""The performance targets of the library, computed from the results of one benchmark run.

A result is a dict {"rows": [...], "machine": {...}}. A row is one form on one workload with one number of seeds,
measured in a group of forms that took turns. Its keys are workload, form, seeds, group (the number of seeds of the
other forms in the group), ms (per seed and step, one per round), facts, peak_rss_mib and failed.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from benchmarks.forms import FORMS

Row = Mapping[str, Any]
Results = Mapping[str, Any]

ONE_PROCESS = [name for name, entry in FORMS.items() if entry.is_torch and entry.in_one_process]
ALL_TORCH = [name for name, entry in FORMS.items() if entry.is_torch]


class Bar(NamedTuple):
    """A target: `measured` must be at most `bar` and should be at most `aim`; None: not measured in this run."""

    work: str
    bar: float
    aim: float
    measured: float | None
    against: str = ""  # the form it was compared with, if that is the fastest of several
    workload: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "aim met" if self.measured <= self.aim else "met" if self.measured <= self.bar else "NOT MET"


def find_row(results: Results, workload: str, group: int, form: str, seeds: int | None = None) -> Row | None:
    """Return the row of a form; None if it was not measured or failed."""
    for row in results["rows"]:
        here = (row["workload"], row["group"], row["form"], row["seeds"])
        if here == (workload, group, form, seeds or group) and not row.get("failed"):
            return dict(row)
    return None


def ratio(one: Row, other: Row) -> float:
    """Return the median over rounds of the ratio of two times in the same round.

    Example:
      >>> ratio({"ms": [1.0, 4.0, 3.0]}, {"ms": [2.0, 2.0, 2.0]})
      1.5
    """
    return median(a / b for a, b in zip(one["ms"], other["ms"], strict=True))


def fastest(results: Results, workload: str, group: int, forms: Sequence[str]) -> Row | None:
    """Return the row with the smallest median time among `forms`."""
    rows = [row for form in forms if (row := find_row(results, workload, group, form))]
    return min(rows, key=lambda row: median(row["ms"]), default=None)


def _against(work: str, bar: float, aim: float, results: Results, where: tuple[str, int], forms: Sequence[str]) -> Bar:
    own, peer = find_row(results, *where, "jaxgan"), fastest(results, *where, forms)
    if own is None or peer is None:
        return Bar(work, bar, aim, None, workload=where[0])
    return Bar(work, bar, aim, ratio(own, peer), FORMS[peer["form"]].label, where[0])


def _against_one_seed(results: Results, workload: str) -> float | None:
    many, one = (find_row(results, workload, 16, "jaxgan", seeds) for seeds in (16, 1))
    return ratio(many, one) if many and one else None


def program_bytes(row: Row) -> int:
    """Return the size of a program's arguments, outputs and temporaries, without aliased buffers and the data set."""
    memory = row["facts"]["memory"]
    return int(memory["argument"] + memory["output"] + memory["temp"] - memory["alias"] - memory["data"])


def _memory(results: Results, workload: str) -> float | None:
    many, one = (find_row(results, workload, 16, "jaxgan", seeds) for seeds in (16, 1))
    return program_bytes(many) / (16 * program_bytes(one)) if many and one else None


def _compile_seconds(results: Results) -> float | None:
    row = find_row(results, "dcgan32", 16, "jaxgan")
    return row["facts"]["compile_seconds"] if row else None


def bars(results: Results) -> list[Bar]:
    """Return all targets for the workloads of a run; those for a GPU only if the machine has one."""
    found = [
        *(
            _against(
                f"DCGAN-32, {s} seeds, fastest PyTorch form in one process",
                1.0,
                0.7,
                results,
                ("dcgan32", s),
                ONE_PROCESS,
            )
            for s in (4, 16)
        ),
        *(
            _against(
                f"DCGAN-32, {s} seeds, one PyTorch process a core",
                1.15,
                0.8,
                results,
                ("dcgan32", s),
                ["torch-processes"],
            )
            for s in (4, 16)
        ),
        _against(
            "DCGAN-32, 1 seed, fastest PyTorch form in one process", 1.1, 0.8, results, ("dcgan32", 1), ONE_PROCESS
        ),
        _against("DCGAN-32, 4 seeds, naive vmap of a scan", 1 / 15, 1 / 30, results, ("dcgan32", 4), ["jax-vmap"]),
        _against(
            "ring MLP, 16 seeds, fastest PyTorch form, processes too", 0.45, 0.33, results, ("ring", 16), ALL_TORCH
        ),
        _against("ring MLP, 16 seeds, eager PyTorch", 0.3, 0.2, results, ("ring", 16), ["torch-eager"]),
        *(
            Bar(
                f"{title}, time per seed, 16 seeds against 1",
                1.0,
                0.6,
                _against_one_seed(results, workload),
                workload=workload,
            )
            for workload, title in (("dcgan32", "DCGAN-32"), ("ring", "ring MLP"))
        ),
        Bar("DCGAN-32, memory, 16 seeds against 16 times 1", 1.2, 1.0, _memory(results, "dcgan32"), workload="dcgan32"),
        Bar("DCGAN-32, 16 seeds, seconds to compile", 30, 10, _compile_seconds(results), workload="dcgan32"),
        *(
            _against(
                f"{title}, 4 seeds, fastest PyTorch form in one process", 1.0, 0.8, results, (name, 4), ONE_PROCESS
            )
            for name, title in (
                ("cdcgan32", "conditional DCGAN-32"),
                ("pix2pix32", "U-Net and PatchGAN"),
                ("sngan32", "SNGAN-32"),
                ("biggan32", "BigGAN-32"),
                ("stylegan32", "StyleGAN2-32"),
            )
        ),
    ]
    there = {row["workload"] for row in results["rows"]}
    found = [bar for bar in found if bar.workload in there]
    if results["machine"]["platform"] == "cpu":
        return found
    return [
        _against(
            "ring MLP, 64 seeds, eager PyTorch one after another",
            1 / 50,
            1 / 50,
            results,
            ("ring", 64),
            ["torch-eager"],
        ),
        _against(
            "DCGAN-32, 64 seeds, eager PyTorch one after another",
            1 / 10,
            1 / 10,
            results,
            ("dcgan32", 64),
            ["torch-eager"],
        ),
        *found,
    ]
