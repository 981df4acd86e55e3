"""Authentication: which requests pass, what other clients get, and when a token is verified."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Blueprint, Flask, Response
from flask.views import MethodView
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.exceptions import BadGateway, HTTPException, ServiceUnavailable, Unauthorized
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response as WerkzeugResponse

from flask_apierrors import (
    ApiErrors,
    InvalidToken,
    catalogue,
    current_principal,
    optional_auth,
    requires_auth,
    requires_permissions,
)
from tests.conftest import parse_strictly

GOOD = {"Authorization": "Bearer good"}


def verify(token: str) -> Any:
    return {"sub": "me", "permissions": ["read"]} if token == "good" else None


def make(verifier: Callable[..., Any] | None = verify) -> tuple[Flask, ApiErrors]:
    app = Flask(__name__)
    errors = ApiErrors(app)
    if verifier is not None:
        errors.verify_token(verifier)

    @app.get("/me")
    @requires_auth
    def me() -> Any:
        return {"sub": current_principal["sub"]}

    @app.get("/read")
    @requires_permissions("read")
    def read() -> Any:
        return {"sub": current_principal["sub"]}

    @app.get("/write")
    @requires_permissions("read", "write")
    def write() -> Any:
        return {}

    @app.get("/open")
    def open_view() -> Any:
        return {"authenticated": bool(current_principal)}

    return app, errors


def get(app: Flask, path: str, headers: dict[str, str] | None = GOOD) -> TestResponse:
    return app.test_client().get(path, headers=headers)


def test_a_valid_token_passes_whatever_the_case_of_the_scheme() -> None:
    app, _ = make()
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert get(app, "/me", {"Authorization": f"{scheme} good"}).json == {"sub": "me"}


@pytest.mark.standard("401-for-credentials", "bearer-without-error")
def test_a_missing_header_is_a_401_without_an_error_code() -> None:
    response = get(make()[0], "/me", {})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert parse_strictly(response.data) == {
        "error": "Authentication failed: the Authorization header is missing."
    }


def test_the_log_says_once_that_mod_wsgi_keeps_the_header_from_the_app(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make()[0].test_client()
    for _ in range(2):
        client.get("/me", environ_overrides={"mod_wsgi.version": (5, 0, 0)})
    assert caplog.text.count("WSGIPassAuthorization On") == 1


def test_the_log_says_nothing_when_mod_wsgi_passes_the_header_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = make()[0].test_client()
    for headers in (GOOD, {}):
        client.get("/me", headers=headers, environ_overrides={"mod_wsgi.version": (5, 0, 0)})
    assert "WSGIPassAuthorization" not in caplog.text


@pytest.mark.standard("invalid-token")
def test_a_rejected_token_is_a_401_with_the_code_invalid_token() -> None:
    response = get(make()[0], "/me", {"Authorization": "Bearer bad"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert parse_strictly(response.data) == {
        "error": "Authentication failed: the Bearer token is invalid or expired."
    }


@pytest.mark.standard("invalid-token")
@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer a b", "Bearer a=b", "bearer good, Bearer x"]
)
def test_a_malformed_token_is_told_from_a_missing_one_and_never_verified(value: str) -> None:
    app, _ = make(lambda token: pytest.fail("called"))
    response = get(app, "/me", {"Authorization": value})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
    assert parse_strictly(response.data) == {
        "error": "Authentication failed: the Bearer token is malformed."
    }


@pytest.mark.parametrize("value", ["Basic Z29vZA==", "good", "Bearers good"])
def test_credentials_of_another_scheme_never_reach_the_verifier(value: str) -> None:
    app, _ = make(lambda token: pytest.fail("called"))
    response = get(app, "/me", {"Authorization": value})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.standard("bearer-parameter")
@given(st.text(st.characters(max_codepoint=255)))
def test_every_authorization_header_is_answered(value: str) -> None:
    app, _ = make()
    response = app.test_client().get("/me", environ_overrides={"HTTP_AUTHORIZATION": value})
    assert response.status_code in (200, 401)
    if response.status_code == 401:
        assert response.headers["WWW-Authenticate"].startswith('Bearer realm="api"')


def test_the_reason_of_the_verifier_is_in_the_body_and_in_the_challenge() -> None:
    def expired(token: str) -> Any:
        raise InvalidToken("The token expired at 09:41.")

    response = get(make(expired)[0], "/me")
    assert parse_strictly(response.data) == {"error": "The token expired at 09:41."}
    assert response.headers["WWW-Authenticate"] == (
        'Bearer realm="api", error="invalid_token", error_description="The token expired at 09:41."'
    )


def test_an_http_exception_of_the_verifier_passes_unchanged() -> None:
    def down(token: str) -> Any:
        raise ServiceUnavailable("The identity provider is down.", retry_after=7)

    response = get(make(down)[0], "/me")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "7"
    assert "WWW-Authenticate" not in response.headers


def test_a_401_that_the_verifier_raises_refuses_the_credentials() -> None:
    def refuse(token: str) -> Any:
        raise Unauthorized("This token is no longer in use.")

    app, _ = make(refuse)
    assert get(app, "/open").json == {"authenticated": False}
    response = get(app, "/me")
    assert (response.status_code, response.json) == (
        401,
        {"error": "This token is no longer in use."},
    )
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


def test_a_crash_of_the_verifier_is_a_500() -> None:
    response = get(make(lambda token: 1 / 0)[0], "/me")
    assert response.status_code == 500


@pytest.mark.parametrize("principal", [None, False, [], {}, "", 0, (), set(), Markup("")], ids=repr)
def test_an_empty_value_is_no_principal(principal: Any) -> None:
    response = get(make(lambda token: principal)[0], "/me")
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


async def async_generator_function() -> Any:
    yield {"sub": "me"}


def generator_function() -> Any:
    yield {"sub": "me"}


@pytest.mark.parametrize(
    "make_mistake",
    [
        lambda: InvalidToken("expired"),
        lambda: InvalidToken,
        lambda: KeyError("token"),
        lambda: ({"error": "bad token"}, 401),
        lambda: ("no", "401 Unauthorized"),
        lambda: ("no", 401, {"X": "y"}),
        lambda: Response("no", 401),
        lambda: WerkzeugResponse("no", 401),
        generator_function,
        async_generator_function,
    ],
)
def test_a_verifier_that_returns_a_refusal_lets_nobody_in(
    make_mistake: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    response = get(make(lambda token: make_mistake())[0], "/me")
    assert response.status_code == 500
    assert "Return None to refuse a request, or raise InvalidCredentials" in caplog.text


@pytest.mark.parametrize(
    "principal", [7, True, "me", ("me", "admin"), ["me"], frozenset("a"), object()]
)
def test_any_other_object_is_a_principal(principal: Any) -> None:
    app, _ = make(lambda token: principal)
    assert get(app, "/open").json == {"authenticated": True}


def test_a_guard_without_a_verifier_fails_with_the_remedy() -> None:
    app, _ = make(None)
    app.testing = True
    with pytest.raises(RuntimeError, match="verify_token"):
        get(app, "/me")


# -- challenges


def test_the_exception_itself_has_its_challenge_for_other_handlers() -> None:
    app, _ = make()
    caught: list[Any] = []

    @app.errorhandler(401)
    def other_framework(exc: Unauthorized) -> Any:
        caught.append(exc)
        return exc.get_response()

    for headers, challenge in (
        ({}, 'Bearer realm="api"'),
        ({"Authorization": "Bearer bad"}, 'Bearer realm="api", error="invalid_token"'),
    ):
        response = get(app, "/me", headers)
        assert response.headers.getlist("WWW-Authenticate") == [challenge]
    assert [type(exc).__name__ for exc in caught] == ["ApiError", "InvalidToken"]


class Revoked(InvalidToken):
    """A refusal that needs arguments."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Token {number} was revoked.", headers={"X-Number": str(number)})


