"""Promises of counting: what a request takes, when it is refused, and how."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn
from uuid import UUID

import pytest
from flask import Blueprint, Flask, Response, abort, make_response, request
from flask.views import MethodView
from flask_limiter import ExemptionScope, Limiter, MetaLimit, RateLimitExceeded
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from flask_apierrors import ApiErrors, current_principal, rate_limit, requires_auth
from tests.conftest import Clock, limited_app, statuses, view_of

PROBLEM = {"Accept": "application/problem+json"}


# -- what is counted


def test_options_requests_are_not_counted(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "1/minute", RATELIMIT_APPLICATION="2/minute")
    client = app.test_client()
    assert [client.options("/limited").status_code for _ in range(4)] == [200] * 4
    assert statuses(client, "/limited", 2) == [200, 429]


def test_options_requests_that_the_view_answers_are_counted(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(RATELIMIT_DEFAULT="1/minute")

    @app.route("/x", methods=["POST", "OPTIONS"])
    @rate_limit("1/minute")
    def view() -> dict[str, str]:
        return {}

    app.add_url_rule("/y", view_func=lambda: {}, methods=["OPTIONS"], endpoint="y")
    client = app.test_client()
    for path in ("/x", "/y"):
        assert [client.options(path).status_code for _ in range(2)] == [200, 429]
    preflight = {"Origin": "https://a", "Access-Control-Request-Method": "POST"}
    response = client.options("/y", headers=preflight)
    assert (response.status_code, response.data) == (200, b""), "the view does not run"


@pytest.mark.parametrize("kind", ["decorated", "class"])
def test_a_preflight_that_the_view_expects_is_not_counted(
    make_app: Callable[..., Flask], kind: str
) -> None:
    app = make_app(RATELIMIT_APPLICATION="1/minute")

    @rate_limit("1/minute")
    def decorated() -> dict[str, str]:
        return {}

    # What Flask-CORS' @cross_origin sets.
    decorated.provide_automatic_options = False  # type: ignore[attr-defined]
    decorated.required_methods = ["OPTIONS"]  # type: ignore[attr-defined]

    class Answers(MethodView):
        @rate_limit("1/minute")
        def options(self) -> dict[str, str]:
            return {}

    view: Any = decorated if kind == "decorated" else Answers.as_view("class")
    app.add_url_rule("/x", kind, view)
    client = app.test_client()
    preflight = {"Origin": "https://a", "Access-Control-Request-Method": "POST"}
    assert [client.options("/x", headers=preflight).status_code for _ in range(3)] == [200] * 3
    assert [client.options("/x").status_code for _ in range(2)] == [200, 429]


def test_a_request_identifier_joins_endpoints(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_REQUEST_IDENTIFIER=lambda: "ships", RATELIMIT_DEFAULT="2/minute")
    app.add_url_rule("/a", "a", lambda: {})
    app.add_url_rule("/b", "b", lambda: {})
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/a", "/b", "/a")] == [200, 200, 429]


@pytest.mark.parametrize("where", ["limit function", "native", "key function", "cost"])
def test_a_crash_while_counting_lets_the_request_pass_where_the_app_swallows_errors(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture, where: str
) -> None:
    def crash() -> NoReturn:
        raise LookupError("no plan")

    options: dict[str, Any] = {
        "key function": {"key_func": crash},
        "cost": {"cost": crash},
    }.get(where, {})
    limit: Any = "1/minute" if options else crash
    for swallows, expected in ((True, [200, 200]), (False, [500, 500])):
        errors = ApiErrors()
        app = make_app(errors, RATELIMIT_SWALLOW_ERRORS=swallows)
        function: Any = errors.limiter.limit if where == "native" else rate_limit
        app.add_url_rule("/x", "x", function(limit, **options)(view_of()))
        assert statuses(app.test_client(), "/x", 2) == expected
    assert caplog.text.count("LookupError: no plan") == 4, "nothing is swallowed by the log"


def test_a_crash_in_a_default_limit_lets_the_request_pass_where_the_app_swallows_errors(
    make_app: Callable[..., Flask],
) -> None:
    plans = {"free": "1/minute"}
    app = make_app(
        RATELIMIT_SWALLOW_ERRORS=True,
        RATELIMIT_DEFAULT=lambda: plans[request.args.get("plan", "")],
    )
    app.add_url_rule("/x", "x", view_of())
    client = app.test_client()
    assert statuses(client, "/x", 1) == [200]
    assert statuses(client, "/x?plan=free", 2) == [200, 429]


@pytest.mark.parametrize("swallows", [True, False])
def test_a_crash_in_on_breach_never_lifts_the_limit(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture, swallows: bool
) -> None:
    app = make_app(RATELIMIT_SWALLOW_ERRORS=swallows)
    limited = rate_limit("1/minute", on_breach=lambda limit: 1 / 0)
    app.add_url_rule("/x", "x", limited(view_of()))
    assert statuses(app.test_client(), "/x", 2) == [200, 429 if swallows else 500]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(("stops", "times"), [(True, 1), (False, 2)])
def test_on_breach_is_called_for_each_limit_that_flask_limiter_counts(
    make_app: Callable[..., Flask], stops: bool, times: int
) -> None:
    breached: list[str] = []
    app = make_app(
        RATELIMIT_FAIL_ON_FIRST_BREACH=stops,
        RATELIMIT_ON_BREACH_CALLBACK=lambda breach: breached.append(str(breach.limit)),
    )
    app.add_url_rule("/x", "x", rate_limit("1/minute; 1/hour")(view_of()))
    assert statuses(app.test_client(), "/x", 2) == [200, 429]
    assert breached == ["1 per 1 minute", "1 per 1 hour"][:times]


@pytest.mark.parametrize("is_inner", [True, False])
@pytest.mark.parametrize("stops", [True, False])
def test_a_429_knows_all_limits_of_the_view_and_takes_from_the_shortest_first(
    make_app: Callable[..., Flask], clock: Clock, stops: bool, is_inner: bool
) -> None:
    app = make_app(RATELIMIT_FAIL_ON_FIRST_BREACH=stops)
    long, short = rate_limit("3/hour"), rate_limit("2/minute; 9/day")
    view = long(short(view_of())) if is_inner else short(long(view_of()))
    app.add_url_rule("/x", "x", view)
    client = app.test_client()
    answers = [client.get("/x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["RateLimit-Policy"].count(";q=") == 3
    clock.now += 60
    # Flask-Limiter counts a refused request for all limits only if it does not stop at the first.
    expected = [200, 429] if stops else [429, 429]
    answers = [client.get("/x") for _ in range(2)]
    assert [answer.status_code for answer in answers] == expected
    assert answers[1].headers["Retry-After"] == "3540", "the wait is long enough for both"


def test_a_429_of_the_default_limit_knows_those_of_the_view(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    app = make_app(RATELIMIT_DEFAULT="1/minute", RATELIMIT_FAIL_ON_FIRST_BREACH=False)
    app.add_url_rule("/x", "x", rate_limit("2/hour", override_defaults=False)(view_of()))
    client = app.test_client()
    assert statuses(client, "/x", 2) == [200, 429]
    clock.now += 60
    answer = client.get("/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3540")


def test_a_success_that_got_its_place_back_makes_no_window_longer(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    app = make_app(RATELIMIT_HEADERS_ENABLED=True)
    limited = rate_limit("1/hour", deduct_when=lambda response: response.status_code == 401)
    app.add_url_rule("/x", "x", limited(lambda: ("", int(request.args["status"]))))
    client = app.test_client()
    client.get("/x?status=200")
    clock.now += 3000
    answers = [client.get("/x?status=401") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 429]
    assert [answer.headers["RateLimit"] for answer in answers] == ['"x";r=0;t=600'] * 2
    assert answers[1].headers["Retry-After"] == "600"


def test_a_429_comes_before_the_functions_that_want_a_principal(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: None)
    app = make_app(errors)
    for_plan = rate_limit(lambda: current_principal["plan"])
    view = requires_auth(for_plan(rate_limit("1/hour")(view_of())))
    app.add_url_rule("/x", "x", view)
    assert statuses(app.test_client(), "/x", 2) == [401, 429]


@pytest.mark.parametrize(
    "options",
    [
        {"key_func": lambda: current_principal["sub"]},
        {"cost": lambda: current_principal["cost"]},
        {"exempt_when": lambda: current_principal["sub"] == "admin"},
        {"key_func": lambda: request.headers.get("X-Team") or abort(400)},
    ],
)
def test_a_function_that_wants_a_principal_leaves_the_refusal_to_the_guard(
    make_app: Callable[..., Flask], options: dict[str, Any]
) -> None:
    errors = ApiErrors()
    errors.verify_token({"t": {"sub": "a", "cost": 1}}.get)
    app = make_app(errors)
    app.add_url_rule("/x", "x", requires_auth(rate_limit("1/hour", **options)(view_of())))
    client = app.test_client()
    assert statuses(client, "/x", 2) == [401, 401]
    token = {"Authorization": "Bearer t", "X-Team": "a"}
    assert [client.get("/x", headers=token).status_code for _ in range(2)] == [200, 429]


def test_the_functions_of_meta_limits_have_flask_limiters_order(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    own = MetaLimit("1/hour", on_breach=lambda breach: make_response("own", 429))
    app = make_app(
        RATELIMIT_META="2/hour",
        RATELIMIT_ON_META_BREACH_CALLBACK=lambda breach: make_response("all", 429),
        RATELIMIT_ON_BREACH_CALLBACK=lambda breach: make_response("limit", 429),
    )
    limited = rate_limit("1/second", meta_limits=[own])
    app.add_url_rule("/x", "x", limited(lambda: "ok"))
    app.add_url_rule("/y", "y", rate_limit("1/second")(lambda: "ok"))
    client = app.test_client()
    texts = [client.get("/x").text for _ in range(3)]
    texts += [client.get("/y").text for _ in range(3)]
    texts += [client.get("/x").text]
    assert texts == ["ok", "limit", "own", "ok", "limit", "all", "all"]


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
    assert statuses(client, "/x", 3) == [200, 200, 429]


# -- the 429


@pytest.mark.standard("log-injection")
def test_what_a_client_sends_begins_no_line_of_the_log(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()
    scoped = rate_limit(
        "1/minute", scope=lambda endpoint: request.args["x"], key_func=lambda: request.args["x"]
    )
    app.add_url_rule("/x", "x", scoped(lambda: {}))
    with caplog.at_level("INFO", "flask-limiter"):
        assert statuses(app.test_client(), "/x?x=a%0AERROR forged%1B%E2%80%A8", 2) == [200, 429]
    (message,) = caplog.messages
    assert message == (
        "ratelimit 1 per 1 minute (key_func:a%0AERROR%20forged%1B%E2%80%A8) exceeded at endpoint: "
        r"x:a\nERROR forged\x1b\u2028"
    )


@pytest.mark.standard("429-explains")
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


@pytest.mark.standard("quota-exceeded")
def test_problem_json_names_the_violated_policies(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(make_app, "1/minute").test_client()
    client.get("/limited")
    body = client.get("/limited", headers=PROBLEM).json
    assert body is not None
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert body["violated-policies"] == ["limited"]
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
    assert answer.json["violated-policies"] == ["limited", "limited-2"]


@pytest.mark.standard("retry-after-not-before-t")
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


# -- what Flask-Limiter's users write holds for every limit


KINDS = ["decorator", "configuration", "default", "application", "native"]


def app_with_limit(
    make_app: Callable[..., Flask], kind: str, errors: ApiErrors, **config: Any
) -> tuple[Flask, Limiter]:
    """Make an app with one request a day on ``/x``, limited in one of several ways."""
    configured: dict[str, dict[str, Any]] = {
        "configuration": {"APIERRORS_RATE_LIMITS": {"x": "1/day"}},
        "default": {"RATELIMIT_DEFAULT": "1/day"},
        "application": {"RATELIMIT_APPLICATION": "1/day"},
    }
    app = make_app(errors, **configured.get(kind, {}), **config)
    with app.app_context():
        limiter = errors.limiter
    decorators: dict[str, Any] = {
        "decorator": rate_limit("1/day"),
        "native": limiter.limit("1/day"),
    }
    app.add_url_rule("/x", "x", decorators.get(kind, lambda view: view)(lambda: {}))
    return app, limiter


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_filter_lifts_every_limit(make_app: Callable[..., Flask], kind: str) -> None:
    app, limiter = app_with_limit(make_app, kind, ApiErrors())
    limiter.request_filter(lambda: "X-Internal" in request.headers)
    client = app.test_client()
    internal = {"X-Internal": "1"}
    assert [client.get("/x", headers=internal).status_code for _ in range(3)] == [200] * 3
    assert statuses(client, "/x", 2) == [200, 429]


@pytest.mark.parametrize("kind", KINDS)
def test_the_current_limits_of_a_request_are_known(
    make_app: Callable[..., Flask], kind: str
) -> None:
    app, limiter = app_with_limit(make_app, kind, ApiErrors())
    seen: list[Any] = []

    @app.after_request
    def look(response: Response) -> Response:
        limit = limiter.current_limit
        assert limit is not None
        assert limiter.current_limits == [limit]
        seen.append((str(limit.limit), limit.breached, limit.remaining))
        return response

    assert statuses(app.test_client(), "/x", 2) == [200, 429]
    assert seen == [("1 per 1 day", False, 0), ("1 per 1 day", True, 0)]


@pytest.mark.parametrize("kind", KINDS)
def test_on_breach_is_called_for_every_limit(make_app: Callable[..., Flask], kind: str) -> None:
    app, _ = app_with_limit(
        make_app,
        kind,
        ApiErrors(),
        RATELIMIT_ON_BREACH_CALLBACK=lambda limit: make_response(str(limit.limit), 429),
    )
    client = app.test_client()
    client.get("/x")
    answer = client.get("/x")
    assert (answer.status_code, answer.text) == (429, "1 per 1 day")
    assert answer.headers["RateLimit"].endswith(";r=0;t=86400")
    assert answer.headers["Retry-After"] == "86400"


@pytest.mark.parametrize("kind", ["decorator", "default", "application", "native"])
def test_an_exempt_view_has_no_limit(make_app: Callable[..., Flask], kind: str) -> None:
    app, limiter = app_with_limit(make_app, kind, ApiErrors())
    limiter.exempt(app.view_functions["x"])
    assert statuses(app.test_client(), "/x", 3) == [200] * 3


@pytest.mark.parametrize(
    ("flags", "plain", "own"),
    [
        (ExemptionScope.APPLICATION, [200, 200, 200, 429], [200, 200, 200, 429]),
        (ExemptionScope.DEFAULT, [200, 200, 429, 429], [200, 200, 429, 429]),
        (ExemptionScope.APPLICATION | ExemptionScope.DEFAULT, [200] * 4, [200, 200, 200, 429]),
    ],
)
def test_a_blueprint_is_exempt_from_what_its_flags_say(
    make_app: Callable[..., Flask], flags: ExemptionScope, plain: list[int], own: list[int]
) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_APPLICATION="2/day", RATELIMIT_DEFAULT="3/day")
    internal = Blueprint("internal", __name__)
    with app.app_context():
        errors.limiter.exempt(internal, flags=flags)
    internal.add_url_rule("/plain", "plain", lambda: {})
    internal.add_url_rule("/own", "own", rate_limit("3/day")(lambda: {}))
    app.register_blueprint(internal)
    client = app.test_client()
    assert statuses(client, "/plain", 4) == plain
    other = {"REMOTE_ADDR": "10.0.0.2"}
    assert [client.get("/own", environ_base=other).status_code for _ in range(4)] == own


def test_a_view_may_be_exempt_from_the_limit_on_exceeding_limits(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_META="1/hour", RATELIMIT_DEFAULT="1/second")
    app.add_url_rule("/x", "x", lambda: {})
    with app.app_context():
        errors.limiter.exempt(app.view_functions["x"], flags=ExemptionScope.META)
    client = app.test_client()
    assert statuses(client, "/x", 2) == [200, 429]
    clock.now += 2
    assert statuses(client, "/x", 1) == [200]


@pytest.mark.parametrize("key", [7, 0, UUID(int=1), ("a", "b"), b"x", "a b", "\ud800"], ids=repr)
@pytest.mark.parametrize("where", ["decorator", "RATELIMIT_KEY_FUNC", "native"])
def test_a_key_function_may_return_any_object(
    make_app: Callable[..., Flask], key: object, where: str
) -> None:
    errors = ApiErrors()
    config: dict[str, Any] = {where: lambda: key} if where == "RATELIMIT_KEY_FUNC" else {}
    app = make_app(errors, **config)
    with app.app_context():
        native = errors.limiter.limit
    function: Any = native if where == "native" else rate_limit
    options: dict[str, Any] = {} if config else {"key_func": lambda: key}
    app.add_url_rule("/x", "x", function("1/minute", **options)(lambda: {}))
    client = app.test_client()
    answers = [
        client.get("/x", environ_base={"REMOTE_ADDR": f"10.0.0.{number}"}).status_code
        for number in range(2)
    ]
    assert answers == [200, 429]


@pytest.mark.parametrize("key", [None, "", b"", False, (), {}], ids=repr)
def test_a_request_without_a_key_is_counted_for_its_client(
    make_app: Callable[..., Flask], key: object
) -> None:
    app = make_app()
    app.add_url_rule("/x", "x", rate_limit("1/minute", key_func=lambda: key)(lambda: {}))
    client = app.test_client()
    assert statuses(client, "/x", 2) == [200, 429]
    assert client.get("/x", environ_base={"REMOTE_ADDR": "10.0.0.2"}).status_code == 200


def test_a_name_that_looks_like_an_address_never_uses_up_its_quota(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    by_name = rate_limit("1/minute", key_func=lambda: request.args["name"])
    app.add_url_rule("/x", "x", rate_limit("1/minute")(by_name(lambda: {})))
    client = app.test_client()
    assert client.get("/x?name=10.0.0.2").status_code == 200
    answer = client.get("/x?name=b", environ_base={"REMOTE_ADDR": "10.0.0.2"})
    assert answer.status_code == 200


def test_head_is_counted_as_get(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule("/get", "get", rate_limit("1/minute", methods=["GET"])(lambda: {}))
    app.add_url_rule("/each", "each", rate_limit("1/minute", per_method=True)(lambda: {}))
    client = app.test_client()
    for path in ("/get", "/each"):
        assert [client.head(path).status_code, client.get(path).status_code] == [200, 429]


def test_the_same_limit_on_a_class_and_its_method_counts_once(
    make_app: Callable[..., Flask],
) -> None:
    class Ships(MethodView):
        decorators = [rate_limit("2/minute")]  # noqa: RUF012

        @rate_limit("2/minute")
        def get(self) -> str:
            return "ok"

    app = make_app()
    app.add_url_rule("/x", view_func=Ships.as_view("x"))
    assert statuses(app.test_client(), "/x", 3) == [200, 200, 429]


def test_a_limit_inside_a_view_counts_each_time(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)

    @app.get("/x")
    def view() -> str:
        for _ in range(int(request.args["times"])):
            with errors.limiter.limit("3/minute"):
                pass
        return "ok"

    client = app.test_client()
    assert [client.get(f"/x?times={times}").status_code for times in (2, 1, 1)] == [200, 200, 429]


def test_a_negative_cost_refills_nothing(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    limited = rate_limit("2/minute", cost=lambda: int(request.args["cost"]))
    app.add_url_rule("/x", "x", limited(lambda: {}))
    client = app.test_client()
    answers = [client.get(f"/x?cost={cost}").status_code for cost in (2, -1000, 1)]
    assert answers == [200, 200, 429]


def test_a_refused_request_uses_up_nothing_of_what_is_left(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    limited = rate_limit("10/minute", cost=lambda: int(request.args["cost"]))
    app.add_url_rule("/x", "x", limited(lambda: {}))
    client = app.test_client()
    answers = [client.get(f"/x?cost={cost}").status_code for cost in (5, 6, 5, 1)]
    assert answers == [200, 429, 200, 429]


# -- failures only


def login_app(make_app: Callable[..., Flask], **config: Any) -> Flask:
    app = make_app(**config)

    @app.post("/login")
    @rate_limit("3/hour", deduct_when=lambda response: response.status_code == 401)
    def login() -> str:
        time.sleep(float(request.args.get("takes", 0)))
        if request.args["password"] != "right":
            abort(401)
        return "in"

    return app


def guess_at_once(app: Flask, password: str, times: int) -> list[int]:
    def guess(_: int) -> int:
        return app.test_client().post(f"/login?password={password}&takes=0.2").status_code

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(guess, range(times)))


def test_guesses_at_the_same_time_are_counted(make_app: Callable[..., Flask]) -> None:
    answers = guess_at_once(login_app(make_app), "wrong", 40)
    assert (answers.count(401), answers.count(429)) == (3, 37)


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
def test_successes_leave_the_limit_of_failures_as_it_was(
    make_app: Callable[..., Flask], strategy: str
) -> None:
    app = login_app(make_app, RATELIMIT_STRATEGY=strategy)
    assert set(guess_at_once(app, "right", 20)) <= {200, 429}
    client = app.test_client()
    passwords = ("right", "no", "no", "right", "no", "right")
    answers = [client.post(f"/login?password={password}").status_code for password in passwords]
    assert answers == [200, 401, 401, 200, 401, 429]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_429_of_another_limit_is_no_failure(
    make_app: Callable[..., Flask], is_first: bool
) -> None:
    failures = rate_limit("4/hour", deduct_when=lambda response: response.status_code != 200)
    decorators: list[Any] = [rate_limit("2/minute"), failures]
    app = make_app()
    view: Any = view_of()
    for decorate in decorators if is_first else reversed(decorators):
        view = decorate(view)
    app.add_url_rule("/x", "x", view)
    client = app.test_client()
    answers = [client.get("/x") for _ in range(9)]
    assert [answer.status_code for answer in answers] == [200, 200] + [429] * 7
    assert int(answers[-1].headers["Retry-After"]) <= 60


# -- what a request finds beside the limit that refuses it


def test_what_was_counted_for_the_address_is_not_counted_for_its_owner(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: token if token.startswith("u") else None)
    app = make_app(errors)
    app.add_url_rule("/x", "x", rate_limit("1/hour")(rate_limit("9/minute")(lambda: "ok")))
    client = app.test_client()
    answers = [client.get("/x", headers={"Authorization": f"Bearer {t}"}) for t in ("u", "b", "u")]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["RateLimit-Policy"] == '"x";q=9;w=60, "x-2";q=1;w=3600'


def test_a_function_of_a_counted_limit_is_called_once(make_app: Callable[..., Flask]) -> None:
    calls: list[str] = []

    def key() -> str:
        calls.append("key")
        return "all"

    app = make_app()
    view = rate_limit("1/hour")(rate_limit("9/minute", key_func=key)(lambda: "ok"))
    app.add_url_rule("/x", "x", view)
    client = app.test_client()
    assert statuses(client, "/x", 2) == [200, 429]
    assert len(calls) == 2


@pytest.mark.parametrize(("stops", "status"), [(True, 200), (False, 429)])
def test_a_meta_limit_counts_the_limits_that_a_request_reached(
    make_app: Callable[..., Flask], clock: Clock, stops: bool, status: int
) -> None:
    app = make_app(RATELIMIT_FAIL_ON_FIRST_BREACH=stops)
    long = rate_limit("1/hour", meta_limits=["1/day"])
    app.add_url_rule("/x", "x", long(rate_limit("1/minute", cost=lambda: 1)(lambda: "ok")))
    app.add_url_rule("/y", "y", long(rate_limit("1/minute")(lambda: "ok")))
    client = app.test_client()
    for path in ("/x", "/y"):
        client.application.extensions["apierrors"].rate_limits.counters.strategy.storage.reset()
        assert statuses(client, path, 2) == [200, 429]
        clock.now += 3700
        assert statuses(client, path, 1) == [status]


def test_the_client_is_asked_for_before_the_cost(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    limited = rate_limit("9/minute", key_func=lambda: abort(400), cost=lambda: abort(403))
    app.add_url_rule("/x", "x", limited(lambda: "ok"))
    assert statuses(app.test_client(), "/x", 1) == [400]


def test_a_refusal_after_one_that_the_view_caught_names_the_longer_wait(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_HEADERS_ENABLED=True)

    @app.get("/x")
    def view() -> str:
        try:
            with errors.limiter.limit("1/hour"):
                pass
        except RateLimitExceeded:
            pass
        with errors.limiter.limit("1/minute"):
            return "ok"

    client = app.test_client()
    client.get("/x")
    headers = client.get("/x").headers
    assert (headers["Retry-After"], headers["RateLimit"]) == ("3600", '"view";r=0;t=3600')
    assert headers["X-RateLimit-Limit"] == "1"


@pytest.mark.parametrize("is_caught", [False, True])
def test_what_fails_after_a_limit_was_exceeded_is_swallowed_too(
    make_app: Callable[..., Flask], is_caught: bool
) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_SWALLOW_ERRORS=True)

    def fail() -> str:
        raise RuntimeError

    @app.get("/x")
    def view() -> str:
        try:
            with errors.limiter.limit("1/minute", error_message=None if is_caught else fail):
                pass
        except RateLimitExceeded:
            pass
        with errors.limiter.limit("9/minute", key_func=fail):
            return "ok"

    assert statuses(app.test_client(), "/x", 3) == [200] * 3


def test_without_a_limit_for_a_request_its_credentials_are_verified_all_the_same(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    errors = ApiErrors()

    @errors.verify_token
    def verify(token: str) -> str | None:
        if token == "crash":
            raise RuntimeError("database down")
        return token if token == "u" else None

    app = make_app(errors)
    app.add_url_rule("/plan", "plan", rate_limit(lambda who: "9/day" if who else None)(view_of()))
    app.add_url_rule("/x", "x", rate_limit("1/minute")(view_of()))
    client = app.test_client()

    def ask(path: str, token: str) -> int:
        return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code

    assert ask("/plan", "crash") == 200
    assert "Verifying the credentials of a client failed" in caplog.text
    assert [ask("/x", "bad"), ask("/plan", "u"), ask("/x", "u")] == [200] * 3
