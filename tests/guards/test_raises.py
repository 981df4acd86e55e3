from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import NotFound

from flask_apierrors import ApiError, raises
from flask_apierrors._core.marks import Mark, marks_of


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
