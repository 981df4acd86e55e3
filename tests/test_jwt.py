"""``jwt_verifier`` returns the claims of a token, or says what is wrong with it."""

from __future__ import annotations

import base64
import importlib
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Forbidden, ServiceUnavailable
from werkzeug.test import TestResponse

pytest.importorskip("jwt")

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from flask_apierrors import (
    ApiErrors,
    InvalidToken,
    current_principal,
    requires_auth,
    requires_permissions,
)
from flask_apierrors.jwt import jwt_verifier

KEY = "k" * 32
verify = jwt_verifier(key=KEY, algorithms=["HS256"])


def token(key: str = KEY, headers: dict[str, Any] | None = None, **claims: Any) -> str:
    members = {"sub": "bridge", "exp": int(time.time()) + 60} | claims
    payload = {name: value for name, value in members.items() if value is not None}
    return jwt.encode(payload, key, algorithm="HS256", headers=headers)


def part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def refusal(bad: str, **options: Any) -> str:
    with pytest.raises(InvalidToken) as raised:
        (jwt_verifier(key=KEY, algorithms=["HS256"], **options) if options else verify)(bad)
    assert raised.value.__suppress_context__
    return str(raised.value._sentence).removeprefix("Authentication failed: the Bearer token ")


def get(path: str, authorization: str) -> Any:
    app = Flask("api")
    errors = ApiErrors(app)
    errors.verify_token(verify)

    @app.get("/me")
    @requires_auth
    def me() -> str:
        return str(current_principal["sub"])

    @app.get("/write")
    @requires_permissions("write")
    def write() -> str:
        return "written"

    return app.test_client().get(path, headers={"Authorization": f"Bearer {authorization}"})


def test_a_valid_token_gives_its_claims() -> None:
    assert verify(token(scope="read"))["scope"] == "read"


def test_the_claims_are_the_current_principal() -> None:
    assert get("/me", token()).text == "bridge"


def test_the_scope_of_a_token_gives_the_permissions() -> None:
    assert get("/write", token(scope="read write")).status_code == 200
    assert get("/write", token(scope="read rewrite")).status_code == 403


def test_an_expired_token_says_so_in_the_body_and_in_the_challenge() -> None:
    response = get("/me", token(exp=1))
    assert response.status_code == 401
    assert response.json == {"error": "Authentication failed: the Bearer token has expired."}
    assert response.headers["WWW-Authenticate"] == (
        'Bearer realm="api", error="invalid_token", '
        'error_description="Authentication failed: the Bearer token has expired."'
    )


def test_a_forged_token_says_that_it_is_invalid() -> None:
    assert get("/me", token("f" * 32)).json == {
        "error": "Authentication failed: the Bearer token is invalid: its signature does not match."
    }


def test_every_reason_has_its_sentence() -> None:
    assert refusal(token(nbf=2**33)) == "is not valid yet."
    assert refusal(token(aud="other"), audience="telemetry") == "is meant for another audience."
    assert refusal(token(aud="other")) == "is meant for another audience."
    assert refusal(token(iss="other"), issuer="telemetry") == "comes from another issuer."
    assert refusal(token(), issuer="telemetry") == "lacks a required claim."
    assert refusal(token(exp=None)) == "lacks a required claim."
    assert refusal("no.token.atall") == "is invalid."


def test_the_author_sets_audience_issuer_leeway_and_required_claims() -> None:
    tolerant = jwt_verifier(
        key=KEY,
        algorithms=["HS256"],
        audience=["a", "b"],
        issuer="telemetry",
        leeway=30,
        require=["sub", "iss"],
    )
    assert tolerant(token(aud="b", iss="telemetry", exp=int(time.time()) - 10))["sub"] == "bridge"
    assert tolerant(token(aud="b", iss="telemetry", exp=None))["aud"] == "b"


def test_an_unsigned_token_is_invalid() -> None:
    unsigned = f"{part({'alg': 'none'})}.{part({'sub': 'bridge', 'exp': 2**33})}."
    assert refusal(unsigned) == "is invalid."


