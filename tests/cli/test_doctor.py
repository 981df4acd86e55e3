"""Promises of ``flask apierrors doctor``: it finds each mistake, and nothing in a sound app."""

from __future__ import annotations

import logging
import re
import types
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import flask_restful
import pytest
from flask import (
    Blueprint,
    Flask,
    abort,
    jsonify,
    render_template,
    request,
    send_from_directory,
)
from flask.views import MethodView
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Rule

from flask_apierrors import (
    ApiError,
    ApiErrors,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._cli.doctor import Finding, diagnose

ENVIRONMENT = (
    "WEB_CONCURRENCY",
    "UWSGI_PROCESSES",
    "UWSGI_WORKERS",
    "GUNICORN_CMD_ARGS",
    "FORWARDED_ALLOW_IPS",
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*ENVIRONMENT, "DYNO", "FLY_APP_NAME", "K_SERVICE", "RENDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def make(**config: Any) -> tuple[Flask, ApiErrors]:
    app = Flask(__name__)
    app.config.update(config)
    errors = ApiErrors(app)
    errors.verify_token(lambda token: token)
    return app, errors


def findings(app: Flask) -> list[tuple[str, str]]:
    return [(finding.code, finding.where.partition(" (")[0]) for finding in diagnose(app)]


def codes(app: Flask) -> set[str]:
    return {finding.code for finding in diagnose(app)}


def only_finding(app: Flask) -> Finding:
    (finding,) = diagnose(app)
    return finding


# -- nothing


def test_a_sound_app_has_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    app, errors = make(
        RATELIMIT_DEFAULT="100/minute", APIERRORS_RATE_LIMITS={"read": "5/minute; 50/day"}
    )

    @app.get("/read")
    def read() -> Any:
        return {"message": "fine"}, 200

    @app.put("/write")
    @requires_json
    @rate_limit("1/second; 10/minute")
    @requires_permissions("write")
    def write() -> Any:
        return jsonify(error="a text", code=7), 409

    @app.post("/login")
    @raises(Unauthorized)
    def login() -> Any:
        return "", 404

    @app.errorhandler(404)
    def not_found(error: NotFound) -> Any:
        return errors.handle(error)

    assert diagnose(app) == ()


def test_the_example_has_no_finding(tmp_path: Path) -> None:
    pytest.importorskip("apispec")
    pytest.importorskip("jwt")
    example_app = pytest.importorskip("example_app")
    assert diagnose(example_app.create_app({"DATABASE": str(tmp_path / "store.sqlite")})) == ()


def test_the_problem_and_the_remedy_of_a_finding_are_sentences() -> None:
    app, _ = make(RATELIMIT_ENABLED=False, RATELIMIT_DEFAULT="1/second")
    app.add_url_rule(
        "/x", view_func=requires_auth(lambda: ({"x": 1}, 400)), methods=["POST"], endpoint="x"
    )
    app.register_error_handler(404, lambda error: "no")
    for finding in diagnose(app):
        assert finding.problem.endswith("."), finding
        assert finding.remedy.endswith("."), finding


def test_an_app_without_the_contract_is_refused() -> None:
    with pytest.raises(RuntimeError, match="init_app"):
        diagnose(Flask(__name__))


# -- prefixes


def app_with_rules(*rules: str, prefix: str) -> Flask:
    app, _ = make(APIERRORS_URL_PREFIXES=[prefix])
    for rule in rules:
        app.add_url_rule(rule, rule.replace(".", ""), lambda **variables: "x")
    return app


def test_a_prefix_without_routes_is_found_and_the_others_are_not() -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=["/api", "/v2"])
    app.add_url_rule("/api/x", "x", lambda: "x")
    finding = only_finding(app)
    assert finding.code == "prefix-without-routes"
    assert finding.where == "APIERRORS_URL_PREFIXES (/v2)"
    assert "Flask answers with HTML pages" in finding.problem


@pytest.mark.parametrize(
    "rule", ["/", "/apiary/x", "/x/api", "/<page>", "/<path:page>", "/v<int:n>"]
)
def test_a_route_that_only_resembles_a_prefix_does_not_count(rule: str) -> None:
    app = app_with_rules(rule, prefix="/api")
    assert findings(app) == [("prefix-without-routes", "APIERRORS_URL_PREFIXES")]


def test_the_reference_page_alone_is_no_route_of_a_prefix() -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=["/api"], APIERRORS_REFERENCE_URL="/api/errors")
    assert codes(app) == {"prefix-without-routes"}


