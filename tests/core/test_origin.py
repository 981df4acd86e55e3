from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Request, request, session
from flask.signals import got_request_exception
from flask.testing import FlaskClient
from marshmallow import EXCLUDE, Schema, ValidationError, fields
from werkzeug.exceptions import BadGateway

from flask_apierrors import ApiErrors
from flask_apierrors._core.origin import find, locate

PROBLEM = {"Accept": "application/problem+json"}


class Quote(Schema):
    price = fields.Integer(required=True)


class Search(Schema):
    class Meta:
        unknown = EXCLUDE

    limit = fields.Integer()
    number = fields.Integer()
    ids = fields.List(fields.Integer())
    tenant = fields.Integer(data_key="X-Tenant")
    sid = fields.Integer()
    name = fields.String(required=True)


class Hostile:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


#: What another service answered.
ANSWER = {"internal_margin": 7}


def app_with(
    view: Callable[..., Any], rule: str = "/", errors: ApiErrors | None = None, **config: Any
) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    (errors or ApiErrors()).init_app(app)
    app.add_url_rule(rule, view_func=view, methods=["GET", "POST", "DELETE"])
    return app


# -- whose mistake it is


def test_data_that_no_client_sent_is_a_logged_500(caplog: pytest.LogCaptureFixture) -> None:
    app = app_with(lambda: Quote().load(ANSWER))
    signals: list[Exception] = []
    with got_request_exception.connected_to(
        lambda sender, exception: signals.append(exception), app
    ):
        response = app.test_client().get("/?currency=eur")
    assert response.status_code == 500
    assert response.get_json()["error"].startswith("Internal server error.")
    assert "internal_margin" not in response.text
    (record,) = caplog.records
    assert "internal_margin" in caplog.text
    assert record.levelno == logging.ERROR
    assert isinstance(signals[0], ValidationError)


def test_data_that_no_client_sent_raises_in_tests() -> None:
    app = app_with(lambda: Quote().load(ANSWER), TESTING=True)
    with pytest.raises(ValidationError):
        app.test_client().get("/")


def test_data_that_no_client_sent_can_be_converted() -> None:
    errors = ApiErrors()
    errors.convert(ValidationError, to=BadGateway)
    app = app_with(lambda: Quote().load(ANSWER), errors=errors)
    assert app.test_client().get("/").status_code == 502


def test_the_response_for_data_that_no_client_sent_is_a_500_too() -> None:
    errors = ApiErrors()

    def view() -> Any:
        try:
            return Quote().load(ANSWER)
        except ValidationError as exc:
            return errors.response(exc)

    response = app_with(view, errors=errors).test_client().get("/")
    assert response.status_code == 500
    assert "internal_margin" not in response.text


def read_args() -> None:
    request.args.get("limit")


def read_body() -> None:
    request.get_json(silent=True)


def read_form() -> None:
    request.form.get("limit")


def read_header() -> None:
    request.headers.get("X-Tenant")


def read_cookie() -> None:
    request.cookies.get("sid")


@pytest.mark.parametrize("read", [read_args, read_body, read_form, read_header, read_cookie])
def test_a_view_that_read_the_request_is_answered_with_a_400(read: Callable[[], None]) -> None:
    def view() -> Any:
        read()
        return Quote().load(ANSWER)

    assert app_with(view).test_client().get("/").status_code == 400


def test_a_path_variable_may_be_what_is_invalid() -> None:
    app = app_with(lambda number: Search().load({"number": number}), "/<number>")
    assert app.test_client().get("/x").status_code == 400


def test_a_message_that_an_author_raises_is_for_the_client() -> None:
    def view() -> Any:
        raise ValidationError({"berth": ["It is taken."]})

    response = app_with(view).test_client().get("/")
    assert (response.status_code, response.get_json()) == (
        400,
        {"error": "Invalid 'berth': It is taken."},
    )


