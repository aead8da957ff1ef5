"""A terminal for a program: what it writes, what is on the screen in the end, and where the cursor is."""

import errno
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import NamedTuple

_CONTROL = re.compile(r"\x1b\[(\??\d*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")

_QUIET = 0.15  # seconds
_OWN = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
"""Takes the terminal for the program's own, whose keys then are its signals. Here, as JAX warns of a fork."""


class Screen(NamedTuple):
    """What a program leaves."""

    status: int
    written: str
    lines: list[str]  # down to the cursor's
    column: int
    hidden: bool  # the cursor


def in_terminal(code: str, folder: Path, keys: tuple[tuple[str, str], ...] = (), *, columns: int = 80) -> Screen:
    """Runs Python on a terminal, and types each key once the text before it was written."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _OWN + code], cwd=folder, env=environment | {"TERM": "xterm"},
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    written, deadline, waiting = b"", time.monotonic() + 120, list(keys)
    while True:
        if not select.select([leader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            process.kill()  # it hangs: what it wrote says where
            break
        try:
            written += os.read(leader, 2**16)
        except OSError as error:  # of a terminal that nobody has open any more
            assert error.errno == errno.EIO
            break
        if waiting and waiting[0][0].encode() in written:
            while select.select([leader], [], [], _QUIET)[0]:  # a signal by a key discards what is being written
                written += os.read(leader, 2**16)
            os.write(leader, waiting.pop(0)[1].encode())
    os.close(leader)
    return Screen(process.wait(), written.decode(), *shown(written.decode(), columns))


def shown(written: str, columns: int) -> tuple[list[str], int, bool]:
    """Lines down to the cursor's, its column, and whether it is hidden; of control sequences those that rich uses."""
    lines, row, column, hidden = [""], 0, 0, False
    for number, control, move, text in _CONTROL.findall(written):
        if move == "\r":
            column = 0
        elif move == "\n":
            row += 1
        elif control == "A":
            row = max(0, row - int(number or 1))
        elif control == "K":
            lines[row] = ""
        elif control in "hl" and number == "?25":
            hidden = control == "l"
        for letter in text:
            if column == columns:
                row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
            lines[row] = lines[row][:column].ljust(column) + letter + lines[row][column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    return [line.rstrip() for line in lines[: row + 1]], column, hidden
