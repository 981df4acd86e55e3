"""Label each ``http`` block, and show a request as a ``curl`` command."""

from __future__ import annotations

from curl import curl
from docutils import nodes
from sphinx.application import Sphinx


def label_exchanges(app: Sphinx, doctree: nodes.document) -> None:
    """Put a label above each ``http`` block, and the command below a request."""
    for block in list(doctree.findall(nodes.literal_block)):
        if block.get("language") != "http":
            continue
        text = block.astext()
        is_response = text.startswith("HTTP/")
        label = nodes.rubric("", "Response" if is_response else "Request", classes=["exchange"])
        parts: list[nodes.Node] = [label, block]
        if not is_response:
            command = curl(text)
            parts += [
                nodes.raw("", "<details><summary>curl</summary>", format="html"),
                nodes.literal_block(command, command, language="shell"),
                nodes.raw("", "</details>", format="html"),
            ]
        block.replace_self(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", label_exchanges)
    return {"parallel_read_safe": True}