@pytest.mark.parametrize(
    "header",
    [
        "[" * 20_000,
        '{"alg":' * 20_000,
        "9" * 5_000,
        '{"alg": [], "typ": {}}',
        '{"alg": "HS256", "kid": 1}',
        '{"alg": "HS256", "crit": ["x"]}',
        '{"alg": "HS256", "b64": false, "crit": ["b64"]}',
        "null",
        "\ud7ff\x00",
    ],
)
def test_a_hostile_header_is_an_invalid_token(header: str) -> None:
    assert refusal(f"{part(header)}.{part({'sub': 'bridge'})}.{part('signature')}").startswith(
        "is invalid"
    )


@pytest.mark.parametrize("exp", [float("inf"), "soon"])
def test_an_absurd_expiry_is_an_invalid_token(exp: Any) -> None:
    body = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'exp': exp})}".encode()
    signature = jwt.get_algorithm_by_name("HS256").sign(body, KEY.encode())
    assert (
        refusal(f"{body.decode()}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")
        == "is invalid."
    )


@given(st.text(alphabet="abcdefABCDEF0123456789._~+/-=", max_size=80) | st.text(max_size=30))
def test_random_text_is_an_invalid_token(text: str) -> None:
    assert refusal(text) == "is invalid."


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["alg", "typ", "kid", "b64", "crit"]), inner)
        ),
        max_leaves=8,
    )
)
def test_no_header_makes_an_unsigned_token_valid(header: Any) -> None:
    refusal(f"{part(header)}.{part({'sub': 'bridge', 'exp': 2**33})}.AAAA")


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_token_with_one_byte_changed_is_refused(position: int, change: int) -> None:
    good = token(exp=2**33)
    header, claims, signature = (
        base64.urlsafe_b64decode(piece + "==") for piece in good.split(".")
    )
    pieces = [bytearray(header), bytearray(claims), bytearray(signature)]
    changed = pieces[position % 3]
    changed[position % len(changed)] ^= change
    refusal(".".join(base64.urlsafe_b64encode(piece).decode().rstrip("=") for piece in pieces))


# -- construction


@pytest.fixture(scope="module")
def key_pair() -> tuple[str, str]:
    """A private and a public key, in PEM."""
    private = rsa.generate_private_key(65_537, 2_048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return (
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain).decode(),
        private.public_key()
        .public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )


@pytest.mark.parametrize("algorithms", [None, [], (), "HS256", {"HS256"}])
def test_algorithms_are_required(algorithms: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r'give a list of the algorithms that the issuer signs with, such as \["HS256"\]',
    ):
        jwt_verifier(key=KEY, algorithms=algorithms)


@pytest.mark.parametrize("name", ["none", "None", "HS255", "", 256])
def test_an_algorithm_that_cannot_verify_fails_at_construction(name: Any) -> None:
    with pytest.raises(
        ValueError, match=r"cannot verify a token\. Choose from: .*HS256, HS384, HS512"
    ):
        jwt_verifier(key=KEY, algorithms=[name])


def test_secrets_and_public_keys_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match="Use HS algorithms or others, not both"):
        jwt_verifier(key=KEY, algorithms=["HS256", "RS256"])


def test_a_short_secret_fails_at_construction_with_the_remedy() -> None:
    with pytest.raises(
        ValueError,
        match=r"HS512 needs a secret of at least 64 bytes .* not 32\. Make one with: python -c",
    ):
        jwt_verifier(key=KEY, algorithms=["HS256", "HS512"])


