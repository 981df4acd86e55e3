"""Each status has its sentence, and the header fields that it always needs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask, abort, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import (
    HTTPException,
    LengthRequired,
    MethodNotAllowed,
    NotFound,
    RequestedRangeNotSatisfiable,
    ServiceUnavailable,
    TooManyRequests,
    default_exceptions,
)
from werkzeug.test import TestResponse

from flask_apierrors import ApiError, ApiErrors, InvalidToken
from tests.conftest import parse_strictly

BAD = "The request was malformed or failed validation."


def make(view: Any = lambda: "ok", **config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    ApiErrors(app)
    app.add_url_rule("/x", view_func=view, endpoint="x", methods=["GET", "POST", "PUT"])
    return app


def raiser(exc: BaseException) -> Any:
    def view() -> Any:
        raise exc

    return view


def get(view: Any, headers: dict[str, str] | None = None, **config: Any) -> TestResponse:
    return make(view, **config).test_client().get("/x", headers=headers)


def error(response: TestResponse) -> str:
    body = parse_strictly(response.data)
    assert list(body) == ["error"]
    text = body["error"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, BAD),
        (401, "Authentication failed: the Authorization header is missing."),
        (403, "You do not have permission to access the requested content."),
        (404, "The requested resource does not exist."),
        (405, "The method is not allowed for the requested resource."),
        (406, "The server cannot produce a response matching the Accept header."),
        (413, "The request body is too large."),
        (415, "Unsupported media type."),
        (429, "Too many requests. Retry after 30 seconds."),
        (
            500,
            "Internal server error. "
            "Please retry your request or contact support if the problem persists.",
        ),
        (
            503,
            "The service is temporarily unavailable. "
            "Please retry your request after a short delay or contact support if the problem "
            "persists.",
        ),
    ],
)
def test_a_bare_status_has_the_sentence_of_the_contract(status: int, sentence: str) -> None:
    response = get(lambda: abort(status))
    assert response.status_code == status
    assert error(response) == sentence


@pytest.mark.parametrize("status", sorted(default_exceptions))
def test_every_status_has_a_sentence_without_markup_which_an_authors_text_replaces(
    status: int,
) -> None:
    assert not {"<", ">"} & set(error(get(lambda: abort(status))))
    if status != 500:
        assert error(get(lambda: abort(status, description="Mine."))) == "Mine."


@pytest.mark.parametrize("status", [499, 599, 430])
def test_a_status_that_werkzeug_does_not_know_is_kept(status: int) -> None:
    cls = type("Odd", (HTTPException,), {"code": status})
    assert get(raiser(cls("Odd."))).status_code == status
    response = get(raiser(ApiError("Odd.", status=status)))
    assert (response.status_code, error(response)) == (status, "Odd.")


def test_the_description_of_an_authors_class_is_the_sentence() -> None:
    class OutOfTea(HTTPException):
        code = 418
        description = "No tea."

    assert error(get(raiser(OutOfTea()))) == "No tea."


def test_a_class_without_a_text_says_its_title() -> None:
    class VesselNotFound(ApiError, NotFound):
        """No such vessel."""

    assert error(get(raiser(VesselNotFound()))) == "Vessel not found."
    assert (
        error(
            get(raiser(VesselNotFound()), APIERRORS_MESSAGES={"vessel-not-found": "Which vessel?"})
        )
        == "Which vessel?"
    )
    assert (
        error(get(raiser(VesselNotFound()), APIERRORS_MESSAGES={404: "Nothing there."}))
        == "Nothing there."
    )
    assert (
        error(get(raiser(VesselNotFound("This one.")), APIERRORS_MESSAGES={404: "Nothing there."}))
        == "This one."
    )


def test_the_administrators_sentence_is_translated_for_each_request() -> None:
    class Lazy:
        text = "first"

        def __str__(self) -> str:
            return self.text

    lazy = Lazy()
    app = make(APIERRORS_MESSAGES={404: lazy, 500: "Sorry."})
    assert error(app.test_client().get("/nope")) == "first"
    lazy.text = "second"
    assert error(app.test_client().get("/nope")) == "second"
    assert error(get(raiser(RuntimeError("x")), APIERRORS_MESSAGES={500: "Sorry."})) == "Sorry."


# -- 401


def test_a_401_always_has_a_challenge_with_the_realm() -> None:
    response = get(lambda: abort(401), APIERRORS_REALM="fleet")
    assert response.headers.getlist("WWW-Authenticate") == ['Bearer realm="fleet"']


@pytest.mark.parametrize(
    "authorization",
    ["Basic eDp5", "Bearer", "Bearer ", "Bearer a b", "Basic \xed", "Bearer a=b", "x" * 70_000],
)
def test_a_401_for_malformed_credentials_says_so_and_has_no_error_code(authorization: str) -> None:
    response = get(lambda: abort(401), {"Authorization": authorization})
    assert response.status_code == 401
    assert (
        error(response)
        == "Authentication failed: the Authorization header does not hold a Bearer token."
    )
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_401_for_a_token_says_that_it_is_invalid() -> None:
    response = get(lambda: abort(401), {"Authorization": "bEARER abc=="})
    assert error(response) == "Authentication failed: the Bearer token is invalid or expired."
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@given(st.text())
def test_no_reason_breaks_the_challenge(reason: str) -> None:
    response = get(raiser(InvalidToken(reason)))
    (challenge,) = response.headers.getlist("WWW-Authenticate")
    assert challenge.startswith('Bearer realm="api", error="invalid_token"')
    assert challenge.isascii()
    assert challenge.isprintable()
    assert challenge.count('"') in (4, 6)
    assert "\\" not in challenge


# -- 405


def test_a_405_of_the_routing_keeps_its_allow() -> None:
    response = make().test_client().delete("/x")
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST", "PUT"}


def test_a_405_of_a_view_gets_an_allow() -> None:
    assert set(get(lambda: abort(405)).headers["Allow"].split(", ")) == {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
        "PUT",
    }
    response = get(raiser(MethodNotAllowed(["PATCH"])))
    assert response.headers.getlist("Allow") == ["PATCH"]


@pytest.mark.parametrize("method", ["BREW", "PROPFIND", "X" * 500])
def test_an_unknown_method_is_a_405(method: str) -> None:
    response = make().test_client().open("/x", method=method)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]


@pytest.mark.skipif(
    "TRUSTED_HOSTS" not in Flask.default_config, reason="the key is new in Flask 3.1"
)
def test_a_405_for_an_untrusted_host_stays_a_405() -> None:
    app = make(TRUSTED_HOSTS=["localhost"])
    app.before_request(lambda: abort(405))
    response = app.test_client().get("/x", environ_overrides={"HTTP_HOST": "evil.example"})
    assert (response.status_code, response.headers["Allow"]) == (405, "")


# -- 413


def test_a_413_names_the_limit() -> None:
    response = (
        make(lambda: request.get_data(), MAX_CONTENT_LENGTH=10)
        .test_client()
        .post("/x", data=b"x" * 11)
    )
    assert response.status_code == 413
    assert error(response) == "The request body is larger than 10 bytes."


def test_a_413_for_another_reason_names_that_reason() -> None:
    app = make(lambda: request.form["a"], MAX_CONTENT_LENGTH=10_000_000, MAX_FORM_MEMORY_SIZE=10)
    response = app.test_client().post(
        "/x", data={"a": "x" * 1000}, content_type="multipart/form-data"
    )
    if response.status_code == 413:  # Flask 3.0 has no such limit for form fields
        assert error(response) == "A field of the form is larger than 10 bytes."
    assert error(get(lambda: abort(413, "Photos only up to 2 MB."))) == "Photos only up to 2 MB."


# -- 416, 429, 503: headers of the exception


def test_a_416_keeps_its_content_range() -> None:
    assert (
        get(raiser(RequestedRangeNotSatisfiable(length=100))).headers["Content-Range"]
        == "bytes */100"
    )


@pytest.mark.parametrize(
    ("delay", "sent"),
    [
        (0, "0"),
        (0.5, "1"),
        (7.2, "8"),
        (-5, "0"),
        (dt.timedelta(minutes=1), "60"),
        (dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1), "0"),
    ],
)
def test_retry_after_is_whole_seconds_rounded_up(delay: Any, sent: str) -> None:
    response = get(raiser(ApiError("x", status=503, retry_after=delay)))
    assert response.headers.getlist("Retry-After") == [sent]


def test_delays_of_werkzeugs_exceptions_are_kept_and_rounded_up() -> None:
    assert get(raiser(ServiceUnavailable(retry_after=0))).headers["Retry-After"] == "0"
    half: Any = 0.5
    assert get(raiser(TooManyRequests(retry_after=half))).headers["Retry-After"] == "1"
    later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=100)
    assert (
        95 <= int(get(raiser(ServiceUnavailable(retry_after=later))).headers["Retry-After"]) <= 101
    )


def test_a_503_without_a_delay_gets_the_configured_one() -> None:
    assert get(lambda: abort(503), APIERRORS_RETRY_AFTER=5).headers["Retry-After"] == "5"


def test_a_429_asks_to_wait_for_at_least_one_second() -> None:
    response = get(lambda: abort(429), APIERRORS_RETRY_AFTER=0)
    assert response.headers["Retry-After"] == "1"
    assert get(raiser(TooManyRequests(retry_after=0))).headers["Retry-After"] == "1"


def test_an_odd_delay_in_an_authors_header_becomes_whole_seconds() -> None:
    response = get(raiser(ApiError("x", status=503, headers={"Retry-After": "soon"})))
    assert response.headers.getlist("Retry-After") == ["30"]
    response = get(raiser(ApiError("x", status=503, headers={"Retry-After": "1.5"})))
    assert response.headers.getlist("Retry-After") == ["2"]


def test_a_411_contains_no_markup() -> None:
    assert "<" not in error(get(raiser(LengthRequired())))


# -- what a client sent is never repeated


@pytest.mark.skipif(
    "TRUSTED_HOSTS" not in Flask.default_config, reason="the key is new in Flask 3.1"
)
def test_an_untrusted_host_is_a_400_that_does_not_repeat_it() -> None:
    app = make(lambda: request.host, TRUSTED_HOSTS=["localhost"])
    for path in ("/x", "/nope"):
        for accept in ("*/*", "application/problem+json"):
            response = app.test_client().get(
                path, environ_overrides={"HTTP_HOST": "evil.example"}, headers={"Accept": accept}
            )
            assert response.status_code == 400
            assert b"evil" not in response.data


# -- validation


class Point(ma.Schema):
    limit = ma.fields.Int()
    name = ma.fields.Str(required=True)


def load(data: Any) -> Any:
    return lambda: Point().load(data())


def test_a_validation_error_is_a_400_that_names_the_fields() -> None:
    response = (
        make(load(lambda: request.get_json()))
        .test_client()
        .post("/x", json={"limit": "x", "password": "hunter2"})
    )
    assert response.status_code == 400
    assert error(response) == (
        "Invalid 'limit': Not a valid integer.; Invalid 'name': Missing data for required field.; "
        "Invalid 'password': Unknown field."
    )
    assert b"hunter2" not in response.data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (lambda: request.args, {"parameter": "name", "in": "query"}),
        (lambda: request.args.to_dict(), {"parameter": "name", "in": "query"}),
        (lambda: request.view_args, {"parameter": "name", "in": "path"}),
    ],
)
def test_a_validation_error_says_where_the_value_was(data: Any, expected: dict[str, str]) -> None:
    response = get(load(data), {"Accept": "application/problem+json"})
    body = parse_strictly(response.data)
    assert body["type"] == "urn:problem-type:validation-failed"
    assert {key: value for key, value in body["errors"][0].items() if key != "detail"} == expected


def test_a_validation_error_in_a_body_has_a_pointer() -> None:
    app = make(load(lambda: request.get_json()))
    response = app.test_client().post("/x", json={}, headers={"Accept": "application/problem+json"})
    assert parse_strictly(response.data)["errors"] == [
        {"detail": "Missing data for required field.", "pointer": "#/name"}
    ]


def test_the_status_of_validation_errors_is_configurable() -> None:
    assert get(raiser(ma.ValidationError("no")), APIERRORS_VALIDATION_STATUS=422).status_code == 422


def test_the_name_of_a_single_field_is_not_lost() -> None:
    assert (
        error(get(raiser(ma.ValidationError("must be positive", field_name="qty"))))
        == "Invalid 'qty': must be positive"
    )


@pytest.mark.parametrize("messages", [{}, [], "", {"a": {}}])
def test_empty_messages_give_the_sentence_of_the_status(messages: Any) -> None:
    assert error(get(raiser(ma.ValidationError(messages)))) in (BAD, "Invalid value.")


def test_an_unrelated_data_attribute_is_ignored() -> None:
    exc = NotFound("gone")
    exc.data = {"messages": {"json": {"a": ["secret"]}}}  # type: ignore[attr-defined]
    assert error(get(raiser(exc))) == "gone"