def test_a_refusal_that_is_shared_is_not_written_to() -> None:
    shared = Revoked(7)

    def verifier(token: str) -> Any:
        raise shared

    app, _ = make(verifier)
    for _ in range(2):
        response = get(app, "/me")
        assert response.headers["X-Number"] == "7"
        assert response.headers.getlist("WWW-Authenticate") == [
            'Bearer realm="api", error="invalid_token", error_description="Token 7 was revoked."'
        ]
    assert shared.headers == {"X-Number": "7"}


@pytest.mark.parametrize("reason", [object(), 7, ["secret"], b"secret"])
def test_the_repr_of_a_reason_is_never_sent(reason: object) -> None:
    def verifier(token: str) -> Any:
        raise InvalidToken(reason)

    response = get(make(verifier)[0], "/me")
    assert response.headers.getlist("WWW-Authenticate") == [
        'Bearer realm="api", error="invalid_token"'
    ]


def test_the_challenge_of_a_refusal_is_the_authors() -> None:
    def step_up(token: str) -> Any:
        challenge = 'Bearer error="insufficient_user_authentication", acr_values="2"'
        raise InvalidToken("Log in again.", headers={"WWW-Authenticate": challenge})

    assert get(make(step_up)[0], "/me").headers.getlist("WWW-Authenticate") == [
        'Bearer error="insufficient_user_authentication", acr_values="2"'
    ]


