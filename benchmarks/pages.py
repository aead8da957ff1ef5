"""Insert the tables of results into the pages that show them: `python -m benchmarks.pages [--check]`.

The pages are both READMEs (of the repository and of the benchmarks) and those of the site.
A page shows a file between `<!-- benchmarks/results/NAME/table.md -->` and `<!-- end -->`. A line
`<!-- not yet: benchmarks/results/NAME/table.md -->` is a placeholder for a table that has not been measured yet: run
the benchmark, then this script, and commit both. `--check` writes nothing and reports which pages differ.
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

_SHOWN = re.compile(r"^<!-- (benchmarks/\S+\.md) -->\n.*?^<!-- end -->$", flags=re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(
    r"^<!-- commands of all results -->\n.*?^<!-- end of commands -->$", flags=re.MULTILINE | re.DOTALL
)
_NOT_YET = re.compile(r"^<!-- not yet: (benchmarks/\S+\.md) -->$", flags=re.MULTILINE)


def pages(root: Path = ROOT) -> list[str]:
    """Return the paths of all pages, relative to the root."""
    site = sorted(path.relative_to(root).as_posix() for path in (root / ".site").rglob("*.md"))
    return ["README.md", "benchmarks/README.md", *site]


def commands(folder: Path) -> list[str]:
    """Return the commands recorded in a folder's files, which reproduce its results."""
    found: list[str] = []
    for file in sorted(folder.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict) and isinstance(content.get("command"), str):
            found.append(content["command"])
    for file in sorted(folder.glob("*.md")):
        found += re.findall(r"^Command: `(.+)`$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return list(dict.fromkeys(found))


def all_commands(root: Path) -> str:
    """Return the commands of all results as Markdown, by folder."""
    parts = []
    for folder in sorted(path for path in (root / "benchmarks" / "results").iterdir() if path.is_dir()):
        shown = "\n".join(commands(folder))
        parts.append(f"### {folder.name}\n\n```text\n{shown}\n```\n")
    return "\n".join(parts)


def filled(text: str, root: Path) -> str:
    """Return a page with the current content of every table that exists under `root`."""

    def shown(found: re.Match[str]) -> str:
        file = root / found[1]
        if not file.is_file():
            return found[0]
        return f"<!-- {found[1]} -->\n{file.read_text(encoding='utf-8').strip()}\n<!-- end -->"

    listed = (
        f"<!-- commands of all results -->\n{all_commands(root)}<!-- end of commands -->"
        if _COMMANDS.search(text)
        else ""
    )
    return _COMMANDS.sub(lambda _: listed, _NOT_YET.sub(shown, _SHOWN.sub(shown, text)))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Update or check the pages; the status is 1 if `--check` finds a page that differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a page differs")
    options = parser.parse_args(arguments)
    changed = False
    for name in pages(root):
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
