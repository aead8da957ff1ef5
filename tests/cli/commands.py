"""What the tests of the command line share."""

import subprocess
import sys
from pathlib import Path

from jaxgan.cli.app import main

RING = ("train", "--data", "ring", "--seeds", "1", "--steps", "1", "--samples", "50", "--width", "4")

TINY = ["--seeds", "2", "--steps", "6", "--samples", "50", "--width", "4", "--batch-size", "8", "--latent-dim", "4"]


def jaxgan_process(*words: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "jaxgan", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=500, **options)


def refused(capsys, *words: str, status: int = 2) -> str:
    """The one line with which `jaxgan words` refuses."""
    assert main(list(words)) == status
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    assert len(lines) == 1, output.err
    return lines[0]


def files(path: Path) -> set[Path]:
    """All below a folder, but what Python keeps of the code that it has loaded."""
    return {found for found in path.rglob("*") if "__pycache__" not in found.parts}
