"""Configuration of Sphinx."""

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import desc_signature
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

project = "flask_apierrors"
author = "The flask_apierrors developers"
copyright = f"2026, {author}"
version = release = installed_version("flask-apierrors")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "exchanges"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# Some requests show bodies that are not JSON.
suppress_warnings = ["misc.highlighting_failure"]

# Messages are shown as clients get them.
smartquotes = False

html_theme = "furo"
html_title = "flask_apierrors"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["exchanges.css"]
html_show_sphinx = False

copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

#: Private names say nothing to a reader. All others are type variables for functions.
PUBLIC = {"_Error": "Exception", "_Answer": "Any", "_SESSION": "{...}", "_NONE": "{}"}


def hide_private_names(app: Sphinx, doctree: nodes.document) -> None:
    """Show what private names in signatures stand for."""
    for signature in doctree.findall(desc_signature):
        for text in list(signature.findall(nodes.Text)):
            if re.fullmatch(r"_[A-Z]\w+", text):
                text.parent.replace(text, nodes.Text(PUBLIC.get(text, "Callable")))


def setup(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.connect("doctree-read", hide_private_names)
