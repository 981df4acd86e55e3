"""marshmallow: its ``ValidationError``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Request

from .._core.config import Config
from .._core.validation import Invalid, Path, describe, location_of

_MISSING = object()


class Marshmallow:
    """What marshmallow finds wrong."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return marshmallow's exception."""
        from marshmallow import ValidationError

        return (ValidationError,)

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | None:
        """Describe a ``ValidationError``."""
        if not is_validation_error(exc):
            return None
        error: Any = exc
        # Only the normalized messages have the name of a single field.
        is_of_schema = error.field_name == "_schema"
        messages: object = error.messages if is_of_schema else error.normalized_messages()
        location = location_of(error.data, req)
        return describe(
            messages,
            config.max_errors,
            location,
            config.text_of,
            partial(wire_path, data=error.data),
        )


def example_error() -> Exception:
    """Make an error for the examples of the catalogue."""
    from marshmallow import ValidationError

    return ValidationError({"limit": ["Not a valid integer."]})


def is_validation_error(exc: object) -> bool:
    """Whether an exception is marshmallow's. If marshmallow is not imported, none is."""
    marshmallow = sys.modules.get("marshmallow")
    return marshmallow is not None and isinstance(exc, marshmallow.ValidationError)


def wire_path(path: Path, data: object = None) -> Path:
    """Convert a path in marshmallow's messages to the path in the request.

    :param data: The data that was validated, if it is known. It tells a field called ``value``
        from the step ``value`` that marshmallow adds for an entry of a ``Dict``.
    """
    if "_schema" in path:  # a message about the whole, and not about one of its fields
        path = tuple(step for step in path if step != "_schema")
    if data is None or not ("key" in path or "value" in path):
        return path
    steps: list[str | int] = []
    node = data
    is_entry = False
    for position, step in enumerate(path):
        if is_entry and step in ("key", "value") and _is_marker(path, position, node):
            is_entry = False
        else:
            steps.append(step)
            node = _child(node, step)
            # A marker follows the name of an entry, which follows the name or index of its Dict.
            is_entry = position > 0 and isinstance(step, str)
    return tuple(steps)


def _is_marker(path: Path, position: int, node: object) -> bool:
    """Whether a step is marshmallow's word, and not the name of a field in the entry."""
    if not isinstance(node, Mapping):
        return node is not _MISSING
    following = path[position + 1 : position + 2]
    below = _child(node, path[position])
    if below is _MISSING or not following:
        return bool(following)
    below_fits = _child(below, following[0]) is not _MISSING
    return not below_fits and (
        not isinstance(below, Mapping | list) or _child(node, following[0]) is not _MISSING
    )


def _child(node: object, step: str | int) -> object:
    if isinstance(node, Mapping):
        return node.get(step, _MISSING)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return _MISSING
