"""Marks: what a decorator leaves on a view, for the catalogue to read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

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


def raises(*errors: type[Exception]) -> Callable[[View], View]:
    """Declare errors that the view raises, for the reference page and OpenAPI. Changes nothing at run time.

    Takes classes of ``HTTPException``, marshmallow's ``ValidationError``, and what ``errors.convert`` makes an answer.

    :raises TypeError: for anything but classes of exceptions, and for ``Exception`` itself.
    """
    for error in errors:
        if not (isinstance(error, type) and issubclass(error, Exception)) or error is Exception:
            raise TypeError(
                f"@raises takes classes of exceptions, such as subclasses of ApiError, not {error!r}."
            )

    def decorate(view: View) -> View:
        add_mark(view, Mark("raises", errors))
        return view

    return decorate
