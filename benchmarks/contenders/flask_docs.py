"""The handlers of Flask's documentation (API Errors as JSON), and hand-written guards."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, json, request
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from .hand_written import guards
from .schemas import ABORT_TEXT, OK, PERMISSION, Batch, Item


def create_app() -> Flask:
    app = Flask("flask_docs")
    add_handlers(app)
    add_views(app)
    return app


def add_handlers(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def handle_exception(e: HTTPException) -> Any:
        response = e.get_response()
        response.data = json.dumps({"error": e.description})
        response.content_type = "application/json"
        return response

    @app.errorhandler(ValidationError)
    def handle_validation_error(e: ValidationError) -> Any:
        return {"error": e.messages}, 400


def add_views(app: Flask) -> None:
    by_hand = guards(abort)

    @app.get("/ok")
    def ok() -> Any:
        return OK

    @app.get("/aborted")
    def aborted() -> Any:
        abort(404, ABORT_TEXT)

    @app.get("/crash")
    def crash() -> Any:
        raise RuntimeError("a bug")

    @app.post("/one-field")
    def one_field() -> Any:
        return Item().load(request.get_json())

    @app.post("/many-items")
    def many_items() -> Any:
        return Batch().load(request.get_json())

    @app.get("/private")
    @by_hand.auth
    @by_hand.permission(PERMISSION)
    def private() -> Any:
        return OK

    @app.get("/text-only")
    @by_hand.produces("application/json", "text/csv")
    def text_only() -> Any:
        return OK

    @app.post("/json-only")
    @by_hand.consumes("application/json")
    def json_only() -> Any:
        return OK

    @app.post("/guarded")
    @by_hand.auth
    @by_hand.permission(PERMISSION)
    @by_hand.consumes("application/json")
    @by_hand.produces("application/json", "text/csv")
    def guarded() -> Any:
        return OK

    @app.post("/unguarded")
    def unguarded() -> Any:
        return OK
