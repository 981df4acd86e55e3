"""OPTIONS: what Flask answers by itself, and preflights, which no guard refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException

from .._core.http import header_pairs
from .._core.marks import marks_of, marks_of_view
from .._core.state import AppState, app_state, current_flask, current_request


def is_preflight(req: Request) -> bool:
    """Whether a request is a CORS preflight, which has no credentials (Fetch section 3.3.2)."""
    environ = req.environ
    return (
        req.method == "OPTIONS"
        and "HTTP_ORIGIN" in environ
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    )


def is_unjudged(req: Request, app: Flask) -> bool:
    """Whether no guard judges an OPTIONS request.

    Flask answers it by itself, or it is a preflight that the view expects.
    """
    rule = req.url_rule
    if rule is None or req.method != "OPTIONS":
        return False
    if getattr(rule, "provide_automatic_options", False):
        return True
    return is_preflight(req) and _expects_preflights(app.view_functions.get(rule.endpoint))


def _expects_preflights(view: Any) -> bool:
    """Whether a view is Flask-CORS', or of a class that answers OPTIONS to everyone."""
    if getattr(view, "provide_automatic_options", None) is False:
        return "OPTIONS" in getattr(view, "required_methods", ())
    options = getattr(getattr(view, "view_class", None), "options", None)
    return options is not None and not any(mark.is_guard for mark in marks_of(options))


def preflight_answer() -> HTTPException:
    """Return what is raised to answer a preflight as Flask does by itself."""
    return HTTPException(response=current_flask().make_default_options_response())


def refusal_of(exc: HTTPException, req: Request) -> HTTPException:
    """Return what is raised to refuse a request.

    A browser tells a script nothing about a preflight that was refused, so none is.
    """
    # Few refusals are for OPTIONS, and each call counts where many are made.
    return preflight_answer() if req.method == "OPTIONS" and is_preflight(req) else exc


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
