"""flask-smorest: its handler for HTTP exceptions, and its error responses in OpenAPI."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from flask import Flask

from .._core.errors import code_of_status
from .._core.marks import Mark
from .._core.road import displace_handlers
from .._core.state import AppState
from .closures import closure_of


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer what the handler of each ``Api`` answers, unless the author wrote it.

    :returns: Nothing: the handler of an author is one of the app's.
    """
    module: Any = sys.modules.get("flask_smorest.error_handler")
    if module is not None and not has_own_schema(app):
        default = module.ErrorHandlerMixin.handle_http_exception
        displace_handlers(app, state, lambda handler: getattr(handler, "__func__", None) is default)
    return ()


def has_own_schema(app: Flask) -> bool:
    """Whether an author describes the errors of an ``Api`` with a schema of his own."""
    module: Any = sys.modules.get("flask_smorest.error_handler")
    apis = app.extensions.get("flask-smorest", {}).get("apis", {}).values()
    return any(api["ext_obj"].ERROR_SCHEMA is not module.ErrorSchema for api in apis)


def declared_code(status: int, response: Any) -> str | None:
    """Return the code of an error response, if flask-smorest wrote it.

    It refers to a shared response by the name of the status. A 422 is a failed validation.
    """
    try:
        name = HTTPStatus(status).name
    except ValueError:
        return None
    if _name_of(response) != name:
        return None
    return "validation-failed" if status == 422 else code_of_status(status)


def is_default_error(response: Any) -> bool:
    """Whether this is flask-smorest's response for all errors that are not documented."""
    return bool(_name_of(response) == "DEFAULT_ERROR")


def _name_of(response: Any) -> Any:
    """Return the name of a shared response, which apispec may have made a reference."""
    if isinstance(response, dict):
        return str(response.get("$ref")).removeprefix("#/components/responses/")
    return response


def guard_mark(wrapper: Callable[..., Any]) -> Mark | None:
    """Tell what ``@blueprint.doc(security=...)`` says.

    flask-smorest has no guards. Its users document that another one, or a proxy, authenticates.
    """
    if closure_of(wrapper, "flask_smorest.blueprint", "wrapper") is None:
        return None
    documented = getattr(wrapper, "_apidoc", {}).get("manual_doc", {}).get("security")
    if not documented:
        return None
    names = tuple(dict.fromkeys(name for requirement in documented for name in requirement))
    return Mark(
        "doc",
        names,
        statuses=(401,),
        condition=f"Needs authentication: {' or '.join(names)}.",
        authenticates={} not in documented,
    )
