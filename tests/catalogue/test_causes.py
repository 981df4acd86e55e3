"""Promises of the causes: which errors a route gets from guards, limits and configuration."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Optional

import pytest
from flask import Flask, request
from limits.storage import MemoryStorage
from marshmallow import ValidationError
from werkzeug.exceptions import (
    BadGateway,
    Conflict,
    Forbidden,
    HTTPException,
    ImATeapot,
    InternalServerError,
    NotFound,
    ServiceUnavailable,
)

from flask_apierrors import (
    ApiError,
    ApiErrors,
    consumes,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._catalogue.catalogue import catalogue
from flask_apierrors._catalogue.causes import (
    Cause,
    Kind,
    bare,
    causes_at,
    common_causes,
    possible_kinds,
)
from flask_apierrors._catalogue.routes import routes_of
from tests.conftest import view_of

MakeApp = Callable[..., Flask]


class VesselNotFound(ApiError, NotFound):
    pass


class ServerOnFire(ApiError, InternalServerError):
    """A secret."""


class ExtractionFailed(ApiError, InternalServerError):
    public = True


class StoreDown(Exception):
    pass


class DiskFull(StoreDown):
    pass


def causes_of(app: Flask, rule: str = "/x", method: str = "GET") -> list[Cause]:
    state = app.extensions["apierrors"]
    with app.app_context():
        routes = routes_of(state)
        (route,) = (route for route in routes if (route.rule, route.method) == (rule, method))
        causes = causes_at(route, (), common_causes(routes, (), state), state)
    assert len({cause.kind.code for cause in causes}) == len(causes)
    return causes


def errors_of(app: Flask, rule: str = "/x", method: str = "GET") -> set[tuple[int, str, str]]:
    """The errors of a route, without the 405 and the 500 that every route has."""
    errors = {(kind.status, kind.code, name) for kind, name, _ in causes_of(app, rule, method)}
    every = {(405, "method-not-allowed", "method"), (500, "internal-server-error", "crash")}
    assert every <= errors
    return errors - every


# -- guards and other marks


@pytest.mark.parametrize(
    ("guard", "errors"),
    [
        (lambda view: view, set()),
        (
            requires_auth,
            {(401, "unauthorized", "requires_auth"), (401, "invalid-token", "requires_auth")},
        ),
        (
            requires_permissions("a"),
            {
                (401, "unauthorized", "requires_permissions"),
                (401, "invalid-token", "requires_permissions"),
                (403, "forbidden", "requires_permissions"),
            },
        ),
        (
            requires_json,
            {
                (415, "unsupported-media-type", "requires_json"),
                (400, "bad-request", "requires_json"),
            },
        ),
        (consumes("text/csv"), {(415, "unsupported-media-type", "consumes")}),
        (
            consumes("application/merge-patch+json"),
            {(415, "unsupported-media-type", "consumes"), (400, "bad-request", "consumes")},
        ),
        (produces("text/csv"), {(406, "not-acceptable", "produces")}),
        (raises(ImATeapot), {(418, "im-a-teapot", "raises")}),
        (raises(ValidationError), {(400, "validation-failed", "raises")}),
    ],
)
def test_each_guard_brings_its_errors(make_app: MakeApp, guard: Any, errors: set[Any]) -> None:
    api_errors = ApiErrors()
    api_errors.verify_token(lambda token: None)
    app = make_app(api_errors)
    app.add_url_rule("/x", view_func=guard(view_of()))
    assert errors_of(app) == errors


@pytest.mark.parametrize("error", [InternalServerError, HTTPException, ServerOnFire, LookupError])
def test_a_500_never_shows_its_class(make_app: MakeApp, error: type[Exception]) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=raises(error)(view_of()))
    assert [entry.code for entry in catalogue(app).errors if entry.status == 500] == [
        "internal-server-error"
    ]
    assert [cause.kind for cause in causes_of(app) if cause.kind.status == 500] == [bare(500)]


def test_a_public_500_shows_its_class(make_app: MakeApp) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=raises(ExtractionFailed)(view_of()))
    assert (500, "extraction-failed", "raises") in errors_of(app)


def test_the_validation_status_is_the_configured_one(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_VALIDATION_STATUS=422)
    app.add_url_rule("/x", view_func=raises(ValidationError)(view_of()))
    assert errors_of(app) == {(422, "validation-failed", "raises")}


def test_an_error_with_two_causes_occurs_once_with_the_first(
    make_app: MakeApp,
) -> None:
    app = make_app()
    app.add_url_rule(
        "/x", view_func=requires_auth(requires_permissions("a")(raises(Forbidden)(view_of())))
    )
    assert [cause.name for cause in causes_of(app) if cause.kind.code == "forbidden"] == ["raises"]


# -- routing and the configuration


@pytest.mark.parametrize(
    ("rule", "errors"), [("/x/<name>", set()), ("/x/<int:imo>", {(404, "not-found", "routing")})]
)
def test_a_route_with_a_selective_variable_has_a_404(
    make_app: MakeApp, rule: str, errors: set[Any]
) -> None:
    app = make_app()
    app.add_url_rule(rule, "x", view_of())
    assert errors_of(app, rule) == errors


def test_a_method_with_a_body_has_a_413(make_app: MakeApp) -> None:
    app = make_app(MAX_CONTENT_LENGTH=10)
    app.add_url_rule("/x", view_func=view_of(), methods=["GET", "POST", "DELETE"])
    assert errors_of(app) == errors_of(app, method="DELETE") == set()
    assert errors_of(app, method="POST") == {
        (413, "request-entity-too-large", "MAX_CONTENT_LENGTH")
    }


def test_maintenance_brings_a_503_to_every_url(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", view_func=view_of())
    errors.unavailable_when(lambda: None)
    assert errors_of(app) == {(503, "service-unavailable", "unavailable_when")}
    assert catalogue(app).error("service-unavailable").anywhere


def test_maintenance_brings_no_503_to_an_endpoint_that_stays_available(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", "health.x", view_func=view_of())
    errors.unavailable_when(except_=("health.*",))(lambda: None)
    assert errors_of(app) == set()
    assert catalogue(app).error("service-unavailable").anywhere


def test_trusted_hosts_bring_a_400_to_every_url(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_HOSTS=["example.org"])
    app.add_url_rule("/x", view_func=view_of())
    assert errors_of(app) == {(400, "bad-request", "TRUSTED_HOSTS")}
    assert catalogue(app).error("bad-request").anywhere


# -- limits

QUOTA = "quota-exceeded"
LIMITED = (429, QUOTA, "rate_limit")


def limited_app(make_app: MakeApp, *decorators: Any, **config: Any) -> Flask:
    app = make_app(**config)
    view = view_of()
    for decorator in decorators:
        view = decorator(view)
    app.add_url_rule("/x", "x", view)
    return app


@pytest.mark.parametrize(
    ("decorators", "config"),
    [
        ([rate_limit("10/second; 100/hour")], {}),
        ([rate_limit(lambda: request.args["limit"])], {}),
        ([], {"RATELIMIT_DEFAULT": "9 per 5 minutes"}),
        ([], {"RATELIMIT_APPLICATION": "7/day"}),
        ([], {"APIERRORS_RATE_LIMITS": {"x": "3/hour"}}),
    ],
)
def test_every_limit_brings_a_429(
    make_app: MakeApp, decorators: list[Any], config: dict[str, Any]
) -> None:
    app = limited_app(make_app, *decorators, **config)
    assert errors_of(app) == {LIMITED}
    assert catalogue(app).error(QUOTA).type.endswith("#quota-exceeded")


@pytest.mark.parametrize(
    ("decorators", "config"),
    [
        ([], {}),
        ([rate_limit("10/second")], {"APIERRORS_RATE_LIMITS": {"*": None}}),
        ([rate_limit("10/second")], {"RATELIMIT_ENABLED": False}),
        ([rate_limit("10/second", methods=["POST"])], {}),
    ],
)
def test_a_route_without_a_limit_has_no_429(
    make_app: MakeApp, decorators: list[Any], config: dict[str, Any]
) -> None:
    app = limited_app(make_app, *decorators, **config)
    (operation,) = catalogue(app).operations
    assert (operation.limits, errors_of(app)) == ((), set())


def test_a_limit_of_the_whole_app_brings_a_429_to_every_url(make_app: MakeApp) -> None:
    assert catalogue(limited_app(make_app, RATELIMIT_APPLICATION="7/day")).error(QUOTA).anywhere
    assert not catalogue(limited_app(make_app, RATELIMIT_DEFAULT="7/day")).error(QUOTA).anywhere


def test_limits_that_need_their_storage_bring_a_503(make_app: MakeApp) -> None:
    class Elsewhere(MemoryStorage):
        STORAGE_SCHEME = ["elsewhere"]  # noqa: RUF012

    storage = {
        "RATELIMIT_STORAGE_URI": "elsewhere://",
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": False,
    }
    app = limited_app(make_app, rate_limit("10/second"), **storage)
    assert errors_of(app) == {LIMITED, (503, "service-unavailable", "RATELIMIT_STORAGE_URI")}


# -- converters


def to_bad_gateway(exc: Exception) -> BadGateway:
    return BadGateway()


def to_one_of_two(exc: Exception) -> VesselNotFound | Conflict:
    return Conflict()


def to_optional(exc: Exception) -> Optional[Conflict]:  # noqa: UP045
    return Conflict()


def to_anything(exc: Exception) -> HTTPException:
    return Conflict()


def to_unknown_name(exc: Exception) -> Unknown:  # type: ignore[name-defined]  # noqa: F821
    return Conflict()


def to_unknown_attribute(exc: Exception) -> Conflict.Unknown:  # type: ignore[name-defined]
    return Conflict()


@pytest.mark.parametrize(
    ("converter", "types"),
    [
        (ServiceUnavailable, {(503, "service-unavailable", "convert")}),
        (ServiceUnavailable("text"), {(503, "service-unavailable", "convert")}),
        (ApiError("text", status=409), {(409, "conflict", "convert")}),
        (VesselNotFound, {(404, "vessel-not-found", "convert")}),
        (to_bad_gateway, {(502, "bad-gateway", "convert")}),
        (to_one_of_two, {(404, "vessel-not-found", "convert"), (409, "conflict", "convert")}),
        (to_optional, {(409, "conflict", "convert")}),
        (to_anything, set()),
        (to_unknown_name, set()),
        (to_unknown_attribute, set()),
        (partial(to_bad_gateway), set()),
        (lambda exc: Conflict(), set()),
    ],
)
def test_a_converter_brings_what_it_answers(
    make_app: MakeApp, converter: Any, types: set[Any]
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    app.add_url_rule("/x", view_func=view_of())
    if isinstance(converter, type | HTTPException):
        errors.convert(StoreDown, to=converter)
    else:
        errors.convert(StoreDown)(converter)
    assert errors_of(app) == types


def test_a_declared_conversion_only_occurs_where_it_is_declared(make_app: MakeApp) -> None:
    errors = ApiErrors()
    errors.convert(StoreDown, to=ServiceUnavailable)
    app = make_app(errors)
    app.add_url_rule("/x", "x", raises(DiskFull)(view_of()))
    app.add_url_rule("/y", "y", view_of())
    assert errors_of(app, "/x") == {(503, "service-unavailable", "raises")}
    assert errors_of(app, "/y") == set()


def test_a_declared_exception_is_converted_like_its_nearest_base(make_app: MakeApp) -> None:
    class DiskOverfull(DiskFull):
        pass

    errors = ApiErrors()
    errors.convert(StoreDown, to=ServiceUnavailable)
    errors.convert(DiskFull, to=BadGateway)
    app = make_app(errors)
    app.add_url_rule("/x", view_func=raises(DiskOverfull)(view_of()))
    assert errors_of(app) == {
        (502, "bad-gateway", "raises"),
        (503, "service-unavailable", "convert"),
    }


# -- errors that no route is known to have


def test_the_most_derived_classes_of_the_author_come_first(make_app: MakeApp) -> None:
    class Overdue(ApiError):
        code = 487
        type = "status-487"

    class LongOverdue(Overdue):
        type = "status-487"

    app = make_app()
    app.add_url_rule("/x", view_func=lambda: str((Overdue, LongOverdue)))
    state = app.extensions["apierrors"]
    kinds = [kind for kind in possible_kinds((), state) if kind.code == "status-487"]
    assert kinds == [
        Kind(487, "status-487", LongOverdue),
        Kind(487, "status-487", Overdue),
        bare(487),
    ]
