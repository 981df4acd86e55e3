"""Guards that would have no effect where they stand."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask

from .._core.first_request import name_of
from .._core.log_records import PackageLogger
from .._core.marks import Mark, marks_of
from .._core.state import AppState
from .guard import marks_above

_logger = PackageLogger()
#: Where the decorators of this package are defined.
_MODULES = (f"{__package__}.", f"{__package__.rpartition('.')[0]}._limits.rate_limit")


class MissingLimit:
    """The ``required_methods`` of what ``rate_limit`` returns for a function.

    The function may be a view: ``@rate_limit`` without arguments takes it for a function that
    returns a limit. Flask asks what it then gets as a view for these methods. Other decorators copy
    the attribute.

    :param function: The function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __iter__(self) -> Iterator[str]:
        raise TypeError(
            f"@rate_limit stands on {name_of(self._function)} without a limit. Write "
            '@rate_limit("10/second").'
        )


def check_hooks(app: Flask, state: AppState) -> None:
    """Check the functions of ``before_request``.

    :raises TypeError: for a guard, which is a decorator and would fail at each request.
    """
    for function in (each for hooks in app.before_request_funcs.values() for each in hooks):
        place = f"{getattr(function, '__module__', '')}."
        if place.startswith(_MODULES) and marks_of(function) == ():
            name = function.__qualname__.partition(".")[0]
            raise TypeError(
                f"before_request has the decorator {name}, and Flask passes it no view. Write "
                f"errors.guard(app, {name}), with the arguments of the guard if it takes any."
            )


def log_guards_above_routes(app: Flask, state: AppState) -> None:
    """Log the views that are open because their guards stand above the route."""
    for endpoint, view, marks in guards_above_routes(app):
        _logger.error(
            "The view of %r (%s) is served without %s: a decorator above the route decorator has"
            " no effect. Move the route decorator to the top, above all others.",
            endpoint,
            name_of(view),
            ", ".join(dict.fromkeys(f"@{mark.name}" for mark in marks)),
        )


def guards_above_routes(app: Flask) -> Iterator[tuple[str, Any, list[Mark]]]:
    """Yield each endpoint that is served without some guards of its view, the view, and these.

    It is no mistake if another endpoint serves the function with them.
    """
    views = app.view_functions
    for endpoint, view in views.items():
        lost = marks_above(view)
        if lost:
            function = inspect.unwrap(view)
            others = [other for other in views.values() if other is not view]
            marks = [
                mark
                for other in others
                if inspect.unwrap(other) is function
                for mark in marks_of(other)
            ]
            lost = tuple(mark for mark in lost if mark not in marks)
        if lost:
            yield endpoint, view, list(lost)
