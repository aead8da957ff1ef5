"""The results of a benchmark run as Markdown tables and as a figure.

`python -m benchmarks.report FOLDER` rebuilds them from the folder's `results.json`.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bars import ONE_PROCESS, Bar, Results, Row, bars, fastest, find_row, program_bytes, ratio
from benchmarks.forms import FORMS
from benchmarks.machine import sentence
from benchmarks.workloads import WORKLOADS

# Okabe and Ito's colours, which colour-blind readers can distinguish; a family of forms shares one, and markers differ.
_STYLES: Mapping[str, tuple[str, str]] = {
    "jaxgan": ("#000000", "o"),
    "jax-loop": ("#0072B2", "s"),
    "jax-vmap": ("#56B4E9", "D"),
    "torch-eager": ("#D55E00", "v"),
    "torch-eager-cl": ("#D55E00", "^"),
    "torch-compile": ("#E69F00", "<"),
    "torch-compile-cl": ("#E69F00", ">"),
    "torch-stacked": ("#CC79A7", "P"),
    "torch-stacked-compile": ("#CC79A7", "X"),
    "torch-processes": ("#009E73", "*"),
}


def keep(folder: Path, results: Results, text: str) -> None:
    """Write `results.json` and `table.md`."""
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(text, encoding="utf-8")


def command(name: str, options: argparse.Namespace) -> str:
    """Return the command that repeats a run of `python -m benchmarks.NAME`, without its output folder.

    Example:
      >>> command("speed", argparse.Namespace(seeds=[1, 4], probe_every=5, forms=None, out="x"))
      'python -m benchmarks.speed --seeds 1 4 --probe-every 5'
    """
    words = [f"python -m benchmarks.{name}"]
    for option, value in vars(options).items():
        if option != "out" and value is not None:
            words += [f"--{option.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return " ".join(words)


def write(folder: Path, results: Results) -> None:
    """Write the tables and the figure of the results to the folder."""
    for name, content in (("table", markdown), ("summary", summary), ("bars", promises)):
        (folder / f"{name}.md").write_text(content(results), encoding="utf-8")
    plot(results, folder / "speed.png")


def markdown(results: Results) -> str:
    """Return the times, ratios and memory of each workload, then the targets; readable also as plain text."""
    parts = [sentence(results["machine"]), _how(results)]
    for name in _workloads(results):
        groups = sorted({row["group"] for row in results["rows"] if row["workload"] == name})
        forms = [
            form for form in FORMS if any((row["workload"], row["form"]) == (name, form) for row in results["rows"])
        ]
        parts.append(f"**{WORKLOADS[name].title}**: ms per seed and step, median (smallest to largest of the rounds)")
        parts.append(_times(results, name, groups, forms))
        if "jaxgan" in forms and len(forms) > 1:
            what = "jaxgan's time divided by the other form's in the same round (below 1: jaxgan is faster)"
            parts += [f"**{WORKLOADS[name].title}**: {what}", _ratios(results, name, groups, forms)]
        what = "peak resident memory in MiB, of all processes of the form; in brackets the memory of jaxgan's program"
        parts += [f"**{WORKLOADS[name].title}**: {what}", _memory(results, name, groups, forms)]
    failures = sorted({f"{FORMS[r['form']].label}: {r['failed']}" for r in results["rows"] if r.get("failed")})
    parts += ["Did not run: " + "; ".join(failures)] if failures else []
    return "\n\n".join([*parts, "**Targets**", promises(results)])


def promises(results: Results) -> str:
    """Return every target with its measured value, a ratio of times in the same round unless stated otherwise."""
    return table(["work", "bar", "aim", "measured", ""], [_bar(bar) for bar in bars(results)]) + "\n"


def summary(results: Results) -> str:
    """Return ms per seed and step of jaxgan and of the fastest form of each kind, by workload and number of seeds."""
    peers = {
        "PyTorch, one process": ONE_PROCESS,
        "PyTorch, one process a core": ["torch-processes"],
        "JAX, a step at a time": ["jax-loop"],
        "JAX, naive vmap": ["jax-vmap"],
    }
    lines = []
    for name in _workloads(results):
        for group in sorted({row["group"] for row in results["rows"] if row["workload"] == name}):
            rows = [find_row(results, name, group, "jaxgan")]
            rows += [fastest(results, name, group, forms) for forms in peers.values()]
            times = [number(median(row["ms"])) if row else "" for row in rows]
            lines.append([f"{WORKLOADS[name].title}, {counted(group)}", *times])
    head = table(["ms per seed and step", "jaxgan", *peers], lines)
    return f"{head}\n\n{sentence(results['machine'])}\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table with aligned columns.

    Example:
      >>> print(table(["a", "b"], [["long", "1"]]))
      | a    | b   |
      | ---- | --- |
      | long | 1   |
    """
    widths = [max(3, *(len(row[i]) for row in (head, *rows))) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines
    )


