"""What Flask answers to OPTIONS by itself: it names the formats that PATCH takes, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException

from .._core.http import header_pairs
from .._core.marks import marks_of_view
from .._core.state import AppState, app_state, current_flask, current_request


def options_response(make: Callable[..., Response], *args: Any) -> Response:
    """Add ``Accept-Patch`` to what Flask answers (RFC 5789 section 3.1).

    This wraps :meth:`flask.Flask.make_default_options_response`.

    :param make: The method that is wrapped.
    :param args: Flask 3.2 passes the app context.
    """
    response = make(current_flask(), *args)
    app = app_state()
    if app.config.covers(current_request().path):
        for name, value in _fields_of_patch(app):
            if name == "Accept-Patch" and name not in response.headers:
                response.headers[name] = value
    return response


def _fields_of_patch(app: AppState) -> Iterator[tuple[str, str]]:
    """Yield the fields of the 415 of the guards of PATCH at this URL."""
    flask_app = current_flask()
    adapter = flask_app.create_url_adapter(current_request())
    try:
        endpoint, _ = adapter.match(method="PATCH")  # type: ignore[union-attr]
    except HTTPException:
        return
    for mark in marks_of_view(flask_app.view_functions.get(endpoint), "PATCH"):
        refusal = mark.refusal and mark.refusal(415, "PATCH", app)
        yield from header_pairs(getattr(refusal, "headers", None))
