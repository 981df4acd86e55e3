"""Errors that a view, or another extension, returns in a shape of its own become problems."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

from .errors import ApiError, FieldError
from .validation import describe

#: The sentence, the single mistakes, and the other members.
_Words = tuple[str, tuple[FieldError | Mapping[str, Any], ...], dict[str, Any]]

_MAX_BYTES = 65_536
_MAX_TEXT = 300
_TEXT_TYPES = ("text/plain", "text/html")  # a text that a view returns is HTML for Flask


def adopt(response: Response, names: tuple[str, ...], max_errors: int) -> ApiError | None:
    """Read an error that was returned.

    :param response: The response, with a status of 400 or more, and no stream.
    :param names: The members that may have the sentence.
    :param max_errors: How many validation errors to report.
    :returns: ``None`` if the response stays as it is: a page, JSON without a sentence.
    """
    body = response.get_data()
    if len(body) > _MAX_BYTES or "Content-Encoding" in response.headers:
        return None
    status = response.status_code
    if response.mimetype == "application/json":
        words = _from_json(body, names, max_errors)
    else:
        words = _from_text(body) if response.mimetype in _TEXT_TYPES else None
    if words is None:
        return None
    text, errors, extensions = words
    if status >= 500 and status != 503:
        return ApiError(status=status)  # nothing of a failure leaves the process
    error = ApiError(text, status=status)
    error.errors, error.extensions = errors, extensions
    return error


def _from_text(body: bytes) -> _Words | None:
    text = body.decode("utf-8", "replace").strip()
    is_short = len(text) <= _MAX_TEXT and text.isprintable()
    return (text, (), {}) if is_short and text and not set(text) & set("<>{}") else None


def _from_json(body: bytes, names: tuple[str, ...], max_errors: int) -> _Words | None:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    text = _take_sentence(members, names)
    if text is None:
        return None
    errors = _errors(members.get("errors"), max_errors)
    if errors:
        del members["errors"]
    return text, errors, members


def _take_sentence(members: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """Take the sentence out of an object, or out of the object that is in its place."""
    for name in names:
        value = members.get(name)
        if isinstance(value, str) and value.strip():
            return str(members.pop(name))
    for name in names:
        inner = members.get(name)
        if isinstance(inner, dict):
            for inner_name in names:
                value = inner.get(inner_name)
                if isinstance(value, str) and value.strip():
                    del members[name], inner[inner_name]
                    members.update({key: inner[key] for key in inner if key not in members})
                    return value
    return None


def _errors(value: object, most: int) -> tuple[FieldError | Mapping[str, Any], ...]:
    """Read validation errors: a list of objects with a ``detail``, or texts by field."""
    if isinstance(value, list):
        is_ours = all(
            isinstance(item, dict) and isinstance(item.get("detail"), str) for item in value
        )
        return tuple(value[:most]) if is_ours else ()
    if isinstance(value, dict) and all(_is_texts(texts) for texts in value.values()):
        return describe(value, most).errors
    return ()


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
