"""Flask-RESTX: its answers to errors in resources, and what its validators find wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Request

from .._core.config import Config
from .._core.errors import ApiError, FieldError, ValidationFailed
from .._core.first_request import name_of
from .._core.road import Handler, register_handler
from .._core.state import AppState, current_flask
from .._core.validation import Invalid, Validator, failed_validation
from .frames import variables_of
from .jsonschema import field_errors
from .restful import apis_of, data_of, describe_arguments, yields


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Let each ``Api`` leave errors to the app, unless the author answers them there."""
    module: Any = sys.modules.get("flask_restx")
    if module is None:
        return
    state.converters.setdefault(module.mask.MaskError, _invalid_mask)
    register_handler(app, module.mask.MaskError, state)
    for api in apis_of(app, module.Api):
        if yields(api, module.Api, _is_authors):
            for handler in (*_handlers_of(api).values(), api._default_error_handler):
                if handler is not None:
                    yield f"{name_of(handler)} (Flask-RESTX)"
        else:
            yield f"{name_of(api.handle_error)} (Flask-RESTX)"


def _handlers_of(api: Any) -> dict[type[Exception], Callable[..., Any]]:
    """Return the handlers that an author registered on an ``Api`` and on its namespaces."""
    return {
        cls: handler
        for cls, handler in api._own_and_child_error_handlers.items()
        if handler.__module__ != "flask_restx.api"
    }


def _is_authors(api: Any, exc: Exception) -> bool:
    """Whether a handler of the author's is for a nearer class than the contract's."""
    own = _handlers_of(api)
    handlers = current_flask().error_handler_spec[None][None]
    for cls in type(exc).__mro__:
        if cls in own:
            return True
        if isinstance(handlers.get(cls), Handler):
            return False
    return api._default_error_handler is not None


def _invalid_mask(exc: Exception) -> ValidationFailed:
    """Answer a malformed header field that chooses the members of a response."""
    name = current_flask().config["RESTX_MASK_HEADER"]
    return ValidationFailed(FieldError(f"{exc}.", parameter=name, location="header"))


class Restx(Validator):
    """What the payload validation and the argument parser of Flask-RESTX find wrong."""

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | ApiError | None:
        """Describe what does not fit a model, or the messages by argument."""
        messages = data_of(exc).get("errors")
        for variables in variables_of(exc, "flask_restx.model", "validate") if messages else ():
            index = _index_of_item(exc)
            errors = [
                error
                for cause in variables["validator"].iter_errors(variables["data"])
                for error in field_errors(cause, req, config, index)
            ]
            return failed_validation(errors, 400, config)
        return describe_arguments(exc, messages, "flask_restx.reqparse", req, config)


def _index_of_item(exc: Exception) -> tuple[int, ...]:
    """Return the index of the item of a list that does not fit the model."""
    for variables in variables_of(exc, "flask_restx.resource", "__validate_payload"):
        if variables["collection"]:
            return (
                next(i for i, item in enumerate(variables["data"]) if item is variables["obj"]),
            )
    return ()
