"""The one wrapper of a guarded view: its checks run in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from flask import Request, current_app

from .._core.marks import Mark, View, add_mark, check_view, marks_of
from .._core.state import (
    RequestState,
    current_flask,
    current_request,
    in_event_loop,
    request_state,
)
from .options import is_preflight, is_unjudged, preflight_answer

Run = Callable[[Request, RequestState], object]

_GUARD = "__apierrors_guard__"
#: The marks of all wrappers that were ever made of a view, or of a wrapper of one.
_MARKS_OF_WRAPPERS: WeakKeyDictionary[Callable[..., Any], tuple[Mark, ...]] = WeakKeyDictionary()
_REMEMBERS = ContextVar("flask_apierrors_remembers", default=True)


class Order(IntEnum):
    """When a check runs, named by its subject."""

    RATE_LIMIT = 1
    SCHEME = 2
    AUTHENTICATION = 3
    PERMISSIONS = 4
    CONTENT_TYPE = 5
    JSON = 6
    ACCEPT = 7


class Check(NamedTuple):
    """One check of a guard.

    :param order: When it runs.
    :param run: Called with the request and with this package's state of it, which is private. It
        raises an exception to refuse the request. What it returns is ignored, so it cannot be
        ``async def``.
    :param rank: When it runs among checks of the same order: the lowest first, and those of the
        same rank from the innermost decorator out.
    """

    order: Order
    run: Run
    rank: int = 0


class _Guard(NamedTuple):
    wrapper: Callable[..., Any]
    view: Callable[..., Any]
    checks: tuple[Check, ...]
    #: What the wrapper was made of: the view, and its wrappers with fewer checks.
    bases: tuple[Callable[..., Any], ...]


def guard(view: View, mark: Mark, *checks: Check) -> View:
    """Guard a view with checks, and mark it.

    All guards of a view share one wrapper, so the order of the decorators does not matter.

    :param view: The view, ``async def`` or not.
    :param mark: What the guard means, for the catalogue, the reference page and OpenAPI.
    :param checks: What runs before the view.
    :returns: The guarded view.
    :raises TypeError: if a check is ``async def``, or ``view`` is a class, a blueprint, or an app.
    """
    check_view(view, mark.name)
    for check in checks:
        if iscoroutinefunction(check.run):
            raise TypeError(
                f"The check of @{mark.name} cannot be `async def`. Call the async function with "
                "current_app.ensure_sync(function)(...)."
            )
    inner = _guard_of(view)
    bases: tuple[Callable[..., Any], ...] = (*(inner.bases if inner else ()), view)
    if inner is None:
        wrapper = _wrapper(view, checks, bases)
    else:
        new = tuple(check for check in checks if check not in inner.checks)
        wrapper = _wrapper(inner.view, inner.checks + new, bases)
        attributes = {name: value for name, value in vars(view).items() if name != _GUARD}
        wrapper.__dict__.update(attributes)
    add_mark(wrapper, mark)
    if _REMEMBERS.get():
        for base in bases:
            _remember(base, mark)
    return wrapper  # type: ignore[return-value]


@contextmanager
def unremembered() -> Iterator[None]:
    """Guard views without a trace on them, because they may be served elsewhere without guards."""
    token = _REMEMBERS.set(False)
    try:
        yield
    finally:
        _REMEMBERS.reset(token)


def _guard_of(view: Callable[..., Any]) -> _Guard | None:
    """Return the guard that is a view's own: other decorators copy what they wrap has."""
    own = getattr(view, _GUARD, None)
    return own if isinstance(own, _Guard) and own.wrapper is view else None


def _remember(view: Callable[..., Any], mark: Mark) -> None:
    try:
        _MARKS_OF_WRAPPERS[view] = (*_MARKS_OF_WRAPPERS.get(view, ()), mark)
    except TypeError:
        pass  # the view has no hash, or no weak reference to it is possible


def marks_above(view: Callable[..., Any]) -> tuple[Mark, ...]:
    """Return the marks of guards that were put on a view later and do not run when it is called.

    If such a view is served, a guard stands above its route. ``flask apierrors doctor`` tells.
    """
    try:
        later = _MARKS_OF_WRAPPERS.get(view, ())
    except TypeError:
        return ()
    return tuple(mark for mark in later if mark not in marks_of(view))


def run_checks(runs: Iterable[Run], req: Request, state: RequestState) -> None:
    """Run checks, unless the request is one for OPTIONS that no guard judges.

    :raises HTTPException: what a check raised. For a preflight, Flask's own response: no guard
        refuses it, and the view does not expect it.
    """
    if is_unjudged(req, current_flask()):
        return
    if is_preflight(req):
        raise preflight_answer()
    for run in runs:
        run(req, state)


def _wrapper(
    view: Callable[..., Any], checks: tuple[Check, ...], bases: tuple[Callable[..., Any], ...]
) -> Callable[..., Any]:
    ordered = tuple(sorted(checks, key=lambda check: (check.order, check.rank)))
    runs = tuple(check.run for check in ordered)
    is_async = iscoroutinefunction(view)

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        req = current_request()
        state = request_state(req)
        if req.method == "OPTIONS":
            run_checks(runs, req, state)
        else:
            for run in runs:
                run(req, state)
        # An async decorator above the guard awaits the coroutine. Any other wants the response.
        if is_async and not in_event_loop():
            return current_app.ensure_sync(view)(*args, **kwargs)
        return view(*args, **kwargs)

    setattr(guarded, _GUARD, _Guard(guarded, view, ordered, bases))
    return guarded