@pytest.mark.parametrize(
    ("rule", "prefix"),
    [
        ("/api", "/api"),
        ("/api/", "/api"),
        ("/api/<int:number>", "/api"),
        ("/<lang>/api/x", "/en/api"),
        ("/v<int:number>/x", "/v1"),
        ("/api/<version>/x", "/api/v2"),
        ("/api/<path:rest>", "/api/v2/x"),
    ],
)
def test_a_prefix_that_a_route_can_match_is_fine(rule: str, prefix: str) -> None:
    assert diagnose(app_with_rules(rule, prefix=prefix)) == ()


@pytest.mark.parametrize(
    ("prefix", "rule", "meant"),
    [
        ("/API", "/api/x", "'/api'"),
        ("/api", "/Api/", "'/Api'"),
        ("/apiv1", "/api/v1/x", "'/api/v1'"),
        ("/service/api", "/api/x", "'/api'"),
        ("/api", "/v1/api/x", "'/v1/api'"),
    ],
)
def test_the_remedy_names_a_similar_prefix_that_has_routes(
    prefix: str, rule: str, meant: str
) -> None:
    remedy = only_finding(app_with_rules(rule, prefix=prefix)).remedy
    assert remedy.startswith(f"Write {meant}, where the app has routes.")


def test_the_remedy_names_every_similar_prefix() -> None:
    app = app_with_rules("/v2/api/x", "/v1/api/x", "/<lang>/api/x", prefix="/api")
    assert only_finding(app).remedy.startswith(
        "Write '/v1/api' or '/v2/api', where the app has routes."
    )


def test_the_remedy_names_no_prefix_that_is_configured_or_not_similar() -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=["/api", "/service/api"])
    app.add_url_rule("/api/x", "x", lambda: "x")
    for remedy in (
        only_finding(app).remedy,
        only_finding(app_with_rules("/x", prefix="/api")).remedy,
    ):
        assert remedy.startswith("Write the prefix as `flask routes` shows it")


# -- decorators above the route


@pytest.mark.parametrize(
    "guard", [requires_auth, rate_limit("1/second"), requires_permissions("a"), requires_json]
)
def test_a_guard_above_the_route_is_found(guard: Callable[[Any], Any]) -> None:
    app, _ = make()

    @guard
    @app.get("/x")
    def x() -> Any:
        return {}

    finding = only_finding(app)
    assert finding.code == "above-route"
    assert "test_doctor.py:" in finding.where
    assert "without @r" in finding.problem


def test_only_the_guards_above_the_route_are_named() -> None:
    app, _ = make()

    @requires_json
    @rate_limit("1/second")
    @app.get("/x")
    @requires_auth
    def x() -> Any:
        return {}

    finding = only_finding(app)
    assert "without @rate_limit, @requires_json:" in finding.problem


def test_a_guard_above_the_route_of_a_blueprint_is_found() -> None:
    app, _ = make()
    blueprint = Blueprint("b", __name__)

    @requires_auth
    @blueprint.get("/x")
    def x() -> Any:
        return {}

    app.register_blueprint(blueprint)
    assert findings(app) == [("above-route", "b.x")]


def test_one_view_may_have_a_route_with_and_one_without_a_guard() -> None:
    app, _ = make()

    def x() -> Any:
        return {}

    app.add_url_rule("/open", "open", x)
    app.add_url_rule("/closed", "closed", requires_auth(x))
    assert diagnose(app) == ()


def test_guards_below_the_route_are_fine_in_any_number_and_order() -> None:
    app, _ = make()

    class Things(MethodView):
        decorators = [requires_auth]  # noqa: RUF012

        @rate_limit("5/second")
        def get(self) -> Any:
            return {}

        @requires_json
        @requires_permissions("write")
        def post(self) -> Any:
            return {}

    app.add_url_rule("/things", view_func=Things.as_view("things"))
    assert diagnose(app) == ()


def test_a_limit_of_flask_limiter_above_the_route_is_found() -> None:
    app, errors = make()
    with app.app_context():
        limiter = errors.limiter

    @limiter.limit("1/second")
    @app.get("/x")
    def x() -> Any:
        return {}

    @app.get("/y")
    @limiter.limit("1/second")
    def y() -> Any:
        return {}

    assert findings(app) == [("above-route", "x")]
    assert "@Limiter.limit" in only_finding(app).problem


# -- Limiters


def test_two_limiters_are_found() -> None:
    app, _ = make()
    for _ in range(2):
        Limiter(get_remote_address, app=app, storage_uri="memory://")
    assert codes(app) == {"two-limiters"}


