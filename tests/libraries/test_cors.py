"""Promises to users of Flask-CORS: a browser may read the errors, too."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from flask import Flask, abort
from flask_cors import CORS, cross_origin

from flask_apierrors import ApiErrors, requires_auth

ORIGIN = {"Origin": "https://app.example"}


def crash() -> Any:
    return 1 / 0


def cors_app(*, first: bool, **options: Any) -> Flask:
    app = Flask("app")
    errors = ApiErrors()
    inits: list[Any] = [errors.init_app, partial(CORS, **options)]
    for init in inits if first else reversed(inits):
        init(app)
    errors.verify_token(lambda token: None)
    app.add_url_rule("/me", "me", requires_auth(lambda: {}))
    app.add_url_rule("/crash", "crash", crash)
    app.add_url_rule("/gone", "gone", lambda: abort(410))
    return app


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("path", ["/me", "/crash", "/gone", "/nowhere"])
def test_each_error_has_its_fields(first: bool, path: str) -> None:
    app = cors_app(
        first=first,
        origins=["https://app.example", "https://other.example"],
        supports_credentials=True,
        expose_headers=["X-Request-ID", "Retry-After", "WWW-Authenticate"],
    )
    response = app.test_client().get(path, headers=ORIGIN)
    assert response.status_code >= 400
    assert response.get_json().keys() == {"error"}
    headers = response.headers
    assert headers.getlist("Access-Control-Allow-Origin") == ["https://app.example"]
    assert headers.getlist("Access-Control-Allow-Credentials") == ["true"]
    assert "X-Request-ID" in headers["Access-Control-Expose-Headers"]
    assert {"Accept", "Origin"} == set(", ".join(headers.getlist("Vary")).split(", "))
    assert headers["X-Request-ID"]


@pytest.mark.parametrize("first", [True, False])
def test_another_origin_gets_no_fields(first: bool) -> None:
    app = cors_app(first=first, origins="https://app.example")
    response = app.test_client().get("/gone", headers={"Origin": "https://evil.example"})
    assert response.status_code == 410
    assert "Access-Control-Allow-Origin" not in response.headers


def test_its_decorator_does_not_reach_what_a_view_raises() -> None:
    app = Flask("app")
    ApiErrors(app)
    app.add_url_rule("/", "index", cross_origin()(lambda: abort(404)))
    response = app.test_client().get("/", headers=ORIGIN)
    assert (response.status_code, response.is_json) == (404, True)
    assert "Access-Control-Allow-Origin" not in response.headers
