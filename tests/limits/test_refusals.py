"""Promises of the 429: one answer for each way to limit, and Flask-Limiter's own exception."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import pytest
from flask import Blueprint, Flask, Response, abort, make_response, request
from flask_limiter import RateLimitExceeded
from werkzeug.exceptions import TooManyRequests

from flask_apierrors import ApiError, ApiErrors, rate_limit, requires_auth
from tests.conftest import Clock, limited_app, statuses


def test_native_decorators_of_our_limiter_have_the_same_contract(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_DEFAULT="9/minute")
    with app.app_context():
        limiter = errors.limiter
        assert errors.limiter is limiter
    shop = Blueprint("shop", __name__)
    limiter.limit("1/minute")(shop)
    shop.add_url_rule("/shop", "shop", lambda: {})
    app.register_blueprint(shop)
    app.add_url_rule("/plain", "plain", lambda: {})

    @app.get("/native")
    @limiter.limit("1/minute")
    def native() -> dict[str, str]:
        return {}

    @app.get("/exempt")
    @limiter.exempt
    def exempt() -> dict[str, str]:
        return {}

    @app.get("/ours")
    @rate_limit("2/minute")
    def ours() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert client.get("/native").status_code == 200
    answer = client.get("/native")
    assert answer.json == {
        "error": "Too many requests: the limit is 1 per 1 minute. Retry after 60 seconds."
    }
    assert answer.headers["Retry-After"] == "60"
    assert answer.headers["RateLimit"] == '"native";r=0;t=60'
    assert statuses(client, "/shop", 2) == [200, 429]
    assert statuses(client, "/exempt", 12) == [200] * 12
    assert statuses(client, "/plain", 10) == [200] * 9 + [429]
    assert statuses(client, "/ours", 3) == [200, 200, 429]


def test_an_on_breach_response_of_a_native_limit_is_the_answer(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    with app.app_context():
        decorate = errors.limiter.limit(
            "1/minute", on_breach=lambda limit: make_response("own", 429)
        )
    app.add_url_rule("/x", "x", decorate(lambda: "ok"))
    client = app.test_client()
    assert [client.get("/x").text for _ in range(2)] == ["ok", "own"]


def test_deduct_when_of_a_native_limit_is_respected(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    with app.app_context():
        decorate = errors.limiter.limit("1/minute", deduct_when=lambda response: True)
    app.add_url_rule("/x", "x", decorate(lambda: "ok"))
    assert statuses(app.test_client(), "/x", 2) == [200, 429]


def test_a_native_limit_inside_a_view_is_enforced(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)

    @app.get("/x")
    def view() -> dict[str, str]:
        with errors.limiter.limit("1/minute"):
            return {}

    assert statuses(app.test_client(), "/x", 2) == [200, 429]


def test_the_authors_handler_gets_flask_limiters_exception(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.register_error_handler(RateLimitExceeded, lambda exc: ("own", 429))
    with app.app_context():
        decorate = errors.limiter.limit("1/minute")
    app.add_url_rule("/x", "x", decorate(lambda: "ok"))
    client = app.test_client()
    assert [client.get("/x").text for _ in range(2)] == ["ok", "own"]


def test_fallback_limits_hold_besides_native_ones(make_app: Callable[..., Flask]) -> None:
    pytest.importorskip("redis")
    errors = ApiErrors()
    app = make_app(
        errors,
        RATELIMIT_STORAGE_URI="redis://127.0.0.1:1",
        RATELIMIT_DEFAULT="100/minute",
        RATELIMIT_IN_MEMORY_FALLBACK="2/minute",
    )
    with app.app_context():
        decorate = errors.limiter.limit("50/minute")
    app.add_url_rule("/native", view_func=decorate(lambda: "x"), endpoint="native")
    assert statuses(app.test_client(), "/native", 3) == [200, 200, 429]


def test_a_native_429_of_another_request_names_the_whole_window(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    with app.app_context():
        decorate = errors.limiter.limit("1/minute")
    app.add_url_rule("/native", view_func=decorate(lambda: "x"), endpoint="native")
    kept: list[Exception] = []

    @app.errorhandler(RateLimitExceeded)
    def keep(exc: RateLimitExceeded) -> Response:
        kept.append(exc)
        return errors.response(exc)

    @app.get("/again")
    def again() -> Response:
        return errors.response(kept[0])

    client = app.test_client()
    assert statuses(client, "/native", 2) == [200, 429]
    answer = client.get("/again")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


def test_if_the_storage_fails_after_a_limit_the_wait_is_the_whole_window(
    make_app: Callable[..., Flask],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_STRATEGY="moving-window")
    with app.app_context():
        limiter = errors.limiter
    app.add_url_rule("/native", view_func=limiter.limit("1/minute")(lambda: "x"), endpoint="native")
    client = app.test_client()

    def fail(*_: Any) -> NoReturn:
        raise ConnectionError("gone")

    monkeypatch.setattr(type(limiter.storage), "get_moving_window", fail)
    assert statuses(client, "/native", 2) == [200, 429]
    assert client.get("/native").headers["Retry-After"] == "60"
    assert "gone" in caplog.text


@pytest.mark.parametrize("kind", ["decorator", "configuration", "default", "native"])
def test_a_handler_for_flask_limiters_exception_gets_every_429(
    make_app: Callable[..., Flask], kind: str
) -> None:
    configured: dict[str, dict[str, Any]] = {
        "configuration": {"APIERRORS_RATE_LIMITS": {"x": "1/minute"}},
        "default": {"RATELIMIT_DEFAULT": "1/minute"},
    }
    errors = ApiErrors()
    app = make_app(errors, **configured.get(kind, {}))
    with app.app_context():
        native = errors.limiter.limit("1/minute")
    decorators: dict[str, Any] = {"decorator": rate_limit("1/minute"), "native": native}
    app.add_url_rule("/x", "x", decorators.get(kind, lambda view: view)(lambda: "ok"))

    @app.errorhandler(RateLimitExceeded)
    def own(exc: RateLimitExceeded) -> tuple[str, int]:
        return f"own: {exc.description}, {exc.limit.limit}", 429

    client = app.test_client()
    client.get("/x")
    answer = client.get("/x")
    assert answer.text == "own: 1 per 1 minute, 1 per 1 minute"
    assert answer.headers["Retry-After"] == "60", "an answer of the author's says when, too"
    assert answer.headers["RateLimit"] == '"x";r=0;t=60'


def test_an_exception_that_an_author_raises_names_its_whole_window(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)

    @app.get("/x")
    def view() -> NoReturn:
        (limit,) = errors.limiter.limit("3/hour", error_message="No more.")
        raise RateLimitExceeded(limit)

    answer = app.test_client().get("/x")
    assert (answer.status_code, answer.json) == (429, {"error": "No more."})
    assert answer.headers["Retry-After"] == "3600"


def test_a_429_that_an_extension_changes_has_each_field_once(
    make_app: Callable[..., Flask],
) -> None:
    app = limited_app(make_app, "1/minute")

    @app.after_request
    def change(response: Response) -> Response:
        response.headers["X-Own"] = "1"
        return response

    client = app.test_client()
    client.get("/limited")
    headers = client.get("/limited").headers
    names = ["RateLimit", "RateLimit-Policy", "Retry-After", "X-Own"]
    assert [len(headers.getlist(name)) for name in names] == [1, 1, 1, 1]


def test_a_refusal_that_the_view_catches_is_no_429(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_HEADERS_ENABLED=True)

    @app.get("/x")
    def view() -> str:
        try:
            with errors.limiter.limit("1/minute"):
                return "ok"
        except RateLimitExceeded:
            return "cached"

    client = app.test_client()
    answers = [client.get("/x") for _ in range(2)]
    assert [(answer.status_code, answer.text) for answer in answers] == [
        (200, "ok"),
        (200, "cached"),
    ]
    assert answers[1].headers["RateLimit"].startswith('"view";r=0;t=')


def test_a_request_that_costs_more_than_its_limit_is_told_so_and_takes_nothing(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    limited = rate_limit("10/minute", cost=lambda: int(request.args["cost"]))
    app.add_url_rule("/x", "x", limited(lambda: "ok"))
    client = app.test_client()
    for cost in (11, 10**30):
        answer = client.get(f"/x?cost={cost}")
        assert answer.json == {"error": "This request alone exceeds the limit of 10 per 1 minute."}
        assert (answer.status_code, answer.headers.get("Retry-After")) == (429, None)
        assert answer.headers["RateLimit"] == '"x";r=0'
    assert statuses(client, "/x?cost=10", 2) == [200, 429]


def test_a_429_is_flask_limiters_exception_and_one_of_the_contract(
    make_app: Callable[..., Flask],
) -> None:
    app = limited_app(make_app, "1/minute")
    classes: list[type] = []

    @app.errorhandler(TooManyRequests)
    def own(exc: TooManyRequests) -> tuple[str, int]:
        classes.extend(cls for cls in (RateLimitExceeded, ApiError) if isinstance(exc, cls))
        return "own", 429

    assert statuses(app.test_client(), "/limited", 2) == [200, 429]
    assert classes == [RateLimitExceeded, ApiError]


def test_an_error_message_may_be_a_function(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    decorate = rate_limit("1/minute", error_message=lambda: "Slow down.")
    app.add_url_rule("/x", "x", decorate(lambda: "ok"))
    client = app.test_client()
    client.get("/x")
    assert client.get("/x").json == {"error": "Slow down."}


@pytest.mark.parametrize("option", ["on_breach", "error_message"])
def test_what_a_function_for_a_429_raises_is_the_answer_to_everyone(
    make_app: Callable[..., Flask], option: str
) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: None)
    app = make_app(errors)
    options: dict[str, Any] = {option: lambda *_: abort(403)}
    app.add_url_rule("/x", "x", requires_auth(rate_limit("1/minute", **options)(lambda: "ok")))
    assert statuses(app.test_client(), "/x", 2) == [401, 403]


def test_a_429_of_the_views_own_is_no_refusal_after_one_that_it_caught(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    costs = iter([3, 1])

    @errors.limiter.limit("2/minute", cost=lambda: next(costs))
    def function() -> None: ...

    @app.get("/x")
    def view() -> tuple[str, int]:
        with suppress(RateLimitExceeded):
            function()
        function()
        return "mine", 429

    headers = app.test_client().get("/x").headers
    assert "RateLimit" not in headers
