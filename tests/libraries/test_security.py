"""Promises to users of Flask-Security: the refusals of its decorators are in the contract."""

from __future__ import annotations

import logging
from typing import Any

import pytest

pytest.importorskip("flask_security")

from flask import Flask
from flask.testing import FlaskClient
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    anonymous_user_required,
    auth_required,
    auth_token_required,
    http_auth_required,
    permissions_accepted,
    permissions_required,
    roles_accepted,
    roles_required,
    unauth_csrf,
)
from flask_security.models import fsqla_v3
from flask_sqlalchemy import SQLAlchemy

from flask_apierrors import ApiErrors
from flask_apierrors._core.marks import Mark, mark_in
from flask_apierrors._libraries.security import guard_mark

pytestmark = pytest.mark.usefixtures("close_databases")

JSON = {"Accept": "application/json"}
REQUIRED = {"error": "You must sign in to view this resource."}
FORBIDDEN = {"error": "You do not have permission to view this resource."}
VIEWS = {
    "/auth": auth_required(),
    "/basic": http_auth_required,
    "/token": auth_token_required,
    "/fresh": auth_required(within=0, grace=0),
    "/role": roles_required("admin"),
}


def security_app(security: Any = None, **config: Any) -> tuple[Flask, Any]:
    app = Flask("app")
    app.config.update(
        SECRET_KEY="secret",
        SECURITY_PASSWORD_SALT="salt",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SCHEMES=["plaintext"],
        SQLALCHEMY_DATABASE_URI="sqlite://",
        WTF_CSRF_ENABLED=False,
        **config,
    )
    database = SQLAlchemy(app)
    models: Any = fsqla_v3
    models.FsModels.set_db_info(database)

    class Role(database.Model, fsqla_v3.FsRoleMixin):  # type: ignore[misc,name-defined]
        pass

    class User(database.Model, fsqla_v3.FsUserMixin):  # type: ignore[misc,name-defined]
        pass

    datastore = SQLAlchemyUserDatastore(database, User, Role)
    security = security or Security()
    security.init_app(app, datastore)
    ApiErrors(app)
    with app.app_context():
        database.create_all()
        datastore.create_user(email="alice@example.com", password="good-password")
        database.session.commit()
    for path, guard in VIEWS.items():
        app.add_url_rule(path, path, guard(lambda: {"in": True}))
    return app, security


def logged_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    credentials = {"email": "alice@example.com", "password": "good-password"}
    assert client.post("/login", json=credentials).status_code == 200
    return client


def test_a_request_without_credentials_is_challenged() -> None:
    app, _ = security_app()
    for path in ("/auth", "/token"):
        response = app.test_client().get(path, headers=JSON)
        assert (response.status_code, response.get_json()) == (401, REQUIRED)
        assert response.headers["WWW-Authenticate"] == 'Session realm="api"'
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("headers", [JSON, {}])
def test_its_basic_challenge_stays(headers: dict[str, str]) -> None:
    app, _ = security_app()
    response = app.test_client().get("/basic", headers=headers)
    assert (response.status_code, response.get_json()) == (401, REQUIRED)
    assert response.headers.getlist("WWW-Authenticate") == ['Basic realm="Login Required"']


def test_a_missing_role_is_a_403() -> None:
    app, _ = security_app()
    response = logged_in(app).get("/role", headers=JSON)
    assert (response.status_code, response.get_json()) == (403, FORBIDDEN)
    response = logged_in(app).get("/role")
    assert (response.status_code, response.is_json) == (403, True)


def test_a_stale_login_tells_how_to_refresh_it() -> None:
    app, _ = security_app()
    response = logged_in(app).get("/fresh", headers={"Accept": "application/problem+json"})
    assert response.status_code == 302  # it asks for no JSON, as Flask-Security sees it
    response = logged_in(app).get("/fresh", headers=JSON)
    assert response.status_code == 401
    assert response.get_json()["error"] == "You must reauthenticate to access this endpoint"
    assert "WWW-Authenticate" in response.headers
    app, _ = security_app(APIERRORS_FORMAT="problem")
    body = logged_in(app).get("/fresh", headers=JSON).get_json()
    assert body["reauth_required"] is True


def test_a_browser_is_redirected_to_the_login_page() -> None:
    app, _ = security_app()
    response = app.test_client().get("/auth", headers={"Accept": "text/html"})
    assert (response.status_code, response.location) == (302, "/login?next=/auth")


