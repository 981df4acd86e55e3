"""Promises of who is counted: a principal wherever it comes from, or else an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apierrors import ApiErrors, InvalidToken
from tests.conftest import limited_app


def principals_app(make_app: Callable[..., Flask], principal_by_token: dict[str, Any]) -> Flask:
    errors = ApiErrors()

    @errors.verify_token
    def verify(token: str) -> Any:
        principal = principal_by_token.get(token)
        if isinstance(principal, Exception):
            raise principal
        return principal

    app = limited_app(make_app, "1/minute", errors)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    return app


def ask(client: FlaskClient, token: str | None = None, address: str = "10.0.0.1") -> int:
    headers = {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})
    return client.get("/limited", headers=headers).status_code


class Account:
    def __init__(self, id: int) -> None:
        self.id = id


def test_a_principal_is_counted_wherever_it_comes_from(make_app: Callable[..., Flask]) -> None:
    principals = {
        "a1": {"sub": "a"},
        "a2": {"sub": "a"},
        "b": {"id": 0},
        "c": "carol",
        "d": Account(7),
    }
    client = principals_app(make_app, principals).test_client()
    assert [ask(client, "a1", "10.0.0.1"), ask(client, "a2", "10.0.0.2")] == [200, 429]
    assert [ask(client, name) for name in ("b", "c", "d", "b", "c", "d")] == [
        200,
        200,
        200,
        429,
        429,
        429,
    ]
    assert [ask(client), ask(client)] == [200, 429], "its address is counted for itself"


def test_a_forged_token_never_gets_a_counter_of_its_own(make_app: Callable[..., Flask]) -> None:
    client = principals_app(
        make_app, {"down": ServiceUnavailable(), "expired": InvalidToken("expired"), "yes": True}
    ).test_client()
    assert ask(client) == 200
    assert [ask(client, token) for token in ("x", "y", "down", "expired", "yes")] == [429] * 5


def test_a_principal_and_an_address_never_share_a_counter(make_app: Callable[..., Flask]) -> None:
    client = principals_app(
        make_app, {"a": {"sub": "10.0.0.1"}, "b": {"sub": "x/limited/1/1/minute y\n" * 50}}
    ).test_client()
    assert [ask(client, "a"), ask(client), ask(client, "b"), ask(client, "b")] == [
        200,
        200,
        200,
        429,
    ]


def test_behind_a_proxy_each_client_is_counted_by_itself(make_app: Callable[..., Flask]) -> None:
    client = principals_app(make_app, {}).test_client()
    assert [
        ask(client, None, address)
        for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "2001:db8::1")
    ] == [
        200,
        200,
        429,
        200,
    ]


def test_a_configured_key_func_is_used(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", RATELIMIT_KEY_FUNC=lambda: request.args["who"]
    ).test_client()
    assert [client.get(f"/limited?who={who}").status_code for who in "aab"] == [200, 429, 200]
