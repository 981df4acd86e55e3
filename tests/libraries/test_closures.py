from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flask_apierrors._libraries.closures import closure_of


def guard(view: Callable[..., Any], role: str = "admin") -> Callable[..., Any]:
    @functools.wraps(view)
    def decorated() -> Any:
        return view(), role

    return decorated


def view() -> str:
    return "view"


def test_a_wrapper_is_known_by_where_its_code_is_written() -> None:
    wrapper = guard(view)
    assert wrapper.__name__ == "view"
    assert closure_of(wrapper, __name__, "decorated") == {"view": view, "role": "admin"}


def test_anything_else_is_not_that_wrapper() -> None:
    assert closure_of(guard(view), __name__, "other") is None
    assert closure_of(guard(view), "elsewhere", "decorated") is None
    for other in (view, len, functools.partial(view), object(), None):
        assert closure_of(other, __name__, "decorated") is None


def test_a_wrapper_without_variables_has_an_empty_closure() -> None:
    assert closure_of(view, __name__, "view") == {}