def test_its_own_endpoints_keep_their_bodies() -> None:
    app, _ = security_app()
    response = app.test_client().post("/login", json={"email": "x"})
    assert response.status_code == 400
    assert response.get_json().keys() == {"meta", "response"}
    assert "no-store" in response.headers["Cache-Control"]


def refuse(mechanisms: Any, headers: Any = None) -> tuple[str, int]:
    return "Who are you?", 401


def test_handlers_of_the_author_win(caplog: pytest.LogCaptureFixture) -> None:
    app, security = security_app()
    security.unauthn_handler(refuse)
    with caplog.at_level(logging.INFO, "flask_apierrors"):
        response = app.test_client().get("/auth", headers=JSON)
    assert response.text == "Who are you?"
    assert f"own: {__name__}.refuse (Flask-Security)" in caplog.text
    app, security = security_app()
    security.render_json(lambda payload, code, headers, user: ({"own": payload}, code))
    response = app.test_client().get("/auth", headers=JSON)
    assert response.get_json() == {"own": {"errors": [REQUIRED["error"]]}}


def test_a_handler_of_the_author_may_use_its_json() -> None:
    app, security = security_app()

    def refuse_in_json(mechanisms: Any, headers: Any = None) -> Any:
        return security._render_json({"mechanisms": mechanisms}, 401, headers, None)

    security.unauthn_handler(refuse_in_json)
    response = app.test_client().get("/token", headers=JSON)
    assert response.get_json() == {"meta": {"code": 401}, "response": {"mechanisms": ["token"]}}


def test_outside_the_api_its_own_answers_stay() -> None:
    app, _ = security_app(APIERRORS_URL_PREFIXES=("/api",))
    assert "meta" in app.test_client().get("/auth", headers=JSON).get_json()
    assert app.test_client().get("/basic").mimetype == "text/html"


def test_two_apps_may_share_the_object() -> None:
    security = Security()
    for _ in range(2):
        app, _ = security_app(security)
        assert app.test_client().get("/auth", headers=JSON).get_json() == REQUIRED
    del app.extensions["apierrors"]
    with app.test_request_context("/auth", headers=JSON):
        response: Any = security._unauthn_handler(["session"])
        assert "meta" in response.get_json()


# -- what its decorators mean


def mark_of(guard: Any, app: Flask) -> Mark:
    mark = guard_mark(guard(lambda: {}))
    assert mark is not None
    return mark_in(app.extensions["apierrors"], mark)


def test_its_decorators_are_guards() -> None:
    app, _ = security_app()
    mark = mark_of(auth_required(), app)
    assert (mark.name, mark.statuses, mark.authenticates) == ("auth_required", (401,), True)
    assert mark.condition == "Needs authentication: session or token."
    token = {"type": "apiKey", "in": "header", "name": "Authentication-Token"}
    assert mark.security == {
        "Session": {"type": "apiKey", "in": "cookie", "name": "session"},
        "Authentication-Token": token,
    }
    assert mark_of(auth_required("token", "basic"), app).security.keys() == {
        "Authentication-Token",
        "Basic",
    }
    assert mark_of(auth_required(lambda: ["token"]), app).condition == ""
    assert mark_of(auth_token_required, app).security == {"Authentication-Token": token}
    for guard in (http_auth_required, http_auth_required("realm")):
        mark = mark_of(guard, app)
        assert (mark.name, mark.values) == ("http_auth_required", ("basic",))
        assert mark.security == {"Basic": {"type": "http", "scheme": "basic"}}


@pytest.mark.parametrize(
    ("guard", "name", "condition"),
    [
        (roles_required("a", "b"), "roles_required", "Needs the roles `a` and `b`."),
        (roles_accepted("a", "b"), "roles_accepted", "Needs the roles `a` or `b`."),
        (permissions_required("a"), "permissions_required", "Needs the permissions `a`."),
        (permissions_accepted("a"), "permissions_accepted", "Needs the permissions `a`."),
    ],
)
def test_roles_and_permissions_are_published(guard: Any, name: str, condition: str) -> None:
    mark = guard_mark(guard(lambda: {}))
    assert mark is not None
    assert (mark.name, mark.statuses, mark.authenticates) == (name, (403,), True)
    assert mark.condition == condition


def test_its_other_decorators_are_no_guards() -> None:
    for decorator in (anonymous_user_required, unauth_csrf()):
        assert guard_mark(decorator(lambda: {})) is None
    assert guard_mark(lambda: {}) is None
