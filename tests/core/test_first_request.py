from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.exceptions import NotFound

from flask_apierrors import ApiErrors
from flask_apierrors._core.first_request import meet_libraries, name_of
from flask_apierrors._core.state import AppState

HERE = __name__


def page(error: Exception) -> str:
    return "page"


class Handlers:
    def __call__(self, error: Exception) -> str:
        return "called"

    def method(self, error: Exception) -> str:
        return "method"


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "flask_apierrors"]


def test_the_handlers_that_win_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("app")
    ApiErrors(app)
    app.register_error_handler(404, page)
    blueprint = Blueprint("shop", "shop")
    blueprint.register_error_handler(LookupError, page)
    app.register_blueprint(blueprint)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            app.test_client().get("/")
    (record,) = [record for record in caplog.records if record.name == "flask_apierrors"]
    assert record.levelname == "INFO"
    assert record.getMessage() == (
        "These functions answer errors in a shape of their own: "
        f"{HERE}.page (errorhandler(404), errorhandler(LookupError) of blueprint shop)"
    )


def test_a_handler_of_many_errors_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("app")
    ApiErrors(app)
    for code in range(400, 407):
        if code != 402:
            app.register_error_handler(code, page)
    with caplog.at_level(logging.INFO):
        app.test_client().get("/")
    (message,) = messages(caplog)
    assert message.endswith(
        f" {HERE}.page (errorhandler(400), errorhandler(401), errorhandler(403), and 3 more)"
    )


def test_an_app_without_such_handlers_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("app")
    ApiErrors(app).convert(LookupError, to=NotFound)
    with caplog.at_level(logging.INFO):
        app.test_client().get("/")
    assert messages(caplog) == []


def test_an_unknown_version_of_a_library_takes_no_request_down(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def adapt(app: Flask, state: AppState) -> Iterable[str]:
        raise AttributeError("handle_error")

    app = Flask("app")
    ApiErrors(app)
    app.extensions["apierrors"].adapters = (adapt, lambda app, state: ["shop.page"])
    assert app.test_client().get("/").status_code == 404
    assert "adapt failed: this library may answer errors" in messages(caplog)[0]
    assert "AttributeError" in caplog.text


def test_the_functions_of_the_author_in_another_library_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def adapt(app: Flask, state: AppState) -> Iterable[str]:
        return ["shop.Api.handle_error (Flask-RESTX)"]

    app = Flask("app")
    ApiErrors(app)
    state = app.extensions["apierrors"]
    state.adapters = (adapt,)
    assert meet_libraries(app, state) == ["shop.Api.handle_error (Flask-RESTX)"]
    with caplog.at_level(logging.INFO):
        app.test_client().get("/")
    assert messages(caplog) == [
        "These functions answer errors in a shape of their own: shop.Api.handle_error (Flask-RESTX)"
    ]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (page, f"{HERE}.page"),
        (Handlers().method, f"{HERE}.Handlers.method"),
        (Handlers(), f"{HERE}.Handlers"),
        (partial(page), "functools.partial"),
    ],
)
def test_each_callable_has_a_name(function: Any, name: str) -> None:
    assert name_of(function) == name
