"""Marks: what a decorator leaves on a view, for the catalogue to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Blueprint, Flask

if TYPE_CHECKING:
    from .state import AppState

_ATTRIBUTE = "__apierrors__"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Mark:
    """What one decorator on one view means.

    Two marks are equal if their name and their values are.

    :param name: The name of the decorator.
    :param values: The arguments of the decorator, such as the names of permissions.
    :param statuses: The statuses that the guard answers with when it refuses a request.
    :param errors: The classes of exceptions that it raises, if they have a name of their own.
    :param condition: What a request needs, in a sentence for the reference page, such as
        ``"Needs an API key."``.
    :param authenticates: Whether only authenticated requests pass.
    :param permissions: The permissions that a request needs: the scopes in OpenAPI.
    :param security: OpenAPI security schemes by their names. A request satisfies one of them.
    :param is_optional: Whether clients are told that they may come without credentials.
    :param offers: Whether a client chooses one of the values. For other guards it must have all of
        them.
    :param is_guard: Whether it is listed among the guards of a view.
    :param implies: Marks whose meaning this one includes.
    :param resolve: Returns the mark with what it means in one app, if that depends on the app, such
        as on its authentication schemes.
    :param refusal: Makes the exception that the guard raises for a status and a method, for the
        examples on the reference page. Without it the example is the plain error.
    """

    name: str
    values: tuple[Any, ...] = ()
    statuses: tuple[int, ...] = field(default=(), compare=False)
    errors: tuple[type[Exception], ...] = field(default=(), compare=False)
    condition: str = field(default="", compare=False)
    authenticates: bool = field(default=False, compare=False)
    permissions: tuple[str, ...] = field(default=(), compare=False)
    security: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    is_optional: bool = field(default=False, compare=False)
    offers: bool = field(default=False, compare=False)
    is_guard: bool = field(default=True, compare=False)
    implies: tuple[Mark, ...] = field(default=(), compare=False)
    resolve: Callable[[Mark, AppState], Mark] | None = field(
        default=None, compare=False, repr=False
    )
    refusal: Callable[[int, str, AppState], Exception | None] | None = field(
        default=None, compare=False, repr=False
    )


def mark_in(app: AppState, mark: Mark) -> Mark:
    """Return a mark with what it means in an app."""
    return mark if mark.resolve is None else mark.resolve(mark, app)


def marks_of(view: object) -> tuple[Mark, ...]:
    """Return the marks of a view, the innermost decorator's first."""
    marks: tuple[Mark, ...] = getattr(view, _ATTRIBUTE, ())
    return marks


def marks_of_view(view: object, method: str) -> list[Mark]:
    """Return the marks of a view, and of the method of its class."""
    cls = getattr(view, "view_class", None)
    handler = getattr(cls, method.lower(), None)
    if handler is None and method == "HEAD":
        handler = getattr(cls, "get", None)
    return [mark for function in (view, handler) for mark in marks_of(function)]


def check_view(view: object, name: str) -> None:
    """Check that a decorator stands on a view.

    :param name: The name of the decorator.
    :raises TypeError: if it would have no effect there.
    """
    if isinstance(view, type):
        raise TypeError(
            f"@{name} stands on the class {view.__name__}. Write `decorators = [{name}]` in the "
            "class, with the arguments of the decorator, or decorate its methods."
        )
    if isinstance(view, Flask | Blueprint):
        raise TypeError(
            f"@{name} cannot decorate an app or a blueprint. Write errors.guard(blueprint, {name}),"
            " with the arguments of the decorator."
        )
    if not callable(view):
        raise TypeError(f"@{name} decorates a view, not {view!r}.")


def add_mark(view: object, mark: Mark) -> None:
    """Mark a view, with a new tuple: ``functools.wraps`` copies references to other views."""
    setattr(view, _ATTRIBUTE, (*marks_of(view), mark))
