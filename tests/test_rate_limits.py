"""Rate limits in one process: what is counted, for whom, and what the client is told."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, make_response, request
from flask.testing import FlaskClient
from flask.views import MethodView
from flask_limiter import Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apierrors import ApiErrors, InvalidToken, rate_limit, rate_limit_storage, requires_auth, requires_json

PROBLEM = {"Accept": "application/problem+json"}


def statuses(client: FlaskClient, path: str, times: int, **options: Any) -> list[int]:
    return [client.get(path, **options).status_code for _ in range(times)]


def limited_app(
    make_app: Callable[..., Flask], limit: str = "2/minute", errors: ApiErrors | None = None, **config: Any
) -> Flask:
    """An app with /limited, decorated, and /free."""
    app = make_app(errors, **config)

    @app.get("/limited")
    @rate_limit(limit)
    def limited() -> dict[str, str]:
        return {}

    @app.route("/free", methods=["GET", "POST"])
    def free() -> dict[str, str]:
        return {}

    return app


class Clock:
    """The time that the counters in memory live by."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", made)
    return made


# -- the decorator


def test_a_view_may_be_called_as_often_as_its_limit_says(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app).test_client()
    assert statuses(client, "/limited", 4) == [200, 200, 429, 429]
    assert statuses(client, "/free", 4) == [200] * 4


def test_the_429_says_the_limit_and_when_to_retry(make_app: Callable[..., Flask], strict_json: Callable[..., Any]) -> None:
    client = limited_app(make_app, "1 per 1 second").test_client()
    client.get("/limited")
    answer = client.get("/limited")
    assert strict_json(answer.data) == {"error": "Too many requests: the limit is 1 per 1 second. Retry after 1 second."}
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_sentence_has_its_plurals(make_app: Callable[..., Flask], clock: Clock) -> None:
    client = limited_app(make_app, "1 per 5 minute").test_client()
    client.get("/limited")
    answer = client.get("/limited")
    assert answer.json == {"error": "Too many requests: the limit is 1 per 5 minutes. Retry after 300 seconds."}


def test_the_administrators_sentence_has_placeholders(make_app: Callable[..., Flask], clock: Clock) -> None:
    messages = {429: "Slow down ({limit}), back in {retry_after} s."}
    client = limited_app(make_app, "1/minute", APIERRORS_MESSAGES=messages).test_client()
    client.get("/limited")
    assert client.get("/limited").json == {"error": "Slow down (1 per 1 minute), back in 60 s."}


def test_problem_json_names_the_violated_policies(make_app: Callable[..., Flask], clock: Clock) -> None:
    client = limited_app(make_app, "1/minute").test_client()
    client.get("/limited")
    body = client.get("/limited", headers=PROBLEM).json
    assert body is not None
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert body["violated-policies"] == ["endpoint"]
    assert body["limit"] == "1 per 1 minute"
    assert body["status"] == 429


def test_handlers_of_the_author_see_the_429_by_code(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "1/minute")

    @app.errorhandler(429)
    def own(exc: TooManyRequests) -> tuple[str, int]:
        return f"own {exc.retry_after}", 429

    client = app.test_client()
    client.get("/limited")
    assert client.get("/limited").text.startswith("own ")


@pytest.mark.parametrize("limit", ["", "often", "10 per fortnight", "ten/second", "10/second;;5/minute", 10, None])
def test_a_bad_limit_fails_where_it_is_applied(limit: Any) -> None:
    with pytest.raises(ValueError, match=r"Write it as '10 per second'"):
        rate_limit(limit)


def test_an_option_that_does_not_exist_fails_where_it_is_applied() -> None:
    with pytest.raises(TypeError, match=r"@rate_limit.*per_metod"):
        rate_limit("1/second", per_metod=True)


def test_a_limit_is_checked_before_anything_else(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: None)
    app = make_app(errors)

    @app.post("/all")
    @requires_json
    @requires_auth
    @rate_limit("1/minute")
    def everything() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [client.post("/all").status_code for _ in range(2)] == [401, 429]


