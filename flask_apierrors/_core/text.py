"""Converts any Python object to text, and to JSON that every parser reads. Never raises."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from datetime import date
from inspect import cleandoc
from typing import Any

_MAX_NODES = 10_000
_MAX_DEPTH = 32
_MAX_INT_BITS = 1_024
_OMITTED = "…"


def paragraphs(doc: str | None) -> tuple[str, str]:
    """Split a docstring into its first paragraph and the rest, each as one line."""
    first, _, rest = cleandoc(doc or "").partition("\n\n")
    return " ".join(first.split()), " ".join(rest.split())


def as_text(value: object) -> str:
    """Convert a value to text without lone surrogates.

    A value whose ``str()`` fails is named by its class.
    """
    if type(value) is str and value.isascii():
        return value
    try:
        if isinstance(value, bytes | bytearray):
            value = value.decode("utf-8", "replace")
        # Exactly str: WSGI servers refuse a subclass in a header, and its methods may be hostile.
        text = str.__str__(value if isinstance(value, str) else str(value))
    except Exception:
        text = f"<{type(value).__name__}>"
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def has_text(value: object) -> bool:
    """Whether the class of a value writes a text for people, and not only a ``repr``."""
    writer = type(value).__str__
    is_repr = writer in (object.__str__, type(value).__repr__)
    return isinstance(value, str) or not (is_repr or isinstance(value, bytes | bytearray))


def printable(text: str) -> str:
    """Return a text for one line of a log: line breaks and control characters become escapes."""
    return text if text.isprintable() else repr(text)[1:-1]


def as_json(value: object) -> Any:
    """Convert a value to ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None``.

    Keys, non-finite numbers (RFC 8259 section 6), dates, exceptions and the like become text. A
    value that is too deep, too large or refers to itself is cut off.
    """
    return _Conversion().convert(value, _MAX_DEPTH)


class _Conversion:
    """One conversion. It counts the nodes, so that it ends for every value."""

    def __init__(self) -> None:
        self.left = _MAX_NODES

    def convert(self, value: object, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth < 0:
            return _OMITTED
        try:
            return self._plain(value, depth)
        except Exception:
            return as_text(value)

    def _plain(self, value: object, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if value.bit_length() <= _MAX_INT_BITS else as_text(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else as_text(value)
        if isinstance(value, date):
            return value.isoformat()
        return self._container(value, depth - 1)

    def _container(self, value: object, depth: int) -> Any:
        if isinstance(value, Mapping):
            members: dict[str, Any] = {}
            for key, member in value.items():
                if self.left <= 0:
                    break
                members[as_text(key)] = self.convert(member, depth)
            return members
        if isinstance(value, Set):
            return [self.convert(item, depth) for item in sorted(value, key=as_text)[: self.left]]
        if isinstance(value, list | tuple):
            return [self.convert(item, depth) for item in value[: self.left]]
        return as_text(value)
