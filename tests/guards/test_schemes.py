from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Request, session

from flask_apierrors import (
    ApiErrors,
    InvalidToken,
    Scheme,
    catalogue,
    current_principal,
    requires_auth,
    requires_permissions,
)


class Signature(Scheme):
    """A scheme of an author's own."""

    name = "Signature"
    auth_scheme = "HMAC"
    credentials_name = "a signature"
    security_scheme = {"type": "apiKey", "in": "header", "name": "X-Signature"}  # noqa: RUF012

    def credentials(self, request: Request) -> str | None:
        return request.headers.get("X-Signature")

    def verify(self, credentials: str) -> Any:
        return "bridge" if credentials == "right" else None


def view() -> str:
    return f"{current_principal}"


@pytest.fixture
def app() -> Flask:
    """Make an app that accepts a key or a token."""
    app = Flask("two")
    errors = ApiErrors(app)
    errors.verify_token(lambda token: "office" if token == "right" else None)
    errors.add_scheme(Signature())
    app.add_url_rule("/", "any", requires_auth(lambda: f"{current_principal}"))
    app.add_url_rule(
        "/signature", "signature", requires_auth("signature")(lambda: f"{current_principal}")
    )
    app.add_url_rule("/read", "read", requires_permissions("read")(lambda: {}))
    return app


@pytest.mark.parametrize(
    ("headers", "principal"),
    [({"Authorization": "Bearer right"}, "office"), ({"X-Signature": "right"}, "bridge")],
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
        'HMAC realm="api"',
    ]


def test_invalid_credentials_of_every_scheme_are_a_401(app: Flask) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"X-Signature": "wrong"}):
        assert app.test_client().get("/", headers=headers).status_code == 401


def test_a_guard_that_names_a_scheme_accepts_only_its_credentials(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/signature", headers={"X-Signature": "right"}).text == "bridge"
    for headers in ({}, {"X-Signature": "wrong"}, {"Authorization": "Bearer right"}):
        response = client.get("/signature", headers=headers)
        assert response.status_code == 401
        assert response.headers.getlist("WWW-Authenticate") == ['HMAC realm="api"']


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (requires_auth("signature"), requires_permissions("read")),
        (requires_permissions("read"), requires_auth("signature")),
    ],
)
def test_a_401_names_only_what_all_guards_of_the_view_accept(
    app: Flask, inner: Any, outer: Any
) -> None:
    app.add_url_rule("/both", "both", outer(inner(lambda: {})))
    response = app.test_client().get("/both")
    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == ['HMAC realm="api"']


@pytest.mark.parametrize("names", [(), ("signature", 1), (None,)])
def test_requires_auth_without_a_view_or_names_fails_where_it_stands(names: Any) -> None:
    with pytest.raises(TypeError, match='Write @requires_auth, or @requires_auth\\("key"\\)'):
        requires_auth(*names)


def test_a_guard_with_a_scheme_that_the_app_lacks_lets_nobody_in(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/basic", "basic", requires_auth("basic")(lambda: {}))
    response = app.test_client().get("/basic", headers={"X-Signature": "right"})
    assert response.status_code == 500
    assert (
        "accepts the scheme 'basic', which the app does not have. It has: bearer, signature."
        in (caplog.text)
    )


# -- what a guard means depends on the schemes of the app


def meanings(app: Flask) -> dict[str, tuple[str, list[str]]]:
    return {
        operation.rule: (mark.condition, list(mark.security))
        for operation in catalogue(app).operations
        for mark in operation.guards
    }


def test_the_catalogue_names_the_schemes_that_the_app_has(app: Flask) -> None:
    assert meanings(app) == {
        "/": ("Needs a Bearer token or a signature.", ["Bearer", "Signature"]),
        "/signature": ("Needs a signature.", ["Signature"]),
        "/read": (
            "Needs a Bearer token or a signature with the permission `read`.",
            ["Bearer", "Signature"],
        ),
    }
    codes = {
        operation.rule: [error.code for error in operation.errors]
        for operation in catalogue(app).operations
    }
    assert "invalid-token" in codes["/"]
    assert "invalid-token" not in codes["/signature"]
    assert "invalid-credentials" in codes["/signature"]


def test_the_same_view_means_what_each_app_knows(app: Flask) -> None:
    signed = Flask("signed")
    ApiErrors(signed).add_scheme(Signature())
    signed.add_url_rule("/", "any", app.view_functions["any"])
    assert meanings(signed) == {"/": ("Needs a signature.", ["Signature"])}
    nothing = Flask("nothing")
    ApiErrors(nothing)
    nothing.add_url_rule("/", "any", app.view_functions["any"])
    assert meanings(nothing) == {"/": ("Needs authentication.", [])}


def test_openapi_has_all_schemes_of_the_app_and_those_that_an_endpoint_accepts(app: Flask) -> None:
    openapi = pytest.importorskip("flask_apierrors.openapi")
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "paths": {"/": {"get": {}}, "/signature": {"get": {}}},
    }
    openapi.add_errors(document, app)
    assert list(document["components"]["securitySchemes"]) == ["Bearer", "Signature"]
    assert document["paths"]["/"]["get"]["security"] == [{"Bearer": []}, {"Signature": []}]
    assert document["paths"]["/signature"]["get"]["security"] == [{"Signature": []}]