def test_one_limiter_of_the_author_is_fine() -> None:
    app, _ = make(RATELIMIT_DEFAULT="5/second")
    Limiter(get_remote_address, app=app, storage_uri="memory://")
    assert diagnose(app) == ()


def test_a_limit_of_a_limiter_that_is_not_installed_is_found() -> None:
    app, _ = make()
    limiter = Limiter(get_remote_address, storage_uri="memory://")

    @app.get("/x")
    @limiter.limit("1/second")
    def x() -> Any:
        return {}

    assert findings(app) == [("limiter-not-installed", "x")]


# -- limits without effect


def test_disabled_limits_are_found() -> None:
    app, _ = make(RATELIMIT_ENABLED=False)
    assert diagnose(app) == ()
    app.add_url_rule("/x", view_func=rate_limit("1/second")(lambda: "x"), endpoint="x")
    assert findings(app) == [("limits-off", "RATELIMIT_ENABLED")]


@pytest.mark.parametrize("name", ["admin.*", "read_", "rea?_"])
def test_a_configured_limit_without_an_endpoint_is_found(name: str) -> None:
    app, _ = make(APIERRORS_RATE_LIMITS={name: "5/minute", "read": "5/minute"})
    app.add_url_rule("/read", view_func=lambda: "x", endpoint="read")
    assert findings(app) == [("unreachable-limit", f"APIERRORS_RATE_LIMITS[{name!r}]")]


def test_a_pattern_that_other_lines_override_everywhere_is_found() -> None:
    app, _ = make(APIERRORS_RATE_LIMITS={"re*": "5/minute", "read": "6/minute"})
    app.add_url_rule("/read", view_func=lambda: "x", endpoint="read")
    assert findings(app) == [("unreachable-limit", "APIERRORS_RATE_LIMITS['re*']")]


@pytest.mark.parametrize(
    ("limit", "weak"),
    [
        ("10/second; 600/minute", "600 per 1 minute"),
        ("10/second; 5/minute", "10 per 1 second"),
        ("5/minute; 5/minute", "5 per 1 minute"),
        ("1/hour, 20/day; 24/day", "24 per 1 day"),
    ],
)
def test_a_limit_weaker_than_another_is_found(limit: str, weak: str) -> None:
    app, _ = make()
    app.add_url_rule("/x", view_func=rate_limit(limit)(lambda: "x"), endpoint="x")
    finding = only_finding(app)
    assert finding.code == "unreachable-limit"
    assert f"the limit {weak}:" in finding.problem


@pytest.mark.parametrize("limit", ["10/second; 100/minute", "2/hour; 47/day", "1/second"])
def test_limits_that_can_be_reached_are_fine(limit: str) -> None:
    app, _ = make()
    app.add_url_rule("/x", view_func=rate_limit(limit)(lambda: "x"), endpoint="x")
    assert diagnose(app) == ()


@pytest.mark.parametrize(
    "options",
    [
        {"key_func": lambda: "everybody"},
        {"cost": 2},
        {"exempt_when": lambda: False},
        {"methods": ["POST"]},
        {"scope": "shared"},
    ],
    ids=lambda options: "".join(options),
)
def test_limits_that_count_differently_are_not_compared(options: dict[str, Any]) -> None:
    app, _ = make()
    view = rate_limit("10/second")(rate_limit("5/minute", **options)(lambda: "x"))
    app.add_url_rule("/x", view_func=view, endpoint="x")
    assert diagnose(app) == ()


def test_a_limit_that_depends_on_the_request_is_not_compared() -> None:
    app, _ = make()
    app.add_url_rule(
        "/x", view_func=rate_limit(lambda: request.args["limit"])(lambda: "x"), endpoint="x"
    )
    assert diagnose(app) == ()


def test_a_limit_of_the_whole_app_is_reached_through_other_endpoints() -> None:
    app, _ = make(RATELIMIT_APPLICATION="100/minute")
    app.add_url_rule("/x", view_func=rate_limit("5/minute")(lambda: "x"), endpoint="x")
    assert diagnose(app) == ()
    app.add_url_rule("/y", view_func=rate_limit("100/second")(lambda: "x"), endpoint="y")
    assert findings(app) == [("unreachable-limit", "GET /y")]


# -- several processes


def test_limits_in_the_memory_of_several_workers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    app, _ = make(RATELIMIT_DEFAULT="5/second")
    assert findings(app) == [("limits-in-memory", "RATELIMIT_STORAGE_URI")]
    assert "WEB_CONCURRENCY starts 4" in only_finding(app).problem


