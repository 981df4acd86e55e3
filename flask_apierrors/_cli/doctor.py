"""What is wrong or risky in an app, as far as it can be known without a request; each with its remedy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_qualified_name
from limits.storage import MemoryStorage
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from .._catalogue.catalogue import Catalogue, Operation, catalogue
from .._catalogue.source import foreign_bodies, place_of
from .._core.state import AppState
from .._extension import ApiErrors
from .._guards.authentication import AUTHENTICATED
from .._guards.guard import marks_above
from .._guards.marks import Mark, marks_of
from .._limits.quotas import Quota
from .._limits.rate_limits import configured_limit, rate_limits_of, specs_of
from . import deployment
from .lock import implies

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
#: What Flask-Limiter calls the attribute by which it knows its own wrappers.
_NATIVE = "__wrapper-limiter-instance"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that is wrong or risky."""

    #: What kind of thing, to be ignored by name: ``unguarded-write``.
    code: str
    #: The endpoint, the setting or the function that it is about.
    where: str
    problem: str
    remedy: str


class _Patient:
    """An app, with what the checks look at."""

    def __init__(self, app: Flask, known: Catalogue) -> None:
        self.app = app
        self.state: AppState = app.extensions["apierrors"]
        self.known = known
        hooks = (getattr(hook, "__self__", None) for hook in app.before_request_funcs.get(None, ()))
        found = (
            *app.extensions.get("limiter", ()),
            *(owner for owner in hooks if isinstance(owner, Limiter)),
        )
        self.limiters = tuple(dict.fromkeys(found))

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What the app serves, hidden or not."""
        return self.known.operations

    def view(self, operation: Operation) -> Any:
        """The function that answers an operation; of a class, its method."""
        view = self.app.view_functions[operation.endpoint]
        cls = getattr(view, "view_class", None)
        return getattr(cls, operation.method.lower(), None) or getattr(
            cls, "dispatch_request", view
        )

    def quotas(self, operation: Operation) -> tuple[Quota, ...]:
        """What limits an operation, as far as that is known without a request."""
        try:
            return rate_limits_of(self.state).quotas_at(operation.endpoint, operation.method)
        except Exception:
            return ()

    def has_limits(self) -> bool:
        """Did the author limit anything, whether or not limits are switched on?"""
        keys = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_META")
        views = self.app.view_functions
        return (
            any(self.app.config.get(key) for key in keys)
            or any(self.state.config.rate_limits.values())
            or any(
                one.limits or specs_of(views[one.endpoint], one.method) for one in self.operations
            )
            or any(hasattr(view, _NATIVE) for view in views.values())
        )


def diagnose(app: Flask) -> tuple[Finding, ...]:
    """Everything that is found, in the order of code and place.

    :raises RuntimeError: when the app has no ``ApiErrors``.
    """
    patient = _Patient(app, catalogue(app, hidden=True))
    with app.app_context():
        return tuple(sorted({finding for check in CHECKS for finding in check(patient)}))


# -- guards and limits that are not in effect


def _guards_above_route(patient: _Patient) -> Iterator[Finding]:
    for endpoint, view in patient.app.view_functions.items():
        names = [mark.name for mark in _lost_marks(view, patient)]
        names += ["Limiter.limit"] if _has_lost_native_limit(view, patient) else []
        if names:
            decorators = ", ".join(f"@{name}" for name in dict.fromkeys(names))
            yield Finding(
                "above-route",
                f"{endpoint} ({place_of(view)})",
                f"{decorators} stands above the route, where nothing calls it: the view runs without it.",
                "Put the route decorator at the top, above all others.",
            )


def _lost_marks(view: Any, patient: _Patient) -> list[Mark]:
    """The guards that were put on a view later, unless another endpoint serves the function with them: that is meant."""
    lost = marks_above(view)
    if not lost:
        return []
    function = inspect.unwrap(view)
    others = [
        other
        for other in patient.app.view_functions.values()
        if other is not view and inspect.unwrap(other) is function
    ]
    return [mark for mark in lost if not any(mark in marks_of(other) for other in others)]


def _has_lost_native_limit(view: Any, patient: _Patient) -> bool:
    """Does Flask-Limiter know limits of a function, but not the wrapper that enforces them?"""
    if hasattr(view, _NATIVE) or not hasattr(view, "__qualname__"):
        return False
    name = get_qualified_name(view)
    return any(limiter.limit_manager.decorated_limits(name) for limiter in patient.limiters)


def _limits_of_absent_limiter(patient: _Patient) -> Iterator[Finding]:
    for endpoint, view in patient.app.view_functions.items():
        limiter = getattr(view, _NATIVE, None)
        if limiter is not None and limiter not in patient.limiters:
            yield Finding(
                "limiter-not-installed",
                f"{endpoint} ({place_of(view)})",
                "The view is decorated by a Limiter that this app does not have: nothing is limited.",
                "Call limiter.init_app(app), or use @rate_limit.",
            )


def _two_limiters(patient: _Patient) -> Iterator[Finding]:
    if len(patient.limiters) > 1:
        yield Finding(
            "two-limiters",
            "Limiter",
            f"The app has {len(patient.limiters)} Limiters: each counts the requests, and tells another story.",
            "Keep one. errors.limiter is the one that this package uses.",
        )


def _limits_off(patient: _Patient) -> Iterator[Finding]:
    off = not patient.app.config.get("RATELIMIT_ENABLED", True)
    if patient.has_limits() and (off or any(not limiter.enabled for limiter in patient.limiters)):
        yield Finding(
            "limits-off",
            "RATELIMIT_ENABLED" if off else "Limiter",
            "The app has rate limits, and they are switched off.",
            "Set RATELIMIT_ENABLED to True where the app is in use.",
        )


def _limits_without_effect(patient: _Patient) -> Iterator[Finding]:
    """Limits by endpoint, each left out in turn: does it change anything for any endpoint?"""
    limits: Mapping[str, str | None] = patient.state.config.rate_limits
    endpoints = tuple(patient.app.view_functions)
    for name in limits:
        others = {other: limit for other, limit in limits.items() if other != name}
        if all(
            configured_limit(limits, endpoint) == configured_limit(others, endpoint)
            for endpoint in endpoints
        ):
            yield Finding(
                "unreachable-limit",
                f"APIERRORS_RATE_LIMITS[{name!r}]",
                "No endpoint gets this limit: none has this name, or another line holds for those that have.",
                "Correct the name, which `flask apierrors routes` shows, or take the line out.",
            )


def _weaker_limits(patient: _Patient) -> Iterator[Finding]:
    for operation in patient.operations:
        quotas = patient.quotas(operation)
        for index, weak in enumerate(quotas):
            strict = next(
                (
                    one
                    for at, one in enumerate(quotas)
                    if at != index and _comes_first(one, weak, at < index)
                ),
                None,
            )
            if strict is not None:
                yield Finding(
                    "unreachable-limit",
                    f"{operation.method} {operation.rule} ({operation.endpoint})",
                    f"No client can reach the limit {weak.text}: {strict.text} stops it before.",
                    "Take out the one that was not meant.",
                )


def _comes_first(strict: Quota, weak: Quota, is_earlier: bool) -> bool:
    """Does a limit stop a client always before another does? Of two that are equal, the earlier."""
    one, other = strict.runtime, weak.runtime
    alike = (one.key_func, one.cost, one.deduct_when) == (
        other.key_func,
        other.cost,
        other.deduct_when,
    )
    # What counts several endpoints together can be reached even where one of them is limited more strictly.
    counted = strict.scope == weak.scope or strict.source == "application"
    if strict.conditional or not alike or not counted:
        return False
    return implies(strict.text, weak.text) and (is_earlier or not implies(weak.text, strict.text))


# -- how the app is served


def _limits_in_memory(patient: _Patient) -> Iterator[Finding]:
    found = deployment.workers()
    if (
        found is not None
        and int(found.value) > 1
        and patient.has_limits()
        and _counts_in_memory(patient)
    ):
        yield Finding(
            "limits-in-memory",
            "RATELIMIT_STORAGE_URI",
            f"The limits are counted in the memory of each process, and {found.source} starts {found.value} of them:"
            " clients get up to that many times the limit.",
            "Set RATELIMIT_STORAGE_URI to a storage that the processes share, such as redis://localhost:6379.",
        )


def _counts_in_memory(patient: _Patient) -> bool:
    return any(
        isinstance(limiter.storage, MemoryStorage)
        for limiter in patient.limiters
        if limiter.enabled
    )


def _proxy_unread(patient: _Patient) -> Iterator[Finding]:
    if not patient.has_limits() or deployment.reads_forwarded(patient.app.wsgi_app):
        return
    found = deployment.proxy()
    if patient.state.unread_forwarded or found is not None:
        sign = (
            "Requests came with X-Forwarded-For"
            if found is None
            else f"{found.source} ({found.value}) tells of a proxy"
        )
        yield Finding(
            "no-proxy-fix",
            "app.wsgi_app",
            f"{sign}, and nothing reads X-Forwarded-For: all clients without a token share the limit of one address.",
            "Set app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1), with the number of proxies"
            " (werkzeug.middleware.proxy_fix). Without a proxy, ignore this.",
        )


# -- answers outside the contract


def _hiding_handlers(patient: _Patient) -> Iterator[Finding]:
    for scope, code, cls, handler in _handlers(patient):
        if issubclass(cls, HTTPException | ValidationError) or cls is Exception:
            caught = cls.__name__ if code is None else str(code)
            yield Finding(
                "hiding-handler",
                f"errorhandler({caught}){f' of blueprint {scope}' if scope else ''} ({place_of(handler)})",
                f"This handler answers {caught} instead of the contract: reference page and OpenAPI do not know it.",
                "Take it out, or end it with `return errors.handle(error)`.",
            )


def _handlers(
    patient: _Patient,
) -> Iterator[tuple[str | None, int | None, type[Exception], Callable[..., Any]]]:
    """The handlers of the author and of other extensions, without those that pass on to this package."""
    scopes = {operation.endpoint.rpartition(".")[0] or None for operation in patient.operations} | {
        None
    }
    for scope, by_code in patient.app.error_handler_spec.items():
        if not any(
            scope is None or known == scope or str(known).startswith(f"{scope}.")
            for known in scopes
        ):
            continue  # of pages outside APIERRORS_URL_PREFIXES
        for code, by_class in by_code.items():
            for cls, handler in by_class.items():
                if not _passes_on(handler):
                    yield scope, code, cls, handler


def _passes_on(handler: Callable[..., Any]) -> bool:
    """Is a handler ours, or does it speak to an ``ApiErrors``?"""
    if str(getattr(handler, "__module__", "")).partition(".")[0] == __package__.partition(".")[0]:
        return True
    try:
        names = inspect.getclosurevars(inspect.unwrap(handler))
    except (TypeError, ValueError):
        return False
    return any(
        isinstance(value, ApiErrors)
        for value in (*names.nonlocals.values(), *names.globals.values())
    )


def _foreign_shapes(patient: _Patient) -> Iterator[Finding]:
    if patient.state.hooks.format is not None:
        return  # the author's own shape: what it is, only a call could tell
    functions = [(operation.endpoint, patient.view(operation)) for operation in patient.operations]
    functions += [
        (f"errorhandler({cls.__name__})", handler) for _, _, cls, handler in _handlers(patient)
    ]
    for name, function in functions:
        for found in foreign_bodies(function):
            yield Finding(
                "other-shape",
                f"{name} ({found.place})",
                f"A {found.status} is answered with a body without an `error` member, which clients read in all others.",
                f'Use `abort({found.status}, "...")`, or raise an ApiError.',
            )


# -- authentication


def _unguarded_writes(patient: _Patient) -> Iterator[Finding]:
    for operation in patient.operations:
        # An exception that is converted into a 401 may be raised anywhere, and so tells nothing of this view.
        checked = any(guard.authenticates for guard in operation.guards) or any(
            error.status == 401 and error.cause != "convert" for error in operation.errors
        )
        if operation.method in _WRITES and not checked:
            yield Finding(
                "unguarded-write",
                f"{operation.method} {operation.rule} ({operation.endpoint})",
                "Anybody can call this endpoint, which may change something.",
                "Put @requires_auth or @requires_permissions on the view."
                " Where it authenticates in a way of its own, declare that with @raises(Unauthorized).",
            )


def _no_verifier(patient: _Patient) -> Iterator[Finding]:
    asking = [
        mark.name
        for operation in patient.operations
        for mark in operation.guards
        if _asks_for_token(mark)
    ]
    if asking and patient.state.hooks.verify_token is None:
        yield Finding(
            "no-verifier",
            f"@{asking[0]}",
            "Views ask for a token, and nothing verifies tokens: each request to them is a 500.",
            "Register a function with @errors.verify_token.",
        )


def _asks_for_token(mark: Mark) -> bool:
    return AUTHENTICATED in (mark, *mark.implies)


CHECKS: tuple[Callable[[_Patient], Iterator[Finding]], ...] = (
    _guards_above_route,
    _limits_of_absent_limiter,
    _two_limiters,
    _limits_off,
    _limits_without_effect,
    _weaker_limits,
    _limits_in_memory,
    _proxy_unread,
    _hiding_handlers,
    _foreign_shapes,
    _unguarded_writes,
    _no_verifier,
)
