"""Promises to users of Flask-HTTPAuth: its default answers have the body of the contract."""

from __future__ import annotations

import logging
import sys
from base64 import b64encode
from typing import Any

import flask_restful
import pytest
from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from flask_httpauth import (  # type: ignore[import-untyped]
    HTTPBasicAuth,
    HTTPDigestAuth,
    HTTPTokenAuth,
    MultiAuth,
)
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from flask_apierrors import ApiErrors
from flask_apierrors._libraries.httpauth import guard_mark

REQUIRED = {"error": "Authentication is required."}
FORBIDDEN = {"error": "You do not have permission to access the requested content."}
REALM = 'realm="Authentication Required"'
ALICE = f"Basic {b64encode(b'alice:good').decode()}"
USERS = {"alice": ["reader"]}


def view() -> dict[str, bool]:
    return {"in": True}


def basic_auth() -> HTTPBasicAuth:
    auth = HTTPBasicAuth()
    auth.verify_password(lambda name, password: name if password == "good" else None)
    auth.get_user_roles(USERS.__getitem__)
    return auth


def token_auth() -> HTTPTokenAuth:
    auth = HTTPTokenAuth()
    auth.verify_token({"good": "alice"}.get)
    return auth


def app_with(view: Any, **config: Any) -> Flask:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret", **config)
    ApiErrors(app)
    app.add_url_rule("/", "index", view)
    return app


def send(app: Flask, authorization: str | None = None, path: str = "/") -> TestResponse:
    headers = {"Authorization": authorization} if authorization else {}
    return app.test_client().get(path, headers=headers)


@pytest.mark.parametrize(
    ("auth", "challenge", "good"),
    [
        (basic_auth(), f"Basic {REALM}", ALICE),
        (token_auth(), f"Bearer {REALM}", "Bearer good"),
        (MultiAuth(basic_auth(), token_auth()), f"Basic {REALM}", "Bearer good"),
    ],
)
def test_its_challenge_stays_and_the_body_is_that_of_the_contract(
    auth: Any, challenge: str, good: str
) -> None:
    app = app_with(auth.login_required(view))
    for authorization in (None, "Basic eDp5", "nonsense"):
        response = send(app, authorization)
        assert (response.status_code, response.get_json()) == (401, REQUIRED)
        assert response.headers.getlist("WWW-Authenticate") == [challenge]
        assert response.mimetype == "application/json"
        assert response.headers["Cache-Control"] == "no-store"
        assert int(response.headers["Content-Length"]) == len(response.data)
    assert send(app, good).status_code == 200


def test_a_digest_challenge_stays_whole() -> None:
    auth = HTTPDigestAuth()
    auth.get_password({"alice": "good"}.get)
    response = send(app_with(auth.login_required(view)))
    assert (response.status_code, response.get_json()) == (401, REQUIRED)
    (challenge,) = response.headers.getlist("WWW-Authenticate")
    assert challenge.startswith(f'Digest {REALM},nonce="')
    assert challenge.endswith(',algorithm="MD5",qop="auth"')
    assert "session=" in response.headers["Set-Cookie"]


def test_a_missing_role_is_a_403() -> None:
    response = send(app_with(basic_auth().login_required(role="admin")(view)), ALICE)
    assert (response.status_code, response.get_json()) == (403, FORBIDDEN)


def test_clients_choose_problem_json() -> None:
    app = app_with(basic_auth().login_required(view))
    response = app.test_client().get("/", headers={"Accept": "application/problem+json"})
    assert response.get_json()["code"] == "unauthorized"
    assert response.headers["WWW-Authenticate"] == f"Basic {REALM}"


def before_request(app: Flask) -> None:
    app.before_request(basic_auth().login_required(lambda: None))


def on_a_blueprint(app: Flask) -> None:
    blueprint = Blueprint("shop", "shop")
    blueprint.before_request(basic_auth().login_required(lambda: None))
    blueprint.add_url_rule("/x", "x", view)
    app.register_blueprint(blueprint)


def in_decorators_of_a_class(app: Flask) -> None:
    class View(MethodView):
        decorators = [basic_auth().login_required(role="reader")]  # noqa: RUF012

        def get(self) -> dict[str, bool]:
            return view()

    app.add_url_rule("/x", view_func=View.as_view("x"))


def in_a_view(app: Flask) -> None:
    def own() -> Any:
        return basic_auth().login_required(view)()

    app.add_url_rule("/x", "x", own)


def on_a_resource(app: Flask) -> None:
    class Resource(flask_restful.Resource):  # type: ignore[misc]
        method_decorators = (basic_auth().login_required,)

        def get(self) -> dict[str, bool]:
            return view()

    flask_restful.Api(app).add_resource(Resource, "/x")


