"""Docstrings of this library as reStructuredText: they are written to be read in a terminal, by `help`.

Names in backticks become links where they are public. Indented formulas stay as they are set, and a line that begins
with a label, such as `Source:`, is a paragraph of its own. What is left, `Args:` and the like, is napoleon's.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from public import targets
from sphinx.application import Sphinx

_LABEL = re.compile(r"([A-Z][a-z]+(?: [a-z]+)?): +(\S.*)")
_FIELD = re.compile(r"([a-z_]+): +(\S.*)")
_SECTION = re.compile(r"(Args|Raises|Returns|Yields|Attributes|Warns|Example|Examples|Note|Warning):$")
_kept: dict[str, list[str]] = {}
_SPECIAL = re.compile(r"(?<!\S)(\*\w+\*)(?=[\s,.:;])|[\\*|]|(?<=\w)_(?!\w)")  # words in stars stay stressed


def prose(text: str) -> str:
    """A line of words: names as links or code, and no other character with a meaning.

    >>> prose("|x|^2 is `a * b`")
    '\\\\|x\\\\|^2 is ``a * b``'
    >>> prose("a *squared* distance x_, 2*y*z")
    'a *squared* distance x\\\\_, 2\\\\*y\\\\*z'
    """
    pieces = re.split(r"`+([^`]+)`+", text)
    words = [_SPECIAL.sub(lambda found: found[1] or "\\" + found[0], piece) for piece in pieces[::2]]
    code = [_code(piece) for piece in pieces[1::2]]
    return "".join(f"{word}{one}" for word, one in zip(words, [*code, ""], strict=True))


def _code(text: str) -> str:
    bare = text.removeprefix("jg.").removeprefix("jaxgan.").removesuffix("()")
    target = targets().get(bare)
    return f":py:obj:`{text} <{target}>`" if target else f"``{text}``"


def restructured(lines: Sequence[str]) -> Iterator[str]:
    """The lines of a docstring, without its common indentation.

    >>> list(restructured(["One.", "", "    a * b", "", "Source: X_1", "  and Y"]))
    ['One.', '', '::', '', '    a * b', '', '', '**Source:** X_1', 'and Y']
    """
    inside = before = ""  # which kind of block a line belongs to, and the line before it
    for line in lines:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if not text:
            inside = "" if inside in ("literal", "doctest", "fields", "label") else inside
            yield ""
        elif inside == "doctest" or text.startswith(">>>"):
            inside = "doctest"
            yield line
        elif not indent and _SECTION.match(line):
            inside = "section"
            yield from ("", line)
        elif not indent and (found := _LABEL.match(line)):
            inside = "label"
            yield from ("", f"**{found[1]}:** {prose(found[2])}")
        elif not indent and (not before or inside == "fields") and (found := _FIELD.match(line)):
            inside = "fields"
            yield f":{found[1]}: {prose(found[2])}"
        elif indent and inside in ("section", "fields"):
            yield " " * indent + prose(text)
        elif inside == "literal" or (indent == 4 and inside != "label"):
            if inside != "literal":
                yield from ("::", "")
            inside = "literal"
            yield line
        else:
            inside = inside if indent else ""
            yield prose(text)
        before = text


def fields_of(obj: Any) -> list[str]:
    """The fields of a named tuple as its source has them, with types and comments; none of anything else."""
    if not (inspect.isclass(obj) and hasattr(obj, "_fields")):
        return []
    lines = textwrap.dedent(inspect.getsource(obj)).splitlines()
    (tree,) = ast.parse("\n".join(lines)).body
    assert isinstance(tree, ast.ClassDef)
    nodes = [node for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    if [node.target.id for node in nodes if isinstance(node.target, ast.Name)] != list(obj._fields):
        return []
    return [line.strip() for node in nodes for line in lines[node.lineno - 1 : node.end_lineno]]


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Before napoleon."""
    lines[:] = restructured(lines)
    if shown := fields_of(obj):
        lines += ["", ".. code-block:: python", "", *(f"   {line}" for line in shown), ""]
    _kept[name] = list(lines)


def keep(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """After napoleon, which takes the first words of a value's description for its type."""
    if what in ("data", "attribute"):
        lines[:] = _kept[name]


def signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, text: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Without what every network has, how memory addresses are shown, and fields that are listed below."""
    if fields_of(obj):
        return "", None
    text = re.sub(r", parent=<[^>]*>(, name=None)?", "", text or "") or None
    return (re.sub(r"<function (\w+) at 0x\w+>", r"\1", text) if text else text), returned


def skip(app: Sphinx, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """A named tuple's fields are listed with their comments."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", process, priority=400)  # napoleon's is 500
    app.connect("autodoc-process-docstring", keep, priority=600)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
