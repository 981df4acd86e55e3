"""A response that is ready to be sent when it is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Response

from .headers import HeaderPairs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class ReadyResponse(Response):
    """A body with its fields, sent as they are; Flask's own response from the moment that anybody looks at it.

    Most errors leave the app without that. Werkzeug would make a ``Headers`` of the fields, copy and scan it, and wrap
    the body: more work than all the rest of an answer.

    :param fields: Header fields that need no further check: :func:`~flask_apierrors.headers.header_value` made their values.
    """

    #: What it is made of, until it is Flask's own: body, status, fields.
    _parts: tuple[bytes, str, HeaderPairs] | None = None

    def __init__(self, body: bytes, status: str, fields: HeaderPairs) -> None:
        vars(self)["_parts"] = body, status, fields  # Not super().__init__(): that is for _unfold.

    def _unfold(self) -> bool:
        """Become Flask's own response, if it is not yet."""
        if self._parts is None:
            return False
        body, status, fields = self._parts
        vars(self)["_parts"] = None
        super().__init__(body, status, fields)
        return True

    def __getattr__(self, name: str) -> Any:
        if not self._unfold():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._unfold()
        super().__setattr__(name, value)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send it."""
        if self._parts is None or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        body, status, fields = self._parts
        start_response(status, [*fields, ("Content-Length", str(len(body)))])
        return [body]


# -- what can be done to any response; one that is ready stays so


def is_ready(response: Response) -> bool:
    """Is it one of ours, that nobody has looked at?"""
    return isinstance(response, ReadyResponse) and response._parts is not None


def is_error(response: Response) -> bool:
    """Has it the status of an error?"""
    return is_ready(response) or response.status_code >= 400


def field_of(response: Response, name: str) -> str | None:
    """The value of the first field of a name."""
    if isinstance(response, ReadyResponse) and response._parts is not None:
        named = [value for field, value in response._parts[2] if field.lower() == name.lower()]
        return named[0] if named else None
    return response.headers.get(name)


def add_fields(response: Response, pairs: HeaderPairs) -> None:
    """Add header fields that need no further check."""
    if isinstance(response, ReadyResponse) and response._parts is not None:
        body, status, fields = response._parts
        vars(response)["_parts"] = body, status, fields + pairs
    else:
        for name, value in pairs:
            response.headers.add(name, value)
