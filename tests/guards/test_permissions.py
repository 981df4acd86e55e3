"""Permissions: which principals pass, and what the others get."""

from __future__ import annotations

from collections import UserString
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, session
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.test import TestResponse

from flask_apierrors import (
    ApiErrors,
    catalogue,
    check_permissions,
    current_principal,
    requires_auth,
    requires_permissions,
)
from tests.conftest import parse_strictly

GOOD = {"Authorization": "Bearer good"}


def make(principal: Any = None) -> tuple[Flask, ApiErrors]:
    app = Flask(__name__)
    errors = ApiErrors(app)
    principals = {"good": principal or {"sub": "me", "permissions": ["read"]}}
    errors.verify_token(principals.get)

    @app.get("/read")
    @requires_permissions("read")
    def read() -> Any:
        return {"sub": current_principal["sub"]}

    @app.get("/write")
    @requires_permissions("read", "write")
    def write() -> Any:
        return {}

    return app, errors


def get(app: Flask, path: str, headers: dict[str, str] | None = GOOD) -> TestResponse:
    return app.test_client().get(path, headers=headers)


@pytest.mark.standard("403-for-permissions", "challenge-on-403", "insufficient-scope")
def test_all_permissions_are_required_and_the_challenge_names_them() -> None:
    app, _ = make()
    assert get(app, "/read").status_code == 200
    response = get(app, "/write")
    assert response.status_code == 403
    assert (
        response.headers["WWW-Authenticate"]
        == 'Bearer realm="api", error="insufficient_scope", scope="read write"'
    )
    assert parse_strictly(response.data) == {
        "error": "You do not have permission to access the requested content."
    }


def test_permissions_imply_authentication() -> None:
    assert get(make()[0], "/write", {}).status_code == 401


