"""``ApiErrors``: its installation, and each hook of the author."""

from __future__ import annotations

import gc
import logging
import math
import uuid
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import marshmallow as ma
import pytest
from flask import Blueprint, Flask, Request, Response, abort, g, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    Gone,
    HTTPException,
    NotFound,
    ServiceUnavailable,
)
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, TestResponse

from flask_apierrors import ApiError, ApiErrors, requires_auth
from flask_apierrors._core.state import current_request
from tests.conftest import parse_strictly


class StoreError(Exception):
    """An exception of the author's."""


class StoreDown(StoreError):
    """A subclass of it."""


class LazyString:
    """A text that is translated when it is used, as Flask-Babel has it."""

    def __init__(self, translate: Callable[[], str]) -> None:
        self._translate = translate

    def __str__(self) -> str:
        return self._translate()


def new_app(**config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(config)
    app.add_url_rule("/store", view_func=raiser(StoreError("secret")), endpoint="store")
    app.add_url_rule("/down", view_func=raiser(StoreDown("secret")), endpoint="down")
    app.add_url_rule("/ok", view_func=lambda: "ok", endpoint="ok")
    return app


def raiser(exc: BaseException) -> Any:
    def view() -> Any:
        raise exc

    return view


def get(app: Flask, path: str, **options: Any) -> TestResponse:
    return app.test_client().get(path, **options)


def error(response: TestResponse) -> Any:
    return parse_strictly(response.data)["error"]


# -- installing


def test_a_second_init_app_on_the_same_app_fails_and_names_the_remedy() -> None:
    app = new_app()
    errors = ApiErrors(app)
    for again in (errors.init_app, ApiErrors):
        with pytest.raises(RuntimeError, match="once for each app"):
            again(app)


def test_a_configuration_mistake_fails_in_init_app() -> None:
    with pytest.raises(ValueError, match=r"APIERRORS_MAX_ERROR.*Did you mean APIERRORS_MAX_ERRORS"):
        ApiErrors(new_app(APIERRORS_MAX_ERROR=5))


def test_the_configuration_is_read_only_once() -> None:
    app = new_app(APIERRORS_REALM="before")
    ApiErrors(app)
    app.config["APIERRORS_REALM"] = "after"
    app.add_url_rule("/401", view_func=lambda: abort(401), endpoint="401")
    assert get(app, "/401").headers["WWW-Authenticate"] == 'Session realm="before"'


def test_apps_of_one_extension_share_only_its_hooks() -> None:
    errors = ApiErrors()
    errors.convert(StoreError, to=Conflict)
    first, second = new_app(APIERRORS_MESSAGES={409: "In use."}), new_app()
    errors.init_app(first)
    errors.init_app(second)
    assert error(get(first, "/store")) == "In use."
    assert get(second, "/store").status_code == 409
    assert error(get(second, "/store")) != "In use."


def test_an_app_is_freed_without_the_garbage_collector() -> None:
    errors = ApiErrors()
    app = new_app()
    errors.init_app(app)
    ref = weakref.ref(app)
    get(app, "/nope")
    gc.collect()
    gc.disable()
    try:
        del app
        assert ref() is None
    finally:
        gc.enable()


def test_a_guard_in_an_app_without_the_extension_names_the_remedy() -> None:
    from flask_apierrors import produces

    app = Flask(__name__)
    app.testing = True
    app.add_url_rule("/x", view_func=produces("text/csv")(lambda: "x"))
    with pytest.raises(RuntimeError, match="ApiErrors\\(app\\)"):
        get(app, "/x")


def test_an_error_keeps_its_text_and_headers_in_an_app_without_the_extension() -> None:
    app = Flask(__name__)
    error = ApiError("Sold out.", status=409, retry_after=1.5, headers={"X-A": "b"})
    app.add_url_rule("/x", view_func=raiser(error))
    response = get(app, "/x")
    assert response.status_code == 409
    assert b"Sold out." in response.data
    assert response.headers["Retry-After"] == "2"
    assert response.headers["X-A"] == "b"


# -- the scope


def test_outside_the_prefixes_flask_sends_its_own_pages() -> None:
    app = new_app(APIERRORS_URL_PREFIXES=("/api", "/v2/"))
    errors = ApiErrors(app)
    errors.convert(StoreError, to=Conflict)
    app.add_url_rule("/api/store", view_func=raiser(StoreError("secret")), endpoint="api_store")
    app.add_url_rule("/invalid", view_func=raiser(ma.ValidationError("no")), endpoint="invalid")
    app.add_url_rule("/empty", view_func=lambda: ("", 404), endpoint="empty")
    app.add_url_rule(
        "/codeless", view_func=raiser(HTTPException("as in Flask")), endpoint="codeless"
    )
    for path in ("/api", "/api/nope", "/v2/nope", "/api/store"):
        assert get(app, path).content_type == "application/json"
    for path in ("/nope", "/apiary", "/v2x", "/store", "/invalid"):
        response = get(app, path)
        assert response.content_type == "text/html; charset=utf-8"
        assert response.status_code == (500 if path in ("/store", "/invalid") else 404)
    assert get(app, "/empty").data == b""
    assert get(app, "/codeless").status_code == 200
    assert app.test_client().post("/ok").content_type == "text/html; charset=utf-8"


def test_a_guard_outside_the_prefixes_still_sends_its_challenge() -> None:
    app = new_app(APIERRORS_URL_PREFIXES=("/api",))
    errors = ApiErrors(app)
    errors.verify_token(lambda token: None)
    app.add_url_rule("/page", view_func=requires_auth(lambda: "page"), endpoint="page")
    response = get(app, "/page")
    assert (response.status_code, response.content_type) == (401, "text/html; charset=utf-8")
    assert response.headers.getlist("WWW-Authenticate") == ['Bearer realm="api"']


def test_the_prefixes_of_a_mounted_app_do_not_include_the_mount_point() -> None:
    app = new_app(APIERRORS_URL_PREFIXES=("/api",))
    ApiErrors(app)
    client = Client(DispatcherMiddleware(Flask("outer"), {"/mnt": app}))
    response = client.get("/mnt/api/nope", headers={"Accept": "application/problem+json"})
    assert parse_strictly(response.data)["instance"].startswith("/mnt/api/nope#")
    assert client.get("/mnt/nope").content_type == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("prefixes", "path", "is_covered"),
    [((), "/", True), (("/api",), "/api/x", True), (("/api",), "/apiary", False)],
)
def test_covers_tells_the_api_from_the_site(
    prefixes: tuple[str, ...], path: str, is_covered: bool
) -> None:
    app = new_app(APIERRORS_URL_PREFIXES=prefixes)
    errors = ApiErrors(app)
    with app.test_request_context(path):
        assert errors.covers(request) is is_covered


