"""Any Python object as text, and as JSON that every parser takes. Nothing here raises."""

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
    """The first paragraph of a docstring as one line, and the rest as another."""
    first, _, rest = cleandoc(doc or "").partition("\n\n")
    return " ".join(first.split()), " ".join(rest.split())


def as_text(value: object) -> str:
    """Text without lone surrogates; a value that cannot tell its text is named by its class."""
    try:
        if isinstance(value, bytes | bytearray):
            value = value.decode("utf-8", "replace")
        # Exactly str: a subclass may have methods of its own, and WSGI servers refuse it in a header.
        text = str.__str__(value if isinstance(value, str) else str(value))
    except Exception:
        text = f"<{type(value).__name__}>"
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_json(value: object) -> Any:
    """A value made of ``dict`` with text keys, ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None`` alone.

    Numbers that JSON has not (RFC 8259 section 6), dates, sets, exceptions and the like become text. What is nested too
    deeply, refers to itself or has no end is cut off.
    """
    return _Plain().of(value, _MAX_DEPTH)


class _Plain:
    """One conversion: counts the nodes, so that no value is too large for it."""

    def __init__(self) -> None:
        self.left = _MAX_NODES

    def of(self, value: object, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth < 0:
            return _OMITTED
        try:
            return self._converted(value, depth)
        except Exception:
            return as_text(value)

    def _converted(self, value: object, depth: int) -> Any:
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
                members[as_text(key)] = self.of(member, depth)
            return members
        if isinstance(value, Set):
            return [self.of(item, depth) for item in sorted(value, key=as_text)[: self.left]]
        if isinstance(value, list | tuple):
            return [self.of(item, depth) for item in value[: self.left]]
        return as_text(value)
