"""Promises of ``errors.guard``: guards of an app, a blueprint or endpoints, as if on the views."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, current_app
from flask.views import MethodView

from flask_apierrors import (
    ApiErrors,
    catalogue,
    current_principal,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._cli.cli import cli
from flask_apierrors._cli.doctor import diagnose
from flask_apierrors._cli.lock import dump_lock, lock_of
from flask_apierrors._core.marks import Mark, marks_of
from flask_apierrors._guards.guard import Check, Order, guard
from tests.conftest import statuses

TOKEN = {"Authorization": "Bearer t0ken"}


def bearer_errors() -> ApiErrors:
    errors = ApiErrors()
    errors.verify_token({"t0ken": {"sub": "pilot", "scope": "read"}}.get)
    return errors


def ok() -> str:
    """Return what shows that the view ran. Nothing in this module decorates it."""
    return "ok"


def status(app: Flask, path: str, **options: Any) -> int:
    return app.test_client().get(path, **options).status_code


# -- where


@pytest.mark.parametrize("views", ["before", "after"])
@pytest.mark.parametrize("init", ["before", "after"])
def test_an_app_is_guarded_wherever_the_call_stands(views: str, init: str) -> None:
    errors, app = bearer_errors(), Flask("harbour")
    if init == "before":
        errors.init_app(app)
    if views == "after":
        errors.guard(app, requires_auth, except_=("health",))
    app.add_url_rule("/x", "x", ok)
    app.add_url_rule("/health", "health", ok)
    if views == "before":
        errors.guard(app, requires_auth, except_=("health",))
    if init == "after":
        errors.init_app(app)
    assert [status(app, path) for path in ("/x", "/health")] == [401, 200]
    assert status(app, "/x", headers=TOKEN) == 200


def test_the_proxy_of_an_app_stands_for_it(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app, other = make_app(errors), make_app(errors)
    for each in (app, other):
        each.add_url_rule("/x", "x", ok)
    with app.app_context():
        errors.guard(current_app, requires_auth)
    assert [status(each, "/x") for each in (app, other)] == [401, 200]


def test_a_star_guards_every_app_of_an_instance(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    errors.guard("*", requires_auth)
    for app in (make_app(errors), make_app(errors)):
        app.add_url_rule("/x", "x", ok)
        assert status(app, "/x") == 401


def test_a_blueprint_is_guarded_under_all_its_names_and_with_those_in_it(
    make_app: Callable[..., Flask],
) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__, url_prefix="/inner")
    for blueprint in (outer, inner):
        blueprint.add_url_rule("/x", "x", ok)
    errors.guard(outer, requires_auth)
    outer.register_blueprint(inner)
    app.register_blueprint(outer, url_prefix="/v1")
    app.register_blueprint(outer, url_prefix="/v2", name="second")
    app.register_blueprint(inner, url_prefix="/open", name="outer_open")
    app.add_url_rule("/x", "x", ok)
    paths = ("/v1/x", "/v1/inner/x", "/v2/x", "/v2/inner/x", "/open/x", "/x")
    assert [status(app, path) for path in paths] == [401, 401, 401, 401, 200, 200]


def test_a_nested_blueprint_is_guarded_on_its_own(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__, url_prefix="/inner")
    for blueprint in (outer, inner):
        blueprint.add_url_rule("/x", "x", ok)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    errors.guard(inner, requires_auth)
    assert [status(app, path) for path in ("/x", "/inner/x")] == [200, 401]


@pytest.mark.parametrize("where", ["admin.*", ("admin.*",), ["admin.x", "admin.y"], {"admin.[xy]"}])
def test_endpoints_are_guarded_by_patterns(make_app: Callable[..., Flask], where: Any) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    admin = Blueprint("admin", __name__, url_prefix="/admin")
    for name in ("x", "y"):
        admin.add_url_rule(f"/{name}", name, ok)
    app.register_blueprint(admin)
    app.add_url_rule("/x", "x", ok)
    errors.guard(where, requires_auth)
    assert [status(app, path) for path in ("/admin/x", "/admin/y", "/x")] == [401, 401, 200]


def test_exceptions_can_be_patterns(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    app.add_url_rule("/x", "public.x", ok)
    app.add_url_rule("/y", "y", ok)
    errors.guard(app, requires_auth, except_=["public.*"])
    assert [status(app, path) for path in ("/x", "/y")] == [200, 401]


def test_static_files_are_guarded_unless_they_are_excepted(
    make_app: Callable[..., Flask], tmp_path: Any
) -> None:
    (tmp_path / "a.txt").write_text("ok")
    for exceptions, expected in (((), 401), (("static",), 200)):
        errors, app = (
            bearer_errors(),
            Flask("harbour", static_folder=str(tmp_path), static_url_path="/static"),
        )
        errors.init_app(app)
        errors.guard(app, requires_auth, except_=exceptions)
        with app.test_client().get("/static/a.txt") as response:
            assert response.status_code == expected


def test_the_reference_page_stays_open(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    errors.guard("*", requires_auth)
    assert [status(app, path) for path in ("/errors", "/errors/unauthorized")] == [200, 200]


def test_unknown_urls_and_methods_are_told_before_guards_run(
    make_app: Callable[..., Flask],
) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    app.add_url_rule("/x", "x", ok)
    errors.guard(app, requires_auth)
    client = app.test_client()
    assert [client.get("/y").status_code, client.post("/x").status_code] == [404, 405]


# -- which guards


def test_checks_of_the_app_and_of_the_view_run_in_one_order(make_app: Callable[..., Flask]) -> None:
    runs: list[str] = []

    def recorder(order: Order) -> Callable[[Any], Any]:
        check = Check(order, lambda req, state: runs.append(order.name))
        return lambda view: guard(view, Mark(order.name), check)

    errors = ApiErrors()
    app = make_app(errors)
    errors.guard(app, recorder(Order.PERMISSIONS), recorder(Order.RATE_LIMIT))
    errors.guard("x", recorder(Order.ACCEPT), recorder(Order.SCHEME))
    view: Any = recorder(Order.JSON)(recorder(Order.AUTHENTICATION)(lambda: "ok"))
    app.add_url_rule("/x", "x", view)
    assert status(app, "/x") == 200
    assert runs == [order.name for order in Order if order is not Order.CONTENT_TYPE]


def test_all_guards_of_an_app_refuse_in_the_order_of_the_contract(
    make_app: Callable[..., Flask],
) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    errors.guard(
        app, produces("text/csv"), requires_json, requires_permissions("write"), rate_limit("4/day")
    )
    errors.permissions_of(lambda principal: ["write"] if app.config.get("WRITER") else [])
    app.add_url_rule("/x", view_func=ok, endpoint="x", methods=["POST"])
    client = app.test_client()
    bad = {"Accept": "image/png", "Content-Type": "text/plain"}
    as_json = {"Accept": "image/png", "Content-Type": "application/json"}

    def answer(headers: dict[str, str], body: str = "{") -> int:
        return client.post("/x", data=body, headers=headers).status_code

    assert answer(bad) == 401
    assert answer(bad | TOKEN) == 403
    app.config["WRITER"] = True
    assert answer(bad | TOKEN) == 415
    assert [answer(as_json | TOKEN), answer(as_json | TOKEN, "{}")] == [400, 406]
    assert answer(as_json | TOKEN, "{}") == 429


def test_each_endpoint_has_its_own_counter(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    errors.guard(app, rate_limit("1/day"))
    for name in ("x", "y"):
        app.add_url_rule(f"/{name}", name, ok)
    client = app.test_client()
    assert [statuses(client, f"/{name}", 2) for name in ("x", "y")] == [[200, 429]] * 2


@pytest.mark.parametrize("key", ["RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION"])
def test_a_limit_of_the_app_that_needs_a_principal_is_a_401_without_one(
    make_app: Callable[..., Flask], key: str
) -> None:
    errors = ApiErrors()
    errors.verify_token({"t0ken": {"limit": "2/day"}}.get)
    app = make_app(errors, **{key: lambda: current_principal["limit"]})
    app.add_url_rule("/x", "x", ok)
    app.add_url_rule("/open", "open", ok)
    errors.guard(app, requires_auth, except_=("open",))
    client = app.test_client()
    for headers in ({}, {"Authorization": "Bearer forged"}):
        assert client.get("/x", headers=headers).status_code == 401
    assert statuses(client, "/x", 3, headers=TOKEN) == [200, 200, 429]
    assert client.get("/open").status_code == 500, "the function is wrong there"


def test_a_guard_of_an_author_can_guard_an_app(make_app: Callable[..., Flask]) -> None:
    def requires_badge(view: Any) -> Any:
        check = Check(
            Order.AUTHENTICATION, lambda req, state: "X-Badge" in req.headers or abort(403)
        )
        return guard(view, Mark("requires_badge", statuses=(403,)), check)

    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", "x", ok)
    errors.guard(app, requires_badge)
    assert status(app, "/x") == 403
    assert status(app, "/x", headers={"X-Badge": "1"}) == 200


def test_any_decorator_can_guard_an_app(make_app: Callable[..., Flask]) -> None:
    def foreign(view: Any) -> Any:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return f"foreign {view(*args, **kwargs)}"

        return wrapper

    errors = bearer_errors()
    app = make_app(errors)
    app.add_url_rule("/x", "x", ok)
    errors.guard(app, foreign, lambda view: foreign(requires_auth(view)))
    response = app.test_client().get("/x", headers=TOKEN)
    assert (status(app, "/x"), response.text) == (401, "foreign foreign ok")


def test_a_view_class_and_an_async_view_are_guarded(make_app: Callable[..., Flask]) -> None:
    pytest.importorskip("asgiref")

    class Berths(MethodView):
        def get(self) -> str:
            return str(current_principal["sub"])

        @requires_permissions("write")
        def post(self) -> str:
            return "posted"

    async def later() -> str:
        return str(current_principal["sub"])

    errors = bearer_errors()
    app = make_app(errors)
    app.add_url_rule("/berths", view_func=Berths.as_view("berths"))
    app.add_url_rule("/later", view_func=later)
    errors.guard(app, requires_auth)
    client = app.test_client()
    for path in ("/berths", "/later"):
        assert [status(app, path), client.get(path, headers=TOKEN).text] == [401, "pilot"]
    assert client.post("/berths", headers=TOKEN).status_code == 403


# -- as if the guards stood on the views


def test_the_catalogue_knows_the_guards_of_an_app(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    errors.guard(app, requires_permissions("read"), except_=("health",))
    app.add_url_rule("/x", "x", ok, methods=["POST"])
    app.add_url_rule("/health", "health", ok)
    health, operation = catalogue(app).operations
    assert [mark.name for mark in operation.guards] == ["requires_permissions"]
    assert {401, 403} < {error.status for error in operation.errors}
    assert not {401, 403} & {error.status for error in health.errors}
    assert diagnose(app) == ()


def test_everything_is_known_as_if_the_guards_stood_on_the_views(
    make_app: Callable[..., Flask],
) -> None:
    openapi = pytest.importorskip("flask_apierrors.openapi")
    guards = (requires_permissions("read"), requires_json, rate_limit("7/day"))
    seen = []
    for is_on_view in (True, False):
        errors = bearer_errors()
        app = make_app(errors)
        view: Any = lambda: ""  # noqa: E731
        for decorate in reversed(guards if is_on_view else ()):
            view = decorate(view)
        app.add_url_rule("/x", "x", view, methods=["POST"])
        app.add_url_rule("/health", "health", lambda: "")
        if not is_on_view:
            errors.guard("x", *guards)
        document = openapi.add_errors({"openapi": "3.1.0", "paths": {"/x": {"post": {}}}}, app)
        routes = app.test_cli_runner().invoke(cli, ["routes"]).output
        seen.append((dump_lock(lock_of(catalogue(app))), document, routes))
    assert seen[0] == seen[1]
    assert "requires_permissions" in seen[0][0]
    assert "7 per 1 day" in seen[0][2]


def test_a_guard_on_the_view_and_on_its_app_is_one(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    errors.guard(app, requires_auth)
    app.add_url_rule("/x", "x", requires_auth(lambda: ""))
    (operation,) = catalogue(app).operations
    assert [mark.name for mark in operation.guards] == ["requires_auth"]


def test_views_that_come_after_the_catalogue_was_read_are_guarded(
    make_app: Callable[..., Flask],
) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    errors.guard(app, requires_auth)
    app.add_url_rule("/x", "x", ok)
    assert len(catalogue(app).operations) == 1
    first = app.view_functions["x"]
    app.add_url_rule("/y", "y", ok)
    assert [status(app, path) for path in ("/x", "/y")] == [401, 401]
    assert app.view_functions["x"] is first, "guards are put on once"


def test_a_view_that_an_extension_replaces_is_guarded_again(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    errors.guard(app, requires_auth)
    app.add_url_rule("/x", "x", ok)
    catalogue(app)
    app.view_functions["x"] = lambda: "replaced"
    assert status(app, "/x") == 401


def test_a_later_guard_is_put_on_beside_the_first(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    app.add_url_rule("/x", "x", ok)
    errors.guard(app, requires_auth)
    assert status(app, "/x", headers=TOKEN) == 200
    errors.guard("x", requires_permissions("write"))
    assert status(app, "/x", headers=TOKEN) == 403
    assert [mark.name for mark in marks_of(app.view_functions["x"])] == [
        "requires_auth",
        "requires_permissions",
    ]


def test_the_view_that_is_guarded_stays_as_it_is(make_app: Callable[..., Flask]) -> None:
    errors, plain = bearer_errors(), make_app()
    app = make_app(errors)
    errors.guard(app, requires_auth, except_=("y",))
    for each in (app, plain):
        each.add_url_rule("/x", "x", ok)
        each.add_url_rule("/y", "y", ok)
    assert [status(each, "/x") for each in (app, plain)] == [401, 200]
    assert marks_of(ok) == ()
    assert {finding.code for finding in diagnose(plain)} == set(), "no guard stands above a route"


def test_two_first_requests_at_once_are_both_guarded(make_app: Callable[..., Flask]) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    errors.guard(app, requires_auth)
    for number in range(200):
        app.add_url_rule(f"/{number}", str(number), ok)
    answers: list[int] = []
    start = threading.Barrier(8)

    def first(number: int) -> None:
        start.wait()
        answers.append(status(app, f"/{number}"))

    threads = [threading.Thread(target=first, args=(199 - number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [401] * 8
    assert {len(marks_of(app.view_functions[str(number)])) for number in range(200)} == {1}


def test_a_guarded_app_goes_with_its_last_reference() -> None:
    errors = bearer_errors()
    app = Flask("harbour")
    errors.init_app(app)
    errors.guard(app, requires_auth)
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


# -- mistakes


@pytest.mark.parametrize("where", ["adminn.*", "healht", ("x", "y")])
def test_a_pattern_that_guards_nothing_fails_and_names_the_remedy(
    make_app: Callable[..., Flask], where: Any, caplog: pytest.LogCaptureFixture
) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    for name in ("x", "health", "admin.y"):
        app.add_url_rule(f"/{name}", name, ok)
    errors.guard(where, requires_auth)
    assert statuses(app.test_client(), "/health", 2) == [500, 500]
    assert "guards no endpoint of this app." in caplog.text
    assert "`flask routes` lists them." in caplog.text
    if where == "healht":
        assert "Did you mean 'health'?" in caplog.text


def test_an_exception_that_names_no_endpoint_is_logged(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    errors = bearer_errors()
    app, other = make_app(errors), make_app(errors)
    app.add_url_rule("/x", "x", ok)
    errors.guard(app, requires_auth, except_=("z", "x"))
    assert [status(each, "/x") for each in (app, other)] == [200, 404]
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert record.getMessage() == (
        "errors.guard(..., except_=('z',)) leaves open no endpoint of this app. "
        "`flask routes` lists them."
    )


def test_a_blueprint_that_an_app_does_not_have_is_no_mistake(
    make_app: Callable[..., Flask],
) -> None:
    errors = bearer_errors()
    app = make_app(errors)
    app.add_url_rule("/x", "x", ok)
    errors.guard(Blueprint("admin", __name__), requires_auth)
    assert status(app, "/x") == 200


@pytest.mark.parametrize("where", [None, 7, (), (7,), ApiErrors(), b"x", {"x": 1}])
def test_a_place_that_is_none_fails_where_it_stands(where: Any) -> None:
    with pytest.raises(TypeError, match=r"Give an app, a blueprint, or endpoints"):
        ApiErrors().guard(where, requires_auth)


@pytest.mark.parametrize(
    "decorator",
    [None, "requires_auth", rate_limit, raises(KeyError), lambda view: None, lambda: None, int],
)
def test_what_guards_no_view_fails_where_it_stands(decorator: Any) -> None:
    with pytest.raises(TypeError):
        ApiErrors().guard("*", decorator)


@pytest.mark.parametrize("decorator", [requires_permissions, produces])
def test_a_guard_without_its_arguments_fails_where_it_stands(decorator: Any) -> None:
    with pytest.raises(TypeError, match=f"@{decorator.__name__}"):
        ApiErrors().guard("*", decorator)


def test_a_scope_needs_guards_and_a_collection_of_exceptions() -> None:
    with pytest.raises(TypeError, match=r"as in errors.guard\(app, requires_auth\)"):
        ApiErrors().guard("*")
    with pytest.raises(TypeError, match=r"give a tuple of endpoints, \('health',\)"):
        ApiErrors().guard("*", requires_auth, except_="health")


def test_a_decorator_whose_wrapper_has_no_signature_can_guard(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", "x", ok)
    errors.guard(app, lambda view: time.time)
    assert status(app, "/x") == 500
