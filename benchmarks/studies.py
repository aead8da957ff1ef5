"""The question: is a repeatedly killed study equal bit for bit, and how much time does a single program save?

`python -m benchmarks.studies [--file FILE.toml] [--kills 20] [--singles 8] [--out FOLDER]` runs a study in three ways:
without interruption, with `jaxgan study`; killed (SIGKILL) at random moments and restarted with the same command until
it ends; and some of its runs one after another with `jaxgan train`, each in a separate process, to extrapolate the time
of all. Numbers are compared bit for bit. It writes `results.json` and `table.md`; the default takes six minutes.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import machine, report
from benchmarks.report import number, table
from benchmarks.turns import spread

WITH_START, WITHOUT_START = 10, 3  # targets: the minimum ratios of times
JAXGAN = (sys.executable, "-m", "jaxgan")
_TRAINED = re.compile(r"^(\S+?)(?:, .*)?: trained to step [\d,]+ in (\d+) s$", re.MULTILINE)


def whole(file: Path, out: Path) -> dict[str, float]:
    """Return the seconds of an uninterrupted study, and the seconds of training and compilation."""
    clock = time.perf_counter()
    done = subprocess.run([*JAXGAN, "study", str(file), "--out", str(out)], capture_output=True, text=True)
    seconds = time.perf_counter() - clock
    if done.returncode:
        raise RuntimeError(done.stderr)
    return {"seconds": seconds, "training": sum(float(taken) for _, taken in _TRAINED.findall(done.stderr))}


def killed(file: Path, out: Path, kills: int, seconds: float, draw: random.Random) -> list[float]:
    """Kill a study up to `kills` times, let it finish, and return the moments at which its processes were killed."""
    moments = list[float]()
    command = [*JAXGAN, "study", str(file), "--out", str(out)]
    while len(moments) < kills:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        moment = draw.uniform(1.0, seconds)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            moments.append(moment)
            continue
        break  # it finished before the kill
    whole(file, out)
    return moments


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of arrays that are not equal bit for bit."""
    import jaxgan as jg

    first, second = (jg.load_run(folder).dataset.variables for folder in (one, other))
    return [
        str(name)
        for name in sorted({*first, *second}, key=str)
        if name not in first or name not in second or not _equal(first[name].values, second[name].values)
    ]


def _equal(one: Any, other: Any) -> bool:
    return one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))


def singles(file: Path, folder: Path, count: int) -> list[dict[str, float]]:
    """Time `count` runs of the study, spread over its configurations, one after another with `jaxgan train`."""
    import jaxgan as jg

    asked, found = jg.Study.read(file).options(), []
    out = folder / "one"
    from jaxgan.study.config import configure
    from jaxgan.study.configurations import recipes_of
    from jaxgan.study.vary import axis_of, cells_of

    config = configure(asked)
    named = [(one, cell) for one in recipes_of(config) for cell in
             cells_of(one.label, one.recipe, map(axis_of, config.vary))]  # fmt: skip
    for i in np.linspace(0, len(named) - 1, count).round().astype(int):
        one, cell = named[i]
        words = ["--loss" if one.loss else "--recipe", one.label, "--seeds", "1", "--out", str(out), "--overwrite"]
        for option in ("data", "steps", "samples", "evaluate_every", "record_every", "width", "latent_dim"):
            words += [f"--{option.replace('_', '-')}", str(getattr(config, option))]
        own = (one.label, one.recipe, "")
        texts = [text for text in config.set if text.partition("=")[0].rpartition(":")[0] in own]
        texts += [f"{one.label}:{name}={value}" for name, value in cell.texts]
        words += [word for text in texts for word in ("--set", text)]
        clock = time.perf_counter()
        done = subprocess.run([*JAXGAN, "train", *words], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        found.append({"seconds": time.perf_counter() - clock, "training": _without_compilation(out)})
    return found


def _without_compilation(out: Path) -> float:
    """Return the seconds of a run's steps from its log: the median time per step after the first chunk, times steps."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = json.loads((out / "config.json").read_text(encoding="utf-8"))["config"]["steps"]
    warm = [line["seconds"] / line["steps"] for line in lines[1:]] or [lines[0]["seconds"] / lines[0]["steps"]]
    return median(warm) * steps


def markdown(results: dict[str, Any]) -> str:
    runs, study = results["runs"], results["whole"]
    ratios = {
        "with start-up and compilation": (
            [runs * one["seconds"] for one in results["singles"]], study["seconds"], WITH_START),
        "steps alone": ([runs * one["training"] for one in results["singles"]], study["steps"], WITHOUT_START),
    }  # fmt: skip
    rows = []
    for what, (alone, together, bar) in ratios.items():
        ratio = median(alone) / together
        verdict = f"at least {bar}: {'met' if ratio >= bar else 'NOT MET'}"
        rows.append([what, number(round(together)), spread([a / 60 for a in alone]), f"{ratio:.1f}", verdict])
    head = ["", "the study, seconds", "one after another, minutes", "times less", "bar"]
    how = (
        f"{results['file']}: {number(runs)} runs. One after another: extrapolated from {len(results['singles'])} runs "
        "by `jaxgan train` in separate processes, median (smallest to largest)."
    )
    bits = "equal bit for bit" if not results["differences"] else f"NOT equal: {', '.join(results['differences'])}"
    times = " and ".join(str(len(moments)) for moments in results["kills"])
    kills = f"Killed {times} times at random moments and started again by the same command each time: {bits}."
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`", how, table(head, rows), kills]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--file", type=Path, default=Path("experiments/six_recipes_ring.toml"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--singles", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/studies"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"command": report.command("studies", options), "machine": machine.ask()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results |= {"file": options.file.name, "whole": whole(options.file, folder / "whole")}
        results["whole"]["steps"] = _steps_alone(folder / "whole")
        content = json.loads((folder / "whole" / "config.json").read_text(encoding="utf-8"))
        results["runs"] = len(content["configurations"]) * content["config"]["seeds"]
        draw, results["kills"], results["differences"] = random.Random(options.seed), [], []
        while (left := options.kills - sum(map(len, results["kills"]))) > 0:  # start another study if one finished
            out = folder / f"killed-{len(results['kills'])}"
            results["kills"].append(killed(options.file, out, left, results["whole"]["seconds"] / 4, draw))
            results["differences"] += differences(folder / "whole", out)
        results["singles"] = singles(options.file, folder, options.singles)
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return int(bool(results["differences"]))


def _steps_alone(out: Path) -> float:
    """Return the seconds of all steps of a study from its log: the warm rate of each program times its runs' steps."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    content = json.loads((out / "config.json").read_text(encoding="utf-8"))
    total = 0.0
    for block in content["blocks"]:
        own = [line for line in lines if (line["configuration"], line["wave"]) == (block["program"], block["wave"])]
        total += median(line["seconds"] / line["steps"] for line in own[1:]) * content["config"]["steps"]
    return total


if __name__ == "__main__":
    sys.exit(main())
