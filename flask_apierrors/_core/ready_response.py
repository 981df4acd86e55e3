"""A response that is ready to be sent when it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeGuard

from flask import Response
from werkzeug.datastructures import Headers

from .http import HeaderPairs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: For Werkzeug's constructor, which looks for a Content-Type.
_STAND_IN = Headers([("Content-Type", "application/json")])
#: Fields that Werkzeug completes when it sends them.
_LOCATIONS = frozenset({"location", "content-location"})


class ReadyResponse(Response):
    """A body with its fields, sent as they are: by Werkzeug only when more than the fields was changed.

    Werkzeug makes a ``Headers`` of the fields, copies and scans it to send them, and wraps the body: more work than all
    the rest of an answer. Most errors leave the app without anybody looking at them, and many of the others with other
    fields. So what Werkzeug's constructor makes is made when somebody asks for it.

    :param fields: Header fields that need no further check: :func:`header_value` made their values.
    """

    #: The body, the status line and the fields.
    _made: tuple[list[bytes], str, list[tuple[str, str]]]
    #: Is there something to call when it was sent?
    _waits = False

    def __init__(self, body: bytes, status: str, fields: HeaderPairs) -> None:
        vars(self)["_made"] = [body], status, [*fields, ("Content-Length", str(len(body)))]

    def __getattr__(self, name: str) -> Any:
        if name == "headers":
            headers = Headers()
            headers[:] = self._made[2]
            vars(self)["headers"] = headers
            return headers
        # A copy has nothing before it has been given what the original was made of.
        if "_made" not in vars(self) or self._is_constructed():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._construct()
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__class__":
            self.headers = self.headers  # which another class would not make
        if name != "headers" and not self._is_constructed():
            self._construct()
        super().__setattr__(name, value)

    def _is_constructed(self) -> bool:
        return "response" in vars(self)

    def _construct(self) -> None:
        """Take over what Werkzeug's constructor makes, but for the headers."""
        body, status, _ = self._made
        attributes = vars(Response(body, status, _STAND_IN))
        del attributes["headers"]
        vars(self).update(attributes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send it: by Werkzeug, when it was changed or is not to be sent whole."""
        body, status, made = self._made
        fields = made.copy() if is_ready(self) else self._fields_to_send()
        if fields is None or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(status, fields)
        return body

    def _fields_to_send(self) -> list[tuple[str, str]] | None:
        """The fields as they are now; ``None`` when Werkzeug has something to do for them, or to change."""
        body, status, fields = self._made
        if self._waits or (
            self._is_constructed() and (self.response is not body or self.status != status)
        ):
            return None
        headers = vars(self).get("headers")
        if headers is None:
            return fields.copy()
        now: list[tuple[str, str]] = headers.to_wsgi_list()
        names = {name.lower() for name, _ in now}
        return now if "content-length" in names and not names & _LOCATIONS else None

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        """Call a function when it was sent: for Werkzeug to do."""
        vars(self)["_waits"] = True
        return super().call_on_close(func)


# -- what can be done to any response, without looking at one that is ready


def is_ready(response: Response) -> TypeGuard[ReadyResponse]:
    """Is it one of ours, that nobody has looked at?"""
    return isinstance(response, ReadyResponse) and len(vars(response)) == 1


def is_whole(response: Response) -> bool:
    """Is it one of ours, of which nobody has looked at more than its fields?"""
    return isinstance(response, ReadyResponse) and not response._is_constructed()


def is_error(response: Response) -> bool:
    """Has it the status of an error?"""
    return is_whole(response) or response.status_code >= 400


def field_of(response: Response, name: str) -> str | None:
    """The value of the first field of a name."""
    if is_ready(response):
        named = [value for field, value in response._made[2] if field.lower() == name.lower()]
        return named[0] if named else None
    return response.headers.get(name)


def add_fields(response: Response, pairs: HeaderPairs) -> None:
    """Add header fields that need no further check."""
    if is_ready(response):
        body, status, fields = response._made
        vars(response)["_made"] = body, status, [*fields, *pairs]
    else:
        for name, value in pairs:
            response.headers.add(name, value)
