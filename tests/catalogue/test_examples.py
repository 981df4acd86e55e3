"""Promises of the examples: the catalogue shows what the app really answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from marshmallow import Schema, ValidationError, fields
from werkzeug.exceptions import Conflict, NotFound

from flask_apierrors import (
    ApiError,
    ApiErrors,
    consumes,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._catalogue.catalogue import catalogue
from flask_apierrors._catalogue.causes import Kind, bare
from flask_apierrors._catalogue.examples import example_exception
from flask_apierrors._catalogue.model import Entry
from flask_apierrors._catalogue.routes import NOWHERE
from tests.conftest import view_of

MakeApp = Callable[..., Flask]

QUOTA = "quota-exceeded"


def header_names(entry: Entry) -> list[str]:
    return [field.name for field in entry.headers]


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    errors = ApiErrors()
    errors.verify_token(lambda token: {"permissions": []} if token == "poor" else None)
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors", MAX_CONTENT_LENGTH=100)

    @app.get("/vessels/<int:imo>/<path:expression>")
    @requires_permissions("vessels:read", "vessels:list")
    @produces("application/json", "text/csv")
    def vessel(imo: int, expression: str) -> str:
        return ""

    @app.post("/vessels")
    @requires_json
    @raises(ValidationError)
    def register() -> str:
        Schema.from_dict({"limit": fields.Integer()})().load(request.get_json())
        return ""

    @app.get("/vessels")
    @raises(ValidationError)
    def vessels() -> str:
        Schema.from_dict({"limit": fields.Integer()})().load(request.args)
        return ""

    @app.patch("/notes")
    @consumes("text/csv", "text/plain")
    def note() -> str:
        return ""

    @app.get("/crash")
    @raises(Conflict)
    def crash() -> str:
        if request.args:
            raise Conflict
        raise ZeroDivisionError

    return app


def test_the_examples_are_what_the_app_answers(app: Flask) -> None:
    client = app.test_client()
    poor = {"Authorization": "Bearer poor"}
    many: dict[str, Any] = {"data": "{" + " " * 100, "content_type": "application/json"}
    provoked = {
        "not-found": client.get("/"),
        "unauthorized": client.get("/vessels/1/x"),
        "invalid-token": client.get("/vessels/1/x", headers={"Authorization": "Bearer bad"}),
        "forbidden": client.get("/vessels/1/x", headers=poor),
        "method-not-allowed": client.post("/crash"),
        "unsupported-media-type": client.patch("/notes", data="x", content_type="text/xml"),
        "request-entity-too-large": client.post("/vessels", **many),
        "validation-failed": client.get("/vessels?limit=x"),
        "conflict": client.get("/crash?x=1"),
        "internal-server-error": client.get("/crash"),
    }
    contract = catalogue(app)
    common = {field.name for field in contract.headers}
    for type_, answer in provoked.items():
        entry = contract.error(type_)
        assert (entry.status, entry.example) == (answer.status_code, answer.get_json())
        names = {name for name, _ in answer.headers} - {*common, "Content-Length"}
        assert names <= set(header_names(entry)), type_
        assert common <= set(answer.headers.keys())
        for field in entry.headers:
            assert sorted(answer.headers.get(field.name, "missing").split(", ")) == sorted(
                field.example.split(", ")
            )


@pytest.mark.parametrize("names", [("key",), ("bearer", "key"), ("BASIC",)])
def test_the_example_of_a_401_names_what_all_guards_accept(
    make_app: MakeApp, names: tuple[str, ...]
) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: None)
    errors.verify_key(header="X-API-Key")(lambda key: None)
    errors.verify_basic(lambda username, password: None)
    app = make_app(errors)
    view = requires_auth(*names)(requires_permissions("read")(lambda: ""))
    app.add_url_rule("/vessels", "vessels", view)
    answer = app.test_client().get("/vessels")
    assert catalogue(app).error("unauthorized").example == answer.get_json()


def test_the_example_of_a_406_is_what_the_app_answers(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=produces("text/csv", "text/plain")(view_of()))
    answer = app.test_client().get("/x", headers={"Accept": "image/png"})
    assert catalogue(app).error("not-acceptable").example == answer.get_json()


@pytest.mark.parametrize(
    "guard", [requires_json, consumes("text/csv"), consumes("text/csv", "application/json")]
)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_the_example_of_a_415_is_what_the_app_answers(
    make_app: MakeApp, guard: Any, method: str
) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=guard(view_of()), methods=[method])
    answer = app.test_client().open("/x", method=method, data="x", content_type="text/xml")
    entry = catalogue(app).error("unsupported-media-type")
    assert entry.example == answer.get_json()
    assert {name: value for name, value in answer.headers if name.startswith("Accept")} == {
        field.name: field.example for field in entry.headers
    }


def test_the_example_of_a_429_is_what_the_app_answers(make_app: MakeApp) -> None:
    app = make_app(RATELIMIT_APPLICATION="2/day")
    app.add_url_rule("/x", view_func=rate_limit("1/day")(view_of()))
    app.test_client().get("/x")
    answer = app.test_client().get("/x", headers={"Accept": "application/problem+json"})
    assert answer.status_code == 429
    entry = catalogue(app).error(QUOTA)
    assert entry.problem_example.keys() == answer.get_json().keys()
    assert (
        {"Retry-After", "RateLimit", "RateLimit-Policy"}
        == set(header_names(entry))
        <= set(answer.headers.keys())
    )
    fields = {field.name: field.example for field in entry.headers}
    assert f"Retry after {fields['Retry-After']} seconds." in entry.example["error"]


@pytest.mark.parametrize(
    ("limit", "seconds"), [("1/day", "43200"), ("5/minute; 1/day", "30"), ("1/second", "1")]
)
def test_the_example_of_a_429_is_in_the_middle_of_the_first_window(
    make_app: MakeApp, limit: str, seconds: str
) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=rate_limit(limit)(view_of()))
    fields = {field.name: field.example for field in catalogue(app).error(QUOTA).headers}
    assert fields["Retry-After"] == seconds
    assert fields["RateLimit"].endswith(f";r=0;t={seconds}")


def test_the_example_of_a_429_invents_no_limit(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=rate_limit(lambda: request.args["limit"])(view_of()))
    entry = catalogue(app).error(QUOTA)
    assert entry.status == 429
    assert "the limit is" not in entry.example["error"]
    assert not {"RateLimit", "RateLimit-Policy"} & set(header_names(entry))
    assert "limit" not in entry.problem_example


def test_an_example_does_not_need_the_init_of_its_class(make_app: MakeApp) -> None:
    class Wanted(ApiError, NotFound):
        def __init__(self, name: str) -> None:
            super().__init__(f"{name} is wanted.")

    app = make_app()
    app.add_url_rule("/x", view_func=raises(Wanted)(view_of()))
    exc = example_exception(Kind(404, "wanted", Wanted), NOWHERE, app.extensions["apierrors"])
    assert isinstance(exc, Wanted)
    assert catalogue(app).error("wanted").example == {"error": "Wanted."}


@pytest.mark.parametrize("status", [400, 403, 404, 406, 413, 429, 499, 500, 503, 599])
def test_an_example_without_a_guard_is_the_plain_error(make_app: MakeApp, status: int) -> None:
    app = make_app()
    exc = example_exception(bare(status), NOWHERE, app.extensions["apierrors"])
    plain = ApiError(status=status)
    assert isinstance(exc, ApiError)
    assert (exc.code, exc.description, exc.get_headers()) == (
        status,
        plain.description,
        plain.get_headers(),
    )
