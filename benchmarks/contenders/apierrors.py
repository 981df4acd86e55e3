"""This extension, set up as its README shows."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, request

from flask_apierrors import ApiErrors, consumes, produces, requires_permissions

from .schemas import ABORT_TEXT, OK, PERMISSION, PRINCIPALS, Batch, Item


def create_app() -> Flask:
    app = Flask("apierrors")
    errors = ApiErrors(app)
    errors.verify_token(PRINCIPALS.get)
    add_views(app)
    return app


def add_views(app: Flask) -> None:
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
    @requires_permissions(PERMISSION)
    def private() -> Any:
        return OK

    @app.get("/text-only")
    @produces("application/json", "text/csv")
    def text_only() -> Any:
        return OK

    @app.post("/json-only")
    @consumes("application/json")
    def json_only() -> Any:
        return OK

    @app.post("/guarded")
    @requires_permissions(PERMISSION)
    @consumes("application/json")
    @produces("application/json", "text/csv")
    def guarded() -> Any:
        return OK

    @app.post("/unguarded")
    def unguarded() -> Any:
        return OK
