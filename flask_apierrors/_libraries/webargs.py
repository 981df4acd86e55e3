"""webargs: the messages of its exceptions, and the JSON that it parses itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from json import JSONDecodeError
from typing import Any

from flask import Flask, Request
from werkzeug.exceptions import HTTPException

from .._core.config import Config
from .._core.errors import ApiError, FieldErrors
from .._core.sentences import Sentence
from .._core.state import AppState
from .._core.validation import Invalid, Validator, describe
from .frames import variables_of, went_through
from .marshmallow import MarshmallowDialect, is_validation_error

#: webargs' names of locations -> OpenAPI's ``in``. ``None`` is the body.
LOCATIONS: dict[str, str | None] = {
    "json": None,
    "form": None,
    "files": None,
    "json_or_form": None,
    "query": "query",
    "querystring": "query",
    "headers": "header",
    "cookies": "cookie",
    "path": "path",
    "view_args": "path",
}


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer what JSON does to webargs, which takes only a syntax error for the client's."""
    if malformed_json not in state.client_mistakes:
        state.client_mistakes.append(malformed_json)
    return ()


def malformed_json(exc: Exception, req: Request) -> HTTPException | None:
    """Return what is wrong with a body that webargs failed to parse.

    An integer of too many digits is a ``ValueError``. What is nested too deeply is a
    ``RecursionError``, and some of it fails only in a schema.
    """
    is_number = isinstance(exc, ValueError) and any(variables_of(exc, "webargs.core", "parse_json"))
    is_deep = isinstance(exc, RecursionError) and went_through(exc, "webargs.core")
    return refusal_of_json(req) if (is_number or is_deep) and req.is_json else None


def refusal_of_json(req: Request, force: bool = False) -> HTTPException | None:
    """Return how this package refuses a JSON body that a library reads in its own way.

    :param force: Whether the library ignores the media type.
    """
    try:
        req.get_json(force=force)
    except HTTPException as refusal:
        return refusal
    return None


class Webargs(Validator):
    """What webargs finds wrong."""

    def describe(
        self, exc: Exception, req: Request, config: Config
    ) -> Invalid | HTTPException | None:
        """Describe the ``messages`` or ``errors`` in webargs' attribute ``data``."""
        attributes = vars(exc)
        data = attributes.get("data")
        if not isinstance(exc, HTTPException) or not isinstance(data, Mapping):
            return None
        # webargs keeps the cause. flask-smorest, Flask-RESTful and Flask-RESTX have `errors`.
        messages = data.get("messages") if "exc" in attributes else None
        messages = data.get("errors") if messages is None else messages
        if not isinstance(messages, Mapping):
            return None
        cause: Any = attributes.get("exc")
        if isinstance(cause, JSONDecodeError):
            return refusal_of_json(req, force=True) or _syntax_error(cause)
        validated = cause.data if is_validation_error(cause) else None
        return describe_locations(messages, config.max_errors, validated, config.text_of)


def _syntax_error(cause: Any) -> ApiError:
    """Say what webargs alone refuses: a byte order mark."""
    problem = Sentence("json-syntax", reason=cause.msg, line=cause.lineno, column=cause.colno)
    return ApiError(Sentence("malformed-json", problem=problem), status=400)


def describe_locations(
    messages: Mapping[Any, Any],
    most: int,
    data: object = None,
    text_of: Callable[[Sentence], str] = str,
) -> Invalid:
    """Describe webargs' messages, a tree for each location: ``{"query": {"limit": [...]}}``."""
    parts: list[Invalid] = []
    for location, tree in messages.items():
        if location not in LOCATIONS:
            tree = {location: tree}
        left = most - sum(len(part.errors) for part in parts)
        dialect = MarshmallowDialect(data)
        parts.append(describe(tree, left, LOCATIONS.get(location), text_of, dialect))
    return Invalid(
        FieldErrors(
            chain.from_iterable(part.errors for part in parts),
            lambda: chain.from_iterable(part.errors.rest() for part in parts),
        ),
        tuple(chain.from_iterable(part.sentences for part in parts)),
        sum(part.more for part in parts),
        text_of,
    )