@pytest.mark.parametrize(
    ("config", "workers"),
    [
        ({"RATELIMIT_DEFAULT": "5/second"}, "1"),
        ({}, "4"),
        ({"RATELIMIT_DEFAULT": "5/second", "RATELIMIT_STORAGE_URI": "redis://127.0.0.1:1"}, "4"),
    ],
)
def test_one_worker_no_limits_or_a_shared_storage_are_fine(
    config: dict[str, str], workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    assert diagnose(make(**config)[0]) == ()


# -- a proxy


def forward(app: Flask, times: int = 1) -> None:
    for _ in range(times):
        app.test_client().get("/x", headers={"X-Forwarded-For": "192.0.2.1"})


def test_forwarded_headers_that_nothing_reads_are_logged_once_and_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = make(RATELIMIT_DEFAULT="5/second")
    app.add_url_rule("/x", view_func=lambda: "x", endpoint="x")
    assert diagnose(app) == ()
    with caplog.at_level(logging.WARNING, "flask-limiter"):
        forward(app, 3)
    assert [
        record.getMessage() for record in caplog.records if "X-Forwarded-For" in record.getMessage()
    ] == [caplog.messages[0]]
    assert findings(app) == [("no-proxy-fix", "app.wsgi_app")]


def test_forwarded_headers_that_are_read_are_fine(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = make(RATELIMIT_DEFAULT="5/second")
    app.add_url_rule("/x", view_func=lambda: "x", endpoint="x")
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    forward(app)
    assert caplog.messages == []
    assert diagnose(app) == ()


def test_a_proxy_that_the_environment_indicates_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNO", "web.1")
    app, _ = make(RATELIMIT_DEFAULT="5/second")
    assert findings(app) == [("no-proxy-fix", "app.wsgi_app")]
    assert only_finding(app).problem.startswith(
        "DYNO (Heroku) indicates a proxy, but nothing reads X-Forwarded-For"
    )
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    assert diagnose(app) == ()


def test_a_proxy_without_limits_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DYNO", "web.1")
    assert diagnose(make()[0]) == ()


# -- handlers


@pytest.mark.parametrize("caught", [404, NotFound, HTTPException, Exception, ValidationError, 500])
def test_a_handler_that_hides_the_contract_is_found(caught: Any) -> None:
    app = Flask(__name__)
    app.register_error_handler(caught, lambda error: ("<p>no", 404, {}))
    ApiErrors(app)
    name = caught if isinstance(caught, int) or caught is not NotFound else 404
    assert ("hiding-handler", f"errorhandler({getattr(name, '__name__', name)})") in findings(app)


def test_a_handler_that_is_no_plain_function_is_found() -> None:
    class Handler:
        def __call__(self, error: Exception) -> Any:
            return "no", 404

    app, _ = make()
    app.register_error_handler(404, Handler())
    assert findings(app) == [("hiding-handler", "errorhandler(404)")]
    assert "Handler object" in only_finding(app).where


def test_a_handler_of_a_blueprint_is_found_if_its_endpoints_are_in_the_api() -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=["/api"])
    for name in ("api", "site"):
        blueprint = Blueprint(name, __name__, url_prefix=f"/{name}")
        blueprint.add_url_rule("/x", "x", lambda: "x")
        blueprint.register_error_handler(404, lambda error: ("<p>no", 404))
        app.register_blueprint(blueprint)
    assert [where for code, where in findings(app) if code == "hiding-handler"] == [
        "errorhandler(404) of blueprint api"
    ]


def test_handlers_that_use_the_contract_or_catch_own_classes_are_fine() -> None:
    app, errors = make()

    class OutOfStock(Exception):
        pass

    @app.errorhandler(404)
    def counted(error: NotFound) -> Any:
        return errors.handle(error)

    @app.errorhandler(OutOfStock)
    def out_of_stock(error: OutOfStock) -> Any:
        return {"error": "Out of stock."}, 409

    errors.convert(KeyError, to=NotFound)
    assert diagnose(app) == ()


# -- shapes


def test_an_error_in_another_shape_is_found() -> None:
    app, _ = make()

    @app.get("/x")
    @rate_limit("5/second")
    def x() -> Any:
        return {"message": "no"}, 404

    finding = only_finding(app)
    assert finding.code == "other-shape"
    assert finding.where.startswith("x (")
    assert "test_doctor.py:" in finding.where
    assert finding.problem.startswith("The body of this 404 has no `error` member")
    assert finding.remedy.startswith('Use `abort(404, "...")`')


def test_an_error_in_another_shape_is_found_in_a_view_class() -> None:
    app, _ = make()

    class Things(MethodView):
        @requires_auth
        def post(self) -> Any:
            return {"message": "no"}, 404

    app.add_url_rule("/things", view_func=Things.as_view("things"))
    first = Things.post.__wrapped__.__code__.co_firstlineno  # type: ignore[attr-defined]
    assert only_finding(app).where.endswith(f"test_doctor.py:{first + 2})")


def test_shapes_are_not_checked_with_an_own_format() -> None:
    app, errors = make()
    errors.format(lambda problem: {"message": problem.detail})

    @app.get("/x")
    def x() -> Any:
        return {"message": "no"}, 404

    assert diagnose(app) == ()


def test_a_handler_with_another_shape_is_found() -> None:
    app, _ = make()

    class OutOfStock(Exception):
        pass

    @app.errorhandler(OutOfStock)
    def out_of_stock(error: OutOfStock) -> Any:
        return {"message": "no"}, 409

    assert findings(app) == [("other-shape", "errorhandler(OutOfStock)")]


# -- pages instead of errors


def page(error: Exception) -> Any:
    return render_template("404.html"), 404


def index_page(path: str) -> Any:
    return send_from_directory("dist", "index.html")


def index_page_outside_the_api(path: str) -> Any:
    if path.startswith("api/"):
        abort(404)
    return send_from_directory("dist", "index.html")


def file_of(path: str) -> Any:
    return send_from_directory("dist", path)


def test_a_handler_that_answers_with_a_page_is_told_so() -> None:
    app, _ = make()
    app.register_error_handler(404, lambda error: ({"message": "no"}, 404))
    app.register_error_handler(405, page)
    problems = [each.problem for each in diagnose(app) if each.code == "hiding-handler"]
    assert sorted("with an HTML page" in problem for problem in problems) == [False, True]


@pytest.mark.parametrize("prefixes", [(), ("/api",)])
def test_a_view_that_answers_unknown_urls_with_a_page_is_found(prefixes: tuple[str, ...]) -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=prefixes)
    app.add_url_rule("/api/x", "x", lambda: "")
    app.add_url_rule("/<path:path>", "spa", index_page)
    (finding,) = diagnose(app)
    assert (finding.code, finding.where) == ("page-for-unknown-urls", "/<path:path> (spa)")
    assert "test_doctor.py:" in finding.problem


