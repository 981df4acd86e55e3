"""Flask-Pydantic: what its ``validate`` finds wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from flask import Flask, Response

from .._core.errors import ApiError, FieldError, ValidationFailed
from .._core.pointer import MISSING, child_of
from .._core.road import register_handler
from .._core.sentences import Sentence
from .._core.state import AppState, app_state, current_flask, current_request
from .pydantic import MISSING_TYPES, validation_failed

_RAISE = "FLASK_PYDANTIC_VALIDATION_ERROR_RAISE"
_STATUS = "FLASK_PYDANTIC_VALIDATION_ERROR_STATUS_CODE"
#: Its names of the parts of a request -> OpenAPI's ``in``. ``None`` is the body.
_LOCATIONS = {
    "path_params": "path",
    "query_params": "query",
    "body_params": None,
    "form_params": None,
}


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Let it raise what it finds wrong, unless the author says that it returns it."""
    module: Any = sys.modules.get("flask_pydantic.exceptions")
    if module is None:
        return ()
    for cls, converter in (
        (module.ValidationError, _convert),
        (module.JsonBodyParsingError, _no_object),
    ):
        state.converters.setdefault(cls, converter)
        register_handler(app, cls, state)
    if _RAISE not in app.config:
        app.config[_RAISE] = True
        state.displaced[module.ValidationError] = _default
    if _is_unsupported not in state.default_responses:
        state.default_responses.append(_is_unsupported)
    return () if app.config[_RAISE] else (f"{_RAISE} = False (Flask-Pydantic)",)


def _parts(exc: Any) -> dict[str, list[dict[str, Any]]]:
    parts = {name: getattr(exc, name) for name in _LOCATIONS}
    return {name: errors for name, errors in parts.items() if errors is not None}


def _default(exc: Any) -> Any:
    """Answer as Flask-Pydantic does, outside the API."""
    return {"validation_error": _parts(exc)}, current_flask().config.get(_STATUS, 400)


def _convert(exc: Any) -> ApiError:
    parts = _parts(exc)
    if "body_params" in parts:
        parts["body_params"] = _with_index(parts["body_params"])
    status: int = current_flask().config.get(_STATUS, 400)
    return validation_failed(
        [(_LOCATIONS[name], details) for name, details in parts.items()], status
    )


def _with_index(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the index of the item, with ``request_body_many``: the errors are those of one item."""
    if details[0]["type"] == "type_error.array":
        return [{**details[0], "loc": ()}]
    items = current_request().get_json(silent=True)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if all(_is_about(item, detail) for detail in details):
            return [{**detail, "loc": (index, *detail["loc"])} for detail in details]
    return details


def _is_about(item: object, detail: dict[str, Any]) -> bool:
    path, node = detail["loc"], item
    for step in path[:-1] if detail["type"] in MISSING_TYPES else path:
        node = child_of(node, step)
    return node is not MISSING and bool(node == detail["input"])


def _no_object(exc: Exception) -> ApiError:
    """Answer a body that is no object, which would be a crash."""
    text = app_state().config.text_of(Sentence("schema-type", value="object"))
    return ValidationFailed(FieldError.at((), text))


def _is_unsupported(response: Response) -> bool:
    """Whether it is its 415, which repeats the media type that the client sent."""
    return response.status_code == 415 and response.get_data().startswith(
        (b'{"detail":"Unsupported media type \'', b'{\n  "detail": "Unsupported media type \'')
    )
