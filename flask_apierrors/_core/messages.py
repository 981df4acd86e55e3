"""Validation messages as a tree for each location, as marshmallow and webargs write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import has_request_context, request

from .pointer import steps_of

#: OpenAPI's ``in`` -> webargs' names of locations.
_LOCATIONS = {"query": "query", "header": "headers", "cookie": "cookies", "path": "path"}
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
#: marshmallow's name for a whole object that is invalid.
_WHOLE = "_schema"


def by_location(errors: Iterable[Any]) -> dict[str, Any]:
    """Return the messages of errors, as a tree for each location.

    :param errors: Each is a ``FieldError``.
    """
    trees: dict[str, Any] = {}
    for error in errors:
        steps: tuple[str | int, ...] = steps_of(error.pointer or "")
        location = _LOCATIONS.get(error.location or "") or _location_in_body(steps)
        if error.parameter is not None:
            steps = (error.parameter,)
        _add(error.detail, trees, (location, *(steps or (_WHOLE,))))
    return trees


def _add(text: str, tree: dict[Any, Any], path: tuple[str | int, ...]) -> None:
    """Add a text at a path. One about the parent of others goes under a name of its own."""
    *parents, last = path
    for step in parents:
        branch = tree.setdefault(step, {})
        if isinstance(branch, list):
            branch = tree[step] = {_WHOLE: branch}
        tree = branch
    texts = tree.setdefault(last, [])
    if isinstance(texts, dict):
        texts = texts.setdefault(_WHOLE, [])
    texts.append(text)


def _location_in_body(steps: tuple[str | int, ...]) -> str:
    if not has_request_context() or request.mimetype not in _FORMS:
        return "json"
    return "files" if steps and steps[0] in request.files else "form"
