"""Command lines drawn at random, the same from the same seed: options and values, good ones and bad ones.

`make_files` writes what their words name. Of a bad command at least one value is wrong wherever it stands, so it has to
end with status 2 and one line, before anything is compiled or written.
"""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from jaxgan.study.limits import LIMITS, SETTINGS, Limit


class Values(NamedTuple):
    """What an option can be given; `good` is small, so that a good command ends within seconds."""

    good: tuple[str, ...]
    bad: tuple[str, ...]


class Command(NamedTuple):
    """The words behind `jaxgan`, and whether they have to be refused."""

    words: tuple[str, ...]
    bad: bool


OWN = {
    "good.py": "import jaxgan as jg\nloss = jg.hinge\ndef recipe(g, d, prior):\n"
    "    return jg.recipes.gan(g, d, prior, loss=jg.hinge, batch_size=8)\n"
    "def probe(key, algorithm, state):\n    return state.step\n",
    "exits.py": "import sys\nsys.exit(0)\n",
    "leaves.py": "import os\ndef loss(real, fake):\n    os._exit(0)\nrecipe = probe = Network = loss\n",
    "raises.py": "1 / 0\n",
    "wrong.py": "def loss(:\n",
    "asks.py": "input()\n",
    "numbers.py": "loss = recipe = probe = Network = 3\n",
}


def make_files(folder: Path) -> None:
    """What the words of the commands name, in the folder that they are run in."""
    for name, text in OWN.items():
        (folder / name).write_text(text)
    (folder / "file").touch()
    (folder / "dangling").symlink_to("nowhere")
    (folder / "nul.npz").write_bytes(bytes(1000))
    (folder / "random.npy").write_bytes(random.Random(0).randbytes(1000))
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    (folder / "other" / "thesis.tex").touch()


def numbers(limit: Limit, *good: str) -> Values:
    """Values beyond both ends of a limit, and what is no number."""
    beyond = [str(int(2 * limit.highest) + 1), f"-{int(limit.highest) + 1}", "9" * 40, "9" * 400, "nan", "x", ""]
    beyond += [str(int(limit.lowest) - 1)] + (["0.5", "1e3"] if limit.whole else ["inf", "1e400"])
    beyond += [str(int(limit.lowest))] * limit.above + [str(int(limit.highest))] * limit.below
    return Values(good, tuple(beyond))


LONG = "a" * 5000
_FILES = (
    f"{LONG}.py:x", "dangling.py:x", ":", "x:", ":x", "exits.py:loss", "raises.py:loss", "wrong.py:x", "asks.py:x",
    "numbers.py:loss", "good.py:nothing", "file:x", "no.such.module:x", "\udcff.py:x", "", "mini max",
)  # fmt: skip

_OUT = Values(
    ("out", "empty", "new/folder"),
    ("", "file", "file/sub", "dangling", "dangling/sub", "other", "/proc/x", "a" * 300, LONG, "x/" * 1400, "\udcff"),
)
_PLACES: Mapping[str, Values] = {
    "--devices": numbers(LIMITS["devices"], "1"),
    "--coordinator": Values((), ("localhost", "", "x:y:z")),
    "--num-processes": Values((), ("0", "-1", "9" * 20, "x")),
    "--process-id": Values((), ("-1", "0", "9" * 20)),
}

STUDY: Mapping[str, Values] = {
    "--data": Values(
        ("ring", "grid"),
        ("", "rin", "file", "file/sub", "dangling", "nul.npz", "random.npy", "no.npz", "~nouser/x.npz", "a" * 300, LONG,
         "x/" * 1400, "empty", "other", "/proc/self/mem", "tfds:", "tfds:nothing", "tfds:../x", "\udcff"),
    ),
    "--loss": Values(("hinge", "good.py:loss", "wasserstein"), (*_FILES, "leaves.py:loss")),
    "--recipe": Values(("wgan_gp", "good.py:recipe"), (*_FILES, "leaves.py:recipe", "builtins:dict", "os:getcwd")),
    "--probe": Values(("good.py:probe",), (*_FILES, "leaves.py:probe", "builtins:dict")),
    "--generator": Values(("mlp",), (*_FILES, "leaves.py:Network", "dcgan", "MLP")),
    "--discriminator": Values(("mlp",), (*_FILES, "leaves.py:Network", "dcgan")),
    "--network": Values(
        ("hidden=(8,)",),
        ("hidden", "hidden=(0,)", f"hidden=({'9' * 30},)", "nothing=3", "=", "", "width=-1", "player:width=3"),
    ),
    "--set": Values(
        ("lr_d=0.001", "batch_size=8"),
        ("lr_d", "lr_d=", "lr_d=1e39", "lr_d=" + "-" * 5000 + "1", f"lr_d={'9' * 400}", "batch_size=0", "lr_g=nan",
         "batch_size=(1,2)", f"batch_size={2**40}", "gamma", "nothing=1", "nobody:lr_d=1", "=", "", "lr_d=[1]"),
    ),
    "--value-range": Values((), ("0", "1,0", "x,y", "0,inf", "0,1e300", "nan,1", ",", "0,1")),
    "--background": numbers(LIMITS["background"]),
    "--image-size": Values((), ("0", "-1", "16", "9" * 20, "x")),
    "--precision": Values(("float32",), ("float64", "", "16")),
    "--split-seed": numbers(LIMITS["split_seed"], "1"),
    "--key": numbers(LIMITS["key"], "3"),
    "--seeds": numbers(LIMITS["seeds"], "1", "2"),
    "--first-seed": numbers(LIMITS["first_seed"], "7"),
    "--steps": numbers(LIMITS["steps"], "1", "3"),
    "--record-every": numbers(LIMITS["record_every"], "1", "2"),
    "--evaluate-every": numbers(LIMITS["evaluate_every"], "1", "2"),
    "--samples": numbers(LIMITS["samples"], "50"),
    "--width": numbers(LIMITS["width"], "4"),
    "--latent-dim": numbers(LIMITS["latent_dim"], "2"),
    "--batch-size": numbers(SETTINGS["batch_size"], "8"),
    "--fake-batch-size": numbers(SETTINGS["fake_batch_size"]),
    "--generator-batch-size": numbers(SETTINGS["generator_batch_size"]),
    "--d-steps": numbers(SETTINGS["d_steps"], "1"),
    "--lr-d": numbers(SETTINGS["lr_d"], "0.001"),
    "--lr-g": numbers(SETTINGS["lr_g"], "0.001"),
    "--beta1": numbers(SETTINGS["b1"], "0.5"),
    "--ema": numbers(SETTINGS["ema"]),
    "--failure-multiple": numbers(LIMITS["failure_multiple"]),
    "--out": _OUT,
    "--nothing": Values((), ("1",)),
    "--resume": Values((), ("",)),  # a flag: the value is a word too many
    **_PLACES,
}  # fmt: skip