def test_the_handlers_of_a_blueprint_win_inside_it() -> None:
    app = new_app()
    ApiErrors(app)
    blueprint = Blueprint("b", __name__, url_prefix="/b")
    blueprint.register_error_handler(HTTPException, lambda exc: ("blueprint", exc.code))
    blueprint.add_url_rule("/x", view_func=lambda: abort(409))
    app.register_blueprint(blueprint)
    assert get(app, "/b/x").data == b"blueprint"
    assert get(app, "/nope").content_type == "application/json"


@given(st.text())
def test_every_path_is_answered(path: str) -> None:
    app = new_app()
    ApiErrors(app)
    with app.request_context(
        {**_environ(), "PATH_INFO": "/" + path.encode("utf-8", "replace").decode("latin-1")}
    ):
        response = app.full_dispatch_request()
    assert response.status_code in (200, 404, 405, 500, 308)


def _environ() -> dict[str, Any]:
    from werkzeug.test import create_environ

    return create_environ()


# -- convert


def test_a_class_can_be_converted_before_and_after_init_app() -> None:
    errors = ApiErrors()
    errors.convert(StoreError, to=Gone)
    app = new_app()
    errors.init_app(app)
    errors.convert(StoreDown, to=ServiceUnavailable("The store is closed.", retry_after=9))
    assert get(app, "/store").status_code == 410
    assert b"secret" not in get(app, "/store").data
    response = get(app, "/down")
    assert (response.status_code, error(response), response.headers["Retry-After"]) == (
        503,
        "The store is closed.",
        "9",
    )


def test_a_converter_function_gets_the_exception_and_chooses_the_text() -> None:
    app = new_app()
    errors = ApiErrors(app)

    @errors.convert(StoreError)
    def store_error(exc: StoreError) -> HTTPException:
        return ApiError(f"Because: {exc}", status=409)

    assert error(get(app, "/store")) == "Because: secret"
    assert error(get(app, "/down")) == "Because: secret"
    assert store_error(StoreError("x")).code == 409


