"""Promises about what nothing guards: it is listed, with what may be a guard."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Blueprint, Flask, abort, request
from flask.views import MethodView
from flask_cors import cross_origin
from werkzeug.exceptions import Forbidden, Unauthorized

from flask_apierrors import (
    ApiErrors,
    catalogue,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_permissions,
)
from flask_apierrors._catalogue.exits import ExitReader
from flask_apierrors._catalogue.unguarded import possible_guards, unguarded
from tests.conftest import statuses, view_of


def open_endpoints(app: Flask) -> list[str]:
    operations = catalogue(app, hidden=True).operations
    return [each.endpoint for each in unguarded(operations, app.extensions["apierrors"])]


def names_of_possible_guards(app: Flask) -> list[str]:
    """Return the names of what may guard the first operation of an app."""
    operation = catalogue(app).operations[0]
    guards = possible_guards(operation, app.extensions["apierrors"], ExitReader({}))
    assert all("test_unguarded.py:" in str(guard) for guard in guards)
    return [guard.name for guard in guards]


def test_what_no_guard_authenticates_is_open(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    errors.convert(PermissionError, to=Unauthorized)
    app = make_app(errors)
    views: dict[str, Any] = {
        "bare": view_of(),
        "typed": produces("text/csv")(view_of()),
        "limited": rate_limit("1/day")(view_of()),
        "guarded": requires_auth(view_of()),
        "permitted": requires_permissions("read")(view_of()),
        "declared": raises(Unauthorized)(view_of()),
        "converted": raises(PermissionError)(view_of()),
        "forbidden": raises(Forbidden)(view_of()),
    }
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)
    assert sorted(open_endpoints(app)) == ["bare", "forbidden", "limited", "typed"]


def refuse_some() -> str:
    if request.args:
        abort(401)
    return "open"


def test_a_401_in_the_source_is_no_guard_if_guards_are_required(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", "x", refuse_some)
    assert open_endpoints(app) == []
    errors.require_guards()
    assert open_endpoints(app) == ["x"]


def test_what_an_author_left_open_is_not_listed(make_app: Callable[..., Flask]) -> None:
    def check_key() -> None: ...

    errors = ApiErrors()
    app = make_app(errors)
    for name in ("health", "login", "metrics", "x", "limited", "typed"):
        app.add_url_rule(f"/{name}", name, view_of())
    errors.guard(("health", "limited"), rate_limit("1/day"), except_=("limited",))
    errors.declare_guard(check_key, Unauthorized, authenticates=True, except_=("login",))
    errors.declare_guard(view_of, Forbidden, except_=("typed",))
    errors.guard("metrics", requires_auth, except_=("metrics",))
    assert open_endpoints(app) == ["health", "limited", "typed", "x"]
    errors.require_guards(except_=("health",))
    errors.require_guards(except_=("typed", "limited"))
    assert open_endpoints(app) == ["x"]


def permission(name: str) -> Any:
    def decorate(view: Any) -> Any:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs) if name else None

        return wrapper

    return decorate


def check_token() -> None: ...


def test_decorators_and_hooks_of_the_author_may_be_guards(make_app: Callable[..., Flask]) -> None:
    app, blueprint = make_app(), Blueprint("api", __name__)
    blueprint.before_request(check_token)
    view = produces("text/csv")(permission("write")(cross_origin()(view_of())))
    blueprint.add_url_rule("/x", "x", view)
    app.register_blueprint(blueprint)
    expected = ["permission", "check_token"]
    names = names_of_possible_guards(app)
    assert names == expected or names == ["wrapper", "check_token"], "before Python 3.11"


class Refused(Exception):
    """The app has a handler for it."""


class Odd(Exception):
    """The app has no handler for it."""


def may_be_refused() -> None:
    raise Refused


def may_be_forbidden() -> None:
    if request.args:
        abort(403)


def may_be_missing() -> None:
    abort(404)


def may_crash() -> None:
    raise Odd


def may_be_anything() -> None:
    raise request.args["error"]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("hook", "refuses"),
    [
        (may_be_refused, True),
        (may_be_forbidden, True),
        (may_be_missing, False),
        (may_crash, False),
        (may_be_anything, False),
        (check_token, False),
    ],
)
def test_a_function_refuses_with_what_a_handler_answers_or_a_403(
    make_app: Callable[..., Flask], hook: Any, refuses: bool
) -> None:
    app = make_app()
    app.register_error_handler(Refused, lambda error: ("no", 401))
    app.before_request(hook)
    app.add_url_rule("/x", "x", view_of())
    (guard,) = possible_guards(
        catalogue(app).operations[0], app.extensions["apierrors"], ExitReader({})
    )
    assert (guard.name, guard.refuses) == (hook.__name__, refuses)


def refused(view: Any) -> Any:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if request.args:
            raise Refused
        return view(*args, **kwargs)

    return wrapper


class Logged:
    def __call__(self, view: Any) -> Any:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

        return wrapper


def test_a_decorator_does_not_refuse_what_it_only_wraps(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.register_error_handler(Refused, lambda error: ("no", 401))

    def view() -> str:
        may_be_refused()
        return "x"

    app.add_url_rule("/x", "x", Logged()(refused(Logged()(view))))
    guards = possible_guards(
        catalogue(app).operations[0], app.extensions["apierrors"], ExitReader({})
    )
    assert guards[0].refuses
    if sys.version_info >= (3, 11):  # before, code does not know which decorator it is of
        assert [(guard.name, guard.refuses) for guard in guards] == [
            ("refused", True),
            ("Logged", False),
        ]


def test_a_wrapped_hook_is_named_once(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.register_error_handler(Refused, lambda error: ("no", 401))
    app.before_request(refused(check_token))
    app.add_url_rule("/x", "x", view_of())
    assert names_of_possible_guards(app) == ["check_token"]


def test_a_declared_function_may_be_no_guard(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.before_request(check_token)
    app.add_url_rule("/x", "x", view_of())
    assert names_of_possible_guards(app) == ["check_token"]
    errors.declare_guard(check_token)
    assert names_of_possible_guards(app) == []


def test_a_view_without_decorators_has_no_possible_guard(make_app: Callable[..., Flask]) -> None:
    class Berths(MethodView):
        def get(self) -> str:
            return ""

    class View:
        __name__ = "view"

        def __call__(self) -> str:
            return ""

    for view in (Berths.as_view("berths"), View(), wraps(View())(View())):
        app = make_app()
        app.add_url_rule("/x", "x", view)
        assert names_of_possible_guards(app) == []


# -- before the first request


def test_an_app_whose_guards_are_required_fails_while_an_endpoint_is_open(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    errors = ApiErrors()
    errors.require_guards(except_=("health",))
    app = make_app(errors)
    app.add_url_rule("/health", "health", view_of())
    app.add_url_rule("/x", "x", view_of(), methods=["GET", "POST"])
    errors.hide("x")
    assert statuses(app.test_client(), "/health", 2) == [500, 500]
    assert "nothing guards GET /x (x), POST /x (x). Guard these endpoints," in caplog.text


def test_an_app_whose_endpoints_are_guarded_serves(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    errors.require_guards()
    errors.verify_token(lambda token: None)
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    app.add_url_rule("/health", "health", view_of())
    app.add_url_rule("/x", "x", lambda: abort(418))
    errors.guard(app, requires_auth, except_=("health",))
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/health", "/x", "/errors")] == [
        200,
        401,
        200,
    ]


def test_exceptions_are_a_collection() -> None:
    with pytest.raises(TypeError, match=r"give a tuple of endpoints, \('health',\)"):
        ApiErrors().require_guards(except_="health")