def test_a_scheme_of_an_authors_own_refuses_in_general_words(app: Flask) -> None:
    response = app.test_client().get("/signature")
    assert response.json == {"error": "Authentication failed: the X-Signature header is missing."}
    response = app.test_client().get("/signature", headers={"X-Signature": "wrong"})
    assert response.json == {"error": "Authentication failed: the credentials are invalid."}


def test_a_scheme_can_verify_with_an_async_method() -> None:
    pytest.importorskip("asgiref")

    class Slow(Signature):
        async def verify(self, credentials: str) -> Any:
            return super().verify(credentials)

    app = Flask("slow")
    ApiErrors(app).add_scheme(Slow())
    app.add_url_rule("/", "me", requires_auth(view))
    assert app.test_client().get("/", headers={"X-Signature": "right"}).text == "bridge"


# -- several schemes


@pytest.fixture
def three() -> Flask:
    """Make an app that accepts a token, a key or a session, in the order of a hasty author."""
    app = Flask("three")
    app.secret_key = "x" * 32
    errors = ApiErrors(app)
    errors.identify(lambda: session.get("user"))
    errors.verify_key(cookie="key", name="Cookie")({"right": "cookie"}.get)
    errors.verify_key(header="X-API-Key")({"right": "bridge"}.get)
    errors.verify_token({"right": "office"}.get)
    app.add_url_rule("/", "any", requires_auth(view))
    app.add_url_rule("/key", "key", requires_auth("key")(view))
    app.add_url_rule("/open", "open", view)

    @app.post("/login")
    def login() -> str:
        session["user"] = "ann"
        return ""

    return app


TOKEN = {"Authorization": "Bearer right"}
KEY = {"X-API-Key": "right"}
COOKIE = {"Cookie": "key=right"}


@pytest.mark.parametrize(
    ("headers", "principal"),
    [
        (TOKEN, "office"),
        (KEY, "bridge"),
        (COOKIE, "cookie"),
        (TOKEN | COOKIE, "office"),
        (KEY | {"Cookie": "key=wrong"}, "bridge"),
        ({"Authorization": "Digest x"} | KEY, "bridge"),
    ],
)
def test_what_a_client_adds_decides_and_not_what_its_browser_sends(
    three: Flask, headers: dict[str, str], principal: str
) -> None:
    assert three.test_client(use_cookies=False).get("/", headers=headers).text == principal


def test_a_session_decides_if_nothing_else_was_sent(three: Flask) -> None:
    client = three.test_client()
    client.post("/login")
    assert client.get("/").text == "ann"
    assert client.get("/", headers=KEY).text == "bridge"
    assert client.get("/", headers={"X-API-Key": "wrong"}).status_code == 401


@pytest.mark.parametrize("token", ["right", "wrong"])
@pytest.mark.parametrize("key", ["right", "wrong"])
@pytest.mark.parametrize("path", ["/", "/key"])
def test_credentials_of_two_kinds_are_refused(
    three: Flask, token: str, key: str, path: str
) -> None:
    headers = {"Authorization": f"Bearer {token}", "X-API-Key": key}
    client = three.test_client(use_cookies=False)
    response = client.get(path, headers=headers)
    assert response.status_code == 401
    assert response.json == {
        "error": "Authentication failed: the request has credentials of more than one kind. "
        "Send one."
    }
    assert client.get("/open", headers=headers).text == "None"


