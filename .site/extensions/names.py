"""The index of public names: `.. names::` documents some, and the build says which no page documents."""

import inspect
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from public import listed_in, missing, value_of
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

_log = logging.getLogger(__name__)


class Names(SphinxDirective):
    """`.. names:: jaxgan.losses`, and below it the names: a table of their first lines, then each in full."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        paths = [f"{self.arguments[0]}.{name}" for line in self.content for name in line.split()]
        text = [".. autosummary::", "   :nosignatures:", "", *(f"   ~{path}" for path in paths), ""]
        for path in paths:
            text += [*_documented(path), ""]
        node = nodes.section()
        node.document = self.state.document
        self.state.nested_parse(StringList(text, source=self.get_source_info()[0]), 0, node)
        return node.children


def _documented(path: str) -> list[str]:
    value = value_of(path)
    if inspect.isclass(value):
        own = hasattr(value, "_fields") or not hasattr(value, "apply")  # a network's methods are flax's
        return [f".. autoclass:: {path}", *(["   :members:"] if own else [])]
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        return [f".. autofunction:: {path}"]
    return [f".. autodata:: {path}", "   :no-value:"]


def undocumented(folder: Path) -> list[str]:
    """Of the names that pages list, those that say nothing of themselves."""
    found = []
    for path in sorted(listed_in(folder)):
        value, (module, _, name) = value_of(path), path.rpartition(".")
        text = value.__doc__ or ""
        own = text and (inspect.isclass(value) or text != type(value).__doc__) and not text.startswith(f"{name}(")
        if not own and ("", name) not in ModuleAnalyzer.for_module(module).find_attr_docs():
            found.append(path)
    return found


def check(app: Sphinx) -> None:
    for path in missing(Path(app.srcdir)):
        _log.warning("no page documents %s", path)
    for path in undocumented(Path(app.srcdir)):
        _log.warning("%s says nothing of itself", path)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("names", Names)
    app.connect("builder-inited", check)
    return {"parallel_read_safe": True}