def test_stacked_limits_all_hold(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("3/hour", scope="long")
    @rate_limit("2/minute", scope="short")
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/x", 4) == [200, 200, 429, 429]
    answer = client.get("/x")
    assert '"endpoint";q=2;w=60' in answer.headers["RateLimit-Policy"]


def test_async_views_and_method_views_are_limited(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_DEFAULT="1/minute")

    @app.get("/async")
    @rate_limit("2/minute")
    async def asynchronous() -> dict[str, str]:
        return {}

    class Ships(MethodView):
        @rate_limit("2/minute")
        def get(self) -> dict[str, str]:
            return {}

        def post(self) -> dict[str, str]:
            return {}

    class Decorated(MethodView):
        decorators = (rate_limit("3/minute"),)

        def get(self) -> dict[str, str]:
            return {}

    app.add_url_rule("/ships", view_func=Ships.as_view("ships"))
    app.add_url_rule("/decorated", view_func=Decorated.as_view("decorated"))
    client = app.test_client()
    assert statuses(client, "/async", 3) == [200, 200, 429]
    assert statuses(client, "/ships", 3) == [200, 200, 429]
    assert [client.post("/ships").status_code for _ in range(2)] == [200, 429]
    other = {"REMOTE_ADDR": "10.0.0.2"}
    heads = [client.head("/ships", environ_base=other).status_code for _ in range(3)]
    assert heads == [200, 200, 429], "by the limit of get, not by the default"
    assert statuses(client, "/decorated", 4) == [200, 200, 200, 429]


# -- Flask-Limiter's options


def test_cost_counts_a_request_for_several(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("10/minute", cost=lambda: int(request.args.get("n", 1)))
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [client.get(f"/x?n={n}").status_code for n in (4, 6, 1)] == [200, 200, 429]


def test_per_method_and_methods(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_DEFAULT="3/minute")

    @app.route("/each", methods=["GET", "POST"])
    @rate_limit("1/minute", per_method=True)
    def each() -> dict[str, str]:
        return {}

    @app.route("/only", methods=["GET", "POST"])
    @rate_limit("1/minute", methods=["post"])
    def only() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [client.get("/each").status_code, client.post("/each").status_code, client.get("/each").status_code] == [
        200,
        200,
        429,
    ]
    assert [client.post("/only").status_code for _ in range(2)] == [200, 429]
    assert statuses(client, "/only", 4) == [200, 200, 200, 429], "the defaults hold for the other methods"


def test_exempt_when(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", exempt_when=lambda: "free" in request.args)
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/x?free", 3) == [200] * 3
    assert statuses(client, "/x", 2) == [200, 429]


def test_deduct_when_counts_by_the_answer(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x/<int:status>")
    @rate_limit("2/minute", deduct_when=lambda response: response.status_code == 404)
    def view(status: int) -> dict[str, str]:
        if status != 200:
            abort(status)
        return {}

    client = app.test_client()
    assert [client.get(f"/x/{status}").status_code for status in (200, 200, 200, 404, 404, 200)] == [
        200,
        200,
        200,
        404,
        404,
        429,
    ]


def test_key_func_of_the_author_wins_and_an_empty_one_is_the_address(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", key_func=lambda: request.args.get("tenant", ""))
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [client.get(path).status_code for path in ("/x?tenant=a", "/x?tenant=b", "/x?tenant=a")] == [200, 200, 429]
    assert statuses(client, "/x", 2) == [200, 429], "nobody is unlimited because a key is missing"


def test_a_key_func_may_refuse(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_SWALLOW_ERRORS=True)

    @app.get("/x")
    @rate_limit("1/minute", key_func=lambda: abort(401))
    def view() -> dict[str, str]:
        return {}

    assert statuses(app.test_client(), "/x", 2) == [401, 401]


def test_error_message_replaces_the_sentence(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", error_message=lambda: "Wait, please.")
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    client.get("/x")
    answer = client.get("/x")
    assert answer.json == {"error": "Wait, please."}
    assert int(answer.headers["Retry-After"]) >= 1


def test_an_on_breach_response_is_the_answer(make_app: Callable[..., Flask]) -> None:
    seen = []

    def on_breach(limit: Any) -> Response:
        seen.append((str(limit.limit), limit.breached, limit.remaining))
        return make_response("own", 429)

    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", on_breach=on_breach)
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    client.get("/x")
    answer = client.get("/x")
    assert (answer.status_code, answer.text) == (429, "own")
    assert seen == [("1 per 1 minute", True, 0)]


def test_the_configured_on_breach_is_called_for_each_limit(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", RATELIMIT_ON_BREACH_CALLBACK=lambda limit: make_response("all", 429)
    ).test_client()
    client.get("/limited")
    assert client.get("/limited").text == "all"


def test_a_shared_scope_and_the_default_one(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    decorate = rate_limit("1/minute")

    @app.get("/a")
    @decorate
    def a() -> dict[str, str]:
        return {}

    @app.get("/b")
    @decorate
    def b() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [client.get(path).status_code for path in ("/a", "/b", "/a", "/b")] == [200, 200, 429, 429]


def test_override_defaults_false_adds_to_the_defaults(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_DEFAULT="2/minute")

    @app.get("/both")
    @rate_limit("10/minute", override_defaults=False)
    def both() -> dict[str, str]:
        return {}

    @app.get("/own")
    @rate_limit("10/minute")
    def own() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/both", 3) == [200, 200, 429]
    assert statuses(client, "/own", 3) == [200] * 3


def test_a_limit_may_be_a_function(make_app: Callable[..., Flask]) -> None:
    limits = ["1/minute"]
    app = make_app()

    @app.get("/x")
    @rate_limit(lambda: limits[-1])
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/x", 2) == [200, 429]
    limits.append("5/minute")
    assert statuses(client, "/x", 1) == [200]


def test_meta_limits_lock_out_who_exceeds_limits_too_often(make_app: Callable[..., Flask], clock: Clock) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/second", meta_limits=["2/hour"])
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/x", 3) == [200, 429, 429]
    clock.now += 2
    answer = client.get("/x")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 3000


# -- limits from the configuration


def test_default_limits_hold_for_each_endpoint_by_itself_but_static(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "5/minute", RATELIMIT_DEFAULT="1/minute")
    app.add_url_rule("/other", "other", lambda: {})
    client = app.test_client()
    assert statuses(client, "/free", 2) == [200, 429]
    assert statuses(client, "/other", 2) == [200, 429]
    assert statuses(client, "/limited", 5) == [200] * 5
    assert statuses(client, "/static/x.css", 3) == [404] * 3
    assert statuses(client, "/nowhere", 3) == [404] * 3


def test_the_application_limit_counts_all_endpoints_and_unknown_urls_together(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app, RATELIMIT_APPLICATION="3/minute").test_client()
    paths = ("/free", "/limited", "/nowhere", "/free", "/limited", "/nowhere")
    assert [client.get(path).status_code for path in paths] == [200, 200, 404, 429, 429, 429]


def test_limits_by_endpoint_from_configuration_alone(make_app: Callable[..., Flask]) -> None:
    limits = {"admin.*": "1/minute", "admin.list": "2/minute", "health": None, "limited": "1/minute"}
    app = limited_app(
        make_app, "5/minute", RATELIMIT_DEFAULT="3/minute", RATELIMIT_APPLICATION="100/minute", APIERRORS_RATE_LIMITS=limits
    )
    admin = Blueprint("admin", __name__)
    admin.add_url_rule("/admin/list", "list", lambda: {})
    admin.add_url_rule("/admin/users", "users", lambda: {})
    app.register_blueprint(admin)
    app.add_url_rule("/health", "health", lambda: {})
    client = app.test_client()
    assert statuses(client, "/admin/list", 3) == [200, 200, 429], "the endpoint before its pattern"
    assert statuses(client, "/admin/users", 2) == [200, 429]
    assert statuses(client, "/health", 120) == [200] * 120
    assert statuses(client, "/limited", 2) == [200, 429], "the administrator's word is the last"
    assert statuses(client, "/free", 4) == [200, 200, 200, 429]


def test_files_are_limited_when_the_administrator_names_them(make_app: Callable[..., Flask]) -> None:
    client = make_app(APIERRORS_RATE_LIMITS={"static": "1/minute"}).test_client()
    assert statuses(client, "/static/x.css", 2) == [404, 429]


def test_none_lifts_a_decorators_limit(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app, "1/minute", APIERRORS_RATE_LIMITS={"limited": None}).test_client()
    assert statuses(client, "/limited", 3) == [200] * 3


def test_options_requests_are_not_counted(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "1/minute", RATELIMIT_APPLICATION="2/minute")
    client = app.test_client()
    assert [client.options("/limited").status_code for _ in range(4)] == [200] * 4
    assert statuses(client, "/limited", 2) == [200, 429]


def test_a_view_that_answers_options_itself_is_not_limited_there(make_app: Callable[..., Flask]) -> None:
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


def test_a_crash_in_deduct_when_is_logged_and_costs_nobody_the_answer(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", deduct_when=lambda response: 1 / 0 > 0)
    def view() -> dict[str, str]:
        return {}

    assert app.test_client().get("/x").status_code == 200
    assert "ZeroDivisionError" in caplog.text


def test_the_switch_turns_everything_off(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = limited_app(
        make_app,
        "1/minute",
        errors,
        RATELIMIT_ENABLED=False,
        RATELIMIT_DEFAULT="1/minute",
        APIERRORS_RATE_LIMITS={"free": "1/minute"},
    )
    with app.app_context():
        native = errors.limiter
    app.add_url_rule("/native", "native", native.limit("1/minute")(lambda: "x"))
    client = app.test_client()
    assert [status for path in ("/limited", "/free", "/native") for status in statuses(client, path, 3)] == [200] * 9
    assert "RateLimit" not in client.get("/limited").headers
    assert not app.extensions["limiter"]


def test_a_default_limit_may_be_a_function(make_app: Callable[..., Flask]) -> None:
    limits = ["1/minute"]
    client = limited_app(make_app, RATELIMIT_DEFAULT=lambda: limits[-1]).test_client()
    assert statuses(client, "/free", 2) == [200, 429]
    limits.append("9/minute")
    assert statuses(client, "/free", 2) == [200, 200]


def test_more_of_the_configuration_of_flask_limiter(make_app: Callable[..., Flask], clock: Clock) -> None:
    app = limited_app(
        make_app,
        RATELIMIT_DEFAULT="4/minute",
        RATELIMIT_DEFAULTS_PER_METHOD=True,
        RATELIMIT_DEFAULTS_COST=2,
        RATELIMIT_DEFAULTS_EXEMPT_WHEN=lambda: "free" in request.args,
        RATELIMIT_KEY_PREFIX="shop",
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_HEADER_REMAINING="X-Left",
    )
    client = app.test_client()
    assert statuses(client, "/free?free", 5) == [200] * 5
    answer = client.get("/free")
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-Left"]) == ("4", "2")
    assert int(answer.headers["X-RateLimit-Reset"]) >= clock.now + 59
    assert statuses(client, "/free", 2) == [200, 429]
    assert client.post("/free").status_code == 200
    storage = app.extensions["apierrors"].rate_limits.native_limiter.storage
    assert any(key.startswith("LIMITER/shop/127.0.0.1/free:GET/") for key in storage.storage)


def test_the_configured_meta_limit(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app, "1/minute", RATELIMIT_META="1/hour", RATELIMIT_DEFAULT="10/minute").test_client()
    assert statuses(client, "/free", 1) == [200]
    assert statuses(client, "/limited", 2) == [200, 429]
    assert statuses(client, "/free", 1) == [429]


# -- mistakes fail at start


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"RATELIMIT_DEFAULT": "often"}, "RATELIMIT_DEFAULT = 'often' is not a rate limit. Write it as"),
        ({"RATELIMIT_APPLICATION": "1 per week"}, "RATELIMIT_APPLICATION"),
        ({"RATELIMIT_META": "x"}, "RATELIMIT_META"),
        ({"APIERRORS_RATE_LIMITS": {"free": "10"}}, "'10' for 'free' is not a rate limit. Write it as"),
        ({"RATELIMIT_STRATEGY": "elastic"}, "choose from fixed-window, moving-window, sliding-window-counter"),
        ({"RATELIMIT_STORAGE_URI": "redjs://:secret@x"}, "RATELIMIT_STORAGE_URI begins with 'redjs'"),
        (
            {"RATELIMIT_STORAGE_URI": "valkey://:secret@x"},
            r"the driver for valkey is missing. Install it: pip install 'limits\[valkey\]'",
        ),
    ],
)
def test_a_wrong_configuration_fails_at_start_with_the_remedy(
    make_app: Callable[..., Flask], config: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        make_app(**config)
    assert "secret" not in str(caught.value)


def test_an_unknown_endpoint_fails_each_request_and_names_the_remedy(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    client = limited_app(make_app, APIERRORS_RATE_LIMITS={"limitd": "1/minute", "no.such.*": None}).test_client()
    assert statuses(client, "/free", 2) == [500, 500]
    assert "names 'limitd', no endpoint of this app. Did you mean 'limited'?" in caplog.text


# -- who is counted


def principals_app(make_app: Callable[..., Flask], principal_by_token: dict[str, Any]) -> Flask:
    errors = ApiErrors()

    @errors.verify_token
    def verify(token: str) -> Any:
        found = principal_by_token.get(token)
        if isinstance(found, Exception):
            raise found
        return found

    app = limited_app(make_app, "1/minute", errors)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    return app


def ask(client: FlaskClient, token: str | None = None, address: str = "10.0.0.1") -> int:
    headers = {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})
    return client.get("/limited", headers=headers).status_code


class Account:
    def __init__(self, id: int) -> None:
        self.id = id


def test_a_principal_is_counted_wherever_it_comes_from(make_app: Callable[..., Flask]) -> None:
    principals = {"a1": {"sub": "a"}, "a2": {"sub": "a"}, "b": {"id": 0}, "c": "carol", "d": Account(7)}
    client = principals_app(make_app, principals).test_client()
    assert [ask(client, "a1", "10.0.0.1"), ask(client, "a2", "10.0.0.2")] == [200, 429]
    assert [ask(client, name) for name in ("b", "c", "d", "b", "c", "d")] == [200, 200, 200, 429, 429, 429]
    assert [ask(client), ask(client)] == [200, 429], "its address is counted for itself"


def test_a_forged_token_never_gets_a_bucket_of_its_own(make_app: Callable[..., Flask]) -> None:
    client = principals_app(
        make_app, {"down": ServiceUnavailable(), "expired": InvalidToken("expired"), "yes": True}
    ).test_client()
    assert ask(client) == 200
    assert [ask(client, token) for token in ("x", "y", "down", "expired", "yes")] == [429] * 5


def test_a_principal_cannot_be_named_like_an_address(make_app: Callable[..., Flask]) -> None:
    client = principals_app(make_app, {"a": {"sub": "10.0.0.1"}, "b": {"sub": "x/limited/1/1/minute y\n" * 50}}).test_client()
    assert [ask(client, "a"), ask(client), ask(client, "b"), ask(client, "b")] == [200, 200, 200, 429]


def test_behind_a_proxy_each_client_is_counted_by_itself(make_app: Callable[..., Flask]) -> None:
    client = principals_app(make_app, {}).test_client()
    assert [ask(client, None, address) for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "2001:db8::1")] == [
        200,
        200,
        429,
        200,
    ]


def test_a_configured_key_func_is_used(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app, "1/minute", RATELIMIT_KEY_FUNC=lambda: request.args["who"]).test_client()
    assert [client.get(f"/limited?who={who}").status_code for who in "aab"] == [200, 429, 200]


# -- what the client is told


def test_limited_routes_tell_their_policy_and_what_is_left(make_app: Callable[..., Flask], clock: Clock) -> None:
    client = limited_app(make_app, "2/minute").test_client()
    told = [client.get("/limited").headers for _ in range(3)]
    assert [headers["RateLimit-Policy"] for headers in told] == ['"endpoint";q=2;w=60'] * 3
    assert [headers["RateLimit"] for headers in told] == [f'"endpoint";r={left};t=60' for left in (1, 0, 0)]
    assert "Retry-After" not in told[0]
    assert told[2]["Retry-After"] == "60"
    assert "RateLimit" not in client.get("/free").headers


def test_an_error_of_the_view_tells_them_too_and_keeps_its_retry_after(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("5/hour")
    def view() -> None:
        raise ServiceUnavailable(retry_after=120)

    answer = app.test_client().get("/x")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "120"
    assert answer.headers["RateLimit"] == '"endpoint";r=4', "no time that Retry-After contradicts"


def test_several_limits_tell_the_one_that_is_nearest(make_app: Callable[..., Flask], clock: Clock) -> None:
    client = limited_app(make_app, "3/second; 4/hour", RATELIMIT_APPLICATION="100/hour").test_client()
    answer = client.get("/limited")
    assert answer.headers["RateLimit-Policy"] == '"application";q=100;w=3600, "endpoint";q=3;w=1, "endpoint-2";q=4;w=3600'
    assert answer.headers["RateLimit"] == '"endpoint";r=2;t=1'
    clock.now += 2
    client.get("/limited")
    clock.now += 2
    assert client.get("/limited").headers["RateLimit"] == '"endpoint-2";r=1;t=3596'


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


def test_retry_after_is_enough_for_all_exceeded_limits(make_app: Callable[..., Flask], clock: Clock) -> None:
    client = limited_app(make_app, "1/second; 2/minute").test_client()
    assert client.get("/limited").status_code == 200
    clock.now += 1
    assert client.get("/limited").status_code == 200
    answer = client.get("/limited", headers=PROBLEM)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "59")
    assert answer.json is not None
    assert answer.json["violated-policies"] == ["endpoint", "endpoint-2"]


def test_a_429_of_the_view_is_left_alone(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    def view() -> None:
        raise TooManyRequests("Busy.", retry_after=7)

    answer = app.test_client().get("/x")
    assert (answer.json, answer.headers["Retry-After"]) == ({"error": "Busy."}, "7")


# -- Flask-Limiter's own decorators


def test_native_decorators_of_our_limiter_have_the_same_contract(make_app: Callable[..., Flask], clock: Clock) -> None:
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
    assert client.get("/native").headers["RateLimit"] == '"default";r=0;t=60'
    answer = client.get("/native")
    assert answer.json == {"error": "Too many requests: the limit is 1 per 1 minute. Retry after 60 seconds."}
    assert answer.headers["Retry-After"] == "60"
    assert answer.headers["RateLimit"] == '"default";r=0;t=60'
    assert statuses(client, "/shop", 2) == [200, 429]
    assert statuses(client, "/exempt", 12) == [200] * 12
    assert statuses(client, "/plain", 10) == [200] * 9 + [429]
    assert statuses(client, "/ours", 3) == [200, 200, 429]


@pytest.mark.parametrize("first", ["limiter", "errors"])
def test_a_limiter_of_the_author_is_used_in_either_order(first: str) -> None:
    limiter = Limiter(
        lambda: request.args.get("who", "x"),
        default_limits=["3/minute"],
        application_limits=["6/minute"],
        storage_uri="memory://",
    )
    errors = ApiErrors()
    app = Flask(__name__)
    for extension in (limiter, errors) if first == "limiter" else (errors, limiter):
        extension.init_app(app)

    @app.get("/ours")
    @rate_limit("2/minute")
    def ours() -> dict[str, str]:
        return {}

    @app.get("/native")
    @limiter.limit("1/minute", error_message="No more.")
    def native() -> dict[str, str]:
        return {}

    app.add_url_rule("/plain", "plain", lambda: {})
    with app.app_context():
        assert errors.limiter is limiter
    assert app.extensions["limiter"] == {limiter}
    client = app.test_client()
    assert statuses(client, "/ours?who=a", 3) == [200, 200, 429]
    answer = [client.get("/native?who=b") for _ in range(2)][1]
    assert (answer.status_code, answer.json) == (429, {"error": "No more."})
    assert int(answer.headers["Retry-After"]) >= 59
    assert statuses(client, "/plain?who=c", 4) == [200, 200, 200, 429]
    assert [client.options("/native").status_code for _ in range(9)] == [200] * 9
    paths = ["/ours?who=d", "/plain?who=d", "/ours?who=d", "/plain?who=d", "/plain?who=d", "/native?who=d", "/native?who=d"]
    assert [client.get(path).status_code for path in paths] == [200] * 6 + [429], "the application limit counts each once"


def test_two_limiters_of_the_author_are_both_kept(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "5/minute")
    limiters = [
        Limiter(get_remote_address, default_limits=[limit], storage_uri="memory://") for limit in ("2/minute", "9/minute")
    ]
    for limiter in limiters:
        limiter.init_app(app)
    assert app.extensions["limiter"] == set(limiters)
    assert statuses(app.test_client(), "/free", 3) == [200, 200, 429]


def test_a_limiter_of_the_author_replaces_ours_that_the_configuration_made(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = limited_app(make_app, "5/minute", errors, RATELIMIT_DEFAULT="2/minute", RATELIMIT_STORAGE_URI="memory://")
    limiter = Limiter(get_remote_address)
    limiter.init_app(app)
    assert app.extensions["limiter"] == {limiter}
    client = app.test_client()
    assert statuses(client, "/free", 3) == [200, 200, 429], "counted once, not by both"
    assert statuses(client, "/limited", 6) == [200] * 5 + [429]


def test_an_on_breach_response_of_a_native_limit_is_the_answer(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    with app.app_context():
        decorate = errors.limiter.limit("1/minute", on_breach=lambda limit: make_response("own", 429))
    app.add_url_rule("/x", "x", decorate(lambda: "ok"))
    client = app.test_client()
    assert [client.get("/x").text for _ in range(2)] == ["ok", "own"]


def test_native_deduct_when_works(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    with app.app_context():
        decorate = errors.limiter.limit("1/minute", deduct_when=lambda response: True)
    app.add_url_rule("/x", "x", decorate(lambda: "ok"))
    assert statuses(app.test_client(), "/x", 2) == [200, 429]


def test_a_native_limit_inside_a_view(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)

    @app.get("/x")
    def view() -> dict[str, str]:
        with errors.limiter.limit("1/minute"):
            return {}

    assert statuses(app.test_client(), "/x", 2) == [200, 429]


def test_the_author_sees_flask_limiters_exception_in_a_handler_of_his_own(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.register_error_handler(RateLimitExceeded, lambda exc: ("own", 429))
    with app.app_context():
        decorate = errors.limiter.limit("1/minute")
    app.add_url_rule("/x", "x", decorate(lambda: "ok"))
    client = app.test_client()
    assert [client.get("/x").text for _ in range(2)] == ["ok", "own"]


# -- apps of one process


def test_apps_of_one_instance_share_no_limits_storages_or_switches(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    decorate = rate_limit("1/minute")
    apps = [
        make_app(errors, RATELIMIT_DEFAULT="1/minute"),
        make_app(errors, RATELIMIT_DEFAULT="3/minute"),
        make_app(errors, RATELIMIT_ENABLED=False, RATELIMIT_DEFAULT="1/minute"),
        make_app(errors),
    ]
    for app in apps:
        app.add_url_rule("/plain", "plain", lambda: {})
        app.add_url_rule("/decorated", "decorated", decorate(lambda: {}))
    plain = [statuses(app.test_client(), "/plain", 4) for app in apps]
    assert plain == [[200, 429, 429, 429], [200, 200, 200, 429], [200] * 4, [200] * 4]
    decorated = [statuses(app.test_client(), "/decorated", 2) for app in apps]
    assert decorated == [[200, 429], [200, 429], [200, 200], [200, 429]]
    limiters = []
    for app in apps:
        with app.app_context():
            limiters.append(errors.limiter)
    assert len(set(limiters)) == 4


def test_an_app_with_limits_goes_with_its_last_user(make_app: Callable[..., Flask]) -> None:
    gc.collect()
    app = limited_app(make_app, RATELIMIT_DEFAULT="1/minute")
    assert statuses(app.test_client(), "/limited", 1) == [200]
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


def test_the_limiter_needs_an_app_with_the_contract(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    with Flask(__name__).app_context(), pytest.raises(RuntimeError, match="no ApiErrors"):
        _ = errors.limiter


def test_flask_limiter_is_not_imported_before_an_app_needs_it() -> None:
    code = """
        import sys
        from flask import Flask
        from flask_apierrors import ApiErrors
        app = Flask("x")
        errors = ApiErrors(app)
        client = app.test_client()
        client.get("/")
        assert not {"flask_limiter", "limits"} & set(sys.modules)
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(code)], check=True, timeout=60)


# -- what is relied on in Flask-Limiter and limits: a new version that moves it fails here


def test_a_limiter_that_the_app_knows_already_leaves_its_hooks_out(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_STORAGE_URI="memory://")
    assert not app.before_request_funcs
    assert not app.teardown_request_funcs
    assert [function.__name__ for function in app.after_request_funcs[None]] == ["finish"]


def test_a_limiter_has_the_attributes_that_are_read() -> None:
    limiter = Limiter(get_remote_address, storage_uri="memory://", key_prefix="shop", default_limits=["1/hour"])
    limiter.init_app(Flask(__name__))
    names = ("_key_prefix", "_on_breach", "_on_meta_breach", "_fail_on_first_breach", "_swallow_errors", "_headers_enabled")
    assert [getattr(limiter, name) for name in names] == ["shop", None, None, True, False, False]
    assert limiter.limiter.storage is limiter.storage
    assert [str(limit.limit) for limit in limiter.limit_manager.default_limits] == ["1 per 1 hour"]
    assert limiter.limit_manager.application_limits == []


def test_a_limit_gives_its_parsed_limits_with_all_options() -> None:
    limiter = Limiter(get_remote_address, storage_uri="memory://")
    first, second = limiter.limit("1/second; 5/hour", per_method=True, scope="x", cost=2, methods=["GET"])
    assert (str(first.limit), str(second.limit)) == ("1 per 1 second", "5 per 1 hour")
    assert first.scope_for("ships", "GET") == "ships:x:GET"
    assert (first.key_func, first.deduction_amount, first.methods) == (get_remote_address, 2, ("get",))
    (shared,) = limiter.shared_limit("1/second", scope="all")
    assert shared.scope_for("ships", "GET") == "all"


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
    assert storage.storage == {"LIMITER/shop/127.0.0.1/ours/4/1/hour": 1, "LIMITER/shop/127.0.0.1/native/4/1/hour": 2}
    item = next(iter(limiter.limit("4/hour"))).limit
    assert limiter.limiter.hit(item, "shop", "127.0.0.1", "ours")
    assert client.get("/x").headers["RateLimit"].startswith('"endpoint";r=1;')


# -- counters in memory


def test_counting_in_memory_is_exact_over_threads(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "100/hour")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: app.test_client().get("/limited").status_code, range(300)))
    assert (found.count(200), found.count(429)) == (100, 200)


def test_counting_in_memory_starts_no_thread_for_each_request(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = limited_app(make_app, "100/hour").test_client()
    client.get("/limited")
    started = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread), start(thread))[1])
    for _ in range(20):
        time.sleep(0.015)
        client.get("/limited")
    assert len(started) <= 1


def test_expired_counters_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit_storage, "SWEEP_INTERVAL", 0.1)
    storage = rate_limit_storage.SweptMemory()
    for number in range(50):
        storage.incr(f"client-{number}", 1)
    end = time.monotonic() + 20
    while len(storage.storage) > 1:
        assert time.monotonic() < end
        time.sleep(0.05)
        storage.incr("other", 1)
    assert set(storage.storage) <= {"other"}
    assert set(storage.expirations) <= {"other"}


# -- what rarely happens


@pytest.mark.parametrize(
    "config",
    [
        {"RATELIMIT_STORAGE_URI": "redis://:s3cret@127.0.0.1:port"},
        {"RATELIMIT_STORAGE_URI": "redis://:s3cret@127.0.0.1:1", "RATELIMIT_STORAGE_OPTIONS": "socket_timeout=1"},
    ],
)
def test_a_storage_that_cannot_be_read_fails_at_start_and_keeps_its_password(
    make_app: Callable[..., Flask], config: dict[str, str]
) -> None:
    pytest.importorskip("redis")
    with pytest.raises(ValueError, match="RATELIMIT_STORAGE_OPTIONS") as caught:
        make_app(**config)
    assert "s3cret" not in str(caught.value)


def test_an_authors_limiter_that_is_switched_off_limits_nothing() -> None:
    app = Flask(__name__)
    limiter = Limiter(get_remote_address, app=app, default_limits=["1/minute"], storage_uri="memory://")
    limiter.enabled = False
    ApiErrors(app)
    app.add_url_rule("/x", view_func=rate_limit("1/minute")(lambda: "x"))
    assert statuses(app.test_client(), "/x", 3) == [200, 200, 200]


def test_an_authors_503_in_a_key_function_passes_as_it_is(make_app: Callable[..., Flask]) -> None:
    def key() -> str:
        raise ServiceUnavailable("The directory is away.")

    app = make_app()
    app.add_url_rule("/x", view_func=rate_limit("1/minute", key_func=key)(lambda: "x"))
    answer = app.test_client().get("/x")
    assert (answer.status_code, answer.get_json()) == (503, {"error": "The directory is away."})


def test_emergency_limits_hold_beside_native_ones(make_app: Callable[..., Flask]) -> None:
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
    client = app.test_client()
    client.get("/native")  # finds out that the storage is away
    assert 429 in statuses(client, "/native", 3)


def test_a_limiter_may_limit_another_app_too_that_has_no_contract(make_app: Callable[..., Flask]) -> None:
    ours, other = make_app(), Flask("other")
    limiter = Limiter(get_remote_address, default_limits=["1/minute"], storage_uri="memory://")
    for app in (ours, other):
        app.add_url_rule("/x", view_func=lambda: "x", endpoint="x")
        limiter.init_app(app)
    assert ours.test_client().get("/x").status_code == 200
    answer = other.test_client().get("/x")
    assert (answer.status_code, answer.content_type) == (429, "text/html; charset=utf-8")


def test_a_native_429_of_another_request_is_answered_with_the_whole_window(make_app: Callable[..., Flask]) -> None:
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


def test_a_storage_that_fails_while_a_native_limit_is_told_costs_the_fields_alone(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    with app.app_context():
        limiter = errors.limiter
    app.add_url_rule("/native", view_func=limiter.limit("1/minute")(lambda: "x"), endpoint="native")
    client = app.test_client()

    def fail(*_: Any) -> float:
        raise ConnectionError("gone")

    monkeypatch.setattr(type(limiter.storage), "get_expiry", fail)
    assert statuses(client, "/native", 2) == [200, 429]
    assert "RateLimit" not in client.get("/native").headers
    assert client.get("/native").headers["Retry-After"] == "60"
    assert "gone" in caplog.text
