from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.views import MethodView

from flask_apierrors import ApiErrors, consumes, requires_auth, requires_json

MERGE = "application/merge-patch+json"


def fields(app: Flask, url: str = "/") -> list[str]:
    response = app.test_client().options(url)
    assert response.status_code == 200
    return response.headers.getlist("Accept-Patch")


def test_options_names_the_formats_of_patch(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/")
    def get() -> str:
        return ""

    @app.patch("/")
    @consumes(MERGE, "application/json-patch+json")
    @requires_auth
    def patch() -> str:
        return ""

    assert fields(app) == [f"{MERGE}, application/json-patch+json"]


def test_options_names_the_formats_of_a_method_of_a_class(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    class Berth(MethodView):
        @consumes(MERGE)
        def patch(self, name: str) -> str:
            return name

    app.add_url_rule("/berths/<name>", view_func=Berth.as_view("berth"))
    assert fields(app, "/berths/7") == [MERGE]


def test_options_names_the_formats_that_all_methods_take(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule("/", view_func=requires_json(lambda: ""), methods=["PATCH", "PUT"])
    assert fields(app) == ["application/json"]


@pytest.mark.parametrize("methods", [["GET"], ["PATCH"]])
def test_options_names_no_formats_that_no_guard_knows(
    methods: list[str], make_app: Callable[..., Flask]
) -> None:
    app = make_app()
    app.add_url_rule("/", view_func=requires_auth(lambda: ""), methods=methods)
    assert fields(app) == []


def test_options_outside_the_api_are_flasks(make_app: Callable[..., Flask]) -> None:
    app = make_app(APIERRORS_URL_PREFIXES=("/api",))
    app.add_url_rule("/", view_func=requires_json(lambda: ""), methods=["PATCH"])
    assert fields(app) == []


def test_an_options_response_of_another_extension_keeps_its_fields() -> None:
    app = Flask("harbour")

    def make() -> object:
        response = app.response_class(headers={"Accept-Patch": "text/plain", "X-Mine": "a"})
        response.allow.add("PATCH")
        return response

    app.make_default_options_response = make  # type: ignore[method-assign,assignment]
    ApiErrors(app)
    app.add_url_rule("/", view_func=requires_json(lambda: ""), methods=["PATCH"])
    response = app.test_client().options("/")
    assert (response.headers["X-Mine"], fields(app)) == ("a", ["text/plain"])
