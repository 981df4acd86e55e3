"""Promises to users of Flask-JWT-Extended: every refusal is a 401 of the contract."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("jwt")

import jwt
from flask import Blueprint, Flask, jsonify, request
from flask.typing import ResponseReturnValue
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    jwt_required,
    verify_jwt_in_request,
)
from werkzeug.exceptions import Conflict
from werkzeug.test import TestResponse

from flask_apierrors import ApiErrors
from flask_apierrors._core.marks import Mark, mark_in
from flask_apierrors._libraries.jwt_extended import guard_mark, verifies_token

SECRET = "a secret of this test, which is long enough"
BEARER = 'Bearer realm="api"'


def jwt_app(*, first: bool = False, **config: Any) -> tuple[Flask, JWTManager, ApiErrors]:
    app = Flask("app")
    app.config.update(JWT_SECRET_KEY=SECRET, **config)
    errors = ApiErrors(app) if first else ApiErrors()
    manager = JWTManager(app)
    if not first:
        errors.init_app(app)
    for prefix in ("", "/api"):
        for path, guard in {
            "/me": jwt_required(),
            "/fresh": jwt_required(fresh=True),
            "/refresh": jwt_required(refresh=True),
            "/optional": jwt_required(optional=True),
        }.items():
            view = guard(lambda: {"in": True})
            app.add_url_rule(prefix + path, prefix + path, view, methods=["GET", "POST"])
    return app, manager, errors


def token(app: Flask, **options: Any) -> str:
    with app.app_context():
        return str(create_access_token("alice", **options))


def send(app: Flask, path: str, bearer: str | None = None, **headers: str) -> TestResponse:
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    return app.test_client().get(path, headers=headers)


def assert_refused(response: TestResponse, sentence: str, *challenges: str) -> None:
    assert response.status_code == 401
    assert response.get_json() == {"error": sentence}
    assert response.headers.getlist("WWW-Authenticate") == list(challenges)


def refusal(sentence: str, error: str = "invalid_token") -> tuple[str, str]:
    return sentence, f'{BEARER}, error="{error}", error_description="{sentence}"'


@pytest.mark.parametrize("first", [True, False])
def test_a_request_without_a_token_is_challenged(first: bool) -> None:
    app, _, _ = jwt_app(first=first)
    assert_refused(
        send(app, "/me"), "Authentication failed: the Authorization header is missing.", BEARER
    )
    assert_refused(
        send(app, "/me", Authorization="Basic YTpi"),
        "Authentication failed: missing 'Bearer' type in 'Authorization' header. Expected "
        "'Authorization: Bearer <JWT>'.",
        BEARER,
    )


def test_a_bad_token_is_a_401_and_never_a_422() -> None:
    app, _, _ = jwt_app()
    for bad in ("garbage", "a.b.c", "\xff\xfe", token(app)[:-2] + "xx", "e30.e30.", "é.é.é"):
        response = send(app, "/me", bad)
        assert response.status_code == 401, bad
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
        assert response.get_json()["error"].startswith("Authentication failed: the Bearer token ")
        assert "codec" not in response.text
    assert_refused(
        send(app, "/me", "two parts"),
        *refusal(
            "Authentication failed: bad Authorization header. Expected "
            "'Authorization: Bearer <JWT>'."
        ),
    )


def test_each_reason_has_a_sentence() -> None:
    app, manager, _ = jwt_app(JWT_DECODE_AUDIENCE="us", JWT_ENCODE_AUDIENCE="us")
    expired = token(app, expires_delta=timedelta(seconds=-9))
    assert_refused(
        send(app, "/me", expired), *refusal("Authentication failed: the Bearer token has expired.")
    )
    foreign = token(app, additional_claims={"aud": "them"})
    assert_refused(
        send(app, "/me", foreign),
        *refusal("Authentication failed: the Bearer token is meant for another audience."),
    )
    unsigned = jwt.encode({"sub": "alice"}, "another secret, which is long enough", "HS256")
    assert_refused(
        send(app, "/me", unsigned),
        *refusal(
            "Authentication failed: the Bearer token is invalid: its signature does not match."
        ),
    )
    with app.app_context():
        refresh = create_refresh_token("alice")
    assert_refused(
        send(app, "/me", refresh),
        *refusal("Authentication failed: only non-refresh tokens are allowed."),
    )
    assert_refused(
        send(app, "/refresh", token(app)),
        *refusal("Authentication failed: only refresh tokens are allowed."),
    )
    manager.token_verification_loader(lambda header, data: False)
    assert_refused(
        send(app, "/me", token(app)),
        *refusal("Authentication failed: user claims verification failed."),
    )
    manager.token_in_blocklist_loader(lambda header, data: True)
    assert_refused(
        send(app, "/me", token(app)),
        *refusal("Authentication failed: the token has been revoked."),
    )


def test_a_token_that_is_not_fresh_asks_for_another_login() -> None:
    """RFC 9470 section 3."""
    app, _, _ = jwt_app()
    assert_refused(
        send(app, "/fresh", token(app)),
        *refusal(
            "Authentication failed: a fresh token is required. Log in again.",
            "insufficient_user_authentication",
        ),
    )
    assert send(app, "/fresh", token(app, fresh=True)).status_code == 200


def test_a_user_that_is_not_there_is_not_named() -> None:
    app, manager, _ = jwt_app()
    manager.user_lookup_loader(lambda header, data: None)
    response = send(app, "/me", token(app))
    assert_refused(
        response, *refusal("Authentication failed: the user of the token does not exist.")
    )
    assert "alice" not in str(response.headers)


def test_an_optional_token_has_to_be_good() -> None:
    app, _, _ = jwt_app()
    assert send(app, "/optional").status_code == 200
    assert send(app, "/optional", "garbage").status_code == 401


def test_problem_json_has_the_code_of_a_bad_token() -> None:
    app, _, _ = jwt_app(APIERRORS_FORMAT="problem")
    assert send(app, "/me", "garbage").get_json()["code"] == "invalid-token"
    assert send(app, "/me").get_json()["code"] == "unauthorized"


def test_the_challenge_names_the_scheme_of_the_header() -> None:
    app, _, _ = jwt_app(JWT_HEADER_TYPE="JWT")
    response = send(app, "/me", Authorization="JWT garbage")
    assert response.headers["WWW-Authenticate"].startswith('JWT realm="api", error="invalid_token"')


@pytest.mark.parametrize(
    "config",
    [
        {"JWT_TOKEN_LOCATION": ["cookies"]},
        {"JWT_TOKEN_LOCATION": "query_string"},
        {"JWT_HEADER_NAME": "X-Token"},
        {"JWT_HEADER_TYPE": ""},
    ],
)
def test_a_token_elsewhere_has_a_challenge_without_a_scheme(config: dict[str, Any]) -> None:
    app, _, _ = jwt_app(**config)
    response = send(app, "/me")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Session realm="api"'


def test_the_places_where_a_token_was_looked_for_are_named() -> None:
    app, _, _ = jwt_app(JWT_TOKEN_LOCATION=["headers", "cookies"])
    assert_refused(
        send(app, "/me"),
        "Authentication failed: missing JWT in headers or cookies (Missing Authorization Header; "
        'Missing cookie "access_token_cookie").',
        BEARER,
    )


def test_a_missing_csrf_token_is_named() -> None:
    app, _, _ = jwt_app(JWT_TOKEN_LOCATION=["cookies"])
    client = app.test_client()
    client.set_cookie("access_token_cookie", token(app))
    response = client.post("/me")
    assert response.status_code == 401
    assert response.get_json() == {"error": "Authentication failed: missing CSRF token."}
    response = client.post("/me", headers={"X-CSRF-TOKEN": "another"})
    assert response.get_json() == {
        "error": "Authentication failed: CSRF double submit tokens do not match."
    }


def test_loaders_of_the_author_win(caplog: pytest.LogCaptureFixture) -> None:
    app, manager, _ = jwt_app()

    @manager.unauthorized_loader
    def missing(reason: str) -> ResponseReturnValue:
        return jsonify(own=reason), 499

    @manager.invalid_token_loader
    def invalid(reason: str) -> ResponseReturnValue:
        return jsonify(own="invalid"), 499

    with caplog.at_level(logging.INFO, "flask_apierrors"):
        assert send(app, "/me").get_json() == {"own": "Missing Authorization Header"}
    assert send(app, "/me", "garbage").get_json() == {"own": "invalid"}
    assert send(app, "/me", token(app, expires_delta=timedelta(seconds=-9))).status_code == 401
    (message,) = [record.getMessage() for record in caplog.records]
    assert f"{missing.__module__}.{missing.__qualname__}" in message
    assert message.count(invalid.__qualname__) == 1
    assert "jwt_manager" not in message


def test_an_error_handler_and_a_converter_of_the_author_win() -> None:
    app, _, errors = jwt_app()
    from flask_jwt_extended.exceptions import NoAuthorizationError

    errors.convert(NoAuthorizationError, to=Conflict)
    app.register_error_handler(jwt.ExpiredSignatureError, lambda error: ("expired", 410))
    assert send(app, "/me").status_code == 409
    assert send(app, "/me", token(app, expires_delta=timedelta(seconds=-9))).status_code == 410


def test_outside_the_api_its_own_answers_stay() -> None:
    app, _, _ = jwt_app(APIERRORS_URL_PREFIXES=("/api",))
    assert send(app, "/me").get_json() == {"msg": "Missing Authorization Header"}
    assert send(app, "/me", "garbage").status_code == 422
    assert send(app, "/api/me", "garbage").status_code == 401
    assert "error" in send(app, "/api/me").get_json()


def test_a_token_verified_before_the_view_is_refused_alike() -> None:
    app, _, _ = jwt_app()
    blueprint = Blueprint("shop", "shop", url_prefix="/shop")
    blueprint.before_request(lambda: verify_jwt_in_request() and None)
    blueprint.add_url_rule("/", "index", lambda: {})
    app.register_blueprint(blueprint)
    assert_refused(
        send(app, "/shop/"), "Authentication failed: the Authorization header is missing.", BEARER
    )


def mark_of(app: Flask, **options: Any) -> Mark:
    mark = guard_mark(jwt_required(**options)(lambda: {}))
    assert mark is not None
    return mark_in(app.extensions["apierrors"], mark)


def test_jwt_required_is_a_guard() -> None:
    app, _, _ = jwt_app()
    mark = mark_of(app)
    assert (mark.name, mark.values, mark.statuses) == ("jwt_required", (), (401,))
    assert mark.condition == "Needs a JWT: a valid access token."
    assert mark.authenticates
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert mark.security == {"Bearer": bearer}
    assert mark_of(app, fresh=True).condition == "Needs a JWT: a valid fresh access token."
    assert mark_of(app, refresh=True).values == ("refresh",)
    optional = mark_of(app, optional=True)
    assert not optional.authenticates
    assert optional.condition == "Accepts a JWT: a valid access token."


def test_the_security_of_a_guard_is_that_of_the_app() -> None:
    app, _, _ = jwt_app(JWT_TOKEN_LOCATION=["cookies", "query_string"])
    assert mark_of(app).security == {
        "access_token_cookie": {"type": "apiKey", "in": "cookie", "name": "access_token_cookie"},
        "jwt": {"type": "apiKey", "in": "query", "name": "jwt"},
    }
    assert mark_of(app, locations="headers", refresh=True).security.keys() == {"Bearer"}
    app, _, _ = jwt_app(JWT_TOKEN_LOCATION="query_string")
    assert mark_of(app).security.keys() == {"jwt"}
    app, _, _ = jwt_app(JWT_HEADER_NAME="X-Token")
    assert mark_of(app).security["X-Token"]["in"] == "header"
    app = Flask("app")
    ApiErrors(app)
    assert mark_of(app).security == {}


def test_other_wrappers_are_no_guards_of_it() -> None:
    assert guard_mark(lambda: {}) is None


def only_with_token() -> None:
    if request.args:
        verify_jwt_in_request(fresh=True)


def read_token() -> None:
    verify_jwt_in_request(optional=True)


def no_token() -> None:
    request.get_data()


def test_a_function_that_verifies_a_token_refuses() -> None:
    functions: list[Any] = [only_with_token, read_token, no_token, len]
    assert list(map(verifies_token, functions)) == [True, False, False, False]
