"""Exceptions that are returned are answered as if they were raised."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, redirect
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import (
    HTTPException,
    NotFound,
)
from werkzeug.routing import RoutingException
from werkzeug.test import create_environ, run_wsgi_app

from flask_apierrors import ApiError, ApiErrors
from flask_apierrors._core.returned import FlaskResponse
from tests.core.failing import (
    INTERNAL,
    error_records,
    get,
    make,
    strict_json,
)


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


# -- how the header fields are sent

NAMES = ["X-A", "Location", "content-location", "Content-Length", "Set-Cookie", "ETag", "Vary"]
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["1", "/vessels/ä", "a=b"])))


@given(
    status=st.sampled_from([100, 200, 201, 204, 206, 301, 304, 400, 404, 500, 599]),
    fields=FIELDS,
    body=st.sampled_from([b"", b"body", "text", [b"a", b"b"], None]),
    method=st.sampled_from(["GET", "HEAD"]),
)
def test_a_response_is_sent_as_werkzeug_sends_it(
    status: int, fields: list[tuple[str, str]], body: Any, method: str
) -> None:
    environ = create_environ("/vessels", method=method)
    results = []
    for cls in (Response, FlaskResponse):
        response = cls(body, status, fields)
        response.set_cookie("a", "b")
        iterable, line, headers = response.get_wsgi_response(environ)
        results.append((b"".join(iterable), line, headers))
    assert results[0] == results[1]


def test_headers_of_another_class_are_sent() -> None:
    response = FlaskResponse("text")
    response.headers = {"Content-Length": "4"}  # type: ignore[assignment]
    assert response.get_wsgi_response(create_environ())[2] == [("Content-Length", "4")]


def test_a_class_of_the_author_gets_a_copy_of_the_fields_to_send() -> None:
    app, _ = make()

    class Own(app.response_class):  # type: ignore[misc, name-defined]
        def get_wsgi_headers(self, environ: Any) -> Any:
            headers = super().get_wsgi_headers(environ)
            headers["X-Sent"] = "yes"
            return headers

    response = Own("text")
    assert dict(response.get_wsgi_response(create_environ())[2])["X-Sent"] == "yes"
    assert "X-Sent" not in response.headers
