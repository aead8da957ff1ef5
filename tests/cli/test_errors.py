"""Every error is one line and a status, and so is what a user's own code does; whatever stdout and stderr are."""

import errno
import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import click
import jax
import pytest

from jaxgan.checkpoint import CheckpointError
from jaxgan.cli import streams
from jaxgan.cli.app import cli, main
from jaxgan.cli.catalogue import losses
from jaxgan.cli.errors import answer_to, one_line
from jaxgan.data.source import DataError
from jaxgan.files import StoreError
from jaxgan.study import catalogue
from jaxgan.study.distributed.processes import ProcessError
from jaxgan.study.messages import OptionError
from tests.cli.commands import RING, files, refused


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (OptionError("seeds", "got 0"), 2, "--seeds: got 0"),
        (DataError("x.npz: damaged"), 2, "x.npz: damaged"),
        (StoreError("no run"), 2, "no run"),
        (CheckpointError("damaged"), 2, "damaged"),
        (ProcessError("process 1 of 2: damaged"), 2, "process 1 of 2: damaged"),
        (click.UsageError("No such option"), 2, "No such option"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"), 2, "a/b: No such file or directory"),
        (PermissionError(errno.EACCES, "Permission denied", b"a"), 2, "a: Permission denied"),
        (OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"), 2, "a to b: Invalid cross-device link"),
        (OSError(errno.ENOSPC, "No space left", "a"), 2, "a: No space left; free space and start again"),
        (OSError(errno.EISDIR, "Is a directory", "a/.b.partial", None, "a/b"), 2, "a/b: Is a directory"),
        (OSError(errno.EACCES, "Permission denied", "a/.b.partial"), 2, "a: Permission denied"),
        (OSError(errno.EACCES, "Permission denied", ".b.partial"), 2, "Permission denied"),
        (OSError(errno.EROFS, "Read-only file system", "runs"), 2, "runs: Read-only file system"),
        (TimeoutError("no answer"), 2, "no answer"),
        (MemoryError("Unable to allocate 9 GiB"), 2, "out of memory (Unable to allocate 9 GiB): lower what is "
         "asked for"),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: 9 bytes"), 2, "out of memory (RESOURCE_EXHAUSTED: 9 bytes)"),
        (EOFError("EOF when reading a line"), 1, "unexpected EOFError"),  # click would take it for Ctrl-C
        (KeyError("shape"), 1, "unexpected KeyError: 'shape'; this is a bug in jaxgan, please report it with the "
         "output of `jaxgan --traceback ...` (Python "),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_a_status(error, status, line, capsys, monkeypatch):
    def raising():
        raise error

    monkeypatch.setattr(losses, "callback", raising)
    # Raised here it would be the user's code that raises.
    monkeypatch.setattr("jaxgan.cli.errors.place_in", lambda error: "")
    assert refused(capsys, "losses", status=status).startswith(f"jaxgan: {line}")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", "--seeds, --batch-size, --width, --samples or --image-size"),
        ("evaluate", "--batch-size, --count or --image-size"),
        ("sample", "-n"),
    ],
)
def test_out_of_memory_names_options_of_the_command(command, options, capsys, monkeypatch):
    def full(**options):
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr(cli.commands[command], "callback", full)
    monkeypatch.setattr("jaxgan.cli.errors.place_in", lambda error: "")
    words = {"evaluate": ["."], "train": []}.get(command, ["."])
    assert refused(capsys, command, *words).endswith(f"out of memory (Unable to allocate 9 GiB): lower {options}")


def test_what_is_not_an_error_is_not_caught(monkeypatch):
    monkeypatch.setattr(losses, "callback", lambda: pytest.fail("as a test does"))
    assert answer_to(GeneratorExit()) is None
    with pytest.raises(pytest.fail.Exception):
        main(["losses"])


def test_traceback_shows_where_in_front_of_or_behind_the_command(capsys, monkeypatch):
    def failing():
        raise KeyError("shape")

    monkeypatch.setattr(losses, "callback", failing)
    for words in (["--traceback", "losses"], ["losses", "--traceback"]):
        assert main(words) == 2  # of code that is not of the package
        shown = capsys.readouterr().err
        assert "Traceback (most recent call last)" in shown and "in failing" in shown
        assert "jax 0." in shown and shown.splitlines()[-1].startswith("jaxgan: test_errors.py:")


def test_a_line_holds_no_more_than_can_be_read():
    assert one_line("a\n\tb\x1b[31m\udcff") == "a b\\x1b[31m\\udcff"
    assert len(one_line(" ".join(["x" * 5000, "y" * 300]))) < 250
    assert len(one_line("word " * 10_000)) < 1600


OWN = {
    "exits": "import sys\nsys.exit(0)\n",
    "quits": "import os\nos._exit(0)\n",
    "ends": "import sys, os\ndef f(real, fake):\n    sys.exit()\ndef g(real, fake):\n    os._exit(3)\n",
    "asks": "answer = input()\n",
    "raises": "def f():\n    raise LookupError('a\\nb')\nf()\n",
    "unreadable": "open('/proc/self/nothing')\n",
    "wrong": "def f(:\n",
    "networks": "import os\nimport flax.linen as nn\nclass G(nn.Module):\n    def __post_init__(self):\n"
    "        os._exit(0)\n",
    "probes": "import os\ndef leaves(key, algorithm, state):\n    os._exit(0)\n"
    "def fails(key, algorithm, state):\n    raise LookupError('here')\ndef two(key, state):\n    return state\n",
    "recipes": "import os, sys\ndef leaves(g, d, prior):\n    os._exit(0)\n"
    "def late(g, d, prior):\n    import jaxgan as jg\n    made = jg.recipes.gan(g, d, prior, loss=jg.hinge)\n"
    "    return made._replace(update=lambda key, state, sample: sys.exit('enough'))\n",
}


