"""Promises to users of Flask-Talisman: errors have its fields, each once."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_talisman import Talisman  # type: ignore[import-untyped]

from flask_apierrors import ApiErrors


def crash() -> Any:
    return 1 / 0


def talisman_app(*, first: bool, **options: Any) -> Flask:
    app = Flask("app")
    app.secret_key = "secret"
    inits = [ApiErrors, lambda app: Talisman(app, **options)]
    for init in inits if first else reversed(inits):
        init(app)
    app.add_url_rule("/crash", "crash", crash)
    return app


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("path", ["/nowhere", "/crash"])
def test_an_error_has_its_fields_once(first: bool, path: str) -> None:
    client = talisman_app(first=first).test_client()
    response = client.get(path, base_url="https://localhost")
    assert response.is_json
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Strict-Transport-Security": "max-age=31556926; includeSubDomains",
        "Content-Security-Policy": "default-src 'self'; object-src 'none'",
        "Cache-Control": "no-store",
    }.items():
        assert response.headers.getlist(name) == [value]


@pytest.mark.parametrize("first", [True, False])
def test_its_redirect_to_https_stays(first: bool) -> None:
    response = talisman_app(first=first).test_client().get("/nowhere")
    assert (response.status_code, response.location) == (302, "https://localhost/nowhere")
