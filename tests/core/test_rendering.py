"""A problem becomes a response, whatever happens while it is made."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask, Response, abort, session
from flask.json.provider import DefaultJSONProvider
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Unauthorized

from flask_apierrors import ApiError, ApiErrors, FieldError, Problem
from flask_apierrors._core.rendering import static_500
from tests.core.failing import (
    INTERNAL,
    PROBLEM,
    Signals,
    error_records,
    fail,
    get,
    make,
    raiser,
    strict_json,
)

# -- formats


def test_the_default_body_contains_only_the_error() -> None:
    response = get(lambda: abort(404))
    assert response.status_code == 404
    assert response.content_type == "application/json"
    assert response.data == b'{"error":"The requested resource does not exist."}\n'


@pytest.mark.standard("vary-accept")
def test_every_error_has_the_headers_of_the_contract() -> None:
    response = make()[0].test_client().get("/nope")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Vary"] == "Accept"
    assert len(response.headers["X-Request-ID"]) == 32


@pytest.mark.standard("problem-media-type")
def test_a_client_that_names_problem_json_gets_it() -> None:
    response = make()[0].test_client().get("/no%20pe", headers=PROBLEM | {"X-Request-ID": "r-1"})
    assert response.content_type == "application/problem+json"
    assert strict_json(response) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "The requested resource does not exist.",
        "instance": "/no%20pe#r-1",
        "code": "not-found",
        "request_id": "r-1",
    }


def test_problem_json_adds_the_authors_members_and_replaces_no_standard_one() -> None:
    error = ApiError(
        "Sold out",
        status=409,
        retry_after=3,
        errors=[FieldError("no", pointer="#/a")],
        stock=0,
        status_="x",
        instance="/evil",
    )
    body = strict_json(get(raiser(error), PROBLEM))
    assert body["stock"] == 0
    assert body["instance"] == f"/x#{body['request_id']}"
    assert body["errors"] == [{"detail": "no", "pointer": "#/a"}]


@pytest.mark.standard("errors-ignore-accept")
@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*",
        "application/json",
        "garbage",
        "image/png",
        "application/problem+json;q=0",
        "",
    ],
)
def test_every_other_accept_header_gets_the_plain_body(accept: str) -> None:
    response = get(lambda: abort(404), {"Accept": accept})
    assert response.content_type == "application/json"
    assert strict_json(response) == {"error": "The requested resource does not exist."}


def test_the_body_has_the_chosen_members_in_their_order() -> None:
    response = get(
        lambda: abort(404),
        {"X-Request-ID": "r"},
        APIERRORS_MEMBERS=["status", "error", "code", "type", "title", "request_id", "errors"],
    )
    assert response.data == (
        b'{"status":404,"error":"The requested resource does not exist.",'
        b'"code":"not-found","type":"about:blank","title":"Not Found","request_id":"r"}\n'
    )


def test_the_authors_format_receives_the_whole_problem() -> None:
    app, errors = make(raiser(ApiError("No", status=409, x=1)))

    @errors.format
    def shape(problem: Problem) -> dict[str, Any]:
        return {
            "code": problem.status,
            "text": problem.detail,
            "at": problem.instance,
            "x": problem.extensions,
            "id": problem.request_id,
        }

    body = strict_json(app.test_client().get("/x", headers={"X-Request-ID": "abc"}))
    assert body == {"code": 409, "text": "No", "at": "/x#abc", "x": {"x": 1}, "id": "abc"}
    assert strict_json(app.test_client().get("/x", headers=PROBLEM))["status"] == 409


def test_a_format_can_be_async() -> None:
    pytest.importorskip("asgiref")
    app, errors = make(lambda: abort(404))

    @errors.format
    async def shape(problem: Problem) -> dict[str, Any]:
        return {"s": problem.status}

    assert strict_json(app.test_client().get("/x")) == {"s": 404}


# -- every object can be sent


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Lazy:
    def __str__(self) -> str:
        return "later"


@pytest.mark.parametrize(
    ("description", "error"),
    [
        ({"a": 1}, "a: 1"),
        (Lazy(), "later"),
        (b"\xffbytes", "\ufffdbytes"),
        ("", "The requested resource does not exist."),
        ("   ", "The requested resource does not exist."),
        (Hostile(), "The requested resource does not exist."),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        (ValueError("v"), "v"),
        (0, "0"),
    ],
)
def test_every_description_is_sent_as_text(description: Any, error: str) -> None:
    assert strict_json(get(lambda: abort(404, description))) == {"error": error}
    assert strict_json(get(raiser(ApiError(description, status=404)), PROBLEM))["detail"] == error


def test_every_extension_member_is_sent_as_json() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    members: dict[str, Any] = {
        "nan": float("nan"),
        "when": dt.date(2025, 5, 25),
        "some": {3, 1},
        "dec": Decimal("1.5"),
        "exc": KeyError("k"),
        "keys": {1: "one", None: "none"},
        "deep": cycle,
        "bad": Hostile(),
    }
    body = strict_json(get(raiser(ApiError("x", status=409, **members)), PROBLEM))
    assert body["nan"] == "nan"
    assert body["when"] == "2025-05-25"
    assert body["some"] == [1, 3]
    assert body["dec"] == "1.5"
    assert body["keys"] == {"1": "one", "None": "none"}
    assert body["bad"] == "<Hostile>"


@given(st.text(), st.dictionaries(st.text(), st.floats() | st.text() | st.binary() | st.integers()))
def test_every_text_and_every_member_can_be_sent(detail: str, members: dict[str, Any]) -> None:
    app, _ = make(
        raiser(
            ApiError(detail, status=409, **{f"m{name}": value for name, value in members.items()})
        )
    )
    for headers in ({}, PROBLEM):
        response = app.test_client().get("/x", headers=headers)
        assert response.status_code == 409
        assert strict_json(response)


@given(st.lists(st.tuples(st.text(), st.text() | st.binary() | st.integers())))
def test_every_header_of_an_author_can_be_sent(headers: list[tuple[str, Any]]) -> None:
    response = get(raiser(ApiError("x", status=409, headers=headers)))
    assert response.status_code == 409
    for name, value in response.headers:
        assert not set(name + value) & {"\r", "\n", "\0"}
        (name + value).encode("latin-1")


def test_a_failing_format_is_logged_and_answered_with_a_static_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, errors = make(lambda: abort(404))
    errors.format(fail)
    response = app.test_client().get("/x")
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}
    assert response.headers["Cache-Control"] == "no-store"
    (record,) = error_records(caplog)
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_format_that_returns_nothing_is_a_500_with_the_reason_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, errors = make(lambda: abort(404))
    nothing: Any = lambda problem: None  # noqa: E731
    errors.format(nothing)
    assert app.test_client().get("/x").status_code == 500
    assert "must return a body" in caplog.text


@pytest.mark.parametrize("body", [{"a": 1}, ["No."], "No."])
def test_a_format_can_return_any_json_value(body: Any) -> None:
    app, errors = make(lambda: abort(404))
    errors.format(lambda problem: body)
    response = app.test_client().get("/x")
    assert (response.status_code, response.content_type) == (404, "application/json")
    assert json.loads(response.data) == body


def test_a_format_can_return_a_response_with_its_own_media_type_and_fields() -> None:
    app, errors = make(raiser(ApiError("No.", status=409, headers={"X-Error": "a"})))

    @errors.format
    def json_api(problem: Problem) -> Response:
        body = json.dumps({"errors": [{"code": problem.code, "detail": problem.detail}]})
        return Response(body, headers={"X-Shape": "b"}, content_type="application/vnd.api+json")

    response = app.test_client().get("/x")
    assert (response.status_code, response.content_type) == (409, "application/vnd.api+json")
    assert json.loads(response.data) == {"errors": [{"code": "conflict", "detail": "No."}]}
    assert (response.headers["X-Error"], response.headers["X-Shape"]) == ("a", "b")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]


def test_a_failing_converter_is_logged_and_signaled_and_answered_with_a_static_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, errors = make(raiser(KeyError("secret")))
    errors.convert(KeyError)(fail)
    signals = Signals(app)
    response = app.test_client().get("/x")
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}
    assert [type(exc) for exc in signals] == [ZeroDivisionError]
    assert len(error_records(caplog)) == 1


def test_a_failing_json_provider_is_answered_with_a_static_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            raise RuntimeError("broken provider")

    app, _ = make(lambda: abort(404))
    app.json = Broken(app)
    response = app.test_client().get("/x")
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}
    assert "broken provider" in caplog.text


def test_the_apps_own_json_provider_writes_the_body() -> None:
    class Spaced(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps(obj, **kwargs).replace(":", " : ")

    app, _ = make(lambda: abort(404))
    app.json = Spaced(app)
    assert b'"error" :  "The' in app.test_client().get("/x").data


# -- headers


def test_headers_of_the_exception_are_merged_and_cookies_are_kept() -> None:
    error = ApiError(
        "x",
        status=409,
        headers=[
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Vary", "Origin"),
            ("X-Own", "é\r\nX: y"),
        ],
    )
    response = get(raiser(error))
    assert response.headers.getlist("Set-Cookie") == ["a=1", "b=2"]
    assert response.headers["Vary"] == "Origin, Accept"
    assert response.headers["X-Own"] == "é X: y"
    assert "X" not in response.headers


@pytest.mark.standard("no-store-by-heuristics", "stale-fields")
def test_an_authors_cache_control_is_kept_and_a_content_type_is_replaced() -> None:
    error = ApiError(
        "x",
        status=410,
        headers={"cache-control": "max-age=60", "Content-Type": "text/html", "ETag": '"x"'},
    )
    response = get(raiser(error))
    assert response.headers.getlist("Cache-Control") == ["max-age=60"]
    assert response.content_type == "application/json"
    assert "ETag" not in response.headers


@pytest.mark.standard("several-challenges")
def test_both_of_an_authors_two_challenges_are_sent() -> None:
    class TwoChallenges(Unauthorized):
        def get_headers(self, *_: object) -> list[tuple[str, str]]:
            return [
                ("WWW-Authenticate", 'Basic realm="a"'),
                ("WWW-Authenticate", 'Digest realm="b"'),
            ]

    assert get(raiser(TwoChallenges())).headers.getlist("WWW-Authenticate") == [
        'Basic realm="a"',
        'Digest realm="b"',
    ]


def test_after_request_functions_and_session_cookies_work_on_errors() -> None:
    def view() -> Any:
        session["a"] = 1
        abort(404)

    app, _ = make(view)
    app.secret_key = "k"

    @app.after_request
    def cors(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    response = app.test_client().get("/x")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "session=" in response.headers["Set-Cookie"]


class OwnResponse(Response):
    """An author's class, which no faster one stands in for."""


