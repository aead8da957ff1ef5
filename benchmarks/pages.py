"""Puts the tables of the results into the pages that show them: `python -m benchmarks.pages [--check]`.

A page shows a file between `<!-- benchmarks/results/NAME/table.md -->` and `<!-- end -->`. Where it is to show one
that is not measured yet, a line `<!-- not yet: benchmarks/results/NAME/table.md -->` keeps its place: run the
benchmark, then this, and commit both. `--check` writes nothing and says which pages differ.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "benchmarks/README.md")
_SHOWN = re.compile(r"^<!-- (benchmarks/\S+\.md) -->\n.*?^<!-- end -->$", flags=re.MULTILINE | re.DOTALL)
_NOT_YET = re.compile(r"^<!-- not yet: (benchmarks/\S+\.md) -->$", flags=re.MULTILINE)


def filled(text: str, root: Path) -> str:
    """A page with every table that is there under `root` as its file has it."""

    def shown(found: re.Match[str]) -> str:
        file = root / found[1]
        if not file.is_file():
            return found[0]
        return f"<!-- {found[1]} -->\n{file.read_text(encoding='utf-8').strip()}\n<!-- end -->"

    return _NOT_YET.sub(shown, _SHOWN.sub(shown, text))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Status 1 where `--check` finds a page that differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where a page differs")
    options = parser.parse_args(arguments)
    changed = False
    for name in PAGES:
        old = (root / name).read_text(encoding="utf-8")
        new = filled(old, root)
        if new != old:
            changed = True
            print(f"{name} differs from the results" if options.check else f"{name} is written")
            if not options.check:
                (root / name).write_text(new, encoding="utf-8")
    return int(changed and options.check)


if __name__ == "__main__":
    sys.exit(main())
