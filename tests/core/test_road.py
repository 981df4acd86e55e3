"""The road of an exception: who answers it, how it is reported, and what is sent."""

from __future__ import annotations

import builtins
import logging
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import pytest
from flask import Blueprint, Flask, Request, Response, abort, make_response, request
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
from werkzeug.routing import BaseConverter
from werkzeug.test import create_environ

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
def test_a_crash_is_hidden_and_is_logged_and_signaled_once(
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
        ApiError("secret", status=700),
        ApiError("secret", status=200),
        type("Odd", (HTTPException,), {"code": "404"})("secret"),
    ],
)
def test_a_status_that_is_none_of_an_error_is_a_500_and_the_log_names_it(
    error: HTTPException, caplog: pytest.LogCaptureFixture
) -> None:
    response = get(raiser(error))
    assert (response.status_code, strict_json(response)) == (500, {"error": INTERNAL})
    name, status = type(error).__name__, error.code
    assert f"{name} has the status {status!r}. Choose one from 400 to 599." in caplog.text


@pytest.mark.standard("generic-500")
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
def test_a_public_500_is_sent_as_it_is_and_still_logged_and_signaled(
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


def test_a_4xx_is_neither_logged_as_an_error_nor_signaled(
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


def test_an_exception_converted_into_a_5xx_is_logged_and_signaled_once(
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
def test_a_crash_from_anywhere_is_a_500_that_is_signaled_once(place: str) -> None:
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


@pytest.mark.usefixtures("without_opentelemetry")
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
