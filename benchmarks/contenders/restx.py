"""Flask-RESTX with its resources and ``abort``. The guards are hand-written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, request
from flask_restx import Api, Resource, abort
from marshmallow import Schema, ValidationError

from .hand_written import guards
from .schemas import ABORT_TEXT, OK, PERMISSION, Batch, Item


def create_app() -> Flask:
    app = Flask("restx")
    api = Api(app, doc=False, catch_all_404s=True)
    by_hand = guards(abort)

    def get(path: str, *decorators: Any) -> Callable[[Callable[[], Any]], None]:
        return lambda view: _add(api, path, "get", _decorate(view, decorators))

    def post(path: str, *decorators: Any) -> Callable[[Callable[[], Any]], None]:
        return lambda view: _add(api, path, "post", _decorate(view, decorators))

    get("/ok")(lambda: OK)
    get("/aborted")(lambda: abort(404, ABORT_TEXT))
    get("/crash")(lambda: 1 // 0)
    post("/one-field")(lambda: _load(Item()))
    post("/many-items")(lambda: _load(Batch()))
    get("/private", by_hand.permission(PERMISSION), by_hand.auth)(lambda: OK)
    get("/text-only", by_hand.produces("application/json", "text/csv"))(lambda: OK)
    post("/json-only", by_hand.consumes("application/json"))(lambda: OK)
    post(
        "/guarded",
        by_hand.produces("application/json", "text/csv"),
        by_hand.consumes("application/json"),
        by_hand.permission(PERMISSION),
        by_hand.auth,
    )(lambda: OK)
    post("/unguarded")(lambda: OK)
    return app


def _load(schema: Schema) -> Any:
    try:
        return schema.load(request.get_json())
    except ValidationError as error:
        abort(400, "Validation failed", errors=error.messages)


def _decorate(view: Callable[..., Any], decorators: tuple[Any, ...]) -> Callable[..., Any]:
    for decorator in decorators:
        view = decorator(view)
    return view


def _add(api: Api, path: str, method: str, view: Callable[..., Any]) -> None:
    resource = type(path.strip("/"), (Resource,), {method: lambda self: view()})
    api.add_resource(resource, path, endpoint=path)
