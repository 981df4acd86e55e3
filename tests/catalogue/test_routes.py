"""Promises of the routes: every method of the API, with its marks and its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView, View
from flask_limiter import Limiter
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.routing import Map, Rule

from flask_apierrors import ApiErrors, produces, rate_limit, requires_auth, requires_json
from flask_apierrors._catalogue.catalogue import catalogue
from flask_apierrors._catalogue.routes import (
    Limits,
    Route,
    is_selective,
    limits_at,
    path_of,
    routes_of,
)
from flask_apierrors._core.marks import Mark
from tests.conftest import view_of

MakeApp = Callable[..., Flask]


def view(**variables: Any) -> str:
    return ""


def all_routes(app: Flask) -> list[Route]:
    with app.app_context():
        return routes_of(app.extensions["apierrors"])


def methods_and_rules(app: Flask) -> list[tuple[str, str]]:
    return [(route.method, route.rule) for route in all_routes(app)]


# -- the list of routes


def test_each_method_of_each_rule_is_a_route(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors")
    app.add_url_rule("/vessels/<int:imo>/<path:expression>", "vessel", view)
    app.add_url_rule("/vessels", "register", view, methods=["POST"])
    app.add_url_rule("/vessels", "vessels", view)
    app.add_url_rule("/notes", "note", view, methods=["COPY", "DELETE", "PATCH", "PUT"])
    assert [(route.method, route.rule, route.endpoint) for route in all_routes(app)] == [
        ("PUT", "/notes", "note"),
        ("PATCH", "/notes", "note"),
        ("DELETE", "/notes", "note"),
        ("COPY", "/notes", "note"),
        ("GET", "/vessels", "vessels"),
        ("POST", "/vessels", "register"),
        ("GET", "/vessels/<int:imo>/<path:expression>", "vessel"),
    ]


def test_head_and_options_are_routes_if_an_author_routes_them(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule(
        "/x", view_func=view, methods=["HEAD", "OPTIONS"], provide_automatic_options=False
    )
    assert [route.method for route in all_routes(app)] == ["HEAD", "OPTIONS"]


def test_urls_outside_the_api_are_omitted(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_URL_PREFIXES=("/api",), APIERRORS_REFERENCE_URL="/api/errors")
    app.add_url_rule("/api/x", view_func=view)
    app.add_url_rule("/apiary", "apiary", view)
    app.add_url_rule("/<anything>", "anything", view)
    app.add_url_rule("/api/built", "built", build_only=True)
    app.add_url_rule("/api/unfinished", "unfinished")
    blueprint = Blueprint("shop", __name__, url_prefix="/api/shop", static_folder="static")
    app.register_blueprint(blueprint)
    assert methods_and_rules(app) == [("GET", "/api/x")]


@pytest.mark.parametrize(
    "options", [{"build_only": True}, {"redirect_to": "/x"}, {"websocket": True}]
)
def test_a_rule_that_never_calls_its_view_is_omitted(
    make_app: MakeApp, options: dict[str, Any]
) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=view)
    app.add_url_rule("/other", "other", view, **options)
    assert methods_and_rules(app) == [("GET", "/x")]


def test_a_route_knows_all_methods_of_its_url(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", "read", view)
    app.add_url_rule("/x", "write", view, methods=["POST"])
    app.add_url_rule("/y", "other", view, methods=["DELETE"])
    answer = app.test_client().put("/x")
    assert {route.allowed for route in all_routes(app) if route.rule == "/x"} == {
        ("GET", "HEAD", "OPTIONS", "POST")
    }
    assert {"GET", "HEAD", "OPTIONS", "POST"} == set(answer.headers["Allow"].split(", "))


def test_the_names_of_variables_make_no_difference_to_a_url(
    make_app: MakeApp,
) -> None:
    app = make_app()
    app.add_url_rule("/v/<a>", "read", view)
    app.add_url_rule("/v/<b>", "drop", view, methods=["DELETE"])
    app.add_url_rule("/v/<int:b>/<c>", "other", view)
    assert [route.allowed for route in all_routes(app)] == [
        ("DELETE", "GET", "HEAD", "OPTIONS"),
        ("DELETE", "GET", "HEAD", "OPTIONS"),
        ("GET", "HEAD", "OPTIONS"),
    ]
    answer = app.test_client().post("/v/1")
    assert {"DELETE", "GET", "HEAD", "OPTIONS"} == set(answer.headers["Allow"].split(", "))


# -- the facts about a route


def test_a_method_view_has_the_marks_of_the_class_and_of_each_method(make_app: MakeApp) -> None:
    class Vessels(MethodView):
        """All vessels."""

        decorators = [requires_auth]  # noqa: RUF012

        def get(self) -> str:
            return ""

        @requires_json
        def post(self) -> str:
            """Register a vessel."""
            return ""

    app = make_app()
    app.add_url_rule("/x", view_func=Vessels.as_view("vessels"))
    get, post = catalogue(app).operations
    assert (get.summary, post.summary) == ("All vessels.", "Register a vessel.")
    assert [mark.name for mark in get.guards] == ["requires_auth"]
    assert [mark.name for mark in post.guards] == ["requires_auth", "requires_json"]
    assert 415 not in {error.status for error in get.errors}
    assert {401, 415, 400} < {error.status for error in post.errors}


def test_a_mark_of_a_class_and_its_method_is_listed_once(make_app: MakeApp) -> None:
    class Vessels(MethodView):
        decorators = [requires_auth, produces("text/csv")]  # noqa: RUF012

        @requires_auth
        @produces("text/plain")
        def get(self) -> str:
            return ""

    app = make_app()
    app.add_url_rule("/x", view_func=Vessels.as_view("vessels"))
    (route,) = all_routes(app)
    assert sorted(route.marks, key=lambda mark: (mark.name, mark.values)) == [
        Mark("produces", ("text/csv",)),
        Mark("produces", ("text/plain",)),
        Mark("requires_auth"),
    ]


def test_the_dispatch_request_of_a_view_class_can_have_marks(make_app: MakeApp) -> None:
    class Report(View):
        @produces("text/csv")
        def dispatch_request(self) -> ResponseReturnValue:
            return ""

    app = make_app()
    app.add_url_rule("/x", view_func=Report.as_view("report"))
    assert [route.marks for route in all_routes(app)] == [(Mark("produces", ("text/csv",)),)]


def test_a_view_without_a_docstring_has_no_summary(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=view)
    assert [route.summary for route in all_routes(app)] == [""]


# -- limits


def limited_app(make_app: MakeApp, *decorators: Any, **config: Any) -> Flask:
    app = make_app(**config)
    view = view_of()
    for decorator in decorators:
        view = decorator(view)
    app.add_url_rule(
        "/x", "x", view, methods=["GET", "POST", "OPTIONS"], provide_automatic_options=False
    )
    return app


def limits_of(app: Flask, rule: str = "/x", method: str = "GET") -> tuple[str, ...]:
    """The limits of a route in the catalogue."""
    (limits,) = (
        op.limits for op in catalogue(app).operations if (op.rule, op.method) == (rule, method)
    )
    return limits


@pytest.mark.parametrize(
    ("decorators", "config", "limits"),
    [
        ([rate_limit("10/second; 100/hour")], {}, ("10 per 1 second", "100 per 1 hour")),
        ([], {"RATELIMIT_DEFAULT": "9 per 5 minutes"}, ("9 per 5 minutes",)),
        ([rate_limit("10/second")], {"RATELIMIT_DEFAULT": "9/minute"}, ("10 per 1 second",)),
        ([], {"APIERRORS_RATE_LIMITS": {"x": "3/hour"}}, ("3 per 1 hour",)),
        ([rate_limit("10/second")], {"APIERRORS_RATE_LIMITS": {"x": "3/hour"}}, ("3 per 1 hour",)),
        ([], {"RATELIMIT_APPLICATION": "7/day"}, ("7 per 1 day",)),
        ([rate_limit("10/second", methods=["GET"])], {}, ("10 per 1 second",)),
        ([rate_limit(lambda: "4/second")], {}, ("depends on who asks",)),
        ([], {"RATELIMIT_DEFAULT": lambda: request.args["limit"]}, ("depends on who asks",)),
        ([rate_limit(lambda: request.args["limit"])], {}, ("depends on who asks",)),
    ],
)
def test_limits_from_every_source_are_known(
    make_app: MakeApp, decorators: list[Any], config: dict[str, Any], limits: tuple[str, ...]
) -> None:
    assert limits_of(limited_app(make_app, *decorators, **config)) == limits


def test_the_limits_of_the_authors_own_limiter_are_known() -> None:
    app = Flask(__name__)
    limiter = Limiter(lambda: "all", app=app, default_limits=["5/hour"], storage_uri="memory://")
    ApiErrors(app)
    app.add_url_rule("/x", "x", view_of())
    app.add_url_rule(
        "/y", "y", limiter.limit("2/minute")(view)
    )  # Flask-Limiter knows views by their names
    assert limits_of(app, "/x") == ("5 per 1 hour",)
    assert limits_of(app, "/y") == ("2 per 1 minute",)


def test_a_url_without_a_route_only_has_the_limits_of_the_whole_app(make_app: MakeApp) -> None:
    app = limited_app(make_app, RATELIMIT_APPLICATION="7/day", RATELIMIT_DEFAULT="9/minute")
    with app.app_context():
        assert limits_at(None, "GET", app.extensions["apierrors"]).texts == ("7 per 1 day",)
        assert set(limits_at("x", "GET", app.extensions["apierrors"]).texts) == {
            "7 per 1 day",
            "9 per 1 minute",
        }


def test_a_limit_that_depends_on_the_request_is_unknown_without_one(make_app: MakeApp) -> None:
    route = all_routes(limited_app(make_app, rate_limit(lambda: request.args["limit"])))[0]
    assert (route.method, route.limits) == ("GET", Limits(varies=True))


# -- rules


@pytest.mark.parametrize(
    ("rule", "refuses"),
    [
        ("/all", False),
        ("/<name>", False),
        ("/<string:name>/<path:rest>", False),
        ("/<default:name>", False),
        ("/<int:imo>", True),
        ("/<uuid:id>", True),
        ("/<any(red, green):colour>", True),
        ("/<string(length=2):country>", True),
        ("/<name>/<float:height>", True),
    ],
)
def test_a_rule_is_selective_if_a_variable_refuses_some_texts(rule: str, refuses: bool) -> None:
    assert is_selective(rule) is refuses


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("/", "/"),
        ("/vessels", "/vessels"),
        ("/vessels/<imo>", "/vessels/{imo}"),
        ("/vessels/<int:imo>/<path:expression>", "/vessels/{imo}/{expression}"),
        ("/<any(red, green):colour>.<string(length=2):format>/", "/{colour}.{format}/"),
        ("/100%/<name>", "/100%/{name}"),
        ('/<any("a:b", c):kind>/<int:imo>', "/{kind}/{imo}"),
        ('/<re("<a>"):name>', "/{name}"),
    ],
)
def test_a_path_is_written_as_clients_know_it(rule: str, path: str) -> None:
    assert path_of(rule) == path
    assert path_of(rule, variable="%s") == path.replace("{", "").replace("}", "")


CONVERTERS = [
    "",
    "default:",
    "string:",
    "path:",
    "int:",
    "float:",
    "uuid:",
    "any(a, b):",
    "string(length=2):",
]
VARIABLES = st.lists(st.sampled_from(CONVERTERS), min_size=1, max_size=4)
TEXTS = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="/"), min_size=1)


@given(VARIABLES, TEXTS)
def test_a_rule_that_is_not_selective_accepts_every_text(converters: list[str], text: str) -> None:
    rule = "".join(f"/<{converter}v{index}>" for index, converter in enumerate(converters))
    assert path_of(rule) == "".join(f"/{{v{index}}}" for index in range(len(converters)))
    routing = Map([Rule(rule, endpoint="view")]).bind("localhost")
    assert is_selective(rule) or routing.test(f"/{text}" * len(converters))


def test_a_method_that_a_class_does_not_have_is_no_operation(make_app: MakeApp) -> None:
    class Vessel(MethodView):
        def get(self) -> str:
            return ""

    class Anything(MethodView):
        def dispatch_request(self, **variables: Any) -> str:
            return ""

    class Own(MethodView):
        def dispatch_request(self, **variables: Any) -> Any:
            method = getattr(self, request.method.lower(), None)
            return method() if method else abort(405)

        def get(self) -> str:
            return ""

    app = make_app()
    methods = ["GET", "POST", "DELETE"]
    app.add_url_rule("/x", view_func=Vessel.as_view("x"), methods=methods)
    app.add_url_rule("/y", view_func=Anything.as_view("y"), methods=["POST"])
    app.add_url_rule("/z", view_func=Own.as_view("z"), methods=methods)
    routes = [(route.method, route.rule) for route in all_routes(app)]
    assert routes == [("GET", "/x"), ("POST", "/y"), ("GET", "/z")]
