"""webargs: the messages that it keeps on the exception that it aborts with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Request

from .._core.config import Config
from .._core.http import header_pairs
from .._core.sentences import Sentence
from .._core.validation import Invalid, describe
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


class Webargs:
    """What webargs finds wrong."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return nothing: webargs raises an ``HTTPException``."""
        return ()

    def is_internal(self, exc: Exception, req: Request) -> bool:
        """Return ``False``: webargs reads the request itself."""
        return False

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | None:
        """Describe an exception with webargs' attributes ``exc`` and ``data``."""
        attributes = vars(exc)
        data = attributes.get("data")
        if "exc" not in attributes or not isinstance(data, dict):
            return None
        messages = data.get("messages")
        if not isinstance(messages, Mapping):
            return None
        cause = attributes["exc"]
        validated = cause.data if is_validation_error(cause) else None
        invalid = describe_locations(messages, config.max_errors, validated, config.text_of)
        return invalid._replace(headers=header_pairs(data.get("headers")))


def describe_locations(
    messages: Mapping[Any, Any],
    most: int,
    data: object = None,
    text_of: Callable[[Sentence], str] = str,
) -> Invalid:
    """Describe webargs' messages, a tree for each location: ``{"query": {"limit": [...]}}``."""
    whole = Invalid((), (), 0, (), text_of)
    for location, tree in messages.items():
        if location not in LOCATIONS:
            tree = {location: tree}
        left = most - len(whole.errors)
        dialect = MarshmallowDialect(data)
        part = describe(tree, left, LOCATIONS.get(location), text_of, dialect)
        whole = whole._replace(
            errors=whole.errors + part.errors,
            sentences=whole.sentences + part.sentences,
            more=whole.more + part.more,
        )
    return whole