@pytest.mark.parametrize("key", [5, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_key_that_does_not_fit_fails_at_construction(key: Any) -> None:
    with pytest.raises(ValueError, match="The key does not fit HS256: "):
        jwt_verifier(key=key, algorithms=["HS256"])


@pytest.mark.parametrize("options", [{}, {"key": None}, {"key": KEY, "jwks_url": "https://id/"}])
def test_either_a_key_or_the_address_of_keys_is_required(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"either key=\.\.\. or jwks_url=\.\.\."):
        jwt_verifier(algorithms=["HS256"], **options)


@pytest.mark.parametrize("url", ["", "id.example/jwks", "file:///etc/passwd"])
def test_an_address_of_keys_that_cannot_work_fails_at_construction(url: str) -> None:
    with pytest.raises(ValueError, match=r"jwks_url=.*only 'http' and 'https'"):
        jwt_verifier(jwks_url=url, algorithms=["RS256"])


def test_a_key_must_fit_every_algorithm_that_a_client_can_name(key_pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="The key does not fit ES256: "):
        jwt_verifier(key=key_pair[1], algorithms=["RS256", "ES256"])


def test_a_public_key_verifies_and_is_never_used_as_a_secret(key_pair: tuple[str, str]) -> None:
    private, public = key_pair
    by_public_key = jwt_verifier(key=public, algorithms=["RS256"])
    assert (
        by_public_key(jwt.encode({"sub": "bridge", "exp": 2**33}, private, algorithm="RS256"))[
            "sub"
        ]
        == "bridge"
    )
    body = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': 'bridge', 'exp': 2**33})}"
    signature = jwt.get_algorithm_by_name("HS256").sign(body.encode(), public.encode())
    with pytest.raises(InvalidToken):
        by_public_key(f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


def test_a_secret_can_be_bytes() -> None:
    assert jwt_verifier(key=KEY.encode(), algorithms=["HS256"])(token())["sub"] == "bridge"


def test_without_pyjwt_the_import_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    monkeypatch.delitem(sys.modules, "flask_apierrors.jwt")
    with pytest.raises(ImportError, match=r"pip install 'flask-apierrors\[jwt\]'"):
        importlib.import_module("flask_apierrors.jwt")


# -- the reason in the log


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1}, "ExpiredSignatureError: 'Signature has expired'"),
        ({"key": "f" * 32}, "InvalidSignatureError: 'Signature verification failed'"),
        ({"sub": 5}, "InvalidSubjectError: 'Subject must be a string'"),
    ],
)
def test_the_log_says_why_a_token_is_refused(
    claims: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "flask_apierrors"):
        refusal(token(**claims))
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", f"A token is refused: {reason}")
    ]


@pytest.mark.standard("log-injection")
@given(st.text(max_size=20))
def test_a_token_cannot_forge_a_line_of_the_log(key_id: str) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("flask_apierrors")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        verify_with = jwt_verifier(key={}.__getitem__, algorithms=["HS256"])
        with pytest.raises(InvalidToken):
            verify_with(token(headers={"kid": key_id}))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert [line.isprintable() for line in lines] == [True]
    assert lines[0].isascii()
    assert lines[0].isprintable()


def test_the_log_never_has_the_token(caplog: pytest.LogCaptureFixture) -> None:
    refused = token()
    with caplog.at_level(logging.INFO, "flask_apierrors"), pytest.raises(InvalidToken):
        jwt_verifier(key={}.__getitem__, algorithms=["HS256"])(refused)
    assert "there is no key for it: KeyError" in caplog.text
    assert refused not in caplog.text


# -- a function that finds the key


@pytest.mark.parametrize("find", [{"1": KEY}.get, {"1": KEY}.__getitem__])
def test_a_token_whose_key_the_function_does_not_know_is_invalid(find: Any) -> None:
    verify_by_id = jwt_verifier(
        key=lambda text: find(jwt.get_unverified_header(text)["kid"]), algorithms=["HS256"]
    )
    assert verify_by_id(token(headers={"kid": "1"}))["sub"] == "bridge"
    for bad in (token(headers={"kid": "2"}), token(), "a.b", part("[" * 20_000) + ".e30.AAAA"):
        with pytest.raises(InvalidToken):
            verify_by_id(bad)


def test_a_client_cannot_make_a_key_fail_with_an_algorithm_that_it_does_not_fit(
    key_pair: tuple[str, str],
) -> None:
    private, public = key_pair
    key = serialization.load_pem_public_key(public.encode())
    verify_both = jwt_verifier(key=lambda text: key, algorithms=["RS256", "ES256"])
    assert verify_both(jwt.encode({"exp": 2**33}, private, algorithm="RS256")) == {"exp": 2**33}
    with pytest.raises(InvalidToken):
        verify_both(f"{part({'alg': 'ES256'})}.{part({'exp': 2**33})}.{part('x' * 64)}")


