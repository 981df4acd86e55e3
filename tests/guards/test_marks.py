from __future__ import annotations

from functools import wraps
from typing import Any

import pytest
from werkzeug.exceptions import NotFound

from flask_apierrors import ApiError, raises, requires_auth, requires_json
from flask_apierrors._guards.marks import Mark, add_mark, marks_of


class VesselNotFound(ApiError, NotFound):
    """No such vessel."""


def test_raises_leaves_a_mark_and_changes_nothing_else() -> None:
    def view(number: int) -> int:
        return number + 1

    marked = raises(VesselNotFound, NotFound)(view)
    assert marked is view
    assert marked(1) == 2
    assert marks_of(view) == (Mark("raises", (VesselNotFound, NotFound)),)


def test_raises_accepts_exceptions_that_can_be_converted() -> None:
    def view() -> None: ...

    assert marks_of(raises(LookupError)(view)) == (Mark("raises", (LookupError,)),)


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt, Exception, NotFound(), VesselNotFound("text"), 404, "not-found", None],
)
def test_raises_accepts_only_classes_of_exceptions(error: Any) -> None:
    with pytest.raises(TypeError, match=r"@raises takes classes of exceptions, .* not "):
        raises(error)


def test_other_objects_have_no_marks() -> None:
    assert marks_of(len) == ()
    assert marks_of(None) == ()


def test_marks_are_in_the_order_of_decoration() -> None:
    @requires_auth
    @raises(NotFound)
    @requires_json
    def view() -> None: ...

    assert [mark.name for mark in marks_of(view)] == ["requires_json", "raises", "requires_auth"]


def test_two_views_never_share_marks() -> None:
    def first() -> None: ...

    add_mark(first, Mark("raises"))

    @wraps(first)
    def second() -> None: ...

    add_mark(second, Mark("consumes"))
    assert marks_of(first) == (Mark("raises"),)
    assert marks_of(second) == (Mark("raises"), Mark("consumes"))