def test_another_library_can_write_the_description_of_a_refusal_as_json() -> None:
    app, _ = make()
    app.register_error_handler(HTTPException, lambda exc: json.dumps({"message": exc.description}))
    assert parse_strictly(get(app, "/write").data) == {
        "message": "You do not have permission to access the requested content."
    }
    assert parse_strictly(get(app, "/write", {"Authorization": "Bearer a b"}).data) == {
        "message": "Authentication failed: the Bearer token is malformed."
    }


@pytest.mark.parametrize("reason", [{"a": 1}, ["a"], 5, b"bytes", None])
def test_a_reason_that_is_no_text_is_a_401(reason: Any) -> None:
    def refuse(token: str) -> Any:
        raise InvalidToken(reason)

    assert get(make(refuse)[0], "/me").status_code == 401


# -- clients that may come without credentials


def optional() -> Flask:
    app, errors = make()
    errors.verify_key(header="X-API-Key")({"good": {"sub": "bridge"}}.get)

    def who() -> Any:
        return {"sub": current_principal["sub"] if current_principal else None}

    app.add_url_rule("/who", "who", optional_auth(who))
    app.add_url_rule("/bridge", "bridge", optional_auth("key")(who))
    return app


@pytest.mark.parametrize(
    ("path", "headers", "principal"),
    [
        ("/who", {}, None),
        ("/who", GOOD, "me"),
        ("/who", {"X-API-Key": "good"}, "bridge"),
        ("/who", {"Authorization": "Digest x"}, None),
        ("/bridge", {}, None),
        ("/bridge", {"X-API-Key": "good"}, "bridge"),
    ],
)
def test_optional_credentials_are_used_if_they_are_there(
    path: str, headers: dict[str, str], principal: str | None
) -> None:
    assert get(optional(), path, headers).json == {"sub": principal}


