"""An app with one view that fails, and what its failures leave behind."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import pytest
from flask import Flask
from flask.signals import got_request_exception
from werkzeug.test import TestResponse

from flask_apierrors import ApiErrors
from tests.conftest import parse_strictly

PROBLEM = {"Accept": "application/problem+json"}
INTERNAL = (
    "Internal server error. Please retry your request or contact support if the problem persists."
)


def make(view: Any = lambda: "ok", **config: Any) -> tuple[Flask, ApiErrors]:
    app = Flask(__name__)
    app.config.update(config)
    errors = ApiErrors(app)
    app.add_url_rule("/x", view_func=view, endpoint="x", methods=["GET", "POST"])
    return app, errors


def raiser(exc: BaseException) -> Any:
    def view() -> Any:
        raise exc

    return view


def get(view: Any, headers: dict[str, str] | None = None, **config: Any) -> TestResponse:
    return make(view, **config)[0].test_client().get("/x", headers=headers)


def strict_json(response: TestResponse) -> Any:
    return parse_strictly(response.data)


class Signals(list[BaseException]):
    """The exceptions that ``got_request_exception`` was sent for."""

    def __init__(self, app: Flask) -> None:
        super().__init__()
        got_request_exception.connect(self.receive, app)

    def receive(self, sender: Flask, exception: BaseException, **_: Any) -> None:
        self.append(exception)


def error_records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


def fail(value: object) -> NoReturn:
    raise ZeroDivisionError
