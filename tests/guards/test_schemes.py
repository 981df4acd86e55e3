from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask

from flask_apierrors import (
    ApiError,
    ApiErrors,
    catalogue,
    current_principal,
    requires_auth,
    requires_permissions,
)
from flask_apierrors._core.http import challenge
from flask_apierrors._core.sentences import Sentence


class Key:
    """An additional scheme: an API key in a header."""

    name = "Key"
    security_scheme: Mapping[str, Any] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    credentials_name = "an API key"

    def credentials(self, environ: Mapping[str, Any]) -> str | None:
        return environ.get("HTTP_X_API_KEY")

    def verify(self, credentials: str) -> Any:
        return "bridge" if credentials == "right" else None

    def refusal(self) -> ApiError:
        return ApiError(status=401)

    def sentence(self, environ: Mapping[str, Any]) -> Sentence | None:
        return Sentence("invalid-value") if "HTTP_X_API_KEY" in environ else None

    def challenge(self, exc: Exception | None, environ: Mapping[str, Any], realm: str) -> str:
        return challenge("Key", realm=realm)

    def permission_challenge(self, permissions: tuple[str, ...], realm: str) -> str:
        return challenge("Key", realm=realm)


@pytest.fixture
def app() -> Flask:
    """Make an app that accepts a key or a token."""
    app = Flask("two")
    errors = ApiErrors(app)
    errors.verify_token(lambda token: "office" if token == "right" else None)
    app.extensions["apierrors"].hooks.schemes += (Key(),)
    app.add_url_rule("/", "any", requires_auth(lambda: f"{current_principal}"))
    app.add_url_rule("/key", "key", requires_auth("key")(lambda: f"{current_principal}"))
    app.add_url_rule("/read", "read", requires_permissions("read")(lambda: {}))
    return app


@pytest.mark.parametrize(
    ("headers", "principal"),
    [({"Authorization": "Bearer right"}, "office"), ({"X-API-Key": "right"}, "bridge")],
)
def test_the_credentials_of_the_request_select_the_scheme(
    app: Flask, headers: dict[str, str], principal: str
) -> None:
    assert app.test_client().get("/", headers=headers).text == principal


def test_without_credentials_every_scheme_has_its_challenge(app: Flask) -> None:
    response = app.test_client().get("/")
    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == [
        'Bearer realm="api"',
        'Key realm="api"',
    ]


def test_invalid_credentials_of_every_scheme_are_a_401(app: Flask) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"X-API-Key": "wrong"}):
        assert app.test_client().get("/", headers=headers).status_code == 401


def test_a_guard_that_names_a_scheme_accepts_only_its_credentials(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/key", headers={"X-API-Key": "right"}).text == "bridge"
    for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer right"}):
        response = client.get("/key", headers=headers)
        assert response.status_code == 401
        assert response.headers.getlist("WWW-Authenticate") == ['Key realm="api"']


@pytest.mark.parametrize("names", [(), ("key", 1), (None,)])
def test_requires_auth_without_a_view_or_names_fails_where_it_stands(names: Any) -> None:
    with pytest.raises(TypeError, match='Write @requires_auth, or @requires_auth\\("key"\\)'):
        requires_auth(*names)


def test_a_guard_with_a_scheme_that_the_app_lacks_lets_nobody_in(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/basic", "basic", requires_auth("basic")(lambda: {}))
    response = app.test_client().get("/basic", headers={"X-API-Key": "right"})
    assert response.status_code == 500
    assert "accepts the scheme 'basic', which the app does not have. It has: Bearer, Key." in (
        caplog.text
    )


# -- what a guard means depends on the schemes of the app


def meanings(app: Flask) -> dict[str, tuple[str, list[str]]]:
    return {
        operation.rule: (mark.condition, list(mark.security))
        for operation in catalogue(app).operations
        for mark in operation.guards
    }


def test_the_catalogue_names_the_schemes_that_the_app_has(app: Flask) -> None:
    assert meanings(app) == {
        "/": ("Needs a Bearer token or an API key.", ["Bearer", "Key"]),
        "/key": ("Needs an API key.", ["Key"]),
        "/read": (
            "Needs a Bearer token or an API key with the permission `read`.",
            ["Bearer", "Key"],
        ),
    }
    codes = {
        operation.rule: [error.code for error in operation.errors]
        for operation in catalogue(app).operations
    }
    assert "invalid-token" in codes["/"]
    assert "invalid-token" not in codes["/key"]


def test_the_same_view_means_what_each_app_knows(app: Flask) -> None:
    keys_alone = Flask("keys")
    ApiErrors(keys_alone)
    keys_alone.extensions["apierrors"].hooks.schemes = (Key(),)
    keys_alone.add_url_rule("/", "any", app.view_functions["any"])
    assert meanings(keys_alone) == {"/": ("Needs an API key.", ["Key"])}
    nothing = Flask("nothing")
    ApiErrors(nothing)
    nothing.add_url_rule("/", "any", app.view_functions["any"])
    assert meanings(nothing) == {"/": ("Needs authentication.", [])}


def test_openapi_has_all_schemes_of_the_app_and_those_that_an_endpoint_accepts(app: Flask) -> None:
    openapi = pytest.importorskip("flask_apierrors.openapi")
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "paths": {"/": {"get": {}}, "/key": {"get": {}}},
    }
    openapi.add_errors(document, app)
    assert list(document["components"]["securitySchemes"]) == ["Bearer", "Key"]
    assert document["paths"]["/"]["get"]["security"] == [{"Bearer": []}, {"Key": []}]
    assert document["paths"]["/key"]["get"]["security"] == [{"Key": []}]
