"""The Basic scheme: which logins reach the author's function."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from flask import Flask, Request
from hypothesis import given
from hypothesis import strategies as st

from flask_apierrors import ApiErrors, InvalidCredentials, current_principal, requires_auth
from flask_apierrors._guards.basic import Basic
from tests.conftest import parse_strictly

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]))
USERNAME = TEXT.filter(lambda text: ":" not in text)


def encoded(text: str | bytes) -> str:
    return "Basic " + b64encode(text.encode() if isinstance(text, str) else text).decode()


def login_of(authorization: str) -> tuple[str, str] | None:
    """Return what the author's function gets."""
    basic = Basic(lambda username, password: (username, password))
    credentials = basic.credentials(Request({"HTTP_AUTHORIZATION": authorization}))
    if credentials is None:
        return None
    try:
        login: tuple[str, str] = basic.verify(credentials)
    except InvalidCredentials:
        return None
    return login


def make() -> Flask:
    app = Flask(__name__)
    errors = ApiErrors(app)
    passwords = {"ann": "pässwörd: 1"}
    errors.verify_basic(lambda user, password: user if passwords.get(user) == password else None)
    app.add_url_rule("/", "me", requires_auth(lambda: f"{current_principal}"))
    return app


def test_a_username_and_a_password_are_a_principal() -> None:
    client = make().test_client()
    assert client.get("/", headers={"Authorization": encoded("ann:pässwörd: 1")}).text == "ann"


@pytest.mark.standard("401-for-credentials", "basic-realm", "basic-charset")
@pytest.mark.parametrize(
    ("authorization", "sentence"),
    [
        (None, "Authentication failed: the Authorization header is missing."),
        (
            "Bearer x",
            "Authentication failed: the Authorization header does not hold a username and a "
            "password.",
        ),
        (encoded("ann:x"), "Authentication failed: the username or the password is wrong."),
        (encoded("ann"), "Authentication failed: the Basic credentials are malformed."),
    ],
)
def test_every_other_request_is_a_401_with_the_challenge_of_the_scheme(
    authorization: str | None, sentence: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = make().test_client().get("/", headers=headers)
    assert response.status_code == 401
    assert parse_strictly(response.data) == {"error": sentence}
    assert response.headers.getlist("WWW-Authenticate") == ['Basic realm="api", charset="UTF-8"']
    assert (response.www_authenticate.type, response.www_authenticate.parameters) == (
        "basic",
        {"realm": "api", "charset": "UTF-8"},
    )


@given(
    TEXT.filter(lambda text: ":" not in text), TEXT, st.sampled_from(["Basic", "basic", "BASIC"])
)
def test_a_login_is_read_whole_whatever_the_case_of_its_scheme(
    username: str, password: str, scheme: str
) -> None:
    value = encoded(f"{username}:{password}").replace("Basic", scheme)
    assert login_of(value) == (username, password)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic \xed",
        "Basic YW5uOng",  # the padding is missing
        "Basic YW5u OngK",
        "Basic YW5uOng=, Basic YW5uOng=",
        "Basic YW5uOng=\n",
        "BasicYW5uOng=",
        "Basic\tYW5uOng=",
        encoded("ann"),
        encoded(b"ann:\xff"),
        encoded("ann:\x00"),
        encoded("ann\r\n:x"),
        encoded("ann:\x7f"),
        encoded(b"ann:\xed\xa0\x80"),
    ],
)
def test_a_malformed_login_never_reaches_the_function(authorization: str) -> None:
    assert login_of(authorization) is None


@given(st.text(st.characters(max_codepoint=255)), st.binary())
def test_every_header_is_answered(text: str, decoded: bytes) -> None:
    client = make().test_client()
    for value in (text, f"Basic {text}", encoded(decoded)):
        response = client.get("/", environ_overrides={"HTTP_AUTHORIZATION": value})
        assert response.status_code == 401


def test_a_function_can_be_async() -> None:
    pytest.importorskip("asgiref")
    app = make()

    async def verify(username: str, password: str) -> Any:
        return username

    errors = ApiErrors()
    errors.verify_basic(verify)
    app.extensions["apierrors"].hooks.schemes = errors._hooks.schemes
    assert app.test_client().get("/", headers={"Authorization": encoded("bob:")}).text == "bob"
