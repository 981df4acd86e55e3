"""An app with resources of Flask-RESTful or of Flask-RESTX, which are written in the same way."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import flask_restful
import flask_restx
import marshmallow as ma
from flask import Blueprint, Flask, abort, request
from flask_restful import reqparse
from flask_restx import reqparse as restx_reqparse

from flask_apierrors import ApiErrors, requires_permissions

PARSERS = {flask_restful: reqparse, flask_restx: restx_reqparse}


def add(api: Any, resource: Any, url: str) -> None:
    api.add_resource(resource, url, endpoint=url.strip("/").replace("/", "-"))


def resource(module: ModuleType, **methods: Callable[..., Any]) -> Any:
    def method(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: function(*args, **kwargs)

    members = {name: method(function) for name, function in methods.items()}
    return type("Berth", (module.Resource,), members)


def refuse(module: ModuleType) -> Any:
    return module.abort(409, message="The berth is taken.", berth=7)


def crash() -> None:
    raise RuntimeError("secret")


def load() -> Any:
    return ma.Schema.from_dict({"depth": ma.fields.Int()})().load(request.get_json())


@requires_permissions("berths:write")
def guarded() -> None:
    pass


def add_resources(api: Any, module: ModuleType) -> None:
    parser = PARSERS[module].RequestParser()
    parser.add_argument("depth", type=int, location="args")
    methods = {
        "get": lambda: parser.parse_args(),
        "put": lambda: refuse(module),
        "post": load,
        "delete": crash,
        "patch": guarded,
    }
    add(api, resource(module, **methods), "/berths")
    add(api, resource(module, get=lambda: abort(503), put=lambda: abort(404)), "/quays")


def new_app(module: ModuleType, order: str = "ApiErrors first", **config: Any) -> Flask:
    """Make an app whose API is on it, or on a blueprint, before or after this package is."""
    app = Flask("shop")
    app.config.update(config)
    errors = ApiErrors()
    errors.verify_token({"good": {"scope": "berths:read"}}.get)
    if order == "ApiErrors first":
        errors.init_app(app)
    blueprint = Blueprint("api", __name__)
    api: Any = module.Api(blueprint if order == "blueprint" else app)
    add_resources(api, module)
    if order == "blueprint":
        app.register_blueprint(blueprint)
    if order != "ApiErrors first":
        errors.init_app(app)
    return app
