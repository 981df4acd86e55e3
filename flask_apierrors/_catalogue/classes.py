"""The error classes of an app. A process can have several apps, each with its own."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from inspect import unwrap
from itertools import chain
from types import FunctionType, ModuleType
from typing import Any

from .._core.errors import ApiError
from .._core.state import AppState

_PACKAGE = __package__.partition(".")[0]


def classes_of(state: AppState) -> set[type[ApiError]]:
    """Return the error classes that the modules of an app name, directly or through others.

    The modules are those of its views, handlers, hooks and converters, and what these import from
    the same packages.
    """
    functions = list(map(_unwrap, _functions(state)))
    module = sys.modules.get(state.app.import_name)
    packages = {_package_of(function) for function in functions} | {state.app.import_name}
    packages = {package.partition(".")[0] for package in packages} - {_PACKAGE}
    rest: list[Any] = [module, *functions]
    seen: dict[int, Any] = {}
    while rest:
        value = rest.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            rest += _names_of(value, packages)
    classes = (value for value in seen.values() if _is_a(value, type))
    return {cls for cls in classes if issubclass(cls, ApiError) and _package_of(cls) != _PACKAGE}


def _functions(state: AppState) -> Iterator[Any]:
    """Yield the functions that Flask or this package calls for a request."""
    app = state.app
    yield from app.view_functions.values()
    yield from (getattr(view, "view_class", None) for view in app.view_functions.values())
    yield from state.hooks.converters.values()
    hooks = (app.before_request_funcs, app.after_request_funcs, app.url_value_preprocessors)
    yield from chain.from_iterable(chain.from_iterable(by_name.values()) for by_name in hooks)
    for by_code in app.error_handler_spec.values():
        yield from chain.from_iterable(by_class.values() for by_class in by_code.values())


def _unwrap(function: Any) -> Any:
    try:
        return unwrap(function)
    except ValueError:  # it wraps itself
        return function


def _names_of(value: Any, packages: Iterable[str]) -> Iterator[Any]:
    """Yield what a module, a function or a class of the app has names for."""
    if _is_a(value, ModuleType):
        name = str(value.__name__)
        if name.partition(".")[0] in packages:
            # Each imported submodule is an attribute of its package, even if another app has it.
            yield from (
                member
                for attribute, member in vars(value).items()
                if member is not sys.modules.get(f"{name}.{attribute}")
            )
    elif _is_a(value, FunctionType | type) and _package_of(value) in packages:
        yield sys.modules.get(value.__module__)
        for cell in getattr(value, "__closure__", None) or ():
            yield from _contents(cell)


def _contents(cell: Any) -> Iterator[Any]:
    try:
        yield cell.cell_contents
    except ValueError:
        return  # it has no value yet


def _is_a(value: Any, kind: Any) -> bool:
    """Whether an object is of a kind. A proxy is not asked: it would call the author's code."""
    return issubclass(type(value), kind)


def _package_of(value: Any) -> str:
    return str(getattr(value, "__module__", "")).partition(".")[0]
