from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("flask_security")


pytest.importorskip("apispec")
pytest.importorskip("jwt")

from authlib.integrations.flask_oauth2 import ResourceProtector  # type: ignore[import-untyped]
from flask import Flask
from flask_httpauth import HTTPTokenAuth  # type: ignore[import-untyped]
from flask_jwt_extended import JWTManager, jwt_required
from flask_login import LoginManager, login_required  # type: ignore[import-untyped]
from flask_principal import Permission, RoleNeed  # type: ignore[import-untyped]
from flask_security import auth_required, roles_required
from openapi_spec_validator import validate

from flask_apierrors import ApiErrors, catalogue
from flask_apierrors._cli.doctor import diagnose
from flask_apierrors._libraries.guards import GUARD_MARKS
from flask_apierrors.openapi import add_errors

GUARDS: dict[str, Callable[[Any], Any]] = {
    "authlib": ResourceProtector()("vessels:write"),
    "httpauth": HTTPTokenAuth().login_required,
    "jwt-extended": jwt_required(),
    "login": login_required,
    "principal": Permission(RoleNeed("admin")).require(403),
    "security": auth_required("token"),
    "security-roles": roles_required("admin"),
}


@pytest.fixture
def app() -> Flask:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret", JWT_SECRET_KEY="secret")
    ApiErrors(app)
    JWTManager(app)
    LoginManager(app)
    for name, guard in GUARDS.items():
        app.add_url_rule(f"/{name}", name, guard(lambda: {}), methods=["DELETE"])
    optional = jwt_required(optional=True)(lambda: {})
    app.add_url_rule("/optional", "optional", optional, methods=["DELETE"])
    app.add_url_rule("/open", "open", lambda: {}, methods=["DELETE"])
    return app


def test_each_library_has_a_file_of_its_own() -> None:
    modules = [guard_mark.__module__ for guard_mark in GUARD_MARKS]
    assert len(set(modules)) == len(modules)


def test_the_catalogue_knows_the_guards(app: Flask) -> None:
    operations = {operation.endpoint: operation for operation in catalogue(app).operations}
    statuses = {
        name: sorted({error.status for error in operations[name].errors} & {401, 403})
        for name in GUARDS
    }
    assert statuses == {
        "authlib": [401, 403],
        "httpauth": [401],
        "jwt-extended": [401],
        "login": [401],
        "principal": [403],
        "security": [401],
        "security-roles": [403],
    }
    assert operations["open"].guards == ()


def test_the_doctor_finds_what_nothing_guards(app: Flask) -> None:
    found = [finding.where for finding in diagnose(app) if finding.code == "unguarded-write"]
    assert found == ["DELETE /open (open)"]


def test_openapi_has_their_security_schemes(app: Flask) -> None:
    paths: dict[str, Any] = {
        f"/{name}": {"delete": {"responses": {}}} for name in (*GUARDS, "optional", "open")
    }
    info = {"title": "Vessels", "version": "1"}
    document = add_errors({"openapi": "3.1.0", "info": info, "paths": paths}, app)
    validate(document)
    names = set(document["components"]["securitySchemes"])
    assert names == {"Bearer", "Session", "Authentication-Token"}
    assert document["paths"]["/login"]["delete"]["security"] == [{"Session": []}]
    optional = document["paths"]["/optional"]["delete"]
    assert optional["security"] == [{"Bearer": []}, {}]
    assert "401" in optional["responses"]
    assert "security" not in document["paths"]["/open"]["delete"]