@pytest.mark.parametrize(
    ("path", "headers", "challenge"),
    [
        ("/who", {"Authorization": "Bearer bad"}, 'Bearer realm="api", error="invalid_token"'),
        ("/who", {"Authorization": "Bearer"}, 'Bearer realm="api", error="invalid_token", '),
        ("/who", {"X-API-Key": "bad"}, 'ApiKey realm="api"'),
        ("/who", GOOD | {"X-API-Key": "good"}, 'Bearer realm="api"'),
        ("/bridge", GOOD, 'ApiKey realm="api"'),
    ],
)
def test_optional_credentials_that_are_wrong_are_a_401(
    path: str, headers: dict[str, str], challenge: str
) -> None:
    response = get(optional(), path, headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith(challenge)


def test_optional_credentials_fail_with_their_verifier_and_without_one() -> None:
    def down(token: str) -> Any:
        raise ServiceUnavailable

    for verifier, status in ((down, 503), (None, 500)):
        app, _ = make(verifier)
        app.add_url_rule("/who", "who", optional_auth(lambda: {}))
        assert get(app, "/who").status_code == status


def test_the_catalogue_says_that_credentials_are_optional() -> None:
    operations = {item.rule: item for item in catalogue(optional()).operations}
    (mark,) = operations["/who"].guards
    assert mark.condition == "Takes a Bearer token or an API key, but needs none."
    assert {error.code for error in operations["/who"].errors if error.status == 401} == {
        "unauthorized",
        "invalid-token",
        "invalid-credentials",
    }
    (mark,) = operations["/bridge"].guards
    assert mark.condition == "Takes an API key, but needs none."
    app = Flask("none")
    ApiErrors(app)
    app.add_url_rule("/", "who", optional_auth(lambda: {}))
    (operation,) = catalogue(app).operations
    assert operation.guards[0].condition == "Takes credentials, but needs none."


# -- the principal


def test_a_token_is_verified_once_in_a_request() -> None:
    calls: list[str] = []

    def counting(token: str) -> Any:
        calls.append(token)
        return verify(token)

    app, _ = make(counting)
    app.before_request(lambda: str(current_principal) and None)
    assert get(app, "/read").status_code == 200
    assert get(app, "/me", {"Authorization": "Bearer bad"}).status_code == 401
    assert calls == ["good", "bad"]


def test_an_open_view_has_a_principal_only_with_a_valid_token() -> None:
    app, _ = make()
    assert get(app, "/open", {}).json == {"authenticated": False}
    assert get(app, "/open", {"Authorization": "Bearer bad"}).json == {"authenticated": False}
    assert get(app, "/open").json == {"authenticated": True}


def test_an_open_view_that_reads_the_principal_fails_if_the_verifier_does() -> None:
    def down(token: str) -> Any:
        raise BadGateway

    assert get(make(down)[0], "/open").status_code == 502


def test_a_principal_never_outlives_its_request() -> None:
    app, _ = make()
    with app.app_context():  # as a test fixture does: one `g` for both requests
        assert get(app, "/me").status_code == 200
        assert get(app, "/me", {}).status_code == 401


# -- kinds of verifiers and views


def test_a_verifier_that_returns_a_coroutine_is_a_500_with_the_remedy_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def verifier(token: str) -> Any:
        return verify(token)

    coroutines = []

    def start(token: str) -> Any:
        coroutines.append(verifier(token))
        return coroutines[-1]

    app, _ = make(start)
    assert get(app, "/me", GOOD).status_code == 500
    assert "async def" in caplog.text
    coroutines[0].close()


def test_async_verifiers_guard_sync_and_async_views() -> None:
    pytest.importorskip("asgiref")

    async def verifier(token: str) -> Any:
        return verify(token)

    app, _ = make(verifier)

    @app.get("/async")
    @requires_permissions("read")
    async def view() -> Any:
        return {"sub": current_principal["sub"]}

    @app.get("/late")
    async def late() -> Any:
        return {"sub": current_principal["sub"]}

    for path in ("/me", "/async", "/late"):
        assert get(app, path).json == {"sub": "me"}
    assert get(app, "/async", {}).status_code == 401


def test_an_async_function_that_returns_permissions_works_under_an_async_decorator() -> None:
    pytest.importorskip("asgiref")
    app, errors = make()

    @errors.permissions_of
    async def permissions(principal: Any) -> set[str]:
        return {"write"}

    @app.get("/decorated")
    @awaiting
    @requires_permissions("write")
    async def view() -> Any:
        return {"sub": current_principal["sub"]}

    assert get(app, "/decorated").json == {"sub": "me"}
    assert get(app, "/decorated", {}).status_code == 401


def awaiting(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await view(*args, **kwargs)

    return wrapper


def calling(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize("decorators", [[awaiting], [calling], [calling, awaiting]])
def test_a_guarded_async_view_can_have_decorators_of_both_kinds_above(decorators: Any) -> None:
    pytest.importorskip("asgiref")
    app, _ = make()

    async def view() -> Any:
        return {"sub": current_principal["sub"]}

    guarded = requires_auth(view)
    for decorate in decorators:
        guarded = decorate(guarded)
    app.add_url_rule("/decorated", view_func=guarded, endpoint="decorated")
    assert get(app, "/decorated").json == {"sub": "me"}
    assert get(app, "/decorated", {}).status_code == 401


def test_method_views_and_blueprints_are_guarded() -> None:
    app, _ = make()

    class Thing(MethodView):
        decorators = [requires_auth]  # noqa: RUF012

        def get(self) -> Any:
            return {"sub": current_principal["sub"]}

        @requires_permissions("write")
        def post(self) -> Any:
            return {}

    blueprint = Blueprint("things", __name__, url_prefix="/b")
    blueprint.add_url_rule("/thing", view_func=Thing.as_view("thing"))
    app.register_blueprint(blueprint)
    assert get(app, "/b/thing").json == {"sub": "me"}
    assert get(app, "/b/thing", {}).status_code == 401
    assert app.test_client().post("/b/thing", headers=GOOD).status_code == 403
