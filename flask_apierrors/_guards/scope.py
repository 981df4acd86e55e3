"""Guards of a whole app, of a blueprint, or of endpoints by pattern. They are put on the views."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from inspect import signature
from typing import Any, NamedTuple

from flask import Blueprint, Flask

from .._core.config import REFERENCE_ENDPOINT
from .._core.hooks import exceptions_of, is_named
from .._core.log_records import PackageLogger
from .._core.marks import marks_of
from .._core.state import AppState
from .guard import unremembered

Decorator = Callable[[Any], Any]

_logger = PackageLogger()
#: Two threads may have the first requests at once.
_LOCK = threading.Lock()


class Scope(NamedTuple):
    """Guards, and the endpoints that they guard."""

    #: An app, a blueprint, or patterns of endpoints.
    where: weakref.ref[Flask] | Blueprint | tuple[str, ...]
    decorators: tuple[Decorator, ...]
    exceptions: tuple[str, ...]
    #: Whether only authenticated requests pass, as far as that is known.
    authenticates: bool

    def holds_at(self, endpoint: str, app: Flask) -> bool:
        """Return whether an endpoint is guarded.

        The reference page stays open, because it explains the refusals of the guards.
        """
        if endpoint == REFERENCE_ENDPOINT or is_named(endpoint, self.exceptions):
            return False
        if isinstance(self.where, Blueprint):
            names = (name for name, each in app.blueprints.items() if each is self.where)
            return any(endpoint.startswith(f"{name}.") for name in names)
        if isinstance(self.where, tuple):
            return is_named(endpoint, self.where)
        return self.where() is app

    def idle_patterns(self, app: Flask) -> Iterator[str]:
        """Yield the patterns that should name endpoints to guard, and name none."""
        if isinstance(self.where, tuple):
            yield from _without_endpoint(self.where, app)

    def idle_exceptions(self, app: Flask) -> Iterator[str]:
        """Yield the patterns that should name endpoints to leave open, and name none."""
        is_elsewhere = isinstance(self.where, weakref.ref) and self.where() is not app
        yield from () if is_elsewhere else _without_endpoint(self.exceptions, app)


def make_scope(where: object, guards: tuple[Decorator, ...], except_: Iterable[str]) -> Scope:
    """Make a scope of the arguments of ``errors.guard``.

    :raises TypeError: if they cannot be right.
    """
    if not guards:
        raise TypeError("guard takes decorators, as in errors.guard(app, requires_auth).")
    exceptions = exceptions_of(except_)
    authenticates = [_authenticates(_try(decorator)) for decorator in guards]
    return Scope(_place(where), guards, exceptions, any(authenticates))


def _place(where: Any) -> weakref.ref[Flask] | Blueprint | tuple[str, ...]:
    if isinstance(where, Flask):  # or the proxy of one
        return weakref.ref(getattr(where, "_get_current_object", lambda: where)())
    if isinstance(where, Blueprint):
        return where
    patterns = (where,) if isinstance(where, str) else where
    is_collection = isinstance(patterns, tuple | list | set | frozenset) and patterns
    if is_collection and all(isinstance(pattern, str) for pattern in patterns):
        return tuple(patterns)
    raise TypeError(
        f"guard cannot guard {where!r}. Give an app, a blueprint, or endpoints as `flask routes` "
        'shows them, such as "admin.*".'
    )


def _try(decorator: Decorator) -> Any:
    """Return a view with a guard.

    :raises TypeError: if it is no decorator of views, or lacks its arguments.
    """

    def view() -> None: ...

    guarded = decorator(view) if callable(decorator) else None
    if guarded is view or not callable(guarded) or not _takes_nothing(guarded):
        raise TypeError(
            f"{decorator!r} does not guard views. Give decorators, with their arguments: "
            'errors.guard(app, requires_auth, rate_limit("10/second")).'
        )
    return guarded


def _authenticates(guarded: Any) -> bool:
    marks = marks_of(guarded)
    return not marks or any(mark.authenticates for mark in marks)


def _takes_nothing(view: Callable[..., Any]) -> bool:
    try:
        signature(view).bind()
    except TypeError:
        return False
    except ValueError:
        pass  # a built-in function without a signature
    return True


def guard_views(app: Flask, state: AppState) -> None:
    """Put the guards of all scopes on the views that the app has by now. Each is put on once."""
    scopes: tuple[Scope, ...] = state.hooks.scopes
    if not scopes:
        return
    with _LOCK, unremembered():
        for endpoint, view in list(app.view_functions.items()):
            guarded, applied = state.guarded_views.get(endpoint, (None, ()))
            applied = applied if guarded is view else ()  # the author may have replaced the view
            holding = (scope for scope in scopes if scope.holds_at(endpoint, app))
            due = [scope for scope in holding if scope not in applied]
            for decorate in (each for scope in due for each in reversed(scope.decorators)):
                view = decorate(view)
            if due:
                app.view_functions[endpoint] = view
                state.guarded_views[endpoint] = (view, (*applied, *due))


def check_scopes(app: Flask, state: AppState) -> None:
    """Check the patterns of all scopes.

    :raises ValueError: for one that guards nothing. The view that was meant would be open.
    """
    for scope in state.hooks.scopes:
        for pattern in scope.idle_patterns(app):
            raise ValueError(f"errors.guard({pattern!r}, ...) guards {_no_endpoint(pattern, app)}")
        for pattern in scope.idle_exceptions(app):
            _logger.warning(
                "errors.guard(..., except_=(%r,)) leaves open %s",
                pattern,
                _no_endpoint(pattern, app),
            )


def _without_endpoint(patterns: Iterable[str], app: Flask) -> Iterator[str]:
    for pattern in patterns:
        if not any(is_named(endpoint, (pattern,)) for endpoint in app.view_functions):
            yield pattern


def _no_endpoint(pattern: str, app: Flask) -> str:
    close = get_close_matches(pattern, app.view_functions, n=1)
    suggestion = f" Did you mean {close[0]!r}?" if close else ""
    return f"no endpoint of this app.{suggestion} `flask routes` lists them."
