"""Promises of counting: what a request takes, when it is refused, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from flask import Flask, abort, make_response
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from flask_apierrors import ApiErrors, rate_limit
from tests.conftest import Clock, limited_app, statuses

PROBLEM = {"Accept": "application/problem+json"}


# -- what is counted


def test_options_requests_are_not_counted(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "1/minute", RATELIMIT_APPLICATION="2/minute")
    client = app.test_client()
    assert [client.options("/limited").status_code for _ in range(4)] == [200] * 4
    assert statuses(client, "/limited", 2) == [200, 429]


def test_options_requests_are_not_counted_even_if_the_view_answers_them(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    @app.route("/x", methods=["OPTIONS"], provide_automatic_options=False)
    @rate_limit("1/minute")
    def view() -> dict[str, str]:
        return {}

    assert [app.test_client().options("/x").status_code for _ in range(3)] == [200] * 3


def test_a_request_identifier_joins_endpoints(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_REQUEST_IDENTIFIER=lambda: "ships", RATELIMIT_DEFAULT="2/minute")
    app.add_url_rule("/a", "a", lambda: {})
    app.add_url_rule("/b", "b", lambda: {})
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/a", "/b", "/a")] == [200, 200, 429]


def test_the_configured_meta_limit_holds_for_every_endpoint(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", RATELIMIT_META="1/hour", RATELIMIT_DEFAULT="10/minute"
    ).test_client()
    assert statuses(client, "/free", 1) == [200]
    assert statuses(client, "/limited", 2) == [200, 429]
    assert statuses(client, "/free", 1) == [429]


def test_flask_limiter_and_we_count_on_the_same_counters(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_KEY_PREFIX="shop")
    with app.app_context():
        limiter = errors.limiter

    @app.get("/x")
    @rate_limit("4/hour")
    def ours() -> dict[str, str]:
        return {}

    @app.get("/y", endpoint="native")
    @limiter.limit("4/hour")
    def native() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/x", 1) + statuses(client, "/y", 2) == [200] * 3
    storage: Any = limiter.storage
    assert storage.storage == {
        "LIMITER/shop/127.0.0.1/ours/4/1/hour": 1,
        "LIMITER/shop/127.0.0.1/native/4/1/hour": 2,
    }
    item = next(iter(limiter.limit("4/hour"))).limit
    assert limiter.limiter.hit(item, "shop", "127.0.0.1", "ours")
    assert client.get("/x").headers["RateLimit"].startswith('"endpoint";r=1;')


# -- the 429


def test_the_429_says_the_limit_and_when_to_retry(
    make_app: Callable[..., Flask], strict_json: Callable[..., Any]
) -> None:
    client = limited_app(make_app, "1 per 1 second").test_client()
    client.get("/limited")
    answer = client.get("/limited")
    assert strict_json(answer.data) == {
        "error": "Too many requests: the limit is 1 per 1 second. Retry after 1 second."
    }
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_sentence_has_plurals(make_app: Callable[..., Flask], clock: Clock) -> None:
    client = limited_app(make_app, "1 per 5 minute").test_client()
    client.get("/limited")
    answer = client.get("/limited")
    assert answer.json == {
        "error": "Too many requests: the limit is 1 per 5 minutes. Retry after 300 seconds."
    }


def test_the_administrators_sentence_has_placeholders(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    messages = {429: "Slow down ({limit}), back in {retry_after} s."}
    client = limited_app(make_app, "1/minute", APIERRORS_MESSAGES=messages).test_client()
    client.get("/limited")
    assert client.get("/limited").json == {"error": "Slow down (1 per 1 minute), back in 60 s."}


def test_problem_json_names_the_violated_policies(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(make_app, "1/minute").test_client()
    client.get("/limited")
    body = client.get("/limited", headers=PROBLEM).json
    assert body is not None
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert body["violated-policies"] == ["endpoint"]
    assert body["limit"] == "1 per 1 minute"
    assert body["status"] == 429


def test_retry_after_is_enough_for_all_exceeded_limits(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(make_app, "1/second; 2/minute").test_client()
    assert client.get("/limited").status_code == 200
    clock.now += 1
    assert client.get("/limited").status_code == 200
    answer = client.get("/limited", headers=PROBLEM)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "59")
    assert answer.json is not None
    assert answer.json["violated-policies"] == ["endpoint", "endpoint-2"]


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
@pytest.mark.parametrize("cost", [1, 2])
def test_waiting_as_long_as_retry_after_says_is_enough(
    make_app: Callable[..., Flask], clock: Clock, strategy: str, cost: int
) -> None:
    app = make_app(RATELIMIT_STRATEGY=strategy)

    @app.get("/x")
    @rate_limit("5 per 7 seconds", cost=cost)
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    refused = 0
    for step in range(400):
        clock.now += (step * 37 % 100) / 50
        answer = client.get("/x")
        if answer.status_code == 429:
            refused += 1
            wait = int(answer.headers["Retry-After"])
            assert wait >= 1
            assert answer.headers["RateLimit"].endswith(f";r=0;t={wait}")
            clock.now += wait
            assert client.get("/x").status_code == 200
    assert refused > 20


def test_handlers_of_the_author_see_the_429_by_code(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "1/minute")

    @app.errorhandler(429)
    def own(exc: TooManyRequests) -> tuple[str, int]:
        return f"own {exc.retry_after}", 429

    client = app.test_client()
    client.get("/limited")
    assert client.get("/limited").text.startswith("own ")


def test_a_429_of_the_view_is_left_alone(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    def view() -> NoReturn:
        raise TooManyRequests("Busy.", retry_after=7)

    answer = app.test_client().get("/x")
    assert (answer.json, answer.headers["Retry-After"]) == ({"error": "Busy."}, "7")


def test_the_configured_on_breach_is_called_for_each_limit(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", RATELIMIT_ON_BREACH_CALLBACK=lambda limit: make_response("all", 429)
    ).test_client()
    client.get("/limited")
    assert client.get("/limited").text == "all"


# -- what rarely happens


def test_a_key_func_may_refuse_the_request(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_SWALLOW_ERRORS=True)

    @app.get("/x")
    @rate_limit("1/minute", key_func=lambda: abort(401))
    def view() -> dict[str, str]:
        return {}

    assert statuses(app.test_client(), "/x", 2) == [401, 401]


def test_an_authors_503_in_a_key_function_passes_as_it_is(make_app: Callable[..., Flask]) -> None:
    def key() -> str:
        raise ServiceUnavailable("The directory is away.")

    app = make_app()
    app.add_url_rule("/x", view_func=rate_limit("1/minute", key_func=key)(lambda: "x"))
    answer = app.test_client().get("/x")
    assert (answer.status_code, answer.get_json()) == (503, {"error": "The directory is away."})


def test_a_crash_in_deduct_when_is_logged_and_the_client_gets_the_response(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", deduct_when=lambda response: 1 / 0 > 0)
    def view() -> dict[str, str]:
        return {}

    assert app.test_client().get("/x").status_code == 200
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("key", ["RATELIMIT_DEFAULT", "APIERRORS_RETRY_AFTER"])
def test_the_log_says_once_that_several_processes_count_each_for_itself(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture, key: str
) -> None:
    app = make_app(**{key: "9/minute" if key == "RATELIMIT_DEFAULT" else 1})
    app.add_url_rule("/x", "x", rate_limit("9/minute")(lambda: {}))
    for _ in range(2):
        app.test_client().get("/x", environ_overrides={"wsgi.multiprocess": True})
    assert caplog.text.count("Set RATELIMIT_STORAGE_URI") == 1


def test_the_log_says_nothing_of_processes_where_there_is_one(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    app.add_url_rule("/x", "x", rate_limit("9/minute")(lambda: {}))
    app.test_client().get("/x")
    assert caplog.text == ""