def test_the_cookie_of_a_session_is_not_read_by_the_view() -> None:
    def view() -> Any:
        session["user"] = 1
        return Quote().load(ANSWER)

    client = app_with(view, SECRET_KEY="key").test_client()
    assert client.get("/").status_code == 500
    client.set_cookie("session", "forged")
    assert client.get("/").status_code == 500
    client.set_cookie("sid", "x")
    assert client.get("/").status_code == 400


def test_a_block_says_that_its_data_is_the_servers(caplog: pytest.LogCaptureFixture) -> None:
    errors = ApiErrors()

    def view() -> Any:
        order = request.get_json()
        with errors.internal():
            Quote().load(ANSWER)
        return order

    app = app_with(view, errors=errors)
    response = app.test_client().post("/", json={})
    assert response.status_code == 500
    assert "internal_margin" not in response.text
    assert "internal_margin" in caplog.text


def test_such_a_block_passes_everything_else_on() -> None:
    errors = ApiErrors()

    def view() -> Any:
        with errors.internal():
            request.get_json()
        return Quote().load(request.get_json())

    client = app_with(view, errors=errors).test_client()
    assert client.post("/", json={"price": 5}).get_json() == {"price": 5}
    assert client.post("/", data="{", content_type="application/json").status_code == 400
    assert client.post("/", json={}).status_code == 400


def test_such_a_block_may_be_left_by_an_exception_outside_a_request() -> None:
    errors = ApiErrors()
    with pytest.raises(ValidationError), errors.internal():
        Quote().load({})


# -- where it came from


def where(client: FlaskClient, method: str, url: str, **options: Any) -> list[dict[str, Any]]:
    headers = PROBLEM | options.pop("headers", {})
    response = client.open(url, method=method, headers=headers, **options)
    assert response.status_code == 400, response.text
    return [
        {name: value for name, value in error.items() if name != "detail"}
        for error in response.get_json()["errors"]
        if error["detail"] != "Missing data for required field."
    ]


@pytest.mark.parametrize(
    ("method", "url", "load", "options", "place"),
    [
        ("GET", "/?limit=x", lambda: request.args, {}, {"parameter": "limit", "in": "query"}),
        (
            "POST",
            "/?limit=x",
            lambda: request.args.to_dict(),
            {},
            {"parameter": "limit", "in": "query"},
        ),
        (
            "POST",
            "/?limit=x",
            lambda: request.args.to_dict(),
            {"json": {"name": "a"}},
            {"parameter": "limit", "in": "query"},
        ),
        (
            "POST",
            "/?ids=x",
            lambda: request.args.to_dict(flat=False),
            {},
            {"parameter": "ids", "in": "query"},
        ),
        (
            "POST",
            "/?limit=5",
            lambda: {"limit": [request.args.get("limit", type=int)]},
            {},
            {"parameter": "limit", "in": "query"},
        ),
        (
            "GET",
            "/",
            lambda: dict(request.headers),
            {"headers": {"X-Tenant": "x"}},
            {"parameter": "X-Tenant", "in": "header"},
        ),
        (
            "POST",
            "/",
            lambda: {"X-Tenant": request.headers["X-Tenant"]},
            {"headers": {"X-Tenant": "x"}},
            {"parameter": "X-Tenant", "in": "header"},
        ),
        (
            "GET",
            "/",
            lambda: {"X-Tenant": request.headers.get("X-Tenant")},
            {},
            {"parameter": "X-Tenant", "in": "header"},
        ),
        (
            "GET",
            "/",
            lambda: request.cookies.to_dict(),
            {"headers": {"Cookie": "sid=x"}},
            {"parameter": "sid", "in": "cookie"},
        ),
        (
            "POST",
            "/",
            lambda: dict(request.get_json()),
            {"json": {"limit": "x"}},
            {"pointer": "#/limit"},
        ),
        ("POST", "/", lambda: request.form, {"data": {"limit": "x"}}, {"pointer": "#/limit"}),
        ("POST", "/", lambda: request.values, {"data": {"limit": "x"}}, {"pointer": "#/limit"}),
        (
            "POST",
            "/?limit=x",
            lambda: request.values,
            {"data": {"name": "a"}},
            {"parameter": "limit", "in": "query"},
        ),
        (
            "POST",
            "/",
            lambda: {"limit": request.get_data(as_text=True)},
            {"data": "x"},
            {"pointer": "#/limit"},
        ),
    ],
)
def test_a_copy_is_as_good_as_what_it_was_copied_from(
    method: str, url: str, load: Callable[[], Any], options: Any, place: dict[str, str]
) -> None:
    client = app_with(lambda: Search().load(load())).test_client(use_cookies=False)
    assert where(client, method, url, **options) == [place]