@pytest.mark.parametrize(
    "protect",
    [before_request, on_a_blueprint, in_decorators_of_a_class, in_a_view, on_a_resource],
)
def test_it_may_stand_anywhere(protect: Any) -> None:
    app = app_with(view)
    protect(app)
    response = send(app, path="/x")
    assert (response.status_code, response.get_json()) == (401, REQUIRED)
    assert response.headers.getlist("WWW-Authenticate") == [f"Basic {REALM}"]


def test_an_error_handler_of_the_author_wins(caplog: pytest.LogCaptureFixture) -> None:
    auth = basic_auth()
    app = app_with(auth.login_required(view))
    app.before_request(MultiAuth(token_auth(), auth).login_required(optional=True)(lambda: None))

    def refuse(status: int) -> ResponseReturnValue:
        return "<p>Who are you?</p>", status

    auth.error_handler(refuse)
    with caplog.at_level(logging.INFO, "flask_apierrors"):
        response = send(app)
    (record,) = caplog.records
    assert record.getMessage().count(f".{refuse.__qualname__} (Flask-HTTPAuth)") == 1
    assert (response.text, response.mimetype) == ("<p>Who are you?</p>", "text/html")
    assert response.headers["WWW-Authenticate"] == f"Basic {REALM}"


def test_the_same_words_of_a_view_stay() -> None:
    response = send(app_with(lambda: ("Unauthorized Access", 403)))
    assert response.text == "Unauthorized Access"


def test_nothing_is_done_if_it_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_with(view)
    monkeypatch.delitem(sys.modules, "flask_httpauth")
    send(app)
    modules = {is_one.__module__ for is_one in app.extensions["apierrors"].default_responses}
    assert not any(module.endswith(".httpauth") for module in modules)


def test_outside_the_api_its_own_answer_stays() -> None:
    app = app_with(basic_auth().login_required(view), APIERRORS_URL_PREFIXES=("/api",))
    response = send(app)
    assert (response.text, response.mimetype) == ("Unauthorized Access", "text/html")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40))
def test_no_credentials_break_it(credentials: str) -> None:
    auth = MultiAuth(basic_auth(), token_auth())
    app = app_with(auth.login_required(view))
    for authorization in (credentials, f"Basic {credentials}", f"Bearer {credentials}"):
        response = send(app, authorization)
        assert response.status_code in (200, 401)
        assert response.is_json


# -- what it means


def test_login_required_is_a_guard() -> None:
    mark = guard_mark(basic_auth().login_required(view))
    assert mark is not None
    assert (mark.name, mark.values, mark.statuses) == ("login_required", (), (401,))
    assert mark.condition == "Needs credentials: Basic."
    assert mark.authenticates
    assert mark.security == {"Basic": {"type": "http", "scheme": "basic"}}


def test_roles_are_published() -> None:
    mark = guard_mark(basic_auth().login_required(role=["admin", ["reader", "writer"]])(view))
    assert mark is not None
    assert (mark.values, mark.statuses) == (("admin", "reader and writer"), (401, 403))
    assert mark.condition == "Needs credentials: Basic. Needs a role: admin or reader and writer."


def test_an_optional_login_refuses_nobody() -> None:
    mark = guard_mark(token_auth().login_required(optional=True)(view))
    assert mark is not None
    assert (mark.values, mark.statuses, mark.authenticates) == (("optional",), (), False)
    assert mark.condition == "Accepts credentials: Bearer."


def test_several_schemes_are_alternatives() -> None:
    auth = MultiAuth(token_auth(), HTTPTokenAuth(header="X-API-Key"), HTTPDigestAuth())
    mark = guard_mark(auth.login_required(role="admin")(view))
    assert mark is not None
    assert mark.security == {
        "Bearer": {"type": "http", "scheme": "bearer"},
        "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Digest": {"type": "http", "scheme": "digest"},
    }
    assert (
        mark.condition == "Needs credentials: Bearer or X-API-Key or Digest. Needs a role: admin."
    )


def test_apifairy_and_apiflask_guard_with_it() -> None:
    apiflask = pytest.importorskip("apiflask")
    from apifairy import authenticate  # type: ignore[import-untyped]

    mark = guard_mark(authenticate(basic_auth(), role="admin")(view))
    assert mark is not None
    assert (mark.values, mark.statuses) == (("admin",), (401, 403))
    app = apiflask.APIFlask("app")
    auth = apiflask.HTTPTokenAuth(description="Ask us.")
    mark = guard_mark(app.auth_required(auth, roles=["admin"])(view))
    assert mark is not None
    assert mark.security == {
        "BearerAuth": {"type": "http", "scheme": "bearer", "description": "Ask us."}
    }


def test_other_wrappers_are_no_guards_of_it() -> None:
    assert guard_mark(view) is None
    assert guard_mark(basic_auth().error_handler(view)) is None
