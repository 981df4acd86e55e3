"""Clients that the app knows by its own means."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, session
from werkzeug.exceptions import BadGateway
from werkzeug.local import LocalProxy

from flask_apierrors import ApiErrors, catalogue, current_principal, requires_auth
from tests.conftest import parse_strictly


def make(**options: Any) -> tuple[Flask, list[str]]:
    app = Flask(__name__)
    app.secret_key = "x" * 32
    errors = ApiErrors(app)
    calls: list[str] = []

    def who() -> Any:
        calls.append("who")
        return session.get("user")

    errors.identify(**options)(who) if options else errors.identify(who)

    @app.post("/login")
    def login() -> str:
        session["user"] = {"sub": "ann"}
        return ""

    @app.get("/me")
    @requires_auth
    def me() -> Any:
        return {"sub": current_principal["sub"]}

    @app.get("/open")
    def open_view() -> Any:
        return {"authenticated": bool(current_principal)}

    return app, calls


def test_a_session_is_a_principal_and_is_asked_for_once() -> None:
    app, calls = make()
    client = app.test_client()
    client.post("/login")
    assert client.get("/me").json == {"sub": "ann"}
    assert calls == ["who"]


def test_without_a_session_the_401_speaks_of_no_header() -> None:
    app, _ = make()
    response = app.test_client().get("/me")
    assert response.status_code == 401
    assert parse_strictly(response.data) == {"error": "Authentication is required."}
    assert response.headers.getlist("WWW-Authenticate") == ['Session realm="api"']
    assert app.test_client().get("/open").json == {"authenticated": False}


@pytest.mark.parametrize(
    "nobody", [None, False, {}, "", SimpleNamespace(is_authenticated=False)], ids=repr
)
def test_an_anonymous_user_is_no_principal(nobody: Any) -> None:
    app = Flask(__name__)
    ApiErrors(app).identify(lambda: nobody)
    app.add_url_rule("/", "me", requires_auth(lambda: ""))
    assert app.test_client().get("/").status_code == 401


def test_a_proxy_of_a_user_is_the_user() -> None:
    app = Flask(__name__)
    user = SimpleNamespace(is_authenticated=True, name="ann")
    ApiErrors(app).identify(lambda: LocalProxy(lambda: user))
    app.add_url_rule("/", "me", requires_auth(lambda: current_principal.name))
    assert app.test_client().get("/").text == "ann"
    user.is_authenticated = False
    assert app.test_client().get("/").status_code == 401


def test_a_function_that_returns_a_refusal_lets_nobody_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Flask(__name__)
    ApiErrors(app).identify(lambda: ("log in", 401))
    app.add_url_rule("/", "me", requires_auth(lambda: ""))
    assert app.test_client().get("/").status_code == 500
    assert "Return None to refuse a request" in caplog.text


def test_a_failure_of_the_function_is_raised_where_the_principal_is_needed() -> None:
    app = Flask(__name__)
    errors = ApiErrors(app)

    @errors.identify
    def who() -> Any:
        raise BadGateway

    app.add_url_rule("/", "me", requires_auth(lambda: ""))
    app.add_url_rule("/open", "open", lambda: "open")
    assert app.test_client().get("/").status_code == 502
    assert app.test_client().get("/open").text == "open"


def test_no_cache_keeps_what_a_session_opens() -> None:
    app, _ = make()
    client = app.test_client()
    client.post("/login")
    assert client.get("/me").headers["Cache-Control"] == "private"
    assert client.get("/me").headers["Vary"] == "Cookie"


def test_openapi_and_challenge_say_how_the_app_knows_its_clients() -> None:
    app, _ = make(
        name="jwt", security={"type": "http", "scheme": "bearer"}, credentials="an access token"
    )
    response = app.test_client().get("/me", headers={"Authorization": "Bearer x"})
    assert response.headers.getlist("WWW-Authenticate") == ['Bearer realm="api"']
    (mark,) = next(item.guards for item in catalogue(app).operations if item.rule == "/me")
    assert mark.condition == "Needs an access token."
    assert mark.security == {"jwt": {"type": "http", "scheme": "bearer"}}


def test_a_function_can_be_async() -> None:
    pytest.importorskip("asgiref")
    app = Flask(__name__)
    errors = ApiErrors(app)

    @errors.identify
    async def who() -> str:
        return "ann"

    app.add_url_rule("/", "me", requires_auth(lambda: f"{current_principal}"))
    assert app.test_client().get("/").text == "ann"
