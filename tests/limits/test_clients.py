"""Promises of who is counted: a principal wherever it comes from, or else an address."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NoReturn

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apierrors import ApiErrors, InvalidToken, client_key, rate_limit, requires_auth
from flask_apierrors._limits import clients
from flask_apierrors._limits.clients import REFUSAL_SECONDS, address_key, key_part
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


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["203.0.113.7:50001", "203.0.113.7:50002", "203.0.113.7"], 1),
        (["203.0.113.7", "::ffff:203.0.113.7", "[::ffff:203.0.113.7]:8080"], 1),
        (["64:ff9b::203.0.113.7", "203.0.113.7", "64:ff9b::203.0.113.8"], 2),
        ([f"2001:db8::{number:x}" for number in range(1, 30)], 1),
        (["2001:db8::1", "2001:DB8:0:0::2", "[2001:db8::3]:443", "[2001:db8::4]"], 1),
        (["2001:db8:0:1::1", "2001:db8:0:2::1"], 2),
        (["fe80::1%eth0", "fe80::1%eth1"], 1),
        (["unknown", "", "unix:", "x" * 9_000, "x" * 9_001, "\ud800", "a b"], 7),
    ],
)
def test_one_client_has_one_counter_however_the_server_writes_its_address(
    make_app: Callable[..., Flask], addresses: list[str], expected: int
) -> None:
    client = limited_app(make_app, "1/minute").test_client()
    answers = [
        client.get("/limited", environ_overrides={"REMOTE_ADDR": address}).status_code
        for address in addresses
    ]
    assert answers.count(200) == expected
    assert set(answers) <= {200, 429}


@given(st.text(), st.text())
@example("a", "#" + hashlib.sha256(b"a" * 65).hexdigest())
@example("a b", "a%20b")
@example("\ud800", "\ud801")
@example("x" * 65, "x" * 66)
def test_a_part_of_a_key_is_safe_in_any_storage_and_belongs_to_one_text(
    first: str, second: str
) -> None:
    parts = [key_part(text) for text in (first, second)]
    assert all(re.fullmatch(r"[!-~]{0,65}", part) and "/" not in part for part in parts)
    assert (parts[0] == parts[1]) == (first == second)


@given(st.ip_addresses(), st.integers(1, 65_535))
def test_a_port_makes_no_difference(address: IPv4Address | IPv6Address, port: int) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    assert address_key(f"{host}:{port}") == address_key(str(address))


@given(st.text(max_size=80))
@example("principal:alice")
@example("[")
@example("1.2.3.4:")
@example("::%")
def test_no_address_looks_like_a_client_of_another_kind(text: str) -> None:
    assert not re.match(r"[A-Za-z0-9._-]+:(principal|sub|id)", address_key(text))
    assert ":" not in address_key(text) or ip_address(address_key(text))


def test_principals_of_different_kinds_never_share_a_counter(
    make_app: Callable[..., Flask],
) -> None:
    long_name = "x" * 65
    principals: list[Any] = [
        {"sub": 1},
        {"sub": "1"},
        {"id": "1"},
        {"id": 1},
        "1",
        1,
        {"sub": long_name},
        {"sub": hashlib.sha256(long_name.encode()).hexdigest()},
        {"sub": "\ud800"},
        {"sub": ["a"]},
    ]
    by_token = {f"t{index}": principal for index, principal in enumerate(principals)}
    client = principals_app(make_app, by_token).test_client()
    assert [ask(client, token) for token in by_token] == [200] * len(principals)
    assert [ask(client, token) for token in by_token] == [429] * len(principals)


def test_an_address_that_a_client_invents_is_no_principal(make_app: Callable[..., Flask]) -> None:
    client = principals_app(make_app, {"t": {"sub": "alice"}, "u": "alice"}).test_client()
    for name in ("bearer:sub:alice", "bearer:principal:alice"):
        assert ask(client, None, name) == 200
    assert [ask(client, "t"), ask(client, "u")] == [200, 200]


def test_clients_of_two_schemes_never_share_a_counter(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: {"id": 7})
    errors.verify_key(header="X-API-Key")(lambda key: {"id": 7})
    app = make_app(errors)
    app.add_url_rule("/", "v", rate_limit("1/minute")(lambda: client_key()))
    client = app.test_client()
    for headers, key in (
        ({"Authorization": "Bearer x"}, "bearer:id:int=7"),
        ({"X-API-Key": "x"}, "key:id:int=7"),
    ):
        assert client.get("/", headers=headers).text == key
        assert client.get("/", headers=headers).status_code == 429


def test_a_key_function_never_uses_up_the_quota_of_an_api_key(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.verify_key(header="X-API-Key")(lambda key: {"id": "7"})
    app = make_app(errors)
    by_account = rate_limit("1/day", key_func=lambda: request.args["account"])
    app.add_url_rule("/", "v", rate_limit("1/day")(by_account(lambda: "in")))
    client = app.test_client()
    assert client.get("/?account=id:7").status_code == 200
    assert client.get("/?account=own", headers={"X-API-Key": "x"}).status_code == 200


def test_a_principal_that_is_the_secret_is_counted_by_its_hash(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.verify_token(lambda token: {"sub": token})
    errors.verify_key(header="X-API-Key")(lambda key: key)
    app = make_app(errors)
    app.add_url_rule("/", "v", lambda: client_key())
    client = app.test_client()
    digest = hashlib.sha256(b"s3cret").hexdigest()
    for headers, key in (
        ({"Authorization": "Bearer s3cret"}, f"bearer:sub:#{digest}"),
        ({"X-API-Key": "s3cret"}, f"key:principal:#{digest}"),
    ):
        assert client.get("/", headers=headers).text == key


# -- who a request is must not cost more than the limit saves


def app_with_verifier(
    make_app: Callable[..., Flask], verify: Callable[[str], Any], *, is_private: bool = True
) -> FlaskClient:
    errors = ApiErrors()
    errors.verify_token(verify)
    app = make_app(errors)
    view = rate_limit("2/minute")(lambda: "in")
    app.add_url_rule("/limited", view_func=requires_auth(view) if is_private else view)
    return app.test_client()


def test_an_address_whose_credentials_were_refused_can_come_without_any(
    make_app: Callable[..., Flask],
) -> None:
    client = app_with_verifier(make_app, lambda token: None, is_private=False)
    assert ask(client, "bad") == 200
    assert ask(client, None) == 200
    assert ask(client, None) == 429


@pytest.mark.parametrize("is_private", [True, False])
def test_a_request_over_the_limit_is_not_verified(
    make_app: Callable[..., Flask], is_private: bool
) -> None:
    calls: list[str] = []
    client = app_with_verifier(make_app, calls.append, is_private=is_private)
    status = 401 if is_private else 200
    answers = [ask(client, f"forged{number}") for number in range(6)]
    assert answers == [status, status, 429, 429, 429, 429]
    assert calls == ["forged0", "forged1"]


def test_a_client_with_a_valid_token_is_itself_again_after_a_refused_one(
    make_app: Callable[..., Flask],
) -> None:
    client = app_with_verifier(make_app, {"new": {"sub": "a"}}.get)
    assert [ask(client, token) for token in ("old", "new", "new", "new", "new")] == [
        401,
        200,
        200,
        200,
        429,
    ], "the first good one is counted for the address, and the others for the principal"


def test_an_address_is_remembered_for_a_minute(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = app_with_verifier(make_app, {"good": {"sub": "a"}}.get)
    assert [ask(client, token) for token in ("x", "x", "good")] == [401, 401, 429]
    later = time.monotonic() + REFUSAL_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert ask(client, "good") == 200, "a neighbor of the attacker is let in again"


def test_only_so_many_addresses_are_remembered(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_MAX_ADDRESSES", 3)
    client = app_with_verifier(make_app, lambda token: None)
    for number in (0, 1, 2, 0, 3, 4):
        client.get(
            "/limited",
            headers={"Authorization": "Bearer bad"},
            environ_base={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
    refused = client.application.extensions["apierrors"].rate_limits.refused
    assert list(refused) == ["192.0.2.0", "192.0.2.3", "192.0.2.4"], "the oldest are forgotten"


@pytest.mark.parametrize("crash", [RuntimeError("database"), ServiceUnavailable()])
def test_a_verifier_that_fails_does_not_lift_the_limit(
    make_app: Callable[..., Flask], crash: Exception
) -> None:
    calls: list[str] = []

    def verify(token: str) -> NoReturn:
        calls.append(token)
        raise crash

    client = app_with_verifier(make_app, verify)
    status = 503 if isinstance(crash, ServiceUnavailable) else 500
    assert [ask(client, "t") for _ in range(4)] == [status, status, 429, 429]
    assert len(calls) == 2, "once for each request that is within the limit"


def test_a_public_view_is_answered_while_the_verifier_fails_and_the_log_says_why(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    def verify(token: str) -> NoReturn:
        raise ConnectionError("identity provider")

    client = app_with_verifier(make_app, verify, is_private=False)
    assert [ask(client, "t") for _ in range(3)] == [200, 200, 429]
    (record,) = [record for record in caplog.records if record.exc_info][:1]
    assert "identity provider" in str(record.exc_info and record.exc_info[1])


def test_the_crash_of_a_verifier_is_logged_once(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    def verify(token: str) -> NoReturn:
        raise ConnectionError("identity provider")

    client = app_with_verifier(make_app, verify)
    assert ask(client, "t") == 500
    assert len([record for record in caplog.records if record.exc_info]) == 1


# -- the proxy


def forwarded(app: Flask, remote: str, field: str) -> None:
    app.test_client().get(
        "/limited", headers={"X-Forwarded-For": field}, environ_base={"REMOTE_ADDR": remote}
    )


def test_a_server_that_reads_the_proxys_header_itself_is_no_reason_to_warn(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    app = limited_app(make_app)
    forwarded(app, "203.0.113.9", "203.0.113.9")
    forwarded(app, "203.0.113.9", "198.51.100.1, 203.0.113.9")
    assert "X-Forwarded-For" not in caplog.text
    forwarded(app, "10.0.0.1", "203.0.113.9")
    forwarded(app, "10.0.0.1", "203.0.113.9")
    assert caplog.text.count("X-Forwarded-For") == 1


def test_a_key_function_may_say_where_the_address_stands(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    errors.verify_token({"t": {"sub": "alice"}}.get)
    app = limited_app(
        make_app,
        "1/minute",
        errors,
        RATELIMIT_KEY_FUNC=lambda: client_key(request.headers.get("CF-Connecting-IP")),
    )
    client = app.test_client()

    def cloudflare(address: str, **headers: str) -> int:
        headers["CF-Connecting-IP"] = address
        return client.get("/limited", headers=headers).status_code

    assert [cloudflare(address) for address in ("1.2.3.4", "1.2.3.4", "1.2.3.5")] == [200, 429, 200]
    answers = [cloudflare(address, Authorization="Bearer t") for address in ("1.1.1.1", "2.2.2.2")]
    assert answers == [200, 429]


def test_a_configured_key_func_is_used(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", RATELIMIT_KEY_FUNC=lambda: request.args["who"]
    ).test_client()
    assert [client.get(f"/limited?who={who}").status_code for who in "aab"] == [200, 429, 200]