@pytest.mark.parametrize(
    ("option", "name", "line"),
    [
        ("loss", "exits.py:f", "exits.py called sys.exit(0) (exits.py:2)"),
        ("loss", "quits.py:f", "quits.py called os._exit(0) (quits.py:2)"),
        ("loss", "ends.py:f", "ends.py:f called sys.exit() (ends.py:3)"),
        ("loss", "ends.py:g", "ends.py:g called os._exit(3) (ends.py:5)"),
        ("loss", "asks.py:f", "asks.py raised EOFError: EOF when reading a line (asks.py:1)"),
        ("loss", "raises.py:f", "raises.py raised LookupError: a b (raises.py:2)"),
        ("loss", "unreadable.py:f", "unreadable.py: cannot be read (No such file or directory) (unreadable.py:1)"),
        ("loss", "wrong.py:f", "(wrong.py:1)"),
        ("recipe", "recipes.py:leaves", "leaves (recipes.py:2) called os._exit(0) (recipes.py:3)"),
        ("recipe", "recipes.py:late", "late (recipes.py:4) called sys.exit('enough') (recipes.py:7)"),
        ("recipe", "builtins:dict", "builtins:dict does not say what it takes, expected one of Python that takes"),
        ("probe", "exits.py:f", "exits.py called sys.exit(0) (exits.py:2)"),
        ("generator", "networks.py:G", "networks.py:G called os._exit(0) (networks.py:5)"),
        ("probe", "probes.py:leaves", "probes.py:leaves called os._exit(0) (probes.py:3)"),
        ("probe", "probes.py:fails", "probes.py:fails raised LookupError: here (probes.py:5)"),
        ("probe", "probes.py:two", "probes.py:two: two() takes 2 positional arguments but 3 were given"),
    ],
)
def test_own_code_that_ends_the_program_or_raises_is_named(option, name, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    for stem, text in OWN.items():
        Path(f"{stem}.py").write_text(text)
    before = files(tmp_path)
    shown = refused(capsys, *RING, f"--{option}", name)
    assert line in shown and shown.startswith(f"jaxgan: --{option}: ")
    assert files(tmp_path) == before


def test_a_child_of_own_code_may_end_itself(tmp_path):
    """As `multiprocessing` ends the processes that it forks."""
    (tmp_path / "forks.py").write_text(
        "import os\nimport jaxgan as jg\nchild = os.fork()\nif not child:\n    os._exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\nf = jg.hinge\n"
    )
    with warnings.catch_warnings():  # JAX warns of forks
        warnings.simplefilter("ignore")
        assert catalogue.find_loss(f"{tmp_path / 'forks.py'}:f").generator is not None


@pytest.mark.filterwarnings("default")
def test_what_own_code_prints_and_warns_of_is_apart_from_the_results(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("noisy.py").write_text(
        "import warnings\nprint('loaded')\nwarnings.warn('careful')\n"
        "def f(real, fake):\n    print('two', end=' ')\n    print('halves')\n    return -fake\n"
    )
    assert main(["profile", "--loss", "noisy.py:f", "--out", "paper"]) == 0
    output = capsys.readouterr()
    assert "loaded" not in output.out and "halves" not in output.out and "report " in output.out
    lines = output.err.splitlines()
    assert lines.count("noisy.py: loaded") == 1
    assert "noisy.py: two halves" in lines
    assert lines.count("jaxgan: warning: careful (noisy.py:3)") == 1


def test_letters_that_the_encoding_lacks_are_written_in_plain_ones():
    for encoding, expected in (("ascii", b'inf "Frechet" ? ?'), ("utf-8", "∞ “Fréchet” 中 ?".encode())):
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding=encoding, errors="jaxgan.plain")
        stream.write("∞ “Fréchet” 中 \udcff")
        stream.flush()
        assert written.getvalue() == expected


def test_progress_that_nobody_reads_ends_no_run(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Closed())
    streams.log("a line")


@pytest.mark.parametrize(
    ("words", "shell", "status", "errors"),
    [
        ("losses", "| true", 141, ""),
        ("losses", ">&-", 0, ""),
        ("losses", ">/dev/full", 2, "jaxgan: No space left on device"),
        ("losses --nothing", "2>&-", 2, ""),
        ("losses --nothing", "2>/dev/full", 2, ""),
        ("losses --nothing", ">&- 2>&-", 2, ""),
        ("train --data caf\u00e9.npz", "", 2, "jaxgan: expected words in UTF-8, got"),
    ],
)
def test_closed_streams_and_ascii(words, shell, status, errors, tmp_path):
    command = f"{sys.executable} -m jaxgan {words} {shell}; exit ${{PIPESTATUS[0]}}"
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, env=os.environ | ascii_only,
                          timeout=60)  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr.decode()) == (status, False), done.stderr
    assert done.stderr.decode().startswith(errors) and bool(done.stderr) == bool(errors)
