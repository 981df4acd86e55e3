"""The road of an exception: who answers it, how it is reported, and what is sent."""

from __future__ import annotations

import builtins
import copy
import logging
import pickle
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import pytest
from flask import Blueprint, Flask, Request, Response, abort, make_response, redirect, request
from flask.sessions import SecureCookieSessionInterface
from flask.signals import got_request_exception, request_finished
from werkzeug.exceptions import (
    Conflict,
    Gone,
    HTTPException,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
)
from werkzeug.routing import BaseConverter, RoutingException
from werkzeug.test import create_environ, run_wsgi_app

import flask_apierrors
from flask_apierrors import ApiError, ApiErrors, FieldError
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

# -- responses that pass unchanged


def test_redirects_and_304_pass_unchanged() -> None:
    app, _ = make(raiser(type("Unmodified", (HTTPException,), {"code": 304})()))
    app.add_url_rule("/dir/", view_func=lambda: "ok", endpoint="dir")
    app.add_url_rule(
        "/away", view_func=raiser(type("Away", (HTTPException,), {"code": 302})()), endpoint="away"
    )
    assert app.test_client().get("/dir").status_code == 308
    assert app.test_client().get("/x").status_code == 304
    assert app.test_client().get("/away").status_code == 302


def test_an_aborted_response_passes_unchanged() -> None:
    response = get(lambda: abort(make_response("mine", 409, {"X-A": "b"})))
    assert (response.status_code, response.data, response.headers["X-A"]) == (409, b"mine", "b")


def test_a_shared_response_is_never_changed() -> None:
    shared = Response("maintenance page", 503)
    before = list(shared.headers)
    app, _ = make(raiser(ServiceUnavailable(response=shared)))
    app.secret_key = "k"

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-For"] = request.remote_addr or ""
        return response

    response = app.test_client().get("/x")
    assert response.data == b"maintenance page"
    assert response.headers["X-For"] == "127.0.0.1"
    assert shared.data == b"maintenance page"
    assert list(shared.headers) == before


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_an_empty_error_body_is_filled_and_keeps_its_headers(status: int) -> None:
    response = get(lambda: ("", status, {"X-Own": "kept", "Set-Cookie": "a=1"}))
    assert response.status_code == status
    assert strict_json(response)["error"]
    assert response.headers["X-Own"] == "kept"
    assert response.headers["Set-Cookie"] == "a=1"
    assert response.headers["Cache-Control"] == "no-store"


def test_a_filled_401_gets_a_challenge_unless_it_has_one() -> None:
    assert get(lambda: ("", 401)).headers["WWW-Authenticate"] == 'Session realm="api"'
    response = get(lambda: ("", 401, {"WWW-Authenticate": 'Basic realm="x"'}))
    assert response.headers.getlist("WWW-Authenticate") == ['Basic realm="x"']


def test_the_functions_of_a_filled_response_are_called_when_it_is_closed() -> None:
    closed: list[int] = []

    def view() -> Response:
        response = Response(status=404)
        response.call_on_close(lambda: closed.append(1))
        return response

    response = get(view)
    assert strict_json(response) == {"error": "The requested resource does not exist."}
    response.close()
    assert closed == [1]


@pytest.mark.parametrize("status", [404, 500])
def test_a_filled_response_keeps_what_others_added_after_the_request(status: int) -> None:
    app, errors = make(lambda: ("", status))

    def allow(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers.add("Vary", "Origin")
        return response

    app.after_request(allow)
    for _ in range(2):
        headers = app.test_client().get("/x").headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Vary"] == "Origin, Accept"
        errors.format(fail)  # the second response is the static one


# -- errors that are returned with a body


def test_the_body_of_a_returned_error_is_left_alone_and_its_missing_fields_are_added() -> None:
    response = get(lambda: ("my page", 404, {"X-Own": "kept"}))
    assert response.data == b"my page"
    assert response.content_type == "text/html; charset=utf-8"
    assert response.headers["X-Own"] == "kept"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert len(response.headers["X-Request-ID"]) == 32
    assert "Vary" not in response.headers


@pytest.mark.standard("challenge-on-401", "allow-on-405")
@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        (401, "WWW-Authenticate", 'Session realm="api"'),
        (405, "Allow", "OPTIONS, POST"),
        (429, "Retry-After", "30"),
        (503, "Retry-After", "30"),
    ],
)
def test_a_returned_error_gets_the_field_that_its_status_requires(
    status: int, name: str, value: str
) -> None:
    assert get(lambda: ({"message": "no"}, status)).headers.getlist(name) == [value]
    assert get(lambda: ({"message": "no"}, status, {name: ""})).headers.getlist(name) == [value]
    assert get(lambda: ({"message": "no"}, status, {name: "7"})).headers.getlist(name) == ["7"]


@pytest.mark.parametrize("name", ["Cache-Control", "X-Content-Type-Options", "X-Request-ID"])
def test_a_returned_error_keeps_the_fields_that_it_has(name: str) -> None:
    assert get(lambda: ("no", 404, {name: "mine"})).headers.getlist(name) == ["mine"]