def test_the_converter_for_the_nearest_class_wins() -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.convert(StoreDown, to=Gone)
    errors.convert(StoreError, to=Conflict)
    assert get(app, "/down").status_code == 410


def test_an_exception_instance_is_copied_for_each_request() -> None:
    answer = ServiceUnavailable("Closed.")
    app = new_app()
    errors = ApiErrors(app)
    errors.convert(StoreError, to=answer)
    before = dict(vars(answer))
    for _ in range(2):
        assert error(get(app, "/store")) == "Closed."
    assert vars(answer) == before
    assert answer.__traceback__ is None


def test_http_exceptions_can_be_converted() -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.convert(NotFound, to=Gone)
    assert get(app, "/nope").status_code == 410


def test_a_missing_form_field_is_a_400_even_if_key_errors_are_converted() -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.convert(LookupError, to=Gone)
    app.add_url_rule("/form", view_func=lambda: request.form["absent"], endpoint="form")
    nothing: dict[str, str] = {}
    app.add_url_rule("/key", view_func=lambda: nothing["absent"], endpoint="key")
    assert get(app, "/form").status_code == 400
    assert get(app, "/key").status_code == 410


def test_an_authors_handler_for_the_converted_class_wins() -> None:
    app = new_app()
    app.register_error_handler(StoreError, lambda exc: ("mine", 418))
    errors = ApiErrors(app)
    errors.convert(StoreError, to=Gone)
    assert get(app, "/store").data == b"mine"


@pytest.mark.parametrize("cls", [Exception, BaseException, KeyboardInterrupt, "KeyError", None])
def test_a_class_that_cannot_be_converted_fails_at_once(cls: Any) -> None:
    with pytest.raises(TypeError, match="convert"):
        ApiErrors().convert(cls, to=Gone)


@pytest.mark.parametrize("to", [404, "x", KeyError, KeyError()])
def test_an_answer_that_is_no_http_exception_fails_at_once(to: Any) -> None:
    with pytest.raises(TypeError, match="HTTPException"):
        ApiErrors().convert(StoreError, to=to)


