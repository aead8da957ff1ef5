"""`python -m benchmarks.faults [--kinds kills ...] [--scale 1] [--seed 0] [--workers 2] [--out FOLDER]`.

Injects faults into small runs and counts the results; every trial can be repeated. It writes `results.json` and
`table.md`.
"""

import argparse
import functools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.faults.table import markdown
from benchmarks.faults.trial import Bench, Outcome, Trial, rng_for, rows, wrong

KINDS = ("kills", "writers", "damage", "disk", "signals", "commands", "inputs", "payloads")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; the status is 1 if any trial is not right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the whole campaign to run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="trials at a time")
    parser.add_argument("--minutes", type=float, default=60, help="begin no trials later; all kinds take turns")
    parser.add_argument("--numbers", nargs="+", type=int, help="only these trials of each kind")
    parser.add_argument("--add", action="store_true", help="keep the results of other kinds in --out")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faults"))
    options = parser.parse_args(arguments)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background; child processes would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    begun = time.monotonic()
    command = report.command("faults", argparse.Namespace(**{k: v for k, v in vars(options).items() if k != "add"}))
    folder = Path(tempfile.mkdtemp(prefix="faults-"))  # the first fork to end would delete a TemporaryDirectory
    try:
        outcomes, skipped, drawn = campaign(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results = {"commands": [command], "machine": machine.ask(), "seconds": round(time.monotonic() - begun)}
    results |= {"skipped": skipped, "drawn": drawn} | counted(outcomes)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.add:
        results = added(json.loads((options.out / "results.json").read_text(encoding="utf-8")), results, options.kinds)
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return int(bool(results["wrong"]))


def added(old: dict[str, Any], new: dict[str, Any], kinds: Sequence[str]) -> dict[str, Any]:
    """Return an earlier campaign with these kinds replaced by those of a later one.

    Example:
      >>> old = {"commands": ["a"], "seconds": 60, "skipped": {}, "drawn": {"disk": 2, "kills": 3}, "wrong": [],
      ...        "rows": [{"kind": "disk"}]}
      >>> new = {"commands": ["b"], "seconds": 30, "skipped": {"disk": "not root"}, "drawn": {}, "wrong": [],
      ...        "rows": []}
      >>> found = added(old, new, ["disk"])
      >>> found["commands"], found["seconds"], found["rows"], found["drawn"]
      (['a', 'b'], 90, [], {'kills': 3})
    """
    lists = {name: [one for one in old[name] if one["kind"] not in kinds] + new[name] for name in ("rows", "wrong")}
    lists["rows"].sort(key=lambda row: KINDS.index(row["kind"]))
    skipped = {kind: why for kind, why in old["skipped"].items() if kind not in kinds} | new["skipped"]
    drawn = {kind: count for kind, count in old.get("drawn", {}).items() if kind not in kinds} | new["drawn"]
    both = {name: old[name] + new[name] for name in ("commands", "seconds")}
    return new | lists | both | {"skipped": skipped, "drawn": drawn}


def counted(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the results that are saved for all outcomes."""
    return {"rows": [row._asdict() for row in rows(outcomes)], "wrong": wrong(outcomes)}


def campaign(folder: Path, options: argparse.Namespace) -> tuple[list[Outcome], dict[str, str], dict[str, int]]:
    """Run the trials of the requested kinds; return their outcomes, why kinds were skipped, and the trials of each."""
    surroundings(folder)
    from benchmarks.faults import process
    from benchmarks.faults.bench import prepare

    process.load()
    clock = time.monotonic()
    bench = prepare(folder / "bench", options.seed)
    print(f"runs prepared in {time.monotonic() - clock:.0f} s", file=sys.stderr, flush=True)
    modules = {kind: import_module(f"benchmarks.faults.{kind}") for kind in options.kinds}
    skipped = {kind: why for kind, module in modules.items() if (why := getattr(module, "skipped", str)())}
    drawn = [
        trial
        for kind, module in modules.items()
        if kind not in skipped
        for trial in module.trials(bench, options.scale)
        if not options.numbers or trial.number in options.numbers
    ]
    trials = in_turns([drawn[i] for i in rng_for(options.seed, "turns").permutation(len(drawn))])
    return all_of(trials, bench, folder / "trials", options), skipped, dict(Counter(trial.kind for trial in trials))


def surroundings(folder: Path) -> None:
    """Set the environment of all processes: folders for compiled programs and the cache, and a wide terminal."""
    import jax

    of_jax = {
        "jax_platforms": "cpu",
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": str(folder / "programs"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    for name, value in of_jax.items():
        os.environ[name.upper()] = str(int(value)) if isinstance(value, bool) else str(value)
        jax.config.update(name, value)  # JAX has already read the environment
    os.environ |= {
        "JAXGAN_CACHE_DIR": str(folder / "cache"),
        "MPLBACKEND": "Agg",
        "COLUMNS": "1000",
    }


def in_turns(trials: list[Trial]) -> list[Trial]:
    """Move one trial of each kind to the front, so that each kind is tried even if time is short."""
    first = {trial.kind: i for i, trial in reversed(list(enumerate(trials)))}
    return [trials[i] for i in sorted(first.values())] + [t for i, t in enumerate(trials) if i not in first.values()]


def all_of(trials: Sequence[Trial], bench: Bench, folder: Path, options: argparse.Namespace) -> list[Outcome]:
    """Run all trials, several at a time, and return their outcomes."""
    found = []
    attempt = functools.partial(one, bench=bench, folder=folder, until=time.monotonic() + 60 * options.minutes)
    with multiprocessing.get_context("fork").Pool(options.workers) as pool:
        for outcome in filter(None, pool.imap_unordered(attempt, trials)):
            found.append(outcome)
            if not outcome.right:
                print(f"NOT RIGHT: {outcome.trial} {outcome.came}", file=sys.stderr, flush=True)
            if len(found) % 20 == 0:
                print(f"{len(found)} of {len(trials)} trials", file=sys.stderr, flush=True)
    return sorted(
        found, key=lambda outcome: (KINDS.index(outcome.trial.kind), outcome.trial.case, outcome.trial.number)
    )


def one(trial: Trial, bench: Bench, folder: Path, until: float) -> Outcome | None:
    """Run one trial in its own folder, which is kept under FAULTS_KEEP, if set, when the outcome is not right.

    Returns None if there is no time left for it.
    """
    if time.monotonic() > until:
        return None
    own = folder / f"{trial.kind}-{trial.number}"
    own.mkdir(parents=True)
    attempt: Callable[[Trial, Bench, Path], tuple[bool, str]] = import_module(f"benchmarks.faults.{trial.kind}").attempt
    begun = time.monotonic()
    try:
        right, came = attempt(trial, bench, own)
    except Exception as error:  # in the campaign itself: counted as wrong, and the others continue
        right, came = False, f"the campaign failed: {type(error).__name__}: {error}"
    outcome = Outcome(trial, right, came, time.monotonic() - begun)
    if not outcome.right and (kept := os.environ.get("FAULTS_KEEP")):
        shutil.copytree(own, Path(kept) / own.name, dirs_exist_ok=True, symlinks=True, ignore_dangling_symlinks=True)
    shutil.rmtree(own, ignore_errors=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