def test_an_aborted_response_gets_the_fields_that_it_lacks() -> None:
    response = get(lambda: abort(Response("no", 429)))
    assert response.data == b"no"
    assert response.headers["Retry-After"] == "30"
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("status", [200, 201, 204, 304, 399])
def test_a_response_that_is_no_error_gets_the_request_id_alone(status: int) -> None:
    headers = get(lambda: ("", status), {"X-Request-ID": "r-1"}).headers
    assert set(headers.keys()) - {"Content-Type", "Content-Length"} == {"X-Request-ID"}
    assert headers.getlist("X-Request-ID") == ["r-1"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/x", 200),
        ("OPTIONS", "/x", 200),
        ("GET", "/stream", 200),
        ("GET", "/redirect", 302),
        ("GET", "/dir", 308),
        ("GET", "/static/test_road.py", 200),
        ("GET", "/own", 200),
        ("GET", "/aborted", 202),
        ("HEAD", "/nope", 404),
        ("DELETE", "/x", 405),
    ],
)
def test_every_response_of_the_api_has_the_request_id(method: str, path: str, status: int) -> None:
    app = Flask(__name__, static_folder=Path(__file__).parent, static_url_path="/static")
    ApiErrors(app)
    app.add_url_rule("/x", "x", lambda: "ok")
    app.add_url_rule("/dir/", "dir", lambda: "ok")
    app.add_url_rule("/stream", "stream", lambda: (part for part in "ab"))
    app.add_url_rule("/redirect", "redirect", lambda: redirect("/x"))
    app.add_url_rule("/own", "own", lambda: TEXT_APP)
    app.add_url_rule("/aborted", "aborted", lambda: abort(Response("", 202)))
    response = app.test_client().open(path, method=method, headers={"X-Request-ID": "r-1"})
    assert response.status_code == status
    assert response.headers.getlist("X-Request-ID") == ["r-1"]
    response.close()


def TEXT_APP(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"of a WSGI app"]


def test_a_file_that_is_not_modified_has_the_request_id() -> None:
    app = Flask(__name__, static_folder=Path(__file__).parent, static_url_path="/static")
    ApiErrors(app)
    client = app.test_client()
    with client.get("/static/test_road.py") as response:
        etag = response.headers["ETag"]
    with client.get("/static/test_road.py", headers={"If-None-Match": etag}) as response:
        assert response.status_code == 304
        assert len(response.headers["X-Request-ID"]) == 32


def test_outside_the_prefixes_no_response_gets_the_request_id() -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=("/api",))
    app.add_url_rule("/api/x", "api", lambda: "ok")
    client = app.test_client()
    assert "X-Request-ID" in client.get("/api/x").headers
    assert "X-Request-ID" not in client.get("/x").headers
    assert "X-Request-ID" not in client.get("/nope").headers


def test_without_request_ids_no_response_gets_one() -> None:
    assert "X-Request-ID" not in get(lambda: "ok", APIERRORS_REQUEST_ID_HEADER=None).headers


def test_an_id_that_the_author_sets_is_kept() -> None:
    headers = get(lambda: ("ok", {"x-request-id": "mine"}), {"X-Request-ID": "r-1"}).headers
    assert headers.getlist("X-Request-ID") == ["mine"]


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("is_pickled", [False, True])
def test_a_response_that_is_kept_has_the_id_of_each_request(is_pickled: bool, status: int) -> None:
    shared = Response("shared", status)
    kept: list[Any] = []
    app, _ = make(lambda: pickle.loads(kept[-1]) if kept else shared)
    if is_pickled:
        app.after_request(lambda response: kept.append(pickle.dumps(response)) or response)  # type: ignore[func-returns-value]
    for identifier in ("first", "second"):
        headers = app.test_client().get("/x", headers={"X-Request-ID": identifier}).headers
        assert headers.getlist("X-Request-ID") == [identifier]


def test_an_error_that_the_author_makes_a_success_has_the_request_id() -> None:
    app, _ = make(lambda: abort(404))

    @app.after_request
    def succeed(response: Response) -> Response:
        response.status_code = 200
        return response

    response = app.test_client().get("/x")
    assert response.status_code == 200
    assert len(response.headers["X-Request-ID"]) == 32


def test_the_request_id_comes_after_the_session_is_saved() -> None:
    saved: list[bool] = []

    class Interface(SecureCookieSessionInterface):
        def save_session(self, app: Flask, session: Any, response: Response) -> None:
            saved.append("X-Request-ID" in response.headers)

    app, _ = make(lambda: "ok")
    app.secret_key = "k"
    app.session_interface = Interface()
    assert "X-Request-ID" in app.test_client().get("/x").headers
    assert saved == [False]


def test_outside_the_prefixes_a_returned_error_gets_no_field() -> None:
    response = get(lambda: ("no", 401), APIERRORS_URL_PREFIXES=("/api",))
    assert set(response.headers.keys()) == {"Content-Type", "Content-Length"}


def test_without_request_ids_no_error_gets_one() -> None:
    for view in (lambda: ("no", 404), lambda: abort(404)):
        assert "X-Request-ID" not in get(view, APIERRORS_REQUEST_ID_HEADER=None).headers


def test_the_fields_of_a_returned_error_come_after_all_functions_of_after_request() -> None:
    app = Flask(__name__)

    @app.after_request
    def before_init_app(response: Response) -> Response:
        response.headers.add("Cache-Control", "private")
        response.headers.add("X-Request-ID", "mine")
        return response

    ApiErrors(app)
    app.add_url_rule("/x", "x", lambda: ("no", 404))
    for path in ("/x", "/nope"):
        headers = app.test_client().get(path).headers
        assert headers.getlist("Cache-Control") == ["private"]
        assert headers.getlist("X-Request-ID") == ["mine"]


def test_a_field_that_is_added_to_every_response_is_sent_once() -> None:
    app, _ = make(lambda: abort(404))

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.add("Cache-Control", "no-store, max-age=0")
        response.headers.add("X-Content-Type-Options", "nosniff")
        return response

    headers = app.test_client().get("/x").headers
    assert headers.getlist("Cache-Control") == ["no-store, max-age=0"]
    assert headers.getlist("X-Content-Type-Options") == ["nosniff"]


