"""Random command lines: each must be accepted or refused in one line, and nothing must be written.

Half of them are drawn by `tests/cli/random_commands.py` and have at least one invalid value; the others combine
arbitrary words and values with any options that the commands declare.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.planning import came, fits, plan_only
from benchmarks.faults.trial import Bench, Trial, rng_for, scaled
from tests.cli import random_commands

TRIALS = 2000
LIMIT = 60.0
_WRITE = {"sample", "interpolate", "neighbours", "project", "translate", "export", "evaluate"}
_WRITE |= {"check", "report", "track"}
"""Commands that write their output; the others end before they would start to write."""
_NUMBERS = [
    "0",
    "1",
    "2",
    "-1",
    "3.5",
    "1e308",
    "1e-320",
    "nan",
    "-inf",
    "",
    "x",
    "0x10",
    "\u0661",
    "1_0",
    " 3",
    "1e400",
]
_NUMBERS += ["2147483648", "9223372036854775808", "9" * 400, "-0"]
_TEXTS = ["", " ", ".", "..", "/", "~", "~nouser/x.npz", "x" * 300, "a/" * 700, "\u00e9", "-", "--", "=", ":", "a:b"]
_TEXTS += ["%s{0}", "$(id)", "\n", "none.npz", "/dev/null", "/etc", "*", "minimax", "ring", "grid", "digits", "gan"]
_SETTINGS = ["lr_d=1e-3", "batch_size=0", "nothing=1", "gan:b1=2", "b1", "=", "lr_g=nan", "ema=x", "d_steps=-1"]
_SETTINGS += ["loss=1", "d_terms=(r1(),)", "d_terms=r1(", "label_noise=1e9", "gan:gan:b1=0"]
_KNOWN = {
    "data": ["ring", "grid", "digits", "moons", "tfds:none", "x.npz"],
    "loss": ["minimax", "non_saturating", "hinge", "my.py:f", "json:loads", "builtins:dict", "a=minimax"],
    "recipe": ["gan", "wgan", "wgan_gp", "nothing", "builtins:dict", "my.py:f"],
    "set": _SETTINGS,
    "network": _SETTINGS,
    "out": ["new", "taken", "run", "file", "file/sub", "/proc/x", "", "x" * 300, "a/" * 700, "new.png"],
    "run": ["run", "taken", "new", "file", ""],
    "runs": ["run", "taken", "new", "file", ""],
}


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return the trials, each with one command line."""
    count = scaled(TRIALS, scale, least=2)
    bad = [list(command.words) for command in random_commands.commands(bench.seed, count // 2)]
    any_ = [drawn(rng_for(bench.seed, "commands", number)) for number in range(count - len(bad))]
    cases = [("with a value that is wrong", words) for words in bad] + [("any words", words) for words in any_]
    return [Trial("commands", number, case, {"words": words}) for number, (case, words) in enumerate(cases)]


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Run a command in a folder that contains only a finished run, another folder with a file, and an empty file."""
    words = trial.given["words"]
    here = folder / "here"
    here.mkdir()
    random_commands.make_files(here)
    (here / "file").touch()
    (here / "taken").mkdir()
    (here / "taken" / "mine.txt").write_text("mine")
    if "run" in words:
        runs.copied(bench.folder / "whole", here / "run")
    before = _names(here)
    ended = process.run(words, folder / "said", plan_only, here)
    writes = words[0] in _WRITE or (words[0] == "study" and "--init" in words)
    new = [] if writes and ended.status == 0 else sorted(_names(here) - before)
    right = ended.refused if trial.case == "with a value that is wrong" else fits(ended)
    if ended.seconds > LIMIT or new or not right:
        wrote = f", and {new} was written" if new else ""
        return False, f"{ended.said} after {ended.seconds:.0f} s{wrote}"
    return True, came(ended)


def drawn(rng: np.random.Generator) -> list[str]:
    """Draw a command with some of its options, most of them with values of the right type.

    Example:
      >>> len(drawn(np.random.default_rng(0))) > 0
      True
    """
    from jaxgan.cli.app import cli

    name = str(rng.choice([*cli.commands, "compare", "train", "profile", "nothing"]))
    words = [name]
    for option in _some(cli.commands[name].params if name in cli.commands else [], rng):
        if isinstance(option, click.Argument):
            words += [_value(option, rng) for _ in range(int(rng.integers(0, 3)))]
        else:
            words.append(str(rng.choice(option.opts)))
            if not getattr(option, "is_flag", False) or rng.random() < 0.05:
                words.append(_value(option, rng))
    if rng.random() < 0.1:
        words.insert(int(rng.integers(len(words) + 1)), str(rng.choice(_TEXTS)))
    return words


def _some(options: list[click.Parameter], rng: np.random.Generator) -> list[click.Parameter]:
    count = min(len(options), int(rng.geometric(0.35)))
    return [options[int(i)] for i in rng.choice(len(options), count, replace=False)] if count else []


def _value(option: click.Parameter, rng: np.random.Generator) -> str:
    kind: Any = option.type
    if option.name == "out":  # so that nothing is written outside the trial's folder
        return str(rng.choice(_KNOWN["out"]))
    if rng.random() < 0.15:
        return str(rng.choice(_TEXTS + _NUMBERS))
    if isinstance(kind, click.Choice):
        return str(rng.choice([str(choice) for choice in kind.choices]))
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return str(rng.choice(_NUMBERS)) if rng.random() < 0.5 else str(int(rng.integers(1, 50)))
    return str(rng.choice(_KNOWN.get(str(option.name), _TEXTS)))


def _names(here: Path) -> set[str]:
    return {str(path.relative_to(here)) for path in here.rglob("*") if "__pycache__" not in path.parts}