@pytest.mark.parametrize("view", [index_page_outside_the_api, file_of])
def test_a_view_that_can_say_404_is_no_page_for_unknown_urls(view: Any) -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=("/api",))
    app.add_url_rule("/api/x", "x", lambda: "")
    app.add_url_rule("/<path:path>", "spa", view)
    assert diagnose(app) == ()


def test_a_rule_without_a_view_answers_nothing() -> None:
    app, _ = make()
    app.url_map.add(Rule("/<path:path>", endpoint="nothing"))
    assert diagnose(app) == ()


def close() -> Any:
    return render_template("closed.html")


def close_the_site() -> Any:
    return None if request.path.startswith("/api/") else render_template("closed.html")


def test_a_page_before_every_request_is_found() -> None:
    app, _ = make()
    app.before_request(close)
    app.before_request(close_the_site)
    (finding,) = diagnose(app)
    assert finding.code == "page-for-unknown-urls"
    assert finding.where.startswith("before_request (")


def test_a_flask_app_without_the_contract_that_is_mounted_is_found() -> None:
    app, _ = make()
    other, right = Flask("other"), Flask("right")
    ApiErrors(right)

    def metrics(environ: Any, start_response: Any) -> Any: ...

    mounts: dict[str, Any] = {"/other": other, "/right": right, "/metrics": metrics}
    app.wsgi_app = ProxyFix(DispatcherMiddleware(app.wsgi_app, mounts))  # type: ignore[method-assign]
    (finding,) = diagnose(app)
    assert (finding.code, finding.where) == ("mounted-app", "/other (other)")


def test_a_method_that_replaces_one_of_flask_is_found() -> None:
    class Shop(Flask):
        def handle_http_exception(self, e: HTTPException, *args: Any) -> Any:
            return "<h1>No</h1>", e.code

        def handle_exception(self, *args: Any) -> Any:
            return super().handle_exception(*args)

    app = Shop(__name__)
    ApiErrors(app)
    (finding,) = diagnose(app)
    assert finding.code == "replaced-method"
    assert finding.where.startswith("Shop.handle_http_exception (")


