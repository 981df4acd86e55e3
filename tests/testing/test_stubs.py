from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView, View

from flask_apierrors import ApiErrors, requires_json
from flask_apierrors._testing.stubs import Crash, ViewReached, stubbed, views_raise


def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Items(MethodView):
    def get(self) -> Any:
        return "real"


class Dispatching(View):
    def dispatch_request(self) -> Any:
        return "real"


def plain() -> str:
    return "real"


async def asynchronous() -> str:
    return "real"


def with_surroundings() -> Any:
    first, second = "re", "al"

    def view() -> str:
        return first + second

    return view


def generator() -> Iterator[str]:
    yield "real"


VIEWS = {
    "plain": plain,
    "async": asynchronous,
    "closure": with_surroundings(),
    "generator": generator,
    "decorated": decorator(decorator(with_surroundings())),
    "guarded": requires_json(decorator(plain)),
    "method view": Items.as_view("items"),
    "view": Dispatching.as_view("dispatching"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_replaced_for_a_while(name: str) -> None:
    if name == "async":
        pytest.importorskip("asgiref")
    app = Flask("app")
    ApiErrors(app)
    app.add_url_rule("/x", "x", VIEWS[name])
    client = app.test_client()
    with stubbed(app) as untouched:
        assert not untouched
        with pytest.raises(ViewReached):
            client.get("/x")
        if name != "generator":  # what it raises comes after the status
            with views_raise(Crash):
                assert client.get("/x").status_code == 500
        with pytest.raises(ViewReached):
            client.get("/x")
    assert client.get("/x").text == "real"


def test_a_view_without_python_code_is_left_alone() -> None:
    app = Flask("app")
    app.add_url_rule("/x", "x", dict)
    with stubbed(app) as untouched:
        assert untouched == {"x"}
        assert app.test_client().get("/x").get_json() == {}


def test_views_are_back_after_an_error() -> None:
    app = Flask("app")
    app.add_url_rule("/x", "x", plain)
    with pytest.raises(LookupError), stubbed(app):
        raise LookupError
    assert plain() == "real"