def test_a_valid_token_does_not_open_what_needs_a_key(three: Flask) -> None:
    for token in ("right", "wrong"):
        response = three.test_client().get("/key", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401
        assert response.headers.getlist("WWW-Authenticate") == ['ApiKey realm="api"']
        assert response.json == {
            "error": "Authentication is required: the request needs an API key."
        }


@pytest.mark.standard("several-challenges")
def test_a_401_has_a_challenge_for_each_scheme_and_the_one_that_was_sent_comes_first(
    three: Flask,
) -> None:
    client = three.test_client(use_cookies=False)
    key, token, session_ = 'ApiKey realm="api"', 'Bearer realm="api"', 'Session realm="api"'
    assert client.get("/").headers.getlist("WWW-Authenticate") == [key, token, session_]
    assert client.get("/").json == {
        "error": "Authentication is required: the request needs an API key, a Bearer token, or a "
        "session."
    }
    response = client.get("/", headers={"Authorization": "Bearer wrong"})
    assert response.headers.getlist("WWW-Authenticate") == [
        f'{token}, error="invalid_token"',
        key,
        session_,
    ]


@pytest.mark.standard("resource-metadata")
def test_what_is_configured_stands_in_each_challenge() -> None:
    app = Flask("resource")
    app.config["APIERRORS_CHALLENGE"] = {"resource_metadata": "https://api.example/meta"}
    errors = ApiErrors(app)
    errors.verify_token(lambda token: {"permissions": []})
    errors.verify_basic(lambda username, password: None)
    app.add_url_rule("/", "any", requires_auth(view))
    app.add_url_rule("/read", "read", requires_permissions("read")(view))
    client = app.test_client()
    assert client.get("/").headers.getlist("WWW-Authenticate") == [
        'Bearer realm="api", resource_metadata="https://api.example/meta"',
        'Basic realm="api", charset="UTF-8", resource_metadata="https://api.example/meta"',
    ]
    assert client.get("/read", headers=TOKEN).headers.getlist("WWW-Authenticate") == [
        'Bearer realm="api", error="insufficient_scope", scope="read", '
        'resource_metadata="https://api.example/meta"'
    ]


@pytest.mark.standard("step-up")
def test_a_view_can_ask_for_a_newer_login() -> None:
    app = Flask("step-up")
    ApiErrors(app).verify_token({"right": "ann"}.get)

    @app.get("/")
    @requires_auth
    def transfer() -> str:
        challenge = {"error": "insufficient_user_authentication", "max_age": 300}
        raise InvalidToken("Log in again.", challenge=challenge)

    response = app.test_client().get("/", headers=TOKEN)
    assert response.json == {"error": "Log in again."}
    assert response.headers.getlist("WWW-Authenticate") == [
        'Bearer realm="api", error="insufficient_user_authentication", '
        'error_description="Log in again.", max_age="300"'
    ]


# -- registration


def test_a_hook_that_is_called_again_replaces_its_scheme() -> None:
    errors = ApiErrors()
    for _ in range(2):
        errors.verify_token(lambda token: None)
        errors.verify_key(header="X-API-Key")(lambda key: None)
        errors.verify_basic(lambda username, password: None)
        errors.identify(lambda: None)
    names = [scheme.name for scheme in errors._hooks.schemes]
    assert names == ["Bearer", "Key", "Basic", "Session"]


def test_two_schemes_have_two_names_and_read_two_things() -> None:
    errors = ApiErrors()
    errors.verify_key(header="X-API-Key")(lambda key: None)
    with pytest.raises(ValueError, match="Give this one a name of its own"):
        errors.verify_key(query="key")(lambda key: None)
    with pytest.raises(ValueError, match="reads the same credentials as 'Partner'"):
        errors.verify_key(header="X-API-Key", name="Partner")(lambda key: None)
    errors.verify_key(query="key", name="Query")(lambda key: None)
    assert [scheme.name for scheme in errors._hooks.schemes] == ["Key", "Query"]