# -- authentication


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unguarded_write_is_found(method: str) -> None:
    app, _ = make()
    app.add_url_rule("/x/<name>", "x", lambda name: "x", methods=["GET", method])
    assert findings(app) == [("unguarded-write", f"{method} /x/<name>")]


def test_unguarded_writes_of_one_cause_are_one_finding() -> None:
    app, errors = make()

    def permission(view: Any) -> Any:
        @wraps(view)
        def wrapper() -> Any:
            return view()

        return wrapper

    for number in range(3):
        app.add_url_rule(f"/x{number}", f"x{number}", permission(lambda: ""), methods=["POST"])
        app.add_url_rule(f"/y{number}", f"y{number}", lambda: "", methods=["PUT"])
    declarable, bare = sorted(diagnose(app), key=lambda finding: finding.where)
    assert declarable.where == "POST /x0 (x0), POST /x1 (x1), POST /x2 (x2)"
    assert declarable.problem == "Anyone can call these 3 endpoints, and they may change data."
    assert declarable.remedy.startswith("If ")
    assert "test_doctor.py:" in declarable.remedy
    assert "Unauthorized, authenticates=True). Otherwise: Put @requires_auth" in declarable.remedy
    assert bare.where == "PUT /y0 (y0), PUT /y1 (y1), PUT /y2 (y2)"
    assert bare.remedy.startswith("Put @requires_auth")
    (left,) = diagnose(app, ["unguarded-write:(x", "unguarded-write:y0", "unguarded-write:y1"])
    assert left.where == "PUT /y2 (y2)"
    assert diagnose(app, ["unguarded-write"]) == ()
    errors.declare_guard(permission, Unauthorized, authenticates=True)
    assert [finding.where for finding in diagnose(app)] == [bare.where]


class Denied(Exception):
    """An exception of the author's, which a handler of theirs answers."""


def deny() -> None:
    raise Denied


def test_a_function_that_refuses_is_named_with_the_line_that_declares_it() -> None:
    app, errors = make()
    app.register_error_handler(Denied, lambda error: ({"error": "No."}, 401))
    app.before_request(deny)
    app.add_url_rule("/x", "x", lambda: "", methods=["POST"])
    app.add_url_rule("/y", "y", lambda: "", methods=["GET", "PUT"])
    (finding,) = diagnose(app)
    assert (finding.code, finding.where) == ("unknown-guard", "POST /x (x), PUT /y (y)")
    assert re.fullmatch(
        r"deny \(.*test_doctor\.py:\d+\) can refuse requests to these 2 endpoints, but nothing says"
        r" if it is a guard\.",
        finding.problem,
    )
    assert "errors.declare_guard(deny, Unauthorized, authenticates=True)" in finding.remedy
    assert diagnose(app, ["unknown-guard"]) == ()
    errors.declare_guard(deny, Unauthorized, authenticates=True)
    assert diagnose(app) == ()


def test_of_many_functions_that_refuse_the_first_are_named() -> None:
    app, _ = make()
    app.register_error_handler(Denied, lambda error: ({"error": "No."}, 401))
    for number in range(5):
        hook = types.FunctionType(deny.__code__, globals(), f"deny{number}")
        app.before_request(hook)
    app.add_url_rule("/x", "x", lambda: "", methods=["POST"])
    (finding,) = diagnose(app)
    names = re.findall(r"deny\d|another function", finding.problem)
    assert names == ["deny0", "deny1", "deny2", "another function"]


def test_unguarded_reads_are_found_if_guards_are_required() -> None:
    app, errors = make()
    app.add_url_rule("/x", "x", lambda: "x", methods=["GET", "POST"])
    errors.require_guards()
    assert findings(app) == [("unguarded", "GET /x"), ("unguarded-write", "POST /x")]
    assert "Anyone can call this endpoint." in {finding.problem for finding in diagnose(app)}


def test_what_is_left_open_on_purpose_is_no_finding() -> None:
    app, errors = make()
    app.add_url_rule("/login", "login", lambda: "", methods=["POST"])
    app.add_url_rule("/x", "x", lambda: "", methods=["POST"])
    errors.guard(app, requires_auth, except_=("login",))
    assert findings(app) == []


def test_patterns_of_guards_that_match_no_endpoint_are_found() -> None:
    app, errors = make()
    app.add_url_rule("/x", "x", lambda: "")
    errors.guard(("x", "admin.*"), requires_auth, except_=("z",))
    assert [(finding.code, finding.where) for finding in diagnose(app)] == [
        ("idle-guard", "errors.guard('admin.*', ...)"),
        ("idle-guard", "errors.guard(..., except_=('z',))"),
    ]


