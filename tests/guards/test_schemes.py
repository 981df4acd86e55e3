from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask

from flask_apierrors import ApiError, ApiErrors, current_principal, requires_auth
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
    app.add_url_rule("/", view_func=requires_auth(lambda: f"{current_principal}"))
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
