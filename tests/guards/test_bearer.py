from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st

from flask_apierrors import InvalidToken
from flask_apierrors._guards.bearer import Bearer

TOKEN68 = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)


def token_of(authorization: str | None) -> str | None:
    """Return the token that the author's function gets."""
    bearer = Bearer(lambda token: token)
    environ: dict[str, Any] = {"HTTP_AUTHORIZATION": authorization}
    credentials = bearer.credentials(Request(environ))
    if credentials is None:
        return None
    try:
        return str(bearer.verify(credentials))
    except InvalidToken:
        return None


# -- credentials


@given(
    TOKEN68,
    st.sampled_from(["Bearer", "bearer", "BEARER", "bEaReR"]),
    st.integers(1, 3),
    st.integers(0, 3),
)
def test_a_bearer_token_is_read_whatever_the_case_of_its_scheme(
    token: str, scheme: str, before: int, after: int
) -> None:
    assert token_of(scheme + " " * before + token + " " * after) == token


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer x y",
        "Bearer a=b",
        "Bearer =",
        "Bearer a,b",
        'Bearer token="x"',
        "Bearer\ttoken",
        "Bearer token\n",
        "Bearertoken",
        " Bearer token",
        "Basic dXNlcjpwYXNz",
        "Basic \xed",
        "Bearer \xed",
        "Bearer \u017f",
        "Token abc",
        "Bearer abc, Bearer def",
        "\x00",
    ],
)
def test_other_values_have_no_token(authorization: str | None) -> None:
    assert token_of(authorization) is None


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_every_value_is_read_without_an_exception_and_only_an_exact_one_has_a_token(
    authorization: str,
) -> None:
    token = token_of(authorization)
    scheme, _, rest = authorization.partition(" ")
    if token is None:
        assert scheme.lower() != "bearer" or not re.fullmatch(r" *[A-Za-z0-9._~+/-]+=* *", rest)
    else:
        assert scheme.lower() == "bearer"
        assert rest.strip(" ") == token


def test_an_authorization_header_of_64_kilobytes_is_read() -> None:
    assert token_of("Bearer " + "a" * 65_536) == "a" * 65_536
    assert token_of("Bearer " + "a=" * 32_768) is None
    assert token_of("Bearer" + " " * 65_536) is None
