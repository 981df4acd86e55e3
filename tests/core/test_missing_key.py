from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.exceptions import BadRequestKeyError

from flask_apierrors._core.missing_key import missing_key

UNNAMED = "The request was malformed or failed validation."
FIELD = "berth"


def of_form(name: str) -> str:
    return request.form[name]


def error_of(make_app: Callable[..., Flask], view: Callable[[], str], **query: str) -> str:
    app = make_app()
    app.add_url_rule("/", view_func=view)
    response = app.test_client().get("/", query_string=query)
    assert response.status_code == 400
    return str(response.get_json()["error"])


@pytest.mark.parametrize(
    "view",
    [
        lambda: request.args["berth"],
        lambda: request.form[FIELD],
        lambda: of_form("berth"),
        lambda: str(request.files["berth"]),
        lambda: request.cookies["berth"],
        lambda: request.values["berth"],
        lambda: str([request.args[name] for name in ("berth", "depth")]),
    ],
)
def test_a_missing_key_is_named(make_app: Callable[..., Flask], view: Callable[[], str]) -> None:
    assert error_of(make_app, view) == "The request has no 'berth'."


@pytest.mark.parametrize("which", ["secret", "é", "", "a b" * 100])
def test_a_missing_key_that_the_client_chose_is_not_repeated(
    make_app: Callable[..., Flask], which: str
) -> None:
    assert error_of(make_app, lambda: request.args[request.args["which"]], which=which) == UNNAMED


def test_an_authors_text_for_a_missing_key_is_kept(make_app: Callable[..., Flask]) -> None:
    class NoBerth(BadRequestKeyError):
        description = "Name a berth."

    def view() -> str:
        raise NoBerth("berth")

    assert error_of(make_app, view) == "Name a berth."


@pytest.mark.parametrize("key", [None, 5, ("berth",), b"berth"])
def test_a_key_that_is_no_text_is_not_named(key: Any) -> None:
    with pytest.raises(BadRequestKeyError) as caught:
        raise BadRequestKeyError(key)
    assert missing_key(caught.value) is None
