"""API keys: which requests have one, and what becomes of the others."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, Request, Response, request
from hypothesis import given
from hypothesis import strategies as st

from flask_apierrors import ApiErrors, current_principal, requires_auth
from flask_apierrors._core.errors import InvalidCredentials
from flask_apierrors._guards.api_key import ApiKey, Location
from tests.conftest import parse_strictly

KEY = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
HOSTILE = st.text(st.characters(max_codepoint=255))
PLACES: list[Location] = ["header", "query", "cookie"]


def make(**place: str) -> Flask:
    app = Flask(__name__)
    errors = ApiErrors(app)
    errors.verify_key(**place)(lambda key: "bridge" if compare_digest(key, "right") else None)
    app.add_url_rule("/", "me", requires_auth(lambda: f"{current_principal}"))
    return app


def key_of(location: Location, environ: dict[str, str]) -> str | None:
    """Return the key that the author's function gets."""
    scheme = ApiKey(lambda key: key, location, "api-key", "Key")
    credentials = scheme.credentials(Request(environ))
    if credentials is None:
        return None
    try:
        return str(scheme.verify(credentials))
    except InvalidCredentials:
        return None


@pytest.mark.parametrize(
    ("place", "sent", "missing"),
    [
        ({"header": "X-API-Key"}, {"headers": {"X-API-Key": "%s"}}, "the X-API-Key header"),
        ({"query": "api_key"}, {"query_string": {"api_key": "%s"}}, "the query parameter api_key"),
        ({"cookie": "api_key"}, {"headers": {"Cookie": "a=b; api_key=%s"}}, "the cookie api_key"),
    ],
)
def test_a_key_is_read_from_the_place_that_it_has(
    place: dict[str, str], sent: dict[str, dict[str, str]], missing: str
) -> None:
    client = make(**place).test_client(use_cookies=False)

    def send(key: str) -> Any:
        ((part, fields),) = sent.items()
        return client.get("/", **{part: {name: text % key for name, text in fields.items()}})

    assert send("right").text == "bridge"
    for response, sentence in (
        (client.get("/"), f"Authentication failed: {missing} is missing."),
        (send("wrong"), "Authentication failed: the API key is invalid."),
    ):
        assert response.status_code == 401
        assert parse_strictly(response.data) == {"error": sentence}
        assert response.headers.getlist("WWW-Authenticate") == ['ApiKey realm="api"']


@given(KEY)
def test_a_key_is_read_whole(key: str) -> None:
    assert key_of("header", {"HTTP_API_KEY": key}) == key
    assert key_of("query", {"QUERY_STRING": f"a=b&api-key={quote(key)}&api-keys=c"}) == key
    assert key_of("query", {"QUERY_STRING": f"%61pi-key={quote(key, safe='')}"}) == key
    if not set(key) & set(' ";,\\'):
        assert key_of("cookie", {"HTTP_COOKIE": f"a=b; api-key={key}; c=d"}) == key


@given(HOSTILE)
def test_whatever_is_sent_is_read_without_an_exception(text: str) -> None:
    for environ in (
        {"HTTP_API_KEY": text},
        {"QUERY_STRING": text},
        {"QUERY_STRING": f"api-key={text}"},
        {"HTTP_COOKIE": text},
        {"HTTP_COOKIE": f"api-key={text}"},
    ):
        for location in PLACES:
            key = key_of(location, environ)
            assert key is None or (key.isascii() and key.isprintable() and key == key.strip())


@given(HOSTILE)
def test_no_key_makes_the_function_of_the_author_fail(text: str) -> None:
    response = (
        make(header="X-API-Key").test_client().get("/", environ_overrides={"HTTP_X_API_KEY": text})
    )
    assert response.status_code == (200 if text == "right" else 401)


