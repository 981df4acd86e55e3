"""gunicorn: what it raises in a view that reads a body."""

from __future__ import annotations

import sys

from werkzeug.exceptions import ClientDisconnected


def body_errors() -> tuple[type[Exception], ...]:
    """Return gunicorn's exceptions for a chunked body that is malformed or truncated.

    They are the client's mistake. :class:`ClientDisconnected` is Werkzeug's word for it.
    """
    errors = sys.modules.get("gunicorn.http.errors")
    return (errors.ParseException, errors.NoMoreData) if errors else ()


def to_client_disconnected(exc: Exception) -> ClientDisconnected:
    """Convert one of these exceptions to a 400."""
    return ClientDisconnected()
