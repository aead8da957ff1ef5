"""Draw samples with their verdicts, for visual inspection: `python -m benchmarks.diagnosis.sheet RUN FOLDER`.

For a run on points it draws the first and the last seed of every configuration, with the captured modes and the share
of good samples, to check whether the verdicts are plausible. Writes DATA.png, and DATA.md with all verdicts.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

import jaxgan as jg
from benchmarks import machine, report
from jaxgan.results.results import Results

COLUMNS = 7


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis.sheet", description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run on points")
    parser.add_argument("folder", type=Path, help="folder for the picture and the table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, -1], help="which of each configuration")
    options = parser.parse_args()
    run = jg.load_run(options.run)
    options.folder.mkdir(parents=True, exist_ok=True)
    draw(run, options.seeds, options.folder / f"{run.notes['data']}.png")
    (options.folder / f"{run.notes['data']}.md").write_text(counted(run) + "\n")


def counted(run: Results) -> str:
    """Return the verdicts of every configuration with their counts."""
    rows = [
        [name, ", ".join(f"{n} {code}" for code, n in Counter(run.outcomes[i].tolist()).most_common())]
        for i, name in enumerate(run.configurations)
    ]
    command = str(run.config["command"]).partition(" --out ")[0]
    return "\n\n".join([
        machine.sentence(machine.ask()), f"Command: `{command}`", report.table(["recipe", "verdicts"], rows)
    ])  # fmt: skip


def draw(run: Results, seeds: list[int], path: Path) -> None:
    """Draw a panel for each run, with the data in grey and the samples in blue."""
    from matplotlib.figure import Figure

    shown = [(i, s) for i in range(len(run.configurations)) for s in seeds]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(2.3 * columns, 2.6 * rows), dpi=90, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    real = run.samples["real"]
    reach = 1.4 * float(np.abs(real).max())
    for axis, (i, s) in zip(axes, shown, strict=False):
        axis.scatter(*real[:500].T, s=2, color="#bbbbbb", linewidths=0)
        axis.scatter(*run.samples["fake"][i, s].T, s=2, color="#0072B2", linewidths=0)
        numbers = ", ".join(f"{run.values[name][i, s]:.2g}" for name in ("captured", "high_quality"))
        seed = run.seeds[s]
        axis.set_title(f"{run.configurations[i]} {seed}: {numbers}\n{run.outcomes[i, s]}", fontsize=7)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
    for axis in axes[len(shown) :]:
        axis.remove()
    figure.savefig(path)


if __name__ == "__main__":
    main()
