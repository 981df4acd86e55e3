"""The one wrapper of a guarded view: its checks run in their fixed order, whatever the order of the decorators."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from flask import Request, current_app

from .._core.state import RequestState, current_request, request_state
from .marks import Mark, View, add_mark, marks_of

_GUARD = "__apierrors_guard__"
#: The marks of all the wrappers that were ever made of a view.
_MARKS_OF_WRAPPERS: WeakKeyDictionary[Callable[..., Any], tuple[Mark, ...]] = WeakKeyDictionary()


class Order(IntEnum):
    """When a check runs; named by what it is about."""

    RATE_LIMIT = 1
    AUTHENTICATION = 2
    PERMISSIONS = 3
    CONTENT_TYPE = 4
    JSON = 5
    ACCEPT = 6


class Check(NamedTuple):
    """One check: raises what is wrong with the request, or returns nothing."""

    order: Order
    run: Callable[[Request, RequestState], None]


class _Guard(NamedTuple):
    wrapper: Callable[..., Any]
    view: Callable[..., Any]
    checks: tuple[Check, ...]


def guard(view: View, mark: Mark, *checks: Check) -> View:
    """Wrap a view in checks and leave a mark; a view that is wrapped already gets one wrapper with all its checks."""
    inner = getattr(view, _GUARD, None)
    # A foreign decorator copies the attributes of what it wraps: only our own wrapper may be opened.
    if isinstance(inner, _Guard) and inner.wrapper is view:
        wrapper = _wrapper(inner.view, inner.checks + checks)
        wrapper.__dict__.update(
            {name: value for name, value in vars(view).items() if name != _GUARD}
        )
        _remember(inner.view, mark)
    else:
        wrapper = _wrapper(view, checks)
        _remember(view, mark)
    add_mark(wrapper, mark)
    return wrapper  # type: ignore[return-value]


def _remember(view: Callable[..., Any], mark: Mark) -> None:
    try:
        _MARKS_OF_WRAPPERS[view] = (*_MARKS_OF_WRAPPERS.get(view, ()), mark)
    except TypeError:
        pass  # cannot be referred to weakly, or has no hash


def marks_above(view: Callable[..., Any]) -> tuple[Mark, ...]:
    """The marks of guards that were put on a view later, and do not run when this very view is called.

    A view that is served and has such marks was given them above its route: ``flask apierrors doctor`` tells of it.
    """
    inner = getattr(view, _GUARD, None)
    wrapped = inner.view if isinstance(inner, _Guard) and inner.wrapper is view else view
    try:
        later = _MARKS_OF_WRAPPERS.get(wrapped, ())
    except TypeError:
        return ()
    return tuple(mark for mark in later if mark not in marks_of(view))


def _wrapper(view: Callable[..., Any], checks: tuple[Check, ...]) -> Callable[..., Any]:
    ordered = tuple(sorted(checks, key=lambda check: check.order))
    runs = tuple(check.run for check in ordered)
    is_async = iscoroutinefunction(view)

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        req = current_request()
        state = request_state(req)
        for run in runs:
            run(req, state)
        # Not `async def`, even over an async view: an async verify_token could not run inside the view's event loop.
        return current_app.ensure_sync(view)(*args, **kwargs) if is_async else view(*args, **kwargs)

    setattr(guarded, _GUARD, _Guard(guarded, view, ordered))
    return guarded
