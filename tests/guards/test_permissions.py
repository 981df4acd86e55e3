"""Permissions: which principals pass, and what the others get."""

from __future__ import annotations

from collections import UserString
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_apierrors import ApiErrors, current_principal, requires_permissions
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


def test_a_permission_name_cannot_break_the_challenge() -> None:
    app, _ = make()
    app.add_url_rule(
        "/odd", view_func=requires_permissions('a"b\r\n', "é")(lambda: {}), endpoint="odd"
    )
    assert get(app, "/odd").headers["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", scope="a\'b  ?"'
    )