def number(value: float) -> str:
    """Format a number with three significant digits, without an exponent.

    Example:
      >>> number(0.6543), number(12.345), number(1234.5)
      ('0.654', '12.3', '1234')
    """
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}"


def counted(seeds: int) -> str:
    """Format a number of seeds.

    Example:
      >>> counted(1), counted(4)
      ('1 seed', '4 seeds')
    """
    return f"{seeds} seed{'s' if seeds > 1 else ''}"


def _how(results: Results) -> str:
    return f"Forms took turns in each of {results['rounds']} rounds. Command: `{results['command']}`"


def _workloads(results: Results) -> list[str]:
    return [name for name in WORKLOADS if any(row["workload"] == name for row in results["rows"])]


def _times(results: Results, workload: str, groups: Sequence[int], forms: Sequence[str]) -> str:
    def cell(form: str, group: int) -> str:
        row = find_row(results, workload, group, form)
        if row is None:
            failed = any((r["workload"], r["group"], r["form"]) == (workload, group, form) for r in results["rows"])
            return "did not run" if failed else ""
        ms = row["ms"]
        return f"{number(median(ms))} ({number(min(ms))} to {number(max(ms))})"

    return table(
        ["form", *map(counted, groups)], [[FORMS[form].label, *(cell(form, g) for g in groups)] for form in forms]
    )


def _ratios(results: Results, workload: str, groups: Sequence[int], forms: Sequence[str]) -> str:
    def cell(form: str, group: int) -> str:
        own, peer = (find_row(results, workload, group, name) for name in ("jaxgan", form))
        return number(ratio(own, peer)) if own and peer else ""

    others = [form for form in forms if form != "jaxgan"]
    return table(
        ["against", *map(counted, groups)], [[FORMS[form].label, *(cell(form, g) for g in groups)] for form in others]
    )


def _memory(results: Results, workload: str, groups: Sequence[int], forms: Sequence[str]) -> str:
    def cell(form: str, group: int) -> str:
        row = find_row(results, workload, group, form)
        if row is None:
            return ""
        program = f" ({number(program_bytes(row) / 2**20)})" if form == "jaxgan" else ""
        return number(row["peak_rss_mib"]) + program

    return table(
        ["form", *map(counted, groups)], [[FORMS[form].label, *(cell(form, g) for g in groups)] for form in forms]
    )


def _bar(bar: Bar) -> list[str]:
    work = f"{bar.work} ({bar.against})" if bar.against and bar.against not in bar.work else bar.work
    measured = "" if bar.measured is None else number(bar.measured)
    return [work, number(bar.bar), number(bar.aim), measured, bar.verdict]


def plot(results: Results, path: Path) -> None:
    """Plot time per seed and step against the number of seeds, with a panel per workload and a line per form."""
    from matplotlib.figure import Figure

    names = _workloads(results)
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.6 * rows + 0.9), dpi=150, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    drawn: dict[str, Any] = {}
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes, names, strict=False):
        for form, (colour, marker) in _STYLES.items():
            points = [
                row
                for row in results["rows"]
                if (row["workload"], row["form"]) == (name, form) and not row.get("failed")
            ]
            points = sorted((row for row in points if row["seeds"] == row["group"]), key=lambda row: row["seeds"])
            if not points:
                continue
            own = form == "jaxgan"
            seeds, ms = [row["seeds"] for row in points], [median(row["ms"]) for row in points]
            line = axis.errorbar(
                seeds,
                ms,
                yerr=_spread(points, ms),
                color=colour,
                marker=marker,
                markersize=7 if own else 6,
                linewidth=2.5 if own else 1.2,
                linestyle="-" if own or marker not in "^>X" else "--",
                zorder=3 if own else 2,
            )
            drawn.setdefault(form, line)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        ticks = sorted({row["group"] for row in results["rows"] if row["workload"] == name})
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.yaxis.set_major_locator(_locator())
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.grid(color="#dddddd", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(WORKLOADS[name].title, loc="left", fontsize=11)
        axis.set_xlabel("seeds")
        axis.set_ylabel("ms per seed and step")
    forms = [form for form in FORMS if form in drawn]
    labels = [FORMS[form].label for form in forms]
    figure.legend([drawn[f] for f in forms], labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _spread(points: Sequence[Row], ms: Sequence[float]) -> list[list[float]]:
    """Return the distances from the median down to the smallest round and up to the largest."""
    return [
        [middle - min(row["ms"]) for row, middle in zip(points, ms, strict=True)],
        [max(row["ms"]) - middle for row, middle in zip(points, ms, strict=True)],
    ]


def _locator() -> Any:
    """Return a locator with ticks at 1, 2 and 5 times powers of ten, for panels that span less than a decade."""
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1.0, 2.0, 5.0))


if __name__ == "__main__":
    write(Path(sys.argv[1]), json.loads((Path(sys.argv[1]) / "results.json").read_text(encoding="utf-8")))
