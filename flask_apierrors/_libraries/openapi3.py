"""flask-openapi3: what its views find wrong in requests."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

from flask import Flask

from .._core.first_request import name_of
from .._core.road import error_response
from .._core.state import AppState, current_flask, current_request
from .frames import variables_of
from .pydantic import validation_failed
from .webargs import refusal_of_json

#: Its functions that validate a part of a request -> OpenAPI's ``in``. The rest is the body.
_LOCATIONS = {
    "_validate_header": "header",
    "_validate_cookie": "cookie",
    "_validate_path": "path",
    "_validate_query": "query",
}


#: What validates the response of a view: its module, and its name there.
VALIDATES_OUTPUT = ("flask_openapi3.utils", "run_validate_response")


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer what the default callback for validation errors answers."""
    module: Any = sys.modules.get("flask_openapi3.openapi")
    if module is None or not isinstance(app, module.OpenAPI):
        return ()
    callback: Any = app.validation_error_callback
    if callback is module.make_validation_error_response:
        app.validation_error_callback = partial(_answer, state, callback)
    elif getattr(callback, "func", None) is not _answer:
        return (f"{name_of(callback)} (flask-openapi3)",)
    return ()


def _answer(state: AppState, default: Any, exc: Any) -> Any:
    """Make the response: this is the callback."""
    req = current_request()
    if not state.config.covers(req.path):
        return default(exc)
    is_body = any(variables_of(exc, "flask_openapi3.request", "_validate_body"))
    refusal = refusal_of_json(req) if is_body else None
    if refusal is not None:
        return error_response(refusal, req, state)
    location = None
    for name in _LOCATIONS:
        if any(variables_of(exc, "flask_openapi3.request", name)):
            location = _LOCATIONS[name]
    status = int(current_flask().validation_error_status)  # type: ignore[attr-defined]
    failure = validation_failed([(location, exc.errors(include_url=False))], status)
    return error_response(failure, req, state)
