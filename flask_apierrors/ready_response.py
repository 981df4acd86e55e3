"""A response that is ready to be sent when it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class ReadyResponse(Response):
    """A short body with its headers, sent as they are unless anything about them was changed after they were made.

    Werkzeug copies and scans the headers of each response, and wraps its body, when it is sent. Most errors leave the app
    untouched, so that there is nothing to find.
    """

    def __init__(self, body: bytes, status: str, fields: Iterable[tuple[str, str]]) -> None:
        headers = Headers()
        headers[:] = [*fields, ("Content-Length", str(len(body)))]
        super().__init__([body], status, headers)
        self._made: Any = (headers.to_wsgi_list(), self.response, self.status)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send it: by Werkzeug, when it was changed or is not to be sent whole."""
        fields, body, status = self.headers.to_wsgi_list(), self.response, self.status
        if (fields, body, status) != self._made or environ["REQUEST_METHOD"] == "HEAD":
            return super().__call__(environ, start_response)
        start_response(status, fields)
        return body  # type: ignore[return-value]

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        """Call a function when it was sent: for Werkzeug to do."""
        self._made = None
        return super().call_on_close(func)
