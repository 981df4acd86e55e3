"""flask-smorest with its blueprint, ``arguments``, and ``abort``. The guards are hand-written."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_smorest import Api, Blueprint, abort

from .hand_written import guards
from .schemas import ABORT_TEXT, OK, PERMISSION, Batch, Item


def create_app() -> Flask:
    app = Flask("smorest")
    app.config.update(API_TITLE="API", API_VERSION="v1", OPENAPI_VERSION="3.1.0")
    api = Api(app)
    api.register_blueprint(_blueprint())
    return app


def _blueprint() -> Blueprint:
    blueprint = Blueprint("api", "api")
    by_hand = guards(lambda status, text: abort(status, message=text))

    @blueprint.get("/ok")
    def ok() -> Any:
        return OK

    @blueprint.get("/aborted")
    def aborted() -> Any:
        abort(404, message=ABORT_TEXT)

    @blueprint.get("/crash")
    def crash() -> Any:
        raise RuntimeError("a bug")

    @blueprint.post("/one-field")
    @blueprint.arguments(Item)
    def one_field(item: Any) -> Any:
        return item

    @blueprint.post("/many-items")
    @blueprint.arguments(Batch)
    def many_items(batch: Any) -> Any:
        return batch

    @blueprint.get("/private")
    @by_hand.auth
    @by_hand.permission(PERMISSION)
    def private() -> Any:
        return OK

    @blueprint.get("/text-only")
    @by_hand.produces("application/json", "text/csv")
    def text_only() -> Any:
        return OK

    @blueprint.post("/json-only")
    @by_hand.consumes("application/json")
    def json_only() -> Any:
        return OK

    @blueprint.post("/guarded")
    @by_hand.auth
    @by_hand.permission(PERMISSION)
    @by_hand.consumes("application/json")
    @by_hand.produces("application/json", "text/csv")
    def guarded() -> Any:
        return OK

    @blueprint.post("/unguarded")
    def unguarded() -> Any:
        return OK

    return blueprint
