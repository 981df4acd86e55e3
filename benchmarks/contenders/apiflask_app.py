"""APIFlask with its application class, ``input``, and ``abort``. The guards are hand-written."""

from __future__ import annotations

from typing import Any

from apiflask import APIFlask, abort
from flask import Flask

from .hand_written import guards
from .schemas import ABORT_TEXT, OK, PERMISSION, Batch, Item


def create_app() -> Flask:
    app = APIFlask("apiflask_app")
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
    @app.input(Item)  # type: ignore[arg-type]
    def one_field(json_data: Any) -> Any:
        return json_data

    @app.post("/many-items")
    @app.input(Batch)  # type: ignore[arg-type]
    def many_items(json_data: Any) -> Any:
        return json_data

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

    return app
