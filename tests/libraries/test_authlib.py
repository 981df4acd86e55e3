"""Promises to users of Authlib: a protected resource refuses in the contract."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import pytest
from authlib.integrations.flask_oauth2 import (  # type: ignore[import-untyped]
    AuthorizationServer,
    ResourceProtector,
)
from authlib.oauth2.rfc6750 import BearerTokenValidator  # type: ignore[import-untyped]
from flask import Flask, abort
from werkzeug.test import TestResponse

from flask_apierrors import ApiErrors
from flask_apierrors._libraries.authlib import guard_mark


class Token:
    def __init__(self, scope: str, expires: float) -> None:
        self.scope, self.expires = scope, expires

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return self.expires < time.time()

    def is_revoked(self) -> bool:
        return False


TOKENS = {
    "good": Token("read", 2e10),
    "old": Token("read", 0),
}


class Validator(BearerTokenValidator):  # type: ignore[misc]
    def authenticate_token(self, token_string: str) -> Token | None:
        return TOKENS.get(token_string)


def protector(cls: Any = ResourceProtector) -> Any:
    require_oauth = cls()
    require_oauth.register_token_validator(Validator(realm="vessels"))
    return require_oauth


def oauth_app(require_oauth: Any = None, **config: Any) -> Flask:
    app = Flask("app")
    app.config.update(config)
    ApiErrors(app)
    require_oauth = require_oauth or protector()
    app.add_url_rule("/read", "read", require_oauth("read")(lambda: {}))
    app.add_url_rule("/write", "write", require_oauth("write")(lambda: {}))
    app.add_url_rule("/any", "any", require_oauth(optional=True)(lambda: {}))
    return app


def send(app: Flask, path: str, authorization: str | None = None) -> TestResponse:
    headers = {"Authorization": authorization} if authorization else {}
    return app.test_client().get(path, headers=headers)


def test_its_words_and_its_challenge_stay() -> None:
    app = oauth_app()
    for authorization in ("Bearer old", "Bearer unknown"):
        response = send(app, "/read", authorization)
        sentence = (
            "The access token provided is expired, revoked, malformed, or invalid for other "
            "reasons."
        )
        assert (response.status_code, response.get_json()) == (401, {"error": sentence})
        assert response.headers.getlist("WWW-Authenticate") == [
            f'Bearer realm="vessels", error="invalid_token", error_description="{sentence}"'
        ]
        assert response.mimetype == "application/json"
    assert send(app, "/read", "Bearer good").status_code == 200


def test_a_request_without_a_token_is_challenged() -> None:
    app = oauth_app()
    for authorization in (None, "Basic YTpi"):
        response = send(app, "/read", authorization)
        assert response.status_code == 401
        assert response.get_json().keys() == {"error"}
        (challenge,) = response.headers.getlist("WWW-Authenticate")
        assert challenge.lower().startswith('bearer realm="vessels"')
    assert send(app, "/any").status_code == 200
    assert send(app, "/any", "Bearer old").status_code == 401


def test_a_missing_scope_is_a_403_with_a_challenge() -> None:
    """RFC 6750 section 3.1: Authlib sends no challenge."""
    response = send(oauth_app(), "/write", "Bearer good")
    assert response.status_code == 403
    assert response.get_json() == {
        "error": "The request requires higher privileges than provided by the access token."
    }
    challenge = 'Bearer realm="api", error="insufficient_scope"'
    assert response.headers["WWW-Authenticate"] == challenge


def test_problem_json_has_the_code_of_a_bad_token() -> None:
    app = oauth_app(APIERRORS_FORMAT="problem")
    assert send(app, "/read", "Bearer old").get_json()["code"] == "invalid-token"
    assert send(app, "/write", "Bearer good").get_json()["code"] == "forbidden"


def test_an_error_of_the_author_wins() -> None:
    class Own(ResourceProtector):  # type: ignore[misc]
        def raise_error_response(self, error: Any) -> None:
            abort(418, "Mine.")

    response = send(oauth_app(protector(Own)), "/read")
    assert (response.status_code, response.get_json()) == (418, {"error": "Mine."})


def test_endpoints_for_oauth_clients_answer_as_their_rfc_says() -> None:
    """RFC 6749 section 5.2."""
    app = oauth_app()
    server = AuthorizationServer(app, query_client=lambda client: None, save_token=lambda *_: None)
    app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
    response = app.test_client().post("/token", data={"grant_type": "magic"})
    assert response.status_code == 400
    assert response.get_json()["error"] == "unsupported_grant_type"


def test_outside_the_api_its_own_body_stays() -> None:
    app = oauth_app(APIERRORS_URL_PREFIXES=("/api",))
    assert send(app, "/read", "Bearer old").get_json()["error"] == "invalid_token"


def test_a_refusal_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        send(oauth_app(), "/read")
    assert not caplog.records


def test_nothing_is_done_if_it_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    app = oauth_app()
    monkeypatch.delitem(sys.modules, "authlib.integrations.flask_oauth2.errors")
    assert send(app, "/read", "Bearer old").get_json()["error"] == "invalid_token"


def test_require_oauth_is_a_guard() -> None:
    require_oauth = protector()
    mark = guard_mark(require_oauth("read write")(lambda: {}))
    assert mark is not None
    assert (mark.name, mark.values, mark.statuses) == ("require_oauth", ("read write",), (401, 403))
    assert mark.permissions == ("read", "write")
    assert mark.condition == "Needs a Bearer token with the scope `read write`."
    assert mark.security == {"Bearer": {"type": "http", "scheme": "bearer"}}
    mark = guard_mark(require_oauth(["read", "write"])(lambda: {}))
    assert mark is not None
    assert (mark.values, mark.permissions) == (("read", "write"), ())
    assert mark.condition == "Needs a Bearer token with the scope `read` or `write`."
    mark = guard_mark(require_oauth(lambda: {}))
    assert mark is not None
    assert (mark.statuses, mark.authenticates) == ((401,), True)
    mark = guard_mark(require_oauth(optional=True)(lambda: {}))
    assert mark is not None
    assert (mark.condition, mark.authenticates) == ("Accepts a Bearer token.", False)
    assert guard_mark(lambda: {}) is None
