"""The road of an exception: who answers it, how it is reported, and what is sent."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, make_response, request
from werkzeug.exceptions import (
    Conflict,
    HTTPException,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
)
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
    assert get(lambda: ("", 401)).headers["WWW-Authenticate"] == 'Bearer realm="api"'
    response = get(lambda: ("", 401, {"WWW-Authenticate": 'Basic realm="x"'}))
    assert response.headers.getlist("WWW-Authenticate") == ['Basic realm="x"']


def test_a_returned_body_is_left_alone() -> None:
    response = get(lambda: ("my page", 404))
    assert response.data == b"my page"
    assert "X-Content-Type-Options" not in response.headers


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


def test_the_body_is_the_same_in_debug_and_production() -> None:
    def view() -> Any:
        return request.form["absent"]

    plain = get(view).data
    assert get(view, DEBUG=True, TRAP_BAD_REQUEST_ERRORS=False).data == plain
    assert b"KeyError" not in plain


def test_an_abort_in_after_request_is_a_500_that_hides_its_text() -> None:
    app, _ = make()
    app.after_request(lambda response: abort(418, "secret"))
    response = app.test_client().get("/x")
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}


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


def test_a_catch_all_handler_gets_every_exception_and_what_it_returns_is_answered() -> None:
    seen: list[Exception] = []

    def catch_all(exc: Exception) -> Any:
        seen.append(exc)
        return exc if isinstance(exc, HTTPException) else ("crash page", 500)

    app, _ = make(raiser(KeyError()))
    app.register_error_handler(Exception, catch_all)
    assert app.test_client().get("/x").data == b"crash page"
    assert strict_json(app.test_client().get("/nope")) == {
        "error": "The requested resource does not exist."
    }
    assert [type(exc) for exc in seen] == [KeyError, NotFound]


def test_the_response_of_a_catch_all_handler_is_sent() -> None:
    app, _ = make()
    app.register_error_handler(Exception, lambda exc: ("mine", 404))
    assert app.test_client().get("/nope").data == b"mine"


def test_an_empty_body_that_cannot_be_filled_gives_the_static_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, errors = make(lambda: ("", 404))
    errors.format(fail)
    assert strict_json(app.test_client().get("/x")) == {"error": INTERNAL}
    assert len(error_records(caplog)) == 1


def test_a_failing_catch_all_handler_is_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = make(lambda: abort(404))
    app.register_error_handler(Exception, lambda exc: str(1 / 0))
    signals = Signals(app)
    response = app.test_client().get("/x")
    assert response.status_code == 500
    assert strict_json(response) == {"error": INTERNAL}
    assert [type(exc) for exc in signals] == [ZeroDivisionError]


# -- an exception is never changed


class Shared:
    """Exceptions that are created once and raised for every request."""

    unauthorized = ApiError(status=401)
    method = ApiError(status=405)


def test_outside_the_prefixes_a_shared_exception_keeps_nothing_of_a_request() -> None:
    app = Flask(__name__)
    app.config["APIERRORS_URL_PREFIXES"] = ("/api",)
    ApiErrors(app)

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
    assert client.get("/a").headers.getlist("Allow") == ["DELETE, GET, HEAD, OPTIONS"]
    assert client.get("/b").headers.getlist("Allow") == ["GET, HEAD, OPTIONS, PUT"]


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
