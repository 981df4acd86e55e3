from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask, Request, request
from marshmallow import fields
from webargs.flaskparser import use_args, use_kwargs
from werkzeug.exceptions import UnprocessableEntity

from flask_apierrors import requires_json
from flask_apierrors._core.config import Config
from flask_apierrors._core.errors import FieldError
from flask_apierrors._libraries.webargs import Webargs, describe_locations
from tests.libraries.schemas import Order

NOT_AN_INTEGER = "Not a valid integer."
MISSING = "Missing data for required field."


# -- locations


def test_each_location_of_webargs_is_named() -> None:
    invalid = describe_locations(
        {
            "query": {"a": ["no"]},
            "headers": {"b": ["no"]},
            "json": {"c": ["no"]},
            "view_args": {"d": ["no"]},
        },
        20,
    )
    assert invalid.errors == (
        FieldError("no", parameter="a", location="query"),
        FieldError("no", parameter="b", location="header"),
        FieldError("no", pointer="#/c"),
        FieldError("no", parameter="d", location="path"),
    )


def test_all_locations_together_have_one_limit() -> None:
    invalid = describe_locations(
        {"query": {n: ["no"] for n in range(15)}, "json": {n: ["no"] for n in range(15)}}, 20
    )
    assert (len(invalid.errors), invalid.more) == (20, 10)
    invalid = describe_locations(
        {"query": {n: ["no"] for n in range(25)}, "json": {n: ["no"] for n in range(15)}}, 20
    )
    assert (len(invalid.errors), invalid.more) == (20, 20)


def test_an_unknown_location_is_a_part_of_the_tree() -> None:
    assert (
        describe_locations({"session": {"a": ["no"]}, 5: "x"}, 20).sentence
        == "Invalid 'session.a': no; Invalid '[5]': x"
    )


# -- answers


@pytest.fixture
def api(make_app: Callable[..., Flask]) -> Flask:
    app = make_app(APIERRORS_MEMBERS=("error", "errors"))
    limit = {"limit": fields.Int(required=True)}

    for location in ("query", "json", "headers", "cookies", "form", "view_args", "json_or_form"):

        @app.route(f"/{location}", endpoint=location, methods=["GET", "POST"])
        @app.route(f"/{location}/<limit>", endpoint=f"{location}_path")
        @use_args(limit, location=location, unknown=ma.EXCLUDE)
        def view(args: dict[str, Any], **values: Any) -> dict[str, Any]:
            return args

    @app.post("/teapot")
    @use_kwargs(
        limit,
        location="json",
        error_status_code=418,
        error_headers={"X-Mine": "a", "Cache-Control": "max-age=1"},
    )
    def teapot(limit: int) -> str:
        return "tea"

    @app.post("/order")
    @use_args(Order(), location="json")
    def order(args: dict[str, Any]) -> dict[str, Any]:
        return args

    @app.post("/guarded")
    @requires_json
    @use_args(Order(), location="json")
    def guarded(args: dict[str, Any]) -> dict[str, Any]:
        return args

    return app


@pytest.mark.parametrize(
    ("method", "url", "options", "where"),
    [
        ("GET", "/query?limit=x", {}, {"parameter": "limit", "in": "query"}),
        ("POST", "/json", {"json": {"limit": "x"}}, {"pointer": "#/limit"}),
        ("GET", "/headers", {"headers": {"limit": "x"}}, {"parameter": "limit", "in": "header"}),
        (
            "GET",
            "/cookies",
            {"headers": {"Cookie": "limit=x"}},
            {"parameter": "limit", "in": "cookie"},
        ),
        ("POST", "/form", {"data": {"limit": "x"}}, {"pointer": "#/limit"}),
        ("GET", "/view_args/x", {}, {"parameter": "limit", "in": "path"}),
        ("POST", "/json_or_form", {"json": {"limit": "x"}}, {"pointer": "#/limit"}),
    ],
)
def test_an_error_says_where_the_value_was(
    api: Flask, method: str, url: str, options: Any, where: dict[str, str]
) -> None:
    response = api.test_client(use_cookies=False).open(url, method=method, **options)
    assert response.status_code == 400
    assert response.get_json() == {
        "error": "Invalid 'limit': Not a valid integer.",
        "errors": [{"detail": NOT_AN_INTEGER, **where}],
    }


def test_the_status_is_the_configured_one(make_app: Callable[..., Flask]) -> None:
    for status in (400, 422):
        app = make_app(APIERRORS_VALIDATION_STATUS=status)
        app.add_url_rule(
            "/",
            view_func=use_args({"limit": fields.Int(required=True)}, location="query")(
                lambda args: args
            ),
        )
        response = app.test_client().get("/")
        assert response.status_code == status
        assert response.get_json() == {"error": f"Invalid 'limit': {MISSING}"}


def test_an_explicit_status_and_explicit_headers_are_kept(api: Flask) -> None:
    response = api.test_client().post("/teapot", json={"limit": "x"})
    assert response.status_code == 418
    assert response.get_json()["error"] == "Invalid 'limit': Not a valid integer."
    assert response.headers["X-Mine"] == "a"
    assert response.headers.getlist("Cache-Control") == ["max-age=1"]


