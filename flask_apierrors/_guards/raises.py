"""``raises``: errors that a view declares."""

from __future__ import annotations

from collections.abc import Callable

from .._core.marks import Mark, View, add_mark, check_view

#: The name of the marks that :func:`raises` leaves.
RAISES = "raises"


def raises(*errors: type[Exception]) -> Callable[[View], View]:
    """Declare errors that a view raises, for the reference page and OpenAPI.

    It changes nothing at run time.

    :param errors: Subclasses of ``HTTPException``, marshmallow's ``ValidationError``, and classes
        that ``errors.convert`` converts.
    :returns: The decorator. It returns the view itself.
    :raises TypeError: for anything but classes of exceptions, and for ``Exception`` itself.
    """
    check_errors(errors, "@raises")

    def decorate(view: View) -> View:
        check_view(view, RAISES)
        add_mark(view, Mark(RAISES, errors, errors=errors, is_guard=False))
        return view

    return decorate


def check_errors(errors: tuple[object, ...], name: str) -> None:
    """Check that errors are declared by their classes.

    :param errors: What an author gave.
    :param name: To what.
    :raises TypeError: if one is no class of exceptions, or ``Exception`` itself.
    """
    for error in errors:
        is_exception = isinstance(error, type) and issubclass(error, Exception)
        if not is_exception or error is Exception:
            raise TypeError(
                f"{name} takes classes of exceptions, such as subclasses of ApiError, not "
                f"{error!r}."
            )
