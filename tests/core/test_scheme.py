from __future__ import annotations

from typing import Any

import pytest
from flask import Request

from flask_apierrors import ApiError, InvalidCredentials, InvalidToken
from flask_apierrors._core.scheme import (
    Scheme,
    challenges,
    check_scheme,
    missing_sentence,
    needed_sentence,
    sent_scheme,
    sentence_of_401,
    words_of,
)
from flask_apierrors._guards.api_key import ApiKey
from flask_apierrors._guards.basic import Basic
from flask_apierrors._guards.bearer import Bearer
from flask_apierrors._guards.identify import Identify

REALM = (("realm", "x"),)
BEARER = Bearer(lambda token: None)
BASIC = Basic(lambda username, password: None)
KEY = ApiKey(lambda key: None, "header", "X-API-Key", "Key")
QUERY = ApiKey(lambda key: None, "query", "key", "Query")
COOKIE = ApiKey(lambda key: None, "cookie", "key", "Cookie")
SESSION = Identify(lambda: None, "Session", {"type": "apiKey", "in": "cookie"}, "a session")
JWT = Identify(lambda: None, "JWT", {"type": "http", "scheme": "bearer"}, "an access token")


def values(*args: Any) -> list[str]:
    fields = challenges(*args)
    assert {name for name, _ in fields} == {"WWW-Authenticate"}
    return [value for _, value in fields]


def request_with(**environ: str) -> Request:
    return Request(environ)


# -- challenges


@pytest.mark.standard("challenge-on-401")
def test_a_401_has_a_challenge_whether_there_is_a_scheme_or_not() -> None:
    exc = ApiError(status=401)
    assert values((BEARER,), None, exc, REALM) == ['Bearer realm="x"']
    assert values((), None, exc, REALM) == ['Session realm="x"']
    assert values((), None, InvalidToken(), REALM) == ['Bearer realm="x", error="invalid_token"']


def test_each_scheme_has_its_challenge() -> None:
    assert values((BEARER, BASIC, KEY, SESSION, JWT), None, None, REALM) == [
        'Bearer realm="x"',
        'Basic realm="x", charset="UTF-8"',
        'ApiKey realm="x"',
        'Session realm="x"',
    ]


def test_the_challenge_of_the_credentials_that_were_refused_comes_first() -> None:
    schemes = (KEY, BEARER)
    assert values(schemes, BEARER, InvalidToken("Revoked."), REALM) == [
        'Bearer realm="x", error="invalid_token", error_description="Revoked."',
        'ApiKey realm="x"',
    ]
    assert values(schemes, KEY, InvalidCredentials("Revoked."), REALM) == [
        'ApiKey realm="x"',
        'Bearer realm="x"',
    ]


def test_a_scheme_that_would_not_do_has_no_challenge() -> None:
    assert values((KEY,), BEARER, None, REALM) == ['ApiKey realm="x"']


@pytest.mark.standard("challenge-parameters-once")
def test_configured_parameters_follow_and_never_repeat_one() -> None:
    parameters = (("realm", "x"), ("resource_metadata", "https://a/b"), ("scope", "read"))
    assert values((BEARER, BASIC), BEARER, InvalidToken(), parameters) == [
        'Bearer realm="x", error="invalid_token", resource_metadata="https://a/b", scope="read"',
        'Basic realm="x", charset="UTF-8", resource_metadata="https://a/b", scope="read"',
    ]
    exc = InvalidToken(challenge={"scope": "write"})
    assert values((BEARER,), BEARER, exc, parameters) == [
        'Bearer realm="x", error="invalid_token", scope="write", resource_metadata="https://a/b"'
    ]


@pytest.mark.standard("challenge-parameters-once")
def test_a_parameter_occurs_once_whatever_its_case() -> None:
    exc = InvalidToken("Log in.", challenge={"Realm": "y", "ERROR": "z"})
    assert values((BEARER,), BEARER, exc, (("realm", "x"), ("Error", "configured"))) == [
        'Bearer realm="y", error="z", error_description="Log in."'
    ]


STEP_UP = {"error": "insufficient_user_authentication", "max_age": 300}


@pytest.mark.parametrize(
    ("schemes", "exc", "first"),
    [
        ((KEY, BEARER), InvalidToken("Log in.", challenge=STEP_UP), "Bearer"),
        ((), InvalidToken("Log in.", challenge=STEP_UP), "Bearer"),
        ((SESSION,), InvalidCredentials("Log in.", challenge=STEP_UP), "Session"),
    ],
)
def test_an_exception_brings_parameters_for_the_scheme_that_it_is_about(
    schemes: tuple[Scheme, ...], exc: Exception, first: str
) -> None:
    challenge = values(schemes, None, exc, REALM)[0]
    assert challenge.startswith(f'{first} realm="x", error="insufficient_user_authentication"')
    assert challenge.count("error=") == 1
    assert 'max_age="300"' in challenge


