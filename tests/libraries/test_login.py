"""Promises to users of Flask-Login: a refusal says what fits a session."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask_login import (  # type: ignore[import-untyped]
    LoginManager,
    UserMixin,
    fresh_login_required,
    login_required,
    login_user,
)
from werkzeug.test import TestResponse

from flask_apierrors import ApiErrors
from flask_apierrors._core.marks import Mark, mark_in
from flask_apierrors._libraries.login import guard_mark

REQUIRED = {"error": "Authentication is required."}
STALE = {"error": "Authentication failed: a fresh login is required. Log in again."}


class User(UserMixin):  # type: ignore[misc]
    id = "alice"


def login_app(manager: Any = None, **config: Any) -> tuple[Flask, Any]:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret", **config)
    manager = manager or LoginManager()
    manager.init_app(app)
    manager.user_loader(lambda identity: User())
    ApiErrors(app)

    @app.get("/login")
    def login() -> dict[str, str]:
        login_user(User(), fresh=False)
        return {}

    app.add_url_rule("/me", "me", login_required(lambda: {}))
    app.add_url_rule("/fresh", "fresh", fresh_login_required(lambda: {}))
    return app, manager


def after_login(app: Flask, path: str) -> TestResponse:
    client = app.test_client()
    client.get("/login")
    return client.get(path)


def test_an_anonymous_request_is_told_so_in_words_for_any_way_to_log_in() -> None:
    app, _ = login_app()
    for path in ("/me", "/fresh"):
        response = app.test_client().get(path)
        assert (response.status_code, response.get_json()) == (401, REQUIRED)
        assert response.headers["WWW-Authenticate"] == 'Session realm="api"'
    assert after_login(app, "/me").status_code == 200


def test_a_login_that_is_not_fresh_is_told_so() -> None:
    app, _ = login_app()
    response = after_login(app, "/fresh")
    assert (response.status_code, response.get_json()) == (401, STALE)


def test_a_login_page_stays(caplog: pytest.LogCaptureFixture) -> None:
    app, manager = login_app()
    manager.login_view = manager.refresh_view = "login"
    with caplog.at_level(logging.INFO, "flask_apierrors"):
        assert app.test_client().get("/me").location == "/login?next=%2Fme"
    assert after_login(app, "/fresh").location.startswith("/login?")
    assert not caplog.records


def unauthorized() -> tuple[str, int]:
    return "Who are you?", 401


def test_functions_of_the_author_win(caplog: pytest.LogCaptureFixture) -> None:
    app, manager = login_app()
    manager.unauthorized_handler(unauthorized)
    manager.needs_refresh_handler(lambda: ("Again?", 403))
    with caplog.at_level(logging.INFO, "flask_apierrors"):
        response = app.test_client().get("/me")
    assert response.text == "Who are you?"
    assert "WWW-Authenticate" in response.headers
    assert after_login(app, "/fresh").text == "Again?"
    (record,) = caplog.records
    assert f"{__name__}.unauthorized (Flask-Login); " in record.getMessage()


def test_outside_the_api_its_own_pages_stay() -> None:
    app, _ = login_app(APIERRORS_URL_PREFIXES=("/api",))
    assert app.test_client().get("/me").mimetype == "text/html"
    assert after_login(app, "/fresh").mimetype == "text/html"


def test_an_app_without_this_extension_may_share_the_manager() -> None:
    app, manager = login_app()
    app.test_client().get("/me")
    other = Flask("other")
    other.secret_key = "secret"
    manager.init_app(other)
    other.add_url_rule("/login", "login", app.view_functions["login"])
    other.add_url_rule("/fresh", "fresh", app.view_functions["fresh"])
    response = after_login(other, "/fresh")
    assert (response.status_code, response.mimetype) == (401, "text/html")
    third, _ = login_app(manager)
    assert after_login(third, "/fresh").get_json() == STALE


def mark_of(app: Flask, view: Any) -> Mark:
    mark = guard_mark(view)
    assert mark is not None
    return mark_in(app.extensions["apierrors"], mark)


def test_login_required_is_a_guard() -> None:
    app, manager = login_app(SESSION_COOKIE_NAME="sid")
    mark = mark_of(app, app.view_functions["me"])
    assert (mark.name, mark.statuses, mark.authenticates) == ("login_required", (401,), True)
    assert mark.condition == "Needs a login."
    assert mark.security == {"Session": {"type": "apiKey", "in": "cookie", "name": "sid"}}
    mark = mark_of(app, app.view_functions["fresh"])
    assert (mark.name, mark.condition) == ("fresh_login_required", "Needs a fresh login.")
    manager.login_view = "login"
    assert mark_of(app, app.view_functions["me"]).statuses == ()
    assert guard_mark(app.view_functions["login"]) is None
