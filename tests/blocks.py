"""Code in pages, executed as a reader would: in the order of the page and in one folder; training is cut short."""

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from jaxgan.cli.app import main
from jaxgan.study.study_file.file import Study

ROOT = Path(__file__).parents[1]
SETUP = ("python3 -m venv .venv && ", ".venv/bin/pip install ")  # executed whole by slow tests and by .ci/run
FROZEN = ["--seeds", "2", "--ages", "0,2", "--d-iterations", "4", "--width", "8", "--batch-size", "8"]
SMALL = ["--seeds", "4", "--steps", "4", "--samples", "50", "--width", "8", "--batch-size", "8"]
KINDS = {"bash", "python", "toml"}  # that are executed
SHOWN = {"text"}  # what was printed, or commands as results have them


class Block(NamedTuple):
    kind: str
    text: str
    slow: bool  # `<!-- slow -->` stands above it: it takes minutes, even cut short


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a Markdown page, but for Sphinx's directives."""
    found = re.findall(r"(<!-- slow -->\n)?^```([^\n]*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [Block(kind, text, bool(slow)) for slow, kind, text in found if not kind.startswith("{")]


def run_blocks(blocks: Sequence[Block], where: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them in the working folder, in this process, which spares each the import of JAX.

    But for what is possible only before anything else.
    """
    for kind, text, _ in blocks:
        if text.startswith(SETUP) or kind in SHOWN:
            continue
        if named := re.match(r"# (\w+\.(?:py|toml))\n", text):
            Path(named[1]).write_text(text)
        if kind == "toml":
            assert named and Study.read(named[1]).configurations()
        elif "use_cpu_cores" in text:
            program = [sys.executable, "-c", shortened(text)]
            done = subprocess.run(program, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        elif kind == "python":
            exec(compile(shortened(text), named[1] if named else where, "exec"), {"__name__": "__main__"})
        else:
            for line in text.splitlines():
                assert main(words_of(line)) == 0, f"{line}\n{capsys.readouterr().err}"


def shortened(text: str) -> str:
    """The code with four steps where it trains, looked at after every second."""
    return re.sub(r"\bprobe_every=\d+", "probe_every=2", re.sub(r"\bnum_steps=\d+", "num_steps=4", text))


def words_of(line: str) -> list[str]:
    program, *words = shlex.split(line)
    assert program == ".venv/bin/jaxgan", line
    short = SMALL if words[0] in ("compare", "train") else []
    if "--frozen" in words:
        short = FROZEN
    return [*words, *short]  # the last of an option's values counts


def broken_links(text: str, page: Path) -> list[str]:
    """Relative links and pictures of a page whose file, or heading in it, is not there."""
    found = []
    for link in re.findall(r"\]\(((?!https?:)[^)\s]+)\)", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)):
        name, _, heading = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.is_file() or (heading and heading not in headings(target)):
            found.append(link)
    return found


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, and of those of a page that it includes."""
    text = page.read_text(encoding="utf-8")
    found = {anchor(line) for line in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}
    return found.union(*(headings(page.parent / name) for name in re.findall(r"^```\{include\} (\S+)$", text, re.M)))


def anchor(heading: str) -> str:
    """As GitHub and the site make it of a heading.

    >>> anchor("Is a class obeyed?")
    'is-a-class-obeyed'
    """
    return "-".join(re.sub(r"[^\w\s-]", "", heading.lower()).split())
