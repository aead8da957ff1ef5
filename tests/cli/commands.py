"""What the tests of the command line share."""

import subprocess
import sys
from pathlib import Path

from jaxgan.cli.app import main


def jaxgan_process(*words: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "jaxgan", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=500, **options)


def refused(capsys, *words: str) -> str:
    """The one line with which `jaxgan words` refuses."""
    assert main(list(words)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    assert len(lines) == 1, output.err
    return lines[0]
