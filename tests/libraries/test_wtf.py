"""Promises to users of Flask-WTF: what its CSRF protection refuses is a 400 with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf  # type: ignore[import-untyped]
from werkzeug.exceptions import Forbidden

from flask_apierrors import ApiErrors


def csrf_app(*, first: bool = False, **config: Any) -> tuple[Flask, ApiErrors]:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret", **config)
    errors = ApiErrors()
    for init in (errors.init_app, CSRFProtect().init_app)[:: 1 if first else -1]:
        init(app)
    app.add_url_rule("/token", "token", generate_csrf)
    app.add_url_rule("/", "change", lambda: {}, methods=["POST"])
    return app, errors


@pytest.mark.parametrize("first", [True, False])
def test_a_refusal_is_a_400_with_the_reason(first: bool) -> None:
    app, _ = csrf_app(first=first)
    client = app.test_client()
    bodies: list[dict[str, Any]] = [{"json": {}}, {"data": {"x": "y"}}, {}]
    for sent in bodies:
        response = client.post("/", **sent)
        assert response.status_code == 400
        assert response.get_json() == {"error": "The CSRF token is missing."}
    response = client.post("/", json={}, headers={"X-CSRFToken": "nonsense"})
    assert response.get_json() == {"error": "The CSRF session token is missing."}
    headers = {"X-CSRFToken": client.get("/token").text}
    assert client.post("/", json={}, headers=headers).status_code == 200


def test_a_handler_and_a_converter_of_the_author_win() -> None:
    app, errors = csrf_app()
    errors.convert(CSRFError, to=Forbidden)
    assert app.test_client().post("/").status_code == 403
    app, _ = csrf_app()
    app.register_error_handler(CSRFError, lambda error: (f"Mine: {error.description}", 400))
    assert app.test_client().post("/").text == "Mine: The CSRF token is missing."
