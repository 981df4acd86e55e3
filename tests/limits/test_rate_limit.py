"""Promises of ``rate_limit``: what it declares for a view, and which arguments it refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask import Flask, Response, abort, make_response, request
from flask.testing import FlaskClient
from flask.views import MethodView

from flask_apierrors import ApiErrors, current_principal, rate_limit, requires_auth, requires_json
from tests.conftest import Clock, limited_app, statuses


def test_a_view_may_be_called_as_often_as_its_limit_says(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app).test_client()
    assert statuses(client, "/limited", 4) == [200, 200, 429, 429]
    assert statuses(client, "/free", 4) == [200] * 4


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
    assert '"view:short";q=2;w=60' in answer.headers["RateLimit-Policy"]


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


# -- the options of Flask-Limiter


def test_per_method_and_methods_are_respected(make_app: Callable[..., Flask]) -> None:
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


def test_exempt_when_lifts_the_limit(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("1/minute", exempt_when=lambda: "free" in request.args)
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/x?free", 3) == [200] * 3
    assert statuses(client, "/x", 2) == [200, 429]


def test_deduct_when_counts_by_the_response(make_app: Callable[..., Flask]) -> None:
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


def test_cost_counts_a_request_for_several(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("10/minute", cost=lambda: int(request.args.get("n", 1)))
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [client.get(f"/x?n={n}").status_code for n in (4, 6, 1)] == [200, 200, 429]


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
    assert statuses(client, "/x", 2) == [200, 429], "a missing key does not mean unlimited"


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


def test_views_with_the_same_decorator_are_counted_separately(
    make_app: Callable[..., Flask],
) -> None:
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


def test_meta_limits_lock_out_a_client_that_exceeds_limits_too_often(
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


# -- a limit for each plan

PLANS = {"free": "1/minute", "pro": "3/minute"}


def app_with_plans(make_app: Callable[..., Flask], limit: Any, *, is_private: bool) -> FlaskClient:
    errors = ApiErrors()
    errors.verify_token({name: {"sub": name, "plan": name} for name in PLANS}.get)
    app = make_app(errors)
    view = rate_limit(limit)(lambda: "in")
    app.add_url_rule("/x", "x", requires_auth(view) if is_private else view)
    return app.test_client()


def ask(client: FlaskClient, token: str | None, times: int) -> list[int]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return [client.get("/x", headers=headers).status_code for _ in range(times)]


@pytest.mark.parametrize(
    "limit",
    [lambda: PLANS[current_principal["plan"]], lambda principal: PLANS[principal["plan"]]],
    ids=["without argument", "with principal"],
)
def test_a_limit_that_needs_a_principal_leaves_the_rest_to_the_guard(
    make_app: Callable[..., Flask], limit: Callable[..., str]
) -> None:
    client = app_with_plans(make_app, limit, is_private=True)
    assert ask(client, "free", 2) == [200, 429]
    assert ask(client, "pro", 4) == [200, 200, 200, 429]
    assert ask(client, None, 2) == [401, 401]
    assert ask(client, "forged", 2) == [401, 401]


def test_a_limit_for_anonymous_clients_is_their_own(make_app: Callable[..., Flask]) -> None:
    client = app_with_plans(
        make_app,
        lambda principal: PLANS[principal["plan"]] if principal else "2/minute",
        is_private=True,
    )
    assert ask(client, None, 3) == [401, 401, 429]
    assert ask(client, "pro", 4) == [200, 200, 200, 429]


def test_a_function_may_return_no_limit_for_a_request(make_app: Callable[..., Flask]) -> None:
    client = app_with_plans(
        make_app, lambda principal: None if principal else "1/minute", is_private=False
    )
    assert ask(client, "pro", 3) == [200] * 3
    assert ask(client, None, 2) == [200, 429]


def test_a_limit_that_fails_on_a_public_view_is_a_bug(make_app: Callable[..., Flask]) -> None:
    client = app_with_plans(make_app, lambda principal: PLANS[principal["plan"]], is_private=False)
    assert ask(client, None, 2) == [500, 500], "what is unclear refuses"


def test_a_limit_function_may_refuse_by_itself(make_app: Callable[..., Flask]) -> None:
    client = app_with_plans(make_app, lambda: abort(403, "No such company."), is_private=False)
    answer = client.get("/x")
    assert (answer.status_code, answer.json) == (403, {"error": "No such company."})


def test_a_function_without_a_signature_gets_no_argument(make_app: Callable[..., Flask]) -> None:
    client = app_with_plans(make_app, partial(next, iter(["1/minute"] * 2)), is_private=False)
    assert ask(client, None, 2) == [200, 429]


def test_the_meta_limits_of_a_limit_may_differ_from_client_to_client(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    def meta() -> str:
        return "1/day" if request.args["plan"] == "free" else "100/day"

    for name, limit in (("text", "1/minute"), ("function", lambda: "1/minute")):
        limited = rate_limit(limit, key_func=lambda: request.args["plan"], meta_limits=[meta])
        app.add_url_rule(f"/{name}", name, limited(lambda: "ok"))
    client = app.test_client()
    for path in ("/text", "/function"):
        waits = {
            plan: [client.get(f"{path}?plan={plan}").headers.get("Retry-After") for _ in range(3)]
            for plan in ("pro", "free")
        }
        assert waits["pro"] == [None, "60", "60"]
        assert waits["free"][2] not in (None, "60"), "a day"
