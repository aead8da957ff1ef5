"""The site: `sphinx-build -W .site build/site`. Pages are Markdown, the index of names is made of docstrings."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

import jaxgan

project = "jaxgan"
author = "the jaxgan authors"
version = release = jaxgan.__version__
copyright = "the jaxgan authors"
language = "en"
highlight_language = "none"  # of formulas in docstrings; pages say what their blocks are

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docstrings",
    "names",
    "tutorials",
]
exclude_patterns = ["conf.py", "extensions", "jupyter_execute"]
nitpicky = False  # of types in signatures most are another library's

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4  # a link to a heading that is not there is an error, as is one to a page

# Tutorials run while the site is built, and an error in one is an error of the build.
nb_custom_formats = {".py": "tutorials.read"}
nb_execution_mode = "cache"
nb_execution_timeout = 1800
nb_execution_raise_on_error = True
nb_merge_streams = True
os.environ.pop("MPLBACKEND", None)  # another than a notebook's own would leave figures out of the pages
nb_execution_in_temp = True  # what a tutorial draws is on its page

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"  # shapes and units are in the words; `help(name)` has the types, too
python_maximum_signature_line_length = 88
toc_object_entries = False

html_theme = "furo"
html_title = "jaxgan"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {"code-font-size": "76%"},  # 120 letters a line
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