@pytest.mark.parametrize("returned", [None, 12, KeyError("secret")])
def test_a_converter_that_returns_no_answer_is_a_500(
    returned: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.convert(StoreError)(lambda exc: returned)
    response = get(app, "/store")
    assert response.status_code == 500
    assert b"secret" not in response.data
    assert len(caplog.records) == 1
    assert "StoreError" in caplog.text


def test_a_converter_can_raise_its_answer() -> None:
    app = new_app()
    errors = ApiErrors(app)

    @errors.convert(StoreError)
    def refuse(exc: StoreError) -> HTTPException:
        abort(409, "In use.")

    response = get(app, "/store")
    assert (response.status_code, error(response)) == (409, "In use.")


def test_a_converter_that_crashes_is_a_500_that_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.convert(StoreError)(lambda exc: Conflict(str(1 / 0)))
    assert get(app, "/store").status_code == 500
    assert "ZeroDivisionError" in caplog.text
    assert "StoreError" in caplog.text


@pytest.mark.parametrize("is_shared", [False, True])
def test_a_converter_can_return_what_a_view_may_return(is_shared: bool) -> None:
    app = new_app()
    errors = ApiErrors(app)
    shared = Response("mine", 409)
    errors.convert(StoreError)(lambda exc: shared if is_shared else ({"mine": True}, 409))
    response = get(app, "/store")
    assert response.status_code == 409
    assert response.data == (b"mine" if is_shared else b'{"mine":true}\n')
    assert response.headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in shared.headers


def test_a_5xx_that_a_converter_returns_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.convert(StoreError)(lambda exc: ("down", 502))
    assert get(app, "/store").data == b"down"
    assert "StoreError" in caplog.text


# -- response


def test_response_makes_the_answer_for_code_that_cannot_raise() -> None:
    app = new_app(APIERRORS_URL_PREFIXES=("/api",))
    errors = ApiErrors(app)

    @app.get("/callback")
    def callback() -> Response:
        return errors.response(404, "No such vessel.")

    @app.get("/bare")
    def bare() -> Response:
        return errors.response(BadRequest())

    @app.get("/crash")
    def crash() -> Response:
        return errors.response(RuntimeError("secret"))

    assert (get(app, "/callback").status_code, error(get(app, "/callback"))) == (
        404,
        "No such vessel.",
    )
    assert get(app, "/bare").status_code == 400
    assert get(app, "/crash").status_code == 500
    assert b"secret" not in get(app, "/crash").data


def test_an_authors_handler_can_call_handle() -> None:
    app = new_app()
    errors = ApiErrors(app)

    @app.errorhandler(404)
    def not_found(exc: NotFound) -> Any:
        return errors.handle(exc)

    assert error(get(app, "/nope")) == "The requested resource does not exist."


# -- unavailable_when


@pytest.mark.parametrize(
    ("reason", "status", "retry_after", "text"),
    [
        (None, 200, None, None),
        (False, 200, None, None),
        (120, 503, "120", "The service is temporarily"),
        (0, 503, "0", "The service is temporarily"),
        (1799.2, 503, "1800", "The service is temporarily"),
        (-3.5, 503, "0", "The service is temporarily"),
        (math.inf, 503, "30", "The service is temporarily"),
        (timedelta(minutes=2), 503, "120", "The service is temporarily"),
        (datetime(2020, 1, 1), 503, "0", "The service is temporarily"),
        ("Back at five.", 503, "30", "Back at five."),
        (LazyString(lambda: "Closed."), 503, "30", "Closed."),
        (True, 503, "30", "The service is temporarily"),
    ],
)
def test_maintenance_is_a_503_for_the_whole_api(
    reason: Any, status: int, retry_after: Any, text: Any
) -> None:
    app = new_app(APIERRORS_URL_PREFIXES=("/ok", "/nope"))
    errors = ApiErrors(app)
    app.add_url_rule("/site", view_func=lambda: "site", endpoint="site")

    @errors.unavailable_when
    def maintenance() -> Any:
        return reason

    response = get(app, "/ok")
    assert response.status_code == status
    assert response.headers.get("Retry-After") == retry_after
    if text is not None:
        assert error(response).startswith(text)
        assert get(app, "/nope").status_code == 503
    assert get(app, "/site").data == b"site"


@pytest.mark.parametrize(
    "reason", [object(), [5], {"error": "x"}, b"x", ValueError("x"), (60,), Response("x")]
)
def test_what_is_no_reason_is_a_mistake_that_is_logged(
    reason: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = new_app()
    ApiErrors(app).unavailable_when(lambda: reason)
    assert get(app, "/ok").status_code == 500
    assert "seconds, a timedelta, a datetime or a sentence" in caplog.text


def test_endpoints_can_stay_available_during_maintenance() -> None:
    app = new_app()
    errors = ApiErrors(app)
    app.add_url_rule("/live", view_func=lambda: "ok", endpoint="health.live")

    @errors.unavailable_when(except_=("ok", "health.*"))
    def maintenance() -> int:
        return 60

    assert [get(app, path).status_code for path in ("/ok", "/live")] == [200, 200]
    assert [get(app, path).status_code for path in ("/store", "/nope")] == [503, 503]
    assert maintenance() == 60
    with pytest.raises(TypeError, match=r"except_='ok': give a tuple of endpoints, \('ok',\)"):
        errors.unavailable_when(except_="ok")


def test_a_maintenance_function_can_be_async_and_come_before_init_app() -> None:
    pytest.importorskip("asgiref")
    errors = ApiErrors()

    @errors.unavailable_when
    async def maintenance() -> str:
        return "Closed."

    app = new_app()
    errors.init_app(app)
    assert error(get(app, "/ok")) == "Closed."
    errors.unavailable_when(lambda: None)
    assert get(app, "/ok").status_code == 200


# -- request ids


def test_a_safe_request_id_is_kept() -> None:
    app = new_app()
    ApiErrors(app)
    assert (
        get(app, "/nope", headers={"X-Request-ID": "abc-123"}).headers["X-Request-ID"] == "abc-123"
    )


@pytest.mark.parametrize("unsafe", ["", "x" * 129, "é", "a\tb", "\x7f", "a b", *"\"'`\\()[]{}<>"])
def test_an_unsafe_request_id_is_replaced(unsafe: str) -> None:
    app = new_app()
    ApiErrors(app)
    sent = get(app, "/nope", environ_overrides={"HTTP_X_REQUEST_ID": unsafe}).headers[
        "X-Request-ID"
    ]
    assert len(sent) == 32
    assert sent != unsafe


@pytest.mark.parametrize("safe", ["Root=1-67891233-abcdef;Self=1", "a/b+c=", "x" * 128, "~"])
def test_ids_of_proxies_are_kept(safe: str) -> None:
    app = new_app()
    ApiErrors(app)
    assert get(app, "/nope", headers={"X-Request-ID": safe}).headers["X-Request-ID"] == safe


def test_a_request_has_the_id_that_the_app_has_already() -> None:
    app = new_app(APIERRORS_MEMBERS=("error", "request_id"))
    errors = ApiErrors(app)
    errors.request_id_from(lambda: g.get("trace"))
    records: list[str] = []
    app.logger.addFilter(lambda record: not records.append(record.request_id))  # type: ignore[func-returns-value,attr-defined]

    @app.before_request
    def trace() -> None:
        g.trace = uuid.UUID(int=7)
        app.logger.error("here")

    response = get(app, "/nope", headers={"X-Request-ID": "of-the-client"})
    identifier = "00000000-0000-0000-0000-000000000007"
    assert response.headers["X-Request-ID"] == identifier
    assert parse_strictly(response.data)["request_id"] == identifier
    assert records == [identifier]


@pytest.mark.parametrize("unsafe", [None, "", "a b", "x" * 129, "a\nb"])
def test_an_id_of_the_app_that_is_not_safe_is_ignored(unsafe: Any) -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.request_id_from(lambda: unsafe)
    sent = get(app, "/nope", headers={"X-Request-ID": "of-the-client"})
    assert sent.headers["X-Request-ID"] == "of-the-client"


def test_a_function_for_the_id_that_fails_takes_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = new_app()
    errors = ApiErrors(app)

    @errors.request_id_from
    def trace() -> str:
        app.logger.warning("looking")
        return str(g.trace)

    response = get(app, "/nope")
    assert (response.status_code, len(response.headers["X-Request-ID"])) == (404, 32)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "The @errors.request_id_from function failed"
    assert record.exc_info is not None
    assert record.exc_info[0] is AttributeError
    assert {record.request_id for record in caplog.records} == {response.headers["X-Request-ID"]}  # type: ignore[attr-defined]


def test_the_request_id_header_can_be_renamed_and_switched_off() -> None:
    named = new_app(APIERRORS_REQUEST_ID_HEADER="X-Correlation")
    ApiErrors(named)
    assert get(named, "/nope", headers={"X-Correlation": "c1"}).headers["X-Correlation"] == "c1"
    off = new_app(APIERRORS_REQUEST_ID_HEADER=None)
    ApiErrors(off)
    response = get(
        off, "/nope", headers={"Accept": "application/problem+json", "X-Request-ID": "x"}
    )
    assert "X-Request-ID" not in response.headers
    assert "request_id" not in parse_strictly(response.data)


@pytest.mark.usefixtures("without_opentelemetry")
@pytest.mark.parametrize("debug", [False, True])
def test_a_validation_error_keeps_its_request_in_memory_only_for_a_debugger(debug: bool) -> None:
    app = Flask(__name__)
    app.debug = debug
    ApiErrors(app)
    requests: list[weakref.ref[Request]] = []

    @app.get("/")
    def view() -> Any:
        requests.append(weakref.ref(current_request()))
        return ma.Schema.from_dict({"limit": ma.fields.Integer()})().load(request.args)

    gc.collect()
    gc.disable()
    try:
        assert app.test_client().get("/?limit=many").status_code == 400
        assert (requests[0]() is not None) is debug
    finally:
        gc.enable()


@pytest.mark.parametrize("detail", [None, "Log in first."])
def test_the_response_of_a_callback_gets_the_challenge_of_its_extension(detail: str | None) -> None:
    app = new_app()
    errors = ApiErrors(app)
    errors.verify_token(lambda token: None)

    @app.get("/basic")
    def basic() -> Any:
        response = errors.response(401, detail)
        if "WWW-Authenticate" not in response.headers:
            response.headers["WWW-Authenticate"] = 'Basic realm="x"'
        return response

    app.add_url_rule("/own", view_func=lambda: errors.response(401, detail), endpoint="own")
    for path, challenge in (("/basic", 'Basic realm="x"'), ("/own", 'Bearer realm="api"')):
        response = get(app, path)
        assert response.headers.getlist("WWW-Authenticate") == [challenge]
        assert error(response) == (detail or "Authentication is required.")
