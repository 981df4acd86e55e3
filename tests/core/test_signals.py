"""Promises of ``error_answered``: it is sent once for each error that leaves, and harms nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, abort, jsonify, request
from flask.sessions import SecureCookieSessionInterface
from flask.signals import request_finished
from marshmallow import Schema, ValidationError, fields
from werkzeug.exceptions import (
    Conflict,
    Forbidden,
    Gone,
    HTTPException,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
)

from flask_apierrors import ApiError, Problem, error_answered, request_id
from flask_apierrors._core.state import REQUEST_STATE
from tests.core.failing import INTERNAL, error_records, make, raiser, strict_json


class Received(list[tuple[Problem, BaseException | None, Response]]):
    """What the signal said."""

    def __call__(
        self, sender: Flask, problem: Problem, exception: BaseException | None, response: Response
    ) -> None:
        self.append((problem, exception, response))


@pytest.fixture
def received() -> Iterator[Received]:
    received = Received()
    with error_answered.connected_to(received):
        yield received


class VesselNotFound(ApiError, NotFound):
    """No vessel has this number."""


class OwnBody(Conflict):
    def get_body(self, *args: Any) -> str:
        return "<p>mine</p>"


class Lost(Exception):
    pass


def gone(environ: Any, start_response: Any) -> list[bytes]:
    start_response("410 GONE", [("Content-Type", "text/plain")])
    return [b"gone"]


def invalid() -> None:
    Schema.from_dict({"page": fields.Integer()})().load(request.args)


DEFAULT_404 = "The requested resource does not exist."
DEFAULT_410 = "The requested resource no longer exists and will not come back."
INVALID = "Invalid 'page': Not a valid integer."
#: A view, and what the signal says: the status, the code, the sentence, the exception's class.
WAYS: dict[str, tuple[Callable[[], Any], int, str, str, type[BaseException] | None]] = {
    "raised": (lambda: abort(404, "No ship."), 404, "not-found", "No ship.", NotFound),
    "named": (raiser(VesselNotFound("No.")), 404, "vessel-not-found", "No.", VesselNotFound),
    "invalid": (invalid, 400, "validation-failed", INVALID, ValidationError),
    "exception returned": (lambda: NotFound("Away."), 404, "not-found", "Away.", NotFound),
    "JSON returned": (lambda: (jsonify(message="Full."), 409), 409, "conflict", "Full.", None),
    "page returned": (lambda: ("<h1>no</h1>", 404), 404, "not-found", DEFAULT_404, None),
    "stream": (lambda: Response(iter("no"), 404), 404, "not-found", DEFAULT_404, None),
    "filled": (lambda: ("", 404), 404, "not-found", DEFAULT_404, None),
    "of a WSGI app": (lambda: gone, 410, "gone", DEFAULT_410, None),
    "abort(Response)": (
        lambda: abort(Response("Taken.", 409)),
        409,
        "conflict",
        "Taken.",
        HTTPException,
    ),
    "own body": (raiser(OwnBody("Taken.")), 409, "conflict", "Taken.", OwnBody),
    "an unknown status": (lambda: ("", 499), 499, "status-499", "Unknown Error.", None),
    "crash": (raiser(Lost("secret")), 500, "internal-server-error", INTERNAL, Lost),
    "abort(500)": (
        lambda: abort(500),
        500,
        "internal-server-error",
        INTERNAL,
        InternalServerError,
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_signal_is_sent_once_for_an_error(received: Received, way: str, method: str) -> None:
    view, status, code, detail, exception = WAYS[way]
    app, _ = make(view)
    response = app.test_client().open("/x?page=x", method=method, headers={"X-Request-ID": "r"})
    assert response.status_code == status
    ((problem, cause, answer),) = received
    assert (problem.status, problem.code, problem.detail) == (status, code, detail)
    assert (problem.request_id, problem.instance) == ("r", "/x#r")
    assert (None if cause is None else type(cause)) == exception
    assert set(answer.headers) >= set(response.headers) - {("Content-Length", "11")}


@pytest.mark.parametrize("path", ["/nope", "/dir"])
def test_an_unknown_url_is_an_error_and_a_redirect_is_none(received: Received, path: str) -> None:
    app, _ = make()
    app.add_url_rule("/dir/", "dir", lambda: "ok")
    app.test_client().get(path)
    assert [problem.code for problem, *_ in received] == (["not-found"] if path == "/nope" else [])


@pytest.mark.parametrize("view", [lambda: "ok", lambda: abort(jsonify(ok=True))])
def test_a_success_is_no_error(received: Received, view: Any) -> None:
    assert make(view)[0].test_client().get("/x").status_code == 200
    assert not received


@pytest.mark.parametrize("to", [ServiceUnavailable("Down."), Response("down", 503)])
def test_a_converted_exception_is_the_exception(received: Received, to: Any) -> None:
    app, errors = make(raiser(Lost()))
    errors.convert(Lost)(lambda exc: to)
    assert app.test_client().get("/x").status_code == 503
    ((problem, cause, _),) = received
    assert (problem.status, problem.code, type(cause)) == (503, "service-unavailable", Lost)


def test_an_adopted_error_is_sent_with_its_sentence_and_members(received: Received) -> None:
    app, _ = make(lambda: (jsonify(msg="Full.", berth=7), 409), APIERRORS_ADOPT=True)
    app.test_client().get("/x")
    ((problem, cause, response),) = received
    assert (problem.detail, dict(problem.extensions), cause) == ("Full.", {"berth": 7}, None)
    assert response.get_json() == {"error": "Full."}


def test_the_last_resort_is_sent_with_what_failed(received: Received) -> None:
    app, errors = make(lambda: abort(404))
    errors.format(lambda problem: {"error": 1 / 0})
    assert app.test_client().get("/x").status_code == 500
    ((problem, cause, _),) = received
    assert (problem.code, type(cause)) == ("internal-server-error", ZeroDivisionError)


@pytest.mark.parametrize("cls", [Lost, NotFound, InternalServerError])
def test_an_error_that_the_author_answers_is_sent(received: Received, cls: Any) -> None:
    app, _ = make(raiser(Lost()) if cls is InternalServerError else raiser(cls()))
    app.register_error_handler(cls, lambda exc: ({"message": "Mine."}, 418))
    assert app.test_client().get("/x").status_code == 418
    ((problem, cause, _),) = received
    assert (problem.status, problem.detail) == (418, "Mine.")
    assert (None if cause is None else type(cause)) == (
        Lost if cls is InternalServerError else None
    )


def test_an_error_that_a_view_drops_is_not_named(received: Received) -> None:
    app, errors = make()
    app.view_functions["x"] = lambda: (errors.response(Gone()), ("no", 409))[1]
    app.test_client().get("/x")
    ((problem, cause, _),) = received
    assert (problem.status, problem.code, cause) == (409, "conflict", None)


@pytest.mark.parametrize(
    ("exc", "status"), [(Forbidden(), 403), (Lost(), 500), (Response("", 409), 409)]
)
@pytest.mark.parametrize("fails", ["once", "always"])
@pytest.mark.parametrize("view", [lambda: "ok", lambda: abort(404), raiser(Lost())])
def test_what_after_request_raises_is_sent_once(
    received: Received, view: Any, exc: Any, status: int, fails: str
) -> None:
    app, _ = make(view)
    calls: list[int] = []

    @app.after_request
    def fail(response: Response) -> Response:
        calls.append(1)
        if fails == "always" or len(calls) == 1:
            abort(exc) if isinstance(exc, Response) else raiser(exc)()
        return response

    response = app.test_client().get("/x", headers={"X-Request-ID": "r"})
    ((problem, _, answer),) = received
    assert problem.status == answer.status_code == response.status_code
    assert dict(answer.headers) == dict(response.headers)


def test_an_error_that_does_not_leave_is_not_sent(received: Received) -> None:
    class Interface(SecureCookieSessionInterface):
        def save_session(self, app: Flask, session: Any, response: Response) -> None:
            raise Lost

    app, _ = make(lambda: abort(404))
    app.secret_key, app.session_interface = "k", Interface()
    assert app.test_client().get("/x").status_code == 500
    ((problem, cause, _),) = received
    assert (problem.status, type(cause)) == (500, Lost)


def test_what_a_receiver_of_request_finished_raises_is_sent(received: Received) -> None:
    app, _ = make()
    calls: list[int] = []

    def fail(sender: Flask, **_: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise Forbidden

    with request_finished.connected_to(fail, app):
        assert app.test_client().get("/x").status_code == 403
    assert [problem.status for problem, *_ in received] == [403]


def test_a_response_has_all_that_after_request_adds(received: Received) -> None:
    app, _ = make(lambda: abort(404))

    @app.after_request
    def allow(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    response = app.test_client().get("/x")
    ((*_, answer),) = received
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert dict(answer.headers) == dict(response.headers)


def test_outside_the_prefixes_nothing_is_sent(received: Received) -> None:
    app, _ = make(lambda: abort(404), APIERRORS_URL_PREFIXES=("/api",))
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/x", "/api/x", "/nope")] == [404] * 3
    assert [problem.instance for problem, *_ in received] == [
        f"/api/x#{response.headers['X-Request-ID']}" for *_, response in received
    ]
    assert len(received) == 1


def test_errors_that_propagate_are_no_answers(received: Received) -> None:
    app, _ = make(raiser(Lost()), TESTING=True)
    with pytest.raises(Lost):
        app.test_client().get("/x")
    assert not received


# -- receivers


def test_a_receiver_of_one_app_hears_of_no_other() -> None:
    (first, _), (second, _) = make(lambda: abort(404)), make(lambda: abort(409))
    codes: list[str] = []

    def receive(sender: Flask, problem: Problem, **_: Any) -> None:
        assert sender is first
        codes.append(problem.code)

    with error_answered.connected_to(receive, first):
        first.test_client().get("/x")
        second.test_client().get("/x")
    assert codes == ["not-found"]


def test_a_receiver_is_in_the_request() -> None:
    app, _ = make(lambda: abort(404))
    facts: list[tuple[str, str | None]] = []
    with error_answered.connected_to(
        lambda sender, **_: facts.append((request.path, request_id())), app
    ):
        app.test_client().get("/x", headers={"X-Request-ID": "r"})
    assert facts == [("/x", "r")]


def test_a_receiver_that_raises_is_logged_and_takes_nothing_from_the_others(
    received: Received, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = make(lambda: abort(404))

    def fail(sender: Flask, **_: Any) -> None:
        raise Lost("receiver")

    with error_answered.connected_to(fail):
        response = app.test_client().get("/x", headers={"X-Request-ID": "r"})
    assert (response.status_code, strict_json(response)) == (404, {"error": DEFAULT_404})
    assert len(received) == 1
    (record,) = error_records(caplog)
    assert record.getMessage() == (
        "A receiver of error_answered failed for /x [GET] (request ID r)"
    )
    assert record.exc_info is not None
    assert record.exc_info[0] is Lost


def test_a_receiver_can_be_async(received: Received) -> None:
    pytest.importorskip("asgiref")
    app, _ = make(lambda: abort(404))
    codes: list[str] = []

    async def receive(sender: Flask, problem: Problem, **_: Any) -> None:
        codes.append(problem.code)

    async def within_a_loop() -> int:
        return app.test_client().get("/x").status_code

    with error_answered.connected_to(receive):
        app.test_client().get("/x")
        assert asyncio.run(within_a_loop()) == 404
    assert codes == ["not-found"] * 2


def test_a_problem_that_cannot_be_made_is_logged_and_harms_nothing(
    received: Received, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(OwnBody):
        def get_description(self, *args: Any) -> str:
            raise Lost

    response = make(raiser(Broken()))[0].test_client().get("/x")
    assert (response.status_code, response.data) == (409, b"<p>mine</p>")
    assert not received
    (record,) = error_records(caplog)
    assert "A receiver of error_answered failed" in record.getMessage()


def test_a_muted_signal_is_not_sent(received: Received) -> None:
    app, _ = make(lambda: abort(404))
    with error_answered.muted():
        app.test_client().get("/x")
    assert not received


def test_without_receivers_nothing_is_remembered() -> None:
    app, _ = make(lambda: abort(404))
    app.extensions["apierrors"].adapters = ()  # another test may have loaded Sentry's SDK
    states: list[Any] = []
    app.teardown_request(lambda exc: states.append(getattr(request, REQUEST_STATE, None)))
    app.test_client().get("/x")
    assert states == [None]


def test_a_request_does_not_keep_its_exception(received: Received) -> None:
    app, _ = make(lambda: abort(404))
    exceptions: list[Any] = []
    app.teardown_request(lambda exc: exceptions.append(getattr(request, REQUEST_STATE).exception))
    app.test_client().get("/x")
    assert exceptions == [None]
