"""Each status has its sentence, and the header fields that it always needs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask, Response, abort, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import (
    Conflict,
    HTTPException,
    LengthRequired,
    MethodNotAllowed,
    NotFound,
    RequestedRangeNotSatisfiable,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UnprocessableEntity,
    default_exceptions,
)
from werkzeug.test import TestResponse

from flask_apierrors import ApiError, ApiErrors, InvalidToken
from tests.conftest import parse_strictly

PROBLEM = {"Accept": "application/problem+json"}
BAD = "The request was malformed or failed validation."


def make(view: Any = lambda: "ok", **config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    ApiErrors(app).verify_token(lambda token: None)
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


@pytest.mark.standard("challenge-on-401")
def test_a_401_always_has_a_challenge_with_the_realm() -> None:
    response = get(lambda: abort(401), APIERRORS_REALM="fleet")
    assert response.headers.getlist("WWW-Authenticate") == ['Bearer realm="fleet"']


@pytest.mark.standard("bearer-without-error")
@pytest.mark.parametrize("authorization", ["Basic eDp5", "Bearerx", "Basic \xed", "x" * 70_000])
def test_a_401_for_credentials_of_no_scheme_says_so_and_has_no_error_code(
    authorization: str,
) -> None:
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


@pytest.mark.standard("error-description-characters")
@given(st.text())
def test_no_reason_breaks_the_challenge(reason: str) -> None:
    response = get(raiser(InvalidToken(reason)))
    (challenge,) = response.headers.getlist("WWW-Authenticate")
    assert challenge.startswith('Bearer realm="api", error="invalid_token"')
    assert challenge.isascii()
    assert challenge.isprintable()
    assert challenge.count('"') in (4, 6)
    assert "\\" not in challenge


def test_a_401_of_an_app_without_a_scheme_speaks_of_none() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    app.add_url_rule("/x", view_func=lambda: abort(401))
    for headers in ({}, {"Authorization": "Bearer abc"}):
        response = app.test_client().get("/x", headers=headers)
        assert error(response) == "Authentication is required."
        assert response.headers.getlist("WWW-Authenticate") == ['Session realm="api"']


def test_an_invalid_token_is_one_in_an_app_without_a_scheme_too() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    app.add_url_rule("/x", view_func=raiser(InvalidToken("Too old.")))
    assert app.test_client().get("/x").headers["WWW-Authenticate"] == (
        'Bearer realm="api", error="invalid_token", error_description="Too old."'
    )


@pytest.mark.parametrize(
    "exc",
    [
        Unauthorized(www_authenticate=WWWAuthenticate("basic", {"realm": "x"})),
        ApiError(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'}),
        ApiError(status=401, headers={"WWW-Authenticate": "Basic realm=x"}),
    ],
)
def test_a_401_with_the_challenge_of_another_scheme_speaks_of_no_token(exc: Any) -> None:
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer abc"}):
        response = get(raiser(exc), headers)
        assert error(response) == "Authentication is required."
        assert response.headers.getlist("WWW-Authenticate") == ['Basic realm="x"']


@pytest.mark.parametrize("value", ["", " ", []])
def test_an_empty_challenge_is_none(value: Any) -> None:
    response = get(raiser(ApiError(status=401, headers={"WWW-Authenticate": value})))
    assert response.headers.getlist("WWW-Authenticate") == ['Bearer realm="api"']


# -- 405


@pytest.mark.standard("allow-on-405", "405-for-known-methods")
def test_a_405_of_the_routing_keeps_its_allow() -> None:
    response = make().test_client().delete("/x")
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST", "PUT"}


@pytest.mark.standard("allow-on-405")
@pytest.mark.parametrize(
    ("method", "allow"),
    [
        ("GET", "OPTIONS, POST, PUT"),
        ("HEAD", "GET, OPTIONS, POST, PUT"),
        ("POST", "GET, HEAD, OPTIONS, PUT"),
    ],
)
def test_a_405_of_a_view_allows_the_methods_of_the_url_that_it_did_not_refuse(
    method: str, allow: str
) -> None:
    response = make(lambda: abort(405)).test_client().open("/x", method=method)
    assert response.headers.getlist("Allow") == [allow]


def test_an_authors_allow_is_kept() -> None:
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


@pytest.mark.standard("content-range-on-416")
def test_a_416_keeps_its_content_range() -> None:
    assert (
        get(raiser(RequestedRangeNotSatisfiable(length=100))).headers["Content-Range"]
        == "bytes */100"
    )


@pytest.mark.standard("retry-after-format")
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


@pytest.mark.standard("retry-after-on-503")
def test_a_503_without_a_delay_gets_the_configured_one() -> None:
    assert get(lambda: abort(503), APIERRORS_RETRY_AFTER=5).headers["Retry-After"] == "5"


def test_a_429_asks_to_wait_for_at_least_one_second() -> None:
    response = get(lambda: abort(429), APIERRORS_RETRY_AFTER=0)
    assert response.headers["Retry-After"] == "1"
    assert get(raiser(TooManyRequests(retry_after=0))).headers["Retry-After"] == "1"


@pytest.mark.standard("retry-after-format")
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


@pytest.mark.standard("problem-detail")
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
    assert body["type"] == "about:blank"
    assert {key: value for key, value in body["errors"][0].items() if key != "detail"} == expected


@pytest.mark.standard("errors-pointer")
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


# -- an author's words, wherever he put them


def test_a_dict_is_a_sentence_and_further_members() -> None:
    description: Any = {"message": "Too shallow.", "code": 12, "depth": 3}
    assert error(get(lambda: abort(400, description))) == "Too shallow."
    body = parse_strictly(get(lambda: abort(400, description), PROBLEM).data)
    assert (body["detail"], body["code"], body["depth"]) == ("Too shallow.", 12, 3)


def test_an_object_without_a_text_leaves_the_sentence_of_the_status() -> None:
    nobody: Any = object()
    assert (
        error(get(lambda: abort(403, nobody)))
        == "You do not have permission to access the requested content."
    )


def test_members_of_an_error_and_of_its_dict_stand_side_by_side() -> None:
    exc = ApiError({"message": "No.", "a": 1, "b": 2}, status=409, b=3)
    body = parse_strictly(get(raiser(exc), PROBLEM).data)
    assert (body["detail"], body["a"], body["b"]) == ("No.", 1, 3)


@pytest.mark.parametrize("text", ["No crane 7.", "<p>No crane 7.</p>"])
def test_a_description_that_a_class_makes_is_the_sentence(text: str) -> None:
    class NoCrane(NotFound):
        def get_description(self, environ: Any = None, scope: Any = None) -> str:
            return text

    assert error(get(raiser(NoCrane()))) == "No crane 7."


class OwnBody(HTTPException):
    code = 409

    def get_body(self, environ: Any = None, scope: Any = None) -> str:
        return '{"msg": "Berth taken."}'

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        return [
            ("Content-Type", "application/json"),
            ("X-Mine", "a"),
            ("Content-Length", "999"),
            ("Connection", "close"),
            ("Transfer-Encoding", "chunked"),
        ]


def test_a_body_that_a_class_makes_goes_out_as_it_is() -> None:
    response = get(raiser(OwnBody()))
    assert (response.status_code, response.data) == (409, b'{"msg": "Berth taken."}')
    assert (response.content_type, response.headers["X-Mine"]) == ("application/json", "a")
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]
    assert not {"Connection", "Transfer-Encoding"} & set(response.headers.keys())


def test_a_response_that_a_class_makes_goes_out_as_it_is() -> None:
    class OwnResponse(HTTPException):
        code = 451

        def get_response(self, environ: Any = None, scope: Any = None) -> Any:
            return Response("mine", 451)

    response = get(raiser(OwnResponse()))
    assert (response.status_code, response.data) == (451, b"mine")


@pytest.mark.parametrize("code", [500, None, 999])
def test_a_500_never_sends_the_body_of_its_class(code: int | None) -> None:
    cls = type("Crash", (OwnBody,), {"code": code})
    response = get(raiser(cls()))
    assert response.status_code == 500
    assert b"taken" not in response.data


def abort_with(cls: type[HTTPException], **attributes: Any) -> HTTPException:
    exc = cls()
    vars(exc).update(attributes)
    return exc


def test_the_data_of_an_abort_is_read() -> None:
    data = {"message": "Taken.", "headers": {"WWW-Authenticate": "Basic realm=x", "Retry-After": 1}}
    response = get(raiser(abort_with(Unauthorized, data=data, exc=None)))
    assert error(response) == "Taken."
    assert response.headers.getlist("WWW-Authenticate") == ['Basic realm="x"']
    assert response.headers["Retry-After"] == "1"


def test_a_delay_in_the_data_of_an_abort_is_in_whole_seconds() -> None:
    exc = abort_with(TooManyRequests, data={"headers": {"Retry-After": "0.5"}})
    response = get(raiser(exc))
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")


def test_errors_in_the_data_of_an_abort_are_told_by_location() -> None:
    data = {"errors": {"json": {"depth": ["Too shallow."]}}}
    response = get(raiser(abort_with(UnprocessableEntity, data=data, exc=None)), PROBLEM)
    body = parse_strictly(response.data)
    assert (response.status_code, body["code"]) == (422, "validation-failed")
    assert body["detail"] == "Invalid 'depth': Too shallow."
    assert body["errors"] == [{"detail": "Too shallow.", "pointer": "#/depth"}]


def test_errors_of_another_status_leave_its_code() -> None:
    data = {"message": "Taken.", "errors": {"name": ["In use."]}}
    body = parse_strictly(get(raiser(abort_with(Conflict, data=data)), PROBLEM).data)
    assert (body["code"], body["detail"]) == ("conflict", "Taken.")
    assert [item["detail"] for item in body["errors"]] == ["In use."]


def test_the_data_of_an_authors_class_is_his() -> None:
    class Own(Conflict):
        data: Any = None

    exc = Own("gone")
    exc.data = {"message": "secret", "errors": {"a": ["secret"]}, "secret": 1}
    response = get(raiser(exc), PROBLEM)
    assert b"secret" not in response.data


# -- fields that are the server's


def test_fields_of_the_connection_do_not_go_out() -> None:
    fields = {
        "Connection": "close",
        "Keep-Alive": "timeout=5",
        "Transfer-Encoding": "chunked",
        "Content-Length": "3",
        "X-Mine": "a",
    }
    response = get(raiser(ApiError("No.", status=409, headers=fields)))
    assert response.headers["X-Mine"] == "a"
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]
    assert not {"Connection", "Keep-Alive", "Transfer-Encoding"} & set(response.headers.keys())


# -- codes and types


def test_a_code_does_not_change_with_the_configuration() -> None:
    class VesselNotFound(ApiError, NotFound):
        """No such vessel."""

    class Sold(ApiError, NotFound):
        type = "https://example.org/problems#vessel-sold"

    def type_and_code(exc: Exception, **config: Any) -> tuple[str, str, str]:
        body = parse_strictly(get(raiser(exc), PROBLEM, **config).data)
        return body["type"], body["code"], body["title"]

    base = {"APIERRORS_TYPE_BASE": "https://example.org/errors/"}
    page = {"APIERRORS_REFERENCE_URL": "/errors"}
    name, title = "vessel-not-found", "Vessel not found"
    assert type_and_code(VesselNotFound()) == ("about:blank", name, "Not Found")
    assert type_and_code(VesselNotFound(), **page) == (f"/errors/{name}", name, title)
    assert type_and_code(VesselNotFound(), **base, **page) == (
        f"https://example.org/errors/{name}",
        name,
        title,
    )
    assert type_and_code(Sold(), **base, **page) == (Sold.type, "vessel-sold", "Sold")
    assert type_and_code(NotFound(), **base)[:2] == (
        "https://example.org/errors/not-found",
        "not-found",
    )


@pytest.mark.standard("about-blank-title")
@pytest.mark.parametrize(
    ("status", "title"),
    [
        (413, "Content Too Large"),
        (414, "URI Too Long"),
        (416, "Range Not Satisfiable"),
        (422, "Unprocessable Content"),
        (404, "Not Found"),
    ],
)
def test_the_title_of_a_bare_status_is_the_phrase_of_rfc_9110(status: int, title: str) -> None:
    body = parse_strictly(get(lambda: abort(status), PROBLEM).data)
    assert (body["type"], body["title"]) == ("about:blank", title)


def test_every_429_has_the_same_code() -> None:
    assert parse_strictly(get(lambda: abort(429), PROBLEM).data)["code"] == "quota-exceeded"


def test_vary_keeps_what_the_answer_depends_on_besides() -> None:
    app = make(lambda: abort(404))

    @app.after_request
    def add_origin(response: Response) -> Response:
        response.vary.add("Origin")
        response.vary.add("Cookie")
        return response

    assert app.test_client().get("/x").vary.as_set() == {"accept", "origin", "cookie"}
