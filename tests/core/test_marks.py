from __future__ import annotations

from functools import wraps

from werkzeug.exceptions import NotFound

from flask_apierrors import raises, requires_auth, requires_json
from flask_apierrors._core.marks import Mark, add_mark, marks_of


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
