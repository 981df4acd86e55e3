"""Guards that the app has already: known by what their wrappers are, and never replaced.

Most decorators return a function that is defined in them. Its code is a constant of theirs, so the
code of a wrapper tells which decorator made it, whatever ``functools.wraps`` copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

from .._core.hooks import exceptions_of, is_named
from .._core.marks import Mark, marks_of
from .._core.state import AppState
from .._libraries.guards import GUARD_MARKS
from .raises import check_errors


class DeclaredGuard(NamedTuple):
    """A guard of the author's: a decorator, or a function of ``before_request``."""

    guard: Any
    mark: Mark
    #: Patterns of the endpoints that it leaves open.
    exceptions: tuple[str, ...]

    @property
    def authenticates(self) -> bool:
        """Whether only authenticated requests pass."""
        return self.mark.authenticates

    def made(self, layer: Any) -> bool:
        """Return whether this is a layer of a view, or made it."""
        if layer is self.guard or (isinstance(self.guard, type) and isinstance(layer, self.guard)):
            return True
        if isinstance(layer, MethodType) and layer == self.guard:
            return True
        code = getattr(layer, "__code__", None)
        return any(
            code is inner and _agree(_variables(layer), _variables(function))
            for function in _functions_of(self.guard)
            for inner in _codes_in(function.__code__)
        )


def _functions_of(guard: Any) -> list[Any]:
    """Return the functions in which the wrappers of a decorator are defined."""
    if isinstance(guard, type):
        methods = (method for cls in guard.__mro__ for method in vars(cls).values())
        return [method for method in methods if isinstance(method, FunctionType)]
    if isinstance(guard, partial):
        return _functions_of(guard.func)
    if isinstance(guard, FunctionType | MethodType):
        return [layer for layer in layers_of(guard) if hasattr(layer, "__code__")]
    call = type(guard).__call__
    return [MethodType(call, guard)] if isinstance(call, FunctionType) else []


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of each function that is defined in another, at any depth."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)


def _variables(function: Any) -> dict[str, Any]:
    """Return what a function has from the functions around it, and the ``self`` of a method."""
    code = function.__code__
    variables = dict(zip(code.co_freevars, map(_content, function.__closure__ or ()), strict=False))
    if isinstance(function, MethodType):
        variables[code.co_varnames[0]] = function.__self__
    return variables


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _agree(variables: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Return whether what two functions both know is the same.

    It differs for two guards that one function made, such as those of two roles.
    """
    return all(variables[name] is others[name] for name in variables.keys() & others.keys())


def declared_guard(
    guard: Any,
    errors: tuple[type[Exception], ...],
    *,
    exceptions: Iterable[str],
    **meaning: Any,
) -> DeclaredGuard:
    """Make a declared guard of the arguments of ``errors.declare_guard``.

    :raises TypeError: if they cannot be right.
    """
    if not callable(guard) or (isinstance(guard, type) and issubclass(guard, BaseException)):
        raise TypeError(
            "declare_guard takes a decorator or a function of before_request first, as in "
            f"errors.declare_guard(admin_only, Forbidden), not {guard!r}."
        )
    endpoints = exceptions_of(exceptions)
    check_errors(errors, "declare_guard")
    name = getattr(guard, "__name__", type(guard).__name__)
    return DeclaredGuard(guard, Mark(name, errors=errors, **meaning), endpoints)


def layers_of(view: Any) -> Iterator[Any]:
    """Yield a view, and what it wraps, as far as that can be known."""
    ids: set[int] = set()
    while view is not None and id(view) not in ids:
        ids.add(id(view))
        yield view
        view = inside(view)


def inside(layer: Any) -> Any:
    """Return what a layer wraps: without ``functools.wraps``, the one callable that it knows."""
    if hasattr(layer, "__wrapped__"):
        return layer.__wrapped__
    if isinstance(layer, partial):
        return layer.func
    if isinstance(layer, FunctionType):
        values: Iterable[Any] = map(_content, layer.__closure__ or ())
    else:
        values = getattr(layer, "__dict__", {}).values()
    callables = [value for value in values if callable(value) and not isinstance(value, type)]
    return callables[0] if len(callables) == 1 else None


def marks_at(endpoint: str, method: str, app: AppState) -> tuple[Mark, ...]:
    """Return the marks of everything that guards an endpoint, each once."""
    marks: list[Mark] = []
    for function in _functions_at(endpoint, method, app):
        for layer in layers_of(function):
            marks += (*marks_of(layer), *_foreign_marks(layer, endpoint, app))
    return tuple(mark for index, mark in enumerate(marks) if mark not in marks[:index])


def unknown_layers(endpoint: str, method: str, app: AppState) -> Iterator[Any]:
    """Yield the decorators and the functions of ``before_request`` that may be guards."""
    before = list(hooks_before(endpoint, app))
    for function in _functions_at(endpoint, method, app):
        *layers, last = layers_of(function)
        for layer in layers if function not in before else (*layers, last):
            if not marks_of(layer) and not any(_foreign_marks(layer, endpoint, app)):
                yield layer


def _functions_at(endpoint: str, method: str, app: AppState) -> list[Any]:
    """Return what runs at an endpoint: its view, a method of its class, and what is before it."""
    view = app.app.view_functions.get(endpoint)
    cls = getattr(view, "view_class", None)
    handler = getattr(cls, method.lower(), None) or getattr(cls, "dispatch_request", None)
    functions = (view, handler, *_of_resource(cls, method), *hooks_before(endpoint, app))
    return [function for function in functions if function is not None]


def _foreign_marks(layer: Any, endpoint: str, app: AppState) -> Iterator[Mark]:
    for guard_mark in GUARD_MARKS:
        mark = guard_mark(layer)
        if mark is not None:
            yield mark
    for declared in app.hooks.declared_guards:
        if declared.made(layer) and not is_named(endpoint, declared.exceptions):
            yield declared.mark


def hooks_before(endpoint: str, app: AppState) -> Iterator[Callable[..., Any]]:
    """Yield what Flask calls before a view: the functions of the app and of its blueprints."""
    functions = app.app.before_request_funcs
    name, _, _ = endpoint.rpartition(".")
    while name:
        yield from functions.get(name, ())
        name, _, _ = name.rpartition(".")
    yield from functions.get(None, ())


def _of_resource(cls: Any, method: str) -> Iterator[Any]:
    """Yield what Flask-RESTful and Flask-RESTX put on the methods of a class at each request."""
    decorators = getattr(cls, "method_decorators", ())
    if isinstance(decorators, Mapping):
        decorators = decorators.get(method.lower(), ())
    for decorate in decorators:
        with suppress(Exception):  # it may want more of a function than any has
            yield decorate(lambda *args, **kwargs: None)
