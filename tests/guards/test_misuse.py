"""Promises about mistakes: a guard without effect fails where it stands, or is logged."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView

from flask_apierrors import (
    ApiErrors,
    consumes,
    optional_auth,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._guards.misuse import guards_above_routes
from tests.conftest import statuses, view_of

GUARDS: dict[str, Callable[[Any], Any]] = {
    "requires_auth": requires_auth,
    "requires_permissions": requires_permissions("read"),
    "requires_json": requires_json,
    "consumes": consumes("text/csv"),
    "produces": produces("text/csv"),
    "rate_limit": rate_limit("1/day"),
    "raises": raises(KeyError),
}


# -- where a guard stands


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_on_a_class_fails_and_names_the_remedy(name: str) -> None:
    class Berths(MethodView):
        def get(self) -> str:
            return ""

    with pytest.raises(TypeError, match=rf"@{name} stands on the class Berths\. .*decorators = \["):
        GUARDS[name](Berths)


@pytest.mark.parametrize("place", [Blueprint("api", __name__), Flask("harbour")])
@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_on_a_blueprint_or_an_app_fails_and_names_the_remedy(name: str, place: Any) -> None:
    with pytest.raises(TypeError, match=rf"@{name} cannot .* errors\.guard\(blueprint, {name}\)"):
        GUARDS[name](place)


@pytest.mark.parametrize("name", sorted(GUARDS.keys() - {"requires_auth"}))
def test_a_guard_on_no_view_fails(name: str) -> None:
    with pytest.raises(TypeError, match=f"@{name} decorates a view, not 7"):
        GUARDS[name](7)


# -- without parentheses


@pytest.mark.parametrize("decorator", [requires_permissions, consumes, produces, raises])
def test_a_guard_without_its_arguments_fails_on_the_view(decorator: Any) -> None:
    with pytest.raises(TypeError, match=f"@{decorator.__name__} takes"):
        decorator(view_of())


def _wrapped(view: Any) -> Any:
    @wraps(view)
    def wrapper() -> Any:
        return view()

    return wrapper


@pytest.mark.parametrize("endpoint", [None, "x"])
@pytest.mark.parametrize("above", [lambda view: view, requires_auth, _wrapped])
def test_a_limit_without_its_arguments_fails_at_the_route(
    make_app: Callable[..., Flask], endpoint: str | None, above: Any
) -> None:
    app, blueprint = make_app(), Blueprint("api", __name__)
    view = above(rate_limit(view_of()))
    with pytest.raises(TypeError, match=r'view without a limit\. Write @rate_limit\("10/second"\)'):
        app.add_url_rule("/x", endpoint, view)
    blueprint.add_url_rule("/x", endpoint, view)
    with pytest.raises(TypeError, match=r"@rate_limit stands on tests\..*\.view without a limit"):
        app.register_blueprint(blueprint)


def test_a_limit_without_its_arguments_fails_on_a_class(make_app: Callable[..., Flask]) -> None:
    class Berths(MethodView):
        decorators = [rate_limit]  # noqa: RUF012

        def get(self) -> str:
            return ""

    with pytest.raises(TypeError, match=r'Write @rate_limit\("10/second"\)'):
        make_app().add_url_rule("/x", view_func=Berths.as_view("berths"))


def test_a_function_that_returns_a_limit_still_limits(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule("/x", "x", rate_limit(lambda: "1/day")(view_of()))
    assert statuses(app.test_client(), "/x", 2) == [200, 429]


# -- in before_request


@pytest.mark.parametrize(
    ("decorator", "name"),
    [
        (requires_auth, "requires_auth"),
        (requires_auth("key"), "requires_auth"),
        (optional_auth, "optional_auth"),
        (requires_json, "requires_json"),
        (requires_permissions("read"), "requires_permissions"),
        (produces("text/csv"), "produces"),
        (rate_limit("1/day"), "rate_limit"),
        (rate_limit(lambda: "1/day"), "rate_limit"),
    ],
)
@pytest.mark.parametrize("place", ["app", "blueprint"])
def test_a_guard_given_to_before_request_lets_nobody_in_and_names_the_remedy(
    make_app: Callable[..., Flask],
    decorator: Any,
    name: str,
    place: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, blueprint = make_app(), Blueprint("api", __name__)
    (app if place == "app" else blueprint).before_request(decorator)
    blueprint.add_url_rule("/x", "x", view_of())
    app.register_blueprint(blueprint)
    assert statuses(app.test_client(), "/x", 2) == [500, 500]
    assert f"before_request has the decorator {name}" in caplog.text
    assert f"errors.guard(app, {name})" in caplog.text


def test_a_guarded_function_in_before_request_is_right(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.before_request(produces("text/csv")(lambda: None))
    app.before_request(rate_limit("1/day")(lambda: None))
    app.add_url_rule("/x", "x", view_of())
    assert statuses(app.test_client(), "/x", 2) == [200, 429]


# -- above the route


def test_a_guard_above_the_route_is_logged_once_as_an_error(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()

    @requires_auth
    @rate_limit("1/day")
    @app.get("/x")
    @produces("text/csv")
    def berths() -> str:
        return ""

    statuses(app.test_client(), "/x", 3)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == (
        f"The view of 'berths' ({__name__}.{berths.__qualname__}) is served without @rate_limit,"
        " @requires_auth: a decorator above the route decorator has no effect. Move the route"
        " decorator to the top, above all others."
    )


def test_nothing_is_logged_for_guards_that_hold(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: None)
    app = make_app(errors)
    view = view_of()
    app.add_url_rule("/open", "open", view)
    app.add_url_rule("/closed", "closed", requires_auth(view))
    app.add_url_rule("/both", "both", requires_auth(produces("text/csv")(view_of())))
    errors.guard("both", requires_permissions("read"))
    assert app.test_client().get("/closed").status_code == 401
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_factory_may_guard_one_function_again_for_each_app(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    view = view_of()
    apps = [make_app() for _ in range(3)]
    for app in apps:
        app.add_url_rule("/x", "x", rate_limit("1/day")(consumes("text/csv")(view)))
    for app in apps:
        app.test_client().get("/x")
        assert list(guards_above_routes(app)) == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_only_the_guards_that_no_endpoint_has_are_lost(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    view = view_of()
    app.add_url_rule("/open", "open", view)
    app.add_url_rule("/closed", "closed", requires_json(view))
    requires_auth(view)
    ((_, served, marks),) = [item for item in guards_above_routes(app) if item[0] == "open"]
    assert (served, [mark.name for mark in marks]) == (view, ["requires_auth"])
