"""The ``rate_limit`` decorator, and the limits that it declares for views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from flask import Request

from .._core.marks import Mark, View, marks_of_view
from .._core.state import RequestState, current_request
from .._guards.authentication import known_principal
from .._guards.guard import Check, Order, guard
from .._guards.misuse import MissingLimit

#: The name of the marks that :func:`rate_limit` leaves.
RATE_LIMIT = "rate_limit"


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """The arguments of one ``rate_limit`` on a view."""

    limit: str | Callable[[], str | None]
    #: The options of Flask-Limiter's ``Limiter.limit``.
    options: Mapping[str, Any]

    @property
    def overrides_defaults(self) -> bool:
        """Whether this limit replaces the default ones."""
        return bool(self.options.get("override_defaults", True))

    @property
    def has_varying_options(self) -> bool:
        """Whether the scope or a meta limit can differ from request to request."""
        meta_limits = self.options.get("meta_limits") or ()
        return callable(self.options.get("scope")) or not all(
            isinstance(each, str) for each in meta_limits
        )

    @property
    def varies(self) -> bool:
        """Whether the limit, or an option, can differ from request to request."""
        return callable(self.limit) or self.has_varying_options

    def holds_for(self, method: str) -> bool:
        """Return whether the limit applies to a method."""
        method = "GET" if method == "HEAD" else method
        methods = self.options.get("methods")
        return methods is None or method.lower() in {name.lower() for name in methods}


def rate_limit(limit: str | Callable[..., str | None], **options: Any) -> Callable[[View], View]:
    """Limit how often a client may call a view.

    A client that calls more often gets a 429 that says when to retry (RFC 6585 section 4).

    :param limit: A text such as ``"10/second"`` or ``"10/second; 1000/day"``, or a function that
        returns such a text, or ``None`` for a request without a limit. If the function takes an
        argument, it gets the principal, or ``None`` for an anonymous client.
    :param options: The options of Flask-Limiter's ``Limiter.limit``: ``key_func``, ``per_method``,
        ``methods``, ``error_message``, ``exempt_when``, ``override_defaults``, ``deduct_when``,
        ``on_breach``, ``cost``, ``scope``, ``meta_limits``.
    :returns: The decorator.
    :raises ValueError: if the limit cannot be parsed.
    :raises TypeError: for an option that Flask-Limiter does not have.
    """
    from flask_limiter import Limiter

    from .quotas import parse_limit

    try:
        signature(Limiter.limit).bind(None, limit, **options)
    except TypeError as error:
        raise TypeError(
            f"@rate_limit: {error}. It takes the options of Flask-Limiter's Limiter.limit."
        ) from None
    window = 0
    if callable(limit):
        declaration = Declaration(_without_argument(limit), options)
    else:
        limits = parse_limit(limit, f"@rate_limit({limit!r})")
        declaration = Declaration(limit, options)
        # What is refused for a short window takes nothing from a long one.
        window = min(each.get_expiry() for each in limits)

    def check(req: Request, state: RequestState) -> None:
        counting = state.app.rate_limits.active()
        if counting is not None:
            counting.count(declaration, req, state)

    mark = Mark(RATE_LIMIT, (limit, declaration), is_guard=False)

    def decorate(view: View) -> View:
        return guard(view, mark, Check(Order.RATE_LIMIT, check, window))

    if callable(limit):
        decorate.required_methods = MissingLimit(limit)  # type: ignore[attr-defined]
    return decorate


def _without_argument(limit: Callable[..., str | None]) -> Callable[[], str | None]:
    """Give the principal to a function that takes an argument."""
    try:
        signature(limit).bind()
    except TypeError:
        return lambda: limit(known_principal(current_request()))
    except ValueError:
        pass  # a built-in function without a signature
    return limit


def declarations_of(view: Any, method: str) -> tuple[Declaration, ...]:
    """Return the declarations for a method, on a view or on the method of its class."""
    marks = [mark for mark in marks_of_view(view, method) if mark.name == RATE_LIMIT]
    return tuple(mark.values[1] for mark in marks if mark.values[1].holds_for(method))