@pytest.mark.parametrize(
    ("place", "sent"),
    [
        ({"header": "X-API-Key"}, {"headers": {"X-API-Key": ""}}),
        ({"header": "X-API-Key"}, {"environ_overrides": {"HTTP_X_API_KEY": "righ\xe9"}}),
        ({"query": "key"}, {"query_string": "key="}),
        ({"query": "key"}, {"query_string": "key=right%00"}),
        ({"query": "key"}, {"query_string": "key=%C3%A9"}),
        ({"query": "key"}, {"query_string": "key=right&key=other"}),
        ({"cookie": "key"}, {"headers": {"Cookie": "key=right; key=other"}}),
    ],
)
def test_a_malformed_key_and_two_keys_are_refused_and_never_verified(
    place: dict[str, str], sent: dict[str, Any]
) -> None:
    app = Flask(__name__)
    errors = ApiErrors(app)
    errors.verify_key(**place)(lambda key: pytest.fail("called"))
    app.add_url_rule("/", "me", requires_auth(lambda: ""))
    response = app.test_client(use_cookies=False).get("/", **sent)
    assert response.status_code == 401
    assert parse_strictly(response.data) == {
        "error": "Authentication failed: the API key is malformed."
    }


def test_the_same_key_twice_is_one() -> None:
    assert make(query="key").test_client().get("/?key=right&key=right").text == "bridge"


def test_a_cookie_that_was_deleted_is_no_key() -> None:
    response = (
        make(cookie="key").test_client(use_cookies=False).get("/", headers={"Cookie": "key="})
    )
    assert parse_strictly(response.data) == {
        "error": "Authentication failed: the cookie key is missing."
    }


def test_a_key_is_not_what_the_app_read_of_the_request() -> None:
    app = make(query="key")
    app.add_url_rule("/read", "read", requires_auth(lambda: sorted(vars(request))))
    read: Any = app.test_client().get("/read?key=right").json
    assert not {"args", "cookies"} & set(read)


@pytest.mark.parametrize("place", [{"header": "X-API-Key"}, {"query": "key"}, {"cookie": "key"}])
def test_no_shared_cache_keeps_what_a_key_opens(place: dict[str, str]) -> None:
    app = make(**place)
    app.add_url_rule(
        "/shared", "shared", requires_auth(lambda: Response(headers={"Cache-Control": "public"}))
    )
    app.add_url_rule("/open", "open", lambda: "")
    sent: dict[str, Any] = {"headers": {"X-API-Key": "right", "Cookie": "key=right"}}
    client = app.test_client(use_cookies=False)
    assert client.get("/?key=right", **sent).headers["Cache-Control"] == "private"
    assert client.get("/shared?key=right", **sent).headers["Cache-Control"] == "public"
    assert "Cache-Control" not in client.get("/open?key=right", **sent).headers
    assert client.get("/?key=wrong").headers["Cache-Control"] == "no-store"


def test_a_key_is_in_no_response_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    app = Flask(__name__)
    ApiErrors(app).verify_key(query="key")(lambda key: {}[key])
    app.add_url_rule("/", "me", requires_auth(lambda: ""))
    response = app.test_client().get(
        "/?key=s3cret-wrong", headers={"Accept": "application/problem+json"}
    )
    assert response.status_code == 500
    assert "s3cret" not in response.text + str(response.headers)
    own = [record.getMessage() for record in caplog.records]
    assert own
    assert not any("s3cret" in message for message in own)


# -- the mistakes of an author


@pytest.mark.parametrize(
    "places", [{}, {"header": "A", "query": "b"}, {"header": None, "query": None}]
)
def test_a_key_has_one_place(places: Any) -> None:
    with pytest.raises(TypeError, match='verify_key\\(header="X-API-Key"\\)'):
        ApiErrors().verify_key(**places)


@pytest.mark.parametrize(
    "places", [{"header": "X API"}, {"query": ""}, {"cookie": "a;b"}, {"header": "authorization"}]
)
def test_a_place_has_a_name(places: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"name without spaces|verify_token"):
        ApiErrors().verify_key(**places)(lambda key: None)
