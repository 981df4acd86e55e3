"""JSON Pointers as URI fragments (RFC 6901 section 6), and the steps that they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

#: What is at a place that a document does not have.
MISSING = object()
_FRAGMENT = "!$&'()*+,;=:@?~"


def pointer_to(path: Iterable[str | int]) -> str:
    """Return the pointer to a place: ``#/items/3/name``."""
    return "#" + "".join(["/" + _escape(str(step)) for step in path])


def steps_of(pointer: str) -> tuple[str | int, ...]:
    """Return the steps of a pointer. Those of digits are indexes."""
    return tuple(_unescape(step) for step in unquote(pointer).split("/")[1:])


def _unescape(step: str) -> str | int:
    if step.isdecimal() and step.isascii():
        return int(step)
    return step.replace("~1", "/").replace("~0", "~")


def _escape(step: str) -> str:
    if step.isascii() and (step.isidentifier() or step.isdigit()):
        return step
    return quote(step.replace("~", "~0").replace("/", "~1"), safe=_FRAGMENT)


def child_of(node: object, step: str | int) -> object:
    """Return the part of a document that one step of a path leads to, or ``MISSING``."""
    if isinstance(node, Mapping):
        return node.get(step, MISSING)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return MISSING