PROFILE: Mapping[str, Values] = {
    "--threshold": numbers(LIMITS["threshold"], "0.01"),
    "--loss": STUDY["--loss"],
    "--minibatches": numbers(LIMITS["minibatches"]),
    "--probes": numbers(LIMITS["probes"]),
    "--d-iterations": numbers(LIMITS["d_iterations"]),
    "--ages": Values((), ("x", "-1", "1e400", "9" * 30, "5,3", "1.5", "nan")),
    "--d-loss": Values((), _FILES),
    "--d-strength": Values(
        (), ("lr", "lr=0", "k=0", f"k={'9' * 20}", "width=1e300", "noise=1", "x=1", "", "lr=4,lr=5")
    ),
    "--train-loss": Values((), _FILES),
    "--out": _OUT,
}

GENERATOR: Mapping[str, Values] = {
    "-n": numbers(LIMITS["n"]),
    "--key": numbers(LIMITS["key"]),
    "--seed": Values((), ("-1", "9" * 20, "x")),
    "--class": Values((), ("x", "")),
    "--configuration": Values((), ("nothing", "", LONG)),
    "--out": Values((), ("", ".", "..", "/", "file/x.png", "no/such/x.png", "/proc/x.png", "a" * 300)),
}

MERGE: Mapping[str, Values] = {"--out": _OUT, "--devices": _PLACES["--devices"]}
RUNS = ("empty", "other", "file", "file/sub", "dangling", "nothing", "/proc", "a" * 300, LONG, "")

COMMANDS: Mapping[str, Mapping[str, Values]] = {
    "compare": STUDY,
    "train": STUDY,
    "profile": PROFILE,
    "profile --train": {**STUDY, **PROFILE},
    "profile --frozen": {**STUDY, **PROFILE},
    "sample": GENERATOR,
    "interpolate": GENERATOR,
    "merge": MERGE,
}
_SMALL = {"--data": "ring", "--seeds": "1", "--steps": "2", "--samples": "50", "--width": "4", "--latent-dim": "2"}


def commands(seed: int, count: int, bad_share: float = 1.0) -> list[Command]:
    """So many commands from a seed; a share of them is bad, the others train for seconds.

    >>> commands(0, 3) == commands(0, 5)[:3]
    True
    """
    rng = random.Random(seed)
    return [_command(rng, rng.random() < bad_share) for _ in range(count)]


def _command(rng: random.Random, bad: bool) -> Command:
    name = rng.choice([*COMMANDS, "compare", "train"] if bad else ["compare", "train", "profile"])
    options = COMMANDS[name]
    given = {option: value for option, value in _SMALL.items() if option in options}
    usable = sorted(option for option in options if options[option].good)
    for option in rng.sample(usable, min(len(usable), rng.randrange(4))):
        if not (name == "train" and {"--loss", "--recipe"} & {option} and {"--loss", "--recipe"} & set(given)):
            given[option] = rng.choice(options[option].good)
    wrong = rng.sample(sorted(options), rng.choice((1, 1, 1, 2))) if bad else []
    given |= {option: rng.choice(options[option].bad) for option in wrong if options[option].bad}
    places = {"sample": 1, "interpolate": 1, "merge": 2}.get(name, 0)
    words = [*name.split(), *rng.sample(RUNS, places)]
    pairs = list(given.items())
    rng.shuffle(pairs)
    return Command((*words, *(word for pair in pairs for word in pair)), bad)