def test_each_value_of_merged_data_has_its_own_place() -> None:
    def view(number: str) -> Any:
        data = {**request.args, **request.get_json(), "number": number}
        return Search().load(data)

    client = app_with(view, "/<number>").test_client()
    assert where(client, "POST", "/x?limit=y", json={"ids": "z"}) == [
        {"parameter": "limit", "in": "query"},
        {"parameter": "number", "in": "path"},
        {"pointer": "#/ids"},
    ]


def test_the_body_itself_is_the_body_even_if_the_path_has_the_same_value() -> None:
    app = app_with(lambda number: Search().load(request.get_json()), "/<number>")
    assert where(app.test_client(), "POST", "/x", json={"number": "x"}) == [{"pointer": "#/number"}]


@pytest.mark.parametrize(
    ("method", "read", "options", "place"),
    [
        ("GET", read_args, {}, {"parameter": "name", "in": "query"}),
        ("POST", read_args, {}, {"parameter": "name", "in": "query"}),
        ("POST", read_args, {"json": {}}, {"parameter": "name", "in": "query"}),
        ("POST", read_body, {"json": {}}, {"pointer": "#/name"}),
        ("POST", read_body, {}, {"pointer": "#/name"}),
        ("GET", read_body, {}, {"parameter": "name", "in": "query"}),
        ("GET", read_header, {}, {"parameter": "name", "in": "query"}),
    ],
)
def test_what_is_missing_is_missing_where_the_app_looked(
    method: str, read: Callable[[], None], options: Any, place: dict[str, str]
) -> None:
    def view() -> Any:
        read()
        return Search().load({})

    response = app_with(view).test_client().open("/", method=method, headers=PROBLEM, **options)
    (error,) = response.get_json()["errors"]
    assert error == {"detail": "Missing data for required field.", **place}


def test_a_message_of_the_authors_is_about_the_body_if_there_is_one() -> None:
    def view() -> Any:
        raise ValidationError("It is taken.", "name")

    client = app_with(view).test_client()
    assert where(client, "POST", "/", json={}) == [{"pointer": "#/name"}]
    assert where(client, "POST", "/") == [{"parameter": "name", "in": "query"}]


def test_a_raw_byte_in_the_query_is_not_parsed_to_find_the_place() -> None:
    app = app_with(lambda number: Search().load({"number": number}), "/<number>")
    response = app.test_client().get("/x", environ_overrides={"QUERY_STRING": "limit=\xff"})
    assert response.status_code == 400


def test_a_body_that_cannot_be_parsed_again_has_no_values() -> None:
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "2", "CONTENT_TYPE": "application/json"}
    req = Request(environ)
    vars(req)["stream"] = None
    assert locate({"a": 1}, req)(("a",)) is None


def test_values_that_cannot_be_compared_are_nowhere() -> None:
    def view(number: str) -> Any:
        return {"in": locate({"number": Hostile()}, request)(("number",))}

    assert app_with(view, "/<number>").test_client().get("/x").get_json() == {"in": "query"}


def test_a_value_is_looked_for_in_some_locations_only() -> None:
    def view() -> Any:
        assert request.args
        assert request.get_json()
        places = [
            find(("limit",), lambda node: node == "7", request, locations)
            for locations in (None, ("query",), (None,))
        ]
        return {"places": places}

    response = app_with(view).test_client().post("/?limit=7", json={"limit": "8"})
    assert response.get_json()["places"] == [["query", ["limit"]], ["query", ["limit"]], None]