class SubstringText:
    """A collection that contains every part of its text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __contains__(self, part: str) -> bool:
        return part in self.text

    def __iter__(self) -> Iterator[str]:
        return iter([self.text])

    def __len__(self) -> int:
        return 1


class Person:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("principal", "status"),
    [
        ({"permissions": ["read"]}, 200),
        ({"permissions": {"read": True}}, 200),
        ({"permissions": {"read": False}}, 403),
        ({"permissions": {"read": "false"}}, 403),
        ({"permissions": {"read": True}.keys()}, 200),
        ({"permissions": UserString("write read")}, 200),
        ({"permissions": UserString("reader")}, 403),
        ({"scope": "write\u00a0read"}, 403),
        ({"scope": "write\x1fread"}, 403),
        ({"scope": "write\tread"}, 403),
        ({"permissions": bytearray(b"read")}, 403),
        ({"permissions": SubstringText("reader")}, 403),
        ({"scope": "write read"}, 200),
        ({"scp": ["read"]}, 200),
        (Person(permissions=("read",)), 200),
        (Person(scope="read"), 200),
        ({"permissions": [], "scope": "read"}, 403),
        ({"scope": "read:all reader"}, 403),
        ({"permissions": "ready"}, 403),
        ({"permissions": b"read"}, 403),
        ({"permissions": None, "scope": 5}, 403),
        ({"sub": "me"}, 403),
        (object(), 403),
        ("read", 403),
    ],
)
def test_permissions_are_read_from_the_usual_members_of_a_principal(
    principal: Any, status: int
) -> None:
    app, _ = make(principal)
    app.add_url_rule("/p", view_func=requires_permissions("read")(lambda: {}), endpoint="p")
    assert get(app, "/p").status_code == status


def test_an_authors_function_returns_the_permissions_and_can_be_async() -> None:
    pytest.importorskip("asgiref")
    app, errors = make()

    @errors.permissions_of
    async def permissions(principal: Any) -> set[str]:
        return {"read", "write"}

    assert get(app, "/write").status_code == 200


@pytest.mark.parametrize("names", [(), (1,), (lambda: None,)])
def test_requires_permissions_without_names_fails_where_it_stands(names: Any) -> None:
    with pytest.raises(TypeError, match="requires_permissions"):
        requires_permissions(*names)


@pytest.mark.standard("scope-characters")
def test_a_permission_name_cannot_break_the_challenge() -> None:
    app, _ = make()
    app.add_url_rule(
        "/odd", view_func=requires_permissions('a"b\r\n', "é")(lambda: {}), endpoint="odd"
    )
    assert get(app, "/odd").headers["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", scope="a\'b ?"'
    )


def test_any_of_several_permissions_can_do() -> None:
    app, _ = make()
    for path, names in (("/one", ("read", "write")), ("/none", ("write", "list"))):
        view: Any = requires_permissions(*names, match="any")(lambda: {})
        app.add_url_rule(path, path, view)
    assert get(app, "/one").status_code == 200
    response = get(app, "/none")
    assert response.status_code == 403
    assert response.headers["WWW-Authenticate"].endswith('scope="write list"')


def check_now(*args: Any, **options: Any) -> None:
    with Flask(__name__).test_request_context():
        check_permissions(*args, **options)


@pytest.mark.parametrize("function", [requires_permissions, check_now])
def test_arguments_that_cannot_be_right_are_refused(function: Any) -> None:
    with pytest.raises(ValueError, match='match=\'some\': choose "all" or "any"'):
        function("read", match="some")
    with pytest.raises(TypeError, match="permissions takes names"):
        function(match="any")


# -- things that are hidden

ACCEPTS = ("*/*", "application/problem+json", "text/html")
SENT: list[dict[str, str]] = [
    {},
    GOOD,
    {"Authorization": "Bearer bad"},
    {"Authorization": "Digest x"},
]


def hiding() -> Flask:
    app, errors = make()
    app.secret_key = "x" * 32
    errors.identify(lambda: session.get("user"))
    app.add_url_rule("/hidden", "h", requires_permissions("secret", hide=True)(lambda: {"a": 1}))

    @app.get("/found")
    def found() -> Any:
        check_permissions("secret", hide=True)
        return {}

    return app


def parts(response: TestResponse, path: str) -> tuple[str, list[tuple[str, str]], str]:
    """What a client sees, without the ID and the path that it asked for."""
    request_id = response.headers["X-Request-ID"]

    def plain(text: str) -> str:
        return text.replace(request_id, "ID").replace(path, "/PATH")

    headers = [(name, plain(value)) for name, value in response.headers if name != "Content-Length"]
    return response.status, headers, plain(response.text)


@pytest.mark.standard("hide-as-404")
@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("path", ["/hidden", "/found"])
@pytest.mark.parametrize("sent", SENT, ids=str)
def test_what_is_hidden_answers_as_what_does_not_exist(
    path: str, accept: str, sent: dict[str, str]
) -> None:
    app = hiding()
    headers = sent | {"Accept": accept}
    assert parts(get(app, path, headers), path) == parts(get(app, "/nothing", headers), "/nothing")


def test_what_is_hidden_is_open_to_those_who_may_see_it() -> None:
    app = hiding()
    app.extensions["apierrors"].hooks.permissions_of = lambda principal: ["secret"]
    assert get(app, "/hidden").json == {"a": 1}
    assert get(app, "/found").json == {}


def test_a_session_that_the_author_reads_still_varies_the_response() -> None:
    app = hiding()
    app.before_request(lambda: session.get("theme"))
    assert "Cookie" in get(app, "/hidden").headers["Vary"]
    assert "Cookie" in get(app, "/nothing").headers["Vary"]


def test_a_failure_of_the_verifier_is_not_hidden() -> None:
    app = Flask(__name__)
    errors = ApiErrors(app)

    @errors.verify_token
    def verify(token: str) -> Any:
        raise ServiceUnavailable

    app.add_url_rule("/hidden", "h", requires_permissions("a", hide=True)(lambda: {}))
    assert get(app, "/hidden").status_code == 503


def test_a_guard_above_can_still_ask_hidden_things_clients_to_authenticate() -> None:
    app, _ = make()
    view: Any = requires_auth(requires_permissions("secret", hide=True)(lambda: {}))
    app.add_url_rule("/hidden", "h", view)
    assert get(app, "/hidden", {}).status_code == 401
    assert get(app, "/hidden").status_code == 404


def test_nothing_public_tells_what_is_hidden() -> None:
    app = hiding()
    (entry,) = (item for item in catalogue(app).operations if item.rule == "/hidden")
    (mark,) = entry.guards
    assert {error.status for error in entry.errors} == {404, 405, 500}
    assert mark.condition == "Takes a Bearer token or a session, but needs none."
    assert (mark.permissions, mark.authenticates) == ((), True)


def test_openapi_shows_choices_of_permissions_and_hides_what_is_hidden() -> None:
    openapi = pytest.importorskip("flask_apierrors.openapi")
    app = hiding()
    view: Any = requires_permissions("a", "b", match="any")(requires_permissions("c")(lambda: {}))
    app.add_url_rule("/any", "any", requires_auth("bearer")(view))
    paths: dict[str, Any] = {"/any": {"get": {}}, "/hidden": {"get": {}}}
    document: dict[str, Any] = {"openapi": "3.1.0", "paths": paths}
    openapi.add_errors(document, app)
    assert document["paths"]["/any"]["get"]["security"] == [
        {"Bearer": ["c", "a"]},
        {"Bearer": ["c", "b"]},
    ]
    assert document["paths"]["/hidden"]["get"]["security"] == [{"Bearer": []}, {"Session": []}, {}]


# -- inside a view


def test_a_view_can_check_what_it_found() -> None:
    app, _ = make()

    @app.get("/vessels/<owner>")
    def vessel(owner: str) -> Any:
        check_permissions(f"{owner}:read", "read", match="any" if owner == "me" else "all")
        return {"owner": owner}

    assert get(app, "/vessels/me").json == {"owner": "me"}
    assert get(app, "/vessels/me", {}).status_code == 401
    response = get(app, "/vessels/ann")
    assert response.status_code == 403
    assert response.headers["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", scope="ann:read read"'
    )


def test_the_scheme_of_the_principal_has_the_challenge() -> None:
    app, errors = make()
    errors.verify_key(header="X-API-Key")(lambda key: {"permissions": []})
    response = get(app, "/read", {"X-API-Key": "x"})
    assert response.status_code == 403
    assert response.headers.getlist("WWW-Authenticate") == [
        'ApiKey realm="api", error="insufficient_scope", scope="read"'
    ]
