"""Flask-HTTPAuth: its default answer, and what ``login_required`` means."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from inspect import unwrap
from itertools import chain
from typing import Any

from flask import Flask, Response

from .._core.first_request import name_of
from .._core.marks import Mark
from .._core.state import AppState
from .closures import closure_of

_MODULES_OF_DEFAULTS = ("flask_httpauth", "apiflask.security")


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Give the default answers the body of the contract.

    Its objects are known to no app, and may stand anywhere: on views, on functions of
    ``before_request``, and in ``decorators`` of classes. All of them have the same default answer.
    """
    if "flask_httpauth" in sys.modules and _is_default not in state.default_responses:
        state.default_responses.append(_is_default)
    return dict.fromkeys(_handlers_of_author(app))


def _handlers_of_author(app: Flask) -> Iterator[str]:
    """Yield the name of each error handler of an object that guards a view, or all of them."""
    functions: list[Any] = [*app.view_functions.values()]
    functions += chain.from_iterable(app.before_request_funcs.values())
    while functions:
        function = functions.pop(0)
        if hasattr(function, "__wrapped__"):
            functions.insert(0, function.__wrapped__)
        for auth in _objects_of(function):
            handler = unwrap(auth.auth_error_callback)
            if handler.__module__ not in _MODULES_OF_DEFAULTS:
                yield f"{name_of(handler)} (Flask-HTTPAuth)"


def _is_default(response: Response) -> bool:
    return (
        response.status_code in (401, 403)
        and response.mimetype == "text/html"
        and "WWW-Authenticate" in response.headers
        and response.get_data() == b"Unauthorized Access"
    )


def guard_mark(wrapper: Callable[..., Any]) -> Mark | None:
    """Tell what ``@auth.login_required`` means, also as APIFlask and APIFairy put it on a view."""
    variables = _variables_of(wrapper)
    if variables is None:
        return None
    roles, is_optional = _roles(variables["role"]), bool(variables["optional"])
    security = dict(map(_security_scheme, _objects_of(wrapper)))
    condition = f"{'Accepts' if is_optional else 'Needs'} credentials: {' or '.join(security)}."
    if roles and not is_optional:
        condition += f" Needs a role: {' or '.join(roles)}."
    return Mark(
        "login_required",
        ("optional",) if is_optional else roles,
        # With `optional=True` it refuses nothing, not even a wrong password.
        statuses=() if is_optional else (401, 403) if roles else (401,),
        condition=condition,
        authenticates=not is_optional,
        security=security,
    )


def _roles(role: Any) -> tuple[str, ...]:
    """Return the roles. A client needs one of them, or all in a list that is one of them."""
    roles = role if isinstance(role, list | tuple) else [] if role is None else [role]
    return tuple(
        " and ".join(map(str, each)) if isinstance(each, list | tuple) else str(each)
        for each in roles
    )


def _variables_of(wrapper: object) -> dict[str, Any] | None:
    """Return what a wrapper of ``login_required`` knows."""
    variables = closure_of(wrapper, "flask_httpauth", "decorated") or {}
    # `error_handler` has a wrapper of the same name.
    return variables if "role" in variables else None


def _objects_of(wrapper: object) -> list[Any]:
    """Return the object that guards with a wrapper, or those that a ``MultiAuth`` tries."""
    auth = (_variables_of(wrapper) or {}).get("self")
    if auth is None:
        return []
    return [auth.main_auth, *auth.additional_auths] if hasattr(auth, "main_auth") else [auth]


def _security_scheme(auth: Any) -> tuple[str, dict[str, Any]]:
    """Return the OpenAPI security scheme of an object, and its name."""
    if hasattr(auth, "get_security_scheme"):  # APIFlask
        return auth.name, auth.get_security_scheme()
    if auth.header is not None and auth.header.lower() != "authorization":
        return auth.header, {"type": "apiKey", "in": "header", "name": auth.header}
    return auth.scheme, {"type": "http", "scheme": auth.scheme.lower()}
