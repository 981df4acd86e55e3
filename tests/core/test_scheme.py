from __future__ import annotations

import inspect

import pytest

from flask_apierrors import ApiError, InvalidToken
from flask_apierrors._core.scheme import Scheme, challenges, sentence_of_401
from flask_apierrors._guards.bearer import Bearer


@pytest.mark.parametrize("scheme", [Bearer])
def test_every_scheme_has_all_parts_of_the_protocol(scheme: type[Scheme]) -> None:
    for name, method in inspect.getmembers(Scheme, inspect.isfunction):
        if not name.startswith("_"):
            signature = inspect.signature(getattr(scheme, name))
            assert [*signature.parameters] == [*inspect.signature(method).parameters]
    assert scheme.security_scheme["type"]
    assert scheme.credentials_name.startswith(("a ", "an "))


def test_a_401_has_a_challenge_whether_there_is_a_scheme_or_not() -> None:
    exc = ApiError(status=401)
    bearer = Bearer(lambda token: None)
    assert challenges((bearer,), exc, {}, "x") == (("WWW-Authenticate", 'Bearer realm="x"'),)
    assert challenges((), exc, {}, "x") == (("WWW-Authenticate", 'Session realm="x"'),)
    ((_, challenge),) = challenges((), InvalidToken(), {}, "x")
    assert challenge == 'Bearer realm="x", error="invalid_token"'


def test_a_challenge_of_an_unknown_scheme_makes_the_sentence_neutral() -> None:
    schemes = (Bearer(lambda token: None),)
    environ = {"HTTP_AUTHORIZATION": "Bearer x"}
    for value, key in (("bearer realm=x", "invalid-token"), ("Basic", "authentication-required")):
        sentence = sentence_of_401(schemes, environ, (("www-authenticate", value),))
        assert sentence is not None
        assert sentence.key == key
