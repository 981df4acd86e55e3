from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, abort, jsonify, make_response
from hypothesis import given
from hypothesis import strategies as st

from flask_apierrors import ApiErrors
from flask_apierrors._core.adoption import adopt
from flask_apierrors._core.config import SENTENCE_NAMES
from tests.core.failing import INTERNAL, PROBLEM, get, strict_json


def adopting(view: Any, headers: dict[str, str] | None = None, adopt: Any = True) -> Any:
    return get(view, headers, APIERRORS_ADOPT=adopt)


@pytest.mark.parametrize("name", SENTENCE_NAMES)
@pytest.mark.parametrize("outer", [None, "error", "message"])
def test_the_sentence_of_a_returned_object_is_that_of_the_error(
    name: str, outer: str | None
) -> None:
    body: Any = {name: "no such user", "id": 7}
    body = body if outer is None else {outer: body}
    response = adopting(lambda: (body, 404))
    assert response.status_code == 404
    assert strict_json(response) == {"error": "no such user"}
    assert response.headers["Vary"] == "Accept"
    problem = strict_json(adopting(lambda: (body, 404), PROBLEM))
    assert (problem["detail"], problem["id"], problem["status"]) == ("no such user", 7, 404)


def test_the_first_name_wins_and_the_others_are_members() -> None:
    body = {"message": "taken", "error": "CONFLICT", "status": "fail"}
    problem = strict_json(adopting(lambda: (body, 409), PROBLEM, adopt=("message",)))
    assert (problem["detail"], problem["error"], problem["status"]) == ("taken", "CONFLICT", 409)


@pytest.mark.parametrize(
    "text", ["no such user", "No such user.\n", "Kein solcher Nutzer: 7 \u20ac"]
)
def test_a_short_text_is_the_sentence(text: str) -> None:
    assert strict_json(adopting(lambda: (text, 404))) == {"error": text.strip()}


def test_a_returned_error_keeps_its_fields_and_cookies() -> None:
    def view() -> Response:
        response = make_response(jsonify(message="no"), 401)
        response.set_cookie("a", "1")
        response.headers["WWW-Authenticate"] = 'Basic realm="x"'
        response.headers["ETag"] = '"of another body"'
        return response

    headers = adopting(view).headers
    assert headers["Set-Cookie"].startswith("a=1")
    assert headers.getlist("WWW-Authenticate") == ['Basic realm="x"']
    assert "ETag" not in headers


def test_texts_by_field_and_lists_of_details_are_validation_errors() -> None:
    by_field = {"message": "Invalid.", "errors": {"size": ["Too big."], "name": ["Missing."]}}
    problem = strict_json(adopting(lambda: (by_field, 400), PROBLEM))
    assert problem["errors"] == [
        {"detail": "Missing.", "pointer": "#/name"},
        {"detail": "Too big.", "pointer": "#/size"},
    ]
    listed = {"message": "Invalid.", "errors": [{"detail": "Too big.", "pointer": "#/size"}]}
    assert strict_json(adopting(lambda: (listed, 400), PROBLEM))["errors"] == listed["errors"]


@pytest.mark.parametrize("errors", [["a"], {"a": "b"}, "text", 3, None])
def test_errors_of_another_shape_stay_a_member(errors: Any) -> None:
    exc = adopt(Response("{}", 400), SENTENCE_NAMES, 20)
    assert exc is None
    app = Flask(__name__)
    with app.test_request_context():
        exc = adopt(make_response({"error": "no", "errors": errors}, 400), SENTENCE_NAMES, 20)
    assert exc is not None
    assert (exc.errors, exc.extensions) == ((), {"errors": errors})


@pytest.mark.parametrize("status", [500, 502, 504])
def test_the_sentence_of_a_failure_is_hidden(status: int) -> None:
    for view in (
        lambda: ({"message": "db at 10.0.0.1", "sql": "secret"}, status),
        lambda: ("secret", status),
    ):
        for headers in ({}, PROBLEM):
            response = adopting(view, headers)
            assert response.status_code == status
            assert b"10.0.0.1" not in response.data
            assert b"secret" not in response.data
    if status == 500:
        assert strict_json(adopting(lambda: ("secret", 500))) == {"error": INTERNAL}


def test_an_authors_503_keeps_its_sentence() -> None:
    response = adopting(lambda: ({"message": "Closed till five."}, 503))
    assert strict_json(response) == {"error": "Closed till five."}
    assert response.headers["Retry-After"] == "30"


def stream() -> Iterator[str]:
    yield '{"error": "no"}'


@pytest.mark.parametrize(
    "view",
    [
        lambda: ("<h1>Not here</h1>", 404),
        lambda: ("x" * 301, 404),
        lambda: ("two\nlines", 404),
        lambda: (["error", "no"], 404),
        lambda: ({"reason": "no"}, 404),
        lambda: ({"error": ""}, 404),
        lambda: ({"error": {"error": 3}}, 404),
        lambda: Response("{", 404, content_type="application/json"),
        lambda: Response("[" * 60_000, 404, content_type="application/json"),
        lambda: Response('{"error": "no"}', 404, content_type="application/hal+json"),
        lambda: Response("no", 404, {"Content-Encoding": "gzip"}),
        lambda: ({"error": "x" * 70_000}, 404),
        lambda: Response(stream(), 404, content_type="application/json"),
        lambda: Response("no", 404, direct_passthrough=True),
        lambda: ({"error": "no"}, 200),
        lambda: abort(Response('{"error": "no"}', 404, content_type="application/json")),
    ],
)
def test_other_bodies_stay_as_they_are(view: Any) -> None:
    assert adopting(view).data == get(view).data


def test_without_the_key_bodies_stay_as_they_are() -> None:
    assert adopting(lambda: ({"message": "no"}, 404), adopt=False).json == {"message": "no"}


def test_outside_the_prefixes_bodies_stay_as_they_are() -> None:
    app = Flask(__name__)
    app.config.update(APIERRORS_ADOPT=True, APIERRORS_URL_PREFIXES=("/api",))
    ApiErrors(app)
    app.add_url_rule("/x", view_func=lambda: ({"message": "no"}, 404), endpoint="x")
    assert app.test_client().get("/x").json == {"message": "no"}


@given(st.binary() | st.text().map(str.encode), st.sampled_from(["application/json", "text/plain"]))
def test_any_body_is_adopted_or_stays(body: bytes, mimetype: str) -> None:
    response = Response(body, 404, content_type=mimetype)
    exc = adopt(response, SENTENCE_NAMES, 20)
    assert exc is None or (isinstance(exc.description, str) and exc.description.strip())
    assert response.get_data() == body