def test_a_token_that_is_not_verified_here_has_no_challenge_of_another_scheme() -> None:
    assert values((KEY,), None, InvalidToken(), REALM) == ['ApiKey realm="x"']


# -- sentences


@pytest.mark.parametrize(
    ("schemes", "sentence"),
    [
        ((), "Authentication is required."),
        ((BEARER,), "Authentication failed: the Authorization header is missing."),
        ((BEARER, BASIC), "Authentication failed: the Authorization header is missing."),
        ((KEY,), "Authentication failed: the X-API-Key header is missing."),
        ((QUERY,), "Authentication failed: the query parameter key is missing."),
        ((COOKIE,), "Authentication failed: the cookie key is missing."),
        ((SESSION,), "Authentication is required."),
        (
            (BEARER, KEY, SESSION),
            "Authentication is required: the request needs a Bearer token, an API key, or a "
            "session.",
        ),
        ((KEY, QUERY), "Authentication is required: the request needs an API key."),
    ],
)
def test_the_sentence_for_no_credentials_names_what_is_missing(
    schemes: tuple[Scheme, ...], sentence: str
) -> None:
    assert str(missing_sentence(schemes, request_with())) == sentence


def test_an_authorization_header_of_another_scheme_is_told_from_none() -> None:
    req = request_with(HTTP_AUTHORIZATION="Digest x")
    assert str(missing_sentence((BEARER, KEY), req)) == (
        "Authentication failed: the Authorization header does not hold a Bearer token."
    )
    assert str(missing_sentence((BEARER, BASIC), req)) == (
        "Authentication failed: the Authorization header does not hold a Bearer token or a "
        "username and a password."
    )
    assert "X-API-Key header is missing" in str(missing_sentence((KEY,), req))
    assert str(missing_sentence((JWT,), req)) == "Authentication is required."


def test_a_challenge_of_an_unknown_scheme_makes_the_sentence_neutral() -> None:
    req = request_with(HTTP_AUTHORIZATION="Bearer x")
    for value, key in (("bearer realm=x", "invalid-token"), ("Basic", "authentication-required")):
        sentence = sentence_of_401((BEARER,), BEARER, req, (("www-authenticate", value),))
        assert sentence.key == key
    assert needed_sentence(()).key == "authentication-required"


@pytest.mark.parametrize(
    ("schemes", "words"),
    [
        ((KEY,), "an API key"),
        ((KEY, BEARER), "an API key or a Bearer token"),
        ((KEY, BEARER, SESSION), "an API key, a Bearer token, or a session"),
        ((KEY, QUERY), "an API key"),
    ],
)
def test_schemes_are_named_in_words(schemes: tuple[Scheme, ...], words: str) -> None:
    assert words_of(schemes) == words


def test_what_browsers_send_by_themselves_is_not_what_a_client_added() -> None:
    req = request_with(HTTP_COOKIE="key=x")
    assert sent_scheme((COOKIE,), req) is None
    assert sent_scheme((COOKIE, KEY), request_with(HTTP_X_API_KEY="x")) is KEY


# -- a scheme of an author's own


class Signature(Scheme):
    name = "Signature"
    auth_scheme = "HMAC"
    security_scheme = {"type": "apiKey", "in": "header", "name": "X-Signature"}  # noqa: RUF012


def test_a_scheme_has_to_read_and_verify_credentials() -> None:
    scheme = Signature()
    check_scheme(scheme)
    with pytest.raises(NotImplementedError):
        scheme.credentials(request_with())
    with pytest.raises(NotImplementedError):
        scheme.verify("")


def test_a_scheme_of_another_type_misses_no_header() -> None:
    scheme = Signature()
    scheme.security_scheme = {"type": "mutualTLS"}
    assert str(scheme.missing()) == "Authentication is required."


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("name", "two words"),
        ("name", ""),
        ("name", None),
        ("name", "x" * 33),
        ("auth_scheme", "a b"),
        ("security_scheme", None),
        ("security_scheme", {"in": "header"}),
    ],
)
def test_an_attribute_of_a_scheme_that_cannot_be_right_is_named(attribute: str, value: Any) -> None:
    scheme = Signature()
    setattr(scheme, attribute, value)
    with pytest.raises(ValueError, match=rf"^Signature\.{attribute} = "):
        check_scheme(scheme)


@pytest.mark.parametrize("value", [Signature, None, "Signature"])
def test_what_is_no_scheme_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="instance of a subclass of Scheme"):
        check_scheme(value)