@pytest.mark.parametrize("is_pickled", [False, True])
def test_a_response_from_a_cache_has_the_id_of_its_request(is_pickled: bool) -> None:
    cache: list[Any] = []
    app, errors = make()

    @app.get("/cached")
    def cached() -> Any:
        if not cache:
            response = errors.response(404)
            cache.append(pickle.dumps(response) if is_pickled else response)
        return pickle.loads(cache[0]) if is_pickled else cache[0]

    for identifier in ("first", "second"):
        headers = app.test_client().get("/cached", headers={"X-Request-ID": identifier}).headers
        assert headers.getlist("X-Request-ID") == [identifier]


@pytest.mark.parametrize("is_changed", [False, True])
def test_errors_response_gets_an_id_outside_the_prefixes_too(is_changed: bool) -> None:
    app, errors = make(APIERRORS_URL_PREFIXES=("/api",))

    @app.after_request
    def allow(response: Response) -> Response:
        if is_changed:
            response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    app.add_url_rule("/callback", "callback", lambda: errors.response(404))
    headers = app.test_client().get("/callback").headers
    assert ("Access-Control-Allow-Origin" in headers) is is_changed
    assert len(headers["X-Request-ID"]) == 32


def test_streams_and_files_are_not_read() -> None:
    consumed: list[int] = []

    def stream() -> Any:
        consumed.append(1)
        yield "<!doctype html>"

    app = make()[0]
    app.add_url_rule("/s", view_func=lambda: Response(stream(), 404), endpoint="s")
    response = app.test_client().get("/s")
    assert response.data == b"<!doctype html>"
    assert consumed == [1]


def test_an_exception_without_a_code_is_a_500_that_hides_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    response = get(raiser(HTTPException("secret")))
    assert response.status_code == 500
    assert b"secret" not in response.data
    assert strict_json(response) == {"error": INTERNAL}
    assert len(error_records(caplog)) == 1


# -- 5xx


@pytest.mark.standard("problem-detail", "generic-500")
def test_a_crash_is_hidden_and_is_logged_and_signalled_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = make(raiser(RuntimeError("postgres://user:secret@host")))
    signals = Signals(app)
    response = app.test_client().get("/x", headers=PROBLEM)
    assert response.status_code == 500
    assert b"secret" not in response.data
    assert strict_json(response)["detail"] == INTERNAL
    assert [str(exc) for exc in signals] == ["postgres://user:secret@host"]
    (record,) = error_records(caplog)
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError


@pytest.mark.standard("no-error-as-success", "generic-500")
@pytest.mark.parametrize(
    "error",
    [
        InternalServerError("secret"),
        ApiError(
            "secret",
            status=500,
            headers={"X-Secret": "secret"},
            member="secret",
            errors=[FieldError("secret")],
        ),
        ApiError("secret", status=700),
        ApiError("secret", status=200),
        type("Odd", (HTTPException,), {"code": "404"})("secret"),
    ],
)
def test_the_text_of_a_500_is_never_sent(
    error: HTTPException, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make(raiser(error))
    signals = Signals(app)
    for headers in ({}, PROBLEM):
        response = app.test_client().get("/x", headers=headers)
        assert response.status_code == 500
        assert b"secret" not in response.data
        assert "secret" not in str(response.headers)
    assert signals == [error, error]
    assert len(error_records(caplog)) == 2


class ExtractionFailed(ApiError, InternalServerError):
    """A page could not be read."""

    public = True


@pytest.mark.parametrize(
    "error",
    [
        ApiError("Could not extract page 3.", status=500, public=True, page=3),
        ExtractionFailed("Could not extract page 3.", page=3),
    ],
)
def test_a_public_500_is_sent_as_it_is_and_still_logged_and_signalled(
    error: ApiError, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make(raiser(error))
    signals = Signals(app)
    response = app.test_client().get("/x", headers=PROBLEM)
    body = strict_json(response)
    assert (response.status_code, body["detail"]) == (500, "Could not extract page 3.")
    assert body["page"] == 3
    assert signals == [error]
    assert len(error_records(caplog)) == 1


def test_one_error_of_a_public_class_can_be_kept_secret() -> None:
    response = get(raiser(ExtractionFailed("secret", public=False)), headers=PROBLEM)
    assert b"secret" not in response.data
    assert strict_json(response)["code"] == "internal-server-error"


def test_a_4xx_is_neither_logged_as_an_error_nor_signalled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, errors = make(raiser(KeyError("x")))
    errors.convert(KeyError, to=NotFound)
    signals = Signals(app)
    for path in ("/x", "/nope"):
        assert app.test_client().get(path).status_code == 404
    assert app.test_client().delete("/x").status_code == 405
    assert signals == []
    assert error_records(caplog) == []


def test_an_authors_503_keeps_its_text_and_is_not_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = make(lambda: abort(503, "Maintenance till five."))
    signals = Signals(app)
    response = app.test_client().get("/x")
    assert strict_json(response) == {"error": "Maintenance till five."}
    assert response.headers["Retry-After"] == "30"
    assert signals == []
    assert error_records(caplog) == []


def test_an_exception_converted_into_a_5xx_is_logged_and_signalled_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cause = ConnectionError("db at 10.0.0.1 is down")
    app, errors = make(raiser(cause))
    errors.convert(ConnectionError, to=ServiceUnavailable)
    signals = Signals(app)
    response = app.test_client().get("/x")
    assert response.status_code == 503
    assert b"10.0.0.1" not in response.data
    assert response.headers["Retry-After"] == "30"
    assert signals == [cause]
    (record,) = error_records(caplog)
    assert record.exc_info is not None
    assert record.exc_info[1] is cause


@pytest.mark.parametrize("switch", ["TESTING", "DEBUG", "PROPAGATE_EXCEPTIONS"])
def test_propagation_keeps_flasks_meaning(switch: str) -> None:
    app, _ = make(raiser(RuntimeError("boom")), **{switch: True})
    with pytest.raises(RuntimeError, match="boom"):
        app.test_client().get("/x")
    assert app.test_client().get("/nope").status_code == 404


@pytest.mark.parametrize(
    "config", [{"TRAP_HTTP_EXCEPTIONS": True}, {"TRAP_BAD_REQUEST_ERRORS": True}]
)
def test_traps_keep_flasks_meaning(config: dict[str, Any]) -> None:
    app, _ = make(lambda: request.form["absent"], TESTING=True, **config)
    with pytest.raises(KeyError):
        app.test_client().get("/x")


def test_a_trapped_exception_in_production_is_a_500_of_the_contract() -> None:
    response = get(lambda: abort(404, "secret"), TRAP_HTTP_EXCEPTIONS=True)
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}


@pytest.mark.standard("no-internals")
def test_the_body_is_the_same_in_debug_and_production() -> None:
    def view() -> Any:
        return request.form["absent"]

    plain = get(view).data
    assert get(view, DEBUG=True, TRAP_BAD_REQUEST_ERRORS=False).data == plain
    assert b"KeyError" not in plain


@pytest.mark.parametrize("error", [InternalServerError(), ApiError(status=500), KeyError()])
@pytest.mark.parametrize("broken", ["receiver", "filter", "handler"])
def test_a_monitor_that_fails_takes_the_response_from_nobody(
    error: Exception, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app, errors = make(raiser(error))
    app.name = f"{app.name}.{broken}.{type(error).__name__}"  # a logger of its own
    errors.convert(KeyError, to=ServiceUnavailable)

    def fail_to_monitor(*_: Any, **__: Any) -> Any:
        raise OSError("the monitor is down")

    if broken == "receiver":
        got_request_exception.connect(fail_to_monitor, app)
    elif broken == "filter":
        app.logger.addFilter(fail_to_monitor)
    else:
        handler = logging.Handler()
        handler.emit = fail_to_monitor  # type: ignore[method-assign]
        app.logger.addHandler(handler)
    response = app.test_client().get("/x", headers=PROBLEM)
    assert response.status_code == (503 if isinstance(error, KeyError) else 500)
    assert strict_json(response)["status"] == response.status_code
    assert "the monitor is down" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["receiver", "filter"])
def test_a_crash_is_answered_and_logged_although_a_monitor_fails(
    broken: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make(raiser(RuntimeError("the crash")))
    app.name = f"{app.name}.crash.{broken}"

    def fail_to_monitor(*_: Any, **__: Any) -> Any:
        raise OSError("the monitor is down")

    if broken == "receiver":
        got_request_exception.connect(fail_to_monitor, app)
    else:
        app.logger.addFilter(fail_to_monitor)
    response = app.test_client().get("/x")
    assert (response.status_code, strict_json(response)) == (500, {"error": INTERNAL})
    assert len(response.headers["X-Request-ID"]) == 32
    assert "the crash" in caplog.text + capsys.readouterr().err
    app.testing = True
    with pytest.raises((OSError, RuntimeError)):
        app.test_client().get("/x")


def test_an_authors_handler_for_500_that_fails_is_a_500_of_the_contract(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = make(raiser(RuntimeError("boom")))
    app.register_error_handler(500, fail)
    response = app.test_client().get("/x")
    assert (response.status_code, strict_json(response)) == (500, {"error": INTERNAL})
    first, second = error_records(caplog)
    assert first.exc_info is not None
    assert second.exc_info is not None
    assert (first.exc_info[0], second.exc_info[0]) == (RuntimeError, ZeroDivisionError)


def test_a_page_without_an_error_status_for_a_crash_stays_as_it_is() -> None:
    app, _ = make(raiser(RuntimeError("boom")))
    app.register_error_handler(500, lambda exc: "we are sorry")
    response = app.test_client().get("/x")
    assert (response.status_code, response.data) == (200, b"we are sorry")
    assert "Cache-Control" not in response.headers


# -- exceptions from elsewhere


class StoreDown(Exception):
    """An exception that is converted to a 503."""


class Number(BaseConverter):
    error: ClassVar[Exception]

    def to_python(self, value: str) -> Any:
        raise self.error


class Sessions(SecureCookieSessionInterface):
    error: ClassVar[Exception]

    def open_session(self, app: Flask, request: Request) -> Any:
        raise self.error


def raise_in(app: Flask, place: str, error: Exception) -> str:
    """Let an app raise an exception outside its views. Return the path that does."""
    app.secret_key = "k"
    if place == "converter":
        app.url_map.converters["number"] = type("Own", (Number,), {"error": error})
        app.add_url_rule("/cranes/<number:n>", view_func=lambda n: n, endpoint="cranes")
        return "/cranes/7"
    if place == "session":
        app.session_interface = type("Own", (Sessions,), {"error": error})()
    elif place == "handler":
        app.register_error_handler(404, lambda exc: raiser(error)())
        return "/nope"
    elif place == "finished":
        request_finished.connect(raiser_for(error), app, weak=False)
    else:
        getattr(app, place)(raiser_for(error))
    return "/x"


def raiser_for(error: Exception) -> Any:
    def function(*_: Any, **__: Any) -> Any:
        raise error

    return function


PLACES = ["before_request", "after_request", "converter", "session", "handler", "finished"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("testing", [False, True])
def test_an_exception_is_answered_wherever_it_comes_from(
    place: str, testing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    import marshmallow

    for error, status, text in (
        (marshmallow.ValidationError("No such crane."), 400, "No such crane."),
        (ApiError("Sold out.", status=409), 409, "Sold out."),
        (Conflict("Sold out."), 409, "Sold out."),
        (StoreDown("db at 10.0.0.1"), 503, "Closed for repairs."),
    ):
        app, errors = make(TESTING=testing)
        errors.convert(StoreDown, to=ServiceUnavailable("Closed for repairs."))
        signals = Signals(app)
        path = raise_in(app, place, error)
        caplog.clear()
        response = app.test_client().get(path)
        assert (response.status_code, strict_json(response)) == (status, {"error": text})
        assert len(response.headers["X-Request-ID"]) == 32
        if place != "session":  # Flask cannot save a session that could not be opened
            assert signals == ([error] if status == 503 else [])
            assert len(error_records(caplog)) == len(signals)


@pytest.mark.parametrize("place", PLACES)
def test_a_crash_from_anywhere_is_a_500_that_is_signalled_once(place: str) -> None:
    app, _ = make()
    signals = Signals(app)
    error = RuntimeError("secret")
    path = raise_in(app, place, error)
    response = app.test_client().get(path)
    assert (response.status_code, strict_json(response)) == (500, {"error": INTERNAL})
    assert len(response.headers["X-Request-ID"]) == 32
    assert signals == [error]
    app.testing = True
    with pytest.raises(RuntimeError, match="secret"):
        app.test_client().get(path)


@pytest.mark.parametrize("place", PLACES)
def test_outside_the_prefixes_an_exception_is_flasks_wherever_it_comes_from(place: str) -> None:
    app, errors = make(APIERRORS_URL_PREFIXES=("/api",))
    errors.convert(StoreDown, to=ServiceUnavailable)
    response = app.test_client().get(raise_in(app, place, StoreDown()))
    assert response.status_code == 500
    assert response.content_type == "text/html; charset=utf-8"


def test_an_abort_in_after_request_is_answered_by_the_authors_handler() -> None:
    app, _ = make()
    app.after_request(raiser_for(Conflict()))
    app.register_error_handler(409, lambda exc: ("mine", 409))
    response = app.test_client().get("/x")
    assert (response.status_code, response.data) == (409, b"mine")
    assert response.headers["Cache-Control"] == "no-store"


def test_a_handler_that_fails_while_it_answers_an_abort_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = make()
    app.after_request(raiser_for(Conflict()))
    app.register_error_handler(409, fail)
    response = app.test_client().get("/x")
    assert (response.status_code, strict_json(response)) == (500, {"error": INTERNAL})
    assert error_records(caplog)[0].exc_info[0] is ZeroDivisionError  # type: ignore[index]


def test_another_failure_after_the_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = make()
    failures: Iterator[Exception] = iter([Conflict("Sold out."), RuntimeError("another")])

    @app.after_request
    def alternate(response: Response) -> Response:
        raise next(failures)

    response = app.test_client().get("/x")
    assert strict_json(response) == {"error": "Sold out."}
    (record,) = error_records(caplog)
    assert "another" in (record.exc_text or caplog.text)


def test_the_method_of_another_extension_is_still_called() -> None:
    app = Flask(__name__)
    crashes: list[Exception] = []
    flask_handle = app.handle_exception

    def count(exc: Exception) -> Response:
        crashes.append(exc)
        return flask_handle(exc)

    app.handle_exception = count  # type: ignore[method-assign, assignment]
    ApiErrors(app)
    error = RuntimeError("boom")
    app.add_url_rule("/x", "x", raiser(error))
    assert strict_json(app.test_client().get("/x")) == {"error": INTERNAL}
    assert app.test_client().get("/nope").status_code == 404
    assert crashes == [error]


# -- groups of exceptions


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups")
def test_one_exception_in_a_group_is_answered_as_if_it_were_raised() -> None:
    groups: Any = vars(builtins)["ExceptionGroup"]
    app, errors = make()
    errors.convert(StoreDown, to=ServiceUnavailable)
    app.register_error_handler(410, lambda exc: ("mine", 410))
    for name, leaf in {"a": NotFound("No."), "b": StoreDown(), "c": Gone()}.items():
        group = groups("tasks", [groups("task", [leaf])])
        app.add_url_rule(f"/{name}", view_func=raiser(group), endpoint=name)
    client = app.test_client()
    assert strict_json(client.get("/a")) == {"error": "No."}
    assert client.get("/b").status_code == 503
    assert client.get("/c").data == b"mine"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups")
@pytest.mark.parametrize("leaves", [[NotFound(), Conflict()], [KeyError("secret")]])
def test_a_group_without_one_answer_is_a_crash(
    leaves: list[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    group = vars(builtins)["ExceptionGroup"]("tasks", leaves)
    app, _ = make(raiser(group))
    signals = Signals(app)
    assert strict_json(app.test_client().get("/x")) == {"error": INTERNAL}
    assert signals == [group]
    assert len(error_records(caplog)) == 1
    other, _ = make(raiser(group))
    other.register_error_handler(Exception, lambda exc: ("mine", 500))
    assert other.test_client().get("/x").data == b"mine"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups")
def test_outside_the_prefixes_a_group_is_a_crash() -> None:
    group = vars(builtins)["ExceptionGroup"]("tasks", [NotFound()])
    assert get(raiser(group), APIERRORS_URL_PREFIXES=("/api",)).status_code == 500


# -- authors' handlers


def test_an_authors_handler_wins_before_and_after_init_app() -> None:
    app = Flask(__name__)
    app.register_error_handler(HTTPException, lambda exc: ("before", exc.code))
    ApiErrors(app)
    app.register_error_handler(409, lambda exc: ("by code", 409))
    with_code = type("WithCode", (ApiError,), {"code": 409})
    app.add_url_rule("/e", view_func=raiser(with_code("x")), endpoint="e")
    app.add_url_rule("/c", view_func=raiser(Conflict()), endpoint="c")
    app.add_url_rule("/d", view_func=raiser(ApiError("x", status=409)), endpoint="d")
    client = app.test_client()
    assert client.get("/nope").data == b"before"
    assert client.get("/c").data == b"by code"
    for path in ("/d", "/e"):
        assert client.get(path).data == b"by code"


@pytest.mark.parametrize("is_first", [False, True])
def test_a_catch_all_handler_gets_what_no_nearer_handler_answers(is_first: bool) -> None:
    import marshmallow

    seen: list[Exception] = []

    def catch_all(exc: Exception) -> Any:
        seen.append(exc)
        return "crash page", 500

    app = Flask(__name__)
    if is_first:
        app.register_error_handler(Exception, catch_all)
    errors = ApiErrors(app)
    errors.convert(LookupError, to=Conflict)
    if not is_first:
        app.register_error_handler(Exception, catch_all)
    views: dict[str, Exception] = {
        "crash": RuntimeError(),
        "invalid": marshmallow.ValidationError("no"),
        "converted": KeyError(),
        "aborted": Gone(),
    }
    for name, exc in views.items():
        app.add_url_rule(f"/{name}", view_func=raiser(exc), endpoint=name)
    client = app.test_client()
    assert client.get("/crash").data == b"crash page"
    for path, status in {"/nope": 404, "/invalid": 400, "/converted": 409, "/aborted": 410}.items():
        response = client.get(path)
        assert (response.status_code, response.content_type) == (status, "application/json")
    assert seen == [views["crash"]]


def test_the_handlers_of_the_nearest_class_win() -> None:
    class Base(Exception):
        """What the author handles."""

    class Middle(Base):
        """What is converted."""

    class Leaf(Middle):
        """What the author handles, too."""

    app = Flask(__name__)
    errors = ApiErrors(app)
    app.register_error_handler(Base, lambda exc: ("base", 418))
    app.register_error_handler(Leaf, lambda exc: ("leaf", 418))
    app.register_error_handler(HTTPException, lambda exc: ("http", exc.code))
    errors.convert(Middle, to=Gone)
    errors.convert(NotFound, to=Conflict)
    for cls in (Base, Middle, Leaf):
        app.add_url_rule(f"/{cls.__name__}", view_func=raiser(cls()), endpoint=cls.__name__)
    client = app.test_client()
    assert client.get("/Base").data == b"base"
    assert client.get("/Middle").status_code == 410
    assert client.get("/Leaf").data == b"leaf"
    assert client.get("/nope").status_code == 409
    assert client.post("/Base").data == b"http"


def test_a_blueprints_catch_all_handler_gets_all_exceptions_inside_it() -> None:
    app, errors = make()
    errors.convert(KeyError, to=Gone)
    blueprint = Blueprint("b", __name__, url_prefix="/b")
    blueprint.register_error_handler(Exception, lambda exc: (type(exc).__name__, 500))
    for exc in (NotFound(), KeyError(), RuntimeError()):
        name = type(exc).__name__
        blueprint.add_url_rule(f"/{name}", view_func=raiser(exc), endpoint=name)
    app.register_blueprint(blueprint)
    for name in ("NotFound", "KeyError", "RuntimeError"):
        assert app.test_client().get(f"/b/{name}").text == name


def test_an_empty_body_that_cannot_be_filled_gives_the_static_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, errors = make(lambda: ("", 404))
    errors.format(fail)
    assert strict_json(app.test_client().get("/x")) == {"error": INTERNAL}
    assert len(error_records(caplog)) == 1


def test_a_failing_catch_all_handler_is_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = make(raiser(RuntimeError()))
    app.register_error_handler(Exception, fail)
    signals = Signals(app)
    response = app.test_client().get("/x")
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}
    assert all(type(exc) is ZeroDivisionError for exc in signals)


# -- outside the prefixes


def flask_and_ours(**config: Any) -> tuple[Flask, Flask]:
    """Make two equal sites. The second one has the contract for ``/api``."""
    import marshmallow

    apps = Flask("site"), Flask("site")
    apps[1].config["APIERRORS_URL_PREFIXES"] = ("/api",)
    for app in apps:
        app.config.update(config)
    errors = ApiErrors(apps[1])
    errors.convert(LookupError, to=Gone)
    views: dict[str, Exception] = {
        "conflict": Conflict("mine"),
        "invalid": marshmallow.ValidationError("no"),
        "key": KeyError("x"),
        "crash": RuntimeError(),
        "codeless": HTTPException("no code"),
    }
    for app in apps:
        for name, exc in views.items():
            app.add_url_rule(f"/{name}", view_func=raiser(exc), endpoint=name)
        app.add_url_rule("/form", view_func=lambda: request.form["absent"], endpoint="form")
        app.add_url_rule("/returned", view_func=lambda: NotFound("no"), endpoint="returned")
        app.add_url_rule("/empty", view_func=lambda: ("", 404), endpoint="empty")
    return apps


SITE = ["conflict", "invalid", "key", "crash", "codeless", "form", "returned", "empty", "nope"]


def answer_of(app: Flask, path: str) -> object:
    try:
        response = app.test_client().get(path)
    except Exception as exc:
        return type(exc)
    return response.status, response.data, sorted(response.headers)


@pytest.mark.parametrize("name", SITE)
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"TESTING": True},
        {"DEBUG": True},
        {"TRAP_HTTP_EXCEPTIONS": True, "TESTING": True},
        {"TRAP_HTTP_EXCEPTIONS": True},
        {"TRAP_BAD_REQUEST_ERRORS": True, "TESTING": True},
    ],
)
@pytest.mark.parametrize(
    "caught", [(), (Exception,), (HTTPException,), (LookupError, 404), (500,), (Exception, 409)]
)
def test_outside_the_prefixes_everything_is_as_in_flask(
    name: str, config: dict[str, Any], caught: tuple[Any, ...]
) -> None:
    apps = flask_and_ours(**config)
    for app in apps:
        for cls in caught:
            app.register_error_handler(
                cls, lambda exc, cls=cls: (f"{cls} handles {type(exc).__name__}", 418)
            )
    assert answer_of(apps[1], f"/{name}") == answer_of(apps[0], f"/{name}")


def test_a_site_beside_the_api_has_its_own_pages() -> None:
    app = Flask(__name__)
    app.config["APIERRORS_URL_PREFIXES"] = ("/api",)
    errors = ApiErrors(app)

    @app.errorhandler(HTTPException)
    def show_page(exc: HTTPException) -> Any:
        if errors.covers(request):
            return errors.handle(exc)
        return f"our page for {exc.code}", exc.code or 500

    client = app.test_client()
    assert client.get("/nope").data == b"our page for 404"
    assert strict_json(client.get("/api/nope")) == {
        "error": "The requested resource does not exist."
    }


def test_errors_handle_gives_flasks_page_outside_the_prefixes() -> None:
    app = Flask(__name__)
    app.config["APIERRORS_URL_PREFIXES"] = ("/api",)
    errors = ApiErrors(app)
    app.register_error_handler(Exception, errors.handle)
    app.add_url_rule("/crash", view_func=raiser(RuntimeError("boom")), endpoint="crash")
    response = app.test_client().get("/nope")
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert app.test_client().get("/crash").status_code == 500


# -- an exception is never changed


class Shared:
    """Exceptions that are created once and raised for every request."""

    unauthorized = ApiError(status=401)
    method = ApiError(status=405)


def test_outside_the_prefixes_a_shared_exception_keeps_nothing_of_a_request() -> None:
    app = Flask(__name__)
    app.config["APIERRORS_URL_PREFIXES"] = ("/api",)
    ApiErrors(app).verify_token(lambda token: None)

    @app.get("/site", endpoint="site")
    @app.get("/api/site", endpoint="api")
    def view() -> Any:
        raise Shared.unauthorized

    client = app.test_client()
    token = {"Authorization": "Bearer abc"}
    plain, rejected = 'Bearer realm="api"', 'Bearer realm="api", error="invalid_token"'
    for headers, challenge in (({}, plain), (token, rejected), ({}, plain)):
        for path in ("/site", "/api/site"):
            response = client.get(path, headers=headers)
            assert response.status_code == 401
            assert response.headers.getlist("WWW-Authenticate") == [challenge]
    assert client.get("/site").content_type == "text/html; charset=utf-8"
    assert Shared.unauthorized.headers is None


def test_outside_the_prefixes_allow_lists_the_methods_of_the_requested_url() -> None:
    app = Flask(__name__)
    app.config["APIERRORS_URL_PREFIXES"] = ("/api",)
    ApiErrors(app)

    def view() -> Any:
        raise Shared.method

    app.add_url_rule("/a", "a", view, methods=["GET", "DELETE"])
    app.add_url_rule("/b", "b", view, methods=["GET", "PUT"])
    client = app.test_client()
    assert client.get("/a").headers.getlist("Allow") == ["DELETE, OPTIONS"]
    assert client.get("/b").headers.getlist("Allow") == ["OPTIONS, PUT"]


def test_an_answered_exception_keeps_its_attributes() -> None:
    import marshmallow

    exceptions: list[Exception] = [
        ApiError("x", status=409, headers={"X-A": "b"}, retry_after=2),
        ApiError(status=401),
        Conflict("mine"),
        marshmallow.ValidationError({"a": ["no"]}),
        KeyError("x"),
    ]
    for exc in exceptions:
        before = {name: repr(value) for name, value in vars(exc).items()}
        app, errors = make(raiser(exc))
        errors.convert(KeyError, to=NotFound)
        app.test_client().get("/x")
        assert {name: repr(value) for name, value in vars(exc).items()} == before


# -- exceptions that are returned


@pytest.mark.parametrize("where", ["view", "code", "class", "blueprint", "catch-all"])
def test_a_returned_exception_is_answered_as_if_raised(where: str) -> None:
    def view() -> Any:
        return NotFound("Gone fishing.") if where == "view" else abort(404, "Gone fishing.")

    app = Flask(__name__)
    ApiErrors(app)
    blueprint = Blueprint("b", __name__)
    blueprint.add_url_rule("/x", view_func=view)
    if where == "code":
        app.register_error_handler(404, lambda error: error)
    if where == "class":
        app.register_error_handler(NotFound, lambda error: error)
    if where == "blueprint":
        blueprint.register_error_handler(404, lambda error: error)
    if where == "catch-all":
        app.register_error_handler(Exception, lambda error: error)
    app.register_blueprint(blueprint)
    response = app.test_client().get("/x")
    assert response.status_code == 404
    assert strict_json(response) == {"error": "Gone fishing."}
    assert response.headers["Cache-Control"] == "no-store"


def test_a_returned_exception_gets_the_headers_of_its_tuple() -> None:
    response = get(lambda: (ApiError("No.", status=409), {"X-Own": "1"}))
    assert (response.status_code, response.headers["X-Own"]) == (409, "1")
    assert strict_json(response) == {"error": "No."}


def test_a_redirect_of_an_authors_class_that_skips_the_init_of_its_base_redirects() -> None:
    class SeeOther(HTTPException, RoutingException):
        code = 303

        def __init__(self, location: str) -> None:
            RoutingException.__init__(self, location)
            self.location = location

        def get_response(self, environ: Any = None, scope: Any = None) -> Any:
            return redirect(self.location, 303)

    def view() -> Any:
        raise SeeOther("/login")

    app = Flask("site")
    app.add_url_rule("/", view_func=view)
    ApiErrors(app)
    response = app.test_client().get("/")
    assert (response.status_code, response.headers["Location"]) == (303, "/login")


def test_a_returned_redirect_redirects() -> None:
    away = type("Away", (HTTPException,), {"code": 302})
    assert get(lambda: away()).status_code == 302


def test_a_returned_exception_without_a_code_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    response = get(lambda: HTTPException("secret"))
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}
    (record,) = error_records(caplog)
    assert record.exc_info is not None
    assert record.exc_info[0] is HTTPException


def test_outside_the_prefixes_a_returned_exception_is_an_html_page() -> None:
    response = get(lambda: NotFound(), APIERRORS_URL_PREFIXES=("/api",))
    assert response.content_type == "text/html; charset=utf-8"


def test_an_app_with_its_own_response_class_answers_returned_exceptions() -> None:
    class TextResponse(Response):
        default_mimetype = "text/plain"

    app = Flask(__name__)
    app.response_class = TextResponse
    ApiErrors(app)
    app.add_url_rule("/x", "x", lambda: NotFound("No."))
    app.add_url_rule("/text", "text", lambda: "hello")
    client = app.test_client()
    assert strict_json(client.get("/x")) == {"error": "No."}
    assert client.get("/text").mimetype == "text/plain"


def test_a_response_of_an_authors_class_keeps_its_class() -> None:
    class Csv(Response):
        def get_wsgi_headers(self, environ: Any) -> Any:
            headers = super().get_wsgi_headers(environ)
            headers["X-Csv"] = "yes"
            return headers

    assert get(lambda: Csv("a,b")).headers["X-Csv"] == "yes"


def test_a_view_can_still_return_a_wsgi_application() -> None:
    from werkzeug.wrappers import Response as WerkzeugResponse

    assert get(lambda: WerkzeugResponse("from another framework")).data == b"from another framework"


class OwnResponse(Response):
    pass


class ReducedResponse(Response):
    def __reduce__(self) -> Any:
        return ReducedResponse, (), vars(self)


@pytest.mark.parametrize("own", [Response, OwnResponse, ReducedResponse])
def test_responses_are_copied_and_pickled_as_the_authors_class(own: type[Response]) -> None:
    app = Flask(__name__)
    app.response_class = own
    ApiErrors(app)
    app.add_url_rule("/x", "x", lambda: {"a": 1})
    with app.test_request_context("/x"):
        response = app.full_dispatch_request()
        for twin in (copy.copy(response), pickle.loads(pickle.dumps(response))):
            assert type(twin) is own
            assert vars(twin) == vars(response)
            assert app.make_response(twin).get_json() == {"a": 1}


def sent(response: Response) -> tuple[bytes, str, list[tuple[str, str]]]:
    body, status, headers = run_wsgi_app(response, create_environ(), buffered=True)
    return b"".join(body), status, list(headers)


def test_an_error_response_is_copied_and_pickled() -> None:
    app = make(lambda: abort(404, "No."))[0]
    with app.test_request_context("/x"):
        response = app.full_dispatch_request()
        assert isinstance(response, app.response_class)
        for twin in (copy.copy(response), pickle.loads(pickle.dumps(response))):
            assert sent(twin) == sent(response)


def test_a_subclass_of_the_apps_response_class_is_copied_as_itself() -> None:
    app = make()[0]
    own = type("Own", (app.response_class,), {})
    assert type(copy.copy(own("x"))) is own


# -- the road that CONTRIBUTING.md describes

HOUSE = Path(flask_apierrors.__file__).parent


def trace(app: Flask, path: str) -> list[tuple[str, str]]:
    """Send a request. Return the calls into the package, each as a file and a function."""
    calls: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and HOUSE in file.parents:
            calls.append((file.relative_to(HOUSE).as_posix(), frame.f_code.co_name))

    environ = create_environ(path)
    profiler = sys.getprofile()
    sys.setprofile(note)
    try:
        app(environ, lambda *_: bytes)
    finally:
        sys.setprofile(profiler)
    return calls


def test_the_road_of_an_exception_is_short_and_is_the_one_in_contributing() -> None:
    app, _ = make(lambda: abort(404, "text"))
    app.test_client().get("/x")
    calls = trace(app, "/x")
    files = [file for file, _ in calls]
    assert len(calls) <= 20, calls
    assert sum(file != following for file, following in pairwise(files)) <= 8

    page = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")
    (block,) = re.findall(r"^## The road of an exception$.*?^```\n(.*?)^```$", page, re.M | re.S)
    steps = re.findall(r"^(\S+): (?:\w+\.)?(\w+) - .", block, re.M)
    assert len(steps) == len(block.splitlines())
    assert calls[files.index("_core/road.py") :] == steps
