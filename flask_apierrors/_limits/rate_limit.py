"""The ``rate_limit`` decorator, and what it declares for a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from flask import Request

from .._core.state import RequestState
from .._guards.guard import Check, Order, guard
from .._guards.marks import Mark, View, marks_of
from .quotas import parse_limit


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """What one ``rate_limit`` declares for a view."""

    limit: str | Callable[[], str]
    #: The options of Flask-Limiter's ``Limiter.limit``.
    options: Mapping[str, Any]

    @property
    def overrides_defaults(self) -> bool:
        """Whether the default limits do not hold where this one does."""
        return bool(self.options.get("override_defaults", True))

    @property
    def varies(self) -> bool:
        """Whether a function gives the limit, or what it counts together, for each request."""
        return callable(self.limit) or callable(self.options.get("scope"))

    def holds_for(self, method: str) -> bool:
        """Whether a method is among those that the declaration names, if it names any."""
        methods = self.options.get("methods")
        return methods is None or method.lower() in {name.lower() for name in methods}


def rate_limit(limit: str | Callable[[], str], **options: Any) -> Callable[[View], View]:
    """Limit how often a client may call a view.

    A client that calls more often gets a 429 that says when to try again (RFC 6585 section 4).

    :param limit: A text such as ``"10/second"`` or ``"10/second; 1000/day"``, or a function that
        returns one.
    :param options: The options of Flask-Limiter's ``Limiter.limit``: ``key_func``, ``per_method``,
        ``methods``, ``error_message``, ``exempt_when``, ``override_defaults``, ``deduct_when``,
        ``on_breach``, ``cost``, ``scope``, ``meta_limits``.
    :returns: The decorator for the view.
    :raises ValueError: when the limit cannot be read.
    :raises TypeError: for an option that Flask-Limiter does not have.
    """
    from flask_limiter import Limiter

    try:
        signature(Limiter.limit).bind(None, limit, **options)
    except TypeError as error:
        raise TypeError(
            f"@rate_limit: {error}. It takes the options of Flask-Limiter's Limiter.limit."
        ) from None
    if not callable(limit):
        parse_limit(limit, f"@rate_limit({limit!r})")
    declaration = Declaration(limit, options)

    def check(req: Request, state: RequestState) -> None:
        counting = state.app.rate_limits.active()
        if counting is not None:
            counting.count_declaration(declaration, req, state)

    mark = Mark("rate_limit", (limit, declaration), is_guard=False)
    return lambda view: guard(view, mark, Check(Order.RATE_LIMIT, check))


def declarations_of(view: Any, method: str) -> list[Declaration]:
    """What ``rate_limit`` declares for a view, on itself or on the method of its class."""
    cls = getattr(view, "view_class", None)
    handler = getattr(cls, method.lower(), None)
    if handler is None and method == "HEAD":
        handler = getattr(cls, "get", None)
    return [
        mark.values[1]
        for function in (view, handler)
        for mark in marks_of(function)
        if mark.name == "rate_limit"
    ]