@pytest.mark.parametrize("data", [None, "text", {}, {"messages": "text"}])
def test_an_exception_without_messages_keeps_its_own_text(
    make_app: Callable[..., Flask], data: Any
) -> None:
    def view() -> Any:
        refusal = UnprocessableEntity("My text.")
        refusal.exc, refusal.data = ValueError(), data  # type: ignore[attr-defined]
        raise refusal

    app = make_app()
    app.add_url_rule("/", view_func=view)
    response = app.test_client().get("/")
    assert (response.status_code, response.get_json()) == (422, {"error": "My text."})


def test_a_pointer_into_a_dict_leads_to_the_value(api: Flask) -> None:
    response = api.test_client().post(
        "/order", json={"prices": {"eur": "x"}, "vessels": {"a": {"value": "x", "name": "b"}}}
    )
    assert [error["pointer"] for error in response.get_json()["errors"]] == [
        "#/prices/eur",
        "#/vessels/a/value",
    ]


@pytest.mark.parametrize("body", [b'{"limit": ', b"\xff", b"[1] 2"])
def test_a_body_that_webargs_cannot_parse_is_told_as_by_get_json(api: Flask, body: bytes) -> None:
    api.add_url_rule("/own", view_func=lambda: request.get_json(), methods=["POST"])
    for accept in ("application/json", "application/problem+json"):
        own, webargs = (
            api.test_client().post(
                path,
                data=body,
                content_type="application/json",
                headers={"Accept": accept, "X-Request-ID": "1"},
            )
            for path in ("/own", "/order")
        )
        assert webargs.status_code == 400
        assert webargs.get_json() | {"instance": ""} == own.get_json() | {"instance": ""}


def test_a_compressed_body_of_webargs_is_a_415(api: Flask) -> None:
    response = api.test_client().post(
        "/order",
        data=gzip.compress(b"{}"),
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert (response.status_code, response.headers["Accept-Encoding"]) == (415, "identity")


def test_json_that_webargs_alone_refuses_says_where(api: Flask) -> None:
    # webargs decodes a byte order mark as text.
    response = api.test_client().post(
        "/order", data=b"\xef\xbb\xbf{}", content_type="application/json"
    )
    assert (response.status_code, response.get_json()["error"]) == (
        400,
        "Malformed JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1 column 1.",
    )


DEPTH = b"[" * 5_000
NESTED = b'{"child":' * 150 + b"1" + b"}" * 150


@pytest.mark.parametrize("body", [DEPTH, b'{"child":' + DEPTH, b'{"limit":' + b"9" * 5_000 + b"}"])
def test_json_that_crashes_webargs_is_refused_as_by_get_json(
    api: Flask, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    api.add_url_rule("/own", view_func=lambda: request.get_json(), methods=["POST"])
    own, webargs = (
        api.test_client().post(path, data=body, content_type="application/json")
        for path in ("/own", "/order")
    )
    assert webargs.status_code == 400
    assert webargs.get_json() == own.get_json()
    assert not caplog.records


def test_json_that_is_too_deep_for_a_schema_is_refused(make_app: Callable[..., Flask]) -> None:
    class Node(ma.Schema):
        child = fields.Nested(lambda: Node())

    app = make_app()
    app.add_url_rule("/", view_func=use_args(Node())(lambda args: {}), methods=["POST"])
    response = app.test_client().post("/", data=NESTED, content_type="application/json")
    assert response.status_code == 400
    assert response.get_json() == {"error": "Malformed JSON: it is nested too deeply."}


def test_a_crash_beside_webargs_is_a_crash(make_app: Callable[..., Flask]) -> None:
    def crash(value: object) -> None:
        raise recursion if value == "deep" else ValueError("secret")

    recursion = RecursionError("secret")
    app = make_app()
    arguments = {"a": fields.Raw(validate=crash)}
    app.add_url_rule("/validator", "a", use_args(arguments, location="query")(lambda args: {}))
    app.add_url_rule("/view", "b", lambda: str(int("x")))
    for url in ("/validator?a=deep", "/validator?a=x", "/view"):
        response = app.test_client().get(url)
        assert (response.status_code, "secret" in response.text) == (500, False)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"limit":' + b"9" * 5_000 + b"}", b'{"limit": NaN}', b"", b"\xff"]
)
def test_a_guard_parses_the_body_before_webargs_does(api: Flask, body: bytes) -> None:
    response = api.test_client().post("/guarded", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.get_json()["error"].startswith("Malformed JSON: ")


def test_values_that_a_client_sent_are_never_echoed(api: Flask) -> None:
    secret = "hunter2"
    body = {
        "limit": secret,
        "prices": {"eur": secret},
        "items": [{"name": 5, "position": secret}],
        "numbers": secret,
    }
    for accept in ("application/json", "application/problem+json"):
        response = api.test_client().post("/order", json=body, headers={"Accept": accept})
        assert response.status_code == 400
        assert secret not in response.text


def test_an_exception_whose_messages_are_a_text_is_not_one_of_webargs() -> None:
    exc = UnprocessableEntity()
    vars(exc).update(exc=None, data={"messages": "no"})
    assert Webargs().describe(exc, Request({}), Config()) is None
