"""Bare Flask without guards. Each view returns a fixed error.

A handler returns the errors that no view can return: an unknown URL, a wrong method, and a crash.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from marshmallow import ValidationError

from .schemas import ABORT_TEXT, OK, Batch, Item


def create_app() -> Flask:
    app = Flask("floor")
    app.add_url_rule("/ok", "ok", lambda: OK)
    app.add_url_rule("/unguarded", "unguarded", lambda: OK, methods=["POST"])
    for path, method, status, text in (
        ("/aborted", "GET", 404, ABORT_TEXT),
        ("/text-only", "GET", 406, "Available: application/json, text/csv."),
        ("/json-only", "POST", 415, "Unsupported media type. Send Content-Type: application/json."),
    ):
        app.add_url_rule(path, path, _fixed_error(status, text), methods=[method])
    for status, text in (
        (404, "The requested resource does not exist."),
        (405, "The method is not allowed for the requested resource."),
        (500, "Internal server error."),
    ):
        app.register_error_handler(status, _fixed_error(status, text))

    @app.get("/crash")
    def crash() -> Any:
        raise RuntimeError("a bug")

    @app.get("/private")
    def private() -> Any:
        return {"error": "You may not."}, 403 if "Authorization" in request.headers else 401

    @app.post("/one-field")
    def one_field() -> Any:
        try:
            return Item().load(request.get_json())
        except ValidationError as error:
            return {"error": error.messages}, 400

    @app.post("/many-items")
    def many_items() -> Any:
        try:
            return Batch().load(request.get_json())
        except ValidationError as error:
            return {"error": error.messages}, 400

    return app


def _fixed_error(status: int, text: str) -> Any:
    def answer(error: Exception | None = None) -> Any:
        return {"error": text}, status

    return answer
