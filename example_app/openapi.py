"""``GET /openapi.json``: the OpenAPI document. Its errors come from the catalogue.

``GET /`` leads to it, and to the reference page.
"""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, current_app, jsonify
from marshmallow import Schema, fields

from flask_apierrors.openapi import ApiErrorsPlugin

from .annotations import NewAnnotation
from .window import WindowSchema

Operation = dict[str, Any]

INDEX = """<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Vessel telemetry</title>
<h1>Vessel telemetry</h1>
<p>The <a href="errors">errors</a> of this API, and its <a href="openapi.json">OpenAPI document</a>.
The terminal that runs it shows requests to try.
"""

blueprint = Blueprint("openapi", __name__)


class Measurement(Schema):
    series = fields.String(required=True, metadata={"example": "engine/aurora/port/rpm"})
    time = fields.DateTime(required=True)
    value = fields.Float(required=True)
    unit = fields.String(required=True)


class Summary(Schema):
    series = fields.String(required=True)
    unit = fields.String(required=True)
    count = fields.Integer(required=True)
    minimum = fields.Float(required=True)
    maximum = fields.Float(required=True)
    mean = fields.Float(required=True)
    deviation = fields.Float(required=True)


class StoredAnnotation(Schema):
    id = fields.UUID(required=True)
    series = fields.String(required=True)
    time = fields.DateTime(required=True)
    author = fields.String(required=True)
    text = fields.String(required=True)


class Token(Schema):
    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    scope = fields.String(required=True)


class Health(Schema):
    status = fields.Constant("ok", required=True)
    measurements = fields.Integer(required=True)


@blueprint.get("/")
def index() -> str:
    """Get links to what describes this API."""
    return INDEX


@blueprint.get("/openapi.json")
def document() -> Response:
    """Get the OpenAPI document of this API."""
    extensions = current_app.extensions
    if "openapi" not in extensions:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        extensions["openapi"] = specification(app).to_dict()
    return jsonify(extensions["openapi"])


def specification(app: Flask) -> APISpec:
    """Describe the successful responses. The plugin adds the errors."""
    plugins = [MarshmallowPlugin(), ApiErrorsPlugin(app)]
    info = {"description": "The measurements of a fleet of vessels."}
    spec = APISpec(
        "Vessel telemetry", "1.0.0", "3.1.0", plugins=plugins, info=info, servers=[{"url": "/"}]
    )
    window: list[Any] = [{"in": "query", "schema": WindowSchema}]
    without_limit: list[Any] = [{"in": "query", "schema": WindowSchema(exclude=("limit",))}]

    spec.path("/token", operations={"post": get_token()})
    spec.path(
        "/measurements/{domain}/{expression}",
        operations={"get": read(window)},
        parameters=series_parameters(),
    )
    spec.path(
        "/statistics/{domain}/{expression}",
        operations={"get": summarize(without_limit)},
        parameters=series_parameters(),
    )
    spec.path("/annotations", operations={"get": list_annotations(window), "post": annotate()})
    spec.path(
        "/annotations/{id}",
        operations={"delete": forget()},
        parameters=[path_parameter("id", format="uuid")],
    )
    spec.path(
        "/health",
        operations={
            "get": operation(
                "getHealth", "Check the API.", {200: success("The API works.", Health)}
            )
        },
    )
    description = operation(
        "getDocument", "Get this document.", {200: success("This document.", {"type": "object"})}
    )
    page = {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
    spec.path("/", operations={"get": operation("getIndex", "Get links.", {200: page})})
    spec.path("/openapi.json", operations={"get": description})
    return spec


def get_token() -> Operation:
    created = success("A token that is valid for one hour.", Token)
    created["content"]["text/plain"] = {
        "schema": {"type": "string", "description": "Only the token."}
    }
    return operation("getToken", "Get a token for a client ID and its secret.", {200: created})


def read(parameters: list[Any]) -> Operation:
    measurements = success(
        "The measurements, sorted by time.", array_in("measurements", Measurement)
    )
    measurements["content"]["text/csv"] = {
        "schema": {"type": "string", "description": "A header line, then one line per measurement."}
    }
    return operation("readMeasurements", "Read measurements.", {200: measurements}, parameters)


def summarize(parameters: list[Any]) -> Operation:
    return operation(
        "summarizeMeasurements",
        "Summarize measurements.",
        {200: success("A summary of each series.", array_in("statistics", Summary))},
        parameters,
    )


def list_annotations(parameters: list[Any]) -> Operation:
    return operation(
        "listAnnotations",
        "List annotations.",
        {200: success("The annotations.", array_in("annotations", StoredAnnotation))},
        parameters,
    )


def annotate() -> Operation:
    created = success("The annotation.", StoredAnnotation)
    created["headers"] = {
        "Location": {"description": "Its URL.", "required": True, "schema": {"type": "string"}}
    }
    body = {
        "required": True,
        "content": {"application/json": {"schema": NewAnnotation.model_json_schema()}},
    }
    return operation("createAnnotation", "Add an annotation.", {201: created}) | {
        "requestBody": body
    }


def forget() -> Operation:
    return operation(
        "deleteAnnotation",
        "Delete an annotation.",
        {204: {"description": "The annotation is deleted."}},
    )


def operation(
    name: str, summary: str, responses: dict[int, Any], parameters: list[Any] | None = None
) -> Operation:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters or [],
        "responses": responses,
    }


def success(description: str, schema: Any) -> Operation:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def array_in(name: str, schema: type[Schema]) -> Operation:
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "array", "items": schema}},
    }


def series_parameters() -> list[Operation]:
    return [
        path_parameter("domain", example="engine"),
        path_parameter("expression", example="aurora/port/rpm"),
    ]


def path_parameter(name: str, **schema: str) -> Operation:
    return {"in": "path", "name": name, "schema": {"type": "string", "minLength": 1} | schema}
