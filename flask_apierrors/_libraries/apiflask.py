"""APIFlask: its ``HTTPError``, its answers, and its error responses in OpenAPI."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException, default_exceptions

from .._core.errors import ApiError, code_of_status, status_title
from .._core.road import displace_handlers, error_response, register_handler
from .._core.state import AppState, current_request
from .._core.text import as_text
from .marshmallow import is_validation_error
from .pydantic import validation_failed
from .webargs import LOCATIONS

#: What validates the response of a view with ``output``: its module, and its name there.
VALIDATES_OUTPUT = ("apiflask.schema_adapters.pydantic", "serialize_output")


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer what the default error processor answers.

    :returns: Nothing: an error processor of the author's is called by a handler of the app.
    """
    module: Any = sys.modules.get("apiflask.app")
    if module is None or not isinstance(app, module.APIFlask):
        return ()
    state.converters.setdefault(module.HTTPError, _convert)
    if not has_own_processor(app):
        default = module.APIFlask._error_handler
        displace_handlers(app, state, _is_apiflasks)
        app.error_callback = partial(_answer, state, default)
        if _is_text_of_auth not in state.default_responses:
            state.default_responses.append(_is_text_of_auth)
        return ()
    for handler in app.error_handler_spec[None][None].values():
        if _is_apiflasks(handler):
            # The name of the author's function, for all who ask which handlers win.
            handler.__wrapped__ = app.error_callback
    register_handler(app, module.HTTPError, state)
    return ()


def has_own_processor(app: Flask) -> bool:
    """Whether the author has an error processor."""
    module: Any = sys.modules.get("apiflask.app")
    if module is None or not isinstance(app, module.APIFlask):
        return False
    callback: Any = app.error_callback
    default = module.APIFlask._error_handler
    return callback is not default and getattr(callback, "func", None) is not _answer


def _is_apiflasks(handler: Any) -> bool:
    return getattr(handler, "__module__", None) == "apiflask.app"


def _answer(state: AppState, default: Any, error: Any) -> Any:
    """Answer an ``HTTPError``, such as that of ``HTTPTokenAuth``: this is the error processor."""
    req = current_request()
    if not state.config.covers(req.path):
        return default(error)
    if _text_of(error) is None and not error.detail and not error.extra_data:
        # Its body is made when it leaves the app: Flask-HTTPAuth adds its challenge before that.
        return "", error.status_code, error.headers
    return error_response(_convert(error), req, state)


def _is_text_of_auth(response: Response) -> bool:
    """Whether it is the default of ``HTTPTokenAuth`` without ``json_errors``."""
    return (
        response.status_code in (401, 403)
        and response.mimetype == "text/html"
        and "WWW-Authenticate" in response.headers
        and response.get_data() == status_title(response.status_code).encode()
    )


def _convert(error: Any) -> HTTPException:
    """Convert an ``HTTPError``. Nothing that ``abort`` takes is lost."""
    status, detail = error.status_code, error.detail
    if type(error).__name__ == "_ValidationError":
        return _convert_invalid(error)
    members = {as_text(name): value for name, value in error.extra_data.items()}
    if detail:
        details = detail if isinstance(detail, Mapping) else {"details": detail}
        members |= {as_text(name): value for name, value in details.items()}
    converted = ApiError(_text_of(error), status=status, headers=error.headers)
    converted.extensions = members
    return converted


def _convert_invalid(error: Any) -> HTTPException:
    """Convert invalid data. marshmallow's is an exception as webargs makes it."""
    cause = error.__cause__ or error.__context__
    if not is_validation_error(cause):
        ((location, _),) = error.detail.items()
        part = (LOCATIONS.get(location), cause.errors(include_url=False))
        return validation_failed([part], error.status_code, error.headers)
    # For uploaded files, the messages have no location.
    messages = error.detail if error.__cause__ is None else {"files": error.detail}
    messages = {name.replace("form_and_", ""): tree for name, tree in messages.items()}
    converted = default_exceptions[error.status_code]()
    vars(converted).update(exc=cause, data={"messages": messages, "headers": error.headers})
    return converted


def _text_of(error: Any) -> str | None:
    """Return the text of an author. APIFlask's default is the phrase of the status."""
    text = error.message
    return None if text == status_title(error.status_code) else text


def declared_code(status: int, response: Any) -> str | None:
    """Return the code of an error response, if APIFlask wrote it.

    Its bodies refer to one schema for failed validations, or to another for all other errors.
    """
    if not isinstance(response, dict):
        return None
    bodies = response.get("content", {}).values()
    schemas = {body.get("schema", {}).get("$ref") for body in bodies}
    if schemas == {"#/components/schemas/ValidationError"}:
        return "validation-failed"
    return code_of_status(status) if schemas == {"#/components/schemas/HTTPError"} else None