@pytest.mark.parametrize(
    "failure",
    [ConnectionError("refused"), json.JSONDecodeError("bad", "", 0), jwt.PyJWKSetError("empty")],
)
def test_a_key_function_that_fails_is_a_503_with_the_traceback_in_the_log(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def find(text: str) -> Any:
        raise failure

    with pytest.raises(ServiceUnavailable) as raised:
        jwt_verifier(key=find, algorithms=["HS256"])(token())
    assert raised.value.__cause__ is failure
    assert [record.exc_info and record.exc_info[1] for record in caplog.records] == [failure]


def test_a_pyjwk_client_in_a_function_tells_an_outage_from_a_bad_token(
    provider: Provider,
) -> None:
    client = jwt.PyJWKClient(provider.url)
    verify_by_client = jwt_verifier(
        key=lambda text: client.get_signing_key_from_jwt(text).key, algorithms=["HS256"]
    )
    provider.answer = 502, b""
    with pytest.raises(ServiceUnavailable):
        verify_by_client(token(headers={"kid": "1"}))
    provider.answer = 200, KEYS
    assert verify_by_client(token(headers={"kid": "1"}))["sub"] == "bridge"
    with pytest.raises(InvalidToken):
        verify_by_client(token(headers={"kid": "2"}))


def test_an_authors_http_exception_passes() -> None:
    def find(text: str) -> Any:
        raise Forbidden("Not from here.")

    with pytest.raises(Forbidden, match="Not from here"):
        jwt_verifier(key=find, algorithms=["HS256"])(token())


# -- the keys of an identity provider

KEYS = json.dumps({"keys": [{"kty": "oct", "kid": "1", "alg": "HS256", "k": part(KEY)}]}).encode()


class Provider(ThreadingHTTPServer):
    """A server of a JSON Web Key Set (RFC 7517 section 5)."""

    answer: tuple[int, bytes] = 200, KEYS
    requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class KeySetHandler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self.server.requests += 1
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(("127.0.0.1", 0), KeySetHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(verifier: Any, text: str) -> TestResponse:
    app = Flask("api")
    ApiErrors(app).verify_token(verifier)
    app.add_url_rule("/", view_func=requires_auth(lambda: "in"))
    return app.test_client().get("/", headers={"Authorization": f"Bearer {text}"})


@pytest.mark.parametrize("by", ["address", "client"])
def test_the_keys_of_an_address_verify_tokens(provider: Provider, by: str) -> None:
    verify_by_id = (
        jwt_verifier(jwks_url=provider.url, algorithms=["HS256"])
        if by == "address"
        else jwt_verifier(
            key=jwt.PyJWKClient(provider.url, cache_jwk_set=False).get_signing_key_from_jwt,
            algorithms=["HS256"],
        )
    )
    assert verify_by_id(token(headers={"kid": "1"}))["sub"] == "bridge"
    for bad in (
        token("f" * 32, headers={"kid": "1"}),
        token(headers={"kid": "2"}),
        token(),
        "a.b",
        part("[" * 20_000) + ".e30.AAAA",
    ):
        with pytest.raises(InvalidToken):
            verify_by_id(bad)
    assert provider.requests == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<!doctype html><title>Maintenance</title>"),
        (200, b""),
        (200, b"{}"),
        (200, b"[]"),
        (200, b"null"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": null}'),
        (200, b'{"keys": {"kid": "1"}}'),
        (200, b'{"keys": [{"kty": "unknown", "kid": "1"}]}'),
        (200, b'{"keys": [{"kty": "oct", "k": "a2V5"}]}'),
        (200, b"\xff\xfe"),
        (200, b"[" * 100_000),
        (302, b""),
        (404, b""),
        (429, b""),
        (500, KEYS),
    ],
    ids=range(16),
)
def test_whatever_goes_wrong_with_the_keys_is_a_503_and_logged_once(
    provider: Provider, answer: tuple[int, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    provider.answer = answer
    verifier = jwt_verifier(jwks_url=provider.url, algorithms=["HS256"])
    for _ in range(2):
        response = ask(verifier, token(headers={"kid": "1"}))
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "30"
        assert "WWW-Authenticate" not in response.headers
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert provider.url in caplog.text


def test_an_identity_provider_that_is_down_is_a_503() -> None:
    with socket.socket() as silent:  # bound without listen(): it refuses each connection
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        verifier = jwt_verifier(jwks_url=address, algorithms=["HS256"])
        assert ask(verifier, token(headers={"kid": "1"})).status_code == 503


def test_an_identity_provider_that_sends_a_byte_now_and_then_delays_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        verifier = jwt_verifier(jwks_url=address, algorithms=["HS256"], timeout=0.3)
        is_over = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not is_over.wait(0.1):
                    connection.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        start = time.monotonic()
        assert ask(verifier, token(headers={"kid": "1"})).status_code == 503
        assert time.monotonic() - start < 0.6
        is_over.set()
        thread.join()
