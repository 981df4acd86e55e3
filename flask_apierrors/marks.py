"""Marks: what a decorator leaves on a view, for the catalogue to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from werkzeug.exceptions import HTTPException

_ATTRIBUTE = "__apierrors__"

View = TypeVar("View", bound=Callable[..., Any])


class Mark(NamedTuple):
    """One decorator on one view: its name and what it was given."""

    name: str
    values: tuple[Any, ...] = ()


def marks_of(view: object) -> tuple[Mark, ...]:
    """The marks of a view, the innermost decorator's first."""
    marks: tuple[Mark, ...] = getattr(view, _ATTRIBUTE, ())
    return marks


def add_mark(view: object, mark: Mark) -> None:
    """Mark a view. A new tuple each time: ``functools.wraps`` copies the reference, and views must not share marks."""
    setattr(view, _ATTRIBUTE, (*marks_of(view), mark))


def raises(*errors: type[HTTPException]) -> Callable[[View], View]:
    """Declare errors that the view raises, for the reference page and OpenAPI. Changes nothing at run time.

    :raises TypeError: for anything but classes of ``HTTPException``.
    """
    for error in errors:
        if not (isinstance(error, type) and issubclass(error, HTTPException)):
            raise TypeError(f"@raises takes subclasses of ApiError or of Werkzeug's HTTPException, not {error!r}.")

    def decorate(view: View) -> View:
        add_mark(view, Mark("raises", errors))
        return view

    return decorate
