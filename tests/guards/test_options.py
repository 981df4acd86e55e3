from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Blueprint, Flask, request
from flask.views import MethodView
from flask_cors import CORS, cross_origin

from flask_apierrors import (
    ApiErrors,
    consumes,
    produces,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)

MERGE = "application/merge-patch+json"


def fields(app: Flask, url: str = "/") -> list[str]:
    response = app.test_client().options(url)
    assert response.status_code == 200
    return response.headers.getlist("Accept-Patch")


def test_options_names_the_formats_of_patch(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/")
    def get() -> str:
        return ""

    @app.patch("/")
    @consumes(MERGE, "application/json-patch+json")
    @requires_auth
    def patch() -> str:
        return ""

    assert fields(app) == [f"{MERGE}, application/json-patch+json"]


def test_options_names_the_formats_of_a_method_of_a_class(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    class Berth(MethodView):
        @consumes(MERGE)
        def patch(self, name: str) -> str:
            return name

    app.add_url_rule("/berths/<name>", view_func=Berth.as_view("berth"))
    assert fields(app, "/berths/7") == [MERGE]


def test_options_names_the_formats_that_all_methods_take(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule("/", view_func=requires_json(lambda: ""), methods=["PATCH", "PUT"])
    assert fields(app) == ["application/json"]


@pytest.mark.parametrize("methods", [["GET"], ["PATCH"]])
def test_options_names_no_formats_that_no_guard_knows(
    methods: list[str], make_app: Callable[..., Flask]
) -> None:
    app = make_app()
    app.add_url_rule("/", view_func=requires_auth(lambda: ""), methods=methods)
    assert fields(app) == []


def test_options_outside_the_api_are_flasks(make_app: Callable[..., Flask]) -> None:
    app = make_app(APIERRORS_URL_PREFIXES=("/api",))
    app.add_url_rule("/", view_func=requires_json(lambda: ""), methods=["PATCH"])
    assert fields(app) == []


def test_an_options_response_of_another_extension_keeps_its_fields() -> None:
    app = Flask("harbour")

    def make() -> object:
        response = app.response_class(headers={"Accept-Patch": "text/plain", "X-Mine": "a"})
        response.allow.add("PATCH")
        return response

    app.make_default_options_response = make  # type: ignore[method-assign,assignment]
    ApiErrors(app)
    app.add_url_rule("/", view_func=requires_json(lambda: ""), methods=["PATCH"])
    response = app.test_client().options("/")
    assert (response.headers["X-Mine"], fields(app)) == ("a", ["text/plain"])


# -- preflights

ORIGIN = "https://app.example"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


def guarded_app(make_app: Callable[..., Flask], *, cors: str = "none", **config: Any) -> Flask:
    """Make an app with Bearer tokens, and with ``CORS(app)`` before or after the contract."""
    errors = ApiErrors()
    errors.verify_token({"t0ken": {"scope": "read"}}.get)
    app = Flask("harbour")
    app.config.update(config)
    if cors == "before":
        CORS(app)
    errors.init_app(app)
    if cors == "after":
        CORS(app)
    return app


def preflight(app: Flask, path: str = "/x") -> tuple[int, str | None, bytes]:
    response = app.test_client().options(path, headers=PREFLIGHT)
    return response.status_code, response.headers.get("Access-Control-Allow-Origin"), response.data


def secret_view() -> Callable[[], str]:
    """Make a new view, because ``cross_origin`` writes to the one that it decorates."""
    return lambda: "secret"


ORDERS: dict[str, Callable[[Any], Any]] = {
    "guard above": lambda view: requires_auth(cross_origin(origins=[ORIGIN])(view)),
    "guard below": lambda view: cross_origin(origins=[ORIGIN])(requires_auth(view)),
    "between guards": lambda view: requires_auth(
        cross_origin(origins=[ORIGIN])(rate_limit("1/day")(view))
    ),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_preflight_reaches_flask_cors_decorator_in_every_order(
    make_app: Callable[..., Flask], order: str
) -> None:
    app = guarded_app(make_app)
    app.add_url_rule("/x", view_func=ORDERS[order](secret_view()), methods=["POST"])
    assert [preflight(app) for _ in range(2)] == [(200, ORIGIN, b"")] * 2
    assert app.test_client().post("/x", headers={"Origin": ORIGIN}).status_code == 401


@pytest.mark.parametrize("cors", ["before", "after"])
@pytest.mark.parametrize("methods", [["POST"], ["POST", "OPTIONS"]])
@pytest.mark.parametrize(
    "decorate", [requires_auth, rate_limit("1/day"), produces("text/csv"), lambda view: view]
)
def test_a_preflight_passes_guards_with_flask_cors_for_the_app(
    make_app: Callable[..., Flask], cors: str, methods: list[str], decorate: Any
) -> None:
    app = guarded_app(make_app, cors=cors, RATELIMIT_DEFAULT="1/day")
    app.add_url_rule("/x", view_func=decorate(lambda: ""), methods=methods)
    for _ in range(3):
        assert preflight(app) == (200, ORIGIN, b"")


@pytest.mark.parametrize("cors", ["before", "after"])
@pytest.mark.parametrize("scope", ["app", "blueprint"])
@pytest.mark.parametrize("methods", [["POST"], ["POST", "OPTIONS"]])
def test_a_preflight_passes_a_guard_in_before_request(
    make_app: Callable[..., Flask], cors: str, scope: str, methods: list[str]
) -> None:
    app = guarded_app(make_app, cors=cors)
    blueprint = Blueprint("api", __name__)
    blueprint.add_url_rule("/x", "x", secret_view(), methods=methods)
    (app if scope == "app" else blueprint).before_request(
        requires_permissions("read")(lambda: None)
    )
    app.register_blueprint(blueprint)
    assert preflight(app) == (200, ORIGIN, b"")
    client = app.test_client()
    assert client.post("/x").status_code == 401
    assert client.post("/x", headers={"Authorization": "Bearer t0ken"}).text == "secret"


@pytest.mark.parametrize("cors", ["before", "after"])
@pytest.mark.parametrize("methods", [["POST"], ["POST", "OPTIONS"]])
def test_a_script_can_read_that_the_api_is_unavailable(
    make_app: Callable[..., Flask], cors: str, methods: list[str]
) -> None:
    errors = ApiErrors()
    errors.unavailable_when(lambda: 60)
    app = Flask("harbour")
    if cors == "before":
        CORS(app)
    errors.init_app(app)
    if cors == "after":
        CORS(app)
    app.add_url_rule("/x", view_func=secret_view(), methods=methods)
    assert preflight(app) == (200, ORIGIN, b"")
    response = app.test_client().post("/x", headers={"Origin": ORIGIN})
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (503, ORIGIN)
    expected = 200 if methods == ["POST"] else 503
    assert app.test_client().options("/x").status_code == expected


def test_a_preflight_reaches_a_class_that_answers_options(make_app: Callable[..., Flask]) -> None:
    class Cranes(MethodView):
        decorators = [requires_auth]  # noqa: RUF012

        def options(self) -> tuple[str, int]:
            return "", 204

        def post(self) -> str:
            return "secret"

    app = guarded_app(make_app)
    app.add_url_rule("/x", view_func=Cranes.as_view("cranes"))
    assert preflight(app) == (204, None, b"")
    assert app.test_client().options("/x").status_code == 401
    assert app.test_client().post("/x", headers=PREFLIGHT).status_code == 401


async def _async_secret() -> str:
    return "secret"


def _with_runner(view: Any) -> Any:
    @wraps(view)
    async def runner() -> Any:
        return await view()

    return runner


def _with_flag(view: Any) -> Any:
    view.provide_automatic_options = False
    return view


def _guarded_options() -> Any:
    class Cranes(MethodView):
        @requires_auth
        def options(self) -> str:
            return "secret"

    return Cranes.as_view("cranes")


OPTIONS_WITH_DATA: dict[str, Callable[[], Any]] = {
    "method": lambda: requires_auth(secret_view()),
    "async": lambda: requires_auth(_async_secret),
    "below another decorator": lambda: _with_runner(requires_auth(_async_secret)),
    "flag without methods": lambda: _with_flag(requires_auth(secret_view())),
    "guarded method of a class": _guarded_options,
}


@pytest.mark.parametrize("kind", OPTIONS_WITH_DATA)
def test_a_preflight_never_runs_a_guarded_view_that_does_not_expect_it(
    make_app: Callable[..., Flask], kind: str
) -> None:
    if "async" in kind or "another" in kind:
        pytest.importorskip("asgiref")
    app = guarded_app(make_app, cors="after")
    app.add_url_rule(
        "/x", "x", OPTIONS_WITH_DATA[kind](), methods=["OPTIONS"], provide_automatic_options=False
    )
    assert preflight(app) == (200, ORIGIN, b"")
    client = app.test_client()
    assert client.options("/x").status_code == 401
    assert client.options("/x", headers={"Authorization": "Bearer t0ken"}).text == "secret"


def test_a_preflight_takes_nothing_from_the_limit_of_its_view(
    make_app: Callable[..., Flask],
) -> None:
    app, runs = guarded_app(make_app), []

    @app.route("/x", methods=["POST", "OPTIONS"])
    @rate_limit("1/day")
    def view() -> str:
        runs.append(request.method)
        return ""

    assert [preflight(app) for _ in range(3)] == [(200, None, b"")] * 3
    assert [app.test_client().post("/x").status_code for _ in range(2)] == [200, 429]
    assert runs == ["POST"]


def test_a_view_that_says_that_it_answers_preflights_gets_them(
    make_app: Callable[..., Flask],
) -> None:
    def by_hand() -> Any:
        fields = {"Access-Control-Allow-Origin": ORIGIN}
        return ("" if request.method == "OPTIONS" else "secret"), fields

    by_hand.provide_automatic_options = False  # type: ignore[attr-defined]
    by_hand.required_methods = ["OPTIONS"]  # type: ignore[attr-defined]
    app = guarded_app(make_app)
    app.add_url_rule("/x", view_func=requires_auth(by_hand), methods=["POST"])
    assert preflight(app) == (200, ORIGIN, b"")
    assert app.test_client().post("/x", headers=PREFLIGHT).status_code == 401


def test_a_preflight_of_an_unknown_url_is_flasks(make_app: Callable[..., Flask]) -> None:
    app = guarded_app(make_app)
    app.add_url_rule("/x", view_func=requires_auth(secret_view()))
    assert app.test_client().options("/y", headers=PREFLIGHT).status_code == 404
