"""SpecTree: what its ``validate`` finds wrong in requests and in responses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from flask import Flask

from .._core.first_request import name_of
from .._core.origin import internal
from .._core.state import AppState, current_flask, current_request
from .closures import closure_of
from .frames import variables_of
from .pydantic import validation_failed
from .webargs import refusal_of_json

#: The variables of its plugin that hold what it validates -> OpenAPI's ``in``.
_LOCATIONS = {"req_query": "query", "req_headers": "header", "req_cookies": "cookie"}


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Do what its default hooks do, and no more than that."""
    module: Any = sys.modules.get("spectree.utils")
    hooks = (
        {}
        if module is None
        else {
            "before": (module.default_before_handler, _before),
            "after": (module.default_after_handler, _after),
        }
    )
    for variables in _validations(app) if hooks else ():
        for name, (default, hook) in hooks.items():
            spec, own = variables["self"], variables[name]
            current = own or getattr(spec, name)
            if current is default:
                setattr(spec, name, partial(hook, default))
            elif getattr(current, "func", None) is not hook:
                yield f"{name_of(current)} (SpecTree)"


def _validations(app: Flask) -> Iterator[dict[str, Any]]:
    """Yield the variables of each ``validate`` on a view, or on a method of a class."""
    for view in app.view_functions.values():
        cls = getattr(view, "view_class", None)
        methods = [getattr(cls, name.lower(), None) for name in getattr(cls, "methods", None) or ()]
        for function in (view, *methods):
            while function is not None:
                variables = closure_of(function, "spectree.spec", "sync_validate")
                if variables is not None:
                    yield variables
                function = getattr(function, "__wrapped__", None)


def _covers() -> bool:
    state: AppState | None = current_flask().extensions.get("apierrors")
    return state is not None and state.config.covers(current_request().path)


def _before(default: Callable[..., Any], req: Any, resp: Any, error: Any, *args: Any) -> None:
    """Raise what is wrong with a request."""
    if not _covers():
        default(req, resp, error, *args)
    elif error is not None:
        # Before version 3, there is no adapter, and less is known.
        _, *adapters = args
        raise _failure(error, resp.status_code, adapters[0]) if adapters else error


def _after(default: Callable[..., Any], req: Any, resp: Any, error: Any, *args: Any) -> None:
    """Raise what is wrong with a response. That is a crash: it tells nothing."""
    if not _covers():
        default(req, resp, error, *args)
    elif error is not None:
        with internal((type(error),)):
            raise error


def _failure(error: Any, status: int, adapter: Any) -> Exception:
    location = None
    for plugin in variables_of(error, "spectree.plugins.flask_plugin", "request_validation"):
        for call in variables_of(error, type(adapter).__module__, "validate_obj"):
            for name in _LOCATIONS:
                if plugin.get(name) is call["value"]:
                    location = _LOCATIONS[name]
        if location is None and plugin.get("use_json"):
            refusal = refusal_of_json(current_request())
            if refusal is not None:
                return refusal
    details = error.errors() if hasattr(error, "errors") else adapter.validation_errors(error)
    return validation_failed([(location, details)], status)
