"""A response that is ready to be sent when it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: For Werkzeug's constructor, which looks for a Content-Type.
_STAND_IN = Headers([("Content-Type", "application/json")])
#: Fields that Werkzeug completes when it sends them.
_FOR_WERKZEUG = frozenset({"location", "content-location", "content-length"})


class ReadyResponse(Response):
    """A short body with its fields, sent as they are, and as they were added to, unless anything else was changed.

    Werkzeug makes a ``Headers`` of the fields, copies and scans it when it sends them, and wraps the body. Most errors
    leave the app without anybody asking for that.

    :param fields: Header fields that need no further check: :func:`~flask_apierrors.headers.header_value` made their values.
    """

    def __init__(self, body: bytes, status: str, fields: Iterable[tuple[str, str]]) -> None:
        super().__init__([body], status, _STAND_IN)
        del self.headers  # made when somebody asks
        self._fields = [*fields, ("Content-Length", str(len(body)))]
        self._made: Any = (self.response, self.status)

    def __getattr__(self, name: str) -> Any:
        if name != "headers":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.headers = Headers()
        self.headers[:] = self._fields
        return self.headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send it: by Werkzeug, when it was changed or is not to be sent whole."""
        fields = self._untouched_fields()
        if fields is None or self._made != (self.response, self.status) or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(self.status, fields)
        return self.response  # type: ignore[return-value]

    def _untouched_fields(self) -> list[tuple[str, str]] | None:
        """The fields that it was made with, and plain ones that were added since; ``None`` when others were changed."""
        headers = vars(self).get("headers")
        if headers is None:
            return self._fields.copy()
        fields: list[tuple[str, str]] = headers.to_wsgi_list()
        count = len(self._fields)
        added = {name.lower() for name, _ in fields[count:]}
        return fields if fields[:count] == self._fields and not added & _FOR_WERKZEUG else None

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        """Call a function when it was sent: for Werkzeug to do."""
        self._made = None
        return super().call_on_close(func)