def test_a_converted_401_guards_only_where_it_is_declared() -> None:
    app, errors = make()
    errors.convert(PermissionError, to=Unauthorized)
    app.add_url_rule("/x", "x", lambda: "x", methods=["POST"])
    assert findings(app) == [("unguarded-write", "POST /x")]
    app.add_url_rule("/y", "y", raises(PermissionError)(lambda: "y"), methods=["POST"])
    assert findings(app) == [("unguarded-write", "POST /x")]


def test_hidden_endpoints_are_checked_too() -> None:
    app, errors = make()
    app.add_url_rule("/x", "x", lambda: "x", methods=["POST"])
    errors.hide("x")
    assert findings(app) == [("unguarded-write", "POST /x")]


def test_guards_without_a_verifier_are_found() -> None:
    app = Flask(__name__)
    ApiErrors(app)
    app.add_url_rule("/x", "x", requires_auth(lambda: "x"))
    assert findings(app) == [("no-verifier", "@requires_auth")]


def test_a_guard_that_names_an_unknown_scheme_is_found() -> None:
    app, errors = make()
    errors.verify_key(header="X-API-Key")(lambda key: None)
    app.add_url_rule("/x", "x", requires_auth("kee")(lambda: "x"))
    app.add_url_rule("/y", "y", requires_auth("KEY")(lambda: "y"))
    assert findings(app) == [("unknown-scheme", "@requires_auth('kee') at x")]


def test_the_doctor_sends_no_request_and_calls_no_view() -> None:
    app, _ = make()
    app.before_request(lambda: pytest.fail("a request was made"))
    app.add_url_rule("/x", "x", lambda: pytest.fail("a view was called"))
    assert diagnose(app) == ()


def test_views_that_are_no_functions_are_fine() -> None:
    app, _ = make()

    class Unhashable:
        __name__ = "unhashable"
        __hash__ = None  # type: ignore[assignment]

        def __call__(self) -> Any:
            return {}

    class Callable_:
        __name__ = "callable"

        def __call__(self) -> Any:
            return {}

    app.add_url_rule("/object", "object", Callable_())
    app.add_url_rule("/partial", "partial", partial(lambda x: x, "x"))
    app.add_url_rule("/builtin", "builtin", dict)
    app.add_url_rule("/unhashable", "unhashable", requires_auth(Unhashable()))
    app.add_url_rule("/open", "open", Unhashable())
    assert diagnose(app) == ()


# -- one finding a cause


def test_a_handler_of_many_codes_and_blueprints_is_one_finding() -> None:
    app, _ = make()

    def answer(error: Exception) -> Any:
        return "no", 400

    for code in (400, 404, 409, 422, 500):
        app.register_error_handler(code, answer)
    finding = only_finding(app)
    places = "errorhandler(400), errorhandler(404), errorhandler(409), and 2 more"
    assert finding.where.startswith(f"{places} (")


def test_a_function_that_wins_in_another_library_is_found() -> None:
    class Api(flask_restful.Api):  # type: ignore[misc]
        def handle_error(self, error: Exception) -> Any:
            return "no", 400

    app, _ = make()
    Api(app)
    (finding,) = (each for each in diagnose(app) if each.code == "hiding-handler")
    assert "Api.handle_error" in finding.where


def test_limits_that_need_a_request_are_no_finding() -> None:
    app, _ = make(RATELIMIT_DEFAULT=lambda: request.args["limit"])
    app.add_url_rule("/x", view_func=lambda: "")
    assert diagnose(app) == ()


def test_bodies_of_one_function_are_one_finding() -> None:
    app, _ = make()

    @app.get("/x")
    def x(number: int = 1) -> Any:
        if number:
            return {"message": "no"}, 404
        return {"message": "no"}, 409

    finding = only_finding(app)
    assert finding.problem.startswith("2 error bodies here have no `error` member")
    assert finding.problem.endswith("Their statuses: 404, 409.")


def test_bodies_of_the_authors_shape_are_fine() -> None:
    for config in ({"APIERRORS_ADOPT": True}, {"APIERRORS_MEMBERS": {"message": "error"}}):
        app, _ = make(**config)
        app.add_url_rule("/x", view_func=lambda: ({"message": "no"}, 404))
        assert diagnose(app) == ()