@pytest.mark.parametrize("response_class", [Response, OwnResponse])
def test_vary_keeps_what_other_extensions_add(response_class: type[Response]) -> None:
    app = Flask(__name__)
    app.response_class = response_class
    ApiErrors(app)

    @app.after_request
    def compress(response: Response) -> Response:  # as Flask-Compress does: it reads one line
        response.headers["Vary"] = f"{response.headers.get('Vary')}, Accept-Encoding"
        return response

    @app.after_request
    def cors(response: Response) -> Response:  # as Flask-CORS does
        response.headers.add("Vary", "Origin")
        return response

    response = app.test_client().get("/x")
    assert response.headers.getlist("Vary") == ["Accept, Origin, Accept-Encoding"]


def test_a_head_request_gets_the_fields_and_no_body() -> None:
    client = make(lambda: abort(404))[0].test_client()
    head, full = client.head("/x"), client.get("/x")
    assert head.data == b""
    assert head.headers["Content-Length"] == full.headers["Content-Length"]
    assert head.content_type == "application/json"


# -- problem+json for every client


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html"])
def test_an_app_can_send_problem_json_to_every_client(accept: str | None) -> None:
    headers = {"Accept": accept} if accept else {}
    response = get(lambda: abort(404, "No."), headers, APIERRORS_FORMAT="problem")
    assert response.content_type == "application/problem+json"
    body = strict_json(response)
    assert (body["detail"], body["code"], body["status"]) == ("No.", "not-found", 404)


def test_the_last_resort_is_problem_json_too() -> None:
    app, _ = make(APIERRORS_FORMAT="problem")
    with app.test_request_context("/x"):
        response = static_500(app.extensions["apierrors"])
    assert response.content_type == "application/problem+json"
    assert json.loads(response.get_data()) == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": INTERNAL,
        "code": "internal-server-error",
    }
