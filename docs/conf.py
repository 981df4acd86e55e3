"""Configuration of Sphinx."""

from importlib.metadata import version as installed_version

project = "flask_apierrors"
author = "The flask_apierrors developers"
copyright = f"2026, {author}"
version = release = installed_version("flask-apierrors")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
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
html_show_sphinx = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
