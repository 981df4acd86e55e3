"""Rate limits in one process: what is counted, for whom, and what the client is told."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from flask import Blueprint, Flask, Response, abort, make_response, request
from flask.views import MethodView
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from flask_apierrors import ApiErrors, rate_limit, requires_auth, requires_json
from tests.conftest import Clock, limited_app, statuses

PROBLEM = {"Accept": "application/problem+json"}


# -- the decorator


def test_a_view_may_be_called_as_often_as_its_limit_says(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app).test_client()
    assert statuses(client, "/limited", 4) == [200, 200, 429, 429]
    assert statuses(client, "/free", 4) == [200] * 4


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


def test_the_sentence_has_its_plurals(make_app: Callable[..., Flask], clock: Clock) -> None:
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


def test_handlers_of_the_author_see_the_429_by_code(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "1/minute")

    @app.errorhandler(429)
    def own(exc: TooManyRequests) -> tuple[str, int]:
        return f"own {exc.retry_after}", 429

    client = app.test_client()
    client.get("/limited")
    assert client.get("/limited").text.startswith("own ")


@pytest.mark.parametrize(
    "limit", ["", "often", "10 per fortnight", "ten/second", "10/second;;5/minute", 10, None]
)
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
    pytest.importorskip("asgiref")
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
        decorators = [rate_limit("3/minute")]  # noqa: RUF012

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
    assert [
        client.get("/each").status_code,
        client.post("/each").status_code,
        client.get("/each").status_code,
    ] == [
        200,
        200,
        429,
    ]
    assert [client.post("/only").status_code for _ in range(2)] == [200, 429]
    assert statuses(client, "/only", 4) == [200, 200, 200, 429], (
        "the defaults hold for the other methods"
    )


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
    assert [
        client.get(f"/x/{status}").status_code for status in (200, 200, 200, 404, 404, 200)
    ] == [
        200,
        200,
        200,
        404,
        404,
        429,
    ]


def test_key_func_of_the_author_wins_and_an_empty_one_is_the_address(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", key_func=lambda: request.args.get("tenant", ""))
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [
        client.get(path).status_code for path in ("/x?tenant=a", "/x?tenant=b", "/x?tenant=a")
    ] == [200, 200, 429]
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
    assert [client.get(path).status_code for path in ("/a", "/b", "/a", "/b")] == [
        200,
        200,
        429,
        429,
    ]


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


def test_meta_limits_lock_out_who_exceeds_limits_too_often(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
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


def test_default_limits_hold_for_each_endpoint_by_itself_but_static(
    make_app: Callable[..., Flask],
) -> None:
    app = limited_app(make_app, "5/minute", RATELIMIT_DEFAULT="1/minute")
    app.add_url_rule("/other", "other", lambda: {})
    client = app.test_client()
    assert statuses(client, "/free", 2) == [200, 429]
    assert statuses(client, "/other", 2) == [200, 429]
    assert statuses(client, "/limited", 5) == [200] * 5
    assert statuses(client, "/static/x.css", 3) == [404] * 3
    assert statuses(client, "/nowhere", 3) == [404] * 3


def test_the_application_limit_counts_all_endpoints_and_unknown_urls_together(
    make_app: Callable[..., Flask],
) -> None:
    client = limited_app(make_app, RATELIMIT_APPLICATION="3/minute").test_client()
    paths = ("/free", "/limited", "/nowhere", "/free", "/limited", "/nowhere")
    assert [client.get(path).status_code for path in paths] == [200, 200, 404, 429, 429, 429]


def test_limits_by_endpoint_from_configuration_alone(make_app: Callable[..., Flask]) -> None:
    limits = {
        "admin.*": "1/minute",
        "admin.list": "2/minute",
        "health": None,
        "limited": "1/minute",
    }
    app = limited_app(
        make_app,
        "5/minute",
        RATELIMIT_DEFAULT="3/minute",
        RATELIMIT_APPLICATION="100/minute",
        APIERRORS_RATE_LIMITS=limits,
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


def test_files_are_limited_when_the_administrator_names_them(
    make_app: Callable[..., Flask],
) -> None:
    client = make_app(APIERRORS_RATE_LIMITS={"static": "1/minute"}).test_client()
    assert statuses(client, "/static/x.css", 2) == [404, 429]


def test_none_lifts_a_decorators_limit(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", APIERRORS_RATE_LIMITS={"limited": None}
    ).test_client()
    assert statuses(client, "/limited", 3) == [200] * 3


def test_options_requests_are_not_counted(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "1/minute", RATELIMIT_APPLICATION="2/minute")
    client = app.test_client()
    assert [client.options("/limited").status_code for _ in range(4)] == [200] * 4
    assert statuses(client, "/limited", 2) == [200, 429]


def test_a_view_that_answers_options_itself_is_not_limited_there(
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


def test_a_default_limit_may_be_a_function(make_app: Callable[..., Flask]) -> None:
    limits = ["1/minute"]
    client = limited_app(make_app, RATELIMIT_DEFAULT=lambda: limits[-1]).test_client()
    assert statuses(client, "/free", 2) == [200, 429]
    limits.append("9/minute")
    assert statuses(client, "/free", 2) == [200, 200]


def test_the_configured_meta_limit(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", RATELIMIT_META="1/hour", RATELIMIT_DEFAULT="10/minute"
    ).test_client()
    assert statuses(client, "/free", 1) == [200]
    assert statuses(client, "/limited", 2) == [200, 429]
    assert statuses(client, "/free", 1) == [429]


def test_an_unknown_endpoint_fails_each_request_and_names_the_remedy(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    client = limited_app(
        make_app, APIERRORS_RATE_LIMITS={"limitd": "1/minute", "no.such.*": None}
    ).test_client()
    assert statuses(client, "/free", 2) == [500, 500]
    assert "names 'limitd', no endpoint of this app. Did you mean 'limited'?" in caplog.text


# -- what the client is told


def test_an_error_of_the_view_tells_them_too_and_keeps_its_retry_after(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("5/hour")
    def view() -> NoReturn:
        raise ServiceUnavailable(retry_after=120)

    answer = app.test_client().get("/x")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "120"
    assert answer.headers["RateLimit"] == '"endpoint";r=4', "no time that Retry-After contradicts"


def test_a_429_of_the_view_is_left_alone(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    def view() -> NoReturn:
        raise TooManyRequests("Busy.", retry_after=7)

    answer = app.test_client().get("/x")
    assert (answer.json, answer.headers["Retry-After"]) == ({"error": "Busy."}, "7")


# -- apps of one process


def test_apps_of_one_instance_share_no_limits_storages_or_switches(
    make_app: Callable[..., Flask],
) -> None:
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
    subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], check=True, timeout=60
    )


# -- what rarely happens


def test_an_authors_503_in_a_key_function_passes_as_it_is(make_app: Callable[..., Flask]) -> None:
    def key() -> str:
        raise ServiceUnavailable("The directory is away.")

    app = make_app()
    app.add_url_rule("/x", view_func=rate_limit("1/minute", key_func=key)(lambda: "x"))
    answer = app.test_client().get("/x")
    assert (answer.status_code, answer.get_json()) == (503, {"error": "The directory is away."})
