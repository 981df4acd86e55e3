"""Promises of ``errors.declare_guard``: an app's own guards are known, wherever they stand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import flask_restful
import pytest
from flask import Blueprint, Flask, abort, request
from flask.views import MethodView
from werkzeug.exceptions import Forbidden, Unauthorized

from flask_apierrors import ApiErrors, catalogue, produces, requires_auth
from flask_apierrors._cli.doctor import diagnose
from flask_apierrors._guards.foreign import layers_of
from tests.conftest import view_of


def guards_of(app: Flask, endpoint: str = "x", method: str | None = None) -> list[str]:
    """Return the names of the guards that the catalogue knows at an endpoint."""
    return [
        guard.name
        for operation in catalogue(app).operations
        if operation.endpoint == endpoint and method in (None, operation.method)
        for guard in operation.guards
    ]


# -- the forms of a decorator


def admin_only(view: Any) -> Any:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs) if "X-Admin" in request.headers else abort(403)

    return wrapper


def bare(view: Any) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


def role_required(role: str) -> Any:
    def decorate(view: Any) -> Any:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs) if request.headers.get("X-Role") == role else abort(403)

        return wrapper

    return decorate


def flexible(view: Any = None, *, role: str = "") -> Any:
    if view is None:
        return partial(flexible, role=role)

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await view(*args, **kwargs) if role else None

    return functools.update_wrapper(wrapper, view)


class Badge:
    """A decorator that is a class."""

    def __init__(self, view: Any) -> None:
        functools.update_wrapper(self, view)
        self.view = view

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.view(*args, **kwargs)


class Roles:
    """A decorator that is an object, and its methods."""

    def __init__(self, role: str) -> None:
        self.role = role

    def __call__(self, view: Any) -> Any:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs) if self.role else None

        return wrapper

    def required(self, view: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs) if self.role else None

        return wrapper

    @classmethod
    def made_by_class(cls, view: Any) -> Any:
        return cls("x").required(view)


class StrictRoles(Roles):
    pass


staff, crew = role_required("staff"), role_required("crew")
pilots, sailors = Roles("pilot"), StrictRoles("sailor")


@pytest.mark.parametrize(
    ("declared", "decorator"),
    [
        (admin_only, admin_only),
        (bare, bare),
        (role_required, role_required("crew")),
        (staff, staff),
        (flexible, flexible),
        (flexible, flexible(role="crew")),
        (partial(flexible, role="crew"), flexible(role="crew")),
        (Badge, Badge),
        (pilots, pilots),
        (sailors, sailors),
        (pilots.required, pilots.required),
        (Roles.required, pilots.required),
        (Roles, pilots),
        (StrictRoles, sailors),
    ],
)
@pytest.mark.parametrize("place", ["outermost", "below wraps", "below none", "above a guard"])
def test_a_declared_decorator_is_known_in_every_form_and_place(
    make_app: Callable[..., Flask], declared: Any, decorator: Any, place: str
) -> None:
    errors = ApiErrors()
    errors.declare_guard(declared, Forbidden, authenticates=True)
    app = make_app(errors)
    view = produces("text/csv")(view_of()) if place == "above a guard" else view_of()
    view = decorator(view)
    if place.startswith("below"):

        def other(view: Any) -> Any:
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return view(*args, **kwargs)

            return wraps(view)(wrapper) if place == "below wraps" else wrapper

        view = other(view)
    app.add_url_rule("/x", "x", view, methods=["POST"])
    (operation,) = catalogue(app).operations
    name = getattr(declared, "__name__", type(declared).__name__)
    assert [guard.name for guard in operation.guards if guard.name != "produces"] == [name]
    assert 403 in {error.status for error in operation.errors}
    assert "unguarded-write" not in {finding.code for finding in diagnose(app)}


@pytest.mark.parametrize(
    ("declared", "decorator"),
    [
        (admin_only, bare),
        (staff, crew),
        (pilots, Roles("other")),
        (pilots.required, Roles("other").required),
        (Badge, admin_only),
        (len, admin_only),
        (role_required("crew"), role_required),
    ],
)
def test_another_decorator_is_not_taken_for_a_declared_one(
    make_app: Callable[..., Flask], declared: Any, decorator: Any
) -> None:
    errors = ApiErrors()
    errors.declare_guard(declared, Forbidden)
    app = make_app(errors)
    app.add_url_rule("/x", "x", decorator(view_of()))
    assert guards_of(app) == []


def test_a_declared_guard_is_not_looked_for_in_what_a_view_calls(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.declare_guard(admin_only, Forbidden)
    app = make_app(errors)
    guarded, helper = admin_only(view_of()), view_of()

    def view() -> str:
        return f"{guarded}{helper()}"

    app.add_url_rule("/x", "x", view)
    assert guards_of(app) == []


def test_a_guard_of_this_package_below_a_decorator_that_copies_nothing_is_known(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    app.add_url_rule("/x", "x", bare(requires_auth(view_of())))
    assert guards_of(app) == ["requires_auth"]


def test_a_decorator_inside_a_partial_view_is_known(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    errors.declare_guard(admin_only, Forbidden)
    app = make_app(errors)
    app.add_url_rule("/x", "x", partial(admin_only(view_of()), number=1))
    assert guards_of(app) == ["admin_only"]


# -- classes


def test_a_declared_decorator_is_known_on_a_class_and_its_methods(
    make_app: Callable[..., Flask],
) -> None:
    class Whole(MethodView):
        decorators = [admin_only]  # noqa: RUF012

        def get(self) -> str:
            return ""

        @staff  # type: ignore[untyped-decorator]
        def post(self) -> str:
            return ""

    errors = ApiErrors()
    errors.declare_guard(admin_only, Forbidden)
    errors.declare_guard(role_required, Unauthorized)
    app = make_app(errors)
    app.add_url_rule("/x", view_func=Whole.as_view("x"))
    assert guards_of(app, method="GET") == ["admin_only"]
    assert guards_of(app, method="POST") == ["admin_only", "role_required"]


@pytest.mark.parametrize("form", ["list", "dict"])
def test_a_declared_decorator_is_known_in_the_method_decorators_of_a_resource(
    make_app: Callable[..., Flask], form: str
) -> None:
    def choosy(view: Any) -> Any:
        raise TypeError(view)

    class Berths(flask_restful.Resource):  # type: ignore[misc]
        method_decorators: Any = (
            [choosy, admin_only] if form == "list" else {"post": [requires_auth, admin_only]}
        )

        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    errors = ApiErrors()
    errors.declare_guard(admin_only, Forbidden)
    app = make_app(errors)
    flask_restful.Api(app).add_resource(Berths, "/x", endpoint="x")
    assert guards_of(app, method="GET") == (["admin_only"] if form == "list" else [])
    expected = ["admin_only"] if form == "list" else ["requires_auth", "admin_only"]
    assert guards_of(app, method="POST") == expected


# -- functions of before_request


def test_a_declared_function_of_before_request_guards_what_it_runs_before(
    make_app: Callable[..., Flask],
) -> None:
    def check_key() -> None: ...

    class Service:
        def check(self) -> None: ...

    service = Service()
    errors = ApiErrors()
    errors.declare_guard(check_key, Unauthorized, authenticates=True, except_=("outer.inner.open",))
    errors.declare_guard(service.check, Forbidden)
    app = make_app(errors)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    outer.before_request(check_key)
    inner.before_request(service.check)
    for blueprint in (outer, inner):
        blueprint.add_url_rule(f"/{blueprint.name}", "x", view_of(), methods=["POST"])
    inner.add_url_rule("/open", "open", view_of())
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.add_url_rule("/x", "x", view_of())
    assert guards_of(app) == []
    assert guards_of(app, "outer.x") == ["check_key"]
    assert guards_of(app, "outer.inner.x") == ["check", "check_key"]
    assert guards_of(app, "outer.inner.open") == ["check"]
    assert diagnose(app) == ()


def test_a_declared_function_of_the_app_guards_everything(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors)

    @app.before_request
    def check_key() -> None: ...

    errors.declare_guard(check_key, Unauthorized, authenticates=True)
    app.add_url_rule("/x", "x", view_of(), methods=["POST"])
    assert guards_of(app) == ["check_key"]
    assert diagnose(app) == ()


def test_a_guard_of_this_package_in_before_request_is_known(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.before_request(requires_auth(lambda: None))
    app.add_url_rule("/x", "x", view_of(), methods=["POST"])
    assert guards_of(app) == ["requires_auth"]
    assert {finding.code for finding in diagnose(app)} == {"no-verifier"}


# -- what is known of it


def test_the_meaning_of_a_declared_guard_is_published(make_app: Callable[..., Flask]) -> None:
    openapi = pytest.importorskip("flask_apierrors.openapi")
    scheme = {"Badge": {"type": "apiKey", "in": "header", "name": "X-Badge"}}
    errors = ApiErrors()
    errors.declare_guard(
        admin_only,
        Unauthorized,
        Forbidden,
        authenticates=True,
        condition="Needs a badge.",
        security=scheme,
    )
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    app.add_url_rule("/x", "x", admin_only(view_of()))
    page: Any = app.test_client().get("/errors", headers={"Accept": "application/json"}).json
    assert page["endpoints"][0]["conditions"] == ["Needs a badge."]
    document: dict[str, Any] = {"openapi": "3.1.0", "paths": {"/x": {"get": {}}}}
    openapi.add_errors(document, app)
    operation = document["paths"]["/x"]["get"]
    assert {"401", "403"} < operation["responses"].keys()
    assert operation["security"] == [{"Badge": []}]
    assert document["components"]["securitySchemes"] == scheme


def test_a_declaration_changes_nothing_at_run_time(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    errors.declare_guard(admin_only, Forbidden, authenticates=True)
    app = make_app(errors)
    app.add_url_rule("/x", "x", admin_only(lambda: "ok"))
    client = app.test_client()
    assert client.get("/x").status_code == 403
    assert client.get("/x", headers={"X-Admin": "1"}).text == "ok"


# -- mistakes


@pytest.mark.parametrize("guard", [None, "admin_only", Forbidden, KeyError])
def test_what_is_no_guard_fails_where_it_is_declared(guard: Any) -> None:
    with pytest.raises(TypeError, match="declare_guard takes a decorator or a function"):
        ApiErrors().declare_guard(guard, Forbidden)


def test_errors_and_exceptions_are_checked_where_they_are_declared() -> None:
    with pytest.raises(TypeError, match="declare_guard takes classes of exceptions"):
        ApiErrors().declare_guard(admin_only, 403)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a tuple of endpoints"):
        ApiErrors().declare_guard(admin_only, except_="health")


# -- layers


def test_layers_end_where_nothing_more_can_be_known() -> None:
    def first() -> None: ...

    def second() -> None: ...

    def calls_both() -> None:
        first()
        second()

    def empty() -> Any:
        return late  # noqa: F821

    late = 1
    del late

    def recursive() -> Any:
        return recursive

    assert list(layers_of(calls_both)) == [calls_both]
    assert list(layers_of(recursive)) == [recursive]
    assert list(layers_of(empty)) == [empty]
    assert list(layers_of(None)) == []
    assert list(layers_of(len)) == [len]
