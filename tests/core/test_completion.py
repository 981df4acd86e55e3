"""What leaves the app: empty errors are filled, and each response has the fields that it lacks."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, abort, redirect
from flask.sessions import SecureCookieSessionInterface

from flask_apierrors import ApiErrors
from tests.core.failing import (
    INTERNAL,
    error_records,
    fail,
    get,
    make,
    strict_json,
)


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


def test_an_empty_body_that_cannot_be_filled_gives_the_static_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, errors = make(lambda: ("", 404))
    errors.format(fail)
    assert strict_json(app.test_client().get("/x")) == {"error": INTERNAL}
    assert len(error_records(caplog)) == 1
