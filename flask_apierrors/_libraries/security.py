"""Flask-Security: the JSON of its refusals, and what its decorators mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Flask, Response

from .._core.errors import ApiError
from .._core.first_request import name_of
from .._core.marks import Mark
from .._core.road import error_response
from .._core.state import AppState, app_state, current_flask, current_request
from .closures import closure_of

_DECORATORS = "flask_security.decorators"
#: The functions that an author can replace, and where the defaults and ours are.
_HANDLERS = ("_render_json", "_unauthn_handler", "_unauthz_handler", "_reauthn_handler")
_DEFAULTS = ("flask_security.views", _DECORATORS, __name__)
#: The functions that may have refused a request, by status.
_HANDLERS_OF_STATUS = {401: ("_unauthn_handler", "_reauthn_handler"), 403: ("_unauthz_handler",)}


def adapt(app: Flask, state: AppState) -> Iterator[str]:
    """Answer the errors of the author's views, where a default function would.

    Flask-Security's own endpoints, such as ``/login``, keep their bodies: clients know them from
    its documentation. A client that wants no JSON is redirected to the login page.
    """
    security = app.extensions.get("security")
    for name in _HANDLERS if security is not None else ():
        function = getattr(security, name)
        if not _is_default(function):
            yield f"{name_of(function)} (Flask-Security)"
        elif name in _INSTEAD and not isinstance(function, partial):
            setattr(security, name, partial(_INSTEAD[name], default=function))


def _is_default(function: Any) -> bool:
    function = getattr(function, "func", function)
    return getattr(function, "__module__", None) in _DEFAULTS


def _answers() -> bool:
    """Whether the request is for a view of the author's. Several apps may share the handlers."""
    app, req = current_flask(), current_request()
    state: AppState | None = app.extensions.get("apierrors")
    is_own = req.blueprint == app.config["SECURITY_BLUEPRINT_NAME"]
    return state is not None and state.config.covers(req.path) and not is_own


def _render_json(
    payload: dict[str, Any], code: int, headers: Any, user: Any, default: Callable[..., Any]
) -> Any:
    names = _HANDLERS_OF_STATUS.get(code, ())
    security = current_flask().extensions["security"]
    # A handler of the author's may call this, for a body of Flask-Security's shape.
    is_author = not all(_is_default(getattr(security, name)) for name in names)
    if code < 400 or is_author or not _answers():
        return default(payload, code, headers, user)
    members = dict(payload)
    text = " ".join(members.pop("errors", ()))
    return _response(ApiError(text, status=code, headers=headers, **members))


def _refuse(mechanisms: Any = None, headers: Any = None, *, default: Callable[..., Any]) -> Any:
    """Answer as the default handler does, but not with the page for Basic authentication."""
    response = default(mechanisms, headers)
    is_page = isinstance(response, Response) and response.mimetype == "text/html"
    if is_page and response.status_code == 401 and _answers():
        text = response.get_data(as_text=True)
        return _response(ApiError(text, status=401, headers=headers))
    return response


def _response(exc: ApiError) -> Any:
    return error_response(exc, current_request(), app_state())


_INSTEAD: dict[str, Callable[..., Any]] = {
    "_render_json": _render_json,
    "_unauthn_handler": _refuse,
}


# -- what its decorators mean


def guard_mark(wrapper: Callable[..., Any]) -> Mark | None:
    """Tell what a decorator of Flask-Security means."""
    for name in ("decorated_view", "decorated", "wrapper"):
        variables = closure_of(wrapper, _DECORATORS, name)
        if variables is not None:
            return _mark(set(wrapper.__code__.co_names), wrapper, variables)
    return None


def _mark(names: set[str], wrapper: Any, variables: dict[str, Any]) -> Mark | None:
    """Return the mark of a wrapper, by the names of what it calls."""
    if "login_mechanisms" in variables:
        methods = (wrapper.__kwdefaults__ or {}).get("auth_methods")
        return _authentication_mark("auth_required", methods or ("session", "token"))
    if "realm" in variables:
        return _authentication_mark("http_auth_required", ("basic",))
    if "_check_token" in names:
        return _authentication_mark("auth_token_required", ("token",))
    for kind in ("roles", "permissions"):
        for name, joint in ((f"{kind}_required", "and"), (f"{kind}_accepted", "or")):
            if name in names:
                return _permission_mark(name, variables.get("roles") or variables["fsperms"], joint)
    return None


def _authentication_mark(name: str, methods: Any) -> Mark:
    """Return the mark of a decorator that authenticates. A method may be a function."""
    known = tuple(method for method in methods if isinstance(method, str))
    return Mark(
        name,
        known,
        statuses=(401,),
        condition=f"Needs authentication: {' or '.join(known)}." if known else "",
        authenticates=True,
        resolve=_with_security,
    )


def _with_security(mark: Mark, app: AppState) -> Mark:
    """Publish where the credentials are expected."""
    config = app.app.config
    header = config.get("SECURITY_TOKEN_AUTHENTICATION_HEADER", "Authentication-Token")
    cookie = config["SESSION_COOKIE_NAME"]
    schemes = {
        "session": ("Session", {"type": "apiKey", "in": "cookie", "name": cookie}),
        "token": (header, {"type": "apiKey", "in": "header", "name": header}),
        "basic": ("Basic", {"type": "http", "scheme": "basic"}),
    }
    return replace(mark, security=dict(schemes[name] for name in mark.values if name in schemes))


def _permission_mark(name: str, values: tuple[str, ...], joint: str) -> Mark:
    kind = name.partition("_")[0]
    return Mark(
        name,
        values,
        statuses=(403,),
        condition=f"Needs the {kind} {f' {joint} '.join(f'`{value}`' for value in values)}.",
        authenticates=True,  # nobody has roles or permissions without authentication
    )