def test_the_remedy_keeps_the_pages_of_a_site() -> None:
    app, errors = make(APIERRORS_URL_PREFIXES=["/api"])
    app.add_url_rule("/api/x", view_func=lambda: "")

    @app.errorhandler(404)
    def page(error: NotFound) -> Any:
        return "<p>Our own page", 404

    assert "if errors.covers(request): return errors.handle(error)" in only_finding(app).remedy

    site, errors = make(APIERRORS_URL_PREFIXES=["/api"])
    site.add_url_rule("/api/x", view_func=lambda: "")

    @site.errorhandler(404)
    def remedied(error: NotFound) -> Any:
        if errors.covers(request):
            return errors.handle(error)
        return "<p>Our own page", 404

    client = site.test_client()
    assert client.get("/api/no").json == {"error": "The requested resource does not exist."}
    assert "Our own page" in client.get("/no").text
    assert diagnose(site) == ()


# -- converters and classes


class Gone(Exception): ...


def test_a_converter_for_a_class_with_a_handler_is_found() -> None:
    app, errors = make()
    app.register_error_handler(Gone, lambda error: ("no", 404))
    errors.convert(Gone, to=NotFound)
    finding = only_finding(app)
    assert (finding.code, finding.where.partition(" (")[0]) == ("idle-converter", "convert(Gone)")
    assert app.test_client().get("/x").status_code == 404


def test_two_classes_of_one_code_are_found() -> None:
    def make_class() -> type[ApiError]:
        class VesselNotFound(ApiError, NotFound): ...

        return VesselNotFound

    first, second = make_class(), make_class()

    class Derived(first):  # type: ignore[valid-type, misc]
        type = "vessel-not-found"

    app, _ = make()
    app.add_url_rule("/x", "x", lambda: str((first, Derived)))
    assert diagnose(app) == ()
    app.add_url_rule("/y", "y", lambda: str(second))
    assert findings(app) == [("ambiguous-code", "vessel-not-found")]


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_converter_without_annotation_is_found_if_its_class_is_raised(is_declared: bool) -> None:
    app, errors = make()

    @errors.convert(Gone)
    def answer(error: Gone):  # type: ignore[no-untyped-def]
        return NotFound()

    assert diagnose(app) == ()

    def raising() -> str:
        raise Gone

    app.add_url_rule("/x", view_func=raises(Gone)(lambda: "") if is_declared else raising)
    assert findings(app) == [("silent-converter", "convert(Gone)")]
    answer.__annotations__["return"] = NotFound
    assert diagnose(app) == ()


# -- the configuration


def test_configuration_that_came_too_late_is_found() -> None:
    app, _ = make()
    app.config["APIERRORS_VALIDATION_STATUS"] = 422
    assert findings(app) == [("late-configuration", "APIERRORS_VALIDATION_STATUS")]
    app.config["APIERRORS_RELAM"] = "api"
    finding = only_finding(app)
    assert (finding.code, finding.where) == ("late-configuration", "APIERRORS_RELAM")
    assert "Did you mean APIERRORS_REALM?" in finding.problem


def test_a_misspelt_key_of_the_limits_is_found() -> None:
    app, _ = make(RATELIMIT_DEFAUT="1/second", RATELIMIT_PLANS={"a": 1}, RATELIMIT_ENABLED=True)
    assert findings(app) == [("unknown-key", "RATELIMIT_DEFAUT")]
    assert "RATELIMIT_DEFAULT" in only_finding(app).problem


def test_a_request_class_that_was_replaced_is_found() -> None:
    app, _ = make()
    app.request_class = type("Own", (Flask.request_class,), {})
    assert findings(app) == [("replaced-request-class", "app.request_class")]


def test_a_limiter_that_is_not_installed_is_found_on_a_method() -> None:
    limiter = Limiter(get_remote_address)

    class Archive(MethodView):
        @limiter.limit("1/day")
        def get(self) -> str:
            return ""

    app, _ = make()
    app.add_url_rule("/archive", view_func=Archive.as_view("archive"))
    assert findings(app) == [("limiter-not-installed", "archive")]


def test_the_doctor_can_be_run_in_a_test() -> None:
    app, _ = make(APIERRORS_URL_PREFIXES=["/v1"])
    result = app.test_cli_runner().invoke(args=["apierrors", "doctor"])
    assert result.exit_code == 1
    assert "prefix-without-routes: APIERRORS_URL_PREFIXES (/v1)" in result.output
    output = " ".join(result.output.split())
    assert "Outside the prefixes, Flask answers with HTML pages." in output
